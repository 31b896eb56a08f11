/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of the statements on a table of accounts, in the words of each database. */
#include "provider/accounts_sql.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

/* In MySQL a TEXT column has no length that the driver would reserve: this one fits its buffer. */
#define MYSQL_TEXT "CHAR(2000)"

/* --- names --- */

/*
 * Never double quotes where SQLite reads them: it takes an unknown name in them for a text. In
 * PostgreSQL the name is folded as if it stood there without quotes, but stays a name even where
 * it is a keyword.
 */
static const char *quoted(apr_pool_t *pool, dt_db_kind_t kind, const char *name)
{
    const char *quote = kind == DT_DB_PGSQL ? "\"" : "`";
    char *folded = apr_pstrdup(pool, name);

    for (char *c = folded; kind == DT_DB_PGSQL && *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    return apr_pstrcat(pool, quote, folded, quote, NULL);
}

static const char *table_name(apr_pool_t *pool, const dt_accounts_sql_t *sql)
{
    const char *dot = strchr(sql->table, '.');

    if (!dot) {
        return quoted(pool, sql->kind, sql->table);
    }
    return apr_pstrcat(pool,
                       quoted(pool, sql->kind,
                              apr_pstrmemdup(pool, sql->table, (apr_size_t)(dot - sql->table))),
                       ".", quoted(pool, sql->kind, dot + 1), NULL);
}

/* With its table before it, so that it is never a function or a column of another table. */
static const char *column_name(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column)
{
    return apr_pstrcat(pool, table_name(pool, sql), ".", quoted(pool, sql->kind, column), NULL);
}

/*
 * A column as something to compare with a text. PostgreSQL compares only what is of one type, and
 * refuses a text that can be no value of it; it still uses the index of a column that is a text
 * (but for any other only one on the very expression).
 */
static const char *comparable(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column)
{
    const char *name = column_name(pool, sql, column);

    return sql->kind == DT_DB_PGSQL ? apr_pstrcat(pool, "CAST(", name, " AS text)", NULL) : name;
}

static const char *selectable(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column)
{
    if (sql->kind == DT_DB_MYSQL) {
        return apr_pstrcat(pool, "CAST(", column_name(pool, sql, column), " AS " MYSQL_TEXT ")",
                           NULL);
    }
    return comparable(pool, sql, column);
}

/* What a column is compared with: MySQL refuses to compare texts of different character sets, but
 * any column with bytes. */
static const char *bytes_of(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *text)
{
    return sql->kind == DT_DB_MYSQL ? apr_pstrcat(pool, "CAST(", text, " AS BINARY)", NULL) : text;
}

/* --- parts of statements --- */

static const char *columns_of(apr_pool_t *pool, const dt_accounts_sql_t *sql)
{
    const char *list = apr_pstrcat(pool, selectable(pool, sql, sql->key), ", ",
                                   sql->managed ? column_name(pool, sql, sql->managed) : "0", ", ",
                                   selectable(pool, sql, sql->phone), NULL);

    for (const char *const *attribute = sql->attributes; *attribute; attribute++) {
        list = apr_pstrcat(pool, list, ", ", selectable(pool, sql, *attribute), NULL);
    }
    return list;
}

/* The newline ends a comment. apr_dbd takes a percent sign for an argument: it is doubled. */
static const char *and_filter(apr_pool_t *pool, const dt_accounts_sql_t *sql)
{
    char *doubled;
    char *out;

    if (!sql->filter) {
        return "";
    }
    doubled = apr_palloc(pool, 2 * strlen(sql->filter) + 1);
    out = doubled;
    for (const char *c = sql->filter; *c; c++) {
        *out++ = *c;
        if (*c == '%') {
            *out++ = '%';
        }
    }
    *out = '\0';
    return apr_pstrcat(pool, " AND (", doubled, "\n)", NULL);
}

static const char *limit(apr_pool_t *pool)
{
    return apr_psprintf(pool, " LIMIT %d", DT_ACCOUNTS_ROWS);
}

/* between before each but the first. */
static const char *repeated(apr_pool_t *pool, const char *text, const char *between, int count)
{
    const char *list = text;

    for (int i = 1; i < count; i++) {
        list = apr_pstrcat(pool, list, between, text, NULL);
    }
    return list;
}

static const char *condition(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column,
                             dt_match_t match, int count)
{
    const char *value = comparable(pool, sql, column);

    switch (match) {
    case DT_MATCH_PHONE:
        return apr_pstrcat(pool, value, " IN (", repeated(pool, "%s", ", ", count), ")", NULL);
    case DT_MATCH_EMAIL:
        return apr_pstrcat(pool, "LOWER(", value, ") = ", bytes_of(pool, sql, "%s"), NULL);
    case DT_MATCH_TEXT:
        break;
    }
    return apr_pstrcat(pool, value, " = ", bytes_of(pool, sql, "%s"), NULL);
}

/* --- statements --- */

const char *dt_accounts_sql_find(apr_pool_t *pool, const dt_accounts_sql_t *sql, const char *column,
                                 dt_match_t match, int count)
{
    return apr_pstrcat(pool, "SELECT ", columns_of(pool, sql), ", ", selectable(pool, sql, column),
                       " FROM ", table_name(pool, sql), " WHERE ",
                       condition(pool, sql, column, match, count), and_filter(pool, sql),
                       limit(pool), NULL);
}

/* The binding's columns have names that no table of accounts has, because in the filter the names
 * stand without their table. */
const char *dt_accounts_sql_bound(apr_pool_t *pool, const dt_accounts_sql_t *sql)
{
    return apr_pstrcat(pool, "SELECT dingtalk_uid, dingtalk_user_id, ", columns_of(pool, sql),
                       " FROM (SELECT ", bytes_of(pool, sql, "uid"),
                       " AS dingtalk_uid, user_id AS dingtalk_user_id FROM dingtalk_binding"
                       " WHERE corp_id = %s AND union_id = %s) dingtalk_bound LEFT JOIN ",
                       table_name(pool, sql), " ON ", comparable(pool, sql, sql->key),
                       " = dingtalk_uid", and_filter(pool, sql), limit(pool), NULL);
}

static const char *names_of(apr_pool_t *pool, const dt_accounts_sql_t *sql,
                            const char *const *columns, int count, const char *after)
{
    const char *list = "";

    for (int i = 0; i < count; i++) {
        list = apr_pstrcat(pool, list, i ? ", " : "", quoted(pool, sql->kind, columns[i]), after,
                           NULL);
    }
    return list;
}

/* Not "OR IGNORE" or "IGNORE": they also pass over a value that is missing or too long. */
const char *dt_accounts_sql_create(apr_pool_t *pool, const dt_accounts_sql_t *sql,
                                   const char *const *columns, int count)
{
    const char *table = table_name(pool, sql);
    const char *key = column_name(pool, sql, sql->key);
    const bool mysql = sql->kind == DT_DB_MYSQL;

    return apr_pstrcat(pool, "INSERT INTO ", table, " (", names_of(pool, sql, columns, count, ""),
                       ") SELECT ", repeated(pool, "%s", ", ", count), mysql ? " FROM DUAL" : "",
                       " WHERE NOT EXISTS (SELECT 1 FROM ", table, " WHERE ",
                       comparable(pool, sql, sql->key), " = %s) ON ",
                       mysql ? apr_pstrcat(pool, "DUPLICATE KEY UPDATE ", key, " = ", key, NULL)
                             : "CONFLICT DO NOTHING",
                       NULL);
}

const char *dt_accounts_sql_refresh(apr_pool_t *pool, const dt_accounts_sql_t *sql,
                                    const char *const *columns, int count)
{
    return apr_pstrcat(pool, "UPDATE ", table_name(pool, sql), " SET ",
                       names_of(pool, sql, columns, count, " = %s"), " WHERE ",
                       column_name(pool, sql, sql->key), " = %s AND ",
                       column_name(pool, sql, sql->managed), " = 1", NULL);
}
