/* SPDX-License-Identifier: Apache-2.0 */
/* A server on loopback that answers what a test tells it to, with the http port in front of it. */
#ifndef DT_UNIT_CURL_SERVER_H
#define DT_UNIT_CURL_SERVER_H

#include "provider/curl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REPLY 10000
#define REQUEST_MAX (2 * 1024 * 1024)
#define END "\r\n\r\n"

/* --- the server --- */

typedef struct server_t {
    apr_thread_t *thread;
    int listener;
    int port;
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *changed;
    /* what it does: set before the first call */
    const char *answer; /* as it goes over the wire */
    apr_size_t answer_len;
    bool hang_up; /* closes after an answer */
    bool silent;  /* reads a request, then answers when the test says so */
    bool flood;   /* goes on with answer until the client leaves */
    int answers;  /* after so many it reads a request and hangs up; 0: it always answers */
    SSL_CTX *tls;
    /* what it saw: under lock */
    int connections;
    int requests;
    bool go_on;
    char last[REQUEST_MAX];
    apr_size_t last_len;
} server_t;

typedef struct fixture_t {
    apr_pool_t *pool;
    apr_pool_t *pchild;
    server_t server;
    const dt_http_t *http;
    dt_curl_limits_t limits;
} fixture_t;

/* Reads one request with its body into last; false when the client has left. */
static bool read_request(server_t *s, int fd)
{
    const char *end;
    const char *length;
    apr_size_t want = 0;

    apr_thread_mutex_lock(s->lock);
    s->last_len = 0;
    apr_thread_mutex_unlock(s->lock);
    do {
        const ssize_t len = recv(fd, s->last + s->last_len, sizeof(s->last) - s->last_len - 1, 0);

        if (len <= 0) {
            return false;
        }
        s->last_len += (apr_size_t)len;
        s->last[s->last_len] = '\0';
        end = strstr(s->last, END);
        length = strstr(s->last, "Content-Length: ");
        want = length ? (apr_size_t)apr_atoi64(length + strlen("Content-Length: ")) : 0;
    } while (!end || s->last_len < (apr_size_t)(end - s->last) + strlen(END) + want);
    return true;
}

static bool send_all(int fd, const char *data, apr_size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(fd, data, len, 0);

        if (sent < 0) {
            return false;
        }
        data += sent;
        len -= (apr_size_t)sent;
    }
    return true;
}

static void await_word(server_t *s)
{
    apr_thread_mutex_lock(s->lock);
    while (!s->go_on) {
        apr_thread_cond_wait(s->changed, s->lock);
    }
    apr_thread_mutex_unlock(s->lock);
}

static void serve(server_t *s, int fd)
{
    bool is_over;

    while (read_request(s, fd)) {
        apr_thread_mutex_lock(s->lock);
        s->requests++;
        is_over = s->answers && s->requests > s->answers;
        apr_thread_cond_broadcast(s->changed);
        apr_thread_mutex_unlock(s->lock);
        if (is_over) {
            return;
        }
        if (s->silent) {
            await_word(s);
        }
        if (!send_all(fd, s->answer, s->answer_len)) {
            return;
        }
        while (s->flood) {
            if (!send_all(fd, s->answer, s->answer_len)) {
                return;
            }
        }
        if (s->hang_up) {
            return;
        }
    }
}

static void shake_hands(server_t *s, int fd)
{
    SSL *ssl = SSL_new(s->tls);

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        char byte;
        if (SSL_read(ssl, &byte, 1) > 0) {
            apr_thread_mutex_lock(s->lock);
            s->requests++;
            apr_thread_mutex_unlock(s->lock);
        }
    }
    SSL_free(ssl);
}

/* One connection after the other, until the listener is shut down. */
static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *data)
{
    server_t *s = data;
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        apr_thread_mutex_lock(s->lock);
        s->connections++;
        apr_thread_mutex_unlock(s->lock);
        if (s->tls) {
            shake_hands(s, fd);
        }
        else {
            serve(s, fd);
        }
        close(fd);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void server_start(server_t *s, apr_pool_t *pool)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    apr_thread_mutex_create(&s->lock, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&s->changed, pool);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->listener, 64), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(apr_thread_create(&s->thread, NULL, run, s, pool), 0);
}

