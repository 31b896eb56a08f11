/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/session: what is saved is loaded, and nothing else. */
#include "core/bytes.h"
#include "core/opened.h"
#include "core/record.h"
#include "core/session.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW APR_INT64_C(1795305600123456) /* 2026-11-22 00:00:00.123456 */
#define HOUR apr_time_from_sec(3600)
#define MS(t) ((t) / 1000 * 1000) /* what a record keeps of a time */

/* A store that keeps one record. */
typedef struct shelf_t {
    dt_store_t port;
    dt_call_t call;
    dt_slice_t record;
    apr_time_t expiry;
    apr_status_t status; /* of load and save */
} shelf_t;

static apr_status_t shelf_load(void *self, const dt_call_t *call, dt_slice_t token,
                               dt_slice_t *record)
{
    const shelf_t *shelf = self;

    (void)call;
    assert_true(dt_slice_equal(token, DT_SLICE("token")));
    *record = shelf->record;
    return shelf->status;
}

static apr_status_t shelf_save(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                               apr_time_t expiry, dt_slice_t *token)
{
    shelf_t *shelf = self;

    (void)old;
    shelf->record = (dt_slice_t){apr_pmemdup(call->pool, record.data, record.len), record.len};
    shelf->expiry = expiry;
    *token = DT_SLICE("token");
    return shelf->status;
}

static int set_up(void **state)
{
    apr_pool_t *pool = NULL;
    shelf_t *shelf;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    shelf = apr_pcalloc(pool, sizeof(*shelf));
    shelf->port = (dt_store_t){{"shelf", shelf, NULL}, shelf_load, shelf_save, NULL};
    shelf->call = (dt_call_t){pool, NOW, "intranet.example.com", NULL};
    *state = shelf;
    return 0;
}

static int tear_down(void **state)
{
    shelf_t *shelf = *state;

    apr_pool_destroy(shelf->call.pool);
    return 0;
}

static const dt_lifetimes_t eight_and_two = {8 * HOUR, 2 * HOUR};
static const dt_lifetimes_t eight_only = {8 * HOUR, 0};

static dt_session_t zhang(void)
{
    return (dt_session_t){.id = {1, 2, 3, 0, 255},
                          .began = NOW,
                          .seen = NOW,
                          .user = DT_SLICE("zhangsan"),
                          .user_id = DT_SLICE("0123"),
                          .union_id = DT_SLICE("UnIoN")};
}

static apr_status_t save(shelf_t *shelf, const dt_lifetimes_t *lifetimes, const dt_session_t *s)
{
    dt_slice_t token;

    return dt_session_save(&shelf->port, &shelf->call, lifetimes, (dt_slice_t){0}, s, &token);
}

static apr_status_t load(shelf_t *shelf, dt_session_t *session)
{
    return dt_session_load(&shelf->port, &shelf->call, DT_SLICE("token"), session);
}

static bool recall(shelf_t *shelf, dt_session_t *session)
{
    return dt_session_recall(&shelf->port, shelf->call.opened, dt_slice(shelf->call.host),
                             DT_SLICE("token"), shelf->call.pool, session);
}

static void a_store_that_can_forget_is_asked_every_time(void **state)
{
    shelf_t *shelf = *state;
    dt_session_t saved = zhang(), loaded;

    assert_int_equal(save(shelf, &eight_only, &saved), APR_SUCCESS);
    shelf->call.opened = dt_opened_create(shelf->call.pool);
    assert_int_equal(load(shelf, &loaded), APR_SUCCESS);
    assert_false(recall(shelf, &loaded));
    shelf->port.serial = 1;
    assert_int_equal(load(shelf, &loaded), APR_SUCCESS);
    assert_true(recall(shelf, &loaded));
    assert_string_equal(loaded.user.data, "zhangsan");
}

static void what_is_saved_is_loaded(void **state)
{
    const dt_attribute_t attributes[] = {{DT_SLICE("name"), DT_SLICE("\xe5\xbc\xa0\xe4\xb8\x89")},
                                         {DT_SLICE("email"), DT_SLICE("")}};
    shelf_t *shelf = *state;
    dt_session_t saved = zhang();
    dt_session_t loaded;
    dt_attribute_t attribute;
    int dropped;

    saved.seen = NOW + HOUR;
    saved.attributes = dt_attributes_pack(shelf->call.pool, attributes, 2, 1000, &dropped);
    assert_int_equal(dropped, 0);
    assert_int_equal(save(shelf, &eight_and_two, &saved), APR_SUCCESS);
    assert_int_equal(load(shelf, &loaded), APR_SUCCESS);
    assert_memory_equal(loaded.id, saved.id, DT_SESSION_ID);
    assert_true(loaded.began == MS(NOW));
    assert_true(loaded.seen == MS(NOW + HOUR));
    assert_string_equal(loaded.user.data, "zhangsan");
    assert_string_equal(loaded.user_id.data, "0123");
    assert_string_equal(loaded.union_id.data, "UnIoN");
    assert_true(dt_attribute_next(&loaded.attributes, &attribute));
    assert_string_equal(attribute.name.data, "name");
    assert_string_equal(attribute.value.data, "\xe5\xbc\xa0\xe4\xb8\x89");
    assert_true(dt_attribute_next(&loaded.attributes, &attribute));
    assert_string_equal(attribute.name.data, "email");
    assert_string_equal(attribute.value.data, "");
    assert_false(dt_attribute_next(&loaded.attributes, &attribute));
}

