/* SPDX-License-Identifier: Apache-2.0 */
/* The tally: how often something has happened within this minute, by who did it. */
#include "core/tally.h"

#include "core/hash.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

/*
 * A key's hash says in which slot it is, by its low bits, and which tag it has there, by its high
 * ones. A slot is one 64-bit word, replaced in one step, so that nobody ever reads half of it:
 *
 *     tag (32 bits) | minute since 1970, modulo 32 years (24 bits) | count (8 bits)
 *
 * Whose tag or minute is another's has no count there: not after a minute, and not after a clock
 * was set back either.
 */
#define SLOTS (1 << 16)
#define COUNT_BITS 8
#define MINUTE_BITS 24
#define COUNT_MASK ((APR_UINT64_C(1) << COUNT_BITS) - 1)
#define MINUTE_MASK ((APR_UINT64_C(1) << MINUTE_BITS) - 1)
#define TAG_MASK (~APR_UINT64_C(0) << (COUNT_BITS + MINUTE_BITS))
#define MINUTE apr_time_from_sec(60)

typedef _Atomic(apr_uint64_t) word_t;

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a word must be read and written without a lock");
static_assert(DT_TALLY_MAX == COUNT_MASK, "a count has its bits");

struct dt_tally_t {
    dt_hash_t hash;
    word_t slots[SLOTS];
};

apr_size_t dt_tally_size(void)
{
    return sizeof(dt_tally_t);
}

apr_status_t dt_tally_create(void *memory, dt_tally_t **tally)
{
    dt_tally_t *made = memory;
    const apr_status_t rv = dt_hash_create(&made->hash);

    if (rv == APR_SUCCESS) {
        *tally = made;
    }
    return rv;
}

static apr_uint64_t hash_of(const dt_tally_t *tally, const char *key)
{
    return dt_hash_bytes(&tally->hash, 0, 0, key, strlen(key));
}

static apr_size_t index_of(apr_uint64_t hash)
{
    return hash & (SLOTS - 1);
}

/* The word that has counted nothing yet. */
static apr_uint64_t blank_of(apr_uint64_t hash, apr_time_t now)
{
    const apr_uint64_t minute = (apr_uint64_t)(now / MINUTE) & MINUTE_MASK;

    return (hash & TAG_MASK) | minute << COUNT_BITS;
}

static apr_uint64_t count_of(apr_uint64_t word, apr_uint64_t blank)
{
    return (word & ~COUNT_MASK) == blank ? word & COUNT_MASK : 0;
}

bool dt_tally_is_over(const dt_tally_t *tally, const char *key, apr_time_t now, int limit,
                      apr_interval_time_t *retry_in)
{
    const apr_uint64_t hash = hash_of(tally, key);
    const apr_uint64_t word =
        atomic_load_explicit(&tally->slots[index_of(hash)], memory_order_relaxed);
    const bool is_over = count_of(word, blank_of(hash, now)) >= (apr_uint64_t)limit;

    *retry_in = is_over ? MINUTE - now % MINUTE : 0;
    return is_over;
}

void dt_tally_add(dt_tally_t *tally, const char *key, apr_time_t now)
{
    const apr_uint64_t hash = hash_of(tally, key);
    const apr_uint64_t blank = blank_of(hash, now);
    word_t *slot = &tally->slots[index_of(hash)];
    apr_uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
    apr_uint64_t count;

    do { /* until nobody else has counted there meanwhile; then they got on */
        count = count_of(word, blank);
    } while (count < COUNT_MASK &&
             !atomic_compare_exchange_weak_explicit(slot, &word, blank + count + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
}
