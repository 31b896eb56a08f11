/* SPDX-License-Identifier: Apache-2.0 */
/* The use case behind the bind page: a phone number, a code, and then as after any sign-in. */
#ifndef DT_CORE_BIND_FORM_H
#define DT_CORE_BIND_FORM_H

#include "core/bind_ticket.h"
#include "core/login.h"

/** What the page sent; NULL for what was not there. */
typedef struct dt_bind_form_t {
    const char *csrf;
    const char *country;
    const char *phone;
    const char *code;
} dt_bind_form_t;

/** What to tell the person beside the result. */
typedef struct dt_bind_answer_t {
    dt_slice_t ticket;            /* the new value of the browser's bind ticket; empty: leave it */
    bool forget;                  /* delete the browser's bind ticket: it is of no more use */
    int tries_left;               /* -1: does not apply */
    apr_interval_time_t retry_in; /* 0: does not apply */
    apr_interval_time_t resend_in;
    apr_interval_time_t expires_in;
} dt_bind_answer_t;

/**
 * The person behind the browser's bind ticket.
 * @return APR_SUCCESS; otherwise result is TICKET_GONE
 */
apr_status_t dt_bind_form_open(const dt_login_t *login, const dt_call_t *call, dt_slice_t token,
                               dt_bind_ticket_t *ticket, dt_result_t *result);

/** /bind/code: CSRF, or as dt_challenge_send. ticket->asked is set with CODE_SENT. */
apr_status_t dt_bind_form_code(const dt_login_t *login, const dt_call_t *call,
                               const dt_bind_form_t *form, dt_bind_ticket_t *ticket,
                               dt_bind_answer_t *answer, dt_result_t *result);

/**
 * /bind/verify: CSRF, or as dt_challenge_guess; then dt_bind_to and dt_admit. With SIGNED_IN
 * way->location and way->session say how it goes on. A refusal after the right code (the account
 * has another person, or is gone) is REFUSED or the reason itself; both are DT_DENIED.
 */
apr_status_t dt_bind_form_verify(const dt_login_t *login, const dt_call_t *call,
                                 const dt_bind_form_t *form, dt_bind_ticket_t *ticket,
                                 dt_way_t *way, dt_bind_answer_t *answer, dt_result_t *result);

#endif
