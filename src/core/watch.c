/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: what DingTalk says of persons, made into the ends of their sessions. */
#include "core/watch.h"

#include "core/bytes.h"
#include "core/policy.h"
#include "core/revoke.h"
#include "core/session.h"

#include <apr_strings.h>
#include <string.h>

/* Whoever has not done a piece of work by then has died. A leaver's other nodes wait for an event;
 * a record that could not be read waits, too, until DingTalk is asked again. */
#define EVENT_LEASE apr_time_from_sec(20)
#define MEMBER_LEASE apr_time_from_sec(60)
#define MILLISECOND apr_time_from_msec(1) /* what instants are kept in */
#define USER_ID_MAX 128                   /* bytes; DingTalk's have 64 at most */

static const char *corp_of(const dt_watch_t *watch)
{
    return watch->client->app->corp_id;
}

static const char *person_text(const dt_watch_t *watch, const dt_call_t *call, const char *user_id)
{
    return dt_subject_person_text(call->pool, corp_of(watch), user_id);
}

static apr_status_t tell_everywhere(const dt_watch_t *watch, const dt_call_t *call,
                                    const char *subject, apr_time_t not_before)
{
    return watch->revoker->everywhere(watch->revoker->plug.self, call, subject, not_before);
}

/* Nobody has such a userid, and the memory would refuse it each time. */
static bool is_user_id(const char *user_id)
{
    const apr_size_t len = strlen(user_id);

    return len > 0 && len <= USER_ID_MAX;
}

/* --- an event arrives --- */

static void end_here(const dt_watch_t *watch, const dt_call_t *call, const dt_event_t *event,
                     apr_time_t not_before)
{
    const dt_revoker_t *revoker = watch->revoker;

    if (event->effect == DT_EFFECT_CORP) {
        revoker->here(revoker->plug.self, call, dt_subject_corp_text(call->pool, corp_of(watch)),
                      not_before);
    }
    if (event->effect != DT_EFFECT_LEFT) {
        return;
    }
    for (const char *const *id = event->ids; *id; id++) {
        if (is_user_id(*id)) {
            revoker->here(revoker->plug.self, call, person_text(watch, call, *id), not_before);
        }
    }
}

dt_arrived_t dt_watch_arrive(const dt_watch_t *watch, const dt_call_t *call,
                             const dt_event_t *event, dt_slice_t text)
{
    const dt_memory_t *memory = watch->memory;
    const bool idle = event->effect == DT_EFFECT_NONE;
    const dt_arrival_t arrival = {corp_of(watch), event->key,
                                  idle ? NULL : apr_pstrmemdup(call->pool, text.data, text.len),
                                  call->now};
    bool first = false;
    apr_status_t rv;

    if (event->corp_id && strcmp(event->corp_id, corp_of(watch)) != 0) {
        return DT_ARRIVED_FOREIGN;
    }
    if (event->time != 0 && event->time < call->now - DT_EVENT_MEMORY) {
        return DT_ARRIVED_TOO_LATE;
    }
    /* What the event itself says is over is over whether it was here before or not: so nobody waits
     * for a database that is busy. */
    if (event->time != 0 && event->time <= call->now) {
        end_here(watch, call, event, event->time);
    }
    rv = memory->add_event(memory->plug.self, call, &arrival, call->now + DT_EVENT_MEMORY, &first);
    if (rv == APR_SUCCESS && !first) {
        return DT_ARRIVED_BEFORE;
    }
    end_here(watch, call, event, call->now);
    if (rv != APR_SUCCESS) {
        return DT_ARRIVED_UNKEPT;
    }
    return idle ? DT_ARRIVED_NOTHING : DT_ARRIVED;
}

/* --- an event is worked off --- */

static apr_status_t end_corp(const dt_watch_t *watch, const dt_call_t *call, apr_time_t not_before)
{
    apr_status_t rv =
        tell_everywhere(watch, call, dt_subject_corp_text(call->pool, corp_of(watch)), not_before);

    if (rv == APR_SUCCESS) {
        watch->say(watch->baton, DT_SAID_CORP_GONE, NULL, NULL);
    }
    return rv;
}

/*
 * A person may not come in any more, unless by a new sign-in: the sessions that began later go on,
 * and so the record that was read later stays. The revocation comes first: what is forgotten before
 * it would not be done again.
 */
