/* SPDX-License-Identifier: Apache-2.0 */
/* A small world to sign in to: DingTalk behind a fake http port, stores, and browsers. */
#ifndef DT_UNIT_LOGIN_WORLD_H
#define DT_UNIT_LOGIN_WORLD_H

#include "core/bytes.h"
#include "core/login.h"
#include "fake_accounts.h"
#include "provider/apptoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#define NOW apr_time_from_sec(1700000000)
#define MINUTE apr_time_from_sec(60)
#define CALLBACK "https://site.example/dingtalk/callback"
#define RECORDS 64
#define JAR (DT_TICKET_SLOTS + 1)

typedef enum asked_t { USER_TOKEN, ME, APP_TOKEN, USER_ID, MEMBER, CALLS } asked_t;

static const char *const paths[CALLS] = {
    [USER_TOKEN] = "https://api.example/v1.0/oauth2/userAccessToken",
    [ME] = "https://api.example/v1.0/contact/users/me",
    [APP_TOKEN] = "https://api.example/v1.0/oauth2/accessToken",
    [USER_ID] = "https://oapi.example/topapi/user/getbyunionid",
    [MEMBER] = "https://oapi.example/topapi/v2/user/get",
};

/* What a call gets instead of the good reply. */
typedef struct script_t {
    apr_status_t rv; /* no reply at all */
    int status;      /* 0: the good reply */
    const char *body;
} script_t;

typedef struct world_t {
    apr_pool_t *pool;
    dt_call_t call;
    dt_login_t login;
    dt_app_t app;
    dt_http_t http;
    dt_store_t store;
    script_t script[CALLS];
    int calls[CALLS];
    void (*in_me)(struct world_t *w); /* runs once, in the middle of the next sign-in */
    dt_slice_t records[RECORDS];      /* of sessions: the token is the index */
    int count;
    apr_time_t expiry;
    apr_status_t store_rv;
    fake_memory_t *memory;
    fake_accounts_t *accounts; /* without accounts; login.bind.accounts is NULL */
} world_t;

/* A browser: its ticket cookies, and what the last answer gave it. */
typedef struct browser_t {
    world_t *w;
    dt_ticket_cookie_t jar[JAR]; /* up to a NULL name */
    dt_way_t way;
    dt_result_t result;
    apr_status_t rv;
} browser_t;

/* --- DingTalk: the person "x" has code-x, user token SECRET-ut-x, unionId un-x, userid us-x --- */

static inline const char *between(apr_pool_t *pool, const char *text, const char *start,
                                  const char *end)
{
    const char *from = text ? strstr(text, start) : NULL;
    const char *to = from ? strstr(from + strlen(start), end) : NULL;

    return to ? apr_pstrmemdup(pool, from + strlen(start), (apr_size_t)(to - from) - strlen(start))
              : NULL;
}

static inline const char *good_reply(apr_pool_t *pool, asked_t asked,
                                     const dt_http_request_t *request)
{
    const char *body = apr_pstrmemdup(pool, request->body.data, request->body.len);
    const char *who;

    switch (asked) {
    case USER_TOKEN:
        who = between(pool, body, "\"code\":\"code-", "\"");
        return who ? apr_pstrcat(pool, "{\"accessToken\":\"SECRET-ut-", who,
                                 "\",\"refreshToken\":\"SECRET\",\"expireIn\":7200,"
                                 "\"corpId\":\"dingcorp1\"}",
                                 NULL)
                   : NULL;
    case ME:
        who = request->headers[0].value + strlen("SECRET-ut-");
        return apr_pstrcat(pool, "{\"nick\":\"", who, "\",\"unionId\":\"un-", who,
                           "\",\"mobile\":\"666\",\"email\":\"private@example\"}", NULL);
    case APP_TOKEN:
        return "{\"accessToken\":\"SECRET-at\",\"expireIn\":7200}";
    case USER_ID:
        who = between(pool, body, "\"unionid\":\"un-", "\"");
        return who ? apr_pstrcat(pool,
                                 "{\"errcode\":0,\"errmsg\":\"ok\",\"result\":"
                                 "{\"contact_type\":0,\"userid\":\"us-",
                                 who, "\"},\"request_id\":\"r1\"}", NULL)
                   : NULL;
    default:
        who = between(pool, body, "\"userid\":\"us-", "\"");
        return who ? apr_pstrcat(pool, "{\"errcode\":0,\"result\":{\"userid\":\"us-", who,
                                 "\",\"unionid\":\"un-", who, "\",\"name\":\"Name ", who,
                                 "\",\"mobile\":\"13800138000\",\"state_code\":\"86\","
                                 "\"title\":\"Engineer\",\"active\":true,"
                                 "\"dept_id_list\":[1,2]}}",
                                 NULL)
                   : NULL;
    }
}

