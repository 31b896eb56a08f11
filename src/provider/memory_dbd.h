/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port in SQL: what this module remembers on all nodes. */
#ifndef DT_PROVIDER_MEMORY_DBD_H
#define DT_PROVIDER_MEMORY_DBD_H

#include "core/ports.h"
#include "provider/db.h"

/** What self is; only for the files that this port is made of. */
typedef struct dt_memory_dbd_t {
    dt_memory_t memory;
    dt_db_t *db;
    apr_uint32_t added;   /* challenges */
    apr_uint32_t trigger; /* MySQL's that notes a sign-in */
} dt_memory_dbd_t;

/** Make it while the configuration is read; db is started and made ready by others. */
const dt_memory_t *dt_memory_dbd_create(apr_pool_t *pconf, dt_db_t *db);

/**
 * One statement that binds, for a transaction of somebody else's.
 * @param changed 1; 0 when the person or the account is bound already, even to each other
 */
apr_status_t dt_memory_dbd_bind(dt_conn_t *conn, const dt_call_t *call, dt_db_kind_t kind,
                                const dt_claim_t *claim, int *changed);

#endif
