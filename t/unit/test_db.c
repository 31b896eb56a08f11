/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of connections that hands out what works, mends what is broken, and makes nobody wait. */
#include "database.h"

#include "provider/db_conn.h"

#include <apr_file_info.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static apr_status_t run(world_t *world, dt_db_work_t *work, void *baton)
{
    return dt_db_run(world->db, &world->call, work, baton);
}

/* --- configuration --- */

static void a_driver_that_is_there_is_good(void **state)
{
    const world_t *world = *state;

    assert_null(dt_db_check(world->pool, "sqlite3"));
    assert_null(dt_db_check(world->pool, world->config.driver));
}

static void a_driver_that_is_not_known_is_refused(void **state)
{
    world_t *world = *state;
    dt_db_t *db;

    world->config.driver = "oracle";
    assert_string_equal(dt_db_check(world->pool, "oracle"),
                        "the driver must be sqlite3, pgsql or mysql");
    assert_int_equal(dt_db_create(world->pool, &world->config, &db), APR_EINVAL);
}

static void a_database_that_was_not_started_refuses(void **state)
{
    const world_t *world = *state;
    dt_db_t *db = NULL;
    const char *trouble = NULL;

    assert_int_equal(dt_db_create(world->pool, &world->config, &db), APR_SUCCESS);
    assert_int_equal(dt_db_ready(db, &world->call, &trouble), APR_ECONNREFUSED);
    assert_string_equal(trouble, "the database was not started");
}

static void what_an_administrator_says_of_postgresql_comes_last(void **state)
{
    const world_t *world = *state;
    const char *given = "host=db connect_timeout=9";
    const char *made = dt_conn_params(world->pool, DT_DB_PGSQL, given);

    assert_string_equal(made + strlen(made) - strlen(given), given);
    assert_non_null(strstr(made, "connect_timeout=2 "));
    assert_string_equal(dt_conn_params(world->pool, DT_DB_PGSQL, "postgresql://db/x"),
                        "postgresql://db/x");
}

static void what_we_need_of_mysql_comes_last(void **state)
{
    const world_t *world = *state;

    assert_string_equal(dt_conn_params(world->pool, DT_DB_MYSQL, "host=db,reconnect=1"),
                        "host=db,reconnect=1,reconnect=0,flags=none");
}

static void a_session_is_set_up(void **state)
{
    world_t *world = *state;

    if (is_driver(world, "pgsql")) {
        assert_string_equal(value_of(world, "SHOW statement_timeout"), "5s");
        assert_string_equal(value_of(world, "SHOW client_encoding"), "UTF8");
    }
    if (is_driver(world, "mysql")) {
        assert_string_equal(value_of(world, "SELECT @@character_set_client"), "utf8mb4");
        assert_non_null(strstr(value_of(world, "SELECT @@sql_mode"), "STRICT_ALL_TABLES"));
        assert_string_equal(value_of(world, "SELECT @@max_statement_time"), "5.000000");
    }
    if (is_driver(world, "sqlite3")) {
        assert_string_equal(value_of(world, "PRAGMA journal_mode"), "wal");
    }
}

static void nothing_is_opened_before_it_is_needed(void **state)
{
    const world_t *world = *state;
    apr_finfo_t info;

    if (!world->folder) {
        skip();
    }
    assert_int_not_equal(apr_stat(&info, world->config.params, APR_FINFO_TYPE, world->pool),
                         APR_SUCCESS);
}

static void a_file_is_for_its_owner_only(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    const apr_int32_t others = APR_FPROT_GREAD | APR_FPROT_GWRITE | APR_FPROT_WREAD |
                               APR_FPROT_WWRITE | APR_FPROT_UEXECUTE;
    world_t *world = *state;
    apr_finfo_t info;

    if (!world->folder) {
        skip();
    }
    umask(0);
    value_of(world, "SELECT COUNT(*) FROM dingtalk_binding");
    for (size_t i = 0; i < ROWS(endings); i++) {
        const char *path = apr_pstrcat(world->pool, world->config.params, endings[i], NULL);
        assert_int_equal(apr_stat(&info, path, APR_FINFO_PROT, world->pool), APR_SUCCESS);
        assert_row_int(endings[i], info.protection & others, 0);
    }
    umask(022);
}

/* --- values --- */

