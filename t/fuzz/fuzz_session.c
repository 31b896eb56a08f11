/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes core/session with records from a store that may hold anything. */
#include "core/bytes.h"
#include "core/opened.h"
#include "core/session.h"

#include <apr_general.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW APR_INT64_C(1795305600000000) /* 2026-11-22 00:00:00 */

static apr_pool_t *pool;

/* What the store holds, and what was saved last. */
typedef struct shelf_t {
    dt_slice_t record;
    bool same;
} shelf_t;

static apr_status_t load(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record)
{
    (void)call;
    (void)token;
    *record = ((shelf_t *)self)->record;
    return APR_SUCCESS;
}

static apr_status_t save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token)
{
    shelf_t *shelf = self;

    (void)old;
    (void)call;
    assert(expiry >= 0);
    shelf->same = dt_slice_equal(record, shelf->record);
    *token = DT_SLICE("token");
    return APR_SUCCESS;
}

static void check_text(dt_slice_t text)
{
    assert(text.data && strlen(text.data) == text.len);
}

/* Walks the attributes; says whether they were well formed to the end. */
static bool walk(dt_slice_t cursor)
{
    dt_attribute_t attribute;
    apr_size_t before = cursor.len;

    while (dt_attribute_next(&cursor, &attribute)) {
        check_text(attribute.name);
        check_text(attribute.value);
        assert(cursor.len < before); /* so it ends */
        before = cursor.len;
    }
    return cursor.len == 0;
}

static void check_age(const dt_session_t *session, const dt_lifetimes_t *lifetimes)
{
    apr_interval_time_t absolute;
    apr_interval_time_t idle;
    bool dead = dt_session_age(session, lifetimes, NOW) == DT_AGE_DEAD;

    dt_session_left(session, lifetimes, NOW, &absolute, &idle);
    assert(absolute >= 0 && idle >= -1);
    assert((lifetimes->idle == 0) == (idle == -1));
    assert(dead == (absolute == 0 || idle == 0));
}

static bool same_text(dt_slice_t a, dt_slice_t b)
{
    return dt_slice_equal(a, b) && (a.data != b.data || a.len == 0);
}

/* What a connection remembers is what was loaded, and nothing of the store's. */
static void check_recall(dt_store_t store, dt_call_t call, const dt_session_t *session)
{
    dt_session_t known;

    store.serial = 1;
    call.opened = dt_opened_create(call.pool);
    assert(dt_session_load(&store, &call, DT_SLICE("token"), &known) == APR_SUCCESS);
    memset(&known, 0, sizeof(known));
    assert(dt_session_recall(&store, call.opened, dt_slice(call.host), DT_SLICE("token"), call.pool,
                             &known));
    assert(memcmp(known.id, session->id, DT_SESSION_ID) == 0);
    assert(known.began == session->began && known.seen == session->seen);
    assert(same_text(known.user, session->user) && same_text(known.user_id, session->user_id));
    assert(same_text(known.union_id, session->union_id));
    assert(same_text(known.attributes, session->attributes));
    assert(!dt_session_recall(&store, call.opened, DT_SLICE("elsewhere"), DT_SLICE("token"),
                              call.pool, &known));
    assert(!dt_session_recall(&store, call.opened, dt_slice(call.host), DT_SLICE("taken"),
                              call.pool, &known));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const dt_lifetimes_t both = {APR_INT64_C(28800000000), APR_INT64_C(7200000000)};
    static const dt_lifetimes_t one = {APR_INT64_C(28800000000), 0};
    shelf_t shelf = {{(const char *)data, size}, false};
    dt_store_t store = {{"shelf", &shelf, NULL}, load, save, NULL};
    dt_session_t session;
    dt_slice_t token;
    apr_status_t rv;
    dt_call_t call;
    bool sound;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    apr_pool_clear(pool);
    call = (dt_call_t){pool, NOW, "", NULL};
    rv = dt_session_load(&store, &call, DT_SLICE("token"), &session);
    assert(rv == APR_SUCCESS || rv == APR_NOTFOUND);
    if (rv != APR_SUCCESS) {
        walk(shelf.record);
        return 0;
    }
    check_text(session.user);
    check_text(session.user_id);
    check_text(session.union_id);
    assert(session.user.len > 0 && session.began >= 0 && session.seen >= 0);
    sound = walk(session.attributes);
    check_age(&session, &both);
    check_age(&session, &one);
    check_recall(store, call, &session);

    /* A record has one form: what was read is written as it was. */
    rv = dt_session_save(&store, &call, &both, (dt_slice_t){0}, &session, &token);
    if (!sound) {
        assert(rv == APR_EINVAL);
    }
    else {
        assert(rv == (size > DT_SESSION_RECORD_MAX ? APR_ENOSPC : APR_SUCCESS));
        assert(rv != APR_SUCCESS || shelf.same);
    }
    return 0;
}
