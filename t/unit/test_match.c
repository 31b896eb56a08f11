/* SPDX-License-Identifier: Apache-2.0 */
/* What a store finds is looked at again: only what is really the same counts. */
#include "core/match.h"

#include "unit.h"

typedef struct row_t {
    const char *name;
    dt_match_t match;
    const char *wanted;
    const char *text;
    bool same;
} row_t;

static const row_t rows[] = {
    {"a text is itself", DT_MATCH_TEXT, "zhang", "zhang", true},
    {"a text in another case is another", DT_MATCH_TEXT, "zhang", "Zhang", false},
    {"a text with a space behind is another", DT_MATCH_TEXT, "zhang", "zhang ", false},
    {"an address is the same in any case", DT_MATCH_EMAIL, "Z@Example.com", "z@eXample.COM", true},
    {"an address with more behind is another", DT_MATCH_EMAIL, "z@e.com", "z@e.com.cn", false},
    {"only ASCII letters have cases", DT_MATCH_EMAIL, "\xc3\xa9@e.com", "\xc3\x89@e.com", false},
    {"a phone is the same in any spelling", DT_MATCH_PHONE, "+8613800138000", "138 0013 8000",
     true},
    {"another phone is another", DT_MATCH_PHONE, "+8613800138000", "13800138001", false},
    {"nothing is never the same", DT_MATCH_TEXT, "zhang", "", false},
    {"NULL is never the same", DT_MATCH_PHONE, "+8613800138000", NULL, false},
};

static void each_row_holds(void **state)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        dt_wanted_t wanted;

        assert_row_true(rows[i].name, dt_wanted(*state, rows[i].match, rows[i].wanted, &wanted));
        assert_row_int(rows[i].name, dt_wanted_is(&wanted, rows[i].text), rows[i].same);
    }
}

static void nothing_cannot_be_searched_for(void **state)
{
    dt_wanted_t wanted;

    assert_false(dt_wanted(*state, DT_MATCH_TEXT, NULL, &wanted));
    assert_false(dt_wanted(*state, DT_MATCH_EMAIL, "", &wanted));
    assert_false(dt_wanted(*state, DT_MATCH_PHONE, "12345", &wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(each_row_holds),
        WITH_POOL(nothing_cannot_be_searched_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
