/* Native steps of the benchmark machines, and the bare loops over an array that they stand against.
 */
#include <stdint.h>

typedef struct { int64_t key, amount, weight; } event_t;
typedef struct { int64_t count, total, largest; } state_t;

/* Kept out of line in both: a step is called through its address. */
static inline void step(state_t *state, const event_t *event) {
    state->count += 1;
    state->total += event->amount * event->weight;
    state->largest = event->amount > state->largest ? event->amount : state->largest;
}

int64_t bench_step(void *state, const void *event, int64_t sequence, int64_t time_ns,
                   void *outputs) {
    (void)sequence, (void)time_ns, (void)outputs;
    step(state, event);
    return 0;
}

int64_t bench_step_batch(void *state, const void *events, int64_t count, int64_t first_sequence,
                         const int64_t *times_ns, void *outputs, int64_t *outputs_of) {
    (void)first_sequence, (void)times_ns, (void)outputs, (void)outputs_of;
    const event_t *event = events;
    state_t local = *(state_t *)state;
    for (int64_t i = 0; i < count; i++) step(&local, &event[i]);
    *(state_t *)state = local;
    return count;
}

/* The compiled loop over the same array. */
void bench_loop(state_t *state, const event_t *events, int64_t count) {
    state_t local = *state;
    for (int64_t i = 0; i < count; i++) step(&local, &events[i]);
    *state = local;
}

/* The least that a step per event can cost: a C loop that calls bench_step through its address. */
typedef int64_t (*step_t)(void *, const void *, int64_t, int64_t, void *);

void bench_loop_by_pointer(void *state, const event_t *events, int64_t count) {
    step_t volatile address = bench_step;
    step_t call = address;
    for (int64_t i = 0; i < count; i++)
        if (call(state, &events[i], i, 0, 0)) break;
}

/* A keyed sum: state is an array of totals. */
int64_t bench_keyed_batch(void *state, const void *events, int64_t count, int64_t first_sequence,
                          const int64_t *times_ns, void *outputs, int64_t *outputs_of) {
    (void)first_sequence, (void)times_ns, (void)outputs, (void)outputs_of;
    const int64_t *at = events;
    int64_t *totals = state;
    for (int64_t i = 0; i < count; i++) totals[at[2 * i]] += at[2 * i + 1];
    return count;
}

/* Machines of topologies: they number words, 0, 1, ..., count and add them up, and pass them on. */
typedef struct { int64_t count, total, wrong; } seen_t;

static inline void see(seen_t *seen, int64_t word) {
    seen->wrong |= word ^ seen->count;
    seen->count += 1;
    seen->total += word;
}

int64_t bench_pass_batch(void *state, const void *events, int64_t count, int64_t first_sequence,
                         const int64_t *times_ns, void *outputs, int64_t *outputs_of) {
    (void)first_sequence, (void)times_ns;
    const int64_t *word = events;
    int64_t *out = outputs;
    seen_t local = *(seen_t *)state;
    for (int64_t i = 0; i < count; i++) {
        see(&local, word[i]);
        if (out) out[i] = word[i], outputs_of[i] = 1;
    }
    *(seen_t *)state = local;
    return count;
}

/* Work of a chosen length for each event: `rounds` multiplications, one after the other. */
typedef struct { int64_t count, total, mixed, rounds; } busy_t;

static inline uint64_t mixed(uint64_t word, int64_t rounds) {
    for (int64_t i = 0; i < rounds; i++) word = word * 6364136223846793005u + 1442695040888963407u;
    return word;
}

int64_t bench_busy(void *state, const void *event, int64_t sequence, int64_t time_ns,
                   void *outputs) {
    (void)sequence, (void)time_ns, (void)outputs;
    busy_t *busy = state;
    const int64_t *at = event;
    busy->count += 1;
    busy->total += at[1];
    busy->mixed ^= (int64_t)mixed((uint64_t)at[1], busy->rounds);
    return 0;
}

/* The same from the last event on: what is put together with XOR and sums must come out equal. */
uint64_t bench_mixed(uint64_t word, int64_t rounds) { return mixed(word, rounds); }
