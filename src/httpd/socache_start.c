/* SPDX-License-Identifier: Apache-2.0 */
/* How a session cache comes into being, or is found again after a graceful restart. */
#include "httpd/socache_start.h"

#include "httpd/log.h"
#include "httpd/socache_line.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_main.h>
#include <util_mutex.h>

#include <string.h>

#define MUTEX "dingtalk-session"
#define CACHES "auth_dingtalk socaches"
/* shmcb: some 60,000 usual sessions. The provider's own default is 512 KiB. */
#define MEMORY "33554432"
#define SESSION_SIZE 430
#define FEW_SESSIONS 1000
#define DBM_PART 300     /* bytes: mod_socache_dbm takes 949, SDBM has pages of 1 KiB */
#define MEMCACHE_DAYS 30 /* memcached takes more than that for an instant */

/* --- what a graceful restart must not lose --- */

/*
 * Memory would be lost, and children of two generations share a cache for a while, so they need one
 * mutex. The provider's module is loaded anew meanwhile, perhaps elsewhere: an instance of shmcb
 * holds no pointer into it, but a cleanup in its pool is one, so that this pool is never destroyed.
 */
typedef struct kept_t {
    struct kept_t *next;
    const char *name;
    apr_global_mutex_t *mutex;
    ap_socache_instance_t *memory; /* NULL: not kept */
} kept_t;

static kept_t **kept_caches(void)
{
    kept_t **list = ap_retained_data_get(CACHES);

    return list != NULL ? list : ap_retained_data_create(CACHES, sizeof(kept_t *));
}

/* The one of this name; made when it is not there. */
static apr_status_t find_kept(server_rec *s, const char *name, kept_t **found)
{
    apr_pool_t *pool = s->process->pool;
    kept_t **list = kept_caches(), *kept;
    int count = 0;
    apr_status_t rv;

    for (kept = *list; kept != NULL; kept = kept->next) {
        if (strcmp(kept->name, name) == 0) {
            *found = kept;
            return APR_SUCCESS;
        }
        count++;
    }
    kept = apr_pcalloc(pool, sizeof(*kept));
    kept->name = apr_pstrdup(pool, name);
    rv = ap_global_mutex_create(&kept->mutex, NULL, MUTEX, apr_itoa(pool, count), s, pool, 0);
    if (rv == APR_SUCCESS) {
        kept->next = *list;
        *list = kept;
        *found = kept;
    }
    return rv;
}

static apr_status_t open_memory(const dth_socache_t *cache, kept_t *kept)
{
    ap_socache_instance_t *memory;
    apr_pool_t *pool;
    apr_status_t rv;

    if (kept->memory != NULL) {
        return APR_SUCCESS;
    }
    rv = apr_pool_create_unmanaged(&pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dingtalk socache memory");
    rv = dth_socache_instance(cache, pool, &memory);
    if (rv == APR_SUCCESS) {
        kept->memory = memory;
    }
    return rv;
}

/* --- pre_config, check_config --- */

apr_status_t dth_socache_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, MUTEX, NULL, APR_LOCK_DEFAULT, 0);
}

static const char *loaded(apr_pool_t *p)
{
    const apr_array_header_t *names =
        ap_list_provider_names(p, AP_SOCACHE_PROVIDER_GROUP, AP_SOCACHE_PROVIDER_VERSION);
    const char *list = "";

    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name;

        if (strcmp(name, AP_SOCACHE_DEFAULT_PROVIDER) != 0) {
            list = apr_pstrcat(p, list, *list == '\0' ? "" : ", ", name, NULL);
        }
    }
    return *list == '\0' ? "none" : list;
}

static const char *no_provider(apr_pool_t *p, const char *name)
{
    static const char *const known[] = {"shmcb", "redis", "memcache", "dbm", NULL};

    for (int i = 0; known[i] != NULL; i++) {
        if (strcmp(name, known[i]) == 0) {
            return apr_psprintf(p,
                                "socache:%s needs LoadModule socache_%s_module "
                                "modules/mod_socache_%s.so",
                                name, name, name);
        }
    }
    return apr_psprintf(p,
                        "\"socache:%s\" must name one of the providers shmcb, redis, memcache and "
                        "dbm, whose modules are called mod_socache_NAME.so; loaded: %s",
                        name, loaded(p));
}

/* Memory has a name of ours and a size of ours where the administrator has given none. */
static const char *memory_args(apr_pool_t *p, const char *args)
{
    if (args == NULL) {
        args = ap_runtime_dir_relative(p, "dingtalk-sessions");
    }
    return strchr(args, '(') != NULL || strchr(args, ')') != NULL
               ? args
               : apr_pstrcat(p, args, "(" MEMORY ")", NULL);
}

/* Whether the largest session fits: where else than in memory would it not. */
static const char *try_memory(const dth_socache_t *cache, ap_socache_instance_t *instance,
                              apr_pool_t *pool)
{
    dth_question_t question = {.verb = DTH_SOCACHE_PUT,
                               .expiry = apr_time_now() + apr_time_from_sec(60),
                               .value = apr_pcalloc(pool, DTH_SOCACHE_MAX),
                               .len = DTH_SOCACHE_MAX,
                               .pool = pool};

    return dth_socache_put_to(cache, instance, &question) == APR_SUCCESS
               ? NULL
               : apr_psprintf(pool,
                              "socache:%s is too small for the largest session, which has %d "
                              "bytes; without \"(SIZE)\" it has " MEMORY " bytes",
                              cache->name, DTH_SOCACHE_MAX);
}

/* Tries the provider's arguments; with all but dbm, which would make a file, in all that it does
 * at start: nobody is called there. */
