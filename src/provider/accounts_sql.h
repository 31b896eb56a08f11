/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of the statements on a table of accounts, in the words of each database. */
#ifndef DT_PROVIDER_ACCOUNTS_SQL_H
#define DT_PROVIDER_ACCOUNTS_SQL_H

#include "core/ports.h"
#include "provider/db.h"

#define DT_ACCOUNTS_ROWS 50 /* a search reads no more than that */

/** Columns of every row that is selected; those of dt_accounts_sql_t.attributes follow. */
enum { DT_ACCOUNTS_KEY, DT_ACCOUNTS_MANAGED, DT_ACCOUNTS_PHONE, DT_ACCOUNTS_VALUES };

/** A table as statements need it. Names are checked: dt_accounts_dbd_is_name. */
typedef struct dt_accounts_sql_t {
    dt_db_kind_t kind;
    const char *table;
    const char *key;
    const char *phone;
    const char *managed;           /* column, or NULL: nothing in this table is managed */
    const char *const *attributes; /* up to NULL */
    const char *filter;            /* SQL, or NULL */
} dt_accounts_sql_t;

/**
 * The account whose column is the argument: for DT_MATCH_PHONE one of count arguments, for
 * DT_MATCH_EMAIL an argument in lower case. What comes back must be compared again, because a
 * database may ignore case and trailing spaces. The column is the last one of each row.
 */
const char *dt_accounts_sql_find(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column,
                                 dt_match_t match, int count);

/**
 * The binding of a corp and a union id (the arguments) with its account: uid and user_id of the
 * binding stand before the columns of the account, which are NULL when it is not there.
 */
const char *dt_accounts_sql_bound(apr_pool_t *pool, const dt_accounts_sql_t *sql);

/**
 * A new row, unless the table has the key or something else that must be unique. Arguments: the
 * columns' values, then the key once more.
 */
const char *dt_accounts_sql_create(apr_pool_t *pool, const dt_accounts_sql_t *sql,
                                   const char *const *columns, int count);

/** New values for a managed row. Arguments: the columns' values, then the key. */
const char *dt_accounts_sql_refresh(apr_pool_t *pool, const dt_accounts_sql_t *sql,
                                    const char *const *columns, int count);

#endif
