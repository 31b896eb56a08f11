/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's error codes, one table for each of its two styles. */
#include "core/answer.h"

#include "core/bytes.h"
#include "core/json.h"

#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define SHOWN_MAX 100 /* bytes of one text of DingTalk's in a log line */

/* --- the calls --- */

typedef struct ask_t {
    const char *name;
    bool old_style; /* on oapi.dingtalk.com: success says errcode 0 */
    bool app_token;
} ask_t;

static const ask_t asks[DT_ASKED_CALLS] = {
    [DT_ASKED_USER_TOKEN] = {"userAccessToken", false, false},
    [DT_ASKED_ME] = {"users/me", false, false},
    [DT_ASKED_APP_TOKEN] = {"accessToken", false, false},
    [DT_ASKED_USER_ID] = {"getbyunionid", true, true},
    [DT_ASKED_MEMBER] = {"v2/user/get", true, true},
    [DT_ASKED_FAILED_EVENTS] = {"get_call_back_failed_result", true, true},
};

const char *dt_asked_name(dt_asked_t asked)
{
    return asks[asked].name;
}

bool dt_asked_with_app_token(dt_asked_t asked)
{
    return asks[asked].app_token;
}

/* --- the codes --- */

typedef struct rule_t {
    const char *code; /* new style: a pattern, for DingTalk puts groups in front of its codes */
    dt_why_id_t why;
    dt_answer_t answer;
    int least; /* the HTTP status from which on this row counts */
} rule_t;

static const rule_t old_rules[] = {
    {"-1", DT_WHY_BUSY, DT_ANSWER_RETRY, 0},
    {"15", DT_WHY_BUSY, DT_ANSWER_RETRY, 0},
    {"88", DT_WHY_BUSY, DT_ANSWER_RETRY, 0}, /* without sub_code: its own token check timed out */
    {"33001", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"33012", DT_WHY_STRANGER, DT_ANSWER_FINAL, 0},
    {"40000", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"40001", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"40014", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"40029", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"40078", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"40079", DT_WHY_APP_UNAUTHORIZED, DT_ANSWER_FINAL, 0},
    {"40089", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"40096", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"40102", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"41001", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"42001", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"42003", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"42008", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"43007", DT_WHY_APP_PERMISSION, DT_ANSWER_FINAL, 0},
    {"50002", DT_WHY_OUT_OF_SCOPE, DT_ANSWER_FINAL, 0},
    {"50003", DT_WHY_APP_STOPPED, DT_ANSWER_FINAL, 0},
    {"50005", DT_WHY_APP_STOPPED, DT_ANSWER_FINAL, 0},
    {"52010", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"60011", DT_WHY_APP_PERMISSION, DT_ANSWER_FINAL, 0},
    {"60020", DT_WHY_APP_ADDRESS, DT_ANSWER_FINAL, 0},
    {"60111", DT_WHY_STRANGER, DT_ANSWER_FINAL, 0},
    {"60120", DT_WHY_DISABLED, DT_ANSWER_FINAL, 0},
    {"60121", DT_WHY_STRANGER, DT_ANSWER_FINAL, 0},
    {"70001", DT_WHY_APP_STOPPED, DT_ANSWER_FINAL, 0},
    {"9000[1-9]", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL, 0},
    {"9001[0-8]", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL, 0},
    {"90020", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL, 0},
    {NULL, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL, 0},
};

static const rule_t new_rules[] = {
    {"InvalidAuthentication", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"accesstoken.expired", DT_WHY_APP_CREDENTIALS, DT_ANSWER_RENEW, 0},
    {"*authCode.notFound", DT_WHY_CODE_SPENT, DT_ANSWER_FINAL, 0},
    {"*user.notFound", DT_WHY_STRANGER, DT_ANSWER_FINAL, 0},
    {"*AccessTokenPermissionDenied", DT_WHY_APP_PERMISSION, DT_ANSWER_FINAL, 0},
    {"*IpNotInWhiteList", DT_WHY_APP_ADDRESS, DT_ANSWER_FINAL, 0},
    {"invalidClientIdOrSecret", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"invalid.client", DT_WHY_APP_CREDENTIALS, DT_ANSWER_FINAL, 0},
    {"unauthorized.client", DT_WHY_APP_UNAUTHORIZED, DT_ANSWER_FINAL, 0},
    {"permission.deny", DT_WHY_NO_CONSENT, DT_ANSWER_FINAL, 0},
    {"*Qp[sm]*", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL, 0},
    {"*ApiCountLimit*", DT_WHY_RATE_LIMITED, DT_ANSWER_FINAL, 0},
    {"systemBusy", DT_WHY_BUSY, DT_ANSWER_RETRY, 0},
    {"serviceBusy", DT_WHY_BUSY, DT_ANSWER_RETRY, 0},
    {"unknownError", DT_WHY_BUSY, DT_ANSWER_RETRY, 500},
    {NULL, DT_WHY_DINGTALK_ERROR, DT_ANSWER_FINAL, 0},
};

