/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/accounts_dbd: which account is found, and which never is. */
#include "accounts_world.h"

#define PHONE "+8613800138000"

/* --- find --- */

static void a_text_is_found_byte_for_byte(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, job_number) VALUES ('zhang', 'A1')");
    assert_row_text("same", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "A1"), "zhang");
    assert_row_text("case", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "a1"), NULL);
    assert_row_text("space", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "A1 "), NULL);
    assert_row_text("begin", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "A"), NULL);
    assert_row_text("like", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "%"), NULL);
}

static void of_texts_that_differ_in_case_the_same_one_is_found(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, job_number) VALUES ('zhang', 'A1'), ('li', 'a1')");
    assert_row_text("", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "a1"), "li");
}

/* Also where the column itself heeds case, as name does. */
static void a_mail_is_found_in_any_case(void **state)
{
    static const char *const columns[] = {"mail", "name"};
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, mail, name) VALUES "
               "('zhang', 'Zhang.San@Example.com', 'Zhang.San@Example.com')");
    for (size_t i = 0; i < ROWS(columns); i++) {
        assert_row_text(columns[i],
                        key_found(world, accounts, columns[i], DT_MATCH_EMAIL,
                                  "zhang.san@EXAMPLE.com"),
                        "zhang");
        assert_row_text(columns[i],
                        key_found(world, accounts, columns[i], DT_MATCH_EMAIL,
                                  "zhang_san@example.com"),
                        NULL);
    }
}

static const char *const spellings[] = {"+8613800138000",  "8613800138000",   "13800138000",
                                        "+86-13800138000", "+86 13800138000", "008613800138000"};

static void a_phone_is_found_in_each_usual_spelling(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    for (size_t i = 0; i < ROWS(spellings); i++) {
        SQL(world, "DELETE FROM staff",
            apr_psprintf(world->call.pool, "INSERT INTO staff (id, mobile) VALUES ('zhang', '%s')",
                         spellings[i]));
        assert_row_text(spellings[i], key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE),
                        "zhang");
        assert_row_text(spellings[i],
                        key_found(world, accounts, "mobile", DT_MATCH_PHONE, "+8613800138001"),
                        NULL);
    }
}

static void one_phone_in_two_spellings_is_several(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, mobile) VALUES ('zhang', '13800138000'), "
               "('li', '+86-13800138000')");
    assert_row_text("", key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE), "(several)");
}

static void a_phone_that_is_kept_as_a_number_is_found(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "ALTER TABLE staff ADD COLUMN cell BIGINT",
        "INSERT INTO staff (id, cell) VALUES ('zhang', 13800138000), ('li', 86)");
    assert_row_text("", key_found(world, accounts, "cell", DT_MATCH_PHONE, PHONE), "zhang");
}

static void empty_and_missing_values_are_never_the_same(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, mobile, mail) VALUES ('zhang', '', ''), ('li', NULL, NULL)");
    assert_row_text("text", key_found(world, accounts, "mail", DT_MATCH_TEXT, ""), NULL);
    assert_row_text("mail", key_found(world, accounts, "mail", DT_MATCH_EMAIL, ""), NULL);
    assert_row_text("phone", key_found(world, accounts, "mobile", DT_MATCH_PHONE, ""), NULL);
    assert_row_text("NULL", key_found(world, accounts, "mail", DT_MATCH_TEXT, NULL), NULL);
    assert_row_text("no phone", key_found(world, accounts, "mobile", DT_MATCH_PHONE, "12"), NULL);
}

static void more_rows_than_are_read_are_several(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    for (int i = 0; i < 60; i++) {
        SQL(world, apr_psprintf(world->call.pool,
                                "INSERT INTO staff (id, job_number) VALUES ('u%d', 'a1')", i));
    }
    assert_row_text("", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "a1"), "(several)");
    if (dt_db_kind(world->db) == DT_DB_SQLITE3) {
        assert_row_text("", key_found(world, accounts, "job_number", DT_MATCH_TEXT, "A1"),
                        "(several)");
    }
}

