/* SPDX-License-Identifier: Apache-2.0 */
/* The http port over libcurl: a few kept handles per child, each with its warm connection. */

#include "provider/curl.h"

#include "provider/restraint.h"

#include <apr_reslist.h>
#include <apr_strings.h>
#include <curl/curl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_BUFFER 4096
#define PATIENCE_MIN apr_time_from_msec(100)
#define IDLE_MAX apr_time_from_sec(60) /* a handle idle for longer is closed */

typedef struct port_t {
    dt_http_t http;
    dt_curl_limits_t limits;
    apr_reslist_t *handles; /* CURL *; NULL before start */
    dt_restraint_t *restraint;
} port_t;

/* A reply while it arrives. */
typedef struct reply_t {
    const dt_call_t *call;
    char *data;
    apr_size_t len;
    apr_size_t size; /* of data */
    apr_size_t max;
    apr_size_t header_bytes;
    bool too_large;
} reply_t;

/* --- what went wrong --- */

typedef struct trouble_t {
    CURLcode code;
    apr_status_t status;
    const char *text;
} trouble_t;

static const trouble_t troubles[] = {
    {CURLE_OPERATION_TIMEDOUT, APR_TIMEUP, "no complete reply in time"},
    {CURLE_ABORTED_BY_CALLBACK, APR_ECONNREFUSED, "given up: who asks ends"},
    {CURLE_FILESIZE_EXCEEDED, APR_ENOSPC, "the reply is larger than allowed"},
    {CURLE_COULDNT_RESOLVE_HOST, APR_ECONNREFUSED, "the host name does not resolve"},
    {CURLE_COULDNT_RESOLVE_PROXY, APR_ECONNREFUSED, "the proxy's name does not resolve"},
    {CURLE_COULDNT_CONNECT, APR_ECONNREFUSED, "no connection"},
    {CURLE_SSL_CONNECT_ERROR, APR_ECONNREFUSED, "the TLS handshake failed"},
    {CURLE_PEER_FAILED_VERIFICATION, APR_ECONNREFUSED, "the certificate is not valid"},
    {CURLE_PARTIAL_FILE, APR_ECONNREFUSED, "the reply ended too early"},
    {CURLE_GOT_NOTHING, APR_ECONNREFUSED, "the connection was closed without a reply"},
    {CURLE_SEND_ERROR, APR_ECONNREFUSED, "the connection broke while sending"},
    {CURLE_RECV_ERROR, APR_ECONNREFUSED, "the connection broke while receiving"},
};

/* curl's own texts are constants too: only its error buffer may quote a URL, and we have none. */
static apr_status_t explain(CURLcode code, const char **text)
{
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        if (troubles[i].code == code) {
            *text = troubles[i].text;
            return troubles[i].status;
        }
    }
    *text = curl_easy_strerror(code);
    return APR_ECONNREFUSED;
}

/* --- leaving alone who does not answer --- */

/* A reply that breaks off neither proves that the next call would not hang nor that it would. */
static void learn(port_t *port, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        dt_restraint_answered(port->restraint);
        break;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        dt_restraint_silent(port->restraint);
        break;
    default:
        break;
    }
}

/* --- receiving --- */

/* Room for need bytes and a NUL. A pool gives nothing back, so the buffer doubles: what lies
 * behind it is never more than what it holds. */
static void make_room(reply_t *reply, apr_size_t need)
{
    apr_size_t size = reply->size ? reply->size : FIRST_BUFFER;
    char *data;

    while (size < need + 1) {
        size *= 2;
    }
    if (size == reply->size) {
        return;
    }
    data = apr_palloc(reply->call->pool, size);
    if (reply->len) {
        memcpy(data, reply->data, reply->len);
    }
    reply->data = data;
    reply->size = size;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *baton)
{
    reply_t *reply = baton;

    (void)one; /* always 1 */
    if (len > reply->max - reply->len) {
        reply->too_large = true;
        return 0;
    }
    make_room(reply, reply->len + len);
    memcpy(reply->data + reply->len, bytes, len);
    reply->len += len;
    return len;
}

/* Header lines are not kept, but curl keeps them: an endless list of them is a large reply too. */
static size_t on_header(char *bytes, size_t one, size_t len, void *baton)
{
    reply_t *reply = baton;

    (void)bytes;
    (void)one;
    if (len > reply->max - reply->header_bytes) {
        reply->too_large = true;
        return 0;
    }
    reply->header_bytes += len;
    return len;
}

/* Whether to end the call. However quiet the other side is, curl asks about once a second. */
static int on_progress(void *baton, curl_off_t down, curl_off_t down_now, curl_off_t up,
                       curl_off_t up_now)
{
    const reply_t *reply = baton;

    (void)down, (void)down_now, (void)up, (void)up_now;
    return dt_gives_up(reply->call->end) ? 1 : 0;
}

/* A program that this process starts, say a CGI, must not inherit the connection. */
static curl_socket_t on_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *address)
{
    int type = address->socktype;

    (void)baton;
    (void)purpose;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;
#endif
    return socket(address->family, type, address->protocol);
}

