/* SPDX-License-Identifier: Apache-2.0 */
/* Restraint: when a call to another side had better not be made, or not yet. */
#ifndef DT_PROVIDER_RESTRAINT_H
#define DT_PROVIDER_RESTRAINT_H

#include "core/dt.h"

#include <apr_time.h>

/**
 * What those who call one side know of each other. It lies in memory of a process, or in memory
 * that processes share, and needs no lock: one that dies in the middle of a call holds up nobody
 * for longer than a call may take.
 */
typedef struct dt_restraint_t dt_restraint_t;

/** Bytes of one with so many places, which may be none. */
apr_size_t dt_restraint_size(int places);

/**
 * Make one in memory, which is zeroed.
 * @param places   calls at the same time of all processes that share it; 0: it does not count them
 * @param bearable failures in a row before calls are refused
 * @param patience how long nothing may move until who comes has not to wait
 * @param longest  of a call: who has had a place for longer is dead
 */
dt_restraint_t *dt_restraint_create(void *memory, int places, int bearable,
                                    apr_interval_time_t patience, apr_interval_time_t longest);

/** Whether the other side answered lately. If not, one caller may try it after each pause. */
bool dt_restraint_may_call(dt_restraint_t *restraint);

/** Whether others have been keeping all places for so long that waiting is in vain. */
bool dt_restraint_is_stuck(const dt_restraint_t *restraint);

/**
 * Wait for a place, if they are counted: *place, -1 where they are not.
 * @return false when there is none in time
 */
bool dt_restraint_enter(dt_restraint_t *restraint, int *place);

void dt_restraint_leave(dt_restraint_t *restraint, int place);

/** A call begins, or has ended. */
void dt_restraint_moved(dt_restraint_t *restraint);

/** The other side answered; or it was silent, or not there. What is neither is not told. */
void dt_restraint_answered(dt_restraint_t *restraint);
void dt_restraint_silent(dt_restraint_t *restraint);

#endif
