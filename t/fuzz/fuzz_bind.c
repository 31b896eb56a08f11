/* SPDX-License-Identifier: Apache-2.0 */
/* The bind page: whatever is typed and whatever stores and gateway say, only who was sent a code
 * to an account's phone and typed it comes in as that account. */
#include "core/bind_form.h"
#include "core/bytes.h"
#include "core/phone.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Input: steps, each one byte of kind, one byte of length and that many bytes.
 *
 *   'k' 'c' 'p' 'v'  what the form says from now on: csrf ("=" is the ticket's), country, phone,
 *                    code ("=" is the one that was sent last)
 *   'n'              the phone of the account, as its store writes it
 *   'l'              what was kept of a limit
 *   'a'              how stores and gateway answer, one byte for each question: 0 that they cannot,
 *                    else by its value; when they run out: 1, a good answer
 *   't'              so much later: one byte, in steps of a quarter of a minute
 *   'C' 'V'          the form is sent: a code is asked for, a code is given
 */

#define MUST(condition) ((condition) ? (void)0 : abort())
#define START apr_time_from_sec(1700000000)
#define MINUTE apr_time_from_sec(60)
#define ATTEMPTS 3
#define STEPS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world_t {
    dt_call_t call;
    dt_login_t login;
    dt_bind_form_t form;
    dt_slice_t token; /* the browser's */
    const char *account_phone;
    const char *limits[3]; /* of person, address, phone */
    const uint8_t *answers;
    apr_size_t answers_left;
    dt_challenge_t challenge; /* the last one; id is NULL before */
    int tries;
    bool used;
    const char *code; /* of it, if it was sent */
    bool bound;
    bool noted;
    int saved;
} world_t;

static int next_answer(world_t *w)
{
    if (w->answers_left == 0) {
        return 1;
    }
    w->answers_left--;
    return *w->answers++;
}

static apr_status_t status_of(int answer)
{
    return answer == 0 ? APR_EGENERAL : APR_SUCCESS;
}

/* --- accounts: one, "san" --- */

static apr_status_t answer_found(world_t *w, dt_account_t *account, dt_found_t *found)
{
    const int answer = next_answer(w);

    *found = (dt_found_t)(answer % 3);
    *account = (dt_account_t){.key = "san", .phone = w->account_phone};
    return status_of(answer);
}

static apr_status_t find(void *self, const dt_call_t *call, const char *attribute, dt_match_t match,
                         const char *value, dt_account_t *account, dt_found_t *found)
{
    MUST(match == DT_MATCH_PHONE && strcmp(attribute, "phone") == 0 && value[0] == '+');
    return answer_found(self, account, found);
}

static apr_status_t read_account(void *self, const dt_call_t *call, const char *key,
                                 dt_account_t *account, dt_found_t *found)
{
    MUST(strcmp(key, "san") == 0);
    return answer_found(self, account, found);
}

/* --- memory --- */

static apr_status_t bind_person(void *self, const dt_call_t *call, const dt_claim_t *claim,
                                dt_bound_t *bound)
{
    world_t *w = self;
    const int answer = next_answer(w);

    MUST(strcmp(claim->uid, "san") == 0 && strcmp(claim->union_id, "union") == 0);
    MUST(w->used);
    *bound = answer % 3 == 1 ? DT_BOUND : answer % 3 == 2 ? DT_BOUND_OTHER : DT_BOUND_TAKEN;
    w->bound = answer % 3 == 1;
    return status_of(answer);
}

static apr_status_t audit(void *self, const dt_call_t *call, const dt_audit_t *entry)
{
    world_t *w = self;

    MUST(entry->what && strcmp(entry->corp_id, "corp") == 0);
    MUST(!entry->phone || strchr(entry->phone, '*'));
    w->noted = next_answer(w) != 0;
    return w->noted ? APR_SUCCESS : APR_EGENERAL;
}

static const char **limit_of(world_t *w, const char *subject)
{
    MUST(*subject == 'p' || *subject == 'a');
    return &w->limits[*subject == 'a' ? 1 : subject[1] == 'h' ? 2 : 0];
}

static apr_status_t load_limit(void *self, const dt_call_t *call, const char *subject,
                               const char **value, apr_int64_t *version)
{
    const char *kept = *limit_of(self, subject);

    *value = kept ? kept : "";
    *version = 0;
    return status_of(next_answer(self));
}

static apr_status_t store_limit(void *self, const dt_call_t *call, const char *subject,
                                const char *value, apr_int64_t version, apr_time_t expires_at)
{
    const int answer = next_answer(self);

    if (answer % 3 == 2) {
        return APR_EAGAIN;
    }
    *limit_of(self, subject) = value;
    return status_of(answer);
}

