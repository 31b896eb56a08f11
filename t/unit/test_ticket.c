/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/ticket: a browser's sign-ins are told apart, bounded, and nobody else's. */
#include "core/bytes.h"
#include "core/record.h"
#include "core/ticket.h"
#include "core/url.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW APR_INT64_C(1795305600000000) /* 2026-11-22 00:00:00 */
#define SECOND APR_USEC_PER_SEC
#define KEY DT_SLICE("a key text of more than 32 bytes, for tests")

typedef struct desk_t {
    dt_call_t call;
    dt_keyring_t *keys;
    dt_tickets_t tickets;
} desk_t;

static int set_up(void **state)
{
    apr_pool_t *pool = NULL;
    desk_t *desk;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    desk = apr_pcalloc(pool, sizeof(*desk));
    desk->call = (dt_call_t){.pool = pool,
                             .now = NOW,
                             .host = "intranet.example.com",
                             .scratch = dt_scratch_create(pool)};
    assert_int_equal(dt_keyring_create(pool, &KEY, 1, DT_SLICE("owner"), &desk->keys), APR_SUCCESS);
    *state = desk;
    return 0;
}

static int tear_down(void **state)
{
    desk_t *desk = *state;

    apr_pool_destroy(desk->call.pool);
    return 0;
}

static const dt_tickets_t none;

/* A ticket issued so long before now, in the slot of the call's turn. */
static dt_ticket_t ticket(const desk_t *desk, const char *return_to, apr_interval_time_t ago)
{
    dt_ticket_t made;

    assert_int_equal(dt_ticket_new(&desk->call, &none, return_to, 0, &made), APR_SUCCESS);
    made.issued = NOW - ago;
    return made;
}

static dt_slice_t seal(const desk_t *desk, const dt_ticket_t *made)
{
    dt_slice_t token = {NULL, 0};

    assert_int_equal(dt_ticket_seal(desk->keys, &desk->call, made, &token), APR_SUCCESS);
    return token;
}

static void open_all(desk_t *desk, const dt_slice_t *tokens, int count)
{
    dt_tickets_open(desk->keys, &desk->call, tokens, count, &desk->tickets);
}

/* The same in slot. */
static dt_ticket_t ticket_in(const desk_t *desk, int slot, apr_interval_time_t ago)
{
    dt_ticket_t made = ticket(desk, apr_psprintf(desk->call.pool, "/%d", slot), ago);

    made.slot = slot;
    return made;
}

/* Whether a hand-written record opens as a ticket. */
static bool record_opens(desk_t *desk, unsigned version, unsigned slot, const char *return_to,
                         unsigned more)
{
    unsigned char buffer[2048];
    dt_slice_t token;
    dt_writer_t w;

    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, version);
    dt_write_bytes(&w, "0123456789abcdef", DT_TICKET_NONCE);
    dt_write_time(&w, NOW);
    dt_write_time(&w, 0);
    dt_write_u8(&w, 0);
    dt_write_u8(&w, slot);
    dt_write_text(&w, dt_slice(return_to));
    dt_write_bytes(&w, "more", more);
    assert_false(w.failed);
    assert_int_equal(dt_seal(desk->keys, DT_SEAL_TICKET, &desk->call,
                             (dt_slice_t){(char *)buffer, w.len}, &token),
                     APR_SUCCESS);
    open_all(desk, &token, 1);
    return desk->tickets.count == 1;
}

static void a_new_ticket_is_issued_now_and_unlike_any_other(void **state)
{
    const desk_t *desk = *state;
    dt_ticket_t a;
    dt_ticket_t b;

    assert_int_equal(dt_ticket_new(&desk->call, &none, "/a", 1, &a), APR_SUCCESS);
    assert_int_equal(dt_ticket_new(&desk->call, &none, "/a", 1, &b), APR_SUCCESS);
    assert_true(a.issued == NOW && a.finished == 0 && a.restarts == 1);
    assert_string_equal(a.return_to, "/a");
    assert_memory_not_equal(a.nonce, b.nonce, DT_TICKET_NONCE);
}

