/* SPDX-License-Identifier: Apache-2.0 */
/* The http port: what it sends, what it brings back, and how it uses connections. */

#include "curl_server.h"

#include <apr_atomic.h>
#include <fcntl.h>

#define LARGE_POST 1100000 /* for which curl itself would "Expect: 100-continue" */

/* --- requests and replies --- */

static void a_body_arrives_as_it_was_sent(void **state)
{
    fixture_t *f = *state;
    static const char answer[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5" END "a\0b\r\n";
    dt_http_response_t response;

    f->server.answer = answer;
    f->server.answer_len = sizeof(answer) - 1;
    client_start(f);
    response = assert_get(f, APR_SUCCESS);
    assert_int_equal(response.status, 403);
    assert_int_equal(response.body.len, 5);
    assert_memory_equal(response.body.data, "a\0b\r\n", 6);
}

static void an_empty_body_is_an_empty_text(void **state)
{
    fixture_t *f = *state;
    dt_http_response_t response;

    answer_with(f, "HTTP/1.1 204 No Content" END);
    client_start(f);
    response = assert_get(f, APR_SUCCESS);
    assert_int_equal(response.status, 204);
    assert_string_equal(response.body.data, "");
}

static void a_post_sends_headers_and_body_and_nothing_of_its_own(void **state)
{
    fixture_t *f = *state;
    const char *body = repeat(f, 'b', LARGE_POST);
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;
    const char *seen = f->server.last;

    request.method = "POST";
    request.body = (dt_slice_t){body, LARGE_POST};
    request.headers[0] = (dt_http_header_t){"Content-Type", "application/json"};
    request.headers[1] = (dt_http_header_t){"x-acs-dingtalk-access-token", "user-token"};
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_ptr_equal(strstr(seen, "POST /path?access_token=SECRET HTTP/1.1\r\n"), seen);
    assert_non_null(strstr(seen, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(seen, "\r\nx-acs-dingtalk-access-token: user-token\r\n"));
    assert_non_null(strstr(seen, "\r\nUser-Agent: mod_auth_dingtalk/test\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Length: 1100000\r\n"));
    assert_string_equal(strstr(seen, END) + strlen(END), body);
    assert_null(strstr(seen, "Expect"));
    assert_null(strstr(seen, "Accept-Encoding"));
    assert_null(strstr(seen, "Cookie"));
    assert_null(strstr(seen, "Authorization"));
}

static void nothing_of_one_call_is_sent_with_the_next(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    request.method = "POST";
    request.body = (dt_slice_t){"one", 3};
    request.headers[0] = (dt_http_header_t){"x-acs-dingtalk-access-token", "user-token"};
    answer_with(f, "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2" END "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_get(f, APR_SUCCESS);
    assert_ptr_equal(strstr(f->server.last, "GET "), f->server.last);
    assert_null(strstr(f->server.last, "user-token"));
    assert_null(strstr(f->server.last, "Cookie"));
    assert_string_equal(strstr(f->server.last, END), END);
}

static void a_post_without_a_body_sends_an_empty_one(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    request.method = "POST";
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_non_null(strstr(f->server.last, "\r\nContent-Length: 0\r\n"));
}

static void a_header_without_a_value_takes_curl_s_own_away(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    request.method = "POST";
    request.headers[0] = (dt_http_header_t){"Content-Type", ""};
    request.headers[1] = (dt_http_header_t){"x-acs-action", "SendSms"};
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_null(strstr(f->server.last, "Content-Type"));
    assert_non_null(strstr(f->server.last, "\r\nContent-Length: 0\r\n"));
    assert_non_null(strstr(f->server.last, "\r\nx-acs-action: SendSms\r\n"));
}

static void all_headers_of_a_request_are_sent(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    for (int i = 0; i < DT_HTTP_HEADERS; i++) {
        request.headers[i] = (dt_http_header_t){apr_psprintf(f->pool, "X-%d", i), "y"};
    }
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    for (int i = 0; i < DT_HTTP_HEADERS; i++) {
        assert_non_null(strstr(f->server.last, apr_psprintf(f->pool, "\r\nX-%d: y\r\n", i)));
    }
}

static void a_redirect_is_a_reply_like_any_other(void **state)
{
    fixture_t *f = *state;
    dt_http_response_t response;

    answer_with(f, apr_psprintf(f->pool,
                                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/elsewhere\r\n"
                                "Content-Length: 0" END,
                                f->server.port));
    client_start(f);
    response = assert_get(f, APR_SUCCESS);
    assert_int_equal(response.status, 302);
    assert_int_equal(server_requests(&f->server), 1);
}

/* --- connections --- */

static void a_connection_is_used_again(void **state)
{
    fixture_t *f = *state;

    answer_body(f, "{}");
    client_start(f);
    assert_get(f, APR_SUCCESS);
    assert_get(f, APR_SUCCESS);
    assert_int_equal(server_requests(&f->server), 2);
    assert_int_equal(server_connections(&f->server), 1);
}

static void a_connection_the_server_closed_is_made_anew(void **state)
{
    fixture_t *f = *state;

    f->server.hang_up = true;
    answer_body(f, "{}");
    client_start(f);
    assert_get(f, APR_SUCCESS);
    assert_get(f, APR_SUCCESS);
    assert_int_equal(server_connections(&f->server), 2);
}

static void a_port_that_sends_once_never_sends_again(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    request.method = "POST";
    f->limits.once = true;
    f->server.answers = 1;
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    assert_false(response.unsent);
    assert_int_equal(server_connections(&f->server), 2);
    assert_int_equal(server_requests(&f->server), 2);
}

static void a_connection_is_not_inherited_by_other_programs(void **state)
{
    fixture_t *f = *state;
    bool before[256];
    int sockets = 0;

    for (int fd = 0; fd < 256; fd++) {
        before[fd] = fcntl(fd, F_GETFD) != -1;
    }
    answer_body(f, "{}");
    client_start(f);
    assert_get(f, APR_SUCCESS);
    for (int fd = 0; fd < 256; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(peer);

        if (before[fd] || flags == -1 || getpeername(fd, (struct sockaddr *)&peer, &len) != 0) {
            continue;
        }
        if (((struct sockaddr_in *)&peer)->sin_port == htons((uint16_t)f->server.port)) {
            assert_true(flags & FD_CLOEXEC);
            sockets++;
        }
    }
    assert_int_equal(sockets, 1);
}

typedef struct caller_t {
    fixture_t *f;
    apr_thread_t *thread;
    apr_status_t rv;
    const char *trouble;
    bool unsent;
    apr_interval_time_t took;
    apr_time_t ended;
} caller_t;

static apr_uint32_t busy; /* callers that were sent away */

static void *APR_THREAD_FUNC call_in_thread(apr_thread_t *thread, void *data)
{
    caller_t *caller = data;
    dt_call_t call = {0};
    dt_http_response_t response;
    dt_http_request_t request = {.method = "GET"};

    apr_pool_create(&call.pool, NULL);
    request.url = apr_psprintf(call.pool, "http://127.0.0.1:%d/", caller->f->server.port);
    caller->rv = caller->f->http->perform(caller->f->http->plug.self, &call, &request, &response);
    caller->took = response.took;
    caller->ended = apr_time_now();
    caller->trouble = response.trouble;
    caller->unsent = response.unsent;
    if (caller->rv == APR_EBUSY) {
        apr_atomic_inc32(&busy);
    }
    apr_pool_destroy(call.pool);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void start_calls(fixture_t *f, caller_t *callers, int count)
{
    apr_atomic_set32(&busy, 0);
    for (int i = 0; i < count; i++) {
        caller_t *caller = &callers[i];

        *caller = (caller_t){.f = f};
        assert_int_equal(apr_thread_create(&caller->thread, NULL, call_in_thread, caller, f->pool),
                         0);
    }
}

static void end_calls(caller_t *callers, int count)
{
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        apr_thread_join(&rv, callers[i].thread);
    }
}

static void call_in_parallel(fixture_t *f, caller_t *callers, int count)
{
    start_calls(f, callers, count);
    end_calls(callers, count);
}

#define BUSY_FOR apr_time_from_sec(20)

static void assert_busy_after(fixture_t *f, apr_interval_time_t patience,
                              apr_interval_time_t expected)
{
    caller_t callers[10];
    apr_time_t began;

    f->limits.max_connections = 2;
    f->limits.total_timeout = BUSY_FOR;
    f->limits.patience = patience;
    f->server.silent = true;
    f->server.hang_up = true;
    answer_body(f, "{}");
    client_start(f);
    /* Two have a connection until the server goes on: the others do not wait for that. */
    began = apr_time_now();
    start_calls(f, callers, 10);
    while (apr_atomic_read32(&busy) < 8 && apr_time_now() - began < BUSY_FOR) {
        apr_sleep(apr_time_from_msec(5));
    }
    server_go_on(&f->server);
    end_calls(callers, 10);
    for (int i = 0; i < 10; i++) {
        if (callers[i].rv == APR_EBUSY) {
            assert_string_equal(callers[i].trouble, "all connections are in use");
            assert_true(callers[i].unsent);
            assert_true(callers[i].took < BUSY_FOR);
            /* Who comes when nothing has moved for so long need not wait at all. */
            assert_true(callers[i].ended > began + expected - apr_time_from_msec(10));
        }
        else {
            assert_int_equal(callers[i].rv, APR_SUCCESS);
        }
    }
    assert_int_equal(apr_atomic_read32(&busy), 8);
}

static void when_all_connections_are_in_use_a_call_waits_a_tenth_of_the_time(void **state)
{
    assert_busy_after(*state, 0, BUSY_FOR / 10);
}

static void when_all_connections_are_in_use_a_call_waits_as_long_as_it_is_told(void **state)
{
    assert_busy_after(*state, apr_time_from_msec(50), apr_time_from_msec(50));
}

static void calls_in_parallel_have_a_connection_each(void **state)
{
    fixture_t *f = *state;
    caller_t callers[8];

    f->server.hang_up = true; /* the server takes one connection after the other */
    answer_body(f, "{}");
    client_start(f);
    call_in_parallel(f, callers, 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(callers[i].rv, APR_SUCCESS);
    }
    assert_int_equal(server_requests(&f->server), 8);
}

/* --- life --- */

static void a_port_that_did_not_start_refuses(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(dt_curl_create(f->pool, &f->limits, &f->http), APR_SUCCESS);
    assert_true(assert_get(f, APR_ECONNREFUSED).unsent);
    client_start(f);
    answer_body(f, "{}");
    assert_get(f, APR_SUCCESS);
    apr_pool_clear(f->pchild);
    assert_get(f, APR_ECONNREFUSED);
}

static void two_ports_live_beside_each_other(void **state)
{
    fixture_t *f = *state;
    const dt_http_t *other;
    apr_pool_t *child;

    apr_pool_create(&child, f->pool);
    assert_int_equal(dt_curl_create(f->pool, &f->limits, &other), APR_SUCCESS);
    assert_int_equal(other->plug.start(other->plug.self, child), APR_SUCCESS);
    client_start(f);
    apr_pool_destroy(child);
    answer_body(f, "{}");
    assert_get(f, APR_SUCCESS);
}

static void limits_must_be_limits(void **state)
{
    fixture_t *f = *state;
    dt_curl_limits_t limits = f->limits;

    limits.total_timeout = 0;
    assert_int_equal(dt_curl_create(f->pool, &limits, &f->http), APR_EINVAL);
    limits = f->limits;
    limits.connect_timeout = -1;
    assert_int_equal(dt_curl_create(f->pool, &limits, &f->http), APR_EINVAL);
    limits = f->limits;
    limits.patience = -1;
    assert_int_equal(dt_curl_create(f->pool, &limits, &f->http), APR_EINVAL);
    limits = f->limits;
    limits.user_agent = NULL;
    assert_int_equal(dt_curl_create(f->pool, &limits, &f->http), APR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_arrives_as_it_was_sent),
        TEST(an_empty_body_is_an_empty_text),
        TEST(a_post_sends_headers_and_body_and_nothing_of_its_own),
        TEST(nothing_of_one_call_is_sent_with_the_next),
        TEST(a_post_without_a_body_sends_an_empty_one),
        TEST(a_header_without_a_value_takes_curl_s_own_away),
        TEST(all_headers_of_a_request_are_sent),
        TEST(a_redirect_is_a_reply_like_any_other),
        TEST(a_connection_is_used_again),
        TEST(a_connection_the_server_closed_is_made_anew),
        TEST(a_port_that_sends_once_never_sends_again),
        TEST(a_connection_is_not_inherited_by_other_programs),
        TEST(when_all_connections_are_in_use_a_call_waits_a_tenth_of_the_time),
        TEST(when_all_connections_are_in_use_a_call_waits_as_long_as_it_is_told),
        TEST(calls_in_parallel_have_a_connection_each),
        TEST(a_port_that_did_not_start_refuses),
        TEST(two_ports_live_beside_each_other),
        TEST(limits_must_be_limits),
    };

    return run_curl_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
