/* SPDX-License-Identifier: Apache-2.0 */
/* The list of failed pushes: fetched once for all nodes, without losing what a fetch clears. */
#include "watch_world.h"

#define LIMIT "missed:" CORP ":dingclient"
#define FETCH_MAX (2 * MINUTE)

/* An entry of the list. */
#define LEAVES(id, user_id)                                   \
    "{\"call_back_tag\":\"user_leave_org\",\"eventId\":\"" id \
    "\",\"user_leave_org\":{\"corpid\":\"" CORP "\",\"userid\":[\"" user_id "\"]}}"

static apr_status_t fetch(world_t *w)
{
    return dt_watch_missed(&w->watch, &w->call, &w->more);
}

static void assert_fetched(world_t *w, int asked)
{
    assert_int_equal(fetch(w), APR_SUCCESS);
    assert_int_equal(w->asked, asked);
}

static int here(const world_t *w, const char *user_id)
{
    return ends_of(w, apr_pstrcat(w->pool, "person:" CORP ":", user_id, NULL), false, NULL);
}

/* A member who is remembered, so that it can be seen whether all are read again. */
static void remember_one(world_t *w)
{
    (void)fake_store_member(w->memory, &w->call, CORP, "us-9", NULL, "{}", 0);
}

static bool all_are_read_again(world_t *w)
{
    return kept(w, "us-9")->due_at != 0;
}

static const char *state_of(world_t *w)
{
    return fake_limit_of(&w->memory->base, LIMIT)->value;
}

/* --- fetching --- */

static void what_was_missed_has_its_effect(void **state)
{
    world_t *w = *state;

    w->list = LEAVES("e1", "us-1") "," LEAVES("e2", "us-2");
    assert_fetched(w, 1);
    assert_false(w->more);
    assert_int_equal(here(w, "us-1"), 1);
    assert_int_equal(here(w, "us-2"), 1);
    assert_int_equal(w->memory->event_count, 2);
    assert_true(was_said(w, "missed 2"));
    assert_true(was_said(w, "sure"));
    assert_int_equal(dt_watch_work(&w->watch, &w->call, &w->more), APR_SUCCESS);
    assert_true(was_said(w, "left us-1"));
}

static void what_came_after_all_has_no_second_effect(void **state)
{
    world_t *w = *state;

    w->list = LEAVES("e1", "us-1") "," LEAVES("e1", "us-1");
    assert_fetched(w, 1);
    assert_int_equal(here(w, "us-1"), 1);
}

static void an_empty_list_is_no_news(void **state)
{
    world_t *w = *state;

    remember_one(w);
    assert_fetched(w, 1);
    assert_int_equal(w->said_count, 1);
    assert_true(was_said(w, "sure"));
    assert_false(all_are_read_again(w));
}

static void the_list_is_fetched_every_ten_minutes(void **state)
{
    world_t *w = *state;

    assert_fetched(w, 1);
    w->call.now += 10 * MINUTE - SECOND;
    assert_fetched(w, 1);
    w->call.now += SECOND;
    assert_fetched(w, 2);
}

static void a_clock_that_was_years_ahead_stops_nothing(void **state)
{
    world_t *w = *state;

    w->call.now += 365 * DAY;
    assert_fetched(w, 1);
    w->call.now = NOW;
    assert_fetched(w, 2);
}

static void an_instant_that_no_clock_shows_stops_nothing(void **state)
{
    static const char *const values[] = {"kept -9223372036854775808", "kept 9223372036854775807",
                                         "fetching -9223372036854775808", "kept x"};
    world_t *w = *state;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(fake_store_limit(w->memory, &w->call, LIMIT, values[i], i * 3,
                                          w->call.now + DAY),
                         APR_SUCCESS);
        assert_fetched(w, i + 1);
        assert_memory_equal(state_of(w), "kept ", 5);
    }
}

static void a_node_whose_clock_is_behind_does_not_fetch_again(void **state)
{
    world_t *w = *state;

    assert_fetched(w, 1);
    w->call.now -= MINUTE;
    assert_fetched(w, 1);
}