static void what_is_written_is_read_as_it_was(void **state)
{
    static const char *const texts[] = {
        "", " ", "a'b\"c\\d%s", "\xe5\xbc\xa0\xe4\xb8\x89", "\xf0\x9f\x90\x89", NULL};
    static const dt_sql_t insert = {"t_insert", "INSERT INTO dingtalk_account (uid, name, "
                                                "created_at) VALUES (%s, %s, %lld)"};
    static const dt_sql_t read = {"t_read", "SELECT name FROM dingtalk_account WHERE uid = %s"};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(texts); i++) {
        const char *const args[] = {apr_itoa(world->pool, (int)i), texts[i], "1700000000000"};
        query_t put = {.sql = insert, .args = args};
        query_t get = {.sql = read, .args = args};

        assert_int_equal(run(world, change_work, &put), APR_SUCCESS);
        assert_int_equal(put.rows, 1);
        assert_int_equal(run(world, query_work, &get), APR_SUCCESS);
        assert_int_equal(get.rows, 1);
        assert_row_text(texts[i], get.value, texts[i]);
    }
}

/* So that others, who read the table too, see what it is. */
static void a_character_is_stored_as_one(void **state)
{
    world_t *world = *state;

    assert_int_equal(change(world, "INSERT INTO dingtalk_account (uid, name) VALUES ('a', "
                                   "'\xe5\xbc\xa0\xf0\x9f\x90\x89')"),
                     1);
    assert_string_equal(value_of(world, world->folder
                                            ? "SELECT LENGTH(name) FROM dingtalk_account"
                                            : "SELECT CHAR_LENGTH(name) FROM dingtalk_account"),
                        "2");
}

static void a_value_that_is_too_long_is_never_cut(void **state)
{
    static const dt_sql_t insert = {"t_insert", "INSERT INTO dingtalk_account (uid) VALUES (%s)"};
    world_t *world = *state;
    char *text = apr_pcalloc(world->pool, 301);
    const char *const args[] = {text};
    query_t query = {.sql = insert, .args = args};

    memset(text, 'x', 300);
    if (run(world, change_work, &query) != APR_SUCCESS) {
        assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"), "0");
        return;
    }
    assert_string_equal(value_of(world, "SELECT uid FROM dingtalk_account"), text);
}

static void every_row_is_read(void **state)
{
    query_t query = {.sql = {NULL, "SELECT uid FROM dingtalk_account ORDER BY uid"}};
    world_t *world = *state;

    for (int i = 100; i < 150; i++) {
        const char *text =
            apr_psprintf(world->pool, "INSERT INTO dingtalk_account (uid) VALUES ('%d')", i);
        assert_int_equal(change(world, text), 1);
    }
    assert_int_equal(run(world, query_work, &query), APR_SUCCESS);
    assert_int_equal(query.rows, 50);
    assert_string_equal(query.value, "149");
}

static void too_many_arguments_are_refused(void **state)
{
    static const char *const args[DT_DB_ARGS + 1];
    query_t query = {.sql = {NULL, "SELECT %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s %s"},
                     .args = args};

    assert_int_equal(run(*state, query_work, &query), APR_EINVAL);
}

/* --- failures --- */

static void what_a_database_says_is_told_without_values(void **state)
{
    static const char *const args[] = {"s3cretvalue"};
    query_t query = {.sql = {NULL, "SELECT uid FROM no_such_table WHERE uid = %s"}, .args = args};
    world_t *world = *state;

    assert_int_equal(run(world, query_work, &query), APR_EGENERAL);
    assert_int_equal(world->troubles, 1);
    assert_non_null(strstr(world->trouble, "no_such_table"));
    assert_null(strstr(world->trouble, "s3cretvalue"));
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"), "0");
}

/* Work that fails as often as it is told to. */
typedef struct flaky_t {
    int failures;
    int calls;
} flaky_t;

static apr_status_t flaky_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    static const dt_sql_t wrong = {NULL, "DELETE FROM no_such_table"};
    static const dt_sql_t right = {NULL, "DELETE FROM dingtalk_account"};
    flaky_t *flaky = baton;

    return dt_conn_execute(conn, call, flaky->calls++ < flaky->failures ? &wrong : &right, NULL,
                           NULL);
}

static void what_fails_is_done_again_four_times_at_most(void **state)
{
    world_t *world = *state;
    flaky_t once = {.failures = 1};
    flaky_t always = {.failures = 9};

    assert_int_equal(run(world, flaky_work, &once), APR_SUCCESS);
    assert_int_equal(once.calls, 2);
    assert_int_equal(world->troubles, 0);
    assert_int_equal(run(world, flaky_work, &always), APR_EGENERAL);
    assert_int_equal(always.calls, 5);
    assert_int_equal(world->troubles, 1);
}

static apr_status_t answer_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    (*(int *)baton)++;
    return APR_EAGAIN;
}

