"""Machines: values that hold an initial state and a pure step.

    @hr.machine(event=TRADE, output=ALERT, initial=dict)
    def watch(state, symbol, price):
        return state, None

A step is `step(state, event) -> (state, outputs)`, or names the fields it wants instead of the
event, which is faster. Outputs are None, one record (a tuple in the order of the fields), or a list
of records. A machine may also step over whole batches with NumPy, and by a native function; the
three must mean the same, which `headrace.testing.check_machine` checks.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from headrace.errors import MachineError
from headrace.events import RESERVED_FIELDS, Dtype, as_event_dtype, as_output_dtype
from headrace.native import Native

Step = Callable[..., tuple[Any, Any]]

NAME_BYTES_MAX = 64  # of a consumer's name in a ring, which a machine's name becomes

_EVENT = "event"  # the parameter name that asks for the whole event


class Machine:
    """A state machine: subclass it, or decorate a step function with `machine`.

    A subclass sets `event` (the dtype of its events), `output` (the dtype of its outputs; None: it
    has none), and defines `initial(self)` and `step(self, state, ...)`; optionally
    `step_batch(self, state, events) -> (state, outputs)` and `native = Native(...)`; optionally
    `name` (at most 64 bytes), `version`, and `classes`, those that its states hold and that neither
    its module nor the annotations of the initial state know of, for snapshots; and
    `describe(self, event)`, an event in words, for the debugger. It is checked when it is made.
    Raises MachineError, DtypeError.

    A step must depend on nothing but its arguments and change nothing but the state: no clock, no
    randomness, no I/O. Immutable once made, so usable from any thread.
    """

    event: Any = None
    output: Any = None
    name: str = ""
    version: int = 1
    step: Any = None
    step_batch: Any = None
    native: Native | None = None
    classes: tuple[Any, ...] = ()
    describe: Any = None

    # Set by headrace.compose, which knows machines; machines do not know it.
    _sequence_with: ClassVar[Callable[[Any, Any], Any]]

    def __init__(self) -> None:
        self.name = type(self).__name__ if self.name in ("", None) else self.name
        where = f"machine {self.name!r} ({self.source})"
        _check_name(self.name, where)
        if self.event is None:
            raise MachineError(f"{where} has no event dtype; set event=np.dtype([...])")
        self.event: Dtype = as_event_dtype(self.event)
        self.output: Dtype | None = None if self.output is None else as_output_dtype(self.output)
        if not callable(self.step):
            raise MachineError(f"{where} has no step; define step(self, state, event)")
        if self.step_batch is not None and not callable(self.step_batch):
            raise MachineError(f"{where}: step_batch is {self.step_batch!r}, not a function")
        if self.native is not None and not isinstance(self.native, Native):
            raise MachineError(
                f"{where}: native is {self.native!r}; wrap the function: headrace.Native(step=...)"
            )
        if not isinstance(self.version, int) or isinstance(self.version, bool):
            raise MachineError(f"{where}: version is {self.version!r}, not an integer")
        self.parameters: tuple[str, ...] | None = _parameters(self.step, self.event, where)

    def initial(self) -> Any:
        """The state before the first event; a new one each time."""
        raise MachineError(f"machine {self.name!r} ({self.source}) has no initial(self)")

    @property
    def source(self) -> str:
        """Where the step is written: file:line, as far as that can be told."""
        return _source(self.step if self.step is not None else type(self))

    def __rshift__(self, other: Any) -> Any:
        return Machine._sequence_with(self, other)

    def __repr__(self) -> str:
        return f"<Machine {self.name} version {self.version} ({self.source})>"


class _FunctionMachine(Machine):
    """A machine made of a function by the decorator; still callable as that function."""

    def __init__(
        self,
        function: Step,
        *,
        event: Any,
        output: Any,
        initial: Callable[[], Any],
        name: str | None,
        version: int,
        step_batch: Step | None,
        native: Native | None,
    ) -> None:
        self.step = function
        self.event = event
        self.output = output
        own_name = str(getattr(function, "__name__", type(function).__name__))
        self.name = own_name if name in ("", None) else name
        self.version = version
        self.step_batch = step_batch
        self.native = native
        self._initial = initial
        self.__doc__ = function.__doc__
        super().__init__()
        if not callable(initial):
            raise MachineError(
                f"machine {self.name!r} ({self.source}): initial is {initial!r}; give a function "
                "that makes a new state each time: initial=dict, or initial=lambda: 0"
            )

    def initial(self) -> Any:
        return self._initial()

    def __call__(self, *arguments: Any, **named: Any) -> tuple[Any, Any]:
        result: tuple[Any, Any] = self.step(*arguments, **named)
        return result

    def __copy__(self) -> _FunctionMachine:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: Any) -> _FunctionMachine:
        return self  # nothing in it changes

    def __reduce__(self) -> Any:
        """By name, as functions are: another process imports it."""
        module, name = self.step.__module__, getattr(self.step, "__qualname__", self.name)
        if _found(module, name) is not self:
            raise MachineError(
                f"machine {self.name!r} ({self.source}) cannot be sent to another process: it is "
                f"not what {module}:{name} names; define it at the top of a module, under its "
                "function's name, or start processes by fork (start_method='fork')"
            )
        return _found, (module, name)


def _found(module: str, name: str) -> Any:
    """What a dotted name in a module names; None if nothing."""
    try:
        thing: Any = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError):
        return None
    return thing


def machine(
    *,
    event: Any,
    initial: Callable[[], Any],
    output: Any = None,
    name: str | None = None,
    version: int = 1,
    step_batch: Step | None = None,
    native: Native | None = None,
) -> Callable[[Step], Machine]:
    """Decorate a step function to make a `Machine` of it.

    `event`, `output`: NumPy dtypes (no `output`: the step's second result is always None).
    `initial`: called without arguments for each new state. `step_batch(state, events)` and
    `native`: further forms of the same step. Raises MachineError, DtypeError.
    """

    def decorate(function: Step) -> Machine:
        return _FunctionMachine(
            function,
            event=event,
            output=output,
            initial=initial,
            name=name,
            version=version,
            step_batch=step_batch,
            native=native,
        )

    return decorate


def _check_name(name: Any, where: str) -> None:
    """A machine's stage consumes under its name, so a ring must be able to hold it."""
    if not isinstance(name, str) or "\0" in name:
        raise MachineError(f"{where}: a name is a text without NUL, not {name!r}")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise MachineError(f"{where}: the name is no valid text (a lone surrogate)") from None
    if length > NAME_BYTES_MAX:
        raise MachineError(
            f"{where}: the name has {length} bytes, and {NAME_BYTES_MAX} is the limit; give it a "
            "shorter one: name='...'"
        )


def _parameters(step: Step, event: Dtype, where: str) -> tuple[str, ...] | None:
    """The fields that the step names, or None if it takes the event; checked against the dtype."""
    try:
        found = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        return None  # no signature to read (a builtin): it takes the event
    kinds = {parameter.kind for parameter in found}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        raise MachineError(f"{where}: the step has *args or **kwargs; name what it takes")
    wanted = [parameter.name for parameter in found[1:]]
    if not wanted:
        raise MachineError(
            f"{where}: the step takes {len(found)} argument(s); it must take the state, and the "
            "event or names of its fields"
        )
    fields = tuple(event.names or ("value",))
    if wanted == [_EVENT] and _EVENT not in fields:
        return None
    for name in wanted:
        if name not in fields and name not in RESERVED_FIELDS:
            known = {*fields, *RESERVED_FIELDS, _EVENT} - {name}
            near = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MachineError(
                f"{where}: the step's parameter {name!r} is no field of its event; it has "
                f"{', '.join(fields)} (and sequence, time_ns){hint}"
            )
    for parameter in found:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            raise MachineError(f"{where}: parameter {parameter.name!r} is keyword-only; drop the *")
    return tuple(wanted)


def _source(thing: Any) -> str:
    function = inspect.unwrap(getattr(thing, "__func__", thing))
    code = getattr(function, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    return getattr(function, "__qualname__", repr(function))


def is_fixed(state: Any) -> bool:
    """Whether a state is a fixed-layout array, as native steps need it."""
    return isinstance(state, np.ndarray) and not state.dtype.hasobject
