/* SPDX-License-Identifier: Apache-2.0 */
/* Small things one does with bytes: slices, comparing, hex and base64url. */
#ifndef DT_CORE_BYTES_H
#define DT_CORE_BYTES_H

#include "core/dt.h"

#include <apr_errno.h>

/** A slice of a string literal, without its NUL. */
#define DT_SLICE(literal) ((dt_slice_t){(literal), sizeof(literal) - 1})

/** The slice of a C string; NULL gives an empty slice. */
dt_slice_t dt_slice(const char *text);

/** True when both have the same bytes. Not for secrets: returns at the first difference. */
bool dt_slice_equal(dt_slice_t a, dt_slice_t b);

/** True when s has exactly the bytes of text, letters compared without regard to ASCII case. */
bool dt_slice_is(dt_slice_t s, const char *text);

/** True when s is of the same length and bytes as other; takes as long wherever they differ. */
bool dt_secret_equal(dt_slice_t s, dt_slice_t other);

/** Lower-case hex of len bytes, from pool, NUL-terminated. */
char *dt_hex(apr_pool_t *pool, const unsigned char *bytes, apr_size_t len);

/** Length of base64url text for len bytes, without padding (RFC 4648, section 5). */
apr_size_t dt_base64url_size(apr_size_t len);

/** base64url without padding, from pool, NUL-terminated. */
dt_slice_t dt_base64url(apr_pool_t *pool, dt_slice_t bytes);

/**
 * Decode base64url without padding into out, which has room for text.len * 3 / 4 bytes, and for
 * one more when text.len is a multiple of four: that one may be written, but means nothing.
 * Strict: only the 64 letters, no padding, spare bits zero, so that one value has one text.
 * @return APR_SUCCESS with *len set; APR_BADCH for anything else
 */
apr_status_t dt_base64url_decode(dt_slice_t text, unsigned char *out, apr_size_t *len);

/**
 * Percent-encode for a query value or a header: keeps letters, digits and "-._~", encodes the
 * rest byte by byte (RFC 3986, section 2). From pool, NUL-terminated.
 */
char *dt_percent(apr_pool_t *pool, dt_slice_t bytes);

/**
 * Percent-encode only '%', controls and bytes above 0x7e, so that plain ASCII text stays
 * readable in a header. From pool, or text itself when there is nothing to encode.
 */
const char *dt_percent_header(apr_pool_t *pool, const char *text);

/**
 * What may be shown of a foreign text in a log line: at most max bytes, everything but
 * printable ASCII replaced by '?'. From pool, NUL-terminated.
 */
char *dt_loggable(apr_pool_t *pool, dt_slice_t text, apr_size_t max);

/** len bytes from the system's generator (OpenSSL RAND_bytes). APR_EGENERAL when it has none. */
apr_status_t dt_random(unsigned char *out, apr_size_t len);

#endif
