/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens port: one app's token in the memory of one child, fetched by one thread at a time. */
#ifndef DT_PROVIDER_APPTOKEN_H
#define DT_PROVIDER_APPTOKEN_H

#include "core/ports.h"

/**
 * Make the port for one app while the configuration is read; plug.start in the child makes its
 * lock. The token is wiped when the child's pool goes. A port whose start failed answers every
 * get with APR_EGENERAL and DT_WHY_INTERNAL.
 *
 * A token is renewed from ten minutes before its end on, by one get while the others still have
 * the old one; one that lives for ten minutes or less, from half its life on. A renewal that failed
 * is tried again after 30 seconds, or when the old token has ended.
 *
 * @param patience how long a get waits for another thread's fetch: a little more than a fetch
 *                 may take
 */
apr_status_t dt_apptoken_create(apr_pool_t *pconf, apr_interval_time_t patience,
                                const dt_tokens_t **tokens);

#endif
