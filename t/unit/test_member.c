/* SPDX-License-Identifier: Apache-2.0 */
/* The member record: what must be in it, and what each attribute becomes. */
#include "core/wire.h"
#include "replies.h"

/* Reads a member record, which DingTalk wraps into a reply, and gives what stands in it. */
static dt_answer_t read_record(const dt_call_t *call, const char *record, dt_member_t *member,
                               dt_result_t *result)
{
    const char *body =
        apr_psprintf(call->pool, "{\"errcode\":0,\"request_id\":\"r1\",\"result\":%s}", record);
    dt_http_response_t response = response_of(200, body);

    return dt_wire_member_reply(call, &response, member, result);
}

static void a_member_record_is_read(void **state)
{
    dt_member_t m;
    dt_result_t result;

    assert_int_equal(
        read_record(*state,
                    "{\"userid\":\"z\",\"unionid\":\"u\",\"name\":\"\xe5\xbc\xa0\","
                    "\"mobile\":\"13800138000\",\"state_code\":\"86\",\"email\":\"e@x\","
                    "\"org_email\":\"o@x\",\"job_number\":7,\"title\":\"T\",\"avatar\":\"h\","
                    "\"dept_id_list\":[1,23],\"manager_userid\":\"m\",\"active\":true,"
                    "\"disable_status\":false,\"extension\":\"{}\",\"admin\":true}",
                    &m, &result),
        DT_ANSWER_OK);
    assert_string_equal(m.user_id, "z");
    assert_string_equal(m.union_id, "u");
    assert_string_equal(m.name, "\xe5\xbc\xa0");
    assert_string_equal(m.mobile, "+8613800138000");
    assert_string_equal(m.email, "e@x");
    assert_string_equal(m.org_email, "o@x");
    assert_string_equal(m.job_number, "7");
    assert_string_equal(m.title, "T");
    assert_string_equal(m.avatar, "h");
    assert_string_equal(m.dept_ids, "1,23");
    assert_string_equal(m.manager_userid, "m");
    assert_true(m.active);
    assert_false(m.disabled);
}

static void a_stringified_record_is_read_too(void **state)
{
    dt_member_t m;
    dt_result_t result;

    assert_int_equal(read_record(*state,
                                 "{\"userid\":\"z\",\"active\":\"true\",\"disable_status\":"
                                 "\"true\",\"dept_id_list\":\"[2,3,4]\"}",
                                 &m, &result),
                     DT_ANSWER_OK);
    assert_true(m.active);
    assert_true(m.disabled);
    assert_string_equal(m.dept_ids, "2,3,4");
    assert_null(m.union_id);
    assert_null(m.name);
    assert_null(m.mobile);
}

static void a_record_that_does_not_say_active_is_no_answer(void **state)
{
    static const struct {
        const char *record;
        const char *lacks;
    } rows[] = {
        {"{\"userid\":\"z\"}", "active"},
        {"{\"userid\":\"z\",\"active\":null}", "active"},
        {"{\"userid\":\"z\",\"active\":\"maybe\"}", "active"},
        {"{\"userid\":\"z\",\"active\":true,\"disable_status\":\"maybe\"}", "disable_status"},
        {"{\"userid\":\"z\",\"active\":true,\"unionid\":{}}", "unionid"},
        {"{\"active\":true}", "userid"},
        {"[]", "userid"},
    };
    dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_member_t member;
        dt_result_t result;
        const char *detail = apr_psprintf(call->pool,
                                          "v2/user/get: HTTP 200, no usable %s, request r1",
                                          rows[i].lacks);
        assert_row_int(rows[i].record, read_record(call, rows[i].record, &member, &result),
                       DT_ANSWER_FINAL);
        assert_row_why(rows[i].record, result, DT_WHY_UNINTELLIGIBLE);
        assert_row_text(rows[i].record, result.detail, detail);
    }
}

static void an_inactive_member_is_an_answer(void **state)
{
    dt_member_t member;
    dt_result_t result;

    assert_int_equal(read_record(*state, "{\"userid\":\"z\",\"active\":false}", &member, &result),
                     DT_ANSWER_OK);
    assert_false(member.active);
}

static void a_mobile_is_e164_or_nothing(void **state)
{
    static const struct {
        const char *fields;
        const char *mobile;
    } rows[] = {
        {"\"mobile\":\"13800138000\"", "+8613800138000"},
        {"\"mobile\":13800138000", "+8613800138000"},
        {"\"mobile\":\"91234567\",\"state_code\":\"852\"", "+85291234567"},
        {"\"mobile\":\"4155551234\",\"state_code\":\"+1\"", "+14155551234"},
        {"\"mobile\":\"13800138000\",\"state_code\":\"\"", "+8613800138000"},
        {"\"mobile\":\"+852-51234567\",\"state_code\":\"852\"", "+85251234567"},
        {"\"mobile\":\"+86-13800138000\",\"state_code\":\"86\"", "+8613800138000"},
        {"\"mobile\":\"+8613800138000\"", "+8613800138000"},
        {"\"mobile\":\"138 0013 8000\"", "+8613800138000"},
        {"\"mobile\":\"91234567\",\"state_code\":\"\"", NULL},
        {"\"mobile\":\"12800138000\",\"state_code\":\"86\"", NULL},
        {"\"mobile\":\"1234567890123\",\"state_code\":\"852\"", NULL},
        {"\"mobile\":\"155****3240\",\"state_code\":\"86\"", NULL},
        {"\"mobile\":\"13800138000\",\"state_code\":\"x\"", NULL},
        {"\"mobile\":\"13800138000\",\"state_code\":\"+\"", NULL},
        {"\"mobile\":\"13800138000\",\"state_code\":\"086\"", NULL},
        {"\"mobile\":\"13800138000\",\"state_code\":{}", NULL},
        {"\"mobile\":\"12345678901234\",\"state_code\":\"86\"", NULL},
        {"\"mobile\":\"\"", NULL},
        {"\"state_code\":\"86\"", NULL},
    };
    dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_member_t member;
        dt_result_t result;
        const char *record =
            apr_psprintf(call->pool, "{\"userid\":\"z\",\"active\":true,%s}", rows[i].fields);
        assert_row_int(rows[i].fields, read_record(call, record, &member, &result), DT_ANSWER_OK);
        assert_row_text(rows[i].fields, member.mobile, rows[i].mobile);
    }
}

