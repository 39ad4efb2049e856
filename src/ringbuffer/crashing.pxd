"""Crash points: the steps of the ring, numbered, for a build whose processes can be told to die.

In a build with HEADRACE_CRASH_POINTS a process kills itself (SIGKILL) where its environment says,
`HEADRACE_CRASH_AT=<number>`, after it passed there `HEADRACE_CRASH_AFTER` times; HEADRACE_STOP_AT
likewise makes it stop (SIGSTOP), once. In every other build a point is nothing at all. A point
stands next to an action that others can see; its name says after (or before) which.
"""

cdef extern from * nogil:
    """
    #ifndef HEADRACE_CRASHING
    #define HEADRACE_CRASHING
    #ifdef HEADRACE_CRASH_POINTS
    #include <signal.h>
    #include <stdlib.h>
    #define HR_HAS_CRASH_POINTS 1
    static inline int hr_asked(const char *variable, int number) {
        const char *at = getenv(variable);
        return at != NULL && atoi(at) == number; }
    static inline void hr_crash_point(int number) {
        static int passed, stopped;  /* of each compiled module: enough to count calls of one */
        const char *after = getenv("HEADRACE_CRASH_AFTER");
        if (hr_asked("HEADRACE_STOP_AT", number) && !stopped++) raise(SIGSTOP);
        if (hr_asked("HEADRACE_CRASH_AT", number) && (after == NULL || passed++ >= atoi(after)))
            raise(SIGKILL);
    }
    #else
    #define HR_HAS_CRASH_POINTS 0
    #define hr_crash_point(number) ((void)0)
    #endif
    #endif
    """
    void crash_point "hr_crash_point"(int number) noexcept
    const bint HAS_CRASH_POINTS "HR_HAS_CRASH_POINTS"

cdef enum:
    # claim
    SINGLE_LOOKED = 1           # room was looked for; nothing of the claim can be seen
    SINGLE_CLAIMED = 2
    MULTI_LOOKED = 10           # before the intent
    MULTI_INTENT_BEGIN = 11
    MULTI_INTENT_END = 12
    MULTI_NOT_FENCED = 13       # before the swap
    MULTI_CLAIMED = 14
    MULTI_SWAP_FAILED = 15      # before the intent is taken back
    # write and publish
    STAMPED = 20                # the slots are written, the ingest times too
    SINGLE_PUBLISHED = 21       # before those who wait are woken
    SINGLE_WOKEN = 22
    MULTI_MARKING = 23          # before a slot's availability
    MULTI_MARKED = 24           # after a slot's availability
    MULTI_ALL_MARKED = 25       # before the intent is taken back
    MULTI_INTENT_OVER = 26      # before those who wait are woken
    MULTI_WOKEN = 27
    ABORT_COUNTED = 28          # tombstones are counted, not made
    # wake
    WAKE_BIT_CLEARED = 30
    WAKE_WORD_MOVED = 31
    # poll and release
    POLL_LOOKED = 40
    POLL_SKIPPED = 41           # tombstones are passed over, privately
    POLLED = 42
    RELEASING = 43              # before the sequence is stored
    RELEASED = 44               # before those who wait are woken
    RELEASE_WOKEN = 45
    PARK_ANNOUNCED = 46         # before the last look
    # producers' entries, burying
    PRODUCER_WIPED = 50         # the former owner's intent is gone
    PRODUCER_STARTED = 51       # the new owner's start time, and the old pid
    PRODUCER_OWNED = 52
    PRODUCER_DROPPED = 53
    BURY_COUNTED = 54
    BURY_ONE = 55               # after a slot's tombstone
    BURY_ALL = 56               # before those who wait are woken
    PRODUCER_FENCED = 57        # before the epoch moves
    PRODUCER_EPOCH_MOVED = 58   # before its intent is looked at
    # consumers' entries
    JOIN_NAMED = 60             # before the entry is more than free
    JOIN_STATED = 61
    JOIN_OWNED = 62
    JOIN_GATING = 63            # before the start is known
    JOIN_STARTED = 64
    JOINED = 65                 # before dependents are counted
    RESUME_STARTED = 66         # the new owner's start time, and the old pid
    LEAVE_STATED = 69
    LEAVE_WAKERS = 70           # those in front wake for those behind
    LEAVE_ONE_MOVED = 71        # after the mask of one of those behind
    LEAVE_ALL_MOVED = 72        # before it gates no more
    LEAVE_UNGATED = 73
    LEAVE_DISOWNED = 74
    LEFT = 75                   # before dependents are counted
    FENCE_STATED = 80           # before the epoch moves
    FENCE_EPOCH_MOVED = 81
    HEIR_NAMED = 82             # before it is an heir
    HEIR_STATED = 83
    HEIR_GATING = 84            # heir and fenced one both gate, the heir from an older sequence
    HEIR_PLACED = 85
    HEIR_ONE_MOVED = 86         # after the mask of one of those behind
    HEIR_ALL_MOVED = 87
    HEIR_ALONE = 88             # the fenced one gates no more
    HEIR_RETIRED = 89           # before the heir is taken
    HEIR_TAKEN = 90             # before dependents are counted
