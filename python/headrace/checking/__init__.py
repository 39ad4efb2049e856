"""Checking what clients saw of a system: could one machine, step by step, have done it?"""

from headrace.checking.anomalies import Anomalies, Anomaly, list_anomalies
from headrace.checking.history import Operation
from headrace.checking.linearizability import linearizable, sequentially_consistent
from headrace.checking.model import Model
from headrace.checking.result import Linearizability, Reached

__all__ = [
    "Anomalies",
    "Anomaly",
    "Linearizability",
    "Model",
    "Operation",
    "Reached",
    "linearizable",
    "list_anomalies",
    "sequentially_consistent",
]
