/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's requests and replies: names of fields, and what may stand in them. */
#include "core/wire.h"

#include "core/answer.h"
#include "core/bytes.h"
#include "core/json.h"
#include "core/phone.h"
#include "core/url.h"

#include <apr_strings.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_DEFAULT 7200    /* seconds */
#define LIFETIME_MAX (24 * 3600) /* seconds */

/* --- requests --- */

static void add_header(dt_http_request_t *request, const char *name, const char *value)
{
    dt_http_header_t *header = request->headers;

    while (header->name) {
        header++;
    }
    header->name = name;
    header->value = value;
}

static void begin(dt_http_request_t *request, const char *method, const char *url)
{
    memset(request, 0, sizeof(*request));
    request->method = method;
    request->url = url;
}

/* Takes the reference to body. */
static void set_body(apr_pool_t *pool, dt_http_request_t *request, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    /* A text that is not UTF-8 has no JSON: DingTalk refuses the empty object with its own code. */
    request->body = dt_slice(apr_pstrdup(pool, text ? text : "{}"));
    add_header(request, "Content-Type", "application/json");
    free(text);
    json_decref(body);
}

static void add_api_token(apr_pool_t *pool, dt_http_request_t *request, const char *token)
{
    add_header(request, "x-acs-dingtalk-access-token", apr_pstrdup(pool, token));
}

static void begin_oapi(const dt_app_t *app, const dt_call_t *call, const char *method,
                       const char *path, const char *app_token, dt_http_request_t *request)
{
    const char *url = apr_pstrcat(call->pool, app->oapi_url, path, NULL);

    begin(request, method, dt_url_add(call->pool, url, "access_token", app_token));
}

void dt_wire_user_token(const dt_app_t *app, const dt_call_t *call, const char *code,
                        dt_http_request_t *request)
{
    begin(request, "POST",
          apr_pstrcat(call->pool, app->api_url, "/v1.0/oauth2/userAccessToken", NULL));
    set_body(call->pool, request,
             json_pack("{s:s,s:s,s:s,s:s}", "clientId", app->client_id, "clientSecret",
                       app->client_secret, "code", code, "grantType", "authorization_code"));
}

void dt_wire_me(const dt_app_t *app, const dt_call_t *call, const char *user_token,
                dt_http_request_t *request)
{
    begin(request, "GET", apr_pstrcat(call->pool, app->api_url, "/v1.0/contact/users/me", NULL));
    add_api_token(call->pool, request, user_token);
}

void dt_wire_app_token(const dt_app_t *app, const dt_call_t *call, dt_http_request_t *request)
{
    begin(request, "POST", apr_pstrcat(call->pool, app->api_url, "/v1.0/oauth2/accessToken", NULL));
    set_body(call->pool, request,
             json_pack("{s:s,s:s}", "appKey", app->client_id, "appSecret", app->client_secret));
}

void dt_wire_user_id(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                     const char *union_id, dt_http_request_t *request)
{
    begin_oapi(app, call, "POST", "/topapi/user/getbyunionid", app_token, request);
    set_body(call->pool, request, json_pack("{s:s}", "unionid", union_id));
}

void dt_wire_member(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                    const char *user_id, dt_http_request_t *request)
{
    begin_oapi(app, call, "POST", "/topapi/v2/user/get", app_token, request);
    set_body(call->pool, request, json_pack("{s:s,s:s}", "userid", user_id, "language", "zh_CN"));
}

void dt_wire_failed_events(const dt_app_t *app, const dt_call_t *call, const char *app_token,
                           dt_http_request_t *request)
{
    begin_oapi(app, call, "GET", "/call_back/get_call_back_failed_result", app_token, request);
}

/* --- fields of replies --- */

/* Whether the member is there at all; null and "" are DingTalk's other ways to leave it out. */
static bool is_given(json_t *object, const char *name)
{
    json_t *value = dt_json_get(object, name);

    return value && !json_is_null(value) &&
           !(json_is_string(value) && json_string_length(value) == 0);
}

static const char *read_id(apr_pool_t *pool, json_t *object, const char *name)
{
    return dt_json_id(pool, dt_json_get(object, name));
}

