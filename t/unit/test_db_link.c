/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/db_link: a driver answers from a thread, and nobody waits for it too long. */
#include "hanging_driver.h"

#include "provider/db_link.h"

#define PATIENCE apr_time_from_sec(20)
#define SHORT apr_time_from_msec(50)

/* --- a world --- */

typedef struct desk_t {
    apr_pool_t *pool;
    dt_left_t *left;
    dt_link_t *link;            /* of SQLite's driver, but treated as one that may hang */
    volatile apr_uint32_t *end; /* of what is asked; NULL: none */
} desk_t;

static apr_status_t ask(desk_t *desk, dt_link_verb_t verb, const char *text,
                        const char *const *values, apr_interval_time_t patience,
                        dt_link_answer_t *answer)
{
    const dt_link_order_t order = {verb, text, "name", values, patience, desk->end};

    return dt_link_ask(desk->link, &order, answer);
}

static int set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    desk_t *desk = apr_pcalloc(pool, sizeof(*desk));
    const apr_dbd_driver_t *driver = NULL;
    dt_link_answer_t answer;

    desk->pool = pool;
    make_gate(pool);
    assert_int_equal(apr_dbd_init(pool), APR_SUCCESS);
    assert_int_equal(apr_dbd_get_driver(pool, "sqlite3", &driver), APR_SUCCESS);
    assert_int_equal(dt_left_create(pool, &desk->left), APR_SUCCESS);
    assert_int_equal(dt_link_create(DT_DB_PGSQL, driver, desk->left, &desk->link), APR_SUCCESS);
    assert_int_equal(ask(desk, DT_LINK_OPEN, ":memory:", NULL, PATIENCE, &answer), APR_SUCCESS);
    *state = desk;
    return 0;
}

static void wait_until_none_is_left(desk_t *desk)
{
    const apr_time_t end = apr_time_now() + PATIENCE;

    while (dt_left_count(desk->left) > 0) {
        assert_true(apr_time_now() < end);
        apr_sleep(apr_time_from_msec(5));
    }
}

static int tear_down(void **state)
{
    desk_t *desk = *state;

    set_gate(false);
    if (desk->link) {
        dt_link_close(desk->link);
    }
    wait_until_none_is_left(desk);
    pool_gone(desk->pool);
    return 0;
}

/* --- answers --- */

static void a_command_is_answered(void **state)
{
    dt_link_answer_t answer;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(*state, DT_LINK_COMMAND, "SELECT 'a', NULL, ''", NULL, PATIENCE,
                             &answer),
                         APR_SUCCESS);
        assert_int_equal(answer.rows, 1);
        assert_int_equal(answer.columns, 3);
        assert_string_equal(answer.values[0], "a");
        assert_null(answer.values[1]);
    }
}

static void values_are_written_and_read_row_by_row(void **state)
{
    static const char *const values[][2] = {{"1", "one"}, {"2", "two"}, {"3", NULL}};
    static const char *const from[] = {"1"};
    dt_link_answer_t answer;

    assert_int_equal(ask(*state, DT_LINK_COMMAND, "CREATE TABLE t (a TEXT, b TEXT)", NULL, PATIENCE,
                         &answer),
                     APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(*state, DT_LINK_EXECUTE, "INSERT INTO t VALUES (%s, %s)", values[i],
                             PATIENCE, &answer),
                         APR_SUCCESS);
        assert_int_equal(answer.changed, 1);
    }
    assert_int_equal(ask(*state, DT_LINK_SELECT, "SELECT a, b FROM t WHERE a > %s ORDER BY a", from,
                         PATIENCE, &answer),
                     APR_SUCCESS);
    assert_int_equal(answer.rows, 2);
    assert_string_equal(answer.values[0], "2");
    assert_string_equal(answer.values[1], "two");
    assert_string_equal(answer.values[2], "3");
    assert_null(answer.values[3]);
}

