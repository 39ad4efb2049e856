"""What can happen in a simulated world: the numbers of `headrace.simulation.noting.What`."""

cdef enum:  # inputs of nodes
    START, RESTART, MESSAGE, REQUEST, REPLY, TIMER, SYNCED
cdef enum:  # what became of messages
    CUT = 10
    LOST, CORRUPTED, DUPLICATED, DOWN
cdef enum:  # what became of nodes
    CRASH = 20
    PAUSE, RESUME, FULL
