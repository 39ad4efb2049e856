"""A stretch of a journal as one HTML file, to be looked at in a browser and sent to others.

The file holds everything: style, script, and the data as JSON that the script turns into what is
seen. It asks for nothing from anywhere; a policy in its head forbids the browser to. All texts go
in as texts, whatever they hold. The same stretch makes the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from html import escape
from importlib.resources import files
from typing import Any

from headrace.debugger.page_branch import branch_data
from headrace.debugger.page_diagram import SIZES, sequence_svg
from headrace.debugger.page_stretch import (
    PAGE_EVENTS_MAX,
    Happened,
    Stretch,
    read_stretch,
    stage_names,
)
from headrace.debugger.page_text import visible
from headrace.errors import EnvironmentFailure, UsageError
from headrace.replay import Branch, History
from headrace.tabular.sink import Staged

__all__ = ["PAGE_EVENTS_MAX", "page_text", "sequence_svg", "write_page"]

SCRIPTS = (
    "page_data.js",
    "page_tables.js",
    "page_tree.js",
    "page_diagram.js",
    "page_list.js",
    "page.js",
)
STYLES = ("page.css", "page_diagram.css")
COLUMN_CHARS_MAX = 28
_SAFE_INTEGER = (1 << 53) - 1


def write_page(
    path: str | os.PathLike[str],
    history: History,
    begin: int,
    end: int,
    *,
    title: str | None = None,
    branch: Branch | None = None,
) -> None:
    """Write inputs [begin, end) of a journal, and the states between them, as one HTML file.

    `title`: of the page. `branch`: a future to be shown beside the real one. The file appears whole
    or not at all. Raises HistoryGone; UsageError for a stretch that is too long, a state that is
    too large, and a path that cannot be written to; EnvironmentFailure where writing fails.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise UsageError(f"path must name the file to write, not {path!r}")
    write_whole(os.fspath(path), page_text(history, begin, end, title=title, branch=branch))


def write_whole(file: str, text: str) -> None:
    """Write a page, whole or not at all. Raises UsageError, EnvironmentFailure."""
    staged = Staged(file)
    try:
        staged.stream.write(text.encode())
        staged.commit()
    except OSError as error:
        raise EnvironmentFailure(f"{file}: cannot be written: {error.strerror}") from error
    finally:
        staged.abort()


def page_text(
    history: History,
    begin: int,
    end: int,
    *,
    title: str | None = None,
    branch: Branch | None = None,
) -> str:
    """The page that `write_page` writes."""
    stretch = read_stretch(history, begin, end)
    if title is None:
        title = f"{stretch.machine}, inputs {stretch.begin:,} to {stretch.end - 1:,}"
        if stretch.begin == stretch.end:
            title = f"{stretch.machine}, before input {stretch.begin:,}"
    data = _data(stretch)
    data["title"] = visible(title)
    data["branch"] = None
    if branch is not None:
        data["branch"] = branch_data(branch, stage_names(history.machine))
    return filled("page.html", escape(data["title"]), STYLES, SCRIPTS, data)


def filled(
    page: str, title: str, styles: tuple[str, ...], scripts: tuple[str, ...], data: Any, **more: str
) -> str:
    """A page's file with its title, its styles and scripts, its data, and more parts of HTML."""
    parts = {
        "title": title,
        "style": "".join(map(_file, styles)),
        "data": _as_json(data),
        "script": "".join(map(_file, scripts)),
        **more,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file(page))


def _data(stretch: Stretch) -> dict[str, Any]:
    names = stretch.fields[0]
    columns = zip(*[one.texts for one in stretch.happened], strict=True)
    longest = [max(map(len, column)) for column in columns] or [0] * len(names)
    widths = [
        min(max(len(name), most), COLUMN_CHARS_MAX)
        for name, most in zip(names, longest, strict=True)
    ]
    return {
        "machine": stretch.machine,
        "begin": stretch.begin,
        "lanes": stretch.lanes,
        "fields": stretch.fields,
        "widths": widths,
        "sizes": SIZES,
        "shapes": stretch.shapes,
        "tree": stretch.tree,
        "events": [_event(one) for one in stretch.happened],
    }


def _event(one: Happened) -> list[Any]:
    """Time, fields, changes; and outputs and failures if there are any."""
    event: list[Any] = [_exact(one.time_ns), one.texts, one.edits]
    if one.messages or one.failures:
        event.append(
            [
                [each.depth, _exact(each.input_sequence), each.output_index, each.texts]
                for each in one.messages
            ]
        )
    if one.failures:
        event.append([[each.depth, each.text] for each in one.failures])
    return event


def _exact(value: int) -> int | str:
    """A number that a browser reads as it is, or its digits."""
    return value if abs(value) <= _SAFE_INTEGER else str(value)


def _as_json(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends the element, or is markup."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for each in "<>&":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return text


def _file(name: str) -> str:
    return files("headrace.debugger").joinpath(name).read_text("utf-8")
