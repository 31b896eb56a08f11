/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to ask whether a session is revoked: on every request that has one. */

/*
 * usage: revoke [revoked [lookups]]      default 100000 subjects and 1000000 lookups
 *
 * Prints nanoseconds per lookup of a session that is alive although it began before the newest
 * revocation, so that its id, its person, its account and its corp are all looked for. revoke.py
 * counts the instructions.
 */

#include "core/bytes.h"
#include "core/revoke.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW apr_time_from_sec(1700000000)
#define LONGEST apr_time_from_sec(8 * 3600)
#define SESSIONS 1000

typedef struct world_t {
    dt_revoke_t *table;
    dt_subject_t corps[SESSIONS];
    dt_session_t sessions[SESSIONS];
    char ids[SESSIONS][40];
} world_t;

/* As long as DingTalk's and our own. */
static apr_status_t make_sessions(world_t *world)
{
    for (int i = 0; i < SESSIONS; i++) {
        dt_session_t *session = &world->sessions[i];
        apr_status_t rv = dt_random(session->id, sizeof(session->id));

        if (rv != APR_SUCCESS) {
            return rv;
        }
        apr_snprintf(world->ids[i], sizeof(world->ids[i]), "AbCdEfGhIjKlMnOpQrStUvWx%06d", i);
        session->began = NOW - 1;
        session->user_id = dt_slice(world->ids[i]);
        session->user = (dt_slice_t){world->ids[i] + 20, 10};
        world->corps[i] = dt_subject_corp(world->table, session->user_id);
    }
    return APR_SUCCESS;
}

static void revoke_others(world_t *world, int revoked)
{
    const dt_subject_t corp =
        dt_subject_corp(world->table, DT_SLICE("ding0123456789abcdef01234567"));

    for (int i = 0; i < revoked; i++) {
        char id[40];

        apr_snprintf(id, sizeof(id), "somebody else who left %06d", i);
        dt_revoke_add(world->table, dt_subject_person(world->table, corp, dt_slice(id)), NOW, NOW);
    }
}

static double nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int run(world_t *world, int revoked, long lookups)
{
    long dead = 0;
    double took;

    revoke_others(world, revoked);
    took = -nanoseconds();
    for (long i = 0; i < lookups; i++) {
        const dt_session_t *session = &world->sessions[i % SESSIONS];

        dead += dt_revoke_is_dead(world->table, world->corps[i % SESSIONS], session, session->user);
    }
    took += nanoseconds();
    printf("revoke: %d revoked, %.1f ns per lookup, %ld of %ld dead\n", revoked,
           took / (double)lookups, dead, lookups);
    return 0;
}

int main(int argc, char **argv)
{
    static world_t world;
    const int revoked = argc > 1 ? (int)apr_atoi64(argv[1]) : 100000;
    const long lookups = argc > 2 ? (long)apr_atoi64(argv[2]) : 1000000;
    void *memory;
    int status = 1;

    if (revoked < 0 || lookups < 1 || argc > 3) {
        fputs("usage: revoke [revoked [lookups]]\n", stderr);
        return 2;
    }
    apr_initialize();
    memory = calloc(1, dt_revoke_size());
    if (memory && dt_revoke_create(memory, LONGEST, NOW, &world.table) == APR_SUCCESS &&
        make_sessions(&world) == APR_SUCCESS) {
        status = run(&world, revoked, lookups);
    }
    else {
        fputs("revoke: cannot set up\n", stderr);
    }
    free(memory);
    apr_terminate();
    return status;
}
