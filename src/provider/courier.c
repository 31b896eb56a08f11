/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: one background thread for each message on its way, one time for every answer. */
#include "provider/courier.h"

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>
#include <signal.h>

#define LATELY apr_time_from_sec(60)

typedef struct courier_t {
    dt_sender_t sender;
    dt_courier_config_t config;
    void (*tell)(void *baton, dt_sent_t sent, const char *detail);
    void *baton;
    void (*end)(void *baton, dt_sent_t sent);
    void *end_baton;
    dt_sent_t last; /* what the last message was answered with */
    apr_time_t last_at;
#if APR_HAS_THREADS
    apr_thread_pool_t *threads; /* NULL outside of children */
    apr_thread_mutex_t *lock;   /* of what is below and above, and of all jobs */
    apr_thread_cond_t *idle;    /* nothing is on its way any more */
    int on_the_way;
#endif
} courier_t;

/* --- one message --- */

static void report(const courier_t *courier, dt_sent_t sent, const char *detail)
{
    if (courier->tell) {
        courier->tell(courier->baton, sent, detail);
    }
}

static void report_end(const courier_t *courier, dt_sent_t sent)
{
    if (courier->end) {
        courier->end(courier->end_baton, sent);
    }
}

/* In order, until it is sent, may have been, or the person must do something. */
static dt_sent_t deliver(const courier_t *courier, const dt_call_t *call,
                         const dt_message_t *message, const char **detail)
{
    dt_sent_t sent = DT_SENT_TROUBLE;
    const char *all = NULL;

    for (int i = 0; i < courier->config.count; i++) {
        const dt_sender_t *sender = courier->config.senders[i];
        const char *one = NULL;

        sent = sender->send(sender->plug.self, call, message, &one);
        if (one) {
            all = all ? apr_pstrcat(call->pool, all, "; ", one, NULL) : one;
        }
        if (sent == DT_SENT_UNKNOWN || sent == DT_SENT_PHONE || sent == DT_SENT_OFTEN) {
            report(courier, sent, one); /* whoever asked is told that it was sent */
        }
        if (sent != DT_SENT_ADMIN && sent != DT_SENT_TROUBLE) {
            break;
        }
        if (i + 1 < courier->config.count) {
            report(courier, sent, one);
        }
    }
    report_end(courier, sent);
    *detail = all;
    return sent;
}

/* A signal may end a sleep early, and a clock that is set back would make it longer. */
static void wait_until(apr_time_t end, apr_interval_time_t longest)
{
    for (apr_interval_time_t left = end - apr_time_now(); left > 0; left = end - apr_time_now()) {
        apr_sleep(left < longest ? left : longest);
    }
}

/* What was answered lately, to those who ask for nobody. */
static dt_sent_t recall(const courier_t *courier)
{
    const bool lately = apr_time_now() - courier->last_at < LATELY;

    return lately && (courier->last == DT_SENT_ADMIN || courier->last == DT_SENT_TROUBLE)
               ? courier->last
               : DT_SENT;
}

static void remember(courier_t *courier, dt_sent_t answer)
{
    courier->last = answer;
    courier->last_at = apr_time_now();
}

#if APR_HAS_THREADS

/*
 * A message on its way. It lives in a pool of its own, made by the thread that asks, used by the
 * one that sends, and destroyed by whoever leaves last. Its members below are under the lock.
 */
typedef struct job_t {
    courier_t *courier;
    dt_call_t call;
    dt_message_t message;
    bool answered; /* nobody waits any more */
    bool ended;
    dt_sent_t sent;
    const char *detail;
} job_t;

static void lock(courier_t *courier)
{
    apr_thread_mutex_lock(courier->lock);
}

static void unlock(courier_t *courier)
{
    apr_thread_mutex_unlock(courier->lock);
}

/* Whether there is room for one more, which a message takes, and what was answered lately. */
static bool take_room(courier_t *courier, bool for_message, dt_sent_t *lately)
{
    bool is_room;

    lock(courier);
    is_room = courier->on_the_way < courier->config.max_threads + courier->config.max_waiting;
    if (is_room && for_message) {
        courier->on_the_way++;
    }
    *lately = recall(courier);
    unlock(courier);
    return is_room;
}

static void free_room(courier_t *courier)
{
    lock(courier);
    if (--courier->on_the_way == 0) {
        apr_thread_cond_signal(courier->idle);
    }
    unlock(courier);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    job_t *job = data;
    courier_t *courier = job->courier;
    const char *detail;
    dt_sent_t sent = deliver(courier, &job->call, &job->message, &detail);
    bool answered;

    (void)thread;
    lock(courier);
    job->sent = sent;
    job->detail = detail;
    job->ended = true;
    answered = job->answered;
    unlock(courier);
    if (answered) {
        if (sent == DT_SENT_ADMIN || sent == DT_SENT_TROUBLE) {
            report(courier, sent, detail);
        }
        apr_pool_destroy(job->call.pool);
    }
    free_room(courier);
    return NULL;
}

static job_t *make_job(courier_t *courier, const dt_call_t *call, const dt_message_t *message)
{
    apr_pool_t *pool;
    job_t *job;

    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_tag(pool, "dt_courier");
    job = apr_pcalloc(pool, sizeof(*job));
    job->courier = courier;
    job->call = (dt_call_t){.pool = pool, .now = apr_time_now()};
    job->call.host = apr_pstrdup(pool, call->host);
    job->message = (dt_message_t){.phone = apr_pstrdup(pool, message->phone),
                                  .country = apr_pstrdup(pool, message->country),
                                  .national = apr_pstrdup(pool, message->national),
                                  .code = apr_pstrdup(pool, message->code),
                                  .minutes = apr_pstrdup(pool, message->minutes),
                                  .id = apr_pstrdup(pool, message->id)};
    return job;
}

