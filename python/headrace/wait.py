"""Wait strategies: what a producer or consumer does while nothing is available."""

from headrace.ringbuffer import Backoff, Block, BusySpin, WaitStrategy, Yield

__all__ = ["Backoff", "Block", "BusySpin", "WaitStrategy", "Yield"]