static const char *try_args(const dth_socache_t *cache, apr_pool_t *pool)
{
    ap_socache_instance_t *instance;
    const char *wrong = cache->provider->create(&instance, cache->args, pool, pool);

    if (wrong != NULL) {
        return apr_psprintf(pool, "socache:%s: %s", cache->name, wrong);
    }
    if (cache->is_locked && !cache->is_memory) {
        return NULL;
    }
    if (dth_socache_instance(cache, pool, &instance) != APR_SUCCESS) {
        return cache->is_memory
                   ? apr_psprintf(
                         pool,
                         "socache:%s: there is no such memory; without \"(SIZE)\" it has " MEMORY
                         " bytes",
                         cache->name)
                   : apr_psprintf(pool,
                                  "socache:%s must have HOST:PORT behind the provider, or several "
                                  "with commas between",
                                  cache->name);
    }
    return cache->is_memory ? try_memory(cache, instance, pool) : NULL;
}

static dth_socache_t *make(apr_pool_t *p, const char *name, const ap_socache_provider_t *provider,
                           const char *args)
{
    dth_socache_t *cache = apr_pcalloc(p, sizeof(*cache));

    cache->name = apr_pstrdup(p, name);
    cache->provider = provider;
    cache->is_locked = (provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
    cache->is_memory = strcmp(provider->name, "shmcb") == 0;
    cache->args = cache->is_memory ? memory_args(p, args) : args;
    cache->part = strcmp(provider->name, "dbm") == 0 ? DBM_PART : DTH_SOCACHE_MAX + 1;
    cache->server = ap_server_conf;
    return cache;
}

/* Those of this configuration, of dth_socache_t *. */
static apr_array_header_t *caches_of(apr_pool_t *pconf)
{
    void *caches = NULL;

    apr_pool_userdata_get(&caches, CACHES, pconf);
    if (caches == NULL) {
        caches = apr_array_make(pconf, 2, sizeof(dth_socache_t *));
        apr_pool_userdata_setn(caches, CACHES, NULL, pconf);
    }
    return caches;
}

const char *dth_socache_check(apr_pool_t *pconf, apr_pool_t *ptemp, const char *name,
                              dth_socache_t **cache)
{
    apr_array_header_t *caches = caches_of(pconf);
    const char *colon = strchr(name, ':');
    const char *args = colon != NULL && colon[1] != '\0' ? apr_pstrdup(pconf, colon + 1) : NULL;
    const ap_socache_provider_t *provider;
    const char *wrong;
    apr_pool_t *pool;

    for (int i = 0; i < caches->nelts; i++) {
        *cache = APR_ARRAY_IDX(caches, i, dth_socache_t *);
        if (strcmp((*cache)->name, name) == 0) {
            return NULL;
        }
    }
    if (colon != NULL) {
        name = apr_pstrmemdup(ptemp, name, (apr_size_t)(colon - name));
    }
    provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (provider == NULL) {
        return no_provider(ptemp, name);
    }
    *cache =
        make(pconf, colon == NULL ? name : apr_pstrcat(ptemp, name, colon, NULL), provider, args);
    apr_pool_create(&pool, ptemp);
    wrong = apr_pstrdup(ptemp, try_args(*cache, pool));
    apr_pool_destroy(pool);
    if (wrong == NULL) {
        APR_ARRAY_PUSH(caches, dth_socache_t *) = *cache;
    }
    return wrong;
}

/* --- post_config, child_init --- */

/* shmcb ends sessions without a word to make room for others. */
static void warn_of_small_memory(const dth_socache_t *cache)
{
    const char *size = strrchr(cache->args, '(');
    apr_int64_t sessions = size == NULL ? 0 : apr_atoi64(size + 1) / SESSION_SIZE;

    if (sessions < FEW_SESSIONS) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, cache->server,
            DTNO(0066) "DingTalkSessionStore: socache:%s has room for some %" APR_INT64_T_FMT
                       " sessions; when it is full, the oldest end",
            cache->name, sessions);
    }
}

static apr_status_t open_locked(apr_pool_t *pconf, server_rec *s, dth_socache_t *cache)
{
    kept_t *kept;
    apr_status_t rv = find_kept(s, cache->name, &kept);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    cache->mutex = kept->mutex;
    if (!cache->is_memory) {
        return dth_socache_instance(cache, pconf, &cache->instance);
    }
    warn_of_small_memory(cache);
    rv = open_memory(cache, kept);
    cache->instance = kept->memory;
    return rv;
}

const char *dth_socache_open(apr_pool_t *pconf, server_rec *s, dth_socache_t *cache,
                             apr_interval_time_t lifetime)
{
    apr_status_t rv = APR_SUCCESS;

    cache->server = s;
    if (strcmp(cache->provider->name, "memcache") == 0 &&
        lifetime > apr_time_from_sec(MEMCACHE_DAYS * 24 * 3600)) {
        return apr_psprintf(pconf,
                            "memcached keeps a session for %d days at most: make "
                            "DingTalkSessionLifetime %dh or less",
                            MEMCACHE_DAYS, MEMCACHE_DAYS * 24);
    }
    if (cache->is_locked && cache->instance == NULL) {
        rv = open_locked(pconf, s, cache);
    }
    return rv == APR_SUCCESS
               ? NULL
               : apr_psprintf(pconf, "socache:%s cannot be used: %pm", cache->name, &rv);
}

apr_status_t dth_socache_start(dth_socache_t *cache, apr_pool_t *pchild)
{
    apr_status_t rv;

    if (!cache->is_locked) {
        return dth_socache_line_create(cache, &cache->line);
    }
    rv =
        apr_global_mutex_child_init(&cache->mutex, apr_global_mutex_lockfile(cache->mutex), pchild);
    if (rv != APR_SUCCESS) {
        cache->mutex = NULL;
    }
    return rv;
}
