/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/opened: what a connection has opened is recalled for exactly the same token. */
#include "unit.h"

#include "core/bytes.h"
#include "core/opened.h"
#include "core/seal.h"
#include "core/session.h"

enum { RING = 7, KIND = 1 };

#define HOST DT_SLICE("intra.example.com")
#define TOKEN DT_SLICE("a token of twenty-eight byte")
#define PLAIN DT_SLICE("its content")

static dt_opened_t *opened_with(apr_pool_t *pool, dt_slice_t token, dt_slice_t plain)
{
    dt_opened_t *opened = dt_opened_create(pool);

    dt_opened_remember(opened, KIND, RING, HOST, token, plain);
    return opened;
}

static bool knows(const dt_opened_t *opened, apr_pool_t *pool, dt_slice_t token)
{
    dt_slice_t plain = {NULL, 0};

    return dt_opened_recall(opened, KIND, RING, HOST, token, pool, &plain);
}

static void what_was_opened_is_recalled(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);
    dt_slice_t plain = {NULL, 0};

    assert_true(dt_opened_recall(opened, KIND, RING, HOST, TOKEN, *state, &plain));
    assert_true(dt_slice_equal(plain, PLAIN));
    assert_int_equal(plain.data[plain.len], '\0');
}

static void nothing_is_known_of_a_new_connection(void **state)
{
    dt_opened_t *opened = dt_opened_create(*state);

    assert_false(knows(opened, *state, TOKEN));
    assert_false(knows(opened, *state, (dt_slice_t){"", 0}));
}

static void a_token_that_differs_in_one_bit_is_not_known(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);

    for (apr_size_t i = 0; i < TOKEN.len * 8; i++) {
        char *other = apr_pstrmemdup(*state, TOKEN.data, TOKEN.len);

        other[i / 8] = (char)(other[i / 8] ^ 1 << i % 8);
        assert_false(knows(opened, *state, (dt_slice_t){other, TOKEN.len}));
    }
}

static void a_longer_or_shorter_token_is_not_known(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);

    for (apr_size_t len = 0; len < TOKEN.len; len++) {
        assert_false(knows(opened, *state, (dt_slice_t){TOKEN.data, len}));
    }
    assert_false(knows(opened, *state, DT_SLICE("a token of twenty-eight byte+")));
}

static void another_keyring_kind_or_host_knows_nothing(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);
    dt_slice_t plain;

    assert_false(dt_opened_recall(opened, KIND, RING + 1, HOST, TOKEN, *state, &plain));
    assert_false(dt_opened_recall(opened, KIND + 1, RING, HOST, TOKEN, *state, &plain));
    assert_false(
        dt_opened_recall(opened, KIND, RING, DT_SLICE("intra.example.net"), TOKEN, *state, &plain));
    assert_false(
        dt_opened_recall(opened, KIND, RING, DT_SLICE("example.com"), TOKEN, *state, &plain));
    assert_false(dt_opened_recall(opened, KIND, RING, dt_slice(NULL), TOKEN, *state, &plain));
}

/* Host and token lie one behind the other. */
static void letters_do_not_move_from_host_to_token(void **state)
{
    dt_opened_t *opened = dt_opened_create(*state);
    dt_slice_t plain;

    dt_opened_remember(opened, KIND, RING, DT_SLICE("ab"), DT_SLICE("cd"), PLAIN);
    assert_false(
        dt_opened_recall(opened, KIND, RING, DT_SLICE("a"), DT_SLICE("bcd"), *state, &plain));
    assert_false(
        dt_opened_recall(opened, KIND, RING, DT_SLICE("abc"), DT_SLICE("d"), *state, &plain));
}

static void only_the_last_token_of_a_kind_is_known(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);

    dt_opened_remember(opened, KIND, RING, HOST, DT_SLICE("another"), DT_SLICE("other content"));
    assert_false(knows(opened, *state, TOKEN));
    assert_true(knows(opened, *state, DT_SLICE("another")));
}

static void what_was_recalled_stays_when_another_token_is_opened(void **state)
{
    dt_opened_t *opened = opened_with(*state, TOKEN, PLAIN);
    dt_slice_t plain = {NULL, 0};

    assert_true(dt_opened_recall(opened, KIND, RING, HOST, TOKEN, *state, &plain));
    dt_opened_remember(opened, KIND, RING, HOST, DT_SLICE("another token, of 28 bytes.."),
                       DT_SLICE("xxxxxxxxxxx"));
    assert_true(dt_slice_equal(plain, PLAIN));
}

