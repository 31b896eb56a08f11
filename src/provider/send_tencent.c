/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for Tencent Cloud: SMS 2021-01-11, SendSms, signed by TC3-HMAC-SHA256. */
#include "core/bytes.h"
#include "core/gateway.h"
#include "core/sms_sign.h"
#include "provider/send.h"

#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>

#define CONTENT_TYPE "application/json; charset=utf-8"

/* Appends the values in order, all as strings; false when one is not UTF-8. */
static bool add_params(const dt_cloud_t *cloud, apr_pool_t *pool, const dt_message_t *message,
                       json_t *list)
{
    const char *values[DT_SEND_VALUES];

    dt_send_values(message, values);
    for (int i = 0; i < cloud->params->nelts; i++) {
        const dt_send_param_t *param = &APR_ARRAY_IDX(cloud->params, i, dt_send_param_t);
        const char *value = dt_template_fill(pool, param->value, DT_ESCAPE_NONE, values);

        if (json_array_append_new(list, json_string(value)) != 0) {
            return false;
        }
    }
    return true;
}

/* The body as it is signed and sent, byte for byte; NULL when something is not UTF-8. */
static const char *write_body(const dt_cloud_t *cloud, apr_pool_t *pool,
                              const dt_message_t *message)
{
    const int where = dt_send_where(message);
    json_t *body = json_pack("{s:[s],s:s,s:s,s:s,s:[],s:s}", "PhoneNumberSet", message->phone,
                             "SmsSdkAppId", cloud->config.app, "SignName",
                             cloud->config.sign[where], "TemplateId", cloud->config.template[where],
                             "TemplateParamSet", "SessionContext", message->id);
    bool written = add_params(cloud, pool, message, json_object_get(body, "TemplateParamSet"));
    char *text = written ? json_dumps(body, JSON_COMPACT) : NULL;
    const char *copy = text ? apr_pstrdup(pool, text) : NULL;

    free(text);
    json_decref(body);
    return copy;
}

/* NULL, or what is in the way. */
static const char *write_request(const dt_cloud_t *cloud, const dt_call_t *call,
                                 const dt_message_t *message, dt_http_request_t *request)
{
    apr_pool_t *pool = call->pool;
    const dt_http_header_t headers[] = {{"content-type", CONTENT_TYPE},
                                        {"host", cloud->base.host},
                                        {NULL, NULL}};
    dt_to_sign_t signed_part = {cloud->base.path, "", headers, {NULL, 0}};
    const char *authorization;

    signed_part.body = dt_slice(write_body(cloud, pool, message));
    if (!signed_part.body.data) {
        return "DingTalkSenderSign, DingTalkSenderTemplate, DingTalkSenderApp or "
               "DingTalkSenderParam is not UTF-8";
    }
    authorization =
        dt_sign_tc3(pool, cloud->config.key, cloud->config.secret, "sms", call->now, &signed_part);
    if (!authorization) {
        return "it could not be signed";
    }
    *request = (dt_http_request_t){.method = "POST", .body = signed_part.body};
    request->url = apr_pstrcat(pool, cloud->base.origin, cloud->base.path, NULL);
    dt_send_header(request, "Content-Type", CONTENT_TYPE);
    dt_send_header(request, "X-TC-Action", "SendSms");
    dt_send_header(request, "X-TC-Version", "2021-01-11");
    dt_send_header(request, "X-TC-Region", cloud->config.region);
    dt_send_header(request, "X-TC-Timestamp",
                   apr_psprintf(pool, "%" APR_TIME_T_FMT, apr_time_sec(call->now)));
    dt_send_header(request, "Authorization", authorization);
    return NULL;
}

static const dt_cloud_kind_t kind = {
    .url = "https://sms.tencentcloudapi.com",
    .usual = {NULL, "%{code}"},
    .write = write_request,
    .judge = dt_gateway_tencent,
};

const char *dt_send_tencent_create(apr_pool_t *pconf, const dt_sender_config_t *config,
                                   const dt_http_t *http, const dt_sender_t **sender)
{
    const dt_send_need_t app = {config->app, "DingTalkSenderApp: is missing; it is the SdkAppId"};
    dt_cloud_t *cloud;
    const char *wrong = dt_cloud_create(pconf, &kind, config, http, &cloud);

    cloud->config.region = config->region ? config->region : "ap-guangzhou";
    *sender = &cloud->sender;
    return wrong ? wrong : dt_send_missing(&app, 1);
}
