/* SPDX-License-Identifier: Apache-2.0 */
/* Events that arrive, from the first look at them to the end of the last session. */
#include "watch_world.h"

#define LEFT "person:" CORP ":us-1"
#define LEFT_TOO "person:" CORP ":us-2"

/* An event as DingTalk pushes it; fields begin with a comma. */
static const char *text_of(world_t *w, const char *type, const char *id, const char *fields)
{
    return apr_psprintf(w->pool,
                        "{\"EventType\":\"%s\",\"eventId\":\"%s\",\"CorpId\":\"" CORP "\"%s}", type,
                        id, fields);
}

static dt_arrived_t arrive(world_t *w, const char *text)
{
    dt_event_t event;

    assert_int_equal(dt_event_read(&w->call, dt_slice(text), &event), APR_SUCCESS);
    return dt_watch_arrive(&w->watch, &w->call, &event, dt_slice(text));
}

static dt_arrived_t two_leave(world_t *w)
{
    return arrive(w, text_of(w, "user_leave_org", "e1", ",\"userId\":[\"us-1\",\"us-2\"]"));
}

static apr_status_t work(world_t *w)
{
    return dt_watch_work(&w->watch, &w->call, &w->more);
}

/* Works until there is nothing left to do at this time. */
static void work_off(world_t *w)
{
    do {
        assert_int_equal(work(w), APR_SUCCESS);
    } while (w->more);
}

static void remembered(world_t *w, const char *corp_id, const char *user_id, const char *dept_ids)
{
    assert_int_equal(fake_store_member(w->memory, &w->call, corp_id, user_id, dept_ids, "{}", 0),
                     APR_SUCCESS);
}

/* --- arriving --- */

static void a_leavers_sessions_end_here_when_the_event_arrives(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    assert_int_equal(two_leave(w), DT_ARRIVED);
    assert_int_equal(ends_of(w, LEFT, false, &not_before), 1);
    assert_int_equal(not_before, NOW);
    assert_int_equal(ends_of(w, LEFT_TOO, false, NULL), 1);
    assert_int_equal(w->ended_count, 2);
    assert_int_equal(w->asked, 0);
}

static void an_arrival_is_one_question_to_the_memory(void **state)
{
    world_t *w = *state;

    (void)two_leave(w);
    assert_int_equal(w->memory->base.questions, 1);
}

static void an_event_is_remembered_for_seven_days(void **state)
{
    world_t *w = *state;

    (void)two_leave(w);
    assert_int_equal(w->memory->event_count, 1);
    assert_int_equal(w->memory->events[0].row.arrived_at, NOW);
    assert_int_equal(w->memory->events[0].expires_at, NOW + 7 * DAY);
}

static void an_event_counts_once(void **state)
{
    world_t *w = *state;

    (void)two_leave(w);
    w->ended_count = 0;
    w->call.now += MINUTE;
    assert_int_equal(two_leave(w), DT_ARRIVED_BEFORE);
    assert_int_equal(w->ended_count, 0);
    assert_int_equal(w->memory->events[0].row.arrived_at, NOW);
}

static void the_end_of_a_corp_ends_all_its_sessions_here(void **state)
{
    world_t *w = *state;

    assert_int_equal(arrive(w, text_of(w, "org_remove", "e1", "")), DT_ARRIVED);
    assert_int_equal(ends_of(w, "corp:" CORP, false, NULL), 1);
    assert_int_equal(w->ended_count, 1);
}

static void a_change_ends_no_session(void **state)
{
    world_t *w = *state;

    assert_int_equal(arrive(w, text_of(w, "user_modify_org", "e1", ",\"userId\":[\"us-1\"]")),
                     DT_ARRIVED);
    assert_int_equal(arrive(w, text_of(w, "org_dept_modify", "e2", ",\"deptId\":[11]")),
                     DT_ARRIVED);
    work_off(w);
    assert_int_equal(w->ended_count, 0);
}

