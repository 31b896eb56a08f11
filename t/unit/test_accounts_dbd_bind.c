/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/accounts_dbd: an account is made together with its binding, or not at all. */
#include "core/bind.h"
#include "create_world.h"

#define CROWD_SIZE 20

static void the_person_is_bound_to_the_new_account(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    const dt_claim_t claim = {CORP, "union1", "manager4220", "li", "create"};
    dt_account_t account;
    dt_binding_t binding;

    assert_true(
        create_for(world, accounts, &claim, (const dt_account_value_t[]){{"id", "li"}, END}));
    assert_int_equal(read_bound(world, accounts, CORP, "union1", &binding, &account), DT_FOUND_ONE);
    assert_string_equal(account.key, "li");
    assert_string_equal(binding.uid, "li");
    assert_string_equal(binding.user_id, "manager4220");
    assert_string_equal(value_of(world, "SELECT method FROM dingtalk_binding"), "create");
    assert_string_equal(value_of(world, "SELECT bound_at FROM dingtalk_binding"), "1700000000000");
}

static void who_is_bound_already_gets_no_second_account(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES "
               "('" CORP "', 'li', 'another')");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}));
    assert_rows(world, "staff", "0");
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_binding"), "another");
}

static void a_key_that_is_bound_to_another_person_makes_no_account(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES "
               "('" CORP "', 'another', 'li')");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}));
    assert_rows(world, "staff", "0");
    assert_string_equal(value_of(world, "SELECT union_id FROM dingtalk_binding"), "another");
}

static void without_an_account_nobody_is_bound(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id) VALUES ('li')");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}));
    assert_int_equal(CREATE_STATUS(world, accounts, "x", {"id", "x"}, {"nosuch", "x"}),
                     APR_EGENERAL);
    assert_rows(world, "dingtalk_binding", "0");
}

static void without_a_place_for_bindings_no_account_is_made(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "ALTER TABLE dingtalk_binding RENAME TO elsewhere");
    assert_int_equal(CREATE_STATUS(world, accounts, "li", {"id", "li"}), APR_EGENERAL);
    SQL(world, "ALTER TABLE elsewhere RENAME TO dingtalk_binding");
    assert_rows(world, "staff", "0");
    assert_true(CREATE(world, accounts, "li", {"id", "li"}));
}

/* As the work is done a second time when the reply to the first commit is lost. */
static void done_twice_it_is_not_created_but_bound(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;
    dt_binding_t binding;

    assert_true(CREATE(world, accounts, "li", {"id", "li"}));
    assert_false(CREATE(world, accounts, "li", {"id", "li"}));
    assert_int_equal(read_bound(world, accounts, CORP, "li", &binding, &account), DT_FOUND_ONE);
    assert_string_equal(account.key, "li");
    assert_rows(world, "staff", "1");
    assert_rows(world, "dingtalk_binding", "1");
}

static const dt_accounts_t *once;

static apr_status_t create_twice(void *self, const dt_call_t *call,
                                 const dt_account_value_t *values, const dt_claim_t *claim,
                                 bool *created)
{
    assert_int_equal(once->create(self, call, values, claim, created), APR_SUCCESS);
    assert_true(*created);
    return once->create(self, call, values, claim, created);
}

/* The whole way: dt_bind_person on a store whose reply was lost once. */
static void who_was_made_without_a_reply_is_let_in(void **state)
{
    world_t *world = *state;
    dt_accounts_t twice = *own(world);
    const dt_member_t person = {.user_id = "li", .union_id = "union1"};
    dt_template_t *userid = NULL;
    dt_create_t rows[] = {{"uid", NULL}, {NULL, NULL}};
    const dt_bind_t bind = {.corp_id = CORP,
                            .accounts = &twice,
                            .memory = world->memory,
                            .unbound = DT_UNBOUND_CREATE,
                            .create = rows,
                            .key_attribute = "uid"};
    dt_account_t account;
    dt_result_t result;

    once = own(world);
    twice.create = create_twice;
    assert_null(dt_template_parse(world->pool, "%{userid}", dt_bind_names, &userid));
    rows[0].value = userid;
    assert_int_equal(dt_bind_person(&bind, &world->call, &person, &account, &result), APR_SUCCESS);
    assert_why(result, DT_WHY_SIGNED_IN);
    assert_string_equal(account.key, "li");
}

