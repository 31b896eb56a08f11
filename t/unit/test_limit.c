/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/limit: never more than allowed in any span, whoever else takes at the same time. */
#include "core/limit.h"
#include "fake_memory.h"
#include "unit.h"

#define SECOND apr_time_from_sec(1)
#define SUBJECT "phone:+8613800138000"

typedef struct gate_t {
    dt_call_t call;
    fake_memory_t *memory;
    apr_interval_time_t retry_in; /* of the last take */
    apr_status_t rv;
    int rivals; /* who take in between */
} gate_t;

static gate_t *gate; /* of the test that runs: a rival needs it */

static int set_up(void **state)
{
    apr_pool_t *pool = pool_made();

    gate = apr_pcalloc(pool, sizeof(*gate));
    gate->call = (dt_call_t){.pool = pool, .now = NOW};
    gate->memory = fake_memory_made(pool);
    *state = gate;
    return 0;
}

static int tear_down(void **state)
{
    const gate_t *g = *state;

    pool_gone(g->call.pool);
    return 0;
}

static bool take(gate_t *g, const char *subject, const dt_limit_t *limits)
{
    bool allowed = true;

    g->rv = dt_limit_take(&g->memory->port, &g->call, subject, limits, &allowed, &g->retry_in);
    assert_true(g->rv == APR_SUCCESS || !allowed);
    return allowed;
}

/* How many of takes at this instant are allowed. */
static int taken(gate_t *g, const dt_limit_t *limits, int takes)
{
    int count = 0;

    for (int i = 0; i < takes; i++) {
        count += take(g, SUBJECT, limits);
        assert_int_equal(g->rv, APR_SUCCESS);
    }
    return count;
}

static const dt_limit_t three_a_minute[] = {{3, 60 * SECOND}, {0}};

static void as_many_are_allowed_as_fit(void **state)
{
    gate_t *g = *state;

    assert_int_equal(taken(g, three_a_minute, 10), 3);
}

static void the_window_slides(void **state)
{
    gate_t *g = *state;

    assert_int_equal(taken(g, three_a_minute, 1), 1);
    g->call.now = NOW + 40 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 5), 2);
    g->call.now = NOW + 60 * SECOND - 1000;
    assert_int_equal(taken(g, three_a_minute, 5), 0);
    g->call.now = NOW + 60 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 5), 1);
    g->call.now = NOW + 100 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 5), 2);
}

static void who_is_refused_learns_when_there_is_room(void **state)
{
    gate_t *g = *state;

    assert_true(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->retry_in, 0);
    g->call.now = NOW + 20 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 2), 2);
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->retry_in, 40 * SECOND);
    g->call.now = NOW + 60 * SECOND - 1000;
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->retry_in, SECOND);
}

static void a_refusal_uses_nothing_up(void **state)
{
    gate_t *g = *state;

    assert_int_equal(taken(g, three_a_minute, 3), 3);
    g->call.now = NOW + 59 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 100), 0);
    g->call.now = NOW + 60 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 5), 3);
}

static void all_limits_of_a_list_hold(void **state)
{
    static const dt_limit_t limits[] = {{1, 10 * SECOND}, {2, 60 * SECOND}, {3, 300 * SECOND}, {0}};
    static const struct {
        int second;
        int allowed;
        int retry_in;
    } rows[] = {{0, 1, 10},   {9, 0, 1},     {10, 1, 50},  {20, 0, 40}, {59, 0, 1},
                {60, 1, 240}, {200, 0, 100}, {300, 1, 10}, {309, 0, 1}, {310, 1, 50}};
    gate_t *g = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        g->call.now = NOW + rows[i].second * SECOND;
        assert_int_equal(taken(g, limits, 1), rows[i].allowed);
        assert_false(take(g, SUBJECT, limits));
        assert_int_equal(apr_time_sec(g->retry_in), rows[i].retry_in);
    }
}

