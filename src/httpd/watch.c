/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of all sites: threads of a child, told by requests what there is to do. */
#include "httpd/watch.h"

#include "core/bytes.h"
#include "httpd/revoked.h"
#include "httpd/shared.h"
#include "httpd/watch_log.h"

#include <apr_atomic.h>
#include <apr_hash.h>
#include <apr_queue.h>
#include <apr_strings.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NOTES 1000                  /* in a child's queue */
#define ASKED 10000                 /* persons that a child remembers to have asked for */
#define CLAIM apr_time_from_sec(10) /* after which a child that works is taken for dead */
#define REST apr_time_from_sec(1)   /* after a failure, at least */
#define REST_MAX apr_time_from_sec(10)
#define MISSED apr_time_from_sec(60) /* how often a node asks whether it is its turn */
#define FORGET apr_time_from_sec(600)

typedef _Atomic(apr_int64_t) shared_t;

/* How one kind of work stands, for all children. Each member is right on its own. */
typedef struct standing_t {
    shared_t wanted; /* not 0: there is something to do */
    shared_t next;   /* when somebody looks although nobody wants it */
    shared_t closed; /* nobody works before: while a child works, when it is taken for dead */
} standing_t;

enum { EVENTS, MEMBERS, FAILED_PUSHES, OLD_ROWS, KINDS };

/* One corp in shared memory. */
typedef struct common_t {
    standing_t standings[KINDS];
    dth_told_t told;
} common_t;

/* One corp, as one app sees it from one database. The baton of its watch. */
typedef struct corp_t {
    dt_watch_t watch;
    dth_watch_log_t log;
    const dth_site_t *site; /* the first one of it */
    bool has_events;
    apr_interval_time_t poll; /* the shortest of its sites */
    common_t *common;

    /* The child's own, as what follows. The queue is the only thing that requests touch. */
    apr_queue_t *notes;
    apr_pool_t *pool;  /* of asked */
    apr_hash_t *asked; /* userids of those whose records were asked for lately */
    apr_time_t asked_since;
} corp_t;

struct dth_watch_t {
    apr_array_header_t *corps; /* of corp_t * */
};

/* --- making --- */

/* dt_say_t */
static void say(void *baton, dt_said_t said, const char *about, const dt_result_t *result)
{
    dth_watch_log(&((const corp_t *)baton)->log, said, about, result);
}

static bool same(const dth_site_t *a, const dth_site_t *b)
{
    return a->db == b->db && strcmp(a->app.corp_id, b->app.corp_id) == 0 &&
           strcmp(a->app.client_id, b->app.client_id) == 0;
}

static corp_t *find_corp(const dth_watch_t *watch, const dth_site_t *site)
{
    for (int i = 0; i < watch->corps->nelts; i++) {
        corp_t *corp = APR_ARRAY_IDX(watch->corps, i, corp_t *);

        if (same(corp->site, site)) {
            return corp;
        }
    }
    return NULL;
}

static corp_t *add_corp(dth_watch_t *watch, apr_pool_t *pconf, server_rec *s, dth_site_t *site)
{
    corp_t *corp = apr_pcalloc(pconf, sizeof(*corp));

    corp->watch = (dt_watch_t){.client = &site->login.client,
                               .memory = site->login.bind.memory,
                               .revoker = dth_revoked_revoker(pconf, site),
                               .longest = dth_revoked_longest(site),
                               .say = say,
                               .baton = corp};
    corp->log = (dth_watch_log_t){s, site->app.corp_id, NULL, site->counters};
    corp->site = site;
    corp->poll = site->conf->revocation_poll.time;
    APR_ARRAY_PUSH(watch->corps, corp_t *) = corp;
    return corp;
}

/* Of sites that share a watch, the one in the greatest hurry counts. */
static void join(corp_t *corp, dth_site_t *site)
{
    const apr_interval_time_t recheck = site->conf->recheck.time;
    const apr_interval_time_t poll = site->conf->revocation_poll.time;

    if (recheck > 0 && (recheck < corp->watch.recheck || corp->watch.recheck == 0)) {
        corp->watch.recheck = recheck;
    }
    corp->poll = poll < corp->poll ? poll : corp->poll;
    corp->has_events = corp->has_events || site->events != NULL;
    site->watch = &corp->watch;
}

/* Nothing in it has to outlive a restart: what is to be done stands in the database. */
static apr_status_t share(apr_pool_t *pconf, const dth_watch_t *watch)
{
    const apr_size_t size = (apr_size_t)watch->corps->nelts * sizeof(common_t);
    common_t *commons;
    void *memory;
    apr_status_t rv = dth_shared_make(pconf, size, &memory);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    commons = memory;
    for (int i = 0; i < watch->corps->nelts; i++) {
        corp_t *corp = APR_ARRAY_IDX(watch->corps, i, corp_t *);

        corp->common = &commons[i];
        corp->log.told = &commons[i].told;
    }
    return APR_SUCCESS;
}

