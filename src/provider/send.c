/* SPDX-License-Identifier: Apache-2.0 */
/* What all senders have in common: values, addresses, parameters. */
#include "provider/send.h"

#include "core/gateway.h"
#include "core/phone.h"
#include "core/url.h"

#include <apr_strings.h>
#include <string.h>

static const char *const names[] = {DT_SEND_NAMES, NULL};

void dt_send_values(const dt_message_t *message, const char *values[DT_SEND_VALUES])
{
    values[DT_SEND_PHONE] = message->phone;
    values[DT_SEND_COUNTRY] = message->country;
    values[DT_SEND_NATIONAL] = message->national;
    values[DT_SEND_CODE] = message->code;
    values[DT_SEND_MINUTES] = message->minutes;
    values[DT_SEND_ID] = message->id;
}

int dt_send_where(const dt_message_t *message)
{
    return strcmp(message->country, DT_PHONE_COUNTRY) == 0 ? 0 : 1;
}

const char *dt_send_base(apr_pool_t *pool, const char *url, dt_send_base_t *base)
{
    dt_origin_t origin;
    const char *path;
    const char *must = dt_url_origin(pool, url, &origin, &path);

    if (!must && !origin.https && !origin.loopback) {
        must = "an https URL: http is for 127.0.0.0/8, [::1] and localhost only";
    }
    if (must) {
        return apr_pstrcat(pool, "DingTalkSenderURL: must be ", must, NULL);
    }
    base->origin = origin.text;
    base->host = strstr(origin.text, "://") + 3;
    base->path = apr_pstrcat(pool, path, "/", NULL);
    return NULL;
}

const char *dt_send_missing(const dt_send_need_t *needs, int count)
{
    for (int i = 0; i < count; i++) {
        if (!needs[i].given || !*needs[i].given) {
            return needs[i].missing;
        }
    }
    return NULL;
}

void dt_send_header(dt_http_request_t *request, const char *name, const char *value)
{
    dt_http_header_t *header = request->headers;

    while (header->name) {
        header++;
    }
    *header = (dt_http_header_t){name, value};
}

/* --- clouds --- */

static dt_sent_t send_by_cloud(void *self, const dt_call_t *call, const dt_message_t *message,
                               const char **detail)
{
    const dt_cloud_t *cloud = self;
    const char *name = cloud->config.name;
    const char *wrong = "has no DingTalkSenderTemplate for numbers outside of the mainland";
    dt_http_request_t request;
    dt_http_response_t response;

    if (cloud->config.template[dt_send_where(message)]) {
        wrong = cloud->kind->write(cloud, call, message, &request);
    }
    if (wrong) {
        *detail = apr_pstrcat(call->pool, name, ": ", wrong, NULL);
        return DT_SENT_TROUBLE;
    }
    if (cloud->http->perform(cloud->http->plug.self, call, &request, &response) != APR_SUCCESS) {
        return dt_gateway_silent(call, name, &response, detail);
    }
    return cloud->kind->judge(call, name, &response, detail);
}

/* Reads DingTalkSenderParam. */
static const char *read_params(apr_pool_t *pconf, const dt_sender_pair_t *params,
                               apr_array_header_t **made)
{
    *made = apr_array_make(pconf, 2, sizeof(dt_send_param_t));
    for (; params->value; params++) {
        dt_template_t *value;
        const char *wrong = dt_template_parse(pconf, params->value, names, &value);

        if (wrong) {
            return apr_pstrcat(pconf, "DingTalkSenderParam: ", wrong, NULL);
        }
        APR_ARRAY_PUSH(*made, dt_send_param_t) = (dt_send_param_t){params->name, value};
    }
    return NULL;
}

const char *dt_cloud_create(apr_pool_t *pconf, const dt_cloud_kind_t *kind,
                            const dt_sender_config_t *config, const dt_http_t *http,
                            dt_cloud_t **made)
{
    const dt_sender_pair_t usual[] = {kind->usual, {NULL, NULL}};
    const dt_send_need_t needs[] = {
        {config->key, "DingTalkSenderKey: is missing; it is the id of the access key"},
        {http ? config->secret : "not needed to check",
         "DingTalkSenderSecret: is missing; it is the secret of the access key"},
        {config->sign[0], "DingTalkSenderSign: is missing; it is the text of the approved "
                          "signature"},
        {config->template[0], "DingTalkSenderTemplate: is missing; it is the code of the approved "
                              "template"},
    };
    const char *wrong = dt_send_missing(needs, 4);
    dt_cloud_t *cloud = apr_pcalloc(pconf, sizeof(*cloud));

    cloud->sender = (dt_sender_t){{config->name, cloud, NULL}, send_by_cloud};
    cloud->kind = kind;
    cloud->config = *config;
    cloud->config.sign[1] = config->sign[1] ? config->sign[1] : config->sign[0];
    cloud->http = http;
    *made = cloud;
    if (!wrong) {
        wrong = read_params(pconf, config->params ? config->params : usual, &cloud->params);
    }
    if (!wrong) {
        wrong = dt_send_base(pconf, config->url ? config->url : kind->url, &cloud->base);
    }
    return wrong;
}