static void what_is_sealed_opens(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t made = ticket(desk, "/app?x=1#here", 60 * SECOND);
    const dt_ticket_t *held = desk->tickets.held;
    dt_slice_t token;

    made.finished = NOW - SECOND;
    made.restarts = 1;
    made.slot = DT_TICKET_SLOTS - 1;
    token = seal(desk, &made);
    open_all(desk, &token, 1);
    assert_int_equal(desk->tickets.count, 1);
    assert_memory_equal(held->nonce, made.nonce, DT_TICKET_NONCE);
    assert_true(held->issued == made.issued && held->finished == made.finished);
    assert_int_equal(held->restarts, 1);
    assert_int_equal(held->slot, DT_TICKET_SLOTS - 1);
    assert_string_equal(held->return_to, "/app?x=1#here");
    assert_true(dt_slice_equal(held->token, token));
}

static void restarts_are_counted_up_to_255(void **state)
{
    const int given[] = {0, 255, 256, INT32_MAX};
    const int read[] = {0, 255, 255, 255};
    desk_t *desk = *state;

    for (int i = 0; i < 4; i++) {
        dt_ticket_t made = ticket(desk, "/", 0);
        dt_slice_t token;
        made.restarts = given[i];
        token = seal(desk, &made);
        open_all(desk, &token, 1);
        assert_int_equal(desk->tickets.held[0].restarts, read[i]);
    }
}

static void the_longest_return_address_is_carried_and_no_longer(void **state)
{
    desk_t *desk = *state;
    char *address = apr_pcalloc(desk->call.pool, DT_RETURN_MAX + 2);
    dt_ticket_t made = ticket(desk, address, 0);
    dt_slice_t token;

    memset(address, '/', DT_RETURN_MAX);
    token = seal(desk, &made);
    open_all(desk, &token, 1);
    assert_string_equal(desk->tickets.held[0].return_to, address);
    assert_true(token.len * 2 <= DT_TICKETS_BYTES); /* so two of them always fit */
    address[DT_RETURN_MAX] = '/';
    assert_int_equal(dt_ticket_seal(desk->keys, &desk->call, &made, &token), APR_EINVAL);
}

/* The longest name is of 40 characters: a prefix, the administrator's, and the slot. */
static void all_slots_with_the_longest_address_leave_room_in_the_header(void **state)
{
    desk_t *desk = *state;
    char *address = apr_pcalloc(desk->call.pool, DT_RETURN_MAX + 1);
    dt_slice_t tokens[DT_TICKET_SLOTS];
    apr_size_t bytes = 0;

    memset(address, '/', DT_RETURN_MAX);
    for (int i = 0; i < DT_TICKET_SLOTS; i++) {
        dt_ticket_t made = ticket_in(desk, i, 0);
        made.return_to = address;
        made.finished = NOW;
        made.restarts = 255;
        tokens[i] = seal(desk, &made);
        bytes += 40 + strlen("=") + tokens[i].len + strlen("; ");
    }
    assert_true(bytes < 6500);
    open_all(desk, tokens, DT_TICKET_SLOTS);
    assert_int_equal(desk->tickets.count, DT_TICKET_SLOTS);
}

static void what_could_not_be_read_back_is_not_sealed(void **state)
{
    const desk_t *desk = *state;
    dt_ticket_t bad[8];
    dt_slice_t token;

    for (int i = 0; i < 8; i++) {
        bad[i] = ticket(desk, "/", 0);
    }
    bad[0].return_to = NULL;
    bad[1].return_to = "";
    bad[2].return_to = "https://evil.example/";
    bad[3].issued = -1;
    bad[4].finished = -1;
    bad[5].restarts = -1;
    bad[6].slot = -1;
    bad[7].slot = DT_TICKET_SLOTS;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(dt_ticket_seal(desk->keys, &desk->call, &bad[i], &token), APR_EINVAL);
    }
}

