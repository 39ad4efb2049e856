"""Metrics of a running topology: a board in shared memory, its gauges, histograms of latencies."""

from headrace.engine.gauges import StageGauge, StageReading

from .board import Board
from .describing import describe
from .histogram import Histogram
from .registry import BoardInfo, list_boards, remove_board
from .watching import BoardView, StageView, Watcher, as_json

__all__ = [
    "Board",
    "BoardInfo",
    "BoardView",
    "Histogram",
    "StageGauge",
    "StageReading",
    "StageView",
    "Watcher",
    "as_json",
    "describe",
    "list_boards",
    "remove_board",
]
