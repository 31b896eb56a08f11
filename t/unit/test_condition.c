/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on replies: which are understood, and which replies meet them. */
#include "core/bytes.h"
#include "core/condition.h"
#include "unit.h"

/* A condition, a reply, and how it fails. */
typedef struct row_t {
    const char *condition;
    int status;
    const char *body;
    dt_failed_t failed;
} row_t;

static void check_rows(apr_pool_t *pool, const row_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const row_t *row = &rows[i];
        const dt_http_response_t response = {.status = row->status, .body = dt_slice(row->body)};
        const char *name = apr_pstrcat(pool, row->condition, " | ", row->body, NULL);
        dt_condition_t *made = NULL;
        const char *word;

        assert_row_text(name, dt_condition_parse(pool, row->condition, &made), NULL);
        assert_row_int(name, dt_condition_check(made, pool, &response, &word), row->failed);
        assert_row_true(name, (word == NULL) == (row->failed == DT_FAILED_NOT));
    }
}

static void a_status_is_one_of_a_list(void **state)
{
    static const row_t rows[] = {
        {"status=200", 200, "", DT_FAILED_NOT},
        {"status=200", 201, "", DT_FAILED_STATUS},
        {"status=200-299", 200, "", DT_FAILED_NOT},
        {"status=200-299", 299, "", DT_FAILED_NOT},
        {"status=200-299", 199, "", DT_FAILED_STATUS},
        {"status=200-299", 300, "", DT_FAILED_STATUS},
        {"status=200,204-206,302", 205, "", DT_FAILED_NOT},
        {"status=200,204-206,302", 302, "", DT_FAILED_NOT},
        {"status=200,204-206,302", 203, "", DT_FAILED_STATUS},
    };

    check_rows(*state, rows, ROWS(rows));
}

static void a_pointer_names_a_value_in_json(void **state)
{
    static const row_t rows[] = {
        {"body:/Code=OK", 200, "{\"Code\":\"OK\"}", DT_FAILED_NOT},
        {"body:/Code=OK", 200, "{\"Code\":\"ok\"}", DT_FAILED_BODY},
        {"body:/Code=OK", 200, "{\"code\":\"OK\"}", DT_FAILED_BODY},
        {"body:/Code=OK", 200, "{\"Code\":\"OK \"}", DT_FAILED_BODY},
        {"body:/code=0", 200, "{\"code\":0}", DT_FAILED_NOT},
        {"body:/code=0", 200, "{\"code\":\"0\"}", DT_FAILED_NOT},
        {"body:/code=0", 200, "{\"code\":false}", DT_FAILED_BODY},
        {"body:/code=0", 200, "{\"code\":-0.5}", DT_FAILED_BODY},
        {"body:/code=0", 200, "{\"a\":{\"code\":0}}", DT_FAILED_BODY},
        {"body:/ok=true", 200, "{\"ok\":true}", DT_FAILED_NOT},
        {"body:/error=null", 200, "{\"error\":null}", DT_FAILED_NOT},
        {"body:/error=null", 200, "{}", DT_FAILED_BODY},
        {"body:/a/1/b=x", 200, "{\"a\":[0,{\"b\":\"x\"}]}", DT_FAILED_NOT},
        {"body:/a/01/b=x", 200, "{\"a\":[0,{\"b\":\"x\"}]}", DT_FAILED_BODY},
        {"body:/a/-=x", 200, "{\"a\":[\"x\"]}", DT_FAILED_BODY},
        {"body:/a/99999999999999999999=x", 200, "{\"a\":[\"x\"]}", DT_FAILED_BODY},
        {"body:/0=x", 200, "[\"x\"]", DT_FAILED_NOT},
        {"body:/0=x", 200, "{\"0\":\"x\"}", DT_FAILED_NOT},
        {"body:=x", 200, "\"x\"", DT_FAILED_NOT},
        {"body:/=x", 200, "{\"\":\"x\"}", DT_FAILED_NOT},
        {"body:/a~1b/c~0d=x", 200, "{\"a/b\":{\"c~d\":\"x\"}}", DT_FAILED_NOT},
        {"body:/~01=x", 200, "{\"~1\":\"x\"}", DT_FAILED_NOT},
        {"body:/a=", 200, "{\"a\":\"\"}", DT_FAILED_NOT},
        {"body:/a={}", 200, "{\"a\":{}}", DT_FAILED_BODY},
        {"body:/a=b=c", 200, "{\"a\":\"b=c\"}", DT_FAILED_NOT},
        {"\"body:/msg=send success\"", 200, "{\"msg\":\"send success\"}", DT_FAILED_NOT},
        {"body:/a/b=x", 200, "{\"a\":\"x\"}", DT_FAILED_BODY},
    };

    check_rows(*state, rows, ROWS(rows));
}

