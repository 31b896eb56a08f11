/* SPDX-License-Identifier: Apache-2.0 */
/* The Cookie header: ours are found and taken out, and those of others stay as they came. */
#include "httpd/cookie.h"

#include "httpd/caching.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ";,"
#define SPACES " \t"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const dth_site_t site = {.cookies = {{.session = "s",
                                             .ticket = "t-",
                                             .bind = "b",
                                             .session_len = 1,
                                             .ticket_len = 2,
                                             .bind_len = 1},
                                            {.session = "__Host-s",
                                             .ticket = "__Host-t-",
                                             .bind = "__Host-b",
                                             .session_len = 8,
                                             .ticket_len = 9,
                                             .bind_len = 8}}};

/* What a log line is written under, and whose cookies are set: here is neither, but a compiler that
 * keeps every function wants both. */
module AP_MODULE_DECLARE_DATA auth_dingtalk_module;

void dth_caching_note_cookie(request_rec *r)
{
    (void)r;
}

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The next piece of a header, without white space around it; empty ones are passed over. */
static bool next_piece(const char **cursor, dt_slice_t *piece)
{
    *cursor += strspn(*cursor, SEPARATORS SPACES);
    piece->data = *cursor;
    piece->len = strcspn(*cursor, SEPARATORS);
    *cursor += piece->len;
    while (piece->len > 0 && strchr(SPACES, piece->data[piece->len - 1])) {
        piece->len--;
    }
    return piece->len > 0;
}

/* What a piece is, told without the code under test. */
typedef enum kind_t { OTHER, SESSION, TICKET, BIND, UNREAD } kind_t;

static kind_t kind_among(const dth_cookies_t *names, dt_slice_t piece, dt_slice_t *value)
{
    const char *equals = memchr(piece.data, '=', piece.len);
    const apr_size_t len = equals ? (apr_size_t)(equals - piece.data) : 0;

    if (!equals) {
        return OTHER;
    }
    *value = (dt_slice_t){equals + 1, piece.len - len - 1};
    if (len == names->session_len && strncmp(piece.data, names->session, len) == 0) {
        return SESSION;
    }
    if (len == names->bind_len && strncmp(piece.data, names->bind, len) == 0) {
        return BIND;
    }
    return len > names->ticket_len && strncmp(piece.data, names->ticket, names->ticket_len) == 0
               ? TICKET
               : OTHER;
}

/* Those of the other scheme are ours, but say nothing here. */
static kind_t kind_of(int secure, dt_slice_t piece, dt_slice_t *value)
{
    const kind_t kind = kind_among(&site.cookies[secure], piece, value);

    if (kind != OTHER || kind_among(&site.cookies[!secure], piece, value) == OTHER) {
        return kind;
    }
    return UNREAD;
}

static bool same(dt_slice_t a, dt_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* What is left has all of the others' cookies in their order, and none of ours. */
static void check_rest(int secure, const char *header, const char *rest)
{
    dt_slice_t piece;
    dt_slice_t left;
    dt_slice_t value;

    while (next_piece(&header, &piece)) {
        if (kind_of(secure, piece, &value) == OTHER) {
            must(next_piece(&rest, &left) && same(piece, left));
        }
    }
    must(!next_piece(&rest, &left));
}

/* The first of each kind were kept, as they stand in the header; a bind ticket only if it is the
 * only one. */
static void check_found(int secure, const char *header, const dth_req_t *req)
{
    int sessions = 0;
    int tickets = 0;
    bool differ = false;
    dt_slice_t bind = {NULL, 0};
    dt_slice_t piece;
    dt_slice_t value;

    while (next_piece(&header, &piece)) {
        const kind_t kind = kind_of(secure, piece, &value);

        if (kind == SESSION && sessions < DTH_SESSION_COOKIES) {
            must(sessions < req->token_count && req->tokens[sessions].data == value.data &&
                 req->tokens[sessions].len == value.len);
            sessions++;
        }
        if (kind == TICKET && tickets < DT_TICKETS_READ) {
            must(tickets < req->ticket_count && req->tickets[tickets].data == value.data &&
                 req->tickets[tickets].len == value.len);
            tickets++;
        }
        if (kind == BIND && bind.data != NULL && !same(bind, value)) {
            differ = true;
        }
        if (kind == BIND && bind.data == NULL) {
            bind = value;
        }
    }
    must(sessions == req->token_count && tickets == req->ticket_count);
    must(differ ? req->bind.len == 0 : same(bind, req->bind));
}

static void check(apr_pool_t *pool, const char *header, int secure)
{
    request_rec r = {.pool = pool, .headers_in = apr_table_make(pool, 1)};
    dth_req_t req = {.site = &site, .secure = secure};
    const char *rest;

    apr_table_setn(r.headers_in, "Cookie", header);
    dth_cookie_take(&r, &req);
    rest = apr_table_get(r.headers_in, "Cookie");
    must(!rest || strlen(rest) <= strlen(header));
    check_rest(secure, header, rest ? rest : "");
    check_found(secure, header, &req);

    /* Who looks again finds nothing more. */
    req = (dth_req_t){.site = &site, .secure = secure};
    dth_cookie_take(&r, &req);
    must(req.token_count == 0 && req.ticket_count == 0 && req.bind.len == 0);
    must(apr_table_get(r.headers_in, "Cookie") == rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *header;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    header = apr_pstrmemdup(pool, (const char *)data, size);
    check(pool, header, 0);
    check(pool, header, 1);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
