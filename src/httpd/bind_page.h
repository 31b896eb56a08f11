/* SPDX-License-Identifier: Apache-2.0 */
/* What the bind page tells the person, as a page or as JSON for the page's script. */
#ifndef DTH_BIND_PAGE_H
#define DTH_BIND_PAGE_H

#include "core/bind_form.h"
#include "httpd/page.h"

/** What there is to tell. */
typedef struct dth_bind_view_t {
    dt_bind_ticket_t ticket;
    dt_bind_form_t form;     /* what was typed */
    dt_result_t result;      /* why it would not do; why is NULL for a page that was just opened */
    dt_bind_answer_t answer; /* what goes with the result */
    const char *error_id;
} dth_bind_view_t;

/** Whether the page with its forms is an answer to this result: there is something to mend. */
bool dth_bind_page_fits(const dt_result_t *result);

/** The page. */
int dth_bind_page(request_rec *r, const dth_req_t *req, const dth_bind_view_t *view);

/** Why it would not do, as JSON. status as for dth_page_result. */
int dth_bind_page_refusal(request_rec *r, const dth_req_t *req, int status,
                          const dth_bind_view_t *view);

/** JSON: a code was asked for. */
int dth_bind_page_sent(request_rec *r, const dth_req_t *req, const dt_bind_answer_t *answer);

/** JSON: go on to location. */
int dth_bind_page_go(request_rec *r, const dth_req_t *req, const char *location);

#endif
