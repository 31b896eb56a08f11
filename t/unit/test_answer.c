/* SPDX-License-Identifier: Apache-2.0 */
/* What a reply amounts to: each code, each status, and what stands in the log. */
#include "core/answer.h"
#include "core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

static int setup(void **state)
{
    apr_pool_t *pool;
    dt_call_t *call;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    call = apr_pcalloc(pool, sizeof(*call));
    call->pool = pool;
    call->now = apr_time_from_sec(1700000000);
    call->host = "intra.example.com";
    *state = call;
    return 0;
}

static int teardown(void **state)
{
    apr_pool_destroy(((dt_call_t *)*state)->pool);
    apr_terminate();
    return 0;
}

static dt_answer_t answer_to(dt_call_t *call, dt_asked_t asked, int status, const char *body,
                             dt_result_t *result)
{
    dt_http_response_t response = {.status = status, .body = dt_slice(body)};
    json_t *object;
    dt_answer_t answer = dt_answer(call, asked, &response, &object, result);

    assert_int_equal(object != NULL, answer == DT_ANSWER_OK);
    json_decref(object);
    return answer;
}

/* Of a call in the old style, with the app token. */
static dt_answer_t user_id_answer(dt_call_t *call, int status, const char *body,
                                  dt_result_t *result)
{
    return answer_to(call, DT_ASKED_USER_ID, status, body, result);
}

/* Of a call in the new style, with a user token. */
static dt_answer_t me_answer(dt_call_t *call, int status, const char *body, dt_result_t *result)
{
    return answer_to(call, DT_ASKED_ME, status, body, result);
}

static void assert_why(const dt_result_t *result, dt_why_id_t id)
{
    assert_string_equal(result->why->name, dt_whys[id].name);
    assert_int_equal(result->what, dt_whys[id].what);
}

static void success_is_handed_on(void **state)
{
    dt_result_t result;

    assert_int_equal(user_id_answer(*state, 200, "{\"errcode\":0}", &result), DT_ANSWER_OK);
    assert_int_equal(user_id_answer(*state, 200, "{\"errcode\":\"0\"}", &result), DT_ANSWER_OK);
    assert_int_equal(me_answer(*state, 200, "{}", &result), DT_ANSWER_OK);
    assert_int_equal(me_answer(*state, 200, "{\"errcode\":0}", &result), DT_ANSWER_OK);
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

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *detail =
            apr_psprintf(call->pool, "getbyunionid: HTTP 200, code %d, request r1", rows[i].code);
        for (apr_size_t form = 0; form < sizeof(before) / sizeof(before[0]); form++) {
            const char *body = apr_psprintf(call->pool, "%s%d%s,\"request_id\":\"r1\"}",
                                            before[form], rows[i].code, after[form]);
            dt_result_t result;
            assert_int_equal(user_id_answer(call, 200, body, &result), rows[i].answer);
            assert_why(&result, rows[i].why);
            assert_string_equal(result.detail, detail);
        }
    }
}

static void eighty_eight_without_sub_code_is_busy(void **state)
{
    static const char *const replies[] = {"{\"errcode\":88}", "{\"errcode\":88,\"sub_code\":\"\"}",
                                          "{\"errcode\":\"88\",\"sub_code\":null}", NULL};
    dt_result_t result;

    for (const char *const *body = replies; *body; body++) {
        assert_int_equal(user_id_answer(*state, 200, *body, &result), DT_ANSWER_RETRY);
        assert_why(&result, DT_WHY_BUSY);
    }
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

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dt_result_t result;
        const char *body =
            apr_psprintf(call->pool, "{\"Code\":\"%s\",\"RequestId\":\"R-1\"}", rows[i].code);
        assert_int_equal(user_id_answer(call, rows[i].status, body, &result), rows[i].answer);
        assert_why(&result, rows[i].why);
        assert_string_equal(result.detail, apr_psprintf(call->pool,
                                                        "getbyunionid: HTTP %d, code %s, "
                                                        "request R-1",
                                                        rows[i].status, rows[i].code));
    }
}

