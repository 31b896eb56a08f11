/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of what happened, in memory that all children share. */
#ifndef DTH_COUNTERS_H
#define DTH_COUNTERS_H

#include "core/client.h"
#include "core/event.h"
#include "core/login.h"

#include <httpd.h>
#include <stdatomic.h>

typedef _Atomic(apr_uint64_t) dth_counter_t;

/** Calls of one kind to DingTalk. */
typedef struct dth_calls_t {
    dth_counter_t answered; /* what was asked was told, or DingTalk's own "no" */
    dth_counter_t failed;   /* it could not be found out */
    dth_counter_t took;     /* microseconds, of all of them */
    dth_counter_t longest;  /* microseconds */
} dth_calls_t;

/**
 * Since httpd was started; graceful restarts go on counting. Each is read and written on its own,
 * without a lock. Never on the hot path.
 */
typedef struct dth_counters_t {
    dth_counter_t outcomes[DT_WHYS]; /* how sign-ins ended, by reason; "signed_in" among them */
    dth_counter_t sessions;          /* opened */
    dth_counter_t store_failures;    /* requests that the session store could not answer */
    dth_counter_t codes_sent;        /* verification codes that a gateway took */
    dth_counter_t codes_failed;
    dth_counter_t events[DT_EVENT_TYPES]; /* by type, each counted once */
    dth_counter_t events_again;           /* that had been here before, or were too old */
    dth_counter_t events_refused;         /* forged or malformed pushes */
    dth_counter_t rechecks;               /* member records read again */
    dth_counter_t rechecked_out;          /* of these, who may not come in any more */
    dth_calls_t calls[DT_ASKED_CALLS];
} dth_counters_t;

static inline void dth_count(dth_counter_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/**
 * Make the counters, all zero, or take over those of the generation before a graceful restart.
 * post_config only. NULL when there is no shared memory.
 */
dth_counters_t *dth_counters_make(server_rec *s);

/** A sign-in has ended, at the callback or on the bind page. */
void dth_count_end(dth_counters_t *counters, const dt_way_t *way, const dt_result_t *result);

/** What became of a verification code. As dt_courier_on_end wants it. */
void dth_count_code(void *counters, dt_sent_t sent);

/** A meter that counts calls to DingTalk. Lives in pconf. */
const dt_meter_t *dth_counters_meter(apr_pool_t *pconf, dth_counters_t *counters);

#endif
