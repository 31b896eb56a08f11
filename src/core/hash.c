/* SPDX-License-Identifier: Apache-2.0 */
/* The secret of a hash. */
#include "core/hash.h"

#include "core/bytes.h"

apr_status_t dt_hash_create(dt_hash_t *hash)
{
    apr_uint64_t words[3];
    const apr_status_t rv = dt_random((unsigned char *)words, sizeof(words));

    if (rv == APR_SUCCESS) {
        *hash = (dt_hash_t){words[0], {words[1] | 1, words[2] | 1}};
    }
    return rv;
}
