/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reads from JSON, on top of jansson. */
#include "core/json.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <string.h>

json_t *dt_json_parse(dt_slice_t text)
{
    /* A NUL is allowed here so that one odd text does not spoil a reply: dt_json_text drops it. */
    json_t *root = text.len > 0 ? json_loadb(text.data, text.len,
                                             JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL)
                                : NULL;

    if (root && !json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

json_t *dt_json_get(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    for (void *i = json_object_iter(object); i && !value; i = json_object_iter_next(object, i)) {
        if (dt_slice_is(dt_slice(json_object_iter_key(i)), name)) {
            value = json_object_iter_value(i);
        }
    }
    return value;
}

/* The C string in a JSON string, or NULL: another type, or a NUL inside that would cut it. */
static const char *plain_string(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static const char *read_text(apr_pool_t *pool, const json_t *value)
{
    const char *text = plain_string(value);

    if (json_is_integer(value)) {
        return apr_psprintf(pool, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    return text && *text ? apr_pstrdup(pool, text) : NULL;
}

const char *dt_json_text(apr_pool_t *pool, json_t *object, const char *name)
{
    return read_text(pool, dt_json_get(object, name));
}

const char *dt_json_id(apr_pool_t *pool, const json_t *value)
{
    const char *id = read_text(pool, value);

    if (!id || strlen(id) > DT_JSON_ID_MAX) {
        return NULL;
    }
    for (const char *c = id; *c; c++) {
        if (apr_iscntrl(*c)) {
            return NULL;
        }
    }
    return id;
}

static bool read_number(const json_t *value, apr_int64_t *number)
{
    const char *text = plain_string(value);
    char *end;

    if (json_is_integer(value)) {
        *number = json_integer_value(value);
        return true;
    }
    if (!text || !apr_isdigit(text[*text == '-' ? 1 : 0])) {
        return false;
    }
    errno = 0;
    *number = apr_strtoi64(text, &end, 10);
    return errno == 0 && *end == '\0';
}

apr_int64_t dt_json_number(json_t *object, const char *name, apr_int64_t fallback)
{
    apr_int64_t number;

    return read_number(dt_json_get(object, name), &number) ? number : fallback;
}

dt_tri_t dt_json_bool(json_t *object, const char *name)
{
    json_t *value = dt_json_get(object, name);
    dt_slice_t text = dt_slice(plain_string(value));
    apr_int64_t number;

    if (json_is_boolean(value)) {
        return json_is_true(value) ? DT_TRUE : DT_FALSE;
    }
    if (read_number(value, &number) && (number == 0 || number == 1)) {
        return number == 1 ? DT_TRUE : DT_FALSE;
    }
    if (dt_slice_is(text, "true")) {
        return DT_TRUE;
    }
    return dt_slice_is(text, "false") ? DT_FALSE : DT_ABSENT;
}

static const char *join_numbers(apr_pool_t *pool, const json_t *list)
{
    apr_size_t count = json_array_size(list);
    apr_array_header_t *texts = apr_array_make(pool, 8, sizeof(const char *));

    for (apr_size_t i = 0; i < count; i++) {
        apr_int64_t number;
        if (!read_number(json_array_get(list, i), &number)) {
            return NULL;
        }
        APR_ARRAY_PUSH(texts, const char *) = apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
    }
    return count > 0 ? apr_array_pstrcat(pool, texts, ',') : NULL;
}

const char *dt_json_number_list(apr_pool_t *pool, json_t *object, const char *name)
{
    json_t *value = dt_json_get(object, name);
    json_t *inner = NULL;
    const char *joined;

    if (json_is_string(value)) {
        inner = json_loadb(json_string_value(value), json_string_length(value), 0, NULL);
        value = inner;
    }
    joined = join_numbers(pool, value);
    json_decref(inner);
    return joined;
}
