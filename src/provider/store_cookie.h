/* SPDX-License-Identifier: Apache-2.0 */
/* The session store that keeps nothing: the cookie's token is the sealed session itself. */
#ifndef DT_PROVIDER_STORE_COOKIE_H
#define DT_PROVIDER_STORE_COOKIE_H

#include "core/ports.h"
#include "core/seal.h"

/**
 * A store that seals each record for DT_SEAL_SESSION and the call's host with keys.
 *
 * load: APR_NOTFOUND for every token that does not open; one allocation, no lock, no system call.
 * save: the errors of dt_seal; old and expiry are not used, the record holds its own times.
 * drop: there is nothing to forget. A copy of the token stays good until the session's end: who
 *       wants it dead sooner needs a revocation.
 *
 * Both the store and keys must live in pool or longer. Any thread.
 */
const dt_store_t *dt_store_cookie_create(apr_pool_t *pool, const dt_keyring_t *keys);

#endif