static apr_status_t add_challenge(void *self, const dt_call_t *call,
                                  const dt_challenge_t *challenge)
{
    world_t *w = self;

    MUST(strlen(challenge->id) == DT_CHALLENGE_ID && strlen(challenge->hash) == DT_CHALLENGE_HASH);
    w->challenge = *challenge;
    w->tries = 0;
    w->used = false;
    w->code = NULL;
    return status_of(next_answer(w));
}

static apr_status_t try_challenge(void *self, const dt_call_t *call, const char *id, int max,
                                  dt_challenge_t *challenge, int *tries, bool *alive)
{
    world_t *w = self;
    const int answer = next_answer(w);

    *alive = w->challenge.id && strcmp(id, w->challenge.id) == 0 && w->tries < max && !w->used &&
             w->challenge.expires_at > call->now;
    *challenge = w->challenge;
    if (answer % 3 == 2) {
        challenge->union_id = "other";
    }
    w->tries += *alive;
    *tries = w->tries;
    return status_of(answer);
}

static apr_status_t use_challenge(void *self, const dt_call_t *call, const char *id, bool *first)
{
    world_t *w = self;
    const int answer = next_answer(w);

    *first = answer % 3 == 1 && !w->used;
    w->used |= answer != 0;
    return status_of(answer);
}

/* --- gateway and store --- */

/* A code goes to the account's own phone, and to no other. */
static dt_sent_t send_code(void *self, const dt_call_t *call, const dt_message_t *message,
                           const char **detail)
{
    world_t *w = self;
    dt_phone_t phone;

    if (message) {
        MUST(w->account_phone && dt_phone_parse(call->pool, message->phone, NULL, &phone));
        MUST(dt_phone_same(&phone, w->account_phone));
        MUST(strlen(message->code) == 6 && strspn(message->code, "0123456789") == 6);
        w->code = message->code;
    }
    *detail = "sms: HTTP 200";
    return (dt_sent_t)((next_answer(w) + 5) % 6);
}

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    world_t *w = self;

    MUST(old.len == 0 && expiry > call->now);
    w->saved++;
    *token = DT_SLICE("token");
    return status_of(next_answer(w));
}

/* --- what must hold --- */

static bool is_code(const world_t *w)
{
    char typed[DT_PHONE_TEXT + 1] = "";

    return w->code && w->form.code && dt_phone_typed(w->form.code, typed) &&
           strcmp(typed, w->code) == 0;
}

static void check_result(apr_status_t rv, const dt_result_t *result, const dt_bind_answer_t *answer)
{
    MUST((rv != APR_SUCCESS) == (result->what == DT_UNSURE) && result->why);
    MUST(answer->retry_in >= 0 && answer->resend_in >= 0 && answer->expires_in >= 0);
    MUST(answer->tries_left >= -1 && answer->tries_left <= ATTEMPTS);
    for (const char *c = result->detail; c && *c; c++) {
        MUST(*c >= 0x20 && *c < 0x7f);
    }
}

static bool is_ours(const world_t *w, const dt_bind_ticket_t *ticket)
{
    return w->form.csrf && strcmp(w->form.csrf, dt_bind_ticket_csrf(w->call.pool, ticket)) == 0;
}

static void ask_for_code(world_t *w, dt_bind_ticket_t *ticket)
{
    dt_bind_answer_t answer;
    dt_result_t result;
    dt_bind_ticket_t again;
    const apr_status_t rv =
        dt_bind_form_code(&w->login, &w->call, &w->form, ticket, &answer, &result);

    check_result(rv, &result, &answer);
    MUST(result.what != DT_SIGNED_IN);
    MUST(is_ours(w, ticket) == (result.why != &dt_whys[DT_WHY_CSRF]));
    MUST((result.why == &dt_whys[DT_WHY_CODE_SENT]) == (answer.ticket.len > 0));
    if (answer.ticket.len > 0) {
        MUST(is_ours(w, ticket) && answer.expires_in > 0 && answer.retry_in == 0);
        w->token = answer.ticket;
        MUST(dt_bind_form_open(&w->login, &w->call, w->token, &again, &result) == APR_SUCCESS);
        MUST(strcmp(again.asked.id, w->challenge.id) == 0 && strchr(again.asked.masked, '*'));
    }
}

static void give_code(world_t *w, dt_bind_ticket_t *ticket)
{
    const bool used = w->used;
    const int tries = w->tries;
    dt_bind_answer_t answer;
    dt_result_t result;
    dt_way_t way;
    apr_status_t rv;

    w->bound = w->noted = false;
    w->saved = 0;
    rv = dt_bind_form_verify(&w->login, &w->call, &w->form, ticket, &way, &answer, &result);
    check_result(rv, &result, &answer);
    MUST((result.what == DT_SIGNED_IN) == (way.session.len > 0));
    MUST(is_ours(w, ticket) || (tries == w->tries && result.what != DT_SIGNED_IN));
    MUST(!answer.forget || w->used);
    if (way.session.len > 0) {
        MUST(is_code(w) && !used && tries < ATTEMPTS && w->challenge.uid);
        MUST(w->used && w->bound && w->noted && w->saved == 1 && answer.forget);
        MUST(strcmp(way.location, "/app") == 0 && strcmp(way.uid, "san") == 0);
    }
}

