"""headrace: a deterministic event engine.

A ring buffer in shared memory puts events into one order; state machines, `step(state, event) ->
(state, outputs)`, consume them in batches. Rings: `Ring`, `Producer`, `Consumer`, `wait`.
Machines: `machine`, `Machine`, `Native`; put together: `>>`, `chain`, `shard`, `elastic`,
`fanout`, `draw`. Running them: `Engine`, `DeadLetter`. Keeping their inputs: `Journal`, and what
failed: `DeadLetters`; going back in time: `replay`, `History`. Keeping all of it alive:
`Supervisor`, `Child`, and `headrace.supervision`. Systems of machines that talk to each other:
`System`, `Node`, `on`, and the effects `send`, `reply`, `timer`, `cancel`, `persist`, `postpone`;
in a simulated world: `Simulation`, `Chaos`, `faults`; live: `connect`, and `headrace.live`; every
state that they can reach: `explore`. Checking what clients saw: `Operation`, `linearizable`,
`sequentially_consistent`, `list_anomalies`. What can go wrong: `errors`. The definition of what is
right: `headrace.reference`, and `headrace.testing` to hold machines of your own to it.
"""

from headrace import errors, wait
from headrace._include import get_include
from headrace.checking import (
    Model,
    Operation,
    linearizable,
    list_anomalies,
    sequentially_consistent,
)
from headrace.compose import (
    Chain,
    Elastic,
    Fanout,
    Pipeline,
    Shard,
    Topology,
    chain,
    draw,
    fanout,
    shard,
)
from headrace.elastic import elastic
from headrace.exploring import Exploration, explore
from headrace.journal import DeadLetters, Journal
from headrace.live import connect
from headrace.machine import Machine, machine
from headrace.native import Native
from headrace.replay import Branch, Change, History, Moment, Replay, replay
from headrace.ringbuffer import Consumer, ConsumerInfo, Producer, Ring
from headrace.runtime import DeadLetter, Engine
from headrace.simulation import (
    Chaos,
    Delay,
    Network,
    Plan,
    Profile,
    Run,
    Simulation,
    faults,
    shrink,
)
from headrace.supervision import Child, Supervisor
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
    "Chain",
    "Change",
    "Chaos",
    "Child",
    "Client",
    "Consumer",
    "ConsumerInfo",
    "DeadLetter",
    "DeadLetters",
    "Delay",
    "Durable",
    "Effect",
    "Elastic",
    "Engine",
    "Exploration",
    "Fanout",
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
    "Profile",
    "Redirect",
    "Refused",
    "Replay",
    "Ring",
    "Run",
    "Shard",
    "Simulation",
    "Supervisor",
    "System",
    "Topology",
    "View",
    "cancel",
    "chain",
    "connect",
    "draw",
    "elastic",
    "errors",
    "explore",
    "fanout",
    "faults",
    "get_include",
    "linearizable",
    "list_anomalies",
    "machine",
    "on",
    "persist",
    "postpone",
    "replay",
    "reply",
    "request",
    "send",
    "sequentially_consistent",
    "shard",
    "shrink",
    "timer",
    "wait",
]
