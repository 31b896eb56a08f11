/* SPDX-License-Identifier: Apache-2.0 */
/* Languages and page templates; every value is escaped on its way into a page. */
#include "core/text.h"

#include "core/accept.h"
#include "core/bytes.h"

#include <apr_lib.h>
#include <string.h>

#define CONDITIONS_MAX 8 /* conditions inside conditions */

/* --- language --- */

static bool is_language(dt_slice_t range, const char *language)
{
    return dt_slice_is((dt_slice_t){range.data, range.len < 2 ? range.len : 2}, language) &&
           (range.len == 2 || range.data[2] == '-');
}

dt_language_t dt_text_language(const char *accept_language)
{
    dt_accepted_t accepted;
    int zh = 0;
    int en = 0;

    while (accept_language && dt_accept_next(&accept_language, &accepted)) {
        if (is_language(accepted.range, "zh") && accepted.weight > zh) {
            zh = accepted.weight;
        }
        if (is_language(accepted.range, "en") && accepted.weight > en) {
            en = accepted.weight;
        }
    }
    return zh > 0 && zh >= en ? DT_ZH : DT_EN;
}

const char *dt_text_tag(dt_language_t language)
{
    return language == DT_ZH ? "zh-CN" : "en";
}

/* --- output: the same code measures, then writes --- */

typedef struct output_t {
    char *data; /* NULL while measuring */
    apr_size_t len;
} output_t;

static void put(output_t *out, const char *bytes, apr_size_t len)
{
    if (out->data) {
        memcpy(out->data + out->len, bytes, len);
    }
    out->len += len;
}

/* What stands for a byte in HTML, or NULL for the byte itself. */
static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        /* HTML has no way to write the other controls: U+FFFD shows that one was there. */
        return apr_iscntrl(c) ? "&#65533;" : NULL;
    }
}

static void put_escaped(output_t *out, const char *text)
{
    for (; *text; text++) {
        const char *escape = escape_of(*text);
        if (escape) {
            put(out, escape, strlen(escape));
        }
        else {
            put(out, text, 1);
        }
    }
}

char *dt_text_html(apr_pool_t *pool, const char *text)
{
    output_t out = {NULL, 0};

    put_escaped(&out, text);
    out.data = apr_palloc(pool, out.len + 1);
    out.len = 0;
    put_escaped(&out, text);
    out.data[out.len] = '\0';
    return out.data;
}

/* --- templates --- */

/* The conditions that are open where the reader stands. */
typedef struct nest_t {
    dt_slice_t names[CONDITIONS_MAX];
    int depth;
    int shown; /* how many of them, from the outside, hold */
} nest_t;

static const char *value_of(const dt_text_value_t *values, dt_slice_t name)
{
    for (; values->name; values++) {
        if (dt_slice_equal(dt_slice(values->name), name)) {
            return values->value ? values->value : "";
        }
    }
    return "";
}

static bool is_name(dt_slice_t name)
{
    for (apr_size_t i = 0; i < name.len; i++) {
        if (!apr_isalnum(name.data[i]) && name.data[i] != '_') {
            return false;
        }
    }
    return name.len > 0;
}

static bool open_condition(nest_t *nest, dt_slice_t name, const dt_text_value_t *values)
{
    if (nest->depth == CONDITIONS_MAX) {
        return false;
    }
    if (nest->shown == nest->depth && *value_of(values, name)) {
        nest->shown++;
    }
    nest->names[nest->depth++] = name;
    return true;
}

static bool close_condition(nest_t *nest, dt_slice_t name)
{
    if (nest->depth == 0 || !dt_slice_equal(nest->names[nest->depth - 1], name)) {
        return false;
    }
    nest->depth--;
    if (nest->shown > nest->depth) {
        nest->shown = nest->depth;
    }
    return true;
}

/* What stands between "%{" and "}". */
static bool put_tag(output_t *out, nest_t *nest, dt_slice_t tag, const dt_text_value_t *values)
{
    char kind = tag.len > 0 ? tag.data[0] : '\0';
    dt_slice_t name = tag;

    if (kind == '?' || kind == '/') {
        name = (dt_slice_t){tag.data + 1, tag.len - 1};
    }
    if (!is_name(name)) {
        return false;
    }
    if (kind == '?') {
        return open_condition(nest, name, values);
    }
    if (kind == '/') {
        return close_condition(nest, name);
    }
    if (nest->shown == nest->depth) {
        put_escaped(out, value_of(values, name));
    }
    return true;
}

static bool fill(output_t *out, const char *page, const dt_text_value_t *values)
{
    nest_t nest = {.depth = 0};

    while (*page) {
        apr_size_t plain = strcspn(page, "%");
        if (nest.shown == nest.depth) {
            put(out, page, plain);
        }
        page += plain;
        if (page[0] == '%' && page[1] == '{') {
            const char *end = strchr(page, '}');
            if (!end || !put_tag(out, &nest, (dt_slice_t){page + 2, (apr_size_t)(end - page) - 2},
                                 values)) {
                return false;
            }
            page = end + 1;
        }
        else if (*page) {
            if (nest.shown == nest.depth) {
                put(out, "%", 1);
            }
            page += page[1] == '%' ? 2 : 1;
        }
    }
    return nest.depth == 0;
}

char *dt_text_page(apr_pool_t *pool, const char *page, const dt_text_value_t *values)
{
    output_t out = {NULL, 0};

    if (!fill(&out, page, values)) {
        return NULL;
    }
    out.data = apr_palloc(pool, out.len + 1);
    out.len = 0;
    (void)fill(&out, page, values);
    out.data[out.len] = '\0';
    return out.data;
}
