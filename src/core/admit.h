/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: the session of a person, and of the account that is theirs. */
#ifndef DT_CORE_ADMIT_H
#define DT_CORE_ADMIT_H

#include "core/bind.h"
#include "core/session.h"

/** How one site opens sessions. Read-only; any thread. */
typedef struct dt_admit_t {
    const dt_store_t *store;
    dt_lifetimes_t lifetimes;
    const char *remote_user;       /* "account", a member attribute, "userid" or "unionid" */
    const char *const *attributes; /* of the member, or "account." and one of the account, up to
                                      NULL: these travel in the session */
} dt_admit_t;

/**
 * Open a session and write it down in the audit as "signed_in". Where there are accounts, an audit
 * that cannot be written is no session (DT_UNSURE): what is exact depends on the database. Where
 * there are none, *unaudited says so and the person comes in.
 * @param began   when the member record was read: the session dies with whatever ends those that
 *                began by then, although the person may have taken some time since
 * @param account NULL or empty when there are no accounts
 * @param token   of the new session; empty unless result is DT_SIGNED_IN
 * @param dropped how many attributes did not fit
 * @param result  SIGNED_IN; NO_USER_NAME (DT_DENIED); INTERNAL or UNAVAILABLE (DT_UNSURE)
 * @return APR_SUCCESS; an error exactly with DT_UNSURE
 */
apr_status_t dt_admit(const dt_admit_t *admit, const dt_bind_t *bind, const dt_call_t *call,
                      const dt_member_t *person, apr_time_t began, const dt_account_t *account,
                      dt_slice_t *token, int *dropped, bool *unaudited, dt_result_t *result);

/**
 * Bring a session's attributes, and its user where that is one of them, up to date with the member
 * record of its person. What is the account's stays as it was.
 * @param session its new texts live in pool; unchanged when the record is of another person
 */
void dt_admit_refresh(const dt_admit_t *admit, apr_pool_t *pool, const dt_member_t *person,
                      dt_session_t *session);

#endif
