/* SPDX-License-Identifier: Apache-2.0 */
/* One of httpd's shared object caches, asked so that nobody hangs on it. */
#ifndef DTH_SOCACHE_H
#define DTH_SOCACHE_H

#include "core/seal.h"
#include "core/session.h"

#include <ap_socache.h>
#include <apr_global_mutex.h>
#include <httpd.h>

#define DTH_SOCACHE_KEY 16 /* bytes, random: shmcb chooses a part of its memory by the first */

/** Bytes of a value, at most: the largest sealed record. */
#define DTH_SOCACHE_MAX ((DT_SESSION_RECORD_MAX + DT_SEAL_OVERHEAD + 2) / 3 * 4)

typedef struct dth_socache_line_t dth_socache_line_t;

/** A cache. Made by dth_socache_check, and read-only in children but for what has a lock. */
typedef struct dth_socache_t {
    const char *name; /* PROVIDER[:ARGS], as the administrator wrote it */
    const char *args; /* as the provider takes them; NULL: none */
    const ap_socache_provider_t *provider;
    apr_size_t part;                 /* a longer value is kept in parts of so many bytes */
    bool is_locked;                  /* the provider is not safe for several processes */
    bool is_memory;                  /* lost with the instance */
    server_rec *server;              /* the main one */
    ap_socache_instance_t *instance; /* locked caches: made by post_config */
    apr_global_mutex_t *mutex;       /* the same */
    dth_socache_line_t *line;        /* the other ones: made in each child */
} dth_socache_t;

/** What a cache is asked to do. */
typedef enum dth_verb_t { DTH_SOCACHE_GET, DTH_SOCACHE_PUT, DTH_SOCACHE_REMOVE } dth_verb_t;

/** A question to a cache, about one value. */
typedef struct dth_question_t {
    dth_verb_t verb;
    unsigned char key[DTH_SOCACHE_KEY];
    apr_time_t expiry;    /* PUT */
    unsigned char *value; /* PUT: what is to be kept; GET: room for it, filled */
    apr_size_t len;       /* GET: of the room, then of the value */
    apr_pool_t *pool;     /* for the provider */
} dth_question_t;

/**
 * Ask a cache. Any thread of a child.
 * @return APR_SUCCESS; APR_NOTFOUND when the cache works and has no such value (GET, REMOVE);
 *         APR_EBUSY when it failed a moment ago, and was not asked; anything else: it failed
 */
apr_status_t dth_socache_ask(dth_socache_t *cache, dth_question_t *question);

/** Put a question to an instance of the cache; the caller sees to locks. For socache_line.c. */
apr_status_t dth_socache_put_to(const dth_socache_t *cache, ap_socache_instance_t *instance,
                                dth_question_t *question);

/** A new instance of the cache, ready for use; all of it in pool. For socache_line.c. */
apr_status_t dth_socache_instance(const dth_socache_t *cache, apr_pool_t *pool,
                                  ap_socache_instance_t **instance);

#endif
