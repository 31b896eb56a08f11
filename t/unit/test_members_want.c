/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/members_dbd: whose record is read again, by whom, how often. */
#include "members_world.h"

#define MANY 40

/* --- one member is wanted --- */

static void a_wanted_member_is_taken_once(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    assert_string_equal(take(world), NOBODY);
    want(world, "zhangsan", 0);
    want(world, "unknown", 0);
    assert_string_not_equal(take(world), NOBODY);
    assert_string_not_equal(take(world), NOBODY);
    assert_string_equal(take(world), NOBODY);
}

static void who_waits_longest_is_taken_first(void **state)
{
    world_t *world = *state;

    want(world, "z", 0);
    wait_for(world, apr_time_from_msec(1));
    want(world, "a", 0);
    assert_string_equal(take(world), "z");
    assert_string_equal(take(world), "a");
}

static void a_member_of_another_corp_is_not_taken(void **state)
{
    world_t *world = *state;
    const char *user_id = "";

    want(world, "zhangsan", 0);
    assert_int_equal(world->memory->take_member(world->memory->plug.self, &world->call, "ding2",
                                                NOW + MINUTE, &user_id),
                     APR_SUCCESS);
    assert_null(user_id);
}

static void who_was_not_read_is_there_again(void **state)
{
    world_t *world = *state;

    want(world, "zhangsan", 0);
    assert_string_equal(take_until(world, NOW + MINUTE + 999), "zhangsan");
    wait_for(world, MINUTE - apr_time_from_msec(1));
    assert_string_equal(take(world), NOBODY);
    wait_for(world, apr_time_from_msec(1));
    assert_string_equal(take(world), "zhangsan");
}

static void who_was_read_is_not_taken_again(void **state)
{
    static const char *const records[] = {"a", "a", "b"};
    const apr_time_t until = NOW + MINUTE + 999; /* more than SQL has */
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(records); i++) {
        world->call.now = NOW;
        want(world, "zhangsan", 0);
        assert_string_equal(take_until(world, until), "zhangsan");
        store_taken(world, "zhangsan", records[i], until);
        wait_for(world, 2 * MINUTE);
        assert_string_equal(take(world), NOBODY);
    }
}

/* Whether the record is the same or not. */
static void who_is_wanted_while_being_read_is_read_again(void **state)
{
    static const char *const records[] = {"a", "a", "b"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(records); i++) {
        const apr_time_t until = world->call.now + MINUTE;

        want(world, "zhangsan", 0);
        assert_string_equal(take_until(world, until), "zhangsan");
        wait_for(world, apr_time_from_sec(1));
        want(world, "zhangsan", 0);
        store_taken(world, "zhangsan", records[i], until);
        assert_string_equal(take(world), "zhangsan");
        wait_for(world, 2 * MINUTE);
    }
}

static void a_sign_in_leaves_a_wish_as_it_was(void **state)
{
    world_t *world = *state;

    want(world, "zhangsan", 0);
    store(world, "zhangsan", "a");
    store(world, "zhangsan", "a");
    store(world, "zhangsan", "b");
    assert_string_equal(take(world), "zhangsan");
    store(world, "zhangsan", "c");
    assert_string_equal(take(world), NOBODY);
    wait_for(world, MINUTE);
    assert_string_equal(take(world), "zhangsan");
}

/* --- a member is wanted who was not read for some time --- */

static void who_was_read_lately_is_not_read_again(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    want(world, "zhangsan", NOW);
    assert_string_equal(take(world), NOBODY);
    want(world, "zhangsan", NOW + apr_time_from_msec(1));
    assert_string_equal(take(world), "zhangsan");
}

static void the_same_record_counts_as_read(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    wait_for(world, MINUTE);
    store(world, "zhangsan", "a");
    want(world, "zhangsan", NOW + MINUTE);
    assert_string_equal(take(world), NOBODY);
}

static void who_is_unknown_is_read_once_for_all_who_ask(void **state)
{
    world_t *world = *state;

    want(world, "zhangsan", NOW);
    want(world, "zhangsan", NOW);
    assert_string_equal(take(world), "zhangsan");
    want(world, "zhangsan", NOW);
    assert_string_equal(take(world), NOBODY);
    store_taken(world, "zhangsan", "a", NOW + MINUTE);
    want(world, "zhangsan", NOW);
    assert_string_equal(take(world), NOBODY);
}

static void who_is_due_already_keeps_the_turn(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    want(world, "zhangsan", 0);
    wait_for(world, MINUTE);
    want(world, "lisi", 0);
    wait_for(world, MINUTE);
    want(world, "zhangsan", world->call.now);
    assert_string_equal(take(world), "zhangsan");
}

/* --- many are wanted --- */

static void all_members_of_a_corp_are_wanted(void **state)
{
    world_t *world = *state;

    store(world, "zhangsan", "a");
    store(world, "lisi", "a");
    store_row(world, "ding2", "wangwu", NULL, "a", 0);
    want_of(world, NULL);
    assert_string_not_equal(take(world), NOBODY);
    assert_string_not_equal(take(world), NOBODY);
    assert_string_equal(take(world), NOBODY);
}

