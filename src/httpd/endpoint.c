/* SPDX-License-Identifier: Apache-2.0 */
/* The module's own pages: which there are, and how they answer in front of everything else. */
#include "httpd/endpoint.h"

#include "core/bytes.h"
#include "core/url.h"
#include "httpd/page.h"

#include <apr_strings.h>
#include <http_core.h>

#include <string.h>

/* r->handler of a claimed request, until the type checkers have their say. */
static const char handler[] = "dingtalk-endpoint";

static int answer_not_found(request_rec *r, dth_req_t *req)
{
    dt_result_t result = dt_result(DT_WHY_NOT_FOUND, NULL);

    return dth_page_result(r, req, HTTP_NOT_FOUND, &result, NULL, &(dth_offer_t){.go_on = "/"});
}

static bool sends_codes(const dth_site_t *site)
{
    return site->login.codes.sender != NULL;
}

static bool has_events(const dth_site_t *site)
{
    return site->events != NULL;
}

static const dth_endpoint_t endpoints[] = {
    {"/login", "GET, HEAD", dth_ep_login},
    {"/callback", "GET", dth_ep_callback},
    {"/logout", "GET, POST", dth_ep_logout},
    {"/session", "GET, HEAD", dth_ep_session},
    {"/bind", "GET, HEAD", dth_ep_bind, sends_codes},
    {"/bind/code", "POST", dth_ep_bind_code, sends_codes},
    {"/bind/verify", "POST", dth_ep_bind_verify, sends_codes},
    {"/event", "POST", dth_ep_event, has_events},
};

static const dth_endpoint_t not_found = {.answer = answer_not_found};

/* What is behind the site's path in an address, or NULL when the address is not ours. */
static const char *behind_path(const dth_site_t *site, const char *uri)
{
    const char *path = site->path;

    while (*path != '\0' && *uri == *path) { /* mostly over at the second letter */
        uri++;
        path++;
    }
    return *path == '\0' && (*uri == '\0' || *uri == '/') ? uri : NULL;
}

static const dth_endpoint_t *find(const dth_site_t *site, const char *name)
{
    for (apr_size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
        if (strcmp(name, endpoints[i].name) == 0 &&
            (endpoints[i].is_there == NULL || endpoints[i].is_there(site))) {
            return &endpoints[i];
        }
    }
    return &not_found;
}

/* A function of its own, as answer below: most requests are not ours, and have nothing set up. */
__attribute__((noinline)) static int claim(request_rec *r, dth_req_t *req, const char *name)
{
    req->endpoint = find(req->site, name);
    req->endpoint_of = r;
    r->handler = handler;
    r->filename = apr_pstrdup(r->pool, r->uri); /* some modules look at it without asking */
    return OK;
}

int dth_endpoint_claim(request_rec *r)
{
    dth_req_t *req = dth_request(r);
    const char *name;

    if (req == NULL || r->uri == NULL || r->proxyreq == PROXYREQ_PROXY) {
        return DECLINED;
    }
    name = behind_path(req->site, r->uri);
    return name == NULL ? DECLINED : claim(r, req, name);
}

int dth_endpoint_not_in_storage(request_rec *r)
{
    return r->handler == handler ? OK : DECLINED;
}

int dth_endpoint_allow(request_rec *r)
{
    return r->handler == handler ? OK : DECLINED;
}

/* "GET, POST" has the method GET, but not the method POS. */
static bool allows(const char *allow, const char *method)
{
    const char *at = strstr(allow, method);
    apr_size_t len = strlen(method);

    return at != NULL && (at == allow || at[-1] == ' ') && (at[len] == '\0' || at[len] == ',');
}

__attribute__((noinline)) static int answer(request_rec *r, dth_req_t *req)
{
    const dth_endpoint_t *endpoint = req->endpoint;

    if (endpoint->allow != NULL && !allows(endpoint->allow, r->header_only ? "HEAD" : r->method)) {
        dt_result_t result = dt_result(DT_WHY_METHOD, NULL);

        apr_table_setn(r->err_headers_out, "Allow", endpoint->allow);
        return dth_page_result(r, req, HTTP_METHOD_NOT_ALLOWED, &result, NULL,
                               &(dth_offer_t){.go_on = "/"});
    }
    return endpoint->answer(r, req);
}

/* Not by r->handler: SetHandler and AddHandler may have changed it. */
int dth_endpoint_answer(request_rec *r)
{
    dth_req_t *req = dth_request(r);

    return req != NULL && req->endpoint_of == r ? answer(r, req) : DECLINED;
}

const char *dth_endpoint_return(request_rec *r)
{
    dt_field_t fields[] = {{"return", NULL}, {NULL, NULL}};

    if (r->args == NULL || dt_url_fields(r->pool, dt_slice(r->args), fields) != APR_SUCCESS) {
        return r->args == NULL ? NULL : "/";
    }
    return fields[0].value == NULL ? NULL : dt_url_return(r->pool, dt_slice(fields[0].value));
}
