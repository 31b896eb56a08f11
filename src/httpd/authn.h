/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path: does this request have a session? And the answer when it has none. */
#ifndef DTH_AUTHN_H
#define DTH_AUTHN_H

#include "httpd/request.h"

/**
 * The word for AuthType, and AUTH_TYPE of those who came in through us: then r->ap_auth_type is
 * this very array, and comparing addresses is enough.
 */
extern char dth_auth_type[];

/** The check_authn hook. */
int dth_authn_check(request_rec *r);

/** The force_authn hook: "pass" wants to know who it is even where nobody must sign in. */
int dth_authn_force(request_rec *r);

/** The note_auth_failure hook: for our type there is nothing to add, and never a new sign-in. */
int dth_authn_note_failure(request_rec *r, const char *auth_type);

/** Who is asking, by the request's own words. */
dt_visit_t dth_authn_visit(const request_rec *r, const char *accept);

/** Begin a sign-in that comes back to return_to: the 302 to DingTalk, or the page that says why
 *  not. */
int dth_authn_begin(request_rec *r, dth_req_t *req, const char *return_to);

#endif