static void a_record_that_is_not_a_ticket_is_left_out(void **state)
{
    desk_t *desk = *state;
    char *address = apr_pcalloc(desk->call.pool, DT_RETURN_MAX + 2);

    memset(address, '/', DT_RETURN_MAX + 1);
    assert_true(record_opens(desk, 2, 0, "/", 0));
    assert_true(record_opens(desk, 2, DT_TICKET_SLOTS - 1, "/", 0));
    assert_false(record_opens(desk, 2, DT_TICKET_SLOTS, "/", 0));
    assert_false(record_opens(desk, 2, 255, "/", 0));
    assert_false(record_opens(desk, 3, 0, "/", 0));
    assert_false(record_opens(desk, 1, 0, "/", 0));
    assert_false(record_opens(desk, 0, 0, "/", 0));
    assert_false(record_opens(desk, 2, 0, "/", 1));
    assert_false(record_opens(desk, 2, 0, "", 0));
    assert_false(record_opens(desk, 2, 0, "https://evil.example/", 0));
    assert_false(record_opens(desk, 2, 0, address, 0));
    assert_true(record_opens(desk, 2, 0, address + 1, 0));
}

/* S-28: the names of one kind of secret are worth nothing as another. */
static void a_session_is_no_ticket(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t made = ticket(desk, "/", 0);
    dt_slice_t token = seal(desk, &made);
    dt_slice_t record;

    assert_int_equal(dt_open(desk->keys, DT_SEAL_TICKET, &desk->call, token, &record), APR_SUCCESS);
    assert_int_equal(dt_seal(desk->keys, DT_SEAL_SESSION, &desk->call, record, &token),
                     APR_SUCCESS);
    open_all(desk, &token, 1);
    assert_int_equal(desk->tickets.count, 0);
}

static void a_ticket_is_forgotten_after_a_day(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t old = ticket_in(desk, 0, DT_TICKET_MEMORY + 1000);
    dt_ticket_t held = ticket_in(desk, 1, DT_TICKET_MEMORY);
    dt_ticket_t ahead = ticket_in(desk, 2, -5 * SECOND);
    dt_slice_t tokens[] = {seal(desk, &old), seal(desk, &held), seal(desk, &ahead)};

    open_all(desk, tokens, 1);
    assert_int_equal(desk->tickets.count, 0);
    open_all(desk, tokens, 3);
    assert_int_equal(desk->tickets.count, 2);
    assert_memory_equal(desk->tickets.held[0].nonce, ahead.nonce, DT_TICKET_NONCE);
}

/* S-37 */
static void a_ticket_of_2039_is_as_good_as_any(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t made = ticket(desk, "/", 0);
    dt_slice_t token;

    desk->call.now = made.issued = APR_INT64_C(2177452800000000);
    made.finished = made.issued + SECOND;
    token = seal(desk, &made);
    open_all(desk, &token, 1);
    assert_int_equal(desk->tickets.count, 1);
    assert_true(desk->tickets.held[0].issued == made.issued);
    assert_int_equal(dt_tickets_bounces(&desk->tickets, desk->call.now), 1);
}

static void what_does_not_open_is_left_out(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t made = ticket(desk, "/", 0);
    dt_slice_t tokens[] = {DT_SLICE("garbage"),
                           seal(desk, &made),
                           dt_slice(NULL),
                           {"A", APR_SIZE_MAX}};

    open_all(desk, tokens, 4);
    assert_int_equal(desk->tickets.count, 1);
    assert_true(dt_slice_equal(desk->tickets.held[0].token, tokens[1]));
    desk->call.host = "other.example.com";
    open_all(desk, tokens, 4);
    assert_int_equal(desk->tickets.count, 0);
}

