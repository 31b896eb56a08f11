/* SPDX-License-Identifier: Apache-2.0 */
/* The revocations of all nodes: one table in shared memory that follows the databases. */
#include "httpd/revoked.h"

#include "core/bytes.h"

#include <apr_shm.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define FEEDS 16                     /* databases of one httpd */
#define CLAIM apr_time_from_sec(30)  /* after which a child that reads is taken for dead */
#define BEHIND apr_time_from_sec(30) /* how long a row may take to become visible */
#define BEHIND_ROWS 1000             /* the same, when nobody knows since when rows are there */
#define FORGET apr_time_from_sec(600)
#define TELL apr_time_from_sec(3600)
#define NAP apr_time_from_msec(10)
#define POLLS 10 /* without success before an administrator is told */
#define LINE 64  /* bytes that a processor reads at a time */

typedef _Atomic(apr_int64_t) shared_t;

/*
 * How far a database has been read, by whichever child. Rows get their ids before they can be seen,
 * so that a lower one may come after a higher one: what came in the last half minute, or up to a
 * whole one, is read again each time. To read a row twice changes nothing.
 */
typedef struct feed_t {
    shared_t key;     /* which database; 0: none yet */
    shared_t due;     /* nobody reads before; while a child reads, when it is taken for dead */
    shared_t reader;  /* the child that reads, by its process id; 0: none */
    shared_t since;   /* when it was first tried */
    shared_t read_at; /* when it was last read to its end; 0: never */
    shared_t failed;  /* the last try did */
    shared_t told;    /* that it has not been read for long */
    shared_t after;   /* the id behind which reading begins */
    shared_t mark;    /* the next one of these */
    shared_t marked_at;
    shared_t forgot_at; /* when rows that nobody needs were last deleted */
} feed_t;

/* In front of the table. */
typedef struct memory_t {
    feed_t feeds[FEEDS];
    shared_t coarser_at; /* when it was last told */
} memory_t;

/* One database as this generation knows it. */
typedef struct source_t {
    const dt_memory_t *memory;
    dt_db_t *db;
    feed_t *feed;
    apr_interval_time_t poll;
} source_t;

struct dth_revoked_t {
    server_rec *server;
    memory_t *shared;
    dt_revoke_t *table;
    apr_interval_time_t longest; /* life of a session of any site */
    apr_array_header_t *sources; /* of source_t */
};

/* What the process keeps over graceful restarts, which unload this module. */
typedef struct kept_t {
    memory_t *shared;
    dt_revoke_t *table;
} kept_t;

#define KEPT "mod_auth_dingtalk revocations " DT_VERSION

/* --- making --- */

static apr_status_t make_shared(apr_pool_t *process, apr_interval_time_t longest, kept_t *kept)
{
    const apr_size_t size = APR_ALIGN(sizeof(memory_t), LINE) + LINE + dt_revoke_size();
    apr_shm_t *shm;
    char *base;
    apr_status_t rv = apr_shm_create(&shm, size, NULL, process);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    base = apr_shm_baseaddr_get(shm);
    base += APR_ALIGN((apr_uintptr_t)base, LINE) - (apr_uintptr_t)base;
    kept->shared = (memory_t *)base;
    return dt_revoke_create(base + APR_ALIGN(sizeof(memory_t), LINE), longest, apr_time_now(),
                            &kept->table);
}

/* That of the process; new at its start, and when another version of the module takes over. */
static apr_status_t find_shared(server_rec *s, apr_interval_time_t longest, kept_t **kept)
{
    *kept = ap_retained_data_get(KEPT);
    if (*kept == NULL) {
        *kept = ap_retained_data_create(KEPT, sizeof(**kept));
    }
    if ((*kept)->table == NULL) {
        return make_shared(s->process->pool, longest, *kept);
    }
    dt_revoke_stretch((*kept)->table, longest);
    return APR_SUCCESS;
}

