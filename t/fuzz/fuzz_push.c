/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes: the first byte says how much of one the rest is, and whatever is missing is made here.
 * 0: the query, a line feed, and the body; 1: the envelope, signed; 2: blocks of plaintext, which
 * are encrypted as they are; 3: the message. */
#include "core/bytes.h"
#include "core/push.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* A push as it arrives. */
typedef struct push_t {
    dt_slice_t query;
    dt_slice_t body;
} push_t;

static push_t push_as_it_is(dt_slice_t input)
{
    const char *end = input.len > 0 ? memchr(input.data, '\n', input.len) : NULL;
    const apr_size_t len = end ? (apr_size_t)(end - input.data) : input.len;

    return (push_t){{input.data, len}, {end ? end + 1 : NULL, end ? input.len - len - 1 : 0}};
}

/* The envelope may be no JSON text at all: then there is no body. */
static push_t push_signed(const dt_call_t *call, const char *token, const char *envelope)
{
    const char *signature = dt_envelope_sign(call->pool, token, "1700000000000", "n", envelope);
    json_t *object = json_pack("{s:s}", "encrypt", envelope);
    char *body = object ? json_dumps(object, JSON_COMPACT) : NULL;
    push_t push;

    push.query = dt_slice(
        apr_psprintf(call->pool, "signature=%s&timestamp=1700000000000&nonce=n", signature));
    push.body = dt_slice(body ? apr_pstrdup(call->pool, body) : NULL);
    free(body);
    json_decref(object);
    return push;
}

/* Whole blocks, whatever is in them. */
static const char *envelope_of(apr_pool_t *pool, const unsigned char *key, dt_slice_t plain)
{
    const int len = (int)(plain.len / BLOCK * BLOCK);
    unsigned char *bytes = apr_palloc(pool, (apr_size_t)len + 1);
    char *text = apr_palloc(pool, (apr_size_t)len * 2 + 1);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done = 0;

    must(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key) == 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    if (len > 0) {
        must(EVP_EncryptUpdate(ctx, bytes, &done, (const unsigned char *)plain.data, len) == 1);
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_EncodeBlock((unsigned char *)text, bytes, len);
    return text;
}

static push_t push_of(const dt_call_t *call, const dt_subscription_t *ours, int kind,
                      dt_slice_t input)
{
    const unsigned char random[DT_ENVELOPE_RANDOM] = "0123456789abcde";
    const char *envelope;

    switch (kind) {
    case 0:
        return push_as_it_is(input);
    case 1:
        envelope = apr_pstrmemdup(call->pool, input.len > 0 ? input.data : "", input.len);
        break;
    case 2:
        envelope = envelope_of(call->pool, ours->aes_key, input);
        break;
    default:
        envelope =
            dt_envelope_pack(call->pool, ours->aes_key, random, input, dt_slice(ours->client_id));
        break;
    }
    must(envelope != NULL);
    return push_signed(call, ours->token, envelope);
}

/* Who is answered can read it. */
static void check_answer(const dt_call_t *call, const dt_subscription_t *ours, const char *owner)
{
    const char *json = NULL;
    const char *seen = NULL;
    const char *detail = NULL;
    const char *query;
    json_t *object;
    dt_slice_t text;

    must(dt_push_answer(ours, call, owner, &json) == APR_SUCCESS);
    object = json_loads(json, 0, NULL);
    query = apr_psprintf(call->pool, "msg_signature=%s&timeStamp=%s&nonce=%s",
                         json_string_value(json_object_get(object, "msg_signature")),
                         json_string_value(json_object_get(object, "timeStamp")),
                         json_string_value(json_object_get(object, "nonce")));
    must(dt_push_open(ours, call, dt_slice(query), dt_slice(json), &text, &seen, &detail) ==
         DT_PUSH_GENUINE);
    must(strcmp(text.data, "success") == 0 && seen == owner);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_subscription_t ours = {.token = "t0kenForTests",
                              .client_id = "dingtestappkey0001",
                              .corp_id = "dingtestcorp0001"};
    dt_call_t call = {.now = apr_time_from_sec(1700000000), .host = "a.example"};
    const int kind = size > 0 ? data[0] % 4 : 0;
    const dt_slice_t input = {(const char *)data + 1, size > 0 ? size - 1 : 0};
    const char *owner = NULL;
    const char *detail = NULL;
    dt_slice_t text = {NULL, 0};
    dt_push_t found;
    push_t push;

    if (size < 1 || size > DT_PUSH_BODY_MAX) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    must(dt_push_aes_key(DT_SLICE("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"), ours.aes_key) ==
         APR_SUCCESS);
    push = push_of(&call, &ours, kind, input);
    found = dt_push_open(&ours, &call, push.query, push.body, &text, &owner, &detail);
    if (found == DT_PUSH_GENUINE) {
        must(text.data && strlen(text.data) == text.len);
        must(owner == ours.client_id || owner == ours.corp_id);
        check_answer(&call, &ours, owner);
    }
    else {
        must(detail && *detail && !text.data);
        must(kind != 3 || push.body.len > DT_PUSH_BODY_MAX || memchr(data, '\0', size));
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
