/* SPDX-License-Identifier: Apache-2.0 */
/* A database over apr_dbd: a bounded pool of connections that mends itself. */
#include "provider/db.h"

#include "provider/db_conn.h"
#include "provider/db_schema.h"

#include <apr_allocator.h>
#include <apr_atomic.h>
#include <apr_reslist.h>
#include <apr_strings.h>
#include <string.h>

#define PATIENCE apr_time_from_sec(2)  /* unless the configuration says otherwise */
#define IDLE_MAX apr_time_from_sec(60) /* a connection idle for longer is closed */
#define PAUSE apr_time_from_sec(1)     /* without connecting, after that failed */
#define ATTEMPTS 5                     /* at work that fails in time */
#define LEFT_MAX 32                    /* more connections that hang come by and by only */
#define LEFT_PAUSE apr_time_from_sec(10)
#define LEFT_DOUBLED 8 /* times at most */
#define REASON_MAX 320 /* with NUL; dt_db_trouble's are shorter */

struct dt_db_t {
    dt_db_kind_t kind;
    const apr_dbd_driver_t *driver;
    const char *params;
    int max_connections;
    apr_interval_time_t patience;
    dt_db_log_t *log;
    void *log_baton;
    apr_reslist_t *conns;  /* dt_conn_t *; NULL before start */
    dt_left_t *left;       /* connections on which nothing was answered in time */
    apr_uint32_t age;      /* grows then: those that are older are not used again */
    apr_uint32_t left_at;  /* as refusing */
    apr_uint32_t ready;    /* whether the tables are known to be there */
    apr_uint32_t refusing; /* 0: not; else since when, in milliseconds modulo 2^32, made odd */
#if APR_HAS_THREADS
    apr_thread_mutex_t *lock; /* of reason */
#endif
    char reason[REASON_MAX]; /* why the last attempt to connect failed; empty: it did not */
};

/* A driver of apr_dbd, and the packages it is in. */
typedef struct driver_t {
    const char *name;
    dt_db_kind_t kind;
    const char *packages;
} driver_t;

static const driver_t drivers[] = {
    {"sqlite3", DT_DB_SQLITE3, "libaprutil1-dbd-sqlite3 (Debian, Ubuntu) or apr-util-sqlite"},
    {"pgsql", DT_DB_PGSQL, "libaprutil1-dbd-pgsql (Debian, Ubuntu) or apr-util-pgsql"},
    {"mysql", DT_DB_MYSQL, "libaprutil1-dbd-mysql (Debian, Ubuntu) or apr-util-mysql"},
};

static const driver_t *find_driver(const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(drivers[i].name, name) == 0) {
            return &drivers[i];
        }
    }
    return NULL;
}

/* apr_dbd keeps what it loads for as long as the process lives. */
static apr_status_t load_driver(apr_pool_t *pool, const char *name, const apr_dbd_driver_t **driver)
{
    const apr_status_t rv = apr_dbd_init(pool);

    return rv == APR_SUCCESS ? apr_dbd_get_driver(pool, name, driver) : rv;
}

const char *dt_db_check(apr_pool_t *ptemp, const char *driver)
{
    const driver_t *known = find_driver(driver);
    const apr_dbd_driver_t *loaded = NULL;

    if (!known) {
        return "the driver must be sqlite3, pgsql or mysql";
    }
    if (load_driver(ptemp, driver, &loaded) != APR_SUCCESS) {
        return apr_psprintf(ptemp, "APR has no driver %s: install %s (Fedora, RHEL)", driver,
                            known->packages);
    }
    return NULL;
}

/* --- the child's connections --- */

/* Runs while the list is locked, so it makes a closed one. Its pool has an allocator of its own:
 * a connection is used without the lock, and the allocator of pchild may not be for several threads
 * at once. */
static apr_status_t conn_create(void **resource, void *params, apr_pool_t *list_pool)
{
    const dt_db_t *db = params;
    apr_allocator_t *allocator = NULL;
    apr_pool_t *pool = NULL;
    apr_status_t rv;

    rv = apr_allocator_create(&allocator);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_ex(&pool, list_pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, pool);
    *resource = dt_conn_create(pool, db->kind, db->driver, db->params, db->left);
    return APR_SUCCESS;
}

static apr_status_t conn_destroy(void *resource, void *params, apr_pool_t *list_pool)
{
    dt_conn_t *conn = resource;

    (void)params;
    (void)list_pool;
    dt_conn_close(conn);
    apr_pool_destroy(conn->home);
    return APR_SUCCESS;
}

/* Before the list's pool has destroyed the connections' pools, and conn_destroy finds them gone. */
static apr_status_t stop(void *baton)
{
    dt_db_t *db = baton;
    apr_reslist_t *conns = db->conns;

    db->conns = NULL;
    return apr_reslist_destroy(conns);
}

