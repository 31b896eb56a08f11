/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has opened before: the same token need not be decrypted at every request. */
#include "core/opened.h"

#include "core/session.h"

#include <apr_strings.h>

#include <string.h>

/* What was opened: three texts, one behind the other in room. */
typedef struct entry_t {
    apr_uint64_t serial;
    apr_size_t host_len;
    apr_size_t token_len; /* 0: nothing is known */
    apr_size_t plain_len;
    char *room;
    apr_size_t size; /* of room */
} entry_t;

struct dt_opened_t {
    apr_pool_t *pool;
    entry_t entries[DT_OPENED_KINDS];
    entry_t record;       /* of a session whose token is all of it */
    dt_session_t session; /* read from it: its texts are in the entry's room */
};

dt_opened_t *dt_opened_create(apr_pool_t *pool)
{
    dt_opened_t *opened = apr_pcalloc(pool, sizeof(*opened));

    opened->pool = pool;
    return opened;
}

/* As many bytes as one instruction compares on most machines. */
typedef apr_uint64_t block_t __attribute__((vector_size(16)));

static inline block_t difference(const char *a, const char *b)
{
    block_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x ^ y;
}

/* Like CRYPTO_memcmp, but a block at a time: a token is longer than a digest, and compared with
 * every request. The last block is whole, if need be with bytes that were compared before. */
static bool same(const char *a, const char *b, apr_size_t len)
{
    unsigned char rest = 0;
    block_t all;
    apr_size_t last;

    if (len < sizeof(all)) {
        for (apr_size_t i = 0; i < len; i++) {
            rest |= (unsigned char)(a[i] ^ b[i]);
        }
        return rest == 0;
    }
    last = len - sizeof(all);
    all = difference(a + last, b + last);
    for (apr_size_t i = 0; i < last; i += sizeof(all)) {
        all |= difference(a + i, b + i);
    }
    return (all[0] | all[1]) == 0;
}

/* What token was opened to, in the entry's room; NULL when it is not this one's. */
static const char *find(const entry_t *entry, apr_uint64_t serial, dt_slice_t host,
                        dt_slice_t token)
{
    const char *known;

    if (token.len == 0 || token.len != entry->token_len || host.len != entry->host_len ||
        serial != entry->serial) {
        return NULL;
    }
    known = entry->room + host.len;
    if (!same(token.data, known, token.len) ||
        (host.len > 0 && memcmp(host.data, entry->room, host.len) != 0)) {
        return NULL;
    }
    return known + token.len;
}

/* A copy: the request may still be logged when the connection's next one has replaced this. */
static char *copy_plain(const entry_t *entry, apr_pool_t *pool, const char *plain)
{
    return apr_pstrmemdup(pool, plain, entry->plain_len);
}

bool dt_opened_recall(const dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                      dt_slice_t token, apr_pool_t *pool, dt_slice_t *plain)
{
    const entry_t *entry = &opened->entries[kind];
    const char *known = find(entry, keyring, host, token);

    if (!known) {
        return false;
    }
    *plain = (dt_slice_t){copy_plain(entry, pool, known), entry->plain_len};
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

/* Returns where the content is now. */
static const char *fill(dt_opened_t *opened, entry_t *entry, apr_uint64_t serial, dt_slice_t host,
                        dt_slice_t token, dt_slice_t plain)
{
    char *to;

    grow(opened, entry, host.len + token.len + plain.len);
    to = entry->room;
    if (host.len > 0) {
        memcpy(to, host.data, host.len);
    }
    memcpy(to + host.len, token.data, token.len);
    memcpy(to + host.len + token.len, plain.data, plain.len);
    entry->serial = serial;
    entry->host_len = host.len;
    entry->token_len = token.len;
    entry->plain_len = plain.len;
    return to + host.len + token.len;
}

void dt_opened_remember(dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                        dt_slice_t token, dt_slice_t plain)
{
    (void)fill(opened, &opened->entries[kind], keyring, host, token, plain);
}

/* Let the texts of a session, which are in a record at from, be in its copy at to. */
static void move(dt_session_t *session, const char *from, const char *to)
{
    session->user.data = to + (session->user.data - from);
    session->user_id.data = to + (session->user_id.data - from);
    session->union_id.data = to + (session->union_id.data - from);
    session->attributes.data = to + (session->attributes.data - from);
}

bool dt_opened_recall_session(const dt_opened_t *opened, apr_uint64_t store, dt_slice_t host,
                              dt_slice_t token, apr_pool_t *pool, dt_session_t *session)
{
    const char *record = find(&opened->record, store, host, token);

    if (!record) {
        return false;
    }
    *session = opened->session;
    move(session, record, copy_plain(&opened->record, pool, record));
    return true;
}

void dt_opened_remember_session(dt_opened_t *opened, apr_uint64_t store, dt_slice_t host,
                                dt_slice_t token, dt_slice_t record, const dt_session_t *session)
{
    const char *copy = fill(opened, &opened->record, store, host, token, record);

    opened->session = *session;
    move(&opened->session, record.data, copy);
}