static bool fits(const rule_t *rule, const char *code, int status)
{
    return status >= rule->least &&
           apr_fnmatch(rule->code, code, APR_FNM_CASE_BLIND) == APR_SUCCESS;
}

static rule_t rule_for(dt_asked_t asked, bool old_style, const char *code, int status)
{
    const rule_t *rule = old_style ? old_rules : new_rules;
    rule_t found;

    while (rule->code && !fits(rule, code, status)) {
        rule++;
    }
    found = *rule;
    if (status == 429) {
        found.why = DT_WHY_RATE_LIMITED;
        found.answer = DT_ANSWER_FINAL;
    }
    if (found.answer == DT_ANSWER_RENEW && !asks[asked].app_token) {
        /* No token of ours was sent: with a user token, that one is over. */
        found.answer = DT_ANSWER_FINAL;
        found.why = asked == DT_ASKED_ME ? DT_WHY_CODE_SPENT : found.why;
    }
    return found;
}

/* --- what the log says --- */

/* A text member of object, fit for a log line; NULL when there is none. */
static const char *shown(apr_pool_t *pool, json_t *object, const char *name)
{
    const char *text = dt_json_text(pool, object, name);

    return text ? dt_loggable(pool, dt_slice(text), SHOWN_MAX) : NULL;
}

/* The permissions that were missing: a list in the new style, in brackets in the old. */
static const char *permissions(apr_pool_t *pool, json_t *object)
{
    json_t *list = dt_json_get(dt_json_get(object, "accessdenieddetail"), "requiredScopes");
    const char *text = dt_json_text(pool, object, "sub_msg");
    const char *start = text ? strchr(text, '[') : NULL;
    const char *joined = "";
    json_t *scope;
    apr_size_t i;

    if (start) {
        return dt_loggable(pool, (dt_slice_t){start + 1, strcspn(start + 1, "]")}, SHOWN_MAX);
    }
    json_array_foreach(list, i, scope) {
        if (json_is_string(scope) && strlen(joined) < SHOWN_MAX) {
            joined = apr_pstrcat(pool, joined, *joined ? " " : "", json_string_value(scope), NULL);
        }
    }
    return *joined ? dt_loggable(pool, dt_slice(joined), SHOWN_MAX) : NULL;
}

/* The address that DingTalk saw, when a text of its reply has "request ip=ADDRESS". */
static const char *request_ip(apr_pool_t *pool, json_t *object)
{
    static const char mark[] = "request ip=";
    static const char *const names[] = {"sub_msg", "errmsg", "message", NULL};

    for (const char *const *name = names; *name; name++) {
        const char *text = dt_json_text(pool, object, *name);
        const char *at = text ? strstr(text, mark) : NULL;
        if (at) {
            at += sizeof(mark) - 1;
            return dt_loggable(pool, (dt_slice_t){at, strspn(at, "0123456789abcdefABCDEF.:")},
                               SHOWN_MAX);
        }
    }
    return NULL;
}

/* "call: HTTP 200, what, request id"; object may be NULL. */
static const char *detail(apr_pool_t *pool, dt_asked_t asked, int status, const char *what,
                          json_t *object)
{
    const char *id = object ? shown(pool, object, "request_id") : NULL;

    if (object && !id) {
        id = shown(pool, object, "requestid");
    }
    return apr_psprintf(pool, "%s: HTTP %d, %s%s%s", asks[asked].name, status, what,
                        id ? ", request " : "", id ? id : "");
}

/* --- judging --- */

static dt_answer_t verdict(const dt_call_t *call, dt_asked_t asked, int status, json_t *object,
                           dt_why_id_t why, const char *what, dt_result_t *result)
{
    *result = dt_result(why, detail(call->pool, asked, status, what, object));
    return DT_ANSWER_FINAL;
}