static void a_short_limit_looks_at_the_newest_takes(void **state)
{
    static const dt_limit_t limits[] = {{5, 300 * SECOND}, {1, 10 * SECOND}, {0}};
    gate_t *g = *state;

    assert_int_equal(taken(g, limits, 1), 1);
    g->call.now = NOW + 20 * SECOND;
    assert_int_equal(taken(g, limits, 1), 1);
    g->call.now = NOW + 25 * SECOND;
    assert_false(take(g, SUBJECT, limits));
    assert_int_equal(g->retry_in, 5 * SECOND);
}

static void the_longest_wait_counts(void **state)
{
    static const dt_limit_t limits[] = {{2, 60 * SECOND}, {1, 10 * SECOND}, {0}};
    gate_t *g = *state;

    assert_int_equal(taken(g, limits, 1), 1);
    g->call.now = NOW + 10 * SECOND;
    assert_int_equal(taken(g, limits, 1), 1);
    g->call.now = NOW + 12 * SECOND;
    assert_false(take(g, SUBJECT, limits));
    assert_int_equal(g->retry_in, 48 * SECOND);
}

static void each_subject_has_its_own(void **state)
{
    gate_t *g = *state;

    assert_int_equal(taken(g, three_a_minute, 5), 3);
    assert_true(take(g, "phone:+8613800138001", three_a_minute));
}

static void no_limits_ask_nobody(void **state)
{
    static const dt_limit_t none[] = {{0}};
    gate_t *g = *state;

    g->memory->trouble = APR_EGENERAL;
    assert_true(take(g, SUBJECT, NULL));
    assert_true(take(g, SUBJECT, none));
    assert_int_equal(g->memory->questions, 0);
}

/* Somebody else takes one between our reading and our writing. */
static void rival(fake_memory_t *memory, const char *function)
{
    if (strcmp(function, "store_limit") == 0 && gate->rivals > 0) {
        gate_t other = *gate;
        gate->rivals--;
        memory->before = NULL;
        assert_true(take(&other, SUBJECT, three_a_minute));
        memory->before = rival;
    }
}

static void a_rival_who_was_faster_is_counted(void **state)
{
    gate_t *g = *state;

    g->memory->before = rival;
    g->rivals = 2;
    assert_true(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->rivals, 0);
    assert_false(take(g, SUBJECT, three_a_minute));
}

static void whom_rivals_left_nothing_gets_nothing(void **state)
{
    gate_t *g = *state;

    g->memory->before = rival;
    g->rivals = 3;
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->rv, APR_SUCCESS);
    assert_int_equal(g->retry_in, 60 * SECOND);
}

/* S-35 */
static void a_memory_that_does_not_answer_allows_nothing(void **state)
{
    static const char *const functions[] = {"load_limit", "store_limit"};
    gate_t *g = *state;

    g->memory->trouble = APR_TIMEUP;
    for (apr_size_t i = 0; i < ROWS(functions); i++) {
        g->memory->trouble_in = functions[i];
        assert_false(take(g, SUBJECT, three_a_minute));
        assert_int_equal(g->rv, APR_TIMEUP);
    }
}

static void races_without_end_allow_nothing(void **state)
{
    gate_t *g = *state;

    g->memory->trouble = APR_EAGAIN;
    g->memory->trouble_in = "store_limit";
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->rv, APR_EAGAIN);
    assert_true(g->memory->questions <= 100);
}

static void store_value(gate_t *g, const char *value)
{
    g->memory->limit_count = 0;
    assert_int_equal(g->memory->port.store_limit(g->memory, &g->call, SUBJECT, value, 0,
                                                 NOW + SECOND),
                     APR_SUCCESS);
}

static void a_value_that_is_none_of_ours_allows_nothing(void **state)
{
    static const char *const values[] = {
        "x",  ",",  "1,",  ",1", "1,,2", "-1",
        " 1", "1 ", "1;2", "+1", "0x1",  "1700000000000,1699999999999", /* the newest is last */
    };
    gate_t *g = *state;

    for (apr_size_t i = 0; i < ROWS(values); i++) {
        store_value(g, values[i]);
        assert_row_true(values[i], !take(g, SUBJECT, three_a_minute));
        assert_row_true(values[i], g->rv != APR_SUCCESS);
    }
}

