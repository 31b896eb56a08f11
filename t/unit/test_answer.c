/* SPDX-License-Identifier: Apache-2.0 */
/* What a reply amounts to: each code, each status, and what stands in the log. */
#include "core/answer.h"
#include "replies.h"

static dt_answer_t read_as(const dt_call_t *call, dt_asked_t asked,
                           const dt_http_response_t *response, dt_result_t *result)
{
    json_t *object;
    dt_answer_t answer = dt_answer(call, asked, response, &object, result);

    assert_int_equal(object != NULL, answer == DT_ANSWER_OK);
    json_decref(object);
    return answer;
}

/* Of a call in the old style, with the app token. */
static dt_answer_t user_id(const dt_call_t *call, const dt_http_response_t *response,
                           dt_result_t *result)
{
    return read_as(call, DT_ASKED_USER_ID, response, result);
}

/* Of a call in the new style, with a user token. */
static dt_answer_t me(const dt_call_t *call, const dt_http_response_t *response,
                      dt_result_t *result)
{
    return read_as(call, DT_ASKED_ME, response, result);
}

/* Of the call that fetches the app token. */
static dt_answer_t app_token(const dt_call_t *call, const dt_http_response_t *response,
                             dt_result_t *result)
{
    return read_as(call, DT_ASKED_APP_TOKEN, response, result);
}

static void success_is_handed_on(void **state)
{
    static const char *const old[] = {"{\"errcode\":0}", "{\"errcode\":\"0\"}", NULL};
    static const char *const both[] = {"{}", "{\"errcode\":0}", NULL};

    assert_replies(*state, user_id, old, (reply_t){.status = 200, .answer = DT_ANSWER_OK});
    assert_replies(*state, me, both, (reply_t){.status = 200, .answer = DT_ANSWER_OK});
}

