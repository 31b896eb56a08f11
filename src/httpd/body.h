/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request, read whole. */
#ifndef DTH_BODY_H
#define DTH_BODY_H

#include "core/dt.h"

#include <httpd.h>

/**
 * Read the request's body, in chunks or not. Once per request.
 * @param max bytes that it may have
 * @return OK; 413 when it has more; httpd's own status when it does not come; AP_FILTER_ERROR when
 *         somebody has answered already: return that, and send nothing
 */
int dth_body_read(request_rec *r, apr_size_t max, dt_slice_t *body);

#endif
