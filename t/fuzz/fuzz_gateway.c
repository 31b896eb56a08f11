/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of gateways: the first byte picks the gateway, the second the status, the rest is the
 * body; for a gateway judged by a condition, that stands in front of the body, up to a NUL. */
#include "core/bytes.h"
#include "core/gateway.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_uuid.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* One short line of ASCII, and no digits of a stranger's but in a UUID. */
static void check_detail(const char *detail)
{
    static const char head[] = "sms: HTTP 200";
    const char *request = strstr(detail, ", request ");
    apr_uuid_t uuid;

    must(strncmp(detail, head, strlen("sms: HTTP ")) == 0 && strlen(detail) < 200);
    for (const char *c = detail; *c; c++) {
        must(*c >= 0x20 && *c < 0x7f);
        must(*c < '0' || *c > '9' || c < detail + strlen(head) || (request && c > request));
    }
    must(!request || apr_uuid_parse(&uuid, request + strlen(", request ")) == APR_SUCCESS);
}

static void check_cloud(const dt_call_t *call, bool aliyun, const dt_http_response_t *response)
{
    const char *detail = NULL;
    dt_sent_t sent = aliyun ? dt_gateway_aliyun(call, "sms", response, &detail)
                            : dt_gateway_tencent(call, "sms", response, &detail);

    check_detail(detail);
    must(sent != DT_SENT || (response->status >= 200 && response->status < 300));
    must(response->status < 500 || sent == DT_SENT_UNKNOWN);
    if (sent == DT_SENT) {
        must(strstr(detail, aliyun ? "code OK" : "code Ok") != NULL);
    }
}

static void check_other(const dt_call_t *call, dt_http_response_t *response)
{
    const char *text = response->body.data;
    const apr_size_t len = strlen(text);
    dt_condition_t *condition;
    const char *wrong = dt_condition_parse(call->pool, text, &condition);
    const char *detail = NULL;
    const char *word;
    dt_sent_t sent;

    must(!wrong || *wrong);
    if (wrong || len == response->body.len) {
        return;
    }
    response->body.data += len + 1;
    response->body.len -= len + 1;
    sent = dt_gateway_other(call, "sms", condition, response, &detail);
    must(strncmp(detail, "sms: HTTP ", 10) == 0);
    must((dt_condition_check(condition, call->pool, response, &word) == DT_FAILED_NOT) ==
         (sent == DT_SENT));
    must(response->status < 500 || sent == DT_SENT || sent == DT_SENT_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_call_t call = {.now = apr_time_from_sec(1700000000), .host = "a.example"};
    dt_http_response_t response = {0};

    if (size < 2) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    response.status = data[1] < 128 ? 200 : (data[1] - 128) * 5;
    response.body.len = size - 2;
    response.body.data = apr_pstrmemdup(call.pool, (const char *)data + 2, size - 2);
    if (data[0] % 3 == 2) {
        check_other(&call, &response);
    }
    else {
        check_cloud(&call, data[0] % 3 == 0, &response);
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
