/* SPDX-License-Identifier: Apache-2.0 */
/* The request as this module sees it: its site, its cookies, its session. */
#ifndef DTH_REQUEST_H
#define DTH_REQUEST_H

#include "core/session.h"
#include "core/ticket.h"
#include "core/visitor.h"
#include "httpd/site.h"

#define DTH_SESSION_COOKIES 4 /* of our name looked at: a stale one may hide a good one */

/** What was found of a session. */
typedef enum dth_found_t {
    DTH_NOT_LOOKED,
    DTH_LIVE,
    DTH_NONE,
    DTH_CANNOT_TELL /* the store could not find out */
} dth_found_t;

struct dth_endpoint_t;

/**
 * State of one request from the network, on its request_config; sub-requests and internal
 * redirects use that of their initial request. Lives in its pool.
 */
typedef struct dth_req_t {
    const dth_site_t *site;
    apr_interval_time_t patience; /* of its calls, which share it */
    int secure;                   /* the public origin is https: index into site->cookies */
    dt_slice_t tokens[DTH_SESSION_COOKIES]; /* session cookies as sent */
    int token_count;
    dt_slice_t *tickets; /* ticket cookies as sent, or NULL */
    int ticket_count;
    dt_slice_t bind; /* the bind ticket as sent; empty when there is none, or two that differ */
    dth_found_t found;
    dt_session_t session;                  /* when found is DTH_LIVE */
    dt_slice_t token;                      /* the one of tokens that it came from */
    bool is_due;                           /* it is to be renewed, and has not been */
    bool carries_cookie;                   /* the answer, of ours: for no cache */
    const request_rec *exported_to;        /* the last one that was given the identity */
    const apr_table_t *exported;           /* the headers in which our identity headers were set */
    const struct dth_endpoint_t *endpoint; /* claimed by endpoint_of, or NULL */
    const request_rec *endpoint_of;
} dth_req_t;

/**
 * The post_read_request hook: take our cookies and foreign identity headers off the request, so
 * that no application and no log sees them, whatever happens later. Once per request from the
 * network: for a redirect its headers, which are the very same, have been seen to, unless httpd
 * could not read the request whole and redirects it to an error document.
 */
int dth_request_begin(request_rec *r);

/** The request that came from the network: r itself, or above a sub-request or redirect. Inline, as
 * the next: this is asked for many times in a request. */
static inline request_rec *dth_request_initial(request_rec *r)
{
    while (r->main != NULL || r->prev != NULL) { /* what ap_is_initial_req looks at */
        r = r->main != NULL ? r->main : r->prev;
    }
    return r;
}

/** The state of the initial request behind r; NULL when its server has no DingTalkClientID. */
static inline dth_req_t *dth_request(request_rec *r)
{
    return ap_get_module_config(dth_request_initial(r)->request_config, &auth_dingtalk_module);
}

/** What the core wants to know of this call: pool, time, host, this thread's scratch. */
dt_call_t dth_request_call(request_rec *r, dth_req_t *req);

/** An absolute address of path at the public origin (DingTalkPublicURL, else as httpd sees it). */
const char *dth_request_url(request_rec *r, const dth_req_t *req, const char *path);

/** What the browser asked for, path and query as it wrote them. */
const char *dth_request_target(request_rec *r);

/** The session of the request, looked up once. */
dth_found_t dth_request_session(request_rec *r, dth_req_t *req);

/**
 * Renew the session where that is due (dt_session_age), at most once per request: with what has
 * become known of its person since, and a note that the person is to be looked up again.
 */
void dth_request_renew(request_rec *r, dth_req_t *req);

/** The tickets the browser holds, opened. */
void dth_request_tickets(request_rec *r, dth_req_t *req, dt_tickets_t *tickets);

#endif
