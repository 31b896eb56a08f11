/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port in SQL: who is bound to what, told in the audit. */
#include "database.h"

static dt_bound_t bind_in(world_t *world, const char *corp_id, const char *union_id,
                          const char *uid)
{
    const dt_claim_t claim = {corp_id, union_id, "manager4220", uid, "mobile"};
    dt_bound_t bound = DT_BOUND_OTHER;

    assert_int_equal(world->memory->bind(world->memory->plug.self, &world->call, &claim, &bound),
                     APR_SUCCESS);
    return bound;
}

static dt_bound_t bind_as(world_t *world, const char *union_id, const char *uid)
{
    return bind_in(world, CORP, union_id, uid);
}

static dt_binding_t binding_of(world_t *world, const char *corp_id, const char *union_id)
{
    dt_binding_t binding;

    assert_int_equal(world->memory->binding(world->memory->plug.self, &world->call, corp_id,
                                            union_id, &binding),
                     APR_SUCCESS);
    return binding;
}

static const char *uid_of(world_t *world, const char *union_id)
{
    return binding_of(world, CORP, union_id).uid;
}

static void audit(world_t *world, const dt_audit_t *entry)
{
    assert_int_equal(world->memory->audit(world->memory->plug.self, &world->call, entry),
                     APR_SUCCESS);
}

/* --- bindings --- */

static void who_is_bound_is_found(void **state)
{
    world_t *world = *state;

    assert_null(uid_of(world, "union1"));
    assert_int_equal(bind_as(world, "union1", "zhangsan"), DT_BOUND);
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
    assert_string_equal(binding_of(world, CORP, "union1").user_id, "manager4220");
    assert_string_equal(value_of(world, "SELECT bound_at FROM dingtalk_binding"), "1700000000000");
    assert_string_equal(value_of(world, "SELECT method FROM dingtalk_binding"), "mobile");
}

static void to_be_bound_again_to_the_same_account_changes_nothing(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    world->call.now += apr_time_from_sec(60);
    assert_int_equal(bind_as(world, "union1", "zhangsan"), DT_BOUND);
    assert_string_equal(value_of(world, "SELECT bound_at FROM dingtalk_binding"), "1700000000000");
}

static void an_account_has_one_person_of_a_corp(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    assert_int_equal(bind_as(world, "union2", "zhangsan"), DT_BOUND_TAKEN);
    assert_null(uid_of(world, "union2"));
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
}

static void a_person_has_one_account(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    assert_int_equal(bind_as(world, "union1", "lisi"), DT_BOUND_OTHER);
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
}

static void who_wants_anothers_account_and_has_one_keeps_it(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    bind_as(world, "union2", "lisi");
    assert_int_equal(bind_as(world, "union1", "lisi"), DT_BOUND_OTHER);
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
}

static void corps_never_mix(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    assert_null(binding_of(world, "dingother", "union1").uid);
    assert_int_equal(bind_in(world, "dingother", "union1", "lisi"), DT_BOUND);
    assert_int_equal(bind_in(world, "dingother", "union2", "zhangsan"), DT_BOUND);
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
}

static void ids_are_compared_byte_by_byte(void **state)
{
    static const char *const ids[] = {"Zhang",  "zhang",        "ZHANG",         "zhang ",
                                      " zhang", "zh\xc3\xa4ng", "zha\xcc\x88ng", "\xef\xbd\x9ahang",
                                      "zhang\t"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(ids); i++) {
        assert_row_text(ids[i], uid_of(world, ids[i]), NULL);
        assert_row_int(ids[i], bind_as(world, ids[i], ids[i]), DT_BOUND);
    }
    for (size_t i = 0; i < ROWS(ids); i++) {
        assert_row_text(ids[i], uid_of(world, ids[i]), ids[i]);
    }
}

