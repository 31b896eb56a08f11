/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/restraint: silence is remembered, and that nothing moves is seen. */
#include "own_time.h"
#include "unit.h"

#include "provider/curl.h"
#include "provider/restraint.h"

#define PATIENCE apr_time_from_msec(60)

static dt_restraint_t *made(apr_pool_t *pool, int bearable)
{
    return dt_restraint_create(apr_pcalloc(pool, dt_restraint_size()), bearable, PATIENCE);
}

static void it_is_stuck_when_nothing_has_moved_for_so_long(void **state)
{
    dt_restraint_t *restraint = made(*state, 3);

    dt_restraint_moved(restraint);
    apr_sleep(PATIENCE + apr_time_from_msec(10));
    assert_true(dt_restraint_is_stuck(restraint));
    dt_restraint_moved(restraint);
    assert_false(dt_restraint_is_stuck(restraint));
}

static void who_is_silent_is_left_alone_after_so_many_failures(void **state)
{
    dt_restraint_t *restraint = made(*state, 3);

    for (int i = 0; i < 3; i++) {
        assert_true(dt_restraint_may_call(restraint));
        dt_restraint_silent(restraint);
    }
    assert_false(dt_restraint_may_call(restraint));
}

static void an_answer_in_between_forgets_the_failures(void **state)
{
    dt_restraint_t *restraint = made(*state, 2);

    for (int i = 0; i < 5; i++) {
        dt_restraint_silent(restraint);
        assert_true(dt_restraint_may_call(restraint));
        dt_restraint_answered(restraint);
    }
}

static void after_a_pause_one_may_try_and_its_answer_ends_it(void **state)
{
    dt_restraint_t *restraint = made(*state, 1);

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
        WITH_POOL(it_is_stuck_when_nothing_has_moved_for_so_long),
        WITH_POOL(who_is_silent_is_left_alone_after_so_many_failures),
        WITH_POOL(an_answer_in_between_forgets_the_failures),
        WITH_POOL(after_a_pause_one_may_try_and_its_answer_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
