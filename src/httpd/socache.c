/* SPDX-License-Identifier: Apache-2.0 */
/* One of httpd's shared object caches, asked so that nobody hangs on it. */
#include "httpd/socache.h"

#include "httpd/socache_line.h"

#include <string.h>

#define ID_SIZE (DTH_SOCACHE_KEY + 1) /* the key, and which part it is */

/* Keys are random, so this is nobody's. */
static const unsigned char probe_id[ID_SIZE] = {0xd1, 0x6e, 0x7a, 0x1c, 0x5e, 0x55,
                                                0x10, 0x8b, 0x0c, 0xac, 0x4e, 0x93,
                                                0xf2, 0x71, 0x3d, 0xa8, 0xff};
#define PROBE_TIME apr_time_from_sec(60)

/* --- one instance --- */

apr_status_t dth_socache_instance(const dth_socache_t *cache, apr_pool_t *pool,
                                  ap_socache_instance_t **instance)
{
    /* Sizes of a usual session. All entries are looked at in each expiry run of dbm. */
    static const struct ap_socache_hints hints = {ID_SIZE, 400, apr_time_from_sec(600)};
    const char *wrong = cache->provider->create(instance, cache->args, pool, pool);

    return wrong != NULL
               ? APR_EINVAL
               : cache->provider->init(*instance, "dingtalk", &hints, cache->server, pool);
}

static void make_id(unsigned char id[ID_SIZE], const dth_question_t *question, unsigned char part)
{
    memcpy(id, question->key, DTH_SOCACHE_KEY);
    id[DTH_SOCACHE_KEY] = part;
}

/* What the providers say for "no such entry": all of them when it is larger than any of ours, and
 * dbm also by a general error. */
static bool is_missing(const dth_socache_t *cache, apr_status_t rv)
{
    return rv == APR_NOTFOUND || rv == APR_ENOMEM || rv == APR_ENOSPC ||
           (rv == APR_EGENERAL && cache->is_locked);
}

static apr_status_t get(const dth_socache_t *cache, ap_socache_instance_t *instance,
                        dth_question_t *question)
{
    const apr_size_t room = question->len;
    unsigned char id[ID_SIZE];

    question->len = 0;
    for (unsigned char part = 0;; part++) {
        unsigned int len = (unsigned int)(room - question->len);
        apr_status_t rv;

        make_id(id, question, part);
        rv = cache->provider->retrieve(instance, cache->server, id, ID_SIZE,
                                       question->value + question->len, &len, question->pool);
        if (rv != APR_SUCCESS) {
            return !is_missing(cache, rv) ? rv : part == 0 ? APR_NOTFOUND : APR_SUCCESS;
        }
        question->len += len;
        if (len < cache->part) {
            return APR_SUCCESS;
        }
    }
}

/* Providers count in seconds, and take no entry that has less than one. */
static apr_time_t expiry_of(const dth_question_t *question)
{
    const apr_time_t soon = apr_time_now() + apr_time_from_sec(2);

    return question->expiry > soon ? question->expiry : soon;
}

static apr_status_t put(const dth_socache_t *cache, ap_socache_instance_t *instance,
                        const dth_question_t *question)
{
    apr_size_t done = 0;
    unsigned char id[ID_SIZE];

    for (unsigned char part = 0;; part++) {
        apr_size_t left = question->len - done;
        apr_size_t len = left < cache->part ? left : cache->part;
        apr_status_t rv;

        make_id(id, question, part);
        if (len == 0) { /* the end of the parts, where there may be one of a longer value */
            cache->provider->remove(instance, cache->server, id, ID_SIZE, question->pool);
            return APR_SUCCESS;
        }
        rv = cache->provider->store(instance, cache->server, id, ID_SIZE, expiry_of(question),
                                    question->value + done, (unsigned int)len, question->pool);
        done += len;
        if (rv != APR_SUCCESS || len < cache->part) {
            return rv == APR_NOTFOUND ? APR_ECONNREFUSED : rv;
        }
    }
}

/* Without its first part there is no value; the others expire. */
static apr_status_t forget(const dth_socache_t *cache, ap_socache_instance_t *instance,
                           const dth_question_t *question)
{
    unsigned char id[ID_SIZE];

    make_id(id, question, 0);
    return cache->provider->remove(instance, cache->server, id, ID_SIZE, question->pool);
}

/* "Not found" of a cache on the network also means that none of its servers answers. One that
 * takes an entry does. */
static apr_status_t probe(const dth_socache_t *cache, ap_socache_instance_t *instance,
                          apr_pool_t *pool)
{
    unsigned char value = '1';
    apr_status_t rv = cache->provider->store(instance, cache->server, probe_id, ID_SIZE,
                                             apr_time_now() + PROBE_TIME, &value, sizeof(value),
                                             pool);

    if (rv == APR_SUCCESS) {
        return APR_NOTFOUND;
    }
    return rv == APR_NOTFOUND ? APR_ECONNREFUSED : rv;
}

apr_status_t dth_socache_put_to(const dth_socache_t *cache, ap_socache_instance_t *instance,
                                dth_question_t *question)
{
    apr_status_t rv;

    switch (question->verb) {
    case DTH_SOCACHE_GET:
        rv = get(cache, instance, question);
        break;
    case DTH_SOCACHE_PUT:
        return put(cache, instance, question);
    default:
        rv = forget(cache, instance, question);
        break;
    }
    return rv == APR_NOTFOUND && !cache->is_locked ? probe(cache, instance, question->pool) : rv;
}

/* --- the cache --- */

/* Everything is copied out of shared memory before the lock is given back. */
static apr_status_t ask_locked(const dth_socache_t *cache, dth_question_t *question)
{
    apr_status_t rv = apr_global_mutex_lock(cache->mutex);
    apr_status_t unlocked;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = dth_socache_put_to(cache, cache->instance, question);
    unlocked = apr_global_mutex_unlock(cache->mutex);
    return unlocked != APR_SUCCESS ? unlocked : rv;
}

apr_status_t dth_socache_ask(dth_socache_t *cache, dth_question_t *question)
{
    if (cache->is_locked) {
        return cache->mutex != NULL ? ask_locked(cache, question) : APR_EINIT;
    }
    return cache->line != NULL ? dth_socache_line_ask(cache->line, question) : APR_EINIT;
}
