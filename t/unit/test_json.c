/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reads from JSON: tolerant of spelling, strict about the rest. */
#include "core/bytes.h"
#include "core/json.h"
#include "unit.h"

typedef struct fixture_t {
    apr_pool_t *pool;
    json_t *object;
} fixture_t;

static int set_up(void **state)
{
    static const char text[] =
        "{\"Text\":\"\xe4\xb8\xad\",\"empty\":\"\",\"null\":null,\"nul\":\"a\\u0000b\","
        "\"tab\":\"a\\tb\","
        "\"int\":42,\"neg\":\"-7\",\"big\":\"99999999999999999999\",\"real\":1.5,\"hex\":\"0x1\","
        "\"plus\":\"+1\",\"tail\":\"1 "
        "\",\"minus\":\"-\",\"yes\":true,\"no\":false,\"yes_s\":\"True\","
        "\"no_s\":\"false\",\"one\":1,\"zero\":\"0\",\"two\":2,\"list\":[1,2,\"3\"],"
        "\"list_s\":\"[2,3]\",\"list_e\":[],\"list_x\":[1,\"a\"],\"list_b\":\"[1\",\"obj\":{},"
        "\"dup\":1,\"Dup\":2}";
    apr_pool_t *pool = pool_made();
    fixture_t *f = apr_palloc(pool, sizeof(*f));

    f->pool = pool;
    f->object = dt_json_parse(DT_SLICE(text));
    *state = f;
    return f->object ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture_t *f = *state;

    json_decref(f->object);
    pool_gone(f->pool);
    return 0;
}

#define WITH_JSON(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void only_one_whole_object_is_parsed(void **state)
{
    static const char *const refused[] = {"",
                                          " ",
                                          "[]",
                                          "1",
                                          "null",
                                          "\"x\"",
                                          "{",
                                          "{}{}",
                                          "{} x",
                                          "{\"a\":1,\"a\":2}",
                                          "{a:1}",
                                          "{\"a\":1,}",
                                          "<html>",
                                          "{\"a\":\"\xff\"}",
                                          "{\"a\":\"\\ud800\"}",
                                          NULL};
    json_t *object = dt_json_parse(DT_SLICE(" {} \r\n"));

    (void)state;
    assert_non_null(object);
    json_decref(object);
    for (const char *const *text = refused; *text; text++) {
        assert_row_true(*text, dt_json_parse(dt_slice(*text)) == NULL);
    }
    assert_null(dt_json_parse((dt_slice_t){NULL, 0}));
    assert_null(dt_json_parse((dt_slice_t){"{}\0", 3}));
}

static void deep_nesting_is_refused(void **state)
{
    fixture_t *f = *state;
    apr_size_t depth = 100000;
    char *text = apr_palloc(f->pool, depth + 6);

    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', depth);
    assert_null(dt_json_parse((dt_slice_t){text, depth + 5}));
}

static void keys_match_in_any_case(void **state)
{
    fixture_t *f = *state;

    assert_string_equal(dt_json_text(f->pool, f->object, "tEXT"), "\xe4\xb8\xad");
    assert_null(dt_json_get(f->object, "tex"));
    assert_null(dt_json_get(NULL, "text"));
    assert_null(dt_json_get(dt_json_get(f->object, "list"), "text"));
}

static void the_exact_key_comes_first(void **state)
{
    fixture_t *f = *state;

    assert_int_equal(dt_json_number(f->object, "Dup", 0), 2);
    assert_int_equal(dt_json_number(f->object, "dup", 0), 1);
}

static void a_text_is_a_string_or_a_whole_number(void **state)
{
    static const char *const none[] = {"empty", "null", "nul",    "real", "yes",
                                       "list",  "obj",  "absent", NULL};
    fixture_t *f = *state;

    assert_string_equal(dt_json_text(f->pool, f->object, "int"), "42");
    for (const char *const *name = none; *name; name++) {
        assert_row_text(*name, dt_json_text(f->pool, f->object, *name), NULL);
    }
}

static void an_id_is_a_short_text_without_controls(void **state)
{
    static const char *const none[] = {"empty", "null", "nul", "tab",    "real",
                                       "yes",   "list", "obj", "absent", NULL};
    fixture_t *f = *state;

    assert_string_equal(dt_json_id(f->pool, json_object_get(f->object, "Text")), "\xe4\xb8\xad");
    assert_string_equal(dt_json_id(f->pool, json_object_get(f->object, "int")), "42");
    for (const char *const *name = none; *name; name++) {
        assert_row_text(*name, dt_json_id(f->pool, json_object_get(f->object, *name)), NULL);
    }
}

static void a_number_may_be_a_string(void **state)
{
    static const char *const none[] = {"text",  "empty", "null", "real", "hex",  "plus",   "tail",
                                       "minus", "big",   "nul",  "yes",  "list", "absent", NULL};
    fixture_t *f = *state;

    assert_int_equal(dt_json_number(f->object, "int", 0), 42);
    assert_int_equal(dt_json_number(f->object, "neg", 0), -7);
    for (const char *const *name = none; *name; name++) {
        assert_row_int(*name, dt_json_number(f->object, *name, -5), -5);
    }
}

static void a_boolean_may_be_a_string_or_a_digit(void **state)
{
    static const char *const yes[] = {"yes", "yes_s", "one", NULL};
    static const char *const no[] = {"no", "no_s", "zero", NULL};
    fixture_t *f = *state;

    for (const char *const *name = yes; *name; name++) {
        assert_row_int(*name, dt_json_bool(f->object, *name), DT_TRUE);
    }
    for (const char *const *name = no; *name; name++) {
        assert_row_int(*name, dt_json_bool(f->object, *name), DT_FALSE);
    }
}

static void what_is_no_boolean_is_absent(void **state)
{
    static const char *const none[] = {"two",  "text", "null",   "empty",
                                       "list", "obj",  "absent", NULL};
    fixture_t *f = *state;

    for (const char *const *name = none; *name; name++) {
        assert_row_int(*name, dt_json_bool(f->object, *name), DT_ABSENT);
    }
}

static void a_list_of_numbers_may_be_a_text(void **state)
{
    static const char *const none[] = {"list_e", "list_x", "list_b", "int",    "null",
                                       "text",   "empty",  "obj",    "absent", NULL};
    fixture_t *f = *state;

    assert_string_equal(dt_json_number_list(f->pool, f->object, "list"), "1,2,3");
    assert_string_equal(dt_json_number_list(f->pool, f->object, "list_s"), "2,3");
    for (const char *const *name = none; *name; name++) {
        assert_row_text(*name, dt_json_number_list(f->pool, f->object, *name), NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JSON(only_one_whole_object_is_parsed),
        WITH_JSON(deep_nesting_is_refused),
        WITH_JSON(keys_match_in_any_case),
        WITH_JSON(the_exact_key_comes_first),
        WITH_JSON(a_text_is_a_string_or_a_whole_number),
        WITH_JSON(an_id_is_a_short_text_without_controls),
        WITH_JSON(a_number_may_be_a_string),
        WITH_JSON(a_boolean_may_be_a_string_or_a_digit),
        WITH_JSON(what_is_no_boolean_is_absent),
        WITH_JSON(a_list_of_numbers_may_be_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
