/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a session: what it is called, what travels in it, and that it is written down. */

#include "core/admit.h"
#include "core/bytes.h"
#include "bind_world.h"

typedef struct door_t {
    bind_world_t *w;
    dt_store_t store;
    dt_admit_t admit;
    apr_status_t store_rv;
    dt_slice_t record; /* the last that was saved */
    dt_slice_t token;
    int dropped;
    bool unaudited;
} door_t;

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    door_t *d = self;

    (void)old;
    assert_true(expiry > call->now);
    d->record = (dt_slice_t){apr_pmemdup(call->pool, record.data, record.len), record.len};
    *token = DT_SLICE("token");
    return d->store_rv;
}

static apr_status_t load(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record)
{
    const door_t *d = self;

    (void)call;
    assert_string_equal(token.data, "token");
    *record = d->record;
    return APR_SUCCESS;
}

static int door_set_up(void **state)
{
    static const char *const attributes[] = {"name",         "account.Dept", "email",
                                             "account.mail", "account.",     NULL};
    static const dt_account_value_t values[] = {{"mail", "san@corp"}, {"Dept", "42"}, {NULL}};
    bind_world_t *w;
    door_t *d;

    bind_set_up(state);
    w = *state;
    d = apr_pcalloc(w->pool, sizeof(*d));
    d->w = w;
    d->store = (dt_store_t){{"fake", d, NULL}, load, save, NULL};
    d->admit = (dt_admit_t){.store = &d->store,
                            .lifetimes = {apr_time_from_sec(3600), 0},
                            .remote_user = "account",
                            .attributes = attributes};
    w->account = (dt_account_t){.key = "san", .values = values};
    *state = d;
    return 0;
}

static int door_tear_down(void **state)
{
    const door_t *d = *state;

    pool_gone(d->w->pool);
    return 0;
}

#define WITH_DOOR(test) cmocka_unit_test_setup_teardown(test, door_set_up, door_tear_down)

static void admit(door_t *d, const dt_account_t *account)
{
    bind_world_t *w = d->w;

    w->rv = dt_admit(&d->admit, &w->bind, &w->call, &w->person, w->call.now, account, &d->token,
                     &d->dropped, &d->unaudited, &w->result);
    assert_int_equal(w->rv != APR_SUCCESS, w->result.what == DT_UNSURE);
    assert_int_equal(d->token.len > 0, w->result.what == DT_SIGNED_IN);
}

static dt_session_t session_of(const door_t *d)
{
    dt_session_t session;

    assert_int_equal(dt_session_load(&d->store, &d->w->call, d->token, &session), APR_SUCCESS);
    return session;
}

static void assert_next(dt_slice_t *cursor, const char *name, const char *value)
{
    dt_attribute_t attribute;

    assert_true(dt_attribute_next(cursor, &attribute));
    assert_string_equal(attribute.name.data, name);
    assert_string_equal(attribute.value.data, value);
}

/* --- who --- */

static void the_user_is_the_accounts_key(void **state)
{
    door_t *d = *state;

    admit(d, &d->w->account);
    assert_string_equal(session_of(d).user.data, "san");
    assert_string_equal(session_of(d).user_id.data, "zhang");
    assert_string_equal(session_of(d).union_id.data, "un-Zhang");
    assert_true(session_of(d).began == NOW && session_of(d).seen == NOW);
}

static void the_user_is_the_attribute_the_administrator_chose(void **state)
{
    door_t *d = *state;

    d->admit.remote_user = "email";
    admit(d, &d->w->account);
    assert_string_equal(session_of(d).user.data, "zhang@example.com");
}

static void without_an_account_nobody_is_called_by_one(void **state)
{
    static const dt_account_t empty;
    door_t *d = *state;

    d->w->bind.accounts = NULL;
    admit(d, &empty);
    assert_why(d->w->result, DT_WHY_NO_USER_NAME);
    assert_string_equal(d->w->result.detail, "account: empty");
    admit(d, NULL);
    assert_why(d->w->result, DT_WHY_NO_USER_NAME);
}

static void a_name_that_cannot_be_one_is_refused(void **state)
{
    static const char *const names[] = {"", "san\n", "\x01", "a\x7f"};
    door_t *d = *state;

    for (size_t i = 0; i < ROWS(names); i++) {
        d->w->account.key = names[i];
        admit(d, &d->w->account);
        assert_row_why(names[i], d->w->result, DT_WHY_NO_USER_NAME);
    }
    assert_int_equal(d->w->memory->audit_count, 0);
    assert_int_equal(d->record.len, 0);
}

/* --- attributes --- */

static void attributes_come_from_the_member_and_from_the_account(void **state)
{
    door_t *d = *state;
    dt_slice_t cursor;

    admit(d, &d->w->account);
    cursor = session_of(d).attributes;
    assert_next(&cursor, "name", "Zhang San");
    assert_next(&cursor, "account.Dept", "42");
    assert_next(&cursor, "email", "zhang@example.com");
    assert_next(&cursor, "account.mail", "san@corp");
    assert_int_equal(cursor.len, 0);
    assert_int_equal(d->dropped, 0);
}

static void without_an_account_its_attributes_are_left_out(void **state)
{
    door_t *d = *state;
    dt_slice_t cursor;

    d->w->bind.accounts = NULL;
    d->admit.remote_user = "userid";
    admit(d, NULL);
    cursor = session_of(d).attributes;
    assert_next(&cursor, "name", "Zhang San");
    assert_next(&cursor, "email", "zhang@example.com");
    assert_int_equal(cursor.len, 0);
}

