"""The picture of the debugger in the docs is how it looks now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from debugger_tools import text_of_picture

pytest.importorskip("textual", reason="the debugger's screen is an extra")

from headrace.debugger.session import Session

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_picture_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import debugger_picture
    from flights import board

    journal = str(tmp_path / "flights.journal")
    debugger_picture.write_journal(journal)
    made = debugger_picture.plain(
        asyncio.run(debugger_picture.take_picture(Session(journal, board)))
    )
    assert text_of_picture(made) == text_of_picture(debugger_picture.PICTURE.read_text())
    assert "http://www.w3.org/2000/svg" in made
    assert "url(" not in made.replace("url(#", "")  # nothing is loaded from elsewhere
