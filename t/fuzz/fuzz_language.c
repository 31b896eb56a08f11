/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted lists: elements lie inside the header, and a language is always chosen. */
#include "core/accept.h"
#include "core/text.h"
#include "core/visitor.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_visitor_t visitor = {.method = "GET"};
    dt_accepted_t accepted;
    apr_pool_t *pool;
    const char *text;
    const char *cursor;
    const char *before;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    cursor = before = text;
    while (dt_accept_next(&cursor, &accepted)) {
        must(accepted.range.len > 0 && accepted.range.data >= before);
        must(accepted.range.data + accepted.range.len <= cursor && cursor > before);
        must(accepted.weight >= 0 && accepted.weight <= DT_WEIGHT_MAX);
        before = cursor;
    }
    must(!*cursor);
    must(dt_text_language(text) == DT_EN || strstr(text, "zh") || strpbrk(text, "ZH"));
    visitor.accept = text;
    must(dt_visit(&visitor) != DT_VISIT_PAGE);
    visitor.method = "POST";
    must(dt_visit(&visitor) != DT_VISIT_NAVIGATION);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
