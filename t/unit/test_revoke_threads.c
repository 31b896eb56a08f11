/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/revoke with threads: whoever reads while others write gets right answers. */
#include "revoke_world.h"

#include <apr_thread_proc.h>

/* --enable-thread-sanitizer sees what these threads do to each other. */
#define READERS 4
#define WRITERS 4
#define SUBJECTS 5000
#define BATCH 100 /* written in ten milliseconds: 10,000 a second */

typedef struct actor_t {
    world_t *world;
    int number;
    long wrong;
    apr_thread_t *thread;
} actor_t;

static void begin(world_t *world, actor_t *actors, int count, apr_thread_start_t work)
{
    for (int i = 0; i < count; i++) {
        actors[i] = (actor_t){.world = world, .number = i};
        assert_int_equal(apr_thread_create(&actors[i].thread, NULL, work, &actors[i], world->pool),
                         APR_SUCCESS);
    }
}

static long end(actor_t *actors, int count)
{
    long wrong = 0;

    for (int i = 0; i < count; i++) {
        apr_status_t ended;

        assert_int_equal(apr_thread_join(&ended, actors[i].thread), APR_SUCCESS);
        wrong += actors[i].wrong;
    }
    return wrong;
}

static bool is_dead(const world_t *world, int n, apr_time_t began)
{
    dt_session_t session = {.id = "8letters", .began = began};
    char id[32];

    session.user_id = numbered(id, "person", n);
    return dt_revoke_is_dead(world->table, world->corp, &session, dt_slice(NULL));
}

static dt_subject_t person(const world_t *world, int n)
{
    char id[32];

    return dt_subject_person(world->table, world->corp, numbered(id, "person", n));
}

/* Who is revoked before it is asked is dead; who never is, and who signs in later, is alive. */
static void *APR_THREAD_FUNC read_on(apr_thread_t *thread, void *baton)
{
    actor_t *actor = baton;
    world_t *world = actor->world;

    (void)thread;
    for (unsigned i = (unsigned)actor->number; !atomic_load(&world->over); i += 7919) {
        const int n = (int)(i % SUBJECTS);
        const bool revoked = n < atomic_load(&world->written);

        actor->wrong += revoked && !is_dead(world, n, NOW);
        actor->wrong += is_dead(world, SUBJECTS + n, NOW - apr_time_from_sec(1));
        actor->wrong += is_dead(world, n, NOW + apr_time_from_sec(1));
    }
    return NULL;
}

static void four_read_while_one_writes_ten_thousand_a_second(void **state)
{
    world_t *world = *state;
    actor_t readers[READERS];

    begin(world, readers, READERS, read_on);
    while (atomic_load(&world->written) < SUBJECTS) {
        for (int i = 0; i < BATCH; i++) {
            const int n = atomic_load(&world->written);

            dt_revoke_add(world->table, person(world, n), NOW, NOW);
            atomic_store(&world->written, n + 1);
        }
        apr_sleep(apr_time_from_msec(10));
    }
    atomic_store(&world->over, true);
    assert_int_equal(end(readers, READERS), 0);
}

/* Each its own subjects and all the same ones, at later and later times. */
static void *APR_THREAD_FUNC write_all(apr_thread_t *thread, void *baton)
{
    actor_t *actor = baton;
    world_t *world = actor->world;

    (void)thread;
    for (int i = 0; i < SUBJECTS; i++) {
        const apr_time_t at = NOW + apr_time_from_msec(actor->number);

        dt_revoke_add(world->table, person(world, i), at, at);
        dt_revoke_add(world->table, person(world, (actor->number + 1) * SUBJECTS + i), at, at);
    }
    return NULL;
}

static void of_four_who_write_at_once_nobody_is_forgotten(void **state)
{
    const apr_time_t last = NOW + apr_time_from_msec(WRITERS - 1);
    world_t *world = *state;
    actor_t writers[WRITERS];

    begin(world, writers, WRITERS, write_all);
    end(writers, WRITERS);
    for (int i = 0; i < SUBJECTS; i++) {
        assert_true(is_dead(world, i, last));
        for (int k = 0; k < WRITERS; k++) {
            assert_true(is_dead(world, (k + 1) * SUBJECTS + i, NOW + apr_time_from_msec(k)));
        }
    }
}

/* More than there is room for: everybody finds groups full, and the same oldest to give way. */
static void *APR_THREAD_FUNC flood(apr_thread_t *thread, void *baton)
{
    actor_t *actor = baton;
    world_t *world = actor->world;

    (void)thread;
    for (int i = 0; i < 40 * SUBJECTS; i++) {
        dt_revoke_add(world->table, person(world, actor->number * 40 * SUBJECTS + i), NOW, NOW);
    }
    return NULL;
}

static void of_four_who_fill_the_table_at_once_nobody_is_forgotten(void **state)
{
    world_t *world = *state;
    actor_t writers[WRITERS];

    begin(world, writers, WRITERS, flood);
    end(writers, WRITERS);
    for (int i = 0; i < WRITERS * 40 * SUBJECTS; i++) {
        assert_true(is_dead(world, i, NOW));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(four_read_while_one_writes_ten_thousand_a_second),
        WITH_WORLD(of_four_who_write_at_once_nobody_is_forgotten),
        WITH_WORLD(of_four_who_fill_the_table_at_once_nobody_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
