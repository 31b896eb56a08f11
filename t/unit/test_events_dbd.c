/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/events_dbd: an event counts once, and is not lost by whoever works on it. */
#include "database.h"

#define MINUTE apr_time_from_sec(60)
#define WEEK apr_time_from_sec(7 * 24 * 3600)
#define LONGEST (128 * 1024)
#define MANY 40

static bool add_to(world_t *world, const char *corp_id, const char *key, const char *text)
{
    const dt_arrival_t event = {corp_id, key, text, world->call.now};
    bool first = false;

    assert_int_equal(world->memory->add_event(world->memory->plug.self, &world->call, &event,
                                              world->call.now + WEEK, &first),
                     APR_SUCCESS);
    return first;
}

static bool add(world_t *world, const char *key, const char *text)
{
    return add_to(world, CORP, key, text);
}

static dt_arrival_t take_from(world_t *world, const char *corp_id, apr_time_t until)
{
    dt_arrival_t event = {0};

    assert_int_equal(world->memory->take_event(world->memory->plug.self, &world->call, corp_id,
                                               until, &event),
                     APR_SUCCESS);
    return event;
}

static dt_arrival_t take(world_t *world)
{
    return take_from(world, CORP, world->call.now + MINUTE);
}

static void finish(world_t *world, const dt_arrival_t *event)
{
    assert_int_equal(world->memory->finish_event(world->memory->plug.self, &world->call, event),
                     APR_SUCCESS);
}

static void forget(world_t *world)
{
    assert_int_equal(world->memory->forget_events(world->memory->plug.self, &world->call, 0),
                     APR_SUCCESS);
}

static const char *count(world_t *world)
{
    return value_of(world, "SELECT COUNT(*) FROM dingtalk_event");
}

static void an_event_is_taken_as_it_was_kept(void **state)
{
    world_t *world = *state;
    dt_arrival_t event;

    assert_true(
        add(world, "key1", "{\"EventType\":\"user_leave_org\",\"n\":\"\xe5\xbc\xa0 %s'\\\"}"));
    event = take(world);
    assert_string_equal(event.corp_id, CORP);
    assert_string_equal(event.key, "key1");
    assert_string_equal(event.text,
                        "{\"EventType\":\"user_leave_org\",\"n\":\"\xe5\xbc\xa0 %s'\\\"}");
    assert_true(event.arrived_at == NOW);
}

static void a_key_is_first_once(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key1", "a"));
    assert_false(add(world, "key1", "b"));
    assert_string_equal(take(world).text, "a");
    assert_false(add(world, "key1", "c"));
    assert_string_equal(count(world), "1");
}

static void a_key_counts_in_its_corp_only(void **state)
{
    world_t *world = *state;

    assert_true(add_to(world, "ding1", "key1", "a"));
    assert_true(add_to(world, "ding2", "key1", "b"));
    assert_string_equal(take_from(world, "ding2", NOW + MINUTE).text, "b");
    assert_null(take_from(world, "ding2", NOW + MINUTE).corp_id);
    assert_string_equal(take_from(world, "ding1", NOW + MINUTE).text, "a");
}

static void keys_differ_by_every_byte(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key", "a"));
    assert_true(add(world, "Key", "b"));
    assert_true(add(world, "key ", "c"));
    assert_true(add_to(world, "Dingcorp0001", "key", "d"));
}

static void a_long_event_is_kept_whole(void **state)
{
    world_t *world = *state;
    char *text = apr_palloc(world->pool, LONGEST + 1);

    memset(text, 'x', LONGEST);
    text[LONGEST] = '\0';
    assert_true(add(world, "key1", text));
    assert_string_equal(take(world).text, text);
}

static void an_event_that_nothing_is_to_be_done_about_is_only_remembered(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key1", NULL));
    assert_false(add(world, "key1", NULL));
    assert_null(take(world).corp_id);
}

static void the_oldest_event_is_taken_first(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "z", "first"));
    world->call.now += apr_time_from_msec(1);
    assert_true(add(world, "a", "second"));
    assert_string_equal(take(world).text, "first");
    assert_string_equal(take(world).text, "second");
    assert_null(take(world).corp_id);
}

static void an_event_that_was_not_finished_is_there_again(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key1", "a"));
    assert_string_equal(take_from(world, CORP, NOW + MINUTE + 999).key, "key1");
    world->call.now = NOW + MINUTE - apr_time_from_msec(1);
    assert_null(take(world).corp_id);
    world->call.now = NOW + MINUTE;
    assert_string_equal(take(world).key, "key1");
    assert_null(take(world).corp_id);
}

static void of_a_finished_event_only_the_key_is_left(void **state)
{
    world_t *world = *state;
    dt_arrival_t event;

    assert_true(add(world, "key1", "a"));
    event = take(world);
    finish(world, &event);
    assert_null(value_of(world, "SELECT text FROM dingtalk_event"));
    world->call.now += 2 * MINUTE;
    assert_null(take(world).corp_id);
    assert_false(add(world, "key1", "a"));
    assert_null(take(world).corp_id);
}

