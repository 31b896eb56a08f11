/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in: the way to DingTalk's page, and the person who comes back with a session. */

#include "core/url.h"
#include "login_world.h"

/* --- begin --- */

static void begin_sends_the_browser_to_the_scan_page(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/app?x=1");

    assert_int_equal(strlen(nonce), 22);
    assert_string_equal(
        b.way.location,
        apr_pstrcat(w->pool,
                    "https://login.example/oauth2/auth?redirect_uri=https%3A%2F%2Fsite.example"
                    "%2Fdingtalk%2Fcallback&response_type=code&client_id=dingclient"
                    "&scope=openid%20corpid&prompt=consent&state=",
                    nonce, NULL));
    assert_int_equal(held_by(&b), 1);
    assert_int_equal(b.way.session.len, 0);
}

static void values_of_the_scan_page_are_encoded_once(void **state)
{
    static const dt_login_param_t hostile[] = {{"org_type", "a&b=c#%20\""}, {NULL, NULL}};
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.params = hostile;
    w->app.client_id = "a b&c";
    begin(&b, "/");
    assert_non_null(
        strstr(b.way.location, "&client_id=a%20b%26c&org_type=a%26b%3Dc%23%2520%22&st"));
}

static void each_begin_has_a_state_of_its_own(void **state)
{
    browser_t b = {.w = *state};
    const char *one = begin(&b, "/");

    assert_string_not_equal(one, begin(&b, "/"));
}

static void tickets_do_not_pile_up(void **state)
{
    browser_t b = {.w = *state};

    for (int i = 0; i < 20; i++) {
        b.w->call.now += MINUTE / 60;
        begin(&b, "/");
        assert_true(held_by(&b) <= DT_TICKETS_KEPT);
    }
    assert_int_equal(held_by(&b), DT_TICKETS_KEPT);
}

