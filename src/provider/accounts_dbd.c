/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute store in SQL: our own table dingtalk_account, or one of the administrator's. */
#include "provider/accounts_dbd.h"

#include "core/match.h"
#include "provider/accounts_sql.h"
#include "provider/memory_dbd.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <jansson.h>
#include <string.h>

#define NAME_MAX_LEN 63

/* What DingTalkCreate may set in our own table; the key is the first. */
static const char *const own_columns[] = {"uid",        "name",  "mobile", "email",
                                          "job_number", "title", NULL};

static const char *const none[] = {NULL};

typedef struct store_t {
    dt_accounts_t accounts;
    dt_db_t *db;
    dt_accounts_sql_t sql;
    int attributes; /* how many */
} store_t;

/* A search and what it has found so far. */
typedef struct search_t {
    const store_t *store;
    const dt_call_t *call;
    dt_sql_t sql;
    const char *args[DT_DB_ARGS];
    dt_wanted_t wanted;
    dt_binding_t *binding; /* of a search for the account that is bound, else NULL */
    dt_account_t *account; /* the first that is the same */
    int rows;
    int same;
} search_t;

/* A statement that sets columns of one row. */
typedef struct change_t {
    dt_sql_t sql;
    const char *columns[DT_DB_ARGS];
    const char *args[DT_DB_ARGS]; /* the columns' values, and at last the key */
    int count;                    /* of columns */
    const char *key;
    int changed; /* rows */
} change_t;

/* --- names --- */

static bool is_word(const char *name, apr_size_t len)
{
    if (len == 0 || len > NAME_MAX_LEN || (name[0] >= '0' && name[0] <= '9')) {
        return false;
    }
    for (apr_size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] >= 0x80 || (!apr_isalnum(name[i]) && name[i] != '_')) {
            return false;
        }
    }
    return true;
}

bool dt_accounts_dbd_is_name(const char *name, bool table)
{
    const char *dot = strchr(name, '.');

    if (table && dot) {
        return is_word(name, (apr_size_t)(dot - name)) && is_word(dot + 1, strlen(dot + 1));
    }
    return is_word(name, strlen(name));
}

static bool is_in(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* --- rows --- */

static bool has_value(const char *text)
{
    return text && *text;
}

static dt_account_t *account_of(const search_t *search, const char *const *columns)
{
    const store_t *store = search->store;
    dt_account_value_t *values =
        apr_pcalloc(search->call->pool, (apr_size_t)(store->attributes + 1) * sizeof(*values));
    dt_account_t *account = apr_palloc(search->call->pool, sizeof(*account));
    int count = 0;

    for (int i = 0; i < store->attributes; i++) {
        const char *value = columns[DT_ACCOUNTS_VALUES + i];

        if (has_value(value)) {
            values[count++] = (dt_account_value_t){store->sql.attributes[i], value};
        }
    }
    *account = (dt_account_t){
        .key = columns[DT_ACCOUNTS_KEY],
        .phone = has_value(columns[DT_ACCOUNTS_PHONE]) ? columns[DT_ACCOUNTS_PHONE] : NULL,
        .values = values,
        .managed = columns[DT_ACCOUNTS_MANAGED] && strcmp(columns[DT_ACCOUNTS_MANAGED], "1") == 0};
    return account;
}

/* Two that are the same are enough to know that there are several. */
static bool judge(search_t *search, const char *const *columns, const char *value)
{
    search->rows++;
    if (dt_wanted_is(&search->wanted, value) && ++search->same == 1) {
        search->account = account_of(search, columns);
    }
    return search->same < 2;
}

static bool on_found(void *baton, const char *const *columns, int count)
{
    return judge(baton, columns, columns[count - 1]);
}

/* The key is the one that is bound, byte for byte, whatever the database joined. Should a person be
 * bound twice, nobody could say which counts. */
static bool on_bound(void *baton, const char *const *columns, int count)
{
    search_t *search = baton;
    const char *before = search->binding->uid;

    (void)count;
    if (before && !(columns[0] && strcmp(columns[0], before) == 0)) {
        search->same = 2;
        return false;
    }
    *search->binding = (dt_binding_t){columns[0], columns[1] ? columns[1] : ""};
    if (!columns[0]) {
        return false;
    }
    dt_wanted(search->call->pool, DT_MATCH_TEXT, columns[0], &search->wanted);
    return judge(search, columns + 2, columns[2 + DT_ACCOUNTS_KEY]);
}

/* --- searching --- */

static apr_status_t select_rows(search_t *search, dt_conn_t *conn, dt_db_row_t *row)
{
    search->rows = 0; /* this may be the second time */
    search->same = 0;
    return dt_conn_select(conn, search->call, &search->sql, search->args, row, search);
}

static apr_status_t do_find(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    (void)call;
    return select_rows(baton, conn, on_found);
}

static apr_status_t do_bound(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    search_t *search = baton;

    (void)call;
    *search->binding = (dt_binding_t){NULL, NULL};
    return select_rows(search, conn, on_bound);
}

/* SQLite keeps any bytes, but who is signed in has a name. jansson knows what is UTF-8. */
static bool is_name(const char *text)
{
    json_t *made = has_value(text) ? json_string(text) : NULL;
    const bool is = made != NULL;

    json_decref(made);
    return is;
}

/* Rows that were not read any more may be the same too. What is the same but has no key is nobody's
 * account, and yet makes another one doubtful. */
static dt_found_t found_by(const search_t *search, dt_account_t *account)
{
    if (search->same > 1 || search->rows >= DT_ACCOUNTS_ROWS) {
        return DT_FOUND_SEVERAL;
    }
    if (search->same == 0 || !is_name(search->account->key)) {
        return DT_FOUND_NONE;
    }
    *account = *search->account;
    return DT_FOUND_ONE;
}

/* Two accounts of one key are none: nobody could say whose is whose. */
static dt_found_t as_read(dt_found_t found)
{
    return found == DT_FOUND_SEVERAL ? DT_FOUND_NONE : found;
}

static char *lower(apr_pool_t *pool, const char *text)
{
    char *copy = apr_pstrdup(pool, text);

    for (char *c = copy; *c; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c - 'A' + 'a');
        }
    }
    return copy;
}

