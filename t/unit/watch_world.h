/* SPDX-License-Identifier: Apache-2.0 */
/* A small world to watch: DingTalk as a test wants it, a memory, a list of what ended. */
#ifndef DT_UNIT_WATCH_WORLD_H
#define DT_UNIT_WATCH_WORLD_H

#include "core/bytes.h"
#include "core/revoke.h"
#include "core/session.h"
#include "core/watch.h"
#include "fake_memory.h"
#include "unit.h"

#define SECOND apr_time_from_sec(1)
#define MINUTE apr_time_from_sec(60)
#define DAY apr_time_from_sec(24 * 3600)
#define CORP "dingcorp1"
#define LEASE MINUTE /* of a member */
#define EVENT_LEASE (20 * SECOND)

typedef struct kept_event_t {
    dt_arrival_t row;
    apr_time_t expires_at;
    apr_time_t due_at; /* 0: nothing is to be done about it */
} kept_event_t;

typedef struct kept_member_t {
    const char *corp_id;
    const char *user_id;
    const char *dept_ids;
    const char *record;
    apr_time_t read_at;
    apr_time_t due_at; /* 0: it is not to be read */
} kept_member_t;

/* The fake memory, and the tables that only the watch uses. */
typedef struct watch_memory_t {
    fake_memory_t base; /* first: its functions are given this one's address */
    kept_event_t events[FAKE_ROWS];
    kept_member_t members[FAKE_ROWS];
    int event_count;
    int member_count;
    apr_time_t unread_since; /* of the last forget_events */
} watch_memory_t;

/* What a revoker was told. */
typedef struct ended_t {
    const char *subject;
    apr_time_t not_before;
    bool everywhere;
} ended_t;

/* What DingTalk says instead of its good reply. */
typedef struct script_t {
    apr_status_t rv; /* no reply at all */
    int status;      /* 0: the good reply */
    const char *body;
} script_t;

typedef struct world_t {
    apr_pool_t *pool;
    dt_call_t call;
    dt_app_t app;
    dt_http_t http;
    dt_tokens_t tokens;
    dt_client_t client;
    dt_revoker_t revoker;
    dt_watch_t watch;
    watch_memory_t *memory;

    script_t member_says;
    script_t list_says;
    const char *name; /* of every member */
    const char *union_id;
    bool active;
    const char *list; /* entries of the list of failed pushes */
    bool has_more;
    void (*meanwhile)(struct world_t *w); /* runs once, while DingTalk is asked */
    int asked;

    apr_status_t revoker_rv; /* of everywhere */
    ended_t ended[FAKE_ROWS];
    int ended_count;
    const char *said[FAKE_ROWS];
    int said_count;
    bool more;
} world_t;

/* --- events in memory --- */

static inline apr_status_t fake_add_event(void *self, const dt_call_t *call,
                                          const dt_arrival_t *event, apr_time_t expires_at,
                                          bool *first)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "add_event");

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *first = false;
    for (int i = 0; i < m->event_count; i++) {
        if (strcmp(m->events[i].row.key, event->key) == 0 &&
            strcmp(m->events[i].row.corp_id, event->corp_id) == 0) {
            return APR_SUCCESS;
        }
    }
    assert_true(m->event_count < FAKE_ROWS);
    m->events[m->event_count++] =
        (kept_event_t){{apr_pstrdup(m->base.pool, event->corp_id),
                        apr_pstrdup(m->base.pool, event->key),
                        apr_pstrdup(m->base.pool, event->text), event->arrived_at},
                       expires_at,
                       event->text ? call->now : 0};
    *first = true;
    return APR_SUCCESS;
}

static inline apr_status_t fake_take_event(void *self, const dt_call_t *call, const char *corp_id,
                                           apr_time_t until, dt_arrival_t *event)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "take_event");

    *event = (dt_arrival_t){NULL};
    for (int i = 0; rv == APR_SUCCESS && i < m->event_count && !event->corp_id; i++) {
        kept_event_t *row = &m->events[i];
        if (strcmp(row->row.corp_id, corp_id) == 0 && row->due_at && row->due_at <= call->now) {
            row->due_at = until;
            *event = row->row;
        }
    }
    return rv;
}

