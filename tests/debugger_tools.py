"""What the debugger's tests share: a machine with a state to look into, and journals of it."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from headrace.debugger.session import Session

TRADE = np.dtype([("key", "<i4"), ("amount", "<i4"), ("price", "<f8"), ("side", "S4")])
FILL = np.dtype([("key", "<i4"), ("total", "<i8")])
START_NS = 1_700_000_000_123_000_000
PICTURES = Path(__file__).parent / "data"
PIECE = (
    r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*?'
    r'clip-path="url\(#[^)]*line-\d+\)">(.*?)</text>'
)
WRITE_PICTURES = "HEADRACE_WRITE_PICTURES"  # set it to 1 to make the stored pictures anew


@dataclass
class Account:
    trades: int = 0
    total: int = 0


@dataclass
class Book:
    accounts: list[Account] = field(default_factory=lambda: [Account() for _ in range(3)])
    large: dict[int, int] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    last: str = ""


@hr.machine(event=TRADE, output=FILL, initial=Book)
def book(state: Book, key: int, amount: int, price: float, side: bytes) -> Any:
    """Counts trades by account; a trade of 90 and more is large, and of it there are outputs."""
    account = state.accounts[key]
    account.trades += 1
    account.total += amount
    state.seen.add(key)
    state.last = side.decode()
    if amount >= 90:
        state.large[key] = state.large.get(key, 0) + 1
        return state, [(key, account.total)] * 2
    return state, None


def trades(count: int, first: int = 0) -> Any:
    """Different ones, the same each time: input n has amount n % 100."""
    numbers = np.arange(first, first + count)
    made = np.zeros(count, TRADE)
    made["key"], made["amount"] = numbers % 3, numbers % 100
    made["price"], made["side"] = numbers / 4, np.where(numbers % 2, b"sell", b"buy")
    return made


def account_total(end: int, key: int) -> int:
    """What account `key` has behind `end` trades, by other means."""
    made = trades(end)
    return int(made["amount"][made["key"] == key].sum())


def write_journal(folder: Path, count: int, **options: Any) -> Path:
    """A journal of so many trades, with times that are always the same."""
    from headrace.journal.identity import Identity
    from headrace.journal.writer import Writer
    from headrace.ports import LocalDisk

    disk = LocalDisk()
    disk.make_folder(str(folder))
    writer = Writer(
        disk, str(folder), Identity(TRADE, "book", "0", "0"), level="none", segment_bytes=1 << 20,
        **options,
    )  # fmt: skip
    for at in range(0, count, 64):
        made = trades(min(64, count - at), at)
        times = START_NS + (at + np.arange(len(made))) * 1_000_000
        writer.append(made, times)
    writer.close()
    return folder


def screen_test(
    session: Session,
    play: Callable[[Any, Any], Coroutine[Any, Any, None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    """Run the debugger without a terminal; `play(app, pilot)` presses the keys."""
    from headrace.debugger.screen.app import Debugger

    async def run() -> None:
        app = Debugger(session, "trades.journal")
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            await play(app, pilot)

    asyncio.run(asyncio.wait_for(run(), 60))


async def settled(app: Any, pilot: Any) -> None:
    """Wait until nothing runs, and all that was said has arrived."""
    await app.workers.wait_for_complete()
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


SIGNS = {" ": "space", ".": "full_stop", "[": "left_square_bracket", "]": "right_square_bracket"}


async def press(app: Any, pilot: Any, *keys: str) -> None:
    """Press keys, one after the other; `"=text"` types a text."""
    for key in keys:
        if len(key) > 1 and key[0] == "=":
            app.screen.focused.value = ""
            app.screen.focused.insert_text_at_cursor(key[1:])
        else:
            await pilot.press(key)
        await settled(app, pilot)


def lines(app: Any) -> list[str]:
    """The text on the screen, line by line."""
    return text_of_picture(app.export_screenshot())


def text_of_picture(svg: str) -> list[str]:
    """The lines of a screenshot as text: without ids, colours and versions."""
    rows: dict[float, dict[float, str]] = {}
    for x, y, text in re.findall(PIECE, svg):
        rows.setdefault(float(y), {})[float(x)] = html.unescape(text).replace("\xa0", " ")
    made = []
    for _, parts in sorted(rows.items()):
        line = ""
        for x, text in sorted(parts.items()):
            line = line.ljust(round(x / 12.2)) + text
        made.append(line.rstrip())
    return made


def check_picture(name: str, app: Any) -> None:
    """Compare the screen with the stored one; see WRITE_PICTURES."""
    shown = lines(app)
    file = PICTURES / f"{name}.txt"
    if os.environ.get(WRITE_PICTURES):
        PICTURES.mkdir(exist_ok=True)
        file.write_text("\n".join(shown) + "\n")
    stored = file.read_text().splitlines()
    for number, (now, was) in enumerate(zip(shown, stored, strict=False), 1):
        assert now == was, f"{file.name}, line {number}; {WRITE_PICTURES}=1 makes it anew"
    assert len(shown) == len(stored)
