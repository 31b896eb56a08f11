/* SPDX-License-Identifier: Apache-2.0 */
/* A whole sign-in: whatever browser, DingTalk and stores say, only good answers make a session. */

#include "core/bytes.h"
#include "core/json.h"
#include "core/login.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Input: fields, each one byte of kind, two bytes of length (big-endian) and that many bytes.
 *
 *   's' 'c' 'e'  state, code and error of the callback; state "=" stands for the held ticket's
 *   'S'          the browser has a live session
 *   'f' 'o'      the held ticket is finished, is too old
 *   't'          the turn of the call: its first byte
 *   'a'          there are accounts; the first byte says what becomes of who has none, each next
 *                one how a store answers the next question: 0 that it cannot, else by its value
 *                modulo three; when they run out: 1, a good answer
 *   '1' … '5'    reply to: user token, me, app token, userid, member record; the first byte of
 *                the content is the HTTP status (0: no reply, else 100 to 500 by its value modulo
 *                five, 1 being 200), the rest the body; without a field: the good reply
 */

#define CHECK(condition) ((condition) ? (void)0 : abort())
#define NOW apr_time_from_sec(1700000000)

enum { REPLIES = 5 };

static const char *const paths[REPLIES] = {"/v1.0/oauth2/userAccessToken", "/v1.0/contact/users/me",
                                           "/v1.0/oauth2/accessToken", "/topapi/user/getbyunionid",
                                           "/topapi/v2/user/get"};

static const char *const good[REPLIES] = {
    "{\"accessToken\":\"user-token\",\"expireIn\":7200,\"corpId\":\"corp\"}",
    "{\"unionId\":\"union\"}", "{\"accessToken\":\"app-token\",\"expireIn\":7200}",
    "{\"errcode\":0,\"result\":{\"contact_type\":0,\"userid\":\"user\"}}",
    "{\"errcode\":0,\"result\":{\"userid\":\"user\",\"unionid\":\"union\",\"active\":true}}"};

typedef struct world_t {
    dt_callback_t query;
    bool signed_in;
    bool finished;
    bool old;
    apr_uint32_t turn;
    const char *replies[REPLIES]; /* status byte and body; NULL: the good one */
    apr_size_t lengths[REPLIES];
    int asked[REPLIES];
    int saved;
    const char *stores; /* what is left of the answers; NULL: there are no accounts */
    apr_size_t stores_left;
    dt_unbound_t unbound;
    bool bound; /* a store said so of the person */
    bool found; /* the last that was heard of an account */
    bool noted; /* in the audit */
} world_t;

/* --- the ports --- */

static apr_status_t perform(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    world_t *w = self;
    int which = 0;
    int status;

    while (which < REPLIES && !strstr(request->url, paths[which])) {
        which++;
    }
    CHECK(which < REPLIES);
    CHECK(++w->asked[which] <= 4); /* renewed once, repeated once: nothing is asked for ever */
    *response = (dt_http_response_t){.trouble = "no reply"};
    if (!w->replies[which]) {
        *response = (dt_http_response_t){200, dt_slice(good[which]), NULL};
        return APR_SUCCESS;
    }
    status = (unsigned char)w->replies[which][0];
    if (status == 0) {
        return APR_TIMEUP;
    }
    response->status = 100 * (1 + status % 5);
    response->body.len = w->lengths[which] - 1;
    response->body.data = apr_pstrmemdup(call->pool, w->replies[which] + 1, w->lengths[which] - 1);
    return APR_SUCCESS;
}

static apr_status_t get(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                        const void *baton, const char **token, dt_result_t *result)
{
    apr_interval_time_t lifetime;

    (void)self;
    return fetch(baton, call, token, &lifetime, result);
}

static void drop_token(void *self, const char *token)
{
    (void)self;
    CHECK(token && *token);
}

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    world_t *w = self;

    (void)old;
    (void)call;
    CHECK(record.len <= DT_SESSION_RECORD_MAX);
    CHECK(expiry > NOW);
    w->saved++;
    *token = DT_SLICE("token");
    return APR_SUCCESS;
}

