/* SPDX-License-Identifier: Apache-2.0 */
/* What an event says: its type, its effect, whom it concerns, and what it is known by. */
#include "pushes.h"

#include "core/digest.h"
#include "core/event.h"

/* The ids as one text. */
static const char *joined(apr_pool_t *pool, const char *const *ids)
{
    const char *text = "";

    for (; *ids; ids++) {
        text = apr_pstrcat(pool, text, *text ? " " : "", *ids, NULL);
    }
    return text;
}

static dt_event_t read_event(const dt_call_t *call, const char *text)
{
    dt_event_t event;

    assert_row_int(text, dt_event_read(call, dt_slice(text), &event), APR_SUCCESS);
    return event;
}

/* --- what it is --- */

static void each_type_has_its_effect(void **state)
{
    static const struct {
        const char *type;
        dt_effect_t effect;
    } rows[] = {
        {"user_leave_org", DT_EFFECT_LEFT},
        {"org_remove", DT_EFFECT_CORP},
        {"user_modify_org", DT_EFFECT_MEMBERS},
        {"org_admin_add", DT_EFFECT_MEMBERS},
        {"org_admin_remove", DT_EFFECT_MEMBERS},
        {"label_user_change", DT_EFFECT_MEMBERS},
        {"org_dept_create", DT_EFFECT_DEPARTMENTS},
        {"org_dept_modify", DT_EFFECT_DEPARTMENTS},
        {"org_dept_remove", DT_EFFECT_DEPARTMENTS},
        {"user_add_org", DT_EFFECT_NONE},
        {"user_active_org", DT_EFFECT_NONE},
        {"org_change", DT_EFFECT_NONE},
        {"label_conf_add", DT_EFFECT_NONE},
        {"label_conf_modify", DT_EFFECT_NONE},
        {"label_conf_del", DT_EFFECT_NONE},
        {"check_url", DT_EFFECT_NONE},
        {"other", DT_EFFECT_NONE},
    };
    const dt_call_t *call = *state;

    assert_int_equal(ROWS(rows), DT_EVENT_TYPES);
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const dt_event_t event =
            read_event(call, apr_psprintf(call->pool, "{\"EventType\":\"%s\"}", rows[i].type));
        assert_row_text(rows[i].type, event.type, rows[i].type);
        assert_row_text(rows[i].type, dt_event_types[event.number], rows[i].type);
        assert_row_int(rows[i].type, event.effect, rows[i].effect);
    }
}

static void the_last_type_stands_for_all_others(void **state)
{
    static const char *const rows[][2] = {
        {"{}", ""},
        {"{\"EventType\":null}", ""},
        {"{\"EventType\":[]}", ""},
        {"{\"EventType\":7}", "7"},
        {"{\"EventType\":\"USER_LEAVE_ORG\"}", "USER_LEAVE_ORG"},
        {"{\"EventType\":\"user_leave_org \"}", "user_leave_org "},
        {"{\"EventType\":\"bpms\\n\xe4\xb8\xad\"}", "bpms????"},
        {"{\"EventType\":\"0123456789012345678901234567890123456789012345678901234567890123456\"}",
         "0123456789012345678901234567890123456789012345678901234567890123"},
    };

    assert_null(dt_event_types[DT_EVENT_TYPES]);
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const dt_event_t event = read_event(*state, rows[i][0]);
        assert_row_int(rows[i][0], event.number, DT_EVENT_TYPES - 1);
        assert_row_int(rows[i][0], event.effect, DT_EFFECT_NONE);
        assert_row_text(rows[i][0], event.type, rows[i][1]);
        assert_row_true(rows[i][0], event.ids[0] == NULL);
    }
}

static void what_only_wants_an_answer_is_a_check(void **state)
{
    dt_event_t event = read_event(*state, "{\"EventType\":\"check_url\"}");

    assert_true(dt_event_is_check(&event));
    event =
        read_event(*state, "{\"EventType\":\"check_create_suite_url\",\"Random\":\"LPIdSnlF\"}");
    assert_true(dt_event_is_check(&event));
    event = read_event(*state, "{\"EventType\":\"check_update_suite_url\"}");
    assert_true(dt_event_is_check(&event));
    assert_string_equal(event.type, "check_update_suite_url");
    event = read_event(*state, "{\"EventType\":\"check_in\"}");
    assert_false(dt_event_is_check(&event));
    event = read_event(*state, "{\"EventType\":\"org_remove\"}");
    assert_false(dt_event_is_check(&event));
}

