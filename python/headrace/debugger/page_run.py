"""A simulated run as one HTML file: what failed, how to see it again, who sent what to whom, when.

As that of a journal (see page.py) it holds everything and asks for nothing from anywhere; all texts
go in as texts. The same story makes the same bytes.
"""

from __future__ import annotations

import os
from dataclasses import fields
from html import escape
from typing import Any

from headrace.debugger.page import filled, write_whole
from headrace.debugger.page_run_diagram import draw
from headrace.debugger.page_run_layout import Layout, cause_of, ends_of, layout
from headrace.debugger.page_run_words import (
    Happening,
    fault_words,
    milliseconds,
    title_of,
    unsynced_words,
)
from headrace.debugger.page_states import StatesTooLarge, StateTracker
from headrace.debugger.page_text import inline, shortened, visible
from headrace.engine.effects import Persist, Postpone, Reply, Request, Send, Timer
from headrace.errors import UsageError
from headrace.simulation.noting import What
from headrace.simulation.run import Run
from headrace.simulation.story import Fell, Noted, Step, Story, told
from headrace.simulation.tracing import Flight

RUN_STEPS_MAX = 1_500  # things that happened, in one page
RUN_STEPS_MIN = 20  # which are tried last, if states are large
SCRIPTS = ("page_data.js", "page_tables.js", "page_tree.js", "page_run.js")
STYLES = ("page.css", "page_run_diagram.css", "page_run.css")


def run_html(story: Story, *, again: str = "") -> str:
    """A page of a traced story, or of the last RUN_STEPS_MAX things in it; of large states, fewer.

    `again`: the command that runs it again. Raises UsageError for a story that is not traced, and
    for states that are too large for a page.
    """
    if not isinstance(story, Story) or story.flights is None:
        raise UsageError("a page is of a traced story: tell(system, plan, traced=True)")
    most = RUN_STEPS_MAX
    while True:
        try:
            return _page(layout(story, most), again)
        except StatesTooLarge:
            if most <= RUN_STEPS_MIN:
                raise
            most //= 4  # of large states only those of the last steps


def _page(made: Layout, again: str) -> str:
    run = made.story.run
    note = f"The first {made.begin:,} things that happened are not shown." if made.begin else ""
    return filled(
        "page_run.html",
        escape(shortened(_sentence(run))),
        STYLES,
        SCRIPTS,
        _data(made),
        verdict="ok" if run.ok else "failed",
        summary=escape(_summary(run)),
        again=_again(again),
        plan=_script(run),
        note=note,
        diagram=draw(made),
    )


