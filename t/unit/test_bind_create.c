/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that are made, kept up to date, or bound because somebody proved to have their phone. */

#include "bind_world.h"

static dt_create_t create_row(const bind_world_t *w, const char *attribute, const char *text)
{
    dt_template_t *made = NULL;

    assert_null(dt_template_parse(w->pool, text, dt_bind_names, &made));
    return (dt_create_t){attribute, made};
}

/* As for our own table, but the key's template. */
static void create_under(bind_world_t *w, const char *key)
{
    dt_create_t *rows = apr_pcalloc(w->pool, 5 * sizeof(*rows));

    rows[0] = create_row(w, "uid", key);
    rows[1] = create_row(w, "name", "%{name} (%{title})");
    rows[2] = create_row(w, "mobile", "%{mobile}");
    rows[3] = create_row(w, "mail", "%{org_email}");
    w->bind.create = rows;
    w->bind.unbound = DT_UNBOUND_CREATE;
}

static int create_set_up(void **state)
{
    bind_set_up(state);
    create_under(*state, "%{userid}");
    return 0;
}

#define WITH_CREATE(test) cmocka_unit_test_setup_teardown(test, create_set_up, bind_tear_down)

static void assert_value(const fake_account_t *row, const char *name, const char *value)
{
    assert_row_text(name, fake_value(row, name), value);
}

/* --- create --- */

static void a_new_person_gets_an_account_made_of_the_member_record(void **state)
{
    bind_world_t *w = *state;
    const fake_account_t *row;

    w->person.title = "\"Chef\"; DROP";
    bind_person(w);
    assert_in(w, "zhang");
    row = fake_account_of(w->accounts, "zhang");
    assert_value(row, "name", "Zhang San (\"Chef\"; DROP)");
    assert_value(row, "mobile", "+8613800138000");
    assert_value(row, "mail", NULL); /* empty: not given */
    assert_string_equal(bound_to(w), "zhang");
    assert_string_equal(w->memory->bindings[0].method, "create");
    assert_audited(w, "zhang", "create");
    assert_true(w->account.managed);
    assert_string_equal(w->account.phone, "+8613800138000");
}

static void an_account_of_that_key_is_refused_and_stays_as_it_is(void **state)
{
    bind_world_t *w = *state;
    fake_account_t *row = fake_account_add(w->accounts, "zhang", "name", "somebody");

    for (int gone = 0; gone < 2; gone++) {
        row->gone = gone != 0;
        for (int managed = 0; managed < 2; managed++) {
            row->managed = managed != 0;
            bind_person(w);
            assert_why(w->result, DT_WHY_ACCOUNT_EXISTS);
            assert_string_equal(w->account.key, "zhang"); /* the audit says so */
            assert_value(row, "name", "somebody");
        }
    }
    assert_int_equal(w->accounts->count, 1);
    assert_int_equal(w->memory->binding_count, 0);
    assert_int_equal(w->memory->audit_count, 0);
}

static void sign_in_beside(fake_accounts_t *accounts, const char *function)
{
    const dt_claim_t claim = {CORP, "un-Zhang", "zhang", "zhang", "create"};

    if (strcmp(function, "create") == 0) {
        accounts->before = NULL;
        fake_account_add(accounts, "zhang", NULL, NULL);
        fake_binding_add(accounts->memory, NOW, &claim);
    }
}

static void who_got_the_account_in_a_parallel_tab_comes_in(void **state)
{
    bind_world_t *w = *state;

    w->accounts->before = sign_in_beside;
    bind_person(w);
    assert_in(w, "zhang");
    assert_int_equal(w->memory->binding_count, 1);
    assert_int_equal(w->memory->audit_count, 0);
}

static void without_a_fit_key_no_account_is_made(void **state)
{
    static const char *const keys[] = {NULL, "", " ", "san\nroot", "san\x7f"};
    bind_world_t *w = *state;

    create_under(w, "%{job_number}");
    for (size_t i = 0; i < ROWS(keys); i++) {
        w->person.job_number = keys[i];
        bind_person(w);
        assert_row_why(keys[i], w->result, DT_WHY_CANNOT_CREATE);
        assert_string_equal(w->accounts->asked, "");
    }
    assert_int_equal(w->memory->binding_count, 0);
}

