/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver is asked over one connection, so that nobody waits for ever for its answer. */
#include "provider/db_link.h"

#include <apr_allocator.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_proc.h>

#include <signal.h>
#include <string.h>

#define CLOSING apr_time_from_sec(1)  /* for saying goodbye */
#define KEPT (256 * 1024)             /* bytes of freed memory */
#define GLANCE apr_time_from_msec(50) /* how often who waits looks whether to give up */

/*
 * It has a pool that nobody else destroys: a child that ends waits for no dead server. Under the
 * lock are has_order and is_left; all else belongs to the thread while it has an order, and else to
 * whoever has the link.
 */
struct dt_link_t {
    const apr_dbd_driver_t *driver;
    dt_left_t *left;
    dt_link_t *next; /* of those that were left */
    apr_pool_t *pool;
    apr_pool_t *scratch; /* of one order and its answer */
    apr_pool_t *session; /* of the open connection; NULL: there is none */
    apr_dbd_t *handle;
    apr_hash_t *statements; /* a statement's text -> apr_dbd_prepared_t */
    dt_link_order_t order;
    const char *args[DT_DB_ARGS]; /* the drivers take no const pointers */
    dt_link_answer_t answer;
    bool has_order;
    bool is_left;
#if APR_HAS_THREADS
    apr_thread_t *thread; /* NULL: the driver is called at once */
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed; /* has_order */
#endif
};

int dt_link_args(const char *text)
{
    int count = 0;

    for (; *text; text++) {
        if (*text == '%' && text[1]) {
            count += apr_isalpha(text[1]) ? 1 : 0;
            text++;
        }
    }
    return count;
}

/* --- calling the driver --- */

static void fail(dt_link_t *link, int error)
{
    const char *said = apr_dbd_error(link->driver, link->handle, error);

    link->answer.error = said && *said ? apr_pstrdup(link->scratch, said) : "";
}

static apr_status_t disconnect(void *baton)
{
    dt_link_t *link = baton;

    apr_dbd_close(link->driver, link->handle);
    return APR_SUCCESS;
}

static void open_session(dt_link_t *link)
{
    const char *error = NULL;
    apr_pool_t *pool = NULL;
    apr_status_t rv = apr_pool_create(&pool, link->pool);

    if (rv == APR_SUCCESS) {
        apr_pool_tag(pool, "dt_link");
        link->handle = NULL;
        rv = apr_dbd_open_ex(link->driver, pool, link->order.text, &link->handle, &error);
    }
    if (rv != APR_SUCCESS) {
        /* A handle is of a connection that broke at once: it is closed, and error was in it. */
        error = link->handle ? "the connection was lost as soon as it was made" : error;
        link->handle = NULL;
        link->answer.error = error ? apr_pstrdup(link->scratch, error) : "";
        if (pool) {
            apr_pool_destroy(pool);
        }
        return;
    }
    /* The first cleanup is the last to run: the prepared statements go before the connection. */
    apr_pool_cleanup_register(pool, link, disconnect, apr_pool_cleanup_null);
    link->session = pool;
    link->statements = apr_hash_make(pool);
}

static apr_dbd_prepared_t *prepare(dt_link_t *link)
{
    const dt_link_order_t *order = &link->order;
    apr_dbd_prepared_t *statement =
        apr_hash_get(link->statements, order->text, APR_HASH_KEY_STRING);
    int error;

    if (statement) {
        return statement;
    }
    error = apr_dbd_prepare(link->driver, link->session, link->handle, order->text, order->name,
                            &statement);
    if (error) {
        fail(link, error);
        return NULL;
    }
    apr_hash_set(link->statements, apr_pstrdup(link->session, order->text), APR_HASH_KEY_STRING,
                 statement);
    return statement;
}

