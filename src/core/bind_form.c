/* SPDX-License-Identifier: Apache-2.0 */
/* The use case behind the bind page: a phone number, a code, and then as after any sign-in. */
#include "core/bind_form.h"

static const char *text(const char *field)
{
    return field ? field : "";
}

static apr_interval_time_t until(apr_time_t end, apr_time_t now)
{
    return end > now ? end - now : 0;
}

static bool is_ours(const dt_call_t *call, const dt_bind_form_t *form,
                    const dt_bind_ticket_t *ticket, dt_result_t *result)
{
    if (dt_bind_ticket_is_csrf(call->pool, ticket, form->csrf)) {
        return true;
    }
    *result = dt_result(DT_WHY_CSRF, NULL);
    return false;
}

/*
 * Whether the person is still a member was asked when the ticket was issued, and is not asked
 * again: that is as old as a sign-in may be, and then the ticket is too old as well.
 */
apr_status_t dt_bind_form_open(const dt_login_t *login, const dt_call_t *call, dt_slice_t token,
                               dt_bind_ticket_t *ticket, dt_result_t *result)
{
    apr_status_t rv = dt_bind_ticket_open(login->keys, call, token, login->ticket_lifetime, ticket);

    if (rv != APR_SUCCESS) {
        *result = dt_result(DT_WHY_TICKET_GONE, NULL);
    }
    return rv;
}

apr_status_t dt_bind_form_code(const dt_login_t *login, const dt_call_t *call,
                               const dt_bind_form_t *form, dt_bind_ticket_t *ticket,
                               dt_bind_answer_t *answer, dt_result_t *result)
{
    dt_code_asked_t asked = {NULL};
    apr_status_t rv;

    *answer = (dt_bind_answer_t){.tries_left = -1};
    if (!is_ours(call, form, ticket, result)) {
        return APR_SUCCESS;
    }
    rv = dt_challenge_send(&login->codes, &login->bind, call, &ticket->person, form->country,
                           text(form->phone), &asked, &answer->retry_in, result);
    if (rv != APR_SUCCESS || result->what != DT_NOTICE) {
        return rv;
    }
    ticket->asked = asked;
    rv = dt_bind_ticket_seal(login->keys, call, ticket, &answer->ticket);
    if (rv != APR_SUCCESS) {
        *result = dt_result(DT_WHY_INTERNAL, "the bind ticket could not be made");
        return rv;
    }
    answer->resend_in = until(asked.resend_at, call->now);
    answer->expires_in = until(asked.expires_at, call->now);
    return APR_SUCCESS;
}

/* The right code was given: bound and in, or refused for good. */
static apr_status_t admit(const dt_login_t *login, const dt_call_t *call,
                          const dt_bind_ticket_t *ticket, const char *uid, dt_way_t *way,
                          dt_bind_answer_t *answer, dt_result_t *result)
{
    const dt_bind_t *bind = &login->bind;
    const dt_member_t *person = &ticket->person;
    dt_account_t account;
    apr_status_t rv = dt_bind_to(bind, call, person, uid, "code", &account, result);

    way->uid = uid;
    if (rv == APR_SUCCESS && result->what == DT_SIGNED_IN) {
        rv = dt_admit(&login->admit, bind, call, person, ticket->issued, &account, &way->session,
                      &way->dropped_attributes, &way->unaudited, result);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    answer->forget = true;
    if (result->what == DT_DENIED) {
        rv = dt_bind_audit(bind, call, "refused", person, uid, result->why->name);
        way->unaudited = rv != APR_SUCCESS; /* the refusal stands nevertheless */
    }
    return APR_SUCCESS;
}

apr_status_t dt_bind_form_verify(const dt_login_t *login, const dt_call_t *call,
                                 const dt_bind_form_t *form, dt_bind_ticket_t *ticket,
                                 dt_way_t *way, dt_bind_answer_t *answer, dt_result_t *result)
{
    const char *uid = NULL;
    apr_status_t rv;

    *answer = (dt_bind_answer_t){.tries_left = -1};
    *way = (dt_way_t){.location = ticket->return_to, .member = &ticket->person};
    if (!is_ours(call, form, ticket, result)) {
        return APR_SUCCESS;
    }
    rv = dt_challenge_guess(&login->codes, &login->bind, call, &ticket->person, ticket->asked.id,
                            text(form->code), &uid, &answer->tries_left, result);
    if (rv != APR_SUCCESS || result->what != DT_SIGNED_IN) {
        return rv;
    }
    answer->tries_left = -1;
    return admit(login, call, ticket, uid, way, answer, result);
}
