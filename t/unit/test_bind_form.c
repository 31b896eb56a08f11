/* SPDX-License-Identifier: Apache-2.0 */
/* The bind page's two forms: a code is asked for, and then it lets its person in. */

#include "core/bind_form.h"
#include "login_world.h"

#define PHONE "+8613800138000"

typedef struct page_t {
    world_t *w;
    dt_code_rules_t rules;
    dt_sender_t sender;
    const char *sent; /* the last code */
    fake_account_t *account;
    dt_slice_t cookie;
    dt_bind_ticket_t ticket; /* what the cookie holds */
    dt_bind_answer_t answer;
    dt_way_t way;
    dt_result_t result;
    apr_status_t rv;
} page_t;

static dt_sent_t send_code(void *self, const dt_call_t *call, const dt_message_t *message,
                           const char **detail)
{
    page_t *p = self;

    (void)detail;
    p->sent = message ? apr_pstrdup(call->pool, message->code) : NULL;
    return DT_SENT;
}

static void open_page(page_t *p)
{
    p->rv = dt_bind_form_open(&p->w->login, &p->w->call, p->cookie, &p->ticket, &p->result);
}

/* Somebody who signed in, in front of the page; the account "san" has the phone. */
static int page_set_up(void **state)
{
    browser_t b = {0};
    page_t *p;
    world_t *w;

    setup(state);
    w = b.w = *state;
    p = apr_pcalloc(w->pool, sizeof(*p));
    p->w = w;
    p->rules = (dt_code_rules_t){.length = 6, .lifetime = 5 * MINUTE, .attempts = 5};
    p->rules.resend = MINUTE;
    p->sender = (dt_sender_t){{"fake", p, NULL}, send_code};
    p->account = fake_account_add(w->accounts, "san", "mobile", PHONE);
    w->login.bind.accounts = &w->accounts->port;
    w->login.bind.unbound = DT_UNBOUND_BIND;
    w->login.bind.phone_attribute = "mobile";
    w->login.admit.remote_user = "account";
    w->login.codes = (dt_codes_t){&p->rules, &p->sender, w->login.keys};
    sign_in(&b, "/app", "code-a");
    assert_why(&b, DT_WHY_BIND);
    p->cookie = b.way.bind_ticket;
    open_page(p);
    assert_int_equal(p->rv, APR_SUCCESS);
    *state = p;
    return 0;
}

static int page_tear_down(void **state)
{
    const page_t *p = *state;

    apr_pool_destroy(p->w->pool);
    return 0;
}

#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, page_set_up, page_tear_down)

static void assert_reason(const page_t *p, dt_why_id_t why)
{
    assert_string_equal(p->result.why->name, dt_whys[why].name);
    assert_int_equal(p->result.what, dt_whys[why].what);
    assert_int_equal(p->rv != APR_SUCCESS, p->result.what == DT_UNSURE);
}

static const char *csrf(const page_t *p)
{
    return dt_bind_ticket_csrf(p->w->pool, &p->ticket);
}

/* As the browser does: the new cookie is what the next form comes with. */
static void ask_with(page_t *p, const dt_bind_form_t *form)
{
    p->rv = dt_bind_form_code(&p->w->login, &p->w->call, form, &p->ticket, &p->answer, &p->result);
    assert_int_equal(p->answer.ticket.len > 0, p->result.why == &dt_whys[DT_WHY_CODE_SENT]);
    assert_false(p->answer.forget);
    if (p->answer.ticket.len > 0) {
        p->cookie = p->answer.ticket;
    }
}

static void ask(page_t *p, const char *phone)
{
    const dt_bind_form_t form = {.csrf = csrf(p), .phone = phone};

    ask_with(p, &form);
}

static void verify_with(page_t *p, const dt_bind_form_t *form)
{
    open_page(p);
    assert_int_equal(p->rv, APR_SUCCESS);
    p->rv = dt_bind_form_verify(&p->w->login, &p->w->call, form, &p->ticket, &p->way, &p->answer,
                                &p->result);
    assert_int_equal(p->way.session.len > 0, p->result.what == DT_SIGNED_IN);
    assert_string_equal(p->way.location, "/app");
    assert_int_equal(p->answer.ticket.len, 0);
}

static void verify(page_t *p, const char *code)
{
    const dt_bind_form_t form = {.csrf = csrf(p), .code = code};

    verify_with(p, &form);
}

static const char *other_than(const page_t *p)
{
    return strcmp(p->sent, "000000") == 0 ? "000001" : "000000";
}

/* --- the page --- */