/* --- sending --- */

/* Rounded up: 0 would mean "no limit" to curl. */
static long milliseconds(apr_interval_time_t time)
{
    return (long)((time + 999) / 1000);
}

static CURLcode set_limits(CURL *curl, const dt_curl_limits_t *limits)
{
    const long once = limits->once ? 1L : 0L;
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits->connect_timeout));
    bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(limits->total_timeout));
    bad |= curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_reply);
    bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT, limits->user_agent);
    bad |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    bad |= curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, once);
    bad |= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, once);
    return bad;
}

/* Said even where it is curl's default: a distribution may have built it with another one. */
static CURLcode set_security(CURL *curl, bool plain)
{
    CURLcode bad = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075500
    bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
#else
    bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
                            plain ? (long)CURLPROTO_HTTP : (long)CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x074000
    bad |= curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
#endif
    bad |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (plain) {
        bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    return bad;
}

/* A name without a value takes curl's own away. Without "Expect" nobody waits for 100 Continue. */
static bool make_headers(const dt_call_t *call, const dt_http_request_t *request,
                         struct curl_slist **list)
{
    const size_t max = sizeof(request->headers) / sizeof(request->headers[0]);
    struct curl_slist *longer = curl_slist_append(NULL, "Expect:");

    *list = longer;
    for (size_t i = 0; longer && i < max && request->headers[i].name; i++) {
        const dt_http_header_t *header = &request->headers[i];

        longer = curl_slist_append(*list, apr_pstrcat(call->pool, header->name, ": ", header->value,
                                                      NULL));
        if (longer) {
            *list = longer;
        }
    }
    return longer != NULL;
}

static CURLcode set_request(CURL *curl, const dt_http_request_t *request,
                            struct curl_slist *headers, reply_t *reply)
{
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url);
    bad |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
    bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    if (strcmp(request->method, "POST") == 0) {
        bad |= curl_easy_setopt(curl, CURLOPT_POST, 1L);
        bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        bad |=
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.len ? request->body.data : "");
    }
    if (reply->call->end) {
        bad |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        bad |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, reply);
        bad |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    }
    return bad;
}

/* Whether surely nothing of a request left. What a proxy is asked for counts as sent, but on a new
 * connection nothing of ours goes through it before TLS stands. */
static bool is_unsent(const port_t *port, CURL *curl, bool plain)
{
    curl_off_t handshake = 1;
    long sent = 1;

    curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &handshake);
    return sent == 0 || (port->limits.once && !plain && handshake == 0);
}

