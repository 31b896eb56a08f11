/* SPDX-License-Identifier: Apache-2.0 */
/* Names of request headers, in Connection too: what is read as ours is never another's. */
#include "core/header.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* What the most generous of gateways makes of a name: the environment of a CGI program. */
static const char *variable_of(apr_pool_t *pool, const char *name)
{
    char *variable = apr_pstrdup(pool, name);

    for (char *c = variable; *c != '\0'; c++) {
        *c = (char)(apr_isalnum(*c) ? apr_toupper(*c) : '_');
    }
    return variable;
}

static void check(apr_pool_t *pool, const char *name)
{
    const char *variable = variable_of(pool, name);
    const bool read_as_ours = strncmp(variable, "X_DINGTALK_", 11) == 0 ||
                              strcmp(variable, "X_REMOTE_USER") == 0;

    must(dt_header_is_ours(name) == read_as_ours);
    must(dt_header_is_ours(variable) == read_as_ours);
}

/* httpd's ap_get_token, by which mod_proxy reads Connection; NULL at the end. */
static const char *next_option(apr_pool_t *pool, const char **rest)
{
    const char *at = *rest + strspn(*rest, ",; \t\n\v\f\r"), *begin = at;

    while (*at != '\0' && !apr_isspace(*at) && *at != ';' && *at != ',') {
        if (*at++ == '"') {
            at += strcspn(at, "\"");
            at += *at == '"';
        }
    }
    *rest = at;
    return at == begin ? NULL : apr_pstrmemdup(pool, begin, (apr_size_t)(at - begin));
}

/* Whether we may set just this one, and whoever leaves it out leaves it out of what we set. */
static bool is_set_by_us(const char *name)
{
    return (strncasecmp(name, "X-DingTalk-", 11) == 0 &&
            name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789-")] == '\0') ||
           strcasecmp(name, "X-Remote-User") == 0;
}

/* Whatever the proxy reads, none of it is ours; and what is left stays. */
static void check_connection(apr_pool_t *pool, const char *options)
{
    const char *left = dt_header_connection(pool, options), *rest = options, *option;
    bool found = false;

    while ((option = next_option(pool, &rest)) != NULL) {
        found |= is_set_by_us(option);
    }
    must(!found || left != options);
    for (rest = left; rest != NULL && (option = next_option(pool, &rest)) != NULL;) {
        must(!is_set_by_us(option));
    }
    must(left == NULL || dt_header_connection(pool, left) == left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    check(pool, apr_pstrmemdup(pool, (const char *)data, size));
    check_connection(pool, apr_pstrmemdup(pool, (const char *)data, size));
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
