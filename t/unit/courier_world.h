/* SPDX-License-Identifier: Apache-2.0 */
/* A courier with two senders that do as a test says. */
#ifndef DT_UNIT_COURIER_WORLD_H
#define DT_UNIT_COURIER_WORLD_H

#include "provider/courier.h"
#include "unit.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>
#include <apr_thread_proc.h>
#include <dlfcn.h>

#include <time.h>

#define ANSWER_AFTER apr_time_from_sec(1)

/* A sender that ends as it is told. */
typedef struct fake_t {
    dt_sender_t sender;
    struct office_t *office;
    dt_sent_t sent;
    const char *detail;
    bool slow;    /* a message is on its way until the office lets it go */
    int messages; /* under lock, as all below */
    int together; /* on their way at the same time */
    int at_most;
    char phone[32];
    char host[32];
    bool own_pool; /* not the one of whoever asked */
    bool alone;    /* what the child had besides was gone when it ended */
} fake_t;

typedef struct office_t {
    apr_pool_t *pool;
    apr_pool_t *pchild;
    dt_call_t call;
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *told;
    fake_t fakes[2];
    const dt_sender_t *courier;
    const char *detail;
    apr_interval_time_t took;
    bool gone; /* what the child had besides; under lock, as all below */
    apr_time_t now;
    bool go;                    /* slow messages end */
    int slow;                   /* how many messages a slow sender has */
    apr_thread_pool_t *threads; /* the courier's */
    int late;                   /* how often on_late was told */
    dt_sent_t late_sent;
    char late_detail[64];
    int ends[DT_SENT_TROUBLE + 1]; /* what became of messages */
} office_t;

static const dt_message_t message = {"+8613800138000", "86", "13800138000", "123456", "5", "0001"};

/* --- time, which passes only while somebody sleeps: a busy machine decides about nothing --- */

static office_t *open_one; /* of the test that runs */

apr_time_t apr_time_now(void)
{
    apr_time_t now;

    apr_thread_mutex_lock(open_one->lock);
    now = open_one->now;
    apr_thread_mutex_unlock(open_one->lock);
    return now;
}

static inline void pause_for(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL);
}

apr_status_t apr_thread_pool_push(apr_thread_pool_t *threads, apr_thread_start_t run, void *data,
                                  apr_byte_t priority, void *owner)
{
    __typeof__(apr_thread_pool_push) *real =
        (__typeof__(apr_thread_pool_push) *)dlsym(RTLD_NEXT, "apr_thread_pool_push");

    apr_thread_mutex_lock(open_one->lock);
    open_one->threads = threads;
    apr_thread_mutex_unlock(open_one->lock);
    return real(threads, run, data, priority, owner);
}

/* Whether all messages but the slow ones are through. */
static inline bool all_through(office_t *office)
{
    bool through;

    apr_thread_mutex_lock(office->lock);
    through = office->go || !office->threads;
    if (!through) { /* in this order: no task goes back */
        const apr_size_t waiting = apr_thread_pool_tasks_count(office->threads);
        const apr_size_t running = apr_thread_pool_busy_count(office->threads);

        through = waiting + running <= (apr_size_t)office->slow;
    }
    apr_thread_mutex_unlock(office->lock);
    return through;
}

/* The courier's: who has asked sleeps until it is time to answer. */
void apr_sleep(apr_interval_time_t time)
{
    while (!all_through(open_one)) {
        pause_for(1);
    }
    apr_thread_mutex_lock(open_one->lock);
    open_one->now += time;
    apr_thread_mutex_unlock(open_one->lock);
}

static inline void be_slow(office_t *office)
{
    apr_thread_mutex_lock(office->lock);
    office->slow++;
    while (!office->go) {
        apr_thread_cond_wait(office->told, office->lock);
    }
    apr_thread_mutex_unlock(office->lock);
    pause_for(60); /* for whoever should wait for it, and does not */
}

/* Slow messages come to their end. */
static inline void let_go(office_t *office)
{
    apr_thread_mutex_lock(office->lock);
    office->go = true;
    apr_thread_cond_broadcast(office->told);
    apr_thread_mutex_unlock(office->lock);
}

/* --- senders, and what the courier tells --- */

static inline dt_sent_t fake_send(void *self, const dt_call_t *call, const dt_message_t *sent,
                                  const char **detail)
{
    fake_t *fake = self;
    office_t *office = fake->office;

    apr_thread_mutex_lock(office->lock);
    fake->messages++;
    fake->together++;
    fake->at_most = fake->together > fake->at_most ? fake->together : fake->at_most;
    apr_thread_mutex_unlock(office->lock);
    if (fake->slow) {
        be_slow(office);
    }
    apr_thread_mutex_lock(office->lock);
    fake->together--;
    fake->alone = office->gone;
    apr_cpystrn(fake->phone, sent->phone, sizeof(fake->phone));
    apr_cpystrn(fake->host, call->host, sizeof(fake->host));
    fake->own_pool = call->pool != office->call.pool && !call->glue && !call->scratch;
    apr_thread_mutex_unlock(office->lock);
    *detail = apr_pstrdup(call->pool, fake->detail);
    return fake->sent;
}

