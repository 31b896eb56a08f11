/* SPDX-License-Identifier: Apache-2.0 */
/* The bind ticket: what it carries, for how long, and what is no such ticket. */

#include "core/bind_ticket.h"
#include "core/bytes.h"
#include "core/url.h"
#include "unit.h"

#define LIFETIME apr_time_from_sec(600)
#define ID "0123456789abcdef0123456789abcdef"

typedef struct desk_t {
    dt_call_t call;
    dt_keyring_t *keys;
    dt_bind_ticket_t ticket; /* of zhang(), new */
} desk_t;

static dt_member_t zhang(void)
{
    return (dt_member_t){.user_id = "zhang",
                         .union_id = "un-Zhang",
                         .name = "张三",
                         .mobile = "+8613800138000",
                         .email = "zhang@example.com",
                         .org_email = "zhang@corp.example",
                         .job_number = "0042",
                         .title = "工程师",
                         .avatar = "https://static.example/a.png",
                         .dept_ids = "1,2",
                         .manager_userid = "li",
                         .active = true};
}

static int desk_set_up(void **state)
{
    const dt_slice_t key = DT_SLICE("0123456789abcdef0123456789abcdef");
    const dt_member_t person = zhang();
    apr_pool_t *pool = pool_made();
    desk_t *d = apr_pcalloc(pool, sizeof(*d));

    d->call = (dt_call_t){.pool = pool, .now = NOW, .host = "site.example"};
    assert_int_equal(dt_keyring_create(pool, &key, 1, DT_SLICE("owner"), &d->keys), APR_SUCCESS);
    assert_int_equal(dt_bind_ticket_new(&d->call, &person, "/app?x=1", &d->ticket), APR_SUCCESS);
    *state = d;
    return 0;
}

static int desk_tear_down(void **state)
{
    const desk_t *d = *state;

    pool_gone(d->call.pool);
    return 0;
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_set_up, desk_tear_down)

static dt_slice_t sealed(const desk_t *d)
{
    dt_slice_t token;

    assert_int_equal(dt_bind_ticket_seal(d->keys, &d->call, &d->ticket, &token), APR_SUCCESS);
    return token;
}

static apr_status_t opened(const desk_t *d, dt_slice_t token, dt_bind_ticket_t *ticket)
{
    return dt_bind_ticket_open(d->keys, &d->call, token, LIFETIME, ticket);
}

static dt_bind_ticket_t through_the_browser(const desk_t *d)
{
    dt_bind_ticket_t ticket;

    assert_int_equal(opened(d, sealed(d), &ticket), APR_SUCCESS);
    return ticket;
}

static char *letters(const desk_t *d, apr_size_t count)
{
    char *text = apr_pcalloc(d->call.pool, count + 1);

    memset(text, 'a', count);
    return text;
}

/* --- what it carries --- */

static void what_is_sealed_is_opened(void **state)
{
    desk_t *d = *state;
    const dt_member_t person = zhang();
    dt_bind_ticket_t ticket = through_the_browser(d);

    assert_memory_equal(ticket.csrf, d->ticket.csrf, DT_BIND_CSRF);
    assert_true(ticket.issued == NOW);
    assert_string_equal(ticket.return_to, "/app?x=1");
    assert_string_equal(ticket.person.user_id, "zhang");
    assert_string_equal(ticket.person.union_id, "un-Zhang");
    for (int i = 0; dt_member_attributes[i]; i++) {
        const char *name = dt_member_attributes[i];
        assert_row_text(name, dt_member_attribute(&ticket.person, name),
                        dt_member_attribute(&person, name));
    }
    assert_true(ticket.person.active);
    assert_false(ticket.person.disabled);
    assert_null(ticket.asked.id);
}

static void what_the_person_does_not_have_is_not_there(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;

    d->ticket.person = (dt_member_t){.user_id = "zhang", .union_id = "un", .title = "t"};
    ticket = through_the_browser(d);
    assert_null(ticket.person.name);
    assert_null(ticket.person.mobile);
    assert_string_equal(ticket.person.title, "t");
}

