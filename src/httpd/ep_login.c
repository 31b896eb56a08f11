/* SPDX-License-Identifier: Apache-2.0 */
/* The login and callback endpoints: a sign-in begins and ends here. */
#include "httpd/endpoint.h"

#include "core/bytes.h"
#include "core/login.h"
#include "core/url.h"
#include "core/visitor.h"
#include "httpd/authn.h"
#include "httpd/cookie.h"
#include "httpd/counters.h"
#include "httpd/lifecycle.h"
#include "httpd/page.h"
#include "httpd/watch.h"

#include <apr_strings.h>

#define WRONG_CODES 30 /* that DingTalk may refuse of one address in a minute */
#define NO_PLACE (-1)  /* where others wait */

int dth_ep_login(request_rec *r, dth_req_t *req)
{
    const char *return_to = dth_endpoint_return(r);

    if (return_to == NULL) {
        return_to = "/";
    }
    if (dth_request_session(r, req) == DTH_LIVE) {
        return dth_page_redirect(r, req, HTTP_SEE_OTHER, return_to);
    }
    /* Whoever comes to this address wants a page, unless the browser itself says otherwise. */
    if (dth_authn_visit(r, "text/html") == DT_VISIT_PROGRAM) {
        return dth_page_login_required_json(r, req, "\"error\":\"login_required\"");
    }
    return dth_authn_begin(r, req, return_to);
}

/* The callback's fields; NULL state when the query is not usable at all. */
static apr_status_t read_query(request_rec *r, dt_callback_t *query)
{
    dt_field_t fields[] = {
        {"state", NULL}, {"authCode", NULL}, {"code", NULL}, {"error", NULL}, {NULL, NULL}};
    apr_status_t rv = dt_url_fields(r->pool, dt_slice(r->args), fields);

    *query = (dt_callback_t){.state = fields[0].value,
                             .code = fields[1].value != NULL ? fields[1].value : fields[2].value,
                             .error = fields[3].value};
    return rv;
}

void dth_ep_admit(request_rec *r, const dth_req_t *req, const dt_way_t *way)
{
    const char *user_id = dt_loggable(r->pool, dt_slice(way->member->user_id), 64);
    const char *uid = way->uid == NULL ? NULL : dt_loggable(r->pool, dt_slice(way->uid), 64);

    dth_cookie_set_session(r, req, way->session.data);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, DTNO(0030) "signed in: userid %s%s%s", user_id,
                  uid != NULL ? ", account " : "", uid != NULL ? uid : "");
    if (way->dropped_attributes > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      DTNO(0031) "%d of DingTalkAttributes did not fit into the session of "
                                 "userid %s",
                      way->dropped_attributes, user_id);
    }
}

void dth_ep_ended(request_rec *r, const dth_req_t *req, const dt_way_t *way,
                  const dt_result_t *result)
{
    dth_count_end(req->site->counters, way, result);
    if (way->unaudited) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      DTNO(0033) "the audit in the database has no row of this");
    }
}

bool dth_ep_enter(const dth_req_t *req, int *place, dt_result_t *result)
{
    if (dt_turnstile_enter(req->site->turnstile, place)) {
        return true;
    }
    *result = dt_result(DT_WHY_CROWDED, "sign-ins in progress");
    return false;
}

int dth_ep_enter_anyway(dth_req_t *req)
{
    int place;

    if (dt_turnstile_enter(req->site->turnstile, &place)) {
        return place;
    }
    req->patience = 0;
    return NO_PLACE;
}

void dth_ep_leave(const dth_req_t *req, int place)
{
    if (place != NO_PLACE) {
        dt_turnstile_leave(req->site->turnstile, place);
    }
}

/* A page of the callback: a live session may go on, others may start again. */
static int refuse(request_rec *r, dth_req_t *req, const dt_result_t *result, const dt_way_t *way,
                  bool signed_in)
{
    dth_offer_t offer = {.sign_in = dth_page_login_path(r, req, way->location)};

    if (signed_in) {
        offer = (dth_offer_t){.go_on = way->location};
    }
    return dth_page_result(r, req, 0, result, way->member, &offer);
}

