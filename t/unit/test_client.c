/* SPDX-License-Identifier: Apache-2.0 */
/* Asking DingTalk: when a question is repeated, when a token is renewed, and when to stop. */
#include "core/bytes.h"
#include "core/client.h"
#include "unit.h"

#define TURNS 8
#define TOOK 1234 /* the first request */

#define BUSY "{\"errcode\":-1}"
#define REFUSED "{\"errcode\":88,\"sub_code\":\"40014\"}"
#define STRANGER "{\"errcode\":60121}"
#define STOPPED "{\"errcode\":50003}"
#define NEW_TOKEN "{\"accessToken\":\"new\"}"
#define ZHANG "{\"errcode\":0,\"result\":{\"userid\":\"zhang\",\"contact_type\":0}}"
#define RECORD "{\"errcode\":0,\"result\":{\"userid\":\"zhang\",\"active\":true}}"
#define FAILED "{\"errcode\":0,\"failed_list\":[{\"a\":1}],\"has_more\":true}"

#define NEW_TOKEN_URL "http://api/v1.0/oauth2/accessToken"
#define USER_ID_URL "http://oapi/topapi/user/getbyunionid?access_token="

struct world_t;

/* What we ask DingTalk for: told, or NULL. */
typedef apr_status_t ask_t(struct world_t *world, const char **told, dt_result_t *result);

/* How our question ends. */
typedef struct end_t {
    apr_status_t rv;
    dt_what_t what;
    dt_why_id_t why;
    const char *told;
} end_t;

/* What happened on the way. */
typedef struct trail_t {
    int sent;
    int answered;        /* of those, as the meter was told */
    int fetched;         /* app tokens */
    const char *dropped; /* the app token that the store was told to forget */
    const char *kept;    /* the one that it holds in the end */
} trail_t;

/* What DingTalk does, and what comes of it. */
typedef struct conversation_t {
    const char *name;
    ask_t *ask;
    bool first;            /* the token store holds nothing yet, else the token "held" */
    apr_status_t no_token; /* of the token store */
    apr_status_t no_reply; /* of the http port */
    int status;            /* of every reply; 0: 200 */
    const char *replies[TURNS];
    end_t end;
    trail_t trail;
    const char *detail;           /* NULL: not compared */
    apr_interval_time_t lifetime; /* of the app token; 0: not compared */
    const char *urls[TURNS];      /* NULL: not compared */
} conversation_t;

/* The world: a scripted DingTalk, and a token store that holds one token. */
typedef struct world_t {
    const conversation_t *script;
    dt_http_t http;
    dt_tokens_t tokens;
    dt_app_t app;
    dt_client_t client;
    dt_call_t call;
    dt_meter_t meter;
    int sent;
    int counted;
    int answered;
    const char *urls[TURNS];
    const char *held; /* the token store's token */
    int fetched;
    const char *dropped;
    apr_interval_time_t lifetime;
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
    const conversation_t *script = world->script;
    const int turn = world->sent++;

    assert_in_range(turn, 0, TURNS - 1);
    world->urls[turn] = apr_pstrdup(world->call.pool, request->url);
    assert_ptr_not_equal(call->pool, world->call.pool);
    world->reply_pools_left++;
    apr_pool_cleanup_register(call->pool, world, reply_pool_gone, apr_pool_cleanup_null);
    response->status = script->status ? script->status : 200;
    response->body = dt_slice(apr_pstrdup(call->pool, script->replies[turn]));
    response->trouble = "it broke";
    response->took = TOOK + turn;
    return script->no_reply;
}

static void called(void *self, dt_asked_t asked, bool answered, apr_interval_time_t took)
{
    world_t *world = self;

    assert_non_null(strstr(world->urls[world->counted], dt_asked_name(asked)));
    assert_int_equal(took, TOOK + world->counted);
    world->counted++;
    world->answered += answered ? 1 : 0;
}

