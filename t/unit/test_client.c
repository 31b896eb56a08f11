/* SPDX-License-Identifier: Apache-2.0 */
/* Asking DingTalk: when a question is repeated, when a token is renewed, and when to stop. */
#include "core/bytes.h"
#include "core/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#define REPLIES_MAX 8

#define BUSY "{\"errcode\":-1}"
#define REFUSED "{\"errcode\":88,\"sub_code\":\"40014\"}"
#define STRANGER "{\"errcode\":60121}"
#define ZHANG "{\"errcode\":0,\"result\":{\"userid\":\"zhang\",\"contact_type\":0}}"
#define RECORD "{\"errcode\":0,\"result\":{\"userid\":\"zhang\",\"active\":true}}"

/* What DingTalk does with the next request. */
typedef struct scripted_t {
    apr_status_t rv;
    int status;
    const char *body;
    const char *trouble;
} scripted_t;

/* The world: replies in order, and a token store that holds one token. */
typedef struct world_t {
    dt_http_t http;
    dt_tokens_t tokens;
    dt_app_t app;
    dt_client_t client;
    dt_call_t call;
    scripted_t replies[REPLIES_MAX];
    int sent;
    const char *urls[REPLIES_MAX];
    const char *held; /* the token store's token */
    int fetched;
    const char *dropped;
    apr_interval_time_t lifetime;
    apr_status_t get_fails;
    int reply_pools_left; /* how many were not destroyed when the call returned */
} world_t;

static apr_status_t reply_pool_gone(void *baton)
{
    ((world_t *)baton)->reply_pools_left--;
    return APR_SUCCESS;
}

static apr_status_t perform(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    world_t *world = self;
    const scripted_t *reply = &world->replies[world->sent];

    assert_in_range(world->sent, 0, REPLIES_MAX - 1);
    world->urls[world->sent++] = apr_pstrdup(world->call.pool, request->url);
    assert_ptr_not_equal(call->pool, world->call.pool);
    world->reply_pools_left++;
    apr_pool_cleanup_register(call->pool, world, reply_pool_gone, apr_pool_cleanup_null);
    response->status = reply->status;
    response->body = dt_slice(apr_pstrdup(call->pool, reply->body));
    response->trouble = reply->trouble;
    return reply->rv;
}

