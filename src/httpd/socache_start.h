/* SPDX-License-Identifier: Apache-2.0 */
/* How a session cache comes into being, or is found again after a graceful restart. */
#ifndef DTH_SOCACHE_START_H
#define DTH_SOCACHE_START_H

#include "httpd/socache.h"

/** Register the mutex, so that the Mutex directive knows it. pre_config. */
apr_status_t dth_socache_register(apr_pool_t *pconf);

/**
 * The check of "socache:PROVIDER[:ARGS]": the provider is there, takes its arguments, and its
 * entries are large enough for any session. Touches no file, calls nobody. check_config, for each
 * site: the same words give the same cache, which these sites share. shmcb without a size gets
 * 32 MiB.
 * @param name what comes after "socache:"
 * @return NULL, or what is wrong and what would be right
 */
const char *dth_socache_check(apr_pool_t *pconf, apr_pool_t *ptemp, const char *name,
                              dth_socache_t **cache);

/**
 * Make a cache that was checked ready to serve: its memory or file, and a global mutex where the
 * provider is not safe for several processes (AP_SOCACHE_FLAG_NOTMPSAFE), and only there. The mutex
 * and memory are kept over graceful restarts; memory of a cache that is not configured any more
 * until httpd stops. post_config, for each site: only the first opens it.
 * @param lifetime the longest that a session of this site is kept
 * @return NULL, or what is wrong
 */
const char *dth_socache_open(apr_pool_t *pconf, server_rec *s, dth_socache_t *cache,
                             apr_interval_time_t lifetime);

/**
 * Attach the child to the mutex, or give it its line (socache_line.h). child_init, before there are
 * threads.
 */
apr_status_t dth_socache_start(dth_socache_t *cache, apr_pool_t *pchild);

#endif
