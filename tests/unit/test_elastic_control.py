"""Controllers on virtual time: they settle, follow, and come back; broken ones are seen not to."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from headrace.elastic import (
    PID,
    Controller,
    Load,
    Measurement,
    Stage,
    constant,
    ramp,
    run,
    sine,
    spike,
    step,
)
from headrace.elastic import model as simulated
from headrace.errors import UsageError

STAGE = Stage()  # 25 ms an event, 1 to 16 workers
CAPACITY = 1 / STAGE.service_s  # events a second, of one worker
# As close to what n workers are wanted for as can be, and a little to both sides of it.
EDGES = [CAPACITY * 0.8 * n for n in (2, 4, 7)]

Record = np.ndarray[Any, Any]


def ripple(rate: float, share: float = 0.05, period_s: float = 3.0) -> Load:
    return lambda time_s: rate * (1 + share * math.sin(2 * math.pi * time_s / period_s))


def changes(record: Record) -> int:
    return int(np.count_nonzero(np.diff(record["wanted"])))


def turns(record: Record) -> int:
    """How often it turns from adding workers to retiring them or back."""
    steps = np.diff(record["wanted"])
    signs = np.sign(steps[steps != 0])
    return int(np.count_nonzero(np.diff(signs)))


def half(record: Record) -> Record:
    return record[len(record) // 2 :]


def after(record: Record, time_s: float) -> Record:
    return record[record["time_s"] >= time_s]


def settled(record: Record) -> bool:
    """In the second half: hardly a change, what comes is worked off, and not by too many."""
    second = half(record)
    busiest = second["load"].max()
    return bool(
        changes(second) <= 1
        and second["depth"].max() <= max(0.25 * busiest, 5)
        and second["wanted"].mean() <= busiest * STAGE.service_s / 0.8 + 1.5
    )


def recovered_s(record: Record, over_s: float, workers: int) -> float:
    """How long after an overload has been worked off it takes until there are few workers."""
    later = after(record, over_s)
    worked_off = later["time_s"][later["depth"] < 10][0]
    few = later["time_s"][(later["time_s"] >= worked_off) & (later["wanted"] <= workers)]
    return float(few[0] - worked_off) if len(few) else math.inf


class Unclamped(PID):
    """Adds up all that is wanting, whether it can be done or not."""

    def _integrate(self, off: float, elapsed_s: float, output: float, workers_max: int) -> None:
        self.integral += self.ki * off * elapsed_s


class Backwards(PID):
    """Has the sign wrong."""

    def decide(self, measurement: Measurement) -> int:
        wanted = super().decide(measurement)
        return measurement.workers_min + measurement.workers_max - wanted


def restless(**more: Any) -> PID:
    """Without hysteresis."""
    return PID(hysteresis=0, settle_s=0, rise_s=0, **more)


# -- constant load -------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [4, 40, 130, 200, 400])
def test_it_settles_under_a_constant_load(rate: float) -> None:
    record = run(PID(), constant(rate), 60)
    assert settled(record)
    needed = rate * STAGE.service_s
    assert half(record)["wanted"].mean() >= needed
    assert turns(record) <= 1  # it may take too many while the first ones start


@pytest.mark.parametrize("rate", EDGES)
@pytest.mark.parametrize("period_s", [0.7, 3.0])
def test_it_does_not_oscillate_at_the_edge_of_a_workers_capacity(
    rate: float, period_s: float
) -> None:
    record = run(PID(), ripple(rate, period_s=period_s), 60)
    assert settled(record)


def test_what_is_broken_does_not_settle() -> None:
    assert not settled(run(restless(), ripple(EDGES[1]), 60))
    assert not settled(run(Backwards(feed_forward=False), constant(200), 60))


def test_without_feed_forward_it_holds_the_depth_but_searches_for_the_number() -> None:
    record = run(PID(feed_forward=False), constant(200), 90)
    second = half(record)
    assert set(second["wanted"]) <= {5, 6, 7}
    assert second["depth"].max() < 100
    assert changes(second) <= 8


@pytest.mark.parametrize("service_s", [0.004, 0.3])
def test_the_defaults_suit_any_service_time(service_s: float) -> None:
    stage = replace(STAGE, service_s=service_s)
    seconds = 20 if service_s < 0.01 else 90
    record = run(PID(), constant(5 / service_s), seconds, stage)
    assert changes(half(record)) <= 1
    assert set(half(record)["wanted"]) <= {6, 7, 8}


# -- loads that change ---------------------------------------------------------------------------


def follows(record: Record) -> bool:
    """Workers go with the load, up and down, and little waits."""
    second = half(record)
    needed = second["load"] * STAGE.service_s
    lag = round(STAGE.interval_s * 4 / STAGE.interval_s)
    enough = second["workers"][lag:] >= needed[:-lag] - 1
    idle = second["wanted"].mean() - needed.mean()
    return bool(
        enough.mean() > 0.95 and idle < 4 and second["depth"].max() < 100 and turns(second) <= 3
    )


def test_it_follows_a_sine() -> None:
    record = run(PID(), sine(0, 400, 40), 80)
    assert follows(record)
    assert half(record)["wanted"].min() <= 2
    assert half(record)["wanted"].max() in range(11, 16)
    assert half(record)["delay_s"].max() < 2


def test_what_is_broken_does_not_follow() -> None:
    assert not follows(run(Backwards(), sine(0, 400, 40), 80))
    assert not follows(run(restless(kp=5, ki=5), sine(0, 400, 40), 80))


def test_a_step_and_a_ramp() -> None:
    up = run(PID(), step(40, 300, 20), 60)
    assert settled(up)
    assert after(up, 30)["depth"].max() < 100  # ten seconds later it is worked off
    along = run(PID(), ramp(40, 300, 10, 40), 60)
    assert along["depth"][20:].max() < 60
    assert turns(along) <= 1


def test_no_wind_up_after_a_long_overload() -> None:
    overload = spike(100, 1000, 5, 25)  # for 20 s half as much again as 16 workers can do
    within_s = 15
    record = run(PID(), overload, 100)
    assert record["wanted"].max() == 16
    assert recovered_s(record, 25, 5) < within_s
    assert settled(record)
    wound_up = run(Unclamped(), overload, 100)
    assert recovered_s(wound_up, 25, 8) > within_s


def test_down_to_the_least_when_idle() -> None:
    for least in (1, 3):
        stage = replace(STAGE, workers_min=least)
        record = run(PID(), step(300, 0, 20), 60, stage)
        assert record["wanted"].max() > 9
        assert after(record, 40)["wanted"].max() == least
        assert record["depth"][-1] == 0


def test_never_outside_of_its_limits() -> None:
    stage = replace(STAGE, workers_min=2, workers_max=6)
    for load in (constant(0), constant(1000), sine(0, 400, 10)):
        record = run(PID(), load, 10, stage)
        assert (record["wanted"] >= 2).all()
        assert (record["wanted"] <= 6).all()

    class Wild:
        def decide(self, measurement: Measurement) -> int:
            return -5 if measurement.time_s % 2 < 1 else 500

    wild = Wild()
    assert isinstance(wild, Controller)
    record = run(wild, constant(100), 30, stage)
    assert set(record["wanted"]) == {2, 6}


def test_rates_of_change_are_bounded() -> None:
    record = run(PID(), spike(4, 4000, 5, 10), 120, replace(STAGE, workers_max=64))
    wanted = record["wanted"].astype(float)
    assert (wanted[1:] <= 2 * wanted[:-1]).all()  # at most twice as many
    assert (wanted[1:] >= np.floor(wanted[:-1] / 2)).all()  # at least half
    rises = record["time_s"][1:][np.diff(wanted) > 0]
    assert (np.diff(rises) >= 0.5).all()


# -- the controller by itself --------------------------------------------------------------------


def measured(time_s: float, depth: int = 0, **more: Any) -> Measurement:
    values = {"arrived": 10, "done": 10, "busy_s": 0.5, "workers": 4, "workers_min": 1}
    return Measurement(time_s=time_s, depth=depth, workers_max=32, **{**values, **more})


def test_the_first_measurement_says_nothing_yet() -> None:
    pid = PID()
    assert pid.decide(measured(5.0, 1000)) == 4
    assert pid.decide(measured(5.0, 1000)) == 4  # no time has passed
    assert pid.decide(measured(5.5, 1000)) == 8


def outputs(pid: PID, depths: list[int], **more: Any) -> list[float]:
    found: list[float] = []
    whole = pid._whole

    def seen(measurement: Measurement, output: float) -> int:
        found.append(output)
        return whole(measurement, output)

    pid._whole = seen  # type: ignore[method-assign]
    for at, depth in enumerate(depths):
        pid.decide(measured(float(at), depth, **more))
    return found


def test_each_of_its_parts() -> None:
    # 10 events a second of 50 ms: 0.625 workers at a utilisation of 0.8.
    assert outputs(PID(kp=0, ki=0), [0, 0, 50]) == pytest.approx([0.625, 0.625])
    # Two events a worker may wait, that is 8; 48 are 40 x 50 ms of work too many.
    proportional = outputs(PID(kp=0.5, ki=0), [0, 8, 48, 0])
    assert proportional == pytest.approx([0.625, 1.625, 0.625], abs=1e-6)
    integral = outputs(PID(kp=0, ki=0.1), [0, 48, 48, 48, 0, 0, 0, 0, 0])
    assert integral == pytest.approx([0.725, 0.825, 0.925, 0.825, 0.725, 0.625, 0.625, 0.625])
    derivative = outputs(PID(kp=0, ki=0, kd=0.5), [0, 48, 48, 0])
    assert derivative == pytest.approx([1.625, 0.625, -0.375])


def test_a_service_time_that_nobody_knows_yet() -> None:
    pid = PID()
    stuck = [measured(float(at), 50, done=0, busy_s=4.0) for at in range(4)]
    assert [pid.decide(one) for one in stuck] == [4, 8, 8, 8]  # `workers` stays at 4 here
    idle = PID()
    nothing = [measured(float(at), arrived=0, done=0, busy_s=0) for at in range(9)]
    assert [idle.decide(one) for one in nothing][-1] == 2  # half of the 4


@pytest.mark.parametrize(
    "wrong",
    [{"kp": -1}, {"setpoint_s": 0}, {"utilisation": 0}, {"utilisation": 1.1}, {"settle_s": -1},
     {"ki": math.nan}, {"smoothing_s": 0}],
    ids=str,
)  # fmt: skip
def test_parameters_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="cannot be negative"):
        PID(**wrong)  # type: ignore[arg-type]


# -- the model -----------------------------------------------------------------------------------


def test_the_same_run_gives_the_same_record() -> None:
    first, second = (run(PID(), sine(0, 300, 20), 20) for _ in range(2))
    assert first.tobytes() == second.tobytes()


class Watched(simulated._Model):
    """Tells which partition each event was of, in the order in which they were served."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.served: list[int] = []

    def _take(self, number: int, worker: Any) -> bool:
        taken = super()._take(number, worker)
        if taken:
            self.served.append(worker.hand)
            held = [one.hand for one in self.workers.values() if one.hand is not None]
            assert len(held) == len(set(held)), "a partition is served by two workers"
        return taken


