/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations in SQL: how nodes that share a database tell each other whose sessions are dead. */
#ifndef DT_PROVIDER_REVOCATIONS_DBD_H
#define DT_PROVIDER_REVOCATIONS_DBD_H

#include "core/ports.h"
#include "provider/db.h"

/** What dt_memory_t says of the functions of these names. */
apr_status_t dt_revocations_add(dt_db_t *db, const dt_call_t *call, const char *subject,
                                apr_time_t not_before, apr_time_t expires_at);
apr_status_t dt_revocations_read(dt_db_t *db, const dt_call_t *call, apr_int64_t after,
                                 dt_revocation_take_t *take, void *baton, apr_int64_t *last);
apr_status_t dt_revocations_forget(dt_db_t *db, const dt_call_t *call);

#endif