static void a_row_without_a_key_is_no_account_but_makes_another_doubtful(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);

    SQL(world, "INSERT INTO staff (id, mobile) VALUES ('', '13800138000')");
    assert_row_text("", key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE), NULL);
    SQL(world, "INSERT INTO staff (id, mobile) VALUES ('zhang', '13800138000')");
    assert_row_text("", key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE), "(several)");
}

static const char *const hostile[] = {"' OR '1'='1",
                                      "x' OR 1=1 --",
                                      "\\' OR 1=1 -- ",
                                      "x'; DROP TABLE staff; --",
                                      "%s%s%n",
                                      "$1",
                                      "?",
                                      "\xe5\xbc\xa0",
                                      "\xf0\x9f\x98\x80",
                                      "\x01\x7f\"`"};

static void hostile_values_are_only_values(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;
    dt_binding_t binding;

    SQL(world, "INSERT INTO staff (id, job_number, mail) VALUES ('zhang', 'A1', 'a@b.c')");
    for (size_t i = 0; i < ROWS(hostile); i++) {
        const char *text = hostile[i];

        assert_row_text(text, key_found(world, accounts, "job_number", DT_MATCH_TEXT, text), NULL);
        assert_row_text(text, key_found(world, accounts, "mail", DT_MATCH_EMAIL, text), NULL);
        assert_row_text(text, key_found(world, accounts, "enabled", DT_MATCH_TEXT, text), NULL);
        assert_row_int(text, read_account(world, accounts, text, &account), DT_FOUND_NONE);
        assert_row_int(text, read_bound(world, accounts, text, text, &binding, &account),
                       DT_FOUND_NONE);
        assert_row_text(text, binding.uid, NULL);
    }
    assert_string_equal(value_of(world, "SELECT count(*) FROM staff"), "1");
}

static void an_attribute_that_is_no_name_is_refused(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;
    dt_found_t found;

    assert_int_equal(accounts->find(accounts->plug.self, &world->call, "mail` OR 1=1 -- ",
                                    DT_MATCH_TEXT, "x", &account, &found),
                     APR_EINVAL);
}

static void a_column_that_is_not_there_is_an_error_and_no_text(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;
    dt_found_t found;

    SQL(world, "INSERT INTO staff (id) VALUES ('zhang')");
    assert_int_not_equal(accounts->find(accounts->plug.self, &world->call, "nosuch", DT_MATCH_TEXT,
                                        "nosuch", &account, &found),
                         APR_SUCCESS);
}

/* --- read --- */

static void an_account_is_read_by_its_exact_key(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;

    SQL(world, "INSERT INTO staff (id, name, mobile, mail) VALUES "
               "('Zhang', '\xe5\xbc\xa0', '13800138000', '')");
    assert_int_equal(read_account(world, accounts, "Zhang", &account), DT_FOUND_ONE);
    assert_string_equal(account.key, "Zhang");
    assert_string_equal(account.phone, "13800138000");
    assert_string_equal(value_named(&account, "name"), "\xe5\xbc\xa0");
    assert_null(value_named(&account, "mail"));
    assert_null(value_named(&account, "note"));
    assert_false(account.managed);
    assert_int_equal(read_account(world, accounts, "zhang", &account), DT_FOUND_NONE);
    assert_int_equal(read_account(world, accounts, "Zhang ", &account), DT_FOUND_NONE);
    assert_int_equal(read_account(world, accounts, "", &account), DT_FOUND_NONE);
}

static void a_long_text_is_read_as_it_is(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_account_t account;

    SQL(world, "INSERT INTO staff (id, note) VALUES ('a', 'a longer note'), ('b', 'short')");
    assert_int_equal(read_account(world, accounts, "a", &account), DT_FOUND_ONE);
    assert_string_equal(value_named(&account, "note"), "a longer note");
    assert_int_equal(read_account(world, accounts, "b", &account), DT_FOUND_ONE);
    assert_string_equal(value_named(&account, "note"), "short");
}

static void a_key_of_two_accounts_is_none(void **state)
{
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {"staff", "job_number", NULL, "mobile", NULL};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);
    dt_account_t account;

    SQL(world, "INSERT INTO staff (id, job_number) VALUES ('zhang', 'A1'), ('li', 'A1')");
    assert_int_equal(read_account(world, accounts, "A1", &account), DT_FOUND_NONE);
}

