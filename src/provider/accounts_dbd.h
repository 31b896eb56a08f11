/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute store in SQL: our own table dingtalk_account, or one of the administrator's. */
#ifndef DT_PROVIDER_ACCOUNTS_DBD_H
#define DT_PROVIDER_ACCOUNTS_DBD_H

#include "core/ports.h"
#include "provider/db.h"

/** A table as configured. Copied. */
typedef struct dt_accounts_dbd_config_t {
    const char *table;             /* NULL: our own, which has status and managed */
    const char *key;               /* column; NULL with our own */
    const char *filter;            /* DingTalkAccountsFilter: SQL of the administrator's, or NULL */
    const char *phone;             /* column */
    const char *const *attributes; /* columns to read into values, up to NULL */
} dt_accounts_dbd_config_t;

/**
 * True when name can be a table or column: letters, digits and "_", not beginning with a digit, at
 * most 63; a table may have a schema before a dot. Such a name is put into statements quoted so
 * that it is never anything else.
 */
bool dt_accounts_dbd_is_name(const char *name, bool table);

/**
 * Make it while the configuration is read. Its statements share db's connections. DT_MATCH_EMAIL
 * reads the whole table, unless there is an index on LOWER(column); so does a search by a column
 * that is no text in PostgreSQL, unless there is one on CAST(column AS text). An account is made in
 * one transaction with its binding, for which db has dingtalk_binding; a table of MySQL that knows
 * no transactions may keep one that nobody was bound to.
 * @return NULL when the configuration has a name that is none
 */
const dt_accounts_t *dt_accounts_dbd_create(apr_pool_t *pconf, dt_db_t *db,
                                            const dt_accounts_dbd_config_t *config);

#endif
