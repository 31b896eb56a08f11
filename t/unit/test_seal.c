/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/seal: only what we sealed opens, for its purpose, owner and host, unchanged. */
#include "core/bytes.h"
#include "core/seal.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OLD DT_SLICE("the old key text, long enough to be one")
#define NEW DT_SLICE("the new key text, long enough to be one")
#define OWNER DT_SLICE("dingcorp client")
#define PLAIN DT_SLICE("what nobody may read or change")

typedef struct bench_t {
    dt_call_t call;
    dt_keyring_t *keys; /* OLD for OWNER */
} bench_t;

/* How often OpenSSL has asked for memory. */
static unsigned long allocations;

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return malloc(size);
}

static dt_keyring_t *ring(apr_pool_t *pool, int count, const dt_slice_t *texts, dt_slice_t owner)
{
    dt_keyring_t *keys = NULL;

    assert_int_equal(dt_keyring_create(pool, texts, count, owner, &keys), APR_SUCCESS);
    return keys;
}

static int set_up(void **state)
{
    apr_pool_t *pool = NULL;
    bench_t *bench;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    bench = apr_pcalloc(pool, sizeof(*bench));
    bench->call = (dt_call_t){pool, 0, "intranet.example.com", dt_scratch_create(pool)};
    bench->keys = ring(pool, 1, &OLD, OWNER);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    bench_t *bench = *state;

    apr_pool_destroy(bench->call.pool);
    return 0;
}

static dt_slice_t seal(const bench_t *bench, dt_slice_t plain)
{
    dt_slice_t token = {NULL, 0};

    assert_int_equal(dt_seal(bench->keys, DT_SEAL_SESSION, &bench->call, plain, &token),
                     APR_SUCCESS);
    return token;
}

/* Whether token opens to plain with keys; anything between yes and APR_EACCES is a failure. */
static bool opens(const dt_keyring_t *keys, const dt_call_t *call, dt_slice_t token,
                  dt_slice_t plain)
{
    dt_slice_t found = {NULL, 0};
    apr_status_t rv = dt_open(keys, DT_SEAL_SESSION, call, token, &found);

    if (rv == APR_SUCCESS) {
        assert_true(dt_slice_equal(found, plain));
        assert_int_equal(found.data[found.len], '\0');
        return true;
    }
    assert_int_equal(rv, APR_EACCES);
    assert_null(found.data);
    assert_int_equal(ERR_peek_error(), 0);
    return false;
}

static unsigned char *raw_of(const bench_t *bench, dt_slice_t token, apr_size_t *len)
{
    unsigned char *raw = apr_palloc(bench->call.pool, token.len);

    assert_int_equal(dt_base64url_decode(token, raw, len), APR_SUCCESS);
    return raw;
}

static bool raw_opens(const bench_t *bench, const unsigned char *raw, apr_size_t len)
{
    dt_slice_t token = dt_base64url(bench->call.pool, (dt_slice_t){(const char *)raw, len});

    return opens(bench->keys, &bench->call, token, PLAIN);
}

static void what_was_sealed_opens_at_every_length(void **state)
{
    const bench_t *bench = *state;
    char plain[201];

    memset(plain, 'p', sizeof(plain));
    for (apr_size_t n = 0; n < sizeof(plain); n++) {
        dt_slice_t token = seal(bench, (dt_slice_t){plain, n});
        assert_int_equal(token.len, dt_base64url_size(n + DT_SEAL_OVERHEAD));
        assert_int_equal(token.len, strlen(token.data));
        assert_true(opens(bench->keys, &bench->call, token, (dt_slice_t){plain, n}));
    }
}

/* Made by a program of a few lines from RFC 5869 and SP 800-38D that shares no code with ours. */
static void a_token_of_another_implementation_opens(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t text = DT_SLICE("an administrator's key text of 32 bytes or more");
    dt_slice_t token = DT_SLICE("AWEip5QAAQIDBAUGBwgJCgv2mr1A8VzRygwqST1MztJc5FCqG2yDjekUS7xoSq-r"
                                "KfQVuJqSGX9Uqw");

    assert_true(opens(ring(bench->call.pool, 1, &text, OWNER), &bench->call, token,
                      DT_SLICE("what was sealed elsewhere")));
}

