/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: authenticated encryption of what we hand to a browser and take back. */
#include "core/seal.h"

#include "core/bytes.h"
#include "core/opened.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <string.h>
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#include <openssl/core_names.h>
#include <openssl/params.h>
#endif

/* Where the parts of a token are. */
enum {
    VERSION = 1,
    ID_SIZE = 4,
    NONCE_SIZE = 12, /* random: SP 800-38D, section 8.3 allows 2^32 seals with one key */
    TAG_SIZE = 16,
    AT_ID = 1,
    AT_NONCE = AT_ID + ID_SIZE, /* also the length of what is before: the additional data */
    AT_TEXT = AT_NONCE + NONCE_SIZE,
    TOKEN_MIN = (DT_SEAL_OVERHEAD * 8 + 5) / 6 /* characters for that many bytes: no fewer do */
};

enum { KEY_SIZE = 32, SCRATCH_KEYS = 8 };

_Static_assert(DT_SEAL_PURPOSES <= DT_OPENED_KINDS, "every purpose has its place");

/*
 * One key for one purpose. serial is a random number that names the key in a scratch:
 * its address would not do, a new keyring may come to lie where an old one was.
 */
typedef struct dt_key_t {
    unsigned char bytes[KEY_SIZE];
    apr_uint64_t serial;
} dt_key_t;

/* What one key text gives. */
typedef struct dt_keyset_t {
    unsigned char id[ID_SIZE];
    dt_key_t keys[DT_SEAL_PURPOSES];
    unsigned char mac_key[KEY_SIZE];
} dt_keyset_t;

struct dt_keyring_t {
    apr_uint64_t serial; /* a random number that names the ring on a connection */
    const EVP_CIPHER *cipher;
    int count;
    dt_keyset_t *sets;
};

struct dt_scratch_t {
    struct {
        apr_uint64_t serial;
        EVP_CIPHER_CTX *ctx; /* for opening, keyed; NULL: free */
    } slots[SCRATCH_KEYS];
    int next; /* the slot that was made longest ago */
};

static const char *const purposes[DT_SEAL_PURPOSES] = {"session", "ticket", "bind", "handle"};

/* RFC 5869 through the interface that OpenSSL 1.1.1 and 3 have in common. */
static bool derive(dt_slice_t text, dt_slice_t owner, const char *info, unsigned char *out,
                   size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    const unsigned char *salt = (const unsigned char *)(owner.len > 0 ? owner.data : "");
    bool done =
        ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) > 0 &&
        EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, (int)owner.len) > 0 &&
        EVP_PKEY_CTX_set1_hkdf_key(ctx, (const unsigned char *)text.data, (int)text.len) > 0 &&
        EVP_PKEY_CTX_add1_hkdf_info(ctx, (const unsigned char *)info, (int)strlen(info)) > 0 &&
        EVP_PKEY_derive(ctx, out, &len) > 0;

    EVP_PKEY_CTX_free(ctx);
    return done;
}

static apr_status_t fill(dt_keyset_t *set, dt_slice_t text, dt_slice_t owner)
{
    if (!derive(text, owner, "key id", set->id, ID_SIZE) ||
        !derive(text, owner, "code", set->mac_key, KEY_SIZE)) {
        return APR_EGENERAL;
    }
    for (int i = 0; i < DT_SEAL_PURPOSES; i++) {
        dt_key_t *key = &set->keys[i];
        apr_status_t rv = dt_random((unsigned char *)&key->serial, sizeof(key->serial));
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!derive(text, owner, purposes[i], key->bytes, KEY_SIZE)) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t wipe(void *data)
{
    dt_keyring_t *ring = data;

    OPENSSL_cleanse(ring->sets, (size_t)ring->count * sizeof(*ring->sets));
    return APR_SUCCESS;
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static apr_status_t free_cipher(void *data)
{
    EVP_CIPHER_free(data);
    return APR_SUCCESS;
}
#endif

/* AES-256-GCM, good as long as pool. Fetched once: OpenSSL 3 would else search at every use. */
static const EVP_CIPHER *get_cipher(apr_pool_t *pool)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

    if (cipher) {
        apr_pool_cleanup_register(pool, cipher, free_cipher, apr_pool_cleanup_null);
    }
    return cipher;
#else
    (void)pool;
    return EVP_aes_256_gcm();
#endif
}

apr_status_t dt_keyring_create(apr_pool_t *pool, const dt_slice_t *texts, int count,
                               dt_slice_t owner, dt_keyring_t **keyring)
{
    dt_keyring_t *ring;

    if (count < 1 || owner.len > INT_MAX) {
        return APR_EINVAL;
    }
    for (int i = 0; i < count; i++) {
        if (texts[i].len < DT_KEY_TEXT_MIN || texts[i].len > INT_MAX) {
            return APR_EINVAL;
        }
    }
    ring = apr_pcalloc(pool, sizeof(*ring));
    ring->count = count;
    ring->sets = apr_pcalloc(pool, (apr_size_t)count * sizeof(*ring->sets));
    /* Before there is a key: an error below must not leave one behind either. */
    apr_pool_cleanup_register(pool, ring, wipe, apr_pool_cleanup_null);
    ring->cipher = get_cipher(pool);
    if (!ring->cipher || dt_random((unsigned char *)&ring->serial, sizeof(ring->serial))) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    for (int i = 0; i < count; i++) {
        apr_status_t rv = fill(&ring->sets[i], texts[i], owner);
        if (rv != APR_SUCCESS) {
            ERR_clear_error();
            return rv;
        }
    }
    *keyring = ring;
    return APR_SUCCESS;
}

apr_uint64_t dt_keyring_serial(const dt_keyring_t *keyring)
{
    return keyring->serial;
}

/*
 * Room for a token of size bytes before base64url, right behind the host: so the additional data
 * is one piece, and feeding it one call, which OpenSSL 3 makes expensive.
 */
static unsigned char *token_room(const dt_call_t *call, dt_slice_t host, apr_size_t size)
{
    unsigned char *room = apr_palloc(call->pool, host.len + size);

    if (host.len > 0) {
        memcpy(room, host.data, host.len);
    }
    return room + host.len;
}

static bool encrypt_token(EVP_CIPHER_CTX *ctx, dt_slice_t host, dt_slice_t plain,
                          unsigned char *raw)
{
    const unsigned char *from = (const unsigned char *)plain.data;
    unsigned char *text = raw + AT_TEXT;
    int len = (int)plain.len;
    int done;

    return EVP_EncryptUpdate(ctx, NULL, &done, raw - host.len, (int)host.len + AT_NONCE) > 0 &&
           (len == 0 || EVP_EncryptUpdate(ctx, text, &done, from, len) > 0) &&
           EVP_EncryptFinal_ex(ctx, text + len, &done) > 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + len) > 0;
}