static void a_value_with_more_than_can_be_is_none_of_ours(void **state)
{
    gate_t *g = *state;
    const char *value = "1700000000000";

    for (int i = 0; i < DT_LIMIT_COUNT_MAX; i++) {
        value = apr_pstrcat(g->call.pool, value, ",1700000000000", NULL);
    }
    store_value(g, value);
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_not_equal(g->rv, APR_SUCCESS);
}

static void the_largest_limit_is_kept_whole(void **state)
{
    static const dt_limit_t limits[] = {{DT_LIMIT_COUNT_MAX, 60 * SECOND}, {0}};
    gate_t *g = *state;

    assert_int_equal(taken(g, limits, DT_LIMIT_COUNT_MAX + 5), DT_LIMIT_COUNT_MAX);
    g->call.now = NOW + 60 * SECOND;
    assert_int_equal(taken(g, limits, DT_LIMIT_COUNT_MAX + 5), DT_LIMIT_COUNT_MAX);
}

/* Of a node whose clock is ahead, or of somebody who wrote nonsense. */
static void takes_from_the_future_count_as_of_now(void **state)
{
    gate_t *g = *state;

    store_value(g, "1700000005000,1700000009000,99999999999999999999999");
    assert_false(take(g, SUBJECT, three_a_minute));
    assert_int_equal(g->rv, APR_SUCCESS);
    assert_int_equal(g->retry_in, 60 * SECOND);

    store_value(g, "1700000005000,99999999999999999999999");
    assert_true(take(g, SUBJECT, three_a_minute));
    g->call.now = NOW + 60 * SECOND;
    assert_int_equal(taken(g, three_a_minute, 5), 3);
}

static void what_left_every_window_is_forgotten(void **state)
{
    gate_t *g = *state;

    store_value(g, "1,2,3,1699999940000,1699999940001");
    assert_true(take(g, SUBJECT, three_a_minute));
    assert_string_equal(g->memory->limits[0].value, "1699999940001,1700000000000");
    assert_int_equal(g->memory->limits[0].expires_at, NOW + 60 * SECOND);
}

static void a_subject_is_short_and_plain(void **state)
{
    char subject[192];
    gate_t *g = *state;

    memset(subject, 's', sizeof(subject));
    subject[190] = '\0';
    assert_true(take(g, subject, three_a_minute));
    subject[190] = 's';
    subject[191] = '\0';
    assert_false(take(g, subject, three_a_minute));
    assert_int_equal(g->rv, APR_EINVAL);
    assert_false(take(g, "person:\xe5\xbc\xa0", three_a_minute));
    assert_false(take(g, "person:\n", three_a_minute));
    assert_int_equal(g->memory->limit_count, 1);
}

/* How the others are written shows test_challenge, where they come from requests. */
static void addresses_of_one_network_are_one_subject(void **state)
{
    const gate_t *g = *state;
    apr_pool_t *pool = g->call.pool;

    assert_null(dt_limit_address(pool, NULL));
    assert_string_equal(dt_limit_address(pool, "192.0.2.1"), "address:192.0.2.1");
    assert_string_equal(dt_limit_address(pool, "2001:db8:1:2::99"), "address:2001:db8:1:2::/64");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_many_are_allowed_as_fit),
        TEST(the_window_slides),
        TEST(who_is_refused_learns_when_there_is_room),
        TEST(a_refusal_uses_nothing_up),
        TEST(all_limits_of_a_list_hold),
        TEST(a_short_limit_looks_at_the_newest_takes),
        TEST(the_longest_wait_counts),
        TEST(each_subject_has_its_own),
        TEST(no_limits_ask_nobody),
        TEST(a_rival_who_was_faster_is_counted),
        TEST(whom_rivals_left_nothing_gets_nothing),
        TEST(a_memory_that_does_not_answer_allows_nothing),
        TEST(races_without_end_allow_nothing),
        TEST(a_value_that_is_none_of_ours_allows_nothing),
        TEST(a_value_with_more_than_can_be_is_none_of_ours),
        TEST(the_largest_limit_is_kept_whole),
        TEST(takes_from_the_future_count_as_of_now),
        TEST(what_left_every_window_is_forgotten),
        TEST(a_subject_is_short_and_plain),
        TEST(addresses_of_one_network_are_one_subject),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