static void whatever_a_field_holds_is_only_a_value(void **state)
{
    static const char *const nasty[] = {"'; DROP TABLE dingtalk_binding; --",
                                        "\" OR \"1\"=\"1",
                                        "' OR '1'='1",
                                        "\\'; --",
                                        "%s%n%",
                                        "$1",
                                        "?",
                                        ":x",
                                        "/*",
                                        "\\",
                                        "%",
                                        "_",
                                        "\xe5\xbc\xa0\xe4\xb8\x89",
                                        "\xf0\x9f\x90\x89",
                                        "a\nb\tc",
                                        "{d '1'}",
                                        "0x41",
                                        "NULL"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(nasty); i++) {
        const char *text = nasty[i];
        const dt_audit_t entry = {"refused", text, text, text, text, text, text};
        const dt_claim_t claim = {text, text, text, text, text};
        dt_bound_t bound = DT_BOUND_OTHER;

        assert_row_text(text, binding_of(world, text, text).uid, NULL);
        assert_int_equal(world->memory->bind(world->memory->plug.self, &world->call, &claim,
                                             &bound),
                         APR_SUCCESS);
        assert_row_int(text, bound, DT_BOUND);
        assert_row_text(text, binding_of(world, text, text).uid, text);
        assert_row_text(text, binding_of(world, text, text).user_id, text);
        world->call.address = text;
        audit(world, &entry);
        assert_row_text(text, value_of(world, "SELECT why FROM dingtalk_audit ORDER BY id"), text);
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "18");
}

/* By hand, with as little as the table takes. */
static void a_binding_that_an_administrator_made_counts(void **state)
{
    world_t *world = *state;

    assert_int_equal(change(world, "INSERT INTO dingtalk_binding (corp_id, union_id, uid) "
                                   "VALUES ('dingcorp0001', 'union1', 'zhangsan')"),
                     1);
    assert_string_equal(uid_of(world, "union1"), "zhangsan");
    assert_string_equal(binding_of(world, CORP, "union1").user_id, "");
    assert_int_equal(bind_as(world, "union2", "zhangsan"), DT_BOUND_TAKEN);
}

/* --- many at once --- */

static void claim_one_account(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    const char *union_id = apr_psprintf(member->call.pool, "union%d", member->number);
    const dt_claim_t claim = {CORP, union_id, "user", "zhangsan", "code"};
    dt_bound_t bound = DT_BOUND_OTHER;

    member->status = memory->bind(memory->plug.self, &member->call, &claim, &bound);
    member->yes = bound == DT_BOUND;
}

static void of_a_hundred_who_claim_one_account_one_gets_it(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    assert_int_equal(crowd(world, crowd_size(), claim_one_account, members), 1);
    for (int i = 0; i < crowd_size(); i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "1");
}

static void claim_an_account_each(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    const char *uid = apr_psprintf(member->call.pool, "account%d", member->number);
    const dt_claim_t claim = {CORP, "union1", "user", uid, "code"};
    dt_bound_t bound = DT_BOUND_TAKEN;

    member->status = memory->bind(memory->plug.self, &member->call, &claim, &bound);
    member->yes = bound == DT_BOUND;
}

static void of_a_hundred_accounts_one_person_gets_one(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    assert_int_equal(crowd(world, crowd_size(), claim_an_account_each, members), 1);
    for (int i = 0; i < crowd_size(); i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "1");
}

/* --- audit --- */

static void an_audit_row_has_everything(void **state)
{
    const dt_audit_t entry = {.what = "refused",
                              .corp_id = CORP,
                              .union_id = "union1",
                              .user_id = "manager4220",
                              .uid = "zhangsan",
                              .phone = "+86138****8000",
                              .why = "account_taken"};
    world_t *world = *state;

    audit(world, &entry);
    assert_string_equal(value_of(world, "SELECT at FROM dingtalk_audit"), "1700000000000");
    assert_string_equal(value_of(world, "SELECT corp_id FROM dingtalk_audit"), CORP);
    assert_string_equal(value_of(world, "SELECT union_id FROM dingtalk_audit"), "union1");
    assert_string_equal(value_of(world, "SELECT user_id FROM dingtalk_audit"), "manager4220");
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_audit"), "zhangsan");
    assert_string_equal(value_of(world, "SELECT address FROM dingtalk_audit"), "192.0.2.7");
    assert_string_equal(value_of(world, "SELECT phone FROM dingtalk_audit"), "+86138****8000");
    assert_string_equal(value_of(world, "SELECT what FROM dingtalk_audit"), "refused");
    assert_string_equal(value_of(world, "SELECT why FROM dingtalk_audit"), "account_taken");
}

static void what_is_not_known_is_null_in_the_audit(void **state)
{
    world_t *world = *state;

    world->call.address = NULL;
    audit(world, &(dt_audit_t){.what = "refused"});
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_audit WHERE corp_id IS NULL "
                                        "AND union_id IS NULL AND user_id IS NULL AND uid IS NULL "
                                        "AND address IS NULL AND phone IS NULL AND why IS NULL"),
                        "1");
}

