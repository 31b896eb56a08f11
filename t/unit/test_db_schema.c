/* SPDX-License-Identifier: Apache-2.0 */
/* The tables are made once, by whoever comes first, and nothing in them is ever lost. */
#include "database.h"

#include "provider/db_schema.h"

static apr_status_t ready(world_t *world)
{
    const char *trouble;

    return dt_db_ready(world->db, &world->call, &trouble);
}

static void the_first_call_makes_the_tables(void **state)
{
    static const char *const tables[] = {"account", "binding", "revocation", "challenge", "limit",
                                         "audit",   "event",   "member",     "schema"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(tables); i++) {
        const char *text =
            apr_pstrcat(world->pool, "SELECT COUNT(*) FROM dingtalk_", tables[i], NULL);
        assert_row_text(tables[i], value_of(world, text),
                        strcmp(tables[i], "schema") == 0 ? "1" : "0");
    }
    assert_string_equal(value_of(world, "SELECT version FROM dingtalk_schema"),
                        APR_STRINGIFY(DT_SCHEMA_VERSION));
}

static void an_account_needs_no_more_than_its_uid(void **state)
{
    world_t *world = *state;

    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid) VALUES ('zhangsan')"), 1);
    assert_string_equal(value_of(world, "SELECT status FROM dingtalk_account"), "active");
    assert_string_equal(value_of(world, "SELECT managed FROM dingtalk_account"), "0");
    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid) VALUES ('zhangsan')"), -1);
    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid) VALUES ('Zhangsan')"), 1);
    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid) VALUES ('zhangsan ')"), 1);
}

/* As an administrator may before the first start. */
static void a_table_that_is_there_is_kept_with_its_rows(void **state)
{
    world_t *world = *state;

    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid) VALUES ('zhangsan')"), 1);
    assert_int_equal(change(world, "DELETE FROM dingtalk_schema"), 1);
    world = world_twin(world);
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_account"), "zhangsan");
    assert_string_equal(value_of(world, "SELECT version FROM dingtalk_schema"),
                        APR_STRINGIFY(DT_SCHEMA_VERSION));
    world_disconnect(world);
}

static void leave_alone(world_t *world, const char *version)
{
    assert_int_equal(change(world, apr_pstrcat(world->pool, "UPDATE dingtalk_schema SET version = ",
                                               version, NULL)),
                     1);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_revocation"), -1);
    world = world_twin(world);
    assert_int_equal(ready(world), APR_SUCCESS);
    assert_string_equal(value_of(world, "SELECT version FROM dingtalk_schema"), version);
    assert_int_equal(change(world, "DELETE FROM dingtalk_revocation"), -1);
    assert_int_equal(change(world, "CREATE TABLE dingtalk_revocation (id INTEGER)"), 0);
    world_disconnect(world);
}

static void a_newer_version_is_left_alone(void **state)
{
    leave_alone(*state, "999");
}

/* One that is none when only its last 32 bits are looked at. */
static void a_version_however_new_is_left_alone(void **state)
{
    leave_alone(*state, "4294967296");
}

/* A database that was made anew behind our back. */
static void tables_that_vanish_are_made_again(void **state)
{
    world_t *world = *state;
    dt_binding_t binding;

    assert_int_equal(ready(world), APR_SUCCESS);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_binding"), -1);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_schema"), -1);
    assert_int_equal(world->memory->binding(world->memory->plug.self, &world->call, CORP, "union1",
                                            &binding),
                     APR_SUCCESS);
    assert_null(binding.uid);
}

static int become_ready(world_t *world)
{
    return ready(world) == APR_SUCCESS;
}

static void several_processes_make_the_tables_once(void **state)
{
    world_t *world = *state;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(tribe(world, 6, become_ready), 6);
        assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_schema"), "1");
        assert_int_not_equal(change(world, "DROP TABLE dingtalk_binding"), -1);
        assert_int_not_equal(change(world, "DROP TABLE dingtalk_schema"), -1);
    }
}

/* --- from version to version --- */

static const char *version_of(world_t *world)
{
    return value_of(world, "SELECT version FROM dingtalk_schema");
}

/* The tables as the first version of this module left them. */
static void go_back_to_version_1(world_t *world)
{
    assert_int_equal(ready(world), APR_SUCCESS);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_event"), -1);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_member"), -1);
    assert_int_equal(change(world, "UPDATE dingtalk_schema SET version = 1"), 1);
}

static const char *const rows[] = {
    "INSERT INTO dingtalk_account (uid, mobile) VALUES ('zhangsan', '+8613800000000')",
    "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES ('ding1', 'union1', 'zhangsan')",
    "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) VALUES ('corp:a', 1, 2)",
    "INSERT INTO dingtalk_challenge (id, corp_id, union_id, hash, created_at, expires_at) "
    "VALUES ('a', 'b', 'c', 'd', 1, 2)",
    "INSERT INTO dingtalk_limit (subject, value, version, expires_at) VALUES ('a', 'b', 1, 2)",
    "INSERT INTO dingtalk_audit (at, what) VALUES (1, 'bound')",
};

static void a_database_of_version_1_keeps_its_rows_and_gets_the_new_tables(void **state)
{
    static const char *const kept[] = {"account",   "binding", "revocation",
                                       "challenge", "limit",   "audit"};
    world_t *world = *state;

    go_back_to_version_1(world);
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(change(world, rows[i]), 1);
    }
    world = world_twin(world);
    assert_int_equal(ready(world), APR_SUCCESS);
    for (size_t i = 0; i < ROWS(kept); i++) {
        assert_row_text(kept[i],
                        value_of(world, apr_pstrcat(world->pool, "SELECT COUNT(*) FROM dingtalk_",
                                                    kept[i], NULL)),
                        "1");
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_event"), "0");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_member"), "0");
    assert_string_equal(version_of(world), APR_STRINGIFY(DT_SCHEMA_VERSION));
    world_disconnect(world);
}