class Fixed:
    """Always the same number."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.at = 0

    def decide(self, measurement: Measurement) -> int:
        self.at += 1
        return self.numbers[self.at // 8 % len(self.numbers)]


def test_the_model_does_what_queueing_theory_says() -> None:
    record = run(Fixed(4), constant(80), 40)
    assert half(record)["done"].sum() == pytest.approx(80 * 20, abs=2)
    assert (half(record)["workers"] == 4).all()
    over = run(Fixed(4), constant(200), 40)  # 40 a second more than 4 workers can do
    assert half(over)["done"].sum() == pytest.approx(160 * 20, abs=4)
    assert np.diff(half(over)["depth"])[-8:].mean() == pytest.approx(40 * STAGE.interval_s, abs=1)
    # What waits, waits evenly but for what `rebalance` tolerates.
    assert 0.9 < over["delay_s"][-1] / (over["depth"][-1] / 160) < 1.4


def test_a_retired_worker_finishes_what_it_holds() -> None:
    stage = replace(STAGE, service_s=0.4, hand_over_s=0.1)
    load = step(8, 0, 15)
    model = simulated._Model(stage)
    controller = Fixed(8, 2, 5, 1)
    done: list[int] = []
    while model.finished < 120 and model.now_s < 100:
        model.run_interval(load)
        done.append(model.measured().done)
        model.want(controller.decide(model.measured()))
        model.begin_interval()
        holding = sum(worker.hand is not None for worker in model.workers.values())
        waiting = sum(map(len, model.queues))
        assert model.arrived == model.finished + holding + waiting
        assert model.arrived - model.taken == waiting
        owners = set(model.assignment.owners)
        assert owners <= {at for at, worker in model.workers.items() if not worker.retiring}
    assert model.finished == model.arrived == sum(done)


def test_events_of_a_key_stay_in_order_and_no_two_are_served_at_once() -> None:
    stage = replace(STAGE, service_s=0.13, key_of=lambda numbers: numbers % 8, interval_s=0.1)
    model = Watched(stage)
    controller = Fixed(1, 6, 2)
    for _ in range(300):
        model.run_interval(constant(30))
        model.want(controller.decide(model.measured()))
        model.begin_interval()
    assert len(model.served) == model.taken > 300
    assert len(set(model.served)) >= 6


def test_a_partition_that_moves_pauses_and_no_other() -> None:
    model = Watched(replace(STAGE, hand_over_s=3.0, start_s=0.0))
    model.run_interval(constant(30))
    model.want(2)
    model.run_interval(constant(30))
    moving = set(model.moving)
    assert moving
    before = len(model.served)
    for _ in range(11):  # the pause ends with the twelfth interval
        model.run_interval(constant(30))
        assert set(model.moving) == moving
    during = model.served[before:]
    assert not moving & set(during)
    waits = sum(len(model.queues[at]) for at in moving)
    assert len(during) + waits == pytest.approx(30 * 11 / 4, abs=3)
    model.run_interval(constant(30))
    model.run_interval(constant(30))
    assert moving & set(model.served)


@pytest.mark.parametrize("wrong", [{"service_s": 0}, {"interval_s": 0}, {"workers_min": 0},
                                   {"workers_min": 5, "workers_max": 4}], ids=str)  # fmt: skip
def test_stages_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Stage(**wrong)