static void finishing_one_of_four_tickets_keeps_all_four(void **state)
{
    browser_t b = {.w = *state};
    const char *oldest = begin(&b, "/oldest");
    const char *next = NULL;

    for (int i = 1; i < DT_TICKETS_KEPT; i++) {
        b.w->call.now += MINUTE / 60;
        next = begin(&b, "/next");
    }
    finish(&b, oldest, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/oldest");
    assert_int_equal(held_by(&b), DT_TICKETS_KEPT);
    finish(&b, next, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_int_equal(held_by(&b), DT_TICKETS_KEPT);
}

/* --- tabs that start at the same moment: none sends what another was given --- */

static const char *begin_unaware(browser_t *b, const char *return_to)
{
    static const dt_tickets_t none;

    return begin_with(b, &none, return_to);
}

static const char *page(const browser_t *b, int tab)
{
    return apr_psprintf(b->w->pool, "/page/%d", tab);
}

static void start_tabs(browser_t *b, const char **states, int count)
{
    for (int i = 0; i < count; i++) {
        states[i] = begin_unaware(b, page(b, i));
        assert_non_null(states[i]);
    }
}

static void six_tabs_that_start_at_once_each_find_their_way(void **state)
{
    browser_t b = {.w = *state};
    const char *states[DT_TICKET_SLOTS];

    /* Wherever the turn stands. */
    for (int round = 0; round < DT_TICKET_SLOTS; round++) {
        b = (browser_t){.w = *state};
        b.w->call.turn = (apr_uint32_t)round;
        b.w->call.now += 2 * MINUTE;
        start_tabs(&b, states, DT_TICKET_SLOTS);
        assert_int_equal(held_by(&b), DT_TICKET_SLOTS);
        for (int i = 0; i < DT_TICKET_SLOTS; i++) {
            finish(&b, states[i], "code-a");
            assert_why(&b, DT_WHY_SIGNED_IN);
            assert_string_equal(b.way.location, page(&b, i));
            assert_int_equal(held_by(&b), DT_TICKET_SLOTS);
        }
    }
}

static void a_seventh_tab_at_once_takes_the_place_of_one(void **state)
{
    browser_t b = {.w = *state};
    const char *states[DT_TICKET_SLOTS + 1];
    int lost = 0;

    start_tabs(&b, states, DT_TICKET_SLOTS + 1);
    assert_int_equal(held_by(&b), DT_TICKET_SLOTS);
    for (int i = 0; i <= DT_TICKET_SLOTS; i++) {
        finish(&b, states[i], "code-a");
        if (b.result.what != DT_SIGNED_IN) {
            assert_why(&b, DT_WHY_NO_TICKET);
            lost++;
            continue;
        }
        assert_string_equal(b.way.location, page(&b, i));
    }
    assert_int_equal(lost, 1);
    assert_int_equal(held_by(&b), DT_TICKET_SLOTS);
}

static void sixty_tabs_at_once_never_fill_the_header(void **state)
{
    browser_t b = {.w = *state};
    char *longest = apr_pcalloc(b.w->pool, DT_RETURN_MAX + 1);
    apr_size_t bytes = 0;

    memset(longest, 'a', DT_RETURN_MAX);
    longest[0] = '/';
    for (int i = 0; i < 60; i++) {
        assert_non_null(begin_unaware(&b, longest));
    }
    assert_int_equal(held_by(&b), DT_TICKET_SLOTS);
    for (int i = 0; b.jar[i].name; i++) {
        assert_int_equal(strlen(b.jar[i].name), DT_TICKET_NAME);
        bytes += 40 + strlen("=") + strlen(b.jar[i].value) + strlen("; ");
    }
    assert_true(bytes < 6500);
    begin(&b, "/"); /* the next answer that knows of them tidies up */
    assert_int_equal(b.result.what, DT_AGAIN);
    assert_int_equal(held_by(&b), DT_TICKETS_KEPT);
}

static void when_all_slots_are_held_the_oldest_goes(void **state)
{
    browser_t b = {.w = *state};
    const char *states[DT_TICKET_SLOTS];
    const char *latest;
    dt_tickets_t held;

    for (int i = 0; i < DT_TICKET_SLOTS; i++) {
        b.w->call.now += MINUTE / 60;
        states[i] = begin_unaware(&b, page(&b, i));
    }
    latest = begin(&b, "/latest");
    show_tickets(&b, &held);
    assert_int_equal(held.count, DT_TICKETS_KEPT);
    assert_non_null(dt_tickets_find(&held, latest));
    for (int i = 0; i < DT_TICKET_SLOTS; i++) { /* beside the latest: the newest three */
        assert_int_equal(dt_tickets_find(&held, states[i]) != NULL, i >= 3);
    }
}

static void a_return_address_that_no_ticket_carries_is_an_internal_error(void **state)
{
    browser_t b = {.w = *state};

    assert_null(begin(&b, "https://evil.example/"));
    assert_why(&b, DT_WHY_INTERNAL);
    assert_int_equal(held_by(&b), 0);
}

/* --- the good way --- */

static void a_member_signs_in_and_returns(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    sign_in(&b, "/app?x=1", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/app?x=1");
    assert_true(b.way.session.len > 0);
    assert_string_equal(b.way.member->user_id, "us-a");
    assert_string_equal(b.way.member->union_id, "un-a");
    assert_int_equal(b.way.dropped_attributes, 0);
}

static void the_session_says_who_and_since_when(void **state)
{
    static const char *const attributes[] = {"name", "email", "mobile", "dept_ids", NULL};
    world_t *w = *state;
    browser_t b = {.w = w};
    dt_attribute_t attribute;
    dt_session_t session;

    w->login.admit.attributes = attributes;
    sign_in(&b, "/", "code-a");
    session = session_of(&b);
    assert_true(session.began == NOW);
    assert_true(session.seen == NOW);
    assert_true(w->expiry == NOW + 120 * MINUTE);
    assert_string_equal(session.user.data, "us-a");
    assert_string_equal(session.user_id.data, "us-a");
    assert_string_equal(session.union_id.data, "un-a");
    assert_true(dt_attribute_next(&session.attributes, &attribute));
    assert_string_equal(attribute.name.data, "name");
    assert_string_equal(attribute.value.data, "Name a");
    assert_true(dt_attribute_next(&session.attributes, &attribute));
    assert_string_equal(attribute.name.data, "mobile");
    assert_string_equal(attribute.value.data, "+8613800138000"); /* the corp's, not users/me's */
    assert_true(dt_attribute_next(&session.attributes, &attribute));
    assert_string_equal(attribute.name.data, "dept_ids");
    assert_false(dt_attribute_next(&session.attributes, &attribute));
}

static void each_sign_in_has_a_new_session_id(void **state)
{
    browser_t b = {.w = *state};
    dt_session_t one;
    dt_session_t two;

    sign_in(&b, "/", "code-a");
    one = session_of(&b);
    sign_in(&b, "/", "code-a");
    two = session_of(&b);
    assert_memory_not_equal(one.id, two.id, DT_SESSION_ID);
}

static void a_warm_sign_in_makes_four_calls(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    sign_in(&b, "/", "code-a");
    memset(w->calls, 0, sizeof(w->calls));
    sign_in(&b, "/", "code-b");
    assert_int_equal(w->calls[APP_TOKEN], 0);
    assert_int_equal(w->calls[USER_TOKEN], 1);
    assert_int_equal(w->calls[ME], 1);
    assert_int_equal(w->calls[USER_ID], 1);
    assert_int_equal(w->calls[MEMBER], 1);
}

static void no_token_is_kept_in_the_session(void **state)
{
    static const char *const attributes[] = {"name", "userid", "unionid", "title", NULL};
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.admit.attributes = attributes;
    sign_in(&b, "/", "code-a");
    assert_null(memmem(w->records[0].data, w->records[0].len, "SECRET", 6));
    assert_null(memmem(w->records[0].data, w->records[0].len, "code-", 5));
}

/* --- nobody gets somebody else --- */

static browser_t other_browser;

static void another_signs_in(world_t *w)
{
    other_browser = (browser_t){.w = w};
    sign_in(&other_browser, "/b", "code-b");
}

static void interleaved_sign_ins_each_get_their_own_person(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    for (int round = 0; round < RECORDS / 2; round++) {
        w->call.now += MINUTE;
        w->in_me = another_signs_in;
        sign_in(&b, "/a", "code-a");
        assert_string_equal(session_of(&b).user.data, "us-a");
        assert_string_equal(session_of(&other_browser).user.data, "us-b");
        assert_string_equal(b.way.location, "/a");
        assert_string_equal(other_browser.way.location, "/b");
    }
}

static void parallel_tabs_each_return_to_their_own_page(void **state)
{
    browser_t b = {.w = *state};
    const char *one = begin(&b, "/one");
    const char *two = begin(&b, "/two");

    finish(&b, two, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/two");
    finish(&b, one, "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(b.way.location, "/one");
}

static void the_state_of_another_browser_continues_nothing(void **state)
{
    world_t *w = *state;
    browser_t attacker = {.w = w};
    browser_t victim = {.w = w};
    const char *theirs = begin(&attacker, "/");

    begin(&victim, "/");
    finish(&victim, theirs, "code-a");
    assert_why(&victim, DT_WHY_NO_TICKET);
    assert_string_equal(victim.way.location, "/");
    assert_int_equal(w->calls[USER_TOKEN], 0);
    assert_int_equal(w->count, 0);
}

static void a_ticket_of_another_host_continues_nothing(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    const char *nonce = begin(&b, "/");
    const dt_callback_t query = {.state = nonce, .code = "code-a"};
    dt_tickets_t held = {.count = 0};
    dt_slice_t token = dt_slice(b.jar[0].value);

    w->call.host = "other.example";
    dt_tickets_open(w->login.keys, &w->call, &token, 1, &held);
    b.rv = dt_login_finish(&w->login, &w->call, &held, CALLBACK, &query, false, &b.way, &b.result);
    assert_why(&b, DT_WHY_NO_TICKET);
}

static void a_state_that_is_missing_or_made_up_continues_nothing(void **state)
{
    static const char *const states[] = {NULL, "", "x", "AAAAAAAAAAAAAAAAAAAAAA", "null"};
    world_t *w = *state;
    browser_t b = {.w = w};

    begin(&b, "/");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        finish(&b, states[i], "code-a");
        assert_why(&b, DT_WHY_NO_TICKET);
        assert_int_equal(held_by(&b), 1);
    }
    assert_int_equal(w->calls[USER_TOKEN], 0);
}

/* --- REMOTE_USER and attributes --- */

static void remote_user_is_the_attribute_the_administrator_chose(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.admit.remote_user = "unionid";
    sign_in(&b, "/", "code-a");
    assert_string_equal(session_of(&b).user.data, "un-a");
}

static void the_unionid_is_known_even_when_the_record_leaves_it_out(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.admit.remote_user = "unionid";
    w->script[MEMBER] = (script_t){0, 200,
                                   "{\"errcode\":0,\"result\":{\"userid\":\"us-a\","
                                   "\"active\":true}}"};
    sign_in(&b, "/", "code-a");
    assert_string_equal(session_of(&b).user.data, "un-a");
}

static void without_a_user_name_nobody_comes_in(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.admit.remote_user = "email";
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_NO_USER_NAME);
    assert_string_equal(b.result.detail, "email: empty");
    assert_int_equal(held_by(&b), 0);
    assert_int_equal(w->count, 0);
}

static void a_user_name_with_controls_is_none(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->login.admit.remote_user = "name";
    w->script[MEMBER] = (script_t){0, 200,
                                   "{\"errcode\":0,\"result\":{\"userid\":\"us-a\","
                                   "\"active\":true,\"name\":\"root\\u000aX: y\"}}"};
    sign_in(&b, "/", "code-a");
    assert_why(&b, DT_WHY_NO_USER_NAME);
    assert_int_equal(w->count, 0);
}

static void attributes_that_do_not_fit_are_dropped_and_counted(void **state)
{
    static const char *const attributes[] = {"title", "name", "mobile", NULL};
    world_t *w = *state;
    browser_t b = {.w = w};
    dt_attribute_t attribute;
    dt_session_t session;
    char *name;
    /* Exactly what remains when title (5 + 1) stands before it, and its own frame is counted. */
    const apr_size_t fits = DT_SESSION_RECORD_MAX - DT_SESSION_FIXED - 4 - 4 - 4 - (5 + 1 + 1 + 1) -
                            (4 + 1 + 1);

    for (int more = 0; more < 2; more++) {
        name = apr_pcalloc(w->pool, fits + 2);
        memset(name, 'n', fits + (apr_size_t)more);
        w->login.admit.attributes = attributes;
        w->script[MEMBER] =
            (script_t){0, 200,
                       apr_pstrcat(w->pool,
                                   "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"active\":true,"
                                   "\"mobile\":\"13800138000\",\"title\":\"t\",\"name\":\"",
                                   name, "\"}}", NULL)};
        sign_in(&b, "/", "code-a");
        assert_why(&b, DT_WHY_SIGNED_IN);
        assert_int_equal(b.way.dropped_attributes, 1);
        session = session_of(&b);
        assert_true(dt_attribute_next(&session.attributes, &attribute));
        assert_string_equal(attribute.value.data, "t");
        assert_true(dt_attribute_next(&session.attributes, &attribute));
        assert_string_equal(attribute.name.data, more ? "mobile" : "name");
        assert_false(dt_attribute_next(&session.attributes, &attribute));
    }
    /* The user is the user id, and not written twice. */
    assert_int_equal(w->records[0].len, DT_SESSION_RECORD_MAX - 4);
}

static void a_store_that_fails_means_we_do_not_know(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    w->store_rv = APR_EGENERAL;
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_INTERNAL);
    assert_string_equal(b.way.location, "/app");
    assert_int_equal(held_by(&b), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begin_sends_the_browser_to_the_scan_page),
        TEST(values_of_the_scan_page_are_encoded_once),
        TEST(each_begin_has_a_state_of_its_own),
        TEST(tickets_do_not_pile_up),
        TEST(finishing_one_of_four_tickets_keeps_all_four),
        TEST(six_tabs_that_start_at_once_each_find_their_way),
        TEST(a_seventh_tab_at_once_takes_the_place_of_one),
        TEST(sixty_tabs_at_once_never_fill_the_header),
        TEST(when_all_slots_are_held_the_oldest_goes),
        TEST(a_return_address_that_no_ticket_carries_is_an_internal_error),
        TEST(a_member_signs_in_and_returns),
        TEST(the_session_says_who_and_since_when),
        TEST(each_sign_in_has_a_new_session_id),
        TEST(a_warm_sign_in_makes_four_calls),
        TEST(no_token_is_kept_in_the_session),
        TEST(interleaved_sign_ins_each_get_their_own_person),
        TEST(parallel_tabs_each_return_to_their_own_page),
        TEST(the_state_of_another_browser_continues_nothing),
        TEST(a_ticket_of_another_host_continues_nothing),
        TEST(a_state_that_is_missing_or_made_up_continues_nothing),
        TEST(remote_user_is_the_attribute_the_administrator_chose),
        TEST(the_unionid_is_known_even_when_the_record_leaves_it_out),
        TEST(without_a_user_name_nobody_comes_in),
        TEST(a_user_name_with_controls_is_none),
        TEST(attributes_that_do_not_fit_are_dropped_and_counted),
        TEST(a_store_that_fails_means_we_do_not_know),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