static inline void on_late(void *baton, dt_sent_t sent, const char *detail)
{
    office_t *office = baton;

    apr_thread_mutex_lock(office->lock);
    office->late++;
    office->late_sent = sent;
    apr_cpystrn(office->late_detail, detail, sizeof(office->late_detail));
    apr_thread_cond_broadcast(office->told);
    apr_thread_mutex_unlock(office->lock);
}

static inline void await_late(office_t *office)
{
    apr_thread_mutex_lock(office->lock);
    while (office->late == 0) {
        apr_thread_cond_wait(office->told, office->lock);
    }
    apr_thread_mutex_unlock(office->lock);
}

static inline void on_end(void *baton, dt_sent_t sent)
{
    office_t *office = baton;

    apr_thread_mutex_lock(office->lock);
    office->ends[sent]++;
    apr_thread_mutex_unlock(office->lock);
}

/* --- a courier --- */

static inline int set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    office_t *office = apr_pcalloc(pool, sizeof(*office));

    office->pool = pool;
    apr_pool_create(&office->pchild, pool);
    office->call = (dt_call_t){.pool = pool, .host = "a.example", .glue = office};
    office->now = apr_time_from_sec(1700000000);
    apr_thread_mutex_create(&office->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&office->told, pool);
    for (int i = 0; i < 2; i++) {
        fake_t *fake = &office->fakes[i];
        *fake = (fake_t){.office = office, .sent = DT_SENT, .detail = i ? "two" : "one"};
        fake->sender = (dt_sender_t){{fake->detail, fake, NULL}, fake_send};
    }
    open_one = office;
    *state = office;
    return 0;
}

static inline void open_office(office_t *office, int count, int max_threads)
{
    const dt_sender_t *senders[] = {&office->fakes[0].sender, &office->fakes[1].sender};
    const dt_courier_config_t config = {senders, count, ANSWER_AFTER, max_threads};

    assert_int_equal(dt_courier_create(office->pool, &config, &office->courier), APR_SUCCESS);
    dt_courier_on_trouble(office->courier, on_late, office);
    dt_courier_on_end(office->courier, on_end, office);
    assert_int_equal(office->courier->plug.start(office->courier->plug.self, office->pchild),
                     APR_SUCCESS);
    senders[0] = NULL; /* the list was copied */
}

/* The child ends, and while it waits what is on its way. */
static inline void close_office(office_t *office)
{
    let_go(office);
    if (office->pchild) {
        apr_pool_destroy(office->pchild);
        office->pchild = NULL;
    }
}

static inline int tear_down(void **state)
{
    office_t *office = *state;

    close_office(office);
    pool_gone(office->pool);
    return 0;
}

static inline dt_sent_t ask(office_t *office, const dt_message_t *about)
{
    const apr_time_t began = apr_time_now();
    const dt_sender_t *courier = office->courier;
    dt_sent_t sent;

    office->detail = NULL;
    sent = courier->send(courier->plug.self, &office->call, about, &office->detail);
    office->took = apr_time_now() - began;
    return sent;
}

/* --- many at a time --- */

typedef struct customer_t {
    office_t *office;
    const dt_message_t *about;
    apr_thread_t *thread;
    dt_sent_t sent;
    apr_interval_time_t took;
} customer_t;

static inline void *APR_THREAD_FUNC come_in(apr_thread_t *thread, void *data)
{
    customer_t *customer = data;
    const dt_sender_t *courier = customer->office->courier;
    dt_call_t call = {.host = "a.example"};
    const apr_time_t began = apr_time_now();
    const char *detail;

    apr_pool_create(&call.pool, NULL);
    customer->sent = courier->send(courier->plug.self, &call, customer->about, &detail);
    customer->took = apr_time_now() - began;
    apr_pool_destroy(call.pool);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static inline void come_together(office_t *office, const dt_message_t *about, customer_t *customers,
                                 int count)
{
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        customers[i] = (customer_t){.office = office, .about = about};
        assert_int_equal(apr_thread_create(&customers[i].thread, NULL, come_in, &customers[i],
                                           office->pool),
                         0);
    }
    for (int i = 0; i < count; i++) {
        apr_thread_join(&rv, customers[i].thread);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
