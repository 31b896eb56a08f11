/* SPDX-License-Identifier: Apache-2.0 */
/* An accounts port that keeps its rows in a pool: for one thread, as obstinate as a test wants. */
#ifndef DT_UNIT_FAKE_ACCOUNTS_H
#define DT_UNIT_FAKE_ACCOUNTS_H

#include "fake_memory.h"

#include <strings.h>

#define FAKE_ACCOUNTS 32
#define FAKE_VALUES 8

typedef struct fake_account_t {
    dt_account_value_t values[FAKE_VALUES]; /* up to a NULL name; the first is the key */
    bool managed;
    bool gone; /* there, but it does not count */
} fake_account_t;

typedef struct fake_accounts_t {
    dt_accounts_t port; /* what the code under test is given; without read_bound */
    apr_pool_t *pool;
    fake_memory_t *memory;
    apr_status_t trouble;   /* other than APR_SUCCESS: what functions return instead of an answer */
    const char *trouble_in; /* which one, e.g. "find"; NULL: every one */
    void (*before)(struct fake_accounts_t *accounts, const char *function); /* or NULL */
    const char *asked; /* the functions in order, each with a space behind it */
    fake_account_t rows[FAKE_ACCOUNTS];
    int count;
} fake_accounts_t;

/* Every function begins with it. */
static inline apr_status_t fake_accounts_asked(fake_accounts_t *a, const char *function)
{
    a->asked = apr_pstrcat(a->pool, a->asked, function, " ", NULL);
    if (a->before) {
        a->before(a, function);
    }
    return !a->trouble_in || strcmp(a->trouble_in, function) == 0 ? a->trouble : APR_SUCCESS;
}

static inline const char *fake_value(const fake_account_t *row, const char *name)
{
    for (int i = 0; row->values[i].name; i++) {
        if (strcmp(row->values[i].name, name) == 0) {
            return row->values[i].value;
        }
    }
    return NULL;
}

/* An empty value takes the attribute away. */
static inline void fake_set_value(fake_accounts_t *a, fake_account_t *row, const char *name,
                                  const char *value)
{
    int at = 0;

    while (row->values[at].name && strcmp(row->values[at].name, name) != 0) {
        at++;
    }
    if (*value) {
        assert_true(at < FAKE_VALUES - 1);
        row->values[at] =
            (dt_account_value_t){apr_pstrdup(a->pool, name), apr_pstrdup(a->pool, value)};
        return;
    }
    for (; row->values[at].name; at++) {
        row->values[at] = row->values[at + 1];
    }
}

/* The row of that key, whether it counts or not. */
static inline fake_account_t *fake_account_of(fake_accounts_t *a, const char *key)
{
    for (int i = 0; i < a->count; i++) {
        if (strcmp(a->rows[i].values[0].value, key) == 0) {
            return &a->rows[i];
        }
    }
    return NULL;
}

/* A new account with its key under "uid" and, when name is given, one attribute more. */
static inline fake_account_t *fake_account_add(fake_accounts_t *a, const char *key,
                                               const char *name, const char *value)
{
    fake_account_t *row = &a->rows[a->count++];

    assert_true(a->count <= FAKE_ACCOUNTS);
    fake_set_value(a, row, "uid", key);
    if (name) {
        fake_set_value(a, row, name, value);
    }
    return row;
}

static inline void fake_account_give(fake_account_t *row, dt_account_t *account, dt_found_t *found)
{
    *found = row && !row->gone ? DT_FOUND_ONE : DT_FOUND_NONE;
    if (*found == DT_FOUND_ONE) {
        *account = (dt_account_t){row->values[0].value, fake_value(row, "mobile"), row->values,
                                  row->managed};
    }
}

