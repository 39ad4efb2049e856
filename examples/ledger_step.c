/* The native step of ledger.py: the same checks in the same order as its Python step.
 *
 * ledger.py compiles it, and passes the numbers of accounts, kinds and results as macros (-D), so
 * that each of them is written down once. Everything is int64: no padding, whatever the compiler.
 */
#include <headrace/step.h>

typedef struct { int64_t balance, limit; } account;
typedef struct { int64_t kind, debit, credit, amount; } event;
typedef struct { int64_t result, debit, credit, amount, debit_balance, credit_balance; } posting;

static int exists(int64_t number) {
    return number >= 0 && number < ACCOUNTS;
}

static int64_t check_limit(const account *accounts, const event *e) {
    if (!exists(e->debit)) return NO_ACCOUNT;
    if (e->amount < 0 || e->amount > AMOUNT_MAX) return BAD_AMOUNT;
    return accounts[e->debit].balance + e->amount >= 0 ? POSTED : OVER_LIMIT;
}

static int64_t check_transfer(const account *accounts, const event *e) {
    if (!exists(e->debit) || !exists(e->credit)) return NO_ACCOUNT;
    const account *payer = &accounts[e->debit];
    if (payer->limit < 0 || accounts[e->credit].limit < 0) return NO_ACCOUNT;
    if (e->debit == e->credit) return SAME_ACCOUNT;
    if (e->amount < 1 || e->amount > AMOUNT_MAX) return BAD_AMOUNT;
    return e->amount <= payer->balance + payer->limit ? POSTED : OVER_LIMIT;
}

static int64_t apply(account *accounts, const event *e) {
    int64_t result = UNKNOWN_KIND;
    if (e->kind == TRANSFER) {
        result = check_transfer(accounts, e);
        if (result == POSTED) {
            accounts[e->debit].balance -= e->amount;
            accounts[e->credit].balance += e->amount;
        }
    } else if (e->kind == LIMIT) {
        result = check_limit(accounts, e);
        if (result == POSTED) accounts[e->debit].limit = e->amount;
    }
    return result;
}

static void put_down(const account *accounts, const event *e, int64_t result, posting *made) {
    made->result = result;
    made->debit = e->debit;
    made->credit = e->credit;
    made->amount = e->amount;
    made->debit_balance = exists(e->debit) ? accounts[e->debit].balance : 0;
    made->credit_balance = exists(e->credit) ? accounts[e->credit].balance : 0;
}

int64_t ledger_step(void *state, const void *one, int64_t sequence, int64_t time_ns,
                    void *outputs) {
    (void)sequence, (void)time_ns;
    put_down(state, one, apply(state, one), outputs);
    return 1;
}

int64_t ledger_step_batch(void *state, const void *events, int64_t count, int64_t first_sequence,
                          const int64_t *times_ns, void *outputs, int64_t *outputs_of) {
    (void)first_sequence, (void)times_ns;
    const event *each = events;
    posting *made = outputs;
    for (int64_t i = 0; i < count; i++) {
        put_down(state, &each[i], apply(state, &each[i]), &made[i]);
        outputs_of[i] = 1;
    }
    return count;
}
