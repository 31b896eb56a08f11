/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/accounts_dbd: what is made or brought up to date, never what is not ours. */
#include "create_world.h"

static apr_status_t refresh(world_t *world, const dt_accounts_t *accounts,
                            const dt_account_value_t *values)
{
    return accounts->refresh(accounts->plug.self, &world->call, values);
}

#define REFRESH(world, accounts, ...) \
    refresh((world), (accounts), (const dt_account_value_t[]){__VA_ARGS__, END})

/* --- the administrator's table --- */

static void an_account_is_made_of_its_values(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, "enabled = 1");
    dt_account_t account;

    assert_true(CREATE(world, accounts, "li", {"id", "li"}, LI, {"mobile", "+8613800138000"},
                       {"note", "it's 100%s"}));
    assert_int_equal(read_account(world, accounts, "li", &account), DT_FOUND_ONE);
    assert_string_equal(account.phone, "+8613800138000");
    assert_string_equal(value_named(&account, "name"), "Li");
    assert_string_equal(value_named(&account, "note"), "it's 100%s");
    assert_false(account.managed);
}

static void what_is_empty_is_left_to_the_table(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "ALTER TABLE staff ADD COLUMN grade VARCHAR(9) NOT NULL DEFAULT 'new'");
    assert_true(CREATE(world, accounts, "li", {"id", "li"}, {"grade", ""}, {"mail", ""}));
    assert_string_equal(value_of(world, "SELECT grade FROM staff WHERE mail IS NULL"), "new");
}

static void a_key_that_exists_is_never_touched(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, name) VALUES ('li', 'Somebody')");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}, LI));
    assert_string_equal(value_of(world, "SELECT name FROM staff"), "Somebody");
    assert_string_equal(value_of(world, "SELECT count(*) FROM staff"), "1");
}

static void a_key_that_exists_but_is_hidden_is_not_made_again(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, "enabled = 1");

    SQL(world, "INSERT INTO staff (id, name, enabled) VALUES ('li', 'Left', 0)");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}, LI));
    assert_string_equal(value_of(world, "SELECT name FROM staff"), "Left");
}

static void a_key_that_the_table_does_not_keep_unique_is_not_made_again(void **state)
{
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {"staff", "job_number", NULL, "mobile", NULL};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);

    SQL(world, "INSERT INTO staff (id, job_number) VALUES ('x', '7')");
    assert_false(CREATE(world, accounts, "7", {"id", "y"}, {"job_number", "7"}));
    assert_true(CREATE(world, accounts, "8", {"id", "y"}, {"job_number", "8"}));
    assert_string_equal(value_of(world, "SELECT count(*) FROM staff"), "2");
}

static void something_else_that_must_be_unique_makes_no_account(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "CREATE UNIQUE INDEX staff_mobile ON staff (mobile)",
        "INSERT INTO staff (id, name, mobile) VALUES ('x', 'X', '1')");
    assert_false(CREATE(world, accounts, "li", {"id", "li"}, LI, {"mobile", "1"}));
    assert_string_equal(value_of(world, "SELECT count(*) FROM staff"), "1");
    assert_string_equal(value_of(world, "SELECT name FROM staff"), "X");
}

static void what_the_table_refuses_is_an_error(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world,
        "ALTER TABLE staff ADD COLUMN grade VARCHAR(9) NOT NULL DEFAULT 'new' CHECK (grade < 'o')",
        "INSERT INTO staff (id) VALUES ('x')");
    assert_int_equal(CREATE_STATUS(world, accounts, "li", {"id", "li"}, {"nosuch", "x"}),
                     APR_EGENERAL);
    assert_int_equal(CREATE_STATUS(world, accounts, "li", {"id", "li"}, {"grade", "zzz"}),
                     APR_EGENERAL);
}

