/* SPDX-License-Identifier: Apache-2.0 */
/* The usual question to a database: one statement, its arguments, its answer. */
#ifndef DT_PROVIDER_DB_ASK_H
#define DT_PROVIDER_DB_ASK_H

#include "provider/db.h"

/** dt_conn_execute as all the work of a dt_db_run. */
apr_status_t dt_db_execute(dt_db_t *db, const dt_call_t *call, const dt_sql_t *sql,
                           const char *const *args, int *changed);

/** dt_conn_select as all the work of a dt_db_run. */
apr_status_t dt_db_select(dt_db_t *db, const dt_call_t *call, const dt_sql_t *sql,
                          const char *const *args, dt_db_row_t *row, void *baton);

/** Numbers as arguments are texts, in call->pool. Times are epoch milliseconds in SQL. */
const char *dt_db_number(const dt_call_t *call, apr_int64_t value);
const char *dt_db_instant(const dt_call_t *call, apr_time_t time);

/** What a column has, should anybody have written there: 0 for no number, which SQL's NULL is too,
 *  and the next one there is for a number or a time that is too large. */
apr_int64_t dt_db_int(const char *column);
apr_time_t dt_db_time(const char *column);

/**
 * A statement for each kind of database from an INSERT: it changes no row when there is one already
 * of any of the table's unique keys. column is any of the table's.
 */
#define DT_INSERT_NEW(name, text, column)                                               \
    {                                                                                   \
        {name, text " ON CONFLICT DO NOTHING"}, {name, text " ON CONFLICT DO NOTHING"}, \
        {                                                                               \
            name, text " ON DUPLICATE KEY UPDATE " column " = " column                  \
        }                                                                               \
    }

/** The same, but the row that is there of key is changed as set says, where it stands for itself
 *  under the name of its table. */
#define DT_INSERT_OR(name, text, key, set)                            \
    {                                                                 \
        {name, text " ON CONFLICT (" key ") DO UPDATE SET " set},     \
            {name, text " ON CONFLICT (" key ") DO UPDATE SET " set}, \
        {                                                             \
            name, text " ON DUPLICATE KEY UPDATE " set                \
        }                                                             \
    }

/**
 * The same of a DELETE of rows that which is true of: at most a thousand, so that nobody waits for
 * it, and none of which it is not true any more. Arguments: those of which, twice.
 */
#define DT_DELETE_SOME(name, table, key, which)                                                   \
    {                                                                                             \
        {name, DT_DELETE_BY_KEY(table, key, which)}, {name, DT_DELETE_BY_KEY(table, key, which)}, \
        {                                                                                         \
            name, "DELETE FROM " table " WHERE " which " LIMIT 1000" /* takes them but once */    \
        }                                                                                         \
    }
#define DT_DELETE_BY_KEY(table, key, which)                                              \
    "DELETE FROM " table " WHERE " which " AND (" key ") IN (SELECT " key " FROM " table \
    " WHERE " which " LIMIT 1000)"

#endif
