/* SPDX-License-Identifier: Apache-2.0 */
/* A quick hash with a secret of its own: nobody who chooses ids can choose which of them meet. */
#ifndef DT_CORE_HASH_H
#define DT_CORE_HASH_H

#include "core/dt.h"

#include <apr_errno.h>
#include <string.h>

/** What one table's hashes have in common; means nothing to another table. */
typedef struct dt_hash_t {
    apr_uint64_t seed;
    apr_uint64_t factors[2]; /* odd */
} dt_hash_t;

/** Draw a secret. APR_EGENERAL when the system has no random bytes. */
apr_status_t dt_hash_create(dt_hash_t *hash);

/**
 * One word more. A product takes every bit up to the high ones only, and the swap takes those down:
 * it needs both of it twice, or else a difference in the last byte of a word is one in the first
 * byte of the next, where some id's own difference undoes it.
 */
static inline apr_uint64_t dt_hash_mix(const dt_hash_t *hash, apr_uint64_t value, apr_uint64_t word)
{
    value = __builtin_bswap64((value ^ word) * hash->factors[0]);
    return __builtin_bswap64(value * hash->factors[1]);
}

/**
 * The hash of len bytes, all of its bits good. Any thread; inline, for the hot path: a request has
 * fewer instructions for all of its hashes than SipHash needs for one.
 * @param kind  what the bytes are an id of, below 256: the same bytes of another kind differ
 * @param above the hash of what the id belongs to, or 0
 * @param id    may be NULL when len is 0
 */
static inline apr_uint64_t dt_hash_bytes(const dt_hash_t *hash, unsigned kind, apr_uint64_t above,
                                         const char *id, apr_size_t len)
{
    apr_uint64_t value = above ^ hash->seed;
    apr_uint64_t word = 0;

    /* Of ids of eight bytes and more the last eight are read as they are, if need be once more. */
    if (len < sizeof(word)) {
        memcpy(&word, len > 0 ? id : "", len);
    }
    else {
        const char *end = id + len;

        for (; (apr_size_t)(end - id) > sizeof(word); id += sizeof(word)) {
            memcpy(&word, id, sizeof(word));
            value = dt_hash_mix(hash, value, word);
        }
        memcpy(&word, end - sizeof(word), sizeof(word));
    }
    value = dt_hash_mix(hash, value, word);
    return dt_hash_mix(hash, value, (apr_uint64_t)len << 8 | kind);
}

#endif
