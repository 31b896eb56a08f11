/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/phone: one number in all its spellings, which no other number ever gets. */
#include "core/phone.h"
#include "unit.h"

/* Nothing when text is no number. */
static const char *e164_of(apr_pool_t *pool, const char *text, const char *country)
{
    dt_phone_t phone;

    return dt_phone_parse(pool, text, country, &phone) ? phone.e164 : NULL;
}

static dt_phone_t phone_of(apr_pool_t *pool, const char *text)
{
    dt_phone_t phone = {NULL};

    assert_row_true(text, dt_phone_parse(pool, text, NULL, &phone));
    return phone;
}

static void a_number_has_one_form_for_all_spellings(void **state)
{
    static const struct {
        const char *text;
        const char *country;
        const char *e164;
    } rows[] = {
        {"13800138000", NULL, "+8613800138000"},
        {"86 138 0013 8000", NULL, "+8613800138000"},
        {"008613800138000", NULL, "+8613800138000"},
        {"+86-138-0013-8000", NULL, "+8613800138000"},
        {"+86013800138000", NULL, "+8613800138000"},
        {"013800138000", NULL, "+8613800138000"},
        {" (+86) 138.0013.8000 ", NULL, "+8613800138000"},
        {"\xef\xbc\x8b\xef\xbc\x98\xef\xbc\x96\xef\xbc\x91\xef\xbc\x93\xef\xbc\x98"
         "\xef\xbc\x90\xef\xbc\x90\xef\xbc\x91\xef\xbc\x93\xef\xbc\x98\xef\xbc\x90\xef\xbc\x90"
         "\xef\xbc\x90",
         NULL, "+8613800138000"},
        {"\xef\xbc\x88"
         "138\xef\xbc\x89"
         "0013\xef\xbc\x8d"
         "8000",
         NULL, "+8613800138000"},
        {"1\xef\xbc\x99\xef\xbc\x99"
         "12345678",
         NULL, "+8619912345678"},
        {"13800138000", "86", "+8613800138000"},
        {"13800138000", "+86", "+8613800138000"},
        {"13800138000", "0086", "+8613800138000"},
        {"8613800138000", "86", "+8613800138000"},
        {"19912345678", NULL, "+8619912345678"},
        {"13012345678", NULL, "+8613012345678"},
        {"51234567", "852", "+85251234567"},
        {"+852-51234567", "852", "+85251234567"},
        {"+852-51234567", NULL, "+85251234567"},
        {"+85251234567", "86", "+85251234567"},
        {"0085251234567", "1", "+85251234567"},
        {"+1 (415) 555-2671", NULL, "+14155552671"},
        {"(415) 555-2671", "+1", "+14155552671"},
        {"14155552671", NULL, "+8614155552671"},
        {"12345678901234", "1", "+112345678901234"},
    };
    apr_pool_t *pool = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        assert_row_text(rows[i].text, e164_of(pool, rows[i].text, rows[i].country), rows[i].e164);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {
        "12800138000",
        "1380013800",
        "138001380000",
        "+8610012345678",
        "+8601013800138000",
        "+860013800138000",
        "861380013800",
        "85251234567",
        "+0123456",
        "0123456",
        "",
        " ",
        "+",
        "00",
        "+00",
        "+86",
        "+1",
        "+8",
        "+85",
        "+852",
        "+1234567890123456",
        "13800138000x",
        "x13800138000",
        "138****8000",
        "138+00138000",
        "++8613800138000",
        "+ +8613800138000",
        "13800138000,13900139000",
        "13800138000\n",
        "13800138000\t",
        "138\xef\xbc",
        "138\xef\xbc\x9a"
        "00138000",
        "\xef\xbc\x80"
        "13800138000",
        "\xe2\x80\x8b"
        "13800138000",
        "\xd9\xa1\xd9\xa3\xd9\xa8",
        "13800138000'; --",
        "13800138000)(uid=*",
    };

    for (apr_size_t i = 0; i < ROWS(texts); i++) {
        assert_row_text(texts[i], e164_of(*state, texts[i], NULL), NULL);
    }
    assert_null(e164_of(*state, NULL, NULL));
}

static void a_country_that_is_none_is_refused(void **state)
{
    static const char *const countries[] = {"",   " ",      "x",  "+",    "0",   "086",
                                            "00", "8",      "85", "8520", "13",  "868",
                                            "-",  "999999", "+x", "000",  "86;", "0086x"};

    for (apr_size_t i = 0; i < ROWS(countries); i++) {
        assert_row_text(countries[i], e164_of(*state, "13800138000", countries[i]), NULL);
        assert_row_text(countries[i], e164_of(*state, "+8613800138000", countries[i]), NULL);
    }
}

static void text_is_read_up_to_its_limit(void **state)
{
    char text[DT_PHONE_TEXT + 2];

    memset(text, ' ', sizeof(text));
    memcpy(text, "13800138000", 11);
    text[DT_PHONE_TEXT] = '\0';
    assert_string_equal(e164_of(*state, text, NULL), "+8613800138000");
    text[DT_PHONE_TEXT] = ' ';
    text[DT_PHONE_TEXT + 1] = '\0';
    assert_null(e164_of(*state, text, NULL));

    memset(text, '1', DT_PHONE_TEXT);
    text[DT_PHONE_TEXT] = '\0';
    assert_null(e164_of(*state, text, "852"));
}