static void each_old_code_has_its_reason(void **state)
{
    static const struct {
        int code;
        dt_why_id_t why;
        dt_answer_t answer;
    } rows[] = {
        {-1, DT_WHY_BUSY, DT_ANSWER_RETRY},
        {15, DT_WHY_BUSY, DT_ANSWER_RETRY},
        {40000, DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {40001, DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {40014, DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {41001, DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {42001, DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {33001, DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {40089, DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {40096, DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {52010, DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {33012, DT_WHY_STRANGER, DT_ANSWER_FINAL},
        {60111, DT_WHY_STRANGER, DT_ANSWER_FINAL},
        {60121, DT_WHY_STRANGER, DT_ANSWER_FINAL},
        {60120, DT_WHY_DISABLED, DT_ANSWER_FINAL},
        {40029, DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {40078, DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {40102, DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {42003, DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {42008, DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {40079, DT_WHY_APP_UNAUTHORIZED, DT_ANSWER_FINAL},
        {43007, DT_WHY_APP_PERMISSION, DT_ANSWER_FINAL},
        {60011, DT_WHY_APP_PERMISSION, DT_ANSWER_FINAL},
        {50002, DT_WHY_OUT_OF_SCOPE, DT_ANSWER_FINAL},
        {50003, DT_WHY_APP_STOPPED, DT_ANSWER_FINAL},
        {50005, DT_WHY_APP_STOPPED, DT_ANSWER_FINAL},
        {70001, DT_WHY_APP_STOPPED, DT_ANSWER_FINAL},
        {60020, DT_WHY_APP_ADDRESS, DT_ANSWER_FINAL},
        {90001, DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {90009, DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {90010, DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {90018, DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {90020, DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {900001, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {900103, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {90000, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {22, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {404, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {400002, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {1, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
    };
    static const char *const before[] = {"{\"errcode\":", "{\"ErrCode\":\"",
                                         "{\"errcode\":88,\"sub_code\":\"",
                                         "{\"errcode\":\"88\",\"sub_code\":"};
    static const char *const after[] = {"", "\"", "\"", ""};
    dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const char *detail =
            apr_psprintf(call->pool, "getbyunionid: HTTP 200, code %d, request r1", rows[i].code);
        for (apr_size_t form = 0; form < ROWS(before); form++) {
            const char *body = apr_psprintf(call->pool, "%s%d%s,\"request_id\":\"r1\"}",
                                            before[form], rows[i].code, after[form]);
            assert_reply(call, user_id, (reply_t){200, body, rows[i].answer, rows[i].why, detail});
        }
    }
}

static void eighty_eight_without_sub_code_is_busy(void **state)
{
    static const char *const replies[] = {"{\"errcode\":88}", "{\"errcode\":88,\"sub_code\":\"\"}",
                                          "{\"errcode\":\"88\",\"sub_code\":null}", NULL};

    assert_replies(*state, user_id, replies,
                   (reply_t){.status = 200, .answer = DT_ANSWER_RETRY, .why = DT_WHY_BUSY});
}

static void each_new_code_has_its_reason(void **state)
{
    static const struct {
        int status;
        const char *code;
        dt_why_id_t why;
        dt_answer_t answer;
    } rows[] = {
        {400, "InvalidAuthentication", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {400, "accesstoken.expired", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW},
        {400, "invalidParameter.authCode.notFound", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL},
        {404, "invalidParameter.user.notFound", DT_WHY_STRANGER, DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", DT_WHY_APP_PERMISSION,
         DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.IpNotInWhiteList", DT_WHY_APP_ADDRESS, DT_ANSWER_FINAL},
        {400, "invalidClientIdOrSecret", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {400, "invalid.client", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL},
        {401, "unauthorized.client", DT_WHY_APP_UNAUTHORIZED, DT_ANSWER_FINAL},
        {403, "permission.deny", DT_WHY_NO_CONSENT, DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.QpsLimitForApi", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", DT_WHY_RATE_LIMITED,
         DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", DT_WHY_RATE_LIMITED,
         DT_ANSWER_FINAL},
        {403, "Forbidden.AccessDenied.ApiCountLimitForOrg", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {429, "systemBusy", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {429, "whatever", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL},
        {503, "systemBusy", DT_WHY_BUSY, DT_ANSWER_RETRY},
        {500, "serviceBusy", DT_WHY_BUSY, DT_ANSWER_RETRY},
        {500, "unknownError", DT_WHY_BUSY, DT_ANSWER_RETRY},
        {400, "unknownError", DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {404, "InvalidAction.NotFound", DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {400, "Missingbody", DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
        {200, "AuthenticationFailed.MissingParameter", DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL},
    };
    dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const char *body =
            apr_psprintf(call->pool, "{\"Code\":\"%s\",\"RequestId\":\"R-1\"}", rows[i].code);
        const char *detail = apr_psprintf(call->pool, "getbyunionid: HTTP %d, code %s, request R-1",
                                          rows[i].status, rows[i].code);
        assert_reply(call, user_id,
                     (reply_t){rows[i].status, body, rows[i].answer, rows[i].why, detail});
    }
}

static void a_spent_user_token_starts_again(void **state)
{
    static const char *const spent[] = {"{\"code\":\"InvalidAuthentication\"}",
                                        "{\"code\":\"accesstoken.expired\"}", NULL};

    assert_replies(*state, me, spent,
                   (reply_t){.status = 400, .answer = DT_ANSWER_FINAL, .why = DT_WHY_CODE_SPENT});
}

static void without_an_app_token_there_is_nothing_to_renew(void **state)
{
    assert_reply(*state, app_token,
                 (reply_t){200, "{\"errcode\":40001}", DT_ANSWER_FINAL, DT_WHY_APP_CREDENTIALS,
                           NULL});
}

static void a_missing_permission_is_named(void **state)
{
    assert_reply(*state, user_id,
                 (reply_t){200,
                           "{\"errcode\":88,\"sub_code\":\"60011\",\"sub_msg\":\"\xe5\xba\x94"
                           "[qyapi_get_member]x\",\"request_id\":\"16l4ew3d47pdp\"}",
                           DT_ANSWER_FINAL, DT_WHY_APP_PERMISSION,
                           "getbyunionid: HTTP 200, code 60011, permission qyapi_get_member, "
                           "request 16l4ew3d47pdp"});
    assert_reply(*state, me,
                 (reply_t){403,
                           "{\"code\":\"Forbidden.AccessDenied.AccessTokenPermissionDenied\","
                           "\"requestid\":\"8197\",\"AccessDeniedDetail\":{\"requiredScopes\":"
                           "[\"Contact.User.Read\",\"b\\nc\",7]}}",
                           DT_ANSWER_FINAL, DT_WHY_APP_PERMISSION,
                           "users/me: HTTP 403, code Forbidden.AccessDenied."
                           "AccessTokenPermissionDenied, permission Contact.User.Read b?c, "
                           "request 8197"});
}

static void an_address_that_is_not_allowed_is_named(void **state)
{
    assert_reply(*state, user_id,
                 (reply_t){200,
                           "{\"errcode\":88,\"sub_code\":60020,\"sub_msg\":\"IP request "
                           "ip=203.0.113.9,appKey(x)\"}",
                           DT_ANSWER_FINAL, DT_WHY_APP_ADDRESS,
                           "getbyunionid: HTTP 200, code 60020, address 203.0.113.9"});
    assert_reply(*state, me,
                 (reply_t){403,
                           "{\"code\":\"Forbidden.AccessDenied.IpNotInWhiteList\","
                           "\"message\":\"request ip=2001:db8::1 denied\"}",
                           DT_ANSWER_FINAL, DT_WHY_APP_ADDRESS,
                           "users/me: HTTP 403, code Forbidden.AccessDenied.IpNotInWhiteList, "
                           "address 2001:db8::1"});
}

static void foreign_texts_are_cut_and_cleaned_for_the_log(void **state)
{
    dt_call_t *call = *state;
    char *longer = apr_pcalloc(call->pool, 5001);
    dt_http_response_t response;
    dt_result_t result;

    memset(longer, 'x', 5000);
    response = response_of(400, apr_psprintf(call->pool,
                                             "{\"code\":\"a\\r\\n\xe4\xb8\xad\\u001b%s\","
                                             "\"requestid\":\"%s\"}",
                                             longer, longer));
    (void)user_id(call, &response, &result);
    assert_true(strlen(result.detail) < 300);
    for (const char *c = result.detail; *c; c++) {
        assert_in_range(*c, 0x20, 0x7e);
    }
}

static void a_ban_is_recognised(void **state)
{
    assert_reply(*state, user_id,
                 (reply_t){200, "\r\n <!DOCTYPE html><html>", DT_ANSWER_FINAL, DT_WHY_BANNED,
                           "getbyunionid: HTTP 200, HTML"});
    assert_reply(*state, me, (reply_t){403, "<html>", DT_ANSWER_FINAL, DT_WHY_BANNED, NULL});
    assert_reply(*state, me,
                 (reply_t){200,
                           "{\"status\":1111,\"wait\":5,\"source\":\"x5\",\"punish\":\"deny\"}",
                           DT_ANSWER_FINAL, DT_WHY_BANNED, NULL});
}

static void a_gateway_without_words_means_that_dingtalk_is_down(void **state)
{
    static const char *const bodies[] = {"",
                                         "<html>502 Bad Gateway</html>",
                                         "oops",
                                         "{}",
                                         "[]",
                                         "{\"message\":\"x\"}",
                                         "{\"errcode\":0}",
                                         NULL};

    assert_replies(*state, user_id, bodies,
                   (reply_t){.status = 502, .answer = DT_ANSWER_FINAL, .why = DT_WHY_DOWN});
}

static void a_redirect_is_never_followed_nor_believed(void **state)
{
    static const char *const bodies[] = {
        "",
        "<html>",
        "{\"errcode\":60121}",
        "{\"unionId\":\"u\"}",
        "{\"errcode\":0,\"result\":{\"userid\":\"z\",\"contact_type\":0}}",
        NULL};

    assert_replies(*state, user_id, bodies, unintelligible(302));
    assert_replies(*state, me, bodies, unintelligible(302));
}

static void success_is_believed_only_with_status_200(void **state)
{
    static const int statuses[] = {0, 100, 199, 400, 404};
    static const char *const bodies[] = {"{\"unionId\":\"u\"}", NULL};

    for (apr_size_t i = 0; i < ROWS(statuses); i++) {
        assert_replies(*state, me, bodies, unintelligible(statuses[i]));
    }
}

static void what_is_no_json_cannot_be_understood(void **state)
{
    static const char *const bodies[] = {"", "ok", "[]", "{\"unionId\":\"u\"", "null", NULL};
    reply_t expected = unintelligible(200);

    expected.detail = "users/me: HTTP 200, not JSON";
    assert_replies(*state, me, bodies, expected);
}

static void the_old_style_must_say_that_it_succeeded(void **state)
{
    static const char *const bodies[] = {
        "{\"result\":{\"userid\":\"z\",\"contact_type\":0}}",
        "{\"errcode\":null,\"result\":{\"userid\":\"z\",\"contact_type\":0}}",
        "{\"errcode\":false,\"result\":{\"userid\":\"z\",\"contact_type\":0}}", NULL};

    assert_replies(*state, user_id, bodies, unintelligible(200));
}

static void too_many_calls_are_recognised_without_words(void **state)
{
    static const char *const bodies[] = {"slow down", "{}", NULL};

    assert_replies(*state, me, bodies,
                   (reply_t){.status = 429, .answer = DT_ANSWER_FINAL, .why = DT_WHY_RATE_LIMITED});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(success_is_handed_on),
        WITH_CALL(each_old_code_has_its_reason),
        WITH_CALL(eighty_eight_without_sub_code_is_busy),
        WITH_CALL(each_new_code_has_its_reason),
        WITH_CALL(a_spent_user_token_starts_again),
        WITH_CALL(without_an_app_token_there_is_nothing_to_renew),
        WITH_CALL(a_missing_permission_is_named),
        WITH_CALL(an_address_that_is_not_allowed_is_named),
        WITH_CALL(foreign_texts_are_cut_and_cleaned_for_the_log),
        WITH_CALL(a_ban_is_recognised),
        WITH_CALL(a_gateway_without_words_means_that_dingtalk_is_down),
        WITH_CALL(a_redirect_is_never_followed_nor_believed),
        WITH_CALL(success_is_believed_only_with_status_200),
        WITH_CALL(what_is_no_json_cannot_be_understood),
        WITH_CALL(the_old_style_must_say_that_it_succeeded),
        WITH_CALL(too_many_calls_are_recognised_without_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
