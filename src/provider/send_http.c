/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for any other gateway: a request written by templates, judged by a condition. */
#include "core/bytes.h"
#include "core/digest.h"
#include "core/gateway.h"
#include "provider/send.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>
#include <string.h>

/* What templates know beside the message; time and signature are for headers only. */
enum { SECRET = DT_SEND_VALUES, TIME, SIGNATURE, VALUES };
static const char *const names[] = {DT_SEND_NAMES, "secret", NULL};
static const char *const header_names[] = {DT_SEND_NAMES, "secret", "time", "signature", NULL};

typedef struct header_t {
    const char *name;
    const dt_template_t *value;
} header_t;

typedef struct http_sender_t {
    dt_sender_t sender;
    const char *name;
    const char *secret;
    const dt_template_t *url;
    apr_array_header_t *headers; /* of header_t */
    const char *content_type;
    const dt_template_t *body; /* NULL: GET */
    dt_escape_t escape;        /* of the body */
    const dt_condition_t *ok;
    bool mainland_only;
    const dt_http_t *http;
} http_sender_t;

/* --- sending --- */

/* Over time and body, so that an old request cannot be sent again; NULL when OpenSSL refuses. */
static const char *sign(const http_sender_t *s, apr_pool_t *pool, const char *time, dt_slice_t body)
{
    const char *head = apr_pstrcat(pool, time, ".", NULL);

    return dt_hmac_sha256_hex(pool, dt_slice(s->secret),
                              dt_slice(apr_pstrcat(pool, head, body.data, NULL)));
}

/* NULL, or the directive that cannot be filled with these values. */
static const char *write_request(const http_sender_t *s, apr_pool_t *pool, apr_time_t now,
                                 const dt_message_t *message, dt_http_request_t *request)
{
    const char *values[VALUES] = {[SECRET] = s->secret};

    dt_send_values(message, values);
    *request = (dt_http_request_t){.method = s->body ? "POST" : "GET"};
    request->url = dt_template_fill(pool, s->url, DT_ESCAPE_URL, values);
    if (!request->url) {
        return "DingTalkSenderURL";
    }
    if (s->body) {
        request->body = dt_slice(dt_template_fill(pool, s->body, s->escape, values));
        if (!request->body.data) {
            return "DingTalkSenderBody";
        }
        dt_send_header(request, "Content-Type", s->content_type);
    }
    values[TIME] = apr_psprintf(pool, "%" APR_TIME_T_FMT, apr_time_sec(now));
    values[SIGNATURE] = sign(s, pool, values[TIME], request->body);
    for (int i = 0; values[SIGNATURE] && i < s->headers->nelts; i++) {
        const header_t *header = &APR_ARRAY_IDX(s->headers, i, header_t);
        const char *value = dt_template_fill(pool, header->value, DT_ESCAPE_HEADER, values);

        if (!value) {
            return "DingTalkSenderHeader";
        }
        dt_send_header(request, header->name, value);
    }
    return values[SIGNATURE] ? NULL : "DingTalkSenderHeader";
}

static dt_sent_t send_by_http(void *self, const dt_call_t *call, const dt_message_t *message,
                              const char **detail)
{
    const http_sender_t *s = self;
    dt_http_request_t request;
    dt_http_response_t response;
    const char *wrong;

    if (s->mainland_only && dt_send_where(message) != 0) {
        *detail = apr_pstrcat(call->pool, s->name,
                              ": is for mainland numbers only, for it has "
                              "%{national} without %{country}",
                              NULL);
        return DT_SENT_TROUBLE;
    }
    wrong = write_request(s, call->pool, call->now, message, &request);
    if (wrong) {
        *detail = apr_pstrcat(call->pool, s->name, ": ", wrong, " cannot be filled", NULL);
        return DT_SENT_ADMIN;
    }
    if (s->http->perform(s->http->plug.self, call, &request, &response) != APR_SUCCESS) {
        return dt_gateway_silent(call, s->name, &response, detail);
    }
    return dt_gateway_other(call, s->name, s->ok, &response, detail);
}

