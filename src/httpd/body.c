/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request, read whole. */
#include "httpd/body.h"

#include <http_protocol.h>
#include <util_filter.h>

/* Append what the next filter has, up to size bytes in all. */
static apr_status_t read_some(request_rec *r, apr_bucket_brigade *brigade, char *buffer,
                              apr_size_t size, apr_size_t *used, bool *ended)
{
    apr_size_t len = size - *used;
    apr_status_t rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ,
                                     (apr_off_t)len);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *ended = !APR_BRIGADE_EMPTY(brigade) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(brigade));
    rv = apr_brigade_flatten(brigade, buffer + *used, &len);
    *used += len;
    apr_brigade_cleanup(brigade);
    return rv;
}

int dth_body_read(request_rec *r, apr_size_t max, dt_slice_t *body)
{
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    const apr_size_t size = max + 1; /* one more byte, to see that there is one more */
    char *buffer = apr_palloc(r->pool, size);
    apr_status_t rv = APR_SUCCESS;
    bool ended = false;

    *body = (dt_slice_t){buffer, 0};
    while (rv == APR_SUCCESS && !ended && body->len < size) {
        rv = read_some(r, brigade, buffer, size, &body->len, &ended);
    }
    if (rv != APR_SUCCESS) {
        return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    }
    return body->len > max ? HTTP_REQUEST_ENTITY_TOO_LARGE : OK;
}
