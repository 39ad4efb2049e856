"""Consistency models, and which of them an anomaly rules out. As Elle has them, by their names.

Sources: Adya, "Weak Consistency" (1999); Bailis and others, "Highly available transactions" (2013);
Cerone, Bernardi, Gotsman, "A framework for transactional consistency models with atomic visibility"
(2015); Daudjee and Salem, "Lazy database replication with snapshot isolation" (2006).
"""

from __future__ import annotations

from collections.abc import Iterable

# Each anomaly is also one of these.
_ALSO: dict[str, tuple[str, ...]] = {
    "dirty-update": ("G1a",),
    "incompatible-order": ("G1a",),
    "garbage-read": ("G1a",),
    "future-read": ("G1c",),
    "lost-update": ("G2-item",),
    "G0": ("G1c",),
    "G-single": ("G-nonadjacent",),
    "G-nonadjacent": ("G2-item",),
}
_CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")

# What each model forbids, beyond what weaker ones do; and those weaker ones.
_MODELS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "read-uncommitted": (("G0", "duplicate-elements"), ()),
    "read-committed": (("G1a", "G1b", "G1c"), ("read-uncommitted",)),
    "monotonic-atomic-view": ((), ("read-committed",)),
    "read-atomic": (("internal", "future-read"), ("monotonic-atomic-view",)),
    "cursor-stability": (("lost-update",), ("read-committed",)),
    "consistent-view": (("G-single",), ("cursor-stability",)),
    "repeatable-read": (("G2-item",), ("cursor-stability", "monotonic-atomic-view")),
    "snapshot-isolation": (("G-nonadjacent",), ("consistent-view", "read-atomic")),
    "serializable": ((), ("repeatable-read", "snapshot-isolation")),
    "strong-session-read-uncommitted": (("G0-process",), ("read-uncommitted",)),
    "strong-session-read-committed": (
        ("G1c-process",),
        ("read-committed", "strong-session-read-uncommitted"),
    ),
    "strong-session-snapshot-isolation": (
        ("G-nonadjacent-process",),
        ("snapshot-isolation", "strong-session-read-committed"),
    ),
    "strong-session-serializable": (
        ("G2-item-process",),
        ("serializable", "strong-session-snapshot-isolation"),
    ),
    "strong-read-uncommitted": (("G0-realtime",), ("strong-session-read-uncommitted",)),
    "strong-read-committed": (
        ("G1c-realtime",),
        ("strong-session-read-committed", "strong-read-uncommitted"),
    ),
    "strong-snapshot-isolation": (
        ("G-nonadjacent-realtime",),
        ("strong-session-snapshot-isolation", "strong-read-committed"),
    ),
    "strict-serializable": (
        ("G2-item-realtime",),
        ("strong-session-serializable", "strong-snapshot-isolation"),
    ),
}
MODELS = tuple(_MODELS)


def ruled_out(anomalies: Iterable[str]) -> tuple[str, ...]:
    """The models that a history with these anomalies is not of, the weakest first."""
    found = set(anomalies)
    waiting = list(found)
    while waiting:
        for also in _also(waiting.pop()):
            if also not in found:
                found.add(also)
                waiting.append(also)
    out: set[str] = set()
    for model, (forbidden, weaker) in _MODELS.items():  # weaker ones stand before
        if found.intersection(forbidden) or out.intersection(weaker):
            out.add(model)
    return tuple(model for model in MODELS if model in out)


def weakest(models: tuple[str, ...]) -> tuple[str, ...]:
    """Those that say all: of which no weaker one is among them."""
    return tuple(model for model in models if not set(models).intersection(_MODELS[model][1]))


def _also(anomaly: str) -> tuple[str, ...]:
    kind, _, variant = anomaly.rpartition("-")
    if variant not in ("process", "realtime") or kind not in _CYCLES:
        return _ALSO.get(anomaly, ())
    same = tuple(f"{also}-{variant}" for also in _ALSO.get(kind, ()))
    # Who does one thing at a time has returned before the next.
    return (*same, f"{kind}-realtime") if variant == "process" else same
