/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that hangs when it is told to: SQLite's, whatever it is taken for. */
#ifndef DT_UNIT_HANGING_DRIVER_H
#define DT_UNIT_HANGING_DRIVER_H

#include "database.h"

#include <apr_thread_cond.h>
#include <dlfcn.h>

static apr_thread_mutex_t *lock;
static apr_thread_cond_t *opened;
static bool closed; /* the gate that select and close go through */

static inline void make_gate(apr_pool_t *pool)
{
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&opened, pool);
    closed = false;
}

static inline void pass(void)
{
    apr_thread_mutex_lock(lock);
    while (closed) {
        apr_thread_cond_wait(opened, lock);
    }
    apr_thread_mutex_unlock(lock);
}

static inline void set_gate(bool is_closed)
{
    apr_thread_mutex_lock(lock);
    closed = is_closed;
    apr_thread_cond_broadcast(opened);
    apr_thread_mutex_unlock(lock);
}

/* The linker finds these before the library's own. */
int apr_dbd_select(const apr_dbd_driver_t *driver, apr_pool_t *pool, apr_dbd_t *handle,
                   apr_dbd_results_t **results, const char *statement, int random)
{
    __typeof__(apr_dbd_select) *real =
        (__typeof__(apr_dbd_select) *)dlsym(RTLD_NEXT, "apr_dbd_select");

    pass();
    return real(driver, pool, handle, results, statement, random);
}

apr_status_t apr_dbd_close(const apr_dbd_driver_t *driver, apr_dbd_t *handle)
{
    __typeof__(apr_dbd_close) *real =
        (__typeof__(apr_dbd_close) *)dlsym(RTLD_NEXT, "apr_dbd_close");

    pass();
    return real(driver, handle);
}

#endif
