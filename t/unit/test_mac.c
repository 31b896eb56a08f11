/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/seal: what a code is hashed with differs for every key of every owner. */
#include "core/bytes.h"
#include "core/seal.h"
#include "unit.h"

#define OLD DT_SLICE("the old key text, long enough to be one")
#define NEW DT_SLICE("the new key text, long enough to be one")
#define OWNER DT_SLICE("dingcorp client")
#define TEXT DT_SLICE("what is hashed")

static const dt_keyring_t *ring(apr_pool_t *pool, int count, const dt_slice_t *texts,
                                dt_slice_t owner)
{
    dt_keyring_t *keys = NULL;

    assert_int_equal(dt_keyring_create(pool, texts, count, owner, &keys), APR_SUCCESS);
    return keys;
}

/* Made by a program of a few lines from RFC 5869 and RFC 2104 that shares no code with ours. */
static void a_mac_of_another_implementation_is_ours(void **state)
{
    const dt_call_t *call = *state;
    dt_slice_t text = DT_SLICE("an administrator's key text of 32 bytes or more");
    unsigned char mac[DT_MAC_SIZE];

    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &text, OWNER), 0,
                                    DT_SLICE("what was hashed elsewhere"), mac),
                     APR_SUCCESS);
    assert_string_equal(dt_hex(call->pool, mac, sizeof(mac)),
                        "fc168fa7c1eed6ec134c4bdb6604c4373cdc3b6e1f040292627b82f9afffe281");
}

static void a_mac_is_of_one_key_of_the_ring(void **state)
{
    const dt_slice_t both[] = {NEW, OLD};
    const dt_call_t *call = *state;
    const dt_keyring_t *keys = ring(call->pool, 2, both, OWNER);
    unsigned char first[DT_MAC_SIZE];
    unsigned char second[DT_MAC_SIZE];
    unsigned char alone[DT_MAC_SIZE];

    assert_int_equal(dt_keyring_mac(keys, 0, TEXT, first), APR_SUCCESS);
    assert_int_equal(dt_keyring_mac(keys, 1, TEXT, second), APR_SUCCESS);
    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, OWNER), 0, TEXT, alone), APR_SUCCESS);
    assert_memory_not_equal(first, second, DT_MAC_SIZE);
    assert_memory_equal(second, alone, DT_MAC_SIZE);
}

static void a_mac_differs_between_owners_and_texts(void **state)
{
    const dt_call_t *call = *state;
    unsigned char mac[DT_MAC_SIZE];
    unsigned char other[DT_MAC_SIZE];

    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, OWNER), 0, TEXT, mac), APR_SUCCESS);
    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, OWNER), 0, dt_slice(NULL), other),
                     APR_SUCCESS);
    assert_memory_not_equal(mac, other, DT_MAC_SIZE);
    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, DT_SLICE("dingcorp clien")), 0, TEXT,
                                    other),
                     APR_SUCCESS);
    assert_memory_not_equal(mac, other, DT_MAC_SIZE);
}

static void a_key_that_is_not_on_the_ring_has_no_mac(void **state)
{
    const dt_call_t *call = *state;
    unsigned char mac[DT_MAC_SIZE];

    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, OWNER), 1, TEXT, mac), APR_NOTFOUND);
    assert_int_equal(dt_keyring_mac(ring(call->pool, 1, &OLD, OWNER), -1, TEXT, mac), APR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(a_mac_of_another_implementation_is_ours),
        WITH_CALL(a_mac_is_of_one_key_of_the_ring),
        WITH_CALL(a_mac_differs_between_owners_and_texts),
        WITH_CALL(a_key_that_is_not_on_the_ring_has_no_mac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