static void an_error_is_in_the_drivers_words_and_the_link_goes_on(void **state)
{
    dt_link_answer_t answer;

    assert_int_equal(ask(*state, DT_LINK_COMMAND, "SELECT nothing", NULL, PATIENCE, &answer),
                     APR_EGENERAL);
    assert_non_null(strstr(answer.error, "nothing"));
    assert_int_equal(ask(*state, DT_LINK_SELECT, "SELECT %s FROM nowhere",
                         (const char *const[]){"x"}, PATIENCE, &answer),
                     APR_EGENERAL);
    assert_non_null(strstr(answer.error, "nowhere"));
    assert_int_equal(ask(*state, DT_LINK_COMMAND, "SELECT 1", NULL, PATIENCE, &answer),
                     APR_SUCCESS);
}

static void too_many_arguments_are_refused(void **state)
{
    desk_t *desk = *state;
    char *text = apr_pstrdup(desk->pool, "SELECT ");
    dt_link_answer_t answer;

    for (int i = 0; i <= DT_DB_ARGS; i++) {
        text = apr_pstrcat(desk->pool, text, i > 0 ? ", %s" : "%s", NULL);
    }
    assert_int_equal(dt_link_args(text), DT_DB_ARGS + 1);
    assert_int_equal(ask(desk, DT_LINK_SELECT, text, NULL, PATIENCE, &answer), APR_EINVAL);
}

/* --- a driver that does not come back --- */

static void nobody_waits_longer_than_they_said(void **state)
{
    desk_t *desk = *state;
    dt_link_answer_t answer;

    set_gate(true);
    assert_int_equal(ask(desk, DT_LINK_COMMAND, "SELECT 1", NULL, SHORT, &answer), APR_TIMEUP);
    desk->link = NULL;
    assert_null(answer.error);
    assert_int_equal(dt_left_count(desk->left), 1);
}

static void *APR_THREAD_FUNC give_up_soon(apr_thread_t *thread, void *data)
{
    apr_sleep(SHORT);
    apr_atomic_set32(data, DT_GIVES_UP);
    return NULL;
}

static void nobody_waits_when_the_end_has_come(void **state)
{
    desk_t *desk = *state;
    const apr_time_t began = apr_time_now();
    apr_uint32_t end = DT_ENDS;
    apr_thread_t *thread = NULL;
    dt_link_answer_t answer;
    apr_status_t rv;

    desk->end = &end;
    assert_int_equal(ask(desk, DT_LINK_COMMAND, "SELECT 1", NULL, PATIENCE, &answer), APR_SUCCESS);
    set_gate(true);
    assert_int_equal(apr_thread_create(&thread, NULL, give_up_soon, &end, desk->pool), APR_SUCCESS);
    assert_int_equal(ask(desk, DT_LINK_COMMAND, "SELECT 1", NULL, PATIENCE, &answer), APR_TIMEUP);
    desk->link = NULL;
    assert_true(apr_time_now() - began < PATIENCE);
    assert_int_equal(dt_left_count(desk->left), 1);
    assert_int_equal(apr_thread_join(&rv, thread), APR_SUCCESS);
}

static void what_was_left_goes_when_the_driver_comes_back(void **state)
{
    desk_t *desk = *state;
    dt_link_answer_t answer;

    set_gate(true);
    assert_int_equal(ask(desk, DT_LINK_COMMAND, "SELECT 1", NULL, SHORT, &answer), APR_TIMEUP);
    desk->link = NULL;
    set_gate(false);
    wait_until_none_is_left(desk);
    assert_int_equal(dt_left_count(desk->left), 0);
}

static void a_goodbye_that_hangs_holds_nobody(void **state)
{
    desk_t *desk = *state;
    const apr_time_t began = apr_time_now();

    set_gate(true);
    dt_link_close(desk->link);
    desk->link = NULL;
    assert_true(apr_time_now() - began < apr_time_from_sec(15));
    assert_int_equal(dt_left_count(desk->left), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_is_answered),
        TEST(values_are_written_and_read_row_by_row),
        TEST(an_error_is_in_the_drivers_words_and_the_link_goes_on),
        TEST(too_many_arguments_are_refused),
        TEST(nobody_waits_longer_than_they_said),
        TEST(nobody_waits_when_the_end_has_come),
        TEST(what_was_left_goes_when_the_driver_comes_back),
        TEST(a_goodbye_that_hangs_holds_nobody),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
