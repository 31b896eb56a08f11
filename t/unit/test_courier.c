/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: who sends, when it answers, and that its time tells nothing. */
#include "provider/courier.h"
#include "unit.h"

#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#define ANSWER_AFTER apr_time_from_msec(60)
#define SLOW apr_time_from_msec(500)
#define SLACK apr_time_from_msec(300) /* of a busy machine */

/* A sender that takes its time, and ends as it is told. */
typedef struct fake_t {
    dt_sender_t sender;
    struct office_t *office;
    dt_sent_t sent;
    const char *detail;
    apr_interval_time_t takes;
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
    int late;  /* how often on_late was told */
    dt_sent_t late_sent;
    char late_detail[64];
} office_t;

static const dt_message_t message = {"+8613800138000", "86", "13800138000", "123456", "5", "0001"};

static dt_sent_t fake_send(void *self, const dt_call_t *call, const dt_message_t *sent,
                           const char **detail)
{
    fake_t *fake = self;
    office_t *office = fake->office;

    apr_thread_mutex_lock(office->lock);
    fake->messages++;
    fake->together++;
    fake->at_most = fake->together > fake->at_most ? fake->together : fake->at_most;
    apr_thread_mutex_unlock(office->lock);
    apr_sleep(fake->takes);
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

static void on_late(void *baton, dt_sent_t sent, const char *detail)
{
    office_t *office = baton;

    apr_thread_mutex_lock(office->lock);
    office->late++;
    office->late_sent = sent;
    apr_cpystrn(office->late_detail, detail, sizeof(office->late_detail));
    apr_thread_cond_signal(office->told);
    apr_thread_mutex_unlock(office->lock);
}

static int set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    office_t *office = apr_pcalloc(pool, sizeof(*office));

    office->pool = pool;
    apr_pool_create(&office->pchild, pool);
    office->call = (dt_call_t){.pool = pool, .host = "a.example", .glue = office};
    apr_thread_mutex_create(&office->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&office->told, pool);
    for (int i = 0; i < 2; i++) {
        fake_t *fake = &office->fakes[i];
        *fake = (fake_t){.office = office, .sent = DT_SENT, .detail = i ? "two" : "one"};
        fake->sender = (dt_sender_t){{fake->detail, fake, NULL}, fake_send};
    }
    *state = office;
    return 0;
}

static void open_office(office_t *office, int count, int max_threads)
{
    const dt_sender_t *senders[] = {&office->fakes[0].sender, &office->fakes[1].sender};
    const dt_courier_config_t config = {senders, count, ANSWER_AFTER, max_threads};

    assert_int_equal(dt_courier_create(office->pool, &config, &office->courier), APR_SUCCESS);
    dt_courier_on_trouble(office->courier, on_late, office);
    assert_int_equal(office->courier->plug.start(office->courier->plug.self, office->pchild),
                     APR_SUCCESS);
    senders[0] = NULL; /* the list was copied */
}

/* The child ends. */
static void close_office(office_t *office)
{
    if (office->pchild) {
        apr_pool_destroy(office->pchild);
        office->pchild = NULL;
    }
}

static int tear_down(void **state)
{
    office_t *office = *state;

    close_office(office);
    pool_gone(office->pool);
    return 0;
}

static dt_sent_t ask(office_t *office, const dt_message_t *about)
{
    const apr_time_t began = apr_time_now();
    const dt_sender_t *courier = office->courier;
    dt_sent_t sent;

    office->detail = NULL;
    sent = courier->send(courier->plug.self, &office->call, about, &office->detail);
    office->took = apr_time_now() - began;
    return sent;
}

static void assert_took_its_time(const office_t *office)
{
    assert_in_range(office->took, ANSWER_AFTER, ANSWER_AFTER + SLACK);
}

/* --- who sends --- */

static void a_message_is_sent_with_a_pool_of_its_own(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_string_equal(office->detail, "one");
    assert_int_equal(office->fakes[0].messages, 1);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
    assert_string_equal(office->fakes[0].host, "a.example");
    assert_true(office->fakes[0].own_pool);
}

