/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway's reply says about the message that was handed to it. */
#ifndef DT_CORE_GATEWAY_H
#define DT_CORE_GATEWAY_H

#include "core/condition.h"
#include "core/ports.h"

/**
 * Each judges one reply: accepted, or whose fault it is that it was not, by the gateway's own code;
 * a code that is not known is the administrator's. A reply with HTTP status 5xx, or without
 * anything we understand, is DT_SENT_UNKNOWN.
 * @param sender its name, for detail
 * @param detail for the log: sender, status, the gateway's code and request id, cleaned of whatever
 *               could be a number or a verification code
 */
dt_sent_t dt_gateway_aliyun(const dt_call_t *call, const char *sender,
                            const dt_http_response_t *response, const char **detail);
dt_sent_t dt_gateway_tencent(const dt_call_t *call, const char *sender,
                             const dt_http_response_t *response, const char **detail);

/**
 * Any other gateway's: accepted when the condition holds. When it does not, 4xx and a body that
 * says something else are a definite no. detail has nothing of the reply but its status.
 */
dt_sent_t dt_gateway_other(const dt_call_t *call, const char *sender,
                           const dt_condition_t *condition, const dt_http_response_t *response,
                           const char **detail);

/** There was no reply: DT_SENT_TROUBLE when surely nothing was sent, else DT_SENT_UNKNOWN. */
dt_sent_t dt_gateway_silent(const dt_call_t *call, const char *sender,
                            const dt_http_response_t *response, const char **detail);

#endif
