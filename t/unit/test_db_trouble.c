/* SPDX-License-Identifier: Apache-2.0 */
/* What a database says goes into the log without values, numbers and passwords. */
#include "unit.h"

#include "provider/db_trouble.h"

static void what_the_server_says_is_told(void **state)
{
    assert_string_equal(dt_db_trouble(*state, "ERROR:  relation \"t\" does not exist", NULL, 0),
                        "ERROR:  relation \"t\" does not exist");
}

static void only_the_first_line_is_told(void **state)
{
    assert_string_equal(dt_db_trouble(*state, "ERROR:  no\nDETAIL:  Key (uid)=(zhangsan)", NULL, 0),
                        "ERROR:  no");
    assert_string_equal(dt_db_trouble(*state, "no\r\nsecret", NULL, 0), "no");
}

static void values_are_masked_wherever_they_are(void **state)
{
    const char *const values[] = {NULL, "", "u", "zhangsan", "dingcorp"};

    assert_string_equal(dt_db_trouble(*state, "Duplicate entry 'dingcorp-zhangsan' for key 'uid'",
                                      values, 5),
                        "Duplicate entry '********-********' for key 'uid'");
    assert_string_equal(dt_db_trouble(*state, "zhangsan zhangsanzhangsan", values, 5),
                        "******** ****************");
}

static void what_could_be_a_phone_is_masked(void **state)
{
    assert_string_equal(dt_db_trouble(*state, "no +8613800138000, 12345 but 1234", NULL, 0),
                        "no +*************, ***** but 1234");
}

static void a_line_is_short_and_printable(void **state)
{
    char text[2000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(strlen(dt_db_trouble(*state, text, NULL, 0)), 300);
    assert_string_equal(dt_db_trouble(*state, "a\x1b[31m\xc3\xa4", NULL, 0), "a?[31m??");
}

static void silence_is_told_as_such(void **state)
{
    assert_string_equal(dt_db_trouble(*state, NULL, NULL, 0),
                        "the database does not say what is wrong");
    assert_string_equal(dt_db_trouble(*state, "", NULL, 0),
                        "the database does not say what is wrong");
    assert_string_equal(dt_db_trouble_connecting(*state, NULL),
                        "the database does not say what is wrong");
}

static void parameters_that_cannot_be_read_are_not_quoted(void **state)
{
    static const char *const texts[] = {
        "missing \"=\" after \"s3cret\" in connection info string\n",
        "invalid connection option \"s3cret\"\n",
        "unterminated quoted string in connection info string\n",
        "invalid URI query parameter: \"s3cret\"\n",
        "invalid percent-encoded token: \"s3cret%\"\n",
        "missing key/value separator \"=\" in URI query parameter: \"s3cret\"\n",
    };

    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_row_text(texts[i], dt_db_trouble_connecting(*state, texts[i]),
                        "the parameters of DingTalkDatabase are malformed");
    }
}

static void why_there_is_no_connection_is_told(void **state)
{
    const char *text = "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  no";

    assert_string_equal(dt_db_trouble_connecting(*state, text), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(what_the_server_says_is_told),
        WITH_POOL(only_the_first_line_is_told),
        WITH_POOL(values_are_masked_wherever_they_are),
        WITH_POOL(what_could_be_a_phone_is_masked),
        WITH_POOL(a_line_is_short_and_printable),
        WITH_POOL(silence_is_told_as_such),
        WITH_POOL(parameters_that_cannot_be_read_are_not_quoted),
        WITH_POOL(why_there_is_no_connection_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
