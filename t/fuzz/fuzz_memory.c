/* SPDX-License-Identifier: Apache-2.0 */
/* What the database has, should somebody else have written there: the first byte says which.
 * 0: a member record; 1: eight bytes of time, and the subject of a revocation; 2: the value of a
 * limit; 3: the note about the list of failed pushes. */
#include "core/bytes.h"
#include "core/limit.h"
#include "core/member.h"
#include "core/revoke.h"
#include "core/watch.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NOW apr_time_from_sec(1700000000)
#define LONGEST apr_time_from_sec(8 * 3600)
#define HOUR apr_time_from_sec(3600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* --- members --- */

/* What was read is remembered as the same. */
static void check_member(apr_pool_t *pool, const char *text)
{
    dt_member_t member;
    dt_member_t again;
    const char *written;

    if (dt_member_read(pool, text, &member) != APR_SUCCESS) {
        return;
    }
    must(member.user_id && *member.user_id);
    written = dt_member_text(pool, &member);
    must(dt_member_read(pool, written, &again) == APR_SUCCESS);
    must(strcmp(dt_member_text(pool, &again), written) == 0);
    must(again.active == member.active && again.disabled == member.disabled);
}

/* --- revocations --- */

/* The subject of a text is that of what it says. */
static void check_named(apr_pool_t *pool, const dt_revoke_t *table, const char *text,
                        dt_subject_t subject)
{
    const char *rest = strchr(text, ':') + 1;
    const char *colon = strchr(rest, ':');
    const dt_slice_t id = dt_slice(colon ? colon + 1 : NULL);
    dt_subject_t corp;

    if (strncmp(text, "session:", 8) == 0) {
        must(strlen(rest) == 2 * DT_SESSION_ID);
        return;
    }
    corp = dt_subject_corp(table,
                           (dt_slice_t){rest, colon ? (apr_size_t)(colon - rest) : strlen(rest)});
    if (!colon) {
        must(strcmp(text, dt_subject_corp_text(pool, rest)) == 0 && subject == corp);
    }
    else {
        must(id.len > 0 && (subject == dt_subject_person(table, corp, id) ||
                            subject == dt_subject_account(table, corp, id) ||
                            subject == dt_subject_changed(table, corp, id)));
    }
}