/* --- the filter --- */

static const char *const filters[] = {"enabled = 1",
                                      "staff.enabled = 1",
                                      "enabled = 1 -- who works here",
                                      "name LIKE 'a%'",
                                      "enabled = 1 AND name LIKE '%s' OR name LIKE '%a%'",
                                      "user_id IS NULL"};

static void what_the_filter_hides_is_not_there(void **state)
{
    world_t *world = *state;
    dt_account_t account;
    dt_binding_t binding;

    SQL(world,
        "INSERT INTO staff (id, name, mobile, enabled, user_id) VALUES "
        "('in', 'abc', '13800138000', 1, NULL), ('out', 'xyz', '13900139000', 0, '1')",
        "INSERT INTO dingtalk_binding (corp_id, union_id, user_id, uid) VALUES "
        "('" CORP "', 'u1', 'd1', 'in'), ('" CORP "', 'u2', 'd2', 'out')");
    for (size_t i = 0; i < ROWS(filters); i++) {
        const dt_accounts_t *accounts = staff(world, filters[i]);

        assert_row_text(filters[i], key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE),
                        "in");
        assert_row_text(filters[i],
                        key_found(world, accounts, "mobile", DT_MATCH_PHONE, "+8613900139000"),
                        NULL);
        assert_row_int(filters[i], read_account(world, accounts, "in", &account), DT_FOUND_ONE);
        assert_row_int(filters[i], read_account(world, accounts, "out", &account), DT_FOUND_NONE);
        assert_row_int(filters[i], read_bound(world, accounts, CORP, "u1", &binding, &account),
                       DT_FOUND_ONE);
        assert_row_int(filters[i], read_bound(world, accounts, CORP, "u2", &binding, &account),
                       DT_FOUND_NONE);
        assert_row_text(filters[i], binding.uid, "out");
    }
}

/* --- read_bound --- */

static void a_binding_and_its_account_are_read_together(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_binding_t binding;
    dt_account_t account;

    SQL(world, "INSERT INTO staff (id, name) VALUES ('Zhang', 'San')",
        "INSERT INTO dingtalk_binding (corp_id, union_id, user_id, uid) VALUES "
        "('" CORP "', 'u1', 'd1', 'Zhang'), ('" CORP "', 'u2', 'd2', 'gone'), "
        "('" CORP "', 'u3', NULL, 'zhang')");
    assert_int_equal(read_bound(world, accounts, CORP, "u1", &binding, &account), DT_FOUND_ONE);
    assert_string_equal(binding.uid, "Zhang");
    assert_string_equal(binding.user_id, "d1");
    assert_string_equal(account.key, "Zhang");
    assert_string_equal(value_named(&account, "name"), "San");

    assert_int_equal(read_bound(world, accounts, CORP, "u2", &binding, &account), DT_FOUND_NONE);
    assert_string_equal(binding.uid, "gone");
    assert_int_equal(read_bound(world, accounts, CORP, "u3", &binding, &account), DT_FOUND_NONE);
    assert_string_equal(binding.uid, "zhang");
}

static void a_person_of_another_corp_is_not_bound(void **state)
{
    world_t *world = *state;
    const dt_accounts_t *accounts = staff(world, NULL);
    dt_binding_t binding;
    dt_account_t account;

    SQL(world, "INSERT INTO staff (id) VALUES ('zhang')",
        "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES ('" CORP "', 'u1', 'zhang')");
    assert_int_equal(read_bound(world, accounts, OTHER_CORP, "u1", &binding, &account),
                     DT_FOUND_NONE);
    assert_null(binding.uid);
    assert_int_equal(read_bound(world, accounts, CORP, "U1", &binding, &account), DT_FOUND_NONE);
    assert_null(binding.uid);
}

/* --- other tables --- */

