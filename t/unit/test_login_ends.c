/* SPDX-License-Identifier: Apache-2.0 */
/* How a sign-in ends that does not end well: refused, unknown, started again, or stopped. */

#include "login_world.h"

/* --- refused: the ticket is gone --- */

typedef struct refusal_t {
    asked_t asked;
    int status;
    const char *body;
    dt_why_id_t why;
    int calls; /* to DingTalk, the app token's included */
} refusal_t;

static const refusal_t refusals[] = {
    {USER_TOKEN, 200, "{\"accessToken\":\"SECRET-ut-a\",\"expireIn\":1,\"corpId\":\"dingcorp2\"}",
     DT_WHY_OTHER_CORP, 1},
    {USER_TOKEN, 200, "{\"accessToken\":\"SECRET-ut-a\",\"expireIn\":1,\"corpId\":\"DINGCORP1\"}",
     DT_WHY_OTHER_CORP, 1},
    {USER_ID, 200, "{\"errcode\":60121,\"errmsg\":\"no\"}", DT_WHY_STRANGER, 4},
    {USER_ID, 200, "{\"errcode\":0,\"result\":{\"contact_type\":1,\"userid\":\"us-a\"}}",
     DT_WHY_EXTERNAL, 4},
    {MEMBER, 200, "{\"errcode\":50002,\"errmsg\":\"no\"}", DT_WHY_OUT_OF_SCOPE, 5},
    {MEMBER, 200, "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"active\":false}}",
     DT_WHY_NOT_ACTIVE, 5},
    {MEMBER, 200,
     "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"active\":true,\"disable_status\":true}}",
     DT_WHY_DISABLED, 5},
    {MEMBER, 200, "{\"errcode\":0,\"result\":{\"userid\":\"us-b\",\"active\":true}}",
     DT_WHY_MISMATCH, 5},
    {MEMBER, 200,
     "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"unionid\":\"un-b\",\"active\":true}}",
     DT_WHY_MISMATCH, 5},
};

static void each_refusal_stops_there_and_gives_the_ticket_up(void **state)
{
    world_t *w = *state;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const refusal_t *refusal = &refusals[i];
        browser_t b = {.w = w};
        int calls = 0;

        memset(w->script, 0, sizeof(w->script));
        memset(w->calls, 0, sizeof(w->calls));
        w->call.now += 24 * 60 * MINUTE; /* the app token has to be fetched */
        w->script[refusal->asked] = (script_t){0, refusal->status, refusal->body};
        sign_in(&b, "/app", "code-a");
        assert_why(&b, refusal->why);
        assert_int_equal(b.result.what, DT_DENIED);
        assert_string_equal(b.way.location, "/app");
        assert_int_equal(held_by(&b), 0);
        for (int j = 0; j < CALLS; j++) {
            calls += w->calls[j];
        }
        assert_int_equal(calls, refusal->calls);
    }
    assert_int_equal(w->count, 0);
}

static void without_a_corp_id_the_member_record_decides(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->script[USER_TOKEN] = (script_t){0, 200, "{\"accessToken\":\"SECRET-ut-a\",\"expireIn\":1}"};
    sign_in(&b, "/", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
}

static void an_error_from_dingtalks_page_is_a_cancelled_sign_in(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const dt_callback_t query = {.state = begin(&b, "/app"),
                                 .code = "code-a",
                                 .error = "access\xc3\xa9\n_denied"};

    come_back(&b, &query, false);
    assert_why(&b, DT_WHY_CANCELLED);
    assert_string_equal(b.result.detail, "error=access???_denied");
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(held_by(&b), 0);
    assert_int_equal(w->calls[USER_TOKEN], 0);
}

static void who_was_asked_about_is_known_as_far_as_we_came(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->script[USER_TOKEN] = (script_t){0, 500, "{}"};
    sign_in(&b, "/", "code-a");
    assert_null(b.way.member);
    w->script[USER_TOKEN] = (script_t){0};
    w->script[USER_ID] = (script_t){0, 200, "{\"errcode\":60121}"};
    sign_in(&b, "/", "code-a");
    assert_string_equal(b.way.member->union_id, "un-a");
    assert_null(b.way.member->user_id);
    w->script[USER_ID] = (script_t){0};
    w->script[MEMBER] = (script_t){APR_TIMEUP, 0, NULL};
    sign_in(&b, "/", "code-a");
    assert_string_equal(b.way.member->union_id, "un-a");
    assert_string_equal(b.way.member->user_id, "us-a");
}

/* --- unknown: the ticket stays --- */

static void while_dingtalk_is_away_nobody_comes_in_and_nothing_is_lost(void **state)
{
    static const script_t troubles[] = {
        {APR_TIMEUP, 0, NULL}, {APR_ECONNREFUSED, 0, NULL},
        {APR_ENOSPC, 0, NULL}, {APR_EBUSY, 0, NULL},
        {0, 500, "{}"},        {0, 200, "<html>banned</html>"},
        {0, 200, ""},          {0, 200, "{}"},
        {0, 200, "[]"},        {0, 200, "{\"errcode\":-1}"},
        {0, 302, ""},          {0, 200, "{\"errcode\":0}"},
    };
    world_t *w = *state;

    for (int asked = 0; asked < CALLS; asked++) {
        for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
            browser_t b = {.w = w};

            w->call.now += 24 * 60 * MINUTE;
            w->script[asked] = troubles[i];
            sign_in(&b, "/app", "code-a");
            assert_int_equal(b.result.what, DT_UNSURE);
            assert_string_equal(b.way.location, "/app");
            assert_int_equal(held_by(&b), 1);
            assert_null(b.way.tickets[0].name);
        }
        w->script[asked] = (script_t){0};
    }
    assert_int_equal(w->count, 0);
}