static void columns_take_values_of_their_own_type(void **state)
{
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {"members", "id", NULL, "mobile", NULL};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);

    SQL(world, "DROP TABLE IF EXISTS members",
        "CREATE TABLE members (id INTEGER PRIMARY KEY, mobile BIGINT, born DATE)");
    assert_true(CREATE(world, accounts, "7", {"id", "7"}, {"mobile", "13800138000"},
                       {"born", "1990-01-31"}));
    assert_false(CREATE(world, accounts, "7", {"id", "7"}, {"mobile", "13900139000"}));
    assert_string_equal(value_of(world, "SELECT mobile FROM members"), "13800138000");
    SQL(world, "DROP TABLE members");
}

static void an_account_without_its_key_is_not_made(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    assert_int_equal(CREATE_STATUS(world, accounts, "li", LI), APR_EINVAL);
    assert_int_equal(CREATE_STATUS(world, accounts, "", {"id", ""}, LI), APR_EINVAL);
    assert_int_equal(CREATE_STATUS(world, accounts, "LI", {"id", "li"}, LI), APR_EINVAL);
    assert_int_equal(CREATE_STATUS(world, accounts, "li", {"id", "li"}, {"na`me", "x"}),
                     APR_EINVAL);
    assert_string_equal(value_of(world, "SELECT count(*) FROM staff"), "0");
}

static void more_values_than_a_statement_takes_are_refused(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_value_t values[DT_DB_ARGS + 1] = {{"id", "li"}};

    for (int i = 1; i < DT_DB_ARGS; i++) {
        values[i] = (dt_account_value_t)LI;
    }
    assert_int_equal(create_status(world, accounts, "li", values), APR_EINVAL);
}

static void an_administrators_table_is_not_brought_up_to_date(void **state)
{
    world_t *world = *state;

    assert_null(staff(world, NULL)->refresh);
}

/* --- our own table --- */

static void a_new_account_of_our_own_is_active_managed_and_dated(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);
    dt_account_t account;

    assert_true(CREATE(world, accounts, "li", {"uid", "li"}, LI, {"mobile", "+8613800138000"},
                       {"email", "li@example.com"}, {"job_number", "7"}, {"title", "CTO"}));
    assert_int_equal(read_account(world, accounts, "li", &account), DT_FOUND_ONE);
    assert_true(account.managed);
    assert_string_equal(account.phone, "+8613800138000");
    assert_string_equal(value_named(&account, "title"), "CTO");
    assert_string_equal(value_named(&account, "email"), "li@example.com");
    assert_string_equal(value_of(world, "SELECT created_at FROM dingtalk_account "
                                        "WHERE updated_at = created_at AND status = 'active'"),
                        "1700000000000");
}

static void our_own_table_counts_what_is_active(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);
    dt_account_t account;
    dt_binding_t binding;

    SQL(world, "INSERT INTO dingtalk_account (uid, mobile) VALUES ('li', '13800138000')",
        "INSERT INTO dingtalk_account (uid, mobile, status) "
        "VALUES ('zhang', '13800138000', 'disabled')",
        "INSERT INTO dingtalk_binding (corp_id, union_id, user_id, uid) VALUES "
        "('" CORP "', 'u1', 'd1', 'zhang')");
    assert_row_text("", key_found(world, accounts, "mobile", DT_MATCH_PHONE, "+8613800138000"),
                    "li");
    assert_int_equal(read_account(world, accounts, "li", &account), DT_FOUND_ONE);
    assert_false(account.managed);
    assert_int_equal(read_account(world, accounts, "zhang", &account), DT_FOUND_NONE);
    assert_int_equal(read_bound(world, accounts, CORP, "u1", &binding, &account), DT_FOUND_NONE);
    assert_string_equal(binding.uid, "zhang");
    assert_false(CREATE(world, accounts, "zhang", {"uid", "zhang"}));
}

static void a_filter_narrows_our_own_table(void **state)
{
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {.phone = "mobile",
                                             .filter = "title = 'CTO' OR title = 'CEO' -- chiefs"};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);
    dt_account_t account;

    SQL(world, "INSERT INTO dingtalk_account (uid, title, status) VALUES "
               "('a', 'CTO', 'active'), ('b', 'CEO', 'disabled'), ('c', 'x', 'active')");
    assert_int_equal(read_account(world, accounts, "a", &account), DT_FOUND_ONE);
    assert_int_equal(read_account(world, accounts, "b", &account), DT_FOUND_NONE);
    assert_int_equal(read_account(world, accounts, "c", &account), DT_FOUND_NONE);
}

