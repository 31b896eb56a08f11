/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of what happened, in memory that all children share. */
#include "httpd/counters.h"

#include "httpd/shared.h"

#include <http_config.h>

#define KEPT "mod_auth_dingtalk counters " DT_VERSION

dth_counters_t *dth_counters_make(server_rec *s)
{
    dth_counters_t **kept = ap_retained_data_get(KEPT);
    void *memory;

    if (kept == NULL) {
        kept = ap_retained_data_create(KEPT, sizeof(*kept));
    }
    if (*kept == NULL &&
        dth_shared_make(s->process->pool, sizeof(**kept), &memory) == APR_SUCCESS) {
        *kept = memory;
    }
    return *kept;
}

void dth_count_end(dth_counters_t *counters, const dt_way_t *way, const dt_result_t *result)
{
    dth_count(&counters->outcomes[result->why - dt_whys]);
    if (result->what == DT_SIGNED_IN && way->session.len > 0) {
        dth_count(&counters->sessions);
    }
}

void dth_count_code(void *counters, dt_sent_t sent)
{
    dth_counters_t *mine = counters;

    dth_count(sent == DT_SENT ? &mine->codes_sent : &mine->codes_failed);
}

static void note_longest(dth_counter_t *longest, apr_uint64_t took)
{
    apr_uint64_t known = *longest;

    while (took > known && !atomic_compare_exchange_weak(longest, &known, took)) {
        continue;
    }
}

/* dt_meter_t.called; a clock that was set back makes no time. */
static void count_call(void *self, dt_asked_t asked, bool answered, apr_interval_time_t took)
{
    dth_calls_t *calls = &((dth_counters_t *)self)->calls[asked];
    const apr_uint64_t time = took > 0 ? (apr_uint64_t)took : 0;

    dth_count(answered ? &calls->answered : &calls->failed);
    atomic_fetch_add_explicit(&calls->took, time, memory_order_relaxed);
    note_longest(&calls->longest, time);
}

const dt_meter_t *dth_counters_meter(apr_pool_t *pconf, dth_counters_t *counters)
{
    dt_meter_t *meter = apr_palloc(pconf, sizeof(*meter));

    *meter = (dt_meter_t){counters, count_call};
    return meter;
}