static void what_is_no_json_has_no_values(void **state)
{
    static const row_t rows[] = {
        {"body:/a=x", 200, "", DT_FAILED_SHAPE},
        {"body:/a=x", 200, "<html>", DT_FAILED_SHAPE},
        {"body:/a=x", 200, "{\"a\":\"x\"} y", DT_FAILED_SHAPE},
        {"body:/a=x", 200, "{\"a\":\"y\",\"a\":\"x\"}", DT_FAILED_SHAPE},
    };

    check_rows(*state, rows, ROWS(rows));
}

static void a_text_is_the_whole_reply(void **state)
{
    static const row_t rows[] = {
        {"body=0", 200, "0", DT_FAILED_NOT},
        {"body=0", 200, " 0\r\n", DT_FAILED_NOT},
        {"body=0", 200, "0 0", DT_FAILED_BODY},
        {"body=0", 200, "00", DT_FAILED_BODY},
        {"body=", 200, " ", DT_FAILED_NOT},
        {"body=", 200, "x", DT_FAILED_BODY},
        {"\"body=all right\"", 200, "all right", DT_FAILED_NOT},
    };

    check_rows(*state, rows, ROWS(rows));
}

static void all_words_must_hold(void **state)
{
    static const row_t rows[] = {
        {"status=200-299 body:/code=0", 200, "{\"code\":0}", DT_FAILED_NOT},
        {"status=200-299 body:/code=0", 200, "{\"code\":1}", DT_FAILED_BODY},
        {"status=200-299 body:/code=0", 500, "{\"code\":0}", DT_FAILED_STATUS},
        {"body:/code=0 status=200-299", 500, "{\"code\":0}", DT_FAILED_STATUS},
        {"body:/a=1 body:/b=2", 200, "{\"a\":1,\"b\":2}", DT_FAILED_NOT},
        {"body:/a=1 body:/b=2", 200, "{\"a\":1,\"b\":1}", DT_FAILED_BODY},
    };

    check_rows(*state, rows, ROWS(rows));
}

static void the_word_that_failed_is_told_without_the_value(void **state)
{
    const dt_http_response_t response = {.status = 200, .body = DT_SLICE("{\"code\":1}")};
    dt_condition_t *made;
    const char *word;

    assert_null(dt_condition_parse(*state, "status=200 body:/code=0", &made));
    assert_int_equal(dt_condition_check(made, *state, &response, &word), DT_FAILED_BODY);
    assert_string_equal(word, "body:/code");
}

static void what_is_no_condition_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "status",
        "status=",
        "status=20",
        "status=2000",
        "status=200-",
        "status=-200",
        "status=299-200",
        "status=200,",
        "status=,200",
        "status=2xx",
        "body",
        "body:code=OK",
        "body:/a~2=x",
        "body:/a~=x",
        "body:/a",
        "code=OK",
        "status=200 x",
    };
    dt_condition_t *made;

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_true(rows[i], dt_condition_parse(*state, rows[i], &made) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(a_status_is_one_of_a_list),
        WITH_POOL(a_pointer_names_a_value_in_json),
        WITH_POOL(what_is_no_json_has_no_values),
        WITH_POOL(a_text_is_the_whole_reply),
        WITH_POOL(all_words_must_hold),
        WITH_POOL(the_word_that_failed_is_told_without_the_value),
        WITH_POOL(what_is_no_condition_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
