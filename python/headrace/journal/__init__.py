"""The journal: the recorded inputs of an engine, in a folder of files.

`settings` says how it is kept, `layout` what its bytes are, `writer` writes it, `reader` reads it
and tells a torn tail from damage, `snapshots` keeps states, `recovery` puts an engine's state
together from both. `letters` and `letter_box` read and write a journal of dead letters.
"""

from headrace.journal.letters import DeadLetters
from headrace.journal.settings import Journal

__all__ = ["DeadLetters", "Journal"]