static apr_status_t find(void *self, const dt_call_t *call, const char *attribute, dt_match_t match,
                         const char *value, dt_account_t *account, dt_found_t *found)
{
    const store_t *store = self;
    search_t search = {.store = store, .call = call};
    int count = 1;
    apr_status_t rv;

    *found = DT_FOUND_NONE;
    if (!dt_accounts_dbd_is_name(attribute, false)) {
        return APR_EINVAL;
    }
    if (!dt_wanted(call->pool, match, value, &search.wanted)) {
        return APR_SUCCESS;
    }
    search.args[0] = match == DT_MATCH_EMAIL ? lower(call->pool, value) : value;
    if (match == DT_MATCH_PHONE) {
        count = dt_phone_spellings(call->pool, &search.wanted.phone, search.args);
    }
    search.sql.text = dt_accounts_sql_find(call->pool, &store->sql, attribute, match, count);
    rv = dt_db_run(store->db, call, do_find, &search);
    if (rv == APR_SUCCESS) {
        *found = found_by(&search, account);
    }
    return rv;
}

static apr_status_t read_key(void *self, const dt_call_t *call, const char *key,
                             dt_account_t *account, dt_found_t *found)
{
    const store_t *store = self;
    apr_status_t rv;

    rv = find(self, call, store->sql.key, DT_MATCH_TEXT, key, account, found);
    *found = as_read(*found);
    return rv;
}

static apr_status_t read_bound(void *self, const dt_call_t *call, const char *corp_id,
                               const char *union_id, dt_binding_t *binding, dt_account_t *account,
                               dt_found_t *found)
{
    const store_t *store = self;
    search_t search = {.store = store, .call = call, .binding = binding};
    apr_status_t rv;

    *found = DT_FOUND_NONE;
    search.sql.text = dt_accounts_sql_bound(call->pool, &store->sql);
    search.args[0] = corp_id;
    search.args[1] = union_id;
    rv = dt_db_run(store->db, call, do_bound, &search);
    if (rv == APR_SUCCESS) {
        *found = as_read(found_by(&search, account));
    }
    return rv;
}

/* --- changing --- */

/* What the caller may set: not what else our own table has. */
static bool may_set(const store_t *store, const char *column)
{
    return store->sql.managed ? is_in(own_columns, column) : dt_accounts_dbd_is_name(column, false);
}

/* One argument stays free for the key. */
static bool set(change_t *change, const char *column, const char *text)
{
    if (change->count == DT_DB_ARGS - 1) {
        return false;
    }
    change->columns[change->count] = column;
    change->args[change->count++] = text;
    return true;
}

/* A new row leaves what is empty to the table's own defaults; one that is there has it cleared, and
 * keeps its key. */
static bool set_values(const store_t *store, const dt_account_value_t *values, bool anew,
                       change_t *change)
{
    for (; values->name; values++) {
        const bool is_key = strcmp(values->name, store->sql.key) == 0;
        const char *text = has_value(values->value) ? values->value : NULL;

        if (!may_set(store, values->name)) {
            return false;
        }
        if (is_key) {
            change->key = text;
        }
        if ((anew ? text != NULL : !is_key) && !set(change, values->name, text)) {
            return false;
        }
    }
    return change->key != NULL;
}

static const char *milliseconds(const dt_call_t *call)
{
    return apr_psprintf(call->pool, "%" APR_TIME_T_FMT, apr_time_as_msec(call->now));
}

static apr_status_t do_change(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    change_t *change = baton;

    return dt_conn_execute(conn, call, &change->sql, change->args, &change->changed);
}

/* An account that is to be made, and whose it is. */
typedef struct creation_t {
    change_t account;
    const dt_claim_t *claim;
    dt_db_kind_t kind;
    bool created;
} creation_t;

/* The binding first: there those who want the same wait for each other, before they have locked
 * anything of a table that may not be ours. Done again after a commit whose reply was lost, it
 * finds the person bound. */
