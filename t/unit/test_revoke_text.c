/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/revoke: subjects as texts, which nodes tell each other. */
#include "revoke_world.h"

static void assert_reads(const world_t *world, const char *text, dt_subject_t subject)
{
    dt_subject_t got = 0;

    assert_row_int(text, dt_subject_read(world->table, text, &got), APR_SUCCESS);
    assert_row_true(text, got == subject);
}

static void a_subject_is_the_same_from_its_text(void **state)
{
    world_t *world = *state;
    const unsigned char id[DT_SESSION_ID] = "8letters";
    const dt_subject_t account =
        dt_subject_account(world->table, world->corp, DT_SLICE("cn=a:b,dc=c"));

    assert_reads(world, dt_subject_session_text(world->pool, id),
                 dt_subject_session(world->table, id));
    assert_reads(world, dt_subject_corp_text(world->pool, "dingcorp0001"), world->corp);
    assert_reads(world, dt_subject_person_text(world->pool, "dingcorp0001", "user1"),
                 dt_subject_person(world->table, world->corp, DT_SLICE("user1")));
    assert_reads(world, dt_subject_account_text(world->pool, "dingcorp0001", "cn=a:b,dc=c"),
                 account);
    assert_reads(world, dt_subject_changed_text(world->pool, "dingcorp0001", "user1"),
                 dt_subject_changed(world->table, world->corp, DT_SLICE("user1")));
}

static void the_texts_are_those_that_every_node_writes(void **state)
{
    const unsigned char id[DT_SESSION_ID] = {0x00, 0x12, 0xab, 0xff};
    world_t *world = *state;

    assert_string_equal(dt_subject_session_text(world->pool, id), "session:0012abff00000000");
    assert_string_equal(dt_subject_corp_text(world->pool, "ding1"), "corp:ding1");
    assert_string_equal(dt_subject_person_text(world->pool, "ding1", "u1"), "person:ding1:u1");
    assert_string_equal(dt_subject_account_text(world->pool, "ding1", "z:s"), "account:ding1:z:s");
    assert_string_equal(dt_subject_changed_text(world->pool, "ding1", "u1"), "changed:ding1:u1");
}

static void what_is_no_text_of_a_subject_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "session",
                                        "session:",
                                        "session:0012abff0000000",
                                        "session:0012abff000000000",
                                        "session:0012ABFF00000000",
                                        "session:0012abfg00000000",
                                        "corp:",
                                        "corp:ding1:u1",
                                        "person:",
                                        "person:ding1",
                                        "person:ding1:",
                                        "person::u1",
                                        "account:ding1",
                                        "account:ding1:",
                                        "account::u1",
                                        "changed:ding1",
                                        "changed::u1",
                                        "Person:ding1:u1",
                                        " person:ding1:u1",
                                        "device:ding1:u1"};
    world_t *world = *state;
    dt_subject_t subject;

    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_row_int(texts[i], dt_subject_read(world->table, texts[i], &subject), APR_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_subject_is_the_same_from_its_text),
        WITH_WORLD(the_texts_are_those_that_every_node_writes),
        WITH_WORLD(what_is_no_text_of_a_subject_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
