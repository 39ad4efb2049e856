"""headrace: a deterministic event engine.

A ring buffer in shared memory puts events into one order; state machines, `step(state, event) ->
(state, outputs)`, consume them in batches. Rings: `Ring`, `Producer`, `Consumer`, `wait`. Machines:
`machine`, `Machine`, `Native`, `Pipeline`. Running them: `Engine`, `DeadLetter`. What can go wrong:
`errors`. The definition of what is right: `headrace.reference`, and `headrace.testing` to hold
machines of your own to it.
"""

from headrace import errors, wait
from headrace._include import get_include
from headrace.compose import Pipeline
from headrace.machine import Machine, machine
from headrace.native import Native
from headrace.ringbuffer import Consumer, ConsumerInfo, Producer, Ring
from headrace.runtime import DeadLetter, Engine

__all__ = [
    "Consumer",
    "ConsumerInfo",
    "DeadLetter",
    "Engine",
    "Machine",
    "Native",
    "Pipeline",
    "Producer",
    "Ring",
    "errors",
    "get_include",
    "machine",
    "wait",
]
