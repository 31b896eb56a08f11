/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port on tables that somebody else has made: what must not be NULL there may be. */
#include "database.h"

#define ID "00112233445566778899aabbccddeeff"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAX 5

/* The table of that name with other columns, and one row in it. */
static void make_anew(world_t *world, const char *name, const char *columns, const char *row)
{
    const char *table = apr_pstrcat(world->pool, "dingtalk_", name, NULL);

    assert_int_not_equal(change(world, apr_pstrcat(world->pool, "DROP TABLE ", table, NULL)), -1);
    assert_int_not_equal(change(world, apr_pstrcat(world->pool, "CREATE TABLE ", table, " (",
                                                   columns, ")", NULL)),
                         -1);
    assert_int_equal(change(world, apr_pstrcat(world->pool, "INSERT INTO ", table, " VALUES (", row,
                                               ")", NULL)),
                     1);
}

static bool try_at(world_t *world, dt_challenge_t *challenge, int *tries)
{
    bool alive = true;

    assert_int_equal(world->memory->try_challenge(world->memory->plug.self, &world->call, ID, MAX,
                                                  challenge, tries, &alive),
                     APR_SUCCESS);
    return alive;
}

static void who_is_bound_to_nothing_is_not_bound(void **state)
{
    world_t *world = *state;
    const dt_claim_t claim = {CORP, "union1", "user1", "zhangsan", "code"};
    dt_binding_t binding = {"untouched", "untouched"};
    dt_bound_t bound = DT_BOUND;

    make_anew(world, "binding",
              "corp_id VARCHAR(128), union_id VARCHAR(128), user_id VARCHAR(128), "
              "uid VARCHAR(255), method VARCHAR(64), bound_at BIGINT, last_login_at BIGINT, "
              "PRIMARY KEY (corp_id, union_id)",
              "'" CORP "', 'union1', NULL, NULL, NULL, NULL, NULL");
    assert_int_equal(world->memory->binding(world->memory->plug.self, &world->call, CORP, "union1",
                                            &binding),
                     APR_SUCCESS);
    assert_null(binding.uid);
    assert_int_equal(world->memory->bind(world->memory->plug.self, &world->call, &claim, &bound),
                     APR_SUCCESS);
    assert_int_equal(bound, DT_BOUND_OTHER);
}

static void a_limit_of_nothing_is_empty(void **state)
{
    world_t *world = *state;
    const char *value = NULL;
    apr_int64_t version = -1;

    make_anew(world, "limit",
              "subject VARCHAR(255), value VARCHAR(2000), version BIGINT, expires_at BIGINT",
              "'phone', NULL, NULL, NULL");
    assert_int_equal(world->memory->load_limit(world->memory->plug.self, &world->call, "phone",
                                               &value, &version),
                     APR_SUCCESS);
    assert_string_equal(value, "");
    assert_int_equal(version, 0);
}

#define CHALLENGES                                                                    \
    "id VARCHAR(64), corp_id VARCHAR(128), union_id VARCHAR(128), uid VARCHAR(255), " \
    "hash VARCHAR(128), tries BIGINT, used_at BIGINT, created_at BIGINT, expires_at BIGINT"
#define LIVES "0, 1, 1800000000000"

static void a_challenge_without_what_it_takes_is_not_alive(void **state)
{
    static const char *const rows[] = {
        "'" ID "', NULL, 'union1', 'zhangsan', '" HASH "', 0, " LIVES,
        "'" ID "', '" CORP "', NULL, 'zhangsan', '" HASH "', 0, " LIVES,
        "'" ID "', '" CORP "', 'union1', 'zhangsan', NULL, 0, " LIVES,
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        dt_challenge_t challenge;
        int tries = -1;

        make_anew(*state, "challenge", CHALLENGES, rows[i]);
        assert_row_true(rows[i], !try_at(*state, &challenge, &tries));
        assert_row_int(rows[i], tries, 0);
    }
}

/* A number that no try has left there makes neither too few nor too many of them. */
static void a_try_is_one_of_those_that_there_are(void **state)
{
    dt_challenge_t challenge;
    int tries = 0;

    make_anew(*state, "challenge", CHALLENGES,
              "'" ID "', '" CORP "', 'union1', 'zhangsan', '" HASH
              "', -9223372036854775807, " LIVES);
    assert_true(try_at(*state, &challenge, &tries));
    assert_int_equal(tries, 1);
}

static void take(void *baton, const char *subject, apr_time_t not_before)
{
    assert_string_equal(subject, "corp:a");
    assert_int_equal(not_before, 0);
    ++*(int *)baton;
}

static void a_revocation_of_nobody_is_passed_over(void **state)
{
    world_t *world = *state;
    apr_int64_t last = 0;
    int taken = 0;

    make_anew(world, "revocation",
              "id BIGINT, subject VARCHAR(255), not_before BIGINT, expires_at BIGINT",
              "1, NULL, 1, 1800000000000");
    assert_int_equal(
        change(world, "INSERT INTO dingtalk_revocation VALUES (2, 'corp:a', NULL, 1800000000000)"),
        1);
    assert_int_equal(world->memory->read_revocations(world->memory->plug.self, &world->call, 0,
                                                     take, &taken, &last),
                     APR_SUCCESS);
    assert_int_equal(taken, 1);
    assert_int_equal(last, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(who_is_bound_to_nothing_is_not_bound),
        WITH_WORLD(a_limit_of_nothing_is_empty),
        WITH_WORLD(a_challenge_without_what_it_takes_is_not_alive),
        WITH_WORLD(a_try_is_one_of_those_that_there_are),
        WITH_WORLD(a_revocation_of_nobody_is_passed_over),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
