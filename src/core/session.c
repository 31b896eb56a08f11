/* SPDX-License-Identifier: Apache-2.0 */
/* The session: a signed-in browser, as a record that a store keeps. */
#include "core/session.h"

#include "core/bytes.h"
#include "core/opened.h"
#include "core/record.h"

#include <string.h>

/*
 * Record: version (1 byte, 2) | id (8) | began | seen | user | user id | union id |
 * attributes, in the forms of record.h. A user that is the user id is written as an empty text, and
 * in no other way: a browser sends this record with every request, so that its bytes count. The
 * attributes are last and have no length of their own: the hot path need not look at them.
 */
#define VERSION 2

/*
 * The lifetime left at now. A time after now, written by a node whose clock is ahead, counts as
 * life. Times are not negative, so their difference does not overflow.
 */
static apr_interval_time_t left(apr_time_t since, apr_interval_time_t lifetime, apr_time_t now)
{
    apr_interval_time_t age = now - since;

    if (age >= lifetime) {
        return 0;
    }
    if (age < 0 && lifetime > APR_INT64_MAX + age) {
        return APR_INT64_MAX;
    }
    return lifetime - age;
}

static bool began_ahead(const dt_session_t *session, apr_time_t now)
{
    return session->began - now > DT_SESSION_AHEAD;
}

/* Instants come round since the session began, so that not everybody's is the same. */
bool dt_session_is_unchecked(const dt_session_t *session, const dt_lifetimes_t *lifetimes,
                             apr_time_t now)
{
    const apr_interval_time_t recheck = lifetimes->recheck;

    return recheck > 0 &&
           (now - session->began) / recheck > (session->seen - session->began) / recheck;
}

dt_age_t dt_session_age(const dt_session_t *session, const dt_lifetimes_t *lifetimes,
                        apr_time_t now)
{
    apr_interval_time_t unseen = now - session->seen;

    if (now - session->began >= lifetimes->absolute || began_ahead(session, now)) {
        return DT_AGE_DEAD;
    }
    if (lifetimes->idle > 0 && unseen >= lifetimes->idle) {
        return DT_AGE_DEAD;
    }
    if (lifetimes->idle > 0 && unseen > lifetimes->idle / 10) {
        return DT_AGE_DUE;
    }
    return dt_session_is_unchecked(session, lifetimes, now) ? DT_AGE_DUE : DT_AGE_FRESH;
}

void dt_session_left(const dt_session_t *session, const dt_lifetimes_t *lifetimes, apr_time_t now,
                     apr_interval_time_t *absolute, apr_interval_time_t *idle)
{
    *absolute = began_ahead(session, now) ? 0 : left(session->began, lifetimes->absolute, now);
    *idle = lifetimes->idle > 0 ? left(session->seen, lifetimes->idle, now) : -1;
}

bool dt_session_recall(const dt_store_t *store, const dt_opened_t *opened, dt_slice_t host,
                       dt_slice_t token, apr_pool_t *pool, dt_session_t *session)
{
    return store->serial != 0 && opened &&
           dt_opened_recall_session(opened, store->serial, host, token, pool, session);
}

static apr_status_t read_record(dt_slice_t record, dt_session_t *session)
{
    dt_slice_t user;
    dt_reader_t r;
    unsigned version;

    dt_reader_init(&r, record);
    version = dt_read_u8(&r);
    dt_read_bytes(&r, session->id, DT_SESSION_ID);
    session->began = dt_read_time(&r);
    session->seen = dt_read_time(&r);
    user = dt_read_text(&r);
    session->user_id = dt_read_text(&r);
    session->union_id = dt_read_text(&r);
    session->attributes = (dt_slice_t){(const char *)r.at, (apr_size_t)(r.end - r.at)};
    session->user = user.len > 0 ? user : session->user_id;
    /*
     * A record we cannot read is no session; signing in again writes one we can. When user and
     * user id are equal, either both are empty and there is no user, or we did not write it.
     */
    if (r.failed || version != VERSION || dt_slice_equal(user, session->user_id)) {
        return APR_NOTFOUND;
    }
    return APR_SUCCESS;
}

