/* SPDX-License-Identifier: Apache-2.0 */
/* The list of failed pushes, fetched by one node at a time. */
#include "core/bytes.h"
#include "core/watch.h"

#include <apr_strings.h>
#include <string.h>

/*
 * A fetch clears what the one before it returned. So the database says what is going on, under one
 * subject and with an instant in milliseconds:
 *
 *   "fetching T"  somebody has fetched since T, or is about to, and has not kept everything yet
 *   "kept T"      what was fetched last, at T, is kept; T is 0 when there is more to fetch
 *
 * "fetching" is written before DingTalk is asked. Whoever dies, or gets no answer, or cannot keep
 * an event, leaves it there; who finds it there later knows that events may be lost. DingTalk's own
 * "no" has fetched nothing and is as good as an empty list.
 */
#define FETCHING "fetching "
#define KEPT "kept "
#define FETCH_MAX apr_time_from_sec(120) /* whoever has not kept everything by then has died */

/* One fetch. */
typedef struct fetch_t {
    const char *subject;
    const char *value; /* that we left: "fetching" since now */
    bool mine;         /* it is our turn */
    bool lost;         /* whoever fetched before did not keep everything */
} fetch_t;

/* Whether value is word and an instant less than span away from now, whoever's clock it was. */
static bool is_recent(const dt_call_t *call, const char *value, const char *word,
                      apr_interval_time_t span)
{
    const apr_int64_t now = apr_time_as_msec(call->now);
    apr_int64_t at;

    if (strncmp(value, word, strlen(word)) != 0) {
        return false;
    }
    at = apr_atoi64(value + strlen(word)); /* any number at all, if somebody else wrote it */
    return at > now - apr_time_as_msec(span) && at < now + apr_time_as_msec(span);
}

/* It matters as long as there are sessions that a lost event may concern. */
static apr_status_t store(const dt_watch_t *watch, const dt_call_t *call, const char *subject,
                          const char *value, apr_int64_t version)
{
    const dt_memory_t *memory = watch->memory;

    return memory->store_limit(memory->plug.self, call, subject, value, version,
                               call->now + watch->longest + DT_WATCH_MISSED);
}

static const char *value_of(const dt_call_t *call, const char *word, apr_time_t at)
{
    return apr_psprintf(call->pool, "%s%" APR_INT64_T_FMT, word, apr_time_as_msec(at));
}

static apr_status_t begin(const dt_watch_t *watch, const dt_call_t *call, fetch_t *fetch)
{
    const dt_memory_t *memory = watch->memory;
    const dt_app_t *app = watch->client->app;
    const char *value;
    apr_int64_t version;
    apr_status_t rv;

    fetch->subject = apr_pstrcat(call->pool, "missed:", app->corp_id, ":", app->client_id, NULL);
    rv = memory->load_limit(memory->plug.self, call, fetch->subject, &value, &version);
    if (rv != APR_SUCCESS || is_recent(call, value, KEPT, DT_WATCH_MISSED) ||
        is_recent(call, value, FETCHING, FETCH_MAX)) {
        return rv;
    }
    fetch->lost = strncmp(value, FETCHING, strlen(FETCHING)) == 0;
    fetch->value = value_of(call, FETCHING, call->now);
    rv = store(watch, call, fetch->subject, fetch->value, version);
    fetch->mine = rv == APR_SUCCESS;
    return rv == APR_EAGAIN ? APR_SUCCESS : rv;
}

/* Nothing to do when somebody took us for dead. */
static apr_status_t end(const dt_watch_t *watch, const dt_call_t *call, const fetch_t *fetch,
                        apr_time_t at)
{
    const dt_memory_t *memory = watch->memory;
    const char *value;
    apr_int64_t version;
    apr_status_t rv = memory->load_limit(memory->plug.self, call, fetch->subject, &value, &version);

    if (rv != APR_SUCCESS || strcmp(value, fetch->value) != 0) {
        return rv;
    }
    rv = store(watch, call, fetch->subject, value_of(call, KEPT, at), version);
    return rv == APR_EAGAIN ? APR_SUCCESS : rv;
}