/* The feed of a database, known by a hash of how it is reached; NULL when there are too many. */
static feed_t *find_feed(const dth_revoked_t *revoked, apr_pool_t *pool, const dth_site_t *site)
{
    const char *how =
        apr_pstrcat(pool, site->conf->database.driver, " ", site->conf->database.params, NULL);
    const apr_int64_t key = (apr_int64_t)(dt_subject_corp(revoked->table, dt_slice(how)) | 1);

    for (int i = 0; i < FEEDS; i++) {
        feed_t *feed = &revoked->shared->feeds[i];

        if (feed->key == 0) {
            feed->key = key;
        }
        if (feed->key == key) {
            return feed;
        }
    }
    return NULL;
}

/* Sites that share a database share its source; the one in the greatest hurry counts. */
static bool add_source(dth_revoked_t *revoked, apr_pool_t *pool, const dth_site_t *site)
{
    const apr_interval_time_t poll = site->conf->revocation_poll.time;
    feed_t *feed = find_feed(revoked, pool, site);

    if (feed == NULL) {
        return false;
    }
    for (int i = 0; i < revoked->sources->nelts; i++) {
        source_t *source = &APR_ARRAY_IDX(revoked->sources, i, source_t);

        if (source->feed == feed) {
            source->poll = poll < source->poll ? poll : source->poll;
            return true;
        }
    }
    APR_ARRAY_PUSH(revoked->sources, source_t) =
        (source_t){site->login.bind.memory, site->db, feed, poll};
    return true;
}

static apr_interval_time_t longest_life(const dth_providers_t *made)
{
    apr_interval_time_t longest = 0;

    for (int i = 0; i < made->sites->nelts; i++) {
        const dth_site_t *site = APR_ARRAY_IDX(made->sites, i, const dth_site_t *);
        const apr_interval_time_t life = site->login.admit.lifetimes.absolute;

        longest = life > longest ? life : longest;
    }
    return longest;
}

const char *dth_revoked_make(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                             dth_revoked_t **revoked)
{
    dth_revoked_t *mine = apr_pcalloc(pconf, sizeof(*mine));
    kept_t *kept;
    apr_status_t rv;

    mine->server = s;
    mine->longest = longest_life(made);
    mine->sources = apr_array_make(pconf, 2, sizeof(source_t));
    rv = find_shared(s, mine->longest, &kept);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pconf, "no shared memory for revocations: %pm", &rv);
    }
    mine->shared = kept->shared;
    mine->table = kept->table;
    for (int i = 0; i < made->sites->nelts; i++) {
        dth_site_t *site = APR_ARRAY_IDX(made->sites, i, dth_site_t *);

        if (!add_source(mine, pconf, site)) {
            return apr_psprintf(pconf, "DingTalkDatabase: there are more than %d databases", FEEDS);
        }
        site->revoked = mine;
        site->revocations = mine->table;
        site->corp = dt_subject_corp(mine->table, dt_slice(site->app.corp_id));
        site->user_is_account = strcmp(site->login.admit.remote_user, "account") == 0;
    }
    *revoked = mine;
    return NULL;
}

/* --- writing --- */

/* Whether at least this long ago, or after now, since the clock was set back; then it is now. For
 * one caller only. */
static bool is_time(shared_t *last, apr_interval_time_t after, apr_time_t now)
{
    apr_int64_t then = *last;

    return (now - then >= after || now < then) && atomic_compare_exchange_strong(last, &then, now);
}

static dt_revoke_added_t put(const dth_revoked_t *revoked, dt_subject_t subject,
                             apr_time_t not_before, apr_time_t now)
{
    const dt_revoke_added_t added = dt_revoke_add(revoked->table, subject, not_before, now);

    if (added == DT_REVOKE_COARSER && is_time(&revoked->shared->coarser_at, TELL, now)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, revoked->server,
                     DTNO(0050) "the table of revocations is full: it grows coarser, and some who "
                                "are not revoked have to sign in again");
    }
    return added;
}

