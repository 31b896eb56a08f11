/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations in SQL: how nodes that share a database tell each other whose sessions are dead. */
#include "provider/revocations_dbd.h"

#include "provider/db_ask.h"

#include <apr_strings.h>
#include <stdlib.h>

#define PAGE 500 /* rows of one question: bounds the memory of a start after a busy day */
#define PAGE_TEXT "500"

static const dt_sql_t insert_row = {
    "dt_revoke",
    "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) VALUES (%s, %lld, %lld)"};

static const dt_sql_t read_rows = {
    "dt_revoked", "SELECT id, subject, not_before FROM dingtalk_revocation "
                  "WHERE id > %lld AND expires_at > %lld ORDER BY id LIMIT " PAGE_TEXT};

static const dt_sql_t forget_rows[DT_DB_KINDS] =
    DT_DELETE_SOME("dt_revoked_old", "dingtalk_revocation", "id", "expires_at < %lld");

apr_status_t dt_revocations_add(dt_db_t *db, const dt_call_t *call, const char *subject,
                                apr_time_t not_before, apr_time_t expires_at)
{
    const char *const args[] = {subject, dt_db_instant(call, not_before),
                                dt_db_instant(call, expires_at)};

    return dt_db_execute(db, call, &insert_row, args, NULL);
}

apr_status_t dt_revocations_forget(dt_db_t *db, const dt_call_t *call)
{
    const char *now = dt_db_instant(call, call->now);
    const char *const args[] = {now, now};

    return dt_db_execute(db, call, &forget_rows[dt_db_kind(db)], args, NULL);
}

/* --- reading --- */

typedef struct page_t {
    apr_int64_t after;
    dt_revocation_take_t *take;
    void *baton;
    apr_int64_t last;
    int rows;
} page_t;

static bool take_row(void *baton, const char *const *columns, int count)
{
    page_t *page = baton;
    const apr_int64_t id = dt_db_int(columns[0]);

    (void)count;
    page->last = id > page->last ? id : page->last;
    page->rows++;
    if (columns[1]) {
        page->take(page->baton, columns[1], dt_db_time(columns[2]));
    }
    return true;
}

/* May be done again from its beginning. */
static apr_status_t read_page(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    page_t *page = baton;
    const char *const args[] = {dt_db_number(call, page->after), dt_db_instant(call, call->now)};

    page->last = page->after;
    page->rows = 0;
    return dt_conn_select(conn, call, &read_rows, args, take_row, page);
}

apr_status_t dt_revocations_read(dt_db_t *db, const dt_call_t *call, apr_int64_t after,
                                 dt_revocation_take_t *take, void *baton, apr_int64_t *last)
{
    page_t page = {.take = take, .baton = baton, .last = after};
    dt_call_t mine = *call;
    apr_status_t rv;

    *last = after;
    rv = apr_pool_create(&mine.pool, call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    do {
        apr_pool_clear(mine.pool);
        page.after = page.last;
        rv = dt_db_run(db, &mine, read_page, &page);
    } while (rv == APR_SUCCESS && page.rows == PAGE && page.last > page.after);
    apr_pool_destroy(mine.pool);
    if (rv == APR_SUCCESS) {
        *last = page.last;
    }
    return rv;
}
