/* SPDX-License-Identifier: Apache-2.0 */
/* The app token: one fetch however many ask, renewed in time, and forgotten when told. */

#include "apptoken_world.h"

/* --- one flight --- */

static void twenty_threads_make_one_fetch(void **state)
{
    fixture_t *f = *state;
    answer_t answers[THREADS];

    ask_in_threads(f, answers);
    assert_int_equal(f->dingtalk.fetches, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_token(&answers[i], "token-1");
    }
}

static void all_who_waited_share_the_failure_and_its_words(void **state)
{
    fixture_t *f = *state;
    answer_t answers[THREADS];

    fail_fetches(f, APR_EGENERAL, dt_result(DT_WHY_RATE_LIMITED, "accessToken 403 QpsLimit"));
    ask_in_threads(f, answers);
    assert_int_equal(f->dingtalk.fetches, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(answers[i].rv, APR_EGENERAL);
        assert_null(answers[i].token);
        assert_ptr_equal(answers[i].result.why, &dt_whys[DT_WHY_RATE_LIMITED]);
        assert_string_equal(answers[i].result.detail, "accessToken 403 QpsLimit");
        for (int j = 0; j < i; j++) {
            assert_ptr_not_equal(answers[i].result.detail, answers[j].result.detail);
        }
    }
}

static void a_call_after_a_failure_fetches_again(void **state)
{
    fixture_t *f = *state;
    answer_t a;

    fail_fetches(f, APR_TIMEUP, dt_result(DT_WHY_DOWN, NULL));
    a = get(f, NOW);
    assert_int_equal(a.rv, APR_TIMEUP);
    assert_null(a.result.detail);
    fail_fetches(f, APR_SUCCESS, dt_result(DT_WHY_SIGNED_IN, NULL));
    a = get(f, NOW);
    assert_token(&a, "token-2");
}

static void nobody_waits_longer_than_patience(void **state)
{
    fixture_t *f = *state;
    answer_t slow;
    answer_t a;

    f->dingtalk.closed = true;
    start_thread(f, NOW, &slow);
    wait_until_fetching(&f->dingtalk);
    a = get(f, NOW);
    assert_int_equal(a.rv, APR_TIMEUP);
    assert_null(a.token);
    assert_int_equal(a.result.what, DT_UNSURE);
    assert_int_equal(f->dingtalk.fetches, 1);
    open_gate(&f->dingtalk);
    join_thread(&slow);
    assert_token(&slow, "token-1");
}

static void who_comes_when_enough_wait_waits_a_moment_only(void **state)
{
    fixture_t *f = *state;
    answer_t fetches;
    answer_t waits;
    answer_t a;

    f->dingtalk.closed = true;
    start_thread(f, NOW, &fetches);
    wait_until_fetching(&f->dingtalk);
    start_thread(f, NOW, &waits);
    await_waiters(1);
    a = get(f, NOW);
    assert_int_equal(a.rv, APR_TIMEUP);
    assert_null(a.token);
    assert_ptr_equal(a.result.why, &dt_whys[DT_WHY_CROWDED]);
    open_gate(&f->dingtalk);
    join_thread(&fetches);
    join_thread(&waits);
    assert_token(&fetches, "token-1");
    assert_token(&waits, "token-1");
    assert_int_equal(f->dingtalk.fetches, 1);
}

/* --- its life --- */

static void a_token_is_fetched_once_while_it_is_good(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    assert_token(&a, "token-1");
    a = get(f, NOW + 2 * HOUR - 10 * MINUTE - 1);
    assert_token(&a, "token-1");
    assert_int_equal(f->dingtalk.fetches, 1);
}

static void ten_minutes_before_its_end_it_is_renewed(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    a = get(f, NOW + 2 * HOUR - 10 * MINUTE);
    assert_token(&a, "token-2");
    a = get(f, NOW + 2 * HOUR);
    assert_token(&a, "token-2");
    assert_int_equal(f->dingtalk.fetches, 2);
}

/* The second token comes exactly so long after the first. */
static void assert_renewed_after(fixture_t *f, apr_interval_time_t lifetime,
                                 apr_interval_time_t after)
{
    answer_t a;

    f->dingtalk.lifetime = lifetime;
    get(f, NOW);
    a = get(f, NOW + after - 1);
    assert_token(&a, "token-1");
    a = get(f, NOW + after);
    assert_token(&a, "token-2");
    assert_int_equal(f->dingtalk.fetches, 2);
}