static void a_code_that_was_asked_for_is_remembered(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;

    d->ticket.asked = (dt_code_asked_t){ID, "+86138****8000", NOW + 300 * APR_USEC_PER_SEC,
                                        NOW + 60 * APR_USEC_PER_SEC};
    ticket = through_the_browser(d);
    assert_string_equal(ticket.asked.id, ID);
    assert_string_equal(ticket.asked.masked, "+86138****8000");
    assert_true(ticket.asked.expires_at == d->ticket.asked.expires_at);
    assert_true(ticket.asked.resend_at == d->ticket.asked.resend_at);
}

static void what_does_not_fit_is_left_out_the_longest_first(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;
    dt_slice_t record;

    d->ticket.return_to = apr_pstrcat(d->call.pool, "/", letters(d, DT_RETURN_MAX - 1), NULL);
    d->ticket.asked = (dt_code_asked_t){ID, "+86138****8000", NOW, NOW};
    d->ticket.person.name = letters(d, 100);
    d->ticket.person.avatar = letters(d, 300);
    d->ticket.person.dept_ids = letters(d, 2000);
    assert_int_equal(dt_open(d->keys, DT_SEAL_BIND, &d->call, sealed(d), &record), APR_SUCCESS);
    assert_true(record.len <= DT_BIND_TICKET_MAX);
    ticket = through_the_browser(d);
    assert_null(ticket.person.dept_ids);
    assert_null(ticket.person.avatar);
    assert_string_equal(ticket.person.name, d->ticket.person.name);
    assert_string_equal(ticket.person.manager_userid, "li");
    assert_string_equal(ticket.return_to, d->ticket.return_to);
}

static void what_must_be_there_and_does_not_fit_is_no_ticket(void **state)
{
    desk_t *d = *state;
    dt_slice_t token;

    d->ticket.person.union_id = letters(d, DT_BIND_TICKET_MAX);
    assert_int_equal(dt_bind_ticket_seal(d->keys, &d->call, &d->ticket, &token), APR_EINVAL);
}

/* --- for how long --- */

static void a_ticket_is_good_for_its_lifetime(void **state)
{
    desk_t *d = *state;
    dt_slice_t token = sealed(d);
    dt_bind_ticket_t ticket;

    d->call.now = NOW + LIFETIME;
    assert_int_equal(opened(d, token, &ticket), APR_SUCCESS);
    d->call.now++;
    assert_int_equal(opened(d, token, &ticket), APR_EACCES);
}

static void a_new_value_with_a_code_lives_no_longer(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;
    dt_slice_t token;

    d->call.now = NOW + LIFETIME;
    d->ticket.asked = (dt_code_asked_t){ID, "+86138****8000", NOW + 2 * LIFETIME, NOW};
    token = sealed(d);
    d->call.now++;
    assert_int_equal(opened(d, token, &ticket), APR_EACCES);
}

static void a_clock_may_be_a_minute_behind(void **state)
{
    desk_t *d = *state;
    dt_slice_t token = sealed(d);
    dt_bind_ticket_t ticket;

    d->call.now = NOW - apr_time_from_sec(60);
    assert_int_equal(opened(d, token, &ticket), APR_SUCCESS);
    d->call.now--;
    assert_int_equal(opened(d, token, &ticket), APR_EACCES);
}

/* --- what is no such ticket --- */

static void what_was_sealed_for_something_else_is_no_ticket(void **state)
{
    desk_t *d = *state;
    dt_slice_t token = sealed(d);
    dt_bind_ticket_t ticket;
    dt_slice_t record;

    assert_int_equal(dt_open(d->keys, DT_SEAL_BIND, &d->call, token, &record), APR_SUCCESS);
    for (int purpose = 0; purpose < DT_SEAL_PURPOSES; purpose++) {
        assert_int_equal(dt_seal(d->keys, (dt_purpose_t)purpose, &d->call, record, &token),
                         APR_SUCCESS);
        assert_int_equal(opened(d, token, &ticket),
                         purpose == DT_SEAL_BIND ? APR_SUCCESS : APR_EACCES);
    }
    token = sealed(d);
    d->call.host = "other.example";
    assert_int_equal(opened(d, token, &ticket), APR_EACCES);
    assert_int_equal(opened(d, (dt_slice_t){0}, &ticket), APR_EACCES);
}

