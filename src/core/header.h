/* SPDX-License-Identifier: Apache-2.0 */
/* Request headers by which an application learns who it is. */
#ifndef DT_CORE_HEADER_H
#define DT_CORE_HEADER_H

#include "core/dt.h"

/**
 * Whether an application could take a header of this name for one that we set: X-DingTalk-… and
 * X-Remote-User in any case and with any character in place of a dash, since CGI (RFC 3875, section
 * 4.1.18) and its like make "_" of dashes, and many of whatever is neither letter nor digit. name
 * is never NULL. Any thread.
 */
bool dt_header_is_ours(const char *name);

/**
 * What may be left of a Connection header. A proxy leaves out the headers that it names (RFC 9110,
 * section 7.6.1): nobody may name ours, or an application would take a member for nobody. Options
 * end at commas, semicolons and white space, which is where any proxy may see the end of one.
 * @param options the header's value, never NULL
 * @return options itself where none is ours; the others with commas between, from pool; NULL when
 *         there are no others. Any thread.
 */
const char *dt_header_connection(apr_pool_t *pool, const char *options);

#endif
