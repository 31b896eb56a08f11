/* SPDX-License-Identifier: Apache-2.0 */
/* The app token of one child: many threads ask, one fetches, all share what came of it. */

#include "provider/apptoken.h"

#include "core/bytes.h"

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <openssl/crypto.h>
#include <string.h>

#define RENEW_BEFORE apr_time_from_sec(10 * 60)
#define RENEW_RETRY apr_time_from_sec(30)         /* after a renewal that failed */
#define LIFETIME_MAX apr_time_from_sec(24 * 3600) /* DingTalk says 2 h; more is not believed */
#define DETAIL_MAX 256

/* How a fetch failed, kept for those who waited for it. */
typedef struct failure_t {
    apr_status_t status;
    dt_result_t result;
    char detail[DETAIL_MAX];
} failure_t;

/* Everything behind limits is read and written under the mutex. */
typedef struct port_t {
    dt_tokens_t tokens;
    dt_apptoken_limits_t limits;
#if APR_HAS_THREADS
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *ended;
#endif
    bool started;
    bool fetching;
    bool failed;          /* the last fetch did */
    apr_uint32_t fetches; /* that have ended */
    int patient;          /* threads that may wait until the fetch has ended */
    apr_time_t renew;     /* from then on one thread fetches, the others use the old one */
    apr_time_t expiry;
    char token[DT_TOKEN_MAX + 1]; /* empty: none */
    failure_t failure;
} port_t;

/* --- the lock: nothing to do in a process with one thread --- */

static void lock(port_t *port)
{
#if APR_HAS_THREADS
    apr_thread_mutex_lock(port->mutex);
#else
    (void)port;
#endif
}

static void unlock(port_t *port)
{
#if APR_HAS_THREADS
    apr_thread_mutex_unlock(port->mutex);
#else
    (void)port;
#endif
}

static void wake_all(port_t *port)
{
#if APR_HAS_THREADS
    apr_thread_cond_broadcast(port->ended);
#else
    (void)port;
#endif
}

/* Locked. Waits until the fetch that runs now has ended; false when deadline came first. Waiting
 * is real time: it has nothing to do with the time of a call. */
static bool wait_for_fetch(port_t *port, apr_time_t deadline)
{
    const apr_uint32_t before = port->fetches;

    while (port->fetches == before) {
        const apr_interval_time_t left = deadline - apr_time_now();

        if (left <= 0) {
            return false;
        }
#if APR_HAS_THREADS
        apr_thread_cond_timedwait(port->ended, port->mutex, left);
#endif
    }
    return true;
}

/* --- the token --- */

static void wipe(port_t *port)
{
    OPENSSL_cleanse(port->token, sizeof(port->token));
    port->expiry = 0;
    port->renew = 0;
}

static bool is_good(const port_t *port, apr_time_t now)
{
    return port->token[0] && now < port->expiry;
}

/* Without a token we can use, a fetch has failed, whatever its status: DingTalk's own "no" comes
 * with APR_SUCCESS and a result. */
