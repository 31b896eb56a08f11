/* SPDX-License-Identifier: Apache-2.0 */
/* How the application learns who it is: variables and headers, and nobody else's. */
#include "httpd/export.h"

#include "core/bytes.h"
#include "core/header.h"
#include "httpd/authn.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_request.h>

#include <string.h>

static bool is_ours(const char *name)
{
    return (*name == 'x' || *name == 'X') && /* almost no other header */
           dt_header_is_ours(name);
}

static void scrub_connection(request_rec *r)
{
    const char *options = apr_table_get(r->headers_in, "Connection"), *kept;

    if (options == NULL) {
        return;
    }
    kept = dt_header_connection(r->pool, options);
    if (kept == NULL) {
        apr_table_unset(r->headers_in, "Connection");
    }
    else if (kept != options) {
        apr_table_setn(r->headers_in, "Connection", kept);
    }
}

/* The name of a header that only we may set; NULL when there is none. */
static const char *find_ours(const apr_table_t *headers)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    const apr_table_entry_t *header = (const apr_table_entry_t *)all->elts;

    for (const apr_table_entry_t *end = header + all->nelts; header < end; header++) {
        if (is_ours(header->key)) {
            return header->key;
        }
    }
    return NULL;
}

void dth_export_scrub(request_rec *r)
{
    const char *name;

    while ((name = find_ours(r->headers_in)) != NULL) {
        apr_table_unset(r->headers_in, name);
    }
    scrub_connection(r);
}

dth_export_name_t dth_export_name(apr_pool_t *p, const char *attribute)
{
    char *variable = apr_pstrcat(p, "DINGTALK_", attribute, NULL);
    char *header = apr_pstrcat(p, "X-DingTalk-", attribute, NULL);
    bool first = true;

    for (char *c = variable; *c != '\0'; c++) {
        *c = (char)(apr_isalnum(*c) ? apr_toupper(*c) : '_');
    }
    for (char *c = header + sizeof("X-DingTalk-") - 1; *c != '\0'; c++) {
        *c = (char)(!apr_isalnum(*c) ? '-' : first ? apr_toupper(*c) : *c);
        first = *c == '-';
    }
    return (dth_export_name_t){attribute, variable, header};
}

typedef void put_variable_t(apr_table_t *env, const char *name, const char *value);

/* What a directory asks for. */
typedef struct sink_t {
    request_rec *r;
    put_variable_t *put_variable; /* NULL: no variables */
    bool headers;
    int encoding;
} sink_t;

/* All our names begin with the same letters, which is as far as a table's index goes: to replace
 * costs a comparison with each of those before it. Where none can be there, they are added. */
static put_variable_t *variable_putter(const apr_table_t *env)
{
    const apr_array_header_t *variables = apr_table_elts(env);

    for (int i = 0; i < variables->nelts; i++) {
        if (apr_toupper(*APR_ARRAY_IDX(variables, i, apr_table_entry_t).key) == 'D') {
            return apr_table_setn;
        }
    }
    return apr_table_addn;
}

/* One value as this directory wants its headers; NULL when it cannot be a header at all. */
static const char *encode(apr_pool_t *pool, int encoding, const char *value)
{
    switch (encoding) {
    case DTH_ENCODE_BASE64URL:
        return dt_base64url(pool, dt_slice(value)).data;
    case DTH_ENCODE_RAW:
        for (const char *c = value; *c != '\0'; c++) {
            if (apr_iscntrl(*c)) {
                return NULL;
            }
        }
        return value;
    default:
        return dt_percent_header(pool, value);
    }
}

static void set_header(const sink_t *sink, const char *name, const char *value)
{
    const char *text = encode(sink->r->pool, sink->encoding, value);

    if (text != NULL) {
        apr_table_setn(sink->r->headers_in, name, text);
    }
}

/* Values live as long as the request. */
static void put(const sink_t *sink, const dth_export_name_t *name, const char *value)
{
    if (sink->put_variable != NULL) {
        sink->put_variable(sink->r->subprocess_env, name->variable, value);
    }
    if (sink->headers) {
        set_header(sink, name->header, value);
    }
}

/* The attributes of the session and those of the site come in the same order, unless
 * DingTalkAttributes has changed since the sign-in: what is no longer asked for is left out. */
static void put_attributes(const sink_t *sink, const dth_site_t *site, dt_slice_t attributes)
{
    const dth_export_name_t *next = site->exports;
    dt_attribute_t attribute;

    while (dt_attribute_next(&attributes, &attribute)) {
        const dth_export_name_t *name = next;

        if (name->attribute == NULL || strcmp(name->attribute, attribute.name.data) != 0) {
            for (name = site->exports; name->attribute != NULL; name++) {
                if (strcmp(name->attribute, attribute.name.data) == 0) {
                    break;
                }
            }
        }
        if (name->attribute != NULL) {
            put(sink, name, attribute.value.data);
            next = name + 1;
        }
    }
}

static void put_all(const sink_t *sink, const dth_req_t *req)
{
    static const dth_export_name_t corp_id = {"corpid", "DINGTALK_CORPID", "X-DingTalk-Corpid"};
    static const dth_export_name_t user_id = {"userid", "DINGTALK_USERID", "X-DingTalk-Userid"};
    static const dth_export_name_t union_id = {"unionid", "DINGTALK_UNIONID", "X-DingTalk-Unionid"};

    put(sink, &corp_id, req->site->app.corp_id);
    put(sink, &user_id, req->session.user_id.data);
    put(sink, &union_id, req->session.union_id.data);
    put_attributes(sink, req->site, req->session.attributes);
    if (sink->headers) {
        set_header(sink, "X-Remote-User", req->session.user.data);
    }
}

void dth_export(request_rec *r, dth_req_t *req)
{
    sink_t sink = {.r = r};
    int way;

    req->exported_to = r;
    /* What an earlier stage of this request was given may be unwanted here: a sub-request has a
     * copy of its parent's headers, a redirect has the very same. */
    if (req->exported == r->headers_in || !ap_is_initial_req(r)) {
        dth_export_scrub(r);
    }
    /* Whoever we let in has the session's own text for a user: nobody else's will do. */
    if (r->ap_auth_type != dth_auth_type || req->found != DTH_LIVE ||
        r->user != req->session.user.data) {
        return;
    }
    way = dth_choice(dth_dir_conf(r)->exported);
    if (way == DTH_EXPORT_ENV || way == DTH_EXPORT_BOTH) {
        sink.put_variable = variable_putter(r->subprocess_env);
    }
    sink.headers = way == DTH_EXPORT_HEADERS || way == DTH_EXPORT_BOTH;
    sink.encoding = dth_choice(dth_dir_conf(r)->header_encoding);
    if (sink.put_variable != NULL || sink.headers) {
        put_all(&sink, req);
    }
    if (sink.headers) {
        req->exported = r->headers_in;
    }
}

int dth_export_fixups(request_rec *r)
{
    dth_req_t *req = dth_request(r);

    if (req != NULL && req->exported_to != r) {
        dth_export(r, req);
    }
    return DECLINED;
}
