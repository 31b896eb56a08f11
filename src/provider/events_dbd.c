/* SPDX-License-Identifier: Apache-2.0 */
/* Events in SQL: an inbox that outlives whoever works on it. */
#include "provider/events_dbd.h"

#include "provider/db_ask.h"
#include "provider/db_lease.h"

#include <apr_strings.h>

#define NOTHING_TO_DO "0" /* as due_at */

static const dt_sql_t insert_event[DT_DB_KINDS] =
    DT_INSERT_NEW("dt_event_new",
                  "INSERT INTO dingtalk_event "
                  "(corp_id, event_key, text, arrived_at, due_at, expires_at) "
                  "VALUES (%s, %s, %s, %lld, %lld, %lld)",
                  "corp_id");

static const dt_lease_t lease = DT_LEASE("dt_event", "dingtalk_event", "event_key");

static const dt_sql_t read_event = {"dt_event", "SELECT text, arrived_at FROM dingtalk_event "
                                                "WHERE corp_id = %s AND event_key = %s"};

/* Only the key is to be remembered: an event tells of persons. */
static const dt_sql_t finish_event = {"dt_event_done",
                                      "UPDATE dingtalk_event SET due_at = 0, text = NULL "
                                      "WHERE corp_id = %s AND event_key = %s"};

static const dt_sql_t forget_events[DT_DB_KINDS] =
    DT_DELETE_SOME("dt_event_old", "dingtalk_event", "corp_id, event_key",
                   "due_at = 0 AND expires_at < %lld");

apr_status_t dt_events_add(void *self, const dt_call_t *call, const dt_arrival_t *event,
                           apr_time_t expires_at, bool *first)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {event->corp_id,
                                event->key,
                                event->text,
                                dt_db_instant(call, event->arrived_at),
                                event->text ? dt_db_instant(call, call->now) : NOTHING_TO_DO,
                                dt_db_instant(call, expires_at)};
    int changed = 0;
    const apr_status_t rv =
        dt_db_execute(port->db, call, &insert_event[dt_db_kind(port->db)], args, &changed);

    *first = rv == APR_SUCCESS && changed == 1;
    return rv;
}

typedef struct taking_t {
    const char *corp_id;
    apr_time_t until;
    dt_arrival_t event; /* text is NULL: none so far */
} taking_t;

static bool take_text(void *baton, const char *const *columns, int count)
{
    taking_t *taking = baton;

    (void)count;
    taking->event.text = columns[0];
    taking->event.arrived_at = dt_db_time(columns[1]);
    return false;
}

/* Without a text, whoever had it before and was slow has finished it just now. */
static apr_status_t do_take(void *baton, const dt_call_t *call, dt_conn_t *conn)
{
    taking_t *taking = baton;
    apr_status_t rv;

    taking->event = (dt_arrival_t){.corp_id = taking->corp_id};
    do {
        const char *args[] = {taking->corp_id, NULL};

        rv = dt_lease_take(conn, call, &lease, taking->corp_id, taking->until, &args[1]);
        if (rv != APR_SUCCESS || !args[1]) {
            return rv;
        }
        taking->event.key = args[1];
        rv = dt_conn_select(conn, call, &read_event, args, take_text, taking);
    } while (rv == APR_SUCCESS && !taking->event.text);
    return rv;
}

apr_status_t dt_events_take(void *self, const dt_call_t *call, const char *corp_id,
                            apr_time_t until, dt_arrival_t *event)
{
    const dt_memory_dbd_t *port = self;
    taking_t taking = {.corp_id = corp_id, .until = until};
    const apr_status_t rv = dt_db_run(port->db, call, do_take, &taking);

    *event = rv == APR_SUCCESS && taking.event.text ? taking.event : (dt_arrival_t){0};
    return rv;
}

apr_status_t dt_events_finish(void *self, const dt_call_t *call, const dt_arrival_t *event)
{
    const dt_memory_dbd_t *port = self;
    const char *const args[] = {event->corp_id, event->key};

    return dt_db_execute(port->db, call, &finish_event, args, NULL);
}

apr_status_t dt_events_forget(void *self, const dt_call_t *call)
{
    const dt_memory_dbd_t *port = self;
    const char *now = dt_db_instant(call, call->now);
    const char *const args[] = {now, now};

    return dt_db_execute(port->db, call, &forget_events[dt_db_kind(port->db)], args, NULL);
}
