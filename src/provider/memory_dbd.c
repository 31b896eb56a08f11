/* SPDX-License-Identifier: Apache-2.0 */
/* The memory port in SQL: each function is made of statements that are atomic by themselves. */
#include "provider/memory_dbd.h"

#include "provider/db_ask.h"
#include "provider/events_dbd.h"
#include "provider/members_dbd.h"
#include "provider/revocations_dbd.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <string.h>

#define BIND_ROUNDS 3  /* until what was in the way is seen */
#define TIDY_EVERY 100 /* challenges; also after the first of a child */
#define TIDY_AFTER apr_time_from_sec(24 * 3600)
#define SIGNED_IN "signed_in" /* the audit's word that also changes the binding */

enum { TRIGGER_UNKNOWN, TRIGGER_MISSING, TRIGGER_THERE };

/* --- statements; those that differ, one for each kind of database --- */

static const dt_sql_t read_binding = {"dt_binding",
                                      "SELECT uid, COALESCE(user_id, '') FROM dingtalk_binding "
                                      "WHERE corp_id = %s AND union_id = %s"};

static const dt_sql_t insert_binding[DT_DB_KINDS] = DT_INSERT_NEW(
    "dt_bind",
    "INSERT INTO dingtalk_binding (corp_id, union_id, user_id, uid, method, bound_at) "
    "VALUES (%s, %s, %s, %s, %s, %lld)",
    "corp_id");

static const dt_sql_t read_rivals = {"dt_rivals",
                                     "SELECT union_id, uid FROM dingtalk_binding "
                                     "WHERE corp_id = %s AND (union_id = %s OR uid = %s)"};

#define INSERT_AUDIT                                                                               \
    "INSERT INTO dingtalk_audit (at, corp_id, union_id, user_id, uid, address, phone, what, why) " \
    "VALUES (%lld, %s, %s, %s, %s, %s, %s, %s, %s)"

#define UPDATE_SEEN                                                                      \
    "UPDATE dingtalk_binding SET user_id = COALESCE(%s, user_id), last_login_at = %lld " \
    "WHERE corp_id = %s AND union_id = %s"

static const dt_sql_t insert_audit = {"dt_audit", INSERT_AUDIT};
static const dt_sql_t update_seen = {"dt_seen", UPDATE_SEEN};
static const dt_sql_t update_seen_insert_audit = {"dt_seen_audit",
                                                  "WITH seen AS (" UPDATE_SEEN ") " INSERT_AUDIT};

static const dt_sql_t count_triggers = {
    "dt_triggers", "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = "
                   "DATABASE() AND trigger_name = 'dingtalk_signed_in'"};

static const dt_sql_t read_limit = {"dt_limit",
                                    "SELECT value, version FROM dingtalk_limit WHERE subject = %s"};

static const dt_sql_t insert_limit[DT_DB_KINDS] =
    DT_INSERT_NEW("dt_limit_new",
                  "INSERT INTO dingtalk_limit (subject, value, version, expires_at) "
                  "VALUES (%s, %s, 1, %lld)",
                  "subject");

static const dt_sql_t update_limit = {
    "dt_limit_set", "UPDATE dingtalk_limit SET value = %s, version = version + 1, "
                    "expires_at = %lld WHERE subject = %s AND version = %lld"};

static const dt_sql_t insert_challenge[DT_DB_KINDS] =
    DT_INSERT_NEW("dt_challenge_new",
                  "INSERT INTO dingtalk_challenge "
                  "(id, corp_id, union_id, uid, hash, created_at, expires_at) "
                  "VALUES (%s, %s, %s, %s, %s, %lld, %lld)",
                  "id");

static const dt_sql_t count_try = {
    "dt_try", "UPDATE dingtalk_challenge SET tries = tries + 1 "
              "WHERE id = %s AND used_at = 0 AND tries < %d AND expires_at > %lld"};

static const dt_sql_t read_challenge = {
    "dt_challenge", "SELECT id, corp_id, union_id, uid, hash, expires_at, tries "
                    "FROM dingtalk_challenge WHERE id = %s"};

static const dt_sql_t use_up = {
    "dt_use", "UPDATE dingtalk_challenge SET used_at = %lld WHERE id = %s AND used_at = 0"};

