/* SPDX-License-Identifier: Apache-2.0 */
/* Names of request headers: none that an application reads as ours is taken for another's. */
#include "core/header.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    check(pool, apr_pstrmemdup(pool, (const char *)data, size));
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
