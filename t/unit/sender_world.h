/* SPDX-License-Identifier: Apache-2.0 */
/* What sender tests share: a message, and an http port that keeps the request. */
#ifndef DT_UNIT_SENDER_WORLD_H
#define DT_UNIT_SENDER_WORLD_H

#include "core/bytes.h"
#include "provider/sender.h"
#include "unit.h"

#define SENT_AT 1767323045 /* 2026-01-02 03:04:05 */

static const dt_message_t mainland = {"+8613800138000", "86", "13800138000",
                                      "123456",         "5",  "otp-0001"};
static const dt_message_t hong_kong = {"+85251234567", "852", "51234567",
                                       "000123",       "5",   "otp-0001"};

/* Answers every request in the same way, and keeps the last. */
typedef struct world_t {
    dt_call_t call;
    dt_http_t http;
    dt_http_response_t response;
    apr_status_t rv;
    dt_http_request_t request;
    int requests;
    const dt_sender_t *sender;
    const char *detail;
} world_t;

static apr_status_t perform(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response)
{
    world_t *world = self;

    (void)call;
    world->requests++;
    world->request = *request;
    *response = world->response;
    return world->rv;
}

static inline int world_set_up(void **state)
{
    apr_pool_t *pool = pool_made();
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    world->call = (dt_call_t){.pool = pool, .now = apr_time_from_sec(SENT_AT), .host = "a.example"};
    world->http = (dt_http_t){{"fake", world, NULL}, perform};
    world->response = (dt_http_response_t){.status = 200, .body = DT_SLICE("{}")};
    *state = world;
    return 0;
}

static inline int world_tear_down(void **state)
{
    world_t *world = *state;

    pool_gone(world->call.pool);
    return 0;
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static inline void answer_with(world_t *world, int status, const char *body)
{
    world->response = (dt_http_response_t){.status = status, .body = dt_slice(body)};
}

/* Makes the sender that a configuration describes. */
static inline void make(world_t *world, dt_sender_create_t *create,
                        const dt_sender_config_t *config)
{
    assert_string_equal(shown(create(world->call.pool, config, &world->http, &world->sender)).text,
                        "NULL");
}

static inline dt_sent_t send_it(world_t *world, const dt_message_t *message)
{
    world->detail = NULL;
    return world->sender->send(world->sender->plug.self, &world->call, message, &world->detail);
}

/* The value of a header of the last request; NULL when there is none. */
static inline const char *header_of(const world_t *world, const char *name)
{
    for (const dt_http_header_t *header = world->request.headers; header->name; header++) {
        if (strcmp(header->name, name) == 0) {
            return header->value;
        }
    }
    return NULL;
}

/* One way to write a section wrongly: what httpd -t says about it. */
typedef struct mistake_t {
    dt_sender_config_t config;
    const char *wrong; /* how it begins */
} mistake_t;

static inline void check_mistakes(apr_pool_t *pool, dt_sender_create_t *create,
                                  const mistake_t *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *expected = mistakes[i].wrong;
        const dt_sender_t *sender;
        const char *wrong = create(pool, &mistakes[i].config, NULL, &sender);

        assert_row_true(expected, wrong != NULL);
        assert_row_text(expected, apr_pstrndup(pool, wrong, strlen(expected)), expected);
    }
}

#endif
