/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope of pushes: DingTalk's published ones byte for byte, and every malformed one. */
#include "pushes.h"

#include <openssl/evp.h>

#define BLOCK 16

static const unsigned char key[DT_ENVELOPE_KEY] = "a key of exactly 32 bytes, yes!";

/* --- what is published --- */

static void every_published_envelope_is_signed_so(void **state)
{
    for (apr_size_t i = 0; i < ROWS(vectors); i++) {
        const vector_t *v = &vectors[i];
        assert_row_text(v->name,
                        dt_envelope_sign(*state, v->token, v->timestamp, v->nonce, v->envelope),
                        v->signature);
    }
}

static void every_published_envelope_is_packed_so(void **state)
{
    for (apr_size_t i = 0; i < ROWS(vectors); i++) {
        const vector_t *v = &vectors[i];
        const dt_subscription_t subscription = subscription_of(v);
        assert_row_text(v->name,
                        dt_envelope_pack(*state, subscription.aes_key,
                                         (const unsigned char *)v->random, dt_slice(v->message),
                                         dt_slice(v->owner)),
                        v->envelope);
    }
}

static void every_published_envelope_is_unpacked(void **state)
{
    for (apr_size_t i = 0; i < ROWS(vectors); i++) {
        const vector_t *v = &vectors[i];
        const dt_subscription_t subscription = subscription_of(v);
        dt_slice_t message, owner;
        assert_row_text(v->name,
                        dt_envelope_unpack(*state, subscription.aes_key, v->envelope, &message,
                                           &owner),
                        NULL);
        assert_row_true(v->name, dt_slice_equal(message, dt_slice(v->message)));
        assert_row_true(v->name, dt_slice_equal(owner, dt_slice(v->owner)));
    }
}

static void bytes_above_0x7f_are_signed_last(void **state)
{
    assert_string_equal(dt_envelope_sign(*state, "\xe4\xb8\xad", "\x7f", "", ""),
                        dt_envelope_sign(*state, "", "\x7f\xe4\xb8\xad", "", ""));
}

static void what_is_longer_than_a_megabyte_is_not_packed(void **state)
{
    const dt_slice_t large = {apr_pcalloc(*state, (1 << 20) + 1), (1 << 20) + 1};
    const unsigned char random[DT_ENVELOPE_RANDOM] = {0};

    assert_null(dt_envelope_pack(*state, key, random, large, DT_SLICE("x")));
    assert_null(dt_envelope_pack(*state, key, random, DT_SLICE("x"), large));
}

/* --- what is malformed --- */

/* An envelope of any plaintext whatever, of whole blocks. */
static const char *envelope_of(apr_pool_t *pool, const void *plain, apr_size_t len)
{
    unsigned char *bytes = apr_palloc(pool, len);
    char *text = apr_palloc(pool, len * 2);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done;

    assert_int_equal(len % BLOCK, 0);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_EncryptUpdate(ctx, bytes, &done, plain, (int)len), 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    return text;
}

/* 48 bytes: random, a message of 4 bytes, the owner "own", and 21 bytes of padding. */
static unsigned char *a_plaintext(apr_pool_t *pool)
{
    unsigned char *plain = apr_pcalloc(pool, 3 * BLOCK);

    memcpy(plain + DT_ENVELOPE_RANDOM, "\0\0\0\4textown", 11);
    memset(plain + DT_ENVELOPE_RANDOM + 11, 21, 21);
    return plain;
}

static const char *unpack(apr_pool_t *pool, const void *plain, apr_size_t len, dt_slice_t *message,
                          dt_slice_t *owner)
{
    return dt_envelope_unpack(pool, key, envelope_of(pool, plain, len), message, owner);
}

static void padding_of_up_to_32_bytes_is_cut(void **state)
{
    dt_slice_t message, owner;

    assert_null(unpack(*state, a_plaintext(*state), 3 * BLOCK, &message, &owner));
    assert_int_equal(message.len, 4);
    assert_memory_equal(message.data, "text", 4);
    assert_int_equal(owner.len, 3);
    assert_memory_equal(owner.data, "own", 3);
}

static void padding_to_blocks_of_16_bytes_is_understood(void **state)
{
    unsigned char *plain = a_plaintext(*state);
    dt_slice_t message, owner;

    memset(plain + DT_ENVELOPE_RANDOM + 11, 5, 5);
    assert_null(unpack(*state, plain, 2 * BLOCK, &message, &owner));
    assert_int_equal(message.len, 4);
    assert_int_equal(owner.len, 3);
}

