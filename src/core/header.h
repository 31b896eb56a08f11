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

#endif
