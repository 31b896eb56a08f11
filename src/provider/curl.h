/* SPDX-License-Identifier: Apache-2.0 */
/* The http port over libcurl: one outgoing call at a time per kept connection. */
#ifndef DT_PROVIDER_CURL_H
#define DT_PROVIDER_CURL_H

#include "core/ports.h"
#include "provider/restraint.h"

#define DT_CURL_CONNECTIONS 16             /* calls in flight per child, unless said otherwise */
#define DT_CURL_REPLY_MAX (1024 * 1024)    /* bytes of a reply, unless said otherwise */
#define DT_CURL_FAILURES 5                 /* in a row, before calls are refused, at least */
#define DT_CURL_PAUSE apr_time_from_sec(2) /* without calls */

/** The bounds of every call. Copied. */
typedef struct dt_curl_limits_t {
    apr_interval_time_t connect_timeout; /* until connected, TLS included */
    apr_interval_time_t total_timeout;   /* of a call once it has a connection */
    apr_interval_time_t patience; /* how long a call waits for one of max_connections to be free;
                                     0: a tenth of total_timeout, at least 100 ms */
    int max_connections;          /* calls in flight: fewer than threads, so that some are left to
                                     serve who is signed in; 0: DT_CURL_CONNECTIONS */
    apr_size_t max_reply;         /* of header lines, and of the body; 0: DT_CURL_REPLY_MAX */
    bool once; /* a connection for each call: on a kept one that broke, libcurl sends a request
                  again, which a message to somebody must not be */
    const char *user_agent;    /* name/version */
    dt_restraint_t *restraint; /* that other processes share; NULL: of this one alone */
} dt_curl_limits_t;

/** How long a call waits for a free connection where its port's limits do not say. */
apr_interval_time_t dt_curl_patience(apr_interval_time_t total_timeout);

/**
 * Make the port while the configuration is read. Nothing of libcurl is touched before
 * plug.start, which runs in the child before there are threads; what start makes goes with its
 * pool. A port whose start failed answers every call with APR_ECONNREFUSED.
 *
 * https needs TLS 1.2 and a valid certificate of the host; plain http is spoken only to URLs that
 * begin with "http://", which the configuration allows for loopback alone, and never through a
 * proxy. https goes through the proxy of the environment (https_proxy, no_proxy), if there is one.
 *
 * A call that finds no connection free in time ends with APR_EBUSY; at once, when for as long as
 * that no call has begun or ended.
 *
 * A side that does not answer is left alone for a while, so that threads do not wait for it one
 * after the other: once max_connections calls in a row (but at least DT_CURL_FAILURES) ended
 * without a connection or without a complete reply in time, a call ends at once with
 * APR_ECONNREFUSED and the trouble "the other side did not answer lately". DT_CURL_PAUSE after the
 * last such failure one call is let through, and another after each further pause; the first that
 * brings a reply ends this. A reply that is broken or too large came from somebody who is there: it
 * counts neither way. The count belongs to this port in this child, whatever hosts it calls, or to
 * all that share a restraint.
 *
 * @return APR_SUCCESS; APR_EINVAL when a limit is missing or one is negative
 */
apr_status_t dt_curl_create(apr_pool_t *pconf, const dt_curl_limits_t *limits,
                            const dt_http_t **http);

#endif
