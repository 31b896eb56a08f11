/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on a reply: status, values in JSON, or the whole text. */
#include "core/condition.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* From one HTTP status to another. */
typedef struct range_t {
    int first;
    int last;
} range_t;

/* One word. ranges is set for a status, pointer for a value in JSON. */
typedef struct rule_t {
    const char *word;
    apr_array_header_t *ranges; /* of range_t */
    const char *pointer;
    const char *value;
} rule_t;

struct dt_condition_t {
    apr_array_header_t *rules; /* of rule_t */
};

/* --- reading --- */

/* Takes three digits off text. */
static bool take_status(const char **text, int *status)
{
    const char *at = *text;

    if (!apr_isdigit(at[0]) || !apr_isdigit(at[1]) || !apr_isdigit(at[2])) {
        return false;
    }
    *status = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
    *text = at + 3;
    return true;
}

/* NULL when it is no list of ranges. */
static apr_array_header_t *read_ranges(apr_pool_t *pool, const char *text)
{
    apr_array_header_t *ranges = apr_array_make(pool, 2, sizeof(range_t));

    for (;;) {
        range_t range;

        if (!take_status(&text, &range.first)) {
            return NULL;
        }
        range.last = range.first;
        if (*text == '-') {
            text++;
            if (!take_status(&text, &range.last) || range.last < range.first) {
                return NULL;
            }
        }
        APR_ARRAY_PUSH(ranges, range_t) = range;
        if (!*text) {
            return ranges;
        }
        if (*text++ != ',') {
            return NULL;
        }
    }
}

/* RFC 6901, section 3: behind "~" there is 0 or 1. */
static bool is_pointer(const char *text)
{
    for (const char *c = strchr(text, '~'); c; c = strchr(c + 1, '~')) {
        if (c[1] != '0' && c[1] != '1') {
            return false;
        }
    }
    return *text == '/' || !*text;
}

static const char *read_word(apr_pool_t *pool, const char *word, rule_t *rule)
{
    const char *sign = strchr(word, '=');
    const char *name = apr_pstrmemdup(pool, word, sign ? (apr_size_t)(sign - word) : strlen(word));

    *rule = (rule_t){.word = name, .value = sign ? sign + 1 : NULL};
    if (sign && strcmp(name, "status") == 0) {
        rule->word = word;
        rule->ranges = read_ranges(pool, rule->value);
        return rule->ranges ? NULL
                            : apr_psprintf(pool,
                                           "\"%s\" must be status= with numbers or ranges "
                                           "such as 200-299, with commas between",
                                           word);
    }
    if (sign && strncmp(name, "body:", 5) == 0) {
        rule->pointer = name + 5;
        return is_pointer(rule->pointer)
                   ? NULL
                   : apr_psprintf(pool,
                                  "\"%s\" must be body:, a JSON pointer such as /code, = and "
                                  "a value",
                                  word);
    }
    return sign && strcmp(name, "body") == 0
               ? NULL
               : apr_psprintf(pool,
                              "\"%s\" must be status=NUMBERS, body:/POINTER=VALUE or "
                              "body=TEXT",
                              word);
}

const char *dt_condition_parse(apr_pool_t *pool, const char *text, dt_condition_t **made)
{
    char **words;

    *made = apr_palloc(pool, sizeof(**made));
    (*made)->rules = apr_array_make(pool, 2, sizeof(rule_t));
    if (apr_tokenize_to_argv(text, &words, pool) != APR_SUCCESS || !words[0]) {
        return "must have a word such as status=200-299";
    }
    for (; *words; words++) {
        const char *wrong = read_word(pool, *words, apr_array_push((*made)->rules));
        if (wrong) {
            return wrong;
        }
    }
    return NULL;
}

/* --- checking --- */

static bool status_fits(const apr_array_header_t *ranges, int status)
{
    for (int i = 0; i < ranges->nelts; i++) {
        const range_t *range = &APR_ARRAY_IDX(ranges, i, range_t);
        if (status >= range->first && status <= range->last) {
            return true;
        }
    }
    return false;
}

/* One step of a pointer, "~1" and "~0" decoded. */
static const char *decode_step(apr_pool_t *pool, const char *step, apr_size_t len)
{
    char *decoded = apr_palloc(pool, len + 1);
    char *to = decoded;

    for (const char *end = step + len; step < end; step++) {
        if (*step == '~') {
            step++;
            *to++ = *step == '1' ? '/' : '~';
        }
        else {
            *to++ = *step;
        }
    }
    *to = '\0';
    return decoded;
}

/* RFC 6901, section 4: digits without leading zeros. */
static json_t *element(const json_t *array, const char *step)
{
    const apr_size_t len = strlen(step);

    if (len == 0 || len > 9 || strspn(step, "0123456789") != len || (*step == '0' && len > 1)) {
        return NULL;
    }
    return json_array_get(array, (size_t)apr_atoi64(step));
}

/* What pointer names in root, or NULL. */
static json_t *resolve(apr_pool_t *pool, json_t *root, const char *pointer)
{
    json_t *at = root;

    while (at && *pointer) {
        const apr_size_t len = strcspn(++pointer, "/");
        const char *step = decode_step(pool, pointer, len);

        at = json_is_array(at) ? element(at, step) : json_object_get(at, step);
        pointer += len;
    }
    return at;
}

static bool has_text(const json_t *value, const char *text)
{
    char *dumped;
    bool same;

    if (json_is_string(value)) {
        return dt_slice_equal((dt_slice_t){json_string_value(value), json_string_length(value)},
                              dt_slice(text));
    }
    dumped = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    same = dumped && !json_is_object(value) && !json_is_array(value) && strcmp(dumped, text) == 0;
    free(dumped);
    return same;
}

static dt_slice_t trimmed(dt_slice_t text)
{
    while (text.len > 0 && apr_isspace(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && apr_isspace(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static dt_failed_t check_rule(const rule_t *rule, apr_pool_t *pool,
                              const dt_http_response_t *response, json_t *root)
{
    if (rule->ranges) {
        return status_fits(rule->ranges, response->status) ? DT_FAILED_NOT : DT_FAILED_STATUS;
    }
    if (!rule->pointer) {
        return dt_slice_equal(trimmed(response->body), dt_slice(rule->value)) ? DT_FAILED_NOT
                                                                              : DT_FAILED_BODY;
    }
    if (!root) {
        return DT_FAILED_SHAPE;
    }
    return has_text(resolve(pool, root, rule->pointer), rule->value) ? DT_FAILED_NOT
                                                                     : DT_FAILED_BODY;
}

dt_failed_t dt_condition_check(const dt_condition_t *made, apr_pool_t *pool,
                               const dt_http_response_t *response, const char **word)
{
    json_t *root = response->body.len > 0
                       ? json_loadb(response->body.data, response->body.len,
                                    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)
                       : NULL;
    dt_failed_t failed = DT_FAILED_NOT;

    *word = NULL;
    for (int i = 0; failed == DT_FAILED_NOT && i < made->rules->nelts; i++) {
        const rule_t *rule = &APR_ARRAY_IDX(made->rules, i, rule_t);

        failed = check_rule(rule, pool, response, root);
        *word = failed == DT_FAILED_NOT ? NULL : rule->word;
    }
    json_decref(root);
    return failed;
}
