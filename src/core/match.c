/* SPDX-License-Identifier: Apache-2.0 */
/* What it takes for a value of an account to be the one that is searched for. */
#include "core/match.h"

#include "core/bytes.h"

#include <string.h>

bool dt_wanted(apr_pool_t *pool, dt_match_t match, const char *value, dt_wanted_t *wanted)
{
    *wanted = (dt_wanted_t){.match = match, .value = value};
    if (!value || !*value) {
        return false;
    }
    return match != DT_MATCH_PHONE || dt_phone_parse(pool, value, NULL, &wanted->phone);
}

bool dt_wanted_is(const dt_wanted_t *wanted, const char *text)
{
    if (!text || !*text) {
        return false;
    }
    switch (wanted->match) {
    case DT_MATCH_EMAIL:
        return dt_slice_is(dt_slice(text), wanted->value);
    case DT_MATCH_PHONE:
        return dt_phone_same(&wanted->phone, text);
    case DT_MATCH_TEXT:
        break;
    }
    return strcmp(text, wanted->value) == 0;
}
