/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the module makes itself: pages, JSON and redirects, all with the same safe headers. */
#ifndef DTH_PAGE_H
#define DTH_PAGE_H

#include "httpd/request.h"

#include <jansson.h>

/**
 * Every function here sends a complete answer and returns DONE, which ends the request in any
 * phase: the protected resource is never run, so none of it can follow in the body. All answers
 * are no-store, have a strict Content-Security-Policy and no referrer.
 */

/** A redirect, 302 or 303. location comes from dt_url_return or is DingTalk's page. */
int dth_page_redirect(request_rec *r, const dth_req_t *req, int status, const char *location);

/** JSON text. */
int dth_page_json(request_rec *r, const dth_req_t *req, int status, const char *json);

/** A JSON value, which is freed. */
int dth_page_json_value(request_rec *r, const dth_req_t *req, int status, json_t *value);

/** The language of the person, for a page or JSON that is shown to them. */
dt_language_t dth_page_language(request_rec *r);

/**
 * Fill a page and send it.
 * @param page   of req->site->pages; that of bind.html may run its own script
 * @param values of the page; language and nonce are filled in here
 */
int dth_page_html(request_rec *r, const dth_req_t *req, int status, const char *page,
                  const char *values[DTH_VALUES]);

/** The HTTP status of a result. */
int dth_page_status(const dt_result_t *result);

/**
 * A new error id, in a header of the answer to r. The caller writes it into a line of the log.
 */
const char *dth_page_id(request_rec *r);

/**
 * Log once why somebody gets no further, beside an error id that goes into a header.
 * @param member who it is about, or NULL
 * @return the error id, for the answer itself
 */
const char *dth_page_report(request_rec *r, const dt_result_t *result, const dt_member_t *member);

/**
 * A part of an answer, the sub-request r, cannot be found out. What it is a part of may end in the
 * same way: mod_dir asks for the index of a folder so. It has what belongs to a 503 then: when to
 * come back, and an error id that is in the log.
 * @return the status for the part
 */
int dth_page_part_unsure(request_rec *r, const dt_result_t *result);

/** What a page offers the person to do; NULL for what it does not. */
typedef struct dth_offer_t {
    const char *sign_in;  /* address of a link that signs in */
    const char *go_on;    /* address of a link that goes on */
    const char *sign_out; /* address of a form that signs out */
    const char *reload;   /* address that the page opens by itself */
} dth_offer_t;

/**
 * The page of a result, in the person's language, reported as by dth_page_report: the page shows
 * the error id. The HTTP status is that of dth_page_status, unless given.
 * @param status 0, or the status for a reason that needs another than its kind
 * @param member who it is about, for the log, or NULL
 */
int dth_page_result(request_rec *r, const dth_req_t *req, int status, const dt_result_t *result,
                    const dt_member_t *member, const dth_offer_t *offer);

/**
 * Where somebody without a session should come back to: what was asked for; but for a program, and
 * for a form that was sent, the page they were sent from, if it says so and is of this origin.
 */
const char *dth_page_return(request_rec *r, const dth_req_t *req, dt_visit_t visit);

/** The address of the login endpoint that comes back to return_to. */
const char *dth_page_login_path(request_rec *r, const dth_req_t *req, const char *return_to);

/**
 * The answer of an endpoint or a protected resource to a program without a session: 401 and
 * {"error":"login_required","login_url":…}, or {"authenticated":false,…} for the session endpoint.
 */
int dth_page_login_required_json(request_rec *r, const dth_req_t *req, const char *first_member);

#endif
