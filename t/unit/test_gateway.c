/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of gateways: accepted, or whose fault it is, and what the log may say. */
#include "core/bytes.h"
#include "core/gateway.h"
#include "unit.h"

#define UUID "F655A8D5-B967-440B-8683-DAD6FF8DE990"

typedef dt_sent_t judge_t(const dt_call_t *call, const char *sender,
                          const dt_http_response_t *response, const char **detail);

static dt_sent_t judged(judge_t *judge, const dt_call_t *call, int status, const char *body,
                        const char **detail)
{
    const dt_http_response_t response = {.status = status, .body = dt_slice(body)};

    return judge(call, "sms", &response, detail);
}

/* A provider's code, and what it amounts to. */
typedef struct code_t {
    const char *code;
    dt_sent_t sent;
} code_t;

static void check_codes(judge_t *judge, const dt_call_t *call, const char *format, int status,
                        const code_t *codes, size_t count)
{
    const char *sign = strstr(format, "CODE");

    for (size_t i = 0; i < count; i++) {
        const char *body = apr_pstrcat(call->pool,
                                       apr_pstrmemdup(call->pool, format, (size_t)(sign - format)),
                                       codes[i].code, sign + strlen("CODE"), NULL);
        const char *detail = NULL;

        assert_row_int(codes[i].code, judged(judge, call, status, body, &detail), codes[i].sent);
        assert_row_true(codes[i].code, strstr(detail, codes[i].code) != NULL);
    }
}

/* --- aliyun --- */

static const code_t aliyun_codes[] = {
    {"OK", DT_SENT},
    {"Ok", DT_SENT_ADMIN},
    {"isv.MOBILE_NUMBER_ILLEGAL", DT_SENT_PHONE},
    {"isv.BUSINESS_LIMIT_CONTROL", DT_SENT_OFTEN},
    {"isv.DAY_LIMIT_CONTROL", DT_SENT_ADMIN},
    {"isv.MONTH_LIMIT_CONTROL", DT_SENT_ADMIN},
    {"isv.AMOUNT_NOT_ENOUGH", DT_SENT_ADMIN},
    {"isv.OUT_OF_SERVICE", DT_SENT_ADMIN},
    {"isv.SMS_SIGNATURE_ILLEGAL", DT_SENT_ADMIN},
    {"isv.SMS_TEMPLATE_ILLEGAL", DT_SENT_ADMIN},
    {"isv.TEMPLATE_MISSING_PARAMETERS", DT_SENT_ADMIN},
    {"isv.INVALID_JSON_PARAM", DT_SENT_ADMIN},
    {"isv.DENY_IP_RANGE", DT_SENT_ADMIN},
    {"isv.DOMESTIC_NUMBER_NOT_SUPPORTED", DT_SENT_ADMIN},
    {"isp.RAM_PERMISSION_DENY", DT_SENT_ADMIN},
    {"isp.SYSTEM_ERROR", DT_SENT_UNKNOWN},
    {"something.NEW", DT_SENT_ADMIN},
};

static void aliyun_tells_whose_fault_it_is(void **state)
{
    check_codes(dt_gateway_aliyun, *state, "{\"Code\":\"CODE\",\"RequestId\":\"x\"}", 200,
                aliyun_codes, ROWS(aliyun_codes));
}

static void aliyun_refuses_at_its_gate_with_4xx(void **state)
{
    static const code_t codes[] = {
        {"SignatureDoesNotMatch", DT_SENT_ADMIN},       {"InvalidTimeStamp.Expired", DT_SENT_ADMIN},
        {"InvalidAccessKeyId.NotFound", DT_SENT_ADMIN}, {"SignatureNonceUsed", DT_SENT_UNKNOWN},
        {"Throttling.User", DT_SENT_TROUBLE},           {"OK", DT_SENT_ADMIN},
    };

    check_codes(dt_gateway_aliyun, *state, "{\"code\":\"CODE\",\"requestId\":\"x\"}", 400, codes,
                ROWS(codes));
}

/* --- tencent --- */

