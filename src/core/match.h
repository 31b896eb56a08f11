/* SPDX-License-Identifier: Apache-2.0 */
/* What it takes for a value of an account to be the one that is searched for. */
#ifndef DT_CORE_MATCH_H
#define DT_CORE_MATCH_H

#include "core/phone.h"
#include "core/ports.h"

/** What is searched for. */
typedef struct dt_wanted_t {
    dt_match_t match;
    const char *value; /* never empty */
    dt_phone_t phone;  /* for DT_MATCH_PHONE: value as a number */
} dt_wanted_t;

/**
 * Prepare a search. Any thread.
 * @return false when nothing can ever match: value is empty, or no phone where it should be one
 */
bool dt_wanted(apr_pool_t *pool, dt_match_t match, const char *value, dt_wanted_t *wanted);

/**
 * Whether what a store has is what is wanted. Stores find more than that: collations and matching
 * rules ignore case and spaces, and a phone has many spellings. NULL and "" are never it.
 */
bool dt_wanted_is(const dt_wanted_t *wanted, const char *text);

#endif
