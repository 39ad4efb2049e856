"""Many runs of a protocol that is right, and what they came to together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import headrace as hr


@dataclass
class Tally:
    """What runs came to: how often what was told to clients, what went wrong, what was seen."""

    runs: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)

    def share(self, status: str) -> float:
        """Which part of all requests came to that."""
        return self.statuses[status] / self.statuses.total()


def tally(simulation: hr.Simulation, seeds: range) -> Tally:
    """Run these seeds; each must go well, and its history be decided."""
    told = Tally()
    for seed in seeds:
        run = simulation.run(seed).check()
        assert not run.undecided, f"seed {seed}: its history is too long to be checked"
        told.runs += 1
        told.statuses.update(asked.status for each in run.history.values() for asked in each)
        told.faults += run.faults
        told.counts += run.counts
        told.reached.update(run.reached)
    return told


def check_same_twice(simulation: hr.Simulation, seeds: range) -> None:
    """A seed goes the same way again, and another one another way."""
    digests = [simulation.run(seed).digest for seed in seeds]
    assert [simulation.run(seed).digest for seed in seeds] == digests
    assert len(set(digests)) == len(seeds)
