/* SPDX-License-Identifier: Apache-2.0 */
/* The challenge: one verification code on its way to one phone. */
#include "core/challenge.h"

#include "core/bytes.h"
#include "core/phone.h"
#include "core/record.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

enum {
    ID_SIZE = DT_CHALLENGE_ID / 2,
    TEXT_MAX = 1024 /* of what is hashed: the three ids and a code fit */
};

/* Somebody who asks for a code or guesses one, and what is known by now. */
typedef struct errand_t {
    const dt_codes_t *codes;
    const dt_bind_t *bind;
    const dt_call_t *call;
    const dt_member_t *person;
    dt_phone_t phone;   /* that a code is asked for */
    const char *uid;    /* of the account whose phone it is; NULL when it is nobody's */
    const char *nobody; /* why it is nobody's, for the audit; NULL when it is not known to be */
    const char *code;
    dt_code_asked_t asked;
} errand_t;

/* --- randomness and hashes --- */

static apr_status_t make_id(apr_pool_t *pool, const char **id)
{
    unsigned char bytes[ID_SIZE];
    apr_status_t rv = dt_random(bytes, sizeof(bytes));

    *id = dt_hex(pool, bytes, sizeof(bytes));
    return rv;
}

static apr_status_t make_code(apr_pool_t *pool, int length, const char **code)
{
    char *digits = apr_pcalloc(pool, (apr_size_t)length + 1);

    for (int made = 0; made < length;) {
        unsigned char byte;
        apr_status_t rv = dt_random(&byte, 1);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (byte < 250) { /* 25 times each digit: the rest would favour some */
            digits[made++] = (char)('0' + byte % 10);
        }
    }
    *code = digits;
    return APR_SUCCESS;
}

/* APR_NOTFOUND when the ring has no key of that index. */
static apr_status_t hash_code(const errand_t *e, int index, const char **hash)
{
    const char *const parts[] = {e->bind->corp_id, e->person->union_id, e->asked.id, e->code};
    unsigned char text[TEXT_MAX];
    unsigned char mac[DT_MAC_SIZE];
    dt_writer_t w;
    apr_status_t rv;

    dt_writer_init(&w, text, sizeof(text));
    for (int i = 0; i < 4; i++) {
        dt_write_text(&w, dt_slice(parts[i]));
    }
    if (w.failed) {
        return APR_ENOSPC;
    }
    rv = dt_keyring_mac(e->codes->keys, index, (dt_slice_t){(char *)text, w.len}, mac);
    if (rv == APR_SUCCESS) {
        *hash = dt_hex(e->call->pool, mac, sizeof(mac));
    }
    return rv;
}

static apr_status_t hash_of_nothing(apr_pool_t *pool, const char **hash)
{
    unsigned char bytes[DT_CHALLENGE_HASH / 2];
    apr_status_t rv = dt_random(bytes, sizeof(bytes));

    *hash = dt_hex(pool, bytes, sizeof(bytes));
    return rv;
}

/* --- limits --- */

/* The limits, which may be NULL, and before them the time between two codes. */
static const dt_limit_t *with_resend(const errand_t *e, const dt_limit_t *limits)
{
    const dt_limit_t resend = {1, e->codes->rules->resend};
    apr_array_header_t *list = apr_array_make(e->call->pool, 4, sizeof(dt_limit_t));

    if (resend.window > 0) {
        APR_ARRAY_PUSH(list, dt_limit_t) = resend;
    }
    for (; limits && limits->count; limits++) {
        APR_ARRAY_PUSH(list, dt_limit_t) = *limits;
    }
    APR_ARRAY_PUSH(list, dt_limit_t) = (dt_limit_t){0};
    return (const dt_limit_t *)list->elts;
}

