/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of queries and forms: found once, decoded strictly, or refused. */
#include "core/bytes.h"
#include "core/url.h"
#include "unit.h"

static apr_status_t fields_of(apr_pool_t *pool, const char *text, dt_field_t *fields)
{
    return dt_url_fields(pool, dt_slice(text), fields);
}

static void wanted_fields_are_decoded(void **state)
{
    dt_field_t fields[] = {{"state", "old"}, {"authCode", NULL}, {"error", "old"}, {NULL, NULL}};

    assert_int_equal(fields_of(*state, "x=1&authCode=a%26b%2Bc+d%E4%B8%AD&&state=&=&y", fields),
                     APR_SUCCESS);
    assert_string_equal(fields[0].value, "");
    assert_string_equal(fields[1].value, "a&b+c d\xe4\xb8\xad");
    assert_null(fields[2].value);
}

static void names_are_matched_after_decoding_and_by_case(void **state)
{
    dt_field_t fields[] = {{"state", NULL}, {"a b", NULL}, {NULL, NULL}};

    assert_int_equal(fields_of(*state, "%73tate=1&STATE=2&stat=3&states=4&a+b=5", fields),
                     APR_SUCCESS);
    assert_string_equal(fields[0].value, "1");
    assert_string_equal(fields[1].value, "5");
}

static void empty_queries_have_no_fields(void **state)
{
    static const char *const empty[] = {"", "&", "=", "&&=&", "?", "%", "&%00=1", NULL};
    dt_field_t fields[] = {{"state", NULL}, {NULL, NULL}};

    for (const char *const *text = empty; *text; text++) {
        assert_row_int(*text, fields_of(*state, *text, fields), APR_SUCCESS);
        assert_row_text(*text, fields[0].value, NULL);
    }
}

static void a_field_without_equals_sign_is_empty(void **state)
{
    dt_field_t fields[] = {{"all", NULL}, {NULL, NULL}};

    assert_int_equal(fields_of(*state, "all", fields), APR_SUCCESS);
    assert_string_equal(fields[0].value, "");
}

static void what_is_wrong_with_an_unwanted_field_does_not_matter(void **state)
{
    dt_field_t fields[] = {{"state", NULL}, {NULL, NULL}};

    assert_int_equal(fields_of(*state, "x=%zz&x=%00&%=1&state=s&x=%ff", fields), APR_SUCCESS);
    assert_string_equal(fields[0].value, "s");
}

static void a_wanted_field_twice_is_refused(void **state)
{
    static const char *const twice[] = {"state=a&state=b",       "state=a&state=a", "state&state",
                                        "state=a&x=1&%73tate=b", "state=&state=",   NULL};
    dt_field_t fields[] = {{"x", NULL}, {"state", NULL}, {NULL, NULL}};

    for (const char *const *text = twice; *text; text++) {
        assert_row_int(*text, fields_of(*state, *text, fields), APR_EINVAL);
        assert_row_text(*text, fields[0].value, NULL);
        assert_row_text(*text, fields[1].value, NULL);
    }
}

static void a_malformed_value_is_refused(void **state)
{
    static const char *const malformed[] = {
        "a=%",         "a=%1",           "a=%zz",          "a=%00",       "a=x%0d%0a",
        "a=%7f",       "a=\x01",         "a=%ff",          "a=%c0%af",    "a=%e4%b8",
        "a=%ed%a0%80", "a=%f4%90%80%80", "a=%f5%80%80%80", "a=%e0%80%80", "a=%c2%85",
        "a=%80",       "a=%f0%8f%bf%bf", "a=%e4%b8b",      NULL};

    for (const char *const *text = malformed; *text; text++) {
        dt_field_t fields[] = {{"b", NULL}, {"a", NULL}, {NULL, NULL}};
        assert_row_int(*text, fields_of(*state, apr_pstrcat(*state, "b=1&", *text, NULL), fields),
                       APR_EINVAL);
        assert_row_text(*text, fields[0].value, NULL);
        assert_row_text(*text, fields[1].value, NULL);
    }
}

static void every_length_of_utf8_passes(void **state)
{
    dt_field_t fields[] = {{"a", NULL}, {NULL, NULL}};

    assert_int_equal(fields_of(*state, "a=~%C2%A0%DF%BF%E0%A0%80%EF%BF%BF%F0%90%80%80%F4%8F%BF%BF",
                               fields),
                     APR_SUCCESS);
    assert_string_equal(fields[0].value, "~\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"
                                         "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

/* "aaa…" of len bytes. */
static char *long_value(apr_pool_t *pool, apr_size_t len)
{
    char *value = apr_pcalloc(pool, len + 1);

    memset(value, 'a', len);
    return value;
}

static void a_value_may_have_4096_bytes_and_no_more(void **state)
{
    dt_field_t fields[] = {{"a", NULL}, {NULL, NULL}};
    const char *value = long_value(*state, 4096);

    assert_int_equal(fields_of(*state, apr_pstrcat(*state, "a=", value, NULL), fields),
                     APR_SUCCESS);
    assert_string_equal(fields[0].value, value);
    assert_int_equal(fields_of(*state, apr_pstrcat(*state, "a=", value, "b", NULL), fields),
                     APR_EINVAL);
    assert_int_equal(fields_of(*state, apr_pstrcat(*state, "a=%61", value + 1, NULL), fields),
                     APR_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(wanted_fields_are_decoded),
        WITH_POOL(names_are_matched_after_decoding_and_by_case),
        WITH_POOL(empty_queries_have_no_fields),
        WITH_POOL(a_field_without_equals_sign_is_empty),
        WITH_POOL(what_is_wrong_with_an_unwanted_field_does_not_matter),
        WITH_POOL(a_wanted_field_twice_is_refused),
        WITH_POOL(a_malformed_value_is_refused),
        WITH_POOL(every_length_of_utf8_passes),
        WITH_POOL(a_value_may_have_4096_bytes_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