/* apr_dbd_get_entry cannot tell "" from NULL on PostgreSQL, this can. */
static const char *column(const dt_link_t *link, apr_dbd_row_t *row, int at)
{
    const char *text = NULL;

    if (apr_dbd_datum_get(link->driver, row, at, APR_DBD_TYPE_STRING, (void *)&text) !=
        APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrdup(link->scratch, text);
}

/* Rows are asked for by number, which every driver understands in the same way. */
static void read_rows(dt_link_t *link, apr_dbd_results_t *results)
{
    const int columns = apr_dbd_num_cols(link->driver, results);
    const int rows = apr_dbd_num_tuples(link->driver, results);
    apr_dbd_row_t *at = NULL;
    const char **value;

    if (rows <= 0 || columns <= 0) {
        return;
    }
    value = apr_palloc(link->scratch, (size_t)rows * (size_t)columns * sizeof(*value));
    link->answer.values = value;
    link->answer.columns = columns;
    for (int i = 1; i <= rows; i++) {
        if (apr_dbd_get_row(link->driver, link->scratch, results, &at, i)) {
            fail(link, 0);
            return;
        }
        for (int j = 0; j < columns; j++) {
            *value++ = column(link, at, j);
        }
        link->answer.rows = i;
    }
}

static void perform(dt_link_t *link)
{
    apr_dbd_prepared_t *statement = NULL;
    apr_dbd_results_t *results = NULL;
    const int count = dt_link_args(link->order.text);
    int error = 0;

    if (link->order.verb == DT_LINK_OPEN) {
        open_session(link);
        return;
    }
    if (link->order.verb == DT_LINK_COMMAND) {
        error = apr_dbd_select(link->driver, link->scratch, link->handle, &results,
                               link->order.text, 1);
    }
    else {
        statement = prepare(link);
        if (!statement) {
            return;
        }
    }
    if (link->order.verb == DT_LINK_EXECUTE) {
        error = apr_dbd_pquery(link->driver, link->scratch, link->handle, &link->answer.changed,
                               statement, count, link->args);
    }
    else if (link->order.verb == DT_LINK_SELECT) {
        error = apr_dbd_pselect(link->driver, link->scratch, link->handle, &results, statement, 1,
                                count, link->args);
    }
    if (error) {
        fail(link, error);
    }
    else if (results) {
        read_rows(link, results);
    }
}

static void end_session(dt_link_t *link)
{
    apr_pool_clear(link->scratch); /* a result goes before its connection */
    if (link->session) {
        apr_pool_destroy(link->session);
    }
    link->session = NULL;
}

/* --- the thread --- */

#if APR_HAS_THREADS

/* Until the link is closed. Whoever was left closes it. */
static void *APR_THREAD_FUNC serve(apr_thread_t *thread, void *data)
{
    dt_link_t *link = data;
    bool over = false;

    (void)thread;
    apr_thread_mutex_lock(link->lock);
    while (!over) {
        while (!link->has_order) {
            apr_thread_cond_wait(link->changed, link->lock);
        }
        over = link->order.verb == DT_LINK_CLOSE;
        apr_thread_mutex_unlock(link->lock);
        if (!over) {
            perform(link);
        }
        else {
            end_session(link);
        }
        apr_thread_mutex_lock(link->lock);
        if (link->is_left && !over) {
            over = true;
            apr_thread_mutex_unlock(link->lock);
            end_session(link);
            apr_thread_mutex_lock(link->lock);
        }
        link->has_order = false;
        apr_thread_cond_broadcast(link->changed);
    }
    apr_thread_mutex_unlock(link->lock);
    return NULL;
}

/* It takes no signals: those are for the threads of the server. */
static apr_status_t start(dt_link_t *link)
{
    sigset_t all;
    sigset_t before;
    apr_status_t rv = apr_thread_mutex_create(&link->lock, APR_THREAD_MUTEX_DEFAULT, link->pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&link->changed, link->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rv = apr_thread_create(&link->thread, NULL, serve, link, link->pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rv;
}

/* The thread has come to its end, or is about to. */
static void destroy(dt_link_t *link)
{
    apr_status_t ended;

    if (link->thread) {
        apr_thread_join(&ended, link->thread);
    }
    apr_pool_destroy(link->pool);
}

/* Under the link's lock. A clock that is set back must not make the time a long one. */
static bool await(dt_link_t *link)
{
    const apr_interval_time_t patience = link->order.patience;
    const apr_time_t end = apr_time_now() + patience;

    while (link->has_order) {
        const apr_interval_time_t rest = end - apr_time_now();

        if (rest <= 0 || rest > patience || dt_gives_up(link->order.end)) {
            return false;
        }
        apr_thread_cond_timedwait(link->changed, link->lock,
                                  link->order.end && rest > GLANCE ? GLANCE : rest);
    }
    return true;
}

static apr_status_t ask_thread(dt_link_t *link)
{
    dt_left_t *left = link->left;
    bool is_answered;

    apr_thread_mutex_lock(link->lock);
    link->has_order = true;
    apr_thread_cond_broadcast(link->changed);
    is_answered = await(link);
    link->is_left = !is_answered;
    apr_thread_mutex_unlock(link->lock);
    if (is_answered) {
        return APR_SUCCESS;
    }
    apr_thread_mutex_lock(left->lock);
    link->next = left->first;
    left->first = link;
    apr_thread_mutex_unlock(left->lock);
    return APR_TIMEUP;
}

static bool has_come_back(dt_link_t *link)
{
    bool has;

    apr_thread_mutex_lock(link->lock);
    has = !link->has_order;
    apr_thread_mutex_unlock(link->lock);
    return has;
}

int dt_left_count(dt_left_t *left)
{
    int count = 0;

    apr_thread_mutex_lock(left->lock);
    for (dt_link_t **at = &left->first; *at;) {
        dt_link_t *link = *at;

        if (has_come_back(link)) {
            *at = link->next;
            destroy(link);
        }
        else {
            at = &link->next;
            count++;
        }
    }
    apr_thread_mutex_unlock(left->lock);
    return count;
}

apr_status_t dt_left_create(apr_pool_t *pool, dt_left_t **left)
{
    *left = apr_pcalloc(pool, sizeof(**left));
    return apr_thread_mutex_create(&(*left)->lock, APR_THREAD_MUTEX_DEFAULT, pool);
}

#else /* !APR_HAS_THREADS */

static void destroy(dt_link_t *link)
{
    apr_pool_destroy(link->pool);
}

int dt_left_count(dt_left_t *left)
{
    (void)left;
    return 0;
}

apr_status_t dt_left_create(apr_pool_t *pool, dt_left_t **left)
{
    *left = apr_pcalloc(pool, sizeof(**left));
    return APR_SUCCESS;
}

#endif

/* --- a link --- */

apr_status_t dt_link_create(dt_db_kind_t kind, const apr_dbd_driver_t *driver, dt_left_t *left,
                            dt_link_t **made)
{
    apr_allocator_t *allocator = NULL;
    apr_pool_t *pool = NULL;
    dt_link_t *link;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_unmanaged_ex(&pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, pool);
    apr_allocator_max_free_set(allocator, KEPT);
    apr_pool_tag(pool, "dt_db link");
    link = apr_pcalloc(pool, sizeof(*link));
    link->driver = driver;
    link->left = left;
    link->pool = pool;
    rv = apr_pool_create(&link->scratch, pool);
#if APR_HAS_THREADS
    if (rv == APR_SUCCESS && kind != DT_DB_SQLITE3) {
        rv = start(link);
    }
#endif
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return rv;
    }
    *made = link;
    return APR_SUCCESS;
}

static void copy_order(dt_link_t *link, const dt_link_order_t *order, int count)
{
    apr_pool_clear(link->scratch);
    link->answer = (dt_link_answer_t){.error = NULL};
    link->order = *order;
    link->order.text = apr_pstrdup(link->scratch, order->text);
    link->order.name = order->name ? apr_pstrdup(link->scratch, order->name) : NULL;
    for (int i = 0; i < count; i++) {
        link->args[i] = order->values[i] ? apr_pstrdup(link->scratch, order->values[i]) : NULL;
    }
}

static apr_status_t carry_out(dt_link_t *link)
{
#if APR_HAS_THREADS
    if (link->thread) {
        return ask_thread(link);
    }
#endif
    if (link->order.verb == DT_LINK_CLOSE) {
        end_session(link);
    }
    else {
        perform(link);
    }
    return APR_SUCCESS;
}

apr_status_t dt_link_ask(dt_link_t *link, const dt_link_order_t *order, dt_link_answer_t *answer)
{
    const bool has_values = order->verb == DT_LINK_EXECUTE || order->verb == DT_LINK_SELECT;
    const int count = has_values ? dt_link_args(order->text) : 0;
    apr_status_t rv;

    *answer = (dt_link_answer_t){.error = NULL};
    if (count > DT_DB_ARGS) {
        return APR_EINVAL;
    }
    copy_order(link, order, count);
    rv = carry_out(link);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *answer = link->answer;
    return answer->error ? APR_EGENERAL : APR_SUCCESS;
}

void dt_link_forget(dt_link_t *link)
{
    apr_pool_clear(link->scratch);
}

void dt_link_close(dt_link_t *link)
{
    const dt_link_order_t close = {.verb = DT_LINK_CLOSE, .text = "", .patience = CLOSING};
    dt_link_answer_t answer;

    if (dt_link_ask(link, &close, &answer) == APR_SUCCESS) {
        destroy(link);
    }
}
