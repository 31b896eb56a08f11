/* SPDX-License-Identifier: Apache-2.0 */
/* A small world for codes: accounts with phones, a sender that only remembers, one person. */
#ifndef DT_UNIT_CHALLENGE_WORLD_H
#define DT_UNIT_CHALLENGE_WORLD_H

#include "core/bytes.h"
#include "core/challenge.h"
#include "fake_memory.h"
#include "unit.h"

#define SECOND apr_time_from_sec(1)
#define MINUTE apr_time_from_sec(60)
#define PHONE "13800138000" /* of the account "zhang" */
#define NOBODYS "13900139000"

typedef struct world_t {
    dt_call_t call;
    fake_memory_t *memory;
    dt_accounts_t accounts;
    dt_sender_t sender;
    dt_code_rules_t rules;
    dt_codes_t codes;
    dt_bind_t bind;
    dt_member_t person;

    /* what the stores are like */
    const char *stored_phone; /* as the account has it */
    dt_found_t found;         /* by a search for PHONE */
    apr_status_t accounts_rv;
    dt_sent_t sent;

    /* what was sent */
    int sends;
    int challenges_before; /* kept when the message was sent */
    dt_message_t message;  /* the last one; phone is NULL when it was for nobody */

    /* the last answer */
    apr_status_t rv;
    dt_result_t result;
    dt_code_asked_t asked;
    apr_interval_time_t retry_in;
    const char *uid;
    int tries_left;
} world_t;

static inline apr_status_t find_phone(void *self, const dt_call_t *call, const char *attribute,
                                      dt_match_t match, const char *value, dt_account_t *account,
                                      dt_found_t *found)
{
    world_t *w = self;

    (void)call;
    assert_string_equal(attribute, "telephone");
    assert_int_equal(match, DT_MATCH_PHONE);
    if (w->accounts_rv != APR_SUCCESS) {
        return w->accounts_rv;
    }
    *found = strcmp(value, "+86" NOBODYS) == 0 ? DT_FOUND_NONE : w->found;
    if (*found == DT_FOUND_ONE) {
        *account = (dt_account_t){.key = "zhang", .phone = w->stored_phone};
    }
    return APR_SUCCESS;
}

static inline dt_sent_t remember(void *self, const dt_call_t *call, const dt_message_t *message,
                                 const char **detail)
{
    world_t *w = self;

    (void)call;
    w->sends++;
    w->challenges_before = w->memory->challenge_count;
    w->message = message ? *message : (dt_message_t){NULL};
    *detail = "sms: HTTP 200";
    return w->sent;
}

static inline const dt_keyring_t *keys_of(apr_pool_t *pool, int count, const dt_slice_t *texts)
{
    dt_keyring_t *keys = NULL;

    assert_int_equal(dt_keyring_create(pool, texts, count, DT_SLICE("owner"), &keys), APR_SUCCESS);
    return keys;
}

#define KEY DT_SLICE("a key text of more than 32 bytes, for tests")
#define NEW_KEY DT_SLICE("the key text that came later, for tests")

static inline int world_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    const dt_slice_t key = KEY;
    world_t *w = apr_pcalloc(pool, sizeof(*w));

    w->call = (dt_call_t){.pool = pool, .now = NOW, .address = "192.0.2.1"};
    w->memory = fake_memory_made(pool);
    w->accounts = (dt_accounts_t){{"fake", w, NULL}, .find = find_phone};
    w->sender = (dt_sender_t){{"fake", w, NULL}, remember};
    w->rules = (dt_code_rules_t){6, 5 * MINUTE, 5, MINUTE, NULL, NULL, NULL};
    w->codes = (dt_codes_t){&w->rules, &w->sender, keys_of(pool, 1, &key)};
    w->bind = (dt_bind_t){.corp_id = "dingcorp",
                          .accounts = &w->accounts,
                          .memory = &w->memory->port,
                          .phone_attribute = "telephone"};
    w->person = (dt_member_t){.user_id = "user", .union_id = "union"};
    w->stored_phone = "138 0013 8000";
    w->found = DT_FOUND_ONE;
    *state = w;
    return 0;
}

static inline int world_tear_down(void **state)
{
    const world_t *w = *state;

    pool_gone(w->call.pool);
    return 0;
}

/* What every answer promises. */
static inline void check_answer(const world_t *w)
{
    assert_int_equal(w->rv != APR_SUCCESS, w->result.what == DT_UNSURE);
    if (w->result.detail) {
        assert_null(strstr(w->result.detail, PHONE));
    }
}

static inline void ask_in(world_t *w, const char *country, const char *phone)
{
    w->asked = (dt_code_asked_t){NULL};
    w->rv = dt_challenge_send(&w->codes, &w->bind, &w->call, &w->person, country, phone, &w->asked,
                              &w->retry_in, &w->result);
    check_answer(w);
    assert_int_equal(w->asked.id != NULL, w->result.why == &dt_whys[DT_WHY_CODE_SENT]);
    if (w->result.why == &dt_whys[DT_WHY_TOO_MANY]) {
        assert_true(w->retry_in > 0);
    }
    else if (w->result.what != DT_UNSURE) {
        assert_int_equal(w->retry_in, 0);
    }
}

static inline void ask(world_t *w, const char *phone)
{
    ask_in(w, NULL, phone);
}

static inline void guess(world_t *w, const char *code)
{
    w->uid = NULL;
    w->rv = dt_challenge_guess(&w->codes, &w->bind, &w->call, &w->person, w->asked.id, code,
                               &w->uid, &w->tries_left, &w->result);
    check_answer(w);
    assert_int_equal(w->uid != NULL, w->result.why == &dt_whys[DT_WHY_SIGNED_IN]);
}

/* The newest row of the audit is this one, by the person and masked. */
static inline void assert_audit(const world_t *w, const char *what, const char *uid,
                                const char *phone, const char *why)
{
    const dt_audit_t *row = fake_last_audit(w->memory);

    assert_row_text("what", row->what, what);
    assert_row_text("corp", row->corp_id, "dingcorp");
    assert_row_text("union", row->union_id, w->person.union_id);
    assert_row_text("user", row->user_id, "user");
    assert_row_text("uid", row->uid, uid);
    assert_row_text("phone", row->phone, phone);
    assert_row_text("why", row->why, why);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
