/* What the machine itself can do: two flags, a copy, a futex, a loop over an array.
 *
 * The first two are the calibration that stands before and after every figure.
 */
#include "bench.h"

#include <linux/futex.h>
#include <sys/syscall.h>

typedef struct {
    _Alignas(128) _Atomic int64_t ping;
    _Alignas(128) _Atomic int64_t pong;
    start_line_t start;
    int cores[2];
    int64_t count, answered, *trips_ns;
} flags_t;

static int await_flag(_Atomic int64_t *flag, int64_t value, waiting_t *wait) {
    while (atomic_load_explicit(flag, memory_order_acquire) != value)
        if (!wait_more(wait)) return 0;
    return 1;
}

static void *flag_answers(void *argument) {
    flags_t *flags = argument;
    waiting_t wait = waiting(0, 0);
    pin(flags->cores[1]);
    start_together(&flags->start);
    for (int64_t i = 1; i <= flags->count && await_flag(&flags->ping, i, &wait); i++)
        atomic_store_explicit(&flags->pong, i, memory_order_release);
    return NULL;
}

static void *flag_asks(void *argument) {
    flags_t *flags = argument;
    waiting_t wait = waiting(0, 0);
    pin(flags->cores[0]);
    start_together(&flags->start);
    int64_t before = now_ns();
    for (int64_t i = 1; i <= flags->count; i++) {
        atomic_store_explicit(&flags->ping, i, memory_order_release);
        if (!await_flag(&flags->pong, i, &wait)) break;
        int64_t now = now_ns();
        flags->trips_ns[i - 1] = now - before;
        before = now;
        flags->answered = i;
    }
    return NULL;
}

/* `count` round trips of two bare flags, each one's time into trips_ns; how many there were. */
int64_t yardstick_flags(int64_t count, const int *cores, int64_t *trips_ns) {
    static flags_t flags;  /* one at a time */
    pthread_t threads[2];
    memset(&flags, 0, sizeof flags);
    flags.start.missing = 2;
    flags.cores[0] = cores[0], flags.cores[1] = cores[1];
    flags.count = count, flags.trips_ns = trips_ns;
    if (pthread_create(&threads[0], NULL, flag_answers, &flags)) return 0;
    if (pthread_create(&threads[1], NULL, flag_asks, &flags)) {
        atomic_fetch_sub(&flags.start.missing, 1);
        flags.count = 0;
        pthread_join(threads[0], NULL);
        return 0;
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return flags.answered;
}

/* Copy `total` bytes, `block` at a time, round and round through two areas of `area` bytes that
 * are the caller's: to[] is what from[] was. The time, on the caller's core. */
int64_t yardstick_copy(char *to, const char *from, int64_t area, int64_t block, int64_t total) {
    int64_t at = 0, begin = now_ns();
    for (int64_t done = 0; done < total; done += block) {
        if (at + block > area) at = 0;
        memcpy(to + at, from + at, (size_t)block);
        atomic_signal_fence(memory_order_seq_cst);  /* each copy is made */
        at += block;
    }
    return now_ns() - begin;
}

typedef struct {
    _Alignas(128) _Atomic uint32_t word;
    _Alignas(128) _Atomic int64_t sent_ns;
    _Alignas(128) _Atomic uint32_t seen;
    int cores[2];
    int64_t count, *waits_ns;
} futex_t;

static void *futex_sleeper(void *argument) {
    futex_t *futex = argument;
    const struct timespec nap = {1, 0};
    int64_t deadline = now_ns() + SECONDS_MAX * 1000000000LL;
    pin(futex->cores[1]);
    for (uint32_t i = 0; i < futex->count && now_ns() < deadline; i++) {
        atomic_store(&futex->seen, i);
        while (atomic_load(&futex->word) == i && now_ns() < deadline)
            syscall(SYS_futex, &futex->word, FUTEX_WAIT, i, &nap, NULL, 0);
        futex->waits_ns[i] = now_ns() - atomic_load(&futex->sent_ns);
    }
    atomic_store(&futex->seen, (uint32_t)futex->count);
    return NULL;
}

/* How long after the waker's look at the clock a thread that sleeps in a futex runs again, `count`
 * times; the waker gives it `idle_ns` to fall asleep. 0, or -1. */
int yardstick_wake_up(int64_t count, int64_t idle_ns, const int *cores, int64_t *waits_ns) {
    futex_t futex = {.cores = {cores[0], cores[1]}, .count = count, .waits_ns = waits_ns};
    const struct timespec idle = {idle_ns / 1000000000, idle_ns % 1000000000};
    pthread_t thread;
    int64_t deadline = now_ns() + SECONDS_MAX * 1000000000LL;
    cpu_set_t before;
    if (pthread_create(&thread, NULL, futex_sleeper, &futex)) return -1;
    pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    pin(cores[0]);
    for (uint32_t i = 0; i < count; i++) {
        while (atomic_load(&futex.seen) != i && now_ns() < deadline) sched_yield();
        nanosleep(&idle, NULL);
        atomic_store(&futex.sent_ns, now_ns());
        atomic_store(&futex.word, i + 1);
        syscall(SYS_futex, &futex.word, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    pthread_join(thread, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    return now_ns() < deadline ? 0 : -1;
}
