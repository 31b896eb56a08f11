/* SPDX-License-Identifier: Apache-2.0 */
/* The session: a signed-in browser, as a record that a store keeps. */
#ifndef DT_CORE_SESSION_H
#define DT_CORE_SESSION_H

#include "core/dt.h"
#include "core/ports.h"
#include "core/record.h"

#define DT_SESSION_ID 8            /* random bytes: they tell sessions apart, and are no secret */
#define DT_SESSION_RECORD_MAX 2800 /* bytes of a record: its cookie stays below 4 KiB */
/**
 * Bytes of a record beside the bytes of its texts and attributes: what they leave of the maximum is
 * the budget for attributes.
 */
#define DT_SESSION_FIXED (1 + DT_SESSION_ID + 2 * DT_RECORD_TIME + 3)
/** How far the clock of the node that signed somebody in may be ahead of ours. */
#define DT_SESSION_AHEAD apr_time_from_sec(5 * 60)

/**
 * A session of a member of the store's corp: the key that seals it belongs to one corp, so the
 * record need not name it. Texts are C strings that point into the record it was read from, or to
 * what the caller put there.
 */
typedef struct dt_session_t {
    unsigned char id[DT_SESSION_ID];
    apr_time_t began; /* the sign-in */
    apr_time_t seen;  /* when it was last renewed: dt_session_age says when it is to be */
    dt_slice_t user;  /* REMOTE_USER; never empty */
    dt_slice_t user_id;
    dt_slice_t union_id;
    dt_slice_t attributes; /* name and value texts, one after the other: dt_attribute_next */
} dt_session_t;

/** How long sessions live. */
typedef struct dt_lifetimes_t {
    apr_interval_time_t absolute;
    apr_interval_time_t idle;    /* 0: none */
    apr_interval_time_t recheck; /* how often the person is looked up again; 0: never */
} dt_lifetimes_t;

/** What dt_session_age found. */
typedef enum dt_age_t {
    DT_AGE_FRESH,
    DT_AGE_DUE, /* alive, and since it was last renewed there was more than a tenth of the idle
                   time, or one of the instants at which the person is looked up again */
    DT_AGE_DEAD
} dt_age_t;

/**
 * Whether the session is alive at now, and due for renewal. One that began more than
 * DT_SESSION_AHEAD after now is dead: the clock that wrote it would give it a longer life.
 */
dt_age_t dt_session_age(const dt_session_t *session, const dt_lifetimes_t *lifetimes,
                        apr_time_t now);

/** Whether its person is to be looked up again, now that it is renewed: once every recheck time. */
bool dt_session_is_unchecked(const dt_session_t *session, const dt_lifetimes_t *lifetimes,
                             apr_time_t now);

/** Time left of the absolute and the idle lifetime at now; idle is -1 when there is none. */
void dt_session_left(const dt_session_t *session, const dt_lifetimes_t *lifetimes, apr_time_t now,
                     apr_interval_time_t *absolute, apr_interval_time_t *idle);

/**
 * The session that a connection has last loaded from the store, if it is that of token and host and
 * the store's serial says that it always is. Does not judge its age. The hot path: one allocation.
 * @param opened  what dt_session_load was given in its call; NULL: nothing is known
 * @param host    of the call
 * @param session its texts are in pool
 */
bool dt_session_recall(const dt_store_t *store, const dt_opened_t *opened, dt_slice_t host,
                       dt_slice_t token, apr_pool_t *pool, dt_session_t *session);

/**
 * Read the session behind token; what can be recalled of it is remembered. Does not judge its age.
 * One call of the store, no other allocation.
 * @return APR_SUCCESS; APR_NOTFOUND when there is none; anything else: the store could not find out
 */
apr_status_t dt_session_load(const dt_store_t *store, const dt_call_t *call, dt_slice_t token,
                             dt_session_t *session);

/**
 * Write the session to the store.
 * @param old   its token so far; empty for a new session
 * @param token NUL-terminated, fit for a cookie; may be old
 * @return APR_SUCCESS; APR_ENOSPC when the record would be larger than DT_SESSION_RECORD_MAX;
 *         APR_EINVAL when it could not be read back: a text holds a NUL, user is empty, the
 *         attributes are malformed or a time is before 1970 or after DT_RECORD_TIME_MAX (record.h);
 *         anything else: the store failed
 */
apr_status_t dt_session_save(const dt_store_t *store, const dt_call_t *call,
                             const dt_lifetimes_t *lifetimes, dt_slice_t old,
                             const dt_session_t *session, dt_slice_t *token);

/** One attribute of a session: two C strings. */
typedef struct dt_attribute_t {
    dt_slice_t name;
    dt_slice_t value;
} dt_attribute_t;

/**
 * Pack count attributes, in their order, into the session's form. One that does not fit into what
 * those before it leave of budget bytes is left out, and so is one that holds a NUL; those behind
 * it are still tried. *dropped counts what was left out.
 */
dt_slice_t dt_attributes_pack(apr_pool_t *pool, const dt_attribute_t *attributes, int count,
                              apr_size_t budget, int *dropped);

/**
 * The next attribute: start with *cursor = session->attributes, until it returns false.
 * A malformed rest ends the walk. Inline, as reading is: record.h.
 */
static inline bool dt_attribute_next(dt_slice_t *cursor, dt_attribute_t *attribute)
{
    dt_reader_t r;

    if (cursor->len == 0) {
        return false;
    }
    dt_reader_init(&r, *cursor);
    attribute->name = dt_read_text(&r);
    attribute->value = dt_read_text(&r);
    if (r.failed) {
        return false;
    }
    *cursor = (dt_slice_t){(const char *)r.at, (apr_size_t)(r.end - r.at)};
    return true;
}

#endif
