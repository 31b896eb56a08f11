/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is killed and started again: whoever runs this does so between two lines. */
#include "accounts_world.h"

#include <apr_atomic.h>

#define WORKERS 8
#define ROUNDS_MAX 5000

/* Say where we are, and wait until the other side has done its part. Only on a line of its own. */
static void handshake(const char *where)
{
    char line[16];

    (void)printf("\n@%s\n", where);
    (void)fflush(stdout);
    assert_non_null(fgets(line, sizeof(line), stdin));
}

static apr_status_t bind_as(const world_t *world, const dt_call_t *call, const char *id,
                            dt_bound_t *bound)
{
    const dt_claim_t claim = {CORP, id, "user", id, "code"};

    return world->memory->bind(world->memory->plug.self, call, &claim, bound);
}

static void a_server_that_comes_back_is_used_at_once(void **state)
{
    world_t *world = *state;
    dt_bound_t bound;

    if (!getenv("DT_TEST_RESTART")) {
        skip();
    }
    assert_int_equal(bind_as(world, &world->call, "zhangsan", &bound), APR_SUCCESS);
    handshake("kill");
    assert_int_equal(bind_as(world, &world->call, "lisi", &bound), APR_ECONNREFUSED);
    assert_int_not_equal(world->troubles, 0);
    handshake("start");
    apr_sleep(apr_time_from_msec(1100));
    assert_int_equal(bind_as(world, &world->call, "lisi", &bound), APR_SUCCESS);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "2");
}

/* --- under load --- */

static apr_uint32_t stopping;
static apr_uint32_t failures;
static apr_uint32_t bindings;
static apr_uint32_t firsts[ROUNDS_MAX]; /* how often each challenge was used for the first time */

static void add(const world_t *world, const dt_call_t *call, const char *id)
{
    const dt_challenge_t challenge = {.id = id,
                                      .corp_id = CORP,
                                      .union_id = "union1",
                                      .hash = "hash",
                                      .expires_at = call->now + apr_time_from_sec(300)};

    (void)world->memory->add_challenge(world->memory->plug.self, call, &challenge);
}

static const dt_accounts_t *accounts_of(apr_pool_t *pool, const world_t *world)
{
    const dt_accounts_dbd_config_t config = {.phone = "mobile"};
    const dt_accounts_t *accounts = dt_accounts_dbd_create(pool, world->db, &config);

    assert_non_null(accounts);
    return accounts;
}

/* APR_SUCCESS only when the person has an account, whoever made it. */
static apr_status_t create_as(const dt_accounts_t *accounts, const dt_call_t *call, const char *id)
{
    const dt_account_value_t values[] = {{"uid", id}, {NULL, NULL}};
    const dt_claim_t claim = {OTHER_CORP, id, "user", id, "create"};
    dt_account_t account;
    dt_binding_t binding;
    dt_found_t found;
    bool created;
    apr_status_t rv = accounts->create(accounts->plug.self, call, values, &claim, &created);

    if (rv == APR_SUCCESS) {
        rv = accounts->read_bound(accounts->plug.self, call, OTHER_CORP, id, &binding, &account,
                                  &found);
    }
    assert_true(rv != APR_SUCCESS || found == DT_FOUND_ONE);
    return rv;
}

/* Everybody wants the same accounts and the same challenges, and gives up none that failed. */
static void work(member_t *member)
{
    const world_t *world = member->world;
    const dt_accounts_t *accounts = accounts_of(member->call.pool, world);

    for (int i = 0; i < ROUNDS_MAX && !apr_atomic_read32(&stopping); i++) {
        dt_call_t call = member->call;
        dt_bound_t bound = DT_BOUND_TAKEN;
        bool first = false;
        const char *id;

        assert_int_equal(apr_pool_create(&call.pool, member->call.pool), APR_SUCCESS);
        id = apr_itoa(call.pool, i);
        while (bind_as(world, &call, id, &bound) != APR_SUCCESS ||
               create_as(accounts, &call, id) != APR_SUCCESS) {
            apr_atomic_inc32(&failures);
            apr_sleep(apr_time_from_msec(20));
        }
        assert_int_equal(bound, DT_BOUND);
        add(world, &call, id);
        if (world->memory->use_challenge(world->memory->plug.self, &call, id, &first) !=
            APR_SUCCESS) {
            assert_false(first);
        }
        apr_atomic_add32(&firsts[i], first);
        for (apr_uint32_t seen = apr_atomic_read32(&bindings); seen < (apr_uint32_t)i + 1;
             seen = apr_atomic_read32(&bindings)) {
            apr_atomic_cas32(&bindings, (apr_uint32_t)i + 1, seen);
        }
        apr_pool_destroy(call.pool);
    }
}

static void nothing_is_lost_or_done_twice_when_a_server_dies_under_load(void **state)
{
    world_t *world = *state;
    member_t members[WORKERS + 1];

    if (!getenv("DT_TEST_RESTART")) {
        skip();
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "0");
    crowd_begin(world, WORKERS, work, members);
    handshake("kill");
    handshake("start");
    apr_sleep(apr_time_from_sec(2));
    apr_atomic_set32(&stopping, 1);
    crowd_end(WORKERS, members);
    assert_int_not_equal(failures, 0);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"),
                        apr_itoa(world->pool, 2 * (int)bindings));
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"),
                        apr_itoa(world->pool, (int)bindings));
    for (apr_uint32_t i = 0; i < bindings; i++) {
        assert_in_range(firsts[i], 0, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_server_that_comes_back_is_used_at_once),
        WITH_WORLD(nothing_is_lost_or_done_twice_when_a_server_dies_under_load),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
