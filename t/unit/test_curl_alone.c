/* SPDX-License-Identifier: Apache-2.0 */
/* The http port leaves alone who does not answer. Its pauses are of a time of their own. */
#include "own_time.h"

#include "curl_server.h"

static const char refused[] = "the other side did not answer lately";

/* Calls the server, or port 1 where nobody listens: the trouble. */
static const char *call_at(fixture_t *f, int port)
{
    dt_http_request_t request = {.method = "GET"};
    dt_http_response_t response;

    request.url = apr_psprintf(f->pool, "http://127.0.0.1:%d/", port);
    return perform(f, &request, &response) == APR_SUCCESS ? "a reply" : response.trouble;
}

static void fail_to_connect(fixture_t *f, int times)
{
    for (int i = 0; i < times; i++) {
        assert_string_equal(call_at(f, 1), "no connection");
    }
}

static void wait_out_the_pause(void)
{
    apr_sleep(DT_CURL_PAUSE + apr_time_from_msec(50));
}

static void after_as_many_failures_as_connections_calls_are_refused_at_once(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    f->limits.max_connections = 7;
    answer_body(f, "{}");
    client_start(f);
    fail_to_connect(f, 7);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    assert_string_equal(response.trouble, refused);
    assert_true(response.unsent);
    assert_int_equal(server_connections(&f->server), 0);
}

static void one_connection_bears_five_failures(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    client_start(f);
    fail_to_connect(f, DT_CURL_FAILURES);
    assert_string_equal(call_at(f, f->server.port), refused);
}

static void a_silent_server_is_left_alone_too(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    f->limits.total_timeout = apr_time_from_msec(200); /* enough to connect */
    f->server.silent = true;
    answer_body(f, "{}");
    client_start(f);
    for (int i = 0; i < DT_CURL_FAILURES; i++) {
        assert_get(f, APR_TIMEUP);
    }
    assert_string_equal(call_at(f, f->server.port), refused);
}

static void a_reply_between_failures_starts_the_count_again(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    answer_body(f, "{}");
    client_start(f);
    for (int i = 0; i < 3; i++) {
        fail_to_connect(f, DT_CURL_FAILURES - 1);
        assert_get(f, APR_SUCCESS);
    }
}

static void broken_replies_are_no_silence(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    f->server.hang_up = true;
    answer_with(f, "");
    client_start(f);
    for (int i = 0; i < 3 * DT_CURL_FAILURES; i++) {
        assert_get(f, APR_ECONNREFUSED);
    }
    assert_int_equal(server_connections(&f->server), 3 * DT_CURL_FAILURES);
}

static void after_the_pause_one_call_is_let_through_and_its_reply_ends_it(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    answer_body(f, "{}");
    client_start(f);
    fail_to_connect(f, DT_CURL_FAILURES);
    wait_out_the_pause();
    assert_string_equal(call_at(f, 1), "no connection"); /* the probe: a new pause begins */
    assert_string_equal(call_at(f, f->server.port), refused);
    wait_out_the_pause();
    assert_get(f, APR_SUCCESS);
    assert_get(f, APR_SUCCESS);
    fail_to_connect(f, DT_CURL_FAILURES);
    assert_string_equal(call_at(f, f->server.port), refused);
}

typedef struct probe_t {
    fixture_t *f;
    apr_thread_t *thread;
    apr_status_t rv;
} probe_t;

static void *APR_THREAD_FUNC probe_in_thread(apr_thread_t *thread, void *data)
{
    probe_t *probe = data;
    const dt_http_t *http = probe->f->http;
    dt_call_t call = {0};
    dt_http_request_t request = {.method = "GET"};
    dt_http_response_t response;

    apr_pool_create(&call.pool, NULL);
    request.url = apr_psprintf(call.pool, "http://127.0.0.1:%d/", probe->f->server.port);
    probe->rv = http->perform(http->plug.self, &call, &request, &response);
    apr_pool_destroy(call.pool);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void while_one_call_probes_the_others_are_refused(void **state)
{
    fixture_t *f = *state;
    probe_t probe = {.f = f};
    const char *meanwhile;
    apr_status_t rv;

    f->limits.max_connections = 2;
    f->limits.total_timeout = apr_time_from_sec(60);
    f->server.silent = true;
    answer_body(f, "{}");
    client_start(f);
    fail_to_connect(f, DT_CURL_FAILURES);
    wait_out_the_pause();
    assert_int_equal(apr_thread_create(&probe.thread, NULL, probe_in_thread, &probe, f->pool), 0);
    server_await_request(&f->server);
    meanwhile = call_at(f, f->server.port);
    server_go_on(&f->server);
    apr_thread_join(&rv, probe.thread);
    assert_string_equal(meanwhile, refused);
    assert_int_equal(probe.rv, APR_SUCCESS);
    assert_string_equal(call_at(f, 1), "no connection");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_as_many_failures_as_connections_calls_are_refused_at_once),
        TEST(one_connection_bears_five_failures),
        TEST(a_silent_server_is_left_alone_too),
        TEST(a_reply_between_failures_starts_the_count_again),
        TEST(broken_replies_are_no_silence),
        TEST(after_the_pause_one_call_is_let_through_and_its_reply_ends_it),
        TEST(while_one_call_probes_the_others_are_refused),
    };

    return run_curl_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