/* *known: it was there before. */
static apr_status_t add_here(const dth_site_t *site, const char *subject, apr_time_t not_before,
                             apr_time_t now, bool *known)
{
    dt_subject_t hash;
    const apr_status_t rv = dt_subject_read(site->revocations, subject, &hash);

    *known = rv == APR_SUCCESS && put(site->revoked, hash, not_before, now) == DT_REVOKE_KNOWN;
    return rv;
}

static apr_status_t add_to_database(const dth_site_t *site, const dt_call_t *call,
                                    const char *subject, apr_time_t not_before,
                                    apr_time_t expires_at)
{
    const dt_memory_t *memory = site->login.bind.memory;

    return memory->add_revocation(memory->plug.self, call, subject, not_before, expires_at);
}

apr_status_t dth_revoked_add(request_rec *r, const dth_site_t *site, const char *subject,
                             apr_time_t not_before, apr_time_t expires_at)
{
    const dt_call_t call = {.pool = r->pool, .now = r->request_time, .glue = r};
    bool known;
    apr_status_t rv = add_here(site, subject, not_before, call.now, &known);

    if (known) {
        return APR_SUCCESS; /* whoever was first has told the others */
    }
    if (rv == APR_SUCCESS) {
        rv = add_to_database(site, &call, subject, not_before, expires_at);
    }
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      DTNO(0051) "a revocation cannot be written to the database: other nodes do "
                                 "not know of it, nor does this one after it has been stopped");
    }
    return rv;
}

/* dt_revoker_t.here */
static void revoke_here(void *self, const dt_call_t *call, const char *subject,
                        apr_time_t not_before)
{
    bool known;

    (void)add_here(self, subject, not_before, call->now, &known);
}

/* dt_revoker_t.everywhere: what is known here may be so by "here" alone. */
static apr_status_t revoke_everywhere(void *self, const dt_call_t *call, const char *subject,
                                      apr_time_t not_before)
{
    const dth_site_t *site = self;
    bool known;
    const apr_status_t rv = add_here(site, subject, not_before, call->now, &known);

    return rv != APR_SUCCESS
               ? rv
               : add_to_database(site, call, subject, not_before, dth_revoked_end(site, call->now));
}

const dt_revoker_t *dth_revoked_revoker(apr_pool_t *pconf, dth_site_t *site)
{
    dt_revoker_t *revoker = apr_palloc(pconf, sizeof(*revoker));

    *revoker = (dt_revoker_t){{"revoked", site, NULL}, revoke_here, revoke_everywhere};
    return revoker;
}

apr_interval_time_t dth_revoked_longest(const dth_site_t *site)
{
    return site->revoked->longest + DT_SESSION_AHEAD;
}

apr_time_t dth_revoked_end(const dth_site_t *site, apr_time_t now)
{
    return now + dth_revoked_longest(site);
}

bool dth_revoked_is_stale(const dth_site_t *site, const dt_session_t *session)
{
    return dt_revoke_covers(site->revocations,
                            dt_subject_changed(site->revocations, site->corp, session->user_id),
                            session->seen);
}

/* --- reading --- */

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
        put(reading->revoked, subject, not_before, reading->now);
    }
}

/* After a first reading of all, only the newest rows are those that may have others in between. */
static void note_success(feed_t *feed, apr_int64_t last, apr_time_t now)
{
    if (feed->after == 0 && feed->mark == 0) {
        feed->after = last > BEHIND_ROWS ? last - BEHIND_ROWS : 0;
        feed->mark = last;
        feed->marked_at = now;
    }
    else if (is_time(&feed->marked_at, BEHIND, now)) {
        feed->after = feed->mark;
        feed->mark = last > feed->mark ? last : feed->mark;
    }
    feed->read_at = now;
    feed->failed = 0;
}

/* What is there afterwards may be another database, or the same one as it was before. */
static void note_failure(feed_t *feed)
{
    feed->after = feed->mark = 0;
    feed->failed = 1;
}

