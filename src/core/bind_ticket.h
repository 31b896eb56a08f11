/* SPDX-License-Identifier: Apache-2.0 */
/* The bind ticket: a person who signed in at DingTalk and is still without an account, sealed. */
#ifndef DT_CORE_BIND_TICKET_H
#define DT_CORE_BIND_TICKET_H

#include "core/challenge.h"
#include "core/member.h"
#include "core/seal.h"

#include <apr_errno.h>

#define DT_BIND_CSRF 16 /* random bytes */
/** Bytes of a record: beside tickets and session its cookie stays within what httpd reads of a
 *  header. */
#define DT_BIND_TICKET_MAX 1200

typedef struct dt_bind_ticket_t {
    unsigned char csrf[DT_BIND_CSRF];
    apr_time_t issued; /* the end of the sign-in at DingTalk */
    const char *return_to;
    /* Ids, and of the record what the session and DingTalkCreate want: what does not fit is left
     * out, longest values first; active. */
    dt_member_t person;
    dt_code_asked_t asked; /* id is NULL before a code was asked for */
} dt_bind_ticket_t;

/** Begin one for a person. APR_EGENERAL when there is no randomness. */
apr_status_t dt_bind_ticket_new(const dt_call_t *call, const dt_member_t *person,
                                const char *return_to, dt_bind_ticket_t *ticket);

/** The form's csrf field: 22 characters of base64url. */
const char *dt_bind_ticket_csrf(apr_pool_t *pool, const dt_bind_ticket_t *ticket);

/** Whether the form's csrf field is the ticket's; constant time; NULL is not. */
bool dt_bind_ticket_is_csrf(apr_pool_t *pool, const dt_bind_ticket_t *ticket, const char *csrf);

/** Seal it into a cookie value, under DT_SEAL_BIND. As dt_ticket_seal. */
apr_status_t dt_bind_ticket_seal(const dt_keyring_t *keys, const dt_call_t *call,
                                 const dt_bind_ticket_t *ticket, dt_slice_t *token);

/**
 * Open a cookie value.
 * @param lifetime how long after issued it is good
 * @return APR_SUCCESS; APR_EACCES for anything that is no such ticket, or too old, or from the
 *         future; as dt_open otherwise
 */
apr_status_t dt_bind_ticket_open(const dt_keyring_t *keys, const dt_call_t *call, dt_slice_t token,
                                 apr_interval_time_t lifetime, dt_bind_ticket_t *ticket);

#endif
