/* SPDX-License-Identifier: Apache-2.0 */
/* A memory port that keeps its rows in a pool: for one thread, and as obstinate as a test wants. */
#ifndef DT_UNIT_FAKE_MEMORY_H
#define DT_UNIT_FAKE_MEMORY_H

#include "core/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_strings.h>

#define FAKE_ROWS 256 /* of each table */

typedef struct fake_binding_t {
    const char *corp_id;
    const char *union_id;
    const char *user_id;
    const char *uid;
    const char *method;
    apr_time_t bound_at;
    apr_time_t last_login_at;
} fake_binding_t;

typedef struct fake_limit_t {
    const char *subject;
    const char *value;
    apr_int64_t version;
    apr_time_t expires_at;
} fake_limit_t;

typedef struct fake_challenge_t {
    dt_challenge_t row;
    int tries;
    bool used;
} fake_challenge_t;

typedef struct fake_audit_t {
    dt_audit_t row;
    apr_time_t at;
    const char *address;
} fake_audit_t;

typedef struct fake_memory_t {
    dt_memory_t port; /* what the code under test is given */
    apr_pool_t *pool;
    apr_status_t trouble;   /* other than APR_SUCCESS: what functions return instead of an answer */
    const char *trouble_in; /* which one, e.g. "audit"; NULL: every one */
    /* Runs before each question, or NULL: what others do meanwhile. */
    void (*before)(struct fake_memory_t *memory, const char *function);
    int questions; /* asked so far */
    fake_binding_t bindings[FAKE_ROWS];
    fake_limit_t limits[FAKE_ROWS];
    fake_challenge_t challenges[FAKE_ROWS];
    fake_audit_t audits[FAKE_ROWS];
    int binding_count;
    int limit_count;
    int challenge_count;
    int audit_count;
} fake_memory_t;

/* Every function begins with it. */
static inline apr_status_t fake_asked(fake_memory_t *m, const char *function)
{
    m->questions++;
    if (m->before) {
        m->before(m, function);
    }
    return !m->trouble_in || strcmp(m->trouble_in, function) == 0 ? m->trouble : APR_SUCCESS;
}

/* --- bindings --- */

static inline fake_binding_t *fake_binding_of(fake_memory_t *m, const char *corp_id,
                                              const char *union_id)
{
    for (int i = 0; i < m->binding_count; i++) {
        if (strcmp(m->bindings[i].corp_id, corp_id) == 0 &&
            strcmp(m->bindings[i].union_id, union_id) == 0) {
            return &m->bindings[i];
        }
    }
    return NULL;
}

static inline fake_binding_t *fake_binding_to(fake_memory_t *m, const char *corp_id,
                                              const char *uid)
{
    for (int i = 0; i < m->binding_count; i++) {
        if (strcmp(m->bindings[i].corp_id, corp_id) == 0 && strcmp(m->bindings[i].uid, uid) == 0) {
            return &m->bindings[i];
        }
    }
    return NULL;
}

static inline apr_status_t fake_binding(void *self, const dt_call_t *call, const char *corp_id,
                                        const char *union_id, dt_binding_t *binding)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "binding");
    const fake_binding_t *row = fake_binding_of(m, corp_id, union_id);

    (void)call;
    if (rv == APR_SUCCESS) {
        *binding = (dt_binding_t){row ? row->uid : NULL, row ? row->user_id : NULL};
    }
    return rv;
}

static inline dt_bound_t fake_binding_add(fake_memory_t *m, apr_time_t now, const dt_claim_t *claim)
{
    const fake_binding_t *row = fake_binding_of(m, claim->corp_id, claim->union_id);

    if (row) {
        return strcmp(row->uid, claim->uid) == 0 ? DT_BOUND : DT_BOUND_OTHER;
    }
    if (fake_binding_to(m, claim->corp_id, claim->uid)) {
        return DT_BOUND_TAKEN;
    }
    assert_true(m->binding_count < FAKE_ROWS);
    m->bindings[m->binding_count++] = (fake_binding_t){
        apr_pstrdup(m->pool, claim->corp_id),
        apr_pstrdup(m->pool, claim->union_id),
        apr_pstrdup(m->pool, claim->user_id),
        apr_pstrdup(m->pool, claim->uid),
        apr_pstrdup(m->pool, claim->method),
        now,
        0,
    };
    return DT_BOUND;
}

static inline apr_status_t fake_bind(void *self, const dt_call_t *call, const dt_claim_t *claim,
                                     dt_bound_t *bound)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "bind");

    if (rv == APR_SUCCESS) {
        *bound = fake_binding_add(m, call->now, claim);
    }
    return rv;
}

/* --- audit --- */

