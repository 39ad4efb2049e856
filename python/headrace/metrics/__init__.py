"""Metrics of a running topology: a board in shared memory, its gauges, histograms of latencies."""

from headrace.engine.gauges import StageGauge, StageReading

from .board import Board
from .histogram import Histogram

__all__ = ["Board", "Histogram", "StageGauge", "StageReading"]
