/* SPDX-License-Identifier: Apache-2.0 */
/* The form a browser sent, read whole. */
#include "httpd/form.h"

#include "core/bytes.h"

#include <http_protocol.h>

#include <string.h>

static bool is_form(const char *type)
{
    return type != NULL && dt_slice_is((dt_slice_t){type, strcspn(type, "; \t")},
                                       "application/x-www-form-urlencoded");
}

int dth_form_read(request_rec *r, dt_slice_t *body)
{
    char *buffer;
    long got = 0;
    int status;

    *body = (dt_slice_t){NULL, 0};
    if (!is_form(apr_table_get(r->headers_in, "Content-Type"))) {
        return HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    status = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);
    if (status != OK || !ap_should_client_block(r)) {
        return status;
    }
    buffer = apr_palloc(r->pool, DTH_FORM_MAX + 1);
    body->data = buffer;
    do {
        got = ap_get_client_block(r, buffer + body->len, DTH_FORM_MAX + 1 - body->len);
        if (got < 0) {
            return HTTP_BAD_REQUEST;
        }
        body->len += (apr_size_t)got;
    } while (got > 0 && body->len <= DTH_FORM_MAX);
    return body->len > DTH_FORM_MAX ? HTTP_REQUEST_ENTITY_TOO_LARGE : OK;
}
