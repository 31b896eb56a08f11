/* SPDX-License-Identifier: Apache-2.0 */
/* Caches on the way: what a member was shown is for nobody else. */
#include "httpd/caching.h"

#include "httpd/authn.h"
#include "httpd/lifecycle.h"

#include <http_protocol.h>

/* Two letters tell Cache-Control and Expires from nearly all other headers. */
static bool is_about_caching(const char *name)
{
    switch (name[0]) {
    case 'C':
    case 'c':
        return (name[1] | 0x20) == 'a' && ap_cstr_casecmp(name, "Cache-Control") == 0;
    case 'E':
    case 'e':
        return (name[1] | 0x20) == 'x' && ap_cstr_casecmp(name, "Expires") == 0;
    default:
        return false;
    }
}

static bool says_something(const apr_table_t *headers)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    const apr_table_entry_t *header = (const apr_table_entry_t *)all->elts;

    for (const apr_table_entry_t *end = header + all->nelts; header < end; header++) {
        if (is_about_caching(header->key)) {
            return true;
        }
    }
    return false;
}

static bool forbids_keeping(apr_pool_t *pool, const apr_table_t *headers)
{
    return ap_find_token(pool, apr_table_getm(pool, headers, "Cache-Control"), "no-store") != 0;
}

/* Everything that tells a shared cache that it may keep an answer, however little it understands:
 * Expires is for old ones, the last two are for those that do not believe the first (RFC 9213). */
static void say_nothing(apr_table_t *headers)
{
    static const char *const names[] = {"Cache-Control", "Expires", "CDN-Cache-Control",
                                        "Surrogate-Control", NULL};

    for (const char *const *name = names; *name != NULL; name++) {
        apr_table_unset(headers, *name);
    }
}

/* Whatever the application, mod_expires or mod_headers says: whoever got this answer from a cache
 * would be the member. */
static void forbid_sharing(request_rec *r)
{
    const char *said = forbids_keeping(r->pool, r->headers_out) ||
                               forbids_keeping(r->pool, r->err_headers_out)
                           ? "no-store"
                           : "private, no-cache";

    say_nothing(r->headers_out);
    say_nothing(r->err_headers_out);
    apr_table_setn(r->headers_out, "Cache-Control", said);
    /* mod_cache can be told where among the filters it is: this it asks for wherever it is. */
    apr_table_setn(r->subprocess_env, "no-cache", "1");
}

static bool carries_cookie(request_rec *r)
{
    const dth_req_t *req = dth_request(r);

    return req != NULL && req->carries_cookie;
}

apr_status_t dth_caching_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;

    if (carries_cookie(r)) {
        forbid_sharing(r);
    }
    else if (!says_something(r->headers_out) && !says_something(r->err_headers_out)) {
        apr_table_addn(r->headers_out, "Cache-Control", "private, no-cache");
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

static void add_filter(request_rec *r)
{
    ap_add_output_filter_handle(dth_lifecycle_caching_filter(), NULL, r, r->connection);
}

void dth_caching_insert(request_rec *r)
{
    if (r->main != NULL) {
        return;
    }
    if (carries_cookie(r)) {
        apr_table_setn(r->subprocess_env, "no-cache", "1");
        add_filter(r);
    }
    else if (r->ap_auth_type == dth_auth_type) {
        add_filter(r);
    }
}

void dth_caching_insert_error(request_rec *r)
{
    if (r->main == NULL && carries_cookie(r)) {
        add_filter(r);
    }
}

void dth_caching_note_cookie(request_rec *r)
{
    dth_req_t *req = dth_request(r);
    request_rec *sender = r;

    while (sender->main != NULL) {
        sender = sender->main;
    }
    if (!req->carries_cookie && (sender != r || req->endpoint_of == r)) {
        /* Its filters have been asked for, or will be before those of mod_headers; and a
         * sub-request may go past one that is added now. So both. */
        forbid_sharing(sender);
        add_filter(sender);
    }
    req->carries_cookie = true;
}
