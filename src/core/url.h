/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: which are safe to return to, what a query says, and what an origin is. */
#ifndef DT_CORE_URL_H
#define DT_CORE_URL_H

#include "core/dt.h"

#include <apr_errno.h>

#define DT_RETURN_MAX 700 /* bytes of a return address that a ticket carries; see ticket.h */

/**
 * The one function that says whether a return address is safe: a path on this origin, written so
 * that every parser understands the same by it. Accepts "/" followed by printable ASCII; the path
 * has no backslash, no "//" at its start (not even written as %2f or %5c), no "." or ".."
 * segment in any spelling and only well-formed percent escapes, none of a control. Query and
 * fragment may hold any printable ASCII. Bytes above 0x7e are percent-encoded first.
 * Too long for DT_RETURN_MAX: the path alone, if that fits.
 * @return an address in pool, or "/" for everything else; never NULL
 */
const char *dt_url_return(apr_pool_t *pool, dt_slice_t address);

/**
 * The part of an absolute URL behind origin, when it is on that origin; else NULL. For a Referer:
 * the caller passes the result to dt_url_return.
 */
const char *dt_url_on_origin(apr_pool_t *pool, const char *url, const char *origin);

/** One wanted field of a query or form. */
typedef struct dt_field_t {
    const char *name;  /* in: the name, plain ASCII */
    const char *value; /* out: decoded value in pool, or NULL when absent */
} dt_field_t;

/**
 * Read the wanted fields of an application/x-www-form-urlencoded text (a query or a body).
 * Unknown fields are ignored. fields ends with a NULL name.
 * @return APR_SUCCESS; APR_EINVAL when a wanted field is there twice, or its value has a
 *         malformed escape, a NUL or another control, or is not UTF-8, or is longer than 4096
 *         bytes. All values are NULL then.
 */
apr_status_t dt_url_fields(apr_pool_t *pool, dt_slice_t text, dt_field_t *fields);

/** An http or https origin, taken apart. */
typedef struct dt_origin_t {
    const char *text; /* scheme://host[:port], lower case, default port left out */
    const char *host; /* lower case, an IPv6 address with its brackets */
    bool https;
    bool loopback; /* 127.0.0.0/8, [::1] or localhost */
} dt_origin_t;

/**
 * Take an origin or a base URL apart. Nothing but scheme, host, port and, when path is not NULL,
 * a path without query: no user name, fragment or white space.
 * @param path the path without trailing slashes ("" for none); NULL: a path is an error
 * @return NULL, or what is wrong, as a constant that completes "… must be"
 */
const char *dt_url_origin(apr_pool_t *pool, const char *url, dt_origin_t *origin,
                          const char **path);

/**
 * Append name=value to a URL without fragment as a query parameter, percent-encoding value. From
 * pool.
 */
char *dt_url_add(apr_pool_t *pool, const char *url, const char *name, const char *value);

#endif
