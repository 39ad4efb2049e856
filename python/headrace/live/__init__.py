"""Systems live: the nodes that run in a simulated world, as processes over sockets."""

from headrace.live.address import TLS, Address
from headrace.live.client import AsyncClient, Connection, connect
from headrace.live.limits import Limits
from headrace.live.server import Server

__all__ = ["TLS", "Address", "AsyncClient", "Connection", "Limits", "Server", "connect"]