static inline apr_status_t fake_finish_event(void *self, const dt_call_t *call,
                                             const dt_arrival_t *event)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "finish_event");

    (void)call;
    for (int i = 0; rv == APR_SUCCESS && i < m->event_count; i++) {
        if (strcmp(m->events[i].row.key, event->key) == 0) {
            m->events[i].due_at = 0;
        }
    }
    return rv;
}

static inline apr_status_t fake_forget_events(void *self, const dt_call_t *call,
                                              apr_time_t unread_since)
{
    watch_memory_t *m = self;

    (void)call;
    m->unread_since = unread_since;
    return fake_asked(&m->base, "forget_events");
}

/* --- members in memory --- */

static inline kept_member_t *member_of(watch_memory_t *m, const char *corp_id, const char *user_id)
{
    for (int i = 0; i < m->member_count; i++) {
        if (strcmp(m->members[i].corp_id, corp_id) == 0 &&
            strcmp(m->members[i].user_id, user_id) == 0) {
            return &m->members[i];
        }
    }
    return NULL;
}

static inline kept_member_t *member_made(watch_memory_t *m, const char *corp_id,
                                         const char *user_id)
{
    kept_member_t *row = member_of(m, corp_id, user_id);

    if (!row) {
        assert_true(m->member_count < FAKE_ROWS);
        row = &m->members[m->member_count++];
        *row = (kept_member_t){.corp_id = apr_pstrdup(m->base.pool, corp_id),
                               .user_id = apr_pstrdup(m->base.pool, user_id)};
    }
    return row;
}

static inline apr_status_t fake_store_member(void *self, const dt_call_t *call, const char *corp_id,
                                             const char *user_id, const char *dept_ids,
                                             const char *record, apr_time_t taken)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "store_member");
    kept_member_t *row;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    row = member_made(m, corp_id, user_id);
    row->record = apr_pstrdup(m->base.pool, record);
    row->dept_ids = apr_pstrdup(m->base.pool, dept_ids);
    row->read_at = call->now;
    if (row->due_at == taken) {
        row->due_at = 0;
    }
    return APR_SUCCESS;
}

static inline apr_status_t fake_load_member(void *self, const dt_call_t *call, const char *corp_id,
                                            const char *user_id, const char **record)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "load_member");
    const kept_member_t *row = member_of(m, corp_id, user_id);

    (void)call;
    if (rv == APR_SUCCESS) {
        *record = row ? row->record : NULL;
    }
    return rv;
}

static inline apr_status_t fake_forget_member(void *self, const dt_call_t *call,
                                              const char *corp_id, const char *user_id,
                                              apr_time_t not_before)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "forget_member");
    kept_member_t *row = member_of(m, corp_id, user_id);

    (void)call;
    if (rv == APR_SUCCESS && row && row->read_at <= not_before) {
        *row = m->members[--m->member_count];
    }
    return rv;
}

static inline apr_status_t fake_want_member(void *self, const dt_call_t *call, const char *corp_id,
                                            const char *user_id, apr_time_t since)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "want_member");
    kept_member_t *row;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    row = member_made(m, corp_id, user_id);
    if (since == 0 || (row->read_at < since && row->due_at == 0)) {
        row->due_at = call->now;
    }
    return APR_SUCCESS;
}

static inline bool is_in(const kept_member_t *row, const char *const *dept_ids)
{
    for (; *dept_ids; dept_ids++) {
        if (row->dept_ids && strstr(row->dept_ids, *dept_ids)) { /* tests have ids of one length */
            return true;
        }
    }
    return false;
}

static inline apr_status_t fake_want_members(void *self, const dt_call_t *call, const char *corp_id,
                                             const char *const *dept_ids)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "want_members");

    for (int i = 0; rv == APR_SUCCESS && i < m->member_count; i++) {
        kept_member_t *row = &m->members[i];
        if (strcmp(row->corp_id, corp_id) == 0 && (!dept_ids || is_in(row, dept_ids))) {
            row->due_at = call->now;
        }
    }
    return rv;
}