static void status_and_managed_are_not_set_by_values(void **state)
{
    static const char *const columns[] = {"status", "managed", "created_at", "STATUS", "nosuch"};
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);

    for (size_t i = 0; i < ROWS(columns); i++) {
        assert_row_int(columns[i],
                       CREATE_STATUS(world, accounts, "li", {"uid", "li"}, {columns[i], "1"}),
                       APR_EINVAL);
        assert_row_int(columns[i], REFRESH(world, accounts, {"uid", "li"}, {columns[i], "1"}),
                       APR_EINVAL);
    }
    assert_string_equal(value_of(world, "SELECT count(*) FROM dingtalk_account"), "0");
}

static void a_managed_account_is_brought_up_to_date(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);
    dt_account_t account;

    assert_true(
        CREATE(world, accounts, "li", {"uid", "li"}, LI, {"email", "a@b.c"}, {"title", "CTO"}));
    world->call.now += apr_time_from_sec(1);
    assert_int_equal(REFRESH(world, accounts, {"uid", "li"}, {"name", "Li Si"}, {"email", ""}),
                     APR_SUCCESS);
    assert_int_equal(read_account(world, accounts, "li", &account), DT_FOUND_ONE);
    assert_string_equal(value_named(&account, "name"), "Li Si");
    assert_null(value_named(&account, "email"));
    assert_string_equal(value_named(&account, "title"), "CTO");
    assert_string_equal(value_of(world, "SELECT updated_at - created_at FROM dingtalk_account "
                                        "WHERE email IS NULL"),
                        "1000");
}

static void an_account_of_the_administrators_is_not_brought_up_to_date(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);

    SQL(world, "INSERT INTO dingtalk_account (uid, name) VALUES ('li', 'Mine')");
    assert_int_equal(REFRESH(world, accounts, {"uid", "li"}, LI), APR_SUCCESS);
    assert_string_equal(value_of(world, "SELECT name FROM dingtalk_account"), "Mine");
    assert_int_equal(REFRESH(world, accounts, LI), APR_EINVAL);
}

static void ids_of_our_own_differ_by_case_and_by_spaces(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = own(world);
    dt_account_t account;

    assert_true(CREATE(world, accounts, "li", {"uid", "li"}));
    assert_true(CREATE(world, accounts, "LI", {"uid", "LI"}));
    assert_true(CREATE(world, accounts, "li ", {"uid", "li "}));
    assert_int_equal(read_account(world, accounts, "LI", &account), DT_FOUND_ONE);
    assert_string_equal(account.key, "LI");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAFF(an_account_is_made_of_its_values),
        WITH_STAFF(what_is_empty_is_left_to_the_table),
        WITH_STAFF(a_key_that_exists_is_never_touched),
        WITH_STAFF(a_key_that_exists_but_is_hidden_is_not_made_again),
        WITH_STAFF(a_key_that_the_table_does_not_keep_unique_is_not_made_again),
        WITH_STAFF(something_else_that_must_be_unique_makes_no_account),
        WITH_STAFF(what_the_table_refuses_is_an_error),
        WITH_STAFF(columns_take_values_of_their_own_type),
        WITH_STAFF(an_account_without_its_key_is_not_made),
        WITH_STAFF(more_values_than_a_statement_takes_are_refused),
        WITH_STAFF(an_administrators_table_is_not_brought_up_to_date),
        WITH_STAFF(a_new_account_of_our_own_is_active_managed_and_dated),
        WITH_STAFF(our_own_table_counts_what_is_active),
        WITH_STAFF(a_filter_narrows_our_own_table),
        WITH_STAFF(status_and_managed_are_not_set_by_values),
        WITH_STAFF(a_managed_account_is_brought_up_to_date),
        WITH_STAFF(an_account_of_the_administrators_is_not_brought_up_to_date),
        WITH_STAFF(ids_of_our_own_differ_by_case_and_by_spaces),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
