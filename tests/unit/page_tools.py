"""What the tests of the page share: a machine whose data is meant to break pages, and its journal.

Also the page's data read back, and states rebuilt from it, by other means than the page's script.
"""

from __future__ import annotations

import copy
import html.parser
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr

EVIL = "</script><img src=x onerror=\"window.ran='state'\">\u2028'\"&lt;"
EVIL_NAME = "<b onclick=x>parse"
EVENT = np.dtype([("key", "<i8"), ("text", "S40"), ("price", "<f8"), ("wide", "<U8")])
MIDDLE = np.dtype([("key", "<i8"), ("double", "<f8")])
OUTPUT = np.dtype([("key", "<i8"), ("note", "S40")])
COUNT = 60


@dataclass
class Inner:
    n: int = 0
    tags: set[Any] = field(default_factory=set)


@dataclass
class Everything:
    """A bit of all that a state may hold."""

    inner: Inner = field(default_factory=Inner)
    seen: dict[Any, Any] = field(default_factory=dict)
    pairs: dict[Any, Any] = field(default_factory=dict)
    big: int = 2**70
    raw: bytes = b"\x00<b>\xff"
    evil: str = EVIL
    word: str = "漢字 é"
    nan: float = float("nan")
    nothing: Any = None
    grid: Any = field(default_factory=lambda: np.zeros((2, 3)))
    rows: Any = field(default_factory=lambda: np.zeros(3, [("a", "<i4"), ("b", "<f4")]))
    many: Any = field(default_factory=lambda: np.zeros(5000, "<i4"))
    recent: list[Any] = field(default_factory=list)


@hr.machine(event=EVENT, output=MIDDLE, initial=Everything, name=EVIL_NAME)
def parse(state: Everything, key: int, text: bytes, price: float) -> Any:
    """Changes something of every kind; every eleventh event fails."""
    state.inner.n += 1
    state.inner.tags ^= {key % 3, f"t{key % 2}", frozenset({"a", "b"})}
    state.seen[text] = state.seen.get(text, 0) + key
    state.pairs.pop((key % 4, "x"), None)  # so that it goes to the end
    state.pairs[key % 4, "x"] = Inner(key)
    state.grid[key % 2, key % 3] += price
    state.rows["b"][key % 3] += price
    state.many[key * 7 % 5000] = key % 1000
    state.big += 1
    state.nothing = None if key % 2 else [key, (key,)]
    state.recent = [*state.recent[-3:], key]
    if key % 11 == 5:
        raise ValueError("refused </script><b>")
    return state, [(key, price * 2)] * (key % 3)


@hr.machine(event=MIDDLE, output=OUTPUT, initial=dict, name="route")
def route(state: dict[int, float], key: int, double: float) -> Any:
    """Sums, and an output for every odd key."""
    state[key % 4] = state.get(key % 4, 0.0) + double
    return state, (key, b"</script><img src=y>") if key % 2 else None


pipeline = parse >> route


def nasty_events(count: int = COUNT) -> Any:
    texts = [b"</script>", b"<img src=x onerror='window.ran=1'>", b"plain", b'it\'s "so"']
    made = np.zeros(count, EVENT)
    made["key"] = np.arange(count)
    made["key"][20] = 2**62 + 1
    made["price"] = np.arange(count) / 4
    made["price"][7] = np.nan
    made["text"] = [texts[index % 4] for index in range(count)]
    made["wide"] = "\u2028é漢<"
    return made


def make_journal(folder: Path, count: int = COUNT) -> hr.History:
    """A journal of `pipeline`, to look at."""
    with hr.Engine(pipeline, journal=folder, on_error="dead_letter") as engine:
        for begin in range(0, count, 10):
            engine.publish(nasty_events(count)[begin : begin + 10])
    return hr.History(folder, pipeline)


# -- the page read back --------------------------------------------------------------------------


