/* SPDX-License-Identifier: Apache-2.0 */
/* How the big gateways want a request to be signed. */
#ifndef DT_CORE_SMS_SIGN_H
#define DT_CORE_SMS_SIGN_H

#include "core/ports.h"

/** What is signed of a POST. */
typedef struct dt_to_sign_t {
    const char *path;                /* as it is sent, e.g. "/" */
    const char *query;               /* names in byte order, percent-encoded; "" for none */
    const dt_http_header_t *headers; /* those to be signed, names in lower case and byte order,
                                        values as they are sent; up to a NULL name */
    dt_slice_t body;
} dt_to_sign_t;

/**
 * The Authorization of Alibaba Cloud's ACS3-HMAC-SHA256, from pool; NULL when OpenSSL refuses.
 * Must be signed: host, content-type if it is sent, and everything that begins with x-acs-.
 */
const char *dt_sign_acs3(apr_pool_t *pool, const char *key, const char *secret,
                         const dt_to_sign_t *request);

/**
 * The Authorization of Tencent Cloud's TC3-HMAC-SHA256, from pool; NULL when OpenSSL refuses.
 * Must be signed: host and content-type.
 * @param service e.g. "sms"
 * @param time    the one in X-TC-Timestamp
 */
const char *dt_sign_tc3(apr_pool_t *pool, const char *key, const char *secret, const char *service,
                        apr_time_t time, const dt_to_sign_t *request);

#endif
