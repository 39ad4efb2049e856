"""A sequential specification of requests that are Python values: what one server would answer."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from headrace.checking.keys import state_key
from headrace.checking.specification import REFUSED
from headrace.engine.copying import copy_state
from headrace.errors import HeadraceError, OperationError, OutputError, UsageError


class Model:
    """What a system should look like from outside: subclass it.

        class Register(hr.Model):
            def initial(self):
                return None

            def step(self, state, request):
                if isinstance(request, Write):
                    return request.value, None
                return state, state

    A step may change its state in place. One that raises took no effect. `partition`, if it is
    defined, names the part of the state that a request touches; each part begins in the initial
    state, and is checked by itself, which is far quicker.
    """

    def initial(self) -> Any:
        """The state before the first request; a new one each time."""
        return None

    def step(self, state: Any, request: Any) -> tuple[Any, Any]:
        """The state after a request, and the reply."""
        raise NotImplementedError

    def partition(self, request: Any) -> Hashable:
        """The part that a request touches; None: there are no parts."""
        return None


def check_model(model: Model) -> None:
    """Raise UsageError for a model without a step: what raises there would pass for a refusal."""
    if type(model).step is Model.step:
        raise UsageError(
            f"model {type(model).__name__} has no step; define step(self, state, request), which "
            "returns (state, reply)"
        )


class ModelSpecification:
    """The states that a model can be brought into; see `Specification`, which it stands in for."""

    def __init__(self, model: Model) -> None:
        check_model(model)
        self.model = model
        self._states: list[Any] = []
        self._state_ids: dict[str | bytes, int] = {}
        self._steps: list[dict[int, tuple[int, int]]] = []  # by state, by input
        self._inputs: list[Any] = []
        self._input_ids: dict[str | bytes, int] = {}
        self._answer_ids: dict[str | bytes, int] = {}
        self.initial = self._state_id(model.initial())

    def input_id(self, index: int, value: Any) -> int:
        """The number of an input. Raises OperationError for one that cannot be kept."""
        try:
            key = state_key(value)
        except HeadraceError as error:
            raise OperationError(index, f"its input cannot be compared: {error}") from None
        number = self._input_ids.setdefault(key, len(self._inputs))
        if number == len(self._inputs):
            self._inputs.append(value)
        return number

    def expected_id(self, index: int, value: Any) -> int:
        """The number of an answer that a client got. Raises OperationError likewise."""
        try:
            return self._answer_id(value)
        except HeadraceError as error:
            raise OperationError(index, f"its output cannot be compared: {error}") from None

    def step(self, state: int, given: int) -> tuple[int, int]:
        """The numbers of the next state and the answer; REFUSED if the step raises."""
        row = self._steps[state]
        found = row.get(given)
        if found is None:
            try:
                after, reply = self._apply(state, given)
            except HeadraceError:
                raise
            except Exception:
                found = REFUSED
            else:
                found = self._state_id(after), self._answer_id(reply)
            row[given] = found
        return found

    def _apply(self, state: int, given: int) -> tuple[Any, Any]:
        result = self.model.step(copy_state(self._states[state]), self._inputs[given])
        if type(result) is not tuple or len(result) != 2:
            raise OutputError(
                f"a model's step returns (state, reply), and this one returned {result!r}"
            )
        return result

    def state(self, number: int) -> Any:
        """A copy of a state."""
        return copy_state(self._states[number])

    def told(self, state: int, given: int) -> str:
        """What the model does with an input in a state, for people."""
        try:
            _, reply = self._apply(state, given)
        except Exception as error:
            return f"the step raises {type(error).__name__}: {error}"
        return f"the answer is {reply!r}"

    def _state_id(self, state: Any) -> int:
        key = state_key(state)
        number = self._state_ids.get(key)
        if number is None:
            number = self._state_ids[key] = len(self._states)
            self._states.append(state)
            self._steps.append({})
        return number

    def _answer_id(self, reply: Any) -> int:
        return self._answer_ids.setdefault(state_key(reply), len(self._answer_ids))