static void check_revocation(apr_pool_t *pool, const char *text, apr_time_t not_before)
{
    /* Mapped, as httpd does it: a page that nothing is in costs nothing. */
    void *memory =
        mmap(NULL, dt_revoke_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    dt_revoke_t *table;
    dt_subject_t subject;

    must(memory != MAP_FAILED);
    must(dt_revoke_create(memory, LONGEST, NOW, &table) == APR_SUCCESS);
    if (dt_subject_read(table, text, &subject) == APR_SUCCESS) {
        const dt_revoke_added_t added = dt_revoke_add(table, subject, not_before, NOW);

        check_named(pool, table, text, subject);
        must(added != DT_REVOKE_COARSER);
        must(added != DT_REVOKE_NEW || not_before > NOW + DT_SESSION_AHEAD ||
             dt_revoke_covers(table, subject, not_before));
        must(added != DT_REVOKE_KNOWN || not_before <= NOW - LONGEST);
        /* One wrong clock locks nobody out for longer than it takes to sign in again. */
        must(!dt_revoke_covers(table, subject, NOW + DT_SESSION_AHEAD + apr_time_from_sec(1)));
        must(dt_revoke_add(table, subject, not_before, NOW) == DT_REVOKE_KNOWN);
    }
    must(munmap(memory, dt_revoke_size()) == 0);
}

/* --- what is kept under a subject --- */

typedef struct kept_t {
    const char *value;
    int stored;
    int fetched;
    bool lost;
} kept_t;

static apr_status_t load(void *self, const dt_call_t *call, const char *subject, const char **value,
                         apr_int64_t *version)
{
    kept_t *kept = self;

    must(*subject != '\0');
    *value = kept->value;
    *version = kept->stored;
    return APR_SUCCESS;
}

static apr_status_t store(void *self, const dt_call_t *call, const char *subject, const char *value,
                          apr_int64_t version, apr_time_t expires_at)
{
    kept_t *kept = self;

    must(version == kept->stored && expires_at > NOW && strlen(value) <= DT_LIMIT_COUNT_MAX * 21);
    kept->value = value;
    kept->stored++;
    return APR_SUCCESS;
}

/* However often was taken, nobody waits longer than a window, and no more is taken than fits. */
static void check_limit(const dt_call_t *call, const char *value)
{
    static const dt_limit_t limits[] = {{3, HOUR / 60}, {5, HOUR}, {0, 0}};
    kept_t kept = {.value = value};
    const dt_memory_t memory = {.plug = {"fuzz", &kept, NULL},
                                .load_limit = load,
                                .store_limit = store};
    apr_interval_time_t retry_in;
    bool allowed = true;
    int taken = 0;

    while (allowed) {
        if (dt_limit_take(&memory, call, "phone:+1", limits, &allowed, &retry_in) != APR_SUCCESS) {
            must(!allowed && taken == 0);
            return;
        }
        taken += allowed;
        must(taken <= 3 && taken == kept.stored);
        must(allowed ? retry_in == 0 : retry_in >= apr_time_from_sec(1) && retry_in <= HOUR);
    }
}

/* --- the list of failed pushes --- */

static apr_status_t perform(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    static const char none[] = "{\"errcode\":0,\"has_more\":false,\"failed_list\":[]}";
    kept_t *kept = self;

    must(kept->stored == 1 && strncmp(kept->value, "fetching ", 9) == 0);
    kept->fetched++;
    *response = (dt_http_response_t){200, DT_SLICE(none), NULL, false, 0};
    return APR_SUCCESS;
}

static apr_status_t get_token(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                              const void *baton, const char **token, dt_result_t *result)
{
    *token = "token";
    return APR_SUCCESS;
}

static apr_status_t want_members(void *self, const dt_call_t *call, const char *corp_id,
                                 const char *const *dept_ids)
{
    ((kept_t *)self)->lost = true;
    return APR_SUCCESS;
}

static void say(void *baton, dt_said_t said, const char *about, const dt_result_t *result)
{
    must(said == DT_SAID_SURE || said == DT_SAID_LOST);
}

static void check_missed(const dt_call_t *call, const char *value)
{
    kept_t kept = {.value = value};
    const dt_app_t app = {"client", "secret", "corp", "https://a", "https://b", "https://c"};
    const dt_http_t http = {{"fuzz", &kept, NULL}, perform};
    const dt_tokens_t tokens = {{"fuzz", &kept, NULL}, get_token, NULL};
    const dt_memory_t memory = {.plug = {"fuzz", &kept, NULL},
                                .load_limit = load,
                                .store_limit = store,
                                .want_members = want_members};
    const dt_client_t client = {&app, &http, &tokens, NULL};
    const dt_watch_t watch = {
        .client = &client, .memory = &memory, .longest = LONGEST, .say = say, .baton = &kept};
    bool more;

    must(dt_watch_missed(&watch, call, &more) == APR_SUCCESS && !more);
    must(kept.fetched <= 1 && kept.stored == 2 * kept.fetched);
    must(!kept.lost || strncmp(value, "fetching ", 9) == 0);
    if (kept.fetched) {
        must(strcmp(kept.value, "kept 1700000000000") == 0);
    }
    else {
        must(strncmp(value, "fetching ", 9) == 0 || strncmp(value, "kept ", 5) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_call_t call = {.now = NOW, .host = "a.example"};
    apr_time_t time = 0;
    const char *text;

    if (size < 1) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    text = apr_pstrmemdup(call.pool, (const char *)data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        check_member(call.pool, text);
        break;
    case 1:
        if (size > 1 + sizeof(time)) {
            memcpy(&time, data + 1, sizeof(time));
            text = apr_pstrmemdup(call.pool, (const char *)data + 9, size - 9);
            check_revocation(call.pool, text, time);
        }
        break;
    case 2:
        check_limit(&call, text);
        break;
    default:
        check_missed(&call, text);
        break;
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
