"""Supervision trees: what dies is started again, in order, and not for ever.

The meaning is that of Erlang/OTP's `supervisor`. `Supervisor` and `Child` say what is supervised;
`thread`, `process` and `closing` make their `start`, anything else that is `Running` will do.
`Supervisor.run()` gives a `Tree` that runs, `VirtualTree` one in virtual time, for tests.
"""

from headrace.supervision.exits import KILLED, NORMAL, SHUTDOWN, Exit
from headrace.supervision.info import ChildInfo, Count
from headrace.supervision.live import Tree
from headrace.supervision.processes import process
from headrace.supervision.running import IGNORE, Ending, Running
from headrace.supervision.spec import Child, Supervisor
from headrace.supervision.threads import closing, thread
from headrace.supervision.virtual import Happened, Script, VirtualTree

__all__ = [
    "IGNORE",
    "KILLED",
    "NORMAL",
    "SHUTDOWN",
    "Child",
    "ChildInfo",
    "Count",
    "Ending",
    "Exit",
    "Happened",
    "Running",
    "Script",
    "Supervisor",
    "Tree",
    "VirtualTree",
    "closing",
    "process",
    "thread",
]
