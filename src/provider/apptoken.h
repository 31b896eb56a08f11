/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens port: one app's token in the memory of one child, fetched by one thread at a time. */
#ifndef DT_PROVIDER_APPTOKEN_H
#define DT_PROVIDER_APPTOKEN_H

#include "core/ports.h"

/** How long a get waits for another thread's fetch. Copied. */
typedef struct dt_apptoken_limits_t {
    apr_interval_time_t patience; /* a little more than a fetch may take */
    int max_patient;              /* who may wait as long at the same time: fewer than threads, so
                                     that some are left to serve who is signed in */
    apr_interval_time_t hurry;    /* how long any other waits */
} dt_apptoken_limits_t;

/**
 * Make the port for one app while the configuration is read; plug.start in the child makes its
 * lock. The token is wiped when the child's pool goes. A port whose start failed answers every
 * get with APR_EGENERAL and DT_WHY_INTERNAL.
 *
 * A token is renewed from ten minutes before its end on, by one get while the others still have
 * the old one; one that lives for ten minutes or less, from half its life on. A renewal that failed
 * is tried again after 30 seconds, or when the old token has ended.
 *
 * A get that has waited in vain ends with APR_TIMEUP: DT_WHY_DOWN after patience, DT_WHY_CROWDED
 * after hurry.
 */
apr_status_t dt_apptoken_create(apr_pool_t *pconf, const dt_apptoken_limits_t *limits,
                                const dt_tokens_t **tokens);

#endif