static void every_attribute_has_its_value(void **state)
{
    dt_member_t member = {.user_id = "userid",
                          .union_id = "unionid",
                          .name = "name",
                          .mobile = "mobile",
                          .email = "email",
                          .org_email = "org_email",
                          .job_number = "job_number",
                          .title = "title",
                          .avatar = "avatar",
                          .dept_ids = "dept_ids",
                          .manager_userid = "manager_userid"};

    (void)state;
    for (const char *const *name = dt_member_attributes; *name; name++) {
        assert_row_text(*name, dt_member_attribute(&member, *name), *name);
    }
    assert_string_equal(dt_member_attribute(&member, "userid"), "userid");
    assert_string_equal(dt_member_attribute(&member, "unionid"), "unionid");
    assert_null(dt_member_attribute(&member, "Name"));
    assert_null(dt_member_attribute(&member, "active"));
}

/* --- as text --- */

static const dt_member_t whole = {.user_id = "z\"",
                                  .union_id = "u",
                                  .name = "å¼ ",
                                  .mobile = "+8613800138000",
                                  .email = "e@x",
                                  .org_email = "o@x",
                                  .job_number = "007",
                                  .title = "T",
                                  .avatar = "https://a/?b&c",
                                  .dept_ids = "1,23",
                                  .manager_userid = "m",
                                  .active = true,
                                  .disabled = true};

static void assert_same_member(const char *row, dt_member_t *a, dt_member_t *b)
{
    assert_row_text(row, a->user_id, b->user_id);
    assert_row_text(row, a->union_id, b->union_id);
    for (const char *const *name = dt_member_attributes; *name; name++) {
        assert_row_text(row, *dt_member_slot(a, *name), *dt_member_slot(b, *name));
    }
    assert_row_int(row, a->active, b->active);
    assert_row_int(row, a->disabled, b->disabled);
}

static void a_record_is_the_same_after_being_a_text(void **state)
{
    dt_member_t rows[] = {whole, {.user_id = "z"}, {.user_id = "z", .active = true}};

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const char *text = dt_member_text(*state, &rows[i]);
        dt_member_t member;
        assert_row_int(text, dt_member_read(*state, text, &member), APR_SUCCESS);
        assert_same_member(text, &member, &rows[i]);
    }
}

static void the_text_holds_what_the_record_has(void **state)
{
    const dt_member_t member = {.user_id = "z", .dept_ids = "1,2", .active = true};

    assert_string_equal(dt_member_text(*state, &member),
                        "{\"active\":true,\"dept_ids\":\"1,2\",\"disable_status\":false,"
                        "\"userid\":\"z\"}");
}

static void every_difference_of_records_is_one_of_their_texts(void **state)
{
    const char *text = dt_member_text(*state, &whole);
    dt_member_t other = whole;

    assert_string_equal(dt_member_text(*state, &other), text);
    for (const char *const *name = dt_member_attributes; *name; name++) {
        other = whole;
        *dt_member_slot(&other, *name) = NULL;
        assert_string_not_equal(dt_member_text(*state, &other), text);
        *dt_member_slot(&other, *name) = "else";
        assert_string_not_equal(dt_member_text(*state, &other), text);
    }
    other = whole;
    other.union_id = "else";
    assert_string_not_equal(dt_member_text(*state, &other), text);
    other = whole;
    other.active = false;
    assert_string_not_equal(dt_member_text(*state, &other), text);
    other = whole;
    other.disabled = false;
    assert_string_not_equal(dt_member_text(*state, &other), text);
}

static void a_text_without_userid_is_no_record(void **state)
{
    static const char *const texts[] = {
        "", "x", "[]", "{}", "{\"userid\":\"\"}", "{\"name\":\"n\",\"active\":true}", NULL};
    dt_member_t member;

    for (const char *const *text = texts; *text; text++) {
        assert_row_int(*text, dt_member_read(*state, *text, &member), APR_EINVAL);
    }
}

static void a_text_that_does_not_say_active_is_of_nobody_active(void **state)
{
    dt_member_t member;

    assert_int_equal(dt_member_read(*state, "{\"userid\":\"z\"}", &member), APR_SUCCESS);
    assert_false(member.active);
    assert_true(member.disabled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(a_member_record_is_read),
        WITH_CALL(a_stringified_record_is_read_too),
        WITH_CALL(a_record_that_does_not_say_active_is_no_answer),
        WITH_CALL(an_inactive_member_is_an_answer),
        WITH_CALL(a_mobile_is_e164_or_nothing),
        WITH_CALL(every_attribute_has_its_value),
        WITH_POOL(a_record_is_the_same_after_being_a_text),
        WITH_POOL(the_text_holds_what_the_record_has),
        WITH_POOL(every_difference_of_records_is_one_of_their_texts),
        WITH_POOL(a_text_without_userid_is_no_record),
        WITH_POOL(a_text_that_does_not_say_active_is_of_nobody_active),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
