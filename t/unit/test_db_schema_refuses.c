/* SPDX-License-Identifier: Apache-2.0 */
/* A database that fails while its tables are made: whole or not at all, and later all the same. */
#include "failing_database.h"

#include "provider/db_conn.h"
#include "provider/db_schema.h"

#define GREETING 5 /* calls: to open, and what is said on every new connection */

static apr_status_t ready(world_t *world)
{
    const char *trouble;

    return dt_db_ready(world->db, &world->call, &trouble);
}

static int calls_of_schema(void)
{
    world_t *world = empty();
    int all;

    assert_int_equal(ready(world), APR_SUCCESS);
    all = calls;
    gone(world);
    assert_true(all > GREETING + 9); /* a call for each table */
    return all;
}

/* As somebody sees it who looks at the file itself. */
static const char *count_tables(world_t *world)
{
    const apr_dbd_driver_t *driver = NULL;
    const char *count = NULL;
    dt_left_t *left;
    dt_conn_t *conn;

    assert_int_equal(apr_dbd_get_driver(world->pool, "sqlite3", &driver), APR_SUCCESS);
    assert_int_equal(dt_left_create(world->pool, &left), APR_SUCCESS);
    conn = dt_conn_create(world->pool, DT_DB_SQLITE3, driver, world->config.params, left);
    assert_int_equal(dt_conn_open(conn, &world->call), APR_SUCCESS);
    assert_int_equal(dt_conn_command(conn, &world->call,
                                     "SELECT COUNT(*) FROM sqlite_master "
                                     "WHERE name LIKE 'dingtalk%'",
                                     &count),
                     APR_SUCCESS);
    dt_conn_close(conn);
    return count;
}

static void assert_tables_are_whole(world_t *world)
{
    world_t *twin = world_twin(world);

    assert_int_equal(ready(twin), APR_SUCCESS);
    assert_string_equal(value_of(twin, "SELECT version FROM dingtalk_schema"),
                        APR_STRINGIFY(DT_SCHEMA_VERSION));
    furnish(twin);
    world_disconnect(twin);
}

static void the_tables_are_made_by_who_comes_after_a_failure(void **state)
{
    const int all = calls_of_schema();

    for (int i = GREETING + 1; i <= all; i++) {
        world_t *world = empty();

        fail_at(i, FOR_EVER);
        assert_int_not_equal(ready(world), APR_SUCCESS);
        assert_int_equal(world->troubles, 0); /* it was told by ready */
        heal();
        assert_tables_are_whole(world);
        gone(world);
    }
}

static void the_tables_are_made_whole_or_not_at_all(void **state)
{
    const int all = calls_of_schema();

    for (int i = GREETING + 1; i <= all; i++) {
        world_t *world = empty();

        fail_at(i, FOR_EVER);
        assert_int_not_equal(ready(world), APR_SUCCESS);
        heal();
        assert_string_equal(count_tables(world), "0");
        gone(world);
    }
}

static void one_failure_while_the_tables_are_made_is_not_noticed(void **state)
{
    const int all = calls_of_schema();

    for (int i = 2; i <= all; i++) { /* the first is to open, which has a pause behind it */
        world_t *world = empty();

        fail_at(i, 0);
        assert_int_equal(ready(world), APR_SUCCESS);
        heal();
        assert_tables_are_whole(world);
        gone(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_made_by_who_comes_after_a_failure),
        cmocka_unit_test(the_tables_are_made_whole_or_not_at_all),
        cmocka_unit_test(one_failure_while_the_tables_are_made_is_not_noticed),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
