/* SPDX-License-Identifier: Apache-2.0 */
/* Events: whatever a genuine push or an entry of the list of failed pushes says. */
#include "core/bytes.h"
#include "core/event.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void must_be_id(const char *id)
{
    must(*id && strlen(id) <= 256);
    for (; *id; id++) {
        must((unsigned char)*id >= 0x20 && *id != 0x7f);
    }
}

/* Only effects on somebody have ids, and each once. */
static void check_ids(apr_pool_t *pool, const dt_event_t *event)
{
    apr_hash_t *seen = apr_hash_make(pool);

    for (const char *const *id = event->ids; *id; id++) {
        must(event->effect == DT_EFFECT_LEFT || event->effect == DT_EFFECT_MEMBERS ||
             event->effect == DT_EFFECT_DEPARTMENTS);
        must_be_id(*id);
        must(!apr_hash_get(seen, *id, APR_HASH_KEY_STRING));
        apr_hash_set(seen, *id, APR_HASH_KEY_STRING, *id);
    }
}

static void check_event(apr_pool_t *pool, const dt_event_t *event)
{
    must(strlen(event->type) <= 64);
    for (const char *c = event->type; *c; c++) {
        must(*c >= 0x20 && *c < 0x7f);
    }
    must(event->number >= 0 && event->number < DT_EVENT_TYPES);
    must(event->effect == DT_EFFECT_NONE || event->number < DT_EVENT_TYPES - 1);
    must(!dt_event_is_check(event) || event->effect == DT_EFFECT_NONE);
    must(event->time >= 0);
    must(strspn(event->key, "0123456789abcdef") == DT_EVENT_KEY && !event->key[DT_EVENT_KEY]);
    if (event->corp_id) {
        must_be_id(event->corp_id);
    }
    check_ids(pool, event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const dt_slice_t text = {(const char *)data, size};
    dt_call_t call = {.now = apr_time_from_sec(1700000000), .host = "a.example"};
    dt_event_t event, again;
    apr_status_t rv;

    apr_initialize();
    apr_pool_create(&call.pool, NULL);
    rv = dt_event_read(&call, text, &event);
    must(rv == APR_SUCCESS || rv == APR_EINVAL);
    if (rv == APR_SUCCESS) {
        check_event(call.pool, &event);
        must(dt_event_read(&call, text, &again) == APR_SUCCESS);
        must(strcmp(event.key, again.key) == 0);
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return 0;
}
