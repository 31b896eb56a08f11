/* SPDX-License-Identifier: Apache-2.0 */
/* What the watch has to say, as lines of the log. */
#include "httpd/watch_log.h"

#include "core/bytes.h"

#include <apr_strings.h>

#define SHOWN 64 /* bytes of a userid: DingTalk's are no longer */

/* The reason, with what an administrator can do about it. */
static const char *describe(apr_pool_t *pool, const dt_result_t *result)
{
    const char *detail, *admin;

    if (result == NULL || result->why == NULL) {
        return "no reason given";
    }
    detail = result->detail != NULL ? apr_pstrcat(pool, " (", result->detail, ")", NULL) : "";
    admin = result->why->admin != NULL ? apr_pstrcat(pool, "; ", result->why->admin, NULL) : "";
    return apr_pstrcat(pool, result->why->name, detail, admin, NULL);
}

/* about: a userid; NULL for the list of failed pushes, as for the next. */
static void log_unsure(const dth_watch_log_t *log, const char *about, const char *reason)
{
    atomic_bool *told = about != NULL ? &log->told->no_records : &log->told->no_list;

    if (!atomic_exchange(told, true)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                     DTNO(0071) "DingTalk cannot tell %s%s of %s, so that sessions live on: %s",
                     about != NULL ? "who is still a member, such as userid "
                                   : "the pushes that failed",
                     about != NULL ? about : "", log->corp_id, reason);
    }
}

static void log_sure(const dth_watch_log_t *log, const char *about)
{
    atomic_bool *told = about != NULL ? &log->told->no_records : &log->told->no_list;

    if (atomic_exchange(told, false)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, log->server,
                     DTNO(0072) "DingTalk tells %s of %s again",
                     about != NULL ? "who is still a member" : "the pushes that failed",
                     log->corp_id);
    }
}

static void log_line(const dth_watch_log_t *log, dt_said_t said, const char *about,
                     const char *reason)
{
    switch (said) {
    case DT_SAID_LEFT:
    case DT_SAID_OUT:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, log->server,
                     DTNO(0073) "the sessions of userid %s of %s have ended: %s", about,
                     log->corp_id,
                     said == DT_SAID_LEFT ? "DingTalk says that this person has left" : reason);
        break;
    case DT_SAID_CORP_GONE:
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, log->server,
                     DTNO(0074) "all sessions of %s have ended: DingTalk says that it is gone",
                     log->corp_id);
        break;
    case DT_SAID_CHANGED:
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, log->server,
                     DTNO(0075) "the record of userid %s of %s has changed", about, log->corp_id);
        break;
    case DT_SAID_MISSED:
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, log->server,
                     DTNO(0076) "pushes of %s that had failed were fetched: %s", log->corp_id,
                     about);
        break;
    case DT_SAID_LOST:
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                     DTNO(0077) "pushes of %s may have been lost: all members are read again",
                     log->corp_id);
        break;
    case DT_SAID_STRANGE:
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                     DTNO(0078) "an event of %s cannot be understood: %s", log->corp_id,
                     about != NULL ? about : "one whose push had failed");
        break;
    case DT_SAID_UNSURE:
        log_unsure(log, about, reason);
        break;
    case DT_SAID_SURE:
        log_sure(log, about);
        break;
    }
}

/* Each record that was read is an answer. */
static void count(dth_counters_t *counters, dt_said_t said, const char *about)
{
    if (said == DT_SAID_SURE && about != NULL) {
        dth_count(&counters->rechecks);
    }
    if (said == DT_SAID_OUT) {
        dth_count(&counters->rechecked_out);
    }
}

void dth_watch_log(const dth_watch_log_t *log, dt_said_t said, const char *about,
                   const dt_result_t *result)
{
    apr_pool_t *pool; /* of its own: whoever says it is in whatever thread */

    count(log->counters, said, about);
    if (apr_pool_create_unmanaged(&pool) != APR_SUCCESS) {
        return;
    }
    log_line(log, said, about != NULL ? dt_loggable(pool, dt_slice(about), SHOWN) : NULL,
             describe(pool, result));
    apr_pool_destroy(pool);
}
