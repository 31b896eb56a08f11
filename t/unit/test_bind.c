/* SPDX-License-Identifier: Apache-2.0 */
/* Which account is a person's: the one they are bound to, or the one that an auto-bind finds. */

#include "bind_world.h"

static const dt_autobind_t by_mobile[] = {{"mobile", "phone", DT_MATCH_PHONE}, {NULL}};
static const dt_autobind_t by_userid[] = {{"userid", "uid", DT_MATCH_TEXT}, {NULL}};
static const dt_autobind_t by_both[] = {{"mobile", "phone", DT_MATCH_PHONE},
                                        {"email", "mail", DT_MATCH_EMAIL},
                                        {NULL}};

static void assert_nobody_is_bound(const bind_world_t *w)
{
    assert_int_equal(w->memory->binding_count, 0);
    assert_int_equal(w->memory->audit_count, 0);
}

/* --- bound already --- */

static void without_accounts_every_member_comes_in(void **state)
{
    bind_world_t *w = *state;

    w->bind.accounts = NULL;
    w->bind.unbound = DT_UNBOUND_BIND;
    bind_person(w);
    assert_why(w->result, DT_WHY_SIGNED_IN);
    assert_null(w->account.key);
    assert_int_equal(w->memory->questions, 0);
}

static void somebody_bound_costs_one_question_where_the_store_knows_bindings(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "mobile", "138 0013 8000");
    w->accounts->port.read_bound = fake_read_bound;
    w->bind.autobind = by_both;
    be_bound(w, "un-Zhang", "san");
    bind_person(w);
    assert_in(w, "san");
    assert_string_equal(w->account.phone, "138 0013 8000");
    assert_string_equal(w->accounts->asked, "read_bound ");
    assert_int_equal(w->memory->questions, 0);
}

static void somebody_bound_costs_two_questions_where_the_store_does_not(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    w->bind.autobind = by_both;
    be_bound(w, "un-Zhang", "san");
    bind_person(w);
    assert_in(w, "san");
    assert_string_equal(w->accounts->asked, "read ");
    assert_int_equal(w->memory->questions, 1);
}

static void an_account_that_is_gone_refuses_and_no_other_is_looked_for(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "disabled", NULL, NULL)->gone = true;
    fake_account_add(w->accounts, "other", "phone", w->person.mobile);
    w->bind.autobind = by_mobile;
    be_bound(w, "un-Zhang", "disabled");
    for (int i = 0; i < 2; i++) {
        bind_person(w);
        assert_why(w->result, DT_WHY_ACCOUNT_GONE);
        assert_string_equal(w->account.key, "disabled");
        assert_null(strstr(w->accounts->asked, "find"));
        w->accounts->port.read_bound = fake_read_bound;
    }
    assert_string_equal(bound_to(w), "disabled");
}

static void a_binding_to_an_empty_key_is_one_too(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "other", "phone", w->person.mobile);
    w->bind.autobind = by_mobile;
    be_bound(w, "un-Zhang", "");
    bind_person(w);
    assert_why(w->result, DT_WHY_ACCOUNT_GONE);
}

static void somebody_whose_userid_changed_is_the_same_person(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    be_bound(w, "un-Zhang", "san");
    w->person.user_id = "zhang.new";
    bind_person(w);
    assert_in(w, "san");
}

static void a_userid_that_comes_back_with_another_unionid_is_somebody_else(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "zhang", NULL, NULL);
    w->bind.autobind = by_userid;
    bind_person(w);
    assert_in(w, "zhang");
    w->person.union_id = "un-zhang"; /* ids are case-sensitive */
    bind_person(w);
    assert_why(w->result, DT_WHY_ACCOUNT_TAKEN);
    assert_null(bound_to(w));
}

static void a_binding_of_another_corp_is_none(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    be_bound(w, "un-Zhang", "san");
    w->bind.corp_id = "dingcorp2";
    bind_person(w);
    assert_why(w->result, DT_WHY_UNBOUND);
}

/* --- auto-bind --- */

static void exactly_one_match_is_bound_and_written_down(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "other", "phone", "+8613800138001");
    fake_account_add(w->accounts, "san", "phone", "+8613800138000");
    w->bind.autobind = by_mobile;
    bind_person(w);
    assert_in(w, "san");
    assert_string_equal(bound_to(w), "san");
    assert_string_equal(w->memory->bindings[0].user_id, "zhang");
    assert_string_equal(w->memory->bindings[0].method, "auto:mobile");
    assert_audited(w, "san", "auto:mobile");
    bind_person(w);
    assert_in(w, "san");
    assert_int_equal(w->memory->audit_count, 1);
}