static void in_a_store_that_is_read_only_no_account_is_made(void **state)
{
    bind_world_t *w = *state;

    w->accounts->port.create = NULL;
    bind_person(w);
    assert_why(w->result, DT_WHY_CANNOT_CREATE);
    w->accounts->port.create = fake_create;
    w->bind.create = NULL;
    bind_person(w);
    assert_why(w->result, DT_WHY_CANNOT_CREATE);
}

static void a_key_that_is_still_bound_to_another_person_is_refused(void **state)
{
    bind_world_t *w = *state;

    be_bound(w, "un-Li", "zhang"); /* the account had been deleted */
    bind_person(w);
    assert_why(w->result, DT_WHY_ACCOUNT_EXISTS);
    assert_string_equal(w->account.key, "zhang");
    assert_null(bound_to(w));
    assert_int_equal(w->accounts->count, 0);
    assert_int_equal(w->memory->audit_count, 0);
}

static void hide(fake_accounts_t *accounts, const char *function)
{
    if (strcmp(function, "read") == 0) {
        accounts->rows[0].gone = true;
    }
}

static void an_account_that_does_not_count_when_it_is_made_lets_nobody_in(void **state)
{
    bind_world_t *w = *state;

    w->accounts->before = hide;
    bind_person(w);
    assert_string_equal(w->accounts->asked, "create read ");
    assert_why(w->result, DT_WHY_ACCOUNT_GONE);
}

static void a_store_that_does_not_answer_lets_nobody_in(void **state)
{
    static const char *const functions[] = {"create", "audit", "read"};
    bind_world_t *w = *state;

    w->memory->trouble = w->accounts->trouble = APR_EGENERAL;
    for (size_t i = 0; i < ROWS(functions); i++) {
        w->accounts->count = w->memory->binding_count = 0;
        w->memory->trouble_in = w->accounts->trouble_in = functions[i];
        bind_person(w);
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
    }
}

static void who_is_sent_away_after_the_account_was_made_comes_in_the_next_time(void **state)
{
    static const char *const functions[] = {"create", "audit", "read"};
    bind_world_t *w = *state;

    for (size_t i = 0; i < ROWS(functions); i++) {
        w->accounts->count = w->memory->binding_count = 0;
        w->accounts->before = i == 0 ? sign_in_beside : NULL; /* made, but nobody is told */
        w->memory->trouble = w->accounts->trouble = APR_EGENERAL;
        w->memory->trouble_in = w->accounts->trouble_in = functions[i];
        bind_person(w);
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
        w->memory->trouble = w->accounts->trouble = APR_SUCCESS;
        bind_person(w);
        assert_in(w, "zhang");
    }
}

/* --- refresh --- */

static void a_managed_account_follows_the_member_record(void **state)
{
    bind_world_t *w = *state;
    fake_account_t *row;

    bind_person(w);
    row = fake_account_of(w->accounts, "zhang");
    w->accounts->port.read_bound = fake_read_bound;
    w->person.name = "Zhang Si";
    w->person.mobile = NULL;
    w->person.org_email = "zhang@corp.example";
    w->person.user_id = "zhang.new"; /* the key does not follow */
    bind_person(w);
    assert_in(w, "zhang");
    assert_string_equal(w->accounts->asked, "read_bound refresh read ");
    assert_value(row, "uid", "zhang");
    assert_value(row, "name", "Zhang Si ()");
    assert_value(row, "mobile", NULL);
    assert_value(row, "mail", "zhang@corp.example");
    assert_null(w->account.phone); /* as it is now */
    bind_person(w);
    assert_string_equal(w->accounts->asked, "read_bound ");
    assert_int_equal(w->memory->questions, 0);
}

static void an_account_of_the_administrators_is_never_written(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "zhang", "name", "as in HR");
    be_bound(w, "un-Zhang", "zhang");
    bind_person(w);
    assert_in(w, "zhang");
    assert_string_equal(w->accounts->asked, "read ");
}

