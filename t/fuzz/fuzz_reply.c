/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's replies: the first byte picks the call, the second the status, the rest is body. */
#include "core/answer.h"
#include "core/wire.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the reply was read into. */
typedef struct outputs_t {
    const char *token;
    const char *corp_id;
    const char *id;
    int contact_type;
    apr_interval_time_t lifetime;
    dt_member_t member;
    const char *const *events;
    bool more;
} outputs_t;

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void must_be_id(const char *id)
{
    must(id && *id && strlen(id) <= 256);
    for (; *id; id++) {
        must((unsigned char)*id >= 0x20 && *id != 0x7f);
    }
}

static void must_be_token(const char *token)
{
    must(token && *token && strlen(token) <= DT_TOKEN_MAX);
    for (; *token; token++) {
        must(*token > 0x20 && *token < 0x7f);
    }
}

static void must_be_member(const dt_member_t *member)
{
    must_be_id(member->user_id);
    for (const char *const *name = dt_member_attributes; *name; name++) {
        const char *value = dt_member_attribute(member, *name);
        must(!value || *value);
    }
    if (member->union_id) {
        must_be_id(member->union_id);
    }
    if (member->mobile) {
        size_t digits = strspn(member->mobile + 1, "0123456789");
        must(member->mobile[0] == '+' && member->mobile[1] != '0');
        must(digits >= 2 && digits <= 15 && !member->mobile[digits + 1]);
    }
    if (member->dept_ids) {
        must(!member->dept_ids[strspn(member->dept_ids, "-,0123456789")]);
    }
}

/* A record that was remembered is the one that was read. */
static void must_be_remembered(apr_pool_t *pool, const dt_member_t *member)
{
    const char *text = dt_member_text(pool, member);
    dt_member_t again;

    must(dt_member_read(pool, text, &again) == APR_SUCCESS);
    must(strcmp(dt_member_text(pool, &again), text) == 0);
    must(again.active == member->active && again.disabled == member->disabled);
}

/* JSON, each on its own, so that it can be kept and read by whoever works it off. */
static void must_be_events(const char *const *events, bool more)
{
    must(events && (*events || !more));
    for (; *events; events++) {
        json_t *event = json_loads(*events, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        must(event != NULL);
        json_decref(event);
    }
}

static dt_answer_t read_reply(const dt_call_t *call, dt_asked_t asked,
                              const dt_http_response_t *response, outputs_t *out,
                              dt_result_t *result)
{
    switch (asked) {
    case DT_ASKED_USER_TOKEN:
        return dt_wire_user_token_reply(call, response, &out->token, &out->corp_id, result);
    case DT_ASKED_ME:
        return dt_wire_me_reply(call, response, &out->id, result);
    case DT_ASKED_APP_TOKEN:
        return dt_wire_app_token_reply(call, response, &out->token, &out->lifetime, result);
    case DT_ASKED_USER_ID:
        return dt_wire_user_id_reply(call, response, &out->id, &out->contact_type, result);
    case DT_ASKED_MEMBER:
        return dt_wire_member_reply(call, response, &out->member, result);
    case DT_ASKED_FAILED_EVENTS:
    case DT_ASKED_CALLS:
        break;
    }
    return dt_wire_failed_events_reply(call, response, &out->events, &out->more, result);
}

static void check_outputs(const dt_call_t *call, dt_asked_t asked, const outputs_t *out)
{
    switch (asked) {
    case DT_ASKED_USER_TOKEN:
        must_be_token(out->token);
        if (out->corp_id) {
            must_be_id(out->corp_id);
        }
        break;
    case DT_ASKED_ME:
        must_be_id(out->id);
        break;
    case DT_ASKED_APP_TOKEN:
        must_be_token(out->token);
        must(out->lifetime > 0 && out->lifetime <= apr_time_from_sec(24 * 3600));
        break;
    case DT_ASKED_USER_ID:
        must_be_id(out->id);
        must(out->contact_type >= 0);
        break;
    case DT_ASKED_MEMBER:
        must_be_member(&out->member);
        must_be_remembered(call->pool, &out->member);
        break;
    case DT_ASKED_FAILED_EVENTS:
        must_be_events(out->events, out->more);
        break;
    case DT_ASKED_CALLS:
        break;
    }
}

/* A reply that was not taken says why in one line of ASCII. */
static void check_refusal(dt_asked_t asked, dt_answer_t answer, const dt_result_t *result)
{
    must(result->what != DT_SIGNED_IN && result->detail && strlen(result->detail) < 400);
    must(strncmp(result->detail, dt_asked_name(asked), strlen(dt_asked_name(asked))) == 0);
    for (const char *c = result->detail; *c; c++) {
        must(*c >= 0x20 && *c < 0x7f);
    }
    must(answer != DT_ANSWER_RENEW || dt_asked_with_app_token(asked));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const outputs_t untouched;
    dt_call_t call = {.now = apr_time_from_sec(1700000000), .host = "a.example"};
    dt_http_response_t response = {0};
    dt_result_t result;
    dt_asked_t asked;
    dt_answer_t answer;
    outputs_t out;

    if (size < 2) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    memset(&out, 0, sizeof(out));
    asked = (dt_asked_t)(data[0] % DT_ASKED_CALLS);
    response.status = data[1] < 128 ? 200 : (data[1] - 128) * 5;
    response.body.len = size - 2;
    response.body.data = apr_pstrmemdup(call.pool, (const char *)data + 2, size - 2);
    answer = read_reply(&call, asked, &response, &out, &result);
    if (answer == DT_ANSWER_OK) {
        must(response.status >= 200 && response.status < 300);
        check_outputs(&call, asked, &out);
    }
    else {
        must(memcmp(&out, &untouched, sizeof(out)) == 0);
        check_refusal(asked, answer, &result);
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
