/* SPDX-License-Identifier: Apache-2.0 */
/* A database over apr_dbd: a bounded pool of connections, statements, reconnect, migrations. */
#ifndef DT_PROVIDER_DB_H
#define DT_PROVIDER_DB_H

#include "core/dt.h"

#include <apr_dbd.h>
#include <apr_errno.h>

#define DT_DB_ARGS 16       /* arguments of a statement */
#define DT_DB_CONNECTIONS 8 /* per child, unless said otherwise */

/** A database as configured. Copied. */
typedef struct dt_db_config_t {
    const char *driver;           /* apr_dbd's: sqlite3, pgsql, mysql */
    const char *params;           /* as the driver takes them; may hold a password: never logged */
    int max_connections;          /* per child; 0: DT_DB_CONNECTIONS */
    apr_interval_time_t patience; /* how long a call waits for a connection to be free, and then
                                     does again what fails; 0: two seconds */
} dt_db_config_t;

typedef struct dt_db_t dt_db_t;
typedef struct dt_conn_t dt_conn_t; /* one connection, held by one thread */

/** How the databases differ, where statements must know. */
typedef enum dt_db_kind_t { DT_DB_SQLITE3, DT_DB_PGSQL, DT_DB_MYSQL, DT_DB_KINDS } dt_db_kind_t;

/**
 * One statement. text has apr_dbd's %s and %lld for arguments, and %% for a percent sign.
 * name is unique among all statements of a database and names its prepared form; NULL: bound, but
 * not prepared under a name, so that the server infers the arguments' types from the columns.
 */
typedef struct dt_sql_t {
    const char *name;
    const char *text;
} dt_sql_t;

/** NULL when the driver is there and known; else what is wrong, naming the package that has it. */
const char *dt_db_check(apr_pool_t *ptemp, const char *driver);

/**
 * Make it while the configuration is read; nothing is opened. dt_db_start, in the child before
 * there are threads, makes the empty pool of connections; what it makes goes with pchild.
 */
apr_status_t dt_db_create(apr_pool_t *pconf, const dt_db_config_t *config, dt_db_t **db);
apr_status_t dt_db_start(dt_db_t *db, apr_pool_t *pchild);
dt_db_kind_t dt_db_kind(const dt_db_t *db);

/**
 * Open a connection and bring the tables to this module's version: dt_schema (db_schema.h). Runs
 * once even when several children or nodes start together, never loses anything, and leaves newer
 * versions alone. Also done by the first dt_db_run that finds it undone, so that a database that
 * was down at the start is used as soon as it is there.
 * @param trouble on failure: what the database said, without secrets, from call->pool; where nobody
 *                asks it because it could not be reached a moment ago, what it said then
 */
apr_status_t dt_db_ready(dt_db_t *db, const dt_call_t *call, const char **trouble);

/** What dt_db_run is to do with a connection. */
typedef apr_status_t dt_db_work_t(void *baton, const dt_call_t *call, dt_conn_t *conn);

/**
 * Acquire a connection, do the work, release it. When something fails before patience is over, be
 * it that the connection turns out to be broken, the work is done again on a new one, at most four
 * times: so it must be safe to repeat, even where it did happen on the server before. What the work
 * itself returns is no failure: only a statement or a connection can fail. A transaction it leaves
 * open is undone.
 * After a connection could not be made, others fail at once for about a second.
 * Nothing waits for longer than call->patience, but where tables are being changed.
 * @return what work returned; APR_TIMEUP when no connection became free, or there was no answer in
 *         time; APR_ECONNREFUSED when the database cannot be reached; APR_EGENERAL for an error of
 *         the database
 */
apr_status_t dt_db_run(dt_db_t *db, const dt_call_t *call, dt_db_work_t *work, void *baton);

/** Takes a line for the log. */
typedef void dt_db_log_t(void *baton, const char *text);

/**
 * Whom to tell what the database said when something failed: the glue, which logs it. text has no
 * value of a statement and no secret. Any thread.
 */
void dt_db_on_trouble(dt_db_t *db, dt_db_log_t *log, void *baton);

/**
 * Execute a statement that changes something. args: as many texts as text has arguments; NULL is
 * SQL's NULL.
 * @param changed rows; may be NULL
 */
apr_status_t dt_conn_execute(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                             const char *const *args, int *changed);

/** One row: the columns' texts, NULL for SQL's NULL; in call->pool. Return false for no more. */
typedef bool dt_db_row_t(void *baton, const char *const *columns, int count);

/** Execute a statement that returns rows. */
apr_status_t dt_conn_select(dt_conn_t *conn, const dt_call_t *call, const dt_sql_t *sql,
                            const char *const *args, dt_db_row_t *row, void *baton);

/** A transaction around several statements. A failed statement inside means abort. */
apr_status_t dt_conn_begin(dt_conn_t *conn, const dt_call_t *call);
apr_status_t dt_conn_commit(dt_conn_t *conn, const dt_call_t *call);
void dt_conn_abort(dt_conn_t *conn, const dt_call_t *call);

#endif
