/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: a person looking at a page, or a program. */
#ifndef DT_CORE_VISITOR_H
#define DT_CORE_VISITOR_H

#include "core/dt.h"

/** What a request says about itself; NULL where it says nothing. */
typedef struct dt_visitor_t {
    const char *method;
    const char *fetch_mode;     /* Sec-Fetch-Mode, Fetch Metadata Request Headers, section 2 */
    const char *fetch_dest;     /* Sec-Fetch-Dest */
    const char *purpose;        /* Sec-Purpose, else Purpose */
    const char *requested_with; /* X-Requested-With */
    const char *accept;
    const char *user_agent;
} dt_visitor_t;

typedef enum dt_visit_t {
    DT_VISIT_NAVIGATION, /* a GET or HEAD that shows its answer as the page: may be redirected */
    DT_VISIT_PAGE,       /* the answer is shown to a person, but cannot be redirected: another
                            method, or a page inside another page */
    DT_VISIT_PROGRAM     /* script, image, preflight, prefetch, robot: wants a status and JSON */
} dt_visit_t;

/**
 * Decide what kind of visit this is. Sec-Fetch headers, which a page's script cannot forge, are
 * believed before Accept; X-Requested-With, a prefetch and DingTalk's link-preview robot
 * ("DingTalk-LinkService") always mean a program.
 */
dt_visit_t dt_visit(const dt_visitor_t *visitor);

#endif
