/* SPDX-License-Identifier: Apache-2.0 */
/* What unit tests share: a pool or a call for each test, and failures that name their row. */
#ifndef DT_UNIT_UNIT_H
#define DT_UNIT_UNIT_H

#include "core/dt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#define NOW apr_time_from_sec(1700000000)

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- what a test has of its own --- */

static inline apr_pool_t *pool_made(void)
{
    apr_pool_t *pool = NULL;

    assert_int_equal(apr_initialize(), APR_SUCCESS);
    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    return pool;
}

static inline void pool_gone(apr_pool_t *pool)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static inline int pool_set_up(void **state)
{
    *state = pool_made();
    return 0;
}

static inline int pool_tear_down(void **state)
{
    pool_gone(*state);
    return 0;
}

static inline int call_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    dt_call_t *call = apr_palloc(pool, sizeof(*call));

    *call = (dt_call_t){.pool = pool, .now = NOW, .host = "intra.example.com"};
    *state = call;
    return 0;
}

static inline int call_tear_down(void **state)
{
    const dt_call_t *call = *state;

    pool_gone(call->pool);
    return 0;
}

/* The state is an apr_pool_t, or a dt_call_t with a pool and a clock that stands still. */
#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, pool_set_up, pool_tear_down)
#define WITH_CALL(test) cmocka_unit_test_setup_teardown(test, call_set_up, call_tear_down)

/* A row of a table, which has a name, as a test of that name. The state is the row. */
#define ROW_TEST(row, test, set_up, tear_down) \
    ((struct CMUnitTest){(row)->name, (test), (set_up), (tear_down), (void *)(row)})

/* --- assertions within a table: each failure shows the row, byte for byte --- */

typedef struct shown_t {
    char text[256];
} shown_t;

static inline shown_t shown(const char *text)
{
    shown_t out = {"NULL"};
    size_t len = 0;

    if (!text) {
        return out;
    }
    out.text[len++] = '"';
    for (; *text && len < sizeof(out.text) - 8; text++) {
        len += (size_t)snprintf(out.text + len, 8, *text >= 0x20 && *text < 0x7f ? "%c" : "\\x%02x",
                                (unsigned char)*text);
    }
    (void)snprintf(out.text + len, 8, "%s", *text ? "\"..." : "\"");
    return out;
}

static inline bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

#define assert_row_true(row, holds)                                    \
    do {                                                               \
        if (!(holds)) {                                                \
            fail_msg("%s: %s does not hold", shown(row).text, #holds); \
        }                                                              \
    } while (0)

#define assert_row_int(row, value, expected)                                                    \
    do {                                                                                        \
        const long long got_ = (value);                                                         \
        const long long expected_ = (expected);                                                 \
        if (got_ != expected_) {                                                                \
            fail_msg("%s: %lld is not %lld (%s)", shown(row).text, got_, expected_, #expected); \
        }                                                                                       \
    } while (0)

/* Either text may be NULL. */
#define assert_row_text(row, value, expected)                               \
    do {                                                                    \
        const char *got_ = (value);                                         \
        const char *expected_ = (expected);                                 \
        if (!same_text(got_, expected_)) {                                  \
            fail_msg("%s: %s is not %s", shown(row).text, shown(got_).text, \
                     shown(expected_).text);                                \
        }                                                                   \
    } while (0)

/* The result, which is no pointer, has this reason and what belongs to it. */
#define assert_row_why(row, result, id)                                        \
    do {                                                                       \
        const dt_result_t result_ = (result);                                  \
        const dt_why_t *why_ = &dt_whys[id];                                   \
        if (result_.why != why_) {                                             \
            fail_msg("%s: the reason is %s, not %s", shown(row).text,          \
                     result_.why ? result_.why->name : "missing", why_->name); \
        }                                                                      \
        assert_row_int((row), result_.what, why_->what);                       \
    } while (0)

#define assert_why(result, id) assert_row_why(__func__, (result), (id))

#endif
