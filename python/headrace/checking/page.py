"""The picture of a history as a page: what it came to, the picture, the states, the order."""

from __future__ import annotations

from html import escape

from headrace.checking.picture import heading, of_states, plain, svg, told_state
from headrace.checking.result import Linearizability
from headrace.checking.stretch import Stretch, stretch

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --text: #1d2330; --quiet: #5c6577;
  --line: #dfe3ea; --ok: #0c5a34; --bad: #b42318; --unknown: #8a5a00; --accent: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171e; --text: #dde3ee;
  --quiet: #9aa4b7; --line: #2b3140; --ok: #8fe3b4; --bad: #ff8f80; --unknown: #ffcf70;
  --accent: #7fb0ff; } }
body { margin: 0; padding: 1.2rem 1.5rem 2rem; background: var(--paper); color: var(--text);
  font: 14px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.15rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 0.95rem; margin: 1.4rem 0 0.3rem; overflow-wrap: anywhere; }
p { margin: 0.2rem 0; color: var(--quiet); }
.ok { color: var(--ok); } .bad { color: var(--bad); } .unknown { color: var(--unknown); }
.picture { overflow-x: auto; margin: 0.8rem 0; border: 1px solid var(--line);
  border-radius: 6px; }
.picture svg { display: block; }
ul, ol { margin: 0; padding-left: 3.2rem; font: 12px/1.7 ui-monospace, "DejaVu Sans Mono", Menlo,
  Consolas, monospace; overflow-wrap: anywhere; }
ul { padding-left: 1.4rem; }
li::marker { color: var(--accent); }
"""
_LEGEND = (
    "A lane is a client, a bar an operation from its call to its return. Numbers are places in the "
    "order. Filled: in the order. Hollow: not in it. Dashed to the right: nobody knows whether it "
    "took effect, nor when. Dashed all round: it failed."
)


def page(result: Linearizability) -> str:
    """The whole page as text."""
    drawn = stretch(result)
    first, *more = heading(result, drawn)
    rest = escape(first.removeprefix(result.verdict))
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(first)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f'<h1><span class="{result.verdict}">{result.verdict}</span>{rest}</h1>',
        *(f"<p>{escape(line)}</p>" for line in more),
        f'<div class="picture">{svg(result, alone=False)}</div>',
        f"<p>{_LEGEND}</p>",
        *_states(result),
        *_order(drawn),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _states(result: Linearizability) -> list[str]:
    if result.operation is None:
        return []
    lines = [f"<li>{escape(told_state(each))}</li>" for each in result.states]
    head = of_states(result)
    return [f"<h2>{escape(head[0].upper() + head[1:])}</h2>", "<ul>", *lines, "</ul>"]


def _order(drawn: Stretch) -> list[str]:
    marked = sorted((bar for bar in drawn.bars if bar.place), key=lambda bar: bar.place)
    if not marked:
        return []
    lines = [f'<li value="{bar.place}">{escape(plain(str(bar.operation)))}</li>' for bar in marked]
    return ["<h2>The order</h2>", "<ol>", *lines, "</ol>"]
