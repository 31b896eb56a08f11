/* SPDX-License-Identifier: Apache-2.0 */
/* The request as this module sees it: its site, its cookies, its session. */
#include "httpd/request.h"

#include "core/bytes.h"
#include "core/opened.h"
#include "core/url.h"
#include "httpd/cookie.h"
#include "httpd/counters.h"
#include "httpd/export.h"
#include "httpd/lifecycle.h"
#include "httpd/revoked.h"
#include "httpd/watch.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#define RENEWING apr_time_from_sec(1) /* waited for a database, at most */

/* Whether browsers come by https: DingTalkPublicURL knows, else httpd. */
static int is_secure(const request_rec *r, const dth_site_t *site)
{
    switch (dth_choice(site->conf->cookie_secure)) {
    case DTH_SECURE_ON:
        return 1;
    case DTH_SECURE_OFF:
        return 0;
    default:
        return site->origin.text != NULL ? site->origin.https
                                         : strcmp(ap_http_scheme(r), "https") == 0;
    }
}

int dth_request_begin(request_rec *r)
{
    const dth_site_t *site = dth_server_conf(r->server)->site;
    dth_req_t *req;

    /* A redirect of a request that httpd refused as it read it, to an error document, is the first
     * that we hear of that request. */
    if (site == NULL || dth_request(r) != NULL) {
        return DECLINED;
    }
    req = apr_pcalloc(r->pool, sizeof(*req));
    req->site = site;
    req->secure = is_secure(r, site);
    req->patience = site->patience;
    ap_set_module_config(dth_request_initial(r)->request_config, &auth_dingtalk_module, req);
    dth_cookie_take(r, req); /* first: where that leaves no Cookie, there is less to search */
    dth_export_scrub(r);
    return DECLINED;
}

/* In lower case; httpd has done that already for a name that came with the request. */
static const char *lower_host(request_rec *r)
{
    const char *host = ap_get_server_name(r);
    char *copy;

    if (host == r->hostname) {
        return host;
    }
    copy = apr_pstrdup(r->pool, host);
    ap_str_tolower(copy);
    return copy;
}

/* Whether cookies with this Domain go to host; domain begins with its dot. */
static bool is_in_domain(const char *host, const char *domain)
{
    apr_size_t len = strlen(host), domain_len = strlen(domain);

    return strcmp(host, domain + 1) == 0 ||
           (len > domain_len && strcmp(host + len - domain_len, domain) == 0);
}

/* The audience of cookies. A host that the cookies' Domain does not cover stands for itself. */
static const char *audience(request_rec *r, const dth_site_t *site)
{
    const char *host = site->origin.text != NULL ? site->origin.host : lower_host(r);
    const char *domain = site->cookie_domain_host;

    return domain != NULL && is_in_domain(host, domain) ? domain : host;
}

dt_call_t dth_request_call(request_rec *r, dth_req_t *req)
{
    return (dt_call_t){.pool = r->pool,
                       .now = r->request_time,
                       .host = audience(r, req->site),
                       .scratch = dth_lifecycle_scratch(),
                       .address = r->useragent_ip,
                       .glue = r,
                       .patience = &req->patience};
}

const char *dth_request_url(request_rec *r, const dth_req_t *req, const char *path)
{
    const char *origin = req->site->origin.text;
    dt_origin_t read;

    if (origin == NULL) {
        origin = ap_construct_url(r->pool, "", r);
        if (dt_url_origin(r->pool, origin, &read, NULL) != NULL) {
            /* "HttpProtocolOptions Unsafe" takes any text for a host, quotes and all: where that
             * is none, the configuration knows one. */
            const char *host =
                ap_construct_server(r->pool, r->server->server_hostname, ap_get_server_port(r), r);
            origin = apr_pstrcat(r->pool, ap_http_scheme(r), "://", host, NULL);
        }
    }
    return apr_pstrcat(r->pool, origin, path, NULL);
}

const char *dth_request_target(request_rec *r)
{
    const char *target = dth_request_initial(r)->unparsed_uri, *path;

    if (target == NULL) { /* httpd has refused it before it came so far */
        return "/";
    }
    if (target[0] == '/') {
        return target;
    }
    /* absolute-form, as a proxy would send it (RFC 9112, section 3.2.2) */
    path = strstr(target, "://");
    path = path == NULL ? NULL : strpbrk(path + 3, "/?#");
    return path != NULL && *path == '/' ? path : "/";
}

/* The store could not find out. When it has failed a moment ago (APR_EBUSY), it has said so. */
static void note_failure(request_rec *r, dth_req_t *req, apr_status_t rv)
{
    if (req->found != DTH_CANNOT_TELL) {
        dth_count(&req->site->counters->store_failures);
    }
    if (rv != APR_EBUSY) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, DTNO(0010) "the session store cannot be read");
    }
    req->found = DTH_CANNOT_TELL;
}

