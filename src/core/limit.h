/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: at most so many in any span of so long, exact on all nodes. */
#ifndef DT_CORE_LIMIT_H
#define DT_CORE_LIMIT_H

#include "core/dt.h"
#include "core/ports.h"

#define DT_LIMIT_COUNT_MAX 100 /* of one limit */

/** At most count in any span of window. A list of them ends with count 0. */
typedef struct dt_limit_t {
    int count;
    apr_interval_time_t window;
} dt_limit_t;

/**
 * Take one of what all the limits allow to subject, or none. A true sliding window: the instants of
 * the takes still inside the longest window are kept, as decimal milliseconds with commas between,
 * in one value that is replaced only if nobody else has (dt_memory_t.store_limit). Of any number of
 * simultaneous takes exactly as many succeed as fit.
 * @param subject  printable ASCII, at most 190 bytes, e.g. "phone:+8613800138000"; APR_EINVAL else
 * @param limits   NULL or an empty list allows everything
 * @param allowed  whether it was taken
 * @param retry_in when not: after how long there is room again; at least a second
 * @return APR_SUCCESS; anything else when the memory could not be asked, too many others took at
 *         the same time, or the value is none of ours: then nothing is allowed
 */
apr_status_t dt_limit_take(const dt_memory_t *memory, const dt_call_t *call, const char *subject,
                           const dt_limit_t *limits, bool *allowed, apr_interval_time_t *retry_in);

/**
 * The subject of a client's address, from pool. Whoever has an IPv6 network has 2^64 addresses:
 * those of one /64 are one subject, on a link with the zone of it; an IPv4 address written as IPv6
 * is that IPv4 address.
 * @param address numbers, as httpd writes them; NULL when there is none
 * @return NULL exactly when there is none
 */
const char *dt_limit_address(apr_pool_t *pool, const char *address);

#endif
