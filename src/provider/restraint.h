/* SPDX-License-Identifier: Apache-2.0 */
/* Restraint: when a call to another side had better not be made, or not yet. */
#ifndef DT_PROVIDER_RESTRAINT_H
#define DT_PROVIDER_RESTRAINT_H

#include "core/dt.h"

#include <apr_time.h>

/**
 * What those who call one side know of each other. It lies in memory of a process, or in memory
 * that processes share, and needs no lock.
 */
typedef struct dt_restraint_t dt_restraint_t;

apr_size_t dt_restraint_size(void);

/**
 * Make one in memory, which is zeroed.
 * @param bearable failures in a row before calls are refused
 * @param patience how long nothing may move until who comes has not to wait
 */
dt_restraint_t *dt_restraint_create(void *memory, int bearable, apr_interval_time_t patience);

/** Whether the other side answered lately. If not, one caller may try it after each pause. */
bool dt_restraint_may_call(dt_restraint_t *restraint);

/** Whether no call has begun or ended for so long that waiting for one to end is in vain. */
bool dt_restraint_is_stuck(const dt_restraint_t *restraint);

/** A call begins, or has ended. */
void dt_restraint_moved(dt_restraint_t *restraint);

/** The other side answered; or it was silent, or not there. What is neither is not told. */
void dt_restraint_answered(dt_restraint_t *restraint);
void dt_restraint_silent(dt_restraint_t *restraint);

#endif
