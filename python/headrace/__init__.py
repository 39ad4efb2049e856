"""headrace: a deterministic event engine."""

from headrace import wait
from headrace._include import get_include
from headrace.ringbuffer import Consumer, ConsumerInfo, Producer, Ring

__all__ = ["Consumer", "ConsumerInfo", "Producer", "Ring", "get_include", "wait"]
