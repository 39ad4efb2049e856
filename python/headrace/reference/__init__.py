"""What is right: the ring and the engine in plain, slow, obvious Python.

The ring (`sequencer`, `barrier`, `membership`, `parking`) is written as generators that yield one
atomic action each, so that `explore` can try every interleaving of small configurations under the
memory model of `views`, and `ring` can run them one after the other. The engine steps over one
event at a time. With a journal (`journal`, `journal_files`) it is a list of inputs and a fold over
it. Tests drive these and the fast code with the same commands and compare; `headrace.testing` does
the same for machines of a user's own.
"""

from headrace.reference.engine import ReferenceEngine, ReferenceFailure
from headrace.reference.explore import Explored, Explorer
from headrace.reference.journal import (
    ReferenceJournaledEngine,
    ReferenceRecovery,
    fold_from_the_beginning,
)
from headrace.reference.journal_files import (
    JournaledInput,
    LostPromise,
    ReferenceAnswer,
    ReferenceFiles,
    ReferenceSnapshot,
)
from headrace.reference.memory import ModelViolation, PlainMemory
from headrace.reference.ring import ReferenceConsumer, ReferenceProducer, ReferenceRing

__all__ = [
    "Explored",
    "Explorer",
    "JournaledInput",
    "LostPromise",
    "ModelViolation",
    "PlainMemory",
    "ReferenceAnswer",
    "ReferenceConsumer",
    "ReferenceEngine",
    "ReferenceFailure",
    "ReferenceFiles",
    "ReferenceJournaledEngine",
    "ReferenceProducer",
    "ReferenceRecovery",
    "ReferenceRing",
    "ReferenceSnapshot",
    "fold_from_the_beginning",
]
