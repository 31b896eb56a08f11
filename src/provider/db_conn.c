/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a database: opened when it is needed, closed when anything failed on it. */
#include "provider/db_conn.h"

#include "provider/db_trouble.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

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
static const char *const greetings[DT_DB_KINDS][4] = {
    /*
     * apr_dbd has one lock around all of SQLite and waits for the file with the lock held, also for
     * a transaction of this very process, which then cannot go on. So it waits only as long as a
     * single statement of another process takes; then it tries again itself, without the lock. With
     * WAL readers and the one writer do not wait for each other, and synchronous=NORMAL keeps the
     * file sound whatever happens; only when power fails may the last moments be missing.
     */
    {"PRAGMA busy_timeout = 10", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"},
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

/* --- opening --- */

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
                          const char *params)
{
    dt_conn_t *conn = apr_pcalloc(home, sizeof(*conn));

    conn->kind = kind;
    conn->driver = driver;
    conn->params = params;
    conn->home = home;
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

static apr_status_t disconnect(void *baton)
{
    dt_conn_t *conn = baton;

    apr_dbd_close(conn->driver, conn->handle);
    return APR_SUCCESS;
}

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

apr_status_t dt_conn_open(dt_conn_t *conn, const dt_call_t *call)
{
    const char *error = NULL;
    apr_pool_t *pool = NULL;
    apr_status_t rv;

    rv = apr_pool_create(&pool, conn->home);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dt_conn");
    if (conn->kind == DT_DB_SQLITE3) {
        make_private(conn->params, pool);
    }
    rv = apr_dbd_open_ex(conn->driver, pool, conn->params, &conn->handle, &error);
    if (rv != APR_SUCCESS) {
        conn->failed = true;
        conn->trouble = dt_db_trouble_connecting(call->pool, error);
        apr_pool_destroy(pool);
        return rv;
    }
    /* The first cleanup is the last to run: the prepared statements go before the connection. */
    apr_pool_cleanup_register(pool, conn, disconnect, apr_pool_cleanup_null);
    conn->pool = pool;
    conn->statements = apr_hash_make(pool);
    rv = greet(conn, call);
    for (int i = 0; rv != APR_SUCCESS && conn->kind == DT_DB_SQLITE3 && i < GREETINGS; i++) {
        apr_sleep(GREETING_PAUSE);
        rv = greet(conn, call);
    }
    if (rv != APR_SUCCESS) {
        dt_conn_close(conn);
    }
    return rv;
}

void dt_conn_close(dt_conn_t *conn)
{
    if (conn->pool) {
        apr_pool_destroy(conn->pool);
    }
    conn->pool = NULL;
    conn->handle = NULL;
    conn->statements = NULL;
    conn->in_transaction = false;
}

/* --- statements --- */

static apr_status_t fail(dt_conn_t *conn, const dt_call_t *call, int error,
                         const char *const *values, int count)
{
    conn->failed = true;
    conn->trouble =
        dt_db_trouble(call->pool, apr_dbd_error(conn->driver, conn->handle, error), values, count);
    return APR_EGENERAL;
}

/* As apr_dbd counts them. */
static int count_args(const char *text)
{
    int count = 0;

    for (; *text; text++) {
        if (*text == '%' && text[1]) {
            count += apr_isalpha(text[1]) ? 1 : 0;
            text++;
        }
    }
    return count;
}

/* A statement and its arguments, ready to be executed. */
typedef struct ready_t {
    apr_dbd_prepared_t *statement;
    int count;
    const char *values[DT_DB_ARGS]; /* the drivers take no const pointers */
} ready_t;

static apr_status_t prepare(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                            const char *const *args, ready_t *ready)
{
    int error;

    *ready = (ready_t){.count = count_args(sql->text)};
    if (!conn->pool || ready->count > DT_DB_ARGS) {
        return APR_EINVAL;
    }
    if (ready->count) {
        memcpy(ready->values, args, (size_t)ready->count * sizeof(args[0]));
    }
    ready->statement = apr_hash_get(conn->statements, sql->text, APR_HASH_KEY_STRING);
    if (ready->statement) {
        return APR_SUCCESS;
    }
    error = apr_dbd_prepare(conn->driver, conn->pool, conn->handle, sql->text, sql->name,
                            &ready->statement);
    if (error) {
        return fail(conn, call, error, ready->values, ready->count);
    }
    apr_hash_set(conn->statements, apr_pstrdup(conn->pool, sql->text), APR_HASH_KEY_STRING,
                 ready->statement);
    return APR_SUCCESS;
}

apr_status_t dt_conn_execute(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                             const char *const *args, int *changed)
{
    ready_t ready;
    int rows = 0;
    int error;
    apr_status_t rv;

    if (changed) {
        *changed = 0;
    }
    rv = prepare(conn, call, sql, args, &ready);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    error = apr_dbd_pquery(conn->driver, call->pool, conn->handle, &rows, ready.statement,
                           ready.count, ready.values);
    if (error) {
        return fail(conn, call, error, ready.values, ready.count);
    }
    if (changed) {
        *changed = rows;
    }
    return APR_SUCCESS;
}

/* apr_dbd_get_entry cannot tell "" from NULL on PostgreSQL, this can. */
static const char *column(const dt_conn_t *conn, apr_pool_t *pool, apr_dbd_row_t *row, int at)
{
    const char *text = NULL;

    if (apr_dbd_datum_get(conn->driver, row, at, APR_DBD_TYPE_STRING, (void *)&text) !=
        APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrdup(pool, text);
}

/* Rows are asked for by number, which every driver understands in the same way. */
static apr_status_t read_rows(dt_conn_t *conn, const dt_call_t *call, apr_pool_t *scratch,
                              apr_dbd_results_t *results, dt_db_row_t *row, void *baton)
{
    const int count = apr_dbd_num_cols(conn->driver, results);
    const int rows = apr_dbd_num_tuples(conn->driver, results);
    apr_dbd_row_t *at = NULL;

    for (int i = 1; i <= rows; i++) {
        const char **columns = apr_pcalloc(call->pool, (size_t)count * sizeof(*columns));

        if (apr_dbd_get_row(conn->driver, scratch, results, &at, i)) {
            return fail(conn, call, 0, NULL, 0);
        }
        for (int j = 0; j < count; j++) {
            columns[j] = column(conn, call->pool, at, j);
        }
        if (!row(baton, columns, count)) {
            break;
        }
    }
    return APR_SUCCESS;
}

apr_status_t dt_conn_select(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                            const char *const *args, dt_db_row_t *row, void *baton)
{
    apr_dbd_results_t *results = NULL;
    apr_pool_t *scratch = NULL;
    ready_t ready;
    int error;
    apr_status_t rv;

    rv = prepare(conn, call, sql, args, &ready);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create(&scratch, call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    error = apr_dbd_pselect(conn->driver, scratch, conn->handle, &results, ready.statement, 1,
                            ready.count, ready.values);
    rv = error ? fail(conn, call, error, ready.values, ready.count)
               : read_rows(conn, call, scratch, results, row, baton);
    apr_pool_destroy(scratch); /* the result goes while the connection is still ours */
    return rv;
}

static bool take_first(void *baton, const char *const *columns, int count)
{
    const char **value = baton;

    *value = count > 0 ? columns[0] : NULL;
    return false;
}

/* As a select: where a statement returns a row that nobody wants, apr_dbd_query would call it an
 * error. */
apr_status_t dt_conn_command(dt_conn_t *conn, const dt_call_t *call, const char *text,
                             const char **value)
{
    const char *unused = NULL;
    const char **first = value ? value : &unused;
    apr_dbd_results_t *results = NULL;
    apr_pool_t *scratch = NULL;
    int error;
    apr_status_t rv;

    *first = NULL;
    if (!conn->pool) {
        return APR_EINVAL;
    }
    rv = apr_pool_create(&scratch, call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    error = apr_dbd_select(conn->driver, scratch, conn->handle, &results, text, 1);
    if (error) {
        rv = fail(conn, call, error, NULL, 0);
    }
    else if (results) {
        rv = read_rows(conn, call, scratch, results, take_first, (void *)first);
    }
    apr_pool_destroy(scratch);
    return rv;
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
    if (conn->pool && conn->in_transaction &&
        dt_conn_command(conn, call, "ROLLBACK", NULL) == APR_SUCCESS) {
        conn->in_transaction = false;
    }
}
