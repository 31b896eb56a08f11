/* SPDX-License-Identifier: Apache-2.0 */
/* The http port when the other side is slow, broken, endless or not who it should be. */

#include "curl_server.h"

#include <openssl/x509.h>
#include <stdlib.h>

/* --- limits --- */

static void a_reply_of_the_allowed_size_arrives_whole(void **state)
{
    fixture_t *f = *state;
    const char *body = repeat(f, 'x', MAX_REPLY);
    dt_http_response_t response;

    answer_body(f, body);
    client_start(f);
    response = assert_get(f, APR_SUCCESS);
    assert_int_equal(response.body.len, MAX_REPLY);
    assert_string_equal(response.body.data, body);
}

static void a_larger_reply_is_refused_by_its_announced_length(void **state)
{
    fixture_t *f = *state;

    answer_with(f, "HTTP/1.1 200 OK\r\nContent-Length: 100000000000" END "x");
    client_start(f);
    assert_get(f, APR_ENOSPC); /* at once: the rest never comes */
}

static void a_larger_reply_without_a_length_is_cut_off(void **state)
{
    fixture_t *f = *state;

    f->server.hang_up = true;
    answer_with(f,
                apr_pstrcat(f->pool, "HTTP/1.1 200 OK" END, repeat(f, 'x', MAX_REPLY + 1), NULL));
    client_start(f);
    assert_get(f, APR_ENOSPC);
}

static void endless_headers_are_a_large_reply_too(void **state)
{
    fixture_t *f = *state;

    f->server.flood = true;
    answer_with(f, apr_pstrcat(f->pool, "HTTP/1.1 100 Continue\r\nX: ", repeat(f, 'x', 900), END,
                               NULL));
    client_start(f);
    assert_get(f, APR_ENOSPC);
}

static void a_slow_reply_ends_in_time(void **state)
{
    fixture_t *f = *state;
    dt_http_response_t response;
    apr_time_t began;

    f->limits.total_timeout = apr_time_from_msec(200);
    f->server.silent = true;
    answer_body(f, "{}");
    client_start(f);
    began = apr_time_now();
    response = assert_get(f, APR_TIMEUP);
    assert_false(response.unsent);
    assert_true(response.took >= apr_time_from_msec(190));
    assert_true(response.took <= apr_time_now() - began);
    assert_true(response.took < apr_time_from_sec(5));
}

/* --- failures --- */

static void a_refused_connection_is_a_failure(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = {.method = "GET", .url = "http://127.0.0.1:1/"};
    dt_http_response_t response;

    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    assert_string_equal(response.trouble, "no connection");
    assert_true(response.unsent);
}

static void a_name_that_does_not_resolve_is_a_failure(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = {.method = "POST"};
    dt_http_response_t response;

    /* A label has at most 63 characters: nobody on the network is asked for this one. */
    request.url = apr_pstrcat(f->pool, "http://", repeat(f, 'x', 64), "/", NULL);
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    assert_true(response.unsent);
}

static void half_an_answer_is_no_answer(void **state)
{
    fixture_t *f = *state;

    f->server.hang_up = true;
    answer_with(f, "HTTP/1.1 200 OK\r\nContent-Length: 10" END "{\"a\"");
    client_start(f);
    assert_get(f, APR_ECONNREFUSED);
}

static void no_answer_is_no_answer(void **state)
{
    fixture_t *f = *state;

    f->server.hang_up = true;
    answer_with(f, "");
    client_start(f);
    assert_false(assert_get(f, APR_ECONNREFUSED).unsent);
}

static void something_else_than_http_is_no_answer(void **state)
{
    fixture_t *f = *state;

    f->server.hang_up = true;
    answer_with(f, "220 mail.example ESMTP\r\n");
    client_start(f);
    assert_get(f, APR_ECONNREFUSED);
}

static void a_connection_that_failed_is_not_used_again(void **state)
{
    fixture_t *f = *state;

    f->limits.max_connections = 1;
    answer_with(f, "HTTP/1.1 200 OK\r\nContent-Length: 100000000000" END "x");
    client_start(f);
    for (int i = 0; i < 3; i++) {
        assert_get(f, APR_ENOSPC);
    }
    assert_int_equal(f->server.connections, 3);
}

/* --- leaving alone who does not answer --- */

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
    assert_int_equal(f->server.connections, 0);
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
    apr_thread_mutex_lock(f->server.lock);
    assert_int_equal(f->server.connections, 3 * DT_CURL_FAILURES);
    apr_thread_mutex_unlock(f->server.lock);
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
    f->limits.total_timeout = apr_time_from_sec(3);
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

