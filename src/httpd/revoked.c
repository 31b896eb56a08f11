/* SPDX-License-Identifier: Apache-2.0 */
/* The revocations of all nodes: one table in shared memory that follows the databases. */
#include "httpd/revoked_feed.h"

#include "core/bytes.h"
#include "httpd/shared.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>

#include <string.h>

#define ASTRAY apr_time_from_sec(25 * 3600) /* by how much a clock may be wrong for a while */
#define TELL apr_time_from_sec(3600)
#define LINE 64 /* bytes that a processor reads at a time */

/* What the process keeps over graceful restarts, which unload this module. */
typedef struct kept_t {
    dth_revoked_memory_t *shared;
    dt_revoke_t *table;
} kept_t;

#define KEPT "mod_auth_dingtalk revocations " DT_VERSION

/* --- making --- */

static apr_status_t make_shared(apr_pool_t *process, apr_interval_time_t longest, kept_t *kept)
{
    const apr_size_t size = APR_ALIGN(sizeof(dth_revoked_memory_t), LINE) + LINE + dt_revoke_size();
    void *memory;
    char *base;
    apr_status_t rv = dth_shared_make(process, size, &memory);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    base = memory;
    base += APR_ALIGN((apr_uintptr_t)base, LINE) - (apr_uintptr_t)base;
    kept->shared = (dth_revoked_memory_t *)base;
    return dt_revoke_create(base + APR_ALIGN(sizeof(dth_revoked_memory_t), LINE), longest,
                            apr_time_now(), &kept->table);
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
static dth_feed_t *find_feed(const dth_revoked_t *revoked, apr_pool_t *pool, const dth_site_t *site)
{
    const char *how =
        apr_pstrcat(pool, site->conf->database.driver, " ", site->conf->database.params, NULL);
    const apr_int64_t key = (apr_int64_t)(dt_subject_corp(revoked->table, dt_slice(how)) | 1);

    for (int i = 0; i < DTH_FEEDS; i++) {
        dth_feed_t *feed = &revoked->shared->feeds[i];

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
static bool add_source(dth_revoked_t *revoked, apr_pool_t *pool, dth_site_t *site)
{
    const apr_interval_time_t poll = site->conf->revocation_poll.time;
    dth_feed_t *feed = find_feed(revoked, pool, site);

    if (feed == NULL) {
        return false;
    }
    site->feed = feed;
    for (int i = 0; i < revoked->sources->nelts; i++) {
        dth_source_t *source = &APR_ARRAY_IDX(revoked->sources, i, dth_source_t);

        if (source->feed == feed) {
            source->poll = poll < source->poll ? poll : source->poll;
            return true;
        }
    }
    APR_ARRAY_PUSH(revoked->sources, dth_source_t) =
        (dth_source_t){site->login.bind.memory, site->db, feed, poll};
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
    mine->sources = apr_array_make(pconf, 2, sizeof(dth_source_t));
    rv = find_shared(s, mine->longest + ASTRAY, &kept);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pconf, "no shared memory for revocations: %pm", &rv);
    }
    mine->shared = kept->shared;
    mine->table = kept->table;
    for (int i = 0; i < made->sites->nelts; i++) {
        dth_site_t *site = APR_ARRAY_IDX(made->sites, i, dth_site_t *);

        if (!add_source(mine, pconf, site)) {
            return apr_psprintf(pconf, "DingTalkDatabase: there are more than %d databases",
                                DTH_FEEDS);
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

bool dth_revoked_is_time(dth_shared_t *last, apr_interval_time_t after, apr_time_t now)
{
    apr_int64_t then = *last;

    return (now - then >= after || now < then) && atomic_compare_exchange_strong(last, &then, now);
}

dt_revoke_added_t dth_revoked_put(const dth_revoked_t *revoked, dt_subject_t subject,
                                  apr_time_t not_before, apr_time_t now)
{
    const dt_revoke_added_t added = dt_revoke_add(revoked->table, subject, not_before, now);

    if (added == DT_REVOKE_COARSER &&
        dth_revoked_is_time(&revoked->shared->coarser_at, TELL, now)) {
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

    *known = rv == APR_SUCCESS &&
             dth_revoked_put(site->revoked, hash, not_before, now) == DT_REVOKE_KNOWN;
    return rv;
}

static apr_status_t add_to_database(const dth_site_t *site, const dt_call_t *call,
                                    const char *subject, apr_time_t not_before,
                                    apr_time_t expires_at)
{
    const dt_memory_t *memory = site->login.bind.memory;

    return memory->add_revocation(memory->plug.self, call, subject, not_before, expires_at);
}

apr_status_t dth_revoked_add(request_rec *r, const dt_call_t *call, const dth_site_t *site,
                             const char *subject, apr_time_t not_before, apr_time_t expires_at)
{
    bool known;
    apr_status_t rv = add_here(site, subject, not_before, call->now, &known);

    if (known) {
        return APR_SUCCESS; /* whoever was first has told the others */
    }
    if (rv == APR_SUCCESS) {
        rv = add_to_database(site, call, subject, not_before, expires_at);
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

/* By a clock that is ahead it must not be over for those whose sessions live when it is right. */
apr_time_t dth_revoked_end(const dth_site_t *site, apr_time_t now)
{
    return now + dth_revoked_longest(site) + ASTRAY;
}

bool dth_revoked_is_stale(const dth_site_t *site, const dt_session_t *session)
{
    return dt_revoke_covers(site->revocations,
                            dt_subject_changed(site->revocations, site->corp, session->user_id),
                            session->seen);
}
