/* SPDX-License-Identifier: Apache-2.0 */
/* The ports: what the core needs from the world, as small structs of functions. */
#ifndef DT_CORE_PORTS_H
#define DT_CORE_PORTS_H

#include "core/dt.h"

#include <apr_errno.h>

/**
 * What every provider has in common. A provider is made while the configuration is read, before
 * the fork, and starts in each child before there are threads.
 */
typedef struct dt_plug_t {
    const char *name;                                      /* as a directive names it */
    void *self;                                            /* the provider's own data */
    apr_status_t (*start)(void *self, apr_pool_t *pchild); /* or NULL when there is nothing to do */
} dt_plug_t;

/* --- http: one outgoing call --- */

typedef struct dt_http_header_t {
    const char *name;
    const char *value;
} dt_http_header_t;

typedef struct dt_http_request_t {
    const char *method;          /* "GET" or "POST" */
    const char *url;             /* may hold a token in its query: never logged */
    dt_http_header_t headers[4]; /* up to the first NULL name */
    dt_slice_t body;
} dt_http_request_t;

typedef struct dt_http_response_t {
    int status;          /* HTTP status, 0 when there was no reply */
    dt_slice_t body;     /* in call->pool, NUL-terminated behind its length */
    const char *trouble; /* on failure: what went wrong, a constant without secrets */
} dt_http_response_t;

/**
 * Send one request and wait for the whole reply, within the limits the provider was made with.
 * Never follows a redirect, always verifies TLS. Any thread.
 * @return APR_SUCCESS when a reply arrived, whatever its status; APR_TIMEUP when it took too
 *         long; APR_EBUSY when no connection became free in time; APR_ENOSPC when the reply is
 *         larger than allowed; APR_ECONNREFUSED for every other failure. trouble is set then.
 */
typedef struct dt_http_t {
    dt_plug_t plug;
    apr_status_t (*perform)(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response);
} dt_http_t;

/* --- tokens: the app token, one per child --- */

#define DT_TOKEN_MAX 2048 /* bytes of a DingTalk token */

/**
 * Fetch a new app token: called by get, by one thread at a time.
 * @param token    in call->pool
 * @param lifetime how long it is good
 * @param result   on failure: why
 */
typedef apr_status_t dt_token_fetch_t(const void *baton, const dt_call_t *call, const char **token,
                                      apr_interval_time_t *lifetime, dt_result_t *result);

typedef struct dt_tokens_t {
    dt_plug_t plug;
    /**
     * The app token, in call->pool. However many threads ask at the same time, one fetches; the
     * others wait for it, and share its failure. Renewed ten minutes before its end, by one
     * thread, while the others go on with the old one. Any thread.
     * @return APR_SUCCESS, or what fetch returned, or APR_TIMEUP when waiting took too long;
     *         result says why
     */
    apr_status_t (*get)(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                        const void *baton, const char **token, dt_result_t *result);
    /** Forget token: DingTalk does not take it any more. Another token than that is kept. */
    void (*drop)(void *self, const char *token);
} dt_tokens_t;

/* --- store: what a cookie's token stands for --- */

typedef struct dt_store_t {
    dt_plug_t plug;
    /**
     * The record behind token. Any thread.
     * @return APR_SUCCESS; APR_NOTFOUND when there is none, whatever is wrong with the token;
     *         anything else: could not find out
     */
    apr_status_t (*load)(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record);
    /** Keep record until expiry and return the token that stands for it, NUL-terminated. */
    apr_status_t (*save)(void *self, const dt_call_t *call, dt_slice_t record, apr_time_t expiry,
                         dt_slice_t *token);
    /** Forget token; one that is not there is no error. */
    apr_status_t (*drop)(void *self, const dt_call_t *call, dt_slice_t token);
} dt_store_t;

#endif
