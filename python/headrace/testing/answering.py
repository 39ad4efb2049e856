"""A machine or a model as something that answers: one request in, one reply out."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.checking import Model
from headrace.checking.model import check_model
from headrace.compose import Pipeline
from headrace.errors import UsageError
from headrace.events import as_events
from headrace.machine import Machine
from headrace.reference.steps import apply_step, event_values, output_record


class Answering:
    """State and step of a machine, or of a model, behind one face.

    A machine's reply is None, one output as a tuple (a scalar where the output is one), or a list
    of them. Raises UsageError for what is neither.
    """

    def __init__(self, machine: Machine | Model) -> None:
        if isinstance(machine, Pipeline) or not isinstance(machine, Machine | Model):
            raise UsageError(f"a headrace.Machine or a headrace.Model is wanted, not {machine!r}")
        if isinstance(machine, Model):
            check_model(machine)
        self.machine = machine
        self.state = machine.initial()
        self._asked = 0

    def ask(self, request: Any) -> Any:
        """Take a request; its reply. Raises what the step raises, and nothing has changed then."""
        machine = self.machine
        if isinstance(machine, Model):
            self.state, reply = machine.step(self.state, request)
            return reply
        event = as_events(machine.event, request)
        if len(event) != 1:
            raise UsageError(f"a request is one event, and this is {len(event)}: {request!r}")
        values = event_values(event, machine.event, self._asked, 0)
        self.state, outputs = apply_step(machine, self.state, values)
        self._asked += 1
        return as_reply(machine, outputs)


def as_reply(machine: Machine, outputs: Any) -> Any:
    """What a step put out, as a caller sees it; records and arrays of them become tuples."""
    if outputs is None:
        return None
    if isinstance(outputs, np.ndarray) and outputs.ndim:
        outputs = list(outputs)
    if not isinstance(outputs, list):
        outputs = [outputs]
    if machine.output is None:
        return outputs or None
    replies = [output_record(one, machine.output).tolist()[0] for one in outputs]
    if len(replies) > 1:
        return replies
    return replies[0] if replies else None