static inline void server_await_request(server_t *s)
{
    apr_thread_mutex_lock(s->lock);
    while (s->requests == 0) {
        apr_thread_cond_wait(s->changed, s->lock);
    }
    apr_thread_mutex_unlock(s->lock);
}

static inline int server_saw(server_t *s, const int *count)
{
    int seen;

    apr_thread_mutex_lock(s->lock);
    seen = *count;
    apr_thread_mutex_unlock(s->lock);
    return seen;
}

static inline int server_connections(server_t *s)
{
    return server_saw(s, &s->connections);
}

static inline int server_requests(server_t *s)
{
    return server_saw(s, &s->requests);
}

/* A silent server answers from now on. */
static void server_go_on(server_t *s)
{
    apr_thread_mutex_lock(s->lock);
    s->go_on = true;
    apr_thread_cond_broadcast(s->changed);
    apr_thread_mutex_unlock(s->lock);
}

static void server_stop(server_t *s)
{
    apr_status_t rv;

    server_go_on(s);
    shutdown(s->listener, SHUT_RDWR);
    apr_thread_join(&rv, s->thread);
    close(s->listener);
    SSL_CTX_free(s->tls);
}

/* --- the fixture --- */

static int setup(void **state)
{
    apr_pool_t *pool;
    fixture_t *f;

    apr_pool_create(&pool, NULL);
    f = apr_pcalloc(pool, sizeof(*f));
    f->pool = pool;
    apr_pool_create(&f->pchild, pool);
    f->limits = (dt_curl_limits_t){.connect_timeout = apr_time_from_sec(5),
                                   .total_timeout = apr_time_from_sec(10),
                                   .max_reply = MAX_REPLY,
                                   .user_agent = "mod_auth_dingtalk/test"};
    server_start(&f->server, pool);
    *state = f;
    return 0;
}

static void client_start(fixture_t *f)
{
    assert_int_equal(dt_curl_create(f->pool, &f->limits, &f->http), APR_SUCCESS);
    assert_int_equal(f->http->plug.start(f->http->plug.self, f->pchild), APR_SUCCESS);
}

static int teardown(void **state)
{
    fixture_t *f = *state;

    apr_pool_destroy(f->pchild); /* the client first: the server waits for it to hang up */
    server_stop(&f->server);
    apr_pool_destroy(f->pool);
    return 0;
}

static inline void answer_with(fixture_t *f, const char *answer)
{
    f->server.answer = answer;
    f->server.answer_len = strlen(answer);
}

static void answer_body(fixture_t *f, const char *body)
{
    answer_with(f, apr_psprintf(f->pool, "HTTP/1.1 200 OK\r\nContent-Length: %d" END "%s",
                                (int)strlen(body), body));
}

static inline char *repeat(fixture_t *f, char c, apr_size_t len)
{
    char *text = apr_pcalloc(f->pool, len + 1);

    memset(text, c, len);
    return text;
}

static dt_http_request_t a_get(fixture_t *f)
{
    return (dt_http_request_t){.method = "GET",
                               .url = apr_psprintf(f->pool,
                                                   "http://127.0.0.1:%d/path?access_token=SECRET",
                                                   f->server.port)};
}

static apr_status_t perform(fixture_t *f, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    const dt_call_t call = {.pool = f->pool};

    memset(response, 0xff, sizeof(*response));
    return f->http->perform(f->http->plug.self, &call, request, response);
}

static dt_http_response_t assert_get(fixture_t *f, apr_status_t expected)
{
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;
    apr_status_t rv = perform(f, &request, &response);

    assert_int_equal(rv, expected);
    if (rv == APR_SUCCESS) {
        assert_null(response.trouble);
        assert_int_equal(response.body.data[response.body.len], 0);
    }
    else {
        assert_non_null(response.trouble);
        assert_null(strstr(response.trouble, "SECRET"));
        assert_int_equal(response.status, 0);
        assert_int_equal(response.body.len, 0);
    }
    return response;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int run_curl_tests(const struct CMUnitTest *tests, size_t count)
{
    int failed;

    apr_initialize();
    apr_signal(SIGPIPE, SIG_IGN); /* as httpd does */
    failed = _cmocka_run_group_tests("curl", tests, count, NULL, NULL);
    apr_terminate();
    return failed;
}

#endif