static void a_spent_user_token_starts_again(void **state)
{
    dt_result_t result;

    assert_int_equal(me_answer(*state, 400, "{\"code\":\"InvalidAuthentication\"}", &result),
                     DT_ANSWER_FINAL);
    assert_why(&result, DT_WHY_CODE_SPENT);
    assert_int_equal(me_answer(*state, 400, "{\"code\":\"accesstoken.expired\"}", &result),
                     DT_ANSWER_FINAL);
    assert_why(&result, DT_WHY_CODE_SPENT);
}

static void without_an_app_token_there_is_nothing_to_renew(void **state)
{
    dt_result_t result;

    assert_int_equal(answer_to(*state, DT_ASKED_APP_TOKEN, 200, "{\"errcode\":40001}", &result),
                     DT_ANSWER_FINAL);
    assert_why(&result, DT_WHY_APP_CREDENTIALS);
}

static void a_missing_permission_is_named(void **state)
{
    dt_result_t result;

    (void)user_id_answer(*state, 200,
                         "{\"errcode\":88,\"sub_code\":\"60011\",\"sub_msg\":\"\xe5\xba\x94"
                         "[qyapi_get_member]x\",\"request_id\":\"16l4ew3d47pdp\"}",
                         &result);
    assert_string_equal(result.detail, "getbyunionid: HTTP 200, code 60011, permission "
                                       "qyapi_get_member, request 16l4ew3d47pdp");
    (void)me_answer(*state, 403,
                    "{\"code\":\"Forbidden.AccessDenied.AccessTokenPermissionDenied\","
                    "\"requestid\":\"8197\",\"AccessDeniedDetail\":{\"requiredScopes\":"
                    "[\"Contact.User.Read\",\"b\\nc\",7]}}",
                    &result);
    assert_string_equal(result.detail,
                        "users/me: HTTP 403, code Forbidden.AccessDenied."
                        "AccessTokenPermissionDenied, permission Contact.User.Read b?c, "
                        "request 8197");
}

static void an_address_that_is_not_allowed_is_named(void **state)
{
    dt_result_t result;

    (void)user_id_answer(*state, 200,
                         "{\"errcode\":88,\"sub_code\":60020,\"sub_msg\":\"IP request "
                         "ip=203.0.113.9,appKey(x)\"}",
                         &result);
    assert_string_equal(result.detail, "getbyunionid: HTTP 200, code 60020, address 203.0.113.9");
    (void)me_answer(*state, 403,
                    "{\"code\":\"Forbidden.AccessDenied.IpNotInWhiteList\","
                    "\"message\":\"request ip=2001:db8::1 denied\"}",
                    &result);
    assert_string_equal(result.detail, "users/me: HTTP 403, code Forbidden.AccessDenied."
                                       "IpNotInWhiteList, address 2001:db8::1");
}

static void foreign_texts_are_cut_and_cleaned_for_the_log(void **state)
{
    dt_call_t *call = *state;
    char *longer = apr_pcalloc(call->pool, 5001);
    dt_result_t result;

    memset(longer, 'x', 5000);
    (void)user_id_answer(call, 400,
                         apr_psprintf(call->pool,
                                      "{\"code\":\"a\\r\\n\xe4\xb8\xad\\u001b%s\","
                                      "\"requestid\":\"%s\"}",
                                      longer, longer),
                         &result);
    assert_true(strlen(result.detail) < 300);
    for (const char *c = result.detail; *c; c++) {
        assert_in_range(*c, 0x20, 0x7e);
    }
}