static void a_token_of_nineteen_minutes_is_renewed_ten_minutes_before_its_end(void **state)
{
    assert_renewed_after(*state, 19 * MINUTE, 9 * MINUTE);
}

static void a_token_of_little_more_than_ten_minutes_is_renewed_after_that_little(void **state)
{
    assert_renewed_after(*state, 10 * MINUTE + 1, 1);
}

static void a_token_of_ten_minutes_is_renewed_at_half_its_life(void **state)
{
    assert_renewed_after(*state, 10 * MINUTE, 5 * MINUTE);
}

static void a_token_of_two_seconds_is_renewed_at_half_its_life(void **state)
{
    assert_renewed_after(*state, apr_time_from_sec(2), apr_time_from_sec(1));
}

static void while_one_thread_renews_the_others_use_the_old_token(void **state)
{
    fixture_t *f = *state;
    const apr_time_t late = NOW + 2 * HOUR - MINUTE;
    answer_t renewer;
    answer_t a = get(f, NOW);

    f->dingtalk.closed = true;
    start_thread(f, late, &renewer);
    wait_until_fetching(&f->dingtalk);
    a = get(f, late);
    assert_token(&a, "token-1");
    open_gate(&f->dingtalk);
    join_thread(&renewer);
    assert_token(&renewer, "token-2");
    a = get(f, late);
    assert_token(&a, "token-2");
    assert_int_equal(f->dingtalk.fetches, 2);
}

static void when_renewal_fails_the_old_token_goes_on_and_the_next_try_waits(void **state)
{
    fixture_t *f = *state;
    const apr_time_t late = NOW + 2 * HOUR - MINUTE;
    answer_t a = get(f, NOW);

    fail_fetches(f, APR_EGENERAL, dt_result(DT_WHY_BUSY, "busy"));
    a = get(f, late);
    assert_token(&a, "token-1");
    a = get(f, late + apr_time_from_sec(29));
    assert_token(&a, "token-1");
    assert_int_equal(f->dingtalk.fetches, 2);
    a = get(f, late + apr_time_from_sec(30));
    assert_token(&a, "token-1");
    assert_int_equal(f->dingtalk.fetches, 3);
}

static void an_expired_token_is_never_handed_out(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    fail_fetches(f, APR_EGENERAL, dt_result(DT_WHY_BUSY, "busy"));
    a = get(f, NOW + 2 * HOUR);
    assert_int_equal(a.rv, APR_EGENERAL);
    assert_null(a.token);
    assert_ptr_equal(a.result.why, &dt_whys[DT_WHY_BUSY]);
}

static void an_absurd_lifetime_is_not_believed(void **state)
{
    fixture_t *f = *state;
    answer_t a;

    f->dingtalk.lifetime = APR_INT64_MAX;
    get(f, NOW);
    a = get(f, NOW + 23 * HOUR);
    assert_token(&a, "token-1");
    a = get(f, NOW + 25 * HOUR);
    assert_token(&a, "token-2");
}

/* --- forgetting --- */

static void a_dropped_token_is_fetched_anew(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    f->tokens->drop(f->tokens->plug.self, a.token);
    a = get(f, NOW);
    assert_token(&a, "token-2");
}

static void dropping_an_older_token_keeps_the_newer_one(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);
    answer_t b = get(f, NOW);

    f->tokens->drop(f->tokens->plug.self, a.token);
    get(f, NOW);
    f->tokens->drop(f->tokens->plug.self, b.token);
    f->tokens->drop(f->tokens->plug.self, "token-20");
    f->tokens->drop(f->tokens->plug.self, "token-");
    a = get(f, NOW);
    assert_token(&a, "token-2");
    assert_int_equal(f->dingtalk.fetches, 2);
}

static bool remembers(fixture_t *f, const char *text)
{
    /* The port's data is larger than a token may be. */
    return memmem(f->tokens->plug.self, DT_TOKEN_MAX, text, strlen(text)) != NULL;
}

static void a_dropped_token_leaves_no_trace(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    assert_true(remembers(f, "token-1"));
    f->tokens->drop(f->tokens->plug.self, a.token);
    assert_false(remembers(f, "oken"));
}

