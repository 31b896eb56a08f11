/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 over OpenSSL, with explicit lengths everywhere. */
#include "core/digest.h"

#include "core/bytes.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* OpenSSL takes no NULL where nothing is meant. */
static const char *data_of(dt_slice_t bytes)
{
    return bytes.len > 0 ? bytes.data : "";
}

const char *dt_sha256_hex(apr_pool_t *pool, dt_slice_t bytes)
{
    unsigned char digest[DT_DIGEST_SIZE];

    if (!EVP_Digest(data_of(bytes), bytes.len, digest, NULL, EVP_sha256(), NULL)) {
        ERR_clear_error(); /* the queue belongs to the thread: leave nothing for the next user */
        return NULL;
    }
    return dt_hex(pool, digest, sizeof(digest));
}

apr_status_t dt_hmac_sha256(dt_slice_t key, dt_slice_t bytes, unsigned char mac[DT_DIGEST_SIZE])
{
    if (key.len > INT_MAX || !HMAC(EVP_sha256(), data_of(key), (int)key.len,
                                   (const unsigned char *)data_of(bytes), bytes.len, mac, NULL)) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

const char *dt_hmac_sha256_hex(apr_pool_t *pool, dt_slice_t key, dt_slice_t bytes)
{
    unsigned char mac[DT_DIGEST_SIZE];

    return dt_hmac_sha256(key, bytes, mac) == APR_SUCCESS ? dt_hex(pool, mac, sizeof(mac)) : NULL;
}
