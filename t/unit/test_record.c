/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/record: nothing is written or read out of bounds, and failing lasts. */
#include "core/bytes.h"
#include "core/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IN_2039 APR_INT64_C(2177452800123000) /* 2039-01-01 00:00:00.123 */

static const char long_text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static dt_slice_t written(const dt_writer_t *w)
{
    return (dt_slice_t){(const char *)w->start, w->len};
}

static void write_one_of_each(dt_writer_t *w)
{
    dt_write_u8(w, 0xfe);
    dt_write_time(w, IN_2039);
    dt_write_bytes(w, "\0\1\2", 3);
    dt_write_text(w, DT_SLICE("text"));
    dt_write_text(w, dt_slice(NULL));
    dt_write_text(w, (dt_slice_t){long_text, 128});
}

#define ONE_OF_EACH (1 + 6 + 3 + 5 + 1 + 129)

static bool reads_one_of_each(dt_slice_t record)
{
    char bytes[3];
    dt_reader_t r;
    bool right;

    dt_reader_init(&r, record);
    right = dt_read_u8(&r) == 0xfe;
    right &= dt_read_time(&r) == IN_2039;
    dt_read_bytes(&r, bytes, 3);
    right &= memcmp(bytes, "\0\1\2", 3) == 0;
    right &= strcmp(dt_read_text(&r).data, "text") == 0;
    right &= dt_read_text(&r).len == 0;
    right &= strcmp(dt_read_text(&r).data, long_text) == 0;
    right &= dt_reader_done(&r);
    return right;
}

static void what_is_written_is_read(void **state)
{
    unsigned char buffer[ONE_OF_EACH];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    write_one_of_each(&w);
    assert_false(w.failed);
    assert_int_equal(w.len, ONE_OF_EACH);
    assert_true(reads_one_of_each(written(&w)));
}

static void a_record_has_the_bytes_that_the_header_says(void **state)
{
    unsigned char buffer[6 + 3 + 1 + 129];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_time(&w, APR_INT64_C(0x010203040506) * 1000 + 999);
    dt_write_text(&w, DT_SLICE("ab"));
    dt_write_text(&w, dt_slice(NULL));
    dt_write_text(&w, (dt_slice_t){long_text, 128});
    assert_false(w.failed);
    assert_memory_equal(buffer, "\1\2\3\4\5\6ab\0\0", 10);
    assert_memory_equal(buffer + 10, long_text, 129);
    assert_int_equal(w.len, sizeof(buffer));
}

static void a_text_of_any_length_is_read_and_written_back(void **state)
{
    char text[1000];

    (void)state;
    memset(text, 't', sizeof(text));
    for (apr_size_t len = 0; len < sizeof(text); len++) {
        unsigned char buffer[sizeof(text) + 1];
        dt_slice_t found;
        dt_writer_t w;
        dt_reader_t r;
        dt_writer_init(&w, buffer, sizeof(buffer));
        dt_write_text(&w, (dt_slice_t){text, len});
        assert_false(w.failed);
        assert_int_equal(w.len, len + 1);
        dt_reader_init(&r, written(&w));
        found = dt_read_text(&r);
        assert_true(dt_reader_done(&r));
        assert_true(dt_slice_equal(found, (dt_slice_t){text, len}));
    }
}

static void a_buffer_too_short_by_any_number_of_bytes_fails(void **state)
{
    (void)state;
    for (apr_size_t max = 0; max < ONE_OF_EACH; max++) {
        unsigned char *buffer = malloc(max ? max : 1); /* a sanitizer sees one byte too many */
        dt_writer_t w;
        assert_non_null(buffer);
        dt_writer_init(&w, buffer, max);
        write_one_of_each(&w);
        assert_true(w.failed);
        assert_true(w.len <= max);
        free(buffer);
    }
}

