/* SPDX-License-Identifier: Apache-2.0 */
/* How the table of revocations follows the databases: who reads, how far, and who is told. */
#include "httpd/revoked_feed.h"

#include <http_config.h>
#include <http_log.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define CLAIM apr_time_from_sec(30)  /* after which a child that reads is taken for dead */
#define BEHIND apr_time_from_sec(30) /* how long a row may take to become visible */
#define BEHIND_ROWS 1000             /* the same, when nobody knows since when rows are there */
#define FORGET apr_time_from_sec(600)
#define NAP apr_time_from_msec(10)
#define SOON apr_time_from_sec(1) /* a new file that all children open at once is ready by then */
#define POLLS 10                  /* without success before an administrator is told */

typedef struct reading_t {
    const dth_revoked_t *revoked;
    apr_time_t now;
} reading_t;

/* What is no subject of ours was written by a newer version, which other nodes may have. */
static void take(void *baton, const char *text, apr_time_t not_before)
{
    const reading_t *reading = baton;
    dt_subject_t subject;

    if (dt_subject_read(reading->revoked->table, text, &subject) == APR_SUCCESS) {
        dth_revoked_put(reading->revoked, subject, not_before, reading->now);
    }
}

/* After a first reading of all, only the newest rows are those that may have others in between. */
static void note_success(dth_feed_t *feed, apr_int64_t last, apr_time_t now)
{
    if (feed->after == 0 && feed->mark == 0) {
        feed->after = last > BEHIND_ROWS ? last - BEHIND_ROWS : 0;
        feed->mark = last;
        feed->marked_at = now;
    }
    else if (dth_revoked_is_time(&feed->marked_at, BEHIND, now)) {
        feed->after = feed->mark;
        feed->mark = last > feed->mark ? last : feed->mark;
    }
    feed->read_at = now;
    feed->failed = 0;
}

/* What is there afterwards may be another database, or the same one as it was before. */
static void note_failure(dth_feed_t *feed)
{
    feed->after = feed->mark = 0;
    feed->failed = 1;
}

/* Whether the clock was set since the last reading, which was never so long ago. */
static bool was_set(const dth_source_t *source, apr_time_t now)
{
    const apr_time_t read_at = source->feed->read_at;

    return read_at != 0 && (now < read_at || now - read_at > DT_SESSION_AHEAD + source->poll);
}

/*
 * By a clock that is behind, what others wrote was cut to its time, and by one that is ahead it was
 * over. So when it is set all is read again, and nothing is deleted before it has gone well for a
 * while: not after a start either, since nobody knows whether it is right then.
 */
static void mind_the_clock(const dth_source_t *source, apr_time_t now)
{
    const bool set = was_set(source, now);
    dth_feed_t *feed = source->feed;

    if (set) {
        feed->after = feed->mark = 0;
    }
    if (set || feed->forgot_at == 0) {
        feed->forgot_at = now;
    }
}

static void read_source(const dth_revoked_t *revoked, const dth_source_t *source,
                        const dt_call_t *call)
{
    const dt_memory_t *memory = source->memory;
    reading_t reading = {revoked, call->now};
    dth_feed_t *feed = source->feed;
    const char *trouble;
    apr_int64_t last;

    mind_the_clock(source, call->now);
    /* First whether it is there, which is not told to the log each time. */
    if (dt_db_ready(source->db, call, &trouble) != APR_SUCCESS ||
        memory->read_revocations(memory->plug.self, call, feed->after, take, &reading, &last) !=
            APR_SUCCESS) {
        note_failure(feed);
        return;
    }
    note_success(feed, last, call->now);
    if (dth_revoked_is_time(&feed->forgot_at, FORGET, call->now)) {
        (void)memory->forget_revocations(memory->plug.self, call);
    }
}

/* Whether the child that reads was killed. Its id may be that of another process by now: then its
 * claim ends with its time. */
static bool reader_died(const dth_feed_t *feed)
{
    const pid_t reader = (pid_t)feed->reader;

    return reader != 0 && kill(reader, 0) != 0 && errno == ESRCH;
}

