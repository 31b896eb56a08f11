/* SPDX-License-Identifier: Apache-2.0 */
/* Caches on the way: what a member was shown is for nobody else. */
#include "httpd/caching.h"

#include "httpd/authn.h"
#include "httpd/lifecycle.h"

static bool says_something(const apr_table_t *headers)
{
    return !apr_is_empty_table(headers) && (apr_table_get(headers, "Cache-Control") != NULL ||
                                            apr_table_get(headers, "Expires") != NULL);
}

apr_status_t dth_caching_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    request_rec *r = f->r;

    if (!says_something(r->headers_out) && !says_something(r->err_headers_out)) {
        apr_table_addn(r->headers_out, "Cache-Control", "private, no-cache");
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(f->next, bb);
}

void dth_caching_insert(request_rec *r)
{
    if (r->main == NULL && r->ap_auth_type == dth_auth_type) {
        ap_add_output_filter_handle(dth_lifecycle_caching_filter(), NULL, r, r->connection);
    }
}