static void an_answer_is_no_failure(void **state)
{
    world_t *world = *state;
    int calls = 0;

    assert_int_equal(run(world, answer_work, &calls), APR_EAGAIN);
    assert_int_equal(calls, 1);
    assert_int_equal(world->troubles, 0);
}

static apr_status_t careless_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    static const dt_sql_t wrong = {NULL, "DELETE FROM no_such_table"};

    (void)dt_conn_execute(conn, call, &wrong, NULL, NULL);
    return APR_SUCCESS;
}

static void a_failure_that_was_passed_over_is_a_failure(void **state)
{
    assert_int_equal(run(*state, careless_work, NULL), APR_EGENERAL);
}

static void an_idle_connection_that_was_closed_is_replaced(void **state)
{
    world_t *world = *state;
    const bool pgsql = is_driver(world, "pgsql");
    const char *id;
    world_t *killer;

    if (world->folder) {
        skip();
    }
    id = value_of(world, pgsql ? "SELECT pg_backend_pid()" : "SELECT CONNECTION_ID()");
    killer = world_twin(world);
    if (pgsql) {
        value_of(killer, apr_psprintf(world->pool, "SELECT pg_terminate_backend(%s)", id));
    }
    else {
        assert_int_equal(change(killer, apr_psprintf(world->pool, "KILL %s", id)), 0);
    }
    world_disconnect(killer);
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"), "0");
    assert_int_equal(world->troubles, 0);
}

#define PAUSE apr_time_from_sec(1) /* as in db.c */

static void who_does_not_answer_is_left_alone_for_a_moment(void **state)
{
    world_t *world = *state;
    const apr_time_t began = apr_time_now();
    flaky_t work = {0};
    apr_uint32_t tried;

    world_disconnect(world);
    world->config.params = is_driver(world, "sqlite3") ? "/no/such/folder/dingtalk.db"
                           : is_driver(world, "pgsql") ? "host=127.0.0.1 port=1 password=s3cret"
                                                       : "host=127.0.0.1,port=1,pass=s3cret";
    world_connect(world);
    assert_int_equal(run(world, flaky_work, &work), APR_ECONNREFUSED);
    assert_int_equal(world->troubles, 1);
    assert_null(strstr(world->trouble, "s3cret"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run(world, flaky_work, &work), APR_ECONNREFUSED);
    }
    tried = world->troubles;
    assert_true(tried <= 1 + (apr_uint32_t)((apr_time_now() - began) / PAUSE));
    apr_sleep(PAUSE + apr_time_from_msec(100));
    assert_int_equal(run(world, flaky_work, &work), APR_ECONNREFUSED);
    assert_int_equal(world->troubles, tried + 1);
    assert_int_equal(work.calls, 0);
}

static void who_comes_back_is_used_again(void **state)
{
    world_t *world = *state;
    const char *folder = apr_pstrcat(world->pool, world->folder, "/later", NULL);
    const char *there = world->config.params;
    const char *trouble = NULL;

    if (!world->folder) {
        skip();
    }
    world_disconnect(world);
    world->config.params = apr_pstrcat(world->pool, folder, "/dingtalk.db", NULL);
    world_connect(world);
    assert_int_equal(dt_db_ready(world->db, &world->call, &trouble), APR_ECONNREFUSED);
    assert_string_equal(trouble, "unable to open database file");
    /* At once, so it is left alone; but nobody else may have been told why. */
    assert_int_equal(dt_db_ready(world->db, &world->call, &trouble), APR_ECONNREFUSED);
    assert_string_equal(trouble, "unable to open database file");
    assert_int_equal(apr_dir_make(folder, APR_FPROT_OS_DEFAULT, world->pool), APR_SUCCESS);
    apr_sleep(apr_time_from_msec(1100));
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"), "0");
    world_disconnect(world);
    world_remove_files(world);
    apr_dir_remove(folder, world->pool);
    world->config.params = there;
    world_connect(world);
}

/* As on a full disk: files cannot grow any more. */
static void a_full_disk_is_told_and_harms_nothing(void **state)
{
    world_t *world = *state;
    struct rlimit before;
    struct rlimit full;
    int written = 0;

    if (!world->folder) {
        skip();
    }
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"), "0");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = (struct rlimit){.rlim_cur = 300 * 1024, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    while (change(world, "INSERT INTO dingtalk_account (uid) VALUES (HEX(RANDOMBLOB(900)))") == 1) {
        written++;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(written, 0);
    assert_int_equal(world->troubles, 1);
    assert_non_null(strstr(world->trouble, "disk"));
    assert_string_equal(value_of(world, "PRAGMA integrity_check"), "ok");
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_account"),
                        apr_itoa(world->pool, written));
    assert_int_equal(change(world, "DELETE FROM dingtalk_account"), written);
}

