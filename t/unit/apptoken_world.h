/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that ask for the app token, and a DingTalk that answers when a test says so. */
#ifndef DT_UNIT_APPTOKEN_WORLD_H
#define DT_UNIT_APPTOKEN_WORLD_H

#include "core/dt.h"
#include "provider/apptoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <dlfcn.h>

#define NOW apr_time_from_sec(1700000000)
#define HOUR apr_time_from_sec(3600)
#define MINUTE apr_time_from_sec(60)
#define THREADS 20
#define PATIENCE apr_time_from_sec(20)
#define HURRY apr_time_from_msec(50)
#define MOMENT apr_time_from_msec(5)

/* Threads that wait for somebody else's fetch. Each is counted with the lock that it waits without
 * held: who gets this lock afterwards finds it waiting. */
static volatile apr_uint32_t waiting;

/* The linker finds it before the library's own. */
apr_status_t apr_thread_cond_timedwait(apr_thread_cond_t *cond, apr_thread_mutex_t *mutex,
                                       apr_interval_time_t timeout)
{
    __typeof__(apr_thread_cond_timedwait) *real =
        (__typeof__(apr_thread_cond_timedwait) *)dlsym(RTLD_NEXT, "apr_thread_cond_timedwait");
    apr_status_t rv;

    apr_atomic_inc32(&waiting);
    rv = real(cond, mutex, timeout);
    apr_atomic_dec32(&waiting);
    return rv;
}

/* Not for ever: who should wait and does not is found by what it gets. */
static inline void await_waiters(int count)
{
    const apr_time_t end = apr_time_now() + PATIENCE / 2;

    while (apr_atomic_read32(&waiting) < (apr_uint32_t)count && apr_time_now() < end) {
        apr_sleep(MOMENT);
    }
}

/* DingTalk as the tests script it. Under lock when threads run. */
typedef struct dingtalk_t {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    int fetches;
    int asked;    /* threads about to call get */
    int wait_for; /* a fetch answers when as many have asked and others wait; 0: at once */
    bool closed;  /* a fetch waits while this is true */
    bool fetching;
    apr_status_t status;
    const char *token;  /* NULL: token-N of the N-th fetch */
    dt_result_t result; /* of a failure */
    apr_interval_time_t lifetime;
} dingtalk_t;

typedef struct fixture_t {
    apr_pool_t *pool;
    apr_pool_t *pchild;
    const dt_tokens_t *tokens;
    dingtalk_t dingtalk;
} fixture_t;

static apr_status_t fetch(const void *baton, const dt_call_t *call, const char **token,
                          apr_interval_time_t *lifetime, dt_result_t *result)
{
    dingtalk_t *dingtalk = (dingtalk_t *)(uintptr_t)baton;
    apr_status_t rv;

    apr_thread_mutex_lock(dingtalk->lock);
    dingtalk->fetches++;
    dingtalk->fetching = true;
    apr_thread_cond_broadcast(dingtalk->changed);
    while (dingtalk->closed || dingtalk->asked < dingtalk->wait_for) {
        apr_thread_cond_wait(dingtalk->changed, dingtalk->lock);
    }
    if (dingtalk->wait_for) {
        /* All but this one are on their way into get. */
        apr_thread_mutex_unlock(dingtalk->lock);
        await_waiters(dingtalk->wait_for - 1);
        apr_thread_mutex_lock(dingtalk->lock);
    }
    dingtalk->fetching = false;
    rv = dingtalk->status;
    if (rv != APR_SUCCESS || dingtalk->result.what != DT_SIGNED_IN) {
        *result = dingtalk->result;
        result->detail = apr_pstrdup(call->pool, dingtalk->result.detail);
    }
    else {
        *token = dingtalk->token ? dingtalk->token
                                 : apr_psprintf(call->pool, "token-%d", dingtalk->fetches);
        *lifetime = dingtalk->lifetime;
    }
    apr_thread_mutex_unlock(dingtalk->lock);
    return rv;
}