apr_status_t dt_seal(const dt_keyring_t *keyring, dt_purpose_t purpose, const dt_call_t *call,
                     dt_slice_t plain, dt_slice_t *token)
{
    const dt_keyset_t *set = &keyring->sets[0];
    dt_slice_t host = dt_slice(call->host);
    apr_size_t size = plain.len + DT_SEAL_OVERHEAD;
    unsigned char *raw;
    EVP_CIPHER_CTX *ctx;
    apr_status_t rv;

    if (plain.len > DT_SEAL_MAX || dt_base64url_size(size) > DT_SEAL_MAX ||
        host.len > DT_SEAL_MAX) {
        return APR_ENOSPC;
    }
    raw = token_room(call, host, size);
    raw[0] = VERSION;
    memcpy(raw + AT_ID, set->id, ID_SIZE);
    rv = dt_random(raw + AT_NONCE, NONCE_SIZE);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    ctx = EVP_CIPHER_CTX_new();
    if (ctx &&
        EVP_EncryptInit_ex(ctx, keyring->cipher, NULL, set->keys[purpose].bytes, raw + AT_NONCE) >
            0 &&
        encrypt_token(ctx, host, plain, raw)) {
        *token = dt_base64url(call->pool, (dt_slice_t){(char *)raw, size});
    }
    else {
        ERR_clear_error();
        rv = APR_EGENERAL;
    }
    EVP_CIPHER_CTX_free(ctx);
    return rv;
}

/* A new context for opening with key, still without a nonce. */
static EVP_CIPHER_CTX *key_context(const dt_keyring_t *keyring, const dt_key_t *key)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (!ctx || EVP_DecryptInit_ex(ctx, keyring->cipher, NULL, key->bytes, NULL) <= 0) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* The context of key, made if it is not there. The scratch keeps it. */
static EVP_CIPHER_CTX *kept_context(dt_scratch_t *scratch, const dt_keyring_t *keyring,
                                    const dt_key_t *key)
{
    EVP_CIPHER_CTX *ctx;

    for (int i = 0; i < SCRATCH_KEYS; i++) {
        if (scratch->slots[i].serial == key->serial && scratch->slots[i].ctx) {
            return scratch->slots[i].ctx;
        }
    }
    ctx = key_context(keyring, key);
    if (ctx) {
        EVP_CIPHER_CTX_free(scratch->slots[scratch->next].ctx);
        scratch->slots[scratch->next].serial = key->serial;
        scratch->slots[scratch->next].ctx = ctx;
        scratch->next = (scratch->next + 1) % SCRATCH_KEYS;
    }
    return ctx;
}

/* Begins to open with another nonce, which also clears what a failed use has left. */
static bool set_nonce_and_tag(EVP_CIPHER_CTX *ctx, const unsigned char *nonce, unsigned char *tag)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    /* What EVP_CIPHER_CTX_ctrl makes of EVP_CTRL_GCM_SET_TAG, without its detour. */
    const OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_SIZE),
                                 OSSL_PARAM_END};

    return EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, params) > 0;
