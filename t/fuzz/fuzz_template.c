/* SPDX-License-Identifier: Apache-2.0 */
/* Page templates: the input up to its first NUL is the template, the rest a hostile value. */
#include "core/text.h"

#include <apr_general.h>
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

/* Nothing in text can open a tag or leave an attribute; every & begins one of our escapes. */
static void must_be_harmless(const char *text)
{
    static const char *const escapes[] = {"&amp;", "&lt;",  "&gt;",  "&quot;",   "&#39;",
                                          "&#9;",  "&#10;", "&#13;", "&#65533;", NULL};

    must(!strpbrk(text, "<>\"'"));
    for (const char *at = strchr(text, '&'); at; at = strchr(at + 1, '&')) {
        const char *const *escape = escapes;
        while (*escape && strncmp(at, *escape, strlen(*escape)) != 0) {
            escape++;
        }
        must(*escape != NULL);
    }
}

/* Whether some %{ in the template has no } behind it: told without the code under test. */
static bool has_open_tag(const char *page)
{
    for (const char *at = strchr(page, '%'); at; at = strchr(at, '%')) {
        const char *end = at[1] == '{' ? strchr(at, '}') : at + (at[1] == '%' ? 2 : 1);
        if (!end) {
            return true;
        }
        at = end;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a", "b", "n", NULL};
    apr_pool_t *pool;
    char *page;
    char *filled;
    const char *hostile;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    page = apr_pstrmemdup(pool, (const char *)data, size);
    hostile = page + strlen(page) + (strlen(page) < size ? 1 : 0);
    /* With no mark-up in the template, all that is in the page came from a value. */
    for (char *c = strpbrk(page, "<>\"'&"); c; c = strpbrk(c, "<>\"'&")) {
        *c = '.';
    }
    const char *const values[] = {hostile, "<b c=\"d\" e='%{a}'>&\n\x01", NULL};
    filled = dt_text_page(pool, page, names, values);
    must((filled == NULL) == (dt_text_check(pool, page, names) != NULL));
    must(!filled || !has_open_tag(page));
    must(filled || strstr(page, "%{"));
    if (filled) {
        must_be_harmless(filled);
    }
    must_be_harmless(dt_text_html(pool, hostile));
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
