/* SPDX-License-Identifier: Apache-2.0 */
/* The gateways a code can go through: what each is configured with, and how it is made. */
#ifndef DT_PROVIDER_SENDER_H
#define DT_PROVIDER_SENDER_H

#include "core/ports.h"

/** One more name and template: a parameter (name NULL where only the order counts), a header. */
typedef struct dt_sender_pair_t {
    const char *name;
    const char *value;
} dt_sender_pair_t;

/**
 * A <DingTalkSender> section, as written. Texts that are not given are NULL. [0] is for mainland
 * numbers, [1] for all others; [1] NULL: this sender serves mainland numbers only.
 */
typedef struct dt_sender_config_t {
    const char *name;    /* of the section */
    const char *key;     /* aliyun, tencent */
    const char *secret;  /* NULL while httpd -t checks: then only what is written is judged */
    const char *sign[2]; /* [1] falls back to [0] when template[1] is given */
    const char *template[2];
    const dt_sender_pair_t *params; /* up to a NULL value; NULL: the default of the type */
    const char *app;                /* tencent */
    const char *region;             /* tencent */
    const char *url; /* http: required, a template; aliyun, tencent: a base URL, NULL: public */
    const dt_sender_pair_t *headers; /* http; up to a NULL value */
    const char *content_type;        /* http; with body; NULL both: GET */
    const char *body;                /* http */
    const char *ok;                  /* http: DingTalkSenderOK; NULL: status=200-299 */
} dt_sender_config_t;

/**
 * Make a sender, while the configuration is read. config's texts live as long as pconf.
 * @param http may be NULL while httpd -t checks; the sender is then not to be used
 * @return NULL, or what is wrong, beginning with the directive's name
 */
typedef const char *dt_sender_create_t(apr_pool_t *pconf, const dt_sender_config_t *config,
                                       const dt_http_t *http, const dt_sender_t **sender);

dt_sender_create_t dt_send_aliyun_create;  /* Dysmsapi 2017-05-25, SendSms; ACS3-HMAC-SHA256 */
dt_sender_create_t dt_send_tencent_create; /* SMS 2021-01-11, SendSms; TC3-HMAC-SHA256 */

/**
 * Any other gateway. Templates know %{phone} %{country} %{national} %{code} %{minutes} %{id}
 * %{secret}; in headers also %{time}, in seconds since 1970, and %{signature}, the HMAC-SHA256 of
 * "time.body" with the secret as key, in lower-case hex. ok is a condition as in
 * core/condition.h. A sender that knows %{national} but neither %{phone} nor %{country} serves
 * mainland numbers only.
 */
dt_sender_create_t dt_send_http_create;

#endif