/* Written by hand from the words of session.c and record.h; what fails here breaks live
 * sessions. */
static void a_record_has_the_bytes_that_the_sources_say(void **state)
{
    const dt_attribute_t name = {DT_SLICE("name"), DT_SLICE("Zhang")};
    const dt_slice_t users[] = {DT_SLICE("zhangsan"), DT_SLICE("0123")};
    const dt_slice_t head = DT_SLICE("\2"
                                     "\1\2\3\0\377\0\0\0"
                                     "\x01\xa2\0\x8d\x74\x7b\x01\xa2\0\x8d\x74\x7b");
    const dt_slice_t texts[] = {DT_SLICE("zhangsan\0"
                                         "0123\0UnIoN\0name\0Zhang\0"),
                                DT_SLICE(
                                    "\0"
                                    "0123\0UnIoN\0name\0Zhang\0")}; /* the user is the user id */
    shelf_t *shelf = *state;
    int dropped;

    for (int i = 0; i < 2; i++) {
        dt_session_t session = zhang();
        session.user = users[i];
        session.attributes = dt_attributes_pack(shelf->call.pool, &name, 1, 100, &dropped);
        assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
        assert_int_equal(shelf->record.len, head.len + texts[i].len);
        assert_memory_equal(shelf->record.data, head.data, head.len);
        assert_memory_equal(shelf->record.data + head.len, texts[i].data, texts[i].len);
        assert_int_equal(load(shelf, &session), APR_SUCCESS);
        assert_string_equal(session.user.data, users[i].data);
    }
}

/* S-37 */
static void a_session_of_2039_and_of_2500_is_as_good_as_any(void **state)
{
    const apr_time_t times[] = {APR_INT64_C(2147483648000000),   /* 2038-01-19, 2^31 s */
                                APR_INT64_C(2177452800000000),   /* 2039-01-01 */
                                APR_INT64_C(4294967296000000),   /* 2106-02-07, 2^32 s */
                                APR_INT64_C(16725225600000000)}; /* 2500-01-01 */
    shelf_t *shelf = *state;

    for (int i = 0; i < 4; i++) {
        dt_session_t session = zhang();
        session.began = session.seen = times[i];
        assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
        assert_true(shelf->expiry == times[i] + 2 * HOUR);
        assert_int_equal(load(shelf, &session), APR_SUCCESS);
        assert_true(session.began == times[i] && session.seen == times[i]);
        assert_int_equal(dt_session_age(&session, &eight_and_two, times[i] + 1), DT_AGE_FRESH);
        assert_int_equal(dt_session_age(&session, &eight_only, times[i] + 8 * HOUR), DT_AGE_DEAD);
    }
}

static void the_store_keeps_a_session_until_the_first_of_its_two_ends(void **state)
{
    shelf_t *shelf = *state;
    dt_session_t session = zhang();

    assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
    assert_true(shelf->expiry == NOW + 2 * HOUR);
    session.seen = NOW + 7 * HOUR;
    assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
    assert_true(shelf->expiry == NOW + 8 * HOUR);
    assert_int_equal(save(shelf, &eight_only, &session), APR_SUCCESS);
    assert_true(shelf->expiry == NOW + 8 * HOUR);
}

static void an_expiry_beyond_all_time_is_the_end_of_time(void **state)
{
    const dt_lifetimes_t endless = {APR_INT64_MAX - NOW + 1, APR_INT64_MAX};
    shelf_t *shelf = *state;
    dt_session_t session = zhang();

    assert_int_equal(save(shelf, &endless, &session), APR_SUCCESS);
    assert_true(shelf->expiry == APR_INT64_MAX);
}

