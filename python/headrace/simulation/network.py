"""What the network of a simulated world does to messages, and how long they take."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, fields

from headrace.errors import UsageError

QUANTILES = 4096  # of a distribution of delays, one of which is drawn for each message
DELAY_NS_MAX = 1 << 61


@dataclass(frozen=True)
class Delay:
    """How long messages take: nanoseconds at equally likely places of the distribution."""

    quantiles_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.quantiles_ns) != QUANTILES:
            raise UsageError(f"a distribution of delays has {QUANTILES} quantiles")
        if not all(isinstance(d, int) and 0 <= d <= DELAY_NS_MAX for d in self.quantiles_ns):
            raise UsageError("delays are whole nanoseconds, 0 to 2**61")

    @classmethod
    def constant(cls, ns: int) -> Delay:
        """Always the same."""
        return cls((ns,) * QUANTILES)

    @classmethod
    def uniform(cls, least_ns: int, most_ns: int) -> Delay:
        """Anything between the two, equally likely."""
        if least_ns > most_ns:
            raise UsageError(f"delays from {least_ns} to {most_ns} ns: the first is the larger")
        return cls(
            tuple(least_ns + (most_ns - least_ns) * i // (QUANTILES - 1) for i in range(QUANTILES))
        )

    @classmethod
    def exponential(cls, mean_ns: int, least_ns: int = 0) -> Delay:
        """Mostly short, sometimes long: `least_ns` and an exponential part of that mean."""
        return cls(tuple(least_ns + round(-mean_ns * math.log(1 - q)) for q in _middles()))

    @classmethod
    def lognormal(cls, median_ns: int, sigma: float) -> Delay:
        """As networks are measured to be: a median, and a long tail the larger `sigma` is."""
        normal = statistics.NormalDist()
        return cls(
            tuple(round(median_ns * math.exp(sigma * normal.inv_cdf(q))) for q in _middles())
        )


def _middles() -> list[float]:
    return [(i + 0.5) / QUANTILES for i in range(QUANTILES)]


_USUAL = Delay.uniform(500_000, 1_500_000)


@dataclass(frozen=True)
class Network:
    """What happens to every message: requests and replies as well.

    `delay`: how long they take, each for itself, so that they overtake each other. `ordered`: those
    on one link do not. `loss`, `duplication`, `corruption`: probabilities. A corrupted message has
    one bit flipped of what is written on the wire; live nodes check a checksum and drop it, and so
    do simulated ones unless `checksums` is False: then it is delivered, if it is a message still.
    """

    delay: Delay = _USUAL
    ordered: bool = False
    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    checksums: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.type == "float" and not 0 <= getattr(self, field.name) <= 1:
                raise UsageError(
                    f"Network({field.name}={getattr(self, field.name)!r}): a probability is "
                    "between 0 and 1"
                )
