/* SPDX-License-Identifier: Apache-2.0 */
/* Typed reads from JSON that DingTalk sent, tolerant where DingTalk is loose. */
#ifndef DT_CORE_JSON_H
#define DT_CORE_JSON_H

#include "core/dt.h"

#include <apr_errno.h>
#include <jansson.h>

/**
 * Parse an object. Nesting is limited by jansson (2048); duplicate keys and anything but one
 * object are refused. The caller frees it with json_decref inside the function that parsed it.
 * @return the object, or NULL
 */
json_t *dt_json_parse(dt_slice_t text);

/** The member name of object, the key compared without regard to case; NULL when absent. */
json_t *dt_json_get(json_t *object, const char *name);

/**
 * A text: a JSON string without NUL, copied to pool; a whole number becomes its
 * decimal text.
 * @return NULL when absent, null, empty or of another type
 */
const char *dt_json_text(apr_pool_t *pool, json_t *object, const char *name);

#define DT_JSON_ID_MAX 256 /* bytes of a userid, unionId or corpId */

/** An id: a text as above without controls; NULL when value is none, or too long. */
const char *dt_json_id(apr_pool_t *pool, const json_t *value);

/** A whole number, also written as a string; fallback when absent or something else. */
apr_int64_t dt_json_number(json_t *object, const char *name, apr_int64_t fallback);

/** A boolean, also written as a string or 0 and 1. */
typedef enum dt_tri_t { DT_FALSE, DT_TRUE, DT_ABSENT } dt_tri_t;

/** DT_ABSENT when there is no such member or it is something else. */
dt_tri_t dt_json_bool(json_t *object, const char *name);

/**
 * A list of whole numbers as comma-separated decimal text; the list may itself be written as a
 * JSON text in a string ("[2,3]"). NULL when absent, empty or something else.
 */
const char *dt_json_number_list(apr_pool_t *pool, json_t *object, const char *name);

#endif
