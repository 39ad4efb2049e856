/* What a user of the library might compile: a native step, written against the header alone. */

#include <headrace/step.h>

typedef struct { int64_t total; } sum_state;
typedef struct { int64_t amount; } sum_event;
typedef struct { int64_t total; } sum_output;

static int64_t add(void *state, const void *event, int64_t sequence, int64_t time_ns,
                   void *outputs) {
    (void)sequence;
    (void)time_ns;
    int64_t total = ((sum_state *)state)->total += ((const sum_event *)event)->amount;
    ((sum_output *)outputs)->total = total;
    return 1;
}

/* Fails to compile where the header declares another signature. */
const headrace_step add_step = add;