static void odd_padding_is_refused(void **state)
{
    static const unsigned char lasts[] = {0, 20, 22, 33, 48, 128, 255};
    dt_slice_t message, owner;

    for (apr_size_t i = 0; i < ROWS(lasts); i++) {
        unsigned char *plain = a_plaintext(*state);
        plain[3 * BLOCK - 1] = lasts[i];
        assert_non_null(unpack(*state, plain, 3 * BLOCK, &message, &owner));
    }
    for (int at = 27; at < 3 * BLOCK - 1; at++) {
        unsigned char *plain = a_plaintext(*state);
        plain[at]++;
        assert_non_null(unpack(*state, plain, 3 * BLOCK, &message, &owner));
    }
}

static void padding_of_33_equal_bytes_is_refused(void **state)
{
    unsigned char plain[4 * BLOCK] = {[DT_ENVELOPE_RANDOM + 3] = 4};
    dt_slice_t message, owner;

    memset(plain + sizeof(plain) - 33, 33, 33);
    assert_non_null(unpack(*state, plain, sizeof(plain), &message, &owner));
    memset(plain + sizeof(plain) - 33, 32, 33);
    assert_null(unpack(*state, plain, sizeof(plain), &message, &owner));
}

static void padding_longer_than_everything_is_refused(void **state)
{
    unsigned char plain[BLOCK];
    dt_slice_t message, owner;

    for (int last = 1; last <= 32; last++) {
        memset(plain, last, sizeof(plain));
        assert_non_null(unpack(*state, plain, sizeof(plain), &message, &owner));
    }
}

static void a_length_beyond_the_end_is_refused(void **state)
{
    static const char *const lengths[] = {"\0\0\0\x08", "\0\0\1\4",         "\0\1\0\4", "\1\0\0\4",
                                          "\x80\0\0\0", "\xff\xff\xff\xff", NULL};
    unsigned char *plain = a_plaintext(*state);
    dt_slice_t message, owner;

    for (const char *const *length = lengths; *length; length++) {
        memcpy(plain + DT_ENVELOPE_RANDOM, *length, 4);
        assert_non_null(unpack(*state, plain, 3 * BLOCK, &message, &owner));
    }
    memcpy(plain + DT_ENVELOPE_RANDOM, "\0\0\0\7", 4);
    assert_null(unpack(*state, plain, 3 * BLOCK, &message, &owner));
    assert_int_equal(owner.len, 0);
}

static void what_is_not_base64_of_whole_blocks_is_refused(void **state)
{
    static const char *const odd[] = {"",
                                      "=",
                                      "==",
                                      "====",
                                      "A===",
                                      "AAA",
                                      "AAAA",
                                      "AAAAAAAAAAAAAAAAAAAAAA",
                                      "AAAAAAAAAAAAAAAAAAAAAA==AAAA",
                                      "AAAAAAAAAAAAAAAAAAAAAAA=",
                                      "AAAAAAAAAAAAAAAAAAAAA===",
                                      "AAAAAAAAAA=AAAAAAAAAAA==",
                                      " AAAAAAAAAAAAAAAAAAAAAA==",
                                      "AAAAAAAAAAAAAAAAAAAAAA==\n",
                                      "AAAAAAAAAAA\nAAAAAAAAAAA==",
                                      "AAAAAAAAAA-AAAAAAAAAAA==",
                                      "AAAAAAAAAA\xc3\xa4"
                                      "AAAAAAAAAA==",
                                      NULL};

    for (const char *const *text = odd; *text; text++) {
        dt_slice_t message, owner;
        assert_row_text(*text, dt_envelope_unpack(*state, key, *text, &message, &owner),
                        "it is no base64 of whole blocks");
    }
}

static void another_key_opens_nothing(void **state)
{
    const vector_t *v = &vectors[0];
    dt_subscription_t subscription = subscription_of(v);

    for (int bit = 0; bit < DT_ENVELOPE_KEY * 8; bit++) {
        dt_slice_t message = {NULL, 0};
        dt_slice_t owner = {NULL, 0};
        const char *wrong;
        subscription.aes_key[bit / 8] ^= (unsigned char)(1 << bit % 8);
        wrong = dt_envelope_unpack(*state, subscription.aes_key, v->envelope, &message, &owner);
        assert_true(wrong || !dt_slice_equal(owner, dt_slice(v->owner)));
        subscription.aes_key[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(every_published_envelope_is_signed_so),
        WITH_POOL(every_published_envelope_is_packed_so),
        WITH_POOL(every_published_envelope_is_unpacked),
        WITH_POOL(bytes_above_0x7f_are_signed_last),
        WITH_POOL(what_is_longer_than_a_megabyte_is_not_packed),
        WITH_POOL(padding_of_up_to_32_bytes_is_cut),
        WITH_POOL(padding_to_blocks_of_16_bytes_is_understood),
        WITH_POOL(odd_padding_is_refused),
        WITH_POOL(padding_of_33_equal_bytes_is_refused),
        WITH_POOL(padding_longer_than_everything_is_refused),
        WITH_POOL(a_length_beyond_the_end_is_refused),
        WITH_POOL(what_is_not_base64_of_whole_blocks_is_refused),
        WITH_POOL(another_key_opens_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