static void the_page_knows_its_person_as_long_as_the_ticket_is_good(void **state)
{
    page_t *p = *state;

    p->w->call.now += p->w->login.ticket_lifetime;
    open_page(p);
    assert_int_equal(p->rv, APR_SUCCESS);
    assert_string_equal(p->ticket.person.user_id, "us-a");
    p->w->call.now++;
    open_page(p);
    assert_int_not_equal(p->rv, APR_SUCCESS);
    assert_string_equal(p->result.why->name, "ticket_gone");
    p->cookie = DT_SLICE("made up");
    open_page(p);
    assert_string_equal(p->result.why->name, "ticket_gone");
}

static void a_form_of_another_page_does_nothing(void **state)
{
    static const char *const tokens[] = {NULL, "", "AAAAAAAAAAAAAAAAAAAAAA"};
    page_t *p = *state;

    p->w->memory->questions = 0;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        const dt_bind_form_t form = {.csrf = tokens[i], .phone = PHONE, .code = "123456"};
        ask_with(p, &form);
        assert_reason(p, DT_WHY_CSRF);
        verify_with(p, &form);
        assert_reason(p, DT_WHY_CSRF);
        assert_false(p->answer.forget);
    }
    assert_null(p->sent);
    assert_int_equal(p->w->memory->questions, 0);
}

/* --- asking for a code --- */

static void a_code_is_on_its_way_and_the_ticket_knows(void **state)
{
    page_t *p = *state;

    ask(p, "138 0013 8000");
    assert_reason(p, DT_WHY_CODE_SENT);
    assert_int_equal(strlen(p->sent), 6);
    assert_true(p->answer.resend_in == MINUTE);
    assert_true(p->answer.expires_in == 5 * MINUTE);
    assert_int_equal(p->answer.tries_left, -1);
    p->ticket = (dt_bind_ticket_t){{0}};
    open_page(p);
    assert_string_equal(p->ticket.asked.masked, "+86138****8000");
    assert_true(p->ticket.issued == NOW); /* a code makes no ticket younger */
}

static void a_phone_of_nobody_looks_the_same(void **state)
{
    page_t *p = *state;

    ask(p, "13900139000");
    assert_reason(p, DT_WHY_CODE_SENT);
    assert_true(p->answer.resend_in == MINUTE);
    assert_true(p->answer.expires_in == 5 * MINUTE);
    assert_null(p->sent);
}

static void what_is_no_phone_is_said_so(void **state)
{
    static const char *const phones[] = {NULL, "", "1380013800", "'; DROP TABLE x; --"};
    page_t *p = *state;

    for (size_t i = 0; i < sizeof(phones) / sizeof(phones[0]); i++) {
        ask(p, phones[i]);
        assert_reason(p, DT_WHY_PHONE_INVALID);
        assert_null(p->ticket.asked.id);
    }
}

static void who_asks_again_too_soon_is_told_when(void **state)
{
    page_t *p = *state;

    ask(p, PHONE);
    p->w->call.now += MINUTE / 2;
    ask(p, PHONE);
    assert_reason(p, DT_WHY_TOO_MANY);
    assert_true(p->answer.retry_in == MINUTE / 2);
    assert_non_null(p->ticket.asked.id); /* the code that is on its way stays good */
    verify(p, p->sent);
    assert_reason(p, DT_WHY_SIGNED_IN);
}

/* --- giving it --- */

static void the_right_code_binds_and_lets_in(void **state)
{
    page_t *p = *state;
    world_t *w = p->w;
    dt_session_t session;

    ask(p, PHONE);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_SIGNED_IN);
    assert_true(p->answer.forget);
    assert_int_equal(p->answer.tries_left, -1);
    assert_string_equal(p->way.uid, "san");
    assert_string_equal(p->way.member->user_id, "us-a");
    assert_int_equal(dt_session_load(&w->store, &w->call, p->way.session, &session), 0);
    assert_string_equal(session.user.data, "san");
    assert_string_equal(session.union_id.data, "un-a");
    assert_string_equal(w->memory->bindings[0].uid, "san");
    assert_string_equal(w->memory->bindings[0].method, "code");
    assert_string_equal(fake_last_audit(w->memory)->what, "signed_in");
    verify(p, p->sent);
    assert_reason(p, DT_WHY_CODE_EXPIRED);
}

static void a_wrong_code_may_be_corrected(void **state)
{
    page_t *p = *state;

    ask(p, PHONE);
    verify(p, other_than(p));
    assert_reason(p, DT_WHY_CODE_WRONG);
    assert_int_equal(p->answer.tries_left, 4);
    verify(p, NULL);
    assert_reason(p, DT_WHY_CODE_WRONG);
    assert_false(p->answer.forget);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_SIGNED_IN);
}

