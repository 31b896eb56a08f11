/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the module makes itself: pages, JSON and redirects, all with the same safe headers. */
#include "httpd/page.h"

#include "core/bytes.h"
#include "core/text.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#define ID_BYTES 6
#define NONCE_BYTES 16
#define RETRY_AFTER "30" /* seconds: longer than a hiccup, short enough to wait for */

/* len random bytes in hex, or NULL. */
static const char *make_random(apr_pool_t *pool, apr_size_t len)
{
    unsigned char random[NONCE_BYTES];

    return dt_random(random, len) == APR_SUCCESS ? dt_hex(pool, random, len) : NULL;
}

/* A number that stands on the page and in the log. */
static const char *make_id(apr_pool_t *pool)
{
    const char *id = make_random(pool, ID_BYTES);

    return id != NULL ? id : "unavailable";
}

/* Headers go where error answers and redirects keep them. own is what the page brings with it. */
static void set_headers(request_rec *r, const dth_req_t *req, const char *own)
{
    apr_table_t *headers = r->err_headers_out;
    const char *dest = apr_table_get(r->headers_in, "Sec-Fetch-Dest");
    /* Nobody frames our pages, but for the site itself that has just loaded one in a frame. */
    const char *framers = dest != NULL && strstr(dest, "frame") != NULL ? "'self'" : "'none'";

    apr_table_setn(headers, "Cache-Control", "no-store");
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
    apr_table_setn(headers, "Referrer-Policy", "no-referrer");
    apr_table_setn(headers, "Content-Security-Policy",
                   apr_pstrcat(r->pool,
                               "default-src 'none'; base-uri 'none'; "
                               "frame-ancestors ",
                               framers, "; form-action 'self' ", req->site->login_origin, own,
                               NULL));
}

static int send_answer(request_rec *r, const dth_req_t *req, int status, const char *type,
                       const char *body)
{
    apr_size_t len = strlen(body);

    r->status = status;
    r->status_line = NULL;
    if (r->prev == NULL && r->main == NULL) {
        ap_discard_request_body(r);
    }
    apr_table_unset(r->headers_in, "Range"); /* a part of our answer is of no use to anybody */
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)len);
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
    }
    if (req->endpoint_of != r) {
        /* Before the handler phase httpd has not asked for filters: "Header always" of mod_headers,
         * such as HSTS, is for this answer too. */
        ap_run_insert_error_filter(r);
    }
    ap_rwrite(body, (int)len, r);
    return DONE;
}

int dth_page_redirect(request_rec *r, const dth_req_t *req, int status, const char *location)
{
    set_headers(r, req, "");
    apr_table_setn(r->err_headers_out, "Location", location);
    return send_answer(r, req, status, "text/plain; charset=utf-8", "");
}

int dth_page_json(request_rec *r, const dth_req_t *req, int status, const char *json)
{
    set_headers(r, req, "");
    return send_answer(r, req, status, "application/json", json);
}

int dth_page_json_value(request_rec *r, const dth_req_t *req, int status, json_t *value)
{
    char *dump = json_dumps(value, JSON_COMPACT);
    const char *json = dump != NULL ? apr_pstrdup(r->pool, dump) : NULL;

    free(dump);
    json_decref(value);
    return json != NULL
               ? dth_page_json(r, req, status, json)
               : dth_page_json(r, req, HTTP_SERVICE_UNAVAILABLE, "{\"error\":\"unavailable\"}");
}

dt_language_t dth_page_language(request_rec *r)
{
    return dt_text_language(apr_table_get(r->headers_in, "Accept-Language"));
}

/* What a page may do beside being read: its style, and for the bind page its script. */
static const char *own_policy(apr_pool_t *pool, const dth_req_t *req, const char *page,
                              const char *nonce)
{
    const char *style = apr_pstrcat(pool, "; style-src 'nonce-", nonce, "'", NULL);

    return page != req->site->pages.bind ? style
                                         : apr_pstrcat(pool, style, "; script-src 'nonce-", nonce,
                                                       "'; connect-src 'self'", NULL);
}

int dth_page_html(request_rec *r, const dth_req_t *req, int status, const char *page,
                  const char *values[DTH_VALUES])
{
    dt_language_t language = dth_page_language(r);
    const char *nonce = make_random(r->pool, NONCE_BYTES), *html;

    values[DTH_VALUE_LANG] = dt_text_tag(language);
    values[DTH_VALUE_EN] = language == DT_EN ? "yes" : NULL;
    values[DTH_VALUE_ZH] = language == DT_ZH ? "yes" : NULL;
    values[DTH_VALUE_NONCE] = nonce;
    html = dt_text_page(r->pool, page, dth_value_names, values);
    set_headers(r, req, nonce != NULL ? own_policy(r->pool, req, page, nonce) : "");
    apr_table_setn(r->err_headers_out, "Content-Language", values[DTH_VALUE_LANG]);
    apr_table_mergen(r->err_headers_out, "Vary", "Accept-Language");
    /* Pages were checked when they were loaded. */
    return send_answer(r, req, status, "text/html; charset=utf-8",
                       html != NULL ? html : values[DTH_VALUE_TITLE]);
}

int dth_page_status(const dt_result_t *result)
{
    if (result->why == &dt_whys[DT_WHY_TOO_MANY] || result->why == &dt_whys[DT_WHY_WRONG_CODES]) {
        return HTTP_TOO_MANY_REQUESTS;
    }
    switch (result->what) {
    case DT_SIGNED_IN:
    case DT_NOTICE:
        return HTTP_OK;
    case DT_DENIED:
        return HTTP_FORBIDDEN;
    case DT_UNSURE:
        return HTTP_SERVICE_UNAVAILABLE;
    default:
        return HTTP_BAD_REQUEST;
    }
}