static void what_is_no_object_is_no_event(void **state)
{
    static const char *const texts[] = {"",
                                        "success",
                                        "xxxxxxxxxxxxxxxxxxxxxxxxxx",
                                        "[]",
                                        "null",
                                        "{",
                                        "{} {}",
                                        "{\"EventType\":\"a\",\"EventType\":\"b\"}",
                                        "{\"a\":\"\xff\"}",
                                        NULL};
    dt_event_t event;

    for (const char *const *text = texts; *text; text++) {
        assert_row_int(*text, dt_event_read(*state, dt_slice(*text), &event), APR_EINVAL);
    }
    assert_int_equal(dt_event_read(*state, DT_SLICE("{}\0"), &event), APR_EINVAL);
}

/* --- whom it concerns, and when --- */

static void a_push_of_today_is_understood(void **state)
{
    const dt_event_t event = read_event(*state, vectors[4].message);
    const dt_call_t *call = *state;

    assert_string_equal(event.type, "user_leave_org");
    assert_string_equal(event.corp_id, "dingtestcorp0001");
    assert_true(event.time == apr_time_from_sec(1700000000));
    assert_string_equal(joined(call->pool, event.ids), "user01 user02");
    assert_string_equal(event.key, dt_sha256_hex(call->pool, DT_SLICE("evt-0001")));
}

static void a_push_in_the_old_spelling_is_understood(void **state)
{
    const char *text = "{\"EventType\":\"user_leave_org\",\"TimeStamp\":1435535463645,"
                       "\"UserId\":[\"efefef\",\"111111\"],\"CorpId\":\"corpid\"}";
    const dt_event_t event = read_event(*state, text);
    const dt_call_t *call = *state;

    assert_int_equal(event.effect, DT_EFFECT_LEFT);
    assert_string_equal(event.corp_id, "corpid");
    assert_true(event.time == apr_time_from_msec(APR_INT64_C(1435535463645)));
    assert_string_equal(joined(call->pool, event.ids), "efefef 111111");
    assert_string_equal(event.key, dt_sha256_hex(call->pool, dt_slice(text)));
}

static void an_entry_of_the_list_of_failed_pushes_is_understood(void **state)
{
    static const char *const texts[] = {
        "{\"call_back_tag\":\"user_leave_org\",\"event_time\":1700000000000,\"corpid\":\"c\","
        "\"userid\":[\"a\",\"b\"]}",
        "{\"call_back_tag\":\"user_leave_org\",\"event_time\":\"1700000000000\","
        "\"user_leave_org\":{\"corpid\":\"c\",\"userid\":[\"a\",\"b\"]}}",
        "{\"call_back_tag\":\"user_leave_org\",\"corpid\":\"c\","
        "\"user_leave_org\":{\"EventTime\":1700000000000,\"userid\":[\"a\",\"b\"]}}",
        NULL};
    const dt_call_t *call = *state;

    for (const char *const *text = texts; *text; text++) {
        const dt_event_t event = read_event(call, *text);
        assert_row_int(*text, event.effect, DT_EFFECT_LEFT);
        assert_row_text(*text, event.corp_id, "c");
        assert_row_true(*text, event.time == apr_time_from_sec(1700000000));
        assert_row_text(*text, joined(call->pool, event.ids), "a b");
    }
}

static void ids_are_found_in_every_shape(void **state)
{
    static const char *const rows[][2] = {
        {"user_leave_org\",\"userId\":[\"a\",\"b\"]", "a b"},
        {"user_leave_org\",\"userid\":\"a\"", "a"},
        {"user_leave_org\",\"USERID\":[7,\"b\"]", "7 b"},
        {"user_leave_org\",\"userId\":[\"a\",\"A\",\"a\",\"b\",\"a\"]", "a A b"},
        {"user_leave_org\",\"userId\":[\"\",null,\"a\\nb\",\"a\\u0000b\",true,{},[\"x\"],\"y\"]",
         "y"},
        {"user_leave_org\",\"userId\":[]", ""},
        {"user_leave_org\",\"userId\":{\"a\":\"b\"}", ""},
        {"user_leave_org\",\"deptId\":[1]", ""},
        {"user_modify_org\",\"userId\":[\"\xe5\xbc\xa0 1\"],\"diffInfo\":{\"userid\":\"x\"}",
         "\xe5\xbc\xa0 1"},
        {"label_user_change\",\"userIdList\":[\"a\"],\"labelIdList\":[5],\"action\":\"add\"", "a"},
        {"org_dept_remove\",\"deptId\":[1,\"23\",1]", "1 23"},
        {"org_dept_create\",\"DeptId\":5", "5"},
        {"org_dept_modify\",\"userId\":[\"a\"]", ""},
        {"org_remove\",\"userId\":[\"a\"]", ""},
        {"user_add_org\",\"userId\":[\"a\"]", ""},
    };
    const dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const dt_event_t event =
            read_event(call, apr_psprintf(call->pool, "{\"EventType\":\"%s}", rows[i][0]));
        assert_row_text(rows[i][0], joined(call->pool, event.ids), rows[i][1]);
    }
}

