/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's messages: what we send, and what we make of each kind of reply. */
#include "core/answer.h"
#include "core/wire.h"
#include "replies.h"

static const dt_app_t app = {.client_id = "dingid",
                             .client_secret = "s\"ecret",
                             .corp_id = "dingcorp",
                             .login_url = "https://login.example",
                             .api_url = "https://api.example",
                             .oapi_url = "https://oapi.example/base"};

static dt_answer_t user_id(const dt_call_t *call, const dt_http_response_t *response,
                           dt_result_t *result)
{
    const char *id;
    int contact_type;

    return dt_wire_user_id_reply(call, response, &id, &contact_type, result);
}

static dt_answer_t me(const dt_call_t *call, const dt_http_response_t *response,
                      dt_result_t *result)
{
    const char *union_id;

    return dt_wire_me_reply(call, response, &union_id, result);
}

static dt_answer_t app_token(const dt_call_t *call, const dt_http_response_t *response,
                             dt_result_t *result)
{
    const char *token;
    apr_interval_time_t lifetime;

    return dt_wire_app_token_reply(call, response, &token, &lifetime, result);
}

/* Gives no token out unless everything is right. */
static dt_answer_t user_token(const dt_call_t *call, const dt_http_response_t *response,
                              dt_result_t *result)
{
    const char *token = NULL;
    const char *corp = NULL;
    dt_answer_t answer = dt_wire_user_token_reply(call, response, &token, &corp, result);

    assert_row_int(response->body.data, token != NULL, answer == DT_ANSWER_OK);
    return answer;
}

static dt_answer_t failed_events(const dt_call_t *call, const dt_http_response_t *response,
                                 dt_result_t *result)
{
    const char *const *events;
    bool more;

    return dt_wire_failed_events_reply(call, response, &events, &more, result);
}

/* --- requests --- */

static void the_code_is_sent_as_json(void **state)
{
    dt_http_request_t request;

    dt_wire_user_token(&app, *state, "a\"b&c", &request);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "https://api.example/v1.0/oauth2/userAccessToken");
    assert_string_equal(request.body.data,
                        "{\"clientId\":\"dingid\",\"clientSecret\":\"s\\\"ecret\","
                        "\"code\":\"a\\\"b&c\",\"grantType\":\"authorization_code\"}");
    assert_int_equal(request.body.len, strlen(request.body.data));
    assert_string_equal(request.headers[0].name, "Content-Type");
    assert_string_equal(request.headers[0].value, "application/json");
    assert_null(request.headers[1].name);
}

static void the_user_token_travels_in_its_header(void **state)
{
    dt_http_request_t request;

    dt_wire_me(&app, *state, "usertoken", &request);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "https://api.example/v1.0/contact/users/me");
    assert_string_equal(request.headers[0].name, "x-acs-dingtalk-access-token");
    assert_string_equal(request.headers[0].value, "usertoken");
    assert_null(request.headers[1].name);
    assert_int_equal(request.body.len, 0);
}

static void the_app_asks_for_its_token(void **state)
{
    dt_http_request_t request;

    dt_wire_app_token(&app, *state, &request);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "https://api.example/v1.0/oauth2/accessToken");
    assert_string_equal(request.body.data, "{\"appKey\":\"dingid\",\"appSecret\":\"s\\\"ecret\"}");
}

static void the_app_token_travels_encoded_in_the_query(void **state)
{
    dt_http_request_t request;

    dt_wire_user_id(&app, *state, "to/k+n&x=1", "uNion\"1", &request);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "https://oapi.example/base/topapi/user/getbyunionid"
                                     "?access_token=to%2Fk%2Bn%26x%3D1");
    assert_string_equal(request.body.data, "{\"unionid\":\"uNion\\\"1\"}");
    assert_string_equal(request.headers[0].name, "Content-Type");
    dt_wire_member(&app, *state, "tok", "zhang", &request);
    assert_string_equal(request.url,
                        "https://oapi.example/base/topapi/v2/user/get?access_token=tok");
    assert_string_equal(request.body.data, "{\"userid\":\"zhang\",\"language\":\"zh_CN\"}");
}

