/* SPDX-License-Identifier: Apache-2.0 */
/* A database for unit tests: SQLite in a folder of its own, or what the environment names. */
#ifndef DT_UNIT_DATABASE_H
#define DT_UNIT_DATABASE_H

#include "unit.h"

#include "provider/db.h"
#include "provider/memory_dbd.h"

#include <apr_atomic.h>
#include <apr_file_io.h>
#include <apr_thread_proc.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CORP "dingcorp0001"

/* DT_TEST_DRIVER and DT_TEST_PARAMS name another database, which the tests make empty. */
typedef struct world_t {
    apr_pool_t *pool;
    dt_call_t call;
    dt_db_config_t config;
    const char *folder; /* SQLite's; else NULL */
    apr_pool_t *child;  /* of db's connections */
    dt_db_t *db;
    const dt_memory_t *memory;
    apr_uint32_t troubles;
    char trouble[512]; /* what was told first */
} world_t;

/* --- any SQL --- */

typedef struct query_t {
    dt_sql_t sql;
    const char *const *args;
    const char *value; /* first column of the last row */
    int rows;
} query_t;

static inline bool query_row(void *baton, const char *const *columns, int count)
{
    query_t *query = baton;

    query->value = count > 0 ? columns[0] : NULL;
    query->rows++;
    return true;
}

static inline apr_status_t query_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    query_t *query = baton;

    query->rows = 0;
    return dt_conn_select(conn, call, &query->sql, query->args, query_row, query);
}

static inline apr_status_t change_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    query_t *query = baton;

    return dt_conn_execute(conn, call, &query->sql, query->args, &query->rows);
}

static inline const char *value_of(world_t *world, const char *text)
{
    query_t query = {.sql = {NULL, text}};

    assert_int_equal(dt_db_run(world->db, &world->call, query_work, &query), APR_SUCCESS);
    return query.value;
}

/* How many rows it changed; -1 for an error. */
static inline int change(world_t *world, const char *text)
{
    query_t query = {.sql = {NULL, text}};

    return dt_db_run(world->db, &world->call, change_work, &query) == APR_SUCCESS ? query.rows : -1;
}

/* --- the world --- */

static inline void world_trouble(void *baton, const char *text)
{
    world_t *world = baton;

    if (apr_atomic_inc32(&world->troubles) == 0) {
        apr_cpystrn(world->trouble, text, sizeof(world->trouble));
    }
}

/* As a child begins: with a handle of its own. */
static inline void world_connect(world_t *world)
{
    assert_int_equal(apr_pool_create(&world->child, world->pool), APR_SUCCESS);
    assert_int_equal(dt_db_create(world->child, &world->config, &world->db), APR_SUCCESS);
    dt_db_on_trouble(world->db, world_trouble, world);
    assert_int_equal(dt_db_start(world->db, world->child), APR_SUCCESS);
    world->memory = dt_memory_dbd_create(world->child, world->db);
}

/* As a child ends. */
static inline void world_disconnect(world_t *world)
{
    apr_pool_destroy(world->child);
    world->db = NULL;
    world->memory = NULL;
}

/* The same database as another child sees it. */
static inline world_t *world_twin(world_t *world)
{
    world_t *twin = apr_pmemdup(world->pool, world, sizeof(*world));

    twin->troubles = 0;
    world_connect(twin);
    return twin;
}

static inline void world_forget_tables(world_t *world)
{
    static const char *const tables[] = {"account", "binding", "revocation", "challenge", "limit",
                                         "audit",   "event",   "member",     "schema"};

    world_connect(world);
    for (size_t i = 0; i < ROWS(tables); i++) {
        assert_int_not_equal(change(world, apr_pstrcat(world->pool, "DROP TABLE dingtalk_",
                                                       tables[i], NULL)),
                             -1);
    }
    world_disconnect(world);
}

static inline void world_configure(world_t *world)
{
    const char *driver = getenv("DT_TEST_DRIVER");
    const char *temp = NULL;
    char *folder;

    world->config.patience = apr_time_from_sec(30);
    if (driver) {
        world->config.driver = driver;
        world->config.params = getenv("DT_TEST_PARAMS");
        world_forget_tables(world);
        return;
    }
    assert_int_equal(apr_temp_dir_get(&temp, world->pool), APR_SUCCESS);
    folder = apr_pstrcat(world->pool, temp, "/dt-db-XXXXXX", NULL);
    assert_non_null(mkdtemp(folder));
    world->folder = folder;
    world->config.driver = "sqlite3";
    world->config.params = apr_pstrcat(world->pool, folder, "/dingtalk.db", NULL);
}

