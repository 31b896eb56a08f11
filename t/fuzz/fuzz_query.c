/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and forms: a field is clean text, or none is there at all. */
#include "core/bytes.h"
#include "core/url.h"

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

static void check_value(apr_pool_t *pool, const dt_field_t *field)
{
    dt_field_t again[] = {{field->name, NULL}, {NULL, NULL}};
    const char *pair;

    must(strlen(field->value) <= 4096);
    for (const char *c = field->value; *c; c++) {
        must((unsigned char)*c >= 0x20 && *c != 0x7f);
    }
    pair = apr_pstrcat(pool, field->name, "=", dt_percent(pool, dt_slice(field->value)), NULL);
    must(dt_url_fields(pool, dt_slice(pair), again) == APR_SUCCESS);
    must(strcmp(again[0].value, field->value) == 0);
    /* The same field once more is always one too many. */
    pair = apr_pstrcat(pool, pair, "&x=1&", pair, NULL);
    must(dt_url_fields(pool, dt_slice(pair), again) == APR_EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_field_t fields[] = {
        {"authCode", "x"}, {"code", "x"}, {"state", "x"}, {"error", "x"}, {NULL, NULL}};
    apr_pool_t *pool;
    apr_status_t rv;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    rv = dt_url_fields(pool, (dt_slice_t){(const char *)data, size}, fields);
    must(rv == APR_SUCCESS || rv == APR_EINVAL);
    for (const dt_field_t *field = fields; field->name; field++) {
        must(rv == APR_SUCCESS || !field->value);
        if (field->value) {
            check_value(pool, field);
        }
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