static void tickets_are_held_newest_first_and_the_later_cookie_when_equally_old(void **state)
{
    const int ago[] = {3, 1, 4, 1, 0, 3};
    const char *const sorted = "431502"; /* slots */
    desk_t *desk = *state;
    dt_slice_t tokens[6];

    for (int i = 0; i < 6; i++) {
        dt_ticket_t made = ticket_in(desk, i, ago[i] * SECOND);
        tokens[i] = seal(desk, &made);
    }
    open_all(desk, tokens, 6);
    assert_int_equal(desk->tickets.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(desk->tickets.held[i].slot, sorted[i] - '0');
    }
}

/* Cookies of one name, set for two paths: whichever comes first, and the later if equally old. */
static void of_one_slot_the_newer_ticket_is_held(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t old = ticket_in(desk, 3, 9 * SECOND);
    dt_ticket_t between = ticket_in(desk, 1, 5 * SECOND);
    dt_ticket_t new = ticket_in(desk, 3, 2 * SECOND);
    dt_ticket_t twin = ticket_in(desk, 3, 2 * SECOND);
    const dt_slice_t o = seal(desk, &old);
    const dt_slice_t b = seal(desk, &between);
    const dt_slice_t n = seal(desk, &new);
    const dt_slice_t t = seal(desk, &twin);
    const dt_slice_t orders[][4] = {{o, b, t, n}, {t, n, b, o}, {t, b, o, n}, {b, t, n, o}};

    for (int i = 0; i < 4; i++) {
        open_all(desk, orders[i], 4);
        assert_int_equal(desk->tickets.count, 2);
        assert_memory_equal(desk->tickets.held[0].nonce, new.nonce, DT_TICKET_NONCE);
        assert_memory_equal(desk->tickets.held[1].nonce, between.nonce, DT_TICKET_NONCE);
    }
}

/* S-03 */
static void cookies_beyond_the_eighth_are_not_looked_at(void **state)
{
    desk_t *desk = *state;
    dt_slice_t tokens[DT_TICKETS_READ + 1];

    assert_int_equal(DT_TICKETS_READ, 8);
    for (int i = 0; i < DT_TICKETS_READ; i++) {
        dt_ticket_t made = ticket_in(desk, i % DT_TICKET_SLOTS, i * SECOND);
        tokens[i] = seal(desk, &made);
    }
    tokens[DT_TICKETS_READ] = (dt_slice_t){NULL, 64}; /* reading it would crash */
    open_all(desk, tokens, INT32_MAX);
    assert_int_equal(desk->tickets.count, DT_TICKET_SLOTS);
    open_all(desk, tokens, -1);
    assert_int_equal(desk->tickets.count, 0);
}

static void what_is_removed_is_no_longer_held(void **state)
{
    desk_t *desk = *state;
    dt_slice_t tokens[3];

    for (int i = 0; i < 3; i++) {
        dt_ticket_t made = ticket_in(desk, i, i * SECOND);
        tokens[i] = seal(desk, &made);
    }
    open_all(desk, tokens, 3);
    dt_tickets_remove(&desk->tickets, &desk->tickets.held[1]);
    assert_int_equal(desk->tickets.count, 2);
    assert_int_equal(desk->tickets.held[0].slot, 0);
    assert_int_equal(desk->tickets.held[1].slot, 2);
    dt_tickets_remove(&desk->tickets, &desk->tickets.held[1]);
    assert_int_equal(desk->tickets.count, 1);
}

static void a_state_finds_its_ticket_among_others(void **state)
{
    desk_t *desk = *state;
    dt_slice_t tokens[4];
    const char *states[4];

    for (int i = 0; i < 4; i++) {
        dt_ticket_t made = ticket_in(desk, i, i * SECOND);
        tokens[i] = seal(desk, &made);
        states[i] = dt_ticket_state(desk->call.pool, &made);
        assert_int_equal(strlen(states[i]), 22);
    }
    open_all(desk, tokens, 4);
    for (int i = 0; i < 4; i++) {
        const dt_ticket_t *found = dt_tickets_find(&desk->tickets, states[i]);
        assert_non_null(found);
        assert_int_equal(found->return_to[1], '0' + i);
    }
}

