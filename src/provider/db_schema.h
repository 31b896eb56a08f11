/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of this module, brought to its version step by step. */
#ifndef DT_PROVIDER_DB_SCHEMA_H
#define DT_PROVIDER_DB_SCHEMA_H

#include "provider/db.h"

#define DT_SCHEMA_VERSION 2

/**
 * Bring the tables to DT_SCHEMA_VERSION, unless they are there or newer. Whoever else does the same
 * at the same time, in another process or on another node, waits and then has nothing to do.
 * Nothing that is there is ever dropped or changed. When nothing is to be done, it costs two
 * statements.
 */
apr_status_t dt_schema(dt_conn_t *conn, const dt_call_t *call);

#endif