/* --- the pool --- */

static apr_status_t nested_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    world_t *world = baton;
    flaky_t inner = {0};

    assert_int_equal(dt_db_run(world->db, call, flaky_work, &inner), APR_TIMEUP);
    assert_int_equal(inner.calls, 0);
    return APR_SUCCESS;
}

static void who_finds_no_connection_free_goes_away_in_time(void **state)
{
    world_t *world = *state;
    apr_time_t began;

    world_disconnect(world);
    world->config.max_connections = 1;
    world->config.patience = apr_time_from_msec(100);
    world_connect(world);
    began = apr_time_now();
    assert_int_equal(run(world, nested_work, world), APR_SUCCESS);
    assert_true(apr_time_now() - began < apr_time_from_sec(5));
    assert_string_equal(world->trouble, "all connections to the database are in use");
}

/* --- transactions --- */

typedef struct change_of_mind_t {
    bool wrong; /* something fails inside */
    bool commit;
    bool abort;
} change_of_mind_t;

static apr_status_t transaction_work(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    static const dt_sql_t insert = {NULL, "INSERT INTO dingtalk_account (uid) VALUES ('a')"};
    static const dt_sql_t wrong = {NULL, "DELETE FROM no_such_table"};
    const change_of_mind_t *mind = baton;
    apr_status_t rv = dt_conn_begin(conn, call);

    if (rv == APR_SUCCESS) {
        rv = dt_conn_execute(conn, call, &insert, NULL, NULL);
    }
    if (rv == APR_SUCCESS && mind->wrong) {
        (void)dt_conn_execute(conn, call, &wrong, NULL, NULL);
    }
    if (rv == APR_SUCCESS && mind->commit) {
        rv = dt_conn_commit(conn, call);
    }
    if (mind->abort) {
        dt_conn_abort(conn, call);
    }
    return rv;
}

static const char *accounts(world_t *world)
{
    return value_of(world, "SELECT COUNT(*) FROM dingtalk_account");
}

static void what_is_committed_stays(void **state)
{
    change_of_mind_t mind = {.commit = true};

    assert_int_equal(run(*state, transaction_work, &mind), APR_SUCCESS);
    assert_string_equal(accounts(*state), "1");
}

static void what_is_aborted_or_left_open_is_undone(void **state)
{
    change_of_mind_t aborted = {.abort = true};
    change_of_mind_t left = {0};

    assert_int_equal(run(*state, transaction_work, &aborted), APR_SUCCESS);
    assert_string_equal(accounts(*state), "0");
    assert_int_equal(run(*state, transaction_work, &left), APR_SUCCESS);
    assert_string_equal(accounts(*state), "0");
}

static void after_a_failure_nothing_can_be_committed(void **state)
{
    change_of_mind_t mind = {.wrong = true, .commit = true};

    assert_int_equal(run(*state, transaction_work, &mind), APR_EGENERAL);
    assert_string_equal(accounts(*state), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_driver_that_is_there_is_good),
        WITH_WORLD(a_driver_that_is_not_known_is_refused),
        WITH_WORLD(a_database_that_was_not_started_refuses),
        WITH_WORLD(what_an_administrator_says_of_postgresql_comes_last),
        WITH_WORLD(what_we_need_of_mysql_comes_last),
        WITH_WORLD(a_session_is_set_up),
        WITH_WORLD(nothing_is_opened_before_it_is_needed),
        WITH_WORLD(a_file_is_for_its_owner_only),
        WITH_WORLD(what_is_written_is_read_as_it_was),
        WITH_WORLD(a_character_is_stored_as_one),
        WITH_WORLD(a_value_that_is_too_long_is_never_cut),
        WITH_WORLD(every_row_is_read),
        WITH_WORLD(too_many_arguments_are_refused),
        WITH_WORLD(what_a_database_says_is_told_without_values),
        WITH_WORLD(what_fails_is_done_again_four_times_at_most),
        WITH_WORLD(an_answer_is_no_failure),
        WITH_WORLD(a_failure_that_was_passed_over_is_a_failure),
        WITH_WORLD(an_idle_connection_that_was_closed_is_replaced),
        WITH_WORLD(who_does_not_answer_is_left_alone_for_a_moment),
        WITH_WORLD(who_comes_back_is_used_again),
        WITH_WORLD(a_full_disk_is_told_and_harms_nothing),
        WITH_WORLD(who_finds_no_connection_free_goes_away_in_time),
        WITH_WORLD(what_is_committed_stays),
        WITH_WORLD(what_is_aborted_or_left_open_is_undone),
        WITH_WORLD(after_a_failure_nothing_can_be_committed),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