static void read_source(const dth_revoked_t *revoked, const source_t *source, apr_pool_t *pool,
                        apr_time_t now)
{
    const dt_memory_t *memory = source->memory;
    const dt_call_t call = {.pool = pool, .now = now};
    reading_t reading = {revoked, now};
    feed_t *feed = source->feed;
    const char *trouble;
    apr_int64_t last;

    /* First whether it is there, which is not told to the log each time. */
    if (dt_db_ready(source->db, pool, &trouble) != APR_SUCCESS ||
        memory->read_revocations(memory->plug.self, &call, feed->after, take, &reading, &last) !=
            APR_SUCCESS) {
        note_failure(feed);
        return;
    }
    note_success(feed, last, now);
    if (is_time(&feed->forgot_at, FORGET, now)) {
        (void)memory->forget_revocations(memory->plug.self, &call);
    }
}

/* Whether the child that reads was killed. Its id may be that of another process by now: then its
 * claim ends with its time. */
static bool reader_died(const feed_t *feed)
{
    const pid_t reader = (pid_t)feed->reader;

    return reader != 0 && kill(reader, 0) != 0 && errno == ESRCH;
}

/* One child at a time; another takes over when it dies. A clock that was set back stops nobody. */
static void poll_source(const dth_revoked_t *revoked, const source_t *source, apr_pool_t *pool)
{
    const apr_time_t now = apr_time_now();
    feed_t *feed = source->feed;
    apr_int64_t due = feed->due;

    if ((due > now && due - now <= CLAIM + source->poll && !reader_died(feed)) ||
        !atomic_compare_exchange_strong(&feed->due, &due, now + CLAIM)) {
        return;
    }
    feed->reader = getpid();
    if (feed->since == 0) {
        feed->since = now;
    }
    read_source(revoked, source, pool, now);
    feed->due = now + source->poll;
    feed->reader = 0;
}

static dth_followed_t follow(const source_t *source)
{
    const feed_t *feed = source->feed;
    const apr_time_t now = apr_time_now(), read_at = feed->read_at, since = feed->since;
    const apr_interval_time_t age = now - (read_at != 0 ? read_at : since != 0 ? since : now);

    return (dth_followed_t){age > 0 ? age : 0, age > POLLS * source->poll};
}

bool dth_revoked_followed(const dth_revoked_t *revoked, int i, dth_followed_t *followed)
{
    if (i >= revoked->sources->nelts) {
        return false;
    }
    *followed = follow(&APR_ARRAY_IDX(revoked->sources, i, source_t));
    return true;
}

static void tell_if_late(const dth_revoked_t *revoked, const source_t *source)
{
    feed_t *feed = source->feed;
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

void dth_revoked_poll(const dth_revoked_t *revoked, apr_pool_t *pool)
{
    for (int i = 0; i < revoked->sources->nelts; i++) {
        const source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const source_t);

        poll_source(revoked, source, pool);
        tell_if_late(revoked, source);
    }
}

apr_interval_time_t dth_revoked_interval(const dth_revoked_t *revoked)
{
    apr_interval_time_t shortest = APR_INT64_MAX;

    for (int i = 0; i < revoked->sources->nelts; i++) {
        const source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const source_t);

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
        const source_t *source = &APR_ARRAY_IDX(revoked->sources, i, const source_t);
        feed_t *feed = source->feed;

        if (feed->read_at == 0) {
            poll_source(revoked, source, pool);
        }
        while (feed->read_at == 0 && !feed->failed && apr_time_now() < end) {
            apr_sleep(NAP); /* another child reads them, unless it was killed */
            poll_source(revoked, source, pool);
        }
        if (feed->read_at == 0) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, revoked->server,
                         DTNO(0054) "the revocations in the database could not be read at the "
                                    "start: until they are, sessions that were ended go on");
        }
    }
    apr_pool_destroy(pool);
}