static int setup_with(void **state, apr_interval_time_t patience, int max_patient)
{
    dt_apptoken_limits_t limits;
    apr_pool_t *pool;
    fixture_t *f;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    f = apr_pcalloc(pool, sizeof(*f));
    f->pool = pool;
    assert_int_equal(apr_pool_create(&f->pchild, pool), APR_SUCCESS);
    apr_thread_mutex_create(&f->dingtalk.lock, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&f->dingtalk.changed, pool);
    memset(&limits, 0, sizeof(limits)); /* its padding, too: remembers() looks everywhere */
    limits.patience = patience;
    limits.max_patient = max_patient;
    limits.hurry = HURRY;
    f->dingtalk.lifetime = 2 * HOUR;
    f->dingtalk.result = dt_result(DT_WHY_SIGNED_IN, NULL);
    assert_int_equal(dt_apptoken_create(pool, &limits, &f->tokens), APR_SUCCESS);
    assert_int_equal(f->tokens->plug.start(f->tokens->plug.self, f->pchild), APR_SUCCESS);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, PATIENCE, THREADS);
}

static int setup_impatient(void **state)
{
    return setup_with(state, HURRY, THREADS);
}

/* Only one may wait for long beside the one who fetches. */
static int setup_narrow(void **state)
{
    return setup_with(state, PATIENCE, 1);
}

static int teardown(void **state)
{
    fixture_t *f = *state;

    apr_pool_destroy(f->pool);
    return 0;
}

/* What one get gave. */
typedef struct answer_t {
    fixture_t *f;
    dt_call_t call;
    apr_thread_t *thread;
    apr_status_t rv;
    const char *token;
    dt_result_t result;
} answer_t;

static void ask(answer_t *a)
{
    const dt_tokens_t *tokens = a->f->tokens;

    a->rv = tokens->get(tokens->plug.self, &a->call, fetch, &a->f->dingtalk, &a->token, &a->result);
}

static answer_t get(fixture_t *f, apr_time_t now)
{
    answer_t a = {.f = f, .call = {.pool = f->pool, .now = now}};

    ask(&a);
    return a;
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    answer_t *a = data;
    dingtalk_t *dingtalk = &a->f->dingtalk;

    apr_thread_mutex_lock(dingtalk->lock);
    dingtalk->asked++;
    apr_thread_cond_broadcast(dingtalk->changed);
    apr_thread_mutex_unlock(dingtalk->lock);
    ask(a);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void start_thread(fixture_t *f, apr_time_t now, answer_t *a)
{
    *a = (answer_t){.f = f, .call = {.now = now}};
    assert_int_equal(apr_pool_create(&a->call.pool, f->pool), APR_SUCCESS);
    assert_int_equal(apr_thread_create(&a->thread, NULL, run, a, f->pool), APR_SUCCESS);
}

static void join_thread(answer_t *a)
{
    apr_status_t rv;

    assert_int_equal(apr_thread_join(&rv, a->thread), APR_SUCCESS);
}

static void ask_in_threads(fixture_t *f, answer_t *answers)
{
    f->dingtalk.wait_for = THREADS;
    for (int i = 0; i < THREADS; i++) {
        start_thread(f, NOW, &answers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        join_thread(&answers[i]);
    }
    f->dingtalk.wait_for = 0;
}

static void fail_fetches(fixture_t *f, apr_status_t status, dt_result_t result)
{
    f->dingtalk.status = status;
    f->dingtalk.result = result;
}

static void open_gate(dingtalk_t *dingtalk)
{
    apr_thread_mutex_lock(dingtalk->lock);
    dingtalk->closed = false;
    apr_thread_cond_broadcast(dingtalk->changed);
    apr_thread_mutex_unlock(dingtalk->lock);
}

static void wait_until_fetching(dingtalk_t *dingtalk)
{
    apr_thread_mutex_lock(dingtalk->lock);
    while (!dingtalk->fetching) {
        apr_thread_cond_wait(dingtalk->changed, dingtalk->lock);
    }
    apr_thread_mutex_unlock(dingtalk->lock);
}

static void assert_token(const answer_t *a, const char *token)
{
    assert_int_equal(a->rv, APR_SUCCESS);
    assert_non_null(a->token);
    assert_string_equal(a->token, token);
    assert_int_equal(a->result.what, DT_SIGNED_IN);
}

#endif
