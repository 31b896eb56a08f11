/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/members_dbd: what is remembered of a member. */
#include "members_world.h"

#define DAY apr_time_from_sec(24 * 3600)

static void a_record_is_loaded_as_it_was_stored(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "{\"name\":\"\xe5\xbc\xa0\xe4\xb8\x89 %s'\\\"}");
    assert_string_equal(load(world, CORP, "zhangsan"),
                        "{\"name\":\"\xe5\xbc\xa0\xe4\xb8\x89 %s'\\\"}");
    assert_string_equal(load(world, "ding2", "zhangsan"), NOBODY);
}

static void user_ids_differ_by_every_byte(void **state)
{
    static const char *const ids[] = {"zhangsan", "Zhangsan", "zhangsan ", "zhangs\xc3\xa4n"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(ids); i++) {
        store(world, ids[i], ids[i]);
    }
    for (size_t i = 0; i < ROWS(ids); i++) {
        assert_string_equal(load(world, CORP, ids[i]), ids[i]);
    }
}

static void one_record_of_a_member_is_kept(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    store(world, "zhangsan", "A");
    store(world, "zhangsan", "A ");
    assert_string_equal(load(world, CORP, "zhangsan"), "A ");
    assert_string_equal(count(world), "1");
}

static void a_record_is_stored_even_if_the_first_answer_was_lost(void **state)
{
    world_t *world = *state;

    if (!world->folder) {
        skip();
    }
    store(world, "zhangsan", "a");
    lose_an_answer(world, "UPDATE", "dingtalk_member");
    store(world, "zhangsan", "b");
    assert_string_equal(load(world, CORP, "zhangsan"), "b");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM lost"), "0");
}

static void a_wanted_member_has_no_record_until_it_is_stored(void **state)
{
    world_t *world = *state;

    want(world, "zhangsan", 0);
    assert_string_equal(load(world, CORP, "zhangsan"), NOBODY);
    store(world, "zhangsan", "a");
    assert_string_equal(load(world, CORP, "zhangsan"), "a");
}

static void a_record_that_was_read_before_replaces_none(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "new");
    world->call.now -= MINUTE;
    store(world, "zhangsan", "old");
    assert_string_equal(load(world, CORP, "zhangsan"), "new");
    world->call.now += 2 * MINUTE;
    store(world, "zhangsan", "newer");
    assert_string_equal(load(world, CORP, "zhangsan"), "newer");
}

/* It was two hours ahead when the record was read, and has been set right. */
static void a_clock_that_is_set_back_keeps_no_new_record_away(void **state)
{
    world_t *world = *state;
    const apr_time_t until = world->call.now - 119 * MINUTE;

    store(world, "zhangsan", "old");
    world->call.now -= 120 * MINUTE;
    want(world, "zhangsan", world->call.now - 15 * MINUTE);
    assert_string_equal(take_until(world, until), "zhangsan");
    store_taken(world, "zhangsan", "new", until);
    assert_string_equal(load(world, CORP, "zhangsan"), "new");
}

static void who_is_forgotten_is_not_remembered_nor_read(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    store(world, "lisi", "a");
    want(world, "zhangsan", 0);
    forget_one(world, "zhangsan", world->call.now);
    assert_string_equal(load(world, CORP, "zhangsan"), NOBODY);
    assert_string_equal(load(world, CORP, "lisi"), "a");
    assert_string_equal(take(world), NOBODY);
}

static void who_was_never_read_is_forgotten_too(void **state)
{
    world_t *world = *state;

    want(world, "zhangsan", 0);
    forget_one(world, "zhangsan", world->call.now - MINUTE);
    assert_string_equal(take(world), NOBODY);
    assert_string_equal(count(world), "0");
}

static void who_has_come_back_meanwhile_is_not_forgotten(void **state)
{
    world_t *world = *state;
    const apr_time_t left = world->call.now;

    wait_for(world, apr_time_from_msec(1));
    store(world, "zhangsan", "a");
    forget_one(world, "zhangsan", left);
    assert_string_equal(load(world, CORP, "zhangsan"), "a");
    wait_for(world, MINUTE);
    forget_one(world, "zhangsan", left);
    assert_string_equal(load(world, CORP, "zhangsan"), "a");
    forget_one(world, "zhangsan", world->call.now);
    assert_string_equal(load(world, CORP, "zhangsan"), NOBODY);
}

static void a_clock_that_is_set_back_keeps_nobody_from_being_forgotten(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    world->call.now -= 120 * MINUTE;
    forget_one(world, "zhangsan", world->call.now);
    assert_string_equal(load(world, CORP, "zhangsan"), NOBODY);
}

static void who_was_not_read_for_long_is_forgotten(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    store(world, "wangwu", "a");
    wait_for(world, DAY);
    store(world, "lisi", "a");
    want(world, "wangwu", 0);
    forget(world, NOW + MINUTE);
    assert_string_equal(load(world, CORP, "zhangsan"), NOBODY);
    assert_string_equal(load(world, CORP, "lisi"), "a");
    assert_string_equal(load(world, CORP, "wangwu"), "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_record_is_loaded_as_it_was_stored),
        WITH_WORLD(user_ids_differ_by_every_byte),
        WITH_WORLD(one_record_of_a_member_is_kept),
        WITH_WORLD(a_record_is_stored_even_if_the_first_answer_was_lost),
        WITH_WORLD(a_wanted_member_has_no_record_until_it_is_stored),
        WITH_WORLD(a_record_that_was_read_before_replaces_none),
        WITH_WORLD(a_clock_that_is_set_back_keeps_no_new_record_away),
        WITH_WORLD(who_is_forgotten_is_not_remembered_nor_read),
        WITH_WORLD(who_was_never_read_is_forgotten_too),
        WITH_WORLD(who_has_come_back_meanwhile_is_not_forgotten),
        WITH_WORLD(a_clock_that_is_set_back_keeps_nobody_from_being_forgotten),
        WITH_WORLD(who_was_not_read_for_long_is_forgotten),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
