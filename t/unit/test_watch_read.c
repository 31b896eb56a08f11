/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are read again, for whatever reason. */
#include "watch_world.h"

#define PERSON "person:" CORP ":us-1"
#define CHANGED "changed:" CORP ":us-1"

static const dt_member_t zhang = {.user_id = "us-1",
                                  .name = "Zhang",
                                  .dept_ids = "11,12",
                                  .active = true};

static apr_status_t read_one(world_t *w)
{
    return dt_watch_read(&w->watch, &w->call, &w->more);
}

static void sign_in(world_t *w)
{
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &zhang), APR_SUCCESS);
}

/* Zhang signed in an hour ago, and the record is to be read now. */
static void is_due(world_t *w)
{
    sign_in(w);
    w->call.now += 60 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(kept(w, "us-1")->due_at, w->call.now);
}

static void assert_out(world_t *w, const char *said)
{
    apr_time_t not_before = 0;

    assert_int_equal(ends_of(w, PERSON, true, &not_before), 1);
    assert_int_equal(not_before, w->call.now);
    assert_null(kept(w, "us-1"));
    assert_true(was_said(w, said));
}

/* --- signing in --- */

static void who_signs_in_is_remembered(void **state)
{
    world_t *w = *state;

    sign_in(w);
    assert_string_equal(kept(w, "us-1")->record, dt_member_text(w->pool, &zhang));
    assert_string_equal(kept(w, "us-1")->dept_ids, "11,12");
    assert_int_equal(kept(w, "us-1")->due_at, 0);
    assert_int_equal(w->ended_count + w->said_count + w->asked, 0);
}

static void a_sign_in_with_another_record_refreshes_the_sessions_there_are(void **state)
{
    world_t *w = *state;
    dt_member_t chief = zhang;

    sign_in(w);
    chief.title = "Chief";
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &chief), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
    assert_int_equal(ends_of(w, PERSON, true, NULL), 0);
    assert_string_equal(kept(w, "us-1")->record, dt_member_text(w->pool, &chief));
}

static void who_signs_in_under_the_userid_of_somebody_who_left_stays_in(void **state)
{
    world_t *w = *state;
    dt_member_t old = zhang;
    dt_member_t new = zhang;
    apr_time_t not_before = 0;

    old.union_id = "un-1";
    new.union_id = "un-2";
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &old), APR_SUCCESS);
    w->call.now += MINUTE;
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &new), APR_SUCCESS);
    assert_int_equal(ends_of(w, "person:" CORP ":us-1", true, &not_before), 1);
    assert_true(not_before < w->call.now && not_before >= w->call.now - SECOND);
    assert_true(was_said(w, "out us-1: identity_mismatch"));
    assert_non_null(strstr(kept(w, "us-1")->record, "un-2"));
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &new), APR_SUCCESS);
    assert_int_equal(w->ended_count, 1);
}

/* --- reading --- */

static void without_anything_to_read_nobody_is_asked(void **state)
{
    world_t *w = *state;

    sign_in(w);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_false(w->more);
    assert_int_equal(w->asked, 0);
}

static void who_is_as_before_stays_signed_in(void **state)
{
    world_t *w = *state;

    is_due(w);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_true(w->more);
    assert_int_equal(w->asked, 1);
    assert_int_equal(w->ended_count, 0);
    assert_int_equal(kept(w, "us-1")->due_at, 0);
    assert_int_equal(kept(w, "us-1")->read_at, w->call.now);
    assert_true(was_said(w, "sure us-1"));
    assert_int_equal(w->said_count, 1);
}

static void who_is_not_active_any_more_is_out(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->active = false;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_true(w->more);
    assert_out(w, "out us-1: not_active");
}

static void comes_back(world_t *w)
{
    w->call.now += SECOND;
    sign_in(w);
    w->call.now -= SECOND;
}

/* The session that is newer than the answer goes on, and must be found by what comes next. */
static void who_comes_back_before_an_old_answer_is_still_known(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->active = false;
    w->meanwhile = comes_back;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, PERSON, true, NULL), 1);
    assert_int_equal(kept(w, "us-1")->read_at, w->call.now + SECOND);
}

static void who_may_not_sign_in_any_more_is_out(void **state)
{
    static const struct {
        const char *code;
        const char *said;
    } rows[] = {{"60121", "out us-1: stranger"},
                {"33012", "out us-1: stranger"},
                {"60120", "out us-1: disabled"},
                {"50002", "out us-1: out_of_scope"}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        world_t *w;
        (void)world_set_up((void **)&w);
        is_due(w);
        w->member_says.status = 200;
        w->member_says.body =
            apr_psprintf(w->pool, "{\"errcode\":%s,\"errmsg\":\"no\"}", rows[i].code);
        assert_int_equal(read_one(w), APR_SUCCESS);
        assert_true(was_said(w, "sure us-1"));
        assert_out(w, rows[i].said);
        (void)world_tear_down((void **)&w);
    }
    (void)state;
}

