/* SPDX-License-Identifier: Apache-2.0 */
/* The request line and the Host: what was asked for, and whose cookies these are.
 * The first byte says what follows: t the target of a request; h a host, a NUL and the cookies'
 * Domain. */
#include "core/bytes.h"
#include "core/url.h"
#include "httpd/cookie.h"
#include "httpd/export.h"
#include "httpd/lifecycle.h"
#include "httpd/revoked.h"
#include "httpd/watch.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

module AP_MODULE_DECLARE_DATA auth_dingtalk_module;

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* --- httpd, as far as it is asked --- */

const char *ap_get_server_name(request_rec *r)
{
    return r->server->server_hostname;
}

void ap_str_tolower(char *text)
{
    for (; *text; text++) {
        *text = (char)apr_tolower(*text);
    }
}

char *ap_construct_url(apr_pool_t *pool, const char *uri, request_rec *r)
{
    return apr_pstrcat(pool, "http://", ap_get_server_name(r), uri, NULL);
}

char *ap_construct_server(apr_pool_t *pool, const char *hostname, apr_port_t port,
                          const request_rec *r)
{
    return apr_pstrdup(pool, "configured.example");
}

apr_port_t ap_get_server_port(const request_rec *r)
{
    return 80;
}

const char *ap_run_http_scheme(const request_rec *r)
{
    return "http";
}

/* --- what else request.c calls, and not for this --- */

int ap_is_initial_req(request_rec *r)
{
    abort();
}

void ap_log_rerror_(const char *file, int line, int index, int level, apr_status_t status,
                    const request_rec *r, const char *format, ...)
{
    abort();
}

void dth_cookie_take(request_rec *r, dth_req_t *req)
{
    abort();
}

void dth_cookie_set_session(request_rec *r, const dth_req_t *req, const char *token)
{
    abort();
}

void dth_export_scrub(request_rec *r)
{
    abort();
}

bool dth_revoked_is_stale(const dth_site_t *site, const dt_session_t *session)
{
    abort();
}

bool dth_revoked_is_followed(const dth_site_t *site)
{
    abort();
}

void dth_watch_recheck(const dth_site_t *site, const dt_session_t *session)
{
    abort();
}

void dth_watch_stale(const dth_site_t *site, const dt_session_t *session)
{
    abort();
}

dt_scratch_t *dth_lifecycle_scratch(void)
{
    return NULL;
}

/* --- what was asked for --- */

/* The path and what is behind it, as the browser wrote them; and where somebody is sent back to is
 * on this origin, whatever that was. */
static void check_target(apr_pool_t *pool, char *uri)
{
    request_rec outer = {.pool = pool, .unparsed_uri = uri};
    request_rec inner = {.pool = pool, .unparsed_uri = apr_pstrdup(pool, "/inner"), .main = &outer};
    const char *target = dth_request_target(&inner);
    const char *address = strstr(uri, "://");
    const char *back;

    must(target[0] == '/');
    if (uri[0] == '/') {
        must(target == uri);
    }
    else {
        address = address ? address + 3 + strcspn(address + 3, "/?#") : "";
        must(strcmp(target, *address == '/' ? address : "/") == 0);
    }
    back = dt_url_return(pool, dt_slice(target));
    must(back[0] == '/' && back[1] != '/' && back[1] != '\\');
    must(dt_url_on_origin(pool, apr_pstrcat(pool, "https://a.example", back, NULL),
                          "https://a.example") != NULL);
}

/* --- whose cookies these are --- */

/* A host is in a domain when it is the domain, or has labels before it. */
static bool is_in(const char *host, const char *domain)
{
    bool is = strcmp(host, domain) == 0;

    for (const char *dot = strchr(host, '.'); dot && !is; dot = strchr(dot + 1, '.')) {
        is = dot > host && strcmp(dot + 1, domain) == 0;
    }
    return is;
}

/* Whatever somebody calls this server, an address of ours is an origin, with the path behind it. */
static void check_address(apr_pool_t *pool, const char *address)
{
    const apr_size_t len = strlen(address);
    dt_origin_t origin;

    must(len > 5 && strcmp(address + len - 5, "/path") == 0);
    must(dt_url_origin(pool, apr_pstrmemdup(pool, address, len - 5), &origin, NULL) == NULL);
}

static void check_host(apr_pool_t *pool, const char *host, const char *domain)
{
    server_rec server = {.server_hostname = apr_pstrdup(pool, host)};
    request_rec r = {.pool = pool, .server = &server};
    dth_site_t site = {.origin = {.text = NULL}};
    dth_req_t req = {.site = &site};
    char *lower = apr_pstrdup(pool, host);

    ap_str_tolower(lower);
    must(strcmp(dth_request_call(&r, &req).host, lower) == 0);
    if (*domain) {
        site.cookie_domain_host = apr_pstrcat(pool, ".", domain, NULL);
        must(strcmp(dth_request_call(&r, &req).host,
                    is_in(lower, domain) ? site.cookie_domain_host : lower) == 0);
    }
    /* httpd has put it in lower case already. */
    server.server_hostname = lower;
    r.hostname = lower;
    site.cookie_domain_host = NULL;
    must(dth_request_call(&r, &req).host == lower);
    check_address(pool, dth_request_url(&r, &req, "/path"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *text;

    if (size < 1) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data + 1, size - 1);
    if (data[0] != 'h') {
        check_target(pool, text);
    }
    else {
        check_host(pool, text, strlen(text) < size - 1 ? text + strlen(text) + 1 : "");
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
