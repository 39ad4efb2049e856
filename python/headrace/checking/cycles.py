"""The shortest cycle of each kind among transactions that must have been before each other.

G0: of ww alone. G1c: also wr. G-single: one rw among them. G-nonadjacent: several, no two of them
in a row. G2-item: several, some in a row. With -process or -realtime behind it: there is an edge of
that kind in it, too. As Adya, "Weak Consistency" (1999), names them, and Elle: Kingsbury and
Alvaro, "Elle: inferring isolation anomalies from experimental observations" (2020).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from headrace.checking.dependencies import Edge

Edges = dict[int, dict[int, Edge]]
VARIANTS = {"": (), "-process": ("process",), "-realtime": ("process", "realtime")}
KINDS = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")

_DATA = {"G0": ("ww",), "G1c": ("ww", "wr")}
_LENGTHS = (2, 3, 4, 5, 6, 8, 12, 20)  # that are looked for, one after the other, before any

_Walk = tuple[int, bool, int, bool]  # transaction, last edge is rw, rw so far, two in a row


def cycles(edges: Edges, stop: Callable[[], bool]) -> tuple[dict[str, list[int]], bool]:
    """A cycle by the name of its kind, as places in order; and whether it looked for all."""
    found: dict[str, list[int]] = {}
    for variant, more in VARIANTS.items():
        for kind in KINDS:
            part = _restricted(edges, {*_DATA.get(kind, ("ww", "wr", "rw")), *more})
            for group in _components(part):
                if len(group) == 1:
                    continue
                inside = {one: _only(part[one], group) for one in group}
                cycle = _shortest(inside, kind, variant, stop)
                if cycle is None:
                    return found, False
                name = kind + variant
                if cycle and (name not in found or len(cycle) < len(found[name])):
                    found[name] = cycle
    return found, True


def _only(following: dict[int, Edge], group: set[int]) -> dict[int, Edge]:
    return {to: edge for to, edge in following.items() if to in group}


def kind_of(edges: list[Edge]) -> str:
    """What a cycle of these edges is called."""
    kinds = [edge.kind for edge in edges]
    variant = "-realtime" if "realtime" in kinds else "-process" if "process" in kinds else ""
    count = kinds.count("rw")
    if count > 1:
        in_a_row = any(
            (one, other) == ("rw", "rw")
            for one, other in zip(kinds, [*kinds[1:], kinds[0]], strict=True)
        )
        return ("G2-item" if in_a_row else "G-nonadjacent") + variant
    return ("G-single" if count else "G1c" if "wr" in kinds else "G0") + variant


def _restricted(edges: Edges, kinds: set[str]) -> Edges:
    return {
        one: {to: edge for to, edge in all_.items() if edge.kind in kinds}
        for one, all_ in edges.items()
    }


def _starts(edges: Edges, kind: str, variant: str) -> list[tuple[int, int]]:
    """Edges of which a cycle of a kind has one at least, and from which it can be closed."""
    wanted = variant[1:] or {"G0": "ww", "G1c": "wr"}.get(kind, "rw")
    reached = _reached(edges, kind)
    found = []
    for one, all_ in edges.items():
        for to, edge in all_.items():
            if edge.kind != wanted:
                continue
            begin = _moved(kind, 0, edge)
            ends = {"G-single": (1,), "G-nonadjacent": (0, 1)}.get(kind, (0,))
            assert begin is not None
            if any(reached((to, begin), (one, end)) for end in ends):
                found.append((one, to))
    return found


def _moved(kind: str, mode: int, edge: Edge) -> int | None:
    """What a way is in behind an edge: rw so far, or whether the last was; None: it may not go."""
    is_rw = edge.kind == "rw"
    if kind == "G-single":
        return None if mode + is_rw > 1 else mode + is_rw
    if kind == "G-nonadjacent":
        return None if mode and is_rw else int(is_rw)
    return 0


def _reached(edges: Edges, kind: str) -> Callable[[tuple[int, int], tuple[int, int]], bool]:
    """Whether a way of a kind leads from one transaction to another, in such modes."""
    places = {one: place for place, one in enumerate(edges)}
    ways: dict[int, dict[int, Edge]] = {}
    for one, all_ in edges.items():
        for mode in (0, 1):
            ways[2 * places[one] + mode] = {
                2 * places[to] + after: edge
                for to, edge in all_.items()
                if (after := _moved(kind, mode, edge)) is not None
            }
    behind: dict[int, int] = {}  # for each a bit for all that it leads to
    for group in _components(ways):  # those that a group leads to come before it
        bits = 0
        for node in group:
            for to in ways[node]:
                bits |= behind.get(to, 0) | 1 << to
        if len(group) > 1:
            bits |= sum(1 << node for node in group)
        for node in group:
            behind[node] = bits

    def reached(begin: tuple[int, int], end: tuple[int, int]) -> bool:
        at, to = (2 * places[one] + mode for one, mode in (begin, end))
        return bool(behind[at] >> to & 1) or at == to

    return reached


def _shortest(edges: Edges, kind: str, variant: str, stop: Callable[[], bool]) -> list[int] | None:
    """The shortest cycle of a kind, [] if there is none; None if it was told to stop."""
    starts = _starts(edges, kind, variant)
    least = 4 if kind == "G-nonadjacent" else 3 if kind == "G2-item" and variant else 2
    for most in (*(length for length in _LENGTHS if length >= least), max(len(edges), least)):
        best: list[int] = []
        for one, to in starts:
            if stop():
                return None
            length = len(best) - 1 if best else most
            best = _closing(edges, one, to, kind, variant, length) or best
            if len(best) == least:
                return best
        if best or most >= len(edges):
            return best
    return []


def _closing(edges: Edges, begin: int, to: int, kind: str, variant: str, length: int) -> list[int]:
    """The shortest cycle with an edge from `begin` to `to`, of so many at most; [] if none."""
    most_rw = {"G0": 0, "G1c": 0, "G-single": 1}.get(kind, 2)
    first: _Walk = (to, *_after((begin, False, 0, False), edges[begin][to]))
    if first[2] > most_rw:
        return []
    came_from: dict[_Walk, _Walk | None] = {first: None}
    waiting = deque([(first, 2)])
    while waiting:
        walk, size = waiting.popleft()
        if size > length:
            return []
        for following, edge in edges.get(walk[0], {}).items():
            after: _Walk = (following, *_after(walk, edge))
            if after[2] > most_rw or after in came_from:
                continue
            came_from[after] = walk
            if following != begin:
                waiting.append((after, size + 1))
                continue
            cycle = _back(came_from, walk)
            cycle = [begin, *cycle]
            told = [edges[a][b] for a, b in zip(cycle, [*cycle[1:], begin], strict=True)]
            if len(set(cycle)) == len(cycle) and kind_of(told) == kind + variant:
                return cycle
    return []


def _after(walk: _Walk, edge: Edge) -> tuple[bool, int, bool]:
    is_rw = edge.kind == "rw"
    return is_rw, min(walk[2] + is_rw, 2), walk[3] or (is_rw and walk[1])


def _back(came_from: dict[_Walk, _Walk | None], walk: _Walk | None) -> list[int]:
    cycle = []
    while walk is not None:
        cycle.append(walk[0])
        walk = came_from[walk]
    return cycle[::-1]


def _components(edges: Edges) -> list[set[int]]:
    """Sets that can each be reached from each other, what they lead to first (Tarjan, 1972)."""
    number: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found = []
    for root in edges:
        if root in number:
            continue
        path = [(root, iter(edges[root]))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while path:
            one, rest = path[-1]
            for to in rest:
                if to not in number:
                    number[to] = lowest[to] = len(number)
                    stack.append(to)
                    on_stack.add(to)
                    path.append((to, iter(edges.get(to, {}))))
                    break
                if to in on_stack:
                    lowest[one] = min(lowest[one], number[to])
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    lowest[before] = min(lowest[before], lowest[one])
                if lowest[one] == number[one]:
                    group: set[int] = set()
                    while one not in group:
                        group.add(stack.pop())
                    on_stack -= group
                    found.append(group)
    return found