def write_run_page(path: str | os.PathLike[str], story: Story, *, again: str = "") -> None:
    """Write the page of `run_html`; the file appears whole or not at all.

    Raises what `run_html` does, UsageError for a path that cannot be written to, and
    EnvironmentFailure where writing fails.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise UsageError(f"path must name the file to write, not {path!r}")
    write_whole(os.fspath(path), run_html(story, again=again))


# -- the run -------------------------------------------------------------------------------------


def _sentence(run: Run) -> str:
    """What the run came to."""
    if run.failure is None:
        return f"seed {run.plan.seed}: all was well"
    return f"{run.failure.message.split(chr(10))[0]}, at {milliseconds(run.failure.time_ns)}"


def _summary(run: Run) -> str:
    commands, faults = run.plan.size
    return (
        f"seed {run.plan.seed} · {commands:,} command{'s' * (commands != 1)} · "
        f"{faults:,} fault{'s' * (faults != 1)} · {run.delivered:,} messages delivered in "
        f"{milliseconds(run.end_ns)} of the world's time"
    )


def _again(again: str) -> str:
    if not again:
        return ""
    return f'<p class="again">Run it again: <code>{escape(visible(again))}</code></p>'


def _script(run: Run) -> str:
    """What decides how the run goes: commands, faults, the network; and a longer failure."""
    parts = []
    lines = run.failure.message.split("\n")[1:] if run.failure is not None else []
    if lines:
        text = "\n".join(map(shortened, lines))
        parts.append(f'<pre class="failure">{escape(text)}</pre>')
    for client, commands in run.plan.commands.items():
        listed = "".join(f"<li>{escape(inline(each))}</li>" for each in commands)
        asks = "asks" if commands else "asks nothing"
        parts.append(f"<h3>{escape(visible(client))} {asks}</h3><ol>{listed}</ol>")
    listed = "".join(
        f"<li><b>{milliseconds(fault.at_ns)}</b> {escape(fault_words(fault))}"
        f"{_on(fault)}{_until(fault.until_ns)}</li>"
        for fault in run.plan.faults
    )
    parts.append(f"<h3>Faults</h3><ul>{listed}</ul>" if listed else "<h3>No faults</h3>")
    weather = [
        f"{field.name} {getattr(run.plan.network, field.name)}"
        for field in fields(run.plan.network)
        if field.name != "delay" and getattr(run.plan.network, field.name) != field.default
    ]
    if weather:
        parts.append(f"<h3>Network</h3><p>{escape(', '.join(weather))}</p>")
    return "".join(parts)


def _on(fault: Any) -> str:
    node = getattr(fault, "node", None)
    return "" if node is None else f" of {escape(visible(node))}"


def _until(until_ns: int | None) -> str:
    return "" if until_ns is None else f", until {milliseconds(until_ns)}"


# -- what happened -------------------------------------------------------------------------------


def _data(made: Layout) -> dict[str, Any]:
    """For the page's script: places are counted from the first thing that is shown."""
    sent: dict[int, list[Flight]] = {}
    for flight in made.story.flights or ():
        if flight.cause is not None and flight.cause >= made.begin:
            sent.setdefault(flight.cause - made.begin, []).append(flight)
    causes = cause_of(made.story)
    states = _States(made.names)
    things = []
    failure = made.story.run.failure
    for at, one in enumerate(made.happened):
        if made.same_as[at] is not None:
            things.append({"as": made.same_as[at]})
            continue
        cause = causes.get(made.begin + at, -1) - made.begin
        thing: dict[str, Any] = {
            "time": milliseconds(one.time_ns),
            "title": title_of(one),
            "lanes": _lanes(made, one),
        }
        if cause >= 0:
            thing["cause"] = cause
        thing.update(states.follow(made, at, one))
        if isinstance(one, Step):
            thing["input"] = _input(one)
            thing["effects"] = [_effect(made, each, sent.get(at, [])) for each in one.effects]
        elif isinstance(one, Fell):
            thing["input"] = _fault(one)
        elif len(made.lines[at]) > 1:
            thing["more"] = _lost(made, one)
        things.append(thing)
    return {
        "names": [visible(name) for name in made.names],
        "happened": things,
        "states": states.told(),
        "failed": made.failed_at,
        "failure": "" if failure is None else visible(failure.message.split("\n")[0]),
    }


def _lanes(made: Layout, one: Happening) -> list[int]:
    """Whom it concerns; none: all."""
    if isinstance(one, Step):
        return sorted({made.names.index(one.node), *_known(made, one.taken.source)})
    if isinstance(one, Noted):
        return sorted({made.names.index(one.to), made.names.index(one.source)})
    node = getattr(one.fault, "node", None)
    return [] if node is None else [made.names.index(node)]


def _known(made: Layout, name: str) -> list[int]:
    return [made.names.index(name)] if name in made.names else []


def _input(one: Step) -> list[list[str]]:
    taken = one.taken
    rows = [["kind", taken.kind]]
    if taken.payload is not None:
        rows.append(["name" if taken.kind == "timer" else taken.kind, inline(taken.payload)])
    if taken.kind in ("message", "request", "reply"):
        rows.append(["from", visible(taken.source)])
    if taken.kind in ("start", "restart"):
        rows.append(["durable", inline(dict(taken.durable))])
        damaged = getattr(taken.durable, "damaged", ())
        rows += [["damaged", inline(sorted(damaged))]] if damaged else []
    rows.append(["its clock", milliseconds(taken.now_ns)])
    return rows


