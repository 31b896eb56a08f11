/* SPDX-License-Identifier: Apache-2.0 */
/* What all senders have in common. */
#ifndef DT_PROVIDER_SEND_H
#define DT_PROVIDER_SEND_H

#include "core/template.h"
#include "provider/sender.h"

#include <apr_tables.h>

/** The values of a message that templates know, and their names in the same order. */
enum {
    DT_SEND_PHONE,
    DT_SEND_COUNTRY,
    DT_SEND_NATIONAL,
    DT_SEND_CODE,
    DT_SEND_MINUTES,
    DT_SEND_ID,
    DT_SEND_VALUES
};
#define DT_SEND_NAMES "phone", "country", "national", "code", "minutes", "id"

void dt_send_values(const dt_message_t *message, const char *values[DT_SEND_VALUES]);

/** Index of sign and template for the number of message. */
int dt_send_where(const dt_message_t *message);

/** A base URL: https, or http to this machine. */
typedef struct dt_send_base_t {
    const char *origin; /* scheme://host[:port] */
    const char *host;   /* host[:port], as curl writes the Host header */
    const char *path;   /* begins and ends with a slash */
} dt_send_base_t;

/** Take a base URL apart. NULL, or what is wrong, beginning with DingTalkSenderURL. */
const char *dt_send_base(apr_pool_t *pool, const char *url, dt_send_base_t *base);

/** A parameter of a gateway's template. */
typedef struct dt_send_param_t {
    const char *name; /* NULL where only the order counts */
    const dt_template_t *value;
} dt_send_param_t;

/** Something a sender cannot do without. */
typedef struct dt_send_need_t {
    const char *given;
    const char *missing; /* what to say when there is none */
} dt_send_need_t;

/** What to say of the first of these that is NULL or empty; NULL when all are there. */
const char *dt_send_missing(const dt_send_need_t *needs, int count);

/** A gateway of a cloud: one template of theirs, with variables of ours. */
typedef struct dt_cloud_t {
    dt_sender_t sender;
    const struct dt_cloud_kind_t *kind;
    dt_sender_config_t config; /* sign[1] and what has a default are filled in */
    dt_send_base_t base;
    apr_array_header_t *params; /* of dt_send_param_t */
    const dt_http_t *http;
} dt_cloud_t;

/** What one cloud does in its own way. */
typedef struct dt_cloud_kind_t {
    const char *url;        /* where it is, unless said otherwise */
    dt_sender_pair_t usual; /* the parameter, unless said otherwise */
    /** Write and sign a request. NULL, or what is in the way. */
    const char *(*write)(const dt_cloud_t *cloud, const dt_call_t *call,
                         const dt_message_t *message, dt_http_request_t *request);
    dt_sent_t (*judge)(const dt_call_t *call, const char *sender,
                       const dt_http_response_t *response, const char **detail);
} dt_cloud_kind_t;

/** Make the sender of a cloud; as dt_sender_create_t. */
const char *dt_cloud_create(apr_pool_t *pconf, const dt_cloud_kind_t *kind,
                            const dt_sender_config_t *config, const dt_http_t *http,
                            dt_cloud_t **made);

/** Add a header; a request has room for DT_HTTP_HEADERS. */
void dt_send_header(dt_http_request_t *request, const char *name, const char *value);

#endif