/* --- several at the same time --- */

static void assert_all_succeeded(const member_t *members)
{
    for (int i = 0; i < CROWD_SIZE; i++) {
        assert_row_int(apr_itoa(members[i].call.pool, i), members[i].status, APR_SUCCESS);
    }
}

static void create_as(member_t *member, const char *union_id, const char *key)
{
    const dt_account_value_t values[] = {{"id", key}, LI, END};
    const dt_claim_t claim = {CORP, union_id, "user", key, "create"};
    const dt_accounts_t *accounts = staff_of(member->call.pool, member->world, NULL);

    member->status =
        accounts->create(accounts->plug.self, &member->call, values, &claim, &member->yes);
}

static void create_one(member_t *member)
{
    create_as(member, "li", "li");
}

static void create_one_for_each(member_t *member)
{
    create_as(member, apr_itoa(member->call.pool, member->number), "li");
}

static void create_each(member_t *member)
{
    const char *key = apr_itoa(member->call.pool, member->number);

    create_as(member, key, key);
}

static void of_many_tabs_of_a_person_one_makes_the_account(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_SIZE];

    assert_int_equal(crowd(world, CROWD_SIZE, create_one, members), 1);
    assert_all_succeeded(members);
    assert_rows(world, "staff", "1");
    assert_rows(world, "dingtalk_binding", "1");
}

static void of_many_persons_with_one_key_one_gets_the_account(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_SIZE];

    assert_int_equal(crowd(world, CROWD_SIZE, create_one_for_each, members), 1);
    assert_all_succeeded(members);
    assert_rows(world, "staff", "1");
    assert_rows(world, "dingtalk_binding", "1");
}

static void many_new_persons_at_the_same_time_get_an_account_each(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_SIZE];

    assert_int_equal(crowd(world, CROWD_SIZE, create_each, members), CROWD_SIZE);
    assert_all_succeeded(members);
    assert_rows(world, "staff", "20");
    assert_rows(world, "dingtalk_binding", "20");
}

/* In a table that somebody else has made, without our keys: the account of one binding must not
 * stand beside the key of the other. */
static void who_is_bound_twice_has_no_account(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;
    dt_binding_t binding;

    SQL(world, "DROP TABLE dingtalk_binding",
        "CREATE TABLE dingtalk_binding (corp_id VARCHAR(128), union_id VARCHAR(128), "
        "user_id VARCHAR(128), uid VARCHAR(255))",
        "INSERT INTO staff (id) VALUES ('zhang')",
        "INSERT INTO dingtalk_binding VALUES ('" CORP "', 'union1', 'user1', 'zhang')");
    assert_int_equal(read_bound(world, accounts, CORP, "union1", &binding, &account), DT_FOUND_ONE);
    SQL(world, "INSERT INTO dingtalk_binding VALUES ('" CORP "', 'union1', 'user1', 'gone')");
    assert_int_equal(read_bound(world, accounts, CORP, "union1", &binding, &account),
                     DT_FOUND_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAFF(the_person_is_bound_to_the_new_account),
        WITH_STAFF(who_is_bound_already_gets_no_second_account),
        WITH_STAFF(a_key_that_is_bound_to_another_person_makes_no_account),
        WITH_STAFF(without_an_account_nobody_is_bound),
        WITH_STAFF(without_a_place_for_bindings_no_account_is_made),
        WITH_STAFF(done_twice_it_is_not_created_but_bound),
        WITH_STAFF(who_was_made_without_a_reply_is_let_in),
        WITH_STAFF(who_is_bound_twice_has_no_account),
        WITH_STAFF(of_many_tabs_of_a_person_one_makes_the_account),
        WITH_STAFF(of_many_persons_with_one_key_one_gets_the_account),
        WITH_STAFF(many_new_persons_at_the_same_time_get_an_account_each),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
