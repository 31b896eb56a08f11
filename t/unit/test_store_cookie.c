/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/store_cookie: the token alone carries a session, within what a cookie holds. */
#include "core/bytes.h"
#include "core/opened.h"
#include "core/session.h"
#include "provider/store_cookie.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW APR_INT64_C(1795305600000000) /* 2026-11-22 00:00:00 */
#define KEY DT_SLICE("a key text of more than 32 bytes, for tests")

typedef struct site_t {
    dt_call_t call;
    dt_keyring_t *keys;
    const dt_store_t *store;
} site_t;

static int set_up(void **state)
{
    apr_pool_t *pool = NULL;
    site_t *site;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    site = apr_pcalloc(pool, sizeof(*site));
    site->call = (dt_call_t){pool, NOW, "intranet.example.com", dt_scratch_create(pool)};
    assert_int_equal(dt_keyring_create(pool, &KEY, 1, DT_SLICE("owner"), &site->keys), APR_SUCCESS);
    site->store = dt_store_cookie_create(pool, site->keys);
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    site_t *site = *state;

    apr_pool_destroy(site->call.pool);
    return 0;
}

static dt_slice_t save(const site_t *site, dt_slice_t record)
{
    dt_slice_t token = {NULL, 0};

    assert_int_equal(site->store->save(site->store->plug.self, &site->call, (dt_slice_t){0}, record,
                                       NOW, &token),
                     APR_SUCCESS);
    return token;
}

static apr_status_t load(const site_t *site, dt_slice_t token, dt_slice_t *record)
{
    return site->store->load(site->store->plug.self, &site->call, token, record);
}

static void the_store_has_the_name_of_the_directive(void **state)
{
    const site_t *site = *state;

    assert_string_equal(site->store->plug.name, "cookie");
    assert_null(site->store->plug.start);
}

static void what_is_saved_is_loaded_from_the_token_alone(void **state)
{
    const site_t *site = *state;
    dt_slice_t token = save(site, DT_SLICE("a record\0with a NUL"));
    site_t other = *site;
    dt_slice_t record;

    other.store = dt_store_cookie_create(site->call.pool, site->keys);
    assert_int_equal(load(&other, token, &record), APR_SUCCESS);
    assert_true(dt_slice_equal(record, DT_SLICE("a record\0with a NUL")));
}