/* --- who is there --- */

static void other_protocols_are_refused(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/",
                                       "HTTP://127.0.0.1/",  "gopher://127.0.0.1/",
                                       "127.0.0.1",          ""};
    fixture_t *f = *state;

    client_start(f);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        dt_http_request_t request = {.method = "GET", .url = urls[i]};
        dt_http_response_t response;

        assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    }
    assert_int_equal(f->server.connections, 0);
}

static void loopback_never_goes_through_a_proxy(void **state)
{
    fixture_t *f = *state;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "", 1);
    answer_body(f, "{}");
    client_start(f);
    assert_get(f, APR_SUCCESS);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("no_proxy");
}

static SSL_CTX *self_signed(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    EVP_PKEY *key = NULL;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    assert_int_equal(EVP_PKEY_keygen_init(maker), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(maker, 2048), 1);
    assert_int_equal(EVP_PKEY_keygen(maker, &key), 1);
    EVP_PKEY_CTX_free(maker);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(tls, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls;
}

static void a_self_signed_certificate_is_refused_before_anything_is_sent(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    f->server.tls = self_signed();
    f->limits.connect_timeout = f->limits.total_timeout = apr_time_from_sec(60); /* for valgrind */
    request.url =
        apr_psprintf(f->pool, "https://127.0.0.1:%d/?access_token=SECRET", f->server.port);
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    assert_string_equal(response.trouble, "the certificate is not valid");
    assert_true(response.unsent);
    assert_int_equal(f->server.connections, 1);
    assert_int_equal(f->server.requests, 0);
}

static void https_does_not_fall_back_to_plain_text(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = a_get(f);
    dt_http_response_t response;

    f->server.hang_up = true;
    answer_body(f, "{}");
    request.url = apr_psprintf(f->pool, "https://127.0.0.1:%d/", f->server.port);
    f->limits.total_timeout = apr_time_from_msec(500);
    client_start(f);
    assert_int_not_equal(perform(f, &request, &response), APR_SUCCESS);
    assert_true(response.unsent);
    assert_int_equal(f->server.requests, 0);
}

static void a_tunnel_that_breaks_before_tls_sent_nothing(void **state)
{
    fixture_t *f = *state;
    dt_http_request_t request = {.method = "POST", .url = "https://gateway.invalid/"};
    dt_http_response_t response;

    setenv("https_proxy", apr_psprintf(f->pool, "http://127.0.0.1:%d", f->server.port), 1);
    f->limits.once = true;
    f->server.hang_up = true;
    answer_with(f, "HTTP/1.1 200 OK" END);
    client_start(f);
    assert_int_equal(perform(f, &request, &response), APR_ECONNREFUSED);
    unsetenv("https_proxy");
    assert_ptr_equal(strstr(f->server.last, "CONNECT gateway.invalid:443 "), f->server.last);
    assert_true(response.unsent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reply_of_the_allowed_size_arrives_whole),
        TEST(a_larger_reply_is_refused_by_its_announced_length),
        TEST(a_larger_reply_without_a_length_is_cut_off),
        TEST(endless_headers_are_a_large_reply_too),
        TEST(a_slow_reply_ends_in_time),
        TEST(a_refused_connection_is_a_failure),
        TEST(a_name_that_does_not_resolve_is_a_failure),
        TEST(half_an_answer_is_no_answer),
        TEST(no_answer_is_no_answer),
        TEST(something_else_than_http_is_no_answer),
        TEST(a_connection_that_failed_is_not_used_again),
        TEST(after_as_many_failures_as_connections_calls_are_refused_at_once),
        TEST(one_connection_bears_five_failures),
        TEST(a_silent_server_is_left_alone_too),
        TEST(a_reply_between_failures_starts_the_count_again),
        TEST(broken_replies_are_no_silence),
        TEST(after_the_pause_one_call_is_let_through_and_its_reply_ends_it),
        TEST(while_one_call_probes_the_others_are_refused),
        TEST(other_protocols_are_refused),
        TEST(loopback_never_goes_through_a_proxy),
        TEST(a_self_signed_certificate_is_refused_before_anything_is_sent),
        TEST(https_does_not_fall_back_to_plain_text),
        TEST(a_tunnel_that_breaks_before_tls_sent_nothing),
    };

    return run_curl_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
