"""What simulated nodes play, whoever simulates them: numbers sent to and fro, counted and added up.

Ping-pong: two nodes and one number, which grows by one with each hop. Broadcast: a hub sends the
number of the round to all its leaves, which send it back; when all have, the next round begins. A
count is of delivered messages.
"""

from __future__ import annotations

PLAYERS = ("a", "b")
HUB = "hub"
LEAVES = tuple(f"leaf-{index}" for index in range(8))
PER_ROUND = 2 * len(LEAVES)
LATENCY_NS = (500_000, 1_500_000)  # this library's usual; where it can be chosen


def ping_pong_answer(count: int) -> tuple[int, int]:
    """How many messages both players have received, and their sum."""
    return count, count * (count - 1) // 2


def broadcast_answer(count: int) -> tuple[int, int, int, int]:
    """How many the hub has received, and their sum; the same of all leaves together."""
    rounds = count // PER_ROUND
    received, total = rounds * len(LEAVES), len(LEAVES) * rounds * (rounds - 1) // 2
    return received, total, received, total
