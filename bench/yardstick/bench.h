/* What the yardsticks share: pinned threads, a common start, bounded waiting, mirrored memory.
 *
 * Events are 1 or 8 words of 64 bits; word j of event i holds i + j. A consumer adds up all words
 * and notes every word that is not what its sequence says, so that nothing can be left unread, and
 * an event that is lost, doubled, torn or out of place shows.
 */
#ifndef HEADRACE_BENCH_H
#define HEADRACE_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAUSE() __builtin_ia32_pause()
#if !defined(__x86_64__) && !defined(__i386__)
#undef PAUSE
#define PAUSE() atomic_signal_fence(memory_order_seq_cst)
#endif

#define SECONDS_MAX 10          /* no run lasts longer, whatever happens */
#define SPINS_BEFORE_YIELD 100  /* as LMAX's YieldingWaitStrategy */

typedef struct { _Alignas(128) _Atomic int64_t value; } sequence_t;

/* What a run came to. A run that was given up has count < what was asked for. */
typedef struct {
    int64_t ns;
    int64_t count;
    uint64_t sum;    /* of all words read */
    uint64_t wrong;  /* 0, or bits of words that were not as expected */
} outcome_t;

/* How a thread waits: pauses after each empty look, and yields after so many looks (0: never). */
typedef struct {
    int64_t pauses;
    int64_t yield_after;
    int64_t looks;
    int64_t deadline_ns;
} waiting_t;

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline waiting_t waiting(int64_t pauses, int64_t yield_after) {
    return (waiting_t){pauses, yield_after, 0, now_ns() + SECONDS_MAX * 1000000000LL};
}

/* One empty look; 0 when it is time to give up. */
static inline int wait_more(waiting_t *w) {
    w->looks++;
    for (int64_t i = 0; i < w->pauses; i++) PAUSE();
    if (w->yield_after && w->looks % w->yield_after == 0) sched_yield();
    return (w->looks & 0xffff) || now_ns() < w->deadline_ns;
}

/* A start line: all threads leave it together. Spins, and yields where threads share a core. */
typedef struct { _Alignas(128) atomic_int missing; } start_line_t;

static inline void start_together(start_line_t *line) {
    atomic_fetch_sub(&line->missing, 1);
    while (atomic_load(&line->missing) > 0) sched_yield();
}

static inline void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);  /* refused: unpinned */
}

/* Memory mapped twice in a row, so that every batch is contiguous; NULL when refused. */
static inline void *mirrored(size_t bytes) {
    int fd = memfd_create("yardstick", 0);
    char *at = MAP_FAILED;
    if (fd < 0 || ftruncate(fd, (off_t)bytes)) goto out;
    at = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) goto out;
    for (int half = 0; half < 2; half++) {
        void *want = at + (size_t)half * bytes;
        if (mmap(want, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
                 0) != want) {
            munmap(at, 2 * bytes);
            at = MAP_FAILED;
            break;
        }
    }
out:
    if (fd >= 0) close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static inline void write_events(uint64_t *at, int64_t first, int64_t count, int words) {
    for (int64_t i = 0; i < count; i++)
        for (int j = 0; j < words; j++) at[i * words + j] = (uint64_t)(first + i + j);
}

static inline void read_events(const uint64_t *at, int64_t first, int64_t count, int words,
                               uint64_t *sum, uint64_t *wrong) {
    uint64_t s = 0, w = 0;
    for (int64_t i = 0; i < count; i++)
        for (int j = 0; j < words; j++) {
            uint64_t word = at[i * words + j];
            s += word;
            w |= word ^ (uint64_t)(first + i + j);
        }
    *sum += s;
    *wrong |= w;
}

#endif
