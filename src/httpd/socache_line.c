/* SPDX-License-Identifier: Apache-2.0 */
/* The line to a cache on the network, on which other threads wait for its answers. */
#include "httpd/socache_line.h"

#include "httpd/log.h"

#include <ap_mpm.h>
#include <apr_allocator.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>

#include <signal.h>
#include <string.h>

#define THREADS 8 /* of a link: an answer takes less than a millisecond */
#define LINKS 4   /* all but the last wait for answers that may never come; more by and by only */
#define PAUSE apr_time_from_sec(10) /* before the first that is too many */
#define DOUBLED 8                   /* times at most */

#if APR_HAS_THREADS

/* The connections of one provider's instance, with the threads that wait on them. */
typedef struct link_t {
    struct link_t *next;
    apr_pool_t *pool; /* of this, too */
    ap_socache_instance_t *instance;
    apr_thread_pool_t *threads;
    int asked;  /* questions that have not left */
    bool works; /* there was an answer */
} link_t;

struct dth_socache_line_t {
    const dth_socache_t *cache;
    apr_thread_mutex_t *lock; /* of all below, and of all questions */
    link_t *links;            /* all */
    link_t *link;             /* the one in use; NULL: none */
    apr_time_t opened;        /* when that was opened */
    bool failed;              /* it does not work any more */
    apr_time_t rests;         /* until then nobody asks */
};

/*
 * A question on its way. It lives in a pool of its own, and whoever leaves last destroys it: the
 * thread that wants the answer, or the one that waited for it when that has given up.
 */
typedef struct asked_t {
    dth_socache_line_t *line;
    link_t *link;
    dth_question_t question;
    apr_thread_cond_t *answered;
    apr_status_t rv;
    bool is_answered;
    bool is_given_up;
} asked_t;

static void lock(dth_socache_line_t *line)
{
    apr_thread_mutex_lock(line->lock);
}

static void unlock(dth_socache_line_t *line)
{
    apr_thread_mutex_unlock(line->lock);
}

/* --- links --- */

/* They take no signals: those are for the threads of the server. */
static apr_status_t make_threads(link_t *link)
{
    int threads = 1;
    apr_size_t count;
    apr_status_t rv;
    sigset_t all;
    sigset_t before;

    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    count = (apr_size_t)(threads < 1 ? 1 : threads < THREADS ? threads : THREADS);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rv = apr_thread_pool_create(&link->threads, count, count, link->pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rv;
}

/* For several threads, and destroyed by nobody else: a child that ends waits for no dead server. */
static apr_status_t make_pool(apr_pool_t **pool)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *mutex;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_unmanaged_ex(pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *pool);
    apr_pool_tag(*pool, "dingtalk socache link");
    rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, *pool);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(*pool);
        return rv;
    }
    apr_allocator_mutex_set(allocator, mutex);
    return APR_SUCCESS;
}

static apr_status_t open_link(dth_socache_line_t *line)
{
    apr_pool_t *pool;
    link_t *link;
    apr_status_t rv = make_pool(&pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    link = apr_pcalloc(pool, sizeof(*link));
    link->pool = pool;
    rv = dth_socache_instance(line->cache, link->pool, &link->instance);
    if (rv == APR_SUCCESS) {
        rv = make_threads(link);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    link->next = line->links;
    line->links = link;
    line->link = link;
    line->opened = apr_time_now();
    return APR_SUCCESS;
}

/* Those that nobody waits on are closed: how many are left. */
static int close_links(dth_socache_line_t *line)
{
    int count = 0;

    for (link_t **at = &line->links; *at;) {
        link_t *link = *at;

        if (link->asked == 0) {
            *at = link->next;
            apr_pool_destroy(link->pool);
        }
        else {
            at = &link->next;
            count++;
        }
    }
    return count;
}

/*
 * Another link in place of one that has failed. What nobody answers on may last for ever, even when
 * the server is back: so there is always another one some day.
 */
static apr_status_t renew_link(dth_socache_line_t *line)
{
    const int stuck = close_links(line), many = stuck - LINKS;
    const apr_time_t since = apr_time_now() - line->opened;
    /* Each costs threads, so the pauses double: they are no longer than the trouble has been. */
    const apr_interval_time_t pause = many < 0 ? 0 : PAUSE << (many < DOUBLED ? many : DOUBLED);

    line->link = NULL;
    return since >= 0 && since < pause ? APR_EBUSY : open_link(line);
}

/* --- asking --- */

static bool is_failure(apr_status_t rv)
{
    return rv != APR_SUCCESS && rv != APR_NOTFOUND;
}

static void set_failed(dth_socache_line_t *line, bool failed, apr_status_t rv)
{
    const char *name = line->cache->provider->name;

    if (failed == line->failed) {
        return;
    }
    line->failed = failed;
    if (failed) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, line->cache->server,
                     DTNO(0064) "the session cache %s does not answer: until it does, whoever has "
                                "a session is told to come back later",
                     name);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, line->cache->server,
                     DTNO(0065) "the session cache %s answers again", name);
    }
}

/*
 * What an answer of link says about the line; true when the question is worth asking again. A link
 * that has worked may have failed for a connection only that the server has closed meanwhile.
 * Under the lock.
 */
static bool judge(dth_socache_line_t *line, link_t *link, apr_status_t rv)
{
    const bool can_ask_again = is_failure(rv) && rv != APR_TIMEUP;

    if (link != line->link) {
        return can_ask_again;
    }
    if (!is_failure(rv)) {
        link->works = true;
        line->rests = 0;
        set_failed(line, false, rv);
        return false;
    }
    if (link->works && can_ask_again && renew_link(line) == APR_SUCCESS) {
        return true;
    }
    line->rests = apr_time_now() + DTH_SOCACHE_LINE_REST;
    set_failed(line, true, rv);
    return false;
}