static void what_the_store_says_is_passed_on(void **state)
{
    const apr_status_t codes[] = {APR_NOTFOUND, APR_EGENERAL, APR_TIMEUP};
    shelf_t *shelf = *state;
    dt_session_t session = zhang();

    for (int i = 0; i < 3; i++) {
        shelf->status = codes[i];
        assert_int_equal(load(shelf, &session), codes[i]);
        session = zhang();
        assert_int_equal(save(shelf, &eight_and_two, &session), codes[i]);
    }
}

static void a_record_that_cannot_be_read_is_no_session(void **state)
{
    shelf_t *shelf = *state;
    dt_session_t session = zhang();
    dt_slice_t whole;
    char *changed;

    assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
    whole = shelf->record;
    for (apr_size_t len = 0; len < whole.len; len++) {
        char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, whole.data, len);
        shelf->record = (dt_slice_t){cut, len};
        assert_int_equal(load(shelf, &session), APR_NOTFOUND);
        free(cut);
    }
    changed = apr_pmemdup(shelf->call.pool, whole.data, whole.len);
    shelf->record = (dt_slice_t){changed, whole.len};
    for (int version = 0; version < 256; version++) {
        changed[0] = (char)version; /* 1 had lengths before its texts */
        assert_int_equal(load(shelf, &session), version == 2 ? APR_SUCCESS : APR_NOTFOUND);
    }
    changed[0] = 2;
    assert_int_equal(load(shelf, &session), APR_SUCCESS);
}

/* Loads a record with these texts, whether our writer would write it so or not. */
static apr_status_t load_record_of(shelf_t *shelf, const char *user, const char *user_id)
{
    unsigned char buffer[64];
    dt_session_t session;
    dt_writer_t w;

    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, 2);
    dt_write_bytes(&w, "01234567", DT_SESSION_ID);
    dt_write_time(&w, NOW);
    dt_write_time(&w, NOW);
    dt_write_text(&w, dt_slice(user));
    dt_write_text(&w, dt_slice(user_id));
    dt_write_text(&w, DT_SLICE("UnIoN"));
    assert_false(w.failed);
    shelf->record = (dt_slice_t){(char *)buffer, w.len};
    return load(shelf, &session);
}

static void a_record_without_a_user_or_with_the_user_id_written_twice_is_no_session(void **state)
{
    assert_int_equal(load_record_of(*state, "", ""), APR_NOTFOUND);
    assert_int_equal(load_record_of(*state, "zhangsan", ""), APR_SUCCESS);
    assert_int_equal(load_record_of(*state, "0123", "0123"), APR_NOTFOUND);
    assert_int_equal(load_record_of(*state, "", "0123"), APR_SUCCESS);
    assert_int_equal(load_record_of(*state, "012", "0123"), APR_SUCCESS);
}

static void what_could_not_be_read_back_is_not_saved(void **state)
{
    shelf_t *shelf = *state;
    dt_session_t bad[11];

    for (int i = 0; i < 11; i++) {
        bad[i] = zhang();
    }
    bad[0].user = DT_SLICE("admin\0x");
    bad[1].user = DT_SLICE("\0");
    bad[2].user_id = DT_SLICE("a\0");
    bad[3].union_id = DT_SLICE("\0a");
    bad[4].user = dt_slice("");
    bad[5].began = -1;
    bad[6].seen = -1;
    bad[7].attributes = DT_SLICE("a\0b\0rest");
    bad[8].attributes = DT_SLICE("a\0b\0rest\0"); /* a name without a value */
    bad[9].began = DT_RECORD_TIME_MAX + 1;
    bad[10].seen = APR_INT64_MAX;
    for (int i = 0; i < 11; i++) {
        assert_int_equal(save(shelf, &eight_and_two, &bad[i]), APR_EINVAL);
    }
    assert_int_equal(shelf->record.len, 0);
}

/* S-30: at the limit, one below and one above. */
static void a_record_of_the_largest_size_is_saved_and_no_larger(void **state)
{
    shelf_t *shelf = *state;
    dt_session_t session = zhang();
    char *user = apr_palloc(shelf->call.pool, DT_SESSION_RECORD_MAX);
    apr_size_t rest;

    memset(user, 'u', DT_SESSION_RECORD_MAX);
    session.user = (dt_slice_t){user, 128};
    assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
    rest = shelf->record.len - session.user.len;
    for (apr_size_t size = DT_SESSION_RECORD_MAX - 1; size <= DT_SESSION_RECORD_MAX; size++) {
        session.user = (dt_slice_t){user, size - rest};
        assert_int_equal(save(shelf, &eight_and_two, &session), APR_SUCCESS);
        assert_int_equal(shelf->record.len, size);
        assert_int_equal(load(shelf, &session), APR_SUCCESS);
        assert_int_equal(session.user.len, size - rest);
    }
    session = zhang();
    session.user = (dt_slice_t){user, DT_SESSION_RECORD_MAX + 1 - rest};
    assert_int_equal(save(shelf, &eight_and_two, &session), APR_ENOSPC);
}