static const dt_sql_t forget_challenges[DT_DB_KINDS] =
    DT_DELETE_SOME("dt_challenge_old", "dingtalk_challenge", "id", "expires_at < %lld");

static const dt_sql_t forget_limits[DT_DB_KINDS] =
    DT_DELETE_SOME("dt_limit_old", "dingtalk_limit", "subject", "expires_at < %lld");

/* --- bindings --- */

static bool take_binding(void *baton, const char *const *columns, int count)
{
    dt_binding_t *binding = baton;

    (void)count;
    *binding = (dt_binding_t){.uid = columns[0], .user_id = columns[1] ? columns[1] : ""};
    return false;
}

static apr_status_t binding(void *self, const dt_call_t *call, const char *corp_id,
                            const char *union_id, dt_binding_t *found)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {corp_id, union_id};

    *found = (dt_binding_t){0};
    return dt_db_select(port->db, call, &read_binding, args, take_binding, found);
}

/* Who stands where a binding was to be. */
typedef struct rivals_t {
    const char *union_id;
    const char *uid;
    bool same;   /* this very binding */
    bool person; /* the person is bound to another account */
    bool any;
} rivals_t;

static bool take_rival(void *baton, const char *const *columns, int count)
{
    rivals_t *rivals = baton;
    const bool person = columns[0] && strcmp(columns[0], rivals->union_id) == 0;

    (void)count;
    rivals->any = true;
    if (person && columns[1] && strcmp(columns[1], rivals->uid) == 0) {
        rivals->same = true;
    }
    else if (person) {
        rivals->person = true;
    }
    return true;
}

apr_status_t dt_memory_dbd_bind(dt_conn_t *conn, const dt_call_t *call, dt_db_kind_t kind,
                                const dt_claim_t *claim, int *changed)
{
    const char *const row[] = {claim->corp_id, claim->union_id, claim->user_id,
                               claim->uid,     claim->method,   dt_db_instant(call, call->now)};

    return dt_conn_execute(conn, call, &insert_binding[kind], row, changed);
}

typedef struct attempt_t {
    dt_db_kind_t kind;
    const dt_claim_t *claim;
    int changed;
} attempt_t;

static apr_status_t do_bind(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    attempt_t *attempt = baton;

    return dt_memory_dbd_bind(conn, call, attempt->kind, attempt->claim, &attempt->changed);
}

