/* SPDX-License-Identifier: Apache-2.0 */
/* How the application learns who it is: variables and headers, and nobody else's. */
#include "httpd/export.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define AUTH_TYPE "DingTalk"

/* True when name begins with prefix, letters in any case and any sign for a dash. */
static bool begins_like(const char *name, const char *prefix)
{
    for (; *prefix != '\0'; name++, prefix++) {
        if (*prefix == '-' ? *name == '\0' || apr_isalnum(*name) : apr_tolower(*name) != *prefix) {
            return false;
        }
    }
    return true;
}

static bool is_ours(const char *name)
{
    static const char remote_user[] = "x-remote-user";

    if (*name != 'x' && *name != 'X') { /* almost every header */
        return false;
    }
    return begins_like(name, "x-dingtalk-") ||
           (begins_like(name, remote_user) && name[sizeof(remote_user) - 1] == '\0');
}

void dth_export_scrub(request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    int i = 0;

    while (i < headers->nelts) {
        const char *name = APR_ARRAY_IDX(headers, i, apr_table_entry_t).key;

        if (is_ours(name)) {
            apr_table_unset(r->headers_in, name); /* moves the rest up: look here again */
        }
        else {
            i++;
        }
    }
}

/* One value as this directory wants its headers; NULL when it cannot be a header at all. */
static const char *encode(apr_pool_t *pool, int encoding, dt_slice_t value)
{
    switch (encoding) {
    case DTH_ENCODE_BASE64URL:
        return dt_base64url(pool, value).data;
    case DTH_ENCODE_RAW:
        for (apr_size_t i = 0; i < value.len; i++) {
            if (apr_iscntrl(value.data[i])) {
                return NULL;
            }
        }
        return value.data;
    default:
        return dt_percent_header(pool, value);
    }
}

/* What both ways of exporting need. */
typedef struct sink_t {
    request_rec *r;
    bool env;
    bool headers;
    int encoding;
} sink_t;

static void set_header(const sink_t *sink, const char *name, dt_slice_t value)
{
    const char *text = encode(sink->r->pool, sink->encoding, value);

    if (text != NULL) {
        apr_table_setn(sink->r->headers_in, name, text);
    }
}

/* name is "userid": DINGTALK_USERID and X-DingTalk-Userid. Values are C strings. */
static void put(const sink_t *sink, dt_slice_t name, dt_slice_t value)
{
    char *key;

    if (sink->env) {
        key = apr_pstrcat(sink->r->pool, "DINGTALK_", name.data, NULL);
        for (char *c = key; *c != '\0'; c++) {
            *c = (char)(apr_isalnum(*c) ? apr_toupper(*c) : '_');
        }
        apr_table_setn(sink->r->subprocess_env, key, value.data);
    }
    if (sink->headers) {
        bool first = true;

        key = apr_pstrcat(sink->r->pool, "X-DingTalk-", name.data, NULL);
        for (char *c = key + sizeof("X-DingTalk-") - 1; *c != '\0'; c++) {
            *c = (char)(!apr_isalnum(*c) ? '-' : first ? apr_toupper(*c) : *c);
            first = *c == '-';
        }
        set_header(sink, key, value);
    }
}

static void put_all(const sink_t *sink, const dt_session_t *session)
{
    dt_slice_t cursor = session->attributes;
    dt_attribute_t attribute;

    put(sink, DT_SLICE("corpid"), session->corp_id);
    put(sink, DT_SLICE("userid"), session->user_id);
    put(sink, DT_SLICE("unionid"), session->union_id);
    while (dt_attribute_next(&cursor, &attribute)) {
        put(sink, attribute.name, attribute.value);
    }
    if (sink->headers) {
        set_header(sink, "X-Remote-User", session->user);
    }
}

int dth_export_fixups(request_rec *r)
{
    dth_req_t *req = dth_request(r);
    sink_t sink = {.r = r};
    int way;

    if (req == NULL) {
        return DECLINED;
    }
    if (req->exported) { /* an earlier stage of this request set headers; here they may be unwanted */
        dth_export_scrub(r);
        req->exported = false;
    }
    if (r->user == NULL || *r->user == '\0' || r->ap_auth_type == NULL ||
        strcmp(r->ap_auth_type, AUTH_TYPE) != 0 || req->found != DTH_LIVE) {
        return DECLINED;
    }
    way = dth_choice(dth_dir_conf(r)->exported);
    sink.env = way == DTH_EXPORT_ENV || way == DTH_EXPORT_BOTH;
    sink.headers = way == DTH_EXPORT_HEADERS || way == DTH_EXPORT_BOTH;
    sink.encoding = dth_choice(dth_dir_conf(r)->header_encoding);
    if (sink.env || sink.headers) {
        put_all(&sink, &req->session);
    }
    req->exported = sink.headers;
    return OK;
}
