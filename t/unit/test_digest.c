/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and HMAC-SHA256, by the vectors of FIPS 180-4 and RFC 4231. */
#include "core/bytes.h"
#include "core/digest.h"
#include "unit.h"

static void sha256_of_nothing_and_of_abc(void **state)
{
    apr_pool_t *pool = *state;

    assert_string_equal(dt_sha256_hex(pool, (dt_slice_t){NULL, 0}),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(dt_sha256_hex(pool, DT_SLICE("abc")),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_of_a_short_key(void **state)
{
    assert_string_equal(dt_hmac_sha256_hex(*state, DT_SLICE("Jefe"),
                                           DT_SLICE("what do ya want for nothing?")),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void hmac_of_a_key_longer_than_a_block(void **state)
{
    char key[131];

    memset(key, 0xaa, sizeof(key));
    assert_string_equal(
        dt_hmac_sha256_hex(*state, (dt_slice_t){key, sizeof(key)},
                           DT_SLICE("Test Using Larger Than Block-Size Key - Hash Key First")),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void keys_and_data_may_hold_zero_bytes(void **state)
{
    apr_pool_t *pool = *state;
    const char *whole = dt_hmac_sha256_hex(pool, DT_SLICE("k\0ey"), DT_SLICE("da\0ta"));

    assert_string_not_equal(whole, dt_hmac_sha256_hex(pool, DT_SLICE("k"), DT_SLICE("da\0ta")));
    assert_string_not_equal(whole, dt_hmac_sha256_hex(pool, DT_SLICE("k\0ey"), DT_SLICE("da")));
}

static void hmac_of_nothing_with_no_key(void **state)
{
    assert_string_equal(dt_hmac_sha256_hex(*state, (dt_slice_t){NULL, 0}, (dt_slice_t){NULL, 0}),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(sha256_of_nothing_and_of_abc),      WITH_POOL(hmac_of_a_short_key),
        WITH_POOL(hmac_of_a_key_longer_than_a_block), WITH_POOL(keys_and_data_may_hold_zero_bytes),
        WITH_POOL(hmac_of_nothing_with_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