/* An id that may be absent; false when it is there and odd. */
static bool read_optional_id(apr_pool_t *pool, json_t *object, const char *name, const char **id)
{
    *id = read_id(pool, object, name);
    return *id || !is_given(object, name);
}

/* A token: it goes into a header, so nothing but visible ASCII. */
static const char *read_token(apr_pool_t *pool, json_t *object)
{
    const char *token = dt_json_text(pool, object, "accessToken");

    if (!token) {
        token = dt_json_text(pool, object, "access_token");
    }
    if (!token || strlen(token) > DT_TOKEN_MAX) {
        return NULL;
    }
    for (const char *c = token; *c; c++) {
        if (*c <= 0x20 || *c >= 0x7f) {
            return NULL;
        }
    }
    return token;
}

/* In seconds, in any of the spellings that DingTalk uses; 0 when it makes no sense. */
static apr_int64_t read_lifetime(json_t *object)
{
    static const char *const names[] = {"expireIn", "expiresIn", "expires_in", NULL};
    apr_int64_t seconds = LIFETIME_DEFAULT;

    for (const char *const *name = names; *name; name++) {
        if (is_given(object, *name)) {
            seconds = dt_json_number(object, *name, 0);
            break;
        }
    }
    if (seconds <= 0) {
        return 0;
    }
    return seconds < LIFETIME_MAX ? seconds : LIFETIME_MAX;
}

/* E.164, or NULL when the number is masked, absent or odd. */
static const char *read_mobile(apr_pool_t *pool, json_t *record)
{
    const char *mobile = dt_json_text(pool, record, "mobile");
    const char *country = dt_json_text(pool, record, "state_code");
    dt_phone_t phone;

    if (is_given(record, "state_code") && !country) {
        return NULL;
    }
    return dt_phone_parse(pool, mobile, country, &phone) ? phone.e164 : NULL;
}

/* --- replies --- */

