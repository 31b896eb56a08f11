/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of administrators: the input up to its first NUL is the template, the rest a value. */
#include "core/bytes.h"
#include "core/template.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a", "b", NULL};

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The value alone, escaped. */
static const char *alone(apr_pool_t *pool, dt_escape_t escape, const char *value)
{
    const char *const values[] = {value, NULL};
    dt_template_t *made;

    must(!dt_template_parse(pool, "%{a}", names, &made));
    return dt_template_fill(pool, made, escape, values);
}

/* A reader of the target gets the value back, and nothing but it. */
static void check_escapes(apr_pool_t *pool, const char *value)
{
    const char *json = alone(pool, DT_ESCAPE_JSON, value);
    const char *url = alone(pool, DT_ESCAPE_URL, value);
    const char *header = alone(pool, DT_ESCAPE_HEADER, value);

    must(strcmp(alone(pool, DT_ESCAPE_NONE, value), value) == 0);
    if (json) {
        json_t *string =
            json_loads(apr_pstrcat(pool, "\"", json, "\"", NULL), JSON_DECODE_ANY, NULL);
        must(json_is_string(string) && strcmp(json_string_value(string), value) == 0);
        json_decref(string);
    }
    for (const char *c = url; *c; c++) {
        must(apr_isalnum(*c) || strchr("-._~%", *c));
    }
    for (const char *c = header ? value : ""; *c; c++) {
        must(!apr_iscntrl(*c));
    }
}

/* As long as its parts, as far as that can be told without the code under test. */
static void check_template(apr_pool_t *pool, const char *text, const char *value)
{
    const char *const values[] = {value, "b"};
    dt_template_t *made;
    const char *wrong = dt_template_parse(pool, text, names, &made);
    const char *filled;

    must(!wrong || strstr(text, "%{"));
    if (wrong) {
        must(strncmp(wrong, "%{", 2) == 0 && strlen(wrong) < 200);
        return;
    }
    filled = dt_template_fill(pool, made, DT_ESCAPE_NONE, values);
    must(filled != NULL);
    must(strchr(text, '%') || strcmp(filled, text) == 0);
    must(!dt_template_uses(made, 0) || (strstr(text, "%{a}") && strstr(filled, value)));
    must(!dt_template_uses(made, 1) || strstr(text, "%{b}"));
    must(dt_template_fill(pool, made, DT_ESCAPE_URL, values) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    const char *text;
    const char *value;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    value = text + strlen(text) + (strlen(text) < size ? 1 : 0);
    check_template(pool, text, value);
    check_escapes(pool, value);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