static apr_status_t get_token(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                              const void *baton, const char **token, dt_result_t *result)
{
    world_t *world = self;
    apr_status_t rv;

    if (world->get_fails != APR_SUCCESS) {
        *result = dt_result(DT_WHY_CROWDED, "waited too long");
        return world->get_fails;
    }
    if (!world->held) {
        world->fetched++;
        rv = fetch(baton, call, &world->held, &world->lifetime, result);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *token = world->held;
    return APR_SUCCESS;
}

static void drop_token(void *self, const char *token)
{
    world_t *world = self;

    world->dropped = token;
    world->held = NULL;
}

static int setup(void **state)
{
    apr_pool_t *pool;
    world_t *world;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    world = apr_pcalloc(pool, sizeof(*world));
    world->http = (dt_http_t){.plug = {.name = "fake", .self = world}, .perform = perform};
    world->tokens = (dt_tokens_t){.plug = {.name = "fake", .self = world},
                                  .get = get_token,
                                  .drop = drop_token};
    world->app = (dt_app_t){.client_id = "id",
                            .client_secret = "secret",
                            .corp_id = "corp",
                            .login_url = "http://login",
                            .api_url = "http://api",
                            .oapi_url = "http://oapi"};
    world->client = (dt_client_t){&world->app, &world->http, &world->tokens};
    world->call = (dt_call_t){.pool = pool, .now = apr_time_from_sec(1700000000), .host = "h"};
    world->held = "held";
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_t *world = *state;

    assert_int_equal(world->reply_pools_left, 0);
    apr_pool_destroy(world->call.pool);
    apr_terminate();
    return 0;
}

/* The next replies, all with the same HTTP status. */
static void will_reply(world_t *world, int status, const char *const *bodies)
{
    for (int i = 0; bodies[i]; i++) {
        world->replies[i] = (scripted_t){.status = status, .body = bodies[i]};
    }
}

static apr_status_t ask_user_id(world_t *world, const char **user_id, dt_result_t *result)
{
    int contact_type;

    *user_id = NULL;
    return dt_client_user_id(&world->client, &world->call, "uNion", user_id, &contact_type, result);
}

static void assert_why(const dt_result_t *result, dt_why_id_t id)
{
    assert_string_equal(result->why->name, dt_whys[id].name);
}

static void the_four_questions_are_answered(void **state)
{
    static const char *const bodies[] = {"{\"accessToken\":\"ut\",\"corpId\":\"corp\"}",
                                         "{\"unionId\":\"uNion\"}", ZHANG, RECORD, NULL};
    world_t *world = *state;
    const dt_client_t *client = &world->client;
    const char *token;
    const char *corp;
    const char *union_id;
    const char *user_id;
    int contact_type = -1;
    dt_member_t member;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(dt_client_user_token(client, &world->call, "c", &token, &corp, &result), 0);
    assert_int_equal(dt_client_me(client, &world->call, token, &union_id, &result), 0);
    assert_int_equal(dt_client_user_id(client, &world->call, union_id, &user_id, &contact_type,
                                       &result),
                     0);
    assert_int_equal(dt_client_member(client, &world->call, user_id, &member, &result), 0);
    assert_why(&result, DT_WHY_SIGNED_IN);
    assert_string_equal(token, "ut");
    assert_string_equal(corp, "corp");
    assert_string_equal(union_id, "uNion");
    assert_string_equal(user_id, "zhang");
    assert_int_equal(contact_type, 0);
    assert_true(member.active);
    assert_string_equal(world->urls[3], "http://oapi/topapi/v2/user/get?access_token=held");
    assert_int_equal(world->sent, 4);
    assert_int_equal(world->fetched, 0);
}

static void the_app_token_is_fetched_when_there_is_none(void **state)
{
    static const char *const bodies[] = {"{\"accessToken\":\"new\",\"expireIn\":60}", ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    world->held = NULL;
    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_SUCCESS);
    assert_string_equal(user_id, "zhang");
    assert_string_equal(world->urls[0], "http://api/v1.0/oauth2/accessToken");
    assert_string_equal(world->urls[1], "http://oapi/topapi/user/getbyunionid?access_token=new");
    assert_int_equal(world->lifetime, apr_time_from_sec(60));
}

static void a_busy_reply_is_asked_for_once_more(void **state)
{
    static const char *const bodies[] = {BUSY, ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_SUCCESS);
    assert_why(&result, DT_WHY_SIGNED_IN);
    assert_string_equal(user_id, "zhang");
    assert_int_equal(world->sent, 2);
}

static void a_busy_reply_is_not_asked_for_twice_more(void **state)
{
    static const char *const bodies[] = {BUSY, BUSY, ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
    assert_why(&result, DT_WHY_BUSY);
    assert_null(user_id);
    assert_int_equal(world->sent, 2);
}

static void a_code_is_never_sent_twice(void **state)
{
    static const char *const bodies[] = {"{\"code\":\"systemBusy\"}", "{\"accessToken\":\"x\"}",
                                         NULL};
    world_t *world = *state;
    const char *token = NULL;
    const char *corp;
    dt_result_t result;

    will_reply(world, 503, bodies);
    assert_int_equal(dt_client_user_token(&world->client, &world->call, "c", &token, &corp,
                                          &result),
                     APR_EGENERAL);
    assert_why(&result, DT_WHY_BUSY);
    assert_int_equal(world->sent, 1);
    assert_null(token);
}

static void an_app_token_that_is_refused_is_renewed_once(void **state)
{
    static const char *const bodies[] = {REFUSED, "{\"accessToken\":\"new\"}", ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_SUCCESS);
    assert_string_equal(user_id, "zhang");
    assert_string_equal(world->dropped, "held");
    assert_int_equal(world->fetched, 1);
    assert_string_equal(world->urls[2], "http://oapi/topapi/user/getbyunionid?access_token=new");
}

static void a_new_app_token_that_is_refused_too_ends_it(void **state)
{
    static const char *const bodies[] = {REFUSED, "{\"accessToken\":\"new\"}", REFUSED, ZHANG,
                                         NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
    assert_why(&result, DT_WHY_APP_CREDENTIALS);
    assert_int_equal(world->sent, 3);
    assert_int_equal(world->fetched, 1);
}

static void renewing_and_repeating_each_happen_once(void **state)
{
    static const char *const bodies[] = {BUSY, REFUSED, "{\"accessToken\":\"new\"}",
                                         BUSY, ZHANG,   NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
    assert_why(&result, DT_WHY_BUSY);
    assert_int_equal(world->sent, 4);
}

static void a_clear_no_is_no_error(void **state)
{
    static const char *const bodies[] = {STRANGER, ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_SUCCESS);
    assert_why(&result, DT_WHY_STRANGER);
    assert_int_equal(result.what, DT_DENIED);
    assert_null(user_id);
    assert_int_equal(world->sent, 1);
}

static void a_spent_code_is_no_error(void **state)
{
    static const char *const bodies[] = {"{\"code\":\"invalidParameter.authCode.notFound\"}", NULL};
    world_t *world = *state;
    const char *token = NULL;
    const char *corp;
    dt_result_t result;

    will_reply(world, 400, bodies);
    assert_int_equal(dt_client_user_token(&world->client, &world->call, "c", &token, &corp,
                                          &result),
                     APR_SUCCESS);
    assert_int_equal(result.what, DT_AGAIN);
    assert_null(token);
}

static void a_call_without_reply_is_not_repeated(void **state)
{
    static const struct {
        apr_status_t rv;
        dt_why_id_t why;
    } rows[] = {{APR_TIMEUP, DT_WHY_DOWN},
                {APR_ECONNREFUSED, DT_WHY_DOWN},
                {APR_EBUSY, DT_WHY_CROWDED},
                {APR_ENOSPC, DT_WHY_UNINTELLIGIBLE}};
    world_t *world = *state;

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *user_id;
        dt_result_t result;
        world->sent = 0;
        world->replies[0] = (scripted_t){.rv = rows[i].rv, .body = "", .trouble = "it broke"};
        assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
        assert_why(&result, rows[i].why);
        assert_string_equal(result.detail, "getbyunionid: it broke");
        assert_int_equal(world->sent, 1);
    }
}

static void without_app_token_nothing_is_asked(void **state)
{
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    world->get_fails = APR_TIMEUP;
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
    assert_why(&result, DT_WHY_CROWDED);
    assert_int_equal(world->sent, 0);
}

static void why_there_is_no_app_token_is_told(void **state)
{
    static const char *const bodies[] = {"{\"code\":\"invalidClientIdOrSecret\"}", NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    world->held = NULL;
    will_reply(world, 400, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_EGENERAL);
    assert_why(&result, DT_WHY_APP_CREDENTIALS);
    assert_string_equal(result.detail, "accessToken: HTTP 400, code invalidClientIdOrSecret");
    assert_int_equal(world->sent, 1);
}

static void an_app_that_was_stopped_is_a_clear_no_without_token(void **state)
{
    static const char *const bodies[] = {"{\"errcode\":50003}", ZHANG, NULL};
    world_t *world = *state;
    const char *user_id;
    dt_result_t result;

    world->held = NULL;
    will_reply(world, 200, bodies);
    assert_int_equal(ask_user_id(world, &user_id, &result), APR_SUCCESS);
    assert_why(&result, DT_WHY_APP_STOPPED);
    assert_null(user_id);
    assert_null(world->held);
    assert_int_equal(world->sent, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_four_questions_are_answered),
        CASE(the_app_token_is_fetched_when_there_is_none),
        CASE(a_busy_reply_is_asked_for_once_more),
        CASE(a_busy_reply_is_not_asked_for_twice_more),
        CASE(a_code_is_never_sent_twice),
        CASE(an_app_token_that_is_refused_is_renewed_once),
        CASE(a_new_app_token_that_is_refused_too_ends_it),
        CASE(renewing_and_repeating_each_happen_once),
        CASE(a_clear_no_is_no_error),
        CASE(a_spent_code_is_no_error),
        CASE(a_call_without_reply_is_not_repeated),
        CASE(without_app_token_nothing_is_asked),
        CASE(why_there_is_no_app_token_is_told),
        CASE(an_app_that_was_stopped_is_a_clear_no_without_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
