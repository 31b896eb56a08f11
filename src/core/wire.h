/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's messages: requests as bytes, replies as structs; no I/O. */
#ifndef DT_CORE_WIRE_H
#define DT_CORE_WIRE_H

#include "core/dt.h"
#include "core/member.h"
#include "core/ports.h"

/** DingTalk's calls that we use. */
typedef enum dt_asked_t {
    DT_ASKED_USER_TOKEN,
    DT_ASKED_ME,
    DT_ASKED_APP_TOKEN,
    DT_ASKED_USER_ID,
    DT_ASKED_MEMBER,
    DT_ASKED_FAILED_EVENTS,
    DT_ASKED_CALLS
} dt_asked_t;

/** The call's name in a log line, e.g. "getbyunionid". */
const char *dt_asked_name(dt_asked_t asked);

/** One DingTalk app in one corp, as the administrator configured it. Read-only. */
typedef struct dt_app_t {
    const char *client_id;
    const char *client_secret;
    const char *corp_id;
    const char *login_url; /* base URLs without trailing slash */
    const char *api_url;
    const char *oapi_url;
} dt_app_t;

/** What a reply amounts to, beside its content. */
typedef enum dt_answer_t {
    DT_ANSWER_OK,
    DT_ANSWER_RENEW, /* the app token is not accepted: drop it, fetch once more, ask once more */
    DT_ANSWER_RETRY, /* busy: the same request may be sent once more */
    DT_ANSWER_FINAL  /* see the result */
} dt_answer_t;

/**
 * The requests. Each fills request from call->pool; url and body hold secrets.
 * Sources: DingTalk's open platform documentation, "Obtain user token" (userAccessToken),
 * "Retrieve user information" (contact/users/me), "Obtain the access token of an internal app"
 * (accessToken), "Query a user by the union ID" (topapi/user/getbyunionid), "Query user
 * details" (topapi/v2/user/get) and "Obtain the failed callback results"
 * (call_back/get_call_back_failed_result).
 */
void dt_wire_user_token(const dt_app_t *app, const dt_call_t *call, const char *code,
                        dt_http_request_t *request);
void dt_wire_me(const dt_app_t *app, const dt_call_t *call, const char *user_token,
                dt_http_request_t *request);
void dt_wire_app_token(const dt_app_t *app, const dt_call_t *call, dt_http_request_t *request);
void dt_wire_user_id(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                     const char *union_id, dt_http_request_t *request);
void dt_wire_member(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                    const char *user_id, dt_http_request_t *request);
void dt_wire_failed_events(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                           dt_http_request_t *request);

/**
 * The replies. Every text is copied to call->pool. A reply that is not JSON, not of the promised
 * shape, HTML, or an error in either of DingTalk's styles (HTTP status with "code"; HTTP 200
 * with "errcode", 88 standing for its "sub_code") gives an answer other than DT_ANSWER_OK and
 * a result; outputs are unset then. result->detail names call, status, code and request id.
 */
dt_answer_t dt_wire_user_token_reply(const dt_call_t *call, const dt_http_response_t *response,
                                     const char **user_token, const char **corp_id,
                                     dt_result_t *result);
dt_answer_t dt_wire_me_reply(const dt_call_t *call, const dt_http_response_t *response,
                             const char **union_id, dt_result_t *result);
dt_answer_t dt_wire_app_token_reply(const dt_call_t *call, const dt_http_response_t *response,
                                    const char **app_token, apr_interval_time_t *lifetime,
                                    dt_result_t *result);
dt_answer_t dt_wire_user_id_reply(const dt_call_t *call, const dt_http_response_t *response,
                                  const char **user_id, int *contact_type, dt_result_t *result);
dt_answer_t dt_wire_member_reply(const dt_call_t *call, const dt_http_response_t *response,
                                 dt_member_t *member, dt_result_t *result);
dt_answer_t dt_wire_failed_events_reply(const dt_call_t *call, const dt_http_response_t *response,
                                        const char *const **events, bool *more,
                                        dt_result_t *result);

#endif
