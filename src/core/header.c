/* SPDX-License-Identifier: Apache-2.0 */
/* Request headers by which an application learns who it is. */
#include "core/header.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* Wherever somebody on the way may see the end of an option: commas (RFC 9110, section 5.6.1), and
 * what else httpd's mod_proxy takes for one (ap_get_token). */
#define BETWEEN_OPTIONS ",; \t\n\v\f\r"

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

const char *dt_header_connection(apr_pool_t *pool, const char *options)
{
    char *kept, *end;
    bool found = false;

    if (strpbrk(options, "xX") == NULL) { /* close, keep-alive, upgrade */
        return options;
    }
    kept = end = apr_palloc(pool, strlen(options) + 1);
    for (const char *at = options + strspn(options, BETWEEN_OPTIONS); *at != '\0';
         at += strspn(at, BETWEEN_OPTIONS)) {
        const apr_size_t len = strcspn(at, BETWEEN_OPTIONS);

        if ((*at == 'x' || *at == 'X') && dt_header_is_ours(apr_pstrmemdup(pool, at, len))) {
            found = true;
        }
        else {
            if (end > kept) {
                *end++ = ',';
            }
            memcpy(end, at, len);
            end += len;
        }
        at += len;
    }
    *end = '\0';
    return !found ? options : end > kept ? kept : NULL;
}
