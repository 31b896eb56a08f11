/* SPDX-License-Identifier: Apache-2.0 */
/* The session store that keeps sessions on the server, in one of httpd's shared object caches. */
#ifndef DTH_STORE_SOCACHE_H
#define DTH_STORE_SOCACHE_H

#include "core/ports.h"
#include "httpd/socache.h"

/*
 * A token is the sealed key of an entry: 16 random bytes, so that whoever has no token of ours
 * never makes us ask the cache. An entry is the sealed record, bound to its key: whoever writes to
 * the cache can neither read nor make nor swap sessions.
 *
 * load: APR_NOTFOUND only when the cache works and has no such entry. Where a cache fails, others
 * do not wait for it: for a second all answers are APR_EBUSY at once, while one request tries
 * again. No call takes much longer than a second, whatever the cache's servers do (socache_line.h).
 * That a cache has failed and that it answers again is logged there; each failed call besides
 * APR_EBUSY is worth a line of the caller's.
 * save: goes on with old where that is a token of this store.
 */

/** The store of one site in a cache. The call's glue must be its request_rec, or NULL. */
const dt_store_t *dth_store_socache_create(apr_pool_t *pconf, dth_socache_t *cache,
                                           const dt_keyring_t *keys);

#endif
