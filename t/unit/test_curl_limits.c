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

    f->limits.total_timeout = apr_time_from_sec(3); /* enough to send, under valgrind, too */
    f->server.silent = true;
    answer_body(f, "{}");
    client_start(f);
    began = apr_time_now();
    response = assert_get(f, APR_TIMEUP);
    assert_false(response.unsent);
    assert_true(response.took >= apr_time_from_msec(2990));
    assert_true(response.took <= apr_time_now() - began);
    assert_true(response.took < apr_time_from_sec(8));
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
    assert_int_equal(server_connections(&f->server), 3);
}

/* --- giving up --- */

typedef struct asker_t {
    fixture_t *f;
    apr_thread_t *thread;
    volatile apr_uint32_t *end; /* of its call */
    const char *trouble;
    apr_status_t rv;
} asker_t;

static void *APR_THREAD_FUNC ask_in_thread(apr_thread_t *thread, void *data)
{
    asker_t *asker = data;
    const dt_http_t *http = asker->f->http;
    dt_call_t call = {.end = asker->end};
    dt_http_request_t request = {.method = "GET"};
    dt_http_response_t response;

    apr_pool_create(&call.pool, NULL);
    request.url = apr_psprintf(call.pool, "http://127.0.0.1:%d/", asker->f->server.port);
    asker->rv = http->perform(http->plug.self, &call, &request, &response);
    asker->trouble = response.trouble; /* a constant */
    apr_pool_destroy(call.pool);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void a_call_is_given_up_when_the_end_has_come(void **state)
{
    fixture_t *f = *state;
    apr_uint32_t end = DT_ENDS;
    asker_t asker = {.f = f, .end = &end};
    const apr_time_t began = apr_time_now();
    apr_status_t rv;

    f->limits.total_timeout = apr_time_from_sec(60);
    f->server.silent = true;
    answer_body(f, "{}");
    client_start(f);
    assert_int_equal(apr_thread_create(&asker.thread, NULL, ask_in_thread, &asker, f->pool), 0);
    server_await_request(&f->server);
    apr_atomic_set32(&end, DT_GIVES_UP);
    apr_thread_join(&rv, asker.thread);
    assert_int_equal(asker.rv, APR_ECONNREFUSED);
    assert_string_equal(asker.trouble, "given up: who asks ends");
    assert_true(apr_time_now() - began < f->limits.total_timeout / 2);
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
    assert_int_equal(server_connections(&f->server), 0);
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
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    assert_int_equal(EVP_PKEY_keygen_init(maker), 1);
    assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1), 1);
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
    assert_int_equal(server_connections(&f->server), 1);
    assert_int_equal(server_requests(&f->server), 0);
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
    assert_int_equal(server_requests(&f->server), 0);
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
        TEST(a_call_is_given_up_when_the_end_has_come),
        TEST(other_protocols_are_refused),
        TEST(loopback_never_goes_through_a_proxy),
        TEST(a_self_signed_certificate_is_refused_before_anything_is_sent),
        TEST(https_does_not_fall_back_to_plain_text),
        TEST(a_tunnel_that_breaks_before_tls_sent_nothing),
    };

    return run_curl_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
