/* SPDX-License-Identifier: Apache-2.0 */
/* The session store that keeps sessions on the server, in one of httpd's shared object caches. */
#ifndef DTH_STORE_SOCACHE_H
#define DTH_STORE_SOCACHE_H

#include "core/ports.h"
#include "core/seal.h"

#include <httpd.h>

/**
 * One cache: all sites whose directive names the same provider with the same arguments share it.
 *
 * A token is the sealed key of an entry: 16 random bytes, so that whoever has no token of ours
 * never makes us ask the cache. An entry is the sealed record, bound to its key: whoever writes to
 * the cache can neither read nor make nor swap sessions.
 *
 * load: APR_NOTFOUND only when the cache works and has no such entry. Where a cache fails, others
 * do not wait for it: for a second all answers are APR_EBUSY at once, while one request tries
 * again.
 * No call takes much longer than a second, whatever the cache's servers do (socache_line.h). That a
 * cache has failed and that it answers again is logged here; each failed call besides APR_EBUSY is
 * worth a line of the caller's.
 * save: goes on with old where that is a token of this store.
 */
typedef struct dth_socache_t dth_socache_t;

/** Register the mutex, so that the Mutex directive knows it. pre_config. */
apr_status_t dth_store_socache_register(apr_pool_t *pconf);

/**
 * The check of "socache:PROVIDER[:ARGS]": the provider is there, takes its arguments, and its
 * entries are large enough for any session. Touches no file, calls nobody. check_config, for each
 * site: the same words give the same cache. shmcb without a size gets 32 MiB.
 * @param name what comes after "socache:"
 * @return NULL, or what is wrong and what would be right
 */
const char *dth_store_socache_check(apr_pool_t *pconf, apr_pool_t *ptemp, const char *name,
                                    dth_socache_t **cache);

/**
 * Make a cache that was checked ready to serve: its memory or file, and a global mutex where the
 * provider is not safe for several processes (AP_SOCACHE_FLAG_NOTMPSAFE), and only there. The mutex
 * and memory are kept over graceful restarts; memory of a cache that is not configured any more
 * until httpd stops. post_config, for each site: only the first opens it.
 * @param lifetime the longest that a session of this site is kept
 * @return NULL, or what is wrong
 */
const char *dth_store_socache_open(apr_pool_t *pconf, server_rec *s, dth_socache_t *cache,
                                   apr_interval_time_t lifetime);

/** Attach the child to the mutex. child_init, before there are threads. */
apr_status_t dth_store_socache_child(dth_socache_t *cache, apr_pool_t *pchild, server_rec *s);

/** The store of one site in a cache. The call's glue must be its request_rec, or NULL. */
const dt_store_t *dth_store_socache_create(apr_pool_t *pconf, dth_socache_t *cache,
                                           const dt_keyring_t *keys);

#endif
