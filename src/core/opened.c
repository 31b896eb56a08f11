/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has opened before: the same token need not be decrypted at every request. */
#include "core/opened.h"

#include <apr_strings.h>

#include <string.h>

/* What was opened: three texts, one behind the other in room. */
typedef struct entry_t {
    apr_uint64_t keyring;
    apr_size_t host_len;
    apr_size_t token_len; /* 0: nothing is known */
    apr_size_t plain_len;
    char *room;
    apr_size_t size; /* of room */
} entry_t;

struct dt_opened_t {
    apr_pool_t *pool;
    entry_t entries[DT_OPENED_KINDS];
};

dt_opened_t *dt_opened_create(apr_pool_t *pool)
{
    dt_opened_t *opened = apr_pcalloc(pool, sizeof(*opened));

    opened->pool = pool;
    return opened;
}

/* Like CRYPTO_memcmp, but eight bytes at a time: a token is longer than a digest, and compared with
 * every request. */
static bool same(const char *a, const char *b, apr_size_t len)
{
    apr_uint64_t differences = 0;
    apr_uint64_t x, y;

    for (; len >= sizeof(x); a += sizeof(x), b += sizeof(y), len -= sizeof(x)) {
        memcpy(&x, a, sizeof(x));
        memcpy(&y, b, sizeof(y));
        differences |= x ^ y;
    }
    for (; len > 0; a++, b++, len--) {
        differences |= (unsigned char)(*a ^ *b);
    }
    return differences == 0;
}

bool dt_opened_recall(const dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                      dt_slice_t token, apr_pool_t *pool, dt_slice_t *plain)
{
    const entry_t *entry = &opened->entries[kind];
    const char *known;

    if (token.len == 0 || token.len != entry->token_len || host.len != entry->host_len ||
        keyring != entry->keyring) {
        return false;
    }
    known = entry->room + host.len;
    if (!same(token.data, known, token.len) ||
        (host.len > 0 && memcmp(host.data, entry->room, host.len) != 0)) {
        return false;
    }
    /* A copy: the request may still be logged when the connection's next one has replaced this. */
    *plain =
        (dt_slice_t){apr_pstrmemdup(pool, known + token.len, entry->plain_len), entry->plain_len};
    return true;
}

/* Room for size bytes. Doubled when it has to grow, as what is too small stays in the pool. */
static void grow(dt_opened_t *opened, entry_t *entry, apr_size_t size)
{
    if (size <= entry->size) {
        return;
    }
    entry->size = size < 2 * entry->size ? 2 * entry->size : size;
    entry->room = apr_palloc(opened->pool, entry->size);
}

void dt_opened_remember(dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                        dt_slice_t token, dt_slice_t plain)
{
    entry_t *entry = &opened->entries[kind];
    char *to;

    grow(opened, entry, host.len + token.len + plain.len);
    to = entry->room;
    if (host.len > 0) {
        memcpy(to, host.data, host.len);
    }
    memcpy(to + host.len, token.data, token.len);
    memcpy(to + host.len + token.len, plain.data, plain.len);
    entry->keyring = keyring;
    entry->host_len = host.len;
    entry->token_len = token.len;
    entry->plain_len = plain.len;
}
