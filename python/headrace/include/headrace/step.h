/* The signatures of native steps. A machine may have one of them or both, meaning the same.
 *
 * `state` is the memory of the machine's state (a NumPy array of fixed layout), `event` and
 * `events` are records of the event dtype, aligned as they lie in the ring, read-only. Outputs are
 * records of the output dtype. The functions run without the GIL, on the engine's thread for the
 * machine, one call at a time; they must depend on nothing but their arguments, and must not call
 * into Python.
 */
#ifndef HEADRACE_STEP_H
#define HEADRACE_STEP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One event. `outputs` has room for outputs_max records. Returns how many it wrote, or a negative
 * code of its own to refuse the event; then the engine restores the state from before it. */
typedef int64_t (*headrace_step)(void *state, const void *event, int64_t sequence,
                                 int64_t time_ns, void *outputs);

/* `count` events in a row, whose sequences begin at first_sequence; times_ns[i] is when event i
 * came. outputs_of[i], zero on entry, is set to how many outputs event i had; the outputs follow
 * each other without gaps in `outputs`, which has room for count * outputs_max. Both are NULL for
 * a machine without outputs. Returns how many events were stepped: less than `count`, k, when
 * event k was refused; then outputs_of[k] (where there is one) may be a negative code. */
typedef int64_t (*headrace_step_batch)(void *state, const void *events, int64_t count,
                                       int64_t first_sequence, const int64_t *times_ns,
                                       void *outputs, int64_t *outputs_of);

#ifdef __cplusplus
}
#endif
#endif