/* What no administrator can mend, such as a wrong address, is no warning; but httpd never leaves a
 * notice out, whatever LogLevel says, so that the id of every answer is in the log. */
static int level_of(const dt_result_t *result)
{
    if (result->what == DT_UNSURE) {
        return APLOG_ERR;
    }
    return result->what == DT_DENIED || result->why->admin != NULL ? APLOG_WARNING : APLOG_NOTICE;
}

static void log_result(request_rec *r, const char *id, const dt_result_t *result,
                       const dt_member_t *member)
{
    const char *who = member != NULL && member->user_id != NULL
                          ? apr_pstrcat(r->pool, ", userid ",
                                        dt_loggable(r->pool, dt_slice(member->user_id), 64), NULL)
                          : "";
    const char *detail =
        result->detail != NULL ? apr_pstrcat(r->pool, " (", result->detail, ")", NULL) : "";
    const char *admin =
        result->why->admin != NULL ? apr_pstrcat(r->pool, "; ", result->why->admin, NULL) : "";
    const char *name = result->why->name;

    switch (result->what) {
    case DT_DENIED:
        ap_log_rerror(APLOG_MARK, level_of(result), 0, r,
                      DTNO(0020) "sign-in refused: %s%s%s [error id %s]%s", name, detail, who, id,
                      admin);
        break;
    case DT_UNSURE:
        ap_log_rerror(APLOG_MARK, level_of(result), 0, r,
                      DTNO(0021) "could not find out who it is: %s%s%s [error id %s]%s", name,
                      detail, who, id, admin);
        break;
    case DT_NOTHING:
    case DT_AGAIN:
        ap_log_rerror(APLOG_MARK, level_of(result), 0, r,
                      DTNO(0022) "no way on from here: %s%s%s [error id %s]%s", name, detail, who,
                      id, admin);
        break;
    default:
        ap_log_rerror(APLOG_MARK, level_of(result), 0, r, DTNO(0023) "%s [error id %s]", name, id);
    }
}

const char *dth_page_id(request_rec *r)
{
    const char *id = make_id(r->pool);

    apr_table_setn(r->err_headers_out, "DingTalk-Error-Id", id);
    return id;
}

const char *dth_page_report(request_rec *r, const dt_result_t *result, const dt_member_t *member)
{
    const char *id = dth_page_id(r);

    log_result(r, id, result, member);
    return id;
}

int dth_page_part_unsure(request_rec *r, const dt_result_t *result)
{
    while (r->main != NULL) {
        r = r->main;
    }
    if (apr_table_get(r->err_headers_out, "Retry-After") == NULL) { /* once for all its parts */
        apr_table_setn(r->err_headers_out, "Retry-After", RETRY_AFTER);
        dth_page_report(r, result, NULL);
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

int dth_page_result(request_rec *r, const dth_req_t *req, int status, const dt_result_t *result,
                    const dt_member_t *member, const dth_offer_t *offer)
{
    const dt_words_t *words = &result->why->words[dth_page_language(r)];
    const char *id = dth_page_report(r, result, member);
    const char *values[DTH_VALUES] = {
        [DTH_VALUE_TITLE] = words->title,
        [DTH_VALUE_TEXT] = words->text,
        [DTH_VALUE_SIGN_IN] = offer->sign_in,
        [DTH_VALUE_GO_ON] = offer->go_on,
        [DTH_VALUE_SIGN_OUT] = offer->sign_out,
        [DTH_VALUE_RELOAD] = offer->reload,
        [DTH_VALUE_ERROR_ID] = result->what == DT_NOTICE ? NULL : id,
    };

    if (status == 0) {
        status = dth_page_status(result);
    }
    if (status == HTTP_UNAUTHORIZED) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate", "DingTalk");
    }
    return dth_page_html(r, req, status, req->site->pages.message, values);
}

const char *dth_page_login_path(request_rec *r, const dth_req_t *req, const char *return_to)
{
    return apr_pstrcat(r->pool, req->site->path,
                       "/login?return=", dt_percent(r->pool, dt_slice(return_to)), NULL);
}

const char *dth_page_return(request_rec *r, const dth_req_t *req, dt_visit_t visit)
{
    bool readable = r->method_number == M_GET; /* HEAD too */
    const char *origin = dth_request_url(r, req, "");
    const char *referer = apr_table_get(r->headers_in, "Referer"), *page = NULL;

    if (visit == DT_VISIT_PROGRAM || !readable) {
        page = referer == NULL ? NULL : dt_url_on_origin(r->pool, referer, origin);
    }
    if (page == NULL) { /* an endpoint of ours is nothing to come back to */
        page = (visit == DT_VISIT_PROGRAM && !readable) || req->endpoint_of == r
                   ? "/"
                   : dth_request_target(r);
    }
    return dt_url_return(r->pool, dt_slice(page));
}

int dth_page_login_required_json(request_rec *r, const dth_req_t *req, const char *first_member)
{
    const char *id = dth_page_id(r);
    const char *path = dth_page_login_path(r, req, dth_page_return(r, req, DT_VISIT_PROGRAM));
    const char *url = dth_request_url(r, req, path);

    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r,
                  DTNO(0024) "a program without a session was told to sign in [error id %s]", id);
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", "DingTalk");
    /* a plain origin, and percent-encoded behind it: nothing needs escaping in JSON */
    return dth_page_json(r, req, HTTP_UNAUTHORIZED,
                         apr_pstrcat(r->pool, "{", first_member, ",\"login_url\":\"", url, "\"}",
                                     NULL));
}
