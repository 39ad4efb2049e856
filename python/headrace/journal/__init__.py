"""The journal: the recorded inputs of an engine, in a folder of files.

`settings` says how it is kept, `layout` what its bytes are, `writer` writes it, `reader` reads it
and tells a torn tail from damage, `snapshots` keeps states, `recovery` puts an engine's state
together from both.
"""

from headrace.journal.settings import Journal

__all__ = ["Journal"]
