/* SPDX-License-Identifier: Apache-2.0 */
/* Members in SQL: their records as last read, in the order in which they are to be read again. */
#include "provider/members_dbd.h"

#include "core/session.h"
#include "provider/db_ask.h"
#include "provider/db_lease.h"

#include <apr_strings.h>

/* --- statements; those that differ, one for each kind of database --- */

/* A newer record stays, which somebody else has read meanwhile. MySQL goes from left to right, and
 * compares with what it has set already: the time is last. */
#define IF_NEWER(column, type)                                       \
    column " = CASE WHEN dingtalk_member.read_at <= %lld THEN " type \
           " ELSE dingtalk_member." column " END"

/* A wish that came after the member was taken stays. */
static const dt_sql_t store_member[DT_DB_KINDS] =
    DT_INSERT_OR("dt_member_store",
                 "INSERT INTO dingtalk_member (corp_id, user_id, dept_ids, record, read_at) "
                 "VALUES (%s, %s, %s, %s, %lld)",
                 "corp_id, user_id",
                 "due_at = CASE WHEN dingtalk_member.due_at = %lld THEN 0 ELSE "
                 "dingtalk_member.due_at END, " IF_NEWER("dept_ids", "%s") ", " IF_NEWER(
                     "record", "%s") ", " IF_NEWER("read_at", "%lld"));

static const dt_sql_t read_record = {
    "dt_member", "SELECT record FROM dingtalk_member WHERE corp_id = %s AND user_id = %s"};

/* What was read long after now was read by a clock that has been set back, here and below. */
static const dt_sql_t forget_member = {"dt_member_gone", "DELETE FROM dingtalk_member "
                                                         "WHERE corp_id = %s AND user_id = %s "
                                                         "AND (read_at <= %lld OR read_at > %lld)"};

#define WANT_MEMBER "INSERT INTO dingtalk_member (corp_id, user_id, due_at) VALUES (%s, %s, %lld)"

static const dt_sql_t want_member[DT_DB_KINDS] =
    DT_INSERT_OR("dt_member_want", WANT_MEMBER, "corp_id, user_id", "due_at = %lld");

static const dt_sql_t want_unread[DT_DB_KINDS] =
    DT_INSERT_OR("dt_member_since", WANT_MEMBER, "corp_id, user_id",
                 "due_at = CASE WHEN dingtalk_member.due_at = 0 "
                 "AND (dingtalk_member.read_at < %lld OR dingtalk_member.read_at > %lld) "
                 "THEN %lld ELSE dingtalk_member.due_at END");

#define WANT_MEMBERS "UPDATE dingtalk_member SET due_at = %lld WHERE corp_id = %s"

static const dt_sql_t want_all = {"dt_member_all", WANT_MEMBERS};

/* The last argument is ",ID,". */
static const dt_sql_t want_department[DT_DB_KINDS] = {
    {"dt_member_dept", WANT_MEMBERS " AND INSTR(',' || dept_ids || ',', %s) > 0"},
    {"dt_member_dept", WANT_MEMBERS " AND STRPOS(',' || dept_ids || ',', %s) > 0"},
    {"dt_member_dept", WANT_MEMBERS " AND INSTR(CONCAT(',', dept_ids, ','), %s) > 0"}};

static const dt_lease_t lease = DT_LEASE("dt_member", "dingtalk_member", "user_id");

static const dt_sql_t forget_members[DT_DB_KINDS] =
    DT_DELETE_SOME("dt_member_old", "dingtalk_member", "corp_id, user_id",
                   "due_at = 0 AND read_at < %lld");

/* --- records --- */

static bool take_record(void *baton, const char *const *columns, int count)
{
    const char **record = baton;

    (void)count;
    *record = columns[0];
    return false;
}

apr_status_t dt_members_load(void *self, const dt_call_t *call, const char *corp_id,
                             const char *user_id, const char **record)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {corp_id, user_id};

    *record = NULL;
    return dt_db_select(port->db, call, &read_record, args, take_record, (void *)record);
}