static void contents_of_every_length_are_recalled_in_any_order(void **state)
{
    dt_opened_t *opened = dt_opened_create(*state);
    char text[2000];

    memset(text, 'x', sizeof(text));
    for (unsigned n = 0; n < 4000; n++) {
        dt_slice_t token = {text, 1 + n * 7919 % (sizeof(text) - 1)};
        dt_slice_t content = {text, n * 104729 % sizeof(text)};
        dt_slice_t plain = {NULL, 0};

        dt_opened_remember(opened, KIND, RING, HOST, token, content);
        assert_true(dt_opened_recall(opened, KIND, RING, HOST, token, *state, &plain));
        assert_true(dt_slice_equal(plain, content));
    }
}

/* --- sessions --- */

enum { STORE = 11 };

/* A record with four texts, of which user and user id are the same. */
static char record[] = "\1zhangsan\0UnIoN\0attributes";
#define RECORD ((dt_slice_t){record, sizeof(record) - 1})

static dt_session_t zhang(void)
{
    return (dt_session_t){.id = {1, 2, 3},
                          .began = NOW,
                          .seen = NOW + 1,
                          .user = {record + 1, 8},
                          .user_id = {record + 1, 8},
                          .union_id = {record + 10, 5},
                          .attributes = {record + 16, 10}};
}

static dt_opened_t *opened_with_session(apr_pool_t *pool)
{
    dt_opened_t *opened = dt_opened_create(pool);
    const dt_session_t session = zhang();

    dt_opened_remember_session(opened, STORE, HOST, TOKEN, RECORD, &session);
    return opened;
}

static bool knows_session(const dt_opened_t *opened, apr_uint64_t store, dt_slice_t host,
                          dt_slice_t token, apr_pool_t *pool)
{
    dt_session_t session;

    return dt_opened_recall_session(opened, store, host, token, pool, &session);
}

static void assert_is_zhang(const dt_session_t *session)
{
    const unsigned char id[DT_SESSION_ID] = {1, 2, 3};

    assert_memory_equal(session->id, id, DT_SESSION_ID);
    assert_int_equal(session->began, NOW);
    assert_int_equal(session->seen, NOW + 1);
    assert_string_equal(session->user.data, "zhangsan");
    assert_int_equal(session->user.len, 8);
    assert_ptr_equal(session->user_id.data, session->user.data);
    assert_string_equal(session->union_id.data, "UnIoN");
    assert_true(dt_slice_equal(session->attributes, DT_SLICE("attributes")));
}

static void a_session_is_recalled_for_its_token_store_and_host_alone(void **state)
{
    const dt_opened_t *opened = opened_with_session(*state);
    dt_session_t session;

    assert_true(dt_opened_recall_session(opened, STORE, HOST, TOKEN, *state, &session));
    assert_is_zhang(&session);
    assert_false(knows_session(opened, STORE + 1, HOST, TOKEN, *state));
    assert_false(knows_session(opened, STORE, DT_SLICE("intra.example.org"), TOKEN, *state));
    assert_false(knows_session(opened, STORE, dt_slice(NULL), TOKEN, *state));
    for (apr_size_t i = 0; i < TOKEN.len; i++) {
        char *other = apr_pstrmemdup(*state, TOKEN.data, TOKEN.len);

        other[i] ^= 1;
        assert_false(knows_session(opened, STORE, HOST, (dt_slice_t){other, TOKEN.len}, *state));
        assert_false(knows_session(opened, STORE, HOST, (dt_slice_t){TOKEN.data, i}, *state));
    }
    assert_false(knows_session(dt_opened_create(*state), STORE, HOST, TOKEN, *state));
    assert_false(knows(opened, *state, TOKEN));
}

static void a_recalled_session_stays_when_another_is_remembered(void **state)
{
    dt_opened_t *opened = opened_with_session(*state);
    dt_session_t session, lisi = zhang();
    char other[sizeof(record)] = "\1lisi....\0LiSi.\0xxxxxxxxxx";

    assert_true(dt_opened_recall_session(opened, STORE, HOST, TOKEN, *state, &session));
    lisi.user = lisi.user_id = (dt_slice_t){other + 1, 8};
    lisi.union_id.data = other + 10;
    lisi.attributes.data = other + 16;
    dt_opened_remember_session(opened, STORE, HOST, DT_SLICE("another token, of 28 bytes.."),
                               (dt_slice_t){other, RECORD.len}, &lisi);
    memset(other, 'x', sizeof(other)); /* what was read is no longer needed */
    assert_is_zhang(&session);
    assert_false(knows_session(opened, STORE, HOST, TOKEN, *state));
    assert_true(dt_opened_recall_session(opened, STORE, HOST,
                                         DT_SLICE("another token, of 28 bytes.."), *state,
                                         &session));
    assert_string_equal(session.user.data, "lisi....");
}

