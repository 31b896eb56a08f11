/* SPDX-License-Identifier: Apache-2.0 */
/* The event endpoint: what DingTalk pushes is kept at once, worked off later. */
#include "httpd/endpoint.h"

#include "core/bytes.h"
#include "core/event.h"
#include "core/push.h"
#include "httpd/body.h"
#include "httpd/counters.h"
#include "httpd/page.h"
#include "httpd/watch.h"

#define KEY_SHOWN "12" /* characters of an event's key that the log has */

static int refuse(request_rec *r, const dth_req_t *req, int status, const char *why)
{
    dth_count(&req->site->counters->events_refused);
    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, DTNO(0079) "a push was refused: %s [error id %s]",
                  why, dth_page_id(r));
    return dth_page_json(r, req, status,
                         status == HTTP_FORBIDDEN ? "{\"error\":\"forbidden\"}"
                                                  : "{\"error\":\"malformed\"}");
}

/* DingTalk sends it again. */
static int answer_later(request_rec *r, const dth_req_t *req)
{
    return dth_page_json(r, req, HTTP_SERVICE_UNAVAILABLE, "{\"error\":\"unavailable\"}");
}

/* id is that of the answer, or NULL where all is well. */
static void log_event(request_rec *r, const dt_event_t *event, dt_arrived_t arrived, const char *id)
{
    static const char *const effects[DT_EFFECTS] = {
        [DT_EFFECT_NONE] = "nothing to do",
        [DT_EFFECT_LEFT] = "persons left",
        [DT_EFFECT_CORP] = "the organisation is gone",
        [DT_EFFECT_MEMBERS] = "members to be read again",
        [DT_EFFECT_DEPARTMENTS] = "members of departments to be read again",
    };
    static const struct {
        int level;
        const char *text;
    } fates[] = {
        [DT_ARRIVED] = {APLOG_INFO, "taken up"},
        [DT_ARRIVED_BEFORE] = {APLOG_INFO, "was here before"},
        [DT_ARRIVED_TOO_LATE] = {APLOG_INFO, "too old, ignored"},
        [DT_ARRIVED_FOREIGN] = {APLOG_WARNING, "of another organisation, ignored"},
        [DT_ARRIVED_NOTHING] = {APLOG_INFO, "acknowledged"},
        [DT_ARRIVED_UNKEPT] = {APLOG_WARNING, "cannot be kept, to be sent again"},
    };

    ap_log_rerror(APLOG_MARK, fates[arrived].level, 0, r,
                  DTNO(0070) "event %s %." KEY_SHOWN "s (%s): %s%s%s%s", event->type, event->key,
                  effects[event->effect], fates[arrived].text, id != NULL ? " [error id " : "",
                  id != NULL ? id : "", id != NULL ? "]" : "");
}

static void count_event(dth_counters_t *counters, const dt_event_t *event, dt_arrived_t arrived)
{
    switch (arrived) {
    case DT_ARRIVED:
    case DT_ARRIVED_NOTHING:
        dth_count(&counters->events[event->number]);
        break;
    case DT_ARRIVED_BEFORE:
    case DT_ARRIVED_TOO_LATE:
        dth_count(&counters->events_again);
        break;
    default:
        break;
    }
}

/* False when DingTalk must send it again. */
static bool take_event(request_rec *r, dth_req_t *req, const dt_call_t *call,
                       const dt_event_t *event, dt_slice_t text)
{
    const dth_site_t *site = req->site;
    const int place = dth_ep_enter_anyway(req);
    const dt_arrived_t arrived = dt_watch_arrive(site->watch, call, event, text);

    dth_ep_leave(req, place);
    log_event(r, event, arrived, arrived == DT_ARRIVED_UNKEPT ? dth_page_id(r) : NULL);
    count_event(site->counters, event, arrived);
    if (arrived == DT_ARRIVED) {
        dth_watch_wake(site);
    }
    return arrived != DT_ARRIVED_UNKEPT;
}

int dth_ep_event(request_rec *r, dth_req_t *req)
{
    const dth_site_t *site = req->site;
    const dt_call_t call = dth_request_call(r, req);
    dt_slice_t body, text;
    const char *owner, *wrong, *json;
    dt_event_t event;
    dt_push_t push;
    int status = dth_body_read(r, DT_PUSH_BODY_MAX, &body);

    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return refuse(r, req, status, "it is too large");
    }
    if (status != OK) {
        return status;
    }
    push = dt_push_open(site->events, &call, dt_slice(r->args), body, &text, &owner, &wrong);
    if (push != DT_PUSH_GENUINE) {
        return refuse(r, req, push == DT_PUSH_FORGED ? HTTP_FORBIDDEN : HTTP_BAD_REQUEST, wrong);
    }
    if (dt_event_read(&call, text, &event) != APR_SUCCESS) {
        return refuse(r, req, HTTP_BAD_REQUEST, "its message cannot be read");
    }
    if (!dt_event_is_check(&event) && !take_event(r, req, &call, &event, text)) {
        return answer_later(r, req);
    }
    if (dt_push_answer(site->events, &call, owner, &json) != APR_SUCCESS) {
        dt_result_t result = dt_result(DT_WHY_INTERNAL, "the answer to a push could not be made");

        dth_page_report(r, &result, NULL);
        return answer_later(r, req);
    }
    return dth_page_json(r, req, HTTP_OK, json);
}
