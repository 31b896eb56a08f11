/* SPDX-License-Identifier: Apache-2.0 */
/* Our cookies: found in and taken out of the request, set in and cleared from the browser. */
#ifndef DTH_COOKIE_H
#define DTH_COOKIE_H

#include "core/ticket.h"
#include "httpd/request.h"

/**
 * Find our cookies in the Cookie header, keep their values in req, and take them out of the
 * header, with those that the site has under the other scheme, http or https. Values are kept as
 * slices into the header that came, which lives as long as the request.
 */
void dth_cookie_take(request_rec *r, dth_req_t *req);

/** Set the session cookie to token (NUL-terminated) on this answer. */
void dth_cookie_set_session(request_rec *r, const dth_req_t *req, const char *token);

/** Clear the session cookie, with the attributes it was set with. */
void dth_cookie_clear_session(request_rec *r, const dth_req_t *req);

/** Set and delete ticket cookies: a list up to a NULL name. */
void dth_cookie_set_tickets(request_rec *r, const dth_req_t *req,
                            const dt_ticket_cookie_t *changes);

/** Set the bind ticket's cookie to token (NUL-terminated); NULL deletes it. */
void dth_cookie_set_bind(request_rec *r, const dth_req_t *req, const char *token);

#endif
