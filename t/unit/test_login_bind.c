/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in where there are accounts, and what of it is written down. */

#include "core/bind_ticket.h"
#include "core/url.h"
#include "login_world.h"

static const dt_autobind_t by_mobile[] = {{"mobile", "phone", DT_MATCH_PHONE}, {NULL}};

/* Accounts in the database; the person of any code matches the one with this phone. */
static fake_account_t *have_accounts(world_t *w, const char *key)
{
    w->accounts->port.read_bound = fake_read_bound;
    w->login.bind.accounts = &w->accounts->port;
    w->login.bind.autobind = by_mobile;
    w->login.admit.remote_user = "account";
    return fake_account_add(w->accounts, key, "phone", "+8613800138000");
}

static void assert_refused(const world_t *w, const char *union_id, const char *user_id,
                           const char *uid, const char *why)
{
    const dt_audit_t *row = fake_last_audit(w->memory);
    const char *const pairs[][2] = {{row->what, "refused"},    {row->corp_id, "dingcorp1"},
                                    {row->union_id, union_id}, {row->user_id, user_id},
                                    {row->uid, uid},           {row->why, why}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (!pairs[i][1]) {
            assert_null(pairs[i][0]);
            continue;
        }
        assert_non_null(pairs[i][0]);
        assert_string_equal(pairs[i][0], pairs[i][1]);
    }
}

/* --- in --- */

static void somebody_comes_in_as_the_account_that_matches(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(session_of(&b).user.data, "san");
    assert_string_equal(session_of(&b).user_id.data, "us-a");
    assert_string_equal(b.way.uid, "san");
    assert_false(b.way.unaudited);
    assert_string_equal(w->memory->audits[0].row.what, "bound");
    assert_string_equal(w->memory->audits[1].row.what, "signed_in");
    assert_string_equal(w->memory->audits[1].row.uid, "san");
    assert_int_equal(w->memory->audit_count, 2);
}

static void somebody_who_returns_costs_two_questions(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    sign_in(&b, "/app", "code-a");
    w->accounts->asked = "";
    w->memory->questions = 0;
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_string_equal(w->accounts->asked, "read_bound ");
    assert_int_equal(w->memory->questions, 1); /* the audit */
}

static void without_accounts_a_member_comes_in_while_the_database_is_away(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    sign_in(&b, "/app", "code-a");
    assert_int_equal(w->memory->audit_count, 1);
    assert_null(fake_last_audit(w->memory)->uid);
    assert_null(b.way.uid);
    w->memory->trouble = APR_EGENERAL;
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
    assert_true(b.way.unaudited);
    assert_true(b.way.session.len > 0);
}

static void with_accounts_nobody_comes_in_while_the_database_is_away(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    w->memory->trouble = w->accounts->trouble = APR_EGENERAL;
    for (int step = 0; step < 4; step++) {
        static const char *const functions[] = {"read_bound", "find", "bind", "audit"};

        w->memory->trouble_in = w->accounts->trouble_in = functions[step];
        sign_in(&b, "/app", "code-a");
        assert_why(&b, DT_WHY_UNAVAILABLE);
        assert_int_equal(held_by(&b), step + 1 < DT_TICKETS_KEPT ? step + 1 : DT_TICKETS_KEPT);
    }
    w->memory->trouble = w->accounts->trouble = APR_SUCCESS;
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_SIGNED_IN);
}

/* --- to the bind page --- */

static void who_has_to_bind_takes_person_and_way_along(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    dt_bind_ticket_t ticket;

    have_accounts(w, "san");
    w->login.bind.autobind = NULL;
    w->login.bind.unbound = DT_UNBOUND_BIND;
    sign_in(&b, "/app?x=1", "code-a");
    assert_why(&b, DT_WHY_BIND);
    assert_string_equal(b.way.location, "/app?x=1");
    assert_int_equal(held_by(&b), 0);
    assert_int_equal(w->memory->audit_count, 0);
    assert_int_equal(dt_bind_ticket_open(w->login.keys, &w->call, b.way.bind_ticket,
                                         w->login.ticket_lifetime, &ticket),
                     APR_SUCCESS);
    assert_string_equal(ticket.return_to, "/app?x=1");
    assert_string_equal(ticket.person.union_id, "un-a");
    assert_string_equal(ticket.person.user_id, "us-a");
    assert_string_equal(ticket.person.name, "Name a");
    assert_string_equal(ticket.person.mobile, "+8613800138000");
}