static void an_event_of_unknown_type_is_kept_and_nothing_is_done(void **state)
{
    world_t *w = *state;

    assert_int_equal(arrive(w, text_of(w, "new_in_2030", "e1", ",\"userId\":[\"us-1\"]")),
                     DT_ARRIVED_NOTHING);
    assert_int_equal(arrive(w, text_of(w, "new_in_2030", "e1", ",\"userId\":[\"us-1\"]")),
                     DT_ARRIVED_BEFORE);
    assert_null(w->memory->events[0].row.text);
    work_off(w);
    assert_int_equal(w->ended_count + w->said_count, 0);
}

static void an_event_of_another_corp_does_nothing(void **state)
{
    static const char *const others[] = {"dingcorp2", "dingcorp", "dingcorp11", "DINGCORP1"};
    world_t *w = *state;

    for (size_t i = 0; i < ROWS(others); i++) {
        assert_int_equal(arrive(w, apr_psprintf(w->pool,
                                                "{\"EventType\":\"user_leave_org\",\"CorpId\":"
                                                "\"%s\",\"userId\":[\"us-1\"]}",
                                                others[i])),
                         DT_ARRIVED_FOREIGN);
    }
    assert_int_equal(w->ended_count + w->memory->event_count, 0);
}

static void an_event_that_names_no_corp_is_ours(void **state)
{
    world_t *w = *state;

    assert_int_equal(arrive(w, "{\"EventType\":\"user_leave_org\",\"userId\":[\"us-1\"]}"),
                     DT_ARRIVED);
    assert_int_equal(ends_of(w, LEFT, false, NULL), 1);
}

static dt_arrived_t leaves_at(world_t *w, const char *id, apr_time_t time)
{
    return arrive(w,
                  text_of(w, "user_leave_org", id,
                          apr_psprintf(w->pool,
                                       ",\"EventTime\":%" APR_INT64_T_FMT ",\"userId\":[\"us-1\"]",
                                       apr_time_as_msec(time))));
}

static void an_old_event_that_is_played_again_does_nothing(void **state)
{
    world_t *w = *state;

    assert_int_equal(leaves_at(w, "e1", NOW - 7 * DAY - SECOND), DT_ARRIVED_TOO_LATE);
    assert_int_equal(w->ended_count + w->memory->event_count, 0);
    assert_int_equal(leaves_at(w, "e2", NOW - 7 * DAY), DT_ARRIVED);
}

static void an_event_from_the_future_is_like_any_other(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    assert_int_equal(leaves_at(w, "e1", NOW + DAY), DT_ARRIVED);
    assert_int_equal(ends_of(w, LEFT, false, &not_before), 1);
    assert_int_equal(not_before, NOW);
}

static void what_began_before_an_event_ends_here_whatever_the_memory_says(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    assert_int_equal(leaves_at(w, "e1", NOW - MINUTE), DT_ARRIVED);
    w->ended_count = 0;
    w->call.now += MINUTE;
    assert_int_equal(leaves_at(w, "e1", NOW - MINUTE), DT_ARRIVED_BEFORE);
    assert_int_equal(ends_of(w, LEFT, false, &not_before), 1);
    assert_int_equal(not_before, NOW - MINUTE);
    assert_int_equal(w->ended_count, 1);
}

static void an_event_that_cannot_be_kept_has_its_effect_here(void **state)
{
    world_t *w = *state;

    break_memory(w, "add_event");
    assert_int_equal(two_leave(w), DT_ARRIVED_UNKEPT);
    assert_int_equal(ends_of(w, LEFT, false, NULL), 1);
    break_memory(w, NULL);
    assert_int_equal(two_leave(w), DT_ARRIVED);
}

/* --- working off --- */

