"""All tables of planted bugs of the library, by how their bugs are planted and caught."""

from __future__ import annotations

from mutants.engine_mutants import ENGINE_MUTANTS
from mutants.handle_mutants import HANDLE_MUTANTS
from mutants.journal_mutants import JOURNAL_MUTANTS
from mutants.order_mutants import ORDER_MUTANTS
from mutants.recorder_mutants import RECORDER_MUTANTS
from mutants.recovery_mutants import RECOVERY_MUTANTS
from mutants.replay_mutants import REPLAY_MUTANTS
from mutants.ring_mutants import RING_MUTANTS

BUILT = [*RING_MUTANTS, *HANDLE_MUTANTS, *ENGINE_MUTANTS]  # compiled anew, then found by a test
PLAIN = [*JOURNAL_MUTANTS, *RECOVERY_MUTANTS, *RECORDER_MUTANTS, *REPLAY_MUTANTS]  # as they are
SANITIZED = ORDER_MUTANTS  # compiled anew, then found by a sanitizer