/* No real id is that long. */
static void a_person_whom_no_ticket_can_carry_is_an_internal_error(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    char *id = apr_pcalloc(w->pool, 256 + 1);
    char *return_to = apr_pcalloc(w->pool, DT_RETURN_MAX + 1);

    have_accounts(w, "san");
    w->login.bind.autobind = NULL;
    w->login.bind.unbound = DT_UNBOUND_BIND;
    memset(id, 'u', 256);
    memset(return_to, '/', DT_RETURN_MAX);
    w->script[ME] = (script_t){0, 200, apr_psprintf(w->pool, "{\"unionId\":\"%s\"}", id)};
    id = apr_psprintf(w->pool, "\"userid\":\"%s\"", id);
    w->script[USER_ID].status = w->script[MEMBER].status = 200;
    w->script[USER_ID].body =
        apr_psprintf(w->pool, "{\"errcode\":0,\"result\":{\"contact_type\":0,%s}}", id);
    w->script[MEMBER].body =
        apr_psprintf(w->pool, "{\"errcode\":0,\"result\":{%s,\"active\":true}}", id);
    sign_in(&b, return_to, "code-a");
    assert_why(&b, DT_WHY_INTERNAL);
    assert_int_equal(held_by(&b), 1);
}

/* --- refused --- */

static void a_refusal_is_written_down_with_whom_we_knew_by_then(void **state)
{
    static const struct {
        asked_t asked;
        const char *body;
        const char *union_id;
        const char *user_id;
        const char *why;
    } rows[] = {
        {USER_ID, "{\"errcode\":60121,\"errmsg\":\"no\"}", "un-a", NULL, "stranger"},
        {MEMBER, "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"active\":false}}", "un-a",
         "us-a", "not_active"},
        {MEMBER,
         "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"unionid\":\"un-b\",\"active\":true}}",
         "un-a", "us-a", "identity_mismatch"},
        {MEMBER, "{\"errcode\":0,\"result\":{\"userid\":\"us-a\",\"active\":true}}", "un-a", "us-a",
         "unbound"},
    };
    world_t *w = *state;

    have_accounts(w, "san");
    for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
        browser_t b = {.w = w};

        memset(w->script, 0, sizeof(w->script));
        w->script[rows[i].asked] = (script_t){0, 200, rows[i].body};
        sign_in(&b, "/", "code-a");
        assert_int_equal(b.result.what, DT_DENIED);
        assert_int_equal(w->memory->audit_count, i + 1);
        assert_refused(w, rows[i].union_id, rows[i].user_id, NULL, rows[i].why);
        assert_false(b.way.unaudited);
    }
}

/* Anybody could write as many rows as they like. */
static void a_refusal_of_nobody_is_not_written_down(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    w->script[USER_TOKEN] =
        (script_t){0, 200, "{\"accessToken\":\"SECRET\",\"expireIn\":1,\"corpId\":\"dingcorp2\"}"};
    sign_in(&b, "/", "code-a");
    assert_why(&b, DT_WHY_OTHER_CORP);
    assert_int_equal(w->memory->audit_count, 0);
    assert_false(b.way.unaudited);
}

static void a_second_claimant_is_written_down_with_the_account(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    sign_in(&b, "/", "code-a");
    sign_in(&b, "/", "code-b");
    assert_why(&b, DT_WHY_ACCOUNT_TAKEN);
    assert_string_equal(b.way.uid, "san");
    assert_refused(w, "un-b", "us-b", "san", "account_taken");
}

static void an_account_that_is_gone_is_written_down(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};
    fake_account_t *row = have_accounts(w, "san");

    sign_in(&b, "/", "code-a");
    row->gone = true;
    sign_in(&b, "/", "code-a");
    assert_why(&b, DT_WHY_ACCOUNT_GONE);
    assert_refused(w, "un-a", "us-a", "san", "account_gone");
}

static void a_refusal_stands_although_it_cannot_be_written_down(void **state)
{
    world_t *w = *state;
    browser_t b = {.w = w};

    have_accounts(w, "san");
    w->login.bind.autobind = NULL;
    w->memory->trouble = APR_EGENERAL;
    sign_in(&b, "/", "code-a");
    assert_why(&b, DT_WHY_UNBOUND);
    assert_true(b.way.unaudited);
    assert_int_equal(held_by(&b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(somebody_comes_in_as_the_account_that_matches),
        TEST(somebody_who_returns_costs_two_questions),
        TEST(without_accounts_a_member_comes_in_while_the_database_is_away),
        TEST(with_accounts_nobody_comes_in_while_the_database_is_away),
        TEST(who_has_to_bind_takes_person_and_way_along),
        TEST(a_person_whom_no_ticket_can_carry_is_an_internal_error),
        TEST(a_refusal_is_written_down_with_whom_we_knew_by_then),
        TEST(a_refusal_of_nobody_is_not_written_down),
        TEST(a_second_claimant_is_written_down_with_the_account),
        TEST(an_account_that_is_gone_is_written_down),
        TEST(a_refusal_stands_although_it_cannot_be_written_down),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