static void without_a_rule_a_managed_account_stays_as_it_is(void **state)
{
    bind_world_t *w = *state;

    bind_person(w);
    w->person.name = "Zhang Si";
    w->accounts->port.refresh = NULL;
    bind_person(w);
    assert_in(w, "zhang");
    w->accounts->port.refresh = fake_refresh;
    w->bind.create = NULL;
    bind_person(w);
    assert_in(w, "zhang");
    assert_value(fake_account_of(w->accounts, "zhang"), "name", "Zhang San ()");
}

static void what_cannot_be_refreshed_is_no_sign_in(void **state)
{
    bind_world_t *w = *state;

    bind_person(w);
    w->person.name = "Zhang Si";
    w->accounts->trouble = APR_EGENERAL;
    w->accounts->trouble_in = "refresh";
    bind_person(w);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
}

/* --- by code --- */

static void who_proved_to_have_the_phone_is_bound(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "mobile", "138");
    bind_to(w, "san");
    assert_in(w, "san");
    assert_string_equal(w->account.phone, "138");
    assert_string_equal(bound_to(w), "san");
    assert_string_equal(w->memory->bindings[0].method, "code");
    assert_audited(w, "san", "code");
    bind_person(w);
    assert_in(w, "san");
}

static void an_account_that_went_meanwhile_is_not_bound_to(void **state)
{
    bind_world_t *w = *state;

    bind_to(w, "san");
    assert_why(w->result, DT_WHY_ACCOUNT_GONE);
    fake_account_add(w->accounts, "san", NULL, NULL)->gone = true;
    bind_to(w, "san");
    assert_why(w->result, DT_WHY_ACCOUNT_GONE);
    assert_null(bound_to(w));
}

static void the_right_code_for_an_account_of_another_person_is_refused(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    be_bound(w, "un-Li", "san");
    bind_to(w, "san");
    assert_why(w->result, DT_WHY_REFUSED);
    assert_string_equal(w->result.detail, "account_taken");
    assert_null(bound_to(w));
}

static void the_right_code_of_a_person_with_another_account_is_refused(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    be_bound(w, "un-Zhang", "other");
    bind_to(w, "san");
    assert_why(w->result, DT_WHY_REFUSED);
    assert_string_equal(w->result.detail, "bound_otherwise");
    assert_string_equal(bound_to(w), "other");
    assert_int_equal(w->memory->audit_count, 0);
}

static void a_store_that_does_not_answer_the_right_code_is_no_answer(void **state)
{
    static const char *const functions[] = {"read", "bind", "audit"};
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    w->memory->trouble = w->accounts->trouble = APR_EGENERAL;
    for (size_t i = 0; i < ROWS(functions); i++) {
        w->memory->trouble_in = w->accounts->trouble_in = functions[i];
        bind_to(w, "san");
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CREATE(a_new_person_gets_an_account_made_of_the_member_record),
        WITH_CREATE(an_account_of_that_key_is_refused_and_stays_as_it_is),
        WITH_CREATE(who_got_the_account_in_a_parallel_tab_comes_in),
        WITH_CREATE(without_a_fit_key_no_account_is_made),
        WITH_CREATE(in_a_store_that_is_read_only_no_account_is_made),
        WITH_CREATE(a_key_that_is_still_bound_to_another_person_is_refused),
        WITH_CREATE(an_account_that_does_not_count_when_it_is_made_lets_nobody_in),
        WITH_CREATE(a_store_that_does_not_answer_lets_nobody_in),
        WITH_CREATE(who_is_sent_away_after_the_account_was_made_comes_in_the_next_time),
        WITH_CREATE(a_managed_account_follows_the_member_record),
        WITH_CREATE(an_account_of_the_administrators_is_never_written),
        WITH_CREATE(without_a_rule_a_managed_account_stays_as_it_is),
        WITH_CREATE(what_cannot_be_refreshed_is_no_sign_in),
        WITH_WORLD(who_proved_to_have_the_phone_is_bound),
        WITH_WORLD(an_account_that_went_meanwhile_is_not_bound_to),
        WITH_WORLD(the_right_code_for_an_account_of_another_person_is_refused),
        WITH_WORLD(the_right_code_of_a_person_with_another_account_is_refused),
        WITH_WORLD(a_store_that_does_not_answer_the_right_code_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