static void a_value_is_compared_as_the_rule_says(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "ZHANG", "mail", "Zhang@Example.COM");
    w->bind.autobind = by_userid;
    bind_person(w);
    assert_why(w->result, DT_WHY_UNBOUND);
    w->bind.autobind = by_both;
    bind_person(w);
    assert_in(w, "ZHANG");
    assert_audited(w, "ZHANG", "auto:email");
}

static void a_rule_that_finds_nothing_leaves_it_to_the_next(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "mail", "zhang@example.com");
    w->bind.autobind = by_both;
    bind_person(w);
    assert_in(w, "san");
    assert_string_equal(w->accounts->asked, "find find ");
}

static void the_first_rule_that_finds_one_decides(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "by-mail", "mail", "zhang@example.com");
    fake_account_add(w->accounts, "by-phone", "phone", "+8613800138000");
    w->bind.autobind = by_both;
    bind_person(w);
    assert_in(w, "by-phone");
    assert_string_equal(w->accounts->asked, "find ");
}

static void an_empty_source_is_not_looked_for(void **state)
{
    static const char *const blanks[] = {NULL, "", " ", " \t "};
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "phone", " ");
    w->bind.autobind = by_mobile;
    for (size_t i = 0; i < ROWS(blanks); i++) {
        w->person.mobile = blanks[i];
        bind_person(w);
        assert_why(w->result, DT_WHY_UNBOUND);
        assert_string_equal(w->accounts->asked, "");
    }
    assert_nobody_is_bound(w);
}

static void several_matches_stop_although_a_later_rule_would_find_one(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "one", "phone", "+8613800138000");
    fake_account_add(w->accounts, "two", "phone", "+8613800138000");
    fake_account_add(w->accounts, "san", "mail", "zhang@example.com");
    w->bind.autobind = by_both;
    w->bind.unbound = DT_UNBOUND_BIND;
    bind_person(w);
    assert_why(w->result, DT_WHY_AMBIGUOUS);
    assert_string_equal(w->result.detail, "mobile=phone");
    assert_null(w->account.key);
    assert_nobody_is_bound(w);
}

static void a_second_claimant_is_refused_although_a_later_rule_would_find_another(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "taken", "phone", "+8613800138000");
    fake_account_add(w->accounts, "san", "mail", "zhang@example.com");
    be_bound(w, "un-Li", "taken");
    w->bind.autobind = by_both;
    bind_person(w);
    assert_why(w->result, DT_WHY_ACCOUNT_TAKEN);
    assert_string_equal(w->result.detail, "mobile=phone");
    assert_string_equal(w->account.key, "taken"); /* the audit says so */
    assert_null(bound_to(w));
    assert_int_equal(w->memory->audit_count, 0);
}

/* --- a parallel tab of the same person --- */

static void bind_elsewhere(fake_memory_t *memory, const char *function)
{
    const dt_claim_t claim = {CORP, "un-Zhang", "zhang", "elsewhere", "code"};

    if (strcmp(function, "bind") == 0) {
        memory->before = NULL;
        fake_binding_add(memory, NOW, &claim);
    }
}

static void who_was_bound_meanwhile_comes_in_as_that(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "phone", "+8613800138000");
    fake_account_add(w->accounts, "elsewhere", NULL, NULL);
    w->bind.autobind = by_mobile;
    w->memory->before = bind_elsewhere;
    bind_person(w);
    assert_in(w, "elsewhere");
    assert_int_equal(w->memory->audit_count, 0);
}

static void who_was_bound_meanwhile_to_what_is_gone_is_refused(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "phone", "+8613800138000");
    w->bind.autobind = by_mobile;
    w->memory->before = bind_elsewhere;
    bind_person(w);
    assert_why(w->result, DT_WHY_ACCOUNT_GONE);
}

static void unbind(fake_memory_t *memory, const char *function)
{
    if (strcmp(function, "binding") == 0 && memory->questions > 1) {
        memory->binding_count = 0;
    }
    bind_elsewhere(memory, function);
    memory->before = unbind;
}

static void who_was_bound_for_a_moment_only_is_refused(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "phone", "+8613800138000");
    w->bind.autobind = by_mobile;
    w->memory->before = unbind;
    bind_person(w);
    assert_why(w->result, DT_WHY_BOUND_OTHERWISE);
}

/* --- nothing matched --- */

static void whom_nothing_matches_is_refused_or_asked(void **state)
{
    bind_world_t *w = *state;

    w->bind.autobind = by_both;
    bind_person(w);
    assert_why(w->result, DT_WHY_UNBOUND);
    w->bind.unbound = DT_UNBOUND_BIND;
    bind_person(w);
    assert_why(w->result, DT_WHY_BIND);
    w->bind.autobind = NULL;
    bind_person(w);
    assert_why(w->result, DT_WHY_BIND);
    assert_nobody_is_bound(w);
}