static apr_status_t insert_both(creation_t *creation, const dt_call_t *call, dt_conn_t *conn)
{
    int bound = 0;
    apr_status_t rv = dt_memory_dbd_bind(conn, call, creation->kind, creation->claim, &bound);

    if (rv == APR_SUCCESS && bound) {
        rv = do_change(&creation->account, call, conn);
    }
    creation->created = rv == APR_SUCCESS && bound && creation->account.changed;
    return rv;
}

static apr_status_t do_create(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    creation_t *creation = baton;
    apr_status_t rv = dt_conn_begin(conn, call);

    if (rv == APR_SUCCESS) {
        rv = insert_both(creation, call, conn);
    }
    if (rv == APR_SUCCESS && creation->created) {
        return dt_conn_commit(conn, call);
    }
    dt_conn_abort(conn, call);
    return rv;
}

static apr_status_t create(void *self, const dt_call_t *call, const dt_account_value_t *values,
                           const dt_claim_t *claim, bool *created)
{
    const store_t *store = self;
    const char *now = milliseconds(call);
    creation_t creation = {.claim = claim, .kind = store->sql.kind};
    change_t *account = &creation.account;
    apr_status_t rv;

    *created = false;
    if (!set_values(store, values, true, account) || strcmp(account->key, claim->uid) != 0) {
        return APR_EINVAL;
    }
    if (store->sql.managed &&
        !(set(account, store->sql.managed, "1") && set(account, "created_at", now) &&
          set(account, "updated_at", now))) {
        return APR_EINVAL;
    }
    account->sql.text =
        dt_accounts_sql_create(call->pool, &store->sql, account->columns, account->count);
    account->args[account->count] = account->key;
    rv = dt_db_run(store->db, call, do_create, &creation);
    *created = rv == APR_SUCCESS && creation.created;
    return rv;
}

static apr_status_t refresh(void *self, const dt_call_t *call, const dt_account_value_t *values)
{
    const store_t *store = self;
    change_t change = {.count = 0};

    if (!set_values(store, values, false, &change) ||
        !set(&change, "updated_at", milliseconds(call))) {
        return APR_EINVAL;
    }
    change.sql.text =
        dt_accounts_sql_refresh(call->pool, &store->sql, change.columns, change.count);
    change.args[change.count] = change.key;
    return dt_db_run(store->db, call, do_change, &change);
}

/* --- making --- */

/* Those that are always read and those that are wanted; NULL when one is no name. */
static const char *const *attributes_of(apr_pool_t *pconf, const char *const *always,
                                        const char *const *wanted, int *count)
{
    apr_array_header_t *all = apr_array_make(pconf, 16, sizeof(const char *));

    for (const char *const *name = always; *name; name++) {
        APR_ARRAY_PUSH(all, const char *) = *name;
    }
    for (const char *const *name = wanted; name && *name; name++) {
        if (!dt_accounts_dbd_is_name(*name, false)) {
            return NULL;
        }
        if (!is_in(always, *name)) {
            APR_ARRAY_PUSH(all, const char *) = apr_pstrdup(pconf, *name);
        }
    }
    *count = all->nelts;
    APR_ARRAY_PUSH(all, const char *) = NULL;
    return (const char *const *)all->elts;
}

static dt_accounts_sql_t own_table(apr_pool_t *pconf, const dt_accounts_dbd_config_t *config)
{
    const char *filter = "dingtalk_account.status = 'active'";

    if (config->filter) {
        filter = apr_pstrcat(pconf, filter, " AND (", config->filter, "\n)", NULL);
    }
    return (dt_accounts_sql_t){.table = "dingtalk_account",
                               .key = own_columns[0],
                               .managed = "managed",
                               .filter = filter};
}

static dt_accounts_sql_t other_table(apr_pool_t *pconf, const dt_accounts_dbd_config_t *config)
{
    return (dt_accounts_sql_t){.table = apr_pstrdup(pconf, config->table),
                               .key = apr_pstrdup(pconf, config->key),
                               .filter = apr_pstrdup(pconf, config->filter)};
}

const dt_accounts_t *dt_accounts_dbd_create(apr_pool_t *pconf, dt_db_t *db,
                                            const dt_accounts_dbd_config_t *config)
{
    const bool own = config->table == NULL;
    store_t *store;

    if (!dt_accounts_dbd_is_name(config->phone, false) ||
        (!own && !(dt_accounts_dbd_is_name(config->table, true) &&
                   dt_accounts_dbd_is_name(config->key, false)))) {
        return NULL;
    }
    store = apr_pcalloc(pconf, sizeof(*store));
    store->db = db;
    store->sql = own ? own_table(pconf, config) : other_table(pconf, config);
    store->sql.kind = dt_db_kind(db);
    store->sql.phone = apr_pstrdup(pconf, config->phone);
    store->sql.attributes =
        attributes_of(pconf, own ? own_columns : none, config->attributes, &store->attributes);
    if (!store->sql.attributes) {
        return NULL;
    }
    store->accounts = (dt_accounts_t){.plug = {.name = "dbd", .self = store},
                                      .find = find,
                                      .read = read_key,
                                      .read_bound = read_bound,
                                      .create = create,
                                      .refresh = own ? refresh : NULL};
    return &store->accounts;
}