/* Nothing was asked, nothing is spent: later, the same address goes on. */
static int put_off(request_rec *r, dth_req_t *req, const dt_result_t *result)
{
    const dt_way_t way = {.location = "/"};

    dth_ep_ended(r, req, &way, result);
    return dth_page_result(r, req, 0, result, NULL, &(dth_offer_t){.go_on = dth_request_target(r)});
}

/*
 * Each wrong code costs a call, and DingTalk limits those of an app and bans addresses that send
 * too many: who guesses would keep everybody out. It is by the present time, not by the request's,
 * that they are counted: they decide how long their header takes.
 */
static bool is_guessing(request_rec *r, const dth_req_t *req, const char *who)
{
    apr_interval_time_t retry_in;

    if (who == NULL ||
        !dt_tally_is_over(req->site->wrong_codes, who, apr_time_now(), WRONG_CODES, &retry_in)) {
        return false;
    }
    apr_table_setn(r->err_headers_out, "Retry-After",
                   apr_ltoa(r->pool, (long)apr_time_sec(retry_in) + 1));
    return true;
}

static void note_guess(const dth_req_t *req, const char *who)
{
    if (who != NULL) {
        dt_tally_add(req->site->wrong_codes, who, apr_time_now());
    }
}

int dth_ep_callback(request_rec *r, dth_req_t *req)
{
    const char *path = apr_pstrcat(r->pool, req->site->path, "/callback", NULL);
    bool signed_in = dth_request_session(r, req) == DTH_LIVE;
    dt_call_t call = dth_request_call(r, req);
    const char *who = dt_limit_address(r->pool, call.address);
    dt_way_t way = {.location = "/"};
    dt_tickets_t tickets;
    dt_callback_t query;
    dt_result_t result;
    int place;

    if (read_query(r, &query) != APR_SUCCESS) {
        result = dt_result(DT_WHY_BAD_QUERY, NULL);
        return refuse(r, req, &result, &way, signed_in);
    }
    if (query.code != NULL && is_guessing(r, req, who)) {
        result = dt_result(DT_WHY_WRONG_CODES, NULL);
        return put_off(r, req, &result);
    }
    if (!dth_ep_enter(req, &place, &result)) {
        return put_off(r, req, &result);
    }
    call.turn = dth_lifecycle_turn();
    dth_request_tickets(r, req, &tickets);
    dt_login_finish(&req->site->login, &call, &tickets, dth_request_url(r, req, path), &query,
                    signed_in, &way, &result);
    if (way.code_refused) {
        note_guess(req, who);
    }
    dth_ep_leave(req, place);
    dth_cookie_set_tickets(r, req, way.tickets);
    dth_ep_ended(r, req, &way, &result);
    switch (result.what) {
    case DT_SIGNED_IN:
        if (way.session.len > 0) {
            dth_ep_admit(r, req, &way);
            dth_watch_signed_in(req->site, r, way.member);
        }
        return dth_page_redirect(r, req, HTTP_SEE_OTHER, way.location);
    case DT_BIND:
        dth_watch_signed_in(req->site, r, way.member); /* the bind page has a part only */
        dth_cookie_set_bind(r, req, way.bind_ticket.data);
        return dth_page_redirect(r, req, HTTP_SEE_OTHER, dth_ep_bind_path(r, req));
    case DT_AGAIN:
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, DTNO(0032) "sign-in started again: %s",
                      result.why->name);
        return dth_page_redirect(r, req, HTTP_MOVED_TEMPORARILY, way.location);
    case DT_NOTHING:
        /* The callback that led to the bind page, once more: its ticket is used up. */
        if (!signed_in && dth_ep_bind_is_open(r, req)) {
            return dth_page_redirect(r, req, HTTP_SEE_OTHER, dth_ep_bind_path(r, req));
        }
        return refuse(r, req, &result, &way, signed_in);
    default:
        return refuse(r, req, &result, &way, signed_in);
    }
}
