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