static inline apr_status_t fake_take_member(void *self, const dt_call_t *call, const char *corp_id,
                                            apr_time_t until, const char **user_id)
{
    watch_memory_t *m = self;
    apr_status_t rv = fake_asked(&m->base, "take_member");

    *user_id = NULL;
    for (int i = 0; rv == APR_SUCCESS && i < m->member_count && !*user_id; i++) {
        kept_member_t *row = &m->members[i];
        if (strcmp(row->corp_id, corp_id) == 0 && row->due_at && row->due_at <= call->now) {
            row->due_at = until;
            *user_id = row->user_id;
        }
    }
    return rv;
}

static inline watch_memory_t *watch_memory_made(apr_pool_t *pool)
{
    watch_memory_t *m = apr_pcalloc(pool, sizeof(*m));
    dt_memory_t *port = &m->base.port;

    m->base = *fake_memory_made(pool);
    port->plug.self = m;
    port->add_event = fake_add_event;
    port->take_event = fake_take_event;
    port->finish_event = fake_finish_event;
    port->forget_events = fake_forget_events;
    port->store_member = fake_store_member;
    port->load_member = fake_load_member;
    port->forget_member = fake_forget_member;
    port->want_member = fake_want_member;
    port->want_members = fake_want_members;
    port->take_member = fake_take_member;
    return m;
}

/* --- DingTalk --- */

static inline const char *member_reply(world_t *w, const dt_http_request_t *request)
{
    const char *body = apr_pstrmemdup(w->pool, request->body.data, request->body.len);
    const char *user_id = strstr(body, "\"userid\":\"") + strlen("\"userid\":\"");

    user_id = apr_pstrmemdup(w->pool, user_id, strcspn(user_id, "\""));
    return apr_psprintf(w->pool,
                        "{\"errcode\":0,\"result\":{\"userid\":\"%s\",%s\"name\":\"%s\","
                        "\"active\":%s,\"dept_id_list\":[11,12]}}",
                        user_id,
                        w->union_id ? apr_psprintf(w->pool, "\"unionid\":\"%s\",", w->union_id)
                                    : "",
                        w->name, w->active ? "true" : "false");
}

static inline apr_status_t perform(void *self, const dt_call_t *call,
                                   const dt_http_request_t *request, dt_http_response_t *response)
{
    world_t *w = self;
    const bool list = strstr(request->url, "/call_back/get_call_back_failed_result") != NULL;
    const script_t *script = list ? &w->list_says : &w->member_says;
    void (*meanwhile)(world_t * w) = w->meanwhile;
    const char *body = script->body;

    assert_true(list || strstr(request->url, "/topapi/v2/user/get") != NULL);
    w->asked++;
    w->meanwhile = NULL;
    if (meanwhile) {
        meanwhile(w);
    }
    *response = (dt_http_response_t){.trouble = "scripted trouble"};
    if (script->rv != APR_SUCCESS) {
        return script->rv;
    }
    if (script->status == 0) {
        body = list ? apr_psprintf(w->pool, "{\"errcode\":0,\"has_more\":%s,\"failed_list\":[%s]}",
                                   w->has_more ? "true" : "false", w->list)
                    : member_reply(w, request);
    }
    response->status = script->status ? script->status : 200;
    response->body = dt_slice(apr_pstrdup(call->pool, body));
    response->trouble = NULL;
    return APR_SUCCESS;
}

static inline apr_status_t get_token(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                                     const void *baton, const char **token, dt_result_t *result)
{
    (void)self, (void)call, (void)fetch, (void)baton, (void)result;
    *token = "SECRET-at";
    return APR_SUCCESS;
}

static inline void drop_token(void *self, const char *token)
{
    (void)self, (void)token;
}

/* --- what comes of it --- */

