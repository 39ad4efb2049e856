"""Systems: machines that talk to each other; whoever runs them carries out their effects."""

from headrace.engine.effects import Effect, cancel, persist, postpone, reply, request, send, timer
from headrace.system import on
from headrace.system.client import Asked, Client, Redirect, Refused
from headrace.system.durable import Durable
from headrace.system.node import Caller, Input, Node
from headrace.system.system import System, View

__all__ = [
    "Asked",
    "Caller",
    "Client",
    "Durable",
    "Effect",
    "Input",
    "Node",
    "Redirect",
    "Refused",
    "System",
    "View",
    "cancel",
    "on",
    "persist",
    "postpone",
    "reply",
    "request",
    "send",
    "timer",
]
