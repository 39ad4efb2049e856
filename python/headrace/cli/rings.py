"""`headrace rings`: the shared-memory rings and boards here, and removing what the dead left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from headrace.errors import BoardNotFound, HeadraceError, RingNotFound
from headrace.metrics import BoardInfo, list_boards, remove_board
from headrace.ringbuffer import (
    ConsumerInfo,
    ProducerInfo,
    RingInfo,
    list_rings,
    remove_ring,
)

from .console import FAILED, complain, counted, remark, reported, stdout
from .sizes import bytes_text, print_json
from .top_screen import board_line

Info = RingInfo | BoardInfo


def rings(
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove the rings and boards whose owners are dead.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --clean: tell what it would remove.")
    ] = False,
    damaged: Annotated[
        bool,
        typer.Option(
            "--damaged",
            help="With --clean: also remove segments that cannot be read. "
            "Make sure first that no other version of headrace is using them.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """The command; its help text is in helptext.py."""
    if (dry_run or damaged) and not clean:
        raise typer.BadParameter("--dry-run and --damaged go with --clean")
    with reported():
        found: list[Info] = [*list_rings(), *list_boards()]
        if clean:
            _clean(found, dry_run=dry_run, damaged_too=damaged, as_json=as_json)
        elif as_json:
            print_json([_json(info) for info in found])
        elif found:
            for info in found:
                if isinstance(info, BoardInfo):
                    _print_board(info)
                else:
                    _print_ring(info)
            _hint(found)
        else:
            stdout().print("no rings in shared memory on this machine")


def is_leftover(info: Info) -> bool:
    """Whether the owner is known to be dead. That of a damaged segment is not known."""
    return info.damaged is None and not info.owner_alive


def _called(info: Info) -> str:
    return f"board {info.name}" if isinstance(info, BoardInfo) else info.name


def _json(info: Info) -> dict[str, object]:
    return {"kind": "board" if isinstance(info, BoardInfo) else "ring", **asdict(info)}


def _clean(found: Sequence[Info], *, dry_run: bool, damaged_too: bool, as_json: bool) -> None:
    leftovers = [
        info for info in found if is_leftover(info) or (damaged_too and info.damaged is not None)
    ]
    removed, failed = [], False
    for info in leftovers:
        try:
            if not dry_run:
                (remove_board if isinstance(info, BoardInfo) else remove_ring)(info.name)
        except (RingNotFound, BoardNotFound):
            continue  # someone else was faster
        except HeadraceError as error:
            complain(f"{_called(info)} was not removed: {error}")
            failed = True
            continue
        removed.append(info)
    if as_json:
        print_json([_json(info) for info in removed])
    else:
        _tell_removed(removed, dry_run=dry_run)
        if not leftovers:
            stdout().print("nothing to remove: no ring or board has a dead owner")
        if not damaged_too:
            _hint([info for info in found if info.damaged is not None])
    if failed:
        raise typer.Exit(FAILED)


def _tell_removed(removed: Sequence[Info], *, dry_run: bool) -> None:
    console = stdout()
    verb = "would remove" if dry_run else "removed"
    for info in removed:
        owner = "cannot be read" if info.damaged is not None else f"owner {info.owner_pid} is dead"
        what = escape(_called(info))
        console.print(f"{verb} {what}: {bytes_text(info.bytes)}, {owner}")
    if removed:
        total = bytes_text(sum(info.bytes for info in removed))
        console.print(f"{verb} {_counted(removed)}, {total}")


def _counted(infos: Sequence[Info]) -> str:
    """2 rings; 1 board; 2 rings and 1 board."""
    boards = sum(isinstance(info, BoardInfo) for info in infos)
    counts = ((len(infos) - boards, "ring"), (boards, "board"))
    return " and ".join(counted(count, kind) for count, kind in counts if count)


def _hint(found: Sequence[Info]) -> None:
    """What could be done about what was seen; on stderr, so that a list stays a list."""
    leftovers = [info for info in found if is_leftover(info)]
    damaged = sum(info.damaged is not None for info in found)
    if leftovers:
        remark(f"`headrace rings --clean` removes {_counted(leftovers)} of dead owners")
    if damaged:
        remark(
            f"`headrace rings --clean --damaged` removes {counted(damaged, 'segment')} that cannot "
            "be read; make sure first that no other version of headrace is using them"
        )


def _print_ring(info: RingInfo) -> None:
    """A line for the ring, and below it one for each thing about it."""
    console = stdout()
    heading = f"[bold]{escape(info.name)}[/]: {bytes_text(info.bytes)}"
    if info.damaged is not None:
        console.print(f"{heading}, [red]cannot be read[/]\n  {escape(info.damaged)}")
        return
    state = "alive" if info.owner_alive else "gone"
    console.print(f"{heading}, owner {_owner(info.owner_pid, state)}")
    event = f"{info.item_size} B {info.dtype_text}"
    console.print(f"  {info.capacity:,} events of {escape(event)}, {info.producers} producer")
    console.print(f"  {info.cursor:,} published{', ended' if info.ended else ''}")
    for producer in info.producer_handles:
        _print_producer(console, producer)
    for consumer in info.consumers:
        _print_consumer(console, consumer)


def _print_producer(console: Console, info: ProducerInfo) -> None:
    claim = f", claims {info.claim[0]:,} to {info.claim[1] - 1:,}" if info.claim else ""
    fenced = ", declared dead" if info.fenced else ""
    console.print(f"  producer: owner {_owner(info.pid, info.state)}{claim}{fenced}")


def _print_board(info: BoardInfo) -> None:
    console = stdout()
    if info.damaged is not None:
        heading = f"board [bold]{escape(info.name)}[/]: {bytes_text(info.bytes)}"
        console.print(f"{heading}, [red]cannot be read[/]\n  {escape(info.damaged)}")
        return
    console.print(f"board {board_line(info)}")


def _print_consumer(console: Console, info: ConsumerInfo) -> None:
    after = f" after {', '.join(info.after)}" if info.after else ""
    owner = _owner(info.pid, info.state)
    console.print(f"  consumer {escape(info.name + after)}: {info.depth:,} unread, owner {owner}")


def _owner(pid: int, state: str) -> str:
    """`state` as in ConsumerInfo."""
    if state == "alive":
        return f"[green]{pid} alive[/]"
    if state == "stopped":
        return f"[yellow]{pid} stopped[/]"
    return f"[red]{pid} dead[/]" if pid else "[red]gone[/]"