static void the_failed_pushes_are_asked_for_without_a_body(void **state)
{
    dt_http_request_t request;

    dt_wire_failed_events(&app, *state, "to/k", &request);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "https://oapi.example/base/call_back/"
                                     "get_call_back_failed_result?access_token=to%2Fk");
    assert_null(request.headers[0].name);
    assert_int_equal(request.body.len, 0);
}

static void a_text_that_is_not_utf8_sends_an_empty_object(void **state)
{
    dt_http_request_t request;

    dt_wire_user_token(&app, *state, "\xff", &request);
    assert_string_equal(request.body.data, "{}");
}

/* --- replies: good ones --- */

static void a_user_token_reply_is_read(void **state)
{
    dt_http_response_t response = response_of(200,
                                              "{\"accessToken\":\"abcd\",\"refreshToken\":\"e\","
                                              "\"expireIn\":7200,\"corpId\":\"dingcorp\"}");
    const char *token = NULL;
    const char *corp = NULL;
    dt_result_t result;

    assert_int_equal(dt_wire_user_token_reply(*state, &response, &token, &corp, &result),
                     DT_ANSWER_OK);
    assert_string_equal(token, "abcd");
    assert_string_equal(corp, "dingcorp");
}

static void a_user_token_may_come_without_organisation(void **state)
{
    static const char *const replies[] = {"{\"accessToken\":\"a\"}",
                                          "{\"accessToken\":\"a\",\"corpId\":null}",
                                          "{\"access_token\":\"a\",\"corpId\":\"\"}", NULL};

    for (const char *const *body = replies; *body; body++) {
        dt_http_response_t response = response_of(200, *body);
        const char *token;
        const char *corp = "unset";
        dt_result_t result;
        assert_row_int(*body, dt_wire_user_token_reply(*state, &response, &token, &corp, &result),
                       DT_ANSWER_OK);
        assert_row_text(*body, corp, NULL);
    }
}

static void an_odd_organisation_is_not_an_absent_one(void **state)
{
    static const char *const replies[] = {"{\"accessToken\":\"a\",\"corpId\":[\"x\"]}",
                                          "{\"accessToken\":\"a\",\"corpId\":true}",
                                          "{\"accessToken\":\"a\",\"corpId\":\"a\\u0000b\"}",
                                          "{\"accessToken\":\"a\",\"corpId\":\"a\\nb\"}", NULL};

    assert_replies(*state, user_token, replies, unintelligible(200));
}

static void every_spelling_of_the_lifetime_is_read(void **state)
{
    static const struct {
        const char *body;
        int seconds;
    } rows[] = {
        {"{\"accessToken\":\"a\",\"expireIn\":60}", 60},
        {"{\"accessToken\":\"a\",\"expiresIn\":\"61\"}", 61},
        {"{\"AccessToken\":\"a\",\"ExpireIn\":62}", 62},
        {"{\"errcode\":0,\"access_token\":\"a\",\"expires_in\":63}", 63},
        {"{\"errcode\":\"0\",\"access_token\":\"a\",\"expires_in\":64}", 64},
        {"{\"accessToken\":\"a\"}", 7200},
        {"{\"accessToken\":\"a\",\"expireIn\":86401}", 86400},
        {"{\"accessToken\":\"a\",\"expireIn\":9223372036854775807}", 86400},
    };

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_http_response_t response = response_of(200, rows[i].body);
        const char *token = NULL;
        apr_interval_time_t lifetime = 0;
        dt_result_t result;
        assert_row_int(rows[i].body,
                       dt_wire_app_token_reply(*state, &response, &token, &lifetime, &result),
                       DT_ANSWER_OK);
        assert_row_text(rows[i].body, token, "a");
        assert_row_int(rows[i].body, lifetime, apr_time_from_sec(rows[i].seconds));
    }
}

static void a_lifetime_that_makes_no_sense_is_refused(void **state)
{
    static const char *const replies[] = {"{\"accessToken\":\"a\",\"expireIn\":0}",
                                          "{\"accessToken\":\"a\",\"expireIn\":-1}",
                                          "{\"accessToken\":\"a\",\"expireIn\":\"soon\"}", NULL};
    reply_t expected = unintelligible(200);

    expected.detail = "accessToken: HTTP 200, no usable expireIn";
    assert_replies(*state, app_token, replies, expected);
}

