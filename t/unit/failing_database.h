/* SPDX-License-Identifier: Apache-2.0 */
/* A database for unit tests that fails at any call of apr_dbd; for one file of a program. */
#ifndef DT_UNIT_FAILING_DATABASE_H
#define DT_UNIT_FAILING_DATABASE_H

#include "database.h"

#include <dlfcn.h>

#define ID "0123456789abcdef0123456789abcdef"

/* --- a database that fails --- */

static int calls;  /* since when we count */
static int first;  /* the first that fails; 0: none */
static int behind; /* how many fail behind it */

static inline bool fails(void)
{
    calls++;
    return first > 0 && calls >= first && calls <= first + behind;
}

static inline void heal(void)
{
    first = 0;
    calls = 0;
}

/* One call, and those behind it. */
static inline void fail_at(int call, int and_behind)
{
    calls = 0;
    first = call;
    behind = and_behind;
}

#define FOR_EVER 1000000

/* The linker finds these before the library's own. */
#define FAILING(name, parameters, arguments)                   \
    int name parameters                                        \
    {                                                          \
        static int(*real) parameters;                          \
        if (!real) {                                           \
            real = (int(*) parameters)dlsym(RTLD_NEXT, #name); \
        }                                                      \
        return fails() ? APR_EGENERAL : real arguments;        \
    }

FAILING(apr_dbd_open_ex,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, const char *params, apr_dbd_t **handle,
         const char **error),
        (driver, pool, params, handle, error))
FAILING(apr_dbd_prepare,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_t *handle, const char *query,
         const char *label, apr_dbd_prepared_t **statement),
        (driver, pool, handle, query, label, statement))
FAILING(apr_dbd_pquery,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_t *handle, int *rows,
         apr_dbd_prepared_t *statement, int count, const char **args),
        (driver, pool, handle, rows, statement, count, args))
FAILING(apr_dbd_pselect,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_t *handle,
         apr_dbd_results_t **results, apr_dbd_prepared_t *statement, int random, int count,
         const char **args),
        (driver, pool, handle, results, statement, random, count, args))
FAILING(apr_dbd_select,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_t *handle,
         apr_dbd_results_t **results, const char *statement, int random),
        (driver, pool, handle, results, statement, random))
FAILING(apr_dbd_get_row,
        (const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_results_t *results,
         apr_dbd_row_t **row, int number),
        (driver, pool, results, row, number))

/* --- worlds --- */

/* What is there beforehand. */
static inline void furnish(world_t *world)
{
    static const char *const rows[] = {
        "INSERT INTO dingtalk_binding (corp_id, union_id, uid) VALUES ('" CORP
        "', 'union1', 'uid1')",
        "INSERT INTO dingtalk_challenge (id, corp_id, union_id, hash, created_at, expires_at) "
        "VALUES ('" ID "', '" CORP "', 'union1', 'hash', 1, 1800000000000)",
        "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
        "VALUES ('corp:a', 1, 1800000000000)",
        "INSERT INTO dingtalk_limit (subject, value, version, expires_at) "
        "VALUES ('subject', 'value', 1, 1800000000000)",
        "INSERT INTO dingtalk_event (corp_id, event_key, text, arrived_at, due_at, expires_at) "
        "VALUES ('" CORP "', 'key', 'text', 1, 1, 1800000000000)",
        "INSERT INTO dingtalk_member (corp_id, user_id, dept_ids, record, read_at, due_at) "
        "VALUES ('" CORP "', 'user1', '1,2', '{}', 1, 1)",
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_int(rows[i], change(world, rows[i]), 1);
    }
}

static inline world_t *empty(void)
{
    void *state = NULL;

    heal();
    assert_int_equal(world_set_up(&state), 0);
    return state;
}

static inline void gone(world_t *world)
{
    void *state = world;

    heal();
    assert_int_equal(world_tear_down(&state), 0);
}

#endif
