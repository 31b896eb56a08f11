/* SPDX-License-Identifier: Apache-2.0 */
/* Events in SQL: an inbox that outlives whoever works on it. */
#ifndef DT_PROVIDER_EVENTS_DBD_H
#define DT_PROVIDER_EVENTS_DBD_H

#include "provider/memory_dbd.h"

/** What dt_memory_t says of the functions of these names. */
apr_status_t dt_events_add(void *self, const dt_call_t *call, const dt_arrival_t *event,
                           apr_time_t expires_at, bool *first);
apr_status_t dt_events_take(void *self, const dt_call_t *call, const char *corp_id,
                            apr_time_t until, dt_arrival_t *event);
apr_status_t dt_events_finish(void *self, const dt_call_t *call, const dt_arrival_t *event);

/** Delete some keys that have expired. */
apr_status_t dt_events_forget(void *self, const dt_call_t *call);

#endif
