/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a database: opened when it is needed, closed when anything failed on it. */
#ifndef DT_PROVIDER_DB_CONN_H
#define DT_PROVIDER_DB_CONN_H

#include "provider/db.h"
#include "provider/db_link.h"

#define DT_CONN_PATIENCE apr_time_from_sec(6)            /* with one statement */
#define DT_CONN_PATIENCE_MIGRATING apr_time_from_sec(60) /* where tables are changed */

/* Only for db.c, db_conn.c and db_schema.c. */
struct dt_conn_t {
    dt_db_kind_t kind;
    const apr_dbd_driver_t *driver;
    const char *params; /* dt_conn_params */
    apr_pool_t *home;   /* of this struct */
    dt_left_t *left;    /* dt_link_create */
    dt_link_t *link;    /* NULL: closed */
    apr_interval_time_t patience;
    apr_uint32_t age; /* db.c's */
    bool in_transaction;
    bool once;           /* it must not be kept: it was opened where nothing may be written */
    bool hung;           /* it did not answer for as long as any answer may take; it is closed */
    bool failed;         /* something did, since this was last set to false */
    const char *trouble; /* what, as dt_db_trouble tells it; from the pool of the call */
};

/** The parameters to open with: those given, and around them what this module needs. From pool. */
const char *dt_conn_params(apr_pool_t *pool, dt_db_kind_t kind, const char *params);

/** A closed connection, which lives as long as home. The others must live longer. */
dt_conn_t *dt_conn_create(apr_pool_t *home, dt_db_kind_t kind, const apr_dbd_driver_t *driver,
                          const char *params, dt_left_t *left);

/** Connect. Takes up to three seconds when nobody answers: PostgreSQL two, or what is configured,
 * up to ten. */
apr_status_t dt_conn_open(dt_conn_t *conn, const dt_call_t *call);

/** Disconnect; what is not committed is undone. Harmless when closed. */
void dt_conn_close(dt_conn_t *conn);

/**
 * Execute a statement without arguments, as it is: also those that cannot be prepared.
 * @param value the first column of the first row, in call->pool, NULL for none; may be NULL
 */
apr_status_t dt_conn_command(dt_conn_t *conn, const dt_call_t *call, const char *text,
                             const char **value);

#endif