static void the_next_sender_comes_only_when_surely_nothing_was_sent(void **state)
{
    static const struct {
        dt_sent_t first;
        bool next;
    } rows[] = {
        {DT_SENT, false},       {DT_SENT_UNKNOWN, false}, {DT_SENT_PHONE, false},
        {DT_SENT_OFTEN, false}, {DT_SENT_ADMIN, true},    {DT_SENT_TROUBLE, true},
    };
    office_t *office = *state;

    open_office(office, 2, 2);
    for (size_t i = 0; i < ROWS(rows); i++) {
        office->fakes[0].sent = rows[i].first;
        office->fakes[1].messages = 0;
        assert_int_equal(ask(office, &message), rows[i].next ? DT_SENT : rows[i].first);
        assert_int_equal(office->fakes[1].messages, rows[i].next ? 1 : 0);
        assert_string_equal(office->detail, rows[i].next ? "one; two" : "one");
    }
}

static void when_nobody_sends_it_the_last_one_says_why(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_ADMIN;
    office->fakes[1].sent = DT_SENT_TROUBLE;
    open_office(office, 2, 2);
    assert_int_equal(ask(office, &message), DT_SENT_TROUBLE);
    assert_string_equal(office->detail, "one; two");
}

/* --- when it answers --- */

static void a_quick_message_and_none_take_as_long(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_took_its_time(office);
    assert_int_equal(ask(office, NULL), DT_SENT);
    assert_took_its_time(office);
    assert_null(office->detail);
    assert_int_equal(office->fakes[0].messages, 1);
}

static void a_slow_message_is_answered_in_time_and_goes_on(void **state)
{
    office_t *office = *state;

    office->fakes[0].takes = SLOW;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    assert_took_its_time(office);
    close_office(office);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
    assert_int_equal(office->late, 0);
}

static void a_message_that_fails_late_is_told(void **state)
{
    office_t *office = *state;

    office->fakes[0].takes = SLOW;
    office->fakes[0].sent = DT_SENT_UNKNOWN;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    apr_thread_mutex_lock(office->lock);
    while (office->late == 0) {
        apr_thread_cond_wait(office->told, office->lock);
    }
    apr_thread_mutex_unlock(office->lock);
    assert_int_equal(office->late_sent, DT_SENT_UNKNOWN);
    assert_string_equal(office->late_detail, "one");
}

static void a_message_that_fails_in_time_is_not_told_again(void **state)
{
    office_t *office = *state;

    office->fakes[0].sent = DT_SENT_ADMIN;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT_ADMIN);
    close_office(office);
    assert_int_equal(office->late, 0);
}

static void a_child_that_ends_waits_for_messages_on_their_way(void **state)
{
    office_t *office = *state;
    apr_time_t began;

    office->fakes[0].takes = SLOW;
    open_office(office, 1, 2);
    (void)ask(office, &message);
    began = apr_time_now();
    close_office(office);
    assert_true(apr_time_now() - began >= SLOW - ANSWER_AFTER - SLACK);
    assert_int_equal(office->fakes[0].together, 0);
    assert_string_equal(office->fakes[0].phone, "+8613800138000");
}

static apr_status_t leave(void *data)
{
    office_t *office = data;

    apr_thread_mutex_lock(office->lock);
    office->gone = true;
    apr_thread_mutex_unlock(office->lock);
    return APR_SUCCESS;
}

static void what_senders_need_is_there_until_the_last_message_ended(void **state)
{
    office_t *office = *state;
    apr_pool_t *connections;

    office->fakes[0].takes = SLOW;
    open_office(office, 1, 2);
    apr_pool_create(&connections, office->pchild);
    apr_pool_cleanup_register(connections, office, leave, apr_pool_cleanup_null);
    (void)ask(office, &message);
    close_office(office);
    assert_true(office->gone);
    assert_int_equal(office->fakes[0].together, 0);
    assert_false(office->fakes[0].alone);
}

/* --- what no message is answered --- */

static void none_is_answered_as_the_last_message_was(void **state)
{
    static const struct {
        dt_sent_t last;
        dt_sent_t none;
    } rows[] = {
        {DT_SENT_ADMIN, DT_SENT_ADMIN}, {DT_SENT_TROUBLE, DT_SENT_TROUBLE},
        {DT_SENT_UNKNOWN, DT_SENT},     {DT_SENT_PHONE, DT_SENT},
        {DT_SENT_OFTEN, DT_SENT},       {DT_SENT, DT_SENT},
    };
    office_t *office = *state;

    open_office(office, 1, 2);
    for (size_t i = 0; i < ROWS(rows); i++) {
        office->fakes[0].sent = rows[i].last;
        assert_int_equal(ask(office, &message), rows[i].last);
        assert_int_equal(ask(office, NULL), rows[i].none);
        assert_took_its_time(office);
    }
}