apr_status_t dt_session_load(const dt_store_t *store, const dt_call_t *call, dt_slice_t token,
                             dt_session_t *session)
{
    const bool recalled = store->serial != 0 && call->opened;
    dt_call_t mine = *call;
    dt_slice_t record;
    apr_status_t rv;

    if (recalled) {
        mine.opened = NULL; /* the token need not be remembered twice */
    }
    rv = store->load(store->plug.self, &mine, token, &record);
    if (rv == APR_SUCCESS) {
        rv = read_record(record, session);
    }
    if (rv == APR_SUCCESS && recalled) {
        dt_opened_remember_session(call->opened, store->serial, dt_slice(call->host), token, record,
                                   session);
    }
    return rv;
}

static bool has_nul(dt_slice_t text)
{
    return text.len > 0 && memchr(text.data, '\0', text.len) != NULL;
}

static bool is_time(apr_time_t time)
{
    return time >= 0 && time <= DT_RECORD_TIME_MAX;
}

/* Whether what is written can be read back. */
static bool is_sound(const dt_session_t *session)
{
    dt_slice_t rest = session->attributes;
    dt_attribute_t attribute;

    while (dt_attribute_next(&rest, &attribute)) {
        /* to the end, or to what is malformed */
    }
    return rest.len == 0 && is_time(session->began) && is_time(session->seen) &&
           session->user.len > 0 && !has_nul(session->user) && !has_nul(session->user_id) &&
           !has_nul(session->union_id);
}

static apr_time_t later(apr_time_t time, apr_interval_time_t by)
{
    return time > APR_INT64_MAX - by ? APR_INT64_MAX : time + by;
}

/* When the session dies if it is not renewed. */
static apr_time_t expiry_of(const dt_session_t *session, const dt_lifetimes_t *lifetimes)
{
    apr_time_t end = later(session->began, lifetimes->absolute);
    apr_time_t idle_end = later(session->seen, lifetimes->idle);

    return lifetimes->idle > 0 && idle_end < end ? idle_end : end;
}

apr_status_t dt_session_save(const dt_store_t *store, const dt_call_t *call,
                             const dt_lifetimes_t *lifetimes, dt_slice_t old,
                             const dt_session_t *session, dt_slice_t *token)
{
    bool same = dt_slice_equal(session->user, session->user_id);
    unsigned char buffer[DT_SESSION_RECORD_MAX];
    dt_writer_t w;

    if (!is_sound(session)) {
        return APR_EINVAL;
    }
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, VERSION);
    dt_write_bytes(&w, session->id, DT_SESSION_ID);
    dt_write_time(&w, session->began);
    dt_write_time(&w, session->seen);
    dt_write_text(&w, same ? dt_slice(NULL) : session->user);
    dt_write_text(&w, session->user_id);
    dt_write_text(&w, session->union_id);
    dt_write_bytes(&w, session->attributes.data, session->attributes.len);
    if (w.failed) {
        return APR_ENOSPC;
    }
    return store->save(store->plug.self, call, old, (dt_slice_t){(char *)buffer, w.len},
                       expiry_of(session, lifetimes), token);
}

dt_slice_t dt_attributes_pack(apr_pool_t *pool, const dt_attribute_t *attributes, int count,
                              apr_size_t budget, int *dropped)
{
    apr_size_t max = budget < DT_SESSION_RECORD_MAX ? budget : DT_SESSION_RECORD_MAX;
    unsigned char *buffer = apr_palloc(pool, max);
    dt_writer_t w;

    *dropped = 0;
    dt_writer_init(&w, buffer, max);
    for (int i = 0; i < count; i++) {
        const apr_size_t before = w.len;

        dt_write_text(&w, attributes[i].name);
        dt_write_text(&w, attributes[i].value);
        if (w.failed) {
            w.len = before;
            w.failed = false;
            (*dropped)++;
        }
    }
    return (dt_slice_t){(char *)buffer, w.len};
}