static apr_status_t end_person(const dt_watch_t *watch, const dt_call_t *call, const char *user_id,
                               apr_time_t not_before, dt_said_t said, const dt_result_t *result)
{
    const dt_memory_t *memory = watch->memory;
    apr_status_t rv = tell_everywhere(watch, call, person_text(watch, call, user_id), not_before);

    if (rv == APR_SUCCESS) {
        rv = memory->forget_member(memory->plug.self, call, corp_of(watch), user_id, not_before);
    }
    if (rv == APR_SUCCESS) {
        watch->say(watch->baton, said, user_id, result);
    }
    return rv;
}

static apr_status_t do_for_persons(const dt_watch_t *watch, const dt_call_t *call,
                                   const dt_event_t *event, apr_time_t arrived_at)
{
    const dt_memory_t *memory = watch->memory;
    apr_status_t rv = APR_SUCCESS;

    for (const char *const *id = event->ids; *id && rv == APR_SUCCESS; id++) {
        if (!is_user_id(*id)) {
            continue;
        }
        rv = event->effect == DT_EFFECT_LEFT
                 ? end_person(watch, call, *id, arrived_at, DT_SAID_LEFT, NULL)
                 : memory->want_member(memory->plug.self, call, corp_of(watch), *id, 0);
    }
    return rv;
}

static apr_status_t do_event(const dt_watch_t *watch, const dt_call_t *call,
                             const dt_event_t *event, const dt_arrival_t *arrival)
{
    const dt_memory_t *memory = watch->memory;

    if (event->effect == DT_EFFECT_NONE) {
        return APR_SUCCESS;
    }
    if (event->effect == DT_EFFECT_CORP) {
        return end_corp(watch, call, arrival->arrived_at);
    }
    if (!*event->ids) {
        /* It concerns somebody, and does not say whom: it may be anybody. */
        watch->say(watch->baton, DT_SAID_STRANGE, arrival->key, NULL);
        return memory->want_members(memory->plug.self, call, corp_of(watch), NULL);
    }
    if (event->effect == DT_EFFECT_DEPARTMENTS) {
        return memory->want_members(memory->plug.self, call, corp_of(watch), event->ids);
    }
    return do_for_persons(watch, call, event, arrival->arrived_at);
}

/*
 * Whoever dies in here, or fails, leaves the event to be taken again. To do it twice changes
 * nothing: a session that began after the event arrived survives both times.
 */
apr_status_t dt_watch_work(const dt_watch_t *watch, const dt_call_t *call, bool *more)
{
    const dt_memory_t *memory = watch->memory;
    dt_arrival_t arrival = {NULL};
    dt_event_t event;
    apr_status_t rv;

    *more = false;
    rv = memory->take_event(memory->plug.self, call, corp_of(watch), call->now + EVENT_LEASE,
                            &arrival);
    if (rv != APR_SUCCESS || !arrival.corp_id) {
        return rv;
    }
    rv = dt_event_read(call, dt_slice(arrival.text), &event);
    if (rv == APR_SUCCESS) {
        rv = do_event(watch, call, &event, &arrival);
    }
    else if (rv == APR_EINVAL) {
        watch->say(watch->baton, DT_SAID_STRANGE, arrival.key, NULL);
        rv = APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = memory->finish_event(memory->plug.self, call, &arrival);
    }
    *more = rv == APR_SUCCESS;
    return rv;
}

/* --- records --- */

/*
 * All nodes are told of a change before it is remembered. Whoever dies in between leaves the old
 * record, and the next reading finds the change again; the other way round it would find none.
 *
 * A session that is renewed in between, or on a node that has not been told yet, still gets the
 * old record. So the change is dated ahead, by as much as clocks may differ: such a session gets
 * the new record with its next renewal. One that is refreshed for nothing loses nothing.
 */
static apr_status_t tell_changed(const dt_watch_t *watch, const dt_call_t *call,
                                 const char *user_id)
{
    return tell_everywhere(watch, call,
                           dt_subject_changed_text(call->pool, corp_of(watch), user_id),
                           call->now + DT_SESSION_AHEAD);
}

/*
 * Remembers record, which was read just now, unless its person is out. Who had this userid before
 * may be somebody else: then that person's sessions end, which began before the new one signed in.
 */
