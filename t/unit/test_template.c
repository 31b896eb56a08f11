/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of administrators: what is read, and how values are escaped. */
#include "core/template.h"
#include "unit.h"

static const char *const names[] = {"code", "name", "empty", NULL};
static const char *const values[] = {"+86 1%", "A\"b\\\xe4\xb8\xad", NULL};

/* Reads and fills; NULL when it cannot be filled. */
static const char *filled(apr_pool_t *pool, const char *text, dt_escape_t escape)
{
    dt_template_t *made = NULL;

    assert_row_text(text, dt_template_parse(pool, text, names, &made), NULL);
    return dt_template_fill(pool, made, escape, values);
}

static void values_stand_where_their_names_were(void **state)
{
    static const struct {
        const char *text;
        const char *filled;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"%{code}", "+86 1%"},
        {"%{code}%{code}", "+86 1%+86 1%"},
        {"[%{empty}]", "[]"},
        {"a %{code} b", "a +86 1% b"},
        {"100%", "100%"},
        {"%41%2B", "%41%2B"},
        {"100%%", "100%"},
        {"%%{code}", "%{code}"},
        {"%%%{code}", "%+86 1%"},
        {"{code} } %}", "{code} } %}"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_text(rows[i].text, filled(*state, rows[i].text, DT_ESCAPE_NONE), rows[i].filled);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *wrong;
    } rows[] = {
        {"a %{cod}", "%{cod} is not known here; known are %{code}, %{name}, %{empty}"},
        {"%{}", "%{} is not known here; known are %{code}, %{name}, %{empty}"},
        {"%{Code}", "%{Code} is not known here; known are %{code}, %{name}, %{empty}"},
        {"%{c\n}", "%{c?} is not known here; known are %{code}, %{name}, %{empty}"},
        {"%{code", "%{code has no closing brace"},
        {"%{code} %{", "%{ has no closing brace"},
    };
    dt_template_t *made;

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_text(rows[i].text, dt_template_parse(*state, rows[i].text, names, &made),
                        rows[i].wrong);
    }
}

static void only_values_are_escaped(void **state)
{
    apr_pool_t *pool = *state;

    assert_string_equal(filled(pool, "a=%20&b=%{code}&c=%{name}", DT_ESCAPE_URL),
                        "a=%20&b=%2B86%201%25&c=A%22b%5C%E4%B8%AD");
    assert_string_equal(filled(pool, "{\"a\":\"%{name}\"}", DT_ESCAPE_JSON),
                        "{\"a\":\"A\\\"b\\\\\xe4\xb8\xad\"}");
    assert_string_equal(filled(pool, "[%{empty}]", DT_ESCAPE_JSON), "[]");
    assert_string_equal(filled(pool, "Bearer %{name}", DT_ESCAPE_HEADER),
                        "Bearer A\"b\\\xe4\xb8\xad");
}

static void a_value_that_cannot_stand_there_fails(void **state)
{
    static const struct {
        const char *value;
        dt_escape_t escape;
        const char *filled;
    } rows[] = {
        {"a\r\nX: y", DT_ESCAPE_HEADER, NULL},    {"a\x7f", DT_ESCAPE_HEADER, NULL},
        {"a\x01", DT_ESCAPE_HEADER, NULL},        {"a\xff", DT_ESCAPE_JSON, NULL},
        {"\xed\xa0\x80", DT_ESCAPE_JSON, NULL},   {"a\r\n", DT_ESCAPE_JSON, "<a\\r\\n>"},
        {"\xff\n", DT_ESCAPE_URL, "<%FF%0A>"},    {"\xff\n", DT_ESCAPE_NONE, "<\xff\n>"},
        {"%{code}", DT_ESCAPE_NONE, "<%{code}>"},
    };
    dt_template_t *made;

    assert_null(dt_template_parse(*state, "<%{code}>", names, &made));
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *one[] = {rows[i].value, NULL, NULL};
        assert_row_text(rows[i].value, dt_template_fill(*state, made, rows[i].escape, one),
                        rows[i].filled);
    }
}

static void one_can_ask_which_names_are_used(void **state)
{
    dt_template_t *made;

    assert_null(dt_template_parse(*state, "%%{code} name %{name}", names, &made));
    assert_false(dt_template_uses(made, 0));
    assert_true(dt_template_uses(made, 1));
    assert_false(dt_template_uses(made, 2));
}

static void the_text_need_not_stay(void **state)
{
    char text[] = "a %{code}";
    dt_template_t *made;

    assert_null(dt_template_parse(*state, text, names, &made));
    memset(text, 'x', sizeof(text) - 1);
    assert_string_equal(dt_template_fill(*state, made, DT_ESCAPE_NONE, values), "a +86 1%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(values_stand_where_their_names_were),
        WITH_POOL(what_is_wrong_is_named),
        WITH_POOL(only_values_are_escaped),
        WITH_POOL(a_value_that_cannot_stand_there_fails),
        WITH_POOL(one_can_ask_which_names_are_used),
        WITH_POOL(the_text_need_not_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
