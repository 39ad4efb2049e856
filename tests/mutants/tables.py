"""All tables of planted bugs of the library, by how their bugs are planted and caught."""

from __future__ import annotations

from mutants.board_mutants import BOARD_BUILT, BOARD_MUTANTS
from mutants.checking_mutants import CHECKING_BUILT_MUTANTS, CHECKING_MUTANTS
from mutants.death_mutants import DEATH_MUTANTS
from mutants.elastic_mutants import ELASTIC_MUTANTS
from mutants.engine_mutants import ENGINE_MUTANTS
from mutants.exploring_mutants import EXPLORING_BUILT, EXPLORING_MUTANTS
from mutants.handle_mutants import HANDLE_MUTANTS
from mutants.journal_mutants import JOURNAL_MUTANTS
from mutants.order_mutants import ORDER_MUTANTS
from mutants.recorder_mutants import RECORDER_MUTANTS
from mutants.recovery_mutants import RECOVERY_MUTANTS
from mutants.replay_mutants import REPLAY_MUTANTS
from mutants.ring_mutants import RING_MUTANTS
from mutants.simulation_mutants import SIMULATION_BUILT, SIMULATION_MUTANTS
from mutants.supervision_mutants import SUPERVISION_MUTANTS
from mutants.topology_mutants import TOPOLOGY_MUTANTS

# Compiled anew, then found by a test.
BUILT = [
    *RING_MUTANTS,
    *HANDLE_MUTANTS,
    *DEATH_MUTANTS,
    *ENGINE_MUTANTS,
    *BOARD_BUILT,
    *EXPLORING_BUILT,
    *CHECKING_BUILT_MUTANTS,
    *SIMULATION_BUILT,
]
# As they are.
PLAIN = [
    *JOURNAL_MUTANTS,
    *RECOVERY_MUTANTS,
    *RECORDER_MUTANTS,
    *REPLAY_MUTANTS,
    *EXPLORING_MUTANTS,
    *CHECKING_MUTANTS,
    *SIMULATION_MUTANTS,
    *SUPERVISION_MUTANTS,
    *BOARD_MUTANTS,
    *ELASTIC_MUTANTS,
    *TOPOLOGY_MUTANTS,
]
SANITIZED = ORDER_MUTANTS  # compiled anew, then found by a sanitizer
