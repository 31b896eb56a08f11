/* SPDX-License-Identifier: Apache-2.0 */
/* The session store that keeps sessions on the server, in one of httpd's shared object caches. */
#include "httpd/store_socache.h"

#include "core/bytes.h"
#include "core/session.h"
#include "httpd/socache.h"

#include <apr_strings.h>

#include <string.h>

typedef struct store_t {
    dt_store_t port;
    dth_socache_t *cache;
    const dt_keyring_t *keys;
} store_t;

/* The key of the entry that token stands for. APR_NOTFOUND when it is no token of this store. */
static apr_status_t open_token(const store_t *store, const dt_call_t *call, dt_slice_t token,
                               dth_question_t *question)
{
    dt_slice_t key;
    apr_status_t rv = dt_open(store->keys, DT_SEAL_HANDLE, call, token, &key);

    if (rv == APR_EACCES || (rv == APR_SUCCESS && key.len != DTH_SOCACHE_KEY)) {
        return APR_NOTFOUND;
    }
    if (rv == APR_SUCCESS) {
        memcpy(question->key, key.data, DTH_SOCACHE_KEY);
    }
    return rv;
}

/* A call whose host is also the entry's key: what is sealed so opens nowhere else. No host has a
 * slash in it. */
static dt_call_t bound_call(const dt_call_t *call, const dth_question_t *question)
{
    dt_slice_t key =
        dt_base64url(call->pool, (dt_slice_t){(const char *)question->key, DTH_SOCACHE_KEY});
    dt_call_t bound = *call;

    bound.host = apr_pstrcat(call->pool, call->host != NULL ? call->host : "", "/", key.data, NULL);
    return bound;
}

static apr_status_t load(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record)
{
    const store_t *store = self;
    dth_question_t question = {.verb = DTH_SOCACHE_GET, .pool = call->pool};
    apr_status_t rv = open_token(store, call, token, &question);
    dt_call_t bound;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    question.len = DTH_SOCACHE_MAX;
    question.value = apr_palloc(call->pool, question.len);
    rv = dth_socache_ask(store->cache, &question);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bound = bound_call(call, &question);
    rv = dt_open(store->keys, DT_SEAL_SESSION, &bound,
                 (dt_slice_t){(const char *)question.value, question.len}, record);
    return rv == APR_EACCES ? APR_NOTFOUND : rv;
}

/* The key and the token of an entry: those it has, unless its token is sealed with an old key. */
static apr_status_t name_entry(const store_t *store, const dt_call_t *call, dt_slice_t old,
                               dth_question_t *question, dt_slice_t *token)
{
    apr_status_t rv = open_token(store, call, old, question);

    if (rv == APR_SUCCESS && dt_seal_is_current(store->keys, old)) {
        *token = (dt_slice_t){apr_pstrmemdup(call->pool, old.data, old.len), old.len};
        return APR_SUCCESS;
    }
    if (rv == APR_NOTFOUND) {
        rv = dt_random(question->key, DTH_SOCACHE_KEY);
    }
    return rv != APR_SUCCESS
               ? rv
               : dt_seal(store->keys, DT_SEAL_HANDLE, call,
                         (dt_slice_t){(const char *)question->key, DTH_SOCACHE_KEY}, token);
}

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    const store_t *store = self;
    dth_question_t question = {.verb = DTH_SOCACHE_PUT, .expiry = expiry, .pool = call->pool};
    apr_status_t rv = name_entry(store, call, old, &question, token);
    dt_call_t bound;
    dt_slice_t value;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    bound = bound_call(call, &question);
    rv = dt_seal(store->keys, DT_SEAL_SESSION, &bound, record, &value);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    question.value = (unsigned char *)value.data;
    question.len = value.len;
    return dth_socache_ask(store->cache, &question);
}

static apr_status_t drop(void *self, const dt_call_t *call, dt_slice_t token)
{
    const store_t *store = self;
    dth_question_t question = {.verb = DTH_SOCACHE_REMOVE, .pool = call->pool};
    apr_status_t rv = open_token(store, call, token, &question);

    if (rv == APR_SUCCESS) {
        rv = dth_socache_ask(store->cache, &question);
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

const dt_store_t *dth_store_socache_create(apr_pool_t *pconf, dth_socache_t *cache,
                                           const dt_keyring_t *keys)
{
    store_t *store = apr_pcalloc(pconf, sizeof(*store));

    store->port = (dt_store_t){{"socache", store, NULL}, load, save, drop};
    store->cache = cache;
    store->keys = keys;
    return &store->port;
}
