/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/session: a session lives exactly as long as it should. */
#include "core/session.h"
#include "unit.h"

#define HOUR apr_time_from_sec(3600)

static const dt_lifetimes_t eight_and_two = {8 * HOUR, 2 * HOUR};
static const dt_lifetimes_t eight_only = {8 * HOUR, 0};

static dt_session_t begun(void)
{
    return (dt_session_t){.began = NOW, .seen = NOW};
}

static void a_session_dies_at_its_absolute_end_however_busy(void **state)
{
    dt_session_t session = begun();

    (void)state;
    session.seen = NOW + 8 * HOUR - 1;
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + 8 * HOUR - 1), DT_AGE_FRESH);
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + 8 * HOUR), DT_AGE_DEAD);
}

static void a_session_dies_when_idle(void **state)
{
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + 2 * HOUR - 1), DT_AGE_DUE);
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + 2 * HOUR), DT_AGE_DEAD);
}

static void a_session_is_due_after_a_tenth_of_the_idle_time(void **state)
{
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + HOUR / 5), DT_AGE_FRESH);
    assert_int_equal(dt_session_age(&session, &eight_and_two, NOW + HOUR / 5 + 1), DT_AGE_DUE);
}

static void without_an_idle_time_a_session_is_never_due(void **state)
{
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &eight_only, NOW + 8 * HOUR - 1), DT_AGE_FRESH);
    assert_int_equal(dt_session_age(&session, &eight_only, NOW + 8 * HOUR), DT_AGE_DEAD);
}

static void a_session_is_due_whenever_its_person_is_to_be_looked_up_again(void **state)
{
    static const dt_lifetimes_t lifetimes = {8 * HOUR, 0, HOUR / 4};
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &lifetimes, NOW + HOUR / 4 - 1), DT_AGE_FRESH);
    assert_int_equal(dt_session_age(&session, &lifetimes, NOW + HOUR / 4), DT_AGE_DUE);
    session.seen = NOW + HOUR / 4 + 1;
    assert_int_equal(dt_session_age(&session, &lifetimes, NOW + HOUR / 2 - 1), DT_AGE_FRESH);
    assert_true(dt_session_is_unchecked(&session, &lifetimes, NOW + HOUR / 2));
    assert_int_equal(dt_session_age(&session, &lifetimes, NOW + HOUR / 2), DT_AGE_DUE);
}

static void a_renewal_between_two_lookups_needs_none(void **state)
{
    static const dt_lifetimes_t lifetimes = {8 * HOUR, 2 * HOUR, HOUR / 4};
    const dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &lifetimes, NOW + HOUR / 4 - 1), DT_AGE_DUE);
    assert_false(dt_session_is_unchecked(&session, &lifetimes, NOW + HOUR / 4 - 1));
}

static void a_session_from_a_clock_that_is_a_little_ahead_is_alive(void **state)
{
    const apr_time_t earlier = NOW - DT_SESSION_AHEAD;
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &eight_and_two, earlier), DT_AGE_FRESH);
    assert_int_equal(dt_session_age(&session, &eight_only, earlier), DT_AGE_FRESH);
}

static void a_session_that_begins_later_than_clocks_differ_is_dead(void **state)
{
    const apr_time_t earlier = NOW - DT_SESSION_AHEAD - 1;
    dt_session_t session = begun();

    (void)state;
    assert_int_equal(dt_session_age(&session, &eight_and_two, earlier), DT_AGE_DEAD);
    assert_int_equal(dt_session_age(&session, &eight_only, earlier), DT_AGE_DEAD);
    session.began = session.seen = APR_INT64_MAX;
    assert_int_equal(dt_session_age(&session, &eight_and_two, 0), DT_AGE_DEAD);
}

static void what_is_left_of_a_session_is_never_negative(void **state)
{
    apr_interval_time_t absolute;
    apr_interval_time_t idle;
    dt_session_t session = begun();

    (void)state;
    dt_session_left(&session, &eight_and_two, NOW + HOUR, &absolute, &idle);
    assert_true(absolute == 7 * HOUR && idle == HOUR);
    dt_session_left(&session, &eight_and_two, NOW + 3 * HOUR, &absolute, &idle);
    assert_true(absolute == 5 * HOUR && idle == 0);
    dt_session_left(&session, &eight_only, NOW + 9 * HOUR, &absolute, &idle);
    assert_true(absolute == 0 && idle == -1);
    dt_session_left(&session, &eight_and_two, NOW - 2 * DT_SESSION_AHEAD, &absolute, &idle);
    assert_true(absolute == 0 && idle > 0);
    session.began = session.seen = APR_INT64_MAX;
    dt_session_left(&session, &eight_and_two, 0, &absolute, &idle);
    assert_true(absolute == 0 && idle == APR_INT64_MAX);
}

static void what_is_left_is_nothing_exactly_when_the_session_is_dead(void **state)
{
    dt_session_t session = begun();

    (void)state;
    for (apr_time_t now = NOW - HOUR; now < NOW + 9 * HOUR; now += HOUR / 4) {
        apr_interval_time_t absolute;
        apr_interval_time_t idle;
        session.seen = now < NOW + 5 * HOUR ? NOW : NOW + 7 * HOUR;
        dt_session_left(&session, &eight_and_two, now, &absolute, &idle);
        assert_int_equal(absolute == 0 || idle == 0,
                         dt_session_age(&session, &eight_and_two, now) == DT_AGE_DEAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_dies_at_its_absolute_end_however_busy),
        cmocka_unit_test(a_session_dies_when_idle),
        cmocka_unit_test(a_session_is_due_after_a_tenth_of_the_idle_time),
        cmocka_unit_test(without_an_idle_time_a_session_is_never_due),
        cmocka_unit_test(a_session_is_due_whenever_its_person_is_to_be_looked_up_again),
        cmocka_unit_test(a_renewal_between_two_lookups_needs_none),
        cmocka_unit_test(a_session_from_a_clock_that_is_a_little_ahead_is_alive),
        cmocka_unit_test(a_session_that_begins_later_than_clocks_differ_is_dead),
        cmocka_unit_test(what_is_left_of_a_session_is_never_negative),
        cmocka_unit_test(what_is_left_is_nothing_exactly_when_the_session_is_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