/* --- reading what is written --- */

static bool has_control(const char *text)
{
    while (*text && !apr_iscntrl(*text)) {
        text++;
    }
    return *text != '\0';
}

static const char *read_template(apr_pool_t *pconf, const char *directive, const char *text,
                                 const char *const *known, const dt_template_t **made)
{
    dt_template_t *parsed;
    const char *wrong = dt_template_parse(pconf, text, known, &parsed);

    *made = parsed;
    return wrong ? apr_pstrcat(pconf, directive, ": ", wrong, NULL) : NULL;
}

/* Whom we talk to is fixed: no value of a message stands in front of the path. */
static const char *read_url(apr_pool_t *pconf, const char *url, http_sender_t *s)
{
    const char *start = strstr(url, "://");
    const char *rest = start ? start + 3 + strcspn(start + 3, "/?#") : url;
    const char *origin = start ? apr_pstrmemdup(pconf, url, (apr_size_t)(rest - url)) : url;
    dt_send_base_t base;
    const char *wrong;

    if (strstr(origin, "%{")) {
        return "DingTalkSenderURL: must have no %{name} in front of the path";
    }
    wrong = dt_send_base(pconf, origin, &base);
    if (wrong) {
        return wrong;
    }
    for (const char *c = rest; *c; c++) {
        if (!apr_isgraph(*c) || *c == '#' || *c == '\\') {
            return "DingTalkSenderURL: must be plain ASCII without spaces, backslashes and a "
                   "fragment; anything else is written as %XX";
        }
    }
    return read_template(pconf, "DingTalkSenderURL", apr_pstrcat(pconf, base.origin, rest, NULL),
                         names, &s->url);
}

/* RFC 9110, section 5.6.2, without the specials that nobody uses. */
static bool is_header_name(const char *name)
{
    const char *c = name;

    while (apr_isalnum(*c) || *c == '-' || *c == '_') {
        c++;
    }
    return c != name && !*c;
}

/* Headers that the client writes by itself. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"Content-Type", "Content-Length", "Transfer-Encoding",
                                       "Host",         "Connection",     "Expect"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (dt_slice_is(dt_slice(name), ours[i])) {
            return true;
        }
    }
    return false;
}

static const char *read_headers(apr_pool_t *pconf, const dt_sender_pair_t *pairs, http_sender_t *s)
{
    s->headers = apr_array_make(pconf, 4, sizeof(header_t));
    for (; pairs && pairs->value; pairs++) {
        header_t header = {pairs->name, NULL};
        const char *wrong;

        if (!header.name || !is_header_name(header.name) || has_control(pairs->value)) {
            return "DingTalkSenderHeader: must be the name of a header and its value";
        }
        if (is_ours(header.name)) {
            return apr_psprintf(pconf,
                                "DingTalkSenderHeader: %s is written by the module; "
                                "Content-Type stands in DingTalkSenderBody",
                                header.name);
        }
        wrong =
            read_template(pconf, "DingTalkSenderHeader", pairs->value, header_names, &header.value);
        if (wrong) {
            return wrong;
        }
        APR_ARRAY_PUSH(s->headers, header_t) = header;
    }
    return s->headers->nelts < DT_HTTP_HEADERS ? NULL
                                               : "DingTalkSenderHeader: there are too many, at "
                                                 "most 15 are possible";
}

/* How values are escaped in a body of this type; false when we would not know. */
static bool escape_for(const char *content_type, dt_escape_t *escape)
{
    dt_slice_t type = {content_type, strcspn(content_type, "; ")};

    if (dt_slice_is(type, "application/json")) {
        *escape = DT_ESCAPE_JSON;
        return true;
    }
    if (dt_slice_is(type, "application/x-www-form-urlencoded")) {
        *escape = DT_ESCAPE_URL;
        return true;
    }
    *escape = DT_ESCAPE_NONE;
    return type.len > 5 && dt_slice_is((dt_slice_t){type.data, 5}, "text/");
}

