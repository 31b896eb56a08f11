/* SPDX-License-Identifier: Apache-2.0 */
/* The bind endpoints: a person says which account is theirs, by its phone. */
#include "httpd/endpoint.h"

#include "core/accept.h"
#include "core/bytes.h"
#include "core/url.h"
#include "httpd/bind_page.h"
#include "httpd/cookie.h"
#include "httpd/form.h"
#include "httpd/revoked.h"

#include <apr_strings.h>

#include <string.h>

const char *dth_ep_bind_path(request_rec *r, const dth_req_t *req)
{
    return apr_pstrcat(r->pool, req->site->path, "/bind", NULL);
}

/* The page's script asks for JSON; a browser that sends a form asks for a page. */
static bool wants_json(const request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    dt_accepted_t accepted;
    int json = 0, html = 0;

    while (accept != NULL && dt_accept_next(&accept, &accepted)) {
        if (dt_slice_is(accepted.range, "application/json")) {
            json = accepted.weight;
        }
        if (dt_slice_is(accepted.range, "text/html")) {
            html = accepted.weight;
        }
    }
    return json > 0 && json >= html;
}

/* Whether another site sent the form. The token in it says so too: this needs no token. Our own
 * page tells no referrer, so its origin is "null" (Fetch, section 3.2). */
static bool is_from_elsewhere(request_rec *r, const dth_req_t *req)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (site != NULL && strcmp(site, "cross-site") == 0) {
        return true;
    }
    return origin != NULL && strcmp(origin, "null") != 0 &&
           dt_url_on_origin(r->pool, origin, dth_request_url(r, req, "")) == NULL;
}

/* Whether the person's sessions have ended since DingTalk let them in: then this is none either. */
static bool is_revoked(const dth_req_t *req, const dt_bind_ticket_t *ticket)
{
    const dt_session_t session = {.began = ticket->issued,
                                  .user_id = dt_slice(ticket->person.user_id)};

    return dth_revoked_is_dead(req->site, &session);
}

/* Find the person behind the browser's bind ticket, or why there is none. */
static bool open_ticket(request_rec *r, dth_req_t *req, dt_bind_ticket_t *ticket,
                        dt_result_t *result)
{
    dt_call_t call = dth_request_call(r, req);

    if (req->bind.len == 0) {
        *result = dt_result(DT_WHY_TICKET_GONE, NULL);
        return false;
    }
    if (dt_bind_form_open(&req->site->login, &call, req->bind, ticket, result) != APR_SUCCESS) {
        return false;
    }
    if (is_revoked(req, ticket)) {
        *result = dt_result(DT_WHY_TICKET_GONE, NULL);
        return false;
    }
    return true;
}

bool dth_ep_bind_is_open(request_rec *r, dth_req_t *req)
{
    dt_bind_ticket_t ticket;
    dt_result_t result;

    return open_ticket(r, req, &ticket, &result);
}

static int go_on(request_rec *r, const dth_req_t *req, const char *location)
{
    return wants_json(r) ? dth_bind_page_go(r, req, location)
                         : dth_page_redirect(r, req, HTTP_SEE_OTHER, location);
}

/* Say why not: in the page while the person can mend it there, else on a page of its own.
 * status as for dth_page_result; member is NULL when there is no ticket. */
static int fail(request_rec *r, const dth_req_t *req, int status, dth_bind_view_t *view,
                const dt_member_t *member)
{
    const dt_result_t *result = &view->result;
    const char *return_to = member != NULL ? view->ticket.return_to : "/";
    dth_offer_t offer = {.sign_in = dth_page_login_path(r, req, return_to)};

    if (view->answer.retry_in > 0) {
        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_ltoa(r->pool, (long)apr_time_sec(view->answer.retry_in) + 1));
    }
    if (wants_json(r)) {
        view->error_id = dth_page_report(r, result, member);
        return dth_bind_page_refusal(r, req, status, view);
    }
    if (member != NULL && dth_bind_page_fits(result)) {
        view->error_id = dth_page_report(r, result, member);
        return dth_bind_page(r, req, view);
    }
    if (member != NULL && !view->answer.forget) { /* the ticket is still good for another try */
        offer = (dth_offer_t){.go_on = dth_ep_bind_path(r, req)};
    }
    return dth_page_result(r, req, status, result, member, &offer);
}

