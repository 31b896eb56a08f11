/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes in, and why the others do not. */
#include "core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const dt_app_t app = {.corp_id = "dingCorp1"};

static dt_member_t zhang(void)
{
    return (dt_member_t){.user_id = "Zhang", .union_id = "uNion1", .active = true};
}

static void assert_why(dt_result_t result, dt_why_id_t id)
{
    assert_ptr_equal(result.why, &dt_whys[id]);
    assert_int_equal(result.what, dt_whys[id].what);
}

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
        assert_why(dt_policy_corp(&app, *corp), DT_WHY_OTHER_CORP);
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

static void an_active_member_comes_in(void **state)
{
    dt_member_t member = zhang();

    (void)state;
    assert_why(dt_policy_member(&member, "Zhang", "uNion1"), DT_WHY_SIGNED_IN);
}

static void a_record_may_lack_the_unionid(void **state)
{
    dt_member_t member = zhang();

    (void)state;
    member.union_id = NULL;
    assert_why(dt_policy_member(&member, "Zhang", "uNion1"), DT_WHY_SIGNED_IN);
}

static void a_record_of_somebody_else_is_refused(void **state)
{
    dt_member_t member = zhang();

    (void)state;
    assert_why(dt_policy_member(&member, "zhang", "uNion1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&member, "Zhang", "union1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&member, NULL, "uNion1"), DT_WHY_MISMATCH);
    assert_why(dt_policy_member(&member, "Zhang", NULL), DT_WHY_MISMATCH);
    member.user_id = NULL;
    assert_why(dt_policy_member(&member, "Zhang", "uNion1"), DT_WHY_MISMATCH);
}

static void an_inactive_member_is_refused(void **state)
{
    dt_member_t member = zhang();

    (void)state;
    member.active = false;
    assert_why(dt_policy_member(&member, "Zhang", "uNion1"), DT_WHY_NOT_ACTIVE);
}

static void a_disabled_member_is_refused(void **state)
{
    dt_member_t member = zhang();

    (void)state;
    member.disabled = true;
    assert_why(dt_policy_member(&member, "Zhang", "uNion1"), DT_WHY_DISABLED);
}

static void every_reason_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < DT_WHYS; i++) {
        assert_non_null(dt_whys[i].name);
        for (int language = 0; language < DT_LANGUAGES; language++) {
            assert_true(strlen(dt_whys[i].words[language].title) > 0);
            assert_true(strlen(dt_whys[i].words[language].text) > 0);
        }
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(dt_whys[i].name, dt_whys[other].name);
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
        cmocka_unit_test(an_active_member_comes_in),
        cmocka_unit_test(a_record_may_lack_the_unionid),
        cmocka_unit_test(a_record_of_somebody_else_is_refused),
        cmocka_unit_test(an_inactive_member_is_refused),
        cmocka_unit_test(a_disabled_member_is_refused),
        cmocka_unit_test(every_reason_is_complete),
        cmocka_unit_test(a_result_carries_its_reason_and_detail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
