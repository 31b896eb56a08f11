/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/revocations_dbd: every node reads what any node has written. */
#include "database.h"

#define HOUR apr_time_from_sec(3600)
#define ROWS_MAX 16
#define PAGES 12000 /* rows that are not read by one question */

/* What was taken, in its order. */
typedef struct taken_t {
    world_t *world;
    int count;
    const char *subjects[ROWS_MAX];
    apr_time_t not_before[ROWS_MAX];
    apr_int64_t last;
} taken_t;

static void take(void *baton, const char *subject, apr_time_t not_before)
{
    taken_t *taken = baton;

    if (taken->count < ROWS_MAX) {
        taken->subjects[taken->count] = apr_pstrdup(taken->world->pool, subject);
        taken->not_before[taken->count] = not_before;
    }
    taken->count++;
}

static taken_t read_behind(world_t *world, apr_int64_t after)
{
    taken_t taken = {.world = world};

    assert_int_equal(world->memory->read_revocations(world->memory->plug.self, &world->call, after,
                                                     take, &taken, &taken.last),
                     APR_SUCCESS);
    return taken;
}

static void add(world_t *world, const char *subject, apr_time_t expires_at)
{
    assert_int_equal(world->memory->add_revocation(world->memory->plug.self, &world->call, subject,
                                                   world->call.now, expires_at),
                     APR_SUCCESS);
}

static void what_one_node_writes_another_reads(void **state)
{
    world_t *world = *state;
    world_t *other = world_twin(world);
    taken_t taken;

    add(world, "person:ding1:union1", NOW + HOUR);
    taken = read_behind(other, 0);
    assert_int_equal(taken.count, 1);
    assert_string_equal(taken.subjects[0], "person:ding1:union1");
    assert_true(taken.not_before[0] == NOW);
    world_disconnect(other);
}

static void only_what_is_new_is_read(void **state)
{
    world_t *world = *state;
    taken_t first, second, third;

    add(world, "corp:ding1", NOW + HOUR);
    first = read_behind(world, 0);
    add(world, "corp:ding2", NOW + HOUR);
    add(world, "corp:ding3", NOW + HOUR);
    second = read_behind(world, first.last);
    third = read_behind(world, second.last);
    assert_int_equal(second.count, 2);
    assert_string_equal(second.subjects[0], "corp:ding2");
    assert_string_equal(second.subjects[1], "corp:ding3");
    assert_int_equal(third.count, 0);
    assert_true(third.last == second.last && second.last > first.last);
}

static void an_empty_table_has_no_last_row(void **state)
{
    assert_int_equal(read_behind(*state, 0).last, 0);
    assert_int_equal(read_behind(*state, 42).last, 42);
}

static void what_has_expired_is_not_read(void **state)
{
    world_t *world = *state;
    taken_t taken;

    add(world, "corp:ding1", NOW);
    add(world, "corp:ding2", NOW + HOUR);
    taken = read_behind(world, 0);
    assert_int_equal(taken.count, 1);
    assert_string_equal(taken.subjects[0], "corp:ding2");
}

static void what_has_expired_is_forgotten(void **state)
{
    world_t *world = *state;

    add(world, "corp:ding1", NOW + HOUR);
    add(world, "corp:ding2", NOW + 3 * HOUR);
    world->call.now += 2 * HOUR;
    assert_int_equal(world->memory->forget_revocations(world->memory->plug.self, &world->call),
                     APR_SUCCESS);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_revocation"), "1");
    assert_string_equal(value_of(world, "SELECT subject FROM dingtalk_revocation"), "corp:ding2");
}

static void a_subject_is_kept_byte_by_byte(void **state)
{
    static const char *const subjects[] = {"account:ding1:Zhangsan", "account:ding1:zhangsan",
                                           "account:ding1:zhangsan ",
                                           "account:ding1:\xe5\xbc\xa0\xe4\xb8\x89",
                                           "account:ding1:o'%s\"\\--"};
    world_t *world = *state;
    taken_t taken;

    for (size_t i = 0; i < ROWS(subjects); i++) {
        add(world, subjects[i], NOW + HOUR);
    }
    taken = read_behind(world, 0);
    assert_int_equal(taken.count, ROWS(subjects));
    for (size_t i = 0; i < ROWS(subjects); i++) {
        assert_string_equal(taken.subjects[i], subjects[i]);
    }
}

static void times_are_written_in_milliseconds(void **state)
{
    world_t *world = *state;

    world->call.now = NOW + 999;
    add(world, "corp:ding1", NOW + HOUR + 999);
    assert_string_equal(value_of(world, "SELECT not_before FROM dingtalk_revocation"),
                        "1700000000000");
    assert_string_equal(value_of(world, "SELECT expires_at FROM dingtalk_revocation"),
                        "1700003600000");
}

/* As an administrator could, who types SQL. */
static void a_row_that_somebody_else_wrote_counts(void **state)
{
    world_t *world = *state;
    taken_t taken;

    read_behind(world, 0); /* makes the tables */
    assert_int_equal(change(world,
                            "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
                            "VALUES ('person:ding1:union1', 1700000000001, 1700003600000)"),
                     1);
    taken = read_behind(world, 0);
    assert_int_equal(taken.count, 1);
    assert_true(taken.not_before[0] == NOW + apr_time_from_msec(1));
}

/* In nanoseconds, say: further away than any time we have. */
static void a_row_of_a_time_that_no_clock_shows_counts_as_of_the_last_one(void **state)
{
    world_t *world = *state;
    taken_t taken;

    read_behind(world, 0); /* makes the tables */
    assert_int_equal(change(world,
                            "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
                            "VALUES ('corp:ding1', 9223372036854775807, 9223372036854775807), "
                            "('corp:ding2', -9223372036854775807, 1700003600000)"),
                     2);
    taken = read_behind(world, 0);
    assert_int_equal(taken.count, 2);
    assert_true(taken.not_before[0] > NOW + 365 * 24 * HOUR);
    assert_true(taken.not_before[1] < 0);
}

static void more_than_one_question_can_answer_is_read_too(void **state)
{
    world_t *world = *state;
    taken_t taken;

    add(world, "corp:ding1", NOW + HOUR);
    for (int rows = 1; rows < PAGES; rows *= 2) {
        assert_int_equal(change(world, "INSERT INTO dingtalk_revocation (subject, not_before, "
                                       "expires_at) SELECT subject, not_before, expires_at FROM "
                                       "dingtalk_revocation"),
                         rows);
    }
    taken = read_behind(world, 0);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_revocation"),
                        apr_itoa(world->pool, taken.count));
    assert_true(taken.count >= PAGES);
    assert_string_equal(value_of(world, "SELECT MAX(id) FROM dingtalk_revocation"),
                        apr_psprintf(world->pool, "%" APR_INT64_T_FMT, taken.last));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_one_node_writes_another_reads),
        WITH_WORLD(only_what_is_new_is_read),
        WITH_WORLD(an_empty_table_has_no_last_row),
        WITH_WORLD(what_has_expired_is_not_read),
        WITH_WORLD(what_has_expired_is_forgotten),
        WITH_WORLD(a_subject_is_kept_byte_by_byte),
        WITH_WORLD(times_are_written_in_milliseconds),
        WITH_WORLD(a_row_that_somebody_else_wrote_counts),
        WITH_WORLD(a_row_of_a_time_that_no_clock_shows_counts_as_of_the_last_one),
        WITH_WORLD(more_than_one_question_can_answer_is_read_too),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
