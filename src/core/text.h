/* SPDX-License-Identifier: Apache-2.0 */
/* What people read: the language they want, and page templates with everything escaped. */
#ifndef DT_CORE_TEXT_H
#define DT_CORE_TEXT_H

#include "core/dt.h"

/**
 * The language of an Accept-Language header (RFC 9110, section 12.5.4): Chinese when a zh range
 * has at least the weight of every en range and more than 0; English otherwise, and for NULL.
 */
dt_language_t dt_text_language(const char *accept_language);

/** "en" or "zh-CN", for lang and Content-Language. */
const char *dt_text_tag(dt_language_t language);

/** Escape for HTML text and quoted attributes: & < > " ' and controls. From pool. */
char *dt_text_html(apr_pool_t *pool, const char *text);

/** One value of a template; the list ends with a NULL name. */
typedef struct dt_text_value_t {
    const char *name;
    const char *value; /* NULL: as empty */
} dt_text_value_t;

/**
 * Fill a page template: %{name} becomes the value, escaped for HTML; %{?name} … %{/name} stays
 * only when the value is not empty. A name nobody gave is empty. "%%" is a percent sign.
 * @return the page, from pool; NULL when the template is malformed (an open %{ or a condition
 *         that is not closed)
 */
char *dt_text_page(apr_pool_t *pool, const char *page, const dt_text_value_t *values);

#endif