static void send_form(world_t *w, int kind)
{
    dt_bind_ticket_t ticket;
    dt_result_t result;
    const bool equals = w->form.csrf && strcmp(w->form.csrf, "=") == 0;

    if (dt_bind_form_open(&w->login, &w->call, w->token, &ticket, &result) != APR_SUCCESS) {
        MUST(result.why == &dt_whys[DT_WHY_TICKET_GONE]);
        MUST(w->call.now > START + w->login.ticket_lifetime);
        return;
    }
    if (equals) {
        w->form.csrf = dt_bind_ticket_csrf(w->call.pool, &ticket);
    }
    if (kind == 'C') {
        ask_for_code(w, &ticket);
    }
    else {
        give_code(w, &ticket);
    }
}

/* --- the input --- */

static void take_step(world_t *w, int kind, const uint8_t *data, apr_size_t len)
{
    const char *text = apr_pstrmemdup(w->call.pool, (const char *)data, len);

    switch (kind) {
    case 'k':
        w->form.csrf = text;
        break;
    case 'c':
        w->form.country = text;
        break;
    case 'p':
        w->form.phone = text;
        break;
    case 'v':
        w->form.code = strcmp(text, "=") == 0 && w->code ? w->code : text;
        break;
    case 'n':
        w->account_phone = len > 0 ? text : NULL;
        break;
    case 'l':
        w->limits[2] = text;
        break;
    case 'a':
        w->answers = data;
        w->answers_left = len;
        break;
    case 't':
        w->call.now += len > 0 ? data[0] * (MINUTE / 4) : 0;
        break;
    case 'C':
    case 'V':
        send_form(w, kind);
        break;
    default:
        break;
    }
}

static void set_up(world_t *w, const dt_codes_t *codes)
{
    const dt_member_t person = {.user_id = "user", .union_id = "union", .active = true};
    dt_bind_ticket_t ticket;

    w->login.keys = codes->keys;
    w->login.codes = *codes;
    w->login.ticket_lifetime = 10 * MINUTE;
    MUST(dt_bind_ticket_new(&w->call, &person, "/app", &ticket) == APR_SUCCESS);
    MUST(dt_bind_ticket_seal(codes->keys, &w->call, &ticket, &w->token) == APR_SUCCESS);
    w->account_phone = "138 0013 8000";
    w->form = (dt_bind_form_t){.csrf = "=", .phone = "13800138000"};
}

static void run(apr_pool_t *pool, const uint8_t *data, size_t size)
{
    static const char *const attributes[] = {NULL};
    static const dt_limit_t per_phone[] = {{3, 60 * MINUTE}, {0, 0}};
    const dt_slice_t key = DT_SLICE("0123456789abcdef0123456789abcdef");
    world_t w = {
        .call = {.pool = pool, .now = START, .host = "a.example", .address = "2001:db8::1"}};
    const dt_code_rules_t rules = {.length = 6,
                                   .lifetime = 5 * MINUTE,
                                   .attempts = ATTEMPTS,
                                   .resend = MINUTE,
                                   .per_phone = per_phone,
                                   .per_address = per_phone};
    const dt_sender_t sender = {{"fuzz", &w, NULL}, send_code};
    const dt_store_t store = {{"fuzz", &w, NULL}, NULL, save, NULL};
    const dt_accounts_t accounts = {.plug = {"fuzz", &w, NULL}, .find = find, .read = read_account};
    const dt_memory_t memory = {.plug = {"fuzz", &w, NULL},
                                .bind = bind_person,
                                .audit = audit,
                                .load_limit = load_limit,
                                .store_limit = store_limit,
                                .add_challenge = add_challenge,
                                .try_challenge = try_challenge,
                                .use_challenge = use_challenge};
    dt_keyring_t *keys;

    MUST(dt_keyring_create(pool, &key, 1, DT_SLICE("owner"), &keys) == APR_SUCCESS);
    w.login.bind = (dt_bind_t){.corp_id = "corp",
                               .accounts = &accounts,
                               .memory = &memory,
                               .unbound = DT_UNBOUND_BIND,
                               .key_attribute = "uid",
                               .phone_attribute = "phone"};
    w.login.admit = (dt_admit_t){.store = &store,
                                 .attributes = attributes,
                                 .lifetimes = {60 * MINUTE, 0},
                                 .remote_user = "account"};
    set_up(&w, &(dt_codes_t){&rules, &sender, keys});
    for (int i = 0; i < STEPS && size >= 2 && data[1] <= size - 2; i++) {
        const apr_size_t len = data[1];

        take_step(&w, data[0], data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;

    apr_initialize();
    MUST(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    run(pool, data, size);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