/* A reply with a token of len bytes. */
static const char *token_reply(apr_pool_t *pool, apr_size_t len)
{
    char *token = apr_pcalloc(pool, len + 1);

    memset(token, 't', len);
    return apr_psprintf(pool, "{\"accessToken\":\"%s\"}", token);
}

static void a_token_is_bounded_and_visible_ascii(void **state)
{
    static const char *const odd[] = {"{\"accessToken\":\"\"}",
                                      "{\"accessToken\":null}",
                                      "{\"accessToken\":\"a b\"}",
                                      "{\"accessToken\":\"a\\r\\nX: y\"}",
                                      "{\"accessToken\":\"a\\u0000b\"}",
                                      "{\"accessToken\":\"\xe4\xb8\xad\"}",
                                      "{\"accessToken\":[\"a\"]}",
                                      "{}",
                                      NULL};
    dt_call_t *call = *state;

    assert_replies(call, app_token, odd, unintelligible(200));
    assert_reply(call, app_token,
                 (reply_t){200, token_reply(call->pool, DT_TOKEN_MAX), DT_ANSWER_OK, 0, NULL});
    assert_reply(call, app_token,
                 (reply_t){200, token_reply(call->pool, DT_TOKEN_MAX + 1), DT_ANSWER_FINAL,
                           DT_WHY_UNINTELLIGIBLE, NULL});
}

static void only_the_unionid_of_me_counts(void **state)
{
    static const char *const without[] = {"{\"nick\":\"Z\",\"openId\":\"o\"}", NULL};
    dt_http_response_t response = response_of(200, "{\"nick\":\"Z\",\"unionId\":\"uNion1\","
                                                   "\"openId\":\"o\",\"visitor\":false}");
    const char *union_id = NULL;
    dt_result_t result;

    assert_int_equal(dt_wire_me_reply(*state, &response, &union_id, &result), DT_ANSWER_OK);
    assert_string_equal(union_id, "uNion1");
    assert_replies(*state, me, without, unintelligible(200));
}

static void a_userid_comes_with_its_kind_of_contact(void **state)
{
    dt_http_response_t response =
        response_of(200, "{\"errcode\":0,\"errmsg\":\"ok\",\"result\":{\"contact_type\":1,"
                         "\"userid\":\"zhangsan\"},\"request_id\":\"r\"}");
    const char *user_id = NULL;
    int contact_type = -1;
    dt_result_t result;

    assert_int_equal(dt_wire_user_id_reply(*state, &response, &user_id, &contact_type, &result),
                     DT_ANSWER_OK);
    assert_string_equal(user_id, "zhangsan");
    assert_int_equal(contact_type, 1);
}

static void a_userid_without_its_kind_of_contact_is_no_answer(void **state)
{
    static const char *const replies[] = {
        "{\"errcode\":0,\"result\":{\"userid\":\"z\"}}",
        "{\"errcode\":0,\"result\":{\"userid\":\"z\",\"contact_type\":null}}",
        "{\"errcode\":0,\"result\":{\"userid\":\"z\",\"contact_type\":\"x\"}}",
        "{\"errcode\":0,\"result\":{\"userid\":\"z\",\"contact_type\":-1}}",
        "{\"errcode\":0,\"result\":{\"userid\":\"z\",\"contact_type\":4294967296}}",
        "{\"errcode\":0,\"result\":{\"contact_type\":0}}",
        "{\"errcode\":0,\"result\":{\"contact_type\":0,\"userid\":\"\"}}",
        "{\"errcode\":0,\"result\":{\"contact_type\":0,\"userid\":\"a\\u0007\"}}",
        "{\"errcode\":0,\"result\":[]}",
        "{\"errcode\":0,\"result\":null}",
        "{\"errcode\":0}",
        NULL};

    assert_replies(*state, user_id, replies, unintelligible(200));
}

