"""What a ring's segment looks like in memory: the header, field by field.

    [ header | producers | consumers | dtype text ]   head, one mapping
    [ availability: int32 a slot, multi-producer rings only ]
    [ ingest times: int64 a slot, optional ]           mapped twice in a row
    [ slots: item_bytes each ]                         mapped twice in a row

Every sequence has a pair of cache lines to itself, because the adjacent-line prefetcher moves
lines in pairs. What is written once, at creation, stands in front and is covered by a checksum;
each process copies it into private memory when it attaches, so that a header scribbled over later
cannot move an address. `docs/memory-layout.md` draws the picture.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from * nogil:
    """
    #include <stdint.h>
    #include <stddef.h>
    #ifndef HEADRACE_LAYOUT
    #define HEADRACE_LAYOUT
    #define HR_MAGIC 0x4543415244414548ULL        /* "HEADRACE", read as little endian */
    #define HR_LAYOUT_VERSION 2u
    #define HR_BYTE_ORDER_MARK 0x01020304u
    #define HR_CONSUMERS_MAX 64                    /* one bit each in active_mask */
    #define HR_PRODUCERS_MAX 64
    #define HR_NAME_BYTES 64
    #define HR_LINE_PAIR __attribute__((aligned(128)))

    /* What a consumer's entry is: hr_consumer_entry.state. */
    #define HR_FREE 0u
    #define HR_TAKEN 1u              /* by its name: owned, or left to a successor */
    #define HR_JOINING 2u            /* named; where it starts is not known yet */
    #define HR_FENCED 3u             /* its owner was declared dead; about to be moved to an heir */
    #define HR_HEIR 4u               /* about to be what a fenced entry of the same name was */
    #define HR_RETIRED 5u            /* moved away from; free once its owner is truly gone */
    #define HR_LEAVING 6u            /* those behind close the gap; then it is free */

    /* Bits of hr_parking.flags. */
    #define HR_DATA_PARKED 1u        /* somebody sleeps until events are published */
    #define HR_SPACE_PARKED 2u       /* somebody sleeps until slots are released */
    #define HR_FENCE_REQUIRED 4u     /* somebody cannot membarrier: publishers must fence */
    #define HR_ENDED 8u              /* nothing more may be published */

    typedef struct { HR_LINE_PAIR int64_t value; } hr_sequence;

    /* Looked at after every publish and release: written only to park, to wake and to end. */
    typedef struct {
        HR_LINE_PAIR uint32_t flags;
        uint32_t data_word;          /* futex; bumped when sleepers for data are woken */
        uint32_t space_word;         /* futex; bumped when sleepers for space are woken */
    } hr_parking;

    typedef struct {
        hr_sequence sequence;        /* all below is released; written by the owner only */
        HR_LINE_PAIR uint64_t after; /* bits of the consumers to stay behind; 0: the producers */
        uint32_t dependents;         /* consumers that have this one in `after` */
        int32_t owner_pid;           /* 0: the owner has gone and left its place */
        int64_t owner_start;
        uint32_t epoch;              /* moves when the owner changes or is declared dead */
        uint32_t state;              /* HR_FREE, HR_TAKEN, ... */
        char name[HR_NAME_BYTES];    /* UTF-8, zero-padded */
    } hr_consumer_entry;

    typedef struct {
        HR_LINE_PAIR int64_t intent_begin;  /* [begin, end): what this producer is claiming, */
        int64_t intent_end;                 /* or has claimed and not yet published */
        int32_t owner_pid;
        uint32_t epoch;              /* moves when the owner changes or is declared dead */
        int64_t owner_start;
        uint32_t fenced;             /* its owner was declared dead: not used while that lives */
    } hr_producer_entry;

    typedef struct {
        uint64_t magic;              /* stored last at creation */
        uint32_t layout_version;
        uint32_t byte_order;
        uint64_t segment_bytes;
        uint64_t capacity;           /* power of two; what producers may be ahead */
        uint64_t slots_allocated;    /* power of two >= capacity; fills whole pages */
        uint64_t availability_offset;/* 0: single producer */
        uint64_t times_offset;       /* 0: no ingest times */
        uint64_t slots_offset;
        uint32_t item_bytes;
        uint32_t page_bytes;
        uint32_t dtype_offset;
        uint32_t dtype_bytes;
        uint32_t multi_producer;
        int32_t owner_pid;
        int64_t owner_start;
        int64_t created_ns;
        uint32_t fixed_checksum;     /* of all above but magic, and of the dtype text */

        HR_LINE_PAIR uint64_t active_mask;  /* consumers that gate the producers */
        uint64_t tombstones;                /* aborted slots so far, multi-producer rings */
        hr_parking parking;
        hr_sequence cursor;          /* single producer: all below is published */
        hr_sequence claimed;         /* multi producer: all below is claimed */
        hr_producer_entry producers[HR_PRODUCERS_MAX];
        hr_consumer_entry consumers[HR_CONSUMERS_MAX];
    } hr_header;

    _Static_assert(sizeof(hr_sequence) == 128, "a sequence fills its pair of lines");
    _Static_assert(sizeof(hr_parking) == 128, "the parking words fill their pair of lines");
    _Static_assert(sizeof(hr_consumer_entry) == 256, "a consumer entry is two pairs of lines");
    _Static_assert(sizeof(hr_producer_entry) == 128, "a producer entry is one pair of lines");
    _Static_assert(offsetof(hr_header, fixed_checksum) == 104, "the fixed part has no holes");
    _Static_assert(offsetof(hr_header, active_mask) == 128, "fixed and moving parts are apart");
    _Static_assert(offsetof(hr_header, cursor) % 128 == 0, "the cursor starts a pair of lines");
    _Static_assert(offsetof(hr_header, consumers) == 640 + 64 * 128, "layout version 2");
    _Static_assert(sizeof(hr_header) == 640 + 64 * 128 + 64 * 256, "layout version 2");
    #endif
    """
    enum:
        HR_LAYOUT_VERSION
        HR_BYTE_ORDER_MARK
        HR_CONSUMERS_MAX
        HR_PRODUCERS_MAX
        HR_NAME_BYTES
        HR_DATA_PARKED
        HR_SPACE_PARKED
        HR_FENCE_REQUIRED
        HR_ENDED
        HR_FREE
        HR_TAKEN
        HR_JOINING
        HR_FENCED
        HR_HEIR
        HR_RETIRED
        HR_LEAVING
    const uint64_t HR_MAGIC

    ctypedef struct hr_sequence:
        int64_t value

    ctypedef struct hr_parking:
        uint32_t flags
        uint32_t data_word
        uint32_t space_word

    ctypedef struct hr_consumer_entry:
        hr_sequence sequence
        uint64_t after
        uint32_t dependents
        int32_t owner_pid
        int64_t owner_start
        uint32_t epoch
        uint32_t state
        char name[64]

    ctypedef struct hr_producer_entry:
        int64_t intent_begin
        int64_t intent_end
        int32_t owner_pid
        uint32_t epoch
        int64_t owner_start
        uint32_t fenced

    ctypedef struct hr_header:
        uint64_t magic
        uint32_t layout_version
        uint32_t byte_order
        uint64_t segment_bytes
        uint64_t capacity
        uint64_t slots_allocated
        uint64_t availability_offset
        uint64_t times_offset
        uint64_t slots_offset
        uint32_t item_bytes
        uint32_t page_bytes
        uint32_t dtype_offset
        uint32_t dtype_bytes
        uint32_t multi_producer
        int32_t owner_pid
        int64_t owner_start
        int64_t created_ns
        uint32_t fixed_checksum
        uint64_t active_mask
        uint64_t tombstones
        hr_parking parking
        hr_sequence cursor
        hr_sequence claimed
        hr_producer_entry *producers
        hr_consumer_entry *consumers

    size_t FIXED_BYTES "offsetof(hr_header, fixed_checksum)"