const char *dth_watch_make(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                           dth_watch_t **watch)
{
    apr_status_t rv;

    *watch = apr_pcalloc(pconf, sizeof(**watch));
    (*watch)->corps = apr_array_make(pconf, 2, sizeof(corp_t *));
    for (int i = 0; i < made->sites->nelts; i++) {
        dth_site_t *site = APR_ARRAY_IDX(made->sites, i, dth_site_t *);
        corp_t *corp = find_corp(*watch, site);

        join(corp != NULL ? corp : add_corp(*watch, pconf, s, site), site);
    }
    rv = share(pconf, *watch);
    return rv == APR_SUCCESS ? NULL : apr_psprintf(pconf, "no shared memory to watch: %pm", &rv);
}

/* --- notes: malloc'd, since pools are not for several threads --- */

/* What a note is about. */
typedef enum about_t {
    SIGNED_IN, /* text is the member record */
    UNCHECKED, /* a session whose person is to be looked up; text is the userid, as in the next */
    STALE      /* a session that was renewed without its person's new record */
} about_t;

typedef struct note_t {
    apr_time_t at;
    about_t about;
    char text[];
} note_t;

static void put_note(corp_t *corp, apr_time_t at, about_t about, dt_slice_t text)
{
    note_t *note = malloc(sizeof(*note) + text.len + 1);

    if (note == NULL) {
        return;
    }
    note->at = at;
    note->about = about;
    memcpy(note->text, text.data, text.len);
    note->text[text.len] = '\0';
    /* A child that could not start has no queue. */
    if (corp->notes == NULL || apr_queue_trypush(corp->notes, note) != APR_SUCCESS) {
        free(note);
    }
}

static note_t *next_note(corp_t *corp)
{
    void *note;

    return apr_queue_trypop(corp->notes, &note) == APR_SUCCESS ? note : NULL;
}

void dth_watch_signed_in(const dth_site_t *site, request_rec *r, const dt_member_t *member)
{
    corp_t *corp = site->watch->baton;

    if (corp->watch.recheck > 0 || corp->has_events) {
        put_note(corp, r->request_time, SIGNED_IN, dt_slice(dt_member_text(r->pool, member)));
    }
}

void dth_watch_recheck(const dth_site_t *site, const dt_session_t *session)
{
    put_note(site->watch->baton, apr_time_now(), UNCHECKED, session->user_id);
}

void dth_watch_stale(const dth_site_t *site, const dt_session_t *session)
{
    put_note(site->watch->baton, apr_time_now(), STALE, session->user_id);
}

static apr_status_t end_corp(void *data)
{
    corp_t *corp = data;
    note_t *note;

    while ((note = next_note(corp)) != NULL) {
        free(note);
    }
    apr_pool_destroy(corp->pool);
    return APR_SUCCESS;
}

static apr_status_t start_corp(corp_t *corp, apr_pool_t *pchild)
{
    apr_status_t rv = apr_queue_create(&corp->notes, NOTES, pchild);

    if (rv == APR_SUCCESS) { /* of its own: the thread allocates while others do from pchild */
        rv = apr_pool_create_unmanaged(&corp->pool);
    }
    if (rv == APR_SUCCESS) {
        corp->asked = apr_hash_make(corp->pool);
        apr_pool_cleanup_register(pchild, corp, end_corp, apr_pool_cleanup_null);
    }
    return rv;
}

apr_status_t dth_watch_start(dth_watch_t *watch, apr_pool_t *pchild)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS && i < watch->corps->nelts; i++) {
        rv = start_corp(APR_ARRAY_IDX(watch->corps, i, corp_t *), pchild);
    }
    return rv;
}

/* --- working --- */

static void want(corp_t *corp, int kind)
{
    corp->common->standings[kind].wanted = 1;
}

void dth_watch_wake(const dth_site_t *site)
{
    want(site->watch->baton, EVENTS);
}

/* A session whose browser takes no cookies is old at each of its requests. */
static bool was_asked(corp_t *corp, const char *user_id, apr_time_t now)
{
    const apr_interval_time_t age = now - corp->asked_since;

    if (age < 0 || age >= corp->watch.recheck || apr_hash_count(corp->asked) >= ASKED) {
        apr_pool_clear(corp->pool);
        corp->asked = apr_hash_make(corp->pool);
        corp->asked_since = now;
    }
    return apr_hash_get(corp->asked, user_id, APR_HASH_KEY_STRING) != NULL;
}

static void ask(corp_t *corp, const dt_call_t *call, const char *user_id)
{
    if (was_asked(corp, user_id, call->now) ||
        dt_watch_recheck(&corp->watch, call, user_id) != APR_SUCCESS) {
        return;
    }
    user_id = apr_pstrdup(corp->pool, user_id);
    apr_hash_set(corp->asked, user_id, APR_HASH_KEY_STRING, user_id);
    want(corp, MEMBERS);
}

/* As of when it was written, for that is how old what it says is; but a session may have been
 * renewed again since it was said to be stale. */
static void take_note(corp_t *corp, const note_t *note, const dt_call_t *now)
{
    dt_call_t then = *now;
    dt_member_t member;

    then.now = note->at;
    switch (note->about) {
    case SIGNED_IN:
        if (dt_member_read(now->pool, note->text, &member) == APR_SUCCESS) {
            (void)dt_watch_signed_in(&corp->watch, &then, &member);
        }
        break;
    case UNCHECKED:
        ask(corp, &then, note->text);
        break;
    case STALE:
        (void)dt_watch_stale(&corp->watch, now, note->text);
        break;
    }
}

