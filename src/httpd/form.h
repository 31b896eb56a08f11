/* SPDX-License-Identifier: Apache-2.0 */
/* The form a browser sent, read whole. */
#ifndef DTH_FORM_H
#define DTH_FORM_H

#include "core/dt.h"

#include <httpd.h>

#define DTH_FORM_MAX 8192 /* bytes of a form: many times what ours can have */

/**
 * Read the request's application/x-www-form-urlencoded body, for dt_url_fields. Once per request.
 * @return OK; 415 for something else; or what dth_body_read (body.h) says
 */
int dth_form_read(request_rec *r, dt_slice_t *body);

#endif
