/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of gateways, judged by one table for each provider's codes. */
#include "core/gateway.h"

#include "core/bytes.h"
#include "core/json.h"

#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uuid.h>
#include <string.h>

#define CODE_MAX 80 /* bytes of a gateway's code in a log line */

/* --- the codes --- */

typedef struct rule_t {
    const char *code; /* a pattern; the first that fits counts; NULL: any other */
    dt_sent_t sent;
} rule_t;

/* What is not here is the administrator's: balance, signature, template, rights, address, caps. */
static const rule_t aliyun_rules[] = {
    {"isv.MOBILE_NUMBER_ILLEGAL", DT_SENT_PHONE},
    {"isv.BUSINESS_LIMIT_CONTROL", DT_SENT_OFTEN},
    {"Throttling*", DT_SENT_TROUBLE},
    {"isp.SYSTEM_ERROR", DT_SENT_UNKNOWN},
    {"*InternalError", DT_SENT_UNKNOWN},
    {"SignatureNonceUsed", DT_SENT_UNKNOWN}, /* the same request was there before */
    {NULL, DT_SENT_ADMIN},
};

static const rule_t tencent_rules[] = {
    {"InvalidParameterValue.IncorrectPhoneNumber", DT_SENT_PHONE},
    {"FailedOperation.PhoneNumberInBlacklist", DT_SENT_PHONE},
    {"LimitExceeded.PhoneNumberThirtySecondLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberOneHourLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberDailyLimit", DT_SENT_OFTEN},
    {"LimitExceeded.PhoneNumberSameContentDailyLimit", DT_SENT_OFTEN},
    {"LimitExceeded.DeliveryFrequencyLimit", DT_SENT_OFTEN},
    {"RequestLimitExceeded*", DT_SENT_TROUBLE},
    {"InternalError.RequestTimeException", DT_SENT_ADMIN}, /* our clock is wrong */
    {"InternalError*", DT_SENT_UNKNOWN},
    {NULL, DT_SENT_ADMIN},
};

static dt_sent_t look_up(const rule_t *rule, const char *code)
{
    while (rule->code && apr_fnmatch(rule->code, code, 0) != APR_SUCCESS) {
        rule++;
    }
    return rule->sent;
}

/* --- what the log says --- */

/* Codes have no digits: any could be of a number or of a verification code. */
static const char *clean_code(apr_pool_t *pool, const char *code)
{
    char *clean = dt_loggable(pool, dt_slice(code), CODE_MAX);

    for (char *c = clean; *c; c++) {
        if (!apr_isalpha(*c) && *c != '.' && *c != '_') {
            *c = '?';
        }
    }
    return clean;
}

/* Both providers' ids of requests are UUIDs; nothing else is shown. */
static const char *clean_id(const char *id)
{
    apr_uuid_t uuid;

    return id && strlen(id) == APR_UUID_FORMATTED_LENGTH && apr_uuid_parse(&uuid, id) == APR_SUCCESS
               ? id
               : NULL;
}

static const char *describe(apr_pool_t *pool, const char *sender, int status, const char *code,
                            const char *id)
{
    id = clean_id(id);
    return apr_pstrcat(pool, sender, ": HTTP ", apr_itoa(pool, status), code ? ", code " : "",
                       code ? clean_code(pool, code) : ", no code", id ? ", request " : "",
                       id ? id : "", NULL);
}

/* --- judging --- */

/* What status and the provider's code, or NULL, amount to. success is compared with case. */
static dt_sent_t judge(const rule_t *rules, int status, const char *code, const char *success)
{
    if (status >= 400 && status < 500) {
        return code && strcmp(code, success) != 0 ? look_up(rules, code) : DT_SENT_ADMIN;
    }
    if (!code || status < 200 || status >= 300) {
        return DT_SENT_UNKNOWN;
    }
    return strcmp(code, success) == 0 ? DT_SENT : look_up(rules, code);
}

dt_sent_t dt_gateway_aliyun(const dt_call_t *call, const char *sender,
                            const dt_http_response_t *response, const char **detail)
{
    json_t *object = dt_json_parse(response->body);
    const char *code = dt_json_text(call->pool, object, "Code");
    const char *id = dt_json_text(call->pool, object, "RequestId");

    json_decref(object);
    *detail = describe(call->pool, sender, response->status, code, id);
    return judge(aliyun_rules, response->status, code, "OK");
}

/* An error stands for the whole call; without one there is the status of the one message. */
dt_sent_t dt_gateway_tencent(const dt_call_t *call, const char *sender,
                             const dt_http_response_t *response, const char **detail)
{
    json_t *object = dt_json_parse(response->body);
    json_t *reply = dt_json_get(object, "Response");
    json_t *error = dt_json_get(reply, "Error");
    const bool failed = json_is_object(error);
    json_t *about = failed ? error : json_array_get(dt_json_get(reply, "SendStatusSet"), 0);
    const char *code = dt_json_text(call->pool, about, "Code");
    const char *id = dt_json_text(call->pool, reply, "RequestId");

    json_decref(object);
    *detail = describe(call->pool, sender, response->status, code, id);
    return judge(tencent_rules, response->status, code, failed ? "" : "Ok");
}

dt_sent_t dt_gateway_other(const dt_call_t *call, const char *sender,
                           const dt_condition_t *condition, const dt_http_response_t *response,
                           const char **detail)
{
    const int status = response->status;
    const char *word;
    const dt_failed_t failed = dt_condition_check(condition, call->pool, response, &word);

    *detail = apr_psprintf(call->pool, "%s: HTTP %d", sender, status);
    if (failed == DT_FAILED_NOT) {
        return DT_SENT;
    }
    *detail = apr_pstrcat(call->pool, *detail, ", DingTalkSenderOK ",
                          dt_loggable(call->pool, dt_slice(word), CODE_MAX),
                          failed == DT_FAILED_SHAPE ? " needs JSON" : " does not hold", NULL);
    if (status >= 400 && status < 500) {
        return DT_SENT_ADMIN;
    }
    return failed == DT_FAILED_BODY && status < 500 ? DT_SENT_ADMIN : DT_SENT_UNKNOWN;
}

dt_sent_t dt_gateway_silent(const dt_call_t *call, const char *sender,
                            const dt_http_response_t *response, const char **detail)
{
    *detail = apr_pstrcat(call->pool, sender, ": ",
                          response->trouble ? response->trouble : "no reply", NULL);
    return response->unsent ? DT_SENT_TROUBLE : DT_SENT_UNKNOWN;
}
