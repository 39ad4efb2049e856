"""The ring buffer: bytes and sequences in shared memory."""

from headrace.ringbuffer import errors
from headrace.ringbuffer.consumer import Consumer, StaleViewWarning
from headrace.ringbuffer.producer import Claim, Producer
from headrace.ringbuffer.registry import RingInfo, list_rings, remove_ring
from headrace.ringbuffer.ring import ConsumerInfo, ProducerInfo, Ring
from headrace.ringbuffer.waiting import Backoff, Block, BusySpin, WaitStrategy, Yield

__all__ = [
    "Backoff",
    "Block",
    "BusySpin",
    "Claim",
    "Consumer",
    "ConsumerInfo",
    "Producer",
    "ProducerInfo",
    "Ring",
    "RingInfo",
    "StaleViewWarning",
    "WaitStrategy",
    "Yield",
    "errors",
    "list_rings",
    "remove_ring",
]
