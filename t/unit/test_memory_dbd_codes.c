/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port in SQL: challenges and limits, exact whoever comes at the same time. */
#include "database.h"

#define ID "00112233445566778899aabbccddeeff"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAX 5
#define LIFETIME apr_time_from_sec(300)

static void add(world_t *world, const char *id, const char *uid)
{
    const dt_challenge_t challenge = {.id = id,
                                      .corp_id = CORP,
                                      .union_id = "union1",
                                      .uid = uid,
                                      .hash = HASH,
                                      .expires_at = world->call.now + LIFETIME};

    assert_int_equal(world->memory->add_challenge(world->memory->plug.self, &world->call,
                                                  &challenge),
                     APR_SUCCESS);
}

static bool try_at(world_t *world, const char *id, dt_challenge_t *challenge, int *tries)
{
    bool alive = true;

    assert_int_equal(world->memory->try_challenge(world->memory->plug.self, &world->call, id, MAX,
                                                  challenge, tries, &alive),
                     APR_SUCCESS);
    return alive;
}

static bool is_alive(world_t *world, const char *id)
{
    int tries;

    return try_at(world, id, NULL, &tries);
}

static bool use(world_t *world, const char *id)
{
    bool first = true;

    assert_int_equal(world->memory->use_challenge(world->memory->plug.self, &world->call, id,
                                                  &first),
                     APR_SUCCESS);
    return first;
}

/* --- challenges --- */

static void a_challenge_is_kept_as_it_is(void **state)
{
    world_t *world = *state;
    dt_challenge_t kept = {0};
    int tries = 0;

    add(world, ID, "zhangsan");
    assert_true(try_at(world, ID, &kept, &tries));
    assert_int_equal(tries, 1);
    assert_string_equal(kept.id, ID);
    assert_string_equal(kept.corp_id, CORP);
    assert_string_equal(kept.union_id, "union1");
    assert_string_equal(kept.uid, "zhangsan");
    assert_string_equal(kept.hash, HASH);
    assert_true(kept.expires_at == NOW + LIFETIME);
}

static void a_challenge_of_nobody_has_no_account(void **state)
{
    world_t *world = *state;
    dt_challenge_t kept = {.uid = "somebody"};
    int tries;

    add(world, ID, NULL);
    assert_true(try_at(world, ID, &kept, &tries));
    assert_null(kept.uid);
}

static void a_challenge_that_is_not_there_is_not_alive(void **state)
{
    world_t *world = *state;

    add(world, ID, "zhangsan");
    assert_false(is_alive(world, "00112233445566778899AABBCCDDEEFF"));
    assert_false(is_alive(world, ID " "));
    assert_false(is_alive(world, ""));
    assert_false(is_alive(world, "' OR 1=1 --"));
    assert_false(use(world, "' OR 1=1 --"));
    assert_true(is_alive(world, ID));
}

static void five_tries_are_all(void **state)
{
    world_t *world = *state;

    add(world, ID, "zhangsan");
    for (int i = 1; i <= MAX; i++) {
        int tries = 0;
        assert_true(try_at(world, ID, NULL, &tries));
        assert_int_equal(tries, i);
    }
    assert_false(is_alive(world, ID));
    assert_false(is_alive(world, ID));
}

static void a_challenge_dies_when_it_expires(void **state)
{
    world_t *world = *state;

    add(world, ID, "zhangsan");
    world->call.now = NOW + LIFETIME - 1000;
    assert_true(is_alive(world, ID));
    world->call.now = NOW + LIFETIME;
    assert_false(is_alive(world, ID));
}

static void a_challenge_is_used_once(void **state)
{
    world_t *world = *state;

    add(world, ID, "zhangsan");
    assert_true(use(world, ID));
    assert_false(use(world, ID));
    world->call.now += 1000;
    assert_false(use(world, ID));
    assert_false(is_alive(world, ID));
}

/* As after a connection that broke when the row was there already. */
static void to_keep_a_challenge_twice_changes_nothing(void **state)
{
    world_t *world = *state;
    int tries;

    add(world, ID, "zhangsan");
    try_at(world, ID, NULL, &tries);
    add(world, ID, "lisi");
    try_at(world, ID, NULL, &tries);
    assert_int_equal(tries, 2);
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_challenge"), "zhangsan");
}

