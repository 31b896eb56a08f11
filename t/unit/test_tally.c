/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/tally: so many within a minute of the clock, whatever others do beside. */
#include "core/tally.h"
#include "unit.h"

#include <apr_thread_proc.h>
#include <stdlib.h>

#define LIMIT 30
#define SECOND apr_time_from_sec(1)
#define MINUTE (60 * SECOND)
#define KEY "address:203.0.113.7"
#define BEGIN (NOW - NOW % MINUTE) /* of a minute */

static int set_up(void **state)
{
    dt_tally_t *tally = NULL;
    void *memory = calloc(1, dt_tally_size());

    assert_non_null(memory);
    assert_int_equal(dt_tally_create(memory, &tally), APR_SUCCESS);
    assert_ptr_equal(memory, tally);
    *state = tally;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void add(dt_tally_t *tally, const char *key, apr_time_t now, int times)
{
    for (int i = 0; i < times; i++) {
        dt_tally_add(tally, key, now);
    }
}

static bool is_over(const dt_tally_t *tally, const char *key, apr_time_t now, int limit)
{
    apr_interval_time_t retry_in;

    return dt_tally_is_over(tally, key, now, limit, &retry_in);
}

static void nobody_is_over_at_first(void **state)
{
    assert_false(is_over(*state, KEY, BEGIN, 1));
    assert_false(is_over(*state, "", BEGIN, 1));
}

static void who_reaches_the_limit_is_over_it(void **state)
{
    add(*state, KEY, BEGIN, LIMIT - 1);
    assert_false(is_over(*state, KEY, BEGIN, LIMIT));
    add(*state, KEY, BEGIN + 59 * SECOND, 1);
    assert_true(is_over(*state, KEY, BEGIN + MINUTE - 1, LIMIT));
    assert_false(is_over(*state, KEY, BEGIN, LIMIT + 1));
}

static void who_is_over_learns_when_the_minute_ends(void **state)
{
    apr_interval_time_t retry_in = 1;

    assert_false(dt_tally_is_over(*state, KEY, BEGIN, LIMIT, &retry_in));
    assert_int_equal(retry_in, 0);
    add(*state, KEY, BEGIN, LIMIT);
    assert_true(dt_tally_is_over(*state, KEY, BEGIN, LIMIT, &retry_in));
    assert_int_equal(retry_in, MINUTE);
    assert_true(dt_tally_is_over(*state, KEY, BEGIN + 59 * SECOND, LIMIT, &retry_in));
    assert_int_equal(retry_in, SECOND);
}

static void a_new_minute_begins_anew(void **state)
{
    add(*state, KEY, BEGIN, LIMIT);
    assert_false(is_over(*state, KEY, BEGIN + MINUTE, 1));
    add(*state, KEY, BEGIN + MINUTE, 1);
    assert_true(is_over(*state, KEY, BEGIN + MINUTE, 1));
    assert_false(is_over(*state, KEY, BEGIN + MINUTE, 2));
}

static void a_clock_that_was_set_back_shuts_nobody_out(void **state)
{
    add(*state, KEY, BEGIN + 3600 * SECOND, LIMIT);
    assert_false(is_over(*state, KEY, BEGIN, 1));
    add(*state, KEY, BEGIN, LIMIT);
    assert_true(is_over(*state, KEY, BEGIN, LIMIT));
    assert_false(is_over(*state, KEY, BEGIN + 3600 * SECOND, 1));
    assert_false(is_over(*state, KEY, 0, 1));
}

static void others_are_counted_apart(void **state)
{
    char key[32];

    add(*state, KEY, BEGIN, LIMIT);
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(key, sizeof(key), "address:10.0.%d.%d", i / 256, i % 256);
        assert_row_true(key, !is_over(*state, key, BEGIN, 1));
    }
    add(*state, "address:203.0.113.8", BEGIN, 1);
    assert_false(is_over(*state, "address:203.0.113.8", BEGIN, 2));
}

/* More than there are slots: each that is counted last has its place. */
static void where_there_is_no_room_the_last_to_come_has_it(void **state)
{
    const int many = 200000;
    int over = 0;
    char key[32];

    for (int i = 0; i < many; i++) {
        (void)snprintf(key, sizeof(key), "address:%d", i);
        add(*state, key, BEGIN, 2);
        assert_row_true(key, is_over(*state, key, BEGIN, 2));
        assert_row_true(key, !is_over(*state, key, BEGIN, 3));
    }
    for (int i = 0; i < many; i++) {
        (void)snprintf(key, sizeof(key), "address:%d", i);
        over += is_over(*state, key, BEGIN, 1);
    }
    assert_in_range(over, 60000, 65536);
}

static void a_count_ends_where_its_bits_do(void **state)
{
    add(*state, KEY, BEGIN, 3 * DT_TALLY_MAX);
    assert_true(is_over(*state, KEY, BEGIN, DT_TALLY_MAX));
    assert_false(is_over(*state, KEY, BEGIN + MINUTE, 1));
}

/* --- many at once --- */

#define THREADS 4
#define EACH 60 /* of 240 nothing is counted beyond */

static void *APR_THREAD_FUNC count(apr_thread_t *thread, void *tally)
{
    (void)thread;
    for (int i = 0; i < EACH; i++) {
        dt_tally_add(tally, KEY, BEGIN);
        (void)is_over(tally, KEY, BEGIN, LIMIT);
    }
    return NULL;
}

static void of_many_who_count_at_once_each_counts(void **state)
{
    apr_pool_t *pool = pool_made();
    apr_thread_t *threads[THREADS];

    for (int round = 0; round < 100; round++) {
        dt_tally_t *tally;
        memset(*state, 0, dt_tally_size());
        assert_int_equal(dt_tally_create(*state, &tally), APR_SUCCESS);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(apr_thread_create(&threads[i], NULL, count, *state, pool),
                             APR_SUCCESS);
        }
        for (int i = 0; i < THREADS; i++) {
            apr_status_t ended;
            assert_int_equal(apr_thread_join(&ended, threads[i]), APR_SUCCESS);
        }
        assert_true(is_over(*state, KEY, BEGIN, THREADS * EACH));
        assert_false(is_over(*state, KEY, BEGIN, THREADS * EACH + 1));
    }
    pool_gone(pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_over_at_first),
        TEST(who_reaches_the_limit_is_over_it),
        TEST(who_is_over_learns_when_the_minute_ends),
        TEST(a_new_minute_begins_anew),
        TEST(a_clock_that_was_set_back_shuts_nobody_out),
        TEST(others_are_counted_apart),
        TEST(where_there_is_no_room_the_last_to_come_has_it),
        TEST(a_count_ends_where_its_bits_do),
        TEST(of_many_who_count_at_once_each_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
