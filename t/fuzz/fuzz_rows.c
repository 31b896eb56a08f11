/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as a database may return them, should somebody else have written there or made the tables.
 * The first byte says what is asked for (ask; x, y and z search for a text, an address, a phone),
 * the second which database it is; then come, with NULs between them, the columns of the answers.
 * A column that is \x01 is SQL's NULL, \x02 ends an answer, \x03 is an error; of a statement that
 * changes something it is how many rows. Of a search the first of them is what is wanted. */
#include "core/match.h"
#include "provider/accounts_dbd.h"
#include "provider/accounts_sql.h"
#include "provider/db_conn.h"
#include "provider/db_schema.h"
#include "provider/memory_dbd.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOW apr_time_from_sec(1700000000)
#define CORP "dingcorp0001"
#define PERSON "union1"
#define ACCOUNT "zhangsan"
#define ID "0123456789abcdef0123456789abcdef"
#define TRIES 5
#define ROWS_MAX 600                              /* of an answer */
#define ATTEMPTS 3                                /* at work that fails */
#define FIND_COLUMNS (DT_ACCOUNTS_VALUES + 7 + 1) /* six of our own, mail, what is searched in */

#define SQL_NULL "\x01"
#define NO_MORE "\x02"
#define ERROR "\x03"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Reads every byte, so that a sanitizer sees a text that is gone. */
static bool is_text(const char *text)
{
    return text && strlen(text) != (size_t)-1;
}

/* --- a database: instead of db.c and db_link.c --- */

struct dt_link_t {
    const char *cells; /* what is still to be answered, up to end */
    const char *end;
    char **values; /* of the last answer, and each on its own: gone with it */
    int count;
    int rows; /* of the last answer */
    int answers;
    int changed;     /* by all statements together */
    bool is_changed; /* tables are */
};

struct dt_db_t {
    dt_db_kind_t kind;
    dt_conn_t *conn;
};

/* The next column; NO_MORE when there is none. */
static const char *next_cell(dt_link_t *link)
{
    const char *cell = link->cells;

    if (cell >= link->end) {
        return NO_MORE;
    }
    link->cells += strlen(cell) + 1;
    return cell;
}

/* Of a statement's text, which has the columns from SELECT to FROM. */
static int columns_of(const char *text)
{
    int columns = 1;
    int depth = 0;

    if (strncmp(text, "SELECT ", 7) != 0) {
        return 0;
    }
    for (; *text && (depth > 0 || strncmp(text, " FROM ", 6) != 0); text++) {
        depth += (*text == '(') - (*text == ')');
        columns += depth == 0 && *text == ',';
    }
    return columns;
}

void dt_link_forget(dt_link_t *link)
{
    for (int i = 0; i < link->count; i++) {
        free(link->values[i]);
    }
    free((void *)link->values);
    link->values = NULL;
    link->count = 0;
}

static void answer_rows(dt_link_t *link, int columns, dt_link_answer_t *answer)
{
    const char *cell = NULL;

    link->values = (char **)calloc((size_t)columns * ROWS_MAX, sizeof(*link->values));
    must(link->values != NULL);
    while (link->count < columns * ROWS_MAX) {
        cell = next_cell(link);
        if (strcmp(cell, NO_MORE) == 0 || strcmp(cell, ERROR) == 0) {
            break;
        }
        link->values[link->count++] = strcmp(cell, SQL_NULL) == 0 ? NULL : strdup(cell);
    }
    answer->columns = columns;
    answer->rows = link->count / columns;
    answer->values = (const char **)link->values;
    answer->error = cell && strcmp(cell, ERROR) == 0 ? "no" : NULL;
    link->rows = answer->rows;
    link->answers++;
}

