/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/hash: whatever the secret, ids that differ anywhere have other hashes. */
#include "core/hash.h"
#include "unit.h"

#define SECRETS 500
#define KIND 2

/* Which bits of a hash a table looks at: as few as tell a group of the revocations. */
#define LOW(hash) ((hash)&0x1ffff)
#define HIGH(hash) ((hash) >> 40)

static void a_hash_is_the_same_every_time(void **state)
{
    dt_hash_t hash;

    (void)state;
    assert_int_equal(dt_hash_create(&hash), APR_SUCCESS);
    assert_true(dt_hash_bytes(&hash, KIND, 5, "manager4220", 11) ==
                dt_hash_bytes(&hash, KIND, 5, "manager4220, and more", 11));
}

static bool meet(apr_uint64_t one, apr_uint64_t other)
{
    return LOW(one) == LOW(other) && HIGH(one) == HIGH(other);
}

static void flip(char *id, size_t bit)
{
    id[bit / 8] = (char)(id[bit / 8] ^ 1 << bit % 8);
}

/* Of every length around the words of eight bytes that a hash takes at a time. */
static void one_bit_makes_another_hash(void **state)
{
    char id[] = "0123456789abcdefghijklm";

    (void)state;
    for (int secret = 0; secret < SECRETS; secret++) {
        dt_hash_t hash;

        assert_int_equal(dt_hash_create(&hash), APR_SUCCESS);
        for (size_t len = 3; len < sizeof(id); len += 4) {
            const apr_uint64_t whole = dt_hash_bytes(&hash, KIND, 0, id, len);

            for (size_t bit = 0; bit < 8 * len; bit++) {
                flip(id, bit);
                assert_false(meet(whole, dt_hash_bytes(&hash, KIND, 0, id, len)));
                flip(id, bit);
            }
        }
    }
}

/* The second bit undoes nothing of what the first has done, in the same word or in a later one. */
static void two_bits_make_another_hash(void **state)
{
    char id[] = "0123456789abcdefghijk";
    const size_t len = sizeof(id) - 1;

    (void)state;
    for (int secret = 0; secret < SECRETS / 10; secret++) {
        apr_uint64_t whole;
        dt_hash_t hash;

        assert_int_equal(dt_hash_create(&hash), APR_SUCCESS);
        whole = dt_hash_bytes(&hash, KIND, 0, id, len);
        for (size_t first = 0; first < 8 * len; first++) {
            flip(id, first);
            for (size_t second = first + 1; second < 8 * len; second++) {
                flip(id, second);
                assert_false(meet(whole, dt_hash_bytes(&hash, KIND, 0, id, len)));
                flip(id, second);
            }
            flip(id, first);
        }
    }
}

static void the_same_bytes_are_another_id_of_another_kind_owner_or_length(void **state)
{
    static const char id[] = "\0\0\0\0\0\0\0\0\0\0";

    (void)state;
    for (int secret = 0; secret < SECRETS; secret++) {
        apr_uint64_t mine;
        dt_hash_t hash;

        assert_int_equal(dt_hash_create(&hash), APR_SUCCESS);
        mine = dt_hash_bytes(&hash, KIND, 0, id, 8);
        assert_false(mine == dt_hash_bytes(&hash, KIND + 1, 0, id, 8));
        assert_false(mine == dt_hash_bytes(&hash, KIND, 1, id, 8));
        assert_false(mine == dt_hash_bytes(&hash, KIND, 0, id, 9));
        assert_false(mine == dt_hash_bytes(&hash, KIND, 0, NULL, 0));
    }
}

static void another_secret_makes_another_hash(void **state)
{
    dt_hash_t hash, other;

    (void)state;
    assert_int_equal(dt_hash_create(&hash), APR_SUCCESS);
    assert_int_equal(dt_hash_create(&other), APR_SUCCESS);
    assert_false(dt_hash_bytes(&hash, KIND, 0, "manager4220", 11) ==
                 dt_hash_bytes(&other, KIND, 0, "manager4220", 11));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_the_same_every_time),
        cmocka_unit_test(one_bit_makes_another_hash),
        cmocka_unit_test(two_bits_make_another_hash),
        cmocka_unit_test(the_same_bytes_are_another_id_of_another_kind_owner_or_length),
        cmocka_unit_test(another_secret_makes_another_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
