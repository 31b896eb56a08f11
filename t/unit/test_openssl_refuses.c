/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL refuses, as in FIPS mode or without memory: an error, never half a key or signature. */
#include "core/bytes.h"
#include "core/digest.h"
#include "core/envelope.h"
#include "core/push.h"
#include "core/seal.h"
#include "core/sms_sign.h"
#include "core/tally.h"
#include "unit.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

/* --- an OpenSSL that refuses one call --- */

static int calls;   /* since when we count */
static int refused; /* which of them; 0: none */

static bool refuses(void)
{
    if (++calls != refused) {
        return false;
    }
    ERR_put_error(ERR_LIB_USER, 0, ERR_R_MALLOC_FAILURE, __FILE__, __LINE__);
    return true;
}

/* The linker finds these before the library's own. */
#define REFUSABLE(type, name, parameters, arguments)            \
    type name parameters                                        \
    {                                                           \
        static type(*real) parameters;                          \
        if (!real) {                                            \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        }                                                       \
        return refuses() ? (type)0 : real arguments;            \
    }

REFUSABLE(int, RAND_bytes, (unsigned char *to, int len), (to, len))
REFUSABLE(int, EVP_Digest,
          (const void *from, size_t len, unsigned char *to, unsigned int *size, const EVP_MD *type,
           ENGINE *engine),
          (from, len, to, size, type, engine))
REFUSABLE(unsigned char *, HMAC,
          (const EVP_MD *type, const void *key, int key_len, const unsigned char *from, size_t len,
           unsigned char *to, unsigned int *size),
          (type, key, key_len, from, len, to, size))
REFUSABLE(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_id, (int id, ENGINE *engine), (id, engine))
REFUSABLE(int, EVP_PKEY_derive_init, (EVP_PKEY_CTX * ctx), (ctx))
REFUSABLE(int, EVP_PKEY_derive, (EVP_PKEY_CTX * ctx, unsigned char *key, size_t *len),
          (ctx, key, len))
REFUSABLE(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void), ())
REFUSABLE(int, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * ctx, int type, int arg, void *ptr),
          (ctx, type, arg, ptr))
REFUSABLE(int, EVP_CIPHER_CTX_set_padding, (EVP_CIPHER_CTX * ctx, int padding), (ctx, padding))
REFUSABLE(int, EVP_EncryptInit_ex,
          (EVP_CIPHER_CTX * ctx, const EVP_CIPHER *type, ENGINE *engine, const unsigned char *key,
           const unsigned char *iv),
          (ctx, type, engine, key, iv))
REFUSABLE(int, EVP_EncryptUpdate,
          (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done, const unsigned char *from, int len),
          (ctx, to, done, from, len))
REFUSABLE(int, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done),
          (ctx, to, done))
REFUSABLE(int, EVP_DecryptInit_ex,
          (EVP_CIPHER_CTX * ctx, const EVP_CIPHER *type, ENGINE *engine, const unsigned char *key,
           const unsigned char *iv),
          (ctx, type, engine, key, iv))
REFUSABLE(int, EVP_DecryptUpdate,
          (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done, const unsigned char *from, int len),
          (ctx, to, done, from, len))
REFUSABLE(int, EVP_DecryptFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done),
          (ctx, to, done))
REFUSABLE(int, EVP_CipherInit_ex,
          (EVP_CIPHER_CTX * ctx, const EVP_CIPHER *type, ENGINE *engine, const unsigned char *key,
           const unsigned char *iv, int encrypt),
          (ctx, type, engine, key, iv, encrypt))
REFUSABLE(int, EVP_CipherUpdate,
          (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done, const unsigned char *from, int len),
          (ctx, to, done, from, len))
REFUSABLE(int, EVP_CipherFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *to, int *done),
          (ctx, to, done))
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
REFUSABLE(EVP_CIPHER *, EVP_CIPHER_fetch,
          (OSSL_LIB_CTX * library, const char *name, const char *properties),
          (library, name, properties))
REFUSABLE(int, EVP_DecryptInit_ex2,
          (EVP_CIPHER_CTX * ctx, const EVP_CIPHER *type, const unsigned char *key,
           const unsigned char *iv, const OSSL_PARAM params[]),
          (ctx, type, key, iv, params))
REFUSABLE(int, EVP_PKEY_CTX_set_hkdf_md, (EVP_PKEY_CTX * ctx, const EVP_MD *type), (ctx, type))
REFUSABLE(int, EVP_PKEY_CTX_set1_hkdf_salt,
          (EVP_PKEY_CTX * ctx, const unsigned char *salt, int len), (ctx, salt, len))
REFUSABLE(int, EVP_PKEY_CTX_set1_hkdf_key, (EVP_PKEY_CTX * ctx, const unsigned char *key, int len),
          (ctx, key, len))
REFUSABLE(int, EVP_PKEY_CTX_add1_hkdf_info,
          (EVP_PKEY_CTX * ctx, const unsigned char *info, int len), (ctx, info, len))
#endif

/* --- what needs it --- */

#define OWNER DT_SLICE("dingcorp client")
#define PLAIN DT_SLICE("what nobody may read or change")

static const dt_slice_t key_text = {"a key text that is long enough to be one", 40};
static const unsigned char bytes[32] = "0123456789abcdefghijklmnopqrstu";
static const dt_http_header_t headers[] = {{"host", "example.com"}, {NULL, NULL}};
static const dt_to_sign_t to_sign = {"/", "", headers, {NULL, 0}};
static const dt_subscription_t subscription = {.token = "token",
                                               .aes_key = "0123456789abcdefghijklmnopqrstu",
                                               .client_id = "client"};

/* Made while OpenSSL refuses nothing. */
typedef struct made_t {
    dt_keyring_t *keys;
    dt_slice_t token;
    const char *envelope;
    const char *query; /* of a genuine push */
    const char *body;
} made_t;

