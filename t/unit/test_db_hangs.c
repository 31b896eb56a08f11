/* SPDX-License-Identifier: Apache-2.0 */
/* A database server that takes a question and never answers: what a call costs, and many. */
#include "hanging_driver.h"

#include "provider/db_conn.h"

#define MANY 32 /* connections that may hang before no more are made */

static apr_uint32_t tries; /* to connect */
static int threads;        /* of this process, before the first test */

/* --- SQLite's driver passes for PostgreSQL's, as one of a server --- */

apr_status_t apr_dbd_get_driver(apr_pool_t *pool, const char *name, const apr_dbd_driver_t **driver)
{
    __typeof__(apr_dbd_get_driver) *real =
        (__typeof__(apr_dbd_get_driver) *)dlsym(RTLD_NEXT, "apr_dbd_get_driver");

    return real(pool, strcmp(name, "pgsql") == 0 ? "sqlite3" : name, driver);
}

apr_status_t apr_dbd_open_ex(const apr_dbd_driver_t *driver, apr_pool_t *pool, const char *params,
                             apr_dbd_t **handle, const char **error)
{
    __typeof__(apr_dbd_open_ex) *real =
        (__typeof__(apr_dbd_open_ex) *)dlsym(RTLD_NEXT, "apr_dbd_open_ex");

    apr_atomic_inc32(&tries);
    return real(driver, pool, ":memory:", handle, error);
}

/* Of this process; 0 where the system does not tell. */
static int count_threads(apr_pool_t *pool)
{
    apr_dir_t *tasks = NULL;
    apr_finfo_t info;
    int count = 0;

    if (apr_dir_open(&tasks, "/proc/self/task", pool) != APR_SUCCESS) {
        return 0;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, tasks) == APR_SUCCESS) {
        count += *info.name != '.';
    }
    apr_dir_close(tasks);
    return count;
}

static void *APR_THREAD_FUNC do_nothing(apr_thread_t *thread, void *baton)
{
    (void)thread;
    return baton;
}

/* A sanitizer has a thread of its own from the first one on that somebody makes. */
static int count_at_rest(apr_pool_t *pool)
{
    apr_thread_t *first = NULL;
    apr_status_t ended;

    assert_int_equal(apr_thread_create(&first, NULL, do_nothing, NULL, pool), APR_SUCCESS);
    assert_int_equal(apr_thread_join(&ended, first), APR_SUCCESS);
    return count_threads(pool);
}

/* Until the gate is closed it answers that it does not know PostgreSQL's tables. */
static int set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    make_gate(pool);
    if (!threads) {
        threads = count_at_rest(pool);
    }
    world->pool = pool;
    world->call = (dt_call_t){.pool = pool, .now = NOW};
    world->config = (dt_db_config_t){.driver = "pgsql",
                                     .params = "postgresql://127.0.0.1/",
                                     .max_connections = MANY,
                                     .patience = apr_time_from_sec(30)};
    world_connect(world);
    *state = world;
    return 0;
}

/* Whoever connects sees who has come back meanwhile, and lets them go. */
static int tear_down(void **state)
{
    world_t *world = *state;
    const char *trouble;

    set_gate(false);
    do {
        apr_sleep(apr_time_from_msec(5));
        (void)dt_db_ready(world->db, &world->call, &trouble);
    } while (count_threads(world->pool) > threads);
    world_disconnect(world);
    pool_gone(world->pool);
    return 0;
}

static void call_it(member_t *member)
{
    const char *trouble;

    member->status = dt_db_ready(member->world->db, &member->call, &trouble);
    member->yes = strcmp(trouble, "no answer in time") == 0;
}

/* How long it took. */
static apr_interval_time_t call_once(world_t *world, const char **trouble)
{
    const apr_time_t began = apr_time_now();

    assert_int_not_equal(dt_db_ready(world->db, &world->call, trouble), APR_SUCCESS);
    return apr_time_now() - began;
}

/* --- tests --- */

static void a_call_without_an_answer_ends_in_time_and_is_not_made_again(void **state)
{
    const char *trouble;

    set_gate(true);
    apr_atomic_set32(&tries, 0);
    assert_true(call_once(*state, &trouble) >= DT_CONN_PATIENCE);
    assert_string_equal(trouble, "no answer in time");
    assert_int_equal(apr_atomic_read32(&tries), 1);
}