static void a_token_is_fit_for_a_cookie(void **state)
{
    const site_t *site = *state;
    dt_slice_t token = save(site, DT_SLICE("; ,=\"\\\n"));

    assert_int_equal(strlen(token.data), token.len);
    assert_int_equal(strspn(token.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
                     token.len);
}

static void the_largest_record_stays_below_what_a_browser_keeps(void **state)
{
    enum { BROWSER_KEEPS = 4096, NAME_AND_ATTRIBUTES = 256 };
    const site_t *site = *state;
    char record[DT_SESSION_RECORD_MAX];

    memset(record, 'r', sizeof(record));
    assert_true(save(site, (dt_slice_t){record, sizeof(record)}).len + NAME_AND_ATTRIBUTES <
                BROWSER_KEEPS);
}

/* S-30: whatever the texts are, attributes within what DT_SESSION_FIXED leaves never break it. */
static void attributes_within_their_budget_always_fit(void **state)
{
    const apr_size_t lengths[] = {1, 127, 128, 900};
    const dt_lifetimes_t lifetimes = {apr_time_from_sec(28800), 0};
    const site_t *site = *state;
    char *text = apr_palloc(site->call.pool, DT_SESSION_RECORD_MAX);
    apr_size_t largest = 0;

    memset(text, 't', DT_SESSION_RECORD_MAX);
    for (int i = 0; i < 4 * 4 * 4; i++) {
        dt_session_t session = {.began = NOW, .seen = NOW};
        dt_attribute_t attribute = {DT_SLICE("a"), {text, 0}};
        apr_size_t budget = DT_SESSION_RECORD_MAX - DT_SESSION_FIXED;
        dt_slice_t token;
        int dropped;
        session.user = (dt_slice_t){text, lengths[i % 4]};
        session.user_id = (dt_slice_t){text, lengths[i / 4 % 4]};
        session.union_id = (dt_slice_t){text, lengths[i / 16]};
        budget -= session.user.len + session.user_id.len + session.union_id.len;
        attribute.value.len = budget - 2 - 1; /* all of it, with the name and the ends of both */
        session.attributes = dt_attributes_pack(site->call.pool, &attribute, 1, budget, &dropped);
        assert_int_equal(dropped, 0);
        assert_int_equal(session.attributes.len, budget);
        assert_int_equal(dt_session_save(site->store, &site->call, &lifetimes, (dt_slice_t){0},
                                         &session, &token),
                         APR_SUCCESS);
        assert_int_equal(dt_session_load(site->store, &site->call, token, &session), APR_SUCCESS);
        largest = token.len > largest ? token.len : largest;
    }
    assert_int_equal(largest, dt_base64url_size(DT_SESSION_RECORD_MAX + DT_SEAL_OVERHEAD));
}

static void whatever_does_not_open_is_not_there(void **state)
{
    site_t *site = *state;
    dt_slice_t token = save(site, DT_SLICE("record"));
    dt_slice_t record;

    assert_int_equal(load(site, dt_slice(NULL), &record), APR_NOTFOUND);
    assert_int_equal(load(site, DT_SLICE("garbage"), &record), APR_NOTFOUND);
    assert_int_equal(load(site, (dt_slice_t){token.data, token.len - 1}, &record), APR_NOTFOUND);
    site->call.host = "other.example.com";
    assert_int_equal(load(site, token, &record), APR_NOTFOUND);
}

/* S-28 */
static void a_ticket_is_no_session(void **state)
{
    const site_t *site = *state;
    dt_slice_t token;
    dt_slice_t record;

    assert_int_equal(dt_seal(site->keys, DT_SEAL_TICKET, &site->call, DT_SLICE("record"), &token),
                     APR_SUCCESS);
    assert_int_equal(load(site, token, &record), APR_NOTFOUND);
}

static void dropping_is_no_error_and_forgets_nothing(void **state)
{
    const site_t *site = *state;
    dt_slice_t token = save(site, DT_SLICE("record"));
    dt_slice_t record;

    assert_int_equal(site->store->drop(site->store->plug.self, &site->call, token), APR_SUCCESS);
    assert_int_equal(load(site, token, &record), APR_SUCCESS);
    assert_int_equal(site->store->drop(site->store->plug.self, &site->call, dt_slice(NULL)),
                     APR_SUCCESS);
}

static void a_session_goes_through_the_cookie_and_comes_back(void **state)
{
    const dt_lifetimes_t lifetimes = {apr_time_from_sec(28800), apr_time_from_sec(7200)};
    const site_t *site = *state;
    dt_session_t session = {.began = NOW, .seen = NOW, .user = DT_SLICE("zhangsan")};
    dt_session_t loaded;
    dt_slice_t token;

    assert_int_equal(dt_session_save(site->store, &site->call, &lifetimes, (dt_slice_t){0},
                                     &session, &token),
                     APR_SUCCESS);
    assert_int_equal(dt_session_load(site->store, &site->call, token, &loaded), APR_SUCCESS);
    assert_string_equal(loaded.user.data, "zhangsan");
    assert_int_equal(loaded.attributes.len, 0);
    assert_int_equal(dt_session_age(&loaded, &lifetimes, NOW), DT_AGE_FRESH);
}

static dt_slice_t save_session(const site_t *site, const char *user)
{
    const dt_lifetimes_t lifetimes = {apr_time_from_sec(28800), 0};
    const dt_session_t session = {.began = NOW, .seen = NOW, .user = dt_slice(user)};
    dt_slice_t token = {NULL, 0};

    assert_int_equal(dt_session_save(site->store, &site->call, &lifetimes, (dt_slice_t){0},
                                     &session, &token),
                     APR_SUCCESS);
    return token;
}

static bool recalls(const site_t *site, dt_slice_t token, const char *user)
{
    dt_session_t session;
    const bool known = dt_session_recall(site->store, site->call.opened, dt_slice(site->call.host),
                                         token, site->call.pool, &session);

    if (known) {
        assert_string_equal(session.user.data, user);
    }
    return known;
}

static void a_connection_recalls_the_session_it_has_loaded_last(void **state)
{
    site_t *site = *state, other = *site;
    dt_slice_t zhang = save_session(site, "zhangsan"), li = save_session(site, "lisi");
    dt_keyring_t *keys;
    dt_session_t loaded;

    assert_int_equal(dt_keyring_create(site->call.pool, &KEY, 1, DT_SLICE("owner"), &keys),
                     APR_SUCCESS);
    assert_int_equal(dt_session_load(site->store, &site->call, zhang, &loaded), APR_SUCCESS);
    assert_false(recalls(site, zhang, NULL)); /* no connection: HTTP/2 */
    site->call.opened = dt_opened_create(site->call.pool);
    assert_false(recalls(site, zhang, NULL));
    assert_int_equal(dt_session_load(site->store, &site->call, zhang, &loaded), APR_SUCCESS);
    assert_true(recalls(site, zhang, "zhangsan"));
    assert_false(recalls(site, li, NULL));
    assert_int_equal(dt_session_load(site->store, &site->call, li, &loaded), APR_SUCCESS);
    assert_true(recalls(site, li, "lisi"));
    assert_false(recalls(site, zhang, NULL));
    other.call.opened = site->call.opened;
    other.store = dt_store_cookie_create(site->call.pool, keys); /* of another site */
    assert_false(recalls(&other, li, NULL));
    site->call.host = "other.example.com";
    assert_false(recalls(site, li, NULL));
}

static void what_is_no_session_is_not_recalled(void **state)
{
    site_t *site = *state;
    dt_slice_t token = save(site, DT_SLICE("no session"));
    dt_session_t loaded;

    site->call.opened = dt_opened_create(site->call.pool);
    assert_int_equal(dt_session_load(site->store, &site->call, token, &loaded), APR_NOTFOUND);
    assert_false(recalls(site, token, NULL));
}

#define SITE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(the_store_has_the_name_of_the_directive),
        SITE_TEST(what_is_saved_is_loaded_from_the_token_alone),
        SITE_TEST(a_token_is_fit_for_a_cookie),
        SITE_TEST(the_largest_record_stays_below_what_a_browser_keeps),
        SITE_TEST(attributes_within_their_budget_always_fit),
        SITE_TEST(whatever_does_not_open_is_not_there),
        SITE_TEST(a_ticket_is_no_session),
        SITE_TEST(dropping_is_no_error_and_forgets_nothing),
        SITE_TEST(a_session_goes_through_the_cookie_and_comes_back),
        SITE_TEST(a_connection_recalls_the_session_it_has_loaded_last),
        SITE_TEST(what_is_no_session_is_not_recalled),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