static void a_key_that_is_a_number_never_makes_an_error_of_a_text(void **state)
{
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {"members", "id", NULL, "mobile", NULL};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);
    dt_binding_t binding;
    dt_account_t account;

    SQL(world, "DROP TABLE IF EXISTS members",
        "CREATE TABLE members (id INTEGER PRIMARY KEY, mobile VARCHAR(64), born DATE)",
        "INSERT INTO members (id, mobile) VALUES (7, '13800138000')",
        "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES ('" CORP "', 'u1', '7'), "
        "('" CORP "', 'u2', 'seven'), ('" CORP "', 'u3', '7e0')");
    assert_int_equal(read_account(world, accounts, "7", &account), DT_FOUND_ONE);
    assert_string_equal(account.key, "7");
    assert_int_equal(read_account(world, accounts, "seven", &account), DT_FOUND_NONE);
    assert_int_equal(read_account(world, accounts, "07", &account), DT_FOUND_NONE);
    assert_row_text("", key_found(world, accounts, "id", DT_MATCH_TEXT, "7x"), NULL);
    assert_row_text("", key_found(world, accounts, "born", DT_MATCH_TEXT, "no date"), NULL);
    assert_int_equal(read_bound(world, accounts, CORP, "u1", &binding, &account), DT_FOUND_ONE);
    assert_int_equal(read_bound(world, accounts, CORP, "u2", &binding, &account), DT_FOUND_NONE);
    assert_string_equal(binding.uid, "seven");
    assert_int_equal(read_bound(world, accounts, CORP, "u3", &binding, &account), DT_FOUND_NONE);
    SQL(world, "DROP TABLE members");
}

static void names_may_be_keywords(void **state)
{
    world_t *world = *state;
    const bool pgsql = dt_db_kind(world->db) == DT_DB_PGSQL;
    const char *const attributes[] = {"Select", NULL};
    const dt_accounts_dbd_config_t config = {"Order", "User", NULL, "Group", attributes};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);
    const char *table = "CREATE TABLE `Order` (`User` VARCHAR(9), `Group` VARCHAR(64), "
                        "`Select` VARCHAR(9))";
    dt_account_t account;

    SQL(world, pgsql ? "DROP TABLE IF EXISTS \"order\"" : "DROP TABLE IF EXISTS `Order`",
        pgsql ? "CREATE TABLE \"order\" (\"user\" TEXT, \"group\" TEXT, \"select\" TEXT)" : table,
        pgsql ? "INSERT INTO \"order\" VALUES ('zhang', '13800138000', 'x')"
              : "INSERT INTO `Order` VALUES ('zhang', '13800138000', 'x')");
    assert_int_equal(read_account(world, accounts, "zhang", &account), DT_FOUND_ONE);
    assert_string_equal(value_named(&account, "Select"), "x");
    assert_row_text("", key_found(world, accounts, "Group", DT_MATCH_PHONE, PHONE), "zhang");
    SQL(world, pgsql ? "DROP TABLE \"order\"" : "DROP TABLE `Order`");
}

/* Only MySQL has tables of several character sets, and refuses to compare some. */
static void a_column_of_another_character_set_is_no_error(void **state)
{
    static const char *const sets[] = {"ascii", "latin1", "gbk", "utf8mb3"};
    world_t *world = *state;
    const dt_accounts_dbd_config_t config = {"members", "id", NULL, "mobile", NULL};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);
    dt_binding_t binding;
    dt_account_t account;

    if (dt_db_kind(world->db) != DT_DB_MYSQL) {
        skip();
    }
    SQL(world, "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES "
               "('" CORP "', 'u1', 'zhang'), ('" CORP "', 'u2', '\xe5\xbc\xa0\xf0\x9f\x98\x80')");
    for (size_t i = 0; i < ROWS(sets); i++) {
        SQL(world, "DROP TABLE IF EXISTS members",
            apr_psprintf(world->call.pool,
                         "CREATE TABLE members (id VARCHAR(64) PRIMARY KEY, mobile VARCHAR(64)) "
                         "CHARACTER SET %s",
                         sets[i]),
            "INSERT INTO members VALUES ('zhang', '13800138000')");
        assert_row_int(sets[i], read_account(world, accounts, "zhang", &account), DT_FOUND_ONE);
        assert_row_int(sets[i],
                       read_account(world, accounts, "\xe5\xbc\xa0\xf0\x9f\x98\x80", &account),
                       DT_FOUND_NONE);
        assert_row_text(sets[i], key_found(world, accounts, "mobile", DT_MATCH_PHONE, PHONE),
                        "zhang");
        assert_row_int(sets[i], read_bound(world, accounts, CORP, "u1", &binding, &account),
                       DT_FOUND_ONE);
        assert_row_int(sets[i], read_bound(world, accounts, CORP, "u2", &binding, &account),
                       DT_FOUND_NONE);
        assert_row_true(sets[i], binding.uid);
    }
    SQL(world, "DROP TABLE members");
}