apr_status_t dt_db_start(dt_db_t *db, apr_pool_t *pchild)
{
    apr_reslist_t *conns = NULL;
    apr_pool_t *pool = NULL;
    apr_status_t rv;

    /* Its own pool: the list allocates under its own lock, which protects no user of pchild. */
    rv = apr_pool_create(&pool, pchild);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dt_db");
    rv = dt_left_create(pool, &db->left);
#if APR_HAS_THREADS
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&db->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    }
#endif
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_reslist_create(&conns, 0, 0, db->max_connections, IDLE_MAX, conn_create, conn_destroy,
                            db, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_reslist_timeout_set(conns, db->patience);
    db->conns = conns;
    apr_pool_pre_cleanup_register(pool, db, stop);
    return APR_SUCCESS;
}

apr_status_t dt_db_create(apr_pool_t *pconf, const dt_db_config_t *config, dt_db_t **db)
{
    const driver_t *known = find_driver(config->driver);
    dt_db_t *made;

    if (!known || !config->params || config->max_connections < 0 || config->patience < 0) {
        return APR_EINVAL;
    }
    made = apr_pcalloc(pconf, sizeof(*made));
    made->kind = known->kind;
    made->params = dt_conn_params(pconf, known->kind, config->params);
    made->max_connections = config->max_connections ? config->max_connections : DT_DB_CONNECTIONS;
    made->patience = config->patience ? config->patience : PATIENCE;
    *db = made;
    return load_driver(pconf, config->driver, &made->driver);
}

dt_db_kind_t dt_db_kind(const dt_db_t *db)
{
    return db->kind;
}

void dt_db_on_trouble(dt_db_t *db, dt_db_log_t *log, void *baton)
{
    db->log = log;
    db->log_baton = baton;
}

static void tell(const dt_db_t *db, const char *text)
{
    if (db->log && text) {
        db->log(db->log_baton, text);
    }
}

/* --- connecting: not again and again, thread by thread, to a database that is not there --- */

/* Real time, whatever the time of a call: the pause is there for threads that would wait. Odd, so
 * never 0. */
static apr_uint32_t milliseconds_now(void)
{
    return (apr_uint32_t)apr_time_as_msec(apr_time_now()) | 1;
}

static bool is_over(apr_uint32_t since, apr_uint32_t now, apr_interval_time_t pause)
{
    return now - since >= (apr_uint32_t)apr_time_as_msec(pause);
}

/* Each connection that hangs costs a thread, until it ends. So the pauses double with each set of
 * them: they are no longer than the trouble has been. */
static bool too_many_hang(dt_db_t *db, apr_uint32_t now)
{
    const int many = dt_left_count(db->left) - LEFT_MAX;
    const int sets = many / db->max_connections;

    return many >= 0 && !is_over(apr_atomic_read32(&db->left_at), now,
                                 LEFT_PAUSE << (sets < LEFT_DOUBLED ? sets : LEFT_DOUBLED));
}

/* Of those who come after a pause, the one who begins the next pause may connect. */
static bool may_connect(dt_db_t *db)
{
    const apr_uint32_t since = apr_atomic_read32(&db->refusing);
    const apr_uint32_t now = milliseconds_now();

    if (too_many_hang(db, now)) {
        return false;
    }
    if (!since) {
        return true;
    }
    return is_over(since, now, PAUSE) && apr_atomic_cas32(&db->refusing, now, since) == since;
}

static void lock(dt_db_t *db)
{
#if APR_HAS_THREADS
    apr_thread_mutex_lock(db->lock);
#else
    (void)db;
#endif
}

static void unlock(dt_db_t *db)
{
#if APR_HAS_THREADS
    apr_thread_mutex_unlock(db->lock);
#else
    (void)db;
#endif
}

/* Whoever tried may have kept it to themselves: then those who come in the pause have to tell. */
static void keep_reason(dt_db_t *db, const char *reason)
{
    lock(db);
    apr_cpystrn(db->reason, reason ? reason : "", sizeof(db->reason));
    unlock(db);
}

/* From pool; empty when there is none. */
static const char *last_reason(dt_db_t *db, apr_pool_t *pool)
{
    const char *reason;

    lock(db);
    reason = apr_pstrdup(pool, db->reason);
    unlock(db);
    return reason;
}

static apr_status_t connect_to(dt_db_t *db, const dt_call_t *call, dt_conn_t *conn)
{
    const apr_uint32_t age = apr_atomic_read32(&db->age);
    apr_status_t rv;

    if (conn->link && conn->age != age) {
        dt_conn_close(conn);
    }
    if (conn->link) {
        return APR_SUCCESS;
    }
    conn->age = age;
    if (!may_connect(db)) {
        return APR_ECONNREFUSED; /* told by whoever tried */
    }
    rv = dt_conn_open(conn, call);
    keep_reason(db, rv == APR_SUCCESS ? NULL : conn->trouble);
    apr_atomic_set32(&db->refusing, rv == APR_SUCCESS ? 0 : milliseconds_now());
    return rv == APR_SUCCESS ? APR_SUCCESS : APR_ECONNREFUSED;
}