static made_t made_of(const dt_call_t *call)
{
    made_t made;
    const char *signature;

    refused = 0;
    assert_int_equal(dt_keyring_create(call->pool, &key_text, 1, OWNER, &made.keys), APR_SUCCESS);
    assert_int_equal(dt_seal(made.keys, DT_SEAL_SESSION, call, PLAIN, &made.token), APR_SUCCESS);
    made.envelope = dt_envelope_pack(call->pool, bytes, bytes, PLAIN, DT_SLICE("client"));
    signature = dt_envelope_sign(call->pool, "token", "1", "n", made.envelope);
    made.query = apr_psprintf(call->pool, "signature=%s&timestamp=1&nonce=n", signature);
    made.body = apr_psprintf(call->pool, "{\"encrypt\":\"%s\"}", made.envelope);
    return made;
}

/* Whether it succeeds. */
typedef bool work_t(const dt_call_t *call, const made_t *made);

static bool make_keys(const dt_call_t *call, const made_t *made)
{
    dt_keyring_t *keys;

    return dt_keyring_create(call->pool, &key_text, 1, OWNER, &keys) == APR_SUCCESS;
}

static bool seal(const dt_call_t *call, const made_t *made)
{
    dt_slice_t token;

    return dt_seal(made->keys, DT_SEAL_SESSION, call, PLAIN, &token) == APR_SUCCESS;
}

static bool open_token(const dt_call_t *call, const made_t *made)
{
    dt_slice_t plain;

    return dt_open(made->keys, DT_SEAL_SESSION, call, made->token, &plain) == APR_SUCCESS &&
           dt_slice_equal(plain, PLAIN);
}

static bool open_token_with_scratch(const dt_call_t *call, const made_t *made)
{
    dt_call_t with = *call;

    with.scratch = dt_scratch_create(call->pool);
    return open_token(&with, made);
}

static bool make_code(const dt_call_t *call, const made_t *made)
{
    unsigned char mac[DT_MAC_SIZE];

    return dt_keyring_mac(made->keys, 0, PLAIN, mac) == APR_SUCCESS;
}

static bool hash(const dt_call_t *call, const made_t *made)
{
    return dt_sha256_hex(call->pool, PLAIN) != NULL;
}

static bool hash_with_key(const dt_call_t *call, const made_t *made)
{
    return dt_hmac_sha256_hex(call->pool, OWNER, PLAIN) != NULL;
}

static bool sign_acs3(const dt_call_t *call, const made_t *made)
{
    return dt_sign_acs3(call->pool, "id", "secret", &to_sign) != NULL;
}

static bool sign_tc3(const dt_call_t *call, const made_t *made)
{
    return dt_sign_tc3(call->pool, "id", "secret", "sms", NOW, &to_sign) != NULL;
}

static bool unpack(const dt_call_t *call, const made_t *made)
{
    dt_slice_t message, owner;

    return !dt_envelope_unpack(call->pool, bytes, made->envelope, &message, &owner);
}

static bool open_push(const dt_call_t *call, const made_t *made)
{
    dt_slice_t text;
    const char *owner, *detail;

    return dt_push_open(&subscription, call, dt_slice(made->query), dt_slice(made->body), &text,
                        &owner, &detail) == DT_PUSH_GENUINE;
}

static bool answer_push(const dt_call_t *call, const made_t *made)
{
    const char *json;

    return dt_push_answer(&subscription, call, "client", &json) == APR_SUCCESS;
}

static bool make_tally(const dt_call_t *call, const made_t *made)
{
    dt_tally_t *tally;

    return dt_tally_create(apr_pcalloc(call->pool, dt_tally_size()), &tally) == APR_SUCCESS;
}

typedef struct row_t {
    const char *name;
    work_t *work;
    int least; /* calls of OpenSSL that it needs */
} row_t;

static const row_t rows[] = {
    {"keys are not half made", make_keys, 15},
    {"a token is not half sealed", seal, 6},
    {"a token does not open", open_token, 5},
    {"a token does not open with a scratch", open_token_with_scratch, 5},
    {"there is no code", make_code, 1},
    {"there is no hash", hash, 1},
    {"there is no hash with a key", hash_with_key, 1},
    {"there is no signature for Alibaba Cloud", sign_acs3, 3},
    {"there is no signature for Tencent Cloud", sign_tc3, 6},
    {"an envelope does not open", unpack, 5},
    {"a push is not genuine", open_push, 6},
    {"a push gets no answer", answer_push, 8},
    {"a tally has no hash that anybody could know", make_tally, 1},
};

/* Each of its calls in turn. OpenSSL's errors belong to the thread: none is left behind. */
static void whichever_call_is_refused(void **state)
{
    const row_t *row = *state;
    apr_pool_t *pool = pool_made();
    const dt_call_t call = {.pool = pool, .now = NOW, .host = "intra.example.com"};
    const made_t made = made_of(&call);
    int all;

    calls = 0;
    assert_row_true(row->name, row->work(&call, &made));
    all = calls;
    assert_row_true(row->name, all >= row->least);
    for (int i = 1; i <= all; i++) {
        const char *which = apr_psprintf(pool, "%s: call %d of %d", row->name, i, all);

        calls = 0;
        refused = i;
        assert_row_true(which, !row->work(&call, &made));
        assert_row_int(which, ERR_peek_error(), 0);
        refused = 0;
        assert_row_true(which, row->work(&call, &made));
    }
    pool_gone(pool);
}

int main(void)
{
    struct CMUnitTest tests[ROWS(rows)];

    for (size_t i = 0; i < ROWS(rows); i++) {
        tests[i] = ROW_TEST(&rows[i], whichever_call_is_refused, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
