/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for Alibaba Cloud: Dysmsapi 2017-05-25, SendSms, signed by ACS3-HMAC-SHA256. */
#include "core/bytes.h"
#include "core/digest.h"
#include "core/gateway.h"
#include "core/sms_sign.h"
#include "provider/send.h"

#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>

#define NONCE_SIZE 16 /* random bytes */

/* The values of the template's variables: all are strings, numbers would be refused. NULL when one
 * is not UTF-8. */
static const char *template_param(const dt_cloud_t *cloud, apr_pool_t *pool,
                                  const dt_message_t *message)
{
    const char *values[DT_SEND_VALUES];
    json_t *object = json_object();
    bool written = object != NULL;
    char *text;
    const char *copy;

    dt_send_values(message, values);
    for (int i = 0; i < cloud->params->nelts; i++) {
        const dt_send_param_t *param = &APR_ARRAY_IDX(cloud->params, i, dt_send_param_t);
        const char *value = dt_template_fill(pool, param->value, DT_ESCAPE_NONE, values);

        written = written && !json_object_set_new(object, param->name, json_string(value));
    }
    text = written ? json_dumps(object, JSON_COMPACT) : NULL;
    copy = text ? apr_pstrdup(pool, text) : NULL;
    free(text);
    json_decref(object);
    return copy;
}

static const char *escape(apr_pool_t *pool, const char *text)
{
    return dt_percent(pool, dt_slice(text));
}

/* The names stand in byte order, as the signature wants them. */
static const char *write_query(const dt_cloud_t *cloud, apr_pool_t *pool,
                               const dt_message_t *message)
{
    const int where = dt_send_where(message);
    const char *param = template_param(cloud, pool, message);
    /* A mainland number goes bare, any other with its country code and without the plus. */
    const char *number = where == 0 ? message->national
                                    : apr_pstrcat(pool, message->country, message->national, NULL);

    if (!param) {
        return NULL;
    }
    return apr_pstrcat(pool, "OutId=", escape(pool, message->id),
                       "&PhoneNumbers=", escape(pool, number),
                       "&SignName=", escape(pool, cloud->config.sign[where]),
                       "&TemplateCode=", escape(pool, cloud->config.template[where]),
                       "&TemplateParam=", escape(pool, param), NULL);
}

static const char *utc(apr_pool_t *pool, apr_time_t time)
{
    apr_time_exp_t parts;

    apr_time_exp_gmt(&parts, time);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/* An empty POST: everything is in the query. NULL, or what is in the way. */
static const char *write_request(const dt_cloud_t *cloud, const dt_call_t *call,
                                 const dt_message_t *message, dt_http_request_t *request)
{
    apr_pool_t *pool = call->pool;
    unsigned char nonce[NONCE_SIZE];
    const char *query = write_query(cloud, pool, message);
    const char *authorization;

    if (!query) {
        return "DingTalkSenderParam is not UTF-8";
    }
    if (dt_random(nonce, sizeof(nonce)) != APR_SUCCESS) {
        return "no randomness";
    }
    const dt_http_header_t headers[] = {
        {"host", cloud->base.host},
        {"x-acs-action", "SendSms"},
        {"x-acs-content-sha256", dt_sha256_hex(pool, dt_slice(NULL))},
        {"x-acs-date", utc(pool, call->now)},
        {"x-acs-signature-nonce", dt_hex(pool, nonce, sizeof(nonce))},
        {"x-acs-version", "2017-05-25"},
        {NULL, NULL},
    };
    const dt_to_sign_t signed_part = {cloud->base.path, query, headers, dt_slice(NULL)};

    authorization = dt_sign_acs3(pool, cloud->config.key, cloud->config.secret, &signed_part);
    if (!authorization) {
        return "it could not be signed";
    }
    *request = (dt_http_request_t){.method = "POST"};
    request->url = apr_pstrcat(pool, cloud->base.origin, cloud->base.path, "?", query, NULL);
    for (const dt_http_header_t *header = headers + 1; header->name; header++) {
        dt_send_header(request, header->name, header->value);
    }
    dt_send_header(request, "Accept", "application/json");
    dt_send_header(request, "Authorization", authorization);
    dt_send_header(request, "Content-Type", ""); /* one that is sent would have to be signed */
    return NULL;
}

/* Each value belongs to a variable of the template. */
static const char *check_names(const apr_array_header_t *params)
{
    for (int i = 0; i < params->nelts; i++) {
        const char *name = APR_ARRAY_IDX(params, i, dt_send_param_t).name;
        if (!name || !*name) {
            return "DingTalkSenderParam: must be name=value for aliyun, such as code=%{code}";
        }
    }
    return NULL;
}

static const dt_cloud_kind_t kind = {
    .url = "https://dysmsapi.aliyuncs.com",
    .usual = {"code", "%{code}"},
    .write = write_request,
    .judge = dt_gateway_aliyun,
};

const char *dt_send_aliyun_create(apr_pool_t *pconf, const dt_sender_config_t *config,
                                  const dt_http_t *http, const dt_sender_t **sender)
{
    dt_cloud_t *cloud;
    const char *wrong = dt_cloud_create(pconf, &kind, config, http, &cloud);

    *sender = &cloud->sender;
    return wrong ? wrong : check_names(cloud->params);
}
