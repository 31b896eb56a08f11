/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation table: whose sessions are dead although their lifetimes are not over. */
#include "core/revoke.h"

#include "core/bytes.h"
#include "core/hash.h"

#include <apr_strings.h>
#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/*
 * A subject's hash says in which bucket it is, by its low bits, and which tag it has there, by its
 * high ones. Everything that changes is one 64-bit word, replaced in one step, so that nobody ever
 * reads half of something. The word of a slot is the tag of a subject and its revocation's time:
 *
 *     tag (24 bits) | time, milliseconds since the table's base (40 bits: 34 years)
 *
 * or 0 while nobody has used it; slots are used from the first one on and never become 0 again. A
 * slot whose time is longer ago than any session lives is free. When none is, the oldest gives way,
 * after the bucket's floor has been raised to its time: who reads the slots first and the floor
 * after them misses nothing.
 */
#define TIME_BITS 40
#define TIME_MAX ((APR_UINT64_C(1) << TIME_BITS) - 1)
#define BUCKETS (1 << 17)
#define SLOTS 7

/* Whatever is alive began after the base, even if the clock was years ahead when it was set; and as
 * long before the end of the table's time, if the clock was years behind. */
#define SET_BACK ((apr_int64_t)(TIME_MAX / 2))

typedef _Atomic(apr_uint64_t) word_t;

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a word must be read and written without a lock");

/* One cache line. */
typedef struct bucket_t {
    word_t floor; /* a time: whatever began at or before it is dead */
    word_t slots[SLOTS];
} bucket_t;

struct dt_revoke_t {
    word_t newest;    /* a time: whatever began after it is alive */
    word_t longest;   /* life of a session, in milliseconds */
    apr_int64_t base; /* milliseconds since 1970 */
    dt_hash_t hash;
    apr_uint64_t unused[2];
    bucket_t buckets[BUCKETS];
};

static_assert(offsetof(dt_revoke_t, buckets) % sizeof(bucket_t) == 0, "a bucket is one line");

/* What an id is of: hashed with it. */
enum { OF_CORP = 1, OF_PERSON, OF_ACCOUNT, OF_CHANGED };

apr_size_t dt_revoke_size(void)
{
    return sizeof(dt_revoke_t);
}

/* --- one word --- */