static void as_long_as_there_are_more_it_goes_on_at_once(void **state)
{
    world_t *w = *state;

    w->list = LEAVES("e1", "us-1");
    w->has_more = true;
    assert_fetched(w, 1);
    assert_true(w->more);
    w->list = LEAVES("e2", "us-2");
    w->has_more = false;
    assert_fetched(w, 2);
    assert_false(w->more);
    assert_int_equal(here(w, "us-1") + here(w, "us-2"), 2);
    assert_fetched(w, 2);
}

static void an_empty_list_that_says_there_are_more_is_not_asked_for_ever(void **state)
{
    world_t *w = *state;

    w->has_more = true;
    assert_fetched(w, 1);
    assert_false(w->more);
    assert_fetched(w, 1);
}

static void what_does_not_concern_us_is_passed_over(void **state)
{
    world_t *w = *state;

    w->list = "{\"call_back_tag\":\"user_leave_org\",\"user_leave_org\":{\"corpid\":\"dingcorp2\","
              "\"userid\":[\"us-1\"]}},"
              "{\"call_back_tag\":\"user_leave_org\",\"event_time\":1600000000000,"
              "\"user_leave_org\":{\"corpid\":\"" CORP "\",\"userid\":[\"us-2\"]}},"
              "\"what is this\"," LEAVES("e3", "us-3");
    assert_fetched(w, 1);
    assert_int_equal(w->ended_count, 1);
    assert_int_equal(here(w, "us-3"), 1);
    assert_true(was_said(w, "missed 4"));
    assert_true(was_said(w, "strange"));
    assert_memory_equal(state_of(w), "kept ", 5);
}

/* --- two nodes --- */

static void another_node_fetches(world_t *w)
{
    const int asked = w->asked;

    assert_fetched(w, asked);
    assert_false(w->more);
}

static void while_one_node_fetches_no_other_does(void **state)
{
    world_t *w = *state;

    w->meanwhile = another_node_fetches;
    assert_fetched(w, 1);
    assert_false(was_said(w, "lost"));
}

static world_t *racer;

static void another_node_is_faster(fake_memory_t *memory, const char *function)
{
    world_t *w = racer;

    if (strcmp(function, "store_limit") == 0) {
        memory->before = NULL;
        assert_fetched(w, 1);
    }
}

static void of_two_nodes_that_begin_at_once_one_fetches(void **state)
{
    world_t *w = *state;

    racer = w;
    w->memory->base.before = another_node_is_faster;
    assert_fetched(w, 1);
    assert_int_equal(w->said_count, 1);
}

static void the_dead_are_replaced(world_t *w)
{
    w->call.now += FETCH_MAX;
    assert_fetched(w, 2);
    assert_true(was_said(w, "lost"));
    w->call.now += MINUTE;
}

/* What another node has done meanwhile is not taken back. */
static void who_was_taken_for_dead_leaves_the_rest_to_who_came(void **state)
{
    world_t *w = *state;
    const char *left;

    remember_one(w);
    w->meanwhile = the_dead_are_replaced;
    assert_int_equal(fetch(w), APR_SUCCESS);
    left = apr_psprintf(w->pool, "kept %" APR_INT64_T_FMT, apr_time_as_msec(NOW + FETCH_MAX));
    assert_string_equal(state_of(w), left);
}

/* --- losses --- */

/* Whoever begins a fetch and is never heard of again. */
static void die_while_fetching(world_t *w)
{
    w->list_says.rv = APR_TIMEUP;
    assert_int_not_equal(fetch(w), APR_SUCCESS);
    w->list_says.rv = APR_SUCCESS;
    w->said_count = 0;
}

static void a_death_between_fetching_and_keeping_has_all_read_again(void **state)
{
    world_t *w = *state;

    remember_one(w);
    die_while_fetching(w);
    w->call.now += FETCH_MAX - SECOND;
    assert_fetched(w, 1); /* it may still live */
    assert_false(all_are_read_again(w));
    w->call.now += SECOND;
    assert_fetched(w, 2);
    assert_true(was_said(w, "lost"));
    assert_true(all_are_read_again(w));
}

