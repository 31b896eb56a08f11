/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to open a session: the hot path's core, from a sealed cookie to its age. */

/*
 * usage: session_open [loads [runs [kept|new]]]      default 200000 loads, 7 runs, both
 *
 * Prints nanoseconds per load, the best of the runs: with the cipher context that a thread keeps,
 * as in httpd, and for comparison with a new one for each load.
 *
 * How many instructions a load takes, counted and not timed, is the difference of two runs of
 *
 *     valgrind --tool=callgrind --callgrind-out-file=/dev/null ./session_open 10000 1 kept
 *
 * with 10000 and with 20000 loads, divided by 10000. To see where they go, write to a file and
 * callgrind_annotate it: build with -O2 -g, and not with a sanitizer.
 *
 * The session is a usual one: userid, unionid and three attributes, about 230 bytes of cookie.
 */

#include "core/bytes.h"
#include "core/seal.h"
#include "core/session.h"
#include "provider/store_cookie.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOW apr_time_from_sec(1700000000)
#define BATCH 16 /* loads between two clears of the pool, whose share of a request is small */

static const dt_lifetimes_t lifetimes = {apr_time_from_sec(8 * 3600), apr_time_from_sec(2 * 3600)};

static apr_status_t make_session(const dt_store_t *store, const dt_call_t *call, dt_slice_t *token)
{
    const dt_attribute_t attributes[] = {
        {DT_SLICE("name"), DT_SLICE("\xe5\xbc\xa0\xe4\xb8\x89")},
        {DT_SLICE("mobile"), DT_SLICE("+8613800138000")},
        {DT_SLICE("email"), DT_SLICE("zhangsan@example.com")},
    };
    dt_session_t session = {.id = "8letters",
                            .began = NOW,
                            .seen = NOW,
                            .user = DT_SLICE("zhangsan"),
                            .user_id = DT_SLICE("zhangsan"),
                            .union_id = DT_SLICE("AbCdEfGhIjKlMnOpQrStUvWxYz")};
    int dropped;

    session.attributes =
        dt_attributes_pack(call->pool, attributes, 3, DT_SESSION_RECORD_MAX / 2, &dropped);
    return dt_session_save(store, call, &lifetimes, (dt_slice_t){0}, &session, token);
}

static apr_status_t load_often(const dt_store_t *store, const dt_call_t *call, apr_pool_t *request,
                               dt_slice_t token, long loads)
{
    const dt_call_t mine = {request, call->now, call->host, call->scratch};

    for (long i = 0; i < loads; i++) {
        dt_session_t session;
        apr_status_t rv = dt_session_load(store, &mine, token, &session);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (dt_session_age(&session, &lifetimes, mine.now) != DT_AGE_FRESH) {
            return APR_EGENERAL;
        }
        if (i % BATCH == 0) {
            apr_pool_clear(request);
        }
    }
    return APR_SUCCESS;
}

static double nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The best run: what disturbs a run only ever makes it longer. Negative: a load failed. */
static double best_of(const dt_store_t *store, const dt_call_t *call, apr_pool_t *request,
                      dt_slice_t token, long loads, int runs)
{
    double best = -1;

    for (int i = 0; i < runs; i++) {
        double began = nanoseconds(), took;

        if (load_often(store, call, request, token, loads) != APR_SUCCESS) {
            return -1;
        }
        took = (nanoseconds() - began) / (double)loads;
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

static int run(apr_pool_t *pool, long loads, int runs, const char *which)
{
    const dt_slice_t key = DT_SLICE("0123456789abcdef0123456789abcdef");
    const struct {
        const char *name, *says;
        dt_scratch_t *scratch;
    } ways[] = {{"kept", "with a kept cipher context", dt_scratch_create(pool)},
                {"new", "with a new one for each", NULL}};
    dt_call_t call = {pool, NOW, "site.example", NULL};
    dt_keyring_t *keys;
    const dt_store_t *store;
    apr_pool_t *request;
    dt_slice_t token;

    if (dt_keyring_create(pool, &key, 1, DT_SLICE("corp client"), &keys) != APR_SUCCESS ||
        apr_pool_create(&request, pool) != APR_SUCCESS) {
        fputs("session_open: cannot set up\n", stderr);
        return 1;
    }
    store = dt_store_cookie_create(pool, keys);
    if (make_session(store, &call, &token) != APR_SUCCESS) {
        fputs("session_open: cannot make a session\n", stderr);
        return 1;
    }
    printf("session_open: a cookie of %lu bytes (%ld loads, best of %d)\n",
           (unsigned long)token.len, loads, runs);
    for (int i = 0; i < 2; i++) {
        double took;

        if (which && strcmp(which, ways[i].name) != 0) {
            continue;
        }
        call.scratch = ways[i].scratch;
        took = best_of(store, &call, request, token, loads, runs);
        if (took < 0) {
            fputs("session_open: the session does not open\n", stderr);
            return 1;
        }
        printf("%-28s %6.0f ns per load\n", ways[i].says, took);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const long loads = argc > 1 ? (long)apr_atoi64(argv[1]) : 200000;
    const int runs = argc > 2 ? (int)apr_atoi64(argv[2]) : 7;
    const char *which = argc > 3 ? argv[3] : NULL;
    apr_pool_t *pool;
    int status = 1;

    if (loads < 1 || runs < 1 || argc > 4 ||
        (which && strcmp(which, "kept") != 0 && strcmp(which, "new") != 0)) {
        fputs("usage: session_open [loads [runs [kept|new]]]\n", stderr);
        return 2;
    }
    apr_initialize();
    if (apr_pool_create(&pool, NULL) == APR_SUCCESS) {
        status = run(pool, loads, runs, which);
        apr_pool_destroy(pool);
    }
    apr_terminate();
    return status;
}