/* --- working --- */

static apr_status_t make_ready(dt_db_t *db, const dt_call_t *call, dt_conn_t *conn)
{
    apr_status_t rv;

    if (apr_atomic_read32(&db->ready)) {
        return APR_SUCCESS;
    }
    rv = dt_schema(conn, call);
    if (rv == APR_SUCCESS) {
        apr_atomic_set32(&db->ready, 1);
    }
    return rv;
}

/* What is kept beside it goes the same way, and may hang as well. */
static void note_hung(dt_db_t *db)
{
    apr_atomic_set32(&db->left_at, milliseconds_now());
    apr_atomic_inc32(&db->age);
}

/* A connection is kept only when nothing failed on it: then nobody has to find out what state it is
 * in. Perhaps the tables are gone, too, so they are looked at again. */
static apr_status_t attempt(dt_db_t *db, const dt_call_t *call, dt_conn_t *conn, dt_db_work_t *work,
                            void *baton)
{
    apr_status_t rv;

    conn->failed = false;
    conn->hung = false;
    conn->trouble = NULL;
    rv = connect_to(db, call, conn);
    if (conn->hung) {
        note_hung(db);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = make_ready(db, call, conn);
    if (rv == APR_SUCCESS && work) {
        rv = work(baton, call, conn);
    }
    if (conn->failed) {
        apr_atomic_set32(&db->ready, 0);
    }
    if (conn->hung) {
        note_hung(db);
    }
    if (conn->failed || conn->in_transaction || conn->once) {
        dt_conn_close(conn);
    }
    return conn->failed && rv == APR_SUCCESS ? APR_EGENERAL : rv;
}

/* Who has less time than it may take until one is free does not wait for it. */
static apr_status_t acquire(dt_db_t *db, const dt_call_t *call, dt_conn_t **conn)
{
    const apr_time_t began = apr_time_now();
    void *resource = NULL;
    apr_status_t rv;

    if (dt_patience(call, db->patience) < db->patience &&
        apr_reslist_acquired_count(db->conns) >= (apr_uint32_t)db->max_connections) {
        return APR_TIMEUP;
    }
    rv = apr_reslist_acquire(db->conns, &resource);
    dt_waited(call, apr_time_now() - began);
    *conn = resource;
    return rv;
}

/* What fails at once may have failed because the connection was broken, as all of them are when the
 * server comes back, or because two were in each other's way. */
static apr_status_t run(dt_db_t *db, const dt_call_t *call, dt_db_work_t *work, void *baton,
                        const char **trouble)
{
    dt_conn_t *conn = NULL;
    apr_time_t began;
    apr_status_t rv;

    *trouble = NULL;
    if (!db->conns) {
        *trouble = "the database was not started";
        return APR_ECONNREFUSED;
    }
    if (dt_patience(call, 1) == 0) {
        *trouble = "a request may not wait any more";
        return APR_TIMEUP;
    }
    rv = acquire(db, call, &conn);
    if (rv != APR_SUCCESS) {
        *trouble = "all connections to the database are in use";
        return APR_STATUS_IS_TIMEUP(rv) ? APR_TIMEUP : APR_EGENERAL;
    }
    began = apr_time_now();
    rv = attempt(db, call, conn, work, baton);
    for (int i = 1; i < ATTEMPTS && conn->failed && !conn->hung && rv != APR_ECONNREFUSED &&
                    apr_time_now() - began < db->patience && dt_patience(call, 1) > 0 &&
                    !dt_gives_up(call->end);
         i++) {
        rv = attempt(db, call, conn, work, baton);
    }
    *trouble = conn->trouble;
    apr_reslist_release(db->conns, conn);
    return rv;
}

apr_status_t dt_db_run(dt_db_t *db, const dt_call_t *call, dt_db_work_t *work, void *baton)
{
    const char *trouble;
    const apr_status_t rv = run(db, call, work, baton, &trouble);

    tell(db, dt_gives_up(call->end) ? NULL : trouble);
    return rv;
}

apr_status_t dt_db_ready(dt_db_t *db, const dt_call_t *call, const char **trouble)
{
    const apr_status_t rv = run(db, call, NULL, NULL, trouble);

    if (rv != APR_SUCCESS && !*trouble) {
        *trouble = last_reason(db, call->pool);
    }
    if (rv != APR_SUCCESS && !**trouble) {
        *trouble = "the database could not be reached a moment ago";
    }
    return rv;
}