static void trouble_with_dingtalk_signs_nobody_out(void **state)
{
    static const script_t rows[] = {
        {APR_TIMEUP, 0, NULL},
        {APR_ECONNREFUSED, 0, NULL},
        {APR_EBUSY, 0, NULL},
        {APR_ENOSPC, 0, NULL},
        {0, 500, "oops"},
        {0, 503, "{\"code\":\"serviceBusy\"}"},
        {0, 504, "<html>gateway</html>"},
        {0, 429, "{\"errcode\":60121}"},
        {0, 200, "<html>banned</html>"},
        {0, 403, "<html>banned</html>"},
        {0, 200, "{\"status\":1111,\"wait\":5,\"punish\":\"deny\"}"},
        {0, 302, "{\"errcode\":0}"},
        {0, 200, ""},
        {0, 200, "{\"errcode\":-1,\"errmsg\":\"busy\"}"},
        {0, 200, "{\"errcode\":15}"},
        {0, 200, "{\"errcode\":88}"},
        {0, 200, "{\"errcode\":88,\"sub_code\":\"60011\",\"sub_msg\":\"[qyapi_get_member]\"}"},
        {0, 200, "{\"errcode\":88,\"sub_code\":\"40014\"}"},
        {0, 200, "{\"errcode\":88,\"sub_code\":\"90018\"}"},
        {0, 200, "{\"errcode\":43007}"},
        {0, 200, "{\"errcode\":40029}"},
        {0, 200, "{\"errcode\":50003}"},
        {0, 200, "{\"errcode\":50005}"},
        {0, 200, "{\"errcode\":70001}"},
        {0, 200, "{\"errcode\":60020}"},
        {0, 200, "{\"errcode\":90002}"},
        {0, 200, "{\"errcode\":90020}"},
        {0, 200, "{\"errcode\":4711}"},
        {0, 200, "{\"errcode\":0}"},
        {0, 200, "{\"errcode\":0,\"result\":{\"userid\":\"us-1\"}}"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *row = rows[i].body ? rows[i].body : "no reply";
        world_t *w;
        (void)world_set_up((void **)&w);
        is_due(w);
        w->member_says = rows[i];
        assert_row_true(row, read_one(w) != APR_SUCCESS);
        assert_row_int(row, w->more, false);
        assert_row_int(row, w->ended_count, 0);
        assert_row_true(row, kept(w, "us-1") && kept(w, "us-1")->record);
        assert_row_int(row, w->said_count, 1);
        assert_row_true(row, strncmp(w->said[0], "unsure us-1: ", 13) == 0);
        (void)world_tear_down((void **)&w);
    }
    (void)state;
}

static void who_could_not_be_read_is_read_when_the_lease_is_over(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->member_says.rv = APR_TIMEUP;
    (void)read_one(w);
    w->member_says.rv = APR_SUCCESS;
    w->call.now += LEASE - SECOND;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->asked, 1);
    w->call.now += SECOND;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->asked, 2);
    assert_true(was_said(w, "sure us-1"));
}

static void who_could_not_be_signed_out_is_read_again(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->active = false;
    w->revoker_rv = APR_EGENERAL;
    assert_int_equal(read_one(w), APR_EGENERAL);
    assert_false(w->more);
    assert_non_null(kept(w, "us-1"));
    w->revoker_rv = APR_SUCCESS;
    w->call.now += LEASE;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_out(w, "out us-1: not_active");
}

static void another_persons_record_under_the_userid_signs_out(void **state)
{
    world_t *w = *state;
    dt_member_t old = zhang;

    old.union_id = "un-1";
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &old), APR_SUCCESS);
    w->call.now += 60 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    w->union_id = "un-2";
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_out(w, "out us-1: identity_mismatch");
}

static void a_record_without_unionid_is_no_change(void **state)
{
    world_t *w = *state;
    dt_member_t signed_in = zhang;
    const char *record;

    signed_in.union_id = "un-1";
    assert_int_equal(dt_watch_signed_in(&w->watch, &w->call, &signed_in), APR_SUCCESS);
    record = kept(w, "us-1")->record;
    w->call.now += 60 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->ended_count, 0);
    assert_string_equal(kept(w, "us-1")->record, record);
}

/* --- changes --- */

static void a_change_is_told_to_all_nodes(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->name = "Zhang the second";
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
    assert_int_equal(w->ended_count, 1);
    assert_non_null(strstr(kept(w, "us-1")->record, "Zhang the second"));
    assert_true(was_said(w, "changed us-1"));
}

/* It may still have been given the old record. */
static void a_session_renewed_while_a_change_is_told_is_refreshed_next_time(void **state)
{
    world_t *w = *state;
    apr_time_t not_before = 0;

    is_due(w);
    w->name = "Zhang the second";
    (void)read_one(w);
    (void)ends_of(w, CHANGED, true, &not_before);
    assert_int_equal(not_before, w->call.now + DT_SESSION_AHEAD);
}