static void before_a_code_was_asked_for_none_is_right(void **state)
{
    page_t *p = *state;

    verify(p, "123456");
    assert_reason(p, DT_WHY_CODE_EXPIRED);
    assert_int_equal(p->answer.tries_left, -1);
    assert_false(p->answer.forget);
}

static void the_code_of_one_person_lets_no_other_in(void **state)
{
    page_t *p = *state;
    browser_t b = {.w = p->w};
    dt_code_asked_t asked;

    ask(p, PHONE);
    asked = p->ticket.asked;
    sign_in(&b, "/app", "code-b");
    p->cookie = b.way.bind_ticket;
    open_page(p);
    p->ticket.asked = asked;
    assert_int_equal(dt_bind_ticket_seal(p->w->login.keys, &p->w->call, &p->ticket, &p->cookie), 0);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_CODE_EXPIRED);
    assert_int_equal(p->w->memory->binding_count, 0);
}

/* --- the right code, and yet no --- */

static void assert_refused(const page_t *p)
{
    const dt_audit_t *row = fake_last_audit(p->w->memory);

    assert_int_equal(p->result.what, DT_DENIED);
    assert_true(p->answer.forget);
    assert_string_equal(row->what, "refused");
    assert_string_equal(row->why, p->result.why->name);
    assert_string_equal(row->union_id, "un-a");
    assert_string_equal(row->uid, "san");
}

static void an_account_that_has_another_person_is_refused(void **state)
{
    const dt_claim_t claim = {"dingcorp1", "un-b", "us-b", "san", "hand"};
    page_t *p = *state;

    ask(p, PHONE);
    fake_binding_add(p->w->memory, NOW, &claim);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_REFUSED);
    assert_refused(p);
}

static void an_account_that_went_meanwhile_is_refused(void **state)
{
    page_t *p = *state;

    ask(p, PHONE);
    p->account->gone = true;
    verify(p, p->sent);
    assert_reason(p, DT_WHY_ACCOUNT_GONE);
    assert_refused(p);
    assert_int_equal(p->w->memory->binding_count, 0);
}

static void who_has_no_name_here_is_refused(void **state)
{
    page_t *p = *state;

    p->w->login.admit.remote_user = "email";
    ask(p, PHONE);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_NO_USER_NAME);
    assert_refused(p);
}

static void refuse_audit(fake_memory_t *memory, const char *function)
{
    memory->trouble = strcmp(function, "audit") == 0 ? APR_EGENERAL : APR_SUCCESS;
}

static void a_refusal_stands_although_it_cannot_be_written_down(void **state)
{
    page_t *p = *state;

    ask(p, PHONE);
    p->account->gone = true;
    p->w->memory->before = refuse_audit;
    verify(p, p->sent);
    assert_reason(p, DT_WHY_ACCOUNT_GONE);
    assert_true(p->way.unaudited);
}

static void while_a_store_is_away_nobody_comes_in_and_the_ticket_stays(void **state)
{
    static const char *const functions[] = {"try_challenge", "use_challenge", "read", "bind",
                                            "audit"};
    page_t *p = *state;
    world_t *w = p->w;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        w->call.now += MINUTE;
        ask(p, PHONE);
        w->memory->trouble = w->accounts->trouble = APR_TIMEUP;
        w->memory->trouble_in = w->accounts->trouble_in = functions[i];
        verify(p, p->sent);
        assert_reason(p, DT_WHY_UNAVAILABLE);
        assert_false(p->answer.forget);
        w->memory->trouble = w->accounts->trouble = APR_SUCCESS;
    }
    w->call.now += MINUTE;
    ask(p, PHONE);
    verify(p, p->sent);
    assert_reason(p, DT_WHY_SIGNED_IN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGE(the_page_knows_its_person_as_long_as_the_ticket_is_good),
        WITH_PAGE(a_form_of_another_page_does_nothing),
        WITH_PAGE(a_code_is_on_its_way_and_the_ticket_knows),
        WITH_PAGE(a_phone_of_nobody_looks_the_same),
        WITH_PAGE(what_is_no_phone_is_said_so),
        WITH_PAGE(who_asks_again_too_soon_is_told_when),
        WITH_PAGE(the_right_code_binds_and_lets_in),
        WITH_PAGE(a_wrong_code_may_be_corrected),
        WITH_PAGE(before_a_code_was_asked_for_none_is_right),
        WITH_PAGE(the_code_of_one_person_lets_no_other_in),
        WITH_PAGE(an_account_that_has_another_person_is_refused),
        WITH_PAGE(an_account_that_went_meanwhile_is_refused),
        WITH_PAGE(who_has_no_name_here_is_refused),
        WITH_PAGE(a_refusal_stands_although_it_cannot_be_written_down),
        WITH_PAGE(while_a_store_is_away_nobody_comes_in_and_the_ticket_stays),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