static apr_status_t get_token(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                              const void *baton, const char **token, dt_result_t *result)
{
    world_t *world = self;
    apr_status_t rv;

    if (world->script->no_token != APR_SUCCESS) {
        *result = dt_result(DT_WHY_CROWDED, "waited too long");
        return world->script->no_token;
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

/* The state is a conversation, and becomes its world. */
static int set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    world->script = *state;
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
    world->meter = (dt_meter_t){world, called};
    world->client = (dt_client_t){&world->app, &world->http, &world->tokens, &world->meter};
    world->call = (dt_call_t){.pool = pool, .now = NOW, .host = "h"};
    world->held = world->script->first ? NULL : "held";
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    world_t *world = *state;

    assert_int_equal(world->reply_pools_left, 0);
    pool_gone(world->call.pool);
    return 0;
}

static apr_status_t user_id(world_t *world, const char **told, dt_result_t *result)
{
    int contact_type;

    return dt_client_user_id(&world->client, &world->call, "uNion", told, &contact_type, result);
}

static apr_status_t user_token(world_t *world, const char **told, dt_result_t *result)
{
    const char *corp;

    return dt_client_user_token(&world->client, &world->call, "c", told, &corp, result);
}

static apr_status_t failed_events(world_t *world, const char **told, dt_result_t *result)
{
    const char *const *events = NULL;
    bool more = false;
    apr_status_t rv = dt_client_failed_events(&world->client, &world->call, &events, &more, result);

    assert_int_equal(more, events != NULL);
    *told = events ? events[0] : NULL;
    return rv;
}

/* A question that nobody counts. */
static apr_status_t unmetered(world_t *world, const char **told, dt_result_t *result)
{
    apr_status_t rv;

    world->client.meter = NULL;
    rv = user_id(world, told, result);
    world->counted = world->sent;
    return rv;
}

/* From the code to the member record. */
static apr_status_t everything(world_t *world, const char **told, dt_result_t *result)
{
    const dt_client_t *client = &world->client;
    const dt_call_t *call = &world->call;
    const char *token;
    const char *corp;
    const char *union_id;
    const char *user;
    int contact_type = -1;
    dt_member_t member;

    assert_int_equal(dt_client_user_token(client, call, "c", &token, &corp, result), APR_SUCCESS);
    assert_int_equal(dt_client_me(client, call, token, &union_id, result), APR_SUCCESS);
    assert_int_equal(dt_client_user_id(client, call, union_id, &user, &contact_type, result),
                     APR_SUCCESS);
    assert_int_equal(dt_client_member(client, call, user, &member, result), APR_SUCCESS);
    assert_string_equal(token, "ut");
    assert_string_equal(corp, "corp");
    assert_string_equal(union_id, "uNion");
    assert_int_equal(contact_type, 0);
    assert_true(member.active);
    *told = user;
    return APR_SUCCESS;
}

static const conversation_t conversations[] = {
    {.name = "the_four_questions_are_answered",
     .ask = everything,
     .replies = {"{\"accessToken\":\"ut\",\"corpId\":\"corp\"}", "{\"unionId\":\"uNion\"}", ZHANG,
                 RECORD},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "zhang"},
     .trail = {.sent = 4, .answered = 4, .kept = "held"},
     .urls = {[3] = "http://oapi/topapi/v2/user/get?access_token=held"}},
    {.name = "the_failed_pushes_are_asked_for_with_the_app_token",
     .ask = failed_events,
     .first = true,
     .replies = {NEW_TOKEN, REFUSED, NEW_TOKEN, FAILED},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "{\"a\":1}"},
     .trail = {.sent = 4, .answered = 3, .fetched = 2, .dropped = "new", .kept = "new"},
     .urls = {[3] = "http://oapi/call_back/get_call_back_failed_result?access_token=new"}},
    {.name = "a_question_may_be_asked_without_a_meter",
     .ask = unmetered,
     .replies = {ZHANG},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "zhang"},
     .trail = {.sent = 1, .kept = "held"}},
    {.name = "the_app_token_is_fetched_when_there_is_none",
     .ask = user_id,
     .first = true,
     .replies = {"{\"accessToken\":\"new\",\"expireIn\":60}", ZHANG},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "zhang"},
     .trail = {.sent = 2, .answered = 2, .fetched = 1, .kept = "new"},
     .lifetime = APR_USEC_PER_SEC * 60,
     .urls = {NEW_TOKEN_URL, USER_ID_URL "new"}},
    {.name = "a_busy_reply_is_asked_for_once_more",
     .ask = user_id,
     .replies = {BUSY, ZHANG},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "zhang"},
     .trail = {.sent = 2, .answered = 1, .kept = "held"}},
    {.name = "a_busy_reply_is_not_asked_for_twice_more",
     .ask = user_id,
     .replies = {BUSY, BUSY, ZHANG},
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_BUSY, NULL},
     .trail = {.sent = 2, .kept = "held"}},
    {.name = "a_code_is_never_sent_twice",
     .ask = user_token,
     .status = 503,
     .replies = {"{\"code\":\"systemBusy\"}", "{\"accessToken\":\"x\"}"},
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_BUSY, NULL},
     .trail = {.sent = 1, .kept = "held"}},
    {.name = "an_app_token_that_is_refused_is_renewed_once",
     .ask = user_id,
     .replies = {REFUSED, NEW_TOKEN, ZHANG},
     .end = {APR_SUCCESS, DT_SIGNED_IN, DT_WHY_SIGNED_IN, "zhang"},
     .trail = {.sent = 3, .answered = 2, .fetched = 1, .dropped = "held", .kept = "new"},
     .urls = {[2] = USER_ID_URL "new"}},
    {.name = "a_new_app_token_that_is_refused_too_ends_it",
     .ask = user_id,
     .replies = {REFUSED, NEW_TOKEN, REFUSED, ZHANG},
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_APP_CREDENTIALS, NULL},
     .trail = {.sent = 3, .answered = 1, .fetched = 1, .dropped = "held", .kept = "new"}},
    {.name = "renewing_and_repeating_each_happen_once",
     .ask = user_id,
     .replies = {BUSY, REFUSED, NEW_TOKEN, BUSY, ZHANG},
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_BUSY, NULL},
     .trail = {.sent = 4, .answered = 1, .fetched = 1, .dropped = "held", .kept = "new"}},
    {.name = "a_clear_no_is_no_error",
     .ask = user_id,
     .replies = {STRANGER, ZHANG},
     .end = {APR_SUCCESS, DT_DENIED, DT_WHY_STRANGER, NULL},
     .trail = {.sent = 1, .answered = 1, .kept = "held"}},
    {.name = "a_spent_code_is_no_error",
     .ask = user_token,
     .status = 400,
     .replies = {"{\"code\":\"invalidParameter.authCode.notFound\"}"},
     .end = {APR_SUCCESS, DT_AGAIN, DT_WHY_CODE_SPENT, NULL},
     .trail = {.sent = 1, .answered = 1, .kept = "held"}},
    {.name = "a_call_that_takes_too_long_is_not_repeated",
     .ask = user_id,
     .no_reply = APR_TIMEUP,
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_DOWN, NULL},
     .trail = {.sent = 1, .kept = "held"},
     .detail = "getbyunionid: it broke"},
    {.name = "a_call_that_fails_is_not_repeated",
     .ask = user_id,
     .no_reply = APR_ECONNREFUSED,
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_DOWN, NULL},
     .trail = {.sent = 1, .kept = "held"},
     .detail = "getbyunionid: it broke"},
    {.name = "a_call_that_finds_no_connection_free_is_not_repeated",
     .ask = user_id,
     .no_reply = APR_EBUSY,
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_CROWDED, NULL},
     .trail = {.sent = 1, .kept = "held"},
     .detail = "getbyunionid: it broke"},
    {.name = "a_call_with_too_large_a_reply_is_not_repeated",
     .ask = user_id,
     .no_reply = APR_ENOSPC,
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_UNINTELLIGIBLE, NULL},
     .trail = {.sent = 1, .kept = "held"},
     .detail = "getbyunionid: it broke"},
    {.name = "without_app_token_nothing_is_asked",
     .ask = user_id,
     .no_token = APR_TIMEUP,
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_CROWDED, NULL},
     .trail = {.kept = "held"}},
    {.name = "why_there_is_no_app_token_is_told",
     .ask = user_id,
     .first = true,
     .status = 400,
     .replies = {"{\"code\":\"invalidClientIdOrSecret\"}"},
     .end = {APR_EGENERAL, DT_UNSURE, DT_WHY_APP_CREDENTIALS, NULL},
     .trail = {.sent = 1, .fetched = 1},
     .detail = "accessToken: HTTP 400, code invalidClientIdOrSecret"},
    {.name = "an_app_that_was_stopped_is_a_clear_no_without_token",
     .ask = user_id,
     .first = true,
     .replies = {STOPPED, ZHANG},
     .end = {APR_SUCCESS, DT_DENIED, DT_WHY_APP_STOPPED, NULL},
     .trail = {.sent = 1, .answered = 1, .fetched = 1}},
};