/* S-41 */
static void any_other_state_finds_nothing(void **state)
{
    desk_t *desk = *state;
    dt_ticket_t made = ticket(desk, "/", 0);
    dt_ticket_t other = ticket(desk, "/", 0);
    const char *mine = dt_ticket_state(desk->call.pool, &made);
    dt_slice_t token = seal(desk, &made);
    char *changed = apr_pstrdup(desk->call.pool, mine);

    open_all(desk, &token, 1);
    assert_null(dt_tickets_find(&desk->tickets, NULL));
    assert_null(dt_tickets_find(&desk->tickets, ""));
    assert_null(dt_tickets_find(&desk->tickets, "STATE"));
    assert_null(dt_tickets_find(&desk->tickets, dt_ticket_state(desk->call.pool, &other)));
    assert_null(dt_tickets_find(&desk->tickets, apr_pstrcat(desk->call.pool, mine, "A", NULL)));
    assert_null(dt_tickets_find(&desk->tickets, apr_pstrcat(desk->call.pool, mine, "==", NULL)));
    assert_null(dt_tickets_find(&desk->tickets, apr_pstrndup(desk->call.pool, mine, 21)));
    for (int i = 0; i < 22; i++) {
        for (int bit = 0; bit < 7; bit++) {
            changed[i] = (char)(mine[i] ^ (1 << bit));
            assert_null(dt_tickets_find(&desk->tickets, changed));
        }
        changed[i] = mine[i];
    }
    assert_non_null(dt_tickets_find(&desk->tickets, mine));
}

static void the_name_is_the_slot(void **state)
{
    const desk_t *desk = *state;

    for (int i = 0; i < DT_TICKET_SLOTS; i++) {
        dt_ticket_t made = ticket_in(desk, i, 0);
        const char name[] = {(char)('0' + i), '\0'};

        assert_string_equal(dt_ticket_name(desk->call.pool, &made), name);
        assert_int_equal(strlen(name), DT_TICKET_NAME);
    }
}

static void only_what_finished_within_a_minute_is_a_bounce(void **state)
{
    dt_tickets_t tickets = {.count = 6};

    (void)state;
    tickets.held[0].finished = NOW;
    tickets.held[1].finished = NOW - 60 * SECOND;
    tickets.held[2].finished = NOW - 60 * SECOND - 1;
    tickets.held[3].finished = 0;
    tickets.held[4].finished = NOW + 2 * SECOND; /* another node's clock */
    tickets.held[5].finished = NOW + 3600 * SECOND;
    assert_int_equal(dt_tickets_bounces(&tickets, NOW), 3);
    assert_int_equal(dt_tickets_bounces(&tickets, 30 * SECOND), 0);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_new_ticket_is_issued_now_and_unlike_any_other),
        DESK_TEST(what_is_sealed_opens),
        DESK_TEST(restarts_are_counted_up_to_255),
        DESK_TEST(the_longest_return_address_is_carried_and_no_longer),
        DESK_TEST(all_slots_with_the_longest_address_leave_room_in_the_header),
        DESK_TEST(what_could_not_be_read_back_is_not_sealed),
        DESK_TEST(a_record_that_is_not_a_ticket_is_left_out),
        DESK_TEST(a_session_is_no_ticket),
        DESK_TEST(a_ticket_is_forgotten_after_a_day),
        DESK_TEST(a_ticket_of_2039_is_as_good_as_any),
        DESK_TEST(what_does_not_open_is_left_out),
        DESK_TEST(tickets_are_held_newest_first_and_the_later_cookie_when_equally_old),
        DESK_TEST(of_one_slot_the_newer_ticket_is_held),
        DESK_TEST(cookies_beyond_the_eighth_are_not_looked_at),
        DESK_TEST(what_is_removed_is_no_longer_held),
        DESK_TEST(a_state_finds_its_ticket_among_others),
        DESK_TEST(any_other_state_finds_nothing),
        DESK_TEST(the_name_is_the_slot),
        cmocka_unit_test(only_what_finished_within_a_minute_is_a_bounce),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
