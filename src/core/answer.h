/* SPDX-License-Identifier: Apache-2.0 */
/* What a reply of DingTalk amounts to, in both of its error styles. */
#ifndef DT_CORE_ANSWER_H
#define DT_CORE_ANSWER_H

#include "core/dt.h"
#include "core/ports.h"
#include "core/wire.h"

#include <jansson.h>

/** True when the call carries the app token, which can be renewed. */
bool dt_asked_with_app_token(dt_asked_t asked);

/**
 * Judge a reply: transport, ban, errors of the new style ("code") and of the old ("errcode", where
 * 88 stands for its "sub_code").
 * @param object on DT_ANSWER_OK the parsed reply: json_decref it in the function that asked
 * @param result on every other answer: why, with call, status, code and request id in its detail
 */
dt_answer_t dt_answer(const dt_call_t *call, dt_asked_t asked, const dt_http_response_t *response,
                      json_t **object, dt_result_t *result);

/**
 * The verdict on a reply that claims success and is not of the promised shape.
 * @param lacks what is missing or odd, e.g. "userid"
 */
dt_answer_t dt_answer_odd(const dt_call_t *call, dt_asked_t asked,
                          const dt_http_response_t *response, json_t *object, const char *lacks,
                          dt_result_t *result);

#endif
