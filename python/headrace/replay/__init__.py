"""Stepping over a journal again: for recovery, to verify it, and to look at the past."""

from headrace.replay.branch import Branch
from headrace.replay.changes import Change
from headrace.replay.fold import Fold
from headrace.replay.history import History, Moment
from headrace.replay.net_fold import NetFold, fold_of, index_in_fold
from headrace.replay.parting import Parting, Rehearsal, rehearse
from headrace.replay.partitioned import Partitioned
from headrace.replay.passing import PassedOver, poison_error
from headrace.replay.replay import Replay, replay

__all__ = [
    "Branch",
    "Change",
    "Fold",
    "History",
    "Moment",
    "NetFold",
    "Parting",
    "Partitioned",
    "PassedOver",
    "Rehearsal",
    "Replay",
    "fold_of",
    "index_in_fold",
    "poison_error",
    "rehearse",
    "replay",
]