static void the_token_is_wiped_with_the_child(void **state)
{
    fixture_t *f = *state;
    answer_t a = get(f, NOW);

    assert_true(remembers(f, "token-1"));
    apr_pool_destroy(f->pchild);
    assert_false(remembers(f, "oken"));
    a = get(f, NOW);
    assert_int_equal(a.rv, APR_EGENERAL);
    assert_ptr_equal(a.result.why, &dt_whys[DT_WHY_INTERNAL]);
    f->tokens->drop(f->tokens->plug.self, "token-1");
}

/* --- what a fetch may bring --- */

static void dingtalks_own_no_is_passed_on(void **state)
{
    fixture_t *f = *state;
    answer_t a;

    fail_fetches(f, APR_SUCCESS, dt_result(DT_WHY_APP_STOPPED, "50003"));
    a = get(f, NOW);
    assert_int_not_equal(a.rv, APR_SUCCESS);
    assert_null(a.token);
    assert_ptr_equal(a.result.why, &dt_whys[DT_WHY_APP_STOPPED]);
    assert_string_equal(a.result.detail, "50003");
}

static void a_token_that_cannot_be_kept_is_a_failure(void **state)
{
    fixture_t *f = *state;
    char *longest = apr_pcalloc(f->pool, DT_TOKEN_MAX + 2);
    answer_t a;

    memset(longest, 'x', DT_TOKEN_MAX + 1);
    f->dingtalk.token = longest;
    a = get(f, NOW);
    assert_int_not_equal(a.rv, APR_SUCCESS);
    assert_ptr_equal(a.result.why, &dt_whys[DT_WHY_UNINTELLIGIBLE]);
    f->dingtalk.token = "";
    a = get(f, NOW);
    assert_int_not_equal(a.rv, APR_SUCCESS);
    longest[DT_TOKEN_MAX] = '\0';
    f->dingtalk.token = longest;
    f->dingtalk.lifetime = 0;
    a = get(f, NOW);
    assert_int_not_equal(a.rv, APR_SUCCESS);
    f->dingtalk.lifetime = HOUR;
    a = get(f, NOW);
    assert_token(&a, longest);
    a = get(f, NOW);
    assert_token(&a, longest);
    assert_int_equal(f->dingtalk.fetches, 4);
}

static void a_long_reason_is_cut_not_overrun(void **state)
{
    fixture_t *f = *state;
    char *detail = apr_pcalloc(f->pool, 5001);
    answer_t answers[THREADS];
    int cut = 0;

    memset(detail, 'd', 5000);
    fail_fetches(f, APR_EGENERAL, dt_result(DT_WHY_BUSY, detail));
    ask_in_threads(f, answers);
    for (int i = 0; i < THREADS; i++) {
        cut += strlen(answers[i].result.detail) == 255;
    }
    assert_int_equal(cut, THREADS - 1); /* the one who fetched has it whole */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(twenty_threads_make_one_fetch),
        TEST(all_who_waited_share_the_failure_and_its_words),
        TEST(a_call_after_a_failure_fetches_again),
        cmocka_unit_test_setup_teardown(nobody_waits_longer_than_patience, setup_impatient,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_comes_when_enough_wait_waits_a_moment_only,
                                        setup_narrow, teardown),
        TEST(a_token_is_fetched_once_while_it_is_good),
        TEST(ten_minutes_before_its_end_it_is_renewed),
        TEST(a_token_of_nineteen_minutes_is_renewed_ten_minutes_before_its_end),
        TEST(a_token_of_little_more_than_ten_minutes_is_renewed_after_that_little),
        TEST(a_token_of_ten_minutes_is_renewed_at_half_its_life),
        TEST(a_token_of_two_seconds_is_renewed_at_half_its_life),
        TEST(while_one_thread_renews_the_others_use_the_old_token),
        TEST(when_renewal_fails_the_old_token_goes_on_and_the_next_try_waits),
        TEST(an_expired_token_is_never_handed_out),
        TEST(an_absurd_lifetime_is_not_believed),
        TEST(a_dropped_token_is_fetched_anew),
        TEST(dropping_an_older_token_keeps_the_newer_one),
        TEST(a_dropped_token_leaves_no_trace),
        TEST(the_token_is_wiped_with_the_child),
        TEST(dingtalks_own_no_is_passed_on),
        TEST(a_token_that_cannot_be_kept_is_a_failure),
        TEST(a_long_reason_is_cut_not_overrun),
    };
#undef TEST
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