/* What was in the way of the insert may be gone when it is looked for: then once more. */
static apr_status_t bind_person(void *self, const dt_call_t *call, const dt_claim_t *claim,
                                dt_bound_t *bound)
{
    const dt_memory_dbd_t *port = self;
    const char *const rival[] = {claim->corp_id, claim->union_id, claim->uid};
    attempt_t attempt = {.kind = dt_db_kind(port->db), .claim = claim};

    *bound = DT_BOUND_OTHER;
    for (int i = 0; i < BIND_ROUNDS; i++) {
        rivals_t rivals = {.union_id = claim->union_id, .uid = claim->uid};
        apr_status_t rv = dt_db_run(port->db, call, do_bind, &attempt);

        if (rv == APR_SUCCESS && attempt.changed == 0) {
            rv = dt_db_select(port->db, call, &read_rivals, rival, take_rival, &rivals);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (attempt.changed || rivals.same) {
            *bound = DT_BOUND;
            return APR_SUCCESS;
        }
        if (rivals.any) {
            *bound = rivals.person ? DT_BOUND_OTHER : DT_BOUND_TAKEN;
            return APR_SUCCESS;
        }
    }
    return APR_EGENERAL;
}

/* --- audit --- */

static bool take_count(void *baton, const char *const *columns, int count)
{
    (void)count;
    *(apr_uint32_t *)baton = dt_db_int(columns[0]) > 0 ? TRIGGER_THERE : TRIGGER_MISSING;
    return false;
}

/* Whether MySQL let us make the trigger, asked once. Until it answers, it has none. */
static bool find_trigger(dt_memory_dbd_t *port, const dt_call_t *call)
{
    apr_uint32_t found = apr_atomic_read32(&port->trigger);

    if (found == TRIGGER_UNKNOWN &&
        dt_db_select(port->db, call, &count_triggers, NULL, take_count, &found) == APR_SUCCESS) {
        apr_atomic_set32(&port->trigger, found);
    }
    return found == TRIGGER_THERE;
}

/* One statement where that can be: a trigger does what PostgreSQL is told in one breath. */
static apr_status_t audit(void *self, const dt_call_t *call, const dt_audit_t *entry)
{
    dt_memory_dbd_t *port = self;
    const dt_db_kind_t kind = dt_db_kind(port->db);
    const char *at = dt_db_instant(call, call->now);
    const char *const args[] = {entry->user_id,
                                at,
                                entry->corp_id,
                                entry->union_id,
                                at,
                                entry->corp_id,
                                entry->union_id,
                                entry->user_id,
                                entry->uid,
                                call->address,
                                entry->phone,
                                entry->what,
                                entry->why};
    const char *const *of_audit = &args[4];
    apr_status_t rv = APR_SUCCESS;

    if (strcmp(entry->what, SIGNED_IN) == 0 && kind == DT_DB_PGSQL) {
        return dt_db_execute(port->db, call, &update_seen_insert_audit, args, NULL);
    }
    if (strcmp(entry->what, SIGNED_IN) == 0 && kind == DT_DB_MYSQL && !find_trigger(port, call)) {
        rv = dt_db_execute(port->db, call, &update_seen, args, NULL);
    }
    return rv == APR_SUCCESS ? dt_db_execute(port->db, call, &insert_audit, of_audit, NULL) : rv;
}

/* --- limits --- */

typedef struct limit_t {
    const char *value;
    apr_int64_t version;
} limit_t;

static bool take_limit(void *baton, const char *const *columns, int count)
{
    limit_t *limit = baton;

    (void)count;
    *limit = (limit_t){columns[0] ? columns[0] : "", dt_db_int(columns[1])};
    return false;
}

static apr_status_t load_limit(void *self, const dt_call_t *call, const char *subject,
                               const char **value, apr_int64_t *version)
{
    const dt_memory_dbd_t *port = self;
    limit_t limit = {"", 0};
    const apr_status_t rv = dt_db_select(port->db, call, &read_limit, &subject, take_limit, &limit);

    *value = limit.value;
    *version = limit.version;
    return rv;
}

static apr_status_t store_limit(void *self, const dt_call_t *call, const char *subject,
                                const char *value, apr_int64_t version, apr_time_t expires_at)
{
    const dt_memory_dbd_t *port = self;
    const char *end = dt_db_instant(call, expires_at);
    const char *const first[] = {subject, value, end};
    const char *const next[] = {value, end, subject, dt_db_number(call, version)};
    int changed = 0;
    const apr_status_t rv =
        version == 0
            ? dt_db_execute(port->db, call, &insert_limit[dt_db_kind(port->db)], first, &changed)
            : dt_db_execute(port->db, call, &update_limit, next, &changed);

    return rv == APR_SUCCESS && changed == 0 ? APR_EAGAIN : rv;
}

/* --- challenges --- */

/* What is left over is not worth a failure: the next one gets it. */
static void tidy(dt_memory_dbd_t *port, const dt_call_t *call)
{
    const dt_db_kind_t kind = dt_db_kind(port->db);
    const char *before = dt_db_instant(call, call->now - TIDY_AFTER);
    const char *const args[] = {before, before};

    if (apr_atomic_inc32(&port->added) % TIDY_EVERY == 0) {
        (void)dt_db_execute(port->db, call, &forget_challenges[kind], args, NULL);
        (void)dt_db_execute(port->db, call, &forget_limits[kind], args, NULL);
    }
}

static apr_status_t add_challenge(void *self, const dt_call_t *call,
                                  const dt_challenge_t *challenge)
{
    dt_memory_dbd_t *port = self;
    const char *const args[] = {challenge->id,
                                challenge->corp_id,
                                challenge->union_id,
                                challenge->uid,
                                challenge->hash,
                                dt_db_instant(call, call->now),
                                dt_db_instant(call, challenge->expires_at)};
    const apr_status_t rv =
        dt_db_execute(port->db, call, &insert_challenge[dt_db_kind(port->db)], args, NULL);

    if (rv == APR_SUCCESS) {
        tidy(port, call);
    }
    return rv;
}

typedef struct kept_t {
    dt_challenge_t challenge; /* id is NULL: there is none */
    apr_int64_t tries;
} kept_t;

/* Only the account may be missing: then no code is right. */
static bool take_challenge(void *baton, const char *const *columns, int count)
{
    kept_t *kept = baton;

    (void)count;
    if (!columns[1] || !columns[2] || !columns[4]) {
        return false;
    }
    kept->challenge = (dt_challenge_t){.id = columns[0],
                                       .corp_id = columns[1],
                                       .union_id = columns[2],
                                       .uid = columns[3],
                                       .hash = columns[4],
                                       .expires_at = dt_db_time(columns[5])};
    kept->tries = dt_db_int(columns[6]);
    return false;
}

/* The update decides, for however many at the same time; what is read after it only tells. */
static apr_status_t try_challenge(void *self, const dt_call_t *call, const char *id, int max,
                                  dt_challenge_t *challenge, int *tries, bool *alive)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {id, apr_itoa(call->pool, max), dt_db_instant(call, call->now)};
    kept_t kept = {0};
    int changed = 0;
    apr_status_t rv;

    *alive = false;
    *tries = 0;
    rv = dt_db_execute(port->db, call, &count_try, args, &changed);
    if (rv != APR_SUCCESS || changed == 0) {
        return rv;
    }
    rv = dt_db_select(port->db, call, &read_challenge, &id, take_challenge, &kept);
    if (rv != APR_SUCCESS || !kept.challenge.id) {
        return rv;
    }
    *alive = true;
    /* This is one of at most max, whatever others have made of their number since. */
    *tries = kept.tries < 1 ? 1 : kept.tries < max ? (int)kept.tries : max;
    if (challenge) {
        *challenge = kept.challenge;
    }
    return APR_SUCCESS;
}