static inline void note_end(world_t *w, const char *subject, apr_time_t not_before, bool everywhere)
{
    assert_true(w->ended_count < FAKE_ROWS);
    w->ended[w->ended_count++] = (ended_t){apr_pstrdup(w->pool, subject), not_before, everywhere};
}

static inline void end_here_only(void *self, const dt_call_t *call, const char *subject,
                                 apr_time_t not_before)
{
    (void)call;
    note_end(self, subject, not_before, false);
}

static inline apr_status_t end_everywhere(void *self, const dt_call_t *call, const char *subject,
                                          apr_time_t not_before)
{
    world_t *w = self;

    (void)call;
    if (w->revoker_rv == APR_SUCCESS) {
        note_end(w, subject, not_before, true);
    }
    return w->revoker_rv;
}

static inline void say(void *baton, dt_said_t said, const char *about, const dt_result_t *result)
{
    static const char *const names[] = {
        [DT_SAID_LEFT] = "left",       [DT_SAID_CORP_GONE] = "corp gone",
        [DT_SAID_OUT] = "out",         [DT_SAID_CHANGED] = "changed",
        [DT_SAID_UNSURE] = "unsure",   [DT_SAID_SURE] = "sure",
        [DT_SAID_MISSED] = "missed",   [DT_SAID_LOST] = "lost",
        [DT_SAID_STRANGE] = "strange",
    };
    world_t *w = baton;

    assert_true(w->said_count < FAKE_ROWS);
    w->said[w->said_count++] = apr_pstrcat(w->pool, names[said], about ? " " : "",
                                           about ? about : "", result ? ": " : "",
                                           result ? result->why->name : "", NULL);
}

static inline bool was_said(const world_t *w, const char *what)
{
    for (int i = 0; i < w->said_count; i++) {
        if (strcmp(w->said[i], what) == 0) {
            return true;
        }
    }
    return false;
}

/* How often, and up to when at last (or NULL), sessions of subject were ended. */
static inline int ends_of(const world_t *w, const char *subject, bool everywhere,
                          apr_time_t *not_before)
{
    int count = 0;

    for (int i = 0; i < w->ended_count; i++) {
        if (strcmp(w->ended[i].subject, subject) == 0 && w->ended[i].everywhere == everywhere) {
            count++;
            if (not_before) {
                *not_before = w->ended[i].not_before;
            }
        }
    }
    return count;
}

static inline kept_member_t *kept(world_t *w, const char *user_id)
{
    return member_of(w->memory, CORP, user_id);
}

/* --- the world --- */

static inline int world_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *w = apr_pcalloc(pool, sizeof(*w));

    w->pool = pool;
    w->call = (dt_call_t){.pool = pool, .now = NOW};
    w->app = (dt_app_t){.client_id = "dingclient",
                        .client_secret = "SECRET-cs",
                        .corp_id = CORP,
                        .api_url = "https://api.example",
                        .oapi_url = "https://oapi.example"};
    w->http = (dt_http_t){{"fake", w, NULL}, perform};
    w->tokens = (dt_tokens_t){{"fake", w, NULL}, get_token, drop_token};
    w->client = (dt_client_t){.app = &w->app, .http = &w->http, .tokens = &w->tokens};
    w->revoker = (dt_revoker_t){{"fake", w, NULL}, end_here_only, end_everywhere};
    w->memory = watch_memory_made(pool);
    w->watch =
        (dt_watch_t){&w->client, &w->memory->base.port, &w->revoker, 15 * MINUTE, DAY, say, w};
    w->name = "Zhang";
    w->active = true;
    w->list = "";
    *state = w;
    return 0;
}

static inline int world_tear_down(void **state)
{
    const world_t *w = *state;

    pool_gone(w->pool);
    return 0;
}

/* The memory fails in one function from now on; NULL: in none. */
static inline void break_memory(world_t *w, const char *function)
{
    w->memory->base.trouble = function ? APR_EGENERAL : APR_SUCCESS;
    w->memory->base.trouble_in = function;
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

#endif