/* The names of those who are due, each with a space behind it. */
static const char *due(world_t *world)
{
    static const char *const names[] = {"first", "last", "middle", "none", "only"};
    const char *said = "";

    for (size_t i = 0; i < ROWS(names); i++) {
        const char *at =
            value_of(world, apr_pstrcat(world->pool,
                                        "SELECT due_at FROM dingtalk_member WHERE user_id = '",
                                        names[i], "'", NULL));
        said = strcmp(at, "0") == 0 ? said : apr_pstrcat(world->pool, said, names[i], " ", NULL);
    }
    return said;
}

static void members_of_departments_are_wanted(void **state)
{
    static const struct {
        const char *dept_ids[4];
        const char *said;
    } cases[] = {
        {{"12"}, "first only "},
        {{"2"}, ""},
        {{"3"}, "last "},
        {{"45"}, "middle "},
        {{"1", "99", "12"}, "first only "},
        {{"%"}, ""},
        {{"_2"}, ""},
        {{""}, ""},
        {{NULL}, ""},
    };
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(cases); i++) {
        assert_int_not_equal(change(world, "DELETE FROM dingtalk_member"), -1);
        store_of(world, "first", "12,123");
        store_of(world, "last", "123,3");
        store_of(world, "middle", "4,45,5");
        store_of(world, "none", NULL);
        store_of(world, "only", "12");
        want_of(world, cases[i].dept_ids);
        assert_row_text(cases[i].said, due(world), cases[i].said);
    }
}

static void the_departments_are_those_last_stored(void **state)
{
    static const char *const departments[] = {"7", NULL};
    world_t *world = *state;

    store_of(world, "zhangsan", "6");
    store_of(world, "zhangsan", "7");
    store_of(world, "lisi", "7");
    store_of(world, "lisi", NULL);
    want_of(world, departments);
    assert_string_equal(take(world), "zhangsan");
    assert_string_equal(take(world), NOBODY);
}

/* --- many at once --- */

static void take_one(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    const char *user_id = NULL;

    member->status =
        memory->take_member(memory->plug.self, &member->call, CORP, NOW + MINUTE, &user_id);
    member->yes = user_id != NULL;
}

static void one_member_is_taken_by_one_of_many_threads(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    want(world, "zhangsan", 0);
    assert_int_equal(crowd(world, 20, take_one, members), 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
}

static void want_one(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;

    member->status = memory->want_member(memory->plug.self, &member->call, CORP, "zhangsan", NOW);
    member->yes = member->status == APR_SUCCESS;
}

static void what_many_threads_want_is_read_once(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    assert_int_equal(crowd(world, 20, want_one, members), 20);
    assert_string_equal(count(world), "1");
    assert_string_equal(take(world), "zhangsan");
    assert_string_equal(take(world), NOBODY);
}

/* Several may be in each other's way until one finds nobody: so until all were read. */
static int read_whoever_there_is(world_t *world)
{
    const apr_time_t until = NOW + MINUTE;
    int taken = 0;

    while (strcmp(value_of(world, "SELECT COUNT(*) FROM dingtalk_member WHERE due_at > 0"), "0") !=
           0) {
        const char *user_id = take_until(world, until);

        if (strcmp(user_id, NOBODY) != 0) {
            store_taken(world, user_id, "b", until);
            taken++;
        }
    }
    return taken;
}

static void several_processes_read_each_member_once(void **state)
{
    world_t *world = *state;

    for (int i = 0; i < MANY; i++) {
        store(world, apr_psprintf(world->pool, "user%d", i), "a");
    }
    want_of(world, NULL);
    assert_int_equal(tribe(world, 4, read_whoever_there_is), MANY);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_member WHERE record = 'b'"),
                        apr_itoa(world->pool, MANY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_wanted_member_is_taken_once),
        WITH_WORLD(who_waits_longest_is_taken_first),
        WITH_WORLD(a_member_of_another_corp_is_not_taken),
        WITH_WORLD(who_was_not_read_is_there_again),
        WITH_WORLD(who_was_read_is_not_taken_again),
        WITH_WORLD(who_is_wanted_while_being_read_is_read_again),
        WITH_WORLD(a_sign_in_leaves_a_wish_as_it_was),
        WITH_WORLD(who_was_read_lately_is_not_read_again),
        WITH_WORLD(the_same_record_counts_as_read),
        WITH_WORLD(who_is_unknown_is_read_once_for_all_who_ask),
        WITH_WORLD(who_is_due_already_keeps_the_turn),
        WITH_WORLD(all_members_of_a_corp_are_wanted),
        WITH_WORLD(members_of_departments_are_wanted),
        WITH_WORLD(the_departments_are_those_last_stored),
        WITH_WORLD(one_member_is_taken_by_one_of_many_threads),
        WITH_WORLD(what_many_threads_want_is_read_once),
        WITH_WORLD(several_processes_read_each_member_once),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
