/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/ticket: which slot a new ticket takes, and which others have to go for it. */
#include "core/ticket.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW APR_INT64_C(1795305600000000) /* 2026-11-22 00:00:00 */
#define SECOND APR_USEC_PER_SEC

static const dt_tickets_t nothing;

static int set_up(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) == APR_SUCCESS ? 0 : -1;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/* Tickets in the slots 0 (newest) to count - 1, whose cookies have size bytes each. */
static dt_tickets_t held(int count, apr_size_t size)
{
    dt_tickets_t tickets = {.count = count};

    for (int i = 0; i < count; i++) {
        tickets.held[i].slot = i;
        tickets.held[i].issued = NOW - i * SECOND;
        tickets.held[i].token = (dt_slice_t){"", size};
    }
    return tickets;
}

static int slot_at(apr_pool_t *pool, const dt_tickets_t *tickets, apr_uint32_t turn)
{
    const dt_call_t call = {.pool = pool, .now = NOW, .host = "h", .turn = turn};
    dt_ticket_t made;

    assert_int_equal(dt_ticket_new(&call, tickets, "/", 0, &made), APR_SUCCESS);
    return made.slot;
}

static void consecutive_turns_take_different_slots(void **state)
{
    apr_pool_t *pool = *state;

    for (apr_uint32_t i = 0; i < 2 * DT_TICKET_SLOTS; i++) {
        assert_int_equal(slot_at(pool, &nothing, i), i % DT_TICKET_SLOTS);
    }
    assert_int_equal(slot_at(pool, &nothing, UINT32_MAX), UINT32_MAX % DT_TICKET_SLOTS);
}

static void a_new_ticket_takes_the_free_slot_of_its_turn(void **state)
{
    apr_pool_t *pool = *state;
    dt_tickets_t tickets = held(4, 100);
    const int taken[] = {0, 2, 3, 5};
    const int expected[] = {1, 4, 1, 4, 1, 4};

    for (int i = 0; i < 4; i++) {
        tickets.held[i].slot = taken[i];
    }
    for (int i = 0; i < DT_TICKET_SLOTS; i++) {
        assert_int_equal(slot_at(pool, &tickets, (apr_uint32_t)i), expected[i]);
    }
    assert_int_equal(slot_at(pool, &tickets, UINT32_MAX), expected[UINT32_MAX % DT_TICKET_SLOTS]);
}

/* Four tabs restored the next morning, beside what the day before left. */
static void calls_that_see_the_same_tickets_still_take_different_slots(void **state)
{
    for (int finished = 0; finished < 2; finished++) {
        dt_tickets_t tickets = held(finished ? 4 : 2, 100);
        unsigned taken = 0;

        for (int i = 0; i < tickets.count; i++) {
            tickets.held[i].finished = finished ? NOW - 61 * SECOND : 0;
        }
        for (apr_uint32_t i = 0; i < 4; i++) {
            const unsigned bit = 1U << slot_at(*state, &tickets, i);
            assert_int_equal(taken & bit, 0);
            taken |= bit;
        }
    }
}

static void what_finished_within_a_minute_keeps_its_slot(void **state)
{
    dt_tickets_t tickets = held(5, 100);

    for (int i = 0; i < 5; i++) {
        tickets.held[i].finished = NOW - 60 * SECOND;
    }
    for (apr_uint32_t i = 0; i < DT_TICKET_SLOTS; i++) {
        assert_int_equal(slot_at(*state, &tickets, i), 5);
    }
}

static void when_all_slots_are_taken_a_new_ticket_takes_that_of_the_oldest(void **state)
{
    apr_pool_t *pool = *state;
    dt_tickets_t tickets = held(DT_TICKET_SLOTS, 100);

    tickets.held[2].slot = 5;
    tickets.held[5].slot = 2;
    for (apr_uint32_t i = 0; i < DT_TICKET_SLOTS; i++) {
        assert_int_equal(slot_at(pool, &tickets, i), 2);
    }
}

static void the_oldest_go_so_that_with_the_new_one_four_remain(void **state)
{
    apr_pool_t *pool = *state;
    const char *names[DT_TICKET_SLOTS];

    for (int count = 0; count < DT_TICKET_SLOTS; count++) {
        dt_tickets_t tickets = held(count, 100);
        int gone = dt_tickets_surplus(pool, &tickets, DT_TICKET_SLOTS - 1, 100, names);
        assert_int_equal(gone, count < DT_TICKETS_KEPT ? 0 : count + 1 - DT_TICKETS_KEPT);
        for (int i = 0; i < gone; i++) {
            assert_string_equal(names[i], dt_ticket_name(pool, &tickets.held[count - 1 - i]));
        }
    }
}

static void the_oldest_go_so_that_the_bytes_suffice(void **state)
{
    apr_pool_t *pool = *state;
    dt_tickets_t tickets = held(3, 900);
    const char *names[DT_TICKET_SLOTS];

    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 900, names), 0);
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 901, names), 1);
    assert_string_equal(names[0], "2");
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 1801, names), 2);
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 3600, names), 3);
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 9999, names), 3);
}

static void the_ticket_whose_slot_is_taken_over_is_neither_counted_nor_deleted(void **state)
{
    apr_pool_t *pool = *state;
    dt_tickets_t tickets = held(DT_TICKET_SLOTS, 100);
    const char *names[DT_TICKET_SLOTS];

    assert_int_equal(dt_tickets_surplus(pool, &tickets, 5, 100, names), 2);
    assert_string_equal(names[0], "4");
    assert_string_equal(names[1], "3");
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 4, 9999, names), 5);
    assert_string_equal(names[0], "5");
    assert_string_equal(names[1], "3");
    tickets = held(4, 900);
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 0, 900, names), 0);
    assert_int_equal(dt_tickets_surplus(pool, &tickets, 0, 901, names), 1);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(consecutive_turns_take_different_slots),
        POOL_TEST(a_new_ticket_takes_the_free_slot_of_its_turn),
        POOL_TEST(calls_that_see_the_same_tickets_still_take_different_slots),
        POOL_TEST(what_finished_within_a_minute_keeps_its_slot),
        POOL_TEST(when_all_slots_are_taken_a_new_ticket_takes_that_of_the_oldest),
        POOL_TEST(the_oldest_go_so_that_with_the_new_one_four_remain),
        POOL_TEST(the_oldest_go_so_that_the_bytes_suffice),
        POOL_TEST(the_ticket_whose_slot_is_taken_over_is_neither_counted_nor_deleted),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
