/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that wait for their turn: each is had by one thread of one node at a time. */
#ifndef DT_PROVIDER_DB_LEASE_H
#define DT_PROVIDER_DB_LEASE_H

#include "provider/db.h"

/**
 * Rows of one table with a column due_at: 0 when nothing is to be done about a row, else nobody
 * takes it before.
 */
typedef struct dt_lease_t {
    dt_sql_t read; /* keys of some rows that are due with their due_at, the longest due first.
                      Arguments: corp id, now */
    dt_sql_t take; /* set due_at of a row. Arguments: due_at to be, corp id, key, due_at as read */
} dt_lease_t;

/**
 * Take one of those that are due; work for dt_db_run, safe to repeat: what was taken without
 * anybody knowing is there again at until.
 * @param until later than call->now
 * @param key   in call->pool; NULL when there is none, or others were faster again and again
 */
apr_status_t dt_lease_take(dt_conn_t *conn, const dt_call_t *call, const dt_lease_t *lease,
                           const char *corp_id, apr_time_t until, const char **key);

#endif
