/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/restraint: places are counted, silence is remembered, and nobody blocks. */
#include "own_time.h"
#include "unit.h"

#include "provider/curl.h"
#include "provider/restraint.h"

#define PATIENCE apr_time_from_msec(60)
#define LONGEST apr_time_from_msec(150)

static dt_restraint_t *made(apr_pool_t *pool, int places, int bearable)
{
    return dt_restraint_create(apr_pcalloc(pool, dt_restraint_size(places)), places, bearable,
                               PATIENCE, LONGEST);
}

static void where_places_are_not_counted_everybody_enters(void **state)
{
    dt_restraint_t *restraint = made(*state, 0, 3);

    for (int i = 0; i < 100; i++) {
        int place = 7;

        assert_true(dt_restraint_enter(restraint, &place));
        assert_int_equal(place, -1);
        dt_restraint_leave(restraint, place);
    }
}

static void each_has_a_place_of_its_own(void **state)
{
    dt_restraint_t *restraint = made(*state, 3, 3);
    bool seen[3] = {false};

    for (int i = 0; i < 3; i++) {
        int place = -1;

        assert_true(dt_restraint_enter(restraint, &place));
        assert_in_range(place, 0, 2);
        assert_false(seen[place]);
        seen[place] = true;
    }
}

static void a_place_that_was_left_is_free(void **state)
{
    dt_restraint_t *restraint = made(*state, 1, 3);
    int place;

    for (int i = 0; i < 5; i++) {
        assert_true(dt_restraint_enter(restraint, &place));
        assert_int_equal(place, 0);
        dt_restraint_leave(restraint, place);
    }
}

/* While others move, who comes waits for a place as long as patience lasts. */
static void who_finds_no_place_waits_and_is_told(void **state)
{
    dt_restraint_t *restraint = made(*state, 1, 3);
    const apr_time_t began = apr_time_now();
    int place;

    assert_true(dt_restraint_enter(restraint, &place));
    dt_restraint_moved(restraint);
    assert_false(dt_restraint_enter(restraint, &place));
    assert_int_equal(place, -1);
    assert_in_range(apr_time_now() - began, PATIENCE, LONGEST);
    dt_restraint_leave(restraint, place); /* harmless */
}

static void the_place_of_one_that_died_is_given_to_another(void **state)
{
    dt_restraint_t *restraint = made(*state, 1, 3);
    int place;

    assert_true(dt_restraint_enter(restraint, &place));
    apr_sleep(LONGEST + apr_time_from_msec(20));
    dt_restraint_moved(restraint);
    assert_true(dt_restraint_enter(restraint, &place));
    assert_int_equal(place, 0);
}

static void it_is_stuck_when_nothing_has_moved_for_so_long(void **state)
{
    dt_restraint_t *restraint = made(*state, 1, 3);

    dt_restraint_moved(restraint);
    apr_sleep(PATIENCE + apr_time_from_msec(10));
    assert_true(dt_restraint_is_stuck(restraint));
    dt_restraint_moved(restraint);
    assert_false(dt_restraint_is_stuck(restraint));
}

static void who_is_silent_is_left_alone_after_so_many_failures(void **state)
{
    dt_restraint_t *restraint = made(*state, 0, 3);

    for (int i = 0; i < 3; i++) {
        assert_true(dt_restraint_may_call(restraint));
        dt_restraint_silent(restraint);
    }
    assert_false(dt_restraint_may_call(restraint));
}

static void an_answer_in_between_forgets_the_failures(void **state)
{
    dt_restraint_t *restraint = made(*state, 0, 2);

    for (int i = 0; i < 5; i++) {
        dt_restraint_silent(restraint);
        assert_true(dt_restraint_may_call(restraint));
        dt_restraint_answered(restraint);
    }
}

static void after_a_pause_one_may_try_and_its_answer_ends_it(void **state)
{
    dt_restraint_t *restraint = made(*state, 0, 1);

    dt_restraint_silent(restraint);
    assert_false(dt_restraint_may_call(restraint));
    apr_sleep(DT_CURL_PAUSE + apr_time_from_msec(50));
    assert_true(dt_restraint_may_call(restraint));
    assert_false(dt_restraint_may_call(restraint)); /* the next pause has begun */
    dt_restraint_answered(restraint);
    assert_true(dt_restraint_may_call(restraint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(where_places_are_not_counted_everybody_enters),
        WITH_POOL(each_has_a_place_of_its_own),
        WITH_POOL(a_place_that_was_left_is_free),
        WITH_POOL(who_finds_no_place_waits_and_is_told),
        WITH_POOL(the_place_of_one_that_died_is_given_to_another),
        WITH_POOL(it_is_stuck_when_nothing_has_moved_for_so_long),
        WITH_POOL(who_is_silent_is_left_alone_after_so_many_failures),
        WITH_POOL(an_answer_in_between_forgets_the_failures),
        WITH_POOL(after_a_pause_one_may_try_and_its_answer_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
