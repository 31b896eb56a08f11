/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/bytes: one value has one text, and nothing else is taken. */
#include "core/bytes.h"

#include <apr_general.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static int set_up(void **state)
{
    apr_pool_t *pool = NULL;

    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    *state = pool;
    return 0;
}

static int tear_down(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/*
 * Decodes a copy of text that is exactly as long, to as much room as bytes.h asks for, so that a
 * sanitizer sees one byte too many.
 */
static apr_status_t decode(const char *text, apr_size_t size, unsigned char **out, apr_size_t *len)
{
    char *copy = malloc(size ? size : 1);
    apr_status_t rv;

    *out = malloc(size * 3 / 4 + (size % 4 == 0));
    assert_non_null(copy);
    assert_non_null(*out);
    memcpy(copy, text, size);
    rv = dt_base64url_decode((dt_slice_t){copy, size}, *out, len);
    free(copy);
    return rv;
}

static bool is_refused(const char *text, apr_size_t size)
{
    unsigned char *out;
    apr_size_t len = 4711;
    apr_status_t rv = decode(text, size, &out, &len);

    free(out);
    return rv == APR_BADCH;
}

static void a_slice_of_null_is_empty(void **state)
{
    (void)state;
    assert_int_equal(dt_slice(NULL).len, 0);
    assert_int_equal(dt_slice("abc").len, 3);
    assert_int_equal(DT_SLICE("a\0b").len, 3);
}

static void slices_are_equal_when_all_bytes_are(void **state)
{
    (void)state;
    assert_true(dt_slice_equal(DT_SLICE("a\0b"), DT_SLICE("a\0b")));
    assert_false(dt_slice_equal(DT_SLICE("a\0b"), DT_SLICE("a\0c")));
    assert_false(dt_slice_equal(DT_SLICE("ab"), DT_SLICE("abc")));
    assert_true(dt_slice_equal(dt_slice(NULL), DT_SLICE("")));
}

static void a_slice_is_a_text_whatever_the_case_of_its_letters(void **state)
{
    (void)state;
    assert_true(dt_slice_is(DT_SLICE("NaVigate"), "navigate"));
    assert_true(dt_slice_is(dt_slice(NULL), ""));
    assert_false(dt_slice_is(DT_SLICE("navigat"), "navigate"));
    assert_false(dt_slice_is(DT_SLICE("navigate2"), "navigate"));
    assert_false(dt_slice_is(DT_SLICE("nav\0gate"), "nav"));
    assert_false(dt_slice_is(DT_SLICE("[@"), "{`")); /* 0x20 apart, but no letters */
    assert_false(dt_slice_is(DT_SLICE("na\0"), "nav"));
}

static void a_secret_equals_only_itself(void **state)
{
    char other[] = "0123456789abcdef";
    dt_slice_t secret = DT_SLICE("0123456789abcdef");

    (void)state;
    assert_true(dt_secret_equal(secret, dt_slice(other)));
    assert_true(dt_secret_equal(dt_slice(NULL), DT_SLICE("")));
    assert_false(dt_secret_equal(secret, (dt_slice_t){other, 15}));
    assert_false(dt_secret_equal(secret, dt_slice(NULL)));
    for (int i = 0; i < 16; i++) {
        other[i] ^= 1;
        assert_false(dt_secret_equal(secret, dt_slice(other)));
        other[i] ^= 1;
    }
}

static void hex_is_lower_case(void **state)
{
    const unsigned char bytes[] = {0x00, 0x09, 0xa0, 0xff};

    assert_string_equal(dt_hex(*state, bytes, 4), "0009a0ff");
    assert_string_equal(dt_hex(*state, bytes, 0), "");
}

static void base64url_gives_the_texts_of_the_rfc(void **state)
{
    /* RFC 4648, section 10, without padding; the last has both letters of the URL alphabet */
    const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xfb\xff\xfe"};
    const char *const texts[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy", "-__-"};

    for (int i = 0; i < 8; i++) {
        dt_slice_t text = dt_base64url(*state, dt_slice(plain[i]));
        assert_string_equal(text.data, texts[i]);
        assert_int_equal(text.len, strlen(texts[i]));
        assert_int_equal(dt_base64url_size(strlen(plain[i])), text.len);
    }
}

static void what_is_encoded_decodes_to_itself_at_every_length(void **state)
{
    unsigned char bytes[300];

    for (int i = 0; i < 300; i++) {
        bytes[i] = (unsigned char)(i * 151 + i / 7);
    }
    for (apr_size_t n = 0; n <= sizeof(bytes); n++) {
        dt_slice_t text = dt_base64url(*state, (dt_slice_t){(char *)bytes, n});
        unsigned char *out;
        apr_size_t len = 0;
        assert_int_equal(decode(text.data, text.len, &out, &len), APR_SUCCESS);
        assert_int_equal(len, n);
        assert_memory_equal(out, bytes, n);
        free(out);
    }
}

static void every_letter_counts_at_every_place(void **state)
{
    (void)state;
    for (int place = 0; place < 4; place++) {
        for (int i = 0; i < 64; i++) {
            char text[] = "AAAA";
            unsigned char *out;
            apr_size_t len;
            text[place] = ALPHABET[i];
            assert_int_equal(decode(text, 4, &out, &len), APR_SUCCESS);
            assert_int_equal(len, 3);
            assert_int_equal(out[0] << 16 | out[1] << 8 | out[2], i << (18 - 6 * place));
            free(out);
        }
    }
}

static void a_length_no_value_has_is_refused(void **state)
{
    (void)state;
    for (apr_size_t n = 1; n < 40; n += 4) {
        assert_true(is_refused("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", n));
    }
}

static void a_byte_outside_the_alphabet_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    for (apr_size_t size = 2; size <= 11; size++) {
        for (apr_size_t at = 0; size % 4 != 1 && at < size; at++) {
            for (int c = 0; c < 256; c++) {
                char text[12] = "AAAAAAAAAAA";
                text[at] = (char)c;
                if (c == '\0' || !strchr(ALPHABET, c)) {
                    assert_true(is_refused(text, size));
                }
            }
        }
    }
}

static void padding_is_refused(void **state)
{
    (void)state;
    assert_true(is_refused("Zg==", 4));
    assert_true(is_refused("Zm8=", 4));
    assert_true(is_refused("Zm9v====", 8));
}

static void spare_bits_must_be_zero_so_that_one_value_has_one_text(void **state)
{
    int taken[2] = {0, 0};

    (void)state;
    for (int i = 0; i < 64; i++) {
        char two[] = {'A', ALPHABET[i]};
        char three[] = {'A', 'A', ALPHABET[i]};
        taken[0] += !is_refused(two, 2);
        taken[1] += !is_refused(three, 3);
    }
    assert_int_equal(taken[0], 4);  /* two bits of the second letter count */
    assert_int_equal(taken[1], 16); /* four of the third */
}

static void percent_keeps_only_what_no_url_gives_a_meaning(void **state)
{
    assert_string_equal(dt_percent(*state, DT_SLICE("aZ09-._~")), "aZ09-._~");
    assert_string_equal(dt_percent(*state, DT_SLICE(" /?&=#%+\n\xe5")),
                        "%20%2F%3F%26%3D%23%25%2B%0A%E5");
    assert_string_equal(dt_percent(*state, DT_SLICE("a\0b")), "a%00b");
    assert_string_equal(dt_percent(*state, dt_slice(NULL)), "");
}

static void a_header_value_stays_readable_and_holds_no_control(void **state)
{
    const char *plain = "zhangsan";

    assert_string_equal(dt_percent_header(*state, "Zhang San <z@x.cn>"), "Zhang San <z@x.cn>");
    assert_ptr_equal(dt_percent_header(*state, plain), plain);
    assert_string_equal(dt_percent_header(*state, "50%\r\nX: y\x7f\xe5\xbc\xa0"),
                        "50%25%0D%0AX: y%7F%E5%BC%A0");
}

static void a_foreign_text_in_the_log_is_printable_and_short(void **state)
{
    assert_string_equal(dt_loggable(*state, DT_SLICE("a\nb\x1b[0m\xe5~ \x7f"), 100), "a?b?[0m?~ ?");
    assert_string_equal(dt_loggable(*state, DT_SLICE("abcdef"), 3), "abc");
    assert_string_equal(dt_loggable(*state, dt_slice(NULL), 3), "");
}

static void random_bytes_differ(void **state)
{
    unsigned char a[16] = {0};
    unsigned char b[16] = {0};

    (void)state;
    assert_int_equal(dt_random(a, sizeof(a)), APR_SUCCESS);
    assert_int_equal(dt_random(b, sizeof(b)), APR_SUCCESS);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void more_random_bytes_than_openssl_can_count_are_refused(void **state)
{
    unsigned char byte = 0;

    (void)state;
    assert_int_equal(dt_random(&byte, (apr_size_t)INT32_MAX + 1), APR_EGENERAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_of_null_is_empty),
        cmocka_unit_test(slices_are_equal_when_all_bytes_are),
        cmocka_unit_test(a_slice_is_a_text_whatever_the_case_of_its_letters),
        cmocka_unit_test(a_secret_equals_only_itself),
        cmocka_unit_test_setup_teardown(hex_is_lower_case, set_up, tear_down),
        cmocka_unit_test_setup_teardown(base64url_gives_the_texts_of_the_rfc, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_encoded_decodes_to_itself_at_every_length, set_up,
                                        tear_down),
        cmocka_unit_test(every_letter_counts_at_every_place),
        cmocka_unit_test(a_length_no_value_has_is_refused),
        cmocka_unit_test(a_byte_outside_the_alphabet_is_refused_wherever_it_stands),
        cmocka_unit_test(padding_is_refused),
        cmocka_unit_test(spare_bits_must_be_zero_so_that_one_value_has_one_text),
        cmocka_unit_test_setup_teardown(percent_keeps_only_what_no_url_gives_a_meaning, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_header_value_stays_readable_and_holds_no_control, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_foreign_text_in_the_log_is_printable_and_short, set_up,
                                        tear_down),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(more_random_bytes_than_openssl_can_count_are_refused),
    };

    apr_initialize();
    atexit(apr_terminate);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