/* Whether the database is there. That it is not is told to the log by others. */
static apr_status_t ready(const corp_t *corp, const dt_call_t *call)
{
    const char *trouble;

    return dt_db_ready(corp->site->db, call, &trouble);
}

static void take_notes(corp_t *corp, apr_pool_t *pool, volatile apr_uint32_t *end)
{
    dt_call_t call = {.pool = pool, .end = end};

    while (apr_queue_size(corp->notes) > 0 && ready(corp, &call) == APR_SUCCESS &&
           !apr_atomic_read32(end)) {
        note_t *note = next_note(corp);

        if (note != NULL) {
            call.now = apr_time_now();
            take_note(corp, note, &call);
        }
        free(note);
        apr_pool_clear(pool);
    }
}

static apr_status_t forget(const dt_watch_t *watch, const dt_call_t *call, bool *more)
{
    *more = false;
    return dt_watch_forget(watch, call);
}

static const struct {
    apr_status_t (*work)(const dt_watch_t *watch, const dt_call_t *call, bool *more);
    dth_waiting_t waiting;
    apr_interval_time_t every; /* 0: as revocations are read */
    int then;                  /* what may have got something to do by it; KINDS: nothing */
} kinds[KINDS] = {
    [EVENTS] = {dt_watch_work, DTH_WAIT_DATABASE, 0, MEMBERS},
    [MEMBERS] = {dt_watch_read, DTH_WAIT_DINGTALK, 0, KINDS},
    [FAILED_PUSHES] = {dt_watch_missed, DTH_WAIT_DINGTALK, MISSED, EVENTS},
    [OLD_ROWS] = {forget, DTH_WAIT_DATABASE, FORGET, KINDS},
};

/* Whether it is time, and for this child. A clock that was set back stops nobody. */
static bool may_work(standing_t *standing, apr_interval_time_t every, apr_time_t now)
{
    const apr_int64_t next = standing->next;
    const apr_interval_time_t longest = every > CLAIM ? every : CLAIM;
    apr_int64_t closed = standing->closed;

    if (standing->wanted == 0 && next > now && next - now <= longest) {
        return false;
    }
    return (closed <= now || closed - now > longest) &&
           atomic_compare_exchange_strong(&standing->closed, &closed, now + CLAIM);
}

static apr_interval_time_t rest(apr_interval_time_t every)
{
    return every < REST ? REST : every > REST_MAX ? REST_MAX : every;
}

/* One piece of work. Whether there is another at once. */
static bool work(corp_t *corp, int kind, apr_pool_t *pool, volatile apr_uint32_t *end)
{
    const apr_interval_time_t every = kinds[kind].every != 0 ? kinds[kind].every : corp->poll;
    const dt_call_t call = {.pool = pool, .now = apr_time_now(), .end = end};
    standing_t *standing = &corp->common->standings[kind];
    bool more = false;
    apr_status_t rv;

    if (!may_work(standing, every, call.now)) {
        return false;
    }
    standing->wanted = 0; /* first: what is wanted from now on may come too late for this piece */
    rv = ready(corp, &call);
    if (rv == APR_SUCCESS) {
        rv = kinds[kind].work(&corp->watch, &call, &more);
    }
    standing->next = apr_time_now() + (rv == APR_SUCCESS ? every : rest(every));
    standing->closed = rv == APR_SUCCESS ? 0 : (apr_int64_t)standing->next;
    if (more) {
        standing->wanted = 1;
    }
    if (kinds[kind].then != KINDS) {
        want(corp, kinds[kind].then);
    }
    return more && rv == APR_SUCCESS;
}

/* One piece of each kind, so that a long list of one holds up nothing else. */
static bool work_all(corp_t *corp, dth_waiting_t waiting, apr_pool_t *pool,
                     volatile apr_uint32_t *end)
{
    bool more = false;

    for (int kind = 0; kind < KINDS && !apr_atomic_read32(end); kind++) {
        if (kinds[kind].waiting == waiting && (kind != FAILED_PUSHES || corp->has_events)) {
            more = work(corp, kind, pool, end) || more;
            apr_pool_clear(pool);
        }
    }
    return more;
}

void dth_watch_run(dth_watch_t *watch, dth_waiting_t waiting, apr_pool_t *pool,
                   volatile apr_uint32_t *end)
{
    apr_pool_t *piece;
    bool more = apr_pool_create(&piece, pool) == APR_SUCCESS;

    while (more) {
        more = false;
        for (int i = 0; i < watch->corps->nelts; i++) {
            corp_t *corp = APR_ARRAY_IDX(watch->corps, i, corp_t *);

            if (waiting == DTH_WAIT_DATABASE) {
                take_notes(corp, piece, end);
            }
            more = work_all(corp, waiting, piece, end) || more;
        }
        more = more && !apr_atomic_read32(end);
    }
}