static apr_status_t transfer(port_t *port, CURL *curl, const dt_http_request_t *request,
                             reply_t *reply, dt_http_response_t *response)
{
    struct curl_slist *headers = NULL;
    const bool plain = strncmp(request->url, "http://", 7) == 0;
    CURLcode code = CURLE_FAILED_INIT;
    apr_status_t rv;
    long status = 0;

    if (!make_headers(reply->call, request, &headers)) {
        code = CURLE_OUT_OF_MEMORY;
    }
    else if (set_limits(curl, &port->limits) == CURLE_OK && set_security(curl, plain) == CURLE_OK &&
             set_request(curl, request, headers, reply) == CURLE_OK) {
        code = curl_easy_perform(curl);
    }
    if (reply->too_large) {
        code = CURLE_FILESIZE_EXCEEDED;
    }
    learn(port, code);
    if (code != CURLE_OK) {
        rv = explain(code, &response->trouble);
        response->unsent = is_unsent(port, curl, plain);
        goto leave;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    make_room(reply, reply->len);
    reply->data[reply->len] = '\0';
    response->status = (int)status;
    response->body = (dt_slice_t){reply->data, reply->len};
    rv = APR_SUCCESS;

leave:
    /* Nothing of this call stays in the handle: it points to the list, to the body and to reply,
     * and the URL holds a token. The connection stays. */
    curl_easy_reset(curl);
    curl_slist_free_all(headers);
    return rv;
}

/* With a handle. */
static apr_status_t call_with(port_t *port, CURL *curl, const dt_call_t *call,
                              const dt_http_request_t *request, dt_http_response_t *response)
{
    reply_t reply = {.call = call, .max = port->limits.max_reply};
    const apr_status_t rv = transfer(port, curl, request, &reply, response);

    if (rv == APR_SUCCESS) {
        apr_reslist_release(port->handles, curl);
    }
    else {
        /* Its connection may be in any state. */
        apr_reslist_invalidate(port->handles, curl);
    }
    return rv;
}

static bool all_in_use(const port_t *port)
{
    return apr_reslist_acquired_count(port->handles) >= (apr_uint32_t)port->limits.max_connections;
}

/* Who would wait in vain does not: a thread that waits serves nobody who is signed in. */
static apr_status_t call_in_turn(port_t *port, const dt_call_t *call,
                                 const dt_http_request_t *request, dt_http_response_t *response)
{
    void *curl = NULL;
    apr_status_t rv;

    if (all_in_use(port) && dt_restraint_is_stuck(port->restraint)) {
        response->trouble = "all connections are in use";
        return APR_EBUSY;
    }
    rv = apr_reslist_acquire(port->handles, &curl);
    if (rv == APR_SUCCESS) {
        response->unsent = false;
        dt_restraint_moved(port->restraint);
        rv = call_with(port, curl, call, request, response);
        dt_restraint_moved(port->restraint);
    }
    else {
        response->trouble = APR_STATUS_IS_TIMEUP(rv) ? "all connections are in use"
                                                     : "no http handle could be made";
        rv = APR_STATUS_IS_TIMEUP(rv) ? APR_EBUSY : APR_ECONNREFUSED;
    }
    return rv;
}

static apr_status_t attempt(port_t *port, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    *response = (dt_http_response_t){.unsent = true};
    if (!port->handles) {
        response->trouble = "the http client did not start";
        return APR_ECONNREFUSED;
    }
    if (!dt_restraint_may_call(port->restraint)) {
        response->trouble = "the other side did not answer lately";
        return APR_ECONNREFUSED;
    }
    return call_in_turn(port, call, request, response);
}

/* Waiting for a handle counts. */
static apr_status_t perform(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    const apr_time_t began = apr_time_now();
    const apr_status_t rv = attempt(self, call, request, response);
    const apr_interval_time_t took = apr_time_now() - began;

    response->took = took > 0 ? took : 0; /* the clock may have been set back */
    return rv;
}

/* --- the child's handles --- */

/* Runs while the list is locked: makes a handle, connects nowhere. */
static apr_status_t handle_create(void **resource, void *params, apr_pool_t *pool)
{
    (void)params;
    (void)pool;
    *resource = curl_easy_init();
    return *resource ? APR_SUCCESS : APR_ENOMEM;
}

static apr_status_t handle_destroy(void *resource, void *params, apr_pool_t *pool)
{
    (void)params;
    (void)pool;
    curl_easy_cleanup(resource);
    return APR_SUCCESS;
}

static apr_status_t curl_end(void *unused)
{
    (void)unused;
    curl_global_cleanup();
    return APR_SUCCESS;
}

static apr_status_t forget_handles(void *self)
{
    port_t *port = self;

    port->handles = NULL;
    return APR_SUCCESS;
}

/*
 * The list has a pool of its own: it allocates from it under its own lock, which protects no
 * other user of pchild. Sub-pools go before a pool's own cleanups run, so the handles are closed
 * first and libcurl ends after them. libcurl counts its users in the process itself.
 */
static apr_status_t start(void *self, apr_pool_t *pchild)
{
    port_t *port = self;
    apr_reslist_t *handles = NULL;
    apr_pool_t *pool = NULL;
    apr_status_t rv;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pchild, NULL, curl_end, apr_pool_cleanup_null);
    rv = apr_pool_create(&pool, pchild);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_tag(pool, "dt_curl");
    /* The list is last in, first out: the handle used last, with the warmest connection, is
     * the next. */
    rv = apr_reslist_create(&handles, 0, 0, port->limits.max_connections, IDLE_MAX, handle_create,
                            handle_destroy, NULL, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_reslist_timeout_set(handles, port->limits.patience);
    port->handles = handles;
    apr_pool_cleanup_register(pool, port, forget_handles, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

apr_interval_time_t dt_curl_patience(apr_interval_time_t total_timeout)
{
    const apr_interval_time_t tenth = total_timeout / 10;

    return tenth > PATIENCE_MIN ? tenth : PATIENCE_MIN;
}

apr_status_t dt_curl_create(apr_pool_t *pconf, const dt_curl_limits_t *limits,
                            const dt_http_t **http)
{
    port_t *port;

    if (limits->connect_timeout <= 0 || limits->total_timeout <= 0 || !limits->user_agent ||
        limits->max_connections < 0 || limits->patience < 0) {
        return APR_EINVAL;
    }
    port = apr_pcalloc(pconf, sizeof(*port));
    port->limits = *limits;
    port->limits.user_agent = apr_pstrdup(pconf, limits->user_agent);
    if (!limits->patience) {
        port->limits.patience = dt_curl_patience(limits->total_timeout);
    }
    if (!limits->max_connections) {
        port->limits.max_connections = DT_CURL_CONNECTIONS;
    }
    if (!limits->max_reply) {
        port->limits.max_reply = DT_CURL_REPLY_MAX;
    }
    port->restraint = limits->restraint;
    if (!port->restraint) {
        const int max = port->limits.max_connections;

        port->restraint = dt_restraint_create(apr_pcalloc(pconf, dt_restraint_size()),
                                              max > DT_CURL_FAILURES ? max : DT_CURL_FAILURES,
                                              port->limits.patience);
    }
    port->http = (dt_http_t){{"curl", port, start}, perform};
    *http = &port->http;
    return APR_SUCCESS;
}
