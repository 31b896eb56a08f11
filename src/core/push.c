/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's encrypted pushes: opened where DingTalk has sent them. */
#include "core/push.h"

#include "core/bytes.h"
#include "core/json.h"
#include "core/url.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define NONCE 8 /* bytes of an answer's nonce, before hex */

/* --- the subscription --- */

apr_status_t dt_push_aes_key(dt_slice_t text, unsigned char key[DT_ENVELOPE_KEY])
{
    unsigned char padded[DT_PUSH_AES_KEY + 1];
    unsigned char bytes[sizeof(padded) / 4 * 3];

    if (text.len != DT_PUSH_AES_KEY) {
        return APR_EINVAL;
    }
    for (apr_size_t i = 0; i < text.len; i++) {
        if (!apr_isalnum(text.data[i])) {
            return APR_EINVAL;
        }
    }
    memcpy(padded, text.data, text.len);
    padded[text.len] = '=';
    if (EVP_DecodeBlock(bytes, padded, (int)sizeof(padded)) < 0) {
        return APR_EINVAL;
    }
    memcpy(key, bytes, DT_ENVELOPE_KEY);
    OPENSSL_cleanse(padded, sizeof(padded));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return APR_SUCCESS;
}

/* --- opening --- */

/* What a push consists of. */
typedef struct push_t {
    const char *signature;
    const char *timestamp;
    const char *nonce;
    const char *envelope;
} push_t;

/* Everything from the query; false when something is missing, malformed, or there twice. */
static bool read_query(apr_pool_t *pool, dt_slice_t query, push_t *push)
{
    enum { MSG_SIGNATURE, SIGNATURE, TIMESTAMP, TIME_STAMP, NONCE_FIELD, END };
    dt_field_t fields[] = {
        [MSG_SIGNATURE] = {"msg_signature", NULL}, [SIGNATURE] = {"signature", NULL},
        [TIMESTAMP] = {"timestamp", NULL},         [TIME_STAMP] = {"timeStamp", NULL},
        [NONCE_FIELD] = {"nonce", NULL},           [END] = {NULL, NULL},
    };

    if (dt_url_fields(pool, query, fields) != APR_SUCCESS) {
        return false;
    }
    push->signature = fields[MSG_SIGNATURE].value ? fields[MSG_SIGNATURE].value
                                                  : fields[SIGNATURE].value;
    push->timestamp = fields[TIMESTAMP].value ? fields[TIMESTAMP].value : fields[TIME_STAMP].value;
    push->nonce = fields[NONCE_FIELD].value;
    return push->signature && push->timestamp && push->nonce;
}

static bool read_body(apr_pool_t *pool, dt_slice_t body, push_t *push)
{
    json_t *object = body.len <= DT_PUSH_BODY_MAX ? dt_json_parse(body) : NULL;

    push->envelope = dt_json_text(pool, object, "encrypt");
    json_decref(object);
    return push->envelope != NULL;
}

static bool is_signed(apr_pool_t *pool, const char *token, const push_t *push)
{
    const char *signature =
        dt_envelope_sign(pool, token, push->timestamp, push->nonce, push->envelope);

    return signature && dt_secret_equal(dt_slice(push->signature), dt_slice(signature));
}

/* The owner key as it is configured, or NULL when it is that of somebody else. */
static const char *find_owner(const dt_subscription_t *subscription, dt_slice_t owner)
{
    if (owner.len == 0) {
        return NULL; /* not even where no corp is configured */
    }
    if (dt_slice_equal(owner, dt_slice(subscription->client_id))) {
        return subscription->client_id;
    }
    return dt_slice_equal(owner, dt_slice(subscription->corp_id)) ? subscription->corp_id : NULL;
}

dt_push_t dt_push_open(const dt_subscription_t *subscription, const dt_call_t *call,
                       dt_slice_t query, dt_slice_t body, dt_slice_t *text, const char **owner,
                       const char **detail)
{
    push_t push;
    dt_slice_t message, sender;

    if (!read_query(call->pool, query, &push)) {
        *detail = "its query lacks signature, timestamp or nonce, or has one of them twice";
        return DT_PUSH_MALFORMED;
    }
    if (!read_body(call->pool, body, &push)) {
        *detail = "its body is no JSON object with a text \"encrypt\"";
        return DT_PUSH_MALFORMED;
    }
    /* Nothing is decrypted for who does not know the token: that would be an oracle. */
    if (!is_signed(call->pool, subscription->token, &push)) {
        *detail = "its signature was not made with our token";
        return DT_PUSH_FORGED;
    }
    *detail =
        dt_envelope_unpack(call->pool, subscription->aes_key, push.envelope, &message, &sender);
    if (*detail) {
        return DT_PUSH_FORGED;
    }
    *owner = find_owner(subscription, sender);
    if (!*owner) {
        *detail = "it is for another app or organisation";
        return DT_PUSH_FORGED;
    }
    if (memchr(message.data, '\0', message.len)) {
        *detail = "its message holds a NUL";
        return DT_PUSH_MALFORMED;
    }
    *text = (dt_slice_t){apr_pstrmemdup(call->pool, message.data, message.len), message.len};
    return DT_PUSH_GENUINE;
}

/* --- answering --- */

apr_status_t dt_push_answer(const dt_subscription_t *subscription, const dt_call_t *call,
                            const char *owner, const char **json)
{
    const char *timestamp =
        apr_psprintf(call->pool, "%" APR_TIME_T_FMT, apr_time_as_msec(call->now));
    unsigned char random[DT_ENVELOPE_RANDOM];
    unsigned char nonce[NONCE];
    const char *hex, *envelope, *signature;

    if (dt_random(random, sizeof(random)) != APR_SUCCESS ||
        dt_random(nonce, sizeof(nonce)) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    hex = dt_hex(call->pool, nonce, sizeof(nonce));
    envelope = dt_envelope_pack(call->pool, subscription->aes_key, random, DT_SLICE("success"),
                                dt_slice(owner));
    if (!envelope) {
        return APR_EGENERAL;
    }
    signature = dt_envelope_sign(call->pool, subscription->token, timestamp, hex, envelope);
    if (!signature) {
        return APR_EGENERAL;
    }
    /* None of them needs an escape. */
    *json = apr_psprintf(call->pool,
                         "{\"msg_signature\":\"%s\",\"timeStamp\":\"%s\",\"nonce\":\"%s\","
                         "\"encrypt\":\"%s\"}",
                         signature, timestamp, hex, envelope);
    return APR_SUCCESS;
}