static const code_t tencent_codes[] = {
    {"Ok", DT_SENT},
    {"OK", DT_SENT_ADMIN},
    {"LimitExceeded.PhoneNumberThirtySecondLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberOneHourLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberDailyLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberSameContentDailyLimit", DT_SENT_OFTEN},
    {"LimitExceeded.DeliveryFrequencyLimit", DT_SENT_OFTEN},
    {"LimitExceeded.AppDailyLimit", DT_SENT_ADMIN},
    {"LimitExceeded.DailyLimit", DT_SENT_ADMIN},
    {"LimitExceeded.PhoneNumberCountLimit", DT_SENT_ADMIN},
    {"InvalidParameterValue.IncorrectPhoneNumber", DT_SENT_PHONE},
    {"FailedOperation.PhoneNumberInBlacklist", DT_SENT_PHONE},
    {"InvalidParameterValue.TemplateParameterFormatError", DT_SENT_ADMIN},
    {"FailedOperation.SignatureIncorrectOrUnapproved", DT_SENT_ADMIN},
    {"FailedOperation.InsufficientBalanceInSmsPackage", DT_SENT_ADMIN},
    {"UnauthorizedOperation.SerivceSuspendDueToArrears", DT_SENT_ADMIN},
    {"UnsupportedOperation.UnsuportedRegion", DT_SENT_ADMIN},
    {"AuthFailure.SignatureExpire", DT_SENT_ADMIN},
    {"AuthFailure.SecretIdNotFound", DT_SENT_ADMIN},
    {"InternalError.RequestTimeException", DT_SENT_ADMIN},
    {"InternalError.Timeout", DT_SENT_UNKNOWN},
    {"InternalError.SendAndRecvFail", DT_SENT_UNKNOWN},
    {"InternalError", DT_SENT_UNKNOWN},
    {"RequestLimitExceeded", DT_SENT_TROUBLE},
    {"RequestLimitExceeded.UinLimitExceeded", DT_SENT_TROUBLE},
    {"Something.New", DT_SENT_ADMIN},
};

static void tencent_tells_of_a_number_whose_fault_it_is(void **state)
{
    check_codes(dt_gateway_tencent, *state,
                "{\"Response\":{\"SendStatusSet\":[{\"Code\":\"CODE\"}],\"RequestId\":\"x\"}}", 200,
                tencent_codes, ROWS(tencent_codes));
}

static void tencent_tells_of_a_call_whose_fault_it_is(void **state)
{
    /* The first row would be a success of a number: as an error it is none. */
    check_codes(dt_gateway_tencent, *state,
                "{\"Response\":{\"Error\":{\"Code\":\"CODE\"},\"RequestId\":\"x\"}}", 200,
                tencent_codes + 1, ROWS(tencent_codes) - 1);
}

static void an_error_of_tencent_s_is_never_a_success(void **state)
{
    const char *detail;

    assert_int_equal(judged(dt_gateway_tencent, *state, 200,
                            "{\"Response\":{\"Error\":{\"Code\":\"Ok\"}}}", &detail),
                     DT_SENT_ADMIN);
    assert_int_equal(judged(dt_gateway_tencent, *state, 200,
                            "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure\"},"
                            "\"SendStatusSet\":[{\"Code\":\"Ok\"}]}}",
                            &detail),
                     DT_SENT_ADMIN);
}

/* --- both --- */

static void what_is_not_understood_may_have_been_sent(void **state)
{
    static const struct {
        int status;
        const char *body;
        dt_sent_t sent;
    } rows[] = {
        {200, "", DT_SENT_UNKNOWN},
        {200, "<html>", DT_SENT_UNKNOWN},
        {200, "{}", DT_SENT_UNKNOWN},
        {200, "[]", DT_SENT_UNKNOWN},
        {200, "{\"Code\":null,\"Response\":null}", DT_SENT_UNKNOWN},
        {200, "{\"Response\":{\"SendStatusSet\":[]}}", DT_SENT_UNKNOWN},
        {200, "{\"Response\":{\"SendStatusSet\":[{}],\"Error\":null}}", DT_SENT_UNKNOWN},
        {302, "{\"Code\":\"isv.X\",\"Response\":{\"Error\":{\"Code\":\"X\"}}}", DT_SENT_UNKNOWN},
        {500, "{\"Code\":\"isv.X\",\"Response\":{\"Error\":{\"Code\":\"X\"}}}", DT_SENT_UNKNOWN},
        {503, "{\"Code\":\"OK\"}", DT_SENT_UNKNOWN},
        {404, "<html>", DT_SENT_ADMIN},
        {413, "", DT_SENT_ADMIN},
    };
    const char *detail;

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_int(rows[i].body,
                       judged(dt_gateway_aliyun, *state, rows[i].status, rows[i].body, &detail),
                       rows[i].sent);
        assert_row_int(rows[i].body,
                       judged(dt_gateway_tencent, *state, rows[i].status, rows[i].body, &detail),
                       rows[i].sent);
    }
}

