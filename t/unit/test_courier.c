/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: who sends, when it answers, and that its time tells nothing. */
#include "courier_world.h"

static void assert_took_its_time(const office_t *office)
{
    assert_int_equal(office->took, ANSWER_AFTER);
}

/* --- who sends --- */

static void a_message_is_sent_with_a_pool_of_its_own(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_string_equal(office->detail, "one");
    assert_int_equal(office->fakes[0].messages, 1);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
    assert_string_equal(office->fakes[0].host, "a.example");
    assert_true(office->fakes[0].own_pool);
}

static void the_next_sender_comes_only_when_surely_nothing_was_sent(void **state)
{
    static const struct {
        dt_sent_t first;
        bool next;
    } rows[] = {
        {DT_SENT, false},       {DT_SENT_UNKNOWN, false}, {DT_SENT_PHONE, false},
        {DT_SENT_OFTEN, false}, {DT_SENT_ADMIN, true},    {DT_SENT_TROUBLE, true},
    };
    office_t *office = *state;

    open_office(office, 2, 2);
    for (size_t i = 0; i < ROWS(rows); i++) {
        office->fakes[0].sent = rows[i].first;
        office->fakes[1].messages = 0;
        assert_int_equal(ask(office, &message), rows[i].next ? DT_SENT : rows[i].first);
        assert_int_equal(office->fakes[1].messages, rows[i].next ? 1 : 0);
        assert_string_equal(office->detail, rows[i].next ? "one; two" : "one");
    }
}

static void when_nobody_sends_it_the_last_one_says_why(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_ADMIN;
    office->fakes[1].sent = DT_SENT_TROUBLE;
    open_office(office, 2, 2);
    assert_int_equal(ask(office, &message), DT_SENT_TROUBLE);
    assert_string_equal(office->detail, "one; two");
}

/* --- when it answers --- */

static void a_quick_message_and_none_take_as_long(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_took_its_time(office);
    assert_int_equal(ask(office, NULL), DT_SENT);
    assert_took_its_time(office);
    assert_null(office->detail);
    assert_int_equal(office->fakes[0].messages, 1);
}

static void a_slow_message_is_answered_in_time_and_goes_on(void **state)
{
    office_t *office = *state;

    office->fakes[0].slow = true;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_took_its_time(office);
    close_office(office);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
    assert_int_equal(office->late, 0);
}

static void a_message_that_fails_late_is_told(void **state)
{
    office_t *office = *state;

    office->fakes[0].slow = true;
    office->fakes[0].sent = DT_SENT_UNKNOWN;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_int_equal(office->late, 0);
    let_go(office);
    await_late(office);
    assert_int_equal(office->late_sent, DT_SENT_UNKNOWN);
    assert_string_equal(office->late_detail, "one");
}

static void a_message_that_may_have_been_sent_is_told_though_its_answer_is_there(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_UNKNOWN;
    open_office(office, 2, 2);
    assert_int_equal(ask(office, &message), DT_SENT_UNKNOWN);
    close_office(office);
    assert_int_equal(office->late, 1);
    assert_int_equal(office->late_sent, DT_SENT_UNKNOWN);
    assert_string_equal(office->late_detail, "one");
}

static void a_message_that_fails_in_time_is_not_told_again(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_ADMIN;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT_ADMIN);
    close_office(office);
    assert_int_equal(office->late, 0);
}

static void a_child_that_ends_waits_for_messages_on_their_way(void **state)
{
    office_t *office = *state;

    office->fakes[0].slow = true;
    open_office(office, 1, 2);
    (void)ask(office, &message);
    close_office(office);
    assert_int_equal(office->fakes[0].together, 0);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
}

static apr_status_t leave(void *data)
{
    office_t *office = data;

    apr_thread_mutex_lock(office->lock);
    office->gone = true;
    apr_thread_mutex_unlock(office->lock);
    return APR_SUCCESS;
}

static void what_senders_need_is_there_until_the_last_message_ended(void **state)
{
    office_t *office = *state;
    apr_pool_t *connections;

    office->fakes[0].slow = true;
    open_office(office, 1, 2);
    apr_pool_create(&connections, office->pchild);
    apr_pool_cleanup_register(connections, office, leave, apr_pool_cleanup_null);
    (void)ask(office, &message);
    close_office(office);
    assert_true(office->gone);
    assert_int_equal(office->fakes[0].together, 0);
    assert_false(office->fakes[0].alone);
}

/* --- what no message is answered --- */