apr_status_t dt_link_ask(dt_link_t *link, const dt_link_order_t *order, dt_link_answer_t *answer)
{
    const int columns = columns_of(order->text);

    dt_link_forget(link);
    *answer = (dt_link_answer_t){.error = NULL};
    if (order->verb == DT_LINK_EXECUTE) {
        const char *cell = next_cell(link);

        answer->error = strcmp(cell, ERROR) == 0 ? "no" : NULL;
        answer->changed = *cell == '1';
        link->changed += answer->changed;
    }
    else if (columns > 0) {
        answer_rows(link, columns, answer);
    }
    else {
        link->is_changed = link->is_changed || strncmp(order->text, "CREATE ", 7) == 0 ||
                           strncmp(order->text, "DELETE ", 7) == 0 ||
                           strncmp(order->text, "INSERT ", 7) == 0;
    }
    return answer->error ? APR_EGENERAL : APR_SUCCESS;
}

int dt_link_args(const char *text)
{
    int count = 0;

    for (; (text = strchr(text, '%')) != NULL; text += 2) {
        count += text[1] != '%';
    }
    return count;
}

apr_status_t dt_link_create(dt_db_kind_t kind, const apr_dbd_driver_t *driver, dt_left_t *left,
                            dt_link_t **link)
{
    abort();
}

void dt_link_close(dt_link_t *link)
{
    abort();
}

dt_db_kind_t dt_db_kind(const dt_db_t *db)
{
    return db->kind;
}

apr_status_t dt_db_run(dt_db_t *db, const dt_call_t *call, dt_db_work_t *work, void *baton)
{
    apr_status_t rv = APR_EGENERAL;

    db->conn->failed = true;
    for (int i = 0; db->conn->failed && i < ATTEMPTS; i++) {
        db->conn->failed = false;
        rv = work(baton, call, db->conn);
        dt_conn_abort(db->conn, call);
    }
    return db->conn->failed && rv == APR_SUCCESS ? APR_EGENERAL : rv;
}

/* --- what is remembered --- */

static void check_binding(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    dt_binding_t binding;

    if (memory->binding(memory->plug.self, call, CORP, PERSON, &binding) == APR_SUCCESS) {
        must(link->rows > 0 || !binding.uid);
        must(!binding.uid || (is_text(binding.uid) && is_text(binding.user_id)));
    }
}

static void check_bind(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    const dt_claim_t claim = {CORP, PERSON, "user1", ACCOUNT, "code"};
    dt_bound_t bound;

    if (memory->bind(memory->plug.self, call, &claim, &bound) == APR_SUCCESS) {
        /* Nobody is bound of whom the database does not say so. */
        must(bound != DT_BOUND || link->changed > 0 || link->rows > 0);
        must(bound == DT_BOUND || (link->changed == 0 && link->rows > 0));
    }
}

static void check_limit(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    const char *value = NULL;
    apr_int64_t version = -1;
    apr_status_t rv;

    rv = memory->load_limit(memory->plug.self, call, "phone:+1", &value, &version);
    if (rv == APR_SUCCESS) {
        must(is_text(value) && (link->rows > 0 || (!*value && version == 0)));
        rv = memory->store_limit(memory->plug.self, call, "phone:+1", "1", version, NOW);
        must(link->changed > 0 ? rv == APR_SUCCESS : rv != APR_SUCCESS);
    }
}

static void check_challenge(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    dt_challenge_t challenge = {NULL};
    int tries = -1;
    bool alive = true;
    const apr_status_t rv =
        memory->try_challenge(memory->plug.self, call, ID, TRIES, &challenge, &tries, &alive);

    must(!alive || (rv == APR_SUCCESS && link->changed > 0 && link->rows > 0));
    must(alive || tries == 0);
    if (alive) {
        must(tries >= 1 && tries <= TRIES);
        must(is_text(challenge.id) && is_text(challenge.hash));
        must(is_text(challenge.corp_id) && is_text(challenge.union_id));
        must(!challenge.uid || is_text(challenge.uid));
        must(apr_time_from_msec(apr_time_as_msec(challenge.expires_at)) == challenge.expires_at);
    }
}

static void take_revocation(void *baton, const char *subject, apr_time_t not_before)
{
    must(is_text(subject));
    must(apr_time_from_msec(apr_time_as_msec(not_before)) == not_before);
    ++*(int *)baton;
}