/* --- the stores: of one account and one person --- */

static int next_answer(world_t *w)
{
    if (w->stores_left == 0) {
        return 1;
    }
    w->stores_left--;
    return (unsigned char)*w->stores++;
}

static apr_status_t answer_found(world_t *w, dt_account_t *account, dt_found_t *found)
{
    const int answer = next_answer(w);

    if (answer == 0) {
        return APR_EGENERAL;
    }
    *found = (dt_found_t)(answer % 3);
    w->found = *found == DT_FOUND_ONE;
    if (w->found) {
        *account = (dt_account_t){.key = "account", .managed = answer > 127};
    }
    return APR_SUCCESS;
}

static apr_status_t find(void *self, const dt_call_t *call, const char *attribute, dt_match_t match,
                         const char *value, dt_account_t *account, dt_found_t *found)
{
    CHECK(*attribute && *value);
    CHECK(match == DT_MATCH_PHONE || match == DT_MATCH_EMAIL);
    return answer_found(self, account, found);
}

static apr_status_t read_account(void *self, const dt_call_t *call, const char *key,
                                 dt_account_t *account, dt_found_t *found)
{
    CHECK(*key);
    return answer_found(self, account, found);
}

static void check_claim(const dt_claim_t *claim)
{
    CHECK(strcmp(claim->corp_id, "corp") == 0);
    CHECK(*claim->union_id && *claim->user_id && *claim->uid && *claim->method);
}

static apr_status_t create(void *self, const dt_call_t *call, const dt_account_value_t *values,
                           const dt_claim_t *claim, bool *created)
{
    world_t *w = self;
    const int answer = next_answer(w);

    check_claim(claim);
    CHECK(strcmp(values[0].name, "uid") == 0 && strcmp(values[0].value, claim->uid) == 0);
    CHECK(!values[1].name);
    *created = answer % 3 == 1;
    w->bound = *created;
    return answer == 0 ? APR_EGENERAL : APR_SUCCESS;
}

static apr_status_t binding(void *self, const dt_call_t *call, const char *corp_id,
                            const char *union_id, dt_binding_t *out)
{
    world_t *w = self;
    const int answer = next_answer(w);

    CHECK(strcmp(corp_id, "corp") == 0 && *union_id);
    w->bound = answer % 3 == 2;
    out->uid = w->bound ? "account" : NULL;
    return answer == 0 ? APR_EGENERAL : APR_SUCCESS;
}

static apr_status_t bind_person(void *self, const dt_call_t *call, const dt_claim_t *claim,
                                dt_bound_t *bound)
{
    world_t *w = self;
    const int answer = next_answer(w);

    check_claim(claim);
    *bound = answer % 3 == 1 ? DT_BOUND : answer % 3 == 2 ? DT_BOUND_OTHER : DT_BOUND_TAKEN;
    w->bound = answer % 3 == 1;
    return answer == 0 ? APR_EGENERAL : APR_SUCCESS;
}

static apr_status_t audit(void *self, const dt_call_t *call, const dt_audit_t *entry)
{
    world_t *w = self;

    CHECK(entry->what && entry->corp_id);
    w->noted = next_answer(w) != 0;
    return w->noted ? APR_SUCCESS : APR_EGENERAL;
}

/* --- the input --- */

static const char *text(apr_pool_t *pool, const uint8_t *data, apr_size_t len)
{
    return apr_pstrmemdup(pool, (const char *)data, len);
}

static void read_field(world_t *w, apr_pool_t *pool, int kind, const uint8_t *data, apr_size_t len)
{
    switch (kind) {
    case 's':
        w->query.state = text(pool, data, len);
        break;
    case 'c':
        w->query.code = text(pool, data, len);
        break;
    case 'e':
        w->query.error = text(pool, data, len);
        break;
    case 'S':
        w->signed_in = true;
        break;
    case 'f':
        w->finished = true;
        break;
    case 'o':
        w->old = true;
        break;
    case 't':
        w->turn = len > 0 ? data[0] : 0;
        break;
    case 'a':
        w->stores = text(pool, data, len);
        w->stores_left = len;
        w->unbound = (dt_unbound_t)(next_answer(w) % 3);
        break;
    default:
        if (kind >= '1' && kind < '1' + REPLIES && len > 0) {
            w->replies[kind - '1'] = text(pool, data, len);
            w->lengths[kind - '1'] = len;
        }
    }
}

