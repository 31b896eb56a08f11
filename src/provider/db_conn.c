/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a database: opened when it is needed, closed when anything failed on it. */
#include "provider/db_conn.h"

#include "provider/db_trouble.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * The administrator's come later, and libpq takes the last. keepalives and tcp_user_timeout end a
 * statement whose server has vanished, statement_timeout one that waits for a lock.
 */
#define PGSQL_DEFAULTS                                                                   \
    "connect_timeout=2 application_name=mod_auth_dingtalk client_encoding=UTF8 "         \
    "keepalives_idle=10 keepalives_interval=3 keepalives_count=3 tcp_user_timeout=8000 " \
    "options='-c statement_timeout=5000' "

/*
 * Ours come last, and the driver takes the last. A connection that it made anew in silence would
 * have lost what is set and prepared; and a row that was found is no row that was changed.
 */
#define MYSQL_DEMANDS ",reconnect=0,flags=none"

/* What is said on every new connection, up to NULL. */
static const char *const greetings[DT_DB_KINDS][5] = {
    /*
     * apr_dbd has one lock around all of SQLite and waits for the file with the lock held, also for
     * a transaction of this very process, which then cannot go on. So it waits only as long as a
     * single statement of another process takes; then it tries again itself, without the lock. With
     * WAL readers and the one writer do not wait for each other, and synchronous=NORMAL keeps the
     * file sound whatever happens; only when power fails may the last moments be missing. A cache
     * of a quarter of a MiB is enough, as the system keeps the file in memory.
     */
    {"PRAGMA busy_timeout = 10", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
     "PRAGMA cache_size = -256"},
    {NULL},
    /* A value that is too long is an error: cut off, it would be somebody else's. */
    {"SET NAMES utf8mb4",
     "SET SESSION autocommit = 1, SESSION sql_mode = "
     "CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES')",
     "SET SESSION innodb_lock_wait_timeout = 5 /*M!100101 , SESSION max_statement_time = 5 */"
     "/*!80000 , SESSION max_execution_time = 5000 */"},
};

/* Several processes that make a new file WAL at the same time are in each other's way, and there
 * SQLite does not wait: who comes second tries again. */
#define GREETINGS 50
#define GREETING_PAUSE apr_time_from_msec(20)

/* BEGIN alone would make SQLite refuse a second writer when it is too late to wait for it. */
static const char *const begin[DT_DB_KINDS] = {"BEGIN IMMEDIATE", "BEGIN", "START TRANSACTION"};

/* libpq keeps its own connect_timeout, for each of the hosts it is given. */
static const int patience_connecting[DT_DB_KINDS] = {10, 10, 3};

/* --- making --- */

static bool is_uri(const char *params)
{
    return strncmp(params, "postgresql://", 13) == 0 || strncmp(params, "postgres://", 11) == 0;
}

const char *dt_conn_params(apr_pool_t *pool, dt_db_kind_t kind, const char *params)
{
    if (kind == DT_DB_MYSQL) {
        return apr_pstrcat(pool, params, MYSQL_DEMANDS, NULL);
    }
    if (kind == DT_DB_PGSQL && !is_uri(params)) {
        return apr_pstrcat(pool, PGSQL_DEFAULTS, params, NULL);
    }
    return apr_pstrdup(pool, params);
}

dt_conn_t *dt_conn_create(apr_pool_t *home, dt_db_kind_t kind, const apr_dbd_driver_t *driver,
                          const char *params, dt_left_t *left)
{
    dt_conn_t *conn = apr_pcalloc(home, sizeof(*conn));

    conn->kind = kind;
    conn->driver = driver;
    conn->params = params;
    conn->home = home;
    conn->left = left;
    conn->patience = DT_CONN_PATIENCE;
    return conn;
}

/*
 * SQLite makes its file as the umask says, and gives its other files the same mode. So it finds one
 * that is there already, made under another name: to close a file that SQLite has open would undo
 * its locks.
 */
