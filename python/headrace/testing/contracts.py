"""Contracts: the same commands to a machine and to what it is a model of, and the same replies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from headrace.checking import Model
from headrace.errors import ContractBroken, UsageError
from headrace.events import Dtype
from headrace.machine import Machine
from headrace.state import difference, steady_repr
from headrace.testing.answering import Answering, as_reply

Real = Callable[[Any], Any]


def contract(
    machine: Machine | Model,
    real: Callable[[], Real | AbstractContextManager[Real]],
    *,
    commands: Any = None,
    examples: int = 100,
    length_max: int = 20,
) -> int:
    """Run generated commands against both, and compare each reply; how many were made.

    `real` makes a new real thing, in its first state: a function of a request, or a context manager
    that gives one. `commands`: a Hypothesis strategy of requests; for a machine it may be left out,
    and is then made of its event dtype. A step of the machine that raises means that the real thing
    has to raise as well, whatever it raises.

    Raises ContractBroken with the shortest list of commands found at whose end the two part. Needs
    the extra headrace[testing]. Blocks.
    """
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    if commands is None:
        if not isinstance(machine, Machine):
            raise UsageError("contract: give commands=, a Hypothesis strategy of requests")
        commands = events_of(machine.event)
    made = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(commands, max_size=length_max))
    def compare(requests: list[Any]) -> None:
        nonlocal made
        model = Answering(machine)
        thing = real()
        context = thing if isinstance(thing, AbstractContextManager) else nullcontext(thing)
        with context as ask:
            for place, request in enumerate(requests):
                made += 1
                wanted, found = _reply(model.ask, request), _reply(ask, request)
                apart = _apart(machine, wanted, found)
                if apart is not None:
                    raise ContractBroken(_told(requests[: place + 1], apart))

    compare()
    return made


def events_of(dtype: Dtype) -> Any:
    """A Hypothesis strategy of the events of a dtype, as tuples in the order of its fields."""
    from hypothesis.extra.numpy import from_dtype

    return from_dtype(dtype).map(lambda value: np.array([value], dtype).tolist()[0])


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __str__(self) -> str:
        return f"raises {type(self.error).__name__}: {self.error}"


def _reply(ask: Real, request: Any) -> Any:
    try:
        return ask(request)
    except Exception as error:
        return _Raised(error)


def _apart(machine: Machine | Model, wanted: Any, found: Any) -> str | None:
    if isinstance(wanted, _Raised) or isinstance(found, _Raised):
        if type(wanted) is type(found):
            return None
        return f"the model {_shown(wanted)}, and the real one {_shown(found)}"
    if isinstance(machine, Machine):
        try:
            found = as_reply(machine, found)
        except Exception as error:
            return f"the real one answers what is no output of the machine: {error}"
    apart = difference(wanted, found, "reply")
    return None if apart is None else f"{apart} (of the model, and of the real one)"


def _shown(reply: Any) -> str:
    return str(reply) if isinstance(reply, _Raised) else f"answers {steady_repr(reply)}"


def _told(requests: list[Any], apart: str) -> str:
    commands = "\n".join(f"    {steady_repr(request)}" for request in requests)
    return f"behind these {len(requests)} commands the two part: {apart}\n{commands}"
