/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), alone or as HMAC (RFC 2104). */
#ifndef DT_CORE_DIGEST_H
#define DT_CORE_DIGEST_H

#include "core/dt.h"

#include <apr_errno.h>

#define DT_DIGEST_SIZE 32 /* bytes; any of them may be zero */

/** SHA-256 as lower-case hex, from pool; NULL when OpenSSL refuses. */
const char *dt_sha256_hex(apr_pool_t *pool, dt_slice_t bytes);

/** HMAC-SHA256. APR_EGENERAL when OpenSSL refuses; mac means nothing then. */
apr_status_t dt_hmac_sha256(dt_slice_t key, dt_slice_t bytes, unsigned char mac[DT_DIGEST_SIZE]);

/** HMAC-SHA256 as lower-case hex, from pool; NULL when OpenSSL refuses. */
const char *dt_hmac_sha256_hex(apr_pool_t *pool, dt_slice_t key, dt_slice_t bytes);

#endif