static inline asked_t which_call(const dt_http_request_t *request)
{
    const apr_size_t len = strcspn(request->url, "?");

    for (int i = 0; i < CALLS; i++) {
        if (strlen(paths[i]) == len && memcmp(paths[i], request->url, len) == 0) {
            return (asked_t)i;
        }
    }
    fail_msg("nobody answers at this address");
    return CALLS;
}

static inline apr_status_t perform(void *self, const dt_call_t *call,
                                   const dt_http_request_t *request, dt_http_response_t *response)
{
    world_t *w = self;
    const asked_t asked = which_call(request);
    const script_t *script = &w->script[asked];
    void (*in_me)(world_t * w) = w->in_me;
    const char *body;

    *response = (dt_http_response_t){.trouble = "scripted trouble"};
    w->calls[asked]++;
    if (asked == ME && in_me) {
        w->in_me = NULL;
        in_me(w);
    }
    if (script->rv != APR_SUCCESS) {
        return script->rv;
    }
    response->status = script->status ? script->status : 200;
    body = script->status ? script->body : good_reply(call->pool, asked, request);
    if (!body) {
        response->status = 400;
        body = "{\"code\":\"invalidParameter.authCode.notFound\",\"message\":\"no\"}";
    }
    response->body = dt_slice(body);
    response->trouble = NULL;
    return APR_SUCCESS;
}

/* --- the store --- */

static inline apr_status_t load(void *self, const dt_call_t *call, dt_slice_t token,
                                dt_slice_t *record)
{
    world_t *w = self;
    const int i = token.len ? atoi(token.data) : RECORDS;

    (void)call;
    if (i >= w->count) {
        return APR_NOTFOUND;
    }
    *record = w->records[i];
    return APR_SUCCESS;
}

static inline apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old,
                                dt_slice_t record, apr_time_t expiry, dt_slice_t *token)
{
    world_t *w = self;

    (void)old;
    if (w->store_rv != APR_SUCCESS) {
        return w->store_rv;
    }
    assert_true(w->count < RECORDS);
    w->records[w->count].data = apr_pmemdup(w->pool, record.data, record.len);
    w->records[w->count].len = record.len;
    w->expiry = expiry;
    *token = dt_slice(apr_itoa(call->pool, w->count++));
    return APR_SUCCESS;
}

/* --- the world --- */

static const char *const no_attributes[] = {NULL};
static const dt_login_param_t params[] = {{"scope", "openid corpid"},
                                          {"prompt", "consent"},
                                          {NULL, NULL}};

static inline int setup(void **state)
{
    const dt_slice_t key = DT_SLICE("0123456789abcdef0123456789abcdef");
    const dt_apptoken_limits_t limits = {MINUTE, 0, MINUTE};
    apr_pool_t *pool;
    world_t *w;

    apr_pool_create(&pool, NULL);
    w = apr_pcalloc(pool, sizeof(*w));
    w->pool = pool;
    w->call = (dt_call_t){.pool = pool, .now = NOW, .host = "site.example"};
    w->app = (dt_app_t){"dingclient",          "SECRET-cs",
                        "dingcorp1",           "https://login.example",
                        "https://api.example", "https://oapi.example"};
    w->http = (dt_http_t){{"fake", w, NULL}, perform};
    w->store = (dt_store_t){{"fake", w, NULL}, load, save, NULL};
    w->login.client.app = &w->app;
    w->login.client.http = &w->http;
    assert_int_equal(dt_apptoken_create(pool, &limits, &w->login.client.tokens), 0);
    assert_int_equal(w->login.client.tokens->plug.start(w->login.client.tokens->plug.self, pool),
                     0);
    assert_int_equal(dt_keyring_create(pool, &key, 1, DT_SLICE("owner"),
                                       (dt_keyring_t **)(uintptr_t)&w->login.keys),
                     0);
    w->login.ticket_lifetime = 10 * MINUTE;
    w->login.params = params;
    w->login.admit = (dt_admit_t){.store = &w->store,
                                  .lifetimes = {480 * MINUTE, 120 * MINUTE},
                                  .remote_user = "userid",
                                  .attributes = no_attributes};
    w->memory = fake_memory_made(pool);
    w->accounts = fake_accounts_made(pool, w->memory);
    w->login.bind = (dt_bind_t){.corp_id = "dingcorp1", .memory = &w->memory->port};
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    world_t *w = *state;

    apr_pool_destroy(w->pool);
    return 0;
}