static void an_id_may_have_256_bytes_and_no_more(void **state)
{
    dt_call_t *call = *state;
    char *id = apr_pcalloc(call->pool, 258);

    memset(id, 'u', 256);
    assert_reply(call, me,
                 (reply_t){200, apr_psprintf(call->pool, "{\"unionId\":\"%s\"}", id), DT_ANSWER_OK,
                           0, NULL});
    id[256] = 'u';
    assert_reply(call, me,
                 (reply_t){200, apr_psprintf(call->pool, "{\"unionId\":\"%s\"}", id),
                           DT_ANSWER_FINAL, DT_WHY_UNINTELLIGIBLE, NULL});
}

static void each_failed_push_is_a_text_of_its_own(void **state)
{
    dt_http_response_t response =
        response_of(200,
                    "{\"errcode\":0,\"has_more\":true,\"failed_list\":["
                    "{\"userid\":[\"a\"], \"call_back_tag\":\"user_leave_org\",\"event_time\":5},"
                    "{\"b\":{\"z\":\"å¼ \",\"y\":\"\\u0000\"}},7,\"text\"]}");
    const char *const *events = NULL;
    bool more = false;
    dt_result_t result;

    assert_int_equal(dt_wire_failed_events_reply(*state, &response, &events, &more, &result),
                     DT_ANSWER_OK);
    assert_true(more);
    assert_string_equal(events[0], "{\"call_back_tag\":\"user_leave_org\",\"event_time\":5,"
                                   "\"userid\":[\"a\"]}");
    assert_string_equal(events[1], "{\"b\":{\"y\":\"\\u0000\",\"z\":\"å¼ \"}}");
    assert_string_equal(events[2], "7");
    assert_string_equal(events[3], "\"text\"");
    assert_null(events[4]);
}

static void without_failed_pushes_there_are_no_others_either(void **state)
{
    static const char *const replies[] = {
        "{\"errcode\":0}", "{\"errcode\":0,\"failed_list\":null,\"has_more\":true}",
        "{\"errcode\":0,\"failed_list\":[],\"has_more\":true}",
        "{\"errcode\":\"0\",\"failed_list\":\"\",\"has_more\":false}", NULL};

    for (const char *const *body = replies; *body; body++) {
        dt_http_response_t response = response_of(200, *body);
        const char *const *events = NULL;
        bool more = true;
        dt_result_t result;
        assert_row_int(*body,
                       dt_wire_failed_events_reply(*state, &response, &events, &more, &result),
                       DT_ANSWER_OK);
        assert_row_true(*body, events && !*events && !more);
    }
}

static void an_odd_list_of_failed_pushes_is_no_answer(void **state)
{
    static const char *const replies[] = {"{\"errcode\":0,\"failed_list\":{}}",
                                          "{\"errcode\":0,\"failed_list\":\"[]\"}",
                                          "{\"errcode\":0,\"failed_list\":0}", NULL};
    reply_t expected = unintelligible(200);

    expected.detail = "get_call_back_failed_result: HTTP 200, no usable failed_list";
    assert_replies(*state, failed_events, replies, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(the_code_is_sent_as_json),
        WITH_CALL(the_user_token_travels_in_its_header),
        WITH_CALL(the_app_asks_for_its_token),
        WITH_CALL(the_app_token_travels_encoded_in_the_query),
        WITH_CALL(the_failed_pushes_are_asked_for_without_a_body),
        WITH_CALL(a_text_that_is_not_utf8_sends_an_empty_object),
        WITH_CALL(a_user_token_reply_is_read),
        WITH_CALL(a_user_token_may_come_without_organisation),
        WITH_CALL(an_odd_organisation_is_not_an_absent_one),
        WITH_CALL(every_spelling_of_the_lifetime_is_read),
        WITH_CALL(a_lifetime_that_makes_no_sense_is_refused),
        WITH_CALL(a_token_is_bounded_and_visible_ascii),
        WITH_CALL(only_the_unionid_of_me_counts),
        WITH_CALL(a_userid_comes_with_its_kind_of_contact),
        WITH_CALL(a_userid_without_its_kind_of_contact_is_no_answer),
        WITH_CALL(an_id_may_have_256_bytes_and_no_more),
        WITH_CALL(each_failed_push_is_a_text_of_its_own),
        WITH_CALL(without_failed_pushes_there_are_no_others_either),
        WITH_CALL(an_odd_list_of_failed_pushes_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