static void an_id_may_have_256_bytes_and_no_more(void **state)
{
    const dt_call_t *call = *state;
    char *id = apr_pcalloc(call->pool, 258);

    for (apr_size_t len = 256; len <= 257; len++) {
        const char *text;
        memset(id, 'u', len);
        text =
            apr_psprintf(call->pool, "{\"EventType\":\"user_leave_org\",\"userId\":[\"%s\"]}", id);
        assert_row_text(text, read_event(call, text).ids[0], len == 256 ? id : NULL);
    }
}

static void a_time_is_understood_in_seconds_and_milliseconds(void **state)
{
    static const struct {
        const char *members;
        apr_time_t time;
    } rows[] = {
        {"\"EventTime\":1700000000123", APR_INT64_C(1700000000123000)},
        {"\"EventTime\":\"1700000000123\"", APR_INT64_C(1700000000123000)},
        {"\"EventTime\":1700000000", APR_INT64_C(1700000000000000)},
        {"\"eventtime\":1700000000,\"timeStamp\":\"1\"", APR_INT64_C(1700000000000000)},
        {"\"EventTime\":0,\"timeStamp\":\"1700000000123\"", APR_INT64_C(1700000000123000)},
        {"\"EventTime\":\"soon\"", 0},
        {"\"EventTime\":-1700000000123", 0},
        {"\"EventTime\":1.7e12", 0},
        {"\"EventTime\":281474976710655", APR_INT64_C(281474976710655000)},
        {"\"EventTime\":281474976710656", 0},
        {"\"EventTime\":9223372036854775807", 0},
        {"\"a\":1", 0},
    };
    const dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        const dt_event_t event =
            read_event(call, apr_psprintf(call->pool, "{%s}", rows[i].members));
        assert_row_int(rows[i].members, event.time, rows[i].time);
    }
}

static void an_odd_corp_is_none(void **state)
{
    static const char *const texts[] = {"{}",
                                        "{\"CorpId\":\"\"}",
                                        "{\"CorpId\":[\"c\"]}",
                                        "{\"CorpId\":\"a\\u0000b\"}",
                                        "{\"CorpId\":\"a\\tb\"}",
                                        NULL};

    for (const char *const *text = texts; *text; text++) {
        assert_row_text(*text, read_event(*state, *text).corp_id, NULL);
    }
}

/* --- what it is known by --- */

static void an_event_is_known_by_its_id_whatever_else_it_says(void **state)
{
    const dt_event_t first = read_event(*state, "{\"eventId\":\"e-1\",\"userId\":[\"a\"]}");
    const dt_event_t again = read_event(*state, "{\"EventId\":\"e-1\",\"EventTime\":5}");
    const dt_event_t other = read_event(*state, "{\"eventId\":\"e-2\",\"userId\":[\"a\"]}");

    assert_int_equal(strlen(first.key), DT_EVENT_KEY);
    assert_string_equal(first.key, again.key);
    assert_string_not_equal(first.key, other.key);
}

static void an_event_without_id_is_known_by_its_text(void **state)
{
    const dt_event_t first = read_event(*state, "{\"eventId\":\"\",\"userId\":[\"a\"]}");
    const dt_event_t again = read_event(*state, "{\"eventId\":\"\",\"userId\":[\"a\"]}");
    const dt_event_t other = read_event(*state, "{\"eventId\":\"\",\"userId\":[\"b\"]}");

    assert_string_equal(first.key, again.key);
    assert_string_not_equal(first.key, other.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(each_type_has_its_effect),
        WITH_CALL(the_last_type_stands_for_all_others),
        WITH_CALL(what_only_wants_an_answer_is_a_check),
        WITH_CALL(what_is_no_object_is_no_event),
        WITH_CALL(a_push_of_today_is_understood),
        WITH_CALL(a_push_in_the_old_spelling_is_understood),
        WITH_CALL(an_entry_of_the_list_of_failed_pushes_is_understood),
        WITH_CALL(ids_are_found_in_every_shape),
        WITH_CALL(an_id_may_have_256_bytes_and_no_more),
        WITH_CALL(a_time_is_understood_in_seconds_and_milliseconds),
        WITH_CALL(an_odd_corp_is_none),
        WITH_CALL(an_event_is_known_by_its_id_whatever_else_it_says),
        WITH_CALL(an_event_without_id_is_known_by_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