static void a_sign_in_is_seen_in_the_binding(void **state)
{
    const dt_audit_t entry = {
        .what = "signed_in", .corp_id = CORP, .union_id = "union1", .user_id = "new", .uid = "u1"};
    world_t *world = *state;

    bind_as(world, "union1", "u1");
    bind_as(world, "union2", "u2");
    bind_in(world, "dingother", "union1", "u1");
    world->call.now += apr_time_from_sec(60);
    audit(world, &entry);
    assert_string_equal(binding_of(world, CORP, "union1").user_id, "new");
    assert_string_equal(binding_of(world, CORP, "union2").user_id, "manager4220");
    assert_string_equal(binding_of(world, "dingother", "union1").user_id, "manager4220");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding "
                                        "WHERE last_login_at = 1700000060000"),
                        "1");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_audit"), "1");
}

static void another_entry_is_not_a_sign_in(void **state)
{
    const dt_audit_t entry = {
        .what = "refused", .corp_id = CORP, .union_id = "union1", .user_id = "new", .uid = "u1"};
    world_t *world = *state;

    bind_as(world, "union1", "u1");
    audit(world, &entry);
    assert_string_equal(binding_of(world, CORP, "union1").user_id, "manager4220");
    assert_null(value_of(world, "SELECT last_login_at FROM dingtalk_binding"));
}

static void a_sign_in_of_nobody_who_is_bound_is_audited(void **state)
{
    world_t *world = *state;

    audit(world, &(dt_audit_t){.what = "signed_in", .corp_id = CORP, .union_id = "union1"});
    assert_string_equal(value_of(world, "SELECT what FROM dingtalk_audit"), "signed_in");
}

static void to_unbind_by_hand_is_audited(void **state)
{
    world_t *world = *state;

    bind_as(world, "union1", "zhangsan");
    assert_int_equal(change(world, "DELETE FROM dingtalk_binding WHERE uid = 'zhangsan'"), 1);
    if (getenv("DT_TEST_NO_TRIGGER")) {
        assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_audit"), "0");
        return;
    }
    assert_string_equal(value_of(world, "SELECT what FROM dingtalk_audit"), "unbound");
    assert_string_equal(value_of(world, "SELECT corp_id FROM dingtalk_audit"), CORP);
    assert_string_equal(value_of(world, "SELECT union_id FROM dingtalk_audit"), "union1");
    assert_string_equal(value_of(world, "SELECT user_id FROM dingtalk_audit"), "manager4220");
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_audit"), "zhangsan");
    assert_true(llabs(apr_atoi64(value_of(world, "SELECT at FROM dingtalk_audit")) -
                      apr_time_as_msec(apr_time_now())) < 60000);
}

/* What lies between the marks is counted by whoever reads the server's log. */
static void a_bound_person_costs_two_statements(void **state)
{
    const dt_audit_t entry = {
        .what = "signed_in", .corp_id = CORP, .union_id = "union1", .user_id = "new", .uid = "u1"};
    world_t *world = *state;

    bind_as(world, "union1", "u1");
    for (int i = 0; i < 3; i++) {
        value_of(world, "SELECT 'begin counting'");
        uid_of(world, "union1");
        audit(world, &entry);
        value_of(world, "SELECT 'end counting'");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(who_is_bound_is_found),
        WITH_WORLD(to_be_bound_again_to_the_same_account_changes_nothing),
        WITH_WORLD(an_account_has_one_person_of_a_corp),
        WITH_WORLD(a_person_has_one_account),
        WITH_WORLD(who_wants_anothers_account_and_has_one_keeps_it),
        WITH_WORLD(corps_never_mix),
        WITH_WORLD(ids_are_compared_byte_by_byte),
        WITH_WORLD(whatever_a_field_holds_is_only_a_value),
        WITH_WORLD(a_binding_that_an_administrator_made_counts),
        WITH_WORLD(of_a_hundred_who_claim_one_account_one_gets_it),
        WITH_WORLD(of_a_hundred_accounts_one_person_gets_one),
        WITH_WORLD(an_audit_row_has_everything),
        WITH_WORLD(what_is_not_known_is_null_in_the_audit),
        WITH_WORLD(a_sign_in_is_seen_in_the_binding),
        WITH_WORLD(another_entry_is_not_a_sign_in),
        WITH_WORLD(a_sign_in_of_nobody_who_is_bound_is_audited),
        WITH_WORLD(to_unbind_by_hand_is_audited),
        WITH_WORLD(a_bound_person_costs_two_statements),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
