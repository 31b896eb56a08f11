/* SPDX-License-Identifier: Apache-2.0 */
/* The module's section of mod_status' page. */
#include "httpd/status.h"

#include "httpd/counters.h"
#include "httpd/lifecycle.h"
#include "httpd/revoked.h"

#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <mod_status.h>

/* The answer that is being written, in one of its two forms. */
typedef struct sheet_t {
    request_rec *r;
    bool is_short; /* lines for a program instead of tables for a person */
} sheet_t;

/* --- writing --- */

/* columns up to NULL */
static void begin_table(const sheet_t *sheet, const char *title, const char *const *columns)
{
    if (sheet->is_short) {
        return;
    }
    ap_rprintf(sheet->r, "<h3>%s</h3>\n<table border=\"1\" cellpadding=\"2\">\n<tr>", title);
    for (; *columns != NULL; columns++) {
        ap_rprintf(sheet->r, "<th>%s</th>", *columns);
    }
    ap_rputs("</tr>\n", sheet->r);
}

static void end_table(const sheet_t *sheet)
{
    if (!sheet->is_short) {
        ap_rputs("</table>\n", sheet->r);
    }
}

static const char *cell(const sheet_t *sheet, const char *text)
{
    return apr_pstrcat(sheet->r->pool, "<td>", ap_escape_html(sheet->r->pool, text), "</td>", NULL);
}

/* One figure: its name in lines, "DingTalk" in front of it, and its words in tables. */
static void say(const sheet_t *sheet, const char *name, const char *words, const char *value)
{
    if (sheet->is_short) {
        ap_rprintf(sheet->r, "DingTalk%s: %s\n", name, value);
    }
    else {
        ap_rvputs(sheet->r, "<tr>", cell(sheet, words), cell(sheet, value), "</tr>\n", NULL);
    }
}

static const char *number(const sheet_t *sheet, apr_uint64_t value)
{
    return apr_psprintf(sheet->r->pool, "%" APR_UINT64_T_FMT, value);
}

static const char *seconds(const sheet_t *sheet, apr_uint64_t microseconds)
{
    return apr_psprintf(sheet->r->pool, "%.3f", (double)microseconds / APR_USEC_PER_SEC);
}

static const char *yes_or_no(const sheet_t *sheet, bool is_so)
{
    if (sheet->is_short) {
        return is_so ? "1" : "0";
    }
    return is_so ? "yes" : "no";
}

static void say_number(const sheet_t *sheet, const char *name, const char *words,
                       apr_uint64_t value)
{
    say(sheet, name, words, number(sheet, value));
}

/* One of many kinds. */
static void say_kind(const sheet_t *sheet, const char *name, const char *kind, apr_uint64_t value)
{
    say_number(sheet, apr_pstrcat(sheet->r->pool, name, "-", kind, NULL), kind, value);
}

/* --- what there is to say --- */

static void say_sign_ins(const sheet_t *sheet, const dth_counters_t *counters)
{
    static const char *const columns[] = {"how they ended", "times", NULL};

    begin_table(sheet, "Sign-ins", columns);
    for (int i = 0; i < DT_WHYS; i++) {
        const apr_uint64_t times = counters->outcomes[i];

        if (times > 0 || i == DT_WHY_SIGNED_IN) {
            say_kind(sheet, "SignIns", dt_whys[i].name, times);
        }
    }
    end_table(sheet);
}

static void say_codes(const sheet_t *sheet, const dth_counters_t *counters)
{
    static const char *const columns[] = {"what became of them", "number", NULL};

    begin_table(sheet, "Verification codes", columns);
    say_kind(sheet, "Codes", "sent", counters->codes_sent);
    say_kind(sheet, "Codes", "failed", counters->codes_failed);
    end_table(sheet);
}

/* How well each database's revocations are followed. */
static void say_polls(const sheet_t *sheet, const dth_revoked_t *revoked)
{
    apr_pool_t *pool = sheet->r->pool;
    dth_followed_t followed;

    for (int i = 0; dth_revoked_followed(revoked, i, &followed); i++) {
        say(sheet, apr_psprintf(pool, "PollAge-%d", i + 1),
            apr_psprintf(pool, "seconds since database %d was read", i + 1),
            seconds(sheet, (apr_uint64_t)followed.age));
        say(sheet, apr_psprintf(pool, "PollOverdue-%d", i + 1),
            "overdue, so that sessions that were ended on other nodes go on here",
            yes_or_no(sheet, followed.is_late));
    }
}

