/* SPDX-License-Identifier: Apache-2.0 */
/* The turnstile: so many at a time may wait for other sides, so that the rest can serve. */
#include "provider/turnstile.h"

#include <apr_atomic.h>

#define NAP apr_time_from_msec(10)

/* Instants are real time, whatever the time of a call, in milliseconds modulo 2^32. A difference is
 * right across the overflow. */
struct dt_turnstile_t {
    apr_uint32_t moved;  /* when somebody last went in or out */
    apr_uint32_t stayed; /* how long the last one who went out was inside */
    apr_uint32_t patience;
    apr_uint32_t slow;
    apr_uint32_t stuck;
    apr_uint32_t longest;
    int places;
    int seats;
    apr_uint32_t taken[]; /* places, then seats: since when, 0: not */
};

apr_size_t dt_turnstile_size(const dt_turnstile_limits_t *limits)
{
    return sizeof(dt_turnstile_t) +
           (apr_size_t)(limits->places + limits->seats) * sizeof(apr_uint32_t);
}

static apr_uint32_t milliseconds(apr_time_t time)
{
    return (apr_uint32_t)apr_time_as_msec(time);
}

dt_turnstile_t *dt_turnstile_create(void *memory, const dt_turnstile_limits_t *limits)
{
    dt_turnstile_t *turnstile = memory;

    turnstile->patience = milliseconds(limits->patience);
    turnstile->slow = milliseconds(limits->slow);
    turnstile->stuck = milliseconds(limits->stuck);
    turnstile->longest = milliseconds(limits->longest);
    turnstile->places = limits->places;
    turnstile->seats = limits->seats;
    return turnstile;
}

/* --- places and seats --- */

/* One of count from first on, or -1. */
static int take(dt_turnstile_t *turnstile, int first, int count)
{
    const apr_uint32_t now = milliseconds(apr_time_now()) | 1;

    for (int i = first; i < first + count; i++) {
        const apr_uint32_t since = apr_atomic_read32(&turnstile->taken[i]);

        if ((since == 0 || now - since > turnstile->longest) &&
            apr_atomic_cas32(&turnstile->taken[i], now, since) == since) {
            return i;
        }
    }
    return -1;
}

static void give_back(dt_turnstile_t *turnstile, int taken)
{
    if (taken >= 0) {
        apr_atomic_set32(&turnstile->taken[taken], 0);
    }
}

static void move(dt_turnstile_t *turnstile)
{
    apr_atomic_set32(&turnstile->moved, milliseconds(apr_time_now()));
}

static int take_place(dt_turnstile_t *turnstile)
{
    const int place = take(turnstile, 0, turnstile->places);

    if (place >= 0) {
        move(turnstile);
    }
    return place;
}

/* --- waiting --- */

static bool is_stuck(dt_turnstile_t *turnstile)
{
    const apr_uint32_t now = milliseconds(apr_time_now());

    return now - apr_atomic_read32(&turnstile->moved) >= turnstile->stuck;
}

static bool is_slow(dt_turnstile_t *turnstile)
{
    return apr_atomic_read32(&turnstile->stayed) >= turnstile->slow;
}

static int await_place(dt_turnstile_t *turnstile)
{
    const apr_uint32_t began = milliseconds(apr_time_now());
    const int seat = take(turnstile, turnstile->places, turnstile->seats);
    int place = -1;

    if (seat < 0 && is_slow(turnstile)) {
        return -1;
    }
    while (place < 0 && !is_stuck(turnstile) &&
           milliseconds(apr_time_now()) - began < turnstile->patience) {
        apr_sleep(NAP);
        place = take_place(turnstile);
    }
    give_back(turnstile, seat);
    return place;
}

bool dt_turnstile_enter(dt_turnstile_t *turnstile, int *place)
{
    *place = take_place(turnstile);
    if (*place < 0) {
        *place = await_place(turnstile);
    }
    return *place >= 0;
}

void dt_turnstile_leave(dt_turnstile_t *turnstile, int place)
{
    const apr_uint32_t since = apr_atomic_read32(&turnstile->taken[place]);

    apr_atomic_set32(&turnstile->stayed, milliseconds(apr_time_now()) - since);
    give_back(turnstile, place);
    move(turnstile);
}
