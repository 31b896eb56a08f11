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

/**
 * Fill a page template: %{name} becomes the value, escaped for HTML; %{?name} … %{/name} stays
 * only when the value is not empty. "%%" is a percent sign, and so is one before anything else
 * than a brace.
 * @param names  those there are, up to NULL
 * @param values values[i] is the value of names[i]; NULL counts as empty
 * @return the page, from pool; NULL when dt_text_check would complain
 */
char *dt_text_page(apr_pool_t *pool, const char *page, const char *const *names,
                   const char *const *values);

/**
 * What is wrong with a page template, for whoever wrote it: "line 3: %{nmae}: there is no such
 * name". From pool; NULL when nothing is.
 */
const char *dt_text_check(apr_pool_t *pool, const char *page, const char *const *names);

#endif