#else
    return EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce) > 0 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) > 0;
#endif
}

/* Decrypts raw in place. */
static bool decrypt_token(EVP_CIPHER_CTX *ctx, dt_slice_t host, unsigned char *raw, int len)
{
    unsigned char *text = raw + AT_TEXT;
    int done;

    return set_nonce_and_tag(ctx, raw + AT_NONCE, text + len) &&
           EVP_DecryptUpdate(ctx, NULL, &done, raw - host.len, (int)host.len + AT_NONCE) > 0 &&
           (len == 0 || EVP_DecryptUpdate(ctx, text, &done, text, len) > 0) &&
           EVP_DecryptFinal_ex(ctx, text + len, &done) > 0;
}

/* The first set with that id. Two texts share one by a chance of 2^-32; the later is shadowed. */
static const dt_keyset_t *find_set(const dt_keyring_t *keyring, const unsigned char *id)
{
    for (int i = 0; i < keyring->count; i++) {
        if (memcmp(keyring->sets[i].id, id, ID_SIZE) == 0) {
            return &keyring->sets[i];
        }
    }
    return NULL;
}

static apr_status_t open_raw(const dt_keyring_t *keyring, const dt_key_t *key,
                             dt_scratch_t *scratch, dt_slice_t host, unsigned char *raw, int len)
{
    EVP_CIPHER_CTX *ctx = scratch ? kept_context(scratch, keyring, key) : key_context(keyring, key);
    apr_status_t rv = APR_EGENERAL;

    if (ctx) {
        rv = decrypt_token(ctx, host, raw, len) ? APR_SUCCESS : APR_EACCES;
    }
    if (!scratch) {
        EVP_CIPHER_CTX_free(ctx);
    }
    if (rv != APR_SUCCESS) {
        ERR_clear_error();
    }
    return rv;
}

apr_status_t dt_open(const dt_keyring_t *keyring, dt_purpose_t purpose, const dt_call_t *call,
                     dt_slice_t token, dt_slice_t *plain)
{
    dt_slice_t host = dt_slice(call->host);
    const dt_keyset_t *set;
    unsigned char *raw;
    apr_size_t size;
    apr_size_t len;
    apr_status_t rv;

    if (token.len < TOKEN_MIN || token.len > DT_SEAL_MAX || host.len > DT_SEAL_MAX) {
        return APR_EACCES;
    }
    if (call->opened && dt_opened_recall(call->opened, (int)purpose, keyring->serial, host, token,
                                         call->pool, plain)) {
        return APR_SUCCESS;
    }
    raw = token_room(call, host, token.len * 3 / 4 + 1); /* one more for the decoder */
    if (dt_base64url_decode(token, raw, &size) != APR_SUCCESS || raw[0] != VERSION) {
        return APR_EACCES;
    }
    set = find_set(keyring, raw + AT_ID);
    if (!set) {
        return APR_EACCES;
    }
    len = size - DT_SEAL_OVERHEAD;
    rv = open_raw(keyring, &set->keys[purpose], call->scratch, host, raw, (int)len);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    raw[AT_TEXT + len] = '\0'; /* where the tag was */
    *plain = (dt_slice_t){(char *)raw + AT_TEXT, len};
    if (call->opened) {
        dt_opened_remember(call->opened, (int)purpose, keyring->serial, host, token, *plain);
    }
    return APR_SUCCESS;
}

bool dt_seal_is_current(const dt_keyring_t *keyring, dt_slice_t token)
{
    enum { HEAD = 8 }; /* characters, which are six bytes */
    unsigned char head[HEAD];
    apr_size_t len;

    return token.len >= TOKEN_MIN &&
           dt_base64url_decode((dt_slice_t){token.data, HEAD}, head, &len) == APR_SUCCESS &&
           memcmp(head + AT_ID, keyring->sets[0].id, ID_SIZE) == 0;
}

apr_status_t dt_keyring_mac(const dt_keyring_t *keyring, int index, dt_slice_t data,
                            unsigned char mac[DT_MAC_SIZE])
{
    const unsigned char *from = (const unsigned char *)(data.len > 0 ? data.data : "");

    if (index < 0 || index >= keyring->count) {
        return APR_NOTFOUND;
    }
    if (!HMAC(EVP_sha256(), keyring->sets[index].mac_key, KEY_SIZE, from, data.len, mac, NULL)) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

static apr_status_t free_contexts(void *data)
{
    dt_scratch_t *scratch = data;

    for (int i = 0; i < SCRATCH_KEYS; i++) {
        EVP_CIPHER_CTX_free(scratch->slots[i].ctx);
    }
    return APR_SUCCESS;
}

dt_scratch_t *dt_scratch_create(apr_pool_t *pool)
{
    dt_scratch_t *scratch = apr_pcalloc(pool, sizeof(*scratch));

    if (scratch) {
        apr_pool_cleanup_register(pool, scratch, free_contexts, apr_pool_cleanup_null);
    }
    return scratch;
}
