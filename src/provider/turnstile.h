/* SPDX-License-Identifier: Apache-2.0 */
/* The turnstile: so many at a time may wait for other sides, so that the rest can serve. */
#ifndef DT_PROVIDER_TURNSTILE_H
#define DT_PROVIDER_TURNSTILE_H

#include "core/dt.h"

#include <apr_time.h>

/**
 * It lies in memory of a process, or in memory that processes share, and needs no lock: one that
 * dies inside keeps its place no longer than anybody may. Any thread, any process.
 */
typedef struct dt_turnstile_t dt_turnstile_t;

typedef struct dt_turnstile_limits_t {
    int places;                   /* inside; one or more */
    int seats;                    /* who may wait while those inside take their time */
    apr_interval_time_t patience; /* how long who comes waits for a place */
    apr_interval_time_t slow;     /* inside: they take their time */
    apr_interval_time_t stuck;    /* nobody has come in or gone out for so long: nobody waits */
    apr_interval_time_t longest;  /* inside: whoever has been there for longer is dead */
} dt_turnstile_limits_t;

/** Bytes of one with so many places and seats. */
apr_size_t dt_turnstile_size(const dt_turnstile_limits_t *limits);

/** Make one in memory of that size, which is zeroed. */
dt_turnstile_t *dt_turnstile_create(void *memory, const dt_turnstile_limits_t *limits);

/**
 * Go in, if need be when a place has become free. A thread that waits serves nobody. So everybody
 * may wait who comes while those inside are quick, as many as there are seats while they are slow,
 * and nobody while nothing moves.
 * @return false when there is no place in time; else *place is for dt_turnstile_leave
 */
bool dt_turnstile_enter(dt_turnstile_t *turnstile, int *place);

void dt_turnstile_leave(dt_turnstile_t *turnstile, int place);

#endif