static void a_call_with_little_patience_left_ends_with_it_and_asks_no_more(void **state)
{
    apr_interval_time_t patience = apr_time_from_msec(200);
    world_t *world = *state;
    const char *trouble;

    set_gate(true);
    world->call.patience = &patience;
    assert_true(call_once(world, &trouble) < DT_CONN_PATIENCE);
    assert_string_equal(trouble, "no answer in time");
    assert_true(patience <= 0);
    apr_atomic_set32(&tries, 0);
    (void)call_once(world, &trouble);
    assert_string_equal(trouble, "a request may not wait any more");
    assert_int_equal(apr_atomic_read32(&tries), 0);
    world->call.patience = NULL;
}

static void a_call_without_patience_has_no_answer_and_the_connection_stays(void **state)
{
    const apr_dbd_driver_t *driver = NULL;
    apr_interval_time_t patience = 0;
    world_t *world = *state;
    dt_left_t *left = NULL;
    const char *value = "none";
    dt_conn_t *conn;

    assert_int_equal(apr_dbd_get_driver(world->pool, "sqlite3", &driver), APR_SUCCESS);
    assert_int_equal(dt_left_create(world->pool, &left), APR_SUCCESS);
    conn = dt_conn_create(world->pool, DT_DB_SQLITE3, driver, ":memory:", left);
    assert_int_equal(dt_conn_open(conn, &world->call), APR_SUCCESS);
    world->call.patience = &patience;
    assert_int_equal(dt_conn_command(conn, &world->call, "SELECT 1", &value), APR_TIMEUP);
    assert_string_equal(conn->trouble, "no answer in time");
    assert_null(value);
    assert_false(conn->hung);
    assert_non_null(conn->link);
    world->call.patience = NULL;
    dt_conn_close(conn);
}

/* The only connection is in use for six seconds, and somebody would wait for it for thirty. */
static void who_has_no_time_to_wait_for_a_connection_goes_at_once(void **state)
{
    apr_interval_time_t patience = apr_time_from_sec(29);
    world_t *world = *state;
    member_t holder;
    const char *trouble;

    world_disconnect(world);
    world->config.max_connections = 1;
    world_connect(world);
    set_gate(true);
    apr_atomic_set32(&tries, 0);
    crowd_begin(world, 1, call_it, &holder);
    while (apr_atomic_read32(&tries) == 0) {
        apr_sleep(apr_time_from_msec(1));
    }
    world->call.patience = &patience;
    assert_true(call_once(world, &trouble) < DT_CONN_PATIENCE / 2);
    assert_string_equal(trouble, "all connections to the database are in use");
    world->call.patience = NULL;
    assert_int_equal(crowd_end(1, &holder), 1);
}

static void while_many_hang_nobody_waits_for_one_more(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];
    const char *trouble;

    set_gate(true);
    assert_int_equal(crowd(world, MANY, call_it, members), MANY);
    assert_true(call_once(world, &trouble) < DT_CONN_PATIENCE);
    assert_string_equal(trouble, "the database could not be reached a moment ago");
}

static void when_what_hung_has_ended_it_is_asked_again(void **state)
{
    world_t *world = *state;
    const apr_time_t end = apr_time_now() + 5 * DT_CONN_PATIENCE;
    member_t members[CROWD_MAX];
    const char *trouble;

    set_gate(true);
    crowd(world, MANY, call_it, members);
    set_gate(false);
    do {
        assert_true(apr_time_now() < end);
        apr_sleep(apr_time_from_msec(20));
        call_once(world, &trouble);
    } while (!strstr(trouble, "pg_class"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_without_an_answer_ends_in_time_and_is_not_made_again),
        TEST(a_call_with_little_patience_left_ends_with_it_and_asks_no_more),
        TEST(a_call_without_patience_has_no_answer_and_the_connection_stays),
        TEST(who_has_no_time_to_wait_for_a_connection_goes_at_once),
        TEST(while_many_hang_nobody_waits_for_one_more),
        TEST(when_what_hung_has_ended_it_is_asked_again),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
