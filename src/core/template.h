/* SPDX-License-Identifier: Apache-2.0 */
/* Templates an administrator writes: text with %{name}, filled and escaped for where it goes. */
#ifndef DT_CORE_TEMPLATE_H
#define DT_CORE_TEMPLATE_H

#include "core/dt.h"

typedef struct dt_template_t dt_template_t;

/** Where the text goes, which decides how a value is escaped. The text around stays as it is. */
typedef enum dt_escape_t {
    DT_ESCAPE_NONE,  /* a plain value: nothing is escaped */
    DT_ESCAPE_URL,   /* query and application/x-www-form-urlencoded: all but unreserved as %XX */
    DT_ESCAPE_JSON,  /* inside a JSON string: RFC 8259, section 7; bytes that are no UTF-8 make the
                         fill fail */
    DT_ESCAPE_HEADER /* a header's value: a value with a control or a newline makes the fill fail */
} dt_escape_t;

/**
 * Read a template, at start-up. %{name} is a value; "%%" is a percent sign, and so is one before
 * anything else than a brace.
 * @param names the names that may be used, up to NULL
 * @param made  from pool, read-only, any thread
 * @return NULL, or what is wrong with it, naming the unknown or unclosed name
 */
const char *dt_template_parse(apr_pool_t *pool, const char *text, const char *const *names,
                              dt_template_t **made);

/** True when it has a place for names[index]. */
bool dt_template_uses(const dt_template_t *made, int index);

/**
 * Fill it. values[i] is the value of names[i]; NULL counts as empty.
 * @return the text, from pool; NULL when a value cannot stand where it is put
 */
const char *dt_template_fill(apr_pool_t *pool, const dt_template_t *made, dt_escape_t escape,
                             const char *const *values);

#endif
