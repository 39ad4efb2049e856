"""Visits every world that can be reached from a first one, and tells the way to a bad one."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

World = TypeVar("World", bound=Hashable)


def visit_all(
    first: World,
    next_worlds: Callable[[World], Iterable[tuple[str, Callable[[], World]]]],
    check: Callable[[World], None],
    check_end: Callable[[World], None],
    optional: re.Pattern[str],
) -> int:
    """How many worlds there are; each is checked. AssertionError with the way to a bad one.

    `next_worlds`: what can happen, by name. Where nothing can but what is `optional`, it may end,
    and `check_end` says whether that is well.
    """
    came: dict[World, tuple[World, str] | None] = {first: None}
    todo = [first]
    while todo:
        world = todo.pop()
        step = ""
        try:
            check(world)
            ended = True
            for name, happens in next_worlds(world):
                ended &= optional.search(name) is not None
                step = name
                then = happens()
                if then not in came:
                    came[then] = (world, name)
                    todo.append(then)
            step = "the end"
            if ended:
                check_end(world)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[*_way(came, world), step]}") from error
    return len(came)


def _way(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    steps = []
    before = came[world]
    while before is not None:
        steps.append(before[1])
        before = came[before[0]]
    return steps[::-1]