/* --- with a keyring: dt_open --- */

static dt_call_t connected(const dt_call_t *call)
{
    dt_call_t on_connection = *call;

    on_connection.opened = dt_opened_create(call->pool);
    return on_connection;
}

static dt_keyring_t *ring(const dt_call_t *call)
{
    dt_slice_t text = DT_SLICE("a key text that is long enough to be one");
    dt_keyring_t *keys = NULL;

    assert_int_equal(dt_keyring_create(call->pool, &text, 1, DT_SLICE("corp"), &keys), APR_SUCCESS);
    return keys;
}

static void a_token_opens_again_and_again_on_its_connection(void **state)
{
    dt_call_t call = connected(*state);
    dt_keyring_t *keys = ring(&call);
    dt_slice_t token;

    assert_int_equal(dt_seal(keys, DT_SEAL_SESSION, &call, PLAIN, &token), APR_SUCCESS);
    for (int i = 0; i < 3; i++) {
        dt_slice_t plain = {NULL, 0};

        assert_int_equal(dt_open(keys, DT_SEAL_SESSION, &call, token, &plain), APR_SUCCESS);
        assert_true(dt_slice_equal(plain, PLAIN));
    }
}

static void a_known_token_opens_for_no_other_purpose_host_or_keyring(void **state)
{
    dt_call_t call = connected(*state), elsewhere;
    dt_keyring_t *keys = ring(&call), *empty = NULL;
    dt_slice_t other = DT_SLICE("another key text, of another keyring"), token, plain;

    assert_int_equal(dt_keyring_create(call.pool, &other, 1, DT_SLICE("corp"), &empty),
                     APR_SUCCESS);
    assert_int_equal(dt_seal(keys, DT_SEAL_SESSION, &call, PLAIN, &token), APR_SUCCESS);
    assert_int_equal(dt_open(keys, DT_SEAL_SESSION, &call, token, &plain), APR_SUCCESS);
    elsewhere = call;
    elsewhere.host = "extra.example.com";
    for (int purpose = 0; purpose < DT_SEAL_PURPOSES; purpose++) {
        assert_int_equal(dt_open(keys, (dt_purpose_t)purpose, &call, token, &plain),
                         purpose == DT_SEAL_SESSION ? APR_SUCCESS : APR_EACCES);
        assert_int_equal(dt_open(keys, (dt_purpose_t)purpose, &elsewhere, token, &plain),
                         APR_EACCES);
        assert_int_equal(dt_open(empty, (dt_purpose_t)purpose, &call, token, &plain), APR_EACCES);
    }
}

static void what_does_not_open_is_not_remembered(void **state)
{
    dt_call_t call = connected(*state);
    dt_keyring_t *keys = ring(&call);
    dt_slice_t token, plain = {NULL, 0};
    char *forged;

    assert_int_equal(dt_seal(keys, DT_SEAL_SESSION, &call, PLAIN, &token), APR_SUCCESS);
    forged = apr_pstrmemdup(call.pool, token.data, token.len);
    forged[token.len / 2] = forged[token.len / 2] == 'A' ? 'B' : 'A';
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dt_open(keys, DT_SEAL_SESSION, &call, (dt_slice_t){forged, token.len},
                                 &plain),
                         APR_EACCES);
        assert_null(plain.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(what_was_opened_is_recalled),
        WITH_POOL(nothing_is_known_of_a_new_connection),
        WITH_POOL(a_token_that_differs_in_one_bit_is_not_known),
        WITH_POOL(a_longer_or_shorter_token_is_not_known),
        WITH_POOL(another_keyring_kind_or_host_knows_nothing),
        WITH_POOL(letters_do_not_move_from_host_to_token),
        WITH_POOL(only_the_last_token_of_a_kind_is_known),
        WITH_POOL(what_was_recalled_stays_when_another_token_is_opened),
        WITH_POOL(contents_of_every_length_are_recalled_in_any_order),
        WITH_POOL(a_session_is_recalled_for_its_token_store_and_host_alone),
        WITH_POOL(a_recalled_session_stays_when_another_is_remembered),
        WITH_CALL(a_token_opens_again_and_again_on_its_connection),
        WITH_CALL(a_known_token_opens_for_no_other_purpose_host_or_keyring),
        WITH_CALL(what_does_not_open_is_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