static void make_private(const char *path, apr_pool_t *pool)
{
    char *made = apr_pstrcat(pool, path, ".XXXXXX", NULL);
    apr_file_t *file = NULL;
    apr_finfo_t info;

    if (*path != '/' || apr_stat(&info, path, APR_FINFO_TYPE, pool) == APR_SUCCESS ||
        apr_file_mktemp(&file, made, APR_FOPEN_CREATE | APR_FOPEN_EXCL | APR_FOPEN_WRITE, pool) !=
            APR_SUCCESS) {
        return; /* without a file or its folder, SQLite will say what is wrong */
    }
    apr_file_close(file);
    (void)apr_file_link(made, path);
    apr_file_remove(made, pool);
}

/* What SQLite may not write it reads, and so do all connections to the file that a process opens as
 * long as one of these is open, whatever the file's permissions are by then. */
static bool may_be_read_only(const dt_conn_t *conn, const dt_call_t *call)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    bool denied = false;

    if (conn->kind != DT_DB_SQLITE3) {
        return false;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *path = apr_pstrcat(call->pool, conn->params, endings[i], NULL);

        denied = denied || (access(path, W_OK) != 0 && errno != ENOENT);
    }
    return denied;
}

/* --- asking --- */

static apr_status_t fail(dt_conn_t *conn, const dt_call_t *call, const char *said,
                         const char *const *values, int count)
{
    conn->failed = true;
    conn->trouble = dt_db_trouble(call->pool, said, values, count);
    return APR_EGENERAL;
}

/* Changing tables has its own time: broken off by each request in turn it would never be done. */
static apr_interval_time_t patience_of(const dt_conn_t *conn, const dt_call_t *call,
                                       const dt_link_order_t *order)
{
    return conn->patience == DT_CONN_PATIENCE_MIGRATING ? order->patience
                                                        : dt_patience(call, order->patience);
}

/* Whatever has no answer in time is left as it is, and so is its thread. That the connection hangs
 * is known when the whole of the time is over: the call may have spent most of it before. */
static apr_status_t ask(dt_conn_t *conn, const dt_call_t *call, const dt_link_order_t *order,
                        dt_link_answer_t *answer)
{
    const apr_time_t began = apr_time_now();
    dt_link_order_t in_time = *order;
    apr_status_t rv = APR_TIMEUP;

    *answer = (dt_link_answer_t){.error = NULL};
    in_time.patience = patience_of(conn, call, order);
    if (in_time.patience > 0) {
        rv = dt_link_ask(conn->link, &in_time, answer);
        dt_waited(call, apr_time_now() - began);
        conn->link = rv == APR_TIMEUP ? NULL : conn->link;
    }
    if (rv == APR_TIMEUP) {
        conn->in_transaction = conn->link && conn->in_transaction;
        conn->hung = in_time.patience == order->patience;
        conn->failed = true;
        conn->trouble = "no answer in time";
    }
    return rv;
}

static apr_status_t ask_prepared(dt_conn_t *conn, const dt_call_t *call, dt_link_verb_t verb,
                                 const dt_sql_t *sql, const char *const *args,
                                 dt_link_answer_t *answer)
{
    const dt_link_order_t order = {verb, sql->text, sql->name, args, conn->patience, call->end};
    apr_status_t rv;

    *answer = (dt_link_answer_t){.error = NULL};
    if (!conn->link) {
        return APR_EINVAL;
    }
    rv = ask(conn, call, &order, answer);
    return answer->error ? fail(conn, call, answer->error, args, dt_link_args(sql->text)) : rv;
}

apr_status_t dt_conn_execute(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                             const char *const *args, int *changed)
{
    dt_link_answer_t answer;
    const apr_status_t rv = ask_prepared(conn, call, DT_LINK_EXECUTE, sql, args, &answer);

    if (changed) {
        *changed = answer.changed;
    }
    return rv;
}

apr_status_t dt_conn_select(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                            const char *const *args, dt_db_row_t *row, void *baton)
{
    dt_link_answer_t answer;
    const apr_status_t rv = ask_prepared(conn, call, DT_LINK_SELECT, sql, args, &answer);
    bool more = rv == APR_SUCCESS;

    for (int i = 0; more && i < answer.rows; i++) {
        const char **columns = apr_palloc(call->pool, (size_t)answer.columns * sizeof(*columns));

        for (int j = 0; j < answer.columns; j++) {
            columns[j] = apr_pstrdup(call->pool, answer.values[i * answer.columns + j]);
        }
        more = row(baton, columns, answer.columns);
    }
    if (conn->link) {
        dt_link_forget(conn->link);
    }
    return rv;
}