static void a_writer_that_failed_writes_no_more(void **state)
{
    unsigned char buffer[4];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_bytes(&w, "12345", 5);
    dt_write_u8(&w, 1);
    dt_write_bytes(&w, "", 0);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

static void a_number_that_does_not_fit_fails(void **state)
{
    unsigned char buffer[16];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, 255);
    assert_false(w.failed);
    dt_write_u8(&w, 256);
    assert_true(w.failed);
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_time(&w, -1);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

static void a_text_with_a_nul_is_not_written(void **state)
{
    unsigned char buffer[16];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_text(&w, DT_SLICE("admin\0x"));
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

/* Of a copy that is exactly as long, so that a sanitizer sees one byte too many. */
static bool text_is_refused(dt_slice_t record)
{
    char *copy = malloc(record.len ? record.len : 1);
    dt_slice_t text;
    dt_reader_t r;
    bool refused;

    assert_non_null(copy);
    if (record.len > 0) {
        memcpy(copy, record.data, record.len);
    }
    dt_reader_init(&r, (dt_slice_t){copy, record.len});
    text = dt_read_text(&r);
    refused = r.failed && text.len == 0 && text.data && text.data[0] == '\0';
    free(copy);
    return refused;
}

static void a_text_without_its_nul_is_empty_and_fails(void **state)
{
    (void)state;
    assert_true(text_is_refused(dt_slice(NULL)));
    assert_true(text_is_refused(DT_SLICE("a")));
    assert_true(text_is_refused((dt_slice_t){long_text, sizeof(long_text) - 1}));
    assert_false(text_is_refused(DT_SLICE("\0")));
    assert_false(text_is_refused(DT_SLICE("ab\0")));
    assert_false(text_is_refused(DT_SLICE("ab\0b")));
}

static void a_record_cut_anywhere_fails(void **state)
{
    unsigned char buffer[ONE_OF_EACH];
    dt_writer_t w;

    (void)state;
    dt_writer_init(&w, buffer, sizeof(buffer));
    write_one_of_each(&w);
    for (apr_size_t len = 0; len < ONE_OF_EACH; len++) {
        char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, buffer, len);
        assert_false(reads_one_of_each((dt_slice_t){cut, len}));
        free(cut);
    }
}

static void a_reader_that_failed_reads_zeroes(void **state)
{
    char bytes[4] = "abc";
    dt_reader_t r;

    (void)state;
    dt_reader_init(&r, DT_SLICE("\1\2\3"));
    dt_read_bytes(&r, bytes, 4);
    assert_memory_equal(bytes, "\0\0\0\0", 4);
    assert_true(r.failed);
    assert_int_equal(dt_read_u8(&r), 0);
    assert_int_equal(dt_read_time(&r), 0);
    assert_false(dt_reader_done(&r));
}

static void once_failed_nothing_more_is_read(void **state)
{
    dt_reader_t r;

    (void)state;
    dt_reader_init(&r, DT_SLICE("a\0b"));
    assert_int_equal(dt_read_text(&r).len, 1);
    assert_int_equal(dt_read_text(&r).len, 0); /* no NUL */
    assert_int_equal(dt_read_text(&r).len, 0);
    assert_int_equal(dt_read_u8(&r), 0);
    assert_true(r.failed && !dt_reader_done(&r));
}

static void the_last_time_is_of_the_year_10889(void **state)
{
    const apr_time_t last = DT_RECORD_TIME_MAX;
    unsigned char buffer[6];
    dt_writer_t w;
    dt_reader_t r;

    (void)state;
    assert_true(last / APR_USEC_PER_SEC / 31556952 + 1970 == 10889); /* Gregorian years */
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_time(&w, last);
    assert_memory_equal(buffer, "\377\377\377\377\377\377", 6);
    dt_reader_init(&r, written(&w));
    assert_true(dt_read_time(&r) == last / 1000 * 1000);
    assert_true(dt_reader_done(&r));
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_time(&w, last + 1);
    assert_true(w.failed);
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_time(&w, 0);
    assert_memory_equal(buffer, "\0\0\0\0\0\0", 6);
}

static void a_record_with_something_left_is_not_done(void **state)
{
    dt_reader_t r;

    (void)state;
    dt_reader_init(&r, DT_SLICE("\1\2"));
    assert_int_equal(dt_read_u8(&r), 1);
    assert_false(dt_reader_done(&r));
    assert_int_equal(dt_read_u8(&r), 2);
    assert_true(dt_reader_done(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_record_has_the_bytes_that_the_header_says),
        cmocka_unit_test(a_text_of_any_length_is_read_and_written_back),
        cmocka_unit_test(a_buffer_too_short_by_any_number_of_bytes_fails),
        cmocka_unit_test(a_writer_that_failed_writes_no_more),
        cmocka_unit_test(a_number_that_does_not_fit_fails),
        cmocka_unit_test(a_text_with_a_nul_is_not_written),
        cmocka_unit_test(a_text_without_its_nul_is_empty_and_fails),
        cmocka_unit_test(a_record_cut_anywhere_fails),
        cmocka_unit_test(a_reader_that_failed_reads_zeroes),
        cmocka_unit_test(once_failed_nothing_more_is_read),
        cmocka_unit_test(the_last_time_is_of_the_year_10889),
        cmocka_unit_test(a_record_with_something_left_is_not_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