static void a_death_is_not_forgotten_while_sessions_live(void **state)
{
    world_t *w = *state;

    die_while_fetching(w);
    assert_true(fake_limit_of(&w->memory->base, LIMIT)->expires_at >= NOW + w->watch.longest);
}

static void a_loss_is_told_once(void **state)
{
    world_t *w = *state;

    remember_one(w);
    die_while_fetching(w);
    w->call.now += FETCH_MAX;
    assert_fetched(w, 2);
    w->said_count = 0;
    w->call.now += 10 * MINUTE;
    assert_fetched(w, 3);
    assert_false(was_said(w, "lost"));
}

static void while_dingtalk_is_down_nobody_is_read_again(void **state)
{
    world_t *w = *state;

    remember_one(w);
    for (int i = 0; i < 5; i++) {
        die_while_fetching(w);
        assert_false(all_are_read_again(w));
        w->call.now += FETCH_MAX;
    }
    assert_fetched(w, 6);
    assert_true(was_said(w, "lost"));
    assert_true(all_are_read_again(w));
}

static void a_call_that_is_given_up_is_no_trouble(void **state)
{
    world_t *w = *state;
    apr_uint32_t end = DT_GIVES_UP;

    w->call.end = &end;
    w->list_says.rv = w->member_says.rv = APR_ECONNREFUSED;
    assert_int_not_equal(dt_watch_missed(&w->watch, &w->call, &w->more), APR_SUCCESS);
    assert_int_equal(fake_want_member(w->memory, &w->call, CORP, "us-1", 0), APR_SUCCESS);
    assert_int_not_equal(dt_watch_read(&w->watch, &w->call, &w->more), APR_SUCCESS);
    assert_int_equal(w->asked, 2);
    assert_int_equal(w->said_count, 0);
}

static void when_all_cannot_be_wanted_the_loss_stays_known(void **state)
{
    world_t *w = *state;

    remember_one(w);
    die_while_fetching(w);
    w->call.now += FETCH_MAX;
    break_memory(w, "want_members");
    assert_int_not_equal(fetch(w), APR_SUCCESS);
    assert_false(was_said(w, "lost"));
    break_memory(w, NULL);
    w->call.now += FETCH_MAX;
    assert_fetched(w, 3);
    assert_true(was_said(w, "lost"));
    assert_true(all_are_read_again(w));
}

static void an_event_that_cannot_be_kept_is_a_loss(void **state)
{
    world_t *w = *state;

    remember_one(w);
    w->list = LEAVES("e1", "us-1") "," LEAVES("e2", "us-2");
    w->has_more = true;
    break_memory(w, "add_event");
    assert_int_not_equal(fetch(w), APR_SUCCESS);
    assert_false(w->more);
    assert_int_equal(here(w, "us-1") + here(w, "us-2"), 2);
    break_memory(w, NULL);
    w->list = "";
    w->has_more = false;
    w->call.now += FETCH_MAX;
    assert_fetched(w, 2);
    assert_true(was_said(w, "lost"));
    assert_true(all_are_read_again(w));
}

static void a_loss_upon_a_loss_is_not_overlooked(void **state)
{
    world_t *w = *state;

    die_while_fetching(w);
    w->list = LEAVES("e1", "us-1");
    break_memory(w, "add_event");
    w->call.now += FETCH_MAX;
    assert_int_not_equal(fetch(w), APR_SUCCESS);
    assert_memory_equal(state_of(w), "fetching ", 9);
    assert_false(was_said(w, "lost"));
}

static void who_cannot_write_it_down_does_not_fetch(void **state)
{
    static const char *const functions[] = {"load_limit", "store_limit"};
    world_t *w = *state;

    for (size_t i = 0; i < ROWS(functions); i++) {
        break_memory(w, functions[i]);
        assert_int_not_equal(fetch(w), APR_SUCCESS);
        assert_int_equal(w->asked, 0);
    }
}

/* --- DingTalk's no --- */