static inline int world_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    world->pool = pool;
    world->call = (dt_call_t){.pool = pool, .now = NOW, .address = "192.0.2.7"};
    world_configure(world);
    world_connect(world);
    *state = world;
    return 0;
}

static inline void world_remove_files(const world_t *world)
{
    static const char *const endings[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < ROWS(endings); i++) {
        apr_file_remove(apr_pstrcat(world->pool, world->config.params, endings[i], NULL),
                        world->pool);
    }
    apr_dir_remove(world->folder, world->pool);
}

static inline int world_tear_down(void **state)
{
    world_t *world = *state;

    world_disconnect(world);
    if (world->folder) {
        world_remove_files(world);
    }
    pool_gone(world->pool);
    return 0;
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

/* Of a group: apr_dbd can be begun once in a process, and ends with APR. */
static inline int databases_set_up(void **state)
{
    return apr_initialize();
}

static inline bool is_driver(const world_t *world, const char *driver)
{
    return strcmp(world->config.driver, driver) == 0;
}

/* The next time that a row of table is changed so, SQLite says that it was not, and it was: as when
 * a connection breaks before the answer. how: "INSERT" or "UPDATE". */
static inline void lose_an_answer(world_t *world, const char *how, const char *table)
{
    assert_int_not_equal(change(world, "CREATE TABLE lost (answer INTEGER)"), -1);
    assert_int_equal(change(world, "INSERT INTO lost VALUES (1)"), 1);
    assert_int_not_equal(
        change(world, apr_pstrcat(world->pool, "CREATE TRIGGER lose AFTER ", how, " ON ", table,
                                  " WHEN EXISTS (SELECT * FROM lost) BEGIN DELETE FROM lost; "
                                  "SELECT RAISE(FAIL, 'lost'); END",
                                  NULL)),
        -1);
}

/* --- many at once --- */

#define CROWD_MAX 100

/* Under valgrind one thread works at a time: as many as the database's patience suffices for. */
static inline int crowd_size(void)
{
    const char *slow = getenv("DT_VALGRIND");

    return slow && strcmp(slow, "yes") == 0 ? CROWD_MAX / 5 : CROWD_MAX;
}

typedef struct member_t member_t;
typedef void crowd_work_t(member_t *member);

struct member_t {
    world_t *world;
    dt_call_t call; /* its own */
    int number;
    crowd_work_t *work;
    bool yes; /* what it found */
    apr_status_t status;
    apr_thread_t *thread;
};

static inline void *APR_THREAD_FUNC crowd_thread(apr_thread_t *thread, void *baton)
{
    member_t *member = baton;

    member->work(member);
    return NULL;
}

/* Each of size members begins its work in a thread. */
static inline void crowd_begin(world_t *world, int size, crowd_work_t *work, member_t *members)
{
    for (int i = 0; i < size; i++) {
        members[i] = (member_t){.world = world, .call = world->call, .number = i, .work = work};
        assert_int_equal(apr_pool_create(&members[i].call.pool, world->pool), APR_SUCCESS);
    }
    for (int i = 0; i < size; i++) {
        assert_int_equal(apr_thread_create(&members[i].thread, NULL, crowd_thread, &members[i],
                                           world->pool),
                         APR_SUCCESS);
    }
}

/* When all have ended: how many of them say yes. */
static inline int crowd_end(int size, member_t *members)
{
    int yes = 0;

    for (int i = 0; i < size; i++) {
        apr_status_t ended;

        assert_int_equal(apr_thread_join(&ended, members[i].thread), APR_SUCCESS);
        yes += members[i].yes;
    }
    return yes;
}

static inline int crowd(world_t *world, int size, crowd_work_t *work, member_t *members)
{
    crowd_begin(world, size, work, members);
    return crowd_end(size, members);
}

/* Each of size processes does its work with a handle of its own; the sum of what they return. */
static inline int tribe(world_t *world, int size, int (*work)(world_t *world))
{
    pid_t pids[CROWD_MAX];
    int sum = 0;

    world_disconnect(world); /* a connection must not be in two processes */
    for (int i = 0; i < size; i++) {
        pids[i] = fork();
        assert_int_not_equal(pids[i], -1);
        if (pids[i] == 0) {
            world_connect(world);
            _exit(work(world));
        }
    }
    for (int i = 0; i < size; i++) {
        int status = -1;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        sum += WEXITSTATUS(status);
    }
    world_connect(world);
    return sum;
}

#endif
