/* SPDX-License-Identifier: Apache-2.0 */
/* Two signatures over one canonical form of a request. */
#include "core/sms_sign.h"

#include "core/bytes.h"
#include "core/digest.h"

#include <apr_strings.h>
#include <string.h>

/* "content-type;host" */
static const char *signed_names(apr_pool_t *pool, const dt_http_header_t *headers)
{
    const char *names = headers->name;

    for (headers++; headers->name; headers++) {
        names = apr_pstrcat(pool, names, ";", headers->name, NULL);
    }
    return names;
}

/* The hash of everything that is signed; NULL when OpenSSL refuses. */
static const char *canonical_hash(apr_pool_t *pool, const dt_to_sign_t *request, const char *names)
{
    const char *body = dt_sha256_hex(pool, request->body);
    const char *lines = "";

    if (!body) {
        return NULL;
    }
    for (const dt_http_header_t *header = request->headers; header->name; header++) {
        lines = apr_pstrcat(pool, lines, header->name, ":", header->value, "\n", NULL);
    }
    return dt_sha256_hex(pool,
                         dt_slice(apr_pstrcat(pool, "POST\n", request->path, "\n", request->query,
                                              "\n", lines, "\n", names, "\n", body, NULL)));
}

const char *dt_sign_acs3(apr_pool_t *pool, const char *key, const char *secret,
                         const dt_to_sign_t *request)
{
    const char *names = signed_names(pool, request->headers);
    const char *hash = canonical_hash(pool, request, names);
    const char *signature = NULL;

    if (hash) {
        const char *text = apr_pstrcat(pool, "ACS3-HMAC-SHA256\n", hash, NULL);
        signature = dt_hmac_sha256_hex(pool, dt_slice(secret), dt_slice(text));
    }
    return signature ? apr_pstrcat(pool, "ACS3-HMAC-SHA256 Credential=", key,
                                   ",SignedHeaders=", names, ",Signature=", signature, NULL)
                     : NULL;
}

/* The key for one service on one day. */
static apr_status_t derive_tc3(apr_pool_t *pool, const char *secret, const char *date,
                               const char *service, unsigned char key[DT_DIGEST_SIZE])
{
    const char *const steps[] = {date, service, "tc3_request"};
    dt_slice_t last = dt_slice(apr_pstrcat(pool, "TC3", secret, NULL));
    unsigned char next[DT_DIGEST_SIZE];
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS && i < 3; i++) {
        rv = dt_hmac_sha256(last, dt_slice(steps[i]), next);
        memcpy(key, next, DT_DIGEST_SIZE);
        last = (dt_slice_t){(const char *)key, DT_DIGEST_SIZE};
    }
    return rv;
}

/* The day of time in UTC; the gateway's day, whatever the server's time zone. */
static const char *utc_date(apr_pool_t *pool, apr_time_t time)
{
    apr_time_exp_t parts;

    apr_time_exp_gmt(&parts, time);
    return apr_psprintf(pool, "%04d-%02d-%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                        parts.tm_mday);
}

const char *dt_sign_tc3(apr_pool_t *pool, const char *key, const char *secret, const char *service,
                        apr_time_t time, const dt_to_sign_t *request)
{
    const char *names = signed_names(pool, request->headers);
    const char *hash = canonical_hash(pool, request, names);
    const char *date = utc_date(pool, time);
    const char *scope = apr_pstrcat(pool, date, "/", service, "/tc3_request", NULL);
    unsigned char signing[DT_DIGEST_SIZE];
    const char *text;
    const char *signature;

    if (!hash || derive_tc3(pool, secret, date, service, signing) != APR_SUCCESS) {
        return NULL;
    }
    text = apr_psprintf(pool, "TC3-HMAC-SHA256\n%" APR_TIME_T_FMT "\n%s\n%s", apr_time_sec(time),
                        scope, hash);
    signature = dt_hmac_sha256_hex(pool, (dt_slice_t){(const char *)signing, sizeof(signing)},
                                   dt_slice(text));
    return signature ? apr_pstrcat(pool, "TC3-HMAC-SHA256 Credential=", key, "/", scope,
                                   ", SignedHeaders=", names, ", Signature=", signature, NULL)
                     : NULL;
}
