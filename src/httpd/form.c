/* SPDX-License-Identifier: Apache-2.0 */
/* The form a browser sent, read whole. */
#include "httpd/form.h"

#include "core/bytes.h"
#include "httpd/body.h"

#include <string.h>

static bool is_form(const char *type)
{
    return type != NULL && dt_slice_is((dt_slice_t){type, strcspn(type, "; \t")},
                                       "application/x-www-form-urlencoded");
}

int dth_form_read(request_rec *r, dt_slice_t *body)
{
    *body = (dt_slice_t){NULL, 0};
    return is_form(apr_table_get(r->headers_in, "Content-Type"))
               ? dth_body_read(r, DTH_FORM_MAX, body)
               : HTTP_UNSUPPORTED_MEDIA_TYPE;
}