static void a_message_that_failed_too_late_was_answered_as_sent(void **state)
{
    office_t *office = *state;

    office->fakes[0].takes = SLOW;
    office->fakes[0].sent = DT_SENT_TROUBLE;
    open_office(office, 1, 2);
    assert_int_equal(ask(office, &message), DT_SENT);
    apr_sleep(SLOW);
    assert_int_equal(ask(office, NULL), DT_SENT);
}

/* --- many at a time --- */

typedef struct customer_t {
    office_t *office;
    const dt_message_t *about;
    apr_thread_t *thread;
    dt_sent_t sent;
    apr_interval_time_t took;
} customer_t;

static void *APR_THREAD_FUNC come_in(apr_thread_t *thread, void *data)
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

static void come_together(office_t *office, const dt_message_t *about, customer_t *customers,
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

static void no_more_messages_are_on_their_way_than_there_are_threads(void **state)
{
    office_t *office = *state;
    customer_t customers[8];
    int refused = 0;

    office->fakes[0].takes = SLOW;
    open_office(office, 1, 3);
    come_together(office, &message, customers, 8);
    for (int i = 0; i < 8; i++) {
        assert_true(customers[i].took >= ANSWER_AFTER);
        refused += customers[i].sent == DT_SENT_TROUBLE;
    }
    assert_int_equal(refused, 5);
    close_office(office);
    assert_int_equal(office->fakes[0].messages, 3);
    assert_int_equal(office->fakes[0].at_most, 3);
}

static void when_all_threads_are_busy_none_is_refused_too(void **state)
{
    office_t *office = *state;
    customer_t customers[2];

    office->fakes[0].takes = SLOW;
    open_office(office, 1, 2);
    come_together(office, &message, customers, 2);
    assert_int_equal(ask(office, NULL), DT_SENT_TROUBLE);
    assert_took_its_time(office);
    assert_non_null(strstr(office->detail, "too many"));
}

static void threads_are_free_again_after_their_message(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(office, &message), DT_SENT);
    }
    assert_int_equal(office->fakes[0].messages, 3);
}

/* --- life --- */

static void a_courier_that_did_not_start_refuses(void **state)
{
    office_t *office = *state;

    open_office(office, 1, 1);
    close_office(office);
    assert_int_equal(ask(office, &message), DT_SENT_TROUBLE);
    assert_string_equal(office->detail, "the courier did not start");
    assert_int_equal(office->fakes[0].messages, 0);
}

static void a_courier_without_senders_or_threads_is_not_made(void **state)
{
    office_t *office = *state;
    const dt_sender_t *const senders[] = {&office->fakes[0].sender};
    const dt_courier_config_t wrong[] = {{senders, 0, ANSWER_AFTER, 1},
                                         {senders, 1, ANSWER_AFTER, 0},
                                         {senders, 1, -1, 1}};

    for (size_t i = 0; i < ROWS(wrong); i++) {
        assert_int_equal(dt_courier_create(office->pool, &wrong[i], &office->courier), APR_EINVAL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_sent_with_a_pool_of_its_own),
        TEST(the_next_sender_comes_only_when_surely_nothing_was_sent),
        TEST(when_nobody_sends_it_the_last_one_says_why),
        TEST(a_quick_message_and_none_take_as_long),
        TEST(a_slow_message_is_answered_in_time_and_goes_on),
        TEST(a_message_that_fails_late_is_told),
        TEST(a_message_that_fails_in_time_is_not_told_again),
        TEST(a_child_that_ends_waits_for_messages_on_their_way),
        TEST(what_senders_need_is_there_until_the_last_message_ended),
        TEST(none_is_answered_as_the_last_message_was),
        TEST(a_message_that_failed_too_late_was_answered_as_sent),
        TEST(no_more_messages_are_on_their_way_than_there_are_threads),
        TEST(when_all_threads_are_busy_none_is_refused_too),
        TEST(threads_are_free_again_after_their_message),
        TEST(a_courier_that_did_not_start_refuses),
        TEST(a_courier_without_senders_or_threads_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
