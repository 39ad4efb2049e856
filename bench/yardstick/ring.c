/* The plain C ring: one producer, one consumer, cached ends, release stores, nothing else.
 *
 * No names, no header in shared memory, no consumers that come and go, nobody asleep: what is left
 * when a ring gives up everything but moving events. Also the round trip through two such rings.
 */
#include "bench.h"

typedef struct {
    sequence_t cursor;    /* all below is published */
    sequence_t released;  /* all below is consumed */
    int64_t capacity;     /* a power of two */
    int64_t item_bytes;
    uint64_t *slots;
} ring_t;

typedef struct {
    ring_t *ring;
    start_line_t *start;
    int core, words;
    int64_t count, batch, pauses;
    outcome_t outcome;
} side_t;

static int make_ring(ring_t *ring, int64_t capacity, int words) {
    memset(ring, 0, sizeof *ring);
    ring->capacity = capacity;
    ring->item_bytes = words * 8;
    ring->slots = mirrored((size_t)(capacity * words * 8));
    return ring->slots != NULL;
}

static void drop_ring(ring_t *ring) {
    if (ring->slots) munmap(ring->slots, (size_t)(2 * ring->capacity * ring->item_bytes));
}

static inline __attribute__((always_inline)) void produce(side_t *side, int words) {
    ring_t *ring = side->ring;
    uint64_t *slots = ring->slots;
    const int64_t capacity = ring->capacity, mask = capacity - 1, count = side->count;
    int64_t next = 0, limit = capacity, batch = side->batch;
    waiting_t wait = waiting(1, 0);
    while (next < count) {
        if (batch > count - next) batch = count - next;
        while (next + batch > limit) {
            limit = atomic_load_explicit(&ring->released.value, memory_order_acquire) + capacity;
            if (next + batch > limit && !wait_more(&wait)) return;
        }
        write_events(slots + (next & mask) * words, next, batch, words);
        next += batch;
        atomic_store_explicit(&ring->cursor.value, next, memory_order_release);
    }
}

static inline __attribute__((always_inline)) void consume(side_t *side, int words) {
    ring_t *ring = side->ring;
    const uint64_t *slots = ring->slots;
    const int64_t mask = ring->capacity - 1, count = side->count;
    int64_t next = 0;
    uint64_t sum = 0, wrong = 0;
    waiting_t wait = waiting(side->pauses, 0);
    while (next < count) {
        int64_t end = atomic_load_explicit(&ring->cursor.value, memory_order_acquire);
        if (end == next) {
            if (!wait_more(&wait)) break;
            continue;
        }
        read_events(slots + (next & mask) * words, next, end - next, words, &sum, &wrong);
        next = end;
        atomic_store_explicit(&ring->released.value, next, memory_order_release);
    }
    side->outcome.count = next;
    side->outcome.sum = sum;
    side->outcome.wrong = wrong;
}

static void *producer_thread(void *argument) {
    side_t *side = argument;
    pin(side->core);
    start_together(side->start);
    if (side->words == 1) produce(side, 1); else produce(side, 8);
    return NULL;
}

static void *consumer_thread(void *argument) {
    side_t *side = argument;
    pin(side->core);
    start_together(side->start);
    int64_t begin = now_ns();
    if (side->words == 1) consume(side, 1); else consume(side, 8);
    side->outcome.ns = now_ns() - begin;
    return NULL;
}