/* As a select: where a statement returns a row that nobody wants, apr_dbd_query would call it an
 * error. */
apr_status_t dt_conn_command(dt_conn_t *conn, const dt_call_t *call, const char *text,
                             const char **value)
{
    const dt_link_order_t order = {DT_LINK_COMMAND, text, NULL, NULL, conn->patience, call->end};
    dt_link_answer_t answer;
    apr_status_t rv;

    if (value) {
        *value = NULL;
    }
    if (!conn->link) {
        return APR_EINVAL;
    }
    rv = ask(conn, call, &order, &answer);
    if (answer.error) {
        return fail(conn, call, answer.error, NULL, 0);
    }
    if (value && answer.rows) {
        *value = apr_pstrdup(call->pool, answer.values[0]);
    }
    return rv;
}

/* --- opening --- */

static apr_status_t greet(dt_conn_t *conn, const dt_call_t *call)
{
    apr_status_t rv = APR_SUCCESS;

    conn->failed = false;
    conn->trouble = NULL;
    for (int i = 0; rv == APR_SUCCESS && greetings[conn->kind][i]; i++) {
        rv = dt_conn_command(conn, call, greetings[conn->kind][i], NULL);
    }
    return rv;
}

static apr_status_t connect_link(dt_conn_t *conn, const dt_call_t *call)
{
    const dt_link_order_t order = {.verb = DT_LINK_OPEN,
                                   .text = conn->params,
                                   .patience = apr_time_from_sec(patience_connecting[conn->kind]),
                                   .end = call->end};
    dt_link_answer_t answer;
    apr_status_t rv = dt_link_create(conn->kind, conn->driver, conn->left, &conn->link);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = ask(conn, call, &order, &answer);
    if (answer.error) {
        conn->failed = true;
        conn->trouble =
            dt_db_trouble_connecting(call->pool, conn->kind, answer.error, conn->params);
        dt_conn_close(conn);
    }
    return rv;
}

apr_status_t dt_conn_open(dt_conn_t *conn, const dt_call_t *call)
{
    apr_status_t rv;

    conn->hung = false;
    conn->once = may_be_read_only(conn, call); /* before, and after: it may change meanwhile */
    if (conn->kind == DT_DB_SQLITE3) {
        make_private(conn->params, call->pool);
    }
    rv = connect_link(conn, call);
    if (rv == APR_SUCCESS) {
        rv = greet(conn, call);
    }
    for (int i = 0; conn->link && rv != APR_SUCCESS && conn->kind == DT_DB_SQLITE3 &&
                    i < GREETINGS && !dt_gives_up(call->end);
         i++) {
        apr_sleep(GREETING_PAUSE);
        rv = greet(conn, call);
    }
    if (rv != APR_SUCCESS) {
        dt_conn_close(conn);
    }
    conn->once = conn->once || may_be_read_only(conn, call);
    return rv;
}

void dt_conn_close(dt_conn_t *conn)
{
    if (conn->link) {
        dt_link_close(conn->link);
    }
    conn->link = NULL;
    conn->in_transaction = false;
}

/* --- transactions: in SQL, because what apr_dbd keeps of one would commit it at a failure --- */

apr_status_t dt_conn_begin(dt_conn_t *conn, const dt_call_t *call)
{
    const apr_status_t rv = dt_conn_command(conn, call, begin[conn->kind], NULL);

    conn->in_transaction = rv == APR_SUCCESS;
    return rv;
}

/* PostgreSQL answers a COMMIT after a failure with success, and has undone everything. */
apr_status_t dt_conn_commit(dt_conn_t *conn, const dt_call_t *call)
{
    apr_status_t rv;

    if (conn->failed) {
        dt_conn_abort(conn, call);
        return APR_EGENERAL;
    }
    rv = dt_conn_command(conn, call, "COMMIT", NULL);
    conn->in_transaction = rv != APR_SUCCESS;
    return rv;
}

void dt_conn_abort(dt_conn_t *conn, const dt_call_t *call)
{
    if (conn->link && conn->in_transaction &&
        dt_conn_command(conn, call, "ROLLBACK", NULL) == APR_SUCCESS) {
        conn->in_transaction = false;
    }
}
