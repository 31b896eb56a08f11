/* SPDX-License-Identifier: Apache-2.0 */
/* The use case: begin a sign-in, and finish it. */
#ifndef DT_CORE_LOGIN_H
#define DT_CORE_LOGIN_H

#include "core/admit.h"
#include "core/bind.h"
#include "core/challenge.h"
#include "core/client.h"
#include "core/ticket.h"

#define DT_BOUNCES_MAX 3 /* sign-ins within a minute that ended without a session */

/** One more parameter of DingTalk's page. */
typedef struct dt_login_param_t {
    const char *name;
    const char *value;
} dt_login_param_t;

/** How one site signs people in. Made once per configuration, read-only; any thread. */
typedef struct dt_login_t {
    dt_client_t client;
    const dt_keyring_t *keys;
    apr_interval_time_t ticket_lifetime;
    const dt_login_param_t *params; /* up to a NULL name */
    dt_admit_t admit;
    dt_bind_t bind;
    dt_codes_t codes; /* sender is NULL when no codes are sent */
} dt_login_t;

/** What the browser must be given. */
typedef struct dt_way_t {
    const char *location; /* where to go: DingTalk's page (DT_AGAIN, begin), or the return address
                              (DT_SIGNED_IN); for other results the return address, "/" if none */
    dt_slice_t session;   /* the new session's token; empty: leave the session cookie alone */
    dt_ticket_cookie_t tickets[DT_TICKET_SLOTS + 1]; /* up to a NULL name; one of a name */
    dt_slice_t bind_ticket;    /* with DT_BIND: the bind ticket's token; empty otherwise */
    const dt_member_t *member; /* who was asked about, for the log, as far as we came: union_id,
                                  then user_id, then the record; NULL when not even that */
    const char *uid;           /* the account, for the log; NULL when there is none */
    int dropped_attributes;    /* that did not fit into the session */
    bool unaudited;            /* the database took no row of the audit: the log must know */
    bool code_refused;         /* DingTalk said that the code is none, whatever the result became */
} dt_way_t;

/**
 * Begin a sign-in that comes back to return_to.
 * @param held      the browser's tickets
 * @param callback  the address to register with DingTalk
 * @param return_to from dt_url_return
 * @param result    DT_AGAIN when way->location is DingTalk's page; DT_NOTHING (loop) when this
 *                  browser has come back without a session too often; DT_UNSURE (internal)
 * @return APR_SUCCESS, or an error with DT_UNSURE
 */
apr_status_t dt_login_begin(const dt_login_t *login, const dt_call_t *call,
                            const dt_tickets_t *held, const char *callback, const char *return_to,
                            dt_way_t *way, dt_result_t *result);

/** What DingTalk sent back through the browser; NULL for what was not there. */
typedef struct dt_callback_t {
    const char *state;
    const char *code;
    const char *error;
} dt_callback_t;

/**
 * Finish a sign-in: state and ticket, code, person, member record, policy, account, session.
 * A callback that cannot be continued (used, too old, code spent) begins a new sign-in once, or
 * goes on to its return address when the browser is signed in already.
 * @param signed_in whether the browser has a live session
 * @param result    DT_SIGNED_IN: go to way->location, with way->session if it is not empty;
 *                  DT_BIND: go to the bind page, with way->bind_ticket; DT_AGAIN: go to DingTalk's
 *                  page; anything else: a page. What is DT_DENIED is audited as "refused"
 * @return APR_SUCCESS when we found out; an error exactly when result->what is DT_UNSURE
 */
apr_status_t dt_login_finish(const dt_login_t *login, const dt_call_t *call, dt_tickets_t *held,
                             const char *callback, const dt_callback_t *query, bool signed_in,
                             dt_way_t *way, dt_result_t *result);

/**
 * The person signs out: what was finished no longer counts as coming back without a session. The
 * tickets stay, so that the back button to an old callback still knows where it belongs.
 * @param way only its tickets are set
 */
void dt_login_sign_out(const dt_login_t *login, const dt_call_t *call, const dt_tickets_t *held,
                       dt_way_t *way);

#endif