/* S-30 */
static void what_does_not_fit_is_left_out_alone_at_every_budget(void **state)
{
    const dt_attribute_t attributes[] = {{DT_SLICE("a"), DT_SLICE("1")},
                                         {DT_SLICE("b"),
                                          DT_SLICE("a long value that is in the way")},
                                         {DT_SLICE("c"), DT_SLICE("")}};
    shelf_t *shelf = *state;

    for (apr_size_t budget = 0; budget < 60; budget++) {
        const bool last = budget == 3 || (budget >= 4 + 3 && budget < 4 + 34) || budget >= 41;
        const bool fits[] = {budget >= 4, budget >= 4 + 34, last}; /* with 4, 34 and 3 bytes */
        int dropped = -1;
        dt_slice_t packed = dt_attributes_pack(shelf->call.pool, attributes, 3, budget, &dropped);
        assert_int_equal(dropped, 3 - fits[0] - fits[1] - fits[2]);
        for (int i = 0; i < 3; i++) {
            dt_attribute_t attribute;
            if (fits[i]) {
                assert_true(dt_attribute_next(&packed, &attribute));
                assert_true(dt_slice_equal(attribute.name, attributes[i].name));
                assert_true(dt_slice_equal(attribute.value, attributes[i].value));
            }
        }
        assert_int_equal(packed.len, 0);
    }
}

static void an_attribute_with_a_nul_is_left_out_alone(void **state)
{
    const dt_attribute_t attributes[] = {{DT_SLICE("a"), DT_SLICE("1\0002")},
                                         {DT_SLICE("b\0"), DT_SLICE("2")},
                                         {DT_SLICE("c"), DT_SLICE("3")}};
    shelf_t *shelf = *state;
    dt_attribute_t attribute;
    int dropped;
    dt_slice_t packed = dt_attributes_pack(shelf->call.pool, attributes, 3, 1000, &dropped);

    assert_int_equal(dropped, 2);
    assert_true(dt_attribute_next(&packed, &attribute));
    assert_string_equal(attribute.name.data, "c");
    assert_int_equal(packed.len, 0);
}

/* S-03 */
static void a_budget_without_bounds_allocates_no_more_than_a_record(void **state)
{
    shelf_t *shelf = *state;
    char value[DT_SESSION_RECORD_MAX];
    dt_attribute_t attribute = {DT_SLICE("a"), {value, sizeof(value)}};
    int dropped;

    memset(value, 'v', sizeof(value));
    assert_int_equal(
        dt_attributes_pack(shelf->call.pool, &attribute, 1, APR_SIZE_MAX, &dropped).len, 0);
    assert_int_equal(dropped, 1);
}

static void malformed_attributes_end_the_walk(void **state)
{
    dt_slice_t cursor = DT_SLICE("a\0b\0c\0d");
    dt_attribute_t attribute;

    (void)state;
    assert_true(dt_attribute_next(&cursor, &attribute));
    assert_string_equal(attribute.value.data, "b");
    assert_false(dt_attribute_next(&cursor, &attribute));
    assert_false(dt_attribute_next(&cursor, &attribute));
}

#define SHELF_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELF_TEST(a_store_that_can_forget_is_asked_every_time),
        SHELF_TEST(what_is_saved_is_loaded),
        SHELF_TEST(a_record_has_the_bytes_that_the_sources_say),
        SHELF_TEST(a_session_of_2039_and_of_2500_is_as_good_as_any),
        SHELF_TEST(the_store_keeps_a_session_until_the_first_of_its_two_ends),
        SHELF_TEST(an_expiry_beyond_all_time_is_the_end_of_time),
        SHELF_TEST(what_the_store_says_is_passed_on),
        SHELF_TEST(a_record_that_cannot_be_read_is_no_session),
        SHELF_TEST(a_record_without_a_user_or_with_the_user_id_written_twice_is_no_session),
        SHELF_TEST(what_could_not_be_read_back_is_not_saved),
        SHELF_TEST(a_record_of_the_largest_size_is_saved_and_no_larger),
        SHELF_TEST(what_does_not_fit_is_left_out_alone_at_every_budget),
        SHELF_TEST(an_attribute_with_a_nul_is_left_out_alone),
        SHELF_TEST(a_budget_without_bounds_allocates_no_more_than_a_record),
        cmocka_unit_test(malformed_attributes_end_the_walk),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