apr_status_t dt_members_store(void *self, const dt_call_t *call, const char *corp_id,
                              const char *user_id, const char *dept_ids, const char *record,
                              apr_time_t taken)
{
    const dt_memory_dbd_t *port = self;
    const char *now = dt_db_instant(call, call->now);
    /* Whoever has taken it has the newest, whatever the clocks say. */
    const char *newest = taken != 0 ? dt_db_number(call, APR_INT64_MAX) : now;
    const char *const args[] = {corp_id, user_id,  dept_ids,
                                record,  now,      dt_db_instant(call, taken),
                                newest,  dept_ids, newest,
                                record,  newest,   now};

    return dt_db_execute(port->db, call, &store_member[dt_db_kind(port->db)], args, NULL);
}

static const char *ahead(const dt_call_t *call)
{
    return dt_db_instant(call, call->now + DT_SESSION_AHEAD);
}

apr_status_t dt_members_forget_one(void *self, const dt_call_t *call, const char *corp_id,
                                   const char *user_id, apr_time_t not_before)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {corp_id, user_id, dt_db_instant(call, not_before), ahead(call)};

    return dt_db_execute(port->db, call, &forget_member, args, NULL);
}

apr_status_t dt_members_forget(void *self, const dt_call_t *call, apr_time_t unread_since)
{
    const dt_memory_dbd_t *port = self;
    const char *since = dt_db_instant(call, unread_since);
    const char *const args[] = {since, since};

    return dt_db_execute(port->db, call, &forget_members[dt_db_kind(port->db)], args, NULL);
}

/* --- wishes --- */

apr_status_t dt_members_want_one(void *self, const dt_call_t *call, const char *corp_id,
                                 const char *user_id, apr_time_t since)
{
    const dt_memory_dbd_t *port = self;
    const dt_db_kind_t kind = dt_db_kind(port->db);
    const char *now = dt_db_instant(call, call->now);
    const char *const any[] = {corp_id, user_id, now, now};
    const char *const unread[] = {corp_id,     user_id, now, dt_db_instant(call, since),
                                  ahead(call), now};

    return since == 0 ? dt_db_execute(port->db, call, &want_member[kind], any, NULL)
                      : dt_db_execute(port->db, call, &want_unread[kind], unread, NULL);
}

typedef struct wish_t {
    dt_db_kind_t kind;
    const char *corp_id;
    const char *const *dept_ids;
} wish_t;

static apr_status_t want_departments(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    const wish_t *wish = baton;
    const char *now = dt_db_instant(call, call->now);
    apr_status_t rv = APR_SUCCESS;

    for (const char *const *id = wish->dept_ids; rv == APR_SUCCESS && *id; id++) {
        const char *const args[] = {now, wish->corp_id,
                                    apr_pstrcat(call->pool, ",", *id, ",", NULL)};

        rv = dt_conn_execute(conn, call, &want_department[wish->kind], args, NULL);
    }
    return rv;
}

apr_status_t dt_members_want(void *self, const dt_call_t *call, const char *corp_id,
                             const char *const *dept_ids)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {dt_db_instant(call, call->now), corp_id};
    wish_t wish = {dt_db_kind(port->db), corp_id, dept_ids};

    return dept_ids ? dt_db_run(port->db, call, want_departments, &wish)
                    : dt_db_execute(port->db, call, &want_all, args, NULL);
}

typedef struct taking_t {
    const char *corp_id;
    apr_time_t until;
    const char *user_id;
} taking_t;

static apr_status_t do_take(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    taking_t *taking = baton;

    return dt_lease_take(conn, call, &lease, taking->corp_id, taking->until, &taking->user_id);
}

apr_status_t dt_members_take(void *self, const dt_call_t *call, const char *corp_id,
                             apr_time_t until, const char **user_id)
{
    const dt_memory_dbd_t *port = self;
    taking_t taking = {corp_id, until, NULL};
    const apr_status_t rv = dt_db_run(port->db, call, do_take, &taking);

    *user_id = rv == APR_SUCCESS ? taking.user_id : NULL;
    return rv;
}
