/* SPDX-License-Identifier: Apache-2.0 */
/* Our cookies: found in and taken out of the request, set in and cleared from the browser. */
#include "httpd/cookie.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* One name=value of a Cookie header. */
typedef struct pair_t {
    const char *start;
    dt_slice_t name;
    dt_slice_t value;
    const char *end; /* behind the pair, before its ';' */
} pair_t;

/* The next pair at *cursor, which moves behind its ';'. RFC 6265, section 5.4. */
static bool next_pair(const char **cursor, pair_t *pair)
{
    const char *at = *cursor, *equals, *end;

    while (*at == ' ' || *at == '\t' || *at == ';') {
        at++;
    }
    if (*at == '\0') {
        return false;
    }
    pair->start = at;
    end = strchr(at, ';');
    if (end == NULL) {
        end = at + strlen(at);
    }
    *cursor = *end == ';' ? end + 1 : end;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    pair->end = end;
    equals = memchr(at, '=', (apr_size_t)(end - at));
    if (equals == NULL) {
        equals = end;
    }
    pair->name = (dt_slice_t){at, (apr_size_t)(equals - at)};
    at = equals < end ? equals + 1 : end;
    pair->value = (dt_slice_t){at, (apr_size_t)(end - at)};
    return true;
}

/* Keep the value if the cookie is one of ours; too many are still ours, just not looked at. */
static bool keep(request_rec *r, dth_req_t *req, const pair_t *pair)
{
    const dth_cookies_t *names = &req->site->cookies[req->secure];

    if (pair->name.len == names->session_len &&
        memcmp(pair->name.data, names->session, names->session_len) == 0) {
        if (req->token_count < DTH_SESSION_COOKIES) {
            req->tokens[req->token_count++] = pair->value;
        }
        return true;
    }
    if (pair->name.len > names->ticket_len &&
        memcmp(pair->name.data, names->ticket, names->ticket_len) == 0) {
        if (req->tickets == NULL) {
            req->tickets = apr_palloc(r->pool, DT_TICKETS_READ * sizeof(*req->tickets));
        }
        if (req->ticket_count < DT_TICKETS_READ) {
            req->tickets[req->ticket_count++] = pair->value;
        }
        return true;
    }
    return false;
}

void dth_cookie_take(request_rec *r, dth_req_t *req)
{
    const char *header = apr_table_get(r->headers_in, "Cookie"), *cursor = header;
    const dth_cookies_t *names = &req->site->cookies[req->secure];
    char *rest = NULL, *end = NULL;
    pair_t pair;

    if (header == NULL || strstr(header, names->session) == NULL) {
        return; /* the ticket's name begins with the session's */
    }
    while (next_pair(&cursor, &pair)) {
        apr_size_t len = (apr_size_t)(pair.end - pair.start);

        if (keep(r, req, &pair)) {
            continue;
        }
        if (rest == NULL) { /* never longer than what came: "; " replaces at least ";" and is
                               only written between pairs, so reserve one more for each */
            rest = end = apr_palloc(r->pool, 2 * strlen(header) + 1);
        }
        else {
            *end++ = ';';
            *end++ = ' ';
        }
        memcpy(end, pair.start, len);
        end += len;
    }
    if (req->token_count == 0 && req->ticket_count == 0) {
        return;
    }
    if (rest == NULL) {
        apr_table_unset(r->headers_in, "Cookie");
        return;
    }
    *end = '\0';
    apr_table_setn(r->headers_in, "Cookie", rest);
}

/* err_headers_out: these go out with errors, redirects and through internal redirects too. */
static void set(request_rec *r, const char *cookie)
{
    apr_table_addn(dth_request_initial(r)->err_headers_out, "Set-Cookie", cookie);
}

void dth_cookie_set_session(request_rec *r, const dth_req_t *req, const char *token)
{
    const dth_cookies_t *names = &req->site->cookies[req->secure];

    set(r, apr_pstrcat(dth_request_initial(r)->pool, names->session, "=", token, names->session_as,
                       NULL));
}

#define CLEARED "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"

void dth_cookie_clear_session(request_rec *r, const dth_req_t *req)
{
    const dth_cookies_t *names = &req->site->cookies[req->secure];

    set(r, apr_pstrcat(dth_request_initial(r)->pool, names->session, "=", names->session_as,
                       CLEARED, NULL));
}

void dth_cookie_set_tickets(request_rec *r, const dth_req_t *req, const dt_ticket_cookie_t *changes)
{
    const dth_cookies_t *names = &req->site->cookies[req->secure];

    for (; changes->name != NULL; changes++) {
        set(r,
            apr_psprintf(dth_request_initial(r)->pool, "%s%s=%s%s%s", names->ticket, changes->name,
                         changes->value != NULL ? changes->value : "", names->ticket_as,
                         changes->value != NULL ? "; Max-Age=" APR_STRINGIFY(86400) : CLEARED));
    }
}