/* One child at a time; another takes over when it dies. A clock that was set back stops nobody. */
static void poll_source(const dth_revoked_t *revoked, const dth_source_t *source, apr_pool_t *pool,
                        volatile apr_uint32_t *end)
{
    const apr_time_t now = apr_time_now();
    const dt_call_t call = {.pool = pool, .now = now, .end = end};
    dth_feed_t *feed = source->feed;
    apr_int64_t due = feed->due;

    if ((due > now && due - now <= CLAIM + source->poll && !reader_died(feed)) ||
        !atomic_compare_exchange_strong(&feed->due, &due, now + CLAIM)) {
        return;
    }
    feed->reader = getpid();
    if (feed->since == 0) {
        feed->since = now;
    }
    read_source(revoked, source, &call);
    feed->due = now + source->poll;
    feed->reader = 0;
}

static dth_followed_t follow(const dth_source_t *source)
{
    const dth_feed_t *feed = source->feed;
    const apr_time_t now = apr_time_now(), read_at = feed->read_at, since = feed->since;
    const apr_interval_time_t age = now - (read_at != 0 ? read_at : since != 0 ? since : now);

    return (dth_followed_t){age > 0 ? age : 0, age > POLLS * source->poll};
}

bool dth_revoked_followed(const dth_revoked_t *revoked, int i, dth_followed_t *followed)
{
    if (i >= revoked->sources->nelts) {
        return false;
    }
    *followed = follow(&APR_ARRAY_IDX(revoked->sources, i, dth_source_t));
    return true;
}

bool dth_revoked_is_followed(const dth_site_t *site)
{
    const apr_interval_time_t poll = site->conf->revocation_poll.time;
    const dth_feed_t *feed = site->feed;

    return !feed->failed && apr_time_now() - feed->read_at <= 2 * poll + SOON;
}

static void tell_if_late(const dth_revoked_t *revoked, const dth_source_t *source)
{
    dth_feed_t *feed = source->feed;
    const dth_followed_t followed = follow(source);
    const bool late = followed.is_late;
    apr_int64_t told = !late;

    if (!atomic_compare_exchange_strong(&feed->told, &told, late)) {
        return; /* nothing new, or somebody else says it */
    }
    if (late) {
        ap_log_error(
            APLOG_MARK, APLOG_ERR, 0, revoked->server,
            DTNO(0052) "revocations have not been read from the database for %" APR_TIME_T_FMT
                       " s: sessions that were ended on other nodes go on here",
            apr_time_sec(followed.age));
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, revoked->server,
                     DTNO(0053) "revocations are read from the database again");
    }
}

void dth_revoked_poll(const dth_revoked_t *revoked, apr_pool_t *pool, volatile apr_uint32_t *end)
{
    for (int i = 0; i < revoked->sources->nelts; i++) {
        const dth_source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const dth_source_t);

        poll_source(revoked, source, pool, end);
        tell_if_late(revoked, source);
    }
}

apr_interval_time_t dth_revoked_interval(const dth_revoked_t *revoked)
{
    apr_interval_time_t shortest = APR_INT64_MAX;

    for (int i = 0; i < revoked->sources->nelts; i++) {
        const dth_source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const dth_source_t);

        shortest = source->poll < shortest ? source->poll : shortest;
    }
    return shortest;
}

void dth_revoked_load(const dth_revoked_t *revoked, apr_pool_t *pchild)
{
    const apr_time_t end = apr_time_now() + CLAIM;
    apr_pool_t *pool;

    if (apr_pool_create(&pool, pchild) != APR_SUCCESS) {
        return;
    }
    for (int i = 0; i < revoked->sources->nelts; i++) {
        const dth_source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const dth_source_t);
        const apr_time_t soon = apr_time_now() + SOON;
        dth_feed_t *feed = source->feed;

        if (feed->read_at == 0) {
            poll_source(revoked, source, pool, NULL);
        }
        while (feed->read_at == 0 && apr_time_now() < (feed->failed ? soon : end)) {
            apr_sleep(NAP); /* another child reads them, unless it was killed */
            if (feed->failed) {
                feed->due = 0;
            }
            poll_source(revoked, source, pool, NULL);
        }
        if (feed->read_at == 0) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, revoked->server,
                         DTNO(0054) "the revocations in the database could not be read at the "
                                    "start: until they are, sessions that were ended go on");
        }
    }
    apr_pool_destroy(pool);
}
