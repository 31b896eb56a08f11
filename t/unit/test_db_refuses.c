/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port on a database that fails at any step: an error, and never a wrong answer. */
#include "failing_database.h"

#define UNTIL (NOW + apr_time_from_sec(60))

/* --- what is asked of the memory --- */

#define SELF world->memory->plug.self

/* Its status; what it answers must be right whenever that is APR_SUCCESS. */
typedef apr_status_t work_t(world_t *world);

static apr_status_t find_binding(world_t *world)
{
    dt_binding_t binding = {NULL};
    const apr_status_t rv = world->memory->binding(SELF, &world->call, CORP, "union1", &binding);

    assert_true(rv != APR_SUCCESS || same_text(binding.uid, "uid1"));
    return rv;
}

static apr_status_t bind_anew(world_t *world)
{
    const dt_claim_t claim = {CORP, "union2", "user2", "uid2", "mobile"};
    dt_bound_t bound = DT_BOUND_OTHER;
    const apr_status_t rv = world->memory->bind(SELF, &world->call, &claim, &bound);

    assert_int_equal(bound, rv == APR_SUCCESS ? DT_BOUND : DT_BOUND_OTHER);
    return rv;
}

static apr_status_t bind_what_is_taken(world_t *world)
{
    const dt_claim_t claim = {CORP, "union2", "user2", "uid1", "mobile"};
    dt_bound_t bound = DT_BOUND;
    const apr_status_t rv = world->memory->bind(SELF, &world->call, &claim, &bound);

    assert_int_equal(bound, rv == APR_SUCCESS ? DT_BOUND_TAKEN : DT_BOUND_OTHER);
    return rv;
}

static apr_status_t audit(world_t *world)
{
    const dt_audit_t entry = {.what = "signed_in", .corp_id = CORP, .union_id = "union1"};

    return world->memory->audit(SELF, &world->call, &entry);
}

static apr_status_t load_limit(world_t *world)
{
    const char *value = NULL;
    apr_int64_t version = 0;
    const apr_status_t rv =
        world->memory->load_limit(SELF, &world->call, "subject", &value, &version);

    assert_true(rv != APR_SUCCESS || (same_text(value, "value") && version == 1));
    return rv;
}

static apr_status_t store_new_limit(world_t *world)
{
    return world->memory->store_limit(SELF, &world->call, "other", "value", 0, UNTIL);
}

static apr_status_t store_limit(world_t *world)
{
    return world->memory->store_limit(SELF, &world->call, "subject", "more", 1, UNTIL);
}

static apr_status_t add_challenge(world_t *world)
{
    const dt_challenge_t challenge = {
        "1123456789abcdef0123456789abcdef", CORP, "union1", "uid1", "hash", UNTIL};

    return world->memory->add_challenge(SELF, &world->call, &challenge);
}

static apr_status_t try_challenge(world_t *world)
{
    dt_challenge_t challenge;
    bool alive = true;
    int tries = 9;
    const apr_status_t rv =
        world->memory->try_challenge(SELF, &world->call, ID, 5, &challenge, &tries, &alive);

    assert_int_equal(alive, rv == APR_SUCCESS);
    return rv;
}

static apr_status_t use_challenge(world_t *world)
{
    bool first_one = true;
    const apr_status_t rv = world->memory->use_challenge(SELF, &world->call, ID, &first_one);

    assert_int_equal(first_one, rv == APR_SUCCESS);
    return rv;
}

static apr_status_t add_revocation(world_t *world)
{
    return world->memory->add_revocation(SELF, &world->call, "corp:b", NOW, UNTIL);
}

static void count_revocation(void *baton, const char *subject, apr_time_t not_before)
{
    ++*(int *)baton;
}

static apr_status_t read_revocations(world_t *world)
{
    apr_int64_t last = -1;
    int count = 0;
    const apr_status_t rv =
        world->memory->read_revocations(SELF, &world->call, 0, count_revocation, &count, &last);

    assert_int_equal(count, rv == APR_SUCCESS ? 1 : 0);
    assert_int_equal(last > 0, rv == APR_SUCCESS);
    return rv;
}

static apr_status_t forget_revocations(world_t *world)
{
    return world->memory->forget_revocations(SELF, &world->call);
}

static apr_status_t add_event(world_t *world)
{
    const dt_arrival_t event = {CORP, "other", "text", NOW};
    bool first_one = true;
    const apr_status_t rv = world->memory->add_event(SELF, &world->call, &event, UNTIL, &first_one);

    assert_int_equal(first_one, rv == APR_SUCCESS);
    return rv;
}

static apr_status_t take_event(world_t *world)
{
    dt_arrival_t event = {.corp_id = CORP};
    const apr_status_t rv = world->memory->take_event(SELF, &world->call, CORP, UNTIL, &event);

    assert_row_text("text", event.text, rv == APR_SUCCESS ? "text" : NULL);
    assert_row_text("corp", event.corp_id, rv == APR_SUCCESS ? CORP : NULL);
    return rv;
}

