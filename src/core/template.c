/* SPDX-License-Identifier: Apache-2.0 */
/* Templates an administrator writes: read once into parts, filled for every message. */
#include "core/template.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 64 /* bytes of the template in a message about it */

/* Either a text that stays, or a place for a value. */
typedef struct part_t {
    const char *text; /* NULL: a place */
    int index;        /* of the name */
} part_t;

struct dt_template_t {
    apr_array_header_t *parts; /* of part_t */
};

/* --- reading --- */

static void add_text(apr_pool_t *pool, dt_template_t *made, const char *text, apr_size_t len)
{
    APR_ARRAY_PUSH(made->parts, part_t) = (part_t){apr_pstrmemdup(pool, text, len), 0};
}

static const char *unknown(apr_pool_t *pool, dt_slice_t name, const char *const *names)
{
    const char *known = "";

    for (; *names; names++) {
        known = apr_pstrcat(pool, known, *known ? ", %{" : "%{", *names, "}", NULL);
    }
    return apr_psprintf(pool, "%%{%s} is not known here; known are %s",
                        dt_loggable(pool, name, SHOWN_MAX), known);
}

/* Takes "%{name}" off text. */
static const char *take_place(apr_pool_t *pool, const char **text, const char *const *names,
                              dt_template_t *made)
{
    const char *end = strchr(*text, '}');
    dt_slice_t name = {*text + 2, 0};

    if (!end) {
        return apr_psprintf(pool, "%s has no closing brace",
                            dt_loggable(pool, dt_slice(*text), SHOWN_MAX));
    }
    name.len = (apr_size_t)(end - name.data);
    for (int i = 0; names[i]; i++) {
        if (dt_slice_equal(name, dt_slice(names[i]))) {
            APR_ARRAY_PUSH(made->parts, part_t) = (part_t){NULL, i};
            *text = end + 1;
            return NULL;
        }
    }
    return unknown(pool, name, names);
}

const char *dt_template_parse(apr_pool_t *pool, const char *text, const char *const *names,
                              dt_template_t **made)
{
    const char *wrong = NULL;

    *made = apr_palloc(pool, sizeof(**made));
    (*made)->parts = apr_array_make(pool, 4, sizeof(part_t));
    while (*text && !wrong) {
        const apr_size_t len = strcspn(text, "%");

        if (len > 0) {
            add_text(pool, *made, text, len);
            text += len;
        }
        else if (text[1] == '{') {
            wrong = take_place(pool, &text, names, *made);
        }
        else {
            add_text(pool, *made, "%", 1);
            text += text[1] == '%' ? 2 : 1;
        }
    }
    return wrong;
}

bool dt_template_uses(const dt_template_t *made, int index)
{
    for (int i = 0; i < made->parts->nelts; i++) {
        const part_t *part = &APR_ARRAY_IDX(made->parts, i, part_t);
        if (!part->text && part->index == index) {
            return true;
        }
    }
    return false;
}

/* --- filling --- */

/* What stands between the quotes of value's JSON string; NULL when it is not UTF-8. */
static const char *escape_json(apr_pool_t *pool, const char *value)
{
    json_t *string = json_string(value);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    const char *inside = quoted ? apr_pstrmemdup(pool, quoted + 1, strlen(quoted) - 2) : NULL;

    free(quoted);
    json_decref(string);
    return inside;
}

static bool has_control(const char *value)
{
    while (*value && !apr_iscntrl(*value)) {
        value++;
    }
    return *value != '\0';
}

/* NULL when value cannot stand there. */
static const char *escaped(apr_pool_t *pool, const char *value, dt_escape_t escape)
{
    switch (escape) {
    case DT_ESCAPE_NONE:
        return value;
    case DT_ESCAPE_URL:
        return dt_percent(pool, dt_slice(value));
    case DT_ESCAPE_JSON:
        return escape_json(pool, value);
    case DT_ESCAPE_HEADER:
        return has_control(value) ? NULL : value;
    }
    return NULL;
}

const char *dt_template_fill(apr_pool_t *pool, const dt_template_t *made, dt_escape_t escape,
                             const char *const *values)
{
    apr_array_header_t *pieces = apr_array_make(pool, made->parts->nelts, sizeof(const char *));

    for (int i = 0; i < made->parts->nelts; i++) {
        const part_t *part = &APR_ARRAY_IDX(made->parts, i, part_t);
        const char *piece = part->text;

        if (!piece) {
            const char *value = values[part->index];
            piece = escaped(pool, value ? value : "", escape);
        }
        if (!piece) {
            return NULL;
        }
        APR_ARRAY_PUSH(pieces, const char *) = piece;
    }
    return apr_array_pstrcat(pool, pieces, '\0');
}
