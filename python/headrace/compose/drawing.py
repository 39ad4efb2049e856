"""Drawing a machine or a topology: as SVG, as Mermaid's text, as Graphviz' text."""

from __future__ import annotations

from headrace.compose.drawing_svg import svg
from headrace.compose.drawing_text import dot, mermaid
from headrace.compose.picture import picture_of
from headrace.compose.picture_stages import picture_of_stages
from headrace.compose.topology import Part, Topology, check_part
from headrace.errors import UsageError
from headrace.machine import Machine

FORMATS = ("svg", "mermaid", "dot")
DETAILS = ("topology", "stages")


def draw(topology: Part, format: str = "svg", detail: str = "topology") -> str:
    """A picture of a machine or a topology, as a text that is the same each time.

    `format`: "svg", which needs no other program; "mermaid", for a block of Markdown; "dot", for
    Graphviz. `detail`: "topology" is how it is written, a shard being one frame; "stages" is how
    it runs: each stage, and each ring between them. Calls each machine's `initial()`, to tell what
    kind of state it has. Does not block; from any thread. Raises UsageError, MachineError.
    """
    check_part(topology)
    for what, value, known in (("format", format, FORMATS), ("detail", detail, DETAILS)):
        if value not in known:
            raise UsageError(f"{what} is {value!r}; it must be one of {', '.join(known)}")
    made = picture_of(topology) if detail == "topology" else picture_of_stages(topology)
    if format == "mermaid":
        return mermaid(made)
    if format == "dot":
        return dot(made)
    return svg(made, topology.name if isinstance(topology, Machine) else repr(topology))


Topology._draw = staticmethod(draw)