static void the_log_has_status_code_and_request(void **state)
{
    const char *detail;

    (void)judged(dt_gateway_aliyun, *state, 200,
                 "{\"Code\":\"isv.OUT_OF_SERVICE\",\"RequestId\":\"" UUID "\"}", &detail);
    assert_string_equal(detail, "sms: HTTP 200, code isv.OUT_OF_SERVICE, request " UUID);
    (void)judged(dt_gateway_tencent, *state, 200,
                 "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure\"},\"RequestId\":\"" UUID "\"}}",
                 &detail);
    assert_string_equal(detail, "sms: HTTP 200, code AuthFailure, request " UUID);
    (void)judged(dt_gateway_aliyun, *state, 502, "<html>", &detail);
    assert_string_equal(detail, "sms: HTTP 502, no code");
}

static void what_a_gateway_repeats_is_not_in_the_log(void **state)
{
    const char *detail;

    (void)judged(dt_gateway_aliyun, *state, 200,
                 "{\"Code\":\"isv.BAD 13800138000\\n123456\",\"RequestId\":\"13800138000\","
                 "\"Message\":\"123456 to 13800138000\"}",
                 &detail);
    assert_string_equal(detail, "sms: HTTP 200, code isv.BAD???????????????????");
}

/* --- any other --- */

static void a_condition_that_fails_is_a_no_or_not_known(void **state)
{
    static const struct {
        const char *condition;
        int status;
        const char *body;
        dt_sent_t sent;
        const char *detail;
    } rows[] = {
        {"status=200-299", 200, "{}", DT_SENT, "sms: HTTP 200"},
        {"status=200-299", 404, "13800138000", DT_SENT_ADMIN,
         "sms: HTTP 404, DingTalkSenderOK status=200-299 does not hold"},
        {"status=200-299", 500, "13800138000", DT_SENT_UNKNOWN,
         "sms: HTTP 500, DingTalkSenderOK status=200-299 does not hold"},
        {"status=200-299", 302, "", DT_SENT_UNKNOWN,
         "sms: HTTP 302, DingTalkSenderOK status=200-299 does not hold"},
        {"status=200", 202, "", DT_SENT_UNKNOWN,
         "sms: HTTP 202, DingTalkSenderOK status=200 does not hold"},
        {"body:/code=0", 200, "{\"code\":\"13800138000\"}", DT_SENT_ADMIN,
         "sms: HTTP 200, DingTalkSenderOK body:/code does not hold"},
        {"body:/code=0", 500, "{\"code\":1}", DT_SENT_UNKNOWN,
         "sms: HTTP 500, DingTalkSenderOK body:/code does not hold"},
        {"body:/code=0", 200, "<html>", DT_SENT_UNKNOWN,
         "sms: HTTP 200, DingTalkSenderOK body:/code needs JSON"},
        {"body:/code=0", 403, "<html>", DT_SENT_ADMIN,
         "sms: HTTP 403, DingTalkSenderOK body:/code needs JSON"},
        {"body=0", 200, "30", DT_SENT_ADMIN, "sms: HTTP 200, DingTalkSenderOK body does not hold"},
    };
    const dt_call_t *call = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        const dt_http_response_t response = {.status = rows[i].status,
                                             .body = dt_slice(rows[i].body)};
        dt_condition_t *condition;
        const char *detail;

        assert_null(dt_condition_parse(call->pool, rows[i].condition, &condition));
        assert_row_int(rows[i].detail, dt_gateway_other(call, "sms", condition, &response, &detail),
                       rows[i].sent);
        assert_string_equal(detail, rows[i].detail);
    }
}

/* --- no reply --- */

static void without_a_reply_it_counts_whether_anything_left(void **state)
{
    dt_http_response_t response = {.trouble = "no connection", .unsent = true};
    const char *detail;

    assert_int_equal(dt_gateway_silent(*state, "sms", &response, &detail), DT_SENT_TROUBLE);
    assert_string_equal(detail, "sms: no connection");
    response = (dt_http_response_t){.trouble = "no complete reply in time"};
    assert_int_equal(dt_gateway_silent(*state, "sms", &response, &detail), DT_SENT_UNKNOWN);
    assert_string_equal(detail, "sms: no complete reply in time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(aliyun_tells_whose_fault_it_is),
        WITH_CALL(aliyun_refuses_at_its_gate_with_4xx),
        WITH_CALL(tencent_tells_of_a_number_whose_fault_it_is),
        WITH_CALL(tencent_tells_of_a_call_whose_fault_it_is),
        WITH_CALL(an_error_of_tencent_s_is_never_a_success),
        WITH_CALL(what_is_not_understood_may_have_been_sent),
        WITH_CALL(the_log_has_status_code_and_request),
        WITH_CALL(what_a_gateway_repeats_is_not_in_the_log),
        WITH_CALL(a_condition_that_fails_is_a_no_or_not_known),
        WITH_CALL(without_a_reply_it_counts_whether_anything_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