/* What this connection has opened. Streams of HTTP/2 share one among threads: they have none. */
static dt_opened_t *opened_by(conn_rec *c)
{
    dt_opened_t *opened;

    if (c->master != NULL) {
        return NULL;
    }
    opened = ap_get_module_config(c->conn_config, &auth_dingtalk_module);
    if (opened == NULL) {
        opened = dt_opened_create(c->pool);
        ap_set_module_config(c->conn_config, &auth_dingtalk_module, opened);
    }
    return opened;
}

static apr_status_t load_session(request_rec *initial, dth_req_t *req, dt_opened_t *opened,
                                 dt_slice_t token)
{
    dt_call_t call = dth_request_call(initial, req); /* in the pool where the session is kept */

    call.opened = opened;
    return dt_session_load(req->site->login.admit.store, &call, token, &req->session);
}

static dt_age_t age_of(const dth_req_t *req, apr_time_t now)
{
    const dt_age_t age = dt_session_age(&req->session, &req->site->login.admit.lifetimes, now);

    return age != DT_AGE_DEAD && dth_revoked_is_dead(req->site, &req->session) ? DT_AGE_DEAD : age;
}

/* Most requests of a connection have the session that the one before them had. */
static void look_for_session(request_rec *r, dth_req_t *req)
{
    request_rec *initial = dth_request_initial(r);
    dt_opened_t *opened = opened_by(r->connection);
    const dt_slice_t host = dt_slice(audience(initial, req->site));

    for (int i = 0; i < req->token_count; i++) {
        const dt_slice_t token = req->tokens[i];
        apr_status_t rv = APR_SUCCESS;
        dt_age_t age;

        if (!dt_session_recall(req->site->login.admit.store, opened, host, token, initial->pool,
                               &req->session)) {
            rv = load_session(initial, req, opened, token);
        }
        age = rv == APR_SUCCESS ? age_of(req, initial->request_time) : DT_AGE_DEAD;
        if (age != DT_AGE_DEAD) {
            req->found = DTH_LIVE;
            req->is_due = age == DT_AGE_DUE;
            req->token = token;
            break;
        }
        if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
            note_failure(r, req, rv);
        }
    }
}

dth_found_t dth_request_session(request_rec *r, dth_req_t *req)
{
    if (req->found == DTH_NOT_LOOKED) {
        req->found = DTH_NONE;
        if (req->token_count > 0) {
            look_for_session(r, req);
        }
    }
    return req->found;
}

/* Who is signed in does not wait for a database that is known not to answer, nor for long to find
 * that out. */
static apr_status_t load_member(const dth_site_t *site, const dt_call_t *call,
                                const dt_session_t *session, const char **record)
{
    const dt_memory_t *memory = site->login.bind.memory;
    apr_interval_time_t patience = RENEWING;
    dt_call_t brief = *call;

    if (!dth_revoked_is_followed(site)) {
        return APR_ECONNREFUSED;
    }
    brief.patience = &patience;
    return memory->load_member(memory->plug.self, &brief, site->app.corp_id, session->user_id.data,
                               record);
}

/* The member record may have changed since the session was last renewed: then somebody has left the
 * new one in the database. A session does not end because that does not answer. */
static void refresh(const dth_site_t *site, const dt_call_t *call, dt_session_t *session)
{
    const char *record = NULL;
    dt_member_t member;

    if (!dth_revoked_is_stale(site, session)) {
        return;
    }
    if (load_member(site, call, session, &record) != APR_SUCCESS) {
        dth_watch_stale(site, session);
    }
    else if (record != NULL && dt_member_read(call->pool, record, &member) == APR_SUCCESS) {
        dt_admit_refresh(&site->login.admit, call->pool, &member, session);
    }
}

static void renew(request_rec *r, dth_req_t *req)
{
    const dt_login_t *login = &req->site->login;
    const dt_call_t call = dth_request_call(dth_request_initial(r), req);
    dt_session_t session = req->session;
    dt_slice_t token;
    apr_status_t rv;

    if (dt_session_is_unchecked(&session, &login->admit.lifetimes, call.now)) {
        dth_watch_recheck(req->site, &session);
    }
    refresh(req->site, &call, &session);
    session.seen = call.now;
    rv = dt_session_save(login->admit.store, &call, &login->admit.lifetimes, req->token, &session,
                         &token);
    if (rv != APR_SUCCESS) { /* the old one is still good: nothing is lost but time */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r, DTNO(0011) "a session cannot be renewed");
        return;
    }
    req->session = session;
    if (!dt_slice_equal(token, req->token)) {
        dth_cookie_set_session(r, req, token.data);
    }
}

void dth_request_renew(request_rec *r, dth_req_t *req)
{
    if (req->is_due) {
        req->is_due = false;
        renew(r, req);
    }
}

void dth_request_tickets(request_rec *r, dth_req_t *req, dt_tickets_t *tickets)
{
    dt_call_t call = dth_request_call(r, req);

    dt_tickets_open(req->site->login.keys, &call, req->tickets, req->ticket_count, tickets);
}