static void check_revocations(const dt_memory_t *memory, const dt_call_t *call,
                              const dt_link_t *link)
{
    apr_int64_t last = -1;
    int taken = 0;
    const apr_status_t rv =
        memory->read_revocations(memory->plug.self, call, 7, take_revocation, &taken, &last);

    must(last >= 7 && (rv == APR_SUCCESS || last == 7));
    must(taken > 0 || link->rows > 0 || last == 7);
}

static void check_event(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    dt_arrival_t event = {.text = "untouched"};
    const apr_status_t rv =
        memory->take_event(memory->plug.self, call, CORP, NOW + APR_USEC_PER_SEC, &event);

    must(event.corp_id || (!event.key && !event.text));
    if (event.corp_id) {
        must(rv == APR_SUCCESS && link->changed > 0 && strcmp(event.corp_id, CORP) == 0);
        must(is_text(event.key) && is_text(event.text));
    }
}

static void check_member(const dt_memory_t *memory, const dt_call_t *call, const dt_link_t *link)
{
    const char *record = "untouched";
    const char *user_id = "untouched";

    if (memory->load_member(memory->plug.self, call, CORP, "user1", &record) == APR_SUCCESS) {
        must(!record || (link->rows > 0 && is_text(record)));
    }
    memory->take_member(memory->plug.self, call, CORP, NOW + APR_USEC_PER_SEC, &user_id);
    must(!user_id || (link->changed > 0 && is_text(user_id)));
}

static void check_audit(const dt_memory_t *memory, const dt_call_t *call)
{
    const dt_audit_t entry = {.what = "signed_in", .corp_id = CORP, .union_id = PERSON};

    (void)memory->audit(memory->plug.self, call, &entry);
}

/* --- accounts --- */

static const dt_accounts_t *make_accounts(apr_pool_t *pool, dt_db_t *db)
{
    static const char *const names[] = {"mail", "uid", NULL};
    const dt_accounts_dbd_config_t config = {.phone = "mobile", .attributes = names};

    return dt_accounts_dbd_create(pool, db, &config);
}

static void check_account(const dt_account_t *account)
{
    must(is_text(account->key) && *account->key);
    must(!account->phone || *account->phone);
    for (const dt_account_value_t *value = account->values; value->name; value++) {
        must(is_text(value->value) && *value->value);
    }
}

/* How many rows of the next answer are the same, and the key of the last of them; -1: an error. */
static int count_same(dt_link_t *link, const dt_wanted_t *wanted, apr_pool_t *pool,
                      const char **key)
{
    const dt_link_t before = *link;
    dt_link_answer_t answer;
    int same = 0;

    answer_rows(link, FIND_COLUMNS, &answer);
    for (int i = 0; i < answer.rows; i++) {
        const char **row = answer.values + (ptrdiff_t)i * FIND_COLUMNS;

        if (dt_wanted_is(wanted, row[FIND_COLUMNS - 1])) {
            same++;
            *key = apr_pstrdup(pool, row[DT_ACCOUNTS_KEY]);
        }
    }
    dt_link_forget(link);
    *link = before;
    return answer.error ? -1 : same;
}

/* One that is found is the only one that is the same, where all of them were read. */
static void check_find(const dt_accounts_t *accounts, const dt_call_t *call, dt_link_t *link,
                       dt_match_t match)
{
    static const char *const attributes[] = {"uid", "email", "mobile"};
    const char *value = apr_pstrdup(call->pool, next_cell(link));
    const char *key = NULL;
    dt_account_t account = {.key = "untouched"};
    dt_found_t found = DT_FOUND_NONE;
    dt_wanted_t wanted;
    bool can_be = dt_wanted(call->pool, match, value, &wanted);
    int same = can_be ? count_same(link, &wanted, call->pool, &key) : 0;

    if (accounts->find(accounts->plug.self, call, attributes[match], match, value, &account,
                       &found) != APR_SUCCESS) {
        must(same == -1 && strcmp(account.key, "untouched") == 0);
        return;
    }
    must(found == DT_FOUND_ONE || strcmp(account.key, "untouched") == 0);
    if (found == DT_FOUND_ONE) {
        check_account(&account);
    }
    if (same >= 0) {
        must((found == DT_FOUND_SEVERAL) == (same > 1 || link->rows >= DT_ACCOUNTS_ROWS));
        must(found != DT_FOUND_ONE || (same == 1 && strcmp(account.key, key) == 0));
    }
}