static void what_is_a_day_too_old_is_forgotten_now_and_then(void **state)
{
    world_t *world = *state;

    add(world, "old", "zhangsan");
    world->call.now += LIFETIME + apr_time_from_sec(24 * 3600) - 1000;
    world_disconnect(world);
    world_connect(world);
    add(world, "new", "zhangsan");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_challenge"), "2");
    world->call.now += 2000;
    for (int i = 1; i < 101; i++) {
        add(world, apr_psprintf(world->pool, "new%d", i), "zhangsan");
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_challenge"), "101");
    assert_false(is_alive(world, "old"));
    assert_true(is_alive(world, "new100"));
}

/* --- many at once --- */

static void guess(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    int tries;

    member->status = memory->try_challenge(memory->plug.self, &member->call, ID, MAX, NULL, &tries,
                                           &member->yes);
}

static void of_a_hundred_guesses_at_once_five_are_judged(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    add(world, ID, "zhangsan");
    assert_int_equal(crowd(world, crowd_size(), guess, members), MAX);
    for (int i = 0; i < crowd_size(); i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
}

static int guess_often(world_t *world)
{
    int alive = 0;

    for (int i = 0; i < 25; i++) {
        alive += is_alive(world, ID);
    }
    return alive;
}

static void of_a_hundred_guesses_in_several_processes_five_are_judged(void **state)
{
    world_t *world = *state;

    add(world, ID, "zhangsan");
    assert_int_equal(tribe(world, 4, guess_often), MAX);
}

static void use_up(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;

    member->status = memory->use_challenge(memory->plug.self, &member->call, ID, &member->yes);
}

static void of_a_hundred_right_guesses_at_once_one_is_first(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    add(world, ID, "zhangsan");
    assert_int_equal(crowd(world, crowd_size(), use_up, members), 1);
}

/* --- limits --- */

static const char *limit_of(world_t *world, const char *subject, apr_int64_t *version)
{
    const char *value = NULL;

    assert_int_equal(world->memory->load_limit(world->memory->plug.self, &world->call, subject,
                                               &value, version),
                     APR_SUCCESS);
    return value;
}

static apr_status_t set_limit(world_t *world, const char *subject, const char *value,
                              apr_int64_t version)
{
    return world->memory->store_limit(world->memory->plug.self, &world->call, subject, value,
                                      version, world->call.now + LIFETIME);
}

static void a_limit_is_empty_until_it_is_kept(void **state)
{
    world_t *world = *state;
    apr_int64_t version;

    assert_string_equal(limit_of(world, "phone:+8613800138000", &version), "");
    assert_int_equal(set_limit(world, "phone:+8613800138000", "1,2", version), APR_SUCCESS);
    assert_string_equal(limit_of(world, "phone:+8613800138000", &version), "1,2");
    assert_string_equal(limit_of(world, "phone:+8613800138001", &version), "");
}

static void a_limit_is_replaced_by_whoever_saw_it_last(void **state)
{
    world_t *world = *state;
    apr_int64_t none;
    apr_int64_t first;

    limit_of(world, "ip:192.0.2.7", &none);
    assert_int_equal(set_limit(world, "ip:192.0.2.7", "1", none), APR_SUCCESS);
    assert_int_equal(set_limit(world, "ip:192.0.2.7", "2", none), APR_EAGAIN);
    limit_of(world, "ip:192.0.2.7", &first);
    assert_int_equal(set_limit(world, "ip:192.0.2.7", "1,3", first), APR_SUCCESS);
    assert_int_equal(set_limit(world, "ip:192.0.2.7", "1,4", first), APR_EAGAIN);
    assert_string_equal(limit_of(world, "ip:192.0.2.7", &none), "1,3");
}

/* The same value at the same time is a change, too. */
static void a_limit_may_be_replaced_by_the_same(void **state)
{
    world_t *world = *state;
    apr_int64_t version;

    assert_int_equal(set_limit(world, "s", "1", 0), APR_SUCCESS);
    limit_of(world, "s", &version);
    assert_int_equal(set_limit(world, "s", "1", version), APR_SUCCESS);
}

static void the_longest_limit_is_kept_whole(void **state)
{
    world_t *world = *state;
    char *value = apr_pcalloc(world->pool, 1401);
    apr_int64_t version;

    memset(value, '7', 1400);
    assert_int_equal(set_limit(world, "s", value, 0), APR_SUCCESS);
    assert_string_equal(limit_of(world, "s", &version), value);
}

static void limits_that_ended_a_day_ago_are_forgotten(void **state)
{
    world_t *world = *state;

    assert_int_equal(set_limit(world, "old", "1", 0), APR_SUCCESS);
    world->call.now += LIFETIME + apr_time_from_sec(24 * 3600) + 1000;
    assert_int_equal(set_limit(world, "new", "1", 0), APR_SUCCESS);
    add(world, ID, "zhangsan");
    assert_string_equal(value_of(world, "SELECT subject FROM dingtalk_limit"), "new");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_limit"), "1");
}

static void take(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    const dt_call_t *call = &member->call;

    do {
        const char *value;
        apr_int64_t version;

        member->status = memory->load_limit(memory->plug.self, call, "s", &value, &version);
        if (member->status == APR_SUCCESS) {
            member->status = memory->store_limit(memory->plug.self, call, "s",
                                                 apr_pstrcat(call->pool, value, "x", NULL), version,
                                                 call->now);
        }
    } while (member->status == APR_EAGAIN);
}

static void no_taker_of_many_is_lost(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];
    apr_int64_t version;

    crowd(world, 40, take, members);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
    assert_int_equal(strlen(limit_of(world, "s", &version)), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_challenge_is_kept_as_it_is),
        WITH_WORLD(a_challenge_of_nobody_has_no_account),
        WITH_WORLD(a_challenge_that_is_not_there_is_not_alive),
        WITH_WORLD(five_tries_are_all),
        WITH_WORLD(a_challenge_dies_when_it_expires),
        WITH_WORLD(a_challenge_is_used_once),
        WITH_WORLD(to_keep_a_challenge_twice_changes_nothing),
        WITH_WORLD(what_is_a_day_too_old_is_forgotten_now_and_then),
        WITH_WORLD(of_a_hundred_guesses_at_once_five_are_judged),
        WITH_WORLD(of_a_hundred_guesses_in_several_processes_five_are_judged),
        WITH_WORLD(of_a_hundred_right_guesses_at_once_one_is_first),
        WITH_WORLD(a_limit_is_empty_until_it_is_kept),
        WITH_WORLD(a_limit_is_replaced_by_whoever_saw_it_last),
        WITH_WORLD(a_limit_may_be_replaced_by_the_same),
        WITH_WORLD(the_longest_limit_is_kept_whole),
        WITH_WORLD(limits_that_ended_a_day_ago_are_forgotten),
        WITH_WORLD(no_taker_of_many_is_lost),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
