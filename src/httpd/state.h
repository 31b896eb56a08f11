/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: what the module keeps on disk by itself. */
#ifndef DTH_STATE_H
#define DTH_STATE_H

#include "core/dt.h"
#include "httpd/log.h"

/**
 * Make the state directory if it is not there: mode 0700, owned by httpd's user. One that is
 * there gets the same, unless things of others are in it: then it is left as it is. Post_config
 * only, as root or as whoever starts httpd.
 * @return APR_SUCCESS or why it cannot be used
 */
apr_status_t dth_state_prepare(apr_pool_t *ptemp, const char *directory);

/**
 * Whether the key that is there can be used, as far as can be seen without changing anything: for
 * httpd -t, which also runs before a restart.
 * @return NULL, or what is wrong
 */
const char *dth_state_check(apr_pool_t *p, const char *directory);

/**
 * The key in the state directory, made at first use: mode 0600, from the system's generator.
 * Two servers that start together end up with the same one. Post_config only.
 * @param key in p, and wiped when p is cleared
 * @return NULL, or why there is none
 */
const char *dth_state_key(apr_pool_t *p, const char *directory, dt_slice_t *key);

#endif
