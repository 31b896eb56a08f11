/* SPDX-License-Identifier: Apache-2.0 */
/* The condition that makes a reply of any gateway a success. */
#ifndef DT_CORE_CONDITION_H
#define DT_CORE_CONDITION_H

#include "core/ports.h"

typedef struct dt_condition_t dt_condition_t;

/**
 * Read a condition, at start-up. Words, of which all must hold; one with white space stands in
 * quotes:
 *
 *     status=200-299,304     the HTTP status is one of these
 *     body:/a/0/b=value      the reply is JSON, and what this pointer (RFC 6901) names has this
 *                            text: a string as it is; a number, true, false or null as in JSON
 *     body=text              the whole reply, without white space around
 *
 * @param made from pool, read-only, any thread
 * @return NULL, or what is wrong with it
 */
const char *dt_condition_parse(apr_pool_t *pool, const char *text, dt_condition_t **made);

/** How a reply fails a condition. */
typedef enum dt_failed_t {
    DT_FAILED_NOT,    /* it holds */
    DT_FAILED_STATUS, /* the status is another one */
    DT_FAILED_BODY,   /* the body says something else */
    DT_FAILED_SHAPE   /* the body should be JSON, but is not */
} dt_failed_t;

/**
 * Check a reply.
 * @param word what failed, as it was written; NULL when all holds
 */
dt_failed_t dt_condition_check(const dt_condition_t *made, apr_pool_t *pool,
                               const dt_http_response_t *response, const char **word);

#endif