/* DingTalk's own code says no. */
static dt_answer_t refused(const dt_call_t *call, dt_asked_t asked, int status, json_t *object,
                           bool old_style, const char *code, dt_result_t *result)
{
    rule_t rule = rule_for(asked, old_style, code, status);
    const char *what =
        apr_psprintf(call->pool, "code %s", dt_loggable(call->pool, dt_slice(code), SHOWN_MAX));
    const char *more = NULL;

    if (rule.why == DT_WHY_APP_PERMISSION) {
        more = permissions(call->pool, object);
        what = more ? apr_pstrcat(call->pool, what, ", permission ", more, NULL) : what;
    }
    else if (rule.why == DT_WHY_APP_ADDRESS) {
        more = request_ip(call->pool, object);
        what = more ? apr_pstrcat(call->pool, what, ", address ", more, NULL) : what;
    }
    (void)verdict(call, asked, status, object, rule.why, what, result);
    return rule.answer;
}

/* What the HTTP status alone says, when DingTalk gives no code of its own. */
static dt_why_id_t why_of_status(int status)
{
    if (status == 429) {
        return DT_WHY_RATE_LIMITED;
    }
    return status >= 500 ? DT_WHY_DOWN : DT_WHY_UNINTELLIGIBLE;
}

/* A reply that is not a JSON object. */
static dt_answer_t no_json(const dt_call_t *call, dt_asked_t asked,
                           const dt_http_response_t *response, dt_result_t *result)
{
    dt_slice_t body = response->body;
    dt_why_id_t why = why_of_status(response->status);
    bool html;

    while (body.len > 0 && apr_isspace(*body.data)) {
        body.data++;
        body.len--;
    }
    html = body.len > 0 && *body.data == '<';
    /* An HTML page with 5xx comes from a gateway in between, one with 3xx from a captive portal. */
    if (html && why == DT_WHY_UNINTELLIGIBLE &&
        (response->status < 300 || response->status >= 400)) {
        why = DT_WHY_BANNED;
    }
    return verdict(call, asked, response->status, NULL, why, html ? "HTML" : "not JSON", result);
}

static dt_answer_t judge(const dt_call_t *call, dt_asked_t asked,
                         const dt_http_response_t *response, json_t *object, dt_result_t *result)
{
    int status = response->status;
    bool old_style = dt_json_get(object, "errcode") != NULL;
    const char *code = dt_json_text(call->pool, object, old_style ? "errcode" : "code");

    if (!old_style && dt_json_number(object, "status", 0) == 1111) {
        return verdict(call, asked, status, object, DT_WHY_BANNED, "status 1111", result);
    }
    if (status >= 300 && status < 400) {
        return verdict(call, asked, status, object, DT_WHY_UNINTELLIGIBLE, "a redirect", result);
    }
    if (code && old_style && strcmp(code, "88") == 0) {
        const char *sub = dt_json_text(call->pool, object, "sub_code");
        code = sub ? sub : code;
    }
    if (code && !(old_style && strcmp(code, "0") == 0)) {
        return refused(call, asked, status, object, old_style, code, result);
    }
    if (status < 200 || status >= 300) {
        return verdict(call, asked, status, object, why_of_status(status), "no code", result);
    }
    if (!code && (old_style || asks[asked].old_style)) {
        return verdict(call, asked, status, object, DT_WHY_UNINTELLIGIBLE, "no code", result);
    }
    return DT_ANSWER_OK;
}

dt_answer_t dt_answer(const dt_call_t *call, dt_asked_t asked, const dt_http_response_t *response,
                      json_t **object, dt_result_t *result)
{
    json_t *parsed = dt_json_parse(response->body);
    dt_answer_t answer;

    *object = NULL;
    if (!parsed) {
        return no_json(call, asked, response, result);
    }
    answer = judge(call, asked, response, parsed, result);
    if (answer == DT_ANSWER_OK) {
        *object = parsed;
    }
    else {
        json_decref(parsed);
    }
    return answer;
}

dt_answer_t dt_answer_odd(const dt_call_t *call, dt_asked_t asked,
                          const dt_http_response_t *response, json_t *object, const char *lacks,
                          dt_result_t *result)
{
    return verdict(call, asked, response->status, object, DT_WHY_UNINTELLIGIBLE,
                   apr_pstrcat(call->pool, "no usable ", lacks, NULL), result);
}