/* --- stores that do not answer --- */

static void a_store_that_does_not_answer_is_no_answer(void **state)
{
    static const char *const functions[] = {"binding", "bind", "audit", "find", "read_bound"};
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", "phone", "+8613800138000");
    w->bind.autobind = by_both;
    w->bind.unbound = DT_UNBOUND_BIND;
    w->memory->trouble = w->accounts->trouble = APR_TIMEUP;
    for (size_t i = 0; i < ROWS(functions); i++) {
        const bool is_read_bound = strcmp(functions[i], "read_bound") == 0;

        w->memory->binding_count = 0;
        w->memory->trouble_in = w->accounts->trouble_in = functions[i];
        w->accounts->port.read_bound = is_read_bound ? fake_read_bound : NULL;
        bind_person(w);
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
        assert_row_int(functions[i], w->rv, APR_TIMEUP);
        assert_non_null(w->result.detail);
    }
}

static void an_account_that_cannot_be_read_is_not_gone(void **state)
{
    bind_world_t *w = *state;

    fake_account_add(w->accounts, "san", NULL, NULL);
    be_bound(w, "un-Zhang", "san");
    w->accounts->trouble = APR_EGENERAL;
    bind_person(w);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
}

/* --- what may bind --- */

static void a_name_never_binds(void **state)
{
    static const struct {
        const char *source;
        int match; /* -1: it does not bind */
    } rows[] = {
        {"mobile", DT_MATCH_PHONE},
        {"email", DT_MATCH_EMAIL},
        {"org_email", DT_MATCH_EMAIL},
        {"job_number", DT_MATCH_TEXT},
        {"userid", DT_MATCH_TEXT},
        {"unionid", DT_MATCH_TEXT},
        {"name", -1},
        {"title", -1},
        {"dept_ids", -1},
        {"avatar", -1},
        {"manager_userid", -1},
        {"Mobile", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        dt_match_t match = DT_MATCH_TEXT;

        assert_row_int(rows[i].source, dt_bind_source(rows[i].source, &match), rows[i].match >= 0);
        if (rows[i].match >= 0) {
            assert_row_int(rows[i].source, match, rows[i].match);
        }
    }
}

static void every_name_of_a_template_is_an_attribute_of_a_person(void **state)
{
    const dt_member_t full = {"u", "n", "N", "m", "e", "o", "j", "t", "a", "d", "g"};
    int members = 0;
    int names = 0;

    (void)state;
    for (; dt_bind_names[names]; names++) {
        assert_row_true(dt_bind_names[names], dt_member_attribute(&full, dt_bind_names[names]));
    }
    while (dt_member_attributes[members]) {
        members++;
    }
    assert_int_equal(names, members + 2); /* userid and unionid */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(without_accounts_every_member_comes_in),
        WITH_WORLD(somebody_bound_costs_one_question_where_the_store_knows_bindings),
        WITH_WORLD(somebody_bound_costs_two_questions_where_the_store_does_not),
        WITH_WORLD(an_account_that_is_gone_refuses_and_no_other_is_looked_for),
        WITH_WORLD(a_binding_to_an_empty_key_is_one_too),
        WITH_WORLD(somebody_whose_userid_changed_is_the_same_person),
        WITH_WORLD(a_userid_that_comes_back_with_another_unionid_is_somebody_else),
        WITH_WORLD(a_binding_of_another_corp_is_none),
        WITH_WORLD(exactly_one_match_is_bound_and_written_down),
        WITH_WORLD(a_value_is_compared_as_the_rule_says),
        WITH_WORLD(a_rule_that_finds_nothing_leaves_it_to_the_next),
        WITH_WORLD(the_first_rule_that_finds_one_decides),
        WITH_WORLD(an_empty_source_is_not_looked_for),
        WITH_WORLD(several_matches_stop_although_a_later_rule_would_find_one),
        WITH_WORLD(a_second_claimant_is_refused_although_a_later_rule_would_find_another),
        WITH_WORLD(who_was_bound_meanwhile_comes_in_as_that),
        WITH_WORLD(who_was_bound_meanwhile_to_what_is_gone_is_refused),
        WITH_WORLD(who_was_bound_for_a_moment_only_is_refused),
        WITH_WORLD(whom_nothing_matches_is_refused_or_asked),
        WITH_WORLD(a_store_that_does_not_answer_is_no_answer),
        WITH_WORLD(an_account_that_cannot_be_read_is_not_gone),
        cmocka_unit_test(a_name_never_binds),
        cmocka_unit_test(every_name_of_a_template_is_an_attribute_of_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
