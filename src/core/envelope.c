/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's envelope over OpenSSL, with every length looked at before it is used. */
#include "core/envelope.h"

#include "core/bytes.h"
#include "core/record.h"

#include <apr_strings.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS = 4,         /* of what is signed */
    LENGTH = 4,        /* bytes of the message's length */
    PADDING = 32,      /* the padded size is a multiple of it; no padding is longer */
    PACK_MAX = 1 << 20 /* bytes of a message or an owner key that we pack */
};

/* --- signing --- */

/* For qsort: strcmp compares bytes as unsigned. */
static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *dt_envelope_sign(apr_pool_t *pool, const char *token, const char *timestamp,
                             const char *nonce, const char *envelope)
{
    const char *parts[PARTS] = {token, timestamp, nonce, envelope};
    unsigned char digest[SHA_DIGEST_LENGTH];
    dt_slice_t all;

    qsort(parts, PARTS, sizeof(parts[0]), by_bytes);
    all = dt_slice(apr_pstrcat(pool, parts[0], parts[1], parts[2], parts[3], NULL));
    if (!EVP_Digest(all.data, all.len, digest, NULL, EVP_sha1(), NULL)) {
        ERR_clear_error(); /* the queue belongs to the thread: leave nothing for the next user */
        return NULL;
    }
    return dt_hex(pool, digest, sizeof(digest));
}

/* --- base64 --- */

/* Bytes in pool, or NULL: OpenSSL itself would take white space, and "=" in any place. */
static unsigned char *decode(apr_pool_t *pool, const char *text, apr_size_t *len)
{
    const apr_size_t size = strlen(text);
    const apr_size_t letters = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789+/");
    const apr_size_t padding = size - letters;
    unsigned char *bytes;

    if (size == 0 || size > INT_MAX || size % 4 != 0 || padding > 2 ||
        strspn(text + letters, "=") != padding) {
        return NULL;
    }
    bytes = apr_palloc(pool, size / 4 * 3);
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size) < 0) {
        return NULL;
    }
    *len = size / 4 * 3 - padding;
    return bytes;
}

static const char *encode(apr_pool_t *pool, const unsigned char *bytes, apr_size_t len)
{
    char *text = apr_palloc(pool, (len + 2) / 3 * 4 + 1);

    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    return text;
}

/* --- AES --- */

/* Whole blocks, in place; the padding is ours, for OpenSSL knows none of more than 16 bytes. */
static bool crypt_blocks(const unsigned char *key, unsigned char *bytes, apr_size_t len,
                         bool encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done;
    bool right = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key, encrypt) > 0 &&
                 EVP_CIPHER_CTX_set_padding(ctx, 0) > 0 &&
                 EVP_CipherUpdate(ctx, bytes, &done, bytes, (int)len) > 0 &&
                 EVP_CipherFinal_ex(ctx, bytes + done, &done) > 0;

    EVP_CIPHER_CTX_free(ctx);
    if (!right) {
        ERR_clear_error();
    }
    return right;
}

/* --- packing --- */

const char *dt_envelope_pack(apr_pool_t *pool, const unsigned char key[DT_ENVELOPE_KEY],
                             const unsigned char random[DT_ENVELOPE_RANDOM], dt_slice_t message,
                             dt_slice_t owner)
{
    apr_size_t plain, padding, size;
    unsigned char *bytes;
    dt_writer_t w;

    if (message.len > PACK_MAX || owner.len > PACK_MAX) {
        return NULL;
    }
    plain = DT_ENVELOPE_RANDOM + LENGTH + message.len + owner.len;
    padding = PADDING - plain % PADDING;
    size = plain + padding;
    bytes = apr_palloc(pool, size);
    memset(bytes + plain, (int)padding, padding);
    dt_writer_init(&w, bytes, plain);
    dt_write_bytes(&w, random, DT_ENVELOPE_RANDOM);
    for (int shift = 24; shift >= 0; shift -= 8) {
        dt_write_u8(&w, message.len >> shift & 0xff);
    }
    dt_write_bytes(&w, message.data, message.len);
    dt_write_bytes(&w, owner.data, owner.len);
    return !w.failed && crypt_blocks(key, bytes, size, true) ? encode(pool, bytes, size) : NULL;
}

/* The bytes without their padding; false when it is none. */
static bool cut_padding(const unsigned char *bytes, apr_size_t *len)
{
    const unsigned char padding = bytes[*len - 1];

    if (padding < 1 || padding > PADDING || padding > *len) {
        return false;
    }
    for (apr_size_t i = *len - padding; i < *len; i++) {
        if (bytes[i] != padding) {
            return false;
        }
    }
    *len -= padding;
    return true;
}

const char *dt_envelope_unpack(apr_pool_t *pool, const unsigned char key[DT_ENVELOPE_KEY],
                               const char *envelope, dt_slice_t *message, dt_slice_t *owner)
{
    apr_size_t len;
    apr_size_t message_len = 0;
    unsigned char *bytes = decode(pool, envelope, &len);
    dt_reader_t r;

    if (!bytes || len == 0 || len % 16 != 0) {
        return "it is no base64 of whole blocks";
    }
    if (!crypt_blocks(key, bytes, len, false)) {
        return "OpenSSL refuses to decrypt it";
    }
    if (!cut_padding(bytes, &len)) {
        return "its padding is wrong: it was encrypted with another AES key";
    }
    dt_reader_init(&r, (dt_slice_t){(const char *)bytes, len});
    (void)dt_reader_take(&r, DT_ENVELOPE_RANDOM);
    for (int i = 0; i < LENGTH; i++) {
        message_len = message_len << 8 | dt_read_u8(&r);
    }
    message->data = (const char *)dt_reader_take(&r, message_len);
    message->len = message_len;
    if (r.failed) {
        return "its length is wrong: it was encrypted with another AES key";
    }
    *owner = (dt_slice_t){(const char *)r.at, (apr_size_t)(r.end - r.at)};
    return NULL;
}
