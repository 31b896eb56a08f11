/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/turnstile: so many are inside, others wait, and nobody waits in vain. */
#include "own_time.h"
#include "unit.h"

#include "provider/turnstile.h"

#define PATIENCE apr_time_from_msec(100)
#define SLOW apr_time_from_msec(40)
#define STUCK apr_time_from_msec(60)
#define LONGEST apr_time_from_msec(500)

static dt_turnstile_t *made(apr_pool_t *pool, int places, int seats)
{
    const dt_turnstile_limits_t limits = {places, seats, PATIENCE, SLOW, STUCK, LONGEST};

    return dt_turnstile_create(apr_pcalloc(pool, dt_turnstile_size(&limits)), &limits);
}

/* Somebody was inside for so long. */
static void visit(dt_turnstile_t *turnstile, apr_interval_time_t time)
{
    int place;

    assert_true(dt_turnstile_enter(turnstile, &place));
    apr_sleep(time);
    dt_turnstile_leave(turnstile, place);
}

static void each_has_a_place_of_its_own(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 3, 0);
    bool seen[3] = {false};

    for (int i = 0; i < 3; i++) {
        int place = -1;

        assert_true(dt_turnstile_enter(turnstile, &place));
        assert_in_range(place, 0, 2);
        assert_false(seen[place]);
        seen[place] = true;
    }
}

static void a_place_that_was_left_is_free(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 0);
    int place;

    for (int i = 0; i < 5; i++) {
        assert_true(dt_turnstile_enter(turnstile, &place));
        assert_int_equal(place, 0);
        dt_turnstile_leave(turnstile, place);
    }
}

static void who_finds_no_place_waits_until_it_is_stuck(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 0);
    const apr_time_t began = apr_time_now();
    int place;

    assert_true(dt_turnstile_enter(turnstile, &place));
    assert_false(dt_turnstile_enter(turnstile, &place));
    assert_in_range(apr_time_now() - began, STUCK, STUCK + apr_time_from_msec(20));
}

static void who_waits_does_so_until_patience_is_over(void **state)
{
    const dt_turnstile_limits_t limits = {1, 0, PATIENCE, SLOW, 10 * PATIENCE, 20 * PATIENCE};
    dt_turnstile_t *turnstile =
        dt_turnstile_create(apr_pcalloc(*state, dt_turnstile_size(&limits)), &limits);
    const apr_time_t began = apr_time_now();
    int place;

    assert_true(dt_turnstile_enter(turnstile, &place));
    assert_false(dt_turnstile_enter(turnstile, &place));
    assert_in_range(apr_time_now() - began, PATIENCE, PATIENCE + apr_time_from_msec(20));
}

static void who_comes_while_it_is_stuck_does_not_wait(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 0);
    apr_time_t began;
    int place;

    assert_true(dt_turnstile_enter(turnstile, &place));
    apr_sleep(STUCK);
    began = apr_time_now();
    assert_false(dt_turnstile_enter(turnstile, &place));
    assert_int_equal(apr_time_now(), began);
}

static void while_those_inside_are_slow_who_has_a_seat_waits_and_nobody_else(void **state)
{
    for (int seats = 0; seats < 2; seats++) {
        dt_turnstile_t *turnstile = made(*state, 1, seats);
        apr_time_t began;
        int place, none;

        visit(turnstile, 2 * SLOW);
        assert_true(dt_turnstile_enter(turnstile, &place));
        began = apr_time_now();
        assert_false(dt_turnstile_enter(turnstile, &none));
        assert_int_equal(apr_time_now() > began, seats > 0);
    }
}

static void a_seat_is_free_again_when_its_owner_is_told(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 1);
    apr_time_t began;
    int place, none;

    visit(turnstile, 2 * SLOW);
    assert_true(dt_turnstile_enter(turnstile, &place));
    assert_false(dt_turnstile_enter(turnstile, &none));
    dt_turnstile_leave(turnstile, place);
    assert_true(dt_turnstile_enter(turnstile, &place));
    began = apr_time_now();
    assert_false(dt_turnstile_enter(turnstile, &none));
    assert_true(apr_time_now() > began);
}

static void once_somebody_was_quick_again_everybody_may_wait(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 0);
    apr_time_t began;
    int place, none;

    visit(turnstile, 2 * SLOW);
    visit(turnstile, SLOW / 2);
    assert_true(dt_turnstile_enter(turnstile, &place));
    began = apr_time_now();
    assert_false(dt_turnstile_enter(turnstile, &none));
    assert_true(apr_time_now() > began);
}

static void the_place_of_one_that_died_is_given_to_another(void **state)
{
    dt_turnstile_t *turnstile = made(*state, 1, 0);
    int place;

    assert_true(dt_turnstile_enter(turnstile, &place));
    apr_sleep(LONGEST);
    assert_false(dt_turnstile_enter(turnstile, &place));
    apr_sleep(apr_time_from_msec(10));
    assert_true(dt_turnstile_enter(turnstile, &place));
    assert_int_equal(place, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(each_has_a_place_of_its_own),
        WITH_POOL(a_place_that_was_left_is_free),
        WITH_POOL(who_finds_no_place_waits_until_it_is_stuck),
        WITH_POOL(who_waits_does_so_until_patience_is_over),
        WITH_POOL(who_comes_while_it_is_stuck_does_not_wait),
        WITH_POOL(while_those_inside_are_slow_who_has_a_seat_waits_and_nobody_else),
        WITH_POOL(a_seat_is_free_again_when_its_owner_is_told),
        WITH_POOL(once_somebody_was_quick_again_everybody_may_wait),
        WITH_POOL(the_place_of_one_that_died_is_given_to_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