static apr_status_t finish_event(world_t *world)
{
    const dt_arrival_t event = {CORP, "key", "text", NOW};

    return world->memory->finish_event(SELF, &world->call, &event);
}

static apr_status_t store_member(world_t *world)
{
    return world->memory->store_member(SELF, &world->call, CORP, "user1", "1", "{}", 0);
}

static apr_status_t load_member(world_t *world)
{
    const char *record = "none";
    const apr_status_t rv = world->memory->load_member(SELF, &world->call, CORP, "user1", &record);

    assert_row_text("record", record, rv == APR_SUCCESS ? "{}" : NULL);
    return rv;
}

static apr_status_t forget_member(world_t *world)
{
    return world->memory->forget_member(SELF, &world->call, CORP, "user1", NOW);
}

static apr_status_t want_departments(world_t *world)
{
    static const char *const ids[] = {"1", "2", NULL};

    return world->memory->want_members(SELF, &world->call, CORP, ids);
}

static apr_status_t take_member(world_t *world)
{
    const char *user_id = "nobody";
    const apr_status_t rv = world->memory->take_member(SELF, &world->call, CORP, UNTIL, &user_id);

    assert_row_text("userid", user_id, rv == APR_SUCCESS ? "user1" : NULL);
    return rv;
}

static apr_status_t forget_events(world_t *world)
{
    return world->memory->forget_events(SELF, &world->call, NOW);
}

typedef struct row_t {
    const char *name;
    work_t *work;
    int needed; /* calls without which it is not done; 0: all */
} row_t;

static const row_t rows[] = {
    {"a person's account is not found out", find_binding, 0},
    {"nobody is bound", bind_anew, 0},
    {"it is not found out who is bound already", bind_what_is_taken, 0},
    {"nothing is in the audit", audit, 0},
    {"a limit is not found out", load_limit, 0},
    {"a new limit is not kept", store_new_limit, 0},
    {"a limit is not kept", store_limit, 0},
    {"a challenge is not kept, but what is not tidied up does no harm", add_challenge, 2},
    {"no try may be judged", try_challenge, 0},
    {"no challenge is used up", use_challenge, 0},
    {"a revocation is not told", add_revocation, 0},
    {"revocations are not read", read_revocations, 0},
    {"revocations are not forgotten", forget_revocations, 0},
    {"an event is not remembered", add_event, 0},
    {"an event is not taken", take_event, 0},
    {"an event is not finished", finish_event, 0},
    {"a member is not remembered", store_member, 0},
    {"a member's record is not found out", load_member, 0},
    {"a member is not forgotten", forget_member, 0},
    {"members of departments are not wanted", want_departments, 0},
    {"a member is not taken", take_member, 0},
    {"nothing old is forgotten", forget_events, 0},
};

static world_t *furnished(void)
{
    world_t *world = empty();

    furnish(world);
    return world;
}

static int calls_of(const row_t *row)
{
    world_t *world = furnished();
    int all;

    heal();
    assert_row_int(row->name, row->work(world), APR_SUCCESS);
    all = calls;
    gone(world);
    assert_row_true(row->name, all >= 2);
    return all;
}

/* From any of its calls on. */
static void while_the_database_fails(void **state)
{
    const row_t *row = *state;
    const int all = calls_of(row);

    for (int i = 1; i <= all; i++) {
        const bool needed = row->needed == 0 || i <= row->needed;
        world_t *world = furnished();
        apr_status_t rv;

        fail_at(i, FOR_EVER);
        rv = row->work(world);
        assert_row_int(row->name, rv == APR_SUCCESS, !needed);
        assert_row_true(row->name, world->troubles > 0);
        gone(world);
    }
}

/* A statement that fails once is made again on a new connection. */
static void one_failure_is_not_noticed(void **state)
{
    static const row_t retried[] = {
        {"binding", find_binding, 0},
        {"bind", bind_anew, 0},
        {"limit", load_limit, 0},
        {"try", try_challenge, 2},
        {"revocations", read_revocations, 0},
        {"member", load_member, 0},
    };

    for (size_t at = 0; at < ROWS(retried); at++) {
        const row_t *row = &retried[at];
        const int all = row->needed ? row->needed : calls_of(row);

        for (int i = 1; i <= all; i++) {
            world_t *world = furnished();

            fail_at(i, 0);
            assert_row_int(row->name, row->work(world), APR_SUCCESS);
            gone(world);
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[ROWS(rows) + 1];

    for (size_t i = 0; i < ROWS(rows); i++) {
        tests[i] = ROW_TEST(&rows[i], while_the_database_fails, NULL, NULL);
    }
    tests[ROWS(rows)] = (struct CMUnitTest)cmocka_unit_test(one_failure_is_not_noticed);
    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
