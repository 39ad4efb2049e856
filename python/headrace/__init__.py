"""headrace: a deterministic event engine.

A ring buffer in shared memory puts events into one order; state machines, `step(state, event) ->
(state, outputs)`, consume them in batches. Rings: `Ring`, `Producer`, `Consumer`, `wait`. Machines:
`machine`, `Machine`, `Native`, `Pipeline`. Running them: `Engine`, `DeadLetter`. Keeping their
inputs: `Journal`; going back in time: `replay`, `History`. Systems of machines that talk to each
other: `System`, `Node`, `on`, and the effects `send`, `reply`, `timer`, `cancel`, `persist`,
`postpone`; in a simulated world: `Simulation`, `Chaos`, `faults`. Checking what clients saw:
`Operation`, `linearizable`. What can go wrong: `errors`. The definition of what is right:
`headrace.reference`, and `headrace.testing` to hold machines of your own to it.
"""

from headrace import errors, wait
from headrace._include import get_include
from headrace.checking import Model, Operation, linearizable
from headrace.compose import Pipeline
from headrace.journal import Journal
from headrace.machine import Machine, machine
from headrace.native import Native
from headrace.replay import Branch, Change, History, Moment, Replay, replay
from headrace.ringbuffer import Consumer, ConsumerInfo, Producer, Ring
from headrace.runtime import DeadLetter, Engine
from headrace.simulation import Chaos, Delay, Network, Plan, Run, Simulation, faults, shrink
from headrace.system import (
    Caller,
    Client,
    Durable,
    Effect,
    Node,
    Redirect,
    Refused,
    System,
    View,
    cancel,
    on,
    persist,
    postpone,
    reply,
    request,
    send,
    timer,
)

__all__ = [
    "Branch",
    "Caller",
    "Change",
    "Chaos",
    "Client",
    "Consumer",
    "ConsumerInfo",
    "DeadLetter",
    "Delay",
    "Durable",
    "Effect",
    "Engine",
    "History",
    "Journal",
    "Machine",
    "Model",
    "Moment",
    "Native",
    "Network",
    "Node",
    "Operation",
    "Pipeline",
    "Plan",
    "Producer",
    "Redirect",
    "Refused",
    "Replay",
    "Ring",
    "Run",
    "Simulation",
    "System",
    "View",
    "cancel",
    "errors",
    "faults",
    "get_include",
    "linearizable",
    "machine",
    "on",
    "persist",
    "postpone",
    "replay",
    "reply",
    "request",
    "send",
    "shrink",
    "timer",
    "wait",
]