static void an_attribute_that_does_not_fit_is_counted(void **state)
{
    door_t *d = *state;
    char *name = apr_pcalloc(d->w->pool, DT_SESSION_RECORD_MAX);

    memset(name, 'n', DT_SESSION_RECORD_MAX - 1);
    d->w->person.name = name;
    admit(d, &d->w->account);
    assert_why(d->w->result, DT_WHY_SIGNED_IN);
    assert_int_equal(d->dropped, 1);
}

/* --- written down --- */

static void every_sign_in_is_in_the_audit(void **state)
{
    door_t *d = *state;
    const dt_audit_t *row;

    admit(d, &d->w->account);
    row = fake_last_audit(d->w->memory);
    assert_string_equal(row->what, "signed_in");
    assert_string_equal(row->corp_id, CORP);
    assert_string_equal(row->union_id, "un-Zhang");
    assert_string_equal(row->user_id, "zhang");
    assert_string_equal(row->uid, "san");
    assert_null(row->why);
    assert_false(d->unaudited);
}

static void a_sign_in_to_an_account_that_is_not_in_the_audit_is_none(void **state)
{
    door_t *d = *state;

    d->w->memory->trouble = APR_TIMEUP;
    admit(d, &d->w->account);
    assert_why(d->w->result, DT_WHY_UNAVAILABLE);
    assert_int_equal(d->w->rv, APR_TIMEUP);
}

static void without_accounts_a_member_comes_in_and_the_log_knows(void **state)
{
    door_t *d = *state;

    d->w->bind.accounts = NULL;
    d->admit.remote_user = "userid";
    d->w->memory->trouble = APR_TIMEUP;
    admit(d, NULL);
    assert_why(d->w->result, DT_WHY_SIGNED_IN);
    assert_true(d->unaudited);
}

static void a_session_that_is_not_saved_is_none(void **state)
{
    door_t *d = *state;

    d->store_rv = APR_EGENERAL;
    admit(d, &d->w->account);
    assert_why(d->w->result, DT_WHY_INTERNAL);
    assert_int_equal(d->w->memory->audit_count, 0);
}

/* --- being brought up to date --- */

static dt_session_t refreshed(door_t *d)
{
    dt_session_t session;

    admit(d, &d->w->account);
    session = session_of(d);
    d->w->person.name = "Zhang San-Li";
    d->w->person.email = "new@example.com";
    dt_admit_refresh(&d->admit, d->w->pool, &d->w->person, &session);
    return session;
}

static void a_refreshed_session_has_the_members_new_attributes_and_the_accounts_old_ones(
    void **state)
{
    const dt_session_t session = refreshed(*state);
    dt_slice_t rest = session.attributes;

    assert_next(&rest, "name", "Zhang San-Li");
    assert_next(&rest, "account.Dept", "42");
    assert_next(&rest, "email", "new@example.com");
    assert_next(&rest, "account.mail", "san@corp");
    assert_int_equal(rest.len, 0);
    assert_string_equal(session.user.data, "san");
}

static void a_refreshed_session_has_the_members_new_name_where_that_is_the_user(void **state)
{
    door_t *d = *state;

    d->admit.remote_user = "email";
    assert_string_equal(refreshed(d).user.data, "new@example.com");
}

static void a_refreshed_session_keeps_its_user_where_the_record_has_none(void **state)
{
    door_t *d = *state;
    dt_session_t session;

    d->admit.remote_user = "email";
    admit(d, &d->w->account);
    session = session_of(d);
    d->w->person.email = NULL;
    dt_admit_refresh(&d->admit, d->w->pool, &d->w->person, &session);
    assert_string_equal(session.user.data, "zhang@example.com");
}

static void nobody_gets_the_attributes_of_another_person(void **state)
{
    door_t *d = *state;
    dt_session_t session;
    dt_slice_t before;

    admit(d, &d->w->account);
    session = session_of(d);
    before = session.attributes;
    d->w->person.user_id = "li";
    d->w->person.name = "Li Si";
    dt_admit_refresh(&d->admit, d->w->pool, &d->w->person, &session);
    assert_true(dt_slice_equal(before, session.attributes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DOOR(the_user_is_the_accounts_key),
        WITH_DOOR(the_user_is_the_attribute_the_administrator_chose),
        WITH_DOOR(without_an_account_nobody_is_called_by_one),
        WITH_DOOR(a_name_that_cannot_be_one_is_refused),
        WITH_DOOR(attributes_come_from_the_member_and_from_the_account),
        WITH_DOOR(without_an_account_its_attributes_are_left_out),
        WITH_DOOR(an_attribute_that_does_not_fit_is_counted),
        WITH_DOOR(every_sign_in_is_in_the_audit),
        WITH_DOOR(a_sign_in_to_an_account_that_is_not_in_the_audit_is_none),
        WITH_DOOR(without_accounts_a_member_comes_in_and_the_log_knows),
        WITH_DOOR(a_session_that_is_not_saved_is_none),
        WITH_DOOR(a_refreshed_session_has_the_members_new_attributes_and_the_accounts_old_ones),
        WITH_DOOR(a_refreshed_session_has_the_members_new_name_where_that_is_the_user),
        WITH_DOOR(a_refreshed_session_keeps_its_user_where_the_record_has_none),
        WITH_DOOR(nobody_gets_the_attributes_of_another_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
