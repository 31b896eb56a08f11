/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: what it tells became of messages. */
#include "courier_world.h"

static void the_end_of_a_message_is_told_once(void **state)
{
    office_t *office = *state;

    open_office(office, 2, 2);
    for (dt_sent_t sent = DT_SENT; sent <= DT_SENT_TROUBLE; sent++) {
        office->fakes[0].sent = office->fakes[1].sent = sent;
        (void)ask(office, &message);
        assert_int_equal(office->ends[sent], 1);
    }
}

static void a_message_that_another_sender_takes_was_sent(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_TROUBLE;
    open_office(office, 2, 2);
    (void)ask(office, &message);
    assert_int_equal(office->ends[DT_SENT], 1);
    assert_int_equal(office->ends[DT_SENT_TROUBLE], 0);
}

static void the_end_of_a_slow_message_is_told_when_it_ended(void **state)
{
    office_t *office = *state;

    office->fakes[0].slow = true;
    office->fakes[0].sent = DT_SENT_UNKNOWN;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    close_office(office);
    assert_int_equal(office->ends[DT_SENT_UNKNOWN], 1);
    assert_int_equal(office->ends[DT_SENT], 0);
}

static void a_message_without_room_failed(void **state)
{
    office_t *office = *state;
    customer_t customers[3];

    office->fakes[0].slow = true;
    open_office(office, 1, 2);
    come_together(office, &message, customers, 3);
    close_office(office);
    assert_int_equal(office->ends[DT_SENT], 2);
    assert_int_equal(office->ends[DT_SENT_TROUBLE], 1);
}

static void nothing_became_of_none(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 1);
    (void)ask(office, NULL);
    close_office(office);
    (void)ask(office, NULL);
    for (dt_sent_t sent = DT_SENT; sent <= DT_SENT_TROUBLE; sent++) {
        assert_int_equal(office->ends[sent], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_a_message_is_told_once),
        TEST(a_message_that_another_sender_takes_was_sent),
        TEST(the_end_of_a_slow_message_is_told_when_it_ended),
        TEST(a_message_without_room_failed),
        TEST(nothing_became_of_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