static void say_sessions(const sheet_t *sheet, const dth_site_t *site)
{
    static const char *const columns[] = {"what", "number", NULL};
    const dth_counters_t *counters = site->counters;

    begin_table(sheet, "Sessions", columns);
    say_number(sheet, "Sessions", "opened", counters->sessions);
    say_number(sheet, "StoreFailures", "requests that the session store could not answer",
               counters->store_failures);
    say_number(sheet, "Revocations", "revocations in force",
               dt_revoke_count(site->revocations, apr_time_now()));
    say_polls(sheet, site->revoked);
    say_number(sheet, "Rechecks", "member records read again", counters->rechecks);
    say_number(sheet, "RecheckedOut", "of these, who may not come in any more",
               counters->rechecked_out);
    end_table(sheet);
}

static void say_events(const sheet_t *sheet, const dth_counters_t *counters)
{
    static const char *const columns[] = {"type", "number", NULL};

    begin_table(sheet, "Events", columns);
    for (int i = 0; i < DT_EVENT_TYPES; i++) {
        const apr_uint64_t events = counters->events[i];

        if (events > 0) {
            say_kind(sheet, "Events", dt_event_types[i], events);
        }
    }
    say_number(sheet, "EventsAgain", "here before, or too old", counters->events_again);
    say_number(sheet, "EventsRefused", "forged or malformed", counters->events_refused);
    end_table(sheet);
}

static void say_call(const sheet_t *sheet, const char *name, const dth_calls_t *calls)
{
    const apr_uint64_t all = calls->answered + calls->failed;
    const char *answered = number(sheet, calls->answered);
    const char *failed = number(sheet, calls->failed);
    const char *mean = seconds(sheet, all > 0 ? calls->took / all : 0);
    const char *longest = seconds(sheet, calls->longest);

    if (sheet->is_short) {
        ap_rprintf(sheet->r,
                   "DingTalkCalls-%s-answered: %s\nDingTalkCalls-%s-failed: %s\n"
                   "DingTalkCalls-%s-mean: %s\nDingTalkCalls-%s-longest: %s\n",
                   name, answered, name, failed, name, mean, name, longest);
    }
    else {
        ap_rvputs(sheet->r, "<tr>", cell(sheet, name), cell(sheet, answered), cell(sheet, failed),
                  cell(sheet, mean), cell(sheet, longest), "</tr>\n", NULL);
    }
}

static void say_calls(const sheet_t *sheet, const dth_counters_t *counters)
{
    static const char *const columns[] = {"call",         "answered",        "failed",
                                          "mean seconds", "longest seconds", NULL};

    begin_table(sheet, "Calls to DingTalk", columns);
    for (int i = 0; i < DT_ASKED_CALLS; i++) {
        say_call(sheet, dt_asked_name((dt_asked_t)i), &counters->calls[i]);
    }
    end_table(sheet);
}

/* The counters and the table of revocations are those of the whole httpd: any site has them. */
static int answer(request_rec *r, int flags)
{
    const sheet_t sheet = {r, (flags & AP_STATUS_SHORT) != 0};
    const dth_providers_t *made = dth_lifecycle_sites();
    const dth_site_t *site;

    if (made == NULL) {
        return DECLINED;
    }
    site = APR_ARRAY_IDX(made->sites, 0, const dth_site_t *);
    if (!sheet.is_short) {
        ap_rputs("<hr>\n<h2>mod_auth_dingtalk</h2>\n", r);
    }
    say_sign_ins(&sheet, site->counters);
    say_codes(&sheet, site->counters);
    say_sessions(&sheet, site);
    say_events(&sheet, site->counters);
    say_calls(&sheet, site->counters);
    return OK;
}

void dth_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, answer, NULL, NULL, APR_HOOK_MIDDLE);
}
