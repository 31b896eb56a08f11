/* SPDX-License-Identifier: Apache-2.0 */
/* The http port over libcurl: one outgoing call at a time per kept connection. */
#ifndef DT_PROVIDER_CURL_H
#define DT_PROVIDER_CURL_H

#include "core/ports.h"

#define DT_CURL_CONNECTIONS 16          /* calls in flight per child, unless said otherwise */
#define DT_CURL_REPLY_MAX (1024 * 1024) /* bytes of a reply, unless said otherwise */

/** The bounds of every call. Copied. */
typedef struct dt_curl_limits_t {
    apr_interval_time_t connect_timeout; /* until connected, TLS included */
    apr_interval_time_t total_timeout;   /* of a call once it has a connection; a call waits as
                                            long again for one of max_connections to be free */
    int max_connections;                 /* 0: DT_CURL_CONNECTIONS */
    apr_size_t max_reply;   /* of header lines, and of the body; 0: DT_CURL_REPLY_MAX */
    const char *user_agent; /* name/version */
} dt_curl_limits_t;

/**
 * Make the port while the configuration is read. Nothing of libcurl is touched before
 * plug.start, which runs in the child before there are threads; what start makes goes with its
 * pool. A port whose start failed answers every call with APR_ECONNREFUSED.
 *
 * https needs TLS 1.2 and a valid certificate of the host; plain http is spoken only to URLs that
 * begin with "http://", which the configuration allows for loopback alone, and never through a
 * proxy. https goes through the proxy of the environment (https_proxy, no_proxy), if there is one.
 *
 * @return APR_SUCCESS; APR_EINVAL when a limit is missing or negative
 */
apr_status_t dt_curl_create(apr_pool_t *pconf, const dt_curl_limits_t *limits,
                            const dt_http_t **http);

#endif