static void the_conversation_ends_so(void **state)
{
    world_t *world = *state;
    const conversation_t *expected = world->script;
    const char *told = NULL;
    dt_result_t result = {.detail = NULL};

    assert_row_int("status", expected->ask(world, &told, &result), expected->end.rv);
    assert_row_why("result", result, expected->end.why);
    assert_row_int("what it amounts to", result.what, expected->end.what);
    if (expected->detail) {
        assert_row_text("detail", result.detail, expected->detail);
    }
    assert_row_text("what we are told", told, expected->end.told);
    assert_row_int("requests sent", world->sent, expected->trail.sent);
    assert_row_int("requests counted", world->counted, expected->trail.sent);
    assert_row_int("of those answered", world->answered, expected->trail.answered);
    assert_row_int("app tokens fetched", world->fetched, expected->trail.fetched);
    assert_row_text("app token dropped", world->dropped, expected->trail.dropped);
    assert_row_text("app token kept", world->held, expected->trail.kept);
    if (expected->lifetime) {
        assert_row_int("its lifetime", world->lifetime, expected->lifetime);
    }
    for (int i = 0; i < TURNS; i++) {
        if (expected->urls[i]) {
            assert_row_text("address of a request", world->urls[i], expected->urls[i]);
        }
    }
}

int main(void)
{
    struct CMUnitTest tests[ROWS(conversations)];

    for (apr_size_t i = 0; i < ROWS(conversations); i++) {
        tests[i] = ROW_TEST(&conversations[i], the_conversation_ends_so, set_up, tear_down);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