static void a_ban_is_recognised(void **state)
{
    dt_result_t result;

    assert_int_equal(user_id_answer(*state, 200, "\r\n <!DOCTYPE html><html>", &result),
                     DT_ANSWER_FINAL);
    assert_why(&result, DT_WHY_BANNED);
    assert_string_equal(result.detail, "getbyunionid: HTTP 200, HTML");
    (void)me_answer(*state, 403, "<html>", &result);
    assert_why(&result, DT_WHY_BANNED);
    (void)me_answer(*state, 200,
                    "{\"status\":1111,\"wait\":5,\"source\":\"x5\",\"punish\":\"deny\"}", &result);
    assert_why(&result, DT_WHY_BANNED);
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
    dt_result_t result;

    for (const char *const *body = bodies; *body; body++) {
        assert_int_equal(user_id_answer(*state, 502, *body, &result), DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_DOWN);
    }
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
    dt_result_t result;

    for (const char *const *body = bodies; *body; body++) {
        assert_int_equal(user_id_answer(*state, 302, *body, &result), DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_UNINTELLIGIBLE);
        assert_int_equal(me_answer(*state, 302, *body, &result), DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_UNINTELLIGIBLE);
    }
}

static void success_is_believed_only_with_status_200(void **state)
{
    static const int statuses[] = {0, 100, 199, 400, 404};
    dt_result_t result;

    for (apr_size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        assert_int_equal(me_answer(*state, statuses[i], "{\"unionId\":\"u\"}", &result),
                         DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_UNINTELLIGIBLE);
    }
}

static void what_is_no_json_cannot_be_understood(void **state)
{
    static const char *const bodies[] = {"", "ok", "[]", "{\"unionId\":\"u\"", "null", NULL};
    dt_result_t result;

    for (const char *const *body = bodies; *body; body++) {
        assert_int_equal(me_answer(*state, 200, *body, &result), DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_UNINTELLIGIBLE);
    }
    assert_string_equal(result.detail, "users/me: HTTP 200, not JSON");
}

static void the_old_style_must_say_that_it_succeeded(void **state)
{
    static const char *const bodies[] = {
        "{\"result\":{\"userid\":\"z\",\"contact_type\":0}}",
        "{\"errcode\":null,\"result\":{\"userid\":\"z\",\"contact_type\":0}}",
        "{\"errcode\":false,\"result\":{\"userid\":\"z\",\"contact_type\":0}}", NULL};
    dt_result_t result;

    for (const char *const *body = bodies; *body; body++) {
        assert_int_equal(user_id_answer(*state, 200, *body, &result), DT_ANSWER_FINAL);
        assert_why(&result, DT_WHY_UNINTELLIGIBLE);
    }
}

static void too_many_calls_are_recognised_without_words(void **state)
{
    dt_result_t result;

    (void)me_answer(*state, 429, "slow down", &result);
    assert_why(&result, DT_WHY_RATE_LIMITED);
    (void)me_answer(*state, 429, "{}", &result);
    assert_why(&result, DT_WHY_RATE_LIMITED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_handed_on),
        cmocka_unit_test(each_old_code_has_its_reason),
        cmocka_unit_test(eighty_eight_without_sub_code_is_busy),
        cmocka_unit_test(each_new_code_has_its_reason),
        cmocka_unit_test(a_spent_user_token_starts_again),
        cmocka_unit_test(without_an_app_token_there_is_nothing_to_renew),
        cmocka_unit_test(a_missing_permission_is_named),
        cmocka_unit_test(an_address_that_is_not_allowed_is_named),
        cmocka_unit_test(foreign_texts_are_cut_and_cleaned_for_the_log),
        cmocka_unit_test(a_ban_is_recognised),
        cmocka_unit_test(a_gateway_without_words_means_that_dingtalk_is_down),
        cmocka_unit_test(a_redirect_is_never_followed_nor_believed),
        cmocka_unit_test(success_is_believed_only_with_status_200),
        cmocka_unit_test(what_is_no_json_cannot_be_understood),
        cmocka_unit_test(the_old_style_must_say_that_it_succeeded),
        cmocka_unit_test(too_many_calls_are_recognised_without_words),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
