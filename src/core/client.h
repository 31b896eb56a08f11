/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's calls over the http port: from a callback's code to the member record. */
#ifndef DT_CORE_CLIENT_H
#define DT_CORE_CLIENT_H

#include "core/dt.h"
#include "core/ports.h"
#include "core/wire.h"

/** Counts what was asked of DingTalk. Any thread; never fails. */
typedef struct dt_meter_t {
    void *self;
    /**
     * One request has ended.
     * @param answered what the caller asked was told, or DingTalk's own "no"; false: it could not
     *                 be found out
     */
    void (*called)(void *self, dt_asked_t asked, bool answered, apr_interval_time_t took);
} dt_meter_t;

/** How one app talks to DingTalk. Read-only; any thread. */
typedef struct dt_client_t {
    const dt_app_t *app;
    const dt_http_t *http;
    const dt_tokens_t *tokens;
    const dt_meter_t *meter; /* or NULL */
} dt_client_t;

/**
 * Each call: APR_SUCCESS when DingTalk told us what we asked; otherwise result says why not, and
 * the status is APR_SUCCESS too when that reason is DingTalk's own "no" (result->what is
 * DT_DENIED or DT_AGAIN), APR_EGENERAL when we could not find out (DT_UNSURE). On an answer the
 * result is DT_SIGNED_IN. A busy reply is asked for once more, except for the code and the list of
 * failed pushes, which are good once. An app token that is not accepted is dropped and fetched once
 * more.
 */

/** Exchange a callback's code. The token is for this one request: never keep it. */
apr_status_t dt_client_user_token(const dt_client_t *client, const dt_call_t *call,
                                  const char *code, const char **user_token, const char **corp_id,
                                  dt_result_t *result);

/** The unionId of whoever the user token belongs to. */
apr_status_t dt_client_me(const dt_client_t *client, const dt_call_t *call, const char *user_token,
                          const char **union_id, dt_result_t *result);

/** The userid of that person in this corp, and what kind of contact it is. */
apr_status_t dt_client_user_id(const dt_client_t *client, const dt_call_t *call,
                               const char *union_id, const char **user_id, int *contact_type,
                               dt_result_t *result);

/** The member record of this corp. */
apr_status_t dt_client_member(const dt_client_t *client, const dt_call_t *call, const char *user_id,
                              dt_member_t *member, dt_result_t *result);

/**
 * Events that could not be pushed, at most 200, oldest first. DingTalk forgets them when it is
 * asked the next time: they must be kept before that.
 * @param events their texts, for dt_event_read; up to NULL
 * @param more   there are others: ask again
 */
apr_status_t dt_client_failed_events(const dt_client_t *client, const dt_call_t *call,
                                     const char *const **events, bool *more, dt_result_t *result);

#endif
