/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding a reader the replies of DingTalk, and comparing what it makes of them. */
#ifndef DT_UNIT_REPLIES_H
#define DT_UNIT_REPLIES_H

#include "core/bytes.h"
#include "core/wire.h"
#include "unit.h"

/* One reply, and what is expected of it. */
typedef struct reply_t {
    int status;
    const char *body;
    dt_answer_t answer;
    dt_why_id_t why;    /* not compared for DT_ANSWER_OK, which needs no reason */
    const char *detail; /* NULL: not compared */
} reply_t;

/* Reads a reply as that of one call; sees for itself to what the call gives out. */
typedef dt_answer_t reader_t(const dt_call_t *call, const dt_http_response_t *response,
                             dt_result_t *result);

static inline dt_http_response_t response_of(int status, const char *body)
{
    return (dt_http_response_t){.status = status, .body = dt_slice(body)};
}

/* What is expected of a reply that cannot be understood. */
static inline reply_t unintelligible(int status)
{
    return (reply_t){.status = status, .answer = DT_ANSWER_FINAL, .why = DT_WHY_UNINTELLIGIBLE};
}

static inline const char *answer_name(dt_answer_t answer)
{
    static const char *const names[] = {[DT_ANSWER_OK] = "OK",
                                        [DT_ANSWER_RENEW] = "RENEW",
                                        [DT_ANSWER_RETRY] = "RETRY",
                                        [DT_ANSWER_FINAL] = "FINAL"};

    return names[answer];
}

static inline void assert_reply(const dt_call_t *call, reader_t *read, reply_t reply)
{
    const char *row = apr_psprintf(call->pool, "HTTP %d %s", reply.status, reply.body);
    dt_http_response_t response = response_of(reply.status, reply.body);
    dt_result_t result = {.detail = NULL};
    dt_answer_t answer = read(call, &response, &result);

    assert_row_text(row, answer_name(answer), answer_name(reply.answer));
    if (reply.answer != DT_ANSWER_OK) {
        assert_row_why(row, result, reply.why);
    }
    if (reply.detail) {
        assert_row_text(row, result.detail, reply.detail);
    }
}

/* The same is expected of every body of the list, which ends with NULL. */
static inline void assert_replies(const dt_call_t *call, reader_t *read, const char *const *bodies,
                                  reply_t reply)
{
    for (; *bodies; bodies++) {
        reply.body = *bodies;
        assert_reply(call, read, reply);
    }
}

#endif