/* Whoever had it before was slower than it said, but not too slow. */
static void an_event_without_a_text_is_passed_over(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key1", "a"));
    world->call.now += apr_time_from_msec(1);
    assert_true(add(world, "key2", "b"));
    assert_int_equal(change(world,
                            "UPDATE dingtalk_event SET text = NULL WHERE event_key = 'key1'"),
                     1);
    assert_string_equal(take(world).key, "key2");
    assert_null(take(world).corp_id);
}

static void a_key_is_forgotten_when_it_has_expired(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "old", NULL));
    world->call.now += 2 * MINUTE;
    assert_true(add(world, "new", NULL));
    world->call.now = NOW + WEEK + MINUTE;
    forget(world);
    assert_string_equal(count(world), "1");
    assert_string_equal(value_of(world, "SELECT event_key FROM dingtalk_event"), "new");
}

static void an_event_that_waits_is_never_forgotten(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key1", "a"));
    world->call.now += 2 * WEEK;
    forget(world);
    assert_string_equal(take(world).key, "key1");
}

static void not_more_than_a_thousand_are_forgotten_at_once(void **state)
{
    world_t *world = *state;

    assert_true(add(world, "key", NULL));
    for (int rows = 1; rows < 1500; rows *= 2) {
        const char *text =
            apr_psprintf(world->pool,
                         "INSERT INTO dingtalk_event SELECT corp_id, "
                         "REPLACE(event_key, 'key', 'key.%d'), text, arrived_at, due_at, "
                         "expires_at FROM dingtalk_event",
                         rows);

        assert_int_equal(change(world, text), rows);
    }
    world->call.now += 2 * WEEK;
    forget(world);
    assert_string_equal(count(world), "1048");
    forget(world);
    assert_string_equal(count(world), "48");
}

/* What ports.h warns of: then somebody else does what is to be done. */
static void an_event_is_there_even_if_its_answer_was_lost(void **state)
{
    world_t *world = *state;

    if (!world->folder) {
        skip();
    }
    assert_null(take(world).corp_id); /* makes the tables */
    lose_an_answer(world, "INSERT", "dingtalk_event");
    assert_false(add(world, "key1", "a"));
    assert_string_equal(count(world), "1");
    assert_string_equal(take(world).text, "a");
}

/* --- many at once --- */

static void be_first(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    const dt_arrival_t event = {CORP, "key1", "a", NOW};

    member->status =
        memory->add_event(memory->plug.self, &member->call, &event, NOW + WEEK, &member->yes);
}

static void of_many_threads_one_is_first(void **state)
{
    member_t members[CROWD_MAX];

    assert_int_equal(crowd(*state, 20, be_first, members), 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
}

static int be_first_of_several(world_t *world)
{
    return add(world, "key1", "a");
}

static void of_several_processes_one_is_first(void **state)
{
    assert_int_equal(tribe(*state, 6, be_first_of_several), 1);
}

static void add_many(world_t *world)
{
    for (int i = 0; i < MANY; i++) {
        assert_true(add(world, apr_psprintf(world->pool, "key%d", i), "a"));
    }
}

/* Several may be in each other's way until one finds none: so until all are gone. */
static int take_what_there_is(world_t *world)
{
    int taken = 0;

    while (strcmp(value_of(world, "SELECT COUNT(*) FROM dingtalk_event WHERE due_at > 0"), "0") !=
           0) {
        const dt_arrival_t event = take(world);

        if (event.corp_id) {
            finish(world, &event);
            taken++;
        }
    }
    return taken;
}

static void several_processes_take_each_event_once(void **state)
{
    world_t *world = *state;

    add_many(world);
    assert_int_equal(tribe(world, 4, take_what_there_is), MANY);
}

static void take_one(member_t *member)
{
    const dt_memory_t *memory = member->world->memory;
    dt_arrival_t event = {0};

    member->status =
        memory->take_event(memory->plug.self, &member->call, CORP, NOW + MINUTE, &event);
    member->yes = event.corp_id != NULL;
}

static void one_event_is_taken_by_one_of_many_threads(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    assert_true(add(world, "key1", "a"));
    assert_int_equal(crowd(world, 20, take_one, members), 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(members[i].status, APR_SUCCESS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(an_event_is_taken_as_it_was_kept),
        WITH_WORLD(a_key_is_first_once),
        WITH_WORLD(a_key_counts_in_its_corp_only),
        WITH_WORLD(keys_differ_by_every_byte),
        WITH_WORLD(a_long_event_is_kept_whole),
        WITH_WORLD(an_event_that_nothing_is_to_be_done_about_is_only_remembered),
        WITH_WORLD(the_oldest_event_is_taken_first),
        WITH_WORLD(an_event_that_was_not_finished_is_there_again),
        WITH_WORLD(of_a_finished_event_only_the_key_is_left),
        WITH_WORLD(an_event_without_a_text_is_passed_over),
        WITH_WORLD(a_key_is_forgotten_when_it_has_expired),
        WITH_WORLD(an_event_that_waits_is_never_forgotten),
        WITH_WORLD(not_more_than_a_thousand_are_forgotten_at_once),
        WITH_WORLD(an_event_is_there_even_if_its_answer_was_lost),
        WITH_WORLD(of_many_threads_one_is_first),
        WITH_WORLD(of_several_processes_one_is_first),
        WITH_WORLD(several_processes_take_each_event_once),
        WITH_WORLD(one_event_is_taken_by_one_of_many_threads),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
