/* SPDX-License-Identifier: Apache-2.0 */
/* Asking DingTalk: one loop for every call, which renews, retries, and knows when to stop. */
#include "core/client.h"

#include "core/answer.h"

#include <apr_strings.h>

/* One call: what it is about, and where its answer goes. Only the members of its kind are set. */
typedef struct question_t {
    dt_asked_t asked;
    const char *about; /* code, user token, unionId or userid */
    const char **text; /* token or id */
    const char **corp_id;
    int *contact_type;
    apr_interval_time_t *lifetime;
    dt_member_t *member;
    const char *const **events;
    bool *more;
} question_t;

static void write_request(const dt_app_t *app, const dt_call_t *call, const question_t *q,
                          const char *app_token, dt_http_request_t *request)
{
    switch (q->asked) {
    case DT_ASKED_USER_TOKEN:
        dt_wire_user_token(app, call, q->about, request);
        break;
    case DT_ASKED_ME:
        dt_wire_me(app, call, q->about, request);
        break;
    case DT_ASKED_APP_TOKEN:
        dt_wire_app_token(app, call, request);
        break;
    case DT_ASKED_USER_ID:
        dt_wire_user_id(app, call, app_token, q->about, request);
        break;
    case DT_ASKED_MEMBER:
        dt_wire_member(app, call, app_token, q->about, request);
        break;
    case DT_ASKED_FAILED_EVENTS:
        dt_wire_failed_events(app, call, app_token, request);
        break;
    case DT_ASKED_CALLS:
        break;
    }
}

static dt_answer_t read_reply(const dt_call_t *call, const question_t *q,
                              const dt_http_response_t *response, dt_result_t *result)
{
    switch (q->asked) {
    case DT_ASKED_USER_TOKEN:
        return dt_wire_user_token_reply(call, response, q->text, q->corp_id, result);
    case DT_ASKED_ME:
        return dt_wire_me_reply(call, response, q->text, result);
    case DT_ASKED_APP_TOKEN:
        return dt_wire_app_token_reply(call, response, q->text, q->lifetime, result);
    case DT_ASKED_USER_ID:
        return dt_wire_user_id_reply(call, response, q->text, q->contact_type, result);
    case DT_ASKED_MEMBER:
        return dt_wire_member_reply(call, response, q->member, result);
    case DT_ASKED_FAILED_EVENTS:
        return dt_wire_failed_events_reply(call, response, q->events, q->more, result);
    case DT_ASKED_CALLS:
        break;
    }
    *result = dt_result(DT_WHY_INTERNAL, NULL);
    return DT_ANSWER_FINAL;
}

/* No reply arrived. */
static dt_result_t unanswered(const dt_call_t *call, dt_asked_t asked, apr_status_t rv,
                              const char *trouble)
{
    dt_why_id_t why = DT_WHY_DOWN;

    if (rv == APR_EBUSY) {
        why = DT_WHY_CROWDED;
    }
    else if (rv == APR_ENOSPC) {
        why = DT_WHY_UNINTELLIGIBLE;
    }
    return dt_result(why, apr_pstrcat(call->pool, dt_asked_name(asked), ": ",
                                      trouble ? trouble : "no reply", NULL));
}

static void count(const dt_client_t *client, dt_asked_t asked, bool answered,
                  apr_interval_time_t took)
{
    if (client->meter) {
        client->meter->called(client->meter->self, asked, answered, took);
    }
}

/* Sends once. Request and reply, tokens and all, are gone with the pool when this returns. */
static apr_status_t send_once(const dt_client_t *client, const dt_call_t *call, const question_t *q,
                              const char *app_token, dt_answer_t *answer, dt_result_t *result)
{
    dt_http_request_t request;
    dt_http_response_t response = {0};
    dt_call_t inner = *call;
    bool answered = false;
    apr_status_t rv;

    rv = apr_pool_create(&inner.pool, call->pool);
    if (rv != APR_SUCCESS) {
        *result = dt_result(DT_WHY_INTERNAL, "no memory");
        return rv;
    }
    write_request(client->app, &inner, q, app_token, &request);
    rv = client->http->perform(client->http->plug.self, &inner, &request, &response);
    if (rv == APR_SUCCESS) {
        *answer = read_reply(call, q, &response, result);
        answered = *answer == DT_ANSWER_OK || result->what != DT_UNSURE;
    }
    else {
        *result = unanswered(call, q->asked, rv, response.trouble);
    }
    count(client, q->asked, answered, response.took);
    apr_pool_destroy(inner.pool);
    return rv;
}