/* No ticket: whoever is signed in has no use for the page, as after a form that was sent twice. */
static int answer_stranger(request_rec *r, dth_req_t *req, dth_bind_view_t *view)
{
    if (req->bind.len > 0) {
        dth_cookie_set_bind(r, req, NULL);
    }
    if (dth_request_session(r, req) == DTH_LIVE) {
        return go_on(r, req, "/");
    }
    return fail(r, req, 0, view, NULL);
}

int dth_ep_bind(request_rec *r, dth_req_t *req)
{
    dth_bind_view_t view = {.answer.tries_left = -1};

    if (!open_ticket(r, req, &view.ticket, &view.result)) {
        return answer_stranger(r, req, &view);
    }
    view.result = (dt_result_t){.why = NULL};
    return dth_bind_page(r, req, &view);
}

/* The token counts however malformed the fields beside it are: those are then not there. */
static void read_fields(apr_pool_t *pool, dt_slice_t body, dt_bind_form_t *form)
{
    dt_field_t token[] = {{"csrf", NULL}, {NULL, NULL}};
    dt_field_t typed[] = {{"country", NULL}, {"phone", NULL}, {"code", NULL}, {NULL, NULL}};

    dt_url_fields(pool, body, token);
    dt_url_fields(pool, body, typed);
    *form = (dt_bind_form_t){.csrf = token[0].value,
                             .country = typed[0].value,
                             .phone = typed[1].value,
                             .code = typed[2].value};
}

/* The ticket and the form, before anything is done with them. OK, or the answer was given: then
 * what the endpoint returns. */
static int read_visit(request_rec *r, dth_req_t *req, dth_bind_view_t *view)
{
    dt_slice_t body;
    int status;

    *view = (dth_bind_view_t){.answer.tries_left = -1};
    if (is_from_elsewhere(r, req)) {
        view->result = dt_result(DT_WHY_CSRF, "another origin");
        return fail(r, req, 0, view, NULL);
    }
    if (!open_ticket(r, req, &view->ticket, &view->result)) {
        return answer_stranger(r, req, view);
    }
    status = dth_form_read(r, &body);
    if (status == AP_FILTER_ERROR) {
        return status;
    }
    if (status != OK) {
        view->result = dt_result(DT_WHY_METHOD, "form");
        return fail(r, req, status, view, &view->ticket.person);
    }
    read_fields(r->pool, body, &view->form);
    return OK;
}

static void keep_ticket(request_rec *r, const dth_req_t *req, const dt_bind_answer_t *answer)
{
    if (answer->forget) {
        dth_cookie_set_bind(r, req, NULL);
    }
    else if (answer->ticket.len > 0) {
        dth_cookie_set_bind(r, req, answer->ticket.data);
    }
}

int dth_ep_bind_code(request_rec *r, dth_req_t *req)
{
    dt_call_t call = dth_request_call(r, req);
    dth_bind_view_t view;
    int status = read_visit(r, req, &view), place;

    if (status != OK) {
        return status;
    }
    if (dth_ep_enter(req, &place, &view.result)) {
        dt_bind_form_code(&req->site->login, &call, &view.form, &view.ticket, &view.answer,
                          &view.result);
        dth_ep_leave(req, place);
        keep_ticket(r, req, &view.answer);
    }
    if (view.result.what != DT_NOTICE) {
        return fail(r, req, 0, &view, &view.ticket.person);
    }
    return wants_json(r) ? dth_bind_page_sent(r, req, &view.answer)
                         : dth_page_redirect(r, req, HTTP_SEE_OTHER, dth_ep_bind_path(r, req));
}

int dth_ep_bind_verify(request_rec *r, dth_req_t *req)
{
    dt_call_t call = dth_request_call(r, req);
    dt_way_t way = {.location = "/"};
    dth_bind_view_t view;
    int status = read_visit(r, req, &view), place;

    if (status != OK) {
        return status;
    }
    if (dth_ep_enter(req, &place, &view.result)) {
        dt_bind_form_verify(&req->site->login, &call, &view.form, &view.ticket, &way, &view.answer,
                            &view.result);
        dth_ep_leave(req, place);
        keep_ticket(r, req, &view.answer);
    }
    dth_ep_ended(r, req, &way, &view.result);
    if (view.result.what != DT_SIGNED_IN) {
        return fail(r, req, 0, &view, &view.ticket.person);
    }
    dth_ep_admit(r, req, &way);
    return go_on(r, req, way.location);
}
