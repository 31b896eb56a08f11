/* SPDX-License-Identifier: Apache-2.0 */
/* Our cookies: found in and taken out of the request, set in and cleared from the browser. */
#include "httpd/cookie.h"

#include "core/bytes.h"
#include "httpd/caching.h"

#include <apr_strings.h>

#include <string.h>

/* Between the cookies of a header is a semicolon (RFC 6265, section 5.4); httpd puts a comma
 * between those of two headers. Neither is in a value of ours. */
#define BETWEEN ";,"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_between(char c)
{
    return c == ';' || c == ',' || is_blank(c);
}

typedef enum kind_t { OTHERS, SESSION, BIND, TICKET } kind_t;

static kind_t kind_of(const dth_cookies_t *names, dt_slice_t name)
{
    if (name.len == names->session_len && memcmp(name.data, names->session, name.len) == 0) {
        return SESSION;
    }
    if (name.len == names->bind_len && memcmp(name.data, names->bind, name.len) == 0) {
        return BIND;
    }
    return name.len > names->ticket_len && memcmp(name.data, names->ticket, names->ticket_len) == 0
               ? TICKET
               : OTHERS;
}

/* Of two that differ, one is not from us: another host of the domain, or somebody on the way, may
 * have set it where nothing is Secure. It would be their person to whom an account is bound. */
static void keep_bind(dth_req_t *req, dt_slice_t value)
{
    if (req->bind.data == NULL) {
        req->bind = value;
    }
    else if (!dt_slice_equal(req->bind, value)) {
        req->bind.len = 0;
    }
}

/* Keep the value if the cookie at name is one of ours; too many are still ours, just not looked at,
 * and so are those of the other scheme. A later session cookie has a shorter Path or is older; a
 * later ticket is newer. */
static bool keep(request_rec *r, dth_req_t *req, dt_slice_t name, dt_slice_t value)
{
    const dth_cookies_t *cookies = req->site->cookies;

    switch (kind_of(&cookies[req->secure], name)) {
    case SESSION:
        if (req->token_count < DTH_SESSION_COOKIES) {
            req->tokens[req->token_count++] = value;
        }
        return true;
    case BIND:
        keep_bind(req, value);
        return true;
    case TICKET:
        if (req->tickets == NULL) {
            req->tickets = apr_palloc(r->pool, DT_TICKETS_READ * sizeof(*req->tickets));
        }
        if (req->ticket_count < DT_TICKETS_READ) {
            req->tickets[req->ticket_count++] = value;
        }
        return true;
    default:
        return kind_of(&cookies[!req->secure], name) != OTHERS;
    }
}

/* The cookie at text, up to its separator: keep it if it is ours. */
static bool take_one(request_rec *r, dth_req_t *req, const char *text, apr_size_t len)
{
    const char *equals = memchr(text, '=', len);
    dt_slice_t name, value;

    while (len > 0 && is_blank(text[len - 1])) {
        len--;
    }
    if (equals == NULL || equals >= text + len) {
        return false;
    }
    name = (dt_slice_t){text, (apr_size_t)(equals - text)};
    value = (dt_slice_t){equals + 1, len - name.len - 1};
    return keep(r, req, name, value);
}

/* What others have is copied as it came, in stretches between ours. */
void dth_cookie_take(request_rec *r, dth_req_t *req)
{
    const char *header = apr_table_get(r->headers_in, "Cookie"), *at = header, *rest = header;
    char *kept = NULL, *end = NULL;

    if (header == NULL) {
        return;
    }
    while (*at != '\0') {
        const char *start = at;
        apr_size_t len;

        while (is_between(*start)) {
            start++;
        }
        len = strcspn(start, BETWEEN);
        at = start + len;
        if (!take_one(r, req, start, len)) {
            continue;
        }
        if (start > rest) {
            if (kept == NULL) {
                kept = end = apr_palloc(r->pool, strlen(header) + 1);
            }
            memcpy(end, rest, (apr_size_t)(start - rest));
            end += start - rest;
        }
        rest = at + (*at != '\0'); /* its separator goes too */
        while (is_blank(*rest)) {
            rest++;
        }
    }
    if (rest == header) {
        return; /* none of them is ours */
    }
    if (kept == NULL && *rest == '\0') {
        apr_table_unset(r->headers_in, "Cookie");
        return;
    }
    if (kept == NULL) {
        apr_table_setn(r->headers_in, "Cookie", rest);
        return;
    }
    memcpy(end, rest, strlen(rest));
    end += strlen(rest);
    while (end > kept && is_between(end[-1])) {
        end--; /* what stood before the last one of ours */
    }
    *end = '\0';
    if (*kept == '\0') {
        apr_table_unset(r->headers_in, "Cookie");
        return;
    }
    apr_table_setn(r->headers_in, "Cookie", kept);
}

/* err_headers_out: these go out with errors, redirects and through internal redirects too. */
static void set(request_rec *r, const char *cookie)
{
    apr_table_addn(dth_request_initial(r)->err_headers_out, "Set-Cookie", cookie);
    dth_caching_note_cookie(r);
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

void dth_cookie_set_bind(request_rec *r, const dth_req_t *req, const char *token)
{
    const dth_cookies_t *names = &req->site->cookies[req->secure];
    apr_pool_t *pool = dth_request_initial(r)->pool;

    if (token == NULL) {
        set(r, apr_pstrcat(pool, names->bind, "=", names->ticket_as, CLEARED, NULL));
        return;
    }
    set(r, apr_psprintf(pool, "%s=%s%s; Max-Age=%" APR_TIME_T_FMT, names->bind, token,
                        names->ticket_as, apr_time_sec(req->site->login.ticket_lifetime)));
}