static dt_token_fetch_t fetch_app_token;

/* Asks until there is an answer to keep; result says which. */
static void ask_until_final(const dt_client_t *client, const dt_call_t *call, const question_t *q,
                            dt_result_t *result)
{
    const dt_tokens_t *tokens = client->tokens;
    dt_answer_t answer = DT_ANSWER_FINAL;
    bool renewed = false;
    /* A code is good once, and so is the list of failed pushes. */
    bool retried = q->asked == DT_ASKED_USER_TOKEN || q->asked == DT_ASKED_FAILED_EVENTS;

    for (;;) {
        const char *app_token = NULL;

        if (dt_asked_with_app_token(q->asked) &&
            tokens->get(tokens->plug.self, call, fetch_app_token, client, &app_token, result) !=
                APR_SUCCESS) {
            return;
        }
        if (send_once(client, call, q, app_token, &answer, result) != APR_SUCCESS) {
            return;
        }
        if (answer == DT_ANSWER_RENEW && !renewed) {
            renewed = true;
            tokens->drop(tokens->plug.self, app_token);
        }
        else if (answer == DT_ANSWER_RETRY && !retried) {
            retried = true;
        }
        else {
            break;
        }
    }
    if (answer == DT_ANSWER_OK) {
        *result = dt_result(DT_WHY_SIGNED_IN, NULL);
    }
}

/* The status that goes with result: an error exactly when we could not find out. */
static apr_status_t ask(const dt_client_t *client, const dt_call_t *call, const question_t *q,
                        dt_result_t *result)
{
    ask_until_final(client, call, q, result);
    return result->what == DT_UNSURE ? APR_EGENERAL : APR_SUCCESS;
}

/* dt_token_fetch_t: here even a clear "no" is a failure, because there is no token. */
static apr_status_t fetch_app_token(const void *baton, const dt_call_t *call, const char **token,
                                    apr_interval_time_t *lifetime, dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_APP_TOKEN, .text = token, .lifetime = lifetime};

    ask_until_final(baton, call, &q, result);
    return result->what == DT_SIGNED_IN ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t dt_client_user_token(const dt_client_t *client, const dt_call_t *call,
                                  const char *code, const char **user_token, const char **corp_id,
                                  dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_USER_TOKEN,
                    .about = code,
                    .text = user_token,
                    .corp_id = corp_id};

    return ask(client, call, &q, result);
}

apr_status_t dt_client_me(const dt_client_t *client, const dt_call_t *call, const char *user_token,
                          const char **union_id, dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_ME, .about = user_token, .text = union_id};

    return ask(client, call, &q, result);
}

apr_status_t dt_client_user_id(const dt_client_t *client, const dt_call_t *call,
                               const char *union_id, const char **user_id, int *contact_type,
                               dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_USER_ID,
                    .about = union_id,
                    .text = user_id,
                    .contact_type = contact_type};

    return ask(client, call, &q, result);
}

apr_status_t dt_client_member(const dt_client_t *client, const dt_call_t *call, const char *user_id,
                              dt_member_t *member, dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_MEMBER, .about = user_id, .member = member};

    return ask(client, call, &q, result);
}

apr_status_t dt_client_failed_events(const dt_client_t *client, const dt_call_t *call,
                                     const char *const **events, bool *more, dt_result_t *result)
{
    question_t q = {.asked = DT_ASKED_FAILED_EVENTS, .events = events, .more = more};

    return ask(client, call, &q, result);
}