static apr_status_t fetch_token(const dt_call_t *call, dt_token_fetch_t *fetch, const void *baton,
                                const char **token, apr_interval_time_t *lifetime,
                                dt_result_t *result)
{
    apr_status_t rv;
    apr_size_t len;

    *token = NULL;
    *lifetime = 0;
    *result = dt_result(DT_WHY_SIGNED_IN, NULL);
    rv = fetch(baton, call, token, lifetime, result);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!*token && result->what != DT_SIGNED_IN) {
        return APR_EGENERAL;
    }
    len = *token ? strlen(*token) : 0;
    if (len == 0 || len > DT_TOKEN_MAX || *lifetime <= 0) {
        *result =
            dt_result(DT_WHY_UNINTELLIGIBLE, "app token: empty, too long or without lifetime");
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

/* Locked. */
static void keep_token(port_t *port, apr_time_t now, const char *token,
                       apr_interval_time_t lifetime)
{
    if (lifetime > LIFETIME_MAX) {
        lifetime = LIFETIME_MAX;
    }
    wipe(port);
    memcpy(port->token, token, strlen(token)); /* fetch_token has checked its length */
    port->expiry = now + lifetime;
    port->renew = lifetime > RENEW_BEFORE ? port->expiry - RENEW_BEFORE : now + lifetime / 2;
    port->failed = false;
}

/* Locked. The detail lives in the fetching call's pool, which goes before the others read it. */
static void keep_failure(port_t *port, apr_time_t now, apr_status_t status,
                         const dt_result_t *result)
{
    port->failed = true;
    port->failure.status = status;
    port->failure.result = *result;
    port->failure.result.detail = NULL;
    if (result->detail) {
        apr_cpystrn(port->failure.detail, result->detail, DETAIL_MAX);
        port->failure.result.detail = port->failure.detail;
    }
    port->renew = now + RENEW_RETRY;
}

/* Locked. */
static apr_status_t share_failure(const port_t *port, const dt_call_t *call, dt_result_t *result)
{
    *result = port->failure.result;
    result->detail = apr_pstrdup(call->pool, result->detail);
    return port->failure.status;
}

/* Locked before and after, not while fetching. */
static apr_status_t renew(port_t *port, const dt_call_t *call, dt_token_fetch_t *fetch,
                          const void *baton, const char **token, dt_result_t *result)
{
    apr_interval_time_t lifetime;
    apr_status_t rv;

    port->fetching = true;
    unlock(port);
    rv = fetch_token(call, fetch, baton, token, &lifetime, result);
    lock(port);
    port->fetching = false;
    port->fetches++;
    if (rv == APR_SUCCESS) {
        keep_token(port, call->now, *token, lifetime);
    }
    else {
        keep_failure(port, call->now, rv, result);
    }
    wake_all(port);
    return rv;
}

/* Locked. Waits while somebody fetches, until there is a token. Those who wait are as many threads
 * less to serve who is signed in, so only some of them do so until the end. */
static apr_status_t await_token(port_t *port, const dt_call_t *call, dt_result_t *result)
{
    const dt_apptoken_limits_t *limits = &port->limits;
    const bool patient = port->patient < limits->max_patient;
    const apr_time_t deadline = apr_time_now() + (patient ? limits->patience : limits->hurry);
    apr_status_t rv = APR_SUCCESS;

    port->patient += patient ? 1 : 0;
    while (rv == APR_SUCCESS && !is_good(port, call->now) && port->fetching) {
        if (!wait_for_fetch(port, deadline)) {
            *result = patient ? dt_result(DT_WHY_DOWN,
                                          "app token: another request's fetch takes too long")
                              : dt_result(DT_WHY_CROWDED, "app token: many wait for it already");
            rv = APR_TIMEUP;
        }
        else if (!is_good(port, call->now) && port->failed) {
            rv = share_failure(port, call, result);
        }
    }
    port->patient -= patient ? 1 : 0;
    return rv;
}

static apr_status_t get(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                        const void *baton, const char **token, dt_result_t *result)
{
    port_t *port = self;
    apr_status_t rv;

    *token = NULL;
    if (!port->started) {
        *result = dt_result(DT_WHY_INTERNAL, "app token: not started");
        return APR_EGENERAL;
    }
    lock(port);
    rv = await_token(port, call, result);
    if (rv != APR_SUCCESS) {
        goto leave;
    }
    if (!port->fetching && (!is_good(port, call->now) || call->now >= port->renew)) {
        rv = renew(port, call, fetch, baton, token, result);
    }
    if (rv == APR_SUCCESS && *token) {
        goto leave;
    }
    /* Not our turn to fetch, or the renewal failed: the old one may still do. */
    if (is_good(port, call->now)) {
        *token = apr_pstrdup(call->pool, port->token);
        *result = dt_result(DT_WHY_SIGNED_IN, NULL);
        rv = APR_SUCCESS;
    }
leave:
    unlock(port);
    return rv;
}

static void drop(void *self, const char *token)
{
    port_t *port = self;

    if (!port->started) {
        return;
    }
    lock(port);
    if (dt_secret_equal(dt_slice(port->token), dt_slice(token))) {
        wipe(port);
    }
    unlock(port);
}

/* --- the child --- */

static apr_status_t end(void *self)
{
    port_t *port = self;

    wipe(port);
    port->started = false;
    return APR_SUCCESS;
}

static apr_status_t start(void *self, apr_pool_t *pchild)
{
    port_t *port = self;
#if APR_HAS_THREADS
    apr_status_t rv;

    rv = apr_thread_mutex_create(&port->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_thread_cond_create(&port->ended, pchild);
    if (rv != APR_SUCCESS) {
        return rv;
    }
#endif
    apr_pool_cleanup_register(pchild, port, end, apr_pool_cleanup_null);
    port->started = true;
    return APR_SUCCESS;
}

apr_status_t dt_apptoken_create(apr_pool_t *pconf, const dt_apptoken_limits_t *limits,
                                const dt_tokens_t **tokens)
{
    port_t *port = apr_pcalloc(pconf, sizeof(*port));

    port->limits = *limits;
    port->tokens = (dt_tokens_t){{"memory", port, start}, get, drop};
    *tokens = &port->tokens;
    return APR_SUCCESS;
}
