/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a person who looks at a page from a program, by what the request says of itself. */
#include "core/visitor.h"

#include "core/accept.h"
#include "core/bytes.h"

#include <apr_lib.h>
#include <string.h>

/* Whether text holds part, which is written in lower case. */
static bool has(const char *text, const char *part)
{
    for (; text && *text; text++) {
        apr_size_t i = 0;
        while (part[i] && apr_tolower(text[i]) == part[i]) {
            i++;
        }
        if (!part[i]) {
            return true;
        }
    }
    return false;
}

static bool one_of(const char *text, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

/* These say what they are, whatever else the request says. */
static bool avowed_program(const dt_visitor_t *visitor)
{
    static const char *const methods[] = {"OPTIONS", "CONNECT", "TRACE", NULL};

    return !visitor->method || one_of(visitor->method, methods) ||
           dt_slice_is(dt_slice(visitor->requested_with), "XMLHttpRequest") ||
           has(visitor->user_agent, "dingtalk-linkservice") || has(visitor->purpose, "prefetch") ||
           has(visitor->purpose, "prerender") || has(visitor->purpose, "preview");
}

static bool accepts_a_page(const char *accept)
{
    dt_accepted_t accepted;

    while (accept && dt_accept_next(&accept, &accepted)) {
        if (accepted.weight > 0 && (dt_slice_is(accepted.range, "text/html") ||
                                    dt_slice_is(accepted.range, "application/xhtml+xml"))) {
            return true;
        }
    }
    return false;
}

/* Where the answer is shown, before the method is considered. */
static dt_visit_t shown(const dt_visitor_t *visitor)
{
    static const char *const frames[] = {"iframe", "frame", "embed", "object", "fencedframe", NULL};

    if (visitor->fetch_mode && strcmp(visitor->fetch_mode, "navigate") != 0) {
        return DT_VISIT_PROGRAM;
    }
    if (visitor->fetch_dest) {
        if (strcmp(visitor->fetch_dest, "document") == 0) {
            return DT_VISIT_NAVIGATION;
        }
        return visitor->fetch_mode && one_of(visitor->fetch_dest, frames) ? DT_VISIT_PAGE
                                                                          : DT_VISIT_PROGRAM;
    }
    if (visitor->fetch_mode || accepts_a_page(visitor->accept)) {
        return DT_VISIT_NAVIGATION;
    }
    return DT_VISIT_PROGRAM;
}

dt_visit_t dt_visit(const dt_visitor_t *visitor)
{
    static const char *const redirectable[] = {"GET", "HEAD", NULL};
    dt_visit_t visit;

    if (avowed_program(visitor)) {
        return DT_VISIT_PROGRAM;
    }
    visit = shown(visitor);
    if (visit == DT_VISIT_NAVIGATION && !one_of(visitor->method, redirectable)) {
        return DT_VISIT_PAGE;
    }
    return visit;
}