static apr_status_t use_challenge(void *self, const dt_call_t *call, const char *id, bool *first)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {dt_db_instant(call, call->now), id};
    int changed = 0;
    const apr_status_t rv = dt_db_execute(port->db, call, &use_up, args, &changed);

    *first = rv == APR_SUCCESS && changed == 1;
    return rv;
}

/* --- revocations --- */

static apr_status_t add_revocation(void *self, const dt_call_t *call, const char *subject,
                                   apr_time_t not_before, apr_time_t expires_at)
{
    const dt_memory_dbd_t *port = self;

    return dt_revocations_add(port->db, call, subject, not_before, expires_at);
}

static apr_status_t read_revocations(void *self, const dt_call_t *call, apr_int64_t after,
                                     dt_revocation_take_t *take, void *baton, apr_int64_t *last)
{
    const dt_memory_dbd_t *port = self;

    return dt_revocations_read(port->db, call, after, take, baton, last);
}

static apr_status_t forget_revocations(void *self, const dt_call_t *call)
{
    const dt_memory_dbd_t *port = self;

    return dt_revocations_forget(port->db, call);
}

/* --- events, members --- */

static apr_status_t forget_events(void *self, const dt_call_t *call, apr_time_t unread_since)
{
    const apr_status_t rv = dt_events_forget(self, call);

    return rv == APR_SUCCESS ? dt_members_forget(self, call, unread_since) : rv;
}

const dt_memory_t *dt_memory_dbd_create(apr_pool_t *pconf, dt_db_t *db)
{
    dt_memory_dbd_t *port = apr_pcalloc(pconf, sizeof(*port));

    port->db = db;
    port->memory = (dt_memory_t){.plug = {"dbd", port, NULL},
                                 .binding = binding,
                                 .bind = bind_person,
                                 .audit = audit,
                                 .load_limit = load_limit,
                                 .store_limit = store_limit,
                                 .add_challenge = add_challenge,
                                 .try_challenge = try_challenge,
                                 .use_challenge = use_challenge,
                                 .add_revocation = add_revocation,
                                 .read_revocations = read_revocations,
                                 .forget_revocations = forget_revocations,
                                 .add_event = dt_events_add,
                                 .take_event = dt_events_take,
                                 .finish_event = dt_events_finish,
                                 .store_member = dt_members_store,
                                 .load_member = dt_members_load,
                                 .forget_member = dt_members_forget_one,
                                 .want_member = dt_members_want_one,
                                 .want_members = dt_members_want,
                                 .take_member = dt_members_take,
                                 .forget_events = forget_events};
    return &port->memory;
}
