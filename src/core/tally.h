/* SPDX-License-Identifier: Apache-2.0 */
/* The tally: how often something has happened within this minute, by who did it. */
#ifndef DT_CORE_TALLY_H
#define DT_CORE_TALLY_H

#include "core/dt.h"

#include <apr_errno.h>

#define DT_TALLY_MAX 255 /* nothing is counted beyond */

/**
 * A table of fixed size over memory that the caller gives, such as memory shared by processes. It
 * holds no address, so that each process may see it elsewhere.
 *
 * Any thread of any process may count and ask at any time: there is no lock, nobody waits, and a
 * process that dies within a function leaves nothing broken.
 *
 * Minutes are those of the clock: within a minute that begins in the middle of one, up to twice as
 * much may happen as within one of the clock. Keys are known by hashes of which nobody can choose
 * which meet; of two that do, the one that came last has the place, and the other begins anew. So
 * the table errs by letting through; that it takes somebody for somebody else needs 48 equal bits.
 */
typedef struct dt_tally_t dt_tally_t;

/** Bytes of a table; a page in which nobody was counted is never touched. */
apr_size_t dt_tally_size(void);

/**
 * Make an empty table.
 * @param memory dt_tally_size() bytes, all zero, aligned for words of eight
 * @return APR_SUCCESS; APR_EGENERAL when the system has no random bytes
 */
apr_status_t dt_tally_create(void *memory, dt_tally_t **tally);

/**
 * Whether limit was reached in the minute of now.
 * @param key      who, in any form; not longer than a line
 * @param limit    1 to DT_TALLY_MAX
 * @param retry_in when it was: how long the minute still lasts; else 0
 */
bool dt_tally_is_over(const dt_tally_t *tally, const char *key, apr_time_t now, int limit,
                      apr_interval_time_t *retry_in);

/** It has happened once more. A minute that is over by now is forgotten, and so is one to come,
 * which a clock that was set back has left behind. */
void dt_tally_add(dt_tally_t *tally, const char *key, apr_time_t now);

#endif