/* Every code of ITU-T E.164 by its length; those in between are three digits long. */
static void country_codes_end_where_they_are_assigned(void **state)
{
    static const char *const codes[] = {"1",   "7",   "20",  "27",  "30",  "31",  "32",  "33",
                                        "34",  "36",  "39",  "40",  "41",  "43",  "44",  "45",
                                        "46",  "47",  "48",  "49",  "51",  "52",  "53",  "54",
                                        "55",  "56",  "57",  "58",  "60",  "61",  "62",  "63",
                                        "64",  "65",  "66",  "81",  "82",  "84",  "90",  "91",
                                        "92",  "93",  "94",  "95",  "98",  "211", "290", "350",
                                        "380", "420", "421", "500", "590", "670", "679", "800",
                                        "852", "853", "878", "880", "886", "960", "979", "992"};

    for (apr_size_t i = 0; i < ROWS(codes); i++) {
        dt_phone_t phone = phone_of(*state, apr_pstrcat(*state, "+", codes[i], "5551234", NULL));
        assert_row_text(codes[i], phone.country, codes[i]);
        assert_row_text(codes[i], phone.national, "5551234");
        assert_row_text(codes[i], e164_of(*state, "5551234", codes[i]), phone.e164);
    }
}

static void a_number_is_the_same_in_each_of_its_spellings(void **state)
{
    static const char *const numbers[] = {"+8613800138000", "+85251234567", "+79161234567"};
    const char *spellings[DT_PHONE_SPELLINGS];

    for (apr_size_t i = 0; i < ROWS(numbers); i++) {
        dt_phone_t phone = phone_of(*state, numbers[i]);
        int count = dt_phone_spellings(*state, &phone, spellings);
        assert_int_equal(count, i == 0 ? 6 : 5);
        for (int j = 0; j < count; j++) {
            assert_row_true(spellings[j], dt_phone_same(&phone, spellings[j]));
        }
    }
}

static void the_spellings_are_those_of_databases(void **state)
{
    static const char *const expected[] = {"+8613800138000",  "8613800138000",   "+86-13800138000",
                                           "+86 13800138000", "008613800138000", "13800138000"};
    const char *spellings[DT_PHONE_SPELLINGS];
    dt_phone_t phone = phone_of(*state, "13800138000");

    assert_int_equal(dt_phone_spellings(*state, &phone, spellings), 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(spellings[i], expected[i]);
    }
}

static void another_number_is_never_the_same(void **state)
{
    static const struct {
        const char *number;
        const char *text;
    } rows[] = {
        {"+8613800138000", "13800138001"}, {"+8613800138000", "+113800138000"},
        {"+8613800138000", "3800138000"},  {"+8613800138000", ""},
        {"+8613800138000", NULL},          {"+8613800138000", "13800138000 or 13900139000"},
        {"+14155552671", "14155552671"}, /* a mainland number as it stands */
        {"+14155552671", "4155552671"},    {"+85251234567", "51234567"},
        {"+85251234567", "+8651234567"},   {"+8614155552671", "+14155552671"},
    };

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_phone_t phone = phone_of(*state, rows[i].number);
        assert_row_true(rows[i].text, !dt_phone_same(&phone, rows[i].text));
    }
}

static void a_masked_number_hides_what_a_guess_would_need(void **state)
{
    static const struct {
        const char *number;
        const char *masked;
    } rows[] = {
        {"+8613800138000", "+86138****8000"},
        {"+14155552671", "+1******2671"},
        {"+3901234567890", "+39012****7890"},
        {"+85251234567", "+852****4567"},
        {"+3545812345", "+354****345"},
        {"+112345678901234", "+1123*******1234"},
        {"+12", "+1*"},
        {"+123", "+1*3"},
    };

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_phone_t phone = phone_of(*state, rows[i].number);
        assert_row_text(rows[i].number, dt_phone_masked(*state, &phone), rows[i].masked);
    }
}

static void typed_digits_lose_only_what_separates_them(void **state)
{
    char typed[DT_PHONE_TEXT + 1];

    (void)state;
    assert_true(dt_phone_typed("\xef\xbc\x91 2-3.(4)", typed));
    assert_string_equal(typed, "1234");
    assert_true(dt_phone_typed("+1", typed));
    assert_string_equal(typed, "+1");
    assert_true(dt_phone_typed("", typed));
    assert_string_equal(typed, "");
    assert_false(dt_phone_typed("1+", typed));
    assert_false(dt_phone_typed("12a", typed));
    assert_false(dt_phone_typed(NULL, typed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(a_number_has_one_form_for_all_spellings),
        WITH_POOL(what_is_no_number_is_refused),
        WITH_POOL(a_country_that_is_none_is_refused),
        WITH_POOL(text_is_read_up_to_its_limit),
        WITH_POOL(country_codes_end_where_they_are_assigned),
        WITH_POOL(a_number_is_the_same_in_each_of_its_spellings),
        WITH_POOL(the_spellings_are_those_of_databases),
        WITH_POOL(another_number_is_never_the_same),
        WITH_POOL(a_masked_number_hides_what_a_guess_would_need),
        WITH_POOL(typed_digits_lose_only_what_separates_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