/* By person, address, phone: whoever is over a limit of their own uses up nothing of a phone's. */
static apr_status_t take_limits(const errand_t *e, bool *allowed, apr_interval_time_t *retry_in)
{
    const dt_code_rules_t *rules = e->codes->rules;
    apr_pool_t *pool = e->call->pool;
    const char *person = apr_pstrcat(pool, "person:", dt_percent(pool, dt_slice(e->bind->corp_id)),
                                     ":", dt_percent(pool, dt_slice(e->person->union_id)), NULL);
    const struct {
        const char *subject;
        const dt_limit_t *limits;
    } rows[] = {
        {person, with_resend(e, rules->per_person)},
        {dt_limit_address(pool, e->call->address), rules->per_address},
        {apr_pstrcat(pool, "phone:", e->phone.e164, NULL), with_resend(e, rules->per_phone)},
    };

    *allowed = true;
    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && *allowed; i++) {
        apr_status_t rv;
        if (!rows[i].subject) {
            continue;
        }
        rv = dt_limit_take(e->bind->memory, e->call, rows[i].subject, rows[i].limits, allowed,
                           retry_in);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* --- asking for a code --- */

static apr_status_t find_account(errand_t *e)
{
    const dt_accounts_t *accounts = e->bind->accounts;
    dt_account_t account = {NULL};
    dt_found_t found = DT_FOUND_NONE;
    apr_status_t rv = accounts->find(accounts->plug.self, e->call, e->bind->phone_attribute,
                                     DT_MATCH_PHONE, e->phone.e164, &account, &found);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* The store's idea of the same number must be ours: it says where the code goes. */
    if (found == DT_FOUND_ONE && dt_phone_same(&e->phone, account.phone)) {
        e->uid = account.key;
    }
    else {
        e->nobody = found == DT_FOUND_SEVERAL ? "ambiguous" : "no_account";
    }
    return APR_SUCCESS;
}

/* Before the code is sent: one that was sent and is not known would only be confusing. */
static apr_status_t keep_challenge(errand_t *e)
{
    const dt_code_rules_t *rules = e->codes->rules;
    const dt_memory_t *memory = e->bind->memory;
    const dt_call_t *call = e->call;
    dt_challenge_t challenge;
    apr_status_t rv;

    e->asked.expires_at = call->now + rules->lifetime;
    e->asked.resend_at = call->now + rules->resend;
    rv = make_id(call->pool, &e->asked.id);
    if (rv == APR_SUCCESS) {
        rv = make_code(call->pool, rules->length, &e->code);
    }
    if (rv == APR_SUCCESS) {
        rv = e->nobody ? hash_of_nothing(call->pool, &challenge.hash)
                       : hash_code(e, 0, &challenge.hash);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    challenge.id = e->asked.id;
    challenge.corp_id = e->bind->corp_id;
    challenge.union_id = e->person->union_id;
    challenge.uid = e->uid;
    challenge.expires_at = e->asked.expires_at;
    return memory->add_challenge(memory->plug.self, call, &challenge);
}

/* What the person is told. What a gateway says of a number it says of numbers of accounts alone,
 * and repeated it would tell whose those are: that is for audit and log. */
static dt_why_id_t told(dt_sent_t sent)
{
    switch (sent) {
    case DT_SENT:
    case DT_SENT_UNKNOWN:
    case DT_SENT_PHONE:
    case DT_SENT_OFTEN:
        return DT_WHY_CODE_SENT;
    default:
        return DT_WHY_UNAVAILABLE;
    }
}

/* What the audit is told, NULL when all is well. */
static const char *failure(dt_sent_t sent)
{
    switch (sent) {
    case DT_SENT:
    case DT_SENT_UNKNOWN:
        return NULL;
    case DT_SENT_PHONE:
        return dt_whys[DT_WHY_PHONE_INVALID].name;
    case DT_SENT_OFTEN:
        return dt_whys[DT_WHY_TOO_MANY].name;
    default:
        return dt_whys[DT_WHY_UNAVAILABLE].name;
    }
}

/* To the account's phone, or to nobody, which takes as long. */
static apr_status_t send_code(const errand_t *e, dt_sent_t *sent, const char **detail)
{
    const dt_sender_t *sender = e->codes->sender;
    const apr_int64_t minutes = apr_time_sec(e->codes->rules->lifetime) / 60;
    dt_message_t message = {.phone = e->phone.e164,
                            .country = e->phone.country,
                            .national = e->phone.national,
                            .code = e->code,
                            .minutes = apr_psprintf(e->call->pool, "%" APR_INT64_T_FMT,
                                                    minutes > 1 ? minutes : 1)};
    apr_status_t rv = make_id(e->call->pool, &message.id);

    if (rv == APR_SUCCESS) {
        *sent = sender->send(sender->plug.self, e->call, e->nobody ? NULL : &message, detail);
    }
    return rv;
}

static const char *trouble(const errand_t *e, const char *what, apr_status_t rv)
{
    return apr_psprintf(e->call->pool, "%s: status %d", what, rv);
}

static apr_status_t unavailable(const errand_t *e, const char *what, apr_status_t rv,
                                dt_result_t *result)
{
    *result = dt_result(DT_WHY_UNAVAILABLE, trouble(e, what, rv));
    return rv;
}

/* Writes down how it ended, failed or not; what is not written down has not ended well. */
static apr_status_t finish(const errand_t *e, dt_why_id_t why, const char *failed,
                           const char *detail, dt_result_t *result)
{
    dt_audit_t entry = {.corp_id = e->bind->corp_id,
                        .union_id = e->person->union_id,
                        .user_id = e->person->user_id,
                        .uid = e->uid,
                        .phone = e->asked.masked,
                        .why = e->nobody ? e->nobody : failed};
    const dt_memory_t *memory = e->bind->memory;
    apr_status_t rv;

    entry.what = entry.why ? "code_failed" : "code_sent";
    rv = memory->audit(memory->plug.self, e->call, &entry);
    if (rv != APR_SUCCESS) {
        return unavailable(e, "the audit could not be written", rv, result);
    }
    *result = dt_result(why, detail);
    return result->what == DT_UNSURE ? APR_EGENERAL : APR_SUCCESS;
}

/* What is left when the number is one, and nobody is over a limit. */
static apr_status_t send_counted(errand_t *e, dt_result_t *result)
{
    const char *detail = NULL;
    dt_sent_t sent = DT_SENT_TROUBLE;
    apr_status_t rv = find_account(e);

    if (rv != APR_SUCCESS) {
        return finish(e, DT_WHY_UNAVAILABLE, failure(sent),
                      trouble(e, "the accounts could not be asked", rv), result);
    }
    rv = keep_challenge(e);
    if (rv != APR_SUCCESS) {
        return unavailable(e, "the challenge could not be kept", rv, result);
    }
    rv = send_code(e, &sent, &detail);
    if (rv != APR_SUCCESS) {
        return unavailable(e, "the message could not be made", rv, result);
    }
    return finish(e, told(sent), failure(sent), detail, result);
}

apr_status_t dt_challenge_send(const dt_codes_t *codes, const dt_bind_t *bind,
                               const dt_call_t *call, const dt_member_t *person,
                               const char *country, const char *phone, dt_code_asked_t *asked,
                               apr_interval_time_t *retry_in, dt_result_t *result)
{
    errand_t e = {.codes = codes, .bind = bind, .call = call, .person = person};
    bool allowed;
    apr_status_t rv;

    *retry_in = 0;
    if (!dt_phone_parse(call->pool, phone, country && *country ? country : NULL, &e.phone)) {
        *result = dt_result(DT_WHY_PHONE_INVALID, NULL);
        return APR_SUCCESS;
    }
    e.asked.masked = dt_phone_masked(call->pool, &e.phone);
    rv = take_limits(&e, &allowed, retry_in);
    if (rv != APR_SUCCESS) {
        return unavailable(&e, "the limits could not be asked", rv, result);
    }
    if (!allowed) {
        return finish(&e, DT_WHY_TOO_MANY, dt_whys[DT_WHY_TOO_MANY].name, NULL, result);
    }
    *retry_in = 0;
    rv = send_counted(&e, result);
    if (result->why == &dt_whys[DT_WHY_CODE_SENT]) {
        *asked = e.asked;
    }
    else { /* it was counted */
        *retry_in = codes->rules->resend;
    }
    return rv;
}

/* --- guessing it --- */

/* Compares with every key of the ring, however soon one fits. */
static apr_status_t is_right(const errand_t *e, const dt_challenge_t *challenge, bool *right)
{
    apr_status_t rv = APR_SUCCESS;

    *right = false;
    for (int i = 0; rv == APR_SUCCESS; i++) {
        const char *hash;
        rv = hash_code(e, i, &hash);
        if (rv == APR_SUCCESS) {
            *right |= dt_secret_equal(dt_slice(hash), dt_slice(challenge->hash));
        }
    }
    *right &= challenge->uid != NULL;
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

static bool is_of(const dt_challenge_t *challenge, const errand_t *e)
{
    return strcmp(challenge->corp_id, e->bind->corp_id) == 0 &&
           strcmp(challenge->union_id, e->person->union_id) == 0;
}

static apr_status_t expired(const errand_t *e, dt_result_t *result)
{
    return finish(e, DT_WHY_CODE_EXPIRED, dt_whys[DT_WHY_CODE_EXPIRED].name, NULL, result);
}

apr_status_t dt_challenge_guess(const dt_codes_t *codes, const dt_bind_t *bind,
                                const dt_call_t *call, const dt_member_t *person, const char *id,
                                const char *code, const char **uid, int *tries_left,
                                dt_result_t *result)
{
    errand_t e = {
        .codes = codes, .bind = bind, .call = call, .person = person, .asked = {.id = id}};
    const dt_memory_t *memory = bind->memory;
    char typed[DT_PHONE_TEXT + 1] = "";
    dt_challenge_t challenge;
    int tries;
    bool alive;
    bool right;
    bool first;
    apr_status_t rv;

    *tries_left = -1;
    if (!id) { /* no code was asked for, so this is none that failed */
        *result = dt_result(DT_WHY_CODE_EXPIRED, NULL);
        return APR_SUCCESS;
    }
    rv = memory->try_challenge(memory->plug.self, call, id, codes->rules->attempts, &challenge,
                               &tries, &alive);
    if (rv != APR_SUCCESS) {
        return unavailable(&e, "the challenge could not be asked for", rv, result);
    }
    if (!alive || !is_of(&challenge, &e)) {
        return expired(&e, result);
    }
    *tries_left = codes->rules->attempts - tries;
    e.uid = challenge.uid;
    e.code = dt_phone_typed(code, typed) ? typed : "";
    rv = is_right(&e, &challenge, &right);
    if (rv != APR_SUCCESS) {
        return unavailable(&e, "the code could not be hashed", rv, result);
    }
    if (!right) {
        return finish(&e, DT_WHY_CODE_WRONG, dt_whys[DT_WHY_CODE_WRONG].name, NULL, result);
    }
    rv = memory->use_challenge(memory->plug.self, call, id, &first);
    if (rv != APR_SUCCESS) {
        return unavailable(&e, "the challenge could not be used up", rv, result);
    }
    if (!first) {
        *tries_left = -1;
        return expired(&e, result);
    }
    *uid = challenge.uid;
    *result = dt_result(DT_WHY_SIGNED_IN, NULL);
    return APR_SUCCESS;
}