static inline apr_status_t fake_find(void *self, const dt_call_t *call, const char *attribute,
                                     dt_match_t match, const char *value, dt_account_t *account,
                                     dt_found_t *found)
{
    fake_accounts_t *a = self;
    apr_status_t rv = fake_accounts_asked(a, "find");
    int (*compare)(const char *, const char *) = match == DT_MATCH_EMAIL ? strcasecmp : strcmp;
    fake_account_t *match_row = NULL;
    int matches = 0;

    (void)call;
    for (int i = 0; i < a->count; i++) {
        const char *held = fake_value(&a->rows[i], attribute);

        if (held && !a->rows[i].gone && compare(held, value) == 0) {
            match_row = &a->rows[i];
            matches++;
        }
    }
    if (rv == APR_SUCCESS) {
        fake_account_give(matches == 1 ? match_row : NULL, account, found);
        *found = matches > 1 ? DT_FOUND_SEVERAL : *found;
    }
    return rv;
}

static inline apr_status_t fake_read(void *self, const dt_call_t *call, const char *key,
                                     dt_account_t *account, dt_found_t *found)
{
    fake_accounts_t *a = self;
    apr_status_t rv = fake_accounts_asked(a, "read");

    (void)call;
    if (rv == APR_SUCCESS) {
        fake_account_give(fake_account_of(a, key), account, found);
    }
    return rv;
}

/* For port.read_bound: an accounts port beside the memory it was made with. */
static inline apr_status_t fake_read_bound(void *self, const dt_call_t *call, const char *corp_id,
                                           const char *union_id, dt_binding_t *binding,
                                           dt_account_t *account, dt_found_t *found)
{
    fake_accounts_t *a = self;
    apr_status_t rv = fake_accounts_asked(a, "read_bound");
    const fake_binding_t *row = fake_binding_of(a->memory, corp_id, union_id);

    (void)call;
    if (rv == APR_SUCCESS) {
        *binding = (dt_binding_t){row ? row->uid : NULL, row ? row->user_id : NULL};
        fake_account_give(row ? fake_account_of(a, row->uid) : NULL, account, found);
    }
    return rv;
}

static inline apr_status_t fake_create(void *self, const dt_call_t *call,
                                       const dt_account_value_t *values, const dt_claim_t *claim,
                                       bool *created)
{
    fake_accounts_t *a = self;
    apr_status_t rv = fake_accounts_asked(a, "create");
    fake_account_t *row;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    assert_string_equal(values[0].name, "uid");
    assert_string_equal(values[0].value, claim->uid);
    *created = !fake_account_of(a, claim->uid) &&
               !fake_binding_of(a->memory, claim->corp_id, claim->union_id) &&
               fake_binding_add(a->memory, call->now, claim) == DT_BOUND;
    if (*created) {
        row = fake_account_add(a, values[0].value, NULL, NULL);
        row->managed = true;
        for (const dt_account_value_t *value = values + 1; value->name; value++) {
            assert_true(*value->value);
            fake_set_value(a, row, value->name, value->value);
        }
    }
    return APR_SUCCESS;
}

static inline apr_status_t fake_refresh(void *self, const dt_call_t *call,
                                        const dt_account_value_t *values)
{
    fake_accounts_t *a = self;
    apr_status_t rv = fake_accounts_asked(a, "refresh");
    fake_account_t *row = fake_account_of(a, values[0].value);

    (void)call;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    assert_string_equal(values[0].name, "uid");
    assert_true(row && row->managed);
    for (const dt_account_value_t *value = values + 1; value->name; value++) {
        fake_set_value(a, row, value->name, value->value);
    }
    return APR_SUCCESS;
}

/* Without accounts, in pool, beside memory. */
static inline fake_accounts_t *fake_accounts_made(apr_pool_t *pool, fake_memory_t *memory)
{
    fake_accounts_t *a = apr_pcalloc(pool, sizeof(*a));

    a->pool = pool;
    a->memory = memory;
    a->asked = "";
    a->port =
        (dt_accounts_t){{"fake", a, NULL}, fake_find, fake_read, NULL, fake_create, fake_refresh};
    return a;
}

#endif