static void a_leavers_sessions_end_everywhere_as_of_the_arrival(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    remembered(w, CORP, "us-1", "11");
    (void)two_leave(w);
    w->call.now += 10 * SECOND;
    work_off(w);
    assert_int_equal(ends_of(w, LEFT, true, &not_before), 1);
    assert_int_equal(not_before, NOW);
    assert_int_equal(ends_of(w, LEFT_TOO, true, NULL), 1);
    assert_null(kept(w, "us-1"));
    assert_true(was_said(w, "left us-1"));
    assert_true(was_said(w, "left us-2"));
    assert_int_equal(w->asked, 0);
}

static void a_leaver_of_one_corp_stays_in_another(void **state)
{
    world_t *w = *state;

    remembered(w, "dingcorp2", "us-1", "11");
    (void)two_leave(w);
    work_off(w);
    assert_int_equal(w->ended_count, 4);
    for (int i = 0; i < w->ended_count; i++) {
        assert_null(strstr(w->ended[i].subject, "dingcorp2"));
    }
    assert_non_null(member_of(w->memory, "dingcorp2", "us-1"));
}

static void the_end_of_a_corp_ends_its_sessions_everywhere(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    (void)arrive(w, text_of(w, "org_remove", "e1", ""));
    w->call.now += 10 * SECOND;
    work_off(w);
    assert_int_equal(ends_of(w, "corp:" CORP, true, &not_before), 1);
    assert_int_equal(not_before, NOW);
    assert_true(was_said(w, "corp gone"));
}

static void who_is_changed_is_read_again(void **state)
{
    world_t *w = *state;

    remembered(w, CORP, "us-1", "11");
    remembered(w, CORP, "us-2", "11");
    (void)arrive(w, text_of(w, "org_admin_add", "e1", ",\"userId\":[\"us-1\",\"us-3\"]"));
    work_off(w);
    assert_int_equal(kept(w, "us-1")->due_at, NOW);
    assert_int_equal(kept(w, "us-2")->due_at, 0);
    assert_int_equal(kept(w, "us-3")->due_at, NOW);
}

static void the_members_of_a_changed_department_are_read_again(void **state)
{
    world_t *w = *state;

    remembered(w, CORP, "us-1", "11,12");
    remembered(w, CORP, "us-2", "13");
    (void)arrive(w, text_of(w, "org_dept_modify", "e1", ",\"deptId\":[12]"));
    work_off(w);
    assert_int_equal(kept(w, "us-1")->due_at, NOW);
    assert_int_equal(kept(w, "us-2")->due_at, 0);
}

static void when_it_is_not_said_who_left_all_are_read_again(void **state)
{
    world_t *w = *state;

    remembered(w, CORP, "us-1", "11");
    (void)arrive(w, text_of(w, "user_leave_org", "e1", ",\"staff\":[\"us-1\"]"));
    work_off(w);
    assert_int_equal(kept(w, "us-1")->due_at, NOW);
    assert_int_equal(w->said_count, 1);
    assert_memory_equal(w->said[0], "strange ", 8);
}

static void an_impossible_userid_is_passed_over(void **state)
{
    world_t *w = *state;
    char id[200];

    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    (void)arrive(w, text_of(w, "user_leave_org", "e1",
                            apr_psprintf(w->pool, ",\"userId\":[\"%s\",\"us-1\"]", id)));
    work_off(w);
    assert_int_equal(w->ended_count, 2);
    assert_int_equal(ends_of(w, LEFT, true, NULL), 1);
}

static void an_event_that_cannot_be_read_any_more_is_left_alone(void **state)
{
    world_t *w = *state;
    const dt_arrival_t arrival = {CORP, "key", "[not an event", NOW};
    bool first;

    (void)fake_add_event(w->memory, &w->call, &arrival, NOW + DAY, &first);
    work_off(w);
    assert_int_equal(w->memory->events[0].due_at, 0);
    assert_int_equal(w->ended_count, 0);
    assert_true(was_said(w, "strange key"));
}

static void what_is_done_is_not_done_again(void **state)
{
    world_t *w = *state;

    (void)two_leave(w);
    work_off(w);
    w->ended_count = w->said_count = 0;
    w->call.now += DAY;
    work_off(w);
    assert_int_equal(w->ended_count + w->said_count, 0);
}

