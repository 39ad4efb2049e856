"""The colours: one for where one is, one for what changed, and greys for the rest."""

from __future__ import annotations

from rich.style import Style

BACK, PANEL, LINE = "#12161b", "#1b2129", "#2d3641"
TEXT, DIM, FAINT = "#d3dae2", "#8693a0", "#566270"
HERE, CHANGED, NEW, GONE = "#58b4d1", "#e5b062", "#8fc48a", "#de7b76"

TEXTS = {
    "text": Style(color=TEXT),
    "dim": Style(color=DIM),
    "faint": Style(color=FAINT),
    "line": Style(color=LINE),
    "here": Style(color=HERE, bold=True),
    "changed": Style(color=CHANGED, bold=True),
    "before": Style(color=CHANGED, dim=True),
    "inside": Style(color=CHANGED),
    "added": Style(color=NEW),
    "removed": Style(color=GONE),
    "error": Style(color=GONE, bold=True),
}
CURSOR = Style(bgcolor="#22405a")  # where the keys go
CURSOR_AWAY = Style(bgcolor="#1f2a34")  # the same while the keys go elsewhere