static void a_change_that_a_session_missed_is_told_again(void **state)
{
    world_t *w = *state;

    assert_int_equal(dt_watch_stale(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
    assert_int_equal(w->ended_count, 1);
}

static void a_change_is_told_once(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->name = "Zhang the second";
    (void)read_one(w);
    w->call.now += 60 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->ended_count, 1);
}

static void a_change_is_found_again_when_it_could_not_be_told(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->name = "Zhang the second";
    w->revoker_rv = APR_EGENERAL;
    assert_int_equal(read_one(w), APR_EGENERAL);
    assert_null(strstr(kept(w, "us-1")->record, "second"));
    w->revoker_rv = APR_SUCCESS;
    w->call.now += LEASE;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
}

static void a_change_is_told_before_it_is_remembered(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->name = "Zhang the second";
    break_memory(w, "store_member");
    assert_int_not_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
    break_memory(w, NULL);
    w->call.now += LEASE;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 2);
}

static void nobody_is_judged_without_the_record_of_before(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->name = "Zhang the second";
    break_memory(w, "load_member");
    assert_int_not_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->ended_count, 0);
    assert_int_not_equal(kept(w, "us-1")->due_at, 0);
}

/* There may be sessions of a person whose sign-in could not be remembered. */
static void what_was_not_remembered_counts_as_changed(void **state)
{
    world_t *w = *state;

    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(ends_of(w, CHANGED, true, NULL), 1);
    assert_false(was_said(w, "changed us-1"));
}

/* --- asking for it --- */

static void of_all_who_ask_for_a_recheck_one_gets_a_reading(void **state)
{
    world_t *w = *state;

    is_due(w);
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->asked, 1);
}

static void another_node_reads(world_t *w)
{
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_false(w->more);
}

static void two_nodes_do_not_read_the_same_record_at_once(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->meanwhile = another_node_reads;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_null(w->meanwhile);
    assert_int_equal(w->asked, 1);
}

static void an_event_comes(world_t *w)
{
    assert_int_equal(fake_want_member(w->memory, &w->call, CORP, "us-1", 0), APR_SUCCESS);
}

static void what_happens_during_a_reading_is_read_as_well(void **state)
{
    world_t *w = *state;

    is_due(w);
    w->meanwhile = an_event_comes;
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(read_one(w), APR_SUCCESS);
    assert_int_equal(w->asked, 2);
}

static void who_was_just_read_is_not_rechecked(void **state)
{
    world_t *w = *state;

    sign_in(w);
    w->call.now += 14 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(kept(w, "us-1")->due_at, 0);
    w->call.now += 2 * MINUTE;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(kept(w, "us-1")->due_at, w->call.now);
}

static void rechecking_can_be_switched_off(void **state)
{
    world_t *w = *state;

    w->watch.recheck = 0;
    assert_int_equal(dt_watch_recheck(&w->watch, &w->call, "us-1"), APR_SUCCESS);
    assert_int_equal(w->memory->base.questions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(who_signs_in_is_remembered),
        WITH_WORLD(a_sign_in_with_another_record_refreshes_the_sessions_there_are),
        WITH_WORLD(who_signs_in_under_the_userid_of_somebody_who_left_stays_in),
        WITH_WORLD(without_anything_to_read_nobody_is_asked),
        WITH_WORLD(who_is_as_before_stays_signed_in),
        WITH_WORLD(who_is_not_active_any_more_is_out),
        WITH_WORLD(who_comes_back_before_an_old_answer_is_still_known),
        cmocka_unit_test(who_may_not_sign_in_any_more_is_out),
        cmocka_unit_test(trouble_with_dingtalk_signs_nobody_out),
        WITH_WORLD(who_could_not_be_read_is_read_when_the_lease_is_over),
        WITH_WORLD(who_could_not_be_signed_out_is_read_again),
        WITH_WORLD(another_persons_record_under_the_userid_signs_out),
        WITH_WORLD(a_record_without_unionid_is_no_change),
        WITH_WORLD(a_change_is_told_to_all_nodes),
        WITH_WORLD(a_change_that_a_session_missed_is_told_again),
        WITH_WORLD(a_session_renewed_while_a_change_is_told_is_refreshed_next_time),
        WITH_WORLD(a_change_is_told_once),
        WITH_WORLD(a_change_is_found_again_when_it_could_not_be_told),
        WITH_WORLD(a_change_is_told_before_it_is_remembered),
        WITH_WORLD(nobody_is_judged_without_the_record_of_before),
        WITH_WORLD(what_was_not_remembered_counts_as_changed),
        WITH_WORLD(of_all_who_ask_for_a_recheck_one_gets_a_reading),
        WITH_WORLD(two_nodes_do_not_read_the_same_record_at_once),
        WITH_WORLD(what_happens_during_a_reading_is_read_as_well),
        WITH_WORLD(who_was_just_read_is_not_rechecked),
        WITH_WORLD(rechecking_can_be_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