static inline apr_status_t fake_audit(void *self, const dt_call_t *call, const dt_audit_t *entry)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "audit");
    fake_binding_t *binding;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    assert_true(m->audit_count < FAKE_ROWS);
    m->audits[m->audit_count++] = (fake_audit_t){
        {apr_pstrdup(m->pool, entry->what), apr_pstrdup(m->pool, entry->corp_id),
         apr_pstrdup(m->pool, entry->union_id), apr_pstrdup(m->pool, entry->user_id),
         apr_pstrdup(m->pool, entry->uid), apr_pstrdup(m->pool, entry->phone),
         apr_pstrdup(m->pool, entry->why)},
        call->now,
        apr_pstrdup(m->pool, call->address),
    };
    if (strcmp(entry->what, "signed_in") == 0) {
        binding = fake_binding_of(m, entry->corp_id, entry->union_id);
        if (binding) {
            binding->user_id = apr_pstrdup(m->pool, entry->user_id);
            binding->last_login_at = call->now;
        }
    }
    return APR_SUCCESS;
}

/* The newest row of the audit; the test fails when there is none. */
static inline const dt_audit_t *fake_last_audit(const fake_memory_t *m)
{
    assert_true(m->audit_count > 0);
    return &m->audits[m->audit_count - 1].row;
}

/* --- limits: what may be forgotten is not, which is the harder case --- */

static inline fake_limit_t *fake_limit_of(fake_memory_t *m, const char *subject)
{
    for (int i = 0; i < m->limit_count; i++) {
        if (strcmp(m->limits[i].subject, subject) == 0) {
            return &m->limits[i];
        }
    }
    return NULL;
}

static inline apr_status_t fake_load_limit(void *self, const dt_call_t *call, const char *subject,
                                           const char **value, apr_int64_t *version)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "load_limit");
    const fake_limit_t *row = fake_limit_of(m, subject);

    (void)call;
    if (rv == APR_SUCCESS) {
        *value = row ? row->value : "";
        *version = row ? row->version : 0;
    }
    return rv;
}

static inline apr_status_t fake_store_limit(void *self, const dt_call_t *call, const char *subject,
                                            const char *value, apr_int64_t version,
                                            apr_time_t expires_at)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "store_limit");
    fake_limit_t *row = fake_limit_of(m, subject);

    (void)call;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (version != (row ? row->version : 0)) {
        return APR_EAGAIN;
    }
    if (!row) {
        assert_true(m->limit_count < FAKE_ROWS);
        row = &m->limits[m->limit_count++];
        row->subject = apr_pstrdup(m->pool, subject);
    }
    row->value = apr_pstrdup(m->pool, value);
    row->version = version + 1;
    row->expires_at = expires_at;
    return APR_SUCCESS;
}

/* --- challenges --- */

static inline fake_challenge_t *fake_challenge_of(fake_memory_t *m, const char *id)
{
    for (int i = 0; i < m->challenge_count; i++) {
        if (strcmp(m->challenges[i].row.id, id) == 0) {
            return &m->challenges[i];
        }
    }
    return NULL;
}

static inline apr_status_t fake_add_challenge(void *self, const dt_call_t *call,
                                              const dt_challenge_t *challenge)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "add_challenge");

    (void)call;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    assert_true(m->challenge_count < FAKE_ROWS);
    assert_int_equal(strlen(challenge->id), DT_CHALLENGE_ID);
    assert_int_equal(strlen(challenge->hash), DT_CHALLENGE_HASH);
    assert_null(fake_challenge_of(m, challenge->id));
    m->challenges[m->challenge_count++].row = (dt_challenge_t){
        apr_pstrdup(m->pool, challenge->id),       apr_pstrdup(m->pool, challenge->corp_id),
        apr_pstrdup(m->pool, challenge->union_id), apr_pstrdup(m->pool, challenge->uid),
        apr_pstrdup(m->pool, challenge->hash),     challenge->expires_at,
    };
    return APR_SUCCESS;
}

static inline apr_status_t fake_try_challenge(void *self, const dt_call_t *call, const char *id,
                                              int max, dt_challenge_t *challenge, int *tries,
                                              bool *alive)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "try_challenge");
    fake_challenge_t *row = fake_challenge_of(m, id);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *challenge = row ? row->row : (dt_challenge_t){NULL};
    *alive = row && !row->used && call->now < row->row.expires_at && row->tries < max;
    if (*alive) {
        *tries = ++row->tries;
    }
    return APR_SUCCESS;
}

static inline apr_status_t fake_use_challenge(void *self, const dt_call_t *call, const char *id,
                                              bool *first)
{
    fake_memory_t *m = self;
    apr_status_t rv = fake_asked(m, "use_challenge");
    fake_challenge_t *row = fake_challenge_of(m, id);

    (void)call;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *first = row && !row->used;
    if (row) {
        row->used = true;
    }
    return APR_SUCCESS;
}

/* An empty memory, in pool. */
static inline fake_memory_t *fake_memory_made(apr_pool_t *pool)
{
    fake_memory_t *m = apr_pcalloc(pool, sizeof(*m));

    m->pool = pool;
    m->port = (dt_memory_t){{"fake", m, NULL},  fake_binding,       fake_bind,
                            fake_audit,         fake_load_limit,    fake_store_limit,
                            fake_add_challenge, fake_try_challenge, fake_use_challenge};
    return m;
}

#endif
