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

import lazy_loader as _lazy_loader

# `__init__.pyi` says where each name comes from. A room is imported when one of its names is first
# used, so that a process that needs a ring does not wait for the simulator.
__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)

from headrace import compose as _compose  # noqa: E402, F401 - machines get their `>>` from it
