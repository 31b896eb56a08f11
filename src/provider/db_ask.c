/* SPDX-License-Identifier: Apache-2.0 */
/* The usual question to a database: one statement, its arguments, its answer. */
#include "provider/db_ask.h"

#include <apr_strings.h>

typedef struct question_t {
    const dt_sql_t *sql;
    const char *const *args;
    int *changed;     /* of a statement that changes something */
    dt_db_row_t *row; /* of one that reads; NULL: it does not */
    void *baton;
} question_t;

static apr_status_t ask(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    const question_t *question = baton;

    if (question->row) {
        return dt_conn_select(conn, call, question->sql, question->args, question->row,
                              question->baton);
    }
    return dt_conn_execute(conn, call, question->sql, question->args, question->changed);
}

apr_status_t dt_db_execute(dt_db_t *db, const dt_call_t *call, const dt_sql_t *sql,
                           const char *const *args, int *changed)
{
    question_t question = {.sql = sql, .args = args, .changed = changed};

    return dt_db_run(db, call, ask, &question);
}

apr_status_t dt_db_select(dt_db_t *db, const dt_call_t *call, const dt_sql_t *sql,
                          const char *const *args, dt_db_row_t *row, void *baton)
{
    question_t question = {.sql = sql, .args = args, .row = row, .baton = baton};

    return dt_db_run(db, call, ask, &question);
}

const char *dt_db_number(const dt_call_t *call, apr_int64_t value)
{
    return apr_psprintf(call->pool, "%" APR_INT64_T_FMT, value);
}

const char *dt_db_instant(const dt_call_t *call, apr_time_t time)
{
    return dt_db_number(call, apr_time_as_msec(time));
}

apr_int64_t dt_db_int(const char *column)
{
    return column ? apr_atoi64(column) : 0;
}

apr_time_t dt_db_time(const char *column)
{
    const apr_int64_t longest = apr_time_as_msec(APR_INT64_MAX);
    const apr_int64_t time = dt_db_int(column);

    return apr_time_from_msec(time < -longest ? -longest : time < longest ? time : longest);
}
