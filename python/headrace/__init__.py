"""headrace: a deterministic event engine.

A ring buffer in shared memory puts events into one order; state machines, `step(state, event) ->
(state, outputs)`, consume them in batches. Rings: `Ring`, `Producer`, `Consumer`, `wait`. Machines:
`machine`, `Machine`, `Native`, `Pipeline`. Running them: `Engine`, `DeadLetter`. Keeping their
inputs: `Journal`; going back in time: `replay`, `History`. Checking what clients saw: `Operation`,
`linearizable`, `sequentially_consistent`, `list_anomalies`. What can go wrong: `errors`. The
definition of what is right: `headrace.reference`, and `headrace.testing` to hold machines of your
own to it.
"""

from headrace import errors, wait
from headrace._include import get_include
from headrace.checking import Operation, linearizable, list_anomalies, sequentially_consistent
from headrace.compose import Pipeline
from headrace.journal import Journal
from headrace.machine import Machine, machine
from headrace.native import Native
from headrace.replay import Branch, Change, History, Moment, Replay, replay
from headrace.ringbuffer import Consumer, ConsumerInfo, Producer, Ring
from headrace.runtime import DeadLetter, Engine

__all__ = [
    "Branch",
    "Change",
    "Consumer",
    "ConsumerInfo",
    "DeadLetter",
    "Engine",
    "History",
    "Journal",
    "Machine",
    "Moment",
    "Native",
    "Operation",
    "Pipeline",
    "Producer",
    "Replay",
    "Ring",
    "errors",
    "get_include",
    "linearizable",
    "list_anomalies",
    "machine",
    "replay",
    "sequentially_consistent",
    "wait",
]
