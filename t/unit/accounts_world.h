/* SPDX-License-Identifier: Apache-2.0 */
/* A database in which the administrator has a table of people, and how tests look for accounts. */
#ifndef DT_UNIT_ACCOUNTS_WORLD_H
#define DT_UNIT_ACCOUNTS_WORLD_H

#include "database.h"
#include "provider/accounts_dbd.h"

#define OTHER_CORP "dingcorp0002"

/* Statements without arguments, up to NULL. */
static inline void sql(world_t *world, const char *const *texts)
{
    for (; *texts; texts++) {
        assert_row_true(*texts, change(world, *texts) != -1);
    }
}

#define SQL(world, ...) sql((world), (const char *const[]){__VA_ARGS__, NULL})

/* --- set up --- */

/* The text type of a column that ignores case, where the database has one. */
static inline const char *caseless(const world_t *world)
{
    switch (dt_db_kind(world->db)) {
    case DT_DB_SQLITE3:
        return "VARCHAR(64) COLLATE NOCASE";
    case DT_DB_MYSQL:
        return "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    default:
        return "VARCHAR(64)";
    }
}

static inline int staff_set_up(void **state)
{
    const int failed = world_set_up(state);
    world_t *world = *state;
    const char *type = caseless(world);

    SQL(world, "DROP TABLE IF EXISTS staff",
        apr_psprintf(
            world->pool,
            "CREATE TABLE staff (id %s PRIMARY KEY, name VARCHAR(64), mobile VARCHAR(64), "
            "mail %s, job_number %s, enabled INT DEFAULT 1, user_id VARCHAR(9), note TEXT)%s",
            type, type, type, is_driver(world, "mysql") ? " DEFAULT CHARACTER SET utf8mb4" : ""));
    return failed;
}

static inline int staff_tear_down(void **state)
{
    SQL(*state, "DROP TABLE IF EXISTS staff");
    return world_tear_down(state);
}

#define WITH_STAFF(test) cmocka_unit_test_setup_teardown(test, staff_set_up, staff_tear_down)

/* --- accounts --- */

static const char *const wanted[] = {"name", "mail", "note", NULL};

/* The administrator's table staff, with a filter or NULL. */
static inline const dt_accounts_t *staff_of(apr_pool_t *pool, const world_t *world,
                                            const char *filter)
{
    const dt_accounts_dbd_config_t config = {"staff", "id", filter, "mobile", wanted};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(pool, world->db, &config);

    assert_non_null(accounts);
    return accounts;
}

static inline const dt_accounts_t *staff(const world_t *world, const char *filter)
{
    return staff_of(world->pool, world, filter);
}

static inline const dt_accounts_t *own(const world_t *world)
{
    const dt_accounts_dbd_config_t config = {.phone = "mobile"};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(world->pool, world->db, &config);

    assert_non_null(accounts);
    return accounts;
}

static inline const char *key_found(world_t *world, const dt_accounts_t *accounts,
                                    const char *attribute, dt_match_t match, const char *value)
{
    dt_account_t account = {0};
    dt_found_t found = DT_FOUND_SEVERAL;

    assert_int_equal(accounts->find(accounts->plug.self, &world->call, attribute, match, value,
                                    &account, &found),
                     APR_SUCCESS);
    switch (found) {
    case DT_FOUND_ONE:
        return account.key;
    case DT_FOUND_SEVERAL:
        return "(several)";
    case DT_FOUND_NONE:
        break;
    }
    return NULL;
}

static inline dt_found_t read_account(world_t *world, const dt_accounts_t *accounts,
                                      const char *key, dt_account_t *account)
{
    dt_found_t found = DT_FOUND_SEVERAL;

    assert_int_equal(accounts->read(accounts->plug.self, &world->call, key, account, &found),
                     APR_SUCCESS);
    return found;
}

static inline dt_found_t read_bound(world_t *world, const dt_accounts_t *accounts,
                                    const char *corp_id, const char *union_id,
                                    dt_binding_t *binding, dt_account_t *account)
{
    dt_found_t found = DT_FOUND_SEVERAL;

    assert_int_equal(accounts->read_bound(accounts->plug.self, &world->call, corp_id, union_id,
                                          binding, account, &found),
                     APR_SUCCESS);
    return found;
}

static inline const char *value_named(const dt_account_t *account, const char *name)
{
    const dt_account_value_t *value = account->values;

    while (value->name && strcmp(value->name, name) != 0) {
        value++;
    }
    return value->value;
}

#endif
