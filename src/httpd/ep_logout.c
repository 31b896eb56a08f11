/* SPDX-License-Identifier: Apache-2.0 */
/* The logout endpoint: this browser leaves, or all browsers of its account do. */
#include "httpd/endpoint.h"

#include "core/bytes.h"
#include "core/login.h"
#include "httpd/cookie.h"
#include "httpd/form.h"
#include "httpd/page.h"
#include "httpd/revoked.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

/* Whether the person wants this: a form or link of our own origin, or the address bar. A request
 * from another site would sign people out against their will. Browsers that do not say where a
 * request comes from are believed for POST only. */
static bool is_wanted(const request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    if (r->method_number == M_POST) {
        return site == NULL || strcmp(site, "cross-site") != 0;
    }
    return site != NULL && (strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0);
}

/* More is at stake: another host of the same site is not believed either. */
static bool is_same_origin(request_rec *r, const dth_req_t *req)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (site != NULL) {
        return strcmp(site, "same-origin") == 0;
    }
    return origin == NULL || strcmp(origin, dth_request_url(r, req, "")) == 0;
}

static bool says_all(request_rec *r, dt_slice_t text)
{
    dt_field_t fields[] = {{"all", NULL}, {NULL, NULL}};

    return text.len > 0 && dt_url_fields(r->pool, text, fields) == APR_SUCCESS &&
           fields[0].value != NULL && strcmp(fields[0].value, "1") == 0;
}

/* In the form or in the query. A body that is no form of ours says nothing; OK, unless a filter has
 * answered in our place. */
static int read_all(request_rec *r, bool *all)
{
    dt_slice_t body = {NULL, 0};
    int status;

    *all = r->method_number == M_POST && says_all(r, dt_slice(r->args));
    if (*all || r->method_number != M_POST) {
        return OK;
    }
    status = dth_form_read(r, &body);
    *all = status == OK && says_all(r, body);
    return status == AP_FILTER_ERROR ? status : OK;
}

/* --- ending sessions --- */

/* Not before what is revoked began, by a clock that may be ahead of ours. */
static apr_time_t instant(const dt_session_t *session, apr_time_t now)
{
    return session->began > now ? session->began : now;
}

/* The session itself, so that a copy of its cookie is dead, too. One that cannot be revoked in the
 * database is over on this node, which is where its browser is. */
static void revoke_session(request_rec *r, const dth_req_t *req, const dt_call_t *call,
                           const dt_session_t *session)
{
    const dt_lifetimes_t *lifetimes = &req->site->login.admit.lifetimes;

    if (dt_session_age(session, lifetimes, call->now) != DT_AGE_DEAD &&
        !dth_revoked_is_dead(req->site, session)) {
        (void)dth_revoked_add(r, call, req->site, dt_subject_session_text(r->pool, session->id),
                              instant(session, call->now), session->began + lifetimes->absolute);
    }
}

/* APR_SUCCESS when the store has none of them any more. */
static apr_status_t end_sessions(request_rec *r, const dth_req_t *req, const dt_call_t *call)
{
    const dt_store_t *store = req->site->login.admit.store;
    apr_status_t ended = APR_SUCCESS;

    for (int i = 0; i < req->token_count; i++) {
        dt_session_t session;
        apr_status_t rv = dt_session_load(store, call, req->tokens[i], &session);

        if (rv == APR_SUCCESS) {
            revoke_session(r, req, call, &session);
        }
        rv = store->drop(store->plug.self, call, req->tokens[i]);
        if (rv != APR_SUCCESS) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                          DTNO(0040) "a session could not be taken out of the store");
            ended = rv;
        }
    }
    return ended;
}

/* All sessions of the account; of the person where a session does not know of accounts: they have
 * one account at most, and it has nobody else. */
static apr_status_t end_all(request_rec *r, const dth_req_t *req, const dt_call_t *call)
{
    const dth_site_t *site = req->site;
    const dt_session_t *session = &req->session;
    const char *subject =
        site->user_is_account
            ? dt_subject_account_text(r->pool, site->app.corp_id, session->user.data)
            : dt_subject_person_text(r->pool, site->app.corp_id, session->user_id.data);

    return dth_revoked_add(r, call, site, subject, instant(session, call->now),
                           dth_revoked_end(site, call->now));
}

/* What has ended. Without a session nobody knows whose others these would be. */
static dt_why_id_t end_everywhere(request_rec *r, dth_req_t *req, const dt_call_t *call)
{
    switch (dth_request_session(r, req)) {
    case DTH_LIVE:
        return end_all(r, req, call) == APR_SUCCESS ? DT_WHY_SIGNED_OUT_ALL
                                                    : DT_WHY_SIGNED_OUT_HERE;
    case DTH_CANNOT_TELL:
        return DT_WHY_SIGNED_OUT_HERE;
    default:
        return DT_WHY_NOT_EVERYWHERE;
    }
}

/* --- the endpoint --- */

static int ask_first(request_rec *r, const dth_req_t *req, const char *return_to)
{
    dt_result_t result = dt_result(DT_WHY_CONFIRM_LOGOUT, NULL);

    return dth_page_result(
        r, req, 0, &result, NULL,
        &(dth_offer_t){.sign_out = apr_pstrcat(
                           r->pool, req->site->path, "/logout", return_to != NULL ? "?return=" : "",
                           return_to != NULL ? dt_percent(r->pool, dt_slice(return_to)) : "",
                           NULL)});
}

int dth_ep_logout(request_rec *r, dth_req_t *req)
{
    const char *return_to = dth_endpoint_return(r);
    dt_call_t call = dth_request_call(r, req);
    dt_why_id_t ended = DT_WHY_SIGNED_OUT;
    dt_result_t result;
    dt_tickets_t tickets;
    dt_way_t way;
    bool all;
    int place;

    if (read_all(r, &all) != OK) {
        return AP_FILTER_ERROR;
    }
    if (!is_wanted(r) || (all && !is_same_origin(r, req))) {
        return ask_first(r, req, return_to);
    }
    place = dth_ep_enter_anyway(req);
    if (all) {
        ended = end_everywhere(r, req, &call);
    }
    if (end_sessions(r, req, &call) != APR_SUCCESS) {
        ended = DT_WHY_SIGNED_OUT_HERE;
    }
    dth_ep_leave(req, place);
    dth_cookie_clear_session(r, req);
    dth_request_tickets(r, req, &tickets);
    dt_login_sign_out(&req->site->login, &call, &tickets, &way);
    dth_cookie_set_tickets(r, req, way.tickets);
    if (return_to != NULL && (ended == DT_WHY_SIGNED_OUT || ended == DT_WHY_SIGNED_OUT_ALL)) {
        return dth_page_redirect(r, req, HTTP_SEE_OTHER, return_to);
    }
    result = dt_result(ended, NULL); /* else they have to know */
    return_to = return_to != NULL ? return_to : "/";
    return dth_page_result(r, req,
                           ended == DT_WHY_SIGNED_OUT_HERE ? HTTP_SERVICE_UNAVAILABLE : HTTP_OK,
                           &result, NULL,
                           &(dth_offer_t){.sign_in = dth_page_login_path(r, req, return_to)});
}