static void a_reload_after_trouble_starts_again_when_the_code_is_spent(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/app");

    w->script[MEMBER] = (script_t){0, 500, "{}"};
    finish(&b, nonce, "code-a");
    assert_int_equal(b.result.what, DT_UNSURE);
    w->script[MEMBER] = (script_t){0};
    finish(&b, nonce, "spent");
    assert_int_equal(b.result.what, DT_AGAIN);
    assert_non_null(strstr(b.way.location, "/oauth2/auth?"));
    finish(&b, strstr(b.way.location, "&state=") + 7, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/app");
}

/* --- again --- */

static void assert_again(const browser_t *b, dt_why_id_t why)
{
    assert_string_equal(b->result.why->name, dt_whys[why].name);
    assert_int_equal(b->result.what, DT_AGAIN);
    assert_non_null(strstr(b->way.location, "https://login.example/oauth2/auth?"));
}

static void a_spent_code_starts_again_once(void **state)
{
    browser_t b = {.w = *state};

    sign_in(&b, "/app", "spent");
    assert_again(&b, DT_WHY_CODE_SPENT);
    assert_int_equal(held_by(&b), 1);
    finish(&b, strstr(b.way.location, "&state=") + 7, "spent");
    assert_why(&b, DT_WHY_FAILED_AGAIN);
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(held_by(&b), 0);
}

/* As a guess of somebody's that is counted: whether this was their second, or they are in. */
static void a_code_that_dingtalk_refused_is_told_from_all_others(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    dt_callback_t query = {.code = "spent"};

    sign_in(&b, "/app", "spent");
    assert_true(b.way.code_refused);
    finish(&b, strstr(b.way.location, "&state=") + 7, "spent");
    assert_why(&b, DT_WHY_FAILED_AGAIN);
    assert_true(b.way.code_refused);
    query.state = begin(&b, "/app");
    come_back(&b, &query, true);
    assert_int_equal(b.result.what, DT_SIGNED_IN);
    assert_true(b.way.code_refused);
    sign_in(&b, "/app", "code-a");
    assert_false(b.way.code_refused);
    w->script[ME] = (script_t){0, 401, "{\"code\":\"InvalidAuthentication\"}"};
    sign_in(&b, "/app", "code-a");
    assert_again(&b, DT_WHY_CODE_SPENT); /* the user token is over, but the code was good */
    assert_false(b.way.code_refused);
    w->script[USER_TOKEN] = (script_t){0, 503, "{\"code\":\"serviceBusy\"}"};
    sign_in(&b, "/app", "spent");
    assert_int_equal(b.result.what, DT_UNSURE);
    assert_false(b.way.code_refused);
    come_back(&b, &(dt_callback_t){.state = query.state, .code = "spent"}, false);
    assert_why(&b, DT_WHY_NO_TICKET);
    assert_false(b.way.code_refused);
}

static void a_ticket_that_is_too_old_starts_again(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/app");

    w->call.now += 10 * MINUTE;
    finish(&b, nonce, NULL);
    assert_why(&b, DT_WHY_BAD_QUERY); /* not too old yet */
    w->call.now += 1;
    finish(&b, nonce, "code-a");
    assert_again(&b, DT_WHY_TICKET_EXPIRED);
    assert_int_equal(w->calls[USER_TOKEN], 0);
    assert_int_equal(held_by(&b), 1);
}

static void a_used_state_is_never_good_again(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/app");

    finish(&b, nonce, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    finish(&b, nonce, "code-b");
    assert_again(&b, DT_WHY_TICKET_SPENT);
    assert_int_equal(w->calls[USER_TOKEN], 1);
    assert_int_equal(w->count, 1);
    assert_int_equal(held_by(&b), 2); /* the used one stays: it counts as a bounce */
}

static void somebody_signed_in_goes_on_instead_of_starting_again(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/app");
    const dt_callback_t query = {.state = nonce, .code = "code-a"};

    finish(&b, nonce, "code-a");
    come_back(&b, &query, true); /* the back button */
    assert_int_equal(b.result.what, DT_SIGNED_IN);
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(b.way.session.len, 0);
    assert_int_equal(w->count, 1);
    assert_null(b.way.tickets[0].name);
}

static void somebody_signed_in_who_comes_back_too_late_goes_on_too(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const dt_callback_t query = {.state = begin(&b, "/app"), .code = "code-a"};

    w->call.now += 11 * MINUTE;
    come_back(&b, &query, true);
    assert_int_equal(b.result.what, DT_SIGNED_IN);
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(b.way.session.len, 0);
    assert_int_equal(held_by(&b), 0);
}

static void a_bookmarked_callback_of_somebody_signed_in_is_no_error(void **state)
{
    browser_t b = {.w = *state};
    const dt_callback_t query = {.state = "AAAAAAAAAAAAAAAAAAAAAA", .code = "code-a"};

    come_back(&b, &query, true);
    assert_int_equal(b.result.what, DT_SIGNED_IN);
    assert_string_equal(b.way.location, "/");
    assert_int_equal(b.way.session.len, 0);
    assert_int_equal(b.w->count, 0);
}

static void signing_in_as_another_person_makes_a_new_session(void **state)
{
    browser_t b = {.w = *state};
    const dt_callback_t query = {.state = begin(&b, "/app"), .code = "code-b"};

    come_back(&b, &query, true);
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(session_of(&b).user.data, "us-b");
}

/* --- nothing --- */

static void a_callback_without_a_code_is_incomplete(void **state)
{
    browser_t b = {.w = *state};
    const char *nonce = begin(&b, "/app");

    finish(&b, nonce, NULL);
    assert_why(&b, DT_WHY_BAD_QUERY);
    finish(&b, nonce, "");
    assert_why(&b, DT_WHY_BAD_QUERY);
    finish(&b, nonce, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
}

static void a_browser_that_forgets_its_session_is_stopped_at_the_third_time(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    for (int i = 0; i < DT_BOUNCES_MAX; i++) {
        w->call.now += 5 * MINUTE / 60;
        sign_in(&b, "/app", "code-a");
        assert_why(&b, DT_WHY_SIGNED_IN);
    }
    assert_null(begin(&b, "/app"));
    assert_why(&b, DT_WHY_LOOP);
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(held_by(&b), 0);
    sign_in(&b, "/app", "code-a"); /* afresh */
    assert_why(&b, DT_WHY_SIGNED_IN);
}

static void somebody_who_signs_in_again_later_is_no_loop(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    for (int i = 0; i < 10; i++) {
        w->call.now += MINUTE / 2 + 1;
        sign_in(&b, "/app", "code-a");
        assert_why(&b, DT_WHY_SIGNED_IN);
        assert_true(held_by(&b) <= DT_TICKETS_KEPT);
    }
}

static void a_restart_in_a_loop_is_stopped_too(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = NULL;

    for (int i = 0; i < DT_BOUNCES_MAX; i++) {
        nonce = begin(&b, "/app");
        finish(&b, nonce, "code-a");
    }
    finish(&b, nonce, "code-a");
    assert_why(&b, DT_WHY_LOOP);
    assert_int_equal(held_by(&b), 0);
}

/* Whichever slot the turn gives the new ticket: its old one too, or one it takes over. */
static void a_restart_beside_five_other_tickets_leaves_room_for_every_change(void **state)
{
    static const dt_tickets_t none;
    world_t *w = *state;
    dt_tickets_t held;

    for (apr_uint32_t turn = 0; turn < DT_TICKET_SLOTS; turn++) {
        browser_t b = {.w = w};
        for (int i = 0; i < DT_TICKET_SLOTS; i++) {
            begin_with(&b, &none, "/app");
        }
        w->call.now += 11 * MINUTE;
        w->call.turn = turn;
        show_tickets(&b, &held);
        finish(&b, dt_ticket_state(w->pool, &held.held[3]), "code-a");
        assert_again(&b, DT_WHY_TICKET_EXPIRED);
        assert_int_equal(held_by(&b), DT_TICKETS_KEPT);
    }
}

static void a_restart_in_the_same_slot_sets_the_cookie_and_does_not_delete_it(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *late = begin(&b, "/app");
    const char *name = b.jar[0].name;

    w->call.now += 11 * MINUTE;
    w->call.turn += DT_TICKET_SLOTS - 1;
    finish(&b, late, "code-a");
    assert_again(&b, DT_WHY_TICKET_EXPIRED);
    assert_string_equal(b.way.tickets[0].name, name);
    assert_non_null(b.way.tickets[0].value);
    assert_null(b.way.tickets[1].name);
    finish(&b, strstr(b.way.location, "&state=") + 7, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/app");
}

static void sign_out(browser_t *b)
{
    dt_tickets_t held;

    show_tickets(b, &held);
    dt_login_sign_out(&b->w->login, &b->w->call, &held, &b->way);
    take_cookies(b);
}

static void a_finished_ticket_keeps_its_slot_and_so_it_does_when_signing_out(void **state)
{
    browser_t b = {.w = *state};
    const char *nonce;
    dt_tickets_t held;
    int slot;

    begin(&b, "/other");
    nonce = begin(&b, "/app");
    show_tickets(&b, &held);
    slot = dt_tickets_find(&held, nonce)->slot;
    finish(&b, nonce, "code-a");
    for (int out = 0; out < 2; out++) {
        assert_null(b.way.tickets[1].name);
        assert_int_equal(b.way.tickets[0].name[0], '0' + slot);
        assert_int_equal(held_by(&b), 2);
        show_tickets(&b, &held);
        assert_int_equal(dt_tickets_find(&held, nonce)->slot, slot);
        assert_true(dt_tickets_find(&held, nonce)->finished > 0);
        sign_out(&b);
    }
}

static void signing_out_three_times_in_a_minute_is_no_loop(void **state)
{
    browser_t b = {.w = *state};

    for (int i = 0; i < DT_BOUNCES_MAX; i++) {
        sign_in(&b, "/app", "code-a");
        assert_why(&b, DT_WHY_SIGNED_IN);
        sign_out(&b);
    }
    begin(&b, "/app");
    assert_int_equal(b.result.what, DT_AGAIN);
}

static void an_old_callback_after_signing_out_starts_again(void **state)
{
    browser_t b = {.w = *state};
    const char *used = begin(&b, "/app");

    finish(&b, used, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    sign_out(&b);
    finish(&b, used, "code-a");
    assert_again(&b, DT_WHY_TICKET_SPENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_refusal_stops_there_and_gives_the_ticket_up),
        TEST(without_a_corp_id_the_member_record_decides),
        TEST(an_error_from_dingtalks_page_is_a_cancelled_sign_in),
        TEST(who_was_asked_about_is_known_as_far_as_we_came),
        TEST(while_dingtalk_is_away_nobody_comes_in_and_nothing_is_lost),
        TEST(a_reload_after_trouble_starts_again_when_the_code_is_spent),
        TEST(a_spent_code_starts_again_once),
        TEST(a_code_that_dingtalk_refused_is_told_from_all_others),
        TEST(a_ticket_that_is_too_old_starts_again),
        TEST(a_used_state_is_never_good_again),
        TEST(somebody_signed_in_goes_on_instead_of_starting_again),
        TEST(somebody_signed_in_who_comes_back_too_late_goes_on_too),
        TEST(a_bookmarked_callback_of_somebody_signed_in_is_no_error),
        TEST(signing_in_as_another_person_makes_a_new_session),
        TEST(a_callback_without_a_code_is_incomplete),
        TEST(a_browser_that_forgets_its_session_is_stopped_at_the_third_time),
        TEST(somebody_who_signs_in_again_later_is_no_loop),
        TEST(a_restart_in_a_loop_is_stopped_too),
        TEST(a_restart_beside_five_other_tickets_leaves_room_for_every_change),
        TEST(a_restart_in_the_same_slot_sets_the_cookie_and_does_not_delete_it),
        TEST(a_finished_ticket_keeps_its_slot_and_so_it_does_when_signing_out),
        TEST(signing_out_three_times_in_a_minute_is_no_loop),
        TEST(an_old_callback_after_signing_out_starts_again),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
