/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of provider/ldap_filter: a value stays a value, whatever is in it. */
#include "provider/ldap_filter.h"
#include "unit.h"

static const char *text_filter(apr_pool_t *pool, const char *value)
{
    return dt_ldap_filter(pool, "(a=b)", "uid", DT_MATCH_TEXT, value, NULL);
}

typedef struct row_t {
    const char *value;
    const char *filter;
} row_t;

static const row_t rows[] = {
    {"zhang", "(&(a=b)(uid=zhang))"},
    {"*", "(&(a=b)(uid=\\2a))"},
    {"*)(uid=*", "(&(a=b)(uid=\\2a\\29\\28uid=\\2a))"},
    {"li)(|(uid=x", "(&(a=b)(uid=li\\29\\28|\\28uid=x))"},
    {"a\\2ab", "(&(a=b)(uid=a\\5c2ab))"},
    {"%s", "(&(a=b)(uid=%s))"},
};

static void a_value_is_escaped(void **state)
{
    apr_pool_t *pool = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_text(rows[i].value, text_filter(pool, rows[i].value), rows[i].filter);
    }
}

/* The characters that mean something, RFC 4515, section 3. */
static void no_byte_leaves_its_value(void **state)
{
    static const char special[] = "*()\\";
    apr_pool_t *pool = *state;

    for (int byte = 1; byte < 256; byte++) {
        const char value[] = {'x', (char)byte, 'y', '\0'};
        const char *filter = text_filter(pool, value) + strlen("(&(a=b)(uid=x");

        if (strchr(special, byte)) {
            assert_row_true(value, filter[0] == '\\' && strcmp(filter + 3, "y))") == 0);
        }
        else {
            assert_row_true(value,
                            !strpbrk(apr_pstrmemdup(pool, filter, strlen(filter) - 2), "*()"));
        }
    }
}

static void a_phone_is_any_of_its_spellings(void **state)
{
    apr_pool_t *pool = *state;
    dt_phone_t phone;
    const char *filter;

    assert_true(dt_phone_parse(pool, "13800138000", NULL, &phone));
    filter = dt_ldap_filter(pool, "(a=b)", "mobile", DT_MATCH_PHONE, NULL, &phone);
    assert_ptr_equal(strstr(filter, "(&(a=b)(|(mobile="), filter);
    assert_non_null(strstr(filter, "(mobile=+8613800138000)"));
    assert_non_null(strstr(filter, "(mobile=13800138000)"));
    assert_string_equal(filter + strlen(filter) - 3, ")))");
}

static void an_attribute_is_letters_digits_and_dashes(void **state)
{
    static const char *const good[] = {"uid", "employeeNumber", "x-1", "cn;lang-zh"};
    static const char *const bad[] = {"",    "1uid", "-a",           ";a",  "a b",
                                      "a=b", "a)(b", "a*",           "a\\", "a_b",
                                      "a,b", "a\n",  "\xe5\xbc\xa0", "a%s", "a:b"};
    char longest[129];

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        assert_row_true(good[i], dt_ldap_is_attribute(good[i]));
    }
    for (size_t i = 0; i < ROWS(bad); i++) {
        assert_row_true(bad[i], !dt_ldap_is_attribute(bad[i]));
    }
    memset(longest, 'a', sizeof(longest));
    longest[128] = '\0';
    assert_false(dt_ldap_is_attribute(longest));
    assert_true(dt_ldap_is_attribute(longest + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(a_value_is_escaped),
        WITH_POOL(no_byte_leaves_its_value),
        WITH_POOL(a_phone_is_any_of_its_spellings),
        WITH_POOL(an_attribute_is_letters_digits_and_dashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
