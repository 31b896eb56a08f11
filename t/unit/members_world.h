/* SPDX-License-Identifier: Apache-2.0 */
/* The questions about members to a database, which are answered or fail the test. */
#ifndef DT_UNIT_MEMBERS_WORLD_H
#define DT_UNIT_MEMBERS_WORLD_H

#include "database.h"

#define MINUTE apr_time_from_sec(60)
#define NOBODY "nobody"

static inline void store_row(world_t *world, const char *corp_id, const char *user_id,
                             const char *dept_ids, const char *record, apr_time_t taken)
{
    assert_int_equal(world->memory->store_member(world->memory->plug.self, &world->call, corp_id,
                                                 user_id, dept_ids, record, taken),
                     APR_SUCCESS);
}

static inline void store_taken(world_t *world, const char *user_id, const char *record,
                               apr_time_t taken)
{
    store_row(world, CORP, user_id, "1", record, taken);
}

static inline void store(world_t *world, const char *user_id, const char *record)
{
    store_taken(world, user_id, record, 0);
}

static inline void store_of(world_t *world, const char *user_id, const char *dept_ids)
{
    store_row(world, CORP, user_id, dept_ids, "{}", 0);
}

/* NOBODY when there is none. */
static inline const char *load(world_t *world, const char *corp_id, const char *user_id)
{
    const char *record = "";

    assert_int_equal(world->memory->load_member(world->memory->plug.self, &world->call, corp_id,
                                                user_id, &record),
                     APR_SUCCESS);
    return record ? record : NOBODY;
}

static inline void want(world_t *world, const char *user_id, apr_time_t since)
{
    assert_int_equal(world->memory->want_member(world->memory->plug.self, &world->call, CORP,
                                                user_id, since),
                     APR_SUCCESS);
}

static inline void want_of(world_t *world, const char *const *dept_ids)
{
    assert_int_equal(world->memory->want_members(world->memory->plug.self, &world->call, CORP,
                                                 dept_ids),
                     APR_SUCCESS);
}

static inline void forget_one(world_t *world, const char *user_id, apr_time_t not_before)
{
    assert_int_equal(world->memory->forget_member(world->memory->plug.self, &world->call, CORP,
                                                  user_id, not_before),
                     APR_SUCCESS);
}

static inline void forget(world_t *world, apr_time_t unread_since)
{
    assert_int_equal(world->memory->forget_events(world->memory->plug.self, &world->call,
                                                  unread_since),
                     APR_SUCCESS);
}

/* NOBODY when there is none. */
static inline const char *take_until(world_t *world, apr_time_t until)
{
    const char *user_id = "";

    assert_int_equal(world->memory->take_member(world->memory->plug.self, &world->call, CORP, until,
                                                &user_id),
                     APR_SUCCESS);
    return user_id ? user_id : NOBODY;
}

static inline const char *take(world_t *world)
{
    return take_until(world, world->call.now + MINUTE);
}

static inline void wait_for(world_t *world, apr_interval_time_t time)
{
    world->call.now += time;
}

static inline const char *count(world_t *world)
{
    return value_of(world, "SELECT COUNT(*) FROM dingtalk_member");
}

#endif
