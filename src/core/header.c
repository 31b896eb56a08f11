/* SPDX-License-Identifier: Apache-2.0 */
/* Request headers by which an application learns who it is. */
#include "core/header.h"

#include <apr_lib.h>

/* True when name begins with prefix, letters in any case and any sign for a dash. */
static bool begins_like(const char *name, const char *prefix)
{
    for (; *prefix != '\0'; name++, prefix++) {
        if (*prefix == '-' ? *name == '\0' || apr_isalnum(*name) : apr_tolower(*name) != *prefix) {
            return false;
        }
    }
    return true;
}

bool dt_header_is_ours(const char *name)
{
    static const char remote_user[] = "x-remote-user";

    return begins_like(name, "x-dingtalk-") ||
           (begins_like(name, remote_user) && name[sizeof(remote_user) - 1] == '\0');
}