static void read_input(world_t *w, apr_pool_t *pool, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        const size_t len = (size_t)data[1] << 8 | data[2];

        if (len > size - 3) {
            break;
        }
        read_field(w, pool, data[0], data + 3, len);
        data += 3 + len;
        size -= 3 + len;
    }
}

/* --- what must hold --- */

/* The reply that was given, if DingTalk could have meant it as an answer. */
static json_t *reply(const world_t *w, int which)
{
    const char *body = w->replies[which];
    json_t *json;

    CHECK(w->asked[which] > 0);
    CHECK(!body || (unsigned char)body[0] % 5 == 1);
    json =
        dt_json_parse(body ? (dt_slice_t){body + 1, w->lengths[which] - 1} : dt_slice(good[which]));
    CHECK(json);
    return json;
}

static void check_token(const world_t *w, apr_pool_t *pool, int which)
{
    json_t *json = reply(w, which);
    const char *corp_id = dt_json_text(pool, json, "corpId");

    CHECK(dt_json_text(pool, json, "accessToken") || dt_json_text(pool, json, "access_token"));
    CHECK(which != 0 || !corp_id || strcmp(corp_id, "corp") == 0);
    json_decref(json);
}

/* All that the answers must say before somebody may come in. */
static void check_answers(const world_t *w, apr_pool_t *pool)
{
    json_t *me = reply(w, 1);
    json_t *found = reply(w, 3);
    json_t *member = reply(w, 4);
    json_t *id = dt_json_get(found, "result");
    json_t *record = dt_json_get(member, "result");
    const char *union_id = dt_json_text(pool, me, "unionId");
    const char *user_id = dt_json_text(pool, id, "userid");
    const char *his_union_id = dt_json_text(pool, record, "unionid");
    const char *his_user_id = dt_json_text(pool, record, "userid");

    check_token(w, pool, 0);
    check_token(w, pool, 2);
    CHECK(dt_json_number(found, "errcode", -1) == 0);
    CHECK(dt_json_number(member, "errcode", -1) == 0);
    CHECK(dt_json_number(id, "contact_type", -1) == 0);
    CHECK(union_id && user_id && his_user_id && strcmp(user_id, his_user_id) == 0);
    CHECK(!his_union_id || strcmp(union_id, his_union_id) == 0);
    CHECK(dt_json_bool(record, "active") == DT_TRUE);
    CHECK(dt_json_bool(record, "disable_status") != DT_TRUE);
    json_decref(me);
    json_decref(found);
    json_decref(member);
}

static void check_session(const world_t *w, apr_pool_t *pool, bool found)
{
    CHECK(found && !w->finished && !w->old);
    CHECK(w->query.code && *w->query.code);
    CHECK(!w->query.error || !*w->query.error);
    CHECK(w->saved == 1);
    CHECK(!w->stores || (w->bound && w->found && w->noted));
    check_answers(w, pool);
}

/* A browser never gets two words about one cookie. */
static void check_tickets(const dt_way_t *way)
{
    for (int i = 0; way->tickets[i].name; i++) {
        CHECK(i < DT_TICKET_SLOTS);
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(way->tickets[i].name, way->tickets[j].name) != 0);
        }
    }
}

static void check_way(const world_t *w, const dt_way_t *way, const dt_result_t *result,
                      apr_status_t rv)
{
    CHECK((rv != APR_SUCCESS) == (result->what == DT_UNSURE));
    CHECK(result->why && way->location);
    CHECK(result->what == DT_AGAIN
              ? strncmp(way->location, "https://login.example/oauth2/auth?", 34) == 0
              : way->location[0] == '/');
    CHECK(result->what == DT_SIGNED_IN || way->session.len == 0);
    CHECK((result->what == DT_BIND) == (way->bind_ticket.len > 0));
    CHECK(!way->code_refused || (w->asked[0] == 1 && w->asked[1] == 0));
    check_tickets(way);
    for (const char *c = result->detail; c && *c; c++) {
        CHECK(*c >= 0x20 && *c < 0x7f);
    }
}