/* --- browsers --- */

/* Cookies as a browser keeps them; it never gets two words about the same one. */
static inline void take_cookies(browser_t *b)
{
    for (int i = 0; b->way.tickets[i].name; i++) {
        const dt_ticket_cookie_t *cookie = &b->way.tickets[i];
        int at = 0;

        for (int j = 0; j < i; j++) {
            assert_string_not_equal(b->way.tickets[j].name, cookie->name);
        }
        while (b->jar[at].name && strcmp(b->jar[at].name, cookie->name) != 0) {
            at++;
        }
        assert_true(at < JAR - 1);
        if (cookie->value) {
            b->jar[at] = *cookie;
            continue;
        }
        for (; b->jar[at].name; at++) {
            b->jar[at] = b->jar[at + 1];
        }
    }
}

static inline void show_tickets(const browser_t *b, dt_tickets_t *held)
{
    dt_slice_t tokens[JAR] = {{NULL, 0}};
    int count = 0;

    while (b->jar[count].name) {
        tokens[count] = dt_slice(b->jar[count].value);
        count++;
    }
    dt_tickets_open(b->w->login.keys, &b->w->call, tokens, count, held);
    assert_int_equal(held->count, count);
}

static inline int held_by(const browser_t *b)
{
    dt_tickets_t held;

    show_tickets(b, &held);
    return held.count;
}

/* What every answer promises, whatever it is. */
static inline void check_answer(const browser_t *b)
{
    assert_int_equal(b->rv != APR_SUCCESS, b->result.what == DT_UNSURE);
    assert_non_null(b->result.why);
    assert_non_null(b->way.location);
    if (b->result.what != DT_SIGNED_IN) {
        assert_int_equal(b->way.session.len, 0);
    }
    assert_int_equal(b->way.bind_ticket.len > 0, b->result.what == DT_BIND);
    if (b->result.detail) {
        assert_null(strstr(b->result.detail, "SECRET"));
        assert_null(strstr(b->result.detail, "code-"));
    }
}

/* Each call has the next turn. The state DingTalk is sent; NULL when the answer was another. */
static inline const char *begin_with(browser_t *b, const dt_tickets_t *held, const char *return_to)
{
    b->w->call.turn++;
    b->rv =
        dt_login_begin(&b->w->login, &b->w->call, held, CALLBACK, return_to, &b->way, &b->result);
    check_answer(b);
    take_cookies(b);
    return b->result.what == DT_AGAIN ? strstr(b->way.location, "&state=") + strlen("&state=")
                                      : NULL;
}

static inline const char *begin(browser_t *b, const char *return_to)
{
    dt_tickets_t held;

    show_tickets(b, &held);
    return begin_with(b, &held, return_to);
}

static inline void come_back(browser_t *b, const dt_callback_t *query, bool signed_in)
{
    dt_tickets_t held;

    show_tickets(b, &held);
    b->w->call.turn++;
    b->rv = dt_login_finish(&b->w->login, &b->w->call, &held, CALLBACK, query, signed_in, &b->way,
                            &b->result);
    check_answer(b);
    take_cookies(b);
}

static inline void finish(browser_t *b, const char *state, const char *code)
{
    const dt_callback_t query = {.state = state, .code = code};

    come_back(b, &query, false);
}

static inline void sign_in(browser_t *b, const char *return_to, const char *code)
{
    const char *state = begin(b, return_to);

    assert_non_null(state);
    finish(b, state, code);
}

static inline dt_session_t session_of(const browser_t *b)
{
    dt_session_t session;

    assert_true(b->way.session.len > 0);
    assert_int_equal(dt_session_load(&b->w->store, &b->w->call, b->way.session, &session), 0);
    return session;
}

static inline void assert_why(const browser_t *b, dt_why_id_t why)
{
    assert_string_equal(b->result.why->name, dt_whys[why].name);
    assert_int_equal(b->result.what, dt_whys[why].what);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
