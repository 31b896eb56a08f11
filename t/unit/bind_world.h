/* SPDX-License-Identifier: Apache-2.0 */
/* A person, and stores that may know of them: what tests of binding share. */
#ifndef DT_UNIT_BIND_WORLD_H
#define DT_UNIT_BIND_WORLD_H

#include "core/bind.h"
#include "fake_accounts.h"
#include "unit.h"

#define CORP "dingcorp1"

typedef struct bind_world_t {
    apr_pool_t *pool;
    dt_call_t call;
    fake_memory_t *memory;
    fake_accounts_t *accounts;
    dt_bind_t bind;
    dt_member_t person;
    dt_account_t account; /* what the last question found */
    dt_result_t result;
    apr_status_t rv;
} bind_world_t;

static inline int bind_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    bind_world_t *w = apr_pcalloc(pool, sizeof(*w));

    w->pool = pool;
    w->call = (dt_call_t){.pool = pool, .now = NOW, .host = "intra.example.com"};
    w->memory = fake_memory_made(pool);
    w->accounts = fake_accounts_made(pool, w->memory);
    w->bind = (dt_bind_t){.corp_id = CORP,
                          .accounts = &w->accounts->port,
                          .memory = &w->memory->port,
                          .key_attribute = "uid",
                          .phone_attribute = "mobile"};
    w->person = (dt_member_t){.user_id = "zhang",
                              .union_id = "un-Zhang",
                              .name = "Zhang San",
                              .mobile = "+8613800138000",
                              .email = "zhang@example.com",
                              .active = true};
    *state = w;
    return 0;
}

static inline int bind_tear_down(void **state)
{
    const bind_world_t *w = *state;

    pool_gone(w->pool);
    return 0;
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, bind_set_up, bind_tear_down)

/* What every answer promises, whatever it is. */
static inline void check_bind_answer(const bind_world_t *w)
{
    assert_non_null(w->result.why);
    assert_int_equal(w->rv != APR_SUCCESS, w->result.what == DT_UNSURE);
    if (w->result.detail) {
        assert_null(strstr(w->result.detail, "1380"));
        assert_null(strstr(w->result.detail, "example.com"));
    }
    if (w->result.what == DT_SIGNED_IN && w->bind.accounts) {
        assert_non_null(w->account.key);
    }
}

static inline void bind_person(bind_world_t *w)
{
    w->accounts->asked = "";
    w->memory->questions = 0;
    w->rv = dt_bind_person(&w->bind, &w->call, &w->person, &w->account, &w->result);
    check_bind_answer(w);
}

static inline void bind_to(bind_world_t *w, const char *key)
{
    w->rv = dt_bind_to(&w->bind, &w->call, &w->person, key, "code", &w->account, &w->result);
    check_bind_answer(w);
}

static inline void be_bound(bind_world_t *w, const char *union_id, const char *uid)
{
    const dt_claim_t claim = {CORP, union_id, "some", uid, "hand"};

    assert_int_equal(fake_binding_add(w->memory, NOW, &claim), DT_BOUND);
}

static inline const char *bound_to(bind_world_t *w)
{
    const fake_binding_t *row = fake_binding_of(w->memory, CORP, w->person.union_id);

    return row ? row->uid : NULL;
}

static inline void assert_in(const bind_world_t *w, const char *key)
{
    assert_why(w->result, DT_WHY_SIGNED_IN);
    assert_string_equal(w->account.key, key);
}

static inline void assert_audited(const bind_world_t *w, const char *uid, const char *why)
{
    const dt_audit_t *row = fake_last_audit(w->memory);

    assert_string_equal(row->what, "bound");
    assert_string_equal(row->corp_id, CORP);
    assert_string_equal(row->union_id, w->person.union_id);
    assert_string_equal(row->user_id, w->person.user_id);
    assert_string_equal(row->uid, uid);
    assert_string_equal(row->why, why);
    assert_null(row->phone);
}

#endif