/* The ticket that the browser holds. */
static void hand_out(world_t *w, apr_pool_t *pool, apr_interval_time_t lifetime,
                     dt_ticket_t *ticket)
{
    *ticket = (dt_ticket_t){.nonce = "fifteen letters",
                            .slot = 1,
                            .issued = NOW,
                            .return_to = "/app",
                            .token = DT_SLICE("cookie")};
    ticket->finished = w->finished ? NOW - 1 : 0;
    ticket->issued -= w->old ? lifetime + 1 : 0;
    if (w->query.state && strcmp(w->query.state, "=") == 0) {
        w->query.state = dt_ticket_state(pool, ticket);
    }
}

static void sign_in(world_t *w, apr_pool_t *pool)
{
    static const dt_autobind_t rules[] = {{"mobile", "phone", DT_MATCH_PHONE},
                                          {"email", "mail", DT_MATCH_EMAIL},
                                          {NULL}};
    static const char *const attributes[] = {"name", "mobile", "email", "title", "dept_ids", NULL};
    const dt_slice_t key = DT_SLICE("0123456789abcdef0123456789abcdef");
    const dt_app_t app = {"client",
                          "secret",
                          "corp",
                          "https://login.example",
                          "https://api.example",
                          "https://oapi.example"};
    const dt_http_t http = {{"fuzz", w, NULL}, perform};
    const dt_tokens_t tokens = {{"fuzz", w, NULL}, get, drop_token};
    const dt_store_t store = {{"fuzz", w, NULL}, NULL, save, NULL};
    const dt_memory_t memory = {{"fuzz", w, NULL}, binding, bind_person, audit};
    const dt_accounts_t accounts = {{"fuzz", w, NULL}, find, read_account, NULL, create};
    dt_create_t made[] = {{"uid", NULL}, {NULL, NULL}};
    dt_template_t *uid;
    const dt_call_t call = {.pool = pool, .now = NOW, .host = "site.example", .turn = w->turn};
    dt_keyring_t *keys;
    dt_login_t login = {.client = {&app, &http, &tokens},
                        .admit = {.store = &store,
                                  .attributes = attributes,
                                  .lifetimes = {apr_time_from_sec(3600), 0},
                                  .remote_user = w->stores ? "account" : "userid"},
                        .bind = {.corp_id = "corp",
                                 .accounts = w->stores ? &accounts : NULL,
                                 .memory = &memory,
                                 .autobind = rules,
                                 .unbound = w->unbound,
                                 .create = made,
                                 .key_attribute = "uid"},
                        .ticket_lifetime = apr_time_from_sec(600)};
    dt_tickets_t held = {.count = 1};
    dt_result_t result;
    dt_way_t way;
    apr_status_t rv;
    bool found;

    CHECK(dt_keyring_create(pool, &key, 1, DT_SLICE("owner"), &keys) == APR_SUCCESS);
    CHECK(!dt_template_parse(pool, "%{name}", dt_bind_names, &uid));
    made[0].value = uid;
    login.keys = keys;
    hand_out(w, pool, login.ticket_lifetime, &held.held[0]);
    found = w->query.state && dt_tickets_find(&held, w->query.state);
    rv = dt_login_finish(&login, &call, &held, "https://site.example/cb", &w->query, w->signed_in,
                         &way, &result);
    check_way(w, &way, &result, rv);
    if (way.session.len > 0) {
        check_session(w, pool, found);
    }
    else {
        CHECK(w->saved == 0 || result.what == DT_UNSURE); /* nobody knows what was saved then */
        CHECK(result.what != DT_SIGNED_IN || w->signed_in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_t world = {.saved = 0};
    apr_pool_t *pool;

    apr_initialize();
    CHECK(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    read_input(&world, pool, data, size);
    sign_in(&world, pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