class Parsed(html.parser.HTMLParser):
    """A page's elements and the texts of its scripts, as an HTML parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        place = len(self.tags) - 1
        self.texts[place] = self.texts.get(place, "") + data

    def text_of(self, tag: str, **attributes: str) -> str:
        """The text behind the start of an element."""
        for place, (name, attrs) in enumerate(self.tags):
            if name == tag and attributes.items() <= attrs.items():
                return self.texts.get(place, "")
        raise AssertionError(f"no <{tag}> with {attributes}")


def data_of(page: str) -> dict[str, Any]:
    """The data in a page."""
    made: dict[str, Any] = json.loads(Parsed(page).text_of("script", id="data"))
    return made


def applied(tree: Any, shapes: list[dict[str, Any]], edits: list[Any]) -> Any:
    """A tree with some changes made in it."""
    tree = copy.deepcopy(tree)

    def width(node: Any) -> int:
        return 2 if shapes[node[0]]["form"] == "keys" else 1

    for path, *rest in copy.deepcopy(edits):
        if not path:
            (tree,) = rest
            continue
        node = tree
        for place in path[:-1]:
            node = node[(place + 1) * width(node)]
        step = width(node)
        at = 1 + path[-1] * step
        if not rest:
            del node[at : at + step]
        elif len(rest) == 1:
            node[at + step - 1] = rest[0]
        else:
            node[at:at] = rest[2 - step :]
    return tree


def told(tree: Any, shapes: list[dict[str, Any]]) -> Any:
    """A tree without numbers of shapes: [kind, [key, child], ...]."""
    if isinstance(tree, str):
        return tree
    shape, rest = shapes[tree[0]], tree[1:]
    kind, form = shape["kind"], shape["form"]
    if form == "keys":
        pairs = list(zip(rest[::2], rest[1::2], strict=True))
    elif form == "fields":
        pairs = list(zip(shape["keys"], rest, strict=True))
    elif form == "members":
        pairs = [(f"{{{each}}}", each) for each in rest]
    else:
        dims = shape.get("dims") or [len(rest)]
        places = [f"[{', '.join(map(str, place))}]" for place in np.ndindex(*dims)]
        pairs = list(zip(places, rest, strict=True))
    return [kind, *[[key, told(child, shapes)] for key, child in pairs]]


def expected(state: Any) -> Any:
    """What a state looks like in the same form, written down from the state itself."""
    if isinstance(state, np.ndarray):
        shape = ", ".join(map(str, state.shape))
        if len(state) > 1000:
            return [f"{state.dtype}[{shape}]", "..."]
        name = "records" if state.dtype.names else str(state.dtype)
        items = [
            [f"[{', '.join(map(str, place))}]", expected(state[place])]
            for place in np.ndindex(state.shape)
        ]
        return [f"{name}[{shape}]", *items]
    if isinstance(state, np.void):
        assert state.dtype.names
        return ["record", *[[f"[{name!r}]", str(state[name])] for name in state.dtype.names]]
    if isinstance(state, (Everything, Inner)):
        named = [[f".{name}", expected(value)] for name, value in vars(state).items()]
        return [type(state).__name__, *named]
    if isinstance(state, dict):
        return ["dict", *[[f"[{key!r}]", expected(value)] for key, value in state.items()]]
    if isinstance(state, (list, tuple)):
        named = [[f"[{place}]", expected(value)] for place, value in enumerate(state)]
        return [type(state).__name__, *named]
    if isinstance(state, (set, frozenset)):
        texts = sorted("frozenset({'a', 'b'})" if type(x) is frozenset else repr(x) for x in state)
        return ["set", *[[f"{{{text}}}", text] for text in texts]]
    return str(state) if isinstance(state, np.generic) else repr(state)


def without_long(tree: Any) -> Any:
    """The same, with a mark in place of what is shown of long arrays, which depends."""
    if isinstance(tree, str):
        return tree
    if tree[0].startswith("int32[5000]"):
        return [tree[0], "..."]
    return [tree[0], *[[key, without_long(child)] for key, child in tree[1:]]]