static void none_is_answered_as_the_last_message_was(void **state)
{
    static const struct {
        dt_sent_t last;
        dt_sent_t none;
    } rows[] = {
        {DT_SENT_ADMIN, DT_SENT_ADMIN}, {DT_SENT_TROUBLE, DT_SENT_TROUBLE},
        {DT_SENT_UNKNOWN, DT_SENT},     {DT_SENT_PHONE, DT_SENT},
        {DT_SENT_OFTEN, DT_SENT},       {DT_SENT, DT_SENT},
    };
    office_t *office = *state;

    open_office(office, 1, 2);
    for (size_t i = 0; i < ROWS(rows); i++) {
        office->fakes[0].sent = rows[i].last;
        assert_int_equal(ask(office, &message), rows[i].last);
        assert_int_equal(ask(office, NULL), rows[i].none);
        assert_took_its_time(office);
    }
}

static void a_message_that_failed_too_late_was_answered_as_sent(void **state)
{
    office_t *office = *state;

    office->fakes[0].slow = true;
    office->fakes[0].sent = DT_SENT_TROUBLE;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    let_go(office);
    await_late(office);
    assert_int_equal(ask(office, NULL), DT_SENT);
}

/* --- many at a time --- */

static void no_more_messages_are_on_their_way_than_there_are_threads(void **state)
{
    office_t *office = *state;
    customer_t customers[8];
    int refused = 0;

    office->fakes[0].slow = true;
    open_office(office, 1, 3);
    come_together(office, &message, customers, 8);
    for (int i = 0; i < 8; i++) {
        assert_true(customers[i].took >= ANSWER_AFTER);
        refused += customers[i].sent == DT_SENT_TROUBLE;
    }
    assert_int_equal(refused, 5);
    close_office(office);
    assert_int_equal(office->fakes[0].messages, 3);
    assert_int_equal(office->fakes[0].at_most, 3);
}

static void when_all_threads_are_busy_none_is_refused_too(void **state)
{
    office_t *office = *state;
    customer_t customers[2];

    office->fakes[0].slow = true;
    open_office(office, 1, 2);
    come_together(office, &message, customers, 2);
    assert_int_equal(ask(office, NULL), DT_SENT_TROUBLE);
    assert_took_its_time(office);
    assert_non_null(strstr(office->detail, "too many"));
}

static void threads_are_free_again_after_their_message(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(office, &message), DT_SENT);
    }
    assert_int_equal(office->fakes[0].messages, 3);
}

/* --- life --- */

static void a_courier_that_did_not_start_refuses(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 1);
    close_office(office);
    assert_int_equal(ask(office, &message), DT_SENT_TROUBLE);
    assert_string_equal(office->detail, "the courier did not start");
    assert_int_equal(office->fakes[0].messages, 0);
}

static void a_courier_without_senders_or_threads_is_not_made(void **state)
{
    office_t *office = *state;
    const dt_sender_t *const senders[] = {&office->fakes[0].sender};
    const dt_courier_config_t wrong[] = {{senders, 0, ANSWER_AFTER, 1},
                                         {senders, 1, ANSWER_AFTER, 0},
                                         {senders, 1, -1, 1}};

    for (size_t i = 0; i < ROWS(wrong); i++) {
        assert_int_equal(dt_courier_create(office->pool, &wrong[i], &office->courier), APR_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_sent_with_a_pool_of_its_own),
        TEST(the_next_sender_comes_only_when_surely_nothing_was_sent),
        TEST(when_nobody_sends_it_the_last_one_says_why),
        TEST(a_quick_message_and_none_take_as_long),
        TEST(a_slow_message_is_answered_in_time_and_goes_on),
        TEST(a_message_that_fails_late_is_told),
        TEST(a_message_that_may_have_been_sent_is_told_though_its_answer_is_there),
        TEST(a_message_that_fails_in_time_is_not_told_again),
        TEST(a_child_that_ends_waits_for_messages_on_their_way),
        TEST(what_senders_need_is_there_until_the_last_message_ended),
        TEST(none_is_answered_as_the_last_message_was),
        TEST(a_message_that_failed_too_late_was_answered_as_sent),
        TEST(no_more_messages_are_on_their_way_than_there_are_threads),
        TEST(when_all_threads_are_busy_none_is_refused_too),
        TEST(threads_are_free_again_after_their_message),
        TEST(a_courier_that_did_not_start_refuses),
        TEST(a_courier_without_senders_or_threads_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