/* Whether DingTalk itself said no: with every other reason it may have given a list away. */
static bool is_refusal(const dt_result_t *result)
{
    static const dt_why_id_t refusals[] = {DT_WHY_APP_STOPPED,      DT_WHY_APP_PERMISSION,
                                           DT_WHY_APP_ADDRESS,      DT_WHY_APP_CREDENTIALS,
                                           DT_WHY_APP_UNAUTHORIZED, DT_WHY_RATE_LIMITED,
                                           DT_WHY_BANNED,           DT_WHY_DINGTALK_ERROR};

    for (apr_size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (result->why == &dt_whys[refusals[i]]) {
            return true;
        }
    }
    return false;
}

static apr_status_t ask(const dt_watch_t *watch, const dt_call_t *call, const char *const **events,
                        bool *others)
{
    static const char *const none[] = {NULL};
    dt_result_t result;
    apr_status_t rv = dt_client_failed_events(watch->client, call, events, others, &result);
    int count = 0;

    if (rv != APR_SUCCESS || result.what != DT_SIGNED_IN) {
        *events = none;
        *others = false;
        if (!dt_gives_up(call->end)) {
            watch->say(watch->baton, DT_SAID_UNSURE, NULL, &result);
        }
        return is_refusal(&result) ? APR_SUCCESS : APR_EGENERAL;
    }
    watch->say(watch->baton, DT_SAID_SURE, NULL, NULL);
    while ((*events)[count]) {
        count++;
    }
    if (count > 0) {
        watch->say(watch->baton, DT_SAID_MISSED, apr_itoa(call->pool, count), NULL);
    }
    return APR_SUCCESS;
}

/* Tries all of them, whatever becomes of one: each ends its sessions here. */
static apr_status_t keep(const dt_watch_t *watch, const dt_call_t *call, const char *const *events)
{
    apr_status_t worst = APR_SUCCESS;

    for (; *events; events++) {
        const dt_slice_t text = dt_slice(*events);
        dt_event_t event;
        const apr_status_t rv = dt_event_read(call, text, &event);

        if (rv == APR_EINVAL) {
            watch->say(watch->baton, DT_SAID_STRANGE, NULL, NULL);
        }
        else if (rv != APR_SUCCESS ||
                 dt_watch_arrive(watch, call, &event, text) == DT_ARRIVED_UNKEPT) {
            worst = APR_EGENERAL;
        }
    }
    return worst;
}

/* Not before DingTalk answers: while it does not, no record could be read. */
static apr_status_t read_all_again(const dt_watch_t *watch, const dt_call_t *call)
{
    const dt_memory_t *memory = watch->memory;
    apr_status_t rv =
        memory->want_members(memory->plug.self, call, watch->client->app->corp_id, NULL);

    if (rv == APR_SUCCESS) {
        watch->say(watch->baton, DT_SAID_LOST, NULL, NULL);
    }
    return rv;
}

apr_status_t dt_watch_missed(const dt_watch_t *watch, const dt_call_t *call, bool *more)
{
    fetch_t fetch = {.mine = false};
    const char *const *events;
    bool others;
    apr_status_t rv;

    *more = false;
    rv = begin(watch, call, &fetch);
    if (rv != APR_SUCCESS || !fetch.mine) {
        return rv;
    }
    rv = ask(watch, call, &events, &others);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = keep(watch, call, events);
    if (rv == APR_SUCCESS && fetch.lost) {
        rv = read_all_again(watch, call);
    }
    if (rv == APR_SUCCESS) {
        rv = end(watch, call, &fetch, others ? 0 : call->now);
    }
    *more = rv == APR_SUCCESS && others;
    return rv;
}
