/* SPDX-License-Identifier: Apache-2.0 */
/* All process state: what is made at start, in each child and for each thread. */
#include "httpd/lifecycle.h"

#include "core/bytes.h"
#include "core/seal.h"
#include "httpd/caching.h"
#include "httpd/counters.h"
#include "httpd/providers.h"
#include "httpd/revoked.h"
#include "httpd/secret.h"
#include "httpd/shared.h"
#include "httpd/state.h"
#include "httpd/socache_start.h"
#include "httpd/sweep.h"
#include "httpd/watch.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <http_core.h>

#include <string.h>

/* The only writable statics of the module. Set while there is one thread, read-only after. */
static struct {
    apr_array_header_t *sites; /* of dth_site_t *, in pconf */
    dth_providers_t *made;     /* in pconf */
    dth_revoked_t *revoked;    /* in pconf, as the next; NULL without sites */
    dth_watch_t *watch;
    dth_sweep_t *sweep;
    ap_filter_rec_t *caching;    /* httpd's */
    volatile apr_uint32_t *turn; /* counts sign-ins, in memory that all children share */
#if APR_HAS_THREADS
    apr_threadkey_t *thread; /* to dth_thread_t; NULL outside of children */
#else
    dt_scratch_t *scratch;
#endif
} process;

void dth_lifecycle_add(apr_pool_t *pconf, dth_site_t *site)
{
    if (process.sites == NULL) {
        process.sites = apr_array_make(pconf, 4, sizeof(dth_site_t *));
    }
    APR_ARRAY_PUSH(process.sites, dth_site_t *) = site;
}

int dth_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    process.sites = NULL;
    process.revoked = NULL;
    process.watch = NULL;
    process.sweep = NULL;
    process.turn = NULL;
    process.made = dth_providers_none(pconf);
    /* Behind mod_expires and mod_headers, in front of mod_cache, which saves at CONTENT_SET + 1. */
    process.caching = ap_register_output_filter(DTH_CACHING_FILTER, dth_caching_filter, NULL,
                                                AP_FTYPE_CONTENT_SET);
    return dth_socache_register(pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

const dth_providers_t *dth_lifecycle_sites(void)
{
    return process.sites == NULL ? NULL : process.made;
}

apr_uint32_t dth_lifecycle_turn(void)
{
    return process.turn != NULL ? apr_atomic_inc32(process.turn) : 0;
}

ap_filter_rec_t *dth_lifecycle_caching_filter(void)
{
    return process.caching;
}

/* --- post_config --- */

static int refuse(server_rec *s, const dth_site_t *site, const char *wrong)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s, DTNO(0002) "%s (%s)", wrong,
                 site->server);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The key texts: DingTalkKey, or the one in the state directory. */
static const char *read_keys(apr_pool_t *pconf, apr_pool_t *ptemp, const dth_server_t *conf,
                             dt_slice_t **texts, int *count)
{
    int wanted = conf->keys == NULL ? 1 : conf->keys->nelts;

    *texts = apr_pcalloc(ptemp, (apr_size_t)wanted * sizeof(**texts));
    *count = wanted;
    if (conf->keys == NULL) {
        const char *wrong = dth_state_key(ptemp, conf->state_dir, *texts);

        return wrong == NULL ? NULL : apr_pstrcat(pconf, "DingTalkStateDir: ", wrong, NULL);
    }
    for (int i = 0; i < wanted; i++) {
        const char *wrong =
            dth_secret_read(ptemp, &APR_ARRAY_IDX(conf->keys, i, dth_secret_ref_t), *texts + i);

        if (wrong != NULL) {
            return apr_pstrcat(pconf, "DingTalkKey: ", wrong, NULL);
        }
    }
    return NULL;
}

static const char *make_keyring(apr_pool_t *pconf, apr_pool_t *ptemp, dth_site_t *site)
{
    dt_keyring_t *keys;
    dt_slice_t *texts, owner;
    int count;
    const char *wrong = read_keys(pconf, ptemp, site->conf, &texts, &count);

    if (wrong != NULL) {
        return wrong;
    }
    owner = dt_slice(apr_pstrcat(ptemp, site->app.corp_id, "\n", site->app.client_id, NULL));
    if (dt_keyring_create(pconf, texts, count, owner, &keys) != APR_SUCCESS) {
        return apr_psprintf(pconf, "DingTalkKey: a key must have %d bytes or more",
                            DT_KEY_TEXT_MIN);
    }
    site->login.keys = keys;
    return NULL;
}

/* The event subscription, where there is one; check_config has seen that both parts are there. */
static const char *make_subscription(apr_pool_t *pconf, dth_site_t *site)
{
    dt_subscription_t *events = apr_pcalloc(pconf, sizeof(*events));
    dt_slice_t token, aes_key;
    const char *wrong;

    if (site->conf->event_token == NULL) {
        return NULL;
    }
    wrong = dth_secret_read(pconf, site->conf->event_token, &token);
    if (wrong != NULL) {
        return apr_pstrcat(pconf, "DingTalkEventToken: ", wrong, NULL);
    }
    wrong = dth_secret_read(pconf, site->conf->event_aes_key, &aes_key);
    if (wrong != NULL) {
        return apr_pstrcat(pconf, "DingTalkEventAESKey: ", wrong, NULL);
    }
    if (dt_push_aes_key(aes_key, events->aes_key) != APR_SUCCESS) {
        return "DingTalkEventAESKey: must have the 43 letters and digits of the console's aes_key";
    }
    events->token = token.data;
    events->client_id = site->app.client_id;
    events->corp_id = site->app.corp_id;
    site->events = events;
    return NULL;
}

