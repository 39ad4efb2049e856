"""Pictures of topologies as texts that others draw: Mermaid, and the DOT language of Graphviz."""

from __future__ import annotations

import re

from headrace.compose.picture import (
    ENDS,
    JOINT,
    RING,
    STAGE,
    Column,
    Frame,
    Node,
    Row,
    Shape,
    edges_of,
    nodes_of,
)

Ids = dict[Node, str]

# How Mermaid writes each kind of node around its text.
_MERMAID = {ENDS: ("([", "])"), STAGE: ("[", "]"), RING: ("[(", ")]"), JOINT: ("{{", "}}")}
_MERMAID_CLASSES = (
    "classDef stage fill:#dbeafe,stroke:#334155,color:#0f172a",
    "classDef ring fill:#f1f5f9,stroke:#64748b,color:#0f172a",
    "classDef joint fill:#fef3c7,stroke:#b45309,color:#0f172a",
    "classDef ends fill:#dcfce7,stroke:#15803d,color:#0f172a",
)
_DOT = {
    ENDS: 'shape=box, style="rounded,filled", fillcolor="#dcfce7", color="#15803d"',
    STAGE: 'shape=box, style=filled, fillcolor="#dbeafe", color="#334155"',
    RING: 'shape=cylinder, style=filled, fillcolor="#f1f5f9", color="#64748b"',
    JOINT: 'shape=hexagon, style=filled, fillcolor="#fef3c7", color="#b45309"',
}


def mermaid(shape: Shape) -> str:
    """The picture in Mermaid's language, as it stands in Markdown between ```mermaid and ```."""
    ids = _ids(shape)
    lines = ["flowchart LR", *_Mermaid(ids).lines(shape, 1)]
    for edge in edges_of(shape):
        label = "" if edge.label is None else f"|{_mermaid_text(edge.label.text)}|"
        lines.append(f"  {ids[edge.source]} -->{label} {ids[edge.to]}")
    kinds = [(kind, [ids[node] for node in ids if node.kind == kind]) for kind in _MERMAID]
    lines += [f"  {line}" for line in _MERMAID_CLASSES]
    lines += [f"  class {','.join(of)} {kind}" for kind, of in kinds if of]
    return "\n".join(lines) + "\n"


def dot(shape: Shape) -> str:
    """The picture in Graphviz' language, for `dot -Tsvg`, and the like."""
    ids = _ids(shape)
    lines = [
        "digraph topology {",
        '  graph [rankdir=LR, bgcolor=white, fontname="monospace", fontsize=11]',
        '  node [fontname="monospace", fontsize=11]',
        '  edge [fontname="monospace", fontsize=10]',
        *_Dot(ids).lines(shape, 1),
    ]
    for edge in edges_of(shape):
        label = ""
        if edge.label is not None:
            tip = _dot_text(edge.label.tip)
            label = f" [label={_dot_text(edge.label.text)}, edgetooltip={tip}, labeltooltip={tip}]"
        lines.append(f"  {ids[edge.source]} -> {ids[edge.to]}{label}")
    return "\n".join([*lines, "}"]) + "\n"


def _ids(shape: Shape) -> Ids:
    return {node: f"n{place}" for place, node in enumerate(nodes_of(shape))}


class _Text:
    """Writes nodes, and groups of them for frames."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._groups = 0

    def lines(self, shape: Shape, depth: int) -> list[str]:
        """The lines of a shape, in the order of flow."""
        margin = "  " * depth
        if isinstance(shape, Node):
            return [f"{margin}{self.node(self._ids[shape], shape)}"]
        if isinstance(shape, Frame):
            begin, end = self.group(self._groups, shape)
            self._groups += 1
            inner = self.lines(shape.part, depth + 1)
            return [*(f"{margin}{line}" for line in begin), *inner, f"{margin}{end}"]
        parts = shape.parts if isinstance(shape, Row) else _of_column(shape)
        return [line for part in parts for line in self.lines(part, depth)]

    def node(self, name: str, node: Node) -> str:
        """The line of a node."""
        raise NotImplementedError

    def group(self, number: int, frame: Frame) -> tuple[list[str], str]:
        """The lines before a group, and the one behind it."""
        raise NotImplementedError


def _of_column(column: Column) -> list[Shape]:
    return [each for each in (column.fork, *column.parts, column.join) if each is not None]


class _Mermaid(_Text):
    def node(self, name: str, node: Node) -> str:
        before, behind = _MERMAID[node.kind]
        return f"{name}{before}{_mermaid_text(node.title, *node.lines)}{behind}"

    def group(self, number: int, frame: Frame) -> tuple[list[str], str]:
        return [f"subgraph g{number}[{_mermaid_text(frame.title)}]"], "end"


class _Dot(_Text):
    def node(self, name: str, node: Node) -> str:
        label = _dot_text("\n".join((node.title, *node.lines)))
        return f"{name} [label={label}, tooltip={_dot_text(node.tip)}, {_DOT[node.kind]}]"

    def group(self, number: int, frame: Frame) -> tuple[list[str], str]:
        head = f"subgraph cluster{number} {{"
        style = 'style="rounded,dashed"; color="#64748b"'
        return [head, f"  label={_dot_text(frame.title)}; {style}"], "}"


def _mermaid_text(*lines: str) -> str:
    """Text in quotes; what could end it, or be taken for markup, as Mermaid's entities."""
    return '"' + "<br/>".join(_MARKUP.sub(_entity, line) for line in lines) + '"'


# An underscore within a word, as in most names, is none.
_MARKUP = re.compile(r"[\"#;&<>`\\*~$|{}\[\]]|_(?![^\W_])|(?<![^\W_])_")


def _entity(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"


def _dot_text(text: str) -> str:
    # A backslash begins an escape of Graphviz (\N is the node's name), also when it is quoted.
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
