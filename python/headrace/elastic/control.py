"""How many workers a stage should have: what is measured, and the controller that decides."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from headrace.errors import UsageError

# Keys come unevenly, so that at a good utilisation two events wait for a worker now and then: that
# is no queue yet, however long they take.
_QUEUE_EVENTS_MIN = 2


class Measurement(NamedTuple):
    """What a stage did since the measurement before. Times in seconds, of any clock.

    `busy_s` is the time that workers spent stepping, all together; with `done` it gives the service
    time. `workers` counts those wanted last, also if they are still starting.
    """

    time_s: float
    depth: int  # events that wait now
    arrived: int
    done: int
    busy_s: float
    workers: int
    workers_min: int
    workers_max: int


@runtime_checkable
class Controller(Protocol):
    """Anything that decides how many workers a stage should have."""

    def decide(self, measurement: Measurement) -> int:
        """The number of workers wanted from now on; whoever asks keeps it within min and max.

        Called at regular intervals, by one thread; must not block.
        """
        ...


@dataclass
class PID:
    """Workers for the load that arrives, and a PID controller on the events that wait.

    The first part is feed-forward: arrival rate x service time / `utilisation` workers. It follows
    the load before a queue has formed. What it gets wrong shows in the queue: the error is the
    number of workers by which the stage falls short of working off, within `horizon_s`, what waits
    beyond `setpoint_s` (in seconds of waiting; or two events a worker, if that is more). `kp`, `ki`
    (per second) and `kd` (in seconds) multiply it, its integral and its rate of change. All is in
    workers and seconds, so that the defaults suit a service time of a microsecond as well as one of
    a second, and need no tuning.

    The integral is clamped: it takes in no error while the output is at its limit in the same
    direction (conditional integration), no more than one worker's worth at a time, and stays within
    0 and `workers_max`; while less waits than `setpoint_s` it runs out again, and does
    nothing else: a queue that is empty is no reason to have fewer workers than the load needs.

    From the output to whole workers: up at once, to at most double in `rise_s`. Down to the most
    that was wanted within the last `settle_s`, counted with `hysteresis` workers more, and to no
    less than half at a time: so it stays where it is while the load is about what n workers can do.

    After Åström and Murray, "Feedback Systems", chapter 11, for integrator wind-up and its remedy.
    Not thread-safe; one instance controls one stage. UsageError for parameters that make no sense.
    """

    kp: float = 0.5
    ki: float = 0.1
    kd: float = 0.0
    setpoint_s: float = 0.05
    horizon_s: float = 1.0
    utilisation: float = 0.8
    feed_forward: bool = True
    hysteresis: float = 0.25
    settle_s: float = 5.0
    rise_s: float = 0.5
    smoothing_s: float = 1.0

    def __post_init__(self) -> None:
        self.integral = 0.0
        self._rates = _Rates(self.smoothing_s)
        self._before: Measurement | None = None
        self._error = 0.0
        self._rose_s = -math.inf
        self._wanted: deque[tuple[float, int]] = deque()
        gains = (self.kp, self.ki, self.kd, self.hysteresis, self.settle_s, self.rise_s)
        positive = (self.setpoint_s, self.horizon_s, self.smoothing_s)
        if not (
            all(0 <= one < math.inf for one in gains)
            and all(0 < one < math.inf for one in positive)
            and 0 < self.utilisation <= 1
        ):
            raise UsageError(
                f"{self}: gains, hysteresis, settle_s and rise_s cannot be negative, setpoint_s, "
                "horizon_s and smoothing_s are above 0, utilisation is in (0, 1], all finite"
            )

    def decide(self, measurement: Measurement) -> int:
        """The number of workers wanted, within `workers_min` and `workers_max`."""
        before, self._before = self._before, measurement
        elapsed_s = measurement.time_s - before.time_s if before else 0.0
        if elapsed_s <= 0:
            return _within(measurement, measurement.workers)
        self._rates.take(measurement, elapsed_s)
        return self._whole(measurement, self._output(measurement, elapsed_s))

    def _output(self, measurement: Measurement, elapsed_s: float) -> float:
        """How many workers are wanted, with a fraction, and the integral taken further."""
        service_s = self._rates.service_s
        base = 0.0
        if self.feed_forward:
            base = self._rates.arrival_rate * service_s / self.utilisation
        waiting = measurement.depth * service_s / max(measurement.workers, 1)
        setpoint_s = max(self.setpoint_s, _QUEUE_EVENTS_MIN * service_s)
        error = (waiting - setpoint_s) * max(measurement.workers, 1) / self.horizon_s
        short = max(error, 0.0)
        rate, self._error = (short - self._error) / elapsed_s, short
        proportional = base + self.kp * short + self.kd * rate
        output = proportional + self.integral
        # Where less waits than should, it is off by at most all of the setpoint: [-1, 0].
        off = short if short > 0 else waiting / setpoint_s - 1.0
        self._integrate(off, elapsed_s, output, measurement.workers_max)
        return proportional + self.integral

    def _integrate(self, off: float, elapsed_s: float, output: float, workers_max: int) -> None:
        """Conditional integration, and clamping."""
        if off < 0 or output < workers_max:
            taken = self.integral + self.ki * min(off, 1.0) * elapsed_s
            self.integral = min(max(taken, 0.0), float(workers_max))

    def _whole(self, measurement: Measurement, output: float) -> int:
        """Whole workers: up soon, down late."""
        now_s, workers = measurement.time_s, measurement.workers
        up = _within(measurement, _ceil(output))
        self._wanted.append((now_s, _within(measurement, _ceil(output + self.hysteresis))))
        while self._wanted[0][0] < now_s - self.settle_s:
            self._wanted.popleft()
        if up > workers:
            if now_s - self._rose_s < self.rise_s:
                return _within(measurement, workers)
            self._rose_s = now_s
            return min(up, _within(measurement, 2 * max(workers, 1)))
        down = max(wanted for _, wanted in self._wanted)
        return _within(measurement, max(down, -(-workers // 2)) if down < workers else workers)


class _Rates:
    """Arrival rate and service time, smoothed: each forgets exponentially."""

    def __init__(self, smoothing_s: float) -> None:
        self._smoothing_s = smoothing_s
        self._weight = self._arrived = self._done = self._busy_s = 0.0

    def take(self, measurement: Measurement, elapsed_s: float) -> None:
        kept = math.exp(-elapsed_s / self._smoothing_s)
        self._weight = kept * self._weight + elapsed_s
        self._arrived = kept * self._arrived + measurement.arrived
        if measurement.busy_s or measurement.done:  # idleness says nothing of the service time
            kept = math.exp(-elapsed_s / (10 * self._smoothing_s))
            self._done = kept * self._done + measurement.done
            self._busy_s = kept * self._busy_s + measurement.busy_s

    @property
    def arrival_rate(self) -> float:
        """Events a second."""
        return self._arrived / self._weight

    @property
    def service_s(self) -> float:
        """Before the first event is done, how long it has taken so far."""
        return self._busy_s / self._done if self._done else self._busy_s


def _ceil(workers: float) -> int:
    return math.ceil(min(workers, 1e9) - 1e-9)


def _within(measurement: Measurement, workers: int) -> int:
    return min(max(workers, measurement.workers_min), measurement.workers_max)