/* The link to ask now. Under the lock. */
static apr_status_t take_link(dth_socache_line_t *line, link_t **link)
{
    const apr_time_t now = apr_time_now();
    apr_status_t rv = APR_SUCCESS;

    /* A clock that is set back must not make the rest a long one. */
    if (now < line->rests && line->rests <= now + DTH_SOCACHE_LINE_REST) {
        return APR_EBUSY;
    }
    if (line->failed || !line->link) {
        line->rests = now + DTH_SOCACHE_LINE_REST; /* the others go on without an answer */
        rv = renew_link(line);
    }
    if (rv == APR_SUCCESS) {
        *link = line->link;
        line->link->asked++;
    }
    return rv;
}

/* Under the lock. */
static void leave(asked_t *asked)
{
    asked->link->asked--;
    apr_pool_destroy(asked->question.pool);
}

/* In a thread of the link. */
static void *APR_THREAD_FUNC answer(apr_thread_t *thread, void *data)
{
    asked_t *asked = data;
    dth_socache_line_t *line = asked->line;
    apr_status_t rv = dth_socache_put_to(line->cache, asked->link->instance, &asked->question);

    (void)thread;
    lock(line);
    asked->rv = rv;
    asked->is_answered = true;
    apr_thread_cond_signal(asked->answered);
    if (asked->is_given_up) {
        leave(asked);
    }
    unlock(line);
    return NULL;
}

/* Copies the question: who asks may be gone before there is an answer. */
static apr_status_t make(dth_socache_line_t *line, const dth_question_t *question, asked_t **made)
{
    apr_pool_t *pool;
    asked_t *asked;
    apr_status_t rv = apr_pool_create_unmanaged(&pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dingtalk socache question");
    asked = apr_pcalloc(pool, sizeof(*asked));
    asked->line = line;
    asked->question = *question;
    asked->question.pool = pool;
    asked->question.value = apr_palloc(pool, question->len);
    if (question->verb == DTH_SOCACHE_PUT) {
        memcpy(asked->question.value, question->value, question->len);
    }
    rv = apr_thread_cond_create(&asked->answered, pool);
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
    }
    *made = asked;
    return rv;
}

/* Wait for the answer, or give up. Under the lock. */
static apr_status_t await(asked_t *asked)
{
    const apr_time_t end = apr_time_now() + DTH_SOCACHE_LINE_PATIENCE;

    while (!asked->is_answered) {
        apr_interval_time_t left = end - apr_time_now();

        if (left <= 0 || left > DTH_SOCACHE_LINE_PATIENCE) {
            return APR_TIMEUP;
        }
        apr_thread_cond_timedwait(asked->answered, asked->line->lock, left);
    }
    return asked->rv;
}

/* Under the lock. */
static apr_status_t ask(asked_t *asked, dth_question_t *question, bool *again)
{
    dth_socache_line_t *line = asked->line;
    apr_status_t rv = take_link(line, &asked->link);

    if (rv != APR_SUCCESS) {
        apr_pool_destroy(asked->question.pool);
        return rv;
    }
    rv = apr_thread_pool_push(asked->link->threads, answer, asked, 0, NULL);
    if (rv != APR_SUCCESS) {
        leave(asked);
        return rv;
    }
    rv = await(asked);
    *again = judge(line, asked->link, rv);
    if (!asked->is_answered) {
        asked->is_given_up = true;
        return rv;
    }
    if (rv == APR_SUCCESS && question->verb == DTH_SOCACHE_GET) {
        question->len = asked->question.len;
        memcpy(question->value, asked->question.value, question->len);
    }
    leave(asked);
    return rv;
}

apr_status_t dth_socache_line_ask(dth_socache_line_t *line, dth_question_t *question)
{
    apr_status_t rv = APR_EBUSY;
    bool again = true;

    for (int i = 0; again && i < 2; i++) {
        asked_t *asked;

        again = false;
        rv = make(line, question, &asked);
        if (rv == APR_SUCCESS) {
            lock(line);
            rv = ask(asked, question, &again);
            unlock(line);
        }
    }
    return rv;
}

apr_status_t dth_socache_line_create(const dth_socache_t *cache, dth_socache_line_t **made)
{
    apr_pool_t *pool; /* as those of the links */
    dth_socache_line_t *line;
    apr_status_t rv = apr_pool_create_unmanaged(&pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dingtalk socache line");
    line = apr_pcalloc(pool, sizeof(*line));
    line->cache = cache;
    rv = apr_thread_mutex_create(&line->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    if (rv == APR_SUCCESS) { /* without a link it has failed: whoever asks tries again */
        const apr_status_t linked = renew_link(line);

        set_failed(line, linked != APR_SUCCESS, linked);
        *made = line;
    }
    return rv;
}

#else /* !APR_HAS_THREADS */

struct dth_socache_line_t {
    const dth_socache_t *cache;
    ap_socache_instance_t *instance;
};

apr_status_t dth_socache_line_ask(dth_socache_line_t *line, dth_question_t *question)
{
    return dth_socache_put_to(line->cache, line->instance, question);
}

apr_status_t dth_socache_line_create(const dth_socache_t *cache, dth_socache_line_t **made)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create_unmanaged(&pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *made = apr_pcalloc(pool, sizeof(**made));
    (*made)->cache = cache;
    return dth_socache_instance(cache, pool, &(*made)->instance);
}

#endif
