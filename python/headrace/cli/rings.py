"""`headrace rings`: the shared-memory rings on this machine, and removing what the dead left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from headrace.errors import HeadraceError, RingNotFound
from headrace.ringbuffer import (
    ConsumerInfo,
    ProducerInfo,
    RingInfo,
    list_rings,
    remove_ring,
)

from .console import FAILED, complain, counted, remark, reported, stdout
from .sizes import bytes_text, print_json


def rings(
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove the rings whose owners are dead.")
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
        found = list_rings()
        if clean:
            _clean(found, dry_run=dry_run, damaged_too=damaged, as_json=as_json)
        elif as_json:
            print_json([asdict(info) for info in found])
        elif found:
            for info in found:
                _print_ring(info)
            _hint(found)
        else:
            stdout().print("no rings in shared memory on this machine")


def is_leftover(info: RingInfo) -> bool:
    """Whether the ring's owner is known to be dead. A damaged ring's owner is not known."""
    return info.damaged is None and not info.owner_alive


def _clean(found: Sequence[RingInfo], *, dry_run: bool, damaged_too: bool, as_json: bool) -> None:
    leftovers = [
        info for info in found if is_leftover(info) or (damaged_too and info.damaged is not None)
    ]
    removed, failed = [], False
    for info in leftovers:
        try:
            if not dry_run:
                remove_ring(info.name)
        except RingNotFound:
            continue  # someone else was faster
        except HeadraceError as error:
            complain(f"{info.name} was not removed: {error}")
            failed = True
            continue
        removed.append(info)
    if as_json:
        print_json([asdict(info) for info in removed])
    else:
        _tell_removed(removed, dry_run=dry_run)
        if not leftovers:
            stdout().print("nothing to remove: no ring has a dead owner")
        if not damaged_too:
            _hint([info for info in found if info.damaged is not None])
    if failed:
        raise typer.Exit(FAILED)


def _tell_removed(removed: Sequence[RingInfo], *, dry_run: bool) -> None:
    console = stdout()
    verb = "would remove" if dry_run else "removed"
    for info in removed:
        owner = "cannot be read" if info.damaged is not None else f"owner {info.owner_pid} is dead"
        console.print(f"{verb} {escape(info.name)}: {bytes_text(info.bytes)}, {owner}")
    if removed:
        total = bytes_text(sum(info.bytes for info in removed))
        console.print(f"{verb} {counted(len(removed), 'ring')}, {total}")


def _hint(found: Sequence[RingInfo]) -> None:
    """What could be done about what was seen; on stderr, so that a list stays a list."""
    leftovers = sum(is_leftover(info) for info in found)
    damaged = sum(info.damaged is not None for info in found)
    if leftovers:
        remark(f"`headrace rings --clean` removes {counted(leftovers, 'ring')} of dead owners")
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

