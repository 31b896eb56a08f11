/* SPDX-License-Identifier: Apache-2.0 */
/* Time that passes only while somebody sleeps: how busy the machine is decides about nothing. */
#ifndef DT_UNIT_OWN_TIME_H
#define DT_UNIT_OWN_TIME_H

#include <apr_time.h>

static apr_time_t own_time = APR_INT64_C(1700000000) * APR_USEC_PER_SEC;

apr_time_t apr_time_now(void)
{
    return own_time;
}

void apr_sleep(apr_interval_time_t time)
{
    own_time += time;
}

#endif
