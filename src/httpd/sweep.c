/* SPDX-License-Identifier: Apache-2.0 */
/* What is done beside the requests, by mod_watchdog. */
#include "httpd/sweep.h"

#include <apr_atomic.h>
#include <apr_optional.h>
#include <mod_watchdog.h>

#define INTERVAL apr_time_from_sec(10)
#define WAIT apr_time_from_msec(10)
#define GRACE apr_time_from_msec(500) /* by then what is answered at all has been */

/* The threads: what waits for DingTalk does not hold up what waits for the database, nor does a
 * long list of leavers hold up those of other nodes. */
enum { DATABASES, EVENTS, MEMBERS, THREADS };

static const char *const names[THREADS] = {"_dingtalk_", "_dingtalk_events_", "_dingtalk_members_"};

enum { OFF, IDLE, RUNNING };

/* What one child still has to do; its memory, in pconf, is the child's own after the fork. */
struct dth_sweep_t {
    const dth_providers_t *made;
    const dth_revoked_t *revoked;
    dth_watch_t *watch;
    server_rec *server;
    apr_uint32_t states[THREADS];
    apr_uint32_t end; /* a dt_end_t: what runs has to come to its own */
    int ready;        /* of made->dbs, the first so many have their tables */
    bool told;        /* that the next one does not answer */
};

static void make_ready(dth_sweep_t *sweep, apr_pool_t *pool)
{
    const dt_call_t call = {.pool = pool, .now = apr_time_now(), .end = &sweep->end};

    while (sweep->ready < sweep->made->dbs->nelts) {
        dt_db_t *db = APR_ARRAY_IDX(sweep->made->dbs, sweep->ready, dt_db_t *);
        const char *trouble = NULL;

        if (dt_db_ready(db, &call, &trouble) != APR_SUCCESS) {
            if (!sweep->told && !dt_gives_up(&sweep->end)) {
                ap_log_error(APLOG_MARK, APLOG_ERR, 0, sweep->server,
                             DTNO(0007) "the database cannot be used; what needs it is refused "
                                        "until it answers: %s",
                             trouble != NULL ? trouble : "no reason given");
            }
            sweep->told = true;
            return;
        }
        sweep->ready++;
        sweep->told = false;
    }
}

static void poll_revocations(dth_sweep_t *sweep, apr_pool_t *pool)
{
    dth_revoked_poll(sweep->revoked, pool, &sweep->end);
}

static void watch_events(dth_sweep_t *sweep, apr_pool_t *pool)
{
    dth_watch_run(sweep->watch, DTH_WAIT_DATABASE, pool, &sweep->end);
}

static void watch_members(dth_sweep_t *sweep, apr_pool_t *pool)
{
    dth_watch_run(sweep->watch, DTH_WAIT_DINGTALK, pool, &sweep->end);
}

static bool is_running(dth_sweep_t *sweep)
{
    for (int i = 0; i < THREADS; i++) {
        if (apr_atomic_read32(&sweep->states[i]) == RUNNING) {
            return true;
        }
    }
    return false;
}

/*
 * httpd warns of a child that takes three seconds to end, and kills it after ten. Both DingTalk and
 * a database that hang take longer, so they are waited for a moment, and not until they time out:
 * whatever is given up is done again by the next who comes.
 */
static void end(dth_sweep_t *sweep)
{
    apr_interval_time_t waited = 0;

    (void)apr_atomic_cas32(&sweep->end, DT_ENDS, DT_GOES_ON);
    while (waited < GRACE && is_running(sweep) && !dt_gives_up(&sweep->end)) {
        apr_sleep(WAIT);
        waited += WAIT;
    }
    apr_atomic_set32(&sweep->end, DT_GIVES_UP);
}

/* In a thread of the watchdog's in each child, which may outlive pchild and all that is in it.
 * Whoever ends the child says so here before it waits for the thread. */
static apr_status_t run(dth_sweep_t *sweep, int thread, int state, apr_pool_t *pool,
                        void (*job)(dth_sweep_t *sweep, apr_pool_t *pool))
{
    if (state == AP_WATCHDOG_STATE_STOPPING) {
        end(sweep);
    }
    else if (apr_atomic_cas32(&sweep->states[thread], RUNNING, IDLE) == IDLE) {
        job(sweep, pool);
        apr_atomic_set32(&sweep->states[thread], IDLE);
    }
    return APR_SUCCESS;
}

static apr_status_t on_ready(int state, void *data, apr_pool_t *pool)
{
    return run(data, DATABASES, state, pool, make_ready);
}

static apr_status_t on_poll(int state, void *data, apr_pool_t *pool)
{
    return run(data, DATABASES, state, pool, poll_revocations);
}

static apr_status_t on_events(int state, void *data, apr_pool_t *pool)
{
    return run(data, EVENTS, state, pool, watch_events);
}

static apr_status_t on_members(int state, void *data, apr_pool_t *pool)
{
    return run(data, MEMBERS, state, pool, watch_members);
}

static apr_status_t stop(void *data)
{
    dth_sweep_t *sweep = data;

    end(sweep);
    for (int i = 0; i < THREADS; i++) {
        while (apr_atomic_cas32(&sweep->states[i], OFF, IDLE) == RUNNING) {
            apr_sleep(WAIT);
        }
    }
    return APR_SUCCESS;
}

void dth_sweep_start(dth_sweep_t *sweep, apr_pool_t *pchild)
{
    apr_pool_pre_cleanup_register(pchild, sweep, stop);
    for (int i = 0; i < THREADS; i++) {
        apr_atomic_set32(&sweep->states[i], IDLE);
    }
}

static apr_status_t hand_over(dth_sweep_t *sweep, apr_pool_t *pconf)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *register_callback =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    const struct {
        int thread;
        apr_interval_time_t every;
        ap_watchdog_callback_fn_t *callback;
    } jobs[] = {
        {DATABASES, INTERVAL, on_ready},
        {DATABASES, dth_revoked_interval(sweep->revoked), on_poll},
        {EVENTS, DTH_WATCH_TICK, on_events},
        {MEMBERS, DTH_WATCH_TICK, on_members},
    };
    apr_status_t rv = get_instance == NULL || register_callback == NULL ? APR_ENOTIMPL
                                                                        : APR_SUCCESS;

    for (apr_size_t i = 0; rv == APR_SUCCESS && i < sizeof(jobs) / sizeof(*jobs); i++) {
        ap_watchdog_t *watchdog;

        rv = get_instance(&watchdog, names[jobs[i].thread], 0, 0, pconf);
        if (rv == APR_SUCCESS) {
            rv = register_callback(watchdog, jobs[i].every, sweep, jobs[i].callback);
        }
    }
    return rv;
}

dth_sweep_t *dth_sweep_register(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                                const dth_revoked_t *revoked, dth_watch_t *watch)
{
    dth_sweep_t *sweep = apr_pcalloc(pconf, sizeof(*sweep));
    apr_status_t rv;

    *sweep = (dth_sweep_t){.made = made, .revoked = revoked, .watch = watch, .server = s};
    rv = hand_over(sweep, pconf);
    if (rv == APR_ENOTIMPL) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     DTNO(0055) "mod_watchdog is not loaded: revocations of other nodes are read "
                                "at the start only, events end sessions on this node only, and "
                                "members are not looked up again");
    }
    else if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s,
                     DTNO(0008) "mod_watchdog does not take our jobs");
    }
    return sweep;
}