static apr_uint64_t read_word(const word_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* Everything that was written before is seen by whoever sees this. False: somebody was faster. */
static bool replace_word(word_t *word, apr_uint64_t old, apr_uint64_t new)
{
    return atomic_compare_exchange_strong_explicit(word, &old, new, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

static void raise_word(word_t *word, apr_uint64_t value)
{
    apr_uint64_t old = read_word(word);

    while (old < value && !replace_word(word, old, value)) {
        old = read_word(word);
    }
}

/* --- times --- */

/* As the table writes it. What is before the table's time is 0, which is also before any slot's. */
static apr_uint64_t table_time(const dt_revoke_t *table, apr_time_t time)
{
    const apr_int64_t since = apr_time_as_msec(time) - table->base;

    if (since < 0) {
        return 0;
    }
    return (apr_uint64_t)since < TIME_MAX ? (apr_uint64_t)since : TIME_MAX;
}

/* A lifetime that is longer than the table's time is no longer than that. */
void dt_revoke_stretch(dt_revoke_t *table, apr_interval_time_t longest)
{
    const apr_uint64_t span = longest > 0 ? (apr_uint64_t)apr_time_as_msec(longest) + 1 : 1;

    raise_word(&table->longest, span < TIME_MAX ? span : TIME_MAX);
}

apr_status_t dt_revoke_create(void *memory, apr_interval_time_t longest, apr_time_t now,
                              dt_revoke_t **table)
{
    dt_revoke_t *made = memory;
    const apr_status_t rv = dt_hash_create(&made->hash);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    dt_revoke_stretch(made, longest);
    made->base = apr_time_as_msec(now) - (apr_int64_t)made->longest - SET_BACK;
    *table = made;
    return APR_SUCCESS;
}

/* --- subjects --- */

static dt_subject_t subject_of_slice(const dt_revoke_t *table, unsigned kind, dt_subject_t corp,
                                     dt_slice_t id)
{
    return dt_hash_bytes(&table->hash, kind, corp, id.data, id.len);
}

static_assert(sizeof(dt_subject_t) == DT_SESSION_ID, "a session's id is its subject");

/* An id is random, and nobody can choose it: it is as good as any hash of it. */
dt_subject_t dt_subject_session(const dt_revoke_t *table, const unsigned char id[DT_SESSION_ID])
{
    dt_subject_t subject;

    memcpy(&subject, id, sizeof(subject));
    return subject ^ table->hash.seed;
}

dt_subject_t dt_subject_corp(const dt_revoke_t *table, dt_slice_t corp_id)
{
    return subject_of_slice(table, OF_CORP, 0, corp_id);
}

dt_subject_t dt_subject_person(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t user_id)
{
    return subject_of_slice(table, OF_PERSON, corp, user_id);
}

dt_subject_t dt_subject_account(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t key)
{
    return subject_of_slice(table, OF_ACCOUNT, corp, key);
}

dt_subject_t dt_subject_changed(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t user_id)
{
    return subject_of_slice(table, OF_CHANGED, corp, user_id);
}

/* --- their texts --- */

#define SESSION_TEXT "session:"
#define CORP_TEXT "corp:"
#define PERSON_TEXT "person:"
#define ACCOUNT_TEXT "account:"
#define CHANGED_TEXT "changed:"

const char *dt_subject_session_text(apr_pool_t *pool, const unsigned char id[DT_SESSION_ID])
{
    return apr_pstrcat(pool, SESSION_TEXT, dt_hex(pool, id, DT_SESSION_ID), NULL);
}

const char *dt_subject_corp_text(apr_pool_t *pool, const char *corp_id)
{
    return apr_pstrcat(pool, CORP_TEXT, corp_id, NULL);
}

const char *dt_subject_person_text(apr_pool_t *pool, const char *corp_id, const char *user_id)
{
    return apr_pstrcat(pool, PERSON_TEXT, corp_id, ":", user_id, NULL);
}

const char *dt_subject_account_text(apr_pool_t *pool, const char *corp_id, const char *key)
{
    return apr_pstrcat(pool, ACCOUNT_TEXT, corp_id, ":", key, NULL);
}

const char *dt_subject_changed_text(apr_pool_t *pool, const char *corp_id, const char *user_id)
{
    return apr_pstrcat(pool, CHANGED_TEXT, corp_id, ":", user_id, NULL);
}

/* What follows prefix in text, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
    const size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static apr_status_t read_session(const dt_revoke_t *table, const char *hex, dt_subject_t *subject)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char id[DT_SESSION_ID] = {0};

    if (strlen(hex) != 2 * sizeof(id) || strspn(hex, digits) != 2 * sizeof(id)) {
        return APR_EINVAL;
    }
    for (size_t i = 0; i < 2 * sizeof(id); i++) {
        id[i / 2] = (unsigned char)(id[i / 2] << 4 | (strchr(digits, hex[i]) - digits));
    }
    *subject = dt_subject_session(table, id);
    return APR_SUCCESS;
}

static apr_status_t read_corp(const dt_revoke_t *table, const char *corp, dt_subject_t *subject)
{
    if (*corp == '\0' || strchr(corp, ':')) {
        return APR_EINVAL;
    }
    *subject = dt_subject_corp(table, dt_slice(corp));
    return APR_SUCCESS;
}

/* "CORP:ID" */
static apr_status_t read_of_corp(const dt_revoke_t *table, unsigned kind, const char *text,
                                 dt_subject_t *subject)
{
    const char *colon = strchr(text, ':');
    dt_subject_t corp;

    if (!colon || colon == text || colon[1] == '\0') {
        return APR_EINVAL;
    }
    corp = dt_subject_corp(table, (dt_slice_t){text, (apr_size_t)(colon - text)});
    *subject = subject_of_slice(table, kind, corp, dt_slice(colon + 1));
    return APR_SUCCESS;
}

apr_status_t dt_subject_read(const dt_revoke_t *table, const char *text, dt_subject_t *subject)
{
    const char *rest;

    if ((rest = behind(text, SESSION_TEXT))) {
        return read_session(table, rest, subject);
    }
    if ((rest = behind(text, PERSON_TEXT))) {
        return read_of_corp(table, OF_PERSON, rest, subject);
    }
    if ((rest = behind(text, ACCOUNT_TEXT))) {
        return read_of_corp(table, OF_ACCOUNT, rest, subject);
    }
    if ((rest = behind(text, CHANGED_TEXT))) {
        return read_of_corp(table, OF_CHANGED, rest, subject);
    }
    if ((rest = behind(text, CORP_TEXT))) {
        return read_corp(table, rest, subject);
    }
    return APR_EINVAL;
}

/* --- writing --- */

/* Where a time is in a word, there are zeros. */
static apr_uint64_t tag_of(dt_subject_t subject)
{
    return subject & ~TIME_MAX;
}

static apr_uint64_t time_of(apr_uint64_t word)
{
    return word & TIME_MAX;
}

static apr_size_t index_of(dt_subject_t subject)
{
    return subject & (BUCKETS - 1);
}

/* What to do with a new revocation in a bucket. */
typedef struct place_t {
    word_t *slot;
    apr_uint64_t word; /* that was in it */
    bool known;        /* the subject's own; else unused or free, or else the oldest */
} place_t;

static place_t find_place(bucket_t *bucket, apr_uint64_t tag)
{
    place_t place = {&bucket->slots[0], read_word(&bucket->slots[0]), false};

    for (int i = 0; i < SLOTS; i++) {
        const apr_uint64_t word = read_word(&bucket->slots[i]);

        if (word != 0 && tag_of(word) == tag) {
            return (place_t){&bucket->slots[i], word, true};
        }
        if (time_of(word) < time_of(place.word)) { /* 0 is the oldest */
            place = (place_t){&bucket->slots[i], word, false};
        }
        if (word == 0) {
            break;
        }
    }
    return place;
}

dt_revoke_added_t dt_revoke_add(dt_revoke_t *table, dt_subject_t subject, apr_time_t not_before,
                                apr_time_t now)
{
    const apr_uint64_t latest = table_time(table, now + DT_SESSION_AHEAD);
    const apr_uint64_t present = table_time(table, now);
    const apr_uint64_t longest = read_word(&table->longest);
    const apr_uint64_t tag = tag_of(subject);
    bucket_t *bucket = &table->buckets[index_of(subject)];
    apr_uint64_t time = table_time(table, not_before);

    time = time < latest ? time : latest;
    if (time == 0 || time + longest <= present) {
        return DT_REVOKE_KNOWN;
    }
    raise_word(&table->newest, time);
    for (;;) { /* until nobody else has changed the slot meanwhile; then they got on */
        const place_t place = find_place(bucket, tag);
        const apr_uint64_t held = time_of(place.word);
        const bool evict = !place.known && held + longest > present && place.word != 0;

        if (place.known && held >= time) {
            return DT_REVOKE_KNOWN;
        }
        if (evict) {
            raise_word(&bucket->floor, held);
        }
        if (replace_word(place.slot, place.word, tag | time)) {
            return evict ? DT_REVOKE_COARSER : DT_REVOKE_NEW;
        }
    }
}

/* --- reading --- */

/* Inline: a request asks four times, and calls cost as much as the work. */
static inline bool is_revoked(const dt_revoke_t *table, dt_subject_t subject, apr_uint64_t began)
{
    const bucket_t *bucket = &table->buckets[index_of(subject)];
    const apr_uint64_t first = tag_of(subject) | began; /* of the words that revoke it */
    const apr_uint64_t more = TIME_MAX - began;

    for (int i = 0; i < SLOTS; i++) {
        const apr_uint64_t word = read_word(&bucket->slots[i]);

        if (word == 0) {
            break;
        }
        if (word - first <= more) {
            return true;
        }
    }
    return read_word(&bucket->floor) >= began;
}

/* A function of its own, and nothing to set up for whoever began after the newest revocation. */
__attribute__((noinline)) static bool is_any_revoked(const dt_revoke_t *table, dt_subject_t corp,
                                                     const dt_session_t *session,
                                                     dt_slice_t account, apr_uint64_t began)
{
    return is_revoked(table, dt_subject_session(table, session->id), began) ||
           is_revoked(table, dt_subject_person(table, corp, session->user_id), began) ||
           (account.len > 0 &&
            is_revoked(table, dt_subject_account(table, corp, account), began)) ||
           is_revoked(table, corp, began);
}

bool dt_revoke_is_dead(const dt_revoke_t *table, dt_subject_t corp, const dt_session_t *session,
                       dt_slice_t account)
{
    const apr_uint64_t began = table_time(table, session->began);

    return read_word(&table->newest) >= began &&
           is_any_revoked(table, corp, session, account, began);
}

bool dt_revoke_covers(const dt_revoke_t *table, dt_subject_t subject, apr_time_t time)
{
    return is_revoked(table, subject, table_time(table, time));
}

apr_size_t dt_revoke_count(const dt_revoke_t *table, apr_time_t now)
{
    const apr_uint64_t present = table_time(table, now);
    const apr_uint64_t longest = read_word(&table->longest);
    apr_size_t count = 0;

    for (apr_size_t i = 0; i < BUCKETS; i++) {
        for (int k = 0; k < SLOTS; k++) {
            const apr_uint64_t word = read_word(&table->buckets[i].slots[k]);

            count += word != 0 && time_of(word) + longest > present;
        }
    }
    return count;
}