static void several_processes_change_version_1_once(void **state)
{
    world_t *world = *state;

    for (int i = 0; i < 3; i++) {
        go_back_to_version_1(world);
        assert_int_equal(tribe(world, 6, become_ready), 6);
        assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_schema"), "1");
        assert_string_equal(version_of(world), APR_STRINGIFY(DT_SCHEMA_VERSION));
        assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_member"), "0");
    }
}

/* Its first change of a table is committed, where there is no transaction around it. */
static void who_dies_on_the_way_to_a_version_is_followed_by_others(void **state)
{
    world_t *world = *state;

    assert_int_equal(ready(world), APR_SUCCESS);
    assert_int_not_equal(change(world, "DROP TABLE dingtalk_member"), -1);
    assert_int_equal(change(world, "UPDATE dingtalk_schema SET version = 1"), 1);
    world = world_twin(world);
    assert_int_equal(ready(world), APR_SUCCESS);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_member"), "0");
    assert_string_equal(version_of(world), APR_STRINGIFY(DT_SCHEMA_VERSION));
    world_disconnect(world);
}

static void be_ready(member_t *member)
{
    const char *trouble;

    member->yes = dt_db_ready(member->world->db, &member->call, &trouble) == APR_SUCCESS;
}

static void several_threads_make_the_tables_once(void **state)
{
    world_t *world = *state;
    member_t members[CROWD_MAX];

    assert_int_equal(crowd(world, 20, be_ready, members), 20);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_schema"), "1");
}

/* As another node does that begins a moment later. */
static apr_status_t change_behind(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    const apr_status_t before = dt_schema(conn, call);

    if (before != APR_SUCCESS || change(baton, "CREATE TABLE behind (id INTEGER)") != 0) {
        return APR_EGENERAL;
    }
    return dt_schema(conn, call);
}

static void a_connection_goes_on_when_another_has_changed_the_tables(void **state)
{
    world_t *world = *state;
    world_t *twin = world_twin(world);

    assert_int_equal(dt_db_run(world->db, &world->call, change_behind, twin), APR_SUCCESS);
    assert_int_equal(world->troubles, 0);
    world_disconnect(twin);
}

#define HELD apr_time_from_msec(300) /* beyond the moment when somebody else comes */

static apr_uint32_t holding; /* the lock; then somebody else comes */
static apr_uint32_t coming;

static void await(apr_uint32_t *sign)
{
    while (!apr_atomic_read32(sign)) {
        apr_sleep(apr_time_from_msec(1));
    }
}

/* As one does who changes the tables right now. */
static apr_status_t hold_lock(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    static const dt_sql_t pgsql = {NULL, "SELECT pg_advisory_xact_lock(7310868729571177325)"};
    static const dt_sql_t mysql = {NULL,
                                   "SELECT GET_LOCK(CONCAT('dingtalk.', MD5(DATABASE())), 1)"};
    const member_t *member = baton;
    query_t query = {.sql = is_driver(member->world, "pgsql") ? pgsql : mysql};
    apr_status_t rv = dt_conn_begin(conn, call);

    if (rv == APR_SUCCESS && !member->world->folder) {
        rv = query_work(&query, call, conn);
    }
    apr_atomic_set32(&holding, 1);
    await(&coming);
    apr_sleep(HELD);
    return rv; /* and the lock goes with the transaction that was not committed */
}

static void be_slow(member_t *member)
{
    member->status = dt_db_run(member->world->db, &member->call, hold_lock, member);
}

static void who_comes_while_the_tables_are_changed_waits(void **state)
{
    world_t *world = *state;
    member_t slow;
    world_t *other;
    apr_time_t began;

    assert_int_equal(change(world, "DELETE FROM dingtalk_schema"), 1);
    crowd_begin(world, 1, be_slow, &slow);
    await(&holding);
    other = world_twin(world);
    began = apr_time_now();
    apr_atomic_set32(&coming, 1);
    assert_int_equal(ready(other), APR_SUCCESS);
    assert_true(apr_time_now() - began >= HELD);
    crowd_end(1, &slow);
    assert_int_equal(slow.status, APR_SUCCESS);
    world_disconnect(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(the_first_call_makes_the_tables),
        WITH_WORLD(an_account_needs_no_more_than_its_uid),
        WITH_WORLD(a_table_that_is_there_is_kept_with_its_rows),
        WITH_WORLD(a_newer_version_is_left_alone),
        WITH_WORLD(a_version_however_new_is_left_alone),
        WITH_WORLD(tables_that_vanish_are_made_again),
        WITH_WORLD(several_processes_make_the_tables_once),
        WITH_WORLD(a_database_of_version_1_keeps_its_rows_and_gets_the_new_tables),
        WITH_WORLD(several_processes_change_version_1_once),
        WITH_WORLD(who_dies_on_the_way_to_a_version_is_followed_by_others),
        WITH_WORLD(several_threads_make_the_tables_once),
        WITH_WORLD(a_connection_goes_on_when_another_has_changed_the_tables),
        WITH_WORLD(who_comes_while_the_tables_are_changed_waits),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