static const char *complete(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s, dth_site_t *site)
{
    dt_slice_t secret;
    const char *wrong = dth_secret_read(pconf, site->conf->client_secret, &secret);
    apr_status_t rv;

    if (wrong != NULL) {
        return apr_pstrcat(pconf, "DingTalkClientSecret: ", wrong, NULL);
    }
    site->app.client_secret = secret.data;
    rv = dth_state_prepare(ptemp, site->conf->state_dir);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pconf, "DingTalkStateDir: %s cannot be used: %pm",
                            site->conf->state_dir, &rv);
    }
    wrong = make_keyring(pconf, ptemp, site);
    if (wrong == NULL) {
        wrong = make_subscription(pconf, site);
    }
    return wrong != NULL ? wrong : dth_providers_make(pconf, process.made, s, site);
}

static apr_status_t make_turn(apr_pool_t *pconf)
{
    void *memory = NULL;
    apr_status_t rv = dth_shared_make(pconf, sizeof(*process.turn), &memory);

    process.turn = memory;
    return rv;
}

static apr_interval_time_t longest_call(void)
{
    apr_interval_time_t longest = 0;

    for (int i = 0; i < process.sites->nelts; i++) {
        const dth_site_t *site = APR_ARRAY_IDX(process.sites, i, const dth_site_t *);

        longest = site->conf->timeout.total > longest ? site->conf->timeout.total : longest;
    }
    return longest;
}

int dth_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    dth_counters_t *counters;
    const char *wrong;
    apr_status_t rv;

    (void)plog;
    /* httpd reads its configuration twice at start: the first time to see whether it can. */
    if (process.sites == NULL || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    counters = dth_counters_make(s);
    rv = counters == NULL ? APR_ENOMEM : make_turn(pconf);
    if (rv == APR_SUCCESS) {
        rv = dth_providers_begin(pconf, process.made, longest_call());
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, rv, s, DTNO(0004) "no shared memory");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (int i = 0; i < process.sites->nelts; i++) {
        dth_site_t *site = APR_ARRAY_IDX(process.sites, i, dth_site_t *);

        site->counters = counters;
        wrong = complete(pconf, ptemp, s, site);
        if (wrong != NULL) {
            return refuse(s, site, wrong);
        }
    }
    wrong = dth_revoked_make(pconf, s, process.made, &process.revoked);
    if (wrong == NULL) {
        wrong = dth_watch_make(pconf, s, process.made, &process.watch);
    }
    if (wrong != NULL) {
        ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s, DTNO(0009) "%s", wrong);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    process.sweep = dth_sweep_register(pconf, s, process.made, process.revoked, process.watch);
    return OK;
}

/* --- children and threads --- */

#if APR_HAS_THREADS
/* What a thread keeps; lives in its own pool. */
typedef struct dth_thread_t {
    apr_pool_t *pool;
    dt_scratch_t *scratch;
} dth_thread_t;

/* At the end of a thread, httpd's or foreign. */
static void end_thread(void *data)
{
    apr_pool_destroy(((dth_thread_t *)data)->pool);
}

/* A child ends. Its main thread, which under prefork answers requests, has no end of its own. */
static apr_status_t end_main_thread(void *data)
{
    void *thread = NULL;

    (void)data;
    if (apr_threadkey_private_get(&thread, process.thread) == APR_SUCCESS && thread != NULL) {
        (void)apr_threadkey_private_set(NULL, process.thread);
        end_thread(thread);
    }
    return APR_SUCCESS;
}

static dth_thread_t *begin_thread(void)
{
    apr_pool_t *pool;
    dth_thread_t *thread;

    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_tag(pool, "dingtalk thread");
    thread = apr_palloc(pool, sizeof(*thread));
    *thread = (dth_thread_t){pool, dt_scratch_create(pool)};
    if (apr_threadkey_private_set(thread, process.thread) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return NULL;
    }
    return thread;
}

dt_scratch_t *dth_lifecycle_scratch(void)
{
    void *thread = NULL;

    if (process.thread == NULL ||
        apr_threadkey_private_get(&thread, process.thread) != APR_SUCCESS) {
        return NULL;
    }
    if (thread == NULL) {
        thread = begin_thread();
    }
    return thread == NULL ? NULL : ((dth_thread_t *)thread)->scratch;
}
#else
dt_scratch_t *dth_lifecycle_scratch(void)
{
    return process.scratch;
}
#endif

void dth_lifecycle_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_status_t rv = dth_providers_start_databases(process.made, pchild);

    /* First what those who are signed in need, who may be out. */
    if (rv == APR_SUCCESS && process.revoked != NULL) {
        dth_revoked_load(process.revoked, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = dth_providers_start(process.made, pchild);
    }
#if APR_HAS_THREADS
    if (rv == APR_SUCCESS) {
        rv = apr_threadkey_private_create(&process.thread, end_thread, pchild);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(pchild, NULL, end_main_thread, apr_pool_cleanup_null);
    }
#else
    process.scratch = dt_scratch_create(pchild);
#endif
    if (rv == APR_SUCCESS && process.watch != NULL) {
        rv = dth_watch_start(process.watch, pchild);
    }
    if (rv == APR_SUCCESS && process.sweep != NULL) {
        dth_sweep_start(process.sweep, pchild);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(
            APLOG_MARK, APLOG_CRIT, rv, s,
            DTNO(0003) "a child could not start its connections to DingTalk: sign-ins in it will "
                       "fail");
    }
}
