/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the revocation table share: an empty table. */
#ifndef DT_UNIT_REVOKE_WORLD_H
#define DT_UNIT_REVOKE_WORLD_H

#include "core/bytes.h"
#include "core/revoke.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST apr_time_from_sec(8 * 3600)

typedef struct world_t {
    apr_pool_t *pool;
    void *memory;
    dt_revoke_t *table;
    dt_subject_t corp;
    atomic_int written; /* for threads: subjects below this are revoked */
    atomic_bool over;
} world_t;

static inline int world_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    world->pool = pool;
    world->memory = calloc(1, dt_revoke_size());
    assert_non_null(world->memory);
    assert_int_equal(dt_revoke_create(world->memory, LONGEST, NOW, &world->table), APR_SUCCESS);
    world->corp = dt_subject_corp(world->table, DT_SLICE("dingcorp0001"));
    *state = world;
    return 0;
}

static inline int world_tear_down(void **state)
{
    world_t *world = *state;

    free(world->memory);
    pool_gone(world->pool);
    return 0;
}

/* The head and at least six digits: under valgrind snprintf() would be most of a test of many. */
static inline dt_slice_t numbered(char id[32], const char *head, int n)
{
    size_t len = strlen(head);
    int digits = 6;

    memcpy(id, head, len);
    for (int rest = n / 1000000; rest > 0; rest /= 10) {
        digits++;
    }
    len += (size_t)digits;
    id[len] = '\0';
    for (; digits > 0; digits--, n /= 10) {
        id[--len] = (char)('0' + n % 10);
    }
    return dt_slice(id);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

#endif
