/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port in SQL: bindings, challenges, limits, audit. */
#ifndef DT_PROVIDER_MEMORY_DBD_H
#define DT_PROVIDER_MEMORY_DBD_H

#include "core/ports.h"
#include "provider/db.h"

/** Make it while the configuration is read; db is started and made ready by others. */
const dt_memory_t *dt_memory_dbd_create(apr_pool_t *pconf, dt_db_t *db);

#endif
