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

static void of_values_that_overlap_nothing_remains(void **state)
{
    const char *const values[] = {"zhang-san", "san-union", "aaa", "001"};

    assert_string_equal(dt_db_trouble(*state, "key 'zhang-san-union'", values, 4),
                        "key '***************'");
    assert_string_equal(dt_db_trouble(*state, "aaaa of 13800138000", values, 4),
                        "**** of ***********");
}

static void of_a_value_with_several_lines_none_remains(void **state)
{
    const char *const values[] = {"zhang\nsan\r\n\nlisi"};

    assert_string_equal(dt_db_trouble(*state, "entry 'zhang\nsan\r\n\nlisi'", values, 1),
                        "entry '*****");
    assert_string_equal(dt_db_trouble(*state, "entry 'zhang\\nsan' or 'lisi'", values, 1),
                        "entry '*****\\n***' or '****'");
}

/* A value that brings a line feed along does not bring the second line of the message along. */
static void a_value_does_not_join_lines(void **state)
{
    const char *const values[] = {"\nDETAIL:  "};

    assert_string_equal(dt_db_trouble(*state, "no\nDETAIL:  Key (uid)=(lisi)", values, 1), "no");
}

static void what_is_left_of_a_value_that_was_cut_off_is_masked(void **state)
{
    const char *const values[] = {"zhangsan@example.com with much behind it"};

    assert_string_equal(dt_db_trouble(*state, "wrong value: 'zhangsan@example...'", values, 1),
                        "wrong value: '*****************..'");
    assert_string_equal(dt_db_trouble(*state, "near 'example.com with'", values, 1),
                        "near '****************'");
    assert_string_equal(dt_db_trouble(*state, "with an example", values, 1), "with an example");
}

static void bytes_that_cannot_be_kept_are_masked(void **state)
{
    assert_string_equal(dt_db_trouble(*state,
                                      "Incorrect string value: '\\xE5\\xBC\\xA0...' for column "
                                      "`a`.`b`.`\\xg`",
                                      NULL, 0),
                        "Incorrect string value: '************...' for column `a`.`b`.`\\xg`");
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

static void what_reaches_over_the_end_is_masked(void **state)
{
    const char *const values[] = {"zhangsan"};
    char text[400];
    const char *shown;

    memset(text, 'x', sizeof(text));
    memcpy(text + 296, "zhangsan", 9);
    shown = dt_db_trouble(*state, text, values, 1);
    assert_int_equal(strlen(shown), 300);
    assert_string_equal(shown + 295, "x****");
}

static void silence_is_told_as_such(void **state)
{
    assert_string_equal(dt_db_trouble(*state, NULL, NULL, 0),
                        "the database does not say what is wrong");
    assert_string_equal(dt_db_trouble(*state, "", NULL, 0),
                        "the database does not say what is wrong");
    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_PGSQL, NULL, "user=a"),
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
        "invalid port number: \"s3cret\"\n",
    };

    for (size_t i = 0; i < ROWS(texts); i++) {
        assert_row_text(texts[i], dt_db_trouble_connecting(*state, DT_DB_PGSQL, texts[i], "user=a"),
                        "the parameters of DingTalkDatabase are malformed");
    }
}

/* Behind an @ that is not the last, libpq takes the rest of the password for the host. */
static void half_a_password_is_not_told_as_a_host(void **state)
{
    const char *text = "could not translate host name \"cret@db\" to address";

    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_PGSQL, text,
                                                 "postgresql://u:s3@cret@db/d"),
                        "the parameters of DingTalkDatabase are malformed");
    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_PGSQL, text,
                                                 "postgresql://u:s3@cret?user=a@db/d"),
                        "the parameters of DingTalkDatabase are malformed");
    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_MYSQL, "no", "a=://,pass=a@b@c"),
                        "no");
}

typedef struct secret_row_t {
    const char *params;
    dt_db_kind_t kind;
    const char *text;
    const char *told;
} secret_row_t;

static const secret_row_t secret_rows[] = {
    {"host=a password=s3cret user=b", DT_DB_PGSQL, "no s3cret, b", "no ******, b"},
    {"password = 's3 c\\'r\\\\et'", DT_DB_PGSQL, "no s3 c'r\\et", "no *********"},
    {"sslpassword=s3\\ cret password=", DT_DB_PGSQL, "no s3 cret", "no *******"},
    {"password='s3cret", DT_DB_PGSQL, "no s3cret", "no ******"},
    {"user=password password =s3cret", DT_DB_PGSQL, "no s3cret password", "no ****** password"},
    {"password=s3cret;x", DT_DB_PGSQL, "no s3cret;x", "no ********"},
    {"postgresql://u:s3%2Fcret@db/d", DT_DB_PGSQL, "u: s3/cret, s3%2Fcret",
     "u: *******, *********"},
    {"postgres://u:s3:cret@db", DT_DB_PGSQL, "no s3:cret", "no *******"},
    {"postgresql://db/d?user=u&password=s3%20cret&x=y", DT_DB_PGSQL, "no s3 cret y",
     "no ******* y"},
    {"postgresql://u@db/d", DT_DB_PGSQL, "no u", "no u"},
    {"host=a,user=b,pass=s3cret,reconnect=0", DT_DB_MYSQL, "no s3cret reconnect=0",
     "no ****** reconnect=0"},
    {"pass = s3'cret|dbname=d", DT_DB_MYSQL, "no s3'cret|", "no *******|"},
    {"/var/lib/dingtalk.db", DT_DB_SQLITE3, "unable to open database file",
     "unable to open database file"},
};

static void passwords_are_masked(void **state)
{
    for (size_t i = 0; i < ROWS(secret_rows); i++) {
        const secret_row_t *row = &secret_rows[i];

        assert_row_text(row->params,
                        dt_db_trouble_connecting(*state, row->kind, row->text, row->params),
                        row->told);
    }
}

static void many_passwords_are_no_harm(void **state)
{
    const char *params = "pass=a1b2 pass=a1b2 pass=a1b2 pass=a1b2 pass=a1b2 pass=a1b2 pass=a1b2 "
                         "pass=a1b2 pass=a1b2 pass=a1b2 pass";

    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_PGSQL, "no a1b2", params),
                        "no ****");
}

static void why_there_is_no_connection_is_told(void **state)
{
    const char *text = "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  no";

    assert_string_equal(dt_db_trouble_connecting(*state, DT_DB_PGSQL, text,
                                                 "host=127.0.0.1 password=s3cret"),
                        text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(what_the_server_says_is_told),
        WITH_POOL(only_the_first_line_is_told),
        WITH_POOL(values_are_masked_wherever_they_are),
        WITH_POOL(of_values_that_overlap_nothing_remains),
        WITH_POOL(of_a_value_with_several_lines_none_remains),
        WITH_POOL(a_value_does_not_join_lines),
        WITH_POOL(what_is_left_of_a_value_that_was_cut_off_is_masked),
        WITH_POOL(bytes_that_cannot_be_kept_are_masked),
        WITH_POOL(what_could_be_a_phone_is_masked),
        WITH_POOL(a_line_is_short_and_printable),
        WITH_POOL(what_reaches_over_the_end_is_masked),
        WITH_POOL(silence_is_told_as_such),
        WITH_POOL(parameters_that_cannot_be_read_are_not_quoted),
        WITH_POOL(half_a_password_is_not_told_as_a_host),
        WITH_POOL(passwords_are_masked),
        WITH_POOL(many_passwords_are_no_harm),
        WITH_POOL(why_there_is_no_connection_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
