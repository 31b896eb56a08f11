/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's events, in all their spellings. */
#include "core/event.h"

#include "core/bytes.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/record.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

#define TYPE_SHOWN 64 /* bytes of a type in a log line */

/* --- what events there are --- */

#define CHECK "check_url"

/* Source: DingTalk's open platform documentation, "Address book events". */
#define EVENTS(EVENT)                     \
    EVENT("user_add_org", NONE)           \
    EVENT("user_modify_org", MEMBERS)     \
    EVENT("user_leave_org", LEFT)         \
    EVENT("user_active_org", NONE)        \
    EVENT("org_admin_add", MEMBERS)       \
    EVENT("org_admin_remove", MEMBERS)    \
    EVENT("org_dept_create", DEPARTMENTS) \
    EVENT("org_dept_modify", DEPARTMENTS) \
    EVENT("org_dept_remove", DEPARTMENTS) \
    EVENT("org_change", NONE)             \
    EVENT("org_remove", CORP)             \
    EVENT("label_user_change", MEMBERS)   \
    EVENT("label_conf_add", NONE)         \
    EVENT("label_conf_modify", NONE)      \
    EVENT("label_conf_del", NONE)         \
    EVENT(CHECK, NONE)                    \
    EVENT("other", NONE)

#define NAME(name, effect) name,
const char *const dt_event_types[] = {EVENTS(NAME) NULL};
#undef NAME

#define EFFECT(name, effect) DT_EFFECT_##effect,
static const dt_effect_t effects[DT_EVENT_TYPES] = {EVENTS(EFFECT)};
#undef EFFECT

_Static_assert(sizeof(dt_event_types) / sizeof(dt_event_types[0]) == DT_EVENT_TYPES + 1,
               "event.h says how many there are");

/* The members that hold the ids of an effect. */
static const char *const id_members[DT_EFFECTS][3] = {
    [DT_EFFECT_NONE] = {NULL},
    [DT_EFFECT_LEFT] = {"userId", "userIdList", NULL},
    [DT_EFFECT_CORP] = {NULL},
    [DT_EFFECT_MEMBERS] = {"userId", "userIdList", NULL},
    [DT_EFFECT_DEPARTMENTS] = {"deptId", "deptIdList", NULL},
};

static int number_of(const char *type)
{
    int number = 0;

    if (strcmp(type, "check_create_suite_url") == 0 ||
        strcmp(type, "check_update_suite_url") == 0) {
        type = CHECK;
    }
    while (number < DT_EVENT_TYPES - 1 && strcmp(type, dt_event_types[number]) != 0) {
        number++;
    }
    return number;
}

bool dt_event_is_check(const dt_event_t *event)
{
    return strcmp(dt_event_types[event->number], CHECK) == 0;
}

/* --- reading --- */

/* Where the members of an event are. */
typedef struct members_t {
    json_t *object;
    json_t *inner; /* in an entry of the list of failed pushes; or NULL */
} members_t;

static json_t *find(const members_t *members, const char *name)
{
    json_t *value = dt_json_get(members->object, name);

    return value ? value : dt_json_get(members->inner, name);
}

/* Seconds or milliseconds, which cannot be taken for one another between 1973 and 5138. */
static apr_time_t read_time(const members_t *members)
{
    static const char *const names[] = {"EventTime", "event_time", "timeStamp", NULL};
    apr_int64_t time = 0;

    for (const char *const *name = names; *name && time <= 0; name++) {
        time = dt_json_number(members->object, *name, 0);
        time = time > 0 ? time : dt_json_number(members->inner, *name, 0);
    }
    if (time > 0 && time < APR_INT64_C(100000000000)) {
        time *= 1000;
    }
    return time > 0 && time <= DT_RECORD_TIME_MAX / 1000 ? apr_time_from_msec(time) : 0;
}

/* Adds an id once. */
static void add_id(apr_pool_t *pool, apr_array_header_t *ids, apr_hash_t *seen, const json_t *value)
{
    const char *id = dt_json_id(pool, value);

    if (id && !apr_hash_get(seen, id, APR_HASH_KEY_STRING)) {
        apr_hash_set(seen, id, APR_HASH_KEY_STRING, id);
        APR_ARRAY_PUSH(ids, const char *) = id;
    }
}

/* Those of the first member that is there: a list of ids, or one that stands alone. */
static const char *const *read_ids(apr_pool_t *pool, const members_t *members,
                                   const char *const *names)
{
    apr_array_header_t *ids = apr_array_make(pool, 8, sizeof(const char *));
    apr_hash_t *seen = apr_hash_make(pool);
    json_t *value = NULL;
    json_t *element;
    apr_size_t i;

    for (; *names && !value; names++) {
        value = find(members, *names);
    }
    json_array_foreach(value, i, element) {
        add_id(pool, ids, seen, element);
    }
    add_id(pool, ids, seen, value);
    APR_ARRAY_PUSH(ids, const char *) = NULL;
    return (const char *const *)ids->elts;
}

static apr_status_t read_key(apr_pool_t *pool, const members_t *members, dt_slice_t text,
                             dt_event_t *event)
{
    const char *id = dt_json_id(pool, find(members, "eventId"));
    const char *hash = dt_sha256_hex(pool, id ? dt_slice(id) : text);

    if (!hash) {
        return APR_EGENERAL;
    }
    memcpy(event->key, hash, sizeof(event->key));
    return APR_SUCCESS;
}

apr_status_t dt_event_read(const dt_call_t *call, dt_slice_t text, dt_event_t *event)
{
    members_t members = {dt_json_parse(text), NULL};
    const char *type;
    apr_status_t rv;

    if (!members.object) {
        return APR_EINVAL;
    }
    type = dt_json_text(call->pool, members.object, "EventType");
    if (!type) {
        type = dt_json_text(call->pool, members.object, "call_back_tag");
    }
    type = type ? type : "";
    members.inner = dt_json_get(members.object, type);
    event->type = dt_loggable(call->pool, dt_slice(type), TYPE_SHOWN);
    event->number = number_of(type);
    event->effect = effects[event->number];
    event->corp_id = dt_json_id(call->pool, find(&members, "CorpId"));
    event->time = read_time(&members);
    event->ids = read_ids(call->pool, &members, id_members[event->effect]);
    rv = read_key(call->pool, &members, text, event);
    json_decref(members.object);
    return rv;
}
