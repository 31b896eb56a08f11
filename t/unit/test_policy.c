/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes in, and why the others do not. */
#include "core/policy.h"
#include "unit.h"

static const dt_app_t app = {.corp_id = "dingCorp1"};

/* A record as the answer about user "Zhang", whose unionId is "uNion1". */
typedef struct record_t {
    const char *name;
    dt_member_t record;
    dt_why_id_t why;
} record_t;

static void our_organisation_may_come_in(void **state)
{
    (void)state;
    assert_why(dt_policy_corp(&app, "dingCorp1"), DT_WHY_SIGNED_IN);
}

static void another_organisation_may_not(void **state)
{
    static const char *const others[] = {"dingcorp1", "dingCorp", "dingCorp11", "", NULL};

    (void)state;
    for (const char *const *corp = others; *corp; corp++) {
        assert_row_why(*corp, dt_policy_corp(&app, *corp), DT_WHY_OTHER_CORP);
    }
}

static void an_organisation_that_is_not_named_is_left_to_later_checks(void **state)
{
    (void)state;
    assert_why(dt_policy_corp(&app, NULL), DT_WHY_SIGNED_IN);
}

static void only_employees_come_in(void **state)
{
    (void)state;
    assert_why(dt_policy_contact(0), DT_WHY_SIGNED_IN);
    assert_why(dt_policy_contact(1), DT_WHY_EXTERNAL);
    assert_why(dt_policy_contact(2), DT_WHY_EXTERNAL);
    assert_why(dt_policy_contact(-1), DT_WHY_EXTERNAL);
}

static const record_t records[] = {
    {"an_active_member_comes_in",
     {.user_id = "Zhang", .union_id = "uNion1", .active = true},
     DT_WHY_SIGNED_IN},
    {"a_record_may_lack_the_unionid", {.user_id = "Zhang", .active = true}, DT_WHY_SIGNED_IN},
    {"a_record_without_userid_is_refused", {.union_id = "uNion1", .active = true}, DT_WHY_MISMATCH},
    {"an_inactive_member_is_refused",
     {.user_id = "Zhang", .union_id = "uNion1"},
     DT_WHY_NOT_ACTIVE},
    {"a_disabled_member_is_refused",
     {.user_id = "Zhang", .union_id = "uNion1", .active = true, .disabled = true},
     DT_WHY_DISABLED},
};

static void the_record_decides(void **state)
{
    const record_t *row = *state;

    assert_row_why(row->name, dt_policy_member(&row->record, "Zhang", "uNion1"), row->why);
}

static void a_record_of_somebody_else_is_refused(void **state)
{
    static const dt_member_t zhang = {.user_id = "Zhang", .union_id = "uNion1", .active = true};

    (void)state;
    assert_why(dt_policy_member(&zhang, "zhang", "uNion1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&zhang, "Zhang", "union1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&zhang, NULL, "uNion1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&zhang, "Zhang", NULL), DT_WHY_MISMATCH);
}

static void every_reason_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < DT_WHYS; i++) {
        const char *name = dt_whys[i].name;
        assert_non_null(name);
        for (int language = 0; language < DT_LANGUAGES; language++) {
            assert_row_true(name, strlen(dt_whys[i].words[language].title) > 0);
            assert_row_true(name, strlen(dt_whys[i].words[language].text) > 0);
        }
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(name, dt_whys[other].name);
        }
    }
}

static void a_result_carries_its_reason_and_detail(void **state)
{
    dt_result_t result = dt_result(DT_WHY_DOWN, "detail");

    (void)state;
    assert_int_equal(result.what, DT_UNSURE);
    assert_string_equal(result.why->name, "dingtalk_down");
    assert_string_equal(result.detail, "detail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_organisation_may_come_in),
        cmocka_unit_test(another_organisation_may_not),
        cmocka_unit_test(an_organisation_that_is_not_named_is_left_to_later_checks),
        cmocka_unit_test(only_employees_come_in),
        cmocka_unit_test(a_record_of_somebody_else_is_refused),
        cmocka_unit_test(every_reason_is_complete),
        cmocka_unit_test(a_result_carries_its_reason_and_detail),
    };
    struct CMUnitTest rows[ROWS(records)];

    for (apr_size_t i = 0; i < ROWS(records); i++) {
        rows[i] = ROW_TEST(&records[i], the_record_decides, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(rows, NULL, NULL);
}