/* --- names --- */

static void a_name_is_letters_digits_and_underscores(void **state)
{
    static const char *const good[] = {"a", "A_1", "_x", "hr_staff"};
    static const char *const bad[] = {"",    "1a",  "a b", "a`", "a\"",         "a;",
                                      "a'b", "a.b", "a-b", "a%", "\xe5\xbc\xa0"};
    static const char *const bad_tables[] = {".", "a.", ".b", "a.b.c", "a.1b", "a..b"};
    const char *longest = "a12345678901234567890123456789012345678901234567890123456789012";

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        assert_row_true(good[i], dt_accounts_dbd_is_name(good[i], false));
    }
    for (size_t i = 0; i < ROWS(bad); i++) {
        assert_row_true(bad[i], !dt_accounts_dbd_is_name(bad[i], false));
    }
    assert_true(dt_accounts_dbd_is_name("hr.staff", true));
    for (size_t i = 0; i < ROWS(bad_tables); i++) {
        assert_row_true(bad_tables[i], !dt_accounts_dbd_is_name(bad_tables[i], true));
    }
    assert_int_equal(strlen(longest), 63);
    assert_true(dt_accounts_dbd_is_name(longest, false));
    assert_false(
        dt_accounts_dbd_is_name("a123456789012345678901234567890123456789012345678901234567"
                                "890123",
                                false));
}

static void accounts_with_a_name_that_is_none_are_not_made(void **state)
{
    world_t *world = *state;
    const char *const attributes[] = {"name", "x y", NULL};
    const dt_accounts_dbd_config_t bad[] = {{"a b", "id", NULL, "mobile", NULL},
                                            {"staff", "i`d", NULL, "mobile", NULL},
                                            {"staff", "id", NULL, "mo bile", NULL},
                                            {"staff", "id", NULL, "mobile", attributes}};

    for (size_t i = 0; i < ROWS(bad); i++) {
        assert_null(dt_accounts_dbd_create(world->pool, world->db, &bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAFF(a_text_is_found_byte_for_byte),
        WITH_STAFF(of_texts_that_differ_in_case_the_same_one_is_found),
        WITH_STAFF(a_mail_is_found_in_any_case),
        WITH_STAFF(a_phone_is_found_in_each_usual_spelling),
        WITH_STAFF(one_phone_in_two_spellings_is_several),
        WITH_STAFF(a_phone_that_is_kept_as_a_number_is_found),
        WITH_STAFF(empty_and_missing_values_are_never_the_same),
        WITH_STAFF(more_rows_than_are_read_are_several),
        WITH_STAFF(a_row_without_a_key_is_no_account_but_makes_another_doubtful),
        WITH_STAFF(hostile_values_are_only_values),
        WITH_STAFF(an_attribute_that_is_no_name_is_refused),
        WITH_STAFF(a_column_that_is_not_there_is_an_error_and_no_text),
        WITH_STAFF(an_account_is_read_by_its_exact_key),
        WITH_STAFF(a_long_text_is_read_as_it_is),
        WITH_STAFF(a_key_of_two_accounts_is_none),
        WITH_STAFF(what_the_filter_hides_is_not_there),
        WITH_STAFF(a_binding_and_its_account_are_read_together),
        WITH_STAFF(a_person_of_another_corp_is_not_bound),
        WITH_STAFF(a_key_that_is_a_number_never_makes_an_error_of_a_text),
        WITH_STAFF(names_may_be_keywords),
        WITH_STAFF(a_column_of_another_character_set_is_no_error),
        WITH_STAFF(a_name_is_letters_digits_and_underscores),
        WITH_STAFF(accounts_with_a_name_that_is_none_are_not_made),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