dt_answer_t dt_wire_user_token_reply(const dt_call_t *call, const dt_http_response_t *response,
                                     const char **user_token, const char **corp_id,
                                     dt_result_t *result)
{
    json_t *reply;
    const char *token;
    const char *corp;
    dt_answer_t answer = dt_answer(call, DT_ASKED_USER_TOKEN, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    token = read_token(call->pool, reply);
    if (!token) {
        answer = dt_answer_odd(call, DT_ASKED_USER_TOKEN, response, reply, "accessToken", result);
    }
    else if (!read_optional_id(call->pool, reply, "corpId", &corp)) {
        answer = dt_answer_odd(call, DT_ASKED_USER_TOKEN, response, reply, "corpId", result);
    }
    else {
        *user_token = token;
        *corp_id = corp;
    }
    json_decref(reply);
    return answer;
}

dt_answer_t dt_wire_me_reply(const dt_call_t *call, const dt_http_response_t *response,
                             const char **union_id, dt_result_t *result)
{
    json_t *reply;
    const char *id;
    dt_answer_t answer = dt_answer(call, DT_ASKED_ME, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    id = read_id(call->pool, reply, "unionId");
    if (id) {
        *union_id = id;
    }
    else {
        answer = dt_answer_odd(call, DT_ASKED_ME, response, reply, "unionId", result);
    }
    json_decref(reply);
    return answer;
}

dt_answer_t dt_wire_app_token_reply(const dt_call_t *call, const dt_http_response_t *response,
                                    const char **app_token, apr_interval_time_t *lifetime,
                                    dt_result_t *result)
{
    json_t *reply;
    const char *token;
    apr_int64_t seconds;
    dt_answer_t answer = dt_answer(call, DT_ASKED_APP_TOKEN, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    token = read_token(call->pool, reply);
    seconds = read_lifetime(reply);
    if (!token || seconds == 0) {
        answer = dt_answer_odd(call, DT_ASKED_APP_TOKEN, response, reply,
                               token ? "expireIn" : "accessToken", result);
    }
    else {
        *app_token = token;
        *lifetime = apr_time_from_sec(seconds);
    }
    json_decref(reply);
    return answer;
}

dt_answer_t dt_wire_user_id_reply(const dt_call_t *call, const dt_http_response_t *response,
                                  const char **user_id, int *contact_type, dt_result_t *result)
{
    json_t *reply;
    json_t *found;
    const char *id;
    apr_int64_t type;
    dt_answer_t answer = dt_answer(call, DT_ASKED_USER_ID, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    found = dt_json_get(reply, "result");
    id = read_id(call->pool, found, "userid");
    type = dt_json_number(found, "contact_type", -1);
    /* Without contact_type nobody knows whether this is an employee: that must not be a yes. */
    if (!id || type < 0 || type > APR_INT16_MAX) {
        answer = dt_answer_odd(call, DT_ASKED_USER_ID, response, reply,
                               id ? "contact_type" : "userid", result);
    }
    else {
        *user_id = id;
        *contact_type = (int)type;
    }
    json_decref(reply);
    return answer;
}

/* Fills member from a record; returns the name of the field that is missing or odd, or NULL. */
static const char *read_member(apr_pool_t *pool, json_t *record, dt_member_t *member)
{
    dt_tri_t active = dt_json_bool(record, "active");
    dt_tri_t disabled = dt_json_bool(record, "disable_status");

    memset(member, 0, sizeof(*member));
    member->user_id = read_id(pool, record, "userid");
    if (!member->user_id) {
        return "userid";
    }
    if (!read_optional_id(pool, record, "unionid", &member->union_id)) {
        return "unionid";
    }
    if (active == DT_ABSENT) {
        return "active";
    }
    if (disabled == DT_ABSENT && is_given(record, "disable_status")) {
        return "disable_status";
    }
    member->active = active == DT_TRUE;
    member->disabled = disabled == DT_TRUE;
    member->name = dt_json_text(pool, record, "name");
    member->mobile = read_mobile(pool, record);
    member->email = dt_json_text(pool, record, "email");
    member->org_email = dt_json_text(pool, record, "org_email");
    member->job_number = dt_json_text(pool, record, "job_number");
    member->title = dt_json_text(pool, record, "title");
    member->avatar = dt_json_text(pool, record, "avatar");
    member->dept_ids = dt_json_number_list(pool, record, "dept_id_list");
    member->manager_userid = read_id(pool, record, "manager_userid");
    return NULL;
}

dt_answer_t dt_wire_member_reply(const dt_call_t *call, const dt_http_response_t *response,
                                 dt_member_t *member, dt_result_t *result)
{
    json_t *reply;
    const char *odd;
    dt_member_t found;
    dt_answer_t answer = dt_answer(call, DT_ASKED_MEMBER, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    odd = read_member(call->pool, dt_json_get(reply, "result"), &found);
    if (odd) {
        answer = dt_answer_odd(call, DT_ASKED_MEMBER, response, reply, odd, result);
    }
    else {
        *member = found;
    }
    json_decref(reply);
    return answer;
}

/* The texts of a list's elements, up to NULL. Sorted, so that one event has one text. */
static const char *const *read_events(apr_pool_t *pool, const json_t *list)
{
    const char **texts = apr_pcalloc(pool, (json_array_size(list) + 1) * sizeof(*texts));
    const json_t *event;
    apr_size_t i;

    json_array_foreach(list, i, event) {
        char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

        texts[i] = apr_pstrdup(pool, text ? text : "");
        free(text);
    }
    return texts;
}

dt_answer_t dt_wire_failed_events_reply(const dt_call_t *call, const dt_http_response_t *response,
                                        const char *const **events, bool *more, dt_result_t *result)
{
    json_t *reply;
    const json_t *list;
    dt_answer_t answer = dt_answer(call, DT_ASKED_FAILED_EVENTS, response, &reply, result);

    if (answer != DT_ANSWER_OK) {
        return answer;
    }
    list = dt_json_get(reply, "failed_list");
    if (!json_is_array(list) && is_given(reply, "failed_list")) {
        answer =
            dt_answer_odd(call, DT_ASKED_FAILED_EVENTS, response, reply, "failed_list", result);
    }
    else {
        *events = read_events(call->pool, list);
        /* Who is told that there are others, but gets none, must not ask for ever. */
        *more = **events && dt_json_bool(reply, "has_more") == DT_TRUE;
    }
    json_decref(reply);
    return answer;
}