static void check_read(const dt_accounts_t *accounts, const dt_call_t *call, dt_link_t *link)
{
    const char *key = apr_pstrdup(call->pool, next_cell(link));
    dt_account_t account = {NULL};
    dt_found_t found = DT_FOUND_SEVERAL;

    if (accounts->read(accounts->plug.self, call, key, &account, &found) == APR_SUCCESS) {
        must(found != DT_FOUND_SEVERAL);
        if (found == DT_FOUND_ONE) {
            check_account(&account);
        }
    }
}

static void check_bound(const dt_accounts_t *accounts, const dt_call_t *call)
{
    dt_binding_t binding = {NULL};
    dt_account_t account = {NULL};
    dt_found_t found = DT_FOUND_SEVERAL;

    if (accounts->read_bound(accounts->plug.self, call, CORP, PERSON, &binding, &account, &found) ==
        APR_SUCCESS) {
        must(found != DT_FOUND_SEVERAL);
        must(binding.uid ? is_text(binding.uid) && is_text(binding.user_id)
                         : found == DT_FOUND_NONE);
        if (found == DT_FOUND_ONE) {
            check_account(&account);
            must(strcmp(account.key, binding.uid) == 0);
        }
    }
}

/* --- the tables --- */

/* What a newer version of this module has made is left alone, however much newer it is. */
static void check_schema(dt_conn_t *conn, const dt_call_t *call, dt_link_t *link)
{
    const dt_link_t before = *link;
    const char *there = next_cell(link);
    const char *end = next_cell(link);
    const char *version = next_cell(link);
    const bool is_newer = strcmp(there, "1") == 0 && strcmp(end, NO_MORE) == 0 &&
                          strcmp(next_cell(link), NO_MORE) == 0 &&
                          strtoll(version, NULL, 10) >= DT_SCHEMA_VERSION;
    apr_status_t rv;

    *link = before;
    rv = dt_schema(conn, call);
    must(!is_newer || !link->is_changed);
    must(rv != APR_SUCCESS || !conn->in_transaction);
    must(conn->patience == DT_CONN_PATIENCE);
}

static void ask(char what, dt_db_t *db, const dt_call_t *call)
{
    const dt_memory_t *memory = dt_memory_dbd_create(call->pool, db);
    const dt_accounts_t *accounts = make_accounts(call->pool, db);
    dt_link_t *link = db->conn->link;

    switch (what) {
    case 'b':
        check_binding(memory, call, link);
        break;
    case 'c':
        check_challenge(memory, call, link);
        break;
    case 'd':
        check_bind(memory, call, link);
        break;
    case 'e':
        check_event(memory, call, link);
        break;
    case 'l':
        check_limit(memory, call, link);
        break;
    case 'm':
        check_member(memory, call, link);
        break;
    case 'r':
        check_revocations(memory, call, link);
        break;
    case 'a':
        check_audit(memory, call);
        break;
    case 'k':
        check_read(accounts, call, link);
        break;
    case 'p':
        check_bound(accounts, call);
        break;
    case 's':
        check_schema(db->conn, call, link);
        break;
    default:
        check_find(accounts, call, link, (dt_match_t)((unsigned char)what % 3));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_call_t call = {.now = NOW, .host = "a.example", .address = "192.0.2.7"};
    dt_link_t link = {NULL};
    dt_db_t db;

    if (size < 2) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    db.kind = (dt_db_kind_t)(data[1] % DT_DB_KINDS);
    db.conn = dt_conn_create(call.pool, db.kind, NULL, "", NULL);
    db.conn->link = &link;
    link.cells = apr_pstrmemdup(call.pool, (const char *)data + 2, size - 2);
    link.end = link.cells + size - 2;
    ask((char)data[0], &db, &call);
    dt_link_forget(&link);
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
