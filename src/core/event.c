/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's pushes: who sent them, and what they mean to us. */
#include "core/event.h"

#include "core/bytes.h"
#include "core/digest.h"
#include "core/envelope.h"
#include "core/json.h"
#include "core/record.h"
#include "core/url.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define TYPE_SHOWN 64 /* bytes of a type in a log line */
#define NONCE 8       /* bytes of an answer's nonce, before hex */

/* --- the subscription --- */

apr_status_t dt_event_aes_key(dt_slice_t text, unsigned char key[32])
{
    unsigned char padded[DT_EVENT_AES_KEY + 1];
    unsigned char bytes[sizeof(padded) / 4 * 3];

    if (text.len != DT_EVENT_AES_KEY) {
        return APR_EINVAL;
    }
    for (apr_size_t i = 0; i < text.len; i++) {
        if (!apr_isalnum(text.data[i])) {
            return APR_EINVAL;
        }
    }
    memcpy(padded, text.data, text.len);
    padded[text.len] = '=';
    if (EVP_DecodeBlock(bytes, padded, (int)sizeof(padded)) < 0) {
        return APR_EINVAL;
    }
    memcpy(key, bytes, DT_ENVELOPE_KEY);
    OPENSSL_cleanse(padded, sizeof(padded));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return APR_SUCCESS;
}

/* --- opening --- */

/* What a push consists of. */
typedef struct push_t {
    const char *signature;
    const char *timestamp;
    const char *nonce;
    const char *envelope;
} push_t;

/* Everything from the query; false when something is missing, malformed, or there twice. */
static bool read_query(apr_pool_t *pool, dt_slice_t query, push_t *push)
{
    enum { MSG_SIGNATURE, SIGNATURE, TIMESTAMP, TIME_STAMP, NONCE_FIELD, END };
    dt_field_t fields[] = {
        [MSG_SIGNATURE] = {"msg_signature", NULL}, [SIGNATURE] = {"signature", NULL},
        [TIMESTAMP] = {"timestamp", NULL},         [TIME_STAMP] = {"timeStamp", NULL},
        [NONCE_FIELD] = {"nonce", NULL},           [END] = {NULL, NULL},
    };

    if (dt_url_fields(pool, query, fields) != APR_SUCCESS) {
        return false;
    }
    push->signature = fields[MSG_SIGNATURE].value ? fields[MSG_SIGNATURE].value
                                                  : fields[SIGNATURE].value;
    push->timestamp = fields[TIMESTAMP].value ? fields[TIMESTAMP].value : fields[TIME_STAMP].value;
    push->nonce = fields[NONCE_FIELD].value;
    return push->signature && push->timestamp && push->nonce;
}

static bool read_body(apr_pool_t *pool, dt_slice_t body, push_t *push)
{
    json_t *object = body.len <= DT_EVENT_BODY_MAX ? dt_json_parse(body) : NULL;

    push->envelope = dt_json_text(pool, object, "encrypt");
    json_decref(object);
    return push->envelope != NULL;
}

static bool is_signed(apr_pool_t *pool, const char *token, const push_t *push)
{
    const char *signature =
        dt_envelope_sign(pool, token, push->timestamp, push->nonce, push->envelope);

    return signature && dt_secret_equal(dt_slice(push->signature), dt_slice(signature));
}

/* The owner key as it is configured, or NULL when it is that of somebody else. */
static const char *find_owner(const dt_subscription_t *subscription, dt_slice_t owner)
{
    if (owner.len == 0) {
        return NULL; /* not even where no corp is configured */
    }
    if (dt_slice_equal(owner, dt_slice(subscription->client_id))) {
        return subscription->client_id;
    }
    return dt_slice_equal(owner, dt_slice(subscription->corp_id)) ? subscription->corp_id : NULL;
}

dt_push_t dt_event_open(const dt_subscription_t *subscription, const dt_call_t *call,
                        dt_slice_t query, dt_slice_t body, dt_slice_t *text, const char **owner,
                        const char **detail)
{
    push_t push;
    dt_slice_t message, sender;

    if (!read_query(call->pool, query, &push)) {
        *detail = "its query lacks signature, timestamp or nonce, or has one of them twice";
        return DT_PUSH_MALFORMED;
    }
    if (!read_body(call->pool, body, &push)) {
        *detail = "its body is no JSON object with a text \"encrypt\"";
        return DT_PUSH_MALFORMED;
    }
    /* Nothing is decrypted for who does not know the token: that would be an oracle. */
    if (!is_signed(call->pool, subscription->token, &push)) {
        *detail = "its signature was not made with our token";
        return DT_PUSH_FORGED;
    }
    *detail =
        dt_envelope_unpack(call->pool, subscription->aes_key, push.envelope, &message, &sender);
    if (*detail) {
        return DT_PUSH_FORGED;
    }
    *owner = find_owner(subscription, sender);
    if (!*owner) {
        *detail = "it is for another app or organisation";
        return DT_PUSH_FORGED;
    }
    if (memchr(message.data, '\0', message.len)) {
        *detail = "its message holds a NUL";
        return DT_PUSH_MALFORMED;
    }
    *text = (dt_slice_t){apr_pstrmemdup(call->pool, message.data, message.len), message.len};
    return DT_PUSH_GENUINE;
}

/* --- answering --- */

apr_status_t dt_event_answer(const dt_subscription_t *subscription, const dt_call_t *call,
                             const char *owner, const char **json)
{
    const char *timestamp =
        apr_psprintf(call->pool, "%" APR_TIME_T_FMT, apr_time_as_msec(call->now));
    unsigned char random[DT_ENVELOPE_RANDOM];
    unsigned char nonce[NONCE];
    const char *hex, *envelope, *signature;

    if (dt_random(random, sizeof(random)) != APR_SUCCESS ||
        dt_random(nonce, sizeof(nonce)) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    hex = dt_hex(call->pool, nonce, sizeof(nonce));
    envelope = dt_envelope_pack(call->pool, subscription->aes_key, random, DT_SLICE("success"),
                                dt_slice(owner));
    if (!envelope) {
        return APR_EGENERAL;
    }
    signature = dt_envelope_sign(call->pool, subscription->token, timestamp, hex, envelope);
    if (!signature) {
        return APR_EGENERAL;
    }
    /* None of them needs an escape. */
    *json = apr_psprintf(call->pool,
                         "{\"msg_signature\":\"%s\",\"timeStamp\":\"%s\",\"nonce\":\"%s\","
                         "\"encrypt\":\"%s\"}",
                         signature, timestamp, hex, envelope);
    return APR_SUCCESS;
}

/* --- what events there are --- */

#define CHECK "check_url"

/* Source: the same documentation, "Address book events". */
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
