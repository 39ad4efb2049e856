/* The plain C ring with several producers: fetch-and-add to claim, a word per slot to publish.
 *
 * The simplest design that is fast. It blocks for ever when a producer dies between the two, which
 * the library's ring does not.
 *
 * Each producer numbers its own events; word 0 holds the producer's number in its upper 16 bits.
 * Three threads share two cores, so whoever waits long yields.
 */
#include "bench.h"

#define NUMBER_SHIFT 48
#define PRODUCERS_MAX 8

typedef struct {
    sequence_t claimed;
    sequence_t released;
    int64_t capacity;
    int shift;
    uint64_t *slots;
    _Atomic int32_t *available;  /* the lap in which the slot was published last, from 1 */
} ring_t;

typedef struct {
    ring_t *ring;
    start_line_t *start;
    int core, number, producers;
    int64_t count, batch, pauses;
    outcome_t outcome;
} side_t;

static void *producer_thread(void *argument) {
    side_t *side = argument;
    ring_t *ring = side->ring;
    const int64_t capacity = ring->capacity, mask = capacity - 1, count = side->count;
    const uint64_t number = (uint64_t)side->number << NUMBER_SHIFT;
    int64_t done = 0, limit = capacity, batch = side->batch;
    waiting_t wait = waiting(1, SPINS_BEFORE_YIELD);
    pin(side->core);
    start_together(side->start);
    while (done < count) {
        if (batch > count - done) batch = count - done;
        int64_t first = atomic_fetch_add_explicit(&ring->claimed.value, batch,
                                                  memory_order_acq_rel);
        while (first + batch > limit) {
            limit = atomic_load_explicit(&ring->released.value, memory_order_acquire) + capacity;
            if (first + batch > limit && !wait_more(&wait)) return NULL;
        }
        uint64_t *at = ring->slots + (first & mask) * 8;
        write_events(at, done, batch, 8);
        for (int64_t i = 0; i < batch; i++) at[i * 8] |= number;
        for (int64_t i = first; i < first + batch; i++)
            atomic_store_explicit(&ring->available[i & mask], (int32_t)(i >> ring->shift) + 1,
                                  memory_order_release);
        done += batch;
    }
    return NULL;
}

static void *consumer_thread(void *argument) {
    side_t *side = argument;
    ring_t *ring = side->ring;
    const int64_t capacity = ring->capacity, mask = capacity - 1;
    const int64_t count = side->count * side->producers;
    int64_t expected[PRODUCERS_MAX] = {0}, next = 0;
    waiting_t wait = waiting(side->pauses, SPINS_BEFORE_YIELD);
    pin(side->core);
    start_together(side->start);
    int64_t begin = now_ns();
    while (next < count) {
        int64_t end = next;
        while (end < next + capacity &&
               atomic_load_explicit(&ring->available[end & mask], memory_order_acquire) ==
                   (int32_t)(end >> ring->shift) + 1)
            end++;
        if (end == next) {
            if (!wait_more(&wait)) break;
            continue;
        }
        for (; next < end; next++) {
            const uint64_t *at = ring->slots + (next & mask) * 8;
            uint64_t number = (at[0] >> NUMBER_SHIFT) % PRODUCERS_MAX;
            int64_t mine = expected[number]++;
            side->outcome.wrong |= at[0] ^ ((uint64_t)mine | number << NUMBER_SHIFT);
            side->outcome.sum += (uint64_t)mine;
            read_events(at + 1, mine + 1, 1, 7, &side->outcome.sum, &side->outcome.wrong);
        }
        atomic_store_explicit(&ring->released.value, next, memory_order_release);
    }
    side->outcome.ns = now_ns() - begin;
    side->outcome.count = next;
    return NULL;
}

/* `producers` threads on cores[0..] send `count` events of 64 bytes each, the consumer is on
 * cores[producers]. 0, or -1. */
int yardstick_many_to_one(int64_t capacity, int producers, int64_t count, int64_t batch,
                          int64_t pauses, const int *cores, outcome_t *outcome) {
    ring_t ring = {.capacity = capacity, .shift = __builtin_ctzll((uint64_t)capacity)};
    start_line_t start = {producers + 1};
    side_t sides[PRODUCERS_MAX + 1];
    pthread_t threads[PRODUCERS_MAX + 1];
    int started = 0;
    if (producers > PRODUCERS_MAX) return -1;
    ring.slots = mirrored((size_t)capacity * 64);
    ring.available = calloc((size_t)capacity, sizeof *ring.available);
    if (ring.slots && ring.available)
        for (; started <= producers; started++) {
            int consumes = started == producers;
            sides[started] = (side_t){&ring, &start, cores[started], started, producers,
                                      count, batch, consumes ? pauses : 0, {0}};
            if (pthread_create(&threads[started], NULL,
                               consumes ? consumer_thread : producer_thread, &sides[started]))
                break;
        }
    atomic_fetch_sub(&start.missing, producers + 1 - started);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    if (started == producers + 1) *outcome = sides[producers].outcome;
    if (ring.slots) munmap(ring.slots, (size_t)capacity * 128);
    free((void *)ring.available);
    return started == producers + 1 ? 0 : -1;
}
