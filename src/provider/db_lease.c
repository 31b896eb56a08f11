/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that wait for their turn: each is had by one thread of one node at a time. */
#include "provider/db_lease.h"

#include "provider/db_ask.h"

#define ROUNDS 10

typedef struct candidate_t {
    const char *key;
    const char *due_at;
} candidate_t;

typedef struct candidates_t {
    candidate_t rows[DT_LEASE_ROWS];
    int count;
} candidates_t;

static bool take_candidate(void *baton, const char *const *columns, int count)
{
    candidates_t *candidates = baton;

    (void)count;
    candidates->rows[candidates->count++] = (candidate_t){columns[0], columns[1]};
    return candidates->count < DT_LEASE_ROWS;
}

/* Of those who read the same due_at, one changes it. */
static apr_status_t take_one(dt_conn_t *conn, const dt_call_t *call, const dt_lease_t *lease,
                             const char *corp_id, apr_time_t until, const candidates_t *candidates,
                             const char **key)
{
    for (int i = 0; i < candidates->count; i++) {
        const candidate_t *candidate = &candidates->rows[i];
        const char *const args[] = {dt_db_instant(call, until), corp_id, candidate->key,
                                    candidate->due_at};
        int changed = 0;
        const apr_status_t rv = dt_conn_execute(conn, call, &lease->take, args, &changed);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (changed) {
            *key = candidate->key;
            return APR_SUCCESS;
        }
    }
    return APR_SUCCESS;
}

apr_status_t dt_lease_take(dt_conn_t *conn, const dt_call_t *call, const dt_lease_t *lease,
                           const char *corp_id, apr_time_t until, const char **key)
{
    const char *const args[] = {corp_id, dt_db_instant(call, call->now)};

    *key = NULL;
    for (int i = 0; i < ROUNDS && !*key; i++) {
        candidates_t candidates = {.count = 0};
        apr_status_t rv =
            dt_conn_select(conn, call, &lease->read, args, take_candidate, &candidates);

        if (rv == APR_SUCCESS) {
            rv = take_one(conn, call, lease, corp_id, until, &candidates, key);
        }
        if (rv != APR_SUCCESS || candidates.count == 0) {
            return rv;
        }
    }
    return APR_SUCCESS;
}