static void a_record_that_is_cut_or_longer_is_no_ticket(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;
    dt_slice_t record;
    dt_slice_t token;
    char *longer;
    int good = 0;

    d->ticket.person = (dt_member_t){.user_id = "zhang", .union_id = "un-Zhang"};
    assert_int_equal(dt_open(d->keys, DT_SEAL_BIND, &d->call, sealed(d), &record), APR_SUCCESS);
    longer = apr_pcalloc(d->call.pool, record.len + 1);
    memcpy(longer, record.data, record.len);
    for (apr_size_t len = 0; len <= record.len + 1; len++) {
        assert_int_equal(dt_seal(d->keys, DT_SEAL_BIND, &d->call, (dt_slice_t){longer, len},
                                 &token),
                         APR_SUCCESS);
        good += opened(d, token, &ticket) == APR_SUCCESS;
    }
    assert_int_equal(good, 1);
    longer[0] = 1; /* another version */
    assert_int_equal(dt_seal(d->keys, DT_SEAL_BIND, &d->call, (dt_slice_t){longer, record.len},
                             &token),
                     APR_SUCCESS);
    assert_int_equal(opened(d, token, &ticket), APR_EACCES);
}

static void a_ticket_without_a_person_is_none(void **state)
{
    desk_t *d = *state;
    dt_bind_ticket_t ticket;

    d->ticket.person = (dt_member_t){.user_id = "zhang"};
    assert_int_equal(opened(d, sealed(d), &ticket), APR_EACCES);
    d->ticket.person = (dt_member_t){.union_id = "un-Zhang"};
    assert_int_equal(opened(d, sealed(d), &ticket), APR_EACCES);
}

static void a_return_address_that_is_not_safe_is_the_root(void **state)
{
    static const char *const unsafe[] = {"https://evil.example/", "//evil.example", "", "/\\evil"};
    desk_t *d = *state;

    for (size_t i = 0; i < ROWS(unsafe); i++) {
        d->ticket.return_to = unsafe[i];
        assert_row_text(unsafe[i], through_the_browser(d).return_to, "/");
    }
}

/* --- csrf --- */

static void the_form_has_the_ticket_s_own_csrf(void **state)
{
    desk_t *d = *state;
    apr_pool_t *pool = d->call.pool;
    const char *csrf = dt_bind_ticket_csrf(pool, &d->ticket);
    char *other = apr_pstrdup(pool, csrf);
    dt_bind_ticket_t another;

    other[0] = other[0] == 'A' ? 'B' : 'A';
    assert_int_equal(strlen(csrf), 22);
    assert_true(dt_bind_ticket_is_csrf(pool, &d->ticket, csrf));
    assert_false(dt_bind_ticket_is_csrf(pool, &d->ticket, other));
    assert_false(dt_bind_ticket_is_csrf(pool, &d->ticket, apr_pstrcat(pool, csrf, "A", NULL)));
    assert_false(dt_bind_ticket_is_csrf(pool, &d->ticket, csrf + 1));
    assert_false(dt_bind_ticket_is_csrf(pool, &d->ticket, ""));
    assert_false(dt_bind_ticket_is_csrf(pool, &d->ticket, NULL));
    assert_int_equal(dt_bind_ticket_new(&d->call, &d->ticket.person, "/", &another), APR_SUCCESS);
    assert_false(dt_bind_ticket_is_csrf(pool, &another, csrf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESK(what_is_sealed_is_opened),
        WITH_DESK(what_the_person_does_not_have_is_not_there),
        WITH_DESK(a_code_that_was_asked_for_is_remembered),
        WITH_DESK(what_does_not_fit_is_left_out_the_longest_first),
        WITH_DESK(what_must_be_there_and_does_not_fit_is_no_ticket),
        WITH_DESK(a_ticket_is_good_for_its_lifetime),
        WITH_DESK(a_new_value_with_a_code_lives_no_longer),
        WITH_DESK(a_clock_may_be_a_minute_behind),
        WITH_DESK(what_was_sealed_for_something_else_is_no_ticket),
        WITH_DESK(a_record_that_is_cut_or_longer_is_no_ticket),
        WITH_DESK(a_ticket_without_a_person_is_none),
        WITH_DESK(a_return_address_that_is_not_safe_is_the_root),
        WITH_DESK(the_form_has_the_ticket_s_own_csrf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
