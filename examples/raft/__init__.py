"""A replicated store of keys and values: Raft, as in Ongaro's dissertation (2014).

Elections with random timeouts, replication of the log, snapshots, a client table for requests that
come again, and linearisable reads. Nodes survive crashes that lose or tear what was not synced, and
any network; not disks that lose what was synced.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import headrace as hr

from . import properties
from .messages import Append, Cas, Delete, Get, Put, Request
from .model import OneServer
from .node import Raft
from .schedules import FIGURE_3_7

MILLISECOND_NS = 1_000_000
COMMANDS = 12  # of each client


def commands(chance: random.Random) -> Iterator[Request]:
    """What a client asks for: few keys and few values, so that clients get in each other's way."""
    for _ in range(COMMANDS):
        key, value, expected = chance.choice("xy"), *chance.choices("abcdefgh", k=2)
        yield chance.choice(
            (
                Get(key),
                Get(key),
                Put(key, value),
                Append(key, value),
                Append(key, value),
                Cas(key, expected, value),
                Delete(key),
            )
        )


def system_of(count: int) -> hr.System:
    """So many nodes, called a, b, c, ..., and three clients."""
    client = hr.Client(
        commands,
        retry_ns=30 * MILLISECOND_NS,
        timeout_ns=150 * MILLISECOND_NS,
        think_ns=25 * MILLISECOND_NS,
    )
    return hr.System(
        dict.fromkeys("abcdefg"[:count], Raft()),
        dict.fromkeys(("client1", "client2", "client3"), client),
        always=[
            properties.election_safety,
            properties.log_matching,
            properties.leader_completeness,
            properties.committed_agree,
            properties.state_machine_safety,
        ],
        sometimes=[
            properties.a_leader_is_deposed,
            properties.entries_are_truncated,
            properties.a_snapshot_is_installed,
            properties.two_lead,
            properties.reads_wait_for_a_term,
        ],
        eventually=[properties.all_agree],
        model=OneServer(),
        name=f"raft{count}",
    )


# Everything that Raft is made for; in turns with more of what leads into narrow places.
CHAOS = hr.Chaos(
    crashes=6,
    full_disks=1,
    slow_disks=2,
    pauses=4,
    partitions=6,
    cuts=4,
    clogs=3,
    swizzles=2,
    storms=3,
    jumps=3,
    drifts=3,
    lasts_ns=(20 * MILLISECOND_NS, 200 * MILLISECOND_NS),
)
# Leaders that do not know that they are deposed.
PARTITIONS = hr.Chaos(
    partitions=20,
    clogs=4,
    jumps=4,
    drifts=2,
    lasts_ns=(60 * MILLISECOND_NS, 200 * MILLISECOND_NS),
)
# Short crashes, also of all nodes at a time, in the middle of writes and elections.
CRASHES = hr.Chaos(
    crashes=40,
    clogs=40,
    storms=10,
    lasts_ns=(MILLISECOND_NS, 20 * MILLISECOND_NS),
    budget=None,
)
# Messages of elections that come late, while those who have voted crash and vote again.
ELECTIONS = hr.Chaos(
    crashes=40,
    clogs=150,
    lasts_ns=(MILLISECOND_NS, 40 * MILLISECOND_NS),
    budget=None,
)
# More of both: nodes hardly ever get further than a few entries.
RESTARTS = hr.Chaos(
    crashes=80,
    clogs=300,
    lasts_ns=(MILLISECOND_NS, 30 * MILLISECOND_NS),
    budget=None,
)


def simulation_of(
    system: hr.System,
    chaos: tuple[hr.Chaos, ...] = (CHAOS, PARTITIONS, CRASHES),
    faults: tuple[hr.faults.Fault, ...] = (),
) -> hr.Simulation:
    """Half a second in which much goes wrong."""
    return hr.Simulation(
        system,
        chaos=chaos,
        faults=faults,
        faulty_ns=500 * MILLISECOND_NS,
        end_ns=2_500 * MILLISECOND_NS,
        inputs_max=8_000,
        sync_ns=(MILLISECOND_NS // 10, 3 * MILLISECOND_NS),
    )


system = system_of(3)
system_of_five = system_of(5)
simulation = simulation_of(system)
simulation_of_five = simulation_of(system_of_five)
elections = simulation_of(system, chaos=(ELECTIONS,))
restarts = simulation_of(system, chaos=(RESTARTS,))
figure_3_7 = simulation_of(system, chaos=(), faults=FIGURE_3_7)
