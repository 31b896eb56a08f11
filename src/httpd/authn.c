/* SPDX-License-Identifier: Apache-2.0 */
/* The hot path: does this request have a session? And the answer when it has none. */
#include "httpd/authn.h"

#include "core/bytes.h"
#include "httpd/cookie.h"
#include "httpd/export.h"
#include "httpd/counters.h"
#include "httpd/lifecycle.h"
#include "httpd/page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_request.h>

#include <string.h>

char dth_auth_type[] = "DingTalk"; /* httpd's member is not const */

static bool is_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type != NULL &&
           (strcmp(type, dth_auth_type) == 0 || ap_cstr_casecmp(type, dth_auth_type) == 0);
}

dt_visit_t dth_authn_visit(const request_rec *r, const char *accept)
{
    const apr_table_t *in = r->headers_in;
    const char *purpose = apr_table_get(in, "Sec-Purpose");
    const dt_visitor_t visitor = {
        .method = r->method,
        .fetch_mode = apr_table_get(in, "Sec-Fetch-Mode"),
        .fetch_dest = apr_table_get(in, "Sec-Fetch-Dest"),
        .purpose = purpose != NULL ? purpose : apr_table_get(in, "Purpose"),
        .requested_with = apr_table_get(in, "X-Requested-With"),
        .accept = accept,
        .user_agent = apr_table_get(in, "User-Agent"),
    };

    return dt_visit(&visitor);
}

int dth_authn_begin(request_rec *r, dth_req_t *req, const char *return_to)
{
    dt_call_t call = dth_request_call(r, req);
    const char *path = apr_pstrcat(r->pool, req->site->path, "/callback", NULL);
    dt_tickets_t tickets;
    dt_way_t way;
    dt_result_t result;

    call.turn = dth_lifecycle_turn();
    dth_request_tickets(r, req, &tickets);
    dt_login_begin(&req->site->login, &call, &tickets, dth_request_url(r, req, path), return_to,
                   &way, &result);
    dth_cookie_set_tickets(r, req, way.tickets);
    if (result.what == DT_AGAIN) {
        return dth_page_redirect(r, req, HTTP_MOVED_TEMPORARILY, way.location);
    }
    dth_count_end(req->site->counters, &way, &result);
    return dth_page_result(r, req, 0, &result, NULL,
                           &(dth_offer_t){.sign_in = dth_page_login_path(r, req, return_to)});
}

/* Browsers hold a SameSite=Strict cookie back when another site sends somebody here, DingTalk's
 * page included (RFC 6265bis, section 5.2): then nobody can tell whether there is a session. */
static bool cookie_held_back(const request_rec *r, const dth_req_t *req, dt_visit_t visit)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    return visit == DT_VISIT_NAVIGATION && req->token_count == 0 && site != NULL &&
           strcmp(site, "cross-site") == 0 &&
           dth_choice(req->site->conf->cookie_samesite) == DTH_SAMESITE_STRICT;
}

/* A page of ours that asks for the same once more: this time it is our own site that asks. */
static int ask_again(request_rec *r, const dth_req_t *req, const char *address)
{
    dt_result_t result = dt_result(DT_WHY_ONE_MOMENT, NULL);

    return dth_page_result(r, req, 0, &result, NULL,
                           &(dth_offer_t){.go_on = address, .reload = address});
}

/* No session: what DingTalkUnauthenticated says. */
static int answer_stranger(request_rec *r, dth_req_t *req)
{
    int way = dth_choice(dth_dir_conf(r)->unauthenticated);
    const char *return_to;
    dt_visit_t visit;

    if (way == DTH_UNAUTH_PASS) {
        r->user = (char *)"";
        return OK;
    }
    if (r->main != NULL) { /* its answer would end up inside another one */
        return HTTP_UNAUTHORIZED;
    }
    if (req->token_count > 0) {
        dth_cookie_clear_session(r, req); /* it opens nothing any more */
    }
    visit = dth_authn_visit(r, apr_table_get(r->headers_in, "Accept"));
    return_to = dth_page_return(r, req, visit);
    if (cookie_held_back(r, req, visit) && way != DTH_UNAUTH_401) {
        return ask_again(r, req, return_to);
    }
    if (way == DTH_UNAUTH_LOGIN) {
        return dth_authn_begin(r, req, return_to);
    }
    if (visit == DT_VISIT_PROGRAM) {
        return dth_page_login_required_json(r, req, "\"error\":\"login_required\"");
    }
    if (visit == DT_VISIT_NAVIGATION && way == DTH_UNAUTH_AUTO) {
        return dth_authn_begin(r, req, return_to);
    }
    return dth_page_result(r, req, HTTP_UNAUTHORIZED,
                           &(dt_result_t){DT_NOTICE, &dt_whys[DT_WHY_LOGIN_REQUIRED], NULL}, NULL,
                           &(dth_offer_t){.sign_in = dth_page_login_path(r, req, return_to)});
}

static int answer_unsure(request_rec *r, const dth_req_t *req)
{
    dt_result_t result = dt_result(DT_WHY_UNAVAILABLE, "the session store");

    return r->main != NULL
               ? dth_page_part_unsure(r, &result)
               : dth_page_result(r, req, 0, &result, NULL, &(dth_offer_t){.sign_in = NULL});
}

int dth_authn_check(request_rec *r)
{
    dth_req_t *req;

    if (!is_ours(r)) {
        return DECLINED;
    }
    r->ap_auth_type = dth_auth_type;
    req = dth_request(r);
    if (req == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      DTNO(0012) "AuthType DingTalk needs DingTalkClientID in this server");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    switch (dth_request_session(r, req)) {
    case DTH_LIVE:
        dth_request_renew(r, req);
        r->user = (char *)req->session.user.data;
        dth_export(r, req);
        return OK;
    case DTH_CANNOT_TELL:
        return answer_unsure(r, req);
    default:
        return answer_stranger(r, req);
    }
}

int dth_authn_force(request_rec *r)
{
    const dth_req_t *req = dth_request(r);

    /* Whoever may always come in, as to an endpoint, is not to be authorised after all. */
    if (req != NULL && req->endpoint_of == r) {
        return DECLINED;
    }
    return dth_choice(dth_dir_conf(r)->unauthenticated) == DTH_UNAUTH_PASS && is_ours(r) ? OK
                                                                                         : DECLINED;
}

int dth_authn_note_failure(request_rec *r, const char *auth_type)
{
    (void)r;
    return ap_cstr_casecmp(auth_type, dth_auth_type) == 0 ? OK : DECLINED;
}
