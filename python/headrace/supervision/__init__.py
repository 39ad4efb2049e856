"""Supervision trees: what dies is started again, in order, and not for ever.

The meaning is that of Erlang/OTP's `supervisor`. `Supervisor` and `Child` say what is supervised;
`core` is the tree as a pure state machine; `virtual` runs it in virtual time, `live` in threads and
processes.
"""

from headrace.supervision.exits import KILLED, NORMAL, SHUTDOWN, Exit
from headrace.supervision.spec import Child, Supervisor
from headrace.supervision.virtual import Happened, Script, VirtualTree

__all__ = [
    "KILLED",
    "NORMAL",
    "SHUTDOWN",
    "Child",
    "Exit",
    "Happened",
    "Script",
    "Supervisor",
    "VirtualTree",
]
