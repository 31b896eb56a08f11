/* SPDX-License-Identifier: Apache-2.0 */
/* The logout endpoint: this browser leaves. */
#include "httpd/endpoint.h"

#include "core/bytes.h"
#include "core/login.h"
#include "httpd/cookie.h"
#include "httpd/page.h"

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

int dth_ep_logout(request_rec *r, dth_req_t *req)
{
    const dt_store_t *store = req->site->login.admit.store;
    const char *return_to = dth_endpoint_return(r);
    dt_call_t call = dth_request_call(r, req);
    dt_tickets_t tickets;
    dt_result_t result;
    dt_way_t way;

    if (!is_wanted(r)) {
        result = dt_result(DT_WHY_CONFIRM_LOGOUT, NULL);
        return dth_page_result(
            r, req, 0, &result, NULL,
            &(dth_offer_t){
                .sign_out = apr_pstrcat(
                    r->pool, req->site->path, "/logout", return_to != NULL ? "?return=" : "",
                    return_to != NULL ? dt_percent(r->pool, dt_slice(return_to)) : "", NULL)});
    }
    for (int i = 0; i < req->token_count; i++) {
        apr_status_t rv = store->drop(store->plug.self, &call, req->tokens[i]);

        if (rv != APR_SUCCESS) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                          DTNO(0040) "a session could not be taken out of the store");
        }
    }
    dth_cookie_clear_session(r, req);
    dth_request_tickets(r, req, &tickets);
    dt_login_sign_out(&req->site->login, &call, &tickets, &way);
    dth_cookie_set_tickets(r, req, way.tickets);
    if (return_to != NULL) {
        return dth_page_redirect(r, req, HTTP_SEE_OTHER, return_to);
    }
    result = dt_result(DT_WHY_SIGNED_OUT, NULL);
    return dth_page_result(r, req, 0, &result, NULL,
                           &(dth_offer_t){.sign_in = dth_page_login_path(r, req, "/")});
}
