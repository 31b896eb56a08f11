/* SPDX-License-Identifier: Apache-2.0 */
/* Languages, escaping and page templates. */
#include "core/text.h"
#include "unit.h"

static void assert_language(const char *const *headers, dt_language_t expected)
{
    for (; *headers; headers++) {
        assert_row_int(*headers, dt_text_language(*headers), expected);
    }
}

static void chinese_wins_when_it_is_wanted_as_much_as_english(void **state)
{
    static const char *const chinese[] = {"zh",
                                          "zh-CN",
                                          "ZH-hant-TW",
                                          "zh-CN,zh;q=0.9,en;q=0.8",
                                          "en;q=0.5,zh;q=0.5",
                                          "fr,zh;q=0.1",
                                          "en;q=0,zh;q=0.001",
                                          "zh;q=0,zh-TW",
                                          "*,zh;q=0.5",
                                          " zh ; q=1 ",
                                          NULL};

    (void)state;
    assert_language(chinese, DT_ZH);
}

static void english_is_for_everybody_else(void **state)
{
    static const char *const english[] = {
        "",  "en",     "en-US,en;q=0.9,zh-CN;q=0.8", "fr",       "*",   "zh;q=0", "zha",
        "z", "zhx-CN", "en;q=0.9,zh;q=0.899",        "zh;q=abc", ",,;", "x-zh",   NULL};

    (void)state;
    assert_int_equal(dt_text_language(NULL), DT_EN);
    assert_language(english, DT_EN);
}

static void each_language_has_its_tag(void **state)
{
    (void)state;
    assert_string_equal(dt_text_tag(DT_EN), "en");
    assert_string_equal(dt_text_tag(DT_ZH), "zh-CN");
}

static void html_is_escaped(void **state)
{
    assert_string_equal(dt_text_html(*state, "<a href=\"x\" b='y'>&amp;</a>"),
                        "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
    assert_string_equal(dt_text_html(*state, "\t\n\r\x01\x1b\x7f"),
                        "&#9;&#10;&#13;&#65533;&#65533;&#65533;");
    assert_string_equal(dt_text_html(*state, "\xe4\xb8\xad%s%n/`="), "\xe4\xb8\xad%s%n/`=");
    assert_string_equal(dt_text_html(*state, ""), "");
}

static const char *const names[] = {"name", "empty", "none", "tag", "a_1", NULL};
static const char *const values[] = {"<Wang>", "", NULL, "%{name}", "1"};

static void assert_page(apr_pool_t *pool, const char *page, const char *expected)
{
    assert_row_text(page, dt_text_page(pool, page, names, values), expected);
}

static void values_are_filled_in_and_escaped(void **state)
{
    assert_page(*state, "<p>%{name}, %{a_1}%{empty}%{none}.", "<p>&lt;Wang&gt;, 1.");
    assert_page(*state, "", "");
}

static void a_value_is_never_read_as_a_template(void **state)
{
    assert_page(*state, "%{tag}", "%{name}");
}

static void a_percent_sign_is_written_twice_or_alone(void **state)
{
    assert_page(*state, "100%% 5% %%{name} %", "100% 5% %{name} %");
    assert_page(*state, "%%%{a_1}%%", "%1%");
}

static void a_condition_keeps_what_it_holds_only_with_a_value(void **state)
{
    assert_page(*state, "a%{?name}b%{a_1}%{/name}c", "ab1c");
    assert_page(*state, "a%{?empty}b%{a_1}%%%{/empty}c", "ac");
    assert_page(*state, "a%{?none}b%{/none}c", "ac");
}

static void conditions_nest(void **state)
{
    assert_page(*state, "%{?name}a%{?empty}b%{?a_1}c%{/a_1}d%{/empty}e%{?a_1}f%{/a_1}%{/name}g",
                "aefg");
    assert_page(*state, "%{?empty}a%{?name}b%{/name}c%{/empty}d", "d");
    assert_page(*state, "%{?name}%{?name}a%{/name}b%{/name}", "ab");
}

static void a_malformed_template_is_no_page(void **state)
{
    static const char *const malformed[] = {"%{",
                                            "%{name",
                                            "%{}",
                                            "%{?}",
                                            "%{/}",
                                            "%{na me}",
                                            "%{nobody}",
                                            "%{NAME}",
                                            "%{nam}",
                                            "%{?nobody}%{/nobody}",
                                            "%{?empty}%{nobody}%{/empty}",
                                            "%{?name}",
                                            "%{/name}",
                                            "%{?name}%{/a_1}",
                                            "%{?name}%{?a_1}%{/name}%{/a_1}",
                                            "%{name}%{/name}",
                                            "%{%{name}}",
                                            "%{?empty}%{",
                                            "%{?empty}%{bad-name}%{/empty}",
                                            "%{?empty}",
                                            NULL};

    for (const char *const *page = malformed; *page; page++) {
        assert_page(*state, *page, NULL);
    }
}

static void a_complaint_says_where_and_what(void **state)
{
    static const char *const pages[][2] = {
        {"%{name}\n100%% %{?a_1}\n%{/a_1}", NULL},
        {"%{nmae}", "line 1: %{nmae}: there is no such name"},
        {"a\r\n\n b %{?nobody}", "line 3: %{?nobody}: there is no such name"},
        {"%{name}\n%{name\nx", "line 2: %{name: there is no closing brace"},
        {"\n%{?name}\n%{?a_1}\n%{/a_1}\n", "line 2: %{?name}: this condition is not closed"},
        {"%{?name}%{/a_1}",
         "line 1: %{/a_1}: another condition must be closed before, or none is open"},
        {"%{\x1b\xe4}", "line 1: %{??}: there is no such name"},
    };

    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        assert_row_text(pages[i][0], dt_text_check(*state, pages[i][0], names), pages[i][1]);
    }
}

static void conditions_nest_eight_deep(void **state)
{
    char page[9 * 16 + 1] = "";

    for (int i = 0; i < 9; i++) {
        memcpy(page + strlen(page), "%{?a_1}", 8);
    }
    for (int i = 0; i < 9; i++) {
        memcpy(page + strlen(page), "%{/a_1}", 8);
    }
    assert_page(*state, page, NULL);
    page[strlen(page) - 7] = '\0';
    assert_page(*state, page + 7, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(chinese_wins_when_it_is_wanted_as_much_as_english),
        WITH_POOL(english_is_for_everybody_else),
        WITH_POOL(each_language_has_its_tag),
        WITH_POOL(html_is_escaped),
        WITH_POOL(values_are_filled_in_and_escaped),
        WITH_POOL(a_value_is_never_read_as_a_template),
        WITH_POOL(a_percent_sign_is_written_twice_or_alone),
        WITH_POOL(a_condition_keeps_what_it_holds_only_with_a_value),
        WITH_POOL(conditions_nest),
        WITH_POOL(a_malformed_template_is_no_page),
        WITH_POOL(a_complaint_says_where_and_what),
        WITH_POOL(conditions_nest_eight_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
