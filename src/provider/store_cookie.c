/* SPDX-License-Identifier: Apache-2.0 */
/* The session store that keeps nothing: the cookie's token is the sealed session itself. */
#include "provider/store_cookie.h"

typedef struct store_cookie_t {
    dt_store_t port;
    const dt_keyring_t *keys;
} store_cookie_t;

static apr_status_t load(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record)
{
    const store_cookie_t *store = self;
    apr_status_t rv = dt_open(store->keys, DT_SEAL_SESSION, call, token, record);

    return rv == APR_EACCES ? APR_NOTFOUND : rv;
}

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    const store_cookie_t *store = self;

    (void)old;
    (void)expiry;
    return dt_seal(store->keys, DT_SEAL_SESSION, call, record, token);
}

static apr_status_t drop(void *self, const dt_call_t *call, dt_slice_t token)
{
    (void)self;
    (void)call;
    (void)token;
    return APR_SUCCESS;
}

const dt_store_t *dt_store_cookie_create(apr_pool_t *pool, const dt_keyring_t *keys)
{
    store_cookie_t *store = apr_pcalloc(pool, sizeof(*store));

    store->port = (dt_store_t){{"cookie", store, NULL}, load, save, drop, dt_keyring_serial(keys)};
    store->keys = keys;
    return &store->port;
}