static void a_no_of_dingtalks_is_no_loss(void **state)
{
    static const char *const bodies[] = {
        "{\"errcode\":71007,\"errmsg\":\"no callback\"}",
        "{\"errcode\":88,\"sub_code\":\"60011\",\"sub_msg\":\"[x]\"}",
        "{\"errcode\":60020}",
        "{\"errcode\":90018}",
        "{\"errcode\":50003}",
        "<html>banned</html>",
    };

    for (size_t i = 0; i < ROWS(bodies); i++) {
        world_t *w;
        (void)world_set_up((void **)&w);
        remember_one(w);
        w->list_says = (script_t){0, 200, bodies[i]};
        assert_row_int(bodies[i], fetch(w), APR_SUCCESS);
        assert_row_int(bodies[i], w->said_count, 1);
        assert_row_true(bodies[i], strncmp(w->said[0], "unsure: ", 8) == 0);
        w->call.now += 10 * MINUTE - SECOND;
        assert_fetched(w, 1);
        w->list_says = (script_t){0, 0, NULL};
        w->call.now += SECOND;
        assert_fetched(w, 2);
        assert_row_true(bodies[i], !was_said(w, "lost") && !all_are_read_again(w));
        (void)world_tear_down((void **)&w);
    }
    (void)state;
}

static void without_an_answer_events_may_be_lost(void **state)
{
    static const script_t rows[] = {
        {APR_TIMEUP, 0, NULL},
        {APR_ENOSPC, 0, NULL},
        {APR_ECONNREFUSED, 0, NULL},
        {0, 504, "<html>gateway</html>"},
        {0, 200, "{\"errcode\":0,\"failed_list\":[{\"call_back"},
        {0, 200, "{\"errcode\":0,\"failed_list\":4}"},
        {0, 200, "{\"errcode\":15}"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *row = rows[i].body ? rows[i].body : "no reply";
        world_t *w;
        (void)world_set_up((void **)&w);
        remember_one(w);
        w->list_says = rows[i];
        assert_row_true(row, fetch(w) != APR_SUCCESS);
        assert_row_int(row, w->said_count, 1);
        assert_row_true(row, strncmp(w->said[0], "unsure: ", 8) == 0);
        w->list_says = (script_t){0, 0, NULL};
        w->call.now += FETCH_MAX;
        assert_row_int(row, fetch(w), APR_SUCCESS);
        assert_row_true(row, was_said(w, "lost") && all_are_read_again(w));
        (void)world_tear_down((void **)&w);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_was_missed_has_its_effect),
        WITH_WORLD(what_came_after_all_has_no_second_effect),
        WITH_WORLD(an_empty_list_is_no_news),
        WITH_WORLD(the_list_is_fetched_every_ten_minutes),
        WITH_WORLD(a_clock_that_was_years_ahead_stops_nothing),
        WITH_WORLD(an_instant_that_no_clock_shows_stops_nothing),
        WITH_WORLD(a_node_whose_clock_is_behind_does_not_fetch_again),
        WITH_WORLD(as_long_as_there_are_more_it_goes_on_at_once),
        WITH_WORLD(an_empty_list_that_says_there_are_more_is_not_asked_for_ever),
        WITH_WORLD(what_does_not_concern_us_is_passed_over),
        WITH_WORLD(while_one_node_fetches_no_other_does),
        WITH_WORLD(of_two_nodes_that_begin_at_once_one_fetches),
        WITH_WORLD(who_was_taken_for_dead_leaves_the_rest_to_who_came),
        WITH_WORLD(a_death_between_fetching_and_keeping_has_all_read_again),
        WITH_WORLD(a_death_is_not_forgotten_while_sessions_live),
        WITH_WORLD(a_loss_is_told_once),
        WITH_WORLD(while_dingtalk_is_down_nobody_is_read_again),
        WITH_WORLD(a_call_that_is_given_up_is_no_trouble),
        WITH_WORLD(when_all_cannot_be_wanted_the_loss_stays_known),
        WITH_WORLD(an_event_that_cannot_be_kept_is_a_loss),
        WITH_WORLD(a_loss_upon_a_loss_is_not_overlooked),
        WITH_WORLD(who_cannot_write_it_down_does_not_fetch),
        cmocka_unit_test(a_no_of_dingtalks_is_no_loss),
        cmocka_unit_test(without_an_answer_events_may_be_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
