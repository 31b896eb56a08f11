/* SPDX-License-Identifier: Apache-2.0 */
/* Restraint: when a call to another side had better not be made, or not yet. */
#include "provider/restraint.h"

#include "provider/curl.h"

#include <apr_atomic.h>

/* Instants are real time, whatever the time of a call, in milliseconds modulo 2^32. A difference is
 * right across the overflow; a clock set back ends a pause. */
struct dt_restraint_t {
    apr_uint32_t failures; /* in a row */
    apr_uint32_t quiet;    /* when the pause began */
    apr_uint32_t moved;    /* when a call last began or ended */
    apr_uint32_t bearable;
    apr_uint32_t patience;
};

apr_size_t dt_restraint_size(void)
{
    return sizeof(dt_restraint_t);
}

dt_restraint_t *dt_restraint_create(void *memory, int bearable, apr_interval_time_t patience)
{
    dt_restraint_t *restraint = memory;

    restraint->bearable = (apr_uint32_t)bearable;
    restraint->patience = (apr_uint32_t)apr_time_as_msec(patience);
    return restraint;
}

static apr_uint32_t milliseconds_now(void)
{
    return (apr_uint32_t)apr_time_as_msec(apr_time_now());
}

/* Of those who come after a pause, the one who begins the next pause may call. */
bool dt_restraint_may_call(dt_restraint_t *restraint)
{
    apr_uint32_t quiet;
    apr_uint32_t now;

    if (apr_atomic_read32(&restraint->failures) < restraint->bearable) {
        return true;
    }
    quiet = apr_atomic_read32(&restraint->quiet);
    now = milliseconds_now();
    return now - quiet >= (apr_uint32_t)apr_time_as_msec(DT_CURL_PAUSE) &&
           apr_atomic_cas32(&restraint->quiet, now, quiet) == quiet;
}

void dt_restraint_answered(dt_restraint_t *restraint)
{
    apr_atomic_set32(&restraint->failures, 0);
}

/* First the pause: who sees the last failure counted must not see the pause before. */
void dt_restraint_silent(dt_restraint_t *restraint)
{
    apr_atomic_set32(&restraint->quiet, milliseconds_now());
    apr_atomic_inc32(&restraint->failures);
}

bool dt_restraint_is_stuck(const dt_restraint_t *restraint)
{
    const apr_uint32_t moved = apr_atomic_read32((volatile apr_uint32_t *)&restraint->moved);

    return milliseconds_now() - moved >= restraint->patience;
}

void dt_restraint_moved(dt_restraint_t *restraint)
{
    apr_atomic_set32(&restraint->moved, milliseconds_now());
}
