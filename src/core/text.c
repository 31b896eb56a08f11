/* SPDX-License-Identifier: Apache-2.0 */
/* Languages and page templates; every value is escaped on its way into a page. */
#include "core/text.h"

#include "core/accept.h"
#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define CONDITIONS_MAX 8 /* conditions inside conditions */
#define TAG_SHOWN 40     /* bytes of a bad tag in a complaint */

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

/* A template on its way to a page, where the reader stands. */
typedef struct filler_t {
    const char *const *names;
    const char *const *values; /* NULL: all are empty */
    output_t out;
    dt_slice_t open[CONDITIONS_MAX]; /* names of the conditions around */
    int depth;
    int shown; /* how many of them, from the outside, hold */
} filler_t;

/* NULL when there is no such name. */
static const char *value_of(const filler_t *filler, dt_slice_t name)
{
    for (int i = 0; filler->names[i]; i++) {
        if (dt_slice_equal(dt_slice(filler->names[i]), name)) {
            return filler->values && filler->values[i] ? filler->values[i] : "";
        }
    }
    return NULL;
}

static const char *open_condition(filler_t *filler, dt_slice_t name, const char *value)
{
    if (filler->depth == CONDITIONS_MAX) {
        return "too many conditions inside each other";
    }
    if (filler->shown == filler->depth && *value) {
        filler->shown++;
    }
    filler->open[filler->depth++] = name;
    return NULL;
}

static const char *close_condition(filler_t *filler, dt_slice_t name)
{
    if (filler->depth == 0 || !dt_slice_equal(filler->open[filler->depth - 1], name)) {
        return "another condition must be closed before, or none is open";
    }
    filler->depth--;
    if (filler->shown > filler->depth) {
        filler->shown = filler->depth;
    }
    return NULL;
}

/* What stands between "%{" and "}". NULL, or what is wrong with it. */
static const char *put_tag(filler_t *filler, dt_slice_t tag)
{
    char kind = tag.len > 0 ? tag.data[0] : '\0';
    dt_slice_t name = tag;
    const char *value;

    if (kind == '?' || kind == '/') {
        name = (dt_slice_t){tag.data + 1, tag.len - 1};
    }
    value = value_of(filler, name);
    if (!value) {
        return "there is no such name";
    }
    if (kind == '?') {
        return open_condition(filler, name, value);
    }
    if (kind == '/') {
        return close_condition(filler, name);
    }
    if (filler->shown == filler->depth) {
        put_escaped(&filler->out, value);
    }
    return NULL;
}

/* Fill from *page on. NULL; or what is wrong, and *page is where. */
static const char *fill(filler_t *filler, const char **page)
{
    const char *at = *page;
    const char *wrong = NULL;

    while (*at) {
        apr_size_t plain = strcspn(at, "%");
        if (filler->shown == filler->depth) {
            put(&filler->out, at, plain);
        }
        at += plain;
        if (at[0] == '%' && at[1] == '{') {
            const char *end = strchr(at, '}');
            wrong = end ? put_tag(filler, (dt_slice_t){at + 2, (apr_size_t)(end - at) - 2})
                        : "there is no closing brace";
            if (wrong) {
                *page = at;
                return wrong;
            }
            at = end + 1;
        }
        else if (*at) {
            if (filler->shown == filler->depth) {
                put(&filler->out, "%", 1);
            }
            at += at[1] == '%' ? 2 : 1;
        }
    }
    if (filler->depth > 0) {
        *page = filler->open[filler->depth - 1].data - strlen("%{?");
        return "this condition is not closed";
    }
    return NULL;
}

char *dt_text_page(apr_pool_t *pool, const char *page, const char *const *names,
                   const char *const *values)
{
    filler_t filler = {.names = names, .values = values};
    const char *at = page;
    char *data;

    if (fill(&filler, &at)) {
        return NULL;
    }
    data = apr_palloc(pool, filler.out.len + 1);
    filler.out = (output_t){data, 0};
    at = page;
    (void)fill(&filler, &at);
    data[filler.out.len] = '\0';
    return data;
}

const char *dt_text_check(apr_pool_t *pool, const char *page, const char *const *names)
{
    filler_t filler = {.names = names};
    const char *at = page;
    const char *wrong = fill(&filler, &at);
    apr_size_t tag;
    int line = 1;

    if (!wrong) {
        return NULL;
    }
    for (const char *c = page; c < at; c++) {
        line += *c == '\n';
    }
    tag = strcspn(at, "}\r\n");
    tag += at[tag] == '}';
    return apr_psprintf(pool, "line %d: %s: %s", line,
                        dt_loggable(pool, (dt_slice_t){at, tag}, TAG_SHOWN), wrong);
}