static int run_pair(void *(*first)(void *), side_t *a, void *(*second)(void *), side_t *b) {
    pthread_t threads[2];
    if (pthread_create(&threads[0], NULL, second, b)) return -1;
    if (pthread_create(&threads[1], NULL, first, a)) {
        atomic_fetch_sub(&a->start->missing, 1);
        pthread_join(threads[0], NULL);
        return -1;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}

/* `count` events of `words` (1 or 8) through a ring, `batch` at a time; the producer on cores[0],
 * the consumer, which pauses `pauses` times after an empty look, on cores[1]. 0, or -1. */
int yardstick_one_to_one(int64_t capacity, int words, int64_t count, int64_t batch, int64_t pauses,
                         const int *cores, outcome_t *outcome) {
    ring_t ring;
    start_line_t start = {2};
    int failed = -1;
    if (make_ring(&ring, capacity, words)) {
        side_t producer = {&ring, &start, cores[0], words, count, batch, 0, {0}};
        side_t consumer = {&ring, &start, cores[1], words, count, batch, pauses, {0}};
        failed = run_pair(producer_thread, &producer, consumer_thread, &consumer);
        *outcome = consumer.outcome;
    }
    drop_ring(&ring);
    return failed;
}

typedef struct {
    ring_t *ping, *pong;
    start_line_t *start;
    int core;
    int64_t count, *trips_ns;
    outcome_t outcome;
} trip_t;

static inline int put_one(ring_t *ring, int64_t next, int64_t *limit, waiting_t *wait) {
    while (next + 1 > *limit) {
        *limit = atomic_load_explicit(&ring->released.value, memory_order_acquire) + ring->capacity;
        if (next + 1 > *limit && !wait_more(wait)) return 0;
    }
    write_events(ring->slots + (next & (ring->capacity - 1)) * 8, next, 1, 8);
    atomic_store_explicit(&ring->cursor.value, next + 1, memory_order_release);
    return 1;
}

static inline int take_one(ring_t *ring, int64_t next, outcome_t *outcome, waiting_t *wait) {
    while (atomic_load_explicit(&ring->cursor.value, memory_order_acquire) == next)
        if (!wait_more(wait)) return 0;
    read_events(ring->slots + (next & (ring->capacity - 1)) * 8, next, 1, 8, &outcome->sum,
                &outcome->wrong);
    atomic_store_explicit(&ring->released.value, next + 1, memory_order_release);
    outcome->count++;
    return 1;
}

static void *asking_thread(void *argument) {
    trip_t *trip = argument;
    int64_t limit = trip->ping->capacity;
    waiting_t wait = waiting(0, 0);
    pin(trip->core);
    start_together(trip->start);
    int64_t begin = now_ns(), before = begin;
    for (int64_t i = 0; i < trip->count; i++) {
        if (!put_one(trip->ping, i, &limit, &wait)) break;
        if (!take_one(trip->pong, i, &trip->outcome, &wait)) break;
        int64_t now = now_ns();
        trip->trips_ns[i] = now - before;
        before = now;
    }
    trip->outcome.ns = now_ns() - begin;
    return NULL;
}

static void *answering_thread(void *argument) {
    trip_t *trip = argument;
    int64_t limit = trip->pong->capacity;
    waiting_t wait = waiting(0, 0);
    pin(trip->core);
    start_together(trip->start);
    for (int64_t i = 0; i < trip->count; i++) {
        if (!take_one(trip->ping, i, &trip->outcome, &wait)) break;
        if (!put_one(trip->pong, i, &limit, &wait)) break;
    }
    return NULL;
}

/* `count` round trips through two rings of 64-byte events; each one's time into trips_ns. */
int yardstick_round_trip(int64_t capacity, int64_t count, const int *cores, int64_t *trips_ns,
                         outcome_t *outcome) {
    ring_t ping = {0}, pong = {0};
    start_line_t start = {2};
    int failed = -1;
    if (make_ring(&ping, capacity, 8) && make_ring(&pong, capacity, 8)) {
        trip_t asking = {&ping, &pong, &start, cores[0], count, trips_ns, {0}};
        trip_t answering = {&ping, &pong, &start, cores[1], count, NULL, {0}};
        pthread_t thread;
        if (!pthread_create(&thread, NULL, answering_thread, &answering)) {
            pthread_t other;
            if (!pthread_create(&other, NULL, asking_thread, &asking)) {
                pthread_join(other, NULL);
                failed = 0;
            } else {
                atomic_fetch_sub(&start.missing, 1);
            }
            pthread_join(thread, NULL);
        }
        *outcome = asking.outcome;
        outcome->wrong |= answering.outcome.wrong;
    }
    drop_ring(&ping);
    drop_ring(&pong);
    return failed;
}