static void when_the_nodes_cannot_be_told_it_is_done_again_later(void **state)
{
    world_t *w = *state;

    remembered(w, CORP, "us-1", "11");
    (void)two_leave(w);
    w->revoker_rv = APR_EGENERAL;
    assert_int_equal(work(w), APR_EGENERAL);
    assert_false(w->more);
    assert_int_equal(w->said_count, 0);
    assert_non_null(kept(w, "us-1"));

    w->revoker_rv = APR_SUCCESS;
    w->call.now += EVENT_LEASE - SECOND;
    assert_int_equal(work(w), APR_SUCCESS); /* whoever failed may still be at it */
    assert_false(w->more);
    w->call.now += SECOND;
    work_off(w);
    assert_int_equal(ends_of(w, LEFT, true, NULL), 1);
    assert_null(kept(w, "us-1"));
}

/* Who signed in again after the event arrived stays signed in. */
static void an_event_that_is_worked_twice_ends_nothing_more(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    (void)two_leave(w);
    break_memory(w, "finish_event");
    assert_int_not_equal(work(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, LEFT, true, NULL), 1);
    break_memory(w, NULL);
    w->call.now += EVENT_LEASE;
    work_off(w);
    assert_int_equal(ends_of(w, LEFT, true, &not_before), 2);
    assert_int_equal(not_before, NOW);
}

static void what_cannot_be_taken_is_an_error(void **state)
{
    world_t *w = *state;

    (void)two_leave(w);
    break_memory(w, "take_event");
    assert_int_not_equal(work(w), APR_SUCCESS);
    assert_false(w->more);
}

static void members_that_nobody_wants_any_more_are_forgotten(void **state)
{
    world_t *w = *state;

    assert_int_equal(dt_watch_forget(&w->watch, &w->call), APR_SUCCESS);
    assert_int_equal(w->memory->unread_since, NOW - DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_leavers_sessions_end_here_when_the_event_arrives),
        WITH_WORLD(an_arrival_is_one_question_to_the_memory),
        WITH_WORLD(an_event_is_remembered_for_seven_days),
        WITH_WORLD(an_event_counts_once),
        WITH_WORLD(the_end_of_a_corp_ends_all_its_sessions_here),
        WITH_WORLD(a_change_ends_no_session),
        WITH_WORLD(an_event_of_unknown_type_is_kept_and_nothing_is_done),
        WITH_WORLD(an_event_of_another_corp_does_nothing),
        WITH_WORLD(an_event_that_names_no_corp_is_ours),
        WITH_WORLD(an_old_event_that_is_played_again_does_nothing),
        WITH_WORLD(an_event_from_the_future_is_like_any_other),
        WITH_WORLD(what_began_before_an_event_ends_here_whatever_the_memory_says),
        WITH_WORLD(an_event_that_cannot_be_kept_has_its_effect_here),
        WITH_WORLD(a_leavers_sessions_end_everywhere_as_of_the_arrival),
        WITH_WORLD(a_leaver_of_one_corp_stays_in_another),
        WITH_WORLD(the_end_of_a_corp_ends_its_sessions_everywhere),
        WITH_WORLD(who_is_changed_is_read_again),
        WITH_WORLD(the_members_of_a_changed_department_are_read_again),
        WITH_WORLD(when_it_is_not_said_who_left_all_are_read_again),
        WITH_WORLD(an_impossible_userid_is_passed_over),
        WITH_WORLD(an_event_that_cannot_be_read_any_more_is_left_alone),
        WITH_WORLD(what_is_done_is_not_done_again),
        WITH_WORLD(when_the_nodes_cannot_be_told_it_is_done_again_later),
        WITH_WORLD(an_event_that_is_worked_twice_ends_nothing_more),
        WITH_WORLD(what_cannot_be_taken_is_an_error),
        WITH_WORLD(members_that_nobody_wants_any_more_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