/* Sets a message on its way, in the room that was taken for it; NULL when it cannot be. */
static job_t *begin(courier_t *courier, const dt_call_t *call, const dt_message_t *message)
{
    job_t *job = make_job(courier, call, message);

    if (job && apr_thread_pool_push(courier->threads, run, job, APR_THREAD_TASK_PRIORITY_NORMAL,
                                    NULL) != APR_SUCCESS) {
        apr_pool_destroy(job->call.pool);
        job = NULL;
    }
    if (!job) {
        free_room(courier);
    }
    return job;
}

/* What is known of it by now. */
static dt_sent_t leave(job_t *job, const dt_call_t *call, const char **detail)
{
    courier_t *courier = job->courier;
    dt_sent_t answer = DT_SENT;
    bool ended;

    lock(courier);
    ended = job->ended;
    if (ended) {
        answer = job->sent;
        *detail = apr_pstrdup(call->pool, job->detail);
    }
    job->answered = true;
    remember(courier, answer);
    unlock(courier);
    if (ended) {
        apr_pool_destroy(job->call.pool);
    }
    return answer;
}

static dt_sent_t send_message(void *self, const dt_call_t *call, const dt_message_t *message,
                              const char **detail)
{
    courier_t *courier = self;
    const apr_interval_time_t time = courier->config.answer_after;
    const apr_time_t end = apr_time_now() + time;
    dt_sent_t answer = DT_SENT_TROUBLE;
    dt_sent_t lately;
    job_t *job = NULL;

    *detail = NULL;
    if (!courier->threads) {
        *detail = "the courier did not start";
    }
    else if (!take_room(courier, message != NULL, &lately)) {
        *detail = "too many messages are on their way";
    }
    else if (!message) {
        answer = lately;
    }
    else {
        job = begin(courier, call, message);
        *detail = job ? NULL : "no memory for a message";
    }
    if (message && !job) {
        report_end(courier, answer);
    }
    wait_until(end, time);
    return job ? leave(job, call, detail) : answer;
}

/* --- the child's threads --- */

/* While everything is still there that sending needs. */
static apr_status_t await_messages(void *self)
{
    courier_t *courier = self;

    lock(courier);
    while (courier->on_the_way > 0) {
        apr_thread_cond_wait(courier->idle, courier->lock);
    }
    unlock(courier);
    return APR_SUCCESS;
}

static apr_status_t forget_threads(void *self)
{
    ((courier_t *)self)->threads = NULL;
    return APR_SUCCESS;
}

/* All threads at once: begun on demand, two messages could get one thread, one behind the other.
 * They take no signals: those are for the threads of the server. */
static apr_status_t make_threads(courier_t *courier, apr_pool_t *pchild)
{
    const apr_size_t count = (apr_size_t)courier->config.max_threads;
    apr_thread_pool_t *threads;
    apr_status_t rv;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rv = apr_thread_pool_create(&threads, count, count, pchild);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rv == APR_SUCCESS) {
        courier->threads = threads;
    }
    return rv;
}

static apr_status_t start(void *self, apr_pool_t *pchild)
{
    courier_t *courier = self;
    apr_status_t rv;

    courier->on_the_way = 0;
    rv = apr_thread_mutex_create(&courier->lock, APR_THREAD_MUTEX_DEFAULT, pchild);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&courier->idle, pchild);
    }
    if (rv == APR_SUCCESS) {
        rv = make_threads(courier, pchild);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_pre_cleanup_register(pchild, courier, await_messages);
        apr_pool_cleanup_register(pchild, courier, forget_threads, apr_pool_cleanup_null);
    }
    return rv;
}

#else /* !APR_HAS_THREADS */

static dt_sent_t send_message(void *self, const dt_call_t *call, const dt_message_t *message,
                              const char **detail)
{
    courier_t *courier = self;
    const apr_interval_time_t time = courier->config.answer_after;
    const apr_time_t end = apr_time_now() + time;
    dt_sent_t answer = recall(courier);

    *detail = NULL;
    if (message) {
        answer = deliver(courier, call, message, detail);
        remember(courier, answer);
    }
    wait_until(end, time);
    return answer;
}

static apr_status_t start(void *self, apr_pool_t *pchild)
{
    return APR_SUCCESS;
}

#endif

apr_status_t dt_courier_create(apr_pool_t *pconf, const dt_courier_config_t *config,
                               const dt_sender_t **sender)
{
    courier_t *courier;

    if (config->count < 1 || config->max_threads < 1 || config->answer_after < 0) {
        return APR_EINVAL;
    }
    courier = apr_pcalloc(pconf, sizeof(*courier));
    courier->sender = (dt_sender_t){{"courier", courier, start}, send_message};
    courier->config = *config;
    courier->config.senders = apr_pmemdup(pconf, config->senders,
                                          (apr_size_t)config->count * sizeof(const dt_sender_t *));
    *sender = &courier->sender;
    return APR_SUCCESS;
}

void dt_courier_on_trouble(const dt_sender_t *courier,
                           void (*tell)(void *baton, dt_sent_t sent, const char *detail),
                           void *baton)
{
    courier_t *self = courier->plug.self;

    self->tell = tell;
    self->baton = baton;
}

void dt_courier_on_end(const dt_sender_t *courier, void (*end)(void *baton, dt_sent_t sent),
                       void *baton)
{
    courier_t *self = courier->plug.self;

    self->end = end;
    self->end_baton = baton;
}