static const char *read_body(apr_pool_t *pconf, const char *content_type, const char *body,
                             http_sender_t *s)
{
    if (!body) {
        return NULL;
    }
    if (!content_type || has_control(content_type) || !escape_for(content_type, &s->escape)) {
        return "DingTalkSenderBody: must have a content type whose escapes are known: "
               "application/json, application/x-www-form-urlencoded or text/…";
    }
    s->content_type = content_type;
    return read_template(pconf, "DingTalkSenderBody", body, names, &s->body);
}

static const char *read_ok(apr_pool_t *pconf, const char *text, http_sender_t *s)
{
    dt_condition_t *made;
    const char *wrong = dt_condition_parse(pconf, text ? text : "status=200-299", &made);

    s->ok = made;
    return wrong ? apr_pstrcat(pconf, "DingTalkSenderOK: ", wrong, NULL) : NULL;
}

/* --- what all of it says together --- */

/* Whether URL, body or any header has a place for this value. */
static bool uses(const http_sender_t *s, int index)
{
    bool used = dt_template_uses(s->url, index) || (s->body && dt_template_uses(s->body, index));

    for (int i = 0; !used && i < s->headers->nelts; i++) {
        used = dt_template_uses(APR_ARRAY_IDX(s->headers, i, header_t).value, index);
    }
    return used;
}

/* Fills everything once. The zero in front of the code shows a place that lacks its quotes. */
static const char *try_out(apr_pool_t *pconf, const http_sender_t *s)
{
    static const dt_message_t sample = {"+8613800138000", "86", "13800138000",
                                        "012345",         "5",  "0123456789abcdef"};
    dt_http_request_t request;
    const char *wrong = write_request(s, pconf, apr_time_from_sec(1), &sample, &request);
    json_t *json;

    if (wrong) {
        return apr_pstrcat(pconf, wrong,
                           ": cannot be filled: the secret or the text around a "
                           "value does not fit there",
                           NULL);
    }
    if (!s->body || s->escape != DT_ESCAPE_JSON) {
        return NULL;
    }
    json = json_loads(request.body.data, JSON_REJECT_DUPLICATES, NULL);
    json_decref(json);
    return json ? NULL
                : "DingTalkSenderBody: must be JSON once it is filled: %{code} stands between "
                  "quotes";
}

const char *dt_send_http_create(apr_pool_t *pconf, const dt_sender_config_t *config,
                                const dt_http_t *http, const dt_sender_t **sender)
{
    http_sender_t *s = apr_pcalloc(pconf, sizeof(*s));
    const dt_send_need_t url = {config->url, "DingTalkSenderURL: is missing; it is the gateway's "
                                             "address"};
    const char *wrong = dt_send_missing(&url, 1);

    *sender = &s->sender;
    s->sender = (dt_sender_t){{config->name, s, NULL}, send_by_http};
    s->name = config->name;
    s->secret = config->secret;
    s->http = http;
    wrong = wrong ? wrong : read_url(pconf, config->url, s);
    wrong = wrong ? wrong : read_headers(pconf, config->headers, s);
    wrong = wrong ? wrong : read_body(pconf, config->content_type, config->body, s);
    wrong = wrong ? wrong : read_ok(pconf, config->ok, s);
    if (wrong) {
        return wrong;
    }
    s->mainland_only = uses(s, DT_SEND_NATIONAL) && !uses(s, DT_SEND_PHONE) &&
                       !uses(s, DT_SEND_COUNTRY);
    if (http && (!config->secret || !*config->secret) && (uses(s, SECRET) || uses(s, SIGNATURE))) {
        return "DingTalkSenderSecret: is missing; %{secret} and %{signature} need it";
    }
    return try_out(pconf, s);
}