static void a_token_opens_without_a_scratch(void **state)
{
    const bench_t *bench = *state;
    dt_call_t call = bench->call;

    call.scratch = NULL;
    assert_true(opens(bench->keys, &call, seal(bench, PLAIN), PLAIN));
}

static int compare_nonces(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

/* S-06 */
static void ten_thousand_seals_have_ten_thousand_nonces(void **state)
{
    enum { SEALS = 10000 };
    const bench_t *bench = *state;
    unsigned char *nonces = apr_palloc(bench->call.pool, SEALS * 12);
    dt_call_t call = bench->call;

    assert_int_equal(apr_pool_create(&call.pool, bench->call.pool), APR_SUCCESS);
    for (int i = 0; i < SEALS; i++) {
        unsigned char raw[128];
        dt_slice_t token;
        apr_size_t len;
        assert_int_equal(dt_seal(bench->keys, DT_SEAL_SESSION, &call, PLAIN, &token), APR_SUCCESS);
        assert_true(token.len < sizeof(raw));
        assert_int_equal(dt_base64url_decode(token, raw, &len), APR_SUCCESS);
        memcpy(nonces + i * 12, raw + 5, 12);
        apr_pool_clear(call.pool);
    }
    qsort(nonces, SEALS, 12, compare_nonces);
    for (int i = 1; i < SEALS; i++) {
        assert_memory_not_equal(nonces + i * 12, nonces + (i - 1) * 12, 12);
    }
}

/* S-06 */
static void the_same_text_sealed_twice_differs(void **state)
{
    const bench_t *bench = *state;
    apr_size_t len;
    unsigned char *a = raw_of(bench, seal(bench, PLAIN), &len);
    unsigned char *b = raw_of(bench, seal(bench, PLAIN), &len);

    assert_memory_equal(a, b, 5);                            /* version and key id */
    assert_memory_not_equal(a + 17, b + 17, PLAIN.len);      /* ciphertext */
    assert_memory_not_equal(a + len - 16, b + len - 16, 16); /* tag */
}

/* S-06 */
static void a_flipped_bit_never_opens(void **state)
{
    const bench_t *bench = *state;
    apr_size_t len;
    unsigned char *raw = raw_of(bench, seal(bench, PLAIN), &len);

    for (apr_size_t bit = 0; bit < len * 8; bit++) {
        raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(raw_opens(bench, raw, len));
        raw[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_true(raw_opens(bench, raw, len));
}

static void a_changed_letter_never_opens(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t token = seal(bench, PLAIN);
    char *text = apr_pstrmemdup(bench->call.pool, token.data, token.len);

    for (apr_size_t i = 0; i < token.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(token.data[i] ^ (1 << bit));
            assert_false(opens(bench->keys, &bench->call, (dt_slice_t){text, token.len}, PLAIN));
        }
        text[i] = token.data[i];
    }
}

/* S-13: the tag's length is ours, never the input's. */
static void a_truncated_tag_of_any_length_never_opens(void **state)
{
    const bench_t *bench = *state;
    apr_size_t len;
    unsigned char *raw = raw_of(bench, seal(bench, PLAIN), &len);
    unsigned char *empty = raw_of(bench, seal(bench, dt_slice(NULL)), &len);

    for (apr_size_t cut = 1; cut <= 16; cut++) {
        assert_false(raw_opens(bench, raw, DT_SEAL_OVERHEAD + PLAIN.len - cut));
        assert_false(raw_opens(bench, empty, DT_SEAL_OVERHEAD - cut));
    }
}

/* S-06 */
static void a_token_of_one_purpose_never_opens_for_another(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t token = {NULL, 0};
    dt_slice_t plain;

    for (int made = 0; made < DT_SEAL_PURPOSES; made++) {
        assert_int_equal(dt_seal(bench->keys, (dt_purpose_t)made, &bench->call, PLAIN, &token),
                         APR_SUCCESS);
        for (int used = 0; used < DT_SEAL_PURPOSES; used++) {
            assert_int_equal(dt_open(bench->keys, (dt_purpose_t)used, &bench->call, token, &plain),
                             used == made ? APR_SUCCESS : APR_EACCES);
        }
    }
}

/* S-14 */
static void a_token_of_one_host_never_opens_at_another(void **state)
{
    const char *const hosts[] = {"intranet.example.co",
                                 "intranet.example.com.",
                                 ".example.com",
                                 "intranet.example.con",
                                 "Intranet.example.com",
                                 "",
                                 NULL};
    const bench_t *bench = *state;
    dt_slice_t token = seal(bench, PLAIN);

    for (int i = 0; i < 7; i++) {
        dt_call_t call = bench->call;
        call.host = hosts[i];
        assert_false(opens(bench->keys, &call, token, PLAIN));
    }
    assert_true(opens(bench->keys, &bench->call, token, PLAIN));
}

static void no_host_is_the_empty_host(void **state)
{
    bench_t *bench = *state;
    dt_slice_t token;

    bench->call.host = NULL;
    token = seal(bench, PLAIN);
    bench->call.host = "";
    assert_true(opens(bench->keys, &bench->call, token, PLAIN));
}

static void a_token_of_one_owner_never_opens_for_another(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t token = seal(bench, PLAIN);
    apr_pool_t *pool = bench->call.pool;

    assert_false(
        opens(ring(pool, 1, &OLD, DT_SLICE("dingcorp clien")), &bench->call, token, PLAIN));
    assert_false(opens(ring(pool, 1, &OLD, dt_slice(NULL)), &bench->call, token, PLAIN));
    assert_true(opens(ring(pool, 1, &OLD, OWNER), &bench->call, token, PLAIN));
}

static void the_key_id_of_one_owner_under_another_does_not_help(void **state)
{
    bench_t *bench = *state;
    apr_size_t len;
    unsigned char *raw = raw_of(bench, seal(bench, PLAIN), &len);
    unsigned char *other;

    bench->keys = ring(bench->call.pool, 1, &NEW, OWNER);
    other = raw_of(bench, seal(bench, PLAIN), &len);
    memcpy(raw + 1, other + 1, 4);
    assert_false(raw_opens(bench, raw, len));
}

static void keys_rotate_without_signing_anyone_out(void **state)
{
    const dt_slice_t both[] = {NEW, OLD};
    bench_t *bench = *state;
    apr_pool_t *pool = bench->call.pool;
    dt_keyring_t *old_ring = bench->keys;
    dt_keyring_t *new_ring = ring(pool, 1, both, OWNER);
    dt_keyring_t *both_ring = ring(pool, 2, both, OWNER);
    dt_slice_t before = seal(bench, PLAIN);
    dt_slice_t after;

    bench->keys = both_ring;
    after = seal(bench, PLAIN);
    assert_true(opens(both_ring, &bench->call, before, PLAIN));
    assert_true(opens(both_ring, &bench->call, after, PLAIN));
    assert_true(opens(new_ring, &bench->call, after, PLAIN)); /* the first seals */
    assert_false(opens(old_ring, &bench->call, after, PLAIN));
    assert_false(opens(new_ring, &bench->call, before, PLAIN)); /* removed, so no longer */
    assert_true(dt_seal_is_current(both_ring, after));
    assert_false(dt_seal_is_current(both_ring, before));
    assert_false(dt_seal_is_current(both_ring, dt_slice(NULL)));
}

static void a_key_text_must_be_long_enough(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t texts[] = {OLD, {"0123456789012345678901234567890", 31}};
    dt_keyring_t *keys = NULL;

    assert_int_equal(dt_keyring_create(bench->call.pool, texts, 2, OWNER, &keys), APR_EINVAL);
    assert_int_equal(dt_keyring_create(bench->call.pool, texts, 0, OWNER, &keys), APR_EINVAL);
    assert_null(keys);
    texts[1] = DT_SLICE("01234567890123456789012345678901");
    assert_int_equal(dt_keyring_create(bench->call.pool, texts, 2, OWNER, &keys), APR_SUCCESS);
}

/* S-03: lengths are looked at before bytes, so these have none behind them. */
static void a_token_of_hostile_length_is_refused_unread(void **state)
{
    const bench_t *bench = *state;
    const apr_size_t lengths[] = {DT_SEAL_MAX + 1,           1 << 20,     INT32_MAX,
                                  (apr_size_t)INT32_MAX + 1, UINT32_MAX,  APR_SIZE_MAX / 3,
                                  APR_SIZE_MAX - 1,          APR_SIZE_MAX};
    char *byte = malloc(1);

    assert_non_null(byte);
    *byte = 'A';
    for (int i = 0; i < 8; i++) {
        assert_false(opens(bench->keys, &bench->call, (dt_slice_t){byte, lengths[i]}, PLAIN));
    }
    free(byte);
}

static void a_token_too_short_or_of_one_letter_is_refused(void **state)
{
    const bench_t *bench = *state;
    char *text = apr_palloc(bench->call.pool, DT_SEAL_MAX);

    memset(text, 'A', DT_SEAL_MAX);
    for (apr_size_t n = 0; n <= 100; n++) {
        assert_false(opens(bench->keys, &bench->call, (dt_slice_t){text, n}, PLAIN));
        assert_false(opens(bench->keys, &bench->call, (dt_slice_t){text, DT_SEAL_MAX - n}, PLAIN));
    }
    assert_false(opens(bench->keys, &bench->call, dt_slice(NULL), PLAIN));
}

/* S-30: at the limit, one below and one above. */
static void what_is_too_long_to_open_is_not_sealed(void **state)
{
    enum { LONGEST = DT_SEAL_MAX / 4 * 3 - DT_SEAL_OVERHEAD };
    const bench_t *bench = *state;
    char *text = apr_palloc(bench->call.pool, LONGEST + 1);
    dt_slice_t token = {NULL, 0};

    memset(text, 'x', LONGEST + 1);
    for (apr_size_t n = LONGEST - 1; n <= LONGEST; n++) {
        assert_true(opens(bench->keys, &bench->call, seal(bench, (dt_slice_t){text, n}),
                          (dt_slice_t){text, n}));
    }
    assert_int_equal(dt_seal(bench->keys, DT_SEAL_SESSION, &bench->call,
                             (dt_slice_t){text, LONGEST + 1}, &token),
                     APR_ENOSPC);
    assert_int_equal(dt_seal(bench->keys, DT_SEAL_SESSION, &bench->call,
                             (dt_slice_t){text, APR_SIZE_MAX}, &token),
                     APR_ENOSPC);
    assert_null(token.data);
}

static void a_failed_open_leaves_the_context_usable(void **state)
{
    const bench_t *bench = *state;
    dt_slice_t good = seal(bench, PLAIN);
    char *bad = apr_pstrmemdup(bench->call.pool, good.data, good.len);

    bad[good.len - 3] = bad[good.len - 3] == 'A' ? 'B' : 'A';
    for (int i = 0; i < 10; i++) {
        assert_false(opens(bench->keys, &bench->call, (dt_slice_t){bad, good.len}, PLAIN));
        assert_true(opens(bench->keys, &bench->call, good, PLAIN));
    }
}

static void a_scratch_serves_more_keys_than_it_keeps(void **state)
{
    enum { RINGS = 20 };
    bench_t *bench = *state;
    dt_keyring_t *rings[RINGS];
    dt_slice_t tokens[RINGS];

    for (int i = 0; i < RINGS; i++) {
        char owner = (char)('a' + i);
        rings[i] = bench->keys = ring(bench->call.pool, 1, &OLD, (dt_slice_t){&owner, 1});
        tokens[i] = seal(bench, PLAIN);
    }
    for (int i = 0; i < RINGS * 7; i++) {
        int at = i * 3 % RINGS;
        assert_true(opens(rings[at], &bench->call, tokens[at], PLAIN));
        assert_false(opens(rings[at], &bench->call, tokens[(at + 1) % RINGS], PLAIN));
    }
}

static void a_new_keyring_where_an_old_one_lay_has_its_own_contexts(void **state)
{
    bench_t *bench = *state;
    apr_pool_t *pool = NULL;
    dt_keyring_t *first;
    dt_slice_t token;

    assert_int_equal(apr_pool_create(&pool, bench->call.pool), APR_SUCCESS);
    first = bench->keys = ring(pool, 1, &OLD, OWNER);
    token = seal(bench, PLAIN);
    assert_true(opens(bench->keys, &bench->call, token, PLAIN));
    apr_pool_clear(pool);
    bench->keys = ring(pool, 1, &NEW, OWNER);
    if (bench->keys != first) {
        skip(); /* an APR that debugs pools never uses an address twice */
    }
    assert_false(opens(bench->keys, &bench->call, token, PLAIN));
    assert_true(opens(bench->keys, &bench->call, seal(bench, PLAIN), PLAIN));
}

static void opening_with_a_scratch_asks_openssl_for_no_memory(void **state)
{
    bench_t *bench = *state;
    dt_slice_t token = seal(bench, PLAIN);
    unsigned long before;

    assert_true(opens(bench->keys, &bench->call, token, PLAIN));
    before = allocations;
    assert_true(before > 0);
    for (int i = 0; i < 100; i++) {
        assert_true(opens(bench->keys, &bench->call, token, PLAIN));
    }
    assert_int_equal(allocations, before);
    bench->call.scratch = NULL;
    assert_true(opens(bench->keys, &bench->call, token, PLAIN));
    assert_true(allocations > before);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_was_sealed_opens_at_every_length),
        BENCH_TEST(a_token_of_another_implementation_opens),
        BENCH_TEST(a_token_opens_without_a_scratch),
        BENCH_TEST(ten_thousand_seals_have_ten_thousand_nonces),
        BENCH_TEST(the_same_text_sealed_twice_differs),
        BENCH_TEST(a_flipped_bit_never_opens),
        BENCH_TEST(a_changed_letter_never_opens),
        BENCH_TEST(a_truncated_tag_of_any_length_never_opens),
        BENCH_TEST(a_token_of_one_purpose_never_opens_for_another),
        BENCH_TEST(a_token_of_one_host_never_opens_at_another),
        BENCH_TEST(no_host_is_the_empty_host),
        BENCH_TEST(a_token_of_one_owner_never_opens_for_another),
        BENCH_TEST(the_key_id_of_one_owner_under_another_does_not_help),
        BENCH_TEST(keys_rotate_without_signing_anyone_out),
        BENCH_TEST(a_key_text_must_be_long_enough),
        BENCH_TEST(a_token_of_hostile_length_is_refused_unread),
        BENCH_TEST(a_token_too_short_or_of_one_letter_is_refused),
        BENCH_TEST(what_is_too_long_to_open_is_not_sealed),
        BENCH_TEST(a_failed_open_leaves_the_context_usable),
        BENCH_TEST(a_scratch_serves_more_keys_than_it_keeps),
        BENCH_TEST(a_new_keyring_where_an_old_one_lay_has_its_own_contexts),
        BENCH_TEST(opening_with_a_scratch_asks_openssl_for_no_memory),
    };

    /* Only possible before OpenSSL has allocated anything; the test that counts checks it. */
    CRYPTO_set_mem_functions(counted_malloc, NULL, NULL);
    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
