/* SPDX-License-Identifier: Apache-2.0 */
/* How tests have accounts made. */
#ifndef DT_UNIT_CREATE_WORLD_H
#define DT_UNIT_CREATE_WORLD_H

#include "accounts_world.h"

#define LI           \
    {                \
        "name", "Li" \
    }
#define END        \
    {              \
        NULL, NULL \
    }

/* For the person whose unionid is the same text as the key. */
static inline dt_claim_t claim_to(const char *key)
{
    return (dt_claim_t){CORP, key, "manager4220", key, "create"};
}

static inline bool create_for(world_t *world, const dt_accounts_t *accounts,
                              const dt_claim_t *claim, const dt_account_value_t *values)
{
    bool created = false;

    assert_int_equal(accounts->create(accounts->plug.self, &world->call, values, claim, &created),
                     APR_SUCCESS);
    return created;
}

static inline bool create(world_t *world, const dt_accounts_t *accounts, const char *key,
                          const dt_account_value_t *values)
{
    const dt_claim_t claim = claim_to(key);

    return create_for(world, accounts, &claim, values);
}

static inline apr_status_t create_status(world_t *world, const dt_accounts_t *accounts,
                                         const char *key, const dt_account_value_t *values)
{
    const dt_claim_t claim = claim_to(key);
    bool created = true;
    const apr_status_t rv =
        accounts->create(accounts->plug.self, &world->call, values, &claim, &created);

    assert_false(created);
    return rv;
}

static inline void assert_rows(world_t *world, const char *table, const char *count)
{
    const char *text = apr_pstrcat(world->pool, "SELECT count(*) FROM ", table, NULL);

    assert_row_text(table, value_of(world, text), count);
}

#define CREATE(world, accounts, key, ...) \
    create((world), (accounts), (key), (const dt_account_value_t[]){__VA_ARGS__, END})
#define CREATE_STATUS(world, accounts, key, ...) \
    create_status((world), (accounts), (key), (const dt_account_value_t[]){__VA_ARGS__, END})

#endif