static apr_status_t remember(const dt_watch_t *watch, const dt_call_t *call, const char *user_id,
                             dt_member_t record, apr_time_t taken)
{
    const dt_memory_t *memory = watch->memory;
    const char *old = NULL;
    const char *text;
    dt_member_t before = {NULL};
    dt_result_t result;
    bool changed;
    apr_status_t rv;

    rv = memory->load_member(memory->plug.self, call, corp_of(watch), user_id, &old);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (old && dt_member_read(call->pool, old, &before) != APR_SUCCESS) {
        before = (dt_member_t){NULL};
    }
    if (!record.union_id) { /* known since the sign-in, though not every record has it */
        record.union_id = before.union_id;
    }
    result =
        dt_policy_member(&record, user_id, before.union_id ? before.union_id : record.union_id);
    if (result.what != DT_SIGNED_IN) {
        rv = end_person(watch, call, user_id, taken != 0 ? call->now : call->now - MILLISECOND,
                        DT_SAID_OUT, &result);
        if (rv != APR_SUCCESS || taken != 0) {
            return rv;
        }
        old = NULL;
    }
    text = dt_member_text(call->pool, &record);
    /* Without an old record there may be sessions: not every sign-in could be remembered. */
    changed = old ? strcmp(old, text) != 0 : taken != 0;
    if (changed) {
        rv = tell_changed(watch, call, user_id);
    }
    if (rv == APR_SUCCESS) {
        rv = memory->store_member(memory->plug.self, call, corp_of(watch), user_id, record.dept_ids,
                                  text, taken);
    }
    if (rv == APR_SUCCESS && old && changed) {
        watch->say(watch->baton, DT_SAID_CHANGED, user_id, NULL);
    }
    return rv;
}

/* Whether it says something about this very person. That the app was stopped does not. */
static bool is_answer(const dt_result_t *result)
{
    return result->what == DT_SIGNED_IN ||
           (result->what == DT_DENIED && result->why != &dt_whys[DT_WHY_APP_STOPPED]);
}

/* Only a denial signs anybody out; what is not an answer leaves the sessions as they are. */
apr_status_t dt_watch_read(const dt_watch_t *watch, const dt_call_t *call, bool *more)
{
    const dt_memory_t *memory = watch->memory;
    const apr_time_t until = call->now + MEMBER_LEASE;
    const char *user_id = NULL;
    dt_member_t record = {NULL};
    dt_result_t result;
    apr_status_t rv;

    *more = false;
    rv = memory->take_member(memory->plug.self, call, corp_of(watch), until, &user_id);
    if (rv != APR_SUCCESS || !user_id) {
        return rv;
    }
    rv = dt_client_member(watch->client, call, user_id, &record, &result);
    if (rv != APR_SUCCESS || !is_answer(&result)) {
        if (!dt_gives_up(call->end)) {
            watch->say(watch->baton, DT_SAID_UNSURE, user_id, &result);
        }
        return rv != APR_SUCCESS ? rv : APR_EGENERAL;
    }
    watch->say(watch->baton, DT_SAID_SURE, user_id, NULL);
    rv = result.what == DT_DENIED
             ? end_person(watch, call, user_id, call->now, DT_SAID_OUT, &result)
             : remember(watch, call, user_id, record, until);
    *more = rv == APR_SUCCESS;
    return rv;
}

apr_status_t dt_watch_signed_in(const dt_watch_t *watch, const dt_call_t *call,
                                const dt_member_t *member)
{
    return remember(watch, call, member->user_id, *member, 0);
}

apr_status_t dt_watch_recheck(const dt_watch_t *watch, const dt_call_t *call, const char *user_id)
{
    const dt_memory_t *memory = watch->memory;

    if (watch->recheck == 0 || !is_user_id(user_id)) {
        return APR_SUCCESS;
    }
    return memory->want_member(memory->plug.self, call, corp_of(watch), user_id,
                               call->now - watch->recheck);
}

apr_status_t dt_watch_stale(const dt_watch_t *watch, const dt_call_t *call, const char *user_id)
{
    return tell_changed(watch, call, user_id);
}

apr_status_t dt_watch_forget(const dt_watch_t *watch, const dt_call_t *call)
{
    const dt_memory_t *memory = watch->memory;

    return memory->forget_events(memory->plug.self, call, call->now - watch->longest);
}
