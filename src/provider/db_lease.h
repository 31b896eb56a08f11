/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that wait for their turn: each is had by one thread of one node at a time. */
#ifndef DT_PROVIDER_DB_LEASE_H
#define DT_PROVIDER_DB_LEASE_H

#include "provider/db.h"

#include <apr_general.h>

/**
 * Rows of one table with the columns corp_id and due_at: 0 when nothing is to be done about a row,
 * else nobody takes it before.
 */
typedef struct dt_lease_t {
    dt_sql_t read; /* keys of some rows that are due with their due_at, the longest due first.
                      Arguments: corp id, now */
    dt_sql_t take; /* set due_at of a row. Arguments: due_at to be, corp id, key, due_at as read */
} dt_lease_t;

#define DT_LEASE_ROWS 8 /* that are read at once: others want them, too */

/** key: the column that with corp_id names a row. */
#define DT_LEASE(name, table, key)                                                      \
    {                                                                                   \
        .read = {name "_due", "SELECT " key ", due_at FROM " table                      \
                              " WHERE corp_id = %s AND due_at > 0 AND due_at <= %lld "  \
                              "ORDER BY due_at LIMIT " APR_STRINGIFY(DT_LEASE_ROWS)},   \
        .take = {name "_take", "UPDATE " table " SET due_at = %lld WHERE corp_id = %s " \
                               "AND " key " = %s AND due_at = %lld"},                   \
    }

/**
 * Take one of those that are due; work for dt_db_run, safe to repeat: what was taken without
 * anybody knowing is there again at until.
 * @param until later than call->now
 * @param key   in call->pool; NULL when there is none, or others were faster again and again
 */
apr_status_t dt_lease_take(dt_conn_t *conn, const dt_call_t *call, const dt_lease_t *lease,
                           const char *corp_id, apr_time_t until, const char **key);

#endif