def _fault(one: Fell) -> list[list[str]]:
    until_ns = one.fault.until_ns
    rows = [["from", milliseconds(one.fault.at_ns)]]
    rows += [] if until_ns is None else [["until", milliseconds(until_ns)]]
    return [["fault", shortened(str(one.fault))], *rows]


def _effect(made: Layout, effect: Any, sent: list[Flight]) -> list[Any]:
    """In words, what became of it, and the place of that."""
    words = shortened(told(effect))
    if isinstance(effect, (Persist, Postpone)) or not sent:
        return [words]
    kind = {Send: "message", Reply: "reply", Request: "request", Timer: "timer"}.get(type(effect))
    payload = _payload(effect)
    became = []
    for flight in sent:
        same = flight.payload is payload or flight.payload == payload
        if flight.kind == kind and same and not _is_taken(effect, flight):
            became.append(_became(made, flight))
    return [words, became]


def _payload(effect: Any) -> Any:
    for name in ("message", "reply", "request", "name"):
        if hasattr(effect, name):
            return getattr(effect, name)
    return None


def _is_taken(effect: Any, flight: Flight) -> bool:
    """Whether it goes to somebody else than the effect does."""
    to = getattr(effect, "to", None)
    if isinstance(effect, Reply):
        to = effect.caller.client
    if to is None:
        return False
    return flight.to not in (to if type(to) is tuple else (to,))


def _became(made: Layout, flight: Flight) -> list[Any]:
    place, how = ends_of(flight, made.story)
    if place is None:
        over = "did not run out" if flight.kind == "timer" else "on its way in the end"
        return [f"{visible(flight.to)}: {over}" if flight.kind != "timer" else over]
    one = made.happened[place - made.begin]
    words = what_words(one) if how != "taken" else "taken"
    whom = "" if flight.kind == "timer" else f"{visible(flight.to)}: "
    return [f"{whom}{words} at {milliseconds(one.time_ns)}", place - made.begin]


def what_words(one: Happening) -> str:
    """What became of a message."""
    words = {What.DOWN: "it was down", What.CUT: "cut off", What.CORRUPTED: "corrupted"}
    return words.get(one.what, "lost") if isinstance(one, Noted) else ""


def _lost(made: Layout, one: Happening) -> list[str]:
    for time_ns, node, lost in made.story.crashed or ():
        if isinstance(one, Noted) and (time_ns, node) == (one.time_ns, one.to):
            return list(map(unsynced_words, lost))
    return []


class _States:
    """The states of all nodes, one after the other: trees, and what changes in them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._trackers: dict[str, StateTracker] = {}
        self._edits: dict[str, list[Any]] = {name: [] for name in names}

    def follow(self, made: Layout, at: int, one: Happening) -> dict[str, Any]:
        """Which state behind how many changes a thing shows, if it has one."""
        if isinstance(one, Step):
            self._add(one.node, one.before, new=True)
            self._add(one.node, one.after)
            name = one.node
        elif isinstance(one, Noted) and one.what is What.CRASH and one.to in self._trackers:
            nodes = {**made.story.run.system.nodes, **made.story.run.system.clients}
            self._add(one.to, nodes[one.to].initial())
            name = one.to
        else:
            return {}
        return {"state": [self._names.index(name), len(self._edits[name])]}

    def _add(self, name: str, state: Any, *, new: bool = False) -> None:
        tracker = self._trackers.get(name)
        if tracker is None:
            self._trackers[name] = StateTracker(state)
            return
        edits = tracker.changes(state)
        if not new or edits:  # mostly it is what the last step has left
            self._edits[name].append(edits)

    def told(self) -> list[Any]:
        return [
            None
            if (tracker := self._trackers.get(name)) is None
            else {
                "tree": tracker.tree,
                "shapes": tracker.shapes.table,
                "edits": self._edits[name],
            }
            for name in self._names
        ]
