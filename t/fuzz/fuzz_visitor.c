/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by what they say of themselves: only a page that a person looks at is redirected. */
#include "core/visitor.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The next line of the input; NULL, as for a header that is not there, when it is empty. */
static const char *next_line(char **cursor)
{
    char *line = *cursor;
    const size_t len = strcspn(line, "\n");

    *cursor += len + (line[len] == '\n');
    line[len] = '\0';
    return len > 0 ? line : NULL;
}

static bool is(const char *text, const char *other)
{
    return text && strcmp(text, other) == 0;
}

static void check_page(const dt_visitor_t *v, dt_visit_t visit)
{
    must(v->method && !is(v->method, "OPTIONS") && !is(v->method, "TRACE"));
    must(!v->requested_with || strcasecmp(v->requested_with, "XMLHttpRequest") != 0);
    must(!v->purpose || !strstr(v->purpose, "prefetch"));
    must(!v->fetch_mode || is(v->fetch_mode, "navigate"));
    must(v->fetch_mode || v->fetch_dest || v->accept);
    if (visit == DT_VISIT_NAVIGATION) {
        must(is(v->method, "GET") || is(v->method, "HEAD"));
        must(!v->fetch_dest || is(v->fetch_dest, "document"));
    }
}

/* One line each of method, Sec-Fetch-Mode, Sec-Fetch-Dest, Purpose, X-Requested-With, Accept and
 * User-Agent. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_visitor_t v;
    dt_visit_t visit;
    apr_pool_t *pool;
    char *cursor;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    cursor = apr_pstrmemdup(pool, (const char *)data, size);
    v.method = next_line(&cursor);
    v.fetch_mode = next_line(&cursor);
    v.fetch_dest = next_line(&cursor);
    v.purpose = next_line(&cursor);
    v.requested_with = next_line(&cursor);
    v.accept = next_line(&cursor);
    v.user_agent = next_line(&cursor);
    visit = dt_visit(&v);
    must(visit == DT_VISIT_NAVIGATION || visit == DT_VISIT_PAGE || visit == DT_VISIT_PROGRAM);
    if (visit != DT_VISIT_PROGRAM) {
        check_page(&v, visit);
        v.requested_with = "xmlhttprequest";
        must(dt_visit(&v) == DT_VISIT_PROGRAM);
        v.requested_with = NULL;
        v.user_agent = "x DingTalk-LinkService/1.0";
        must(dt_visit(&v) == DT_VISIT_PROGRAM);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
