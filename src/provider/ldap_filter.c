/* SPDX-License-Identifier: Apache-2.0 */
/* The search filters of an attribute store in LDAP (RFC 4515). */
#include "provider/ldap_filter.h"

#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define NAME_MAX_LEN 127

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

bool dt_ldap_is_attribute(const char *name)
{
    const apr_size_t len = strlen(name);

    if (len > NAME_MAX_LEN || !is_ascii(name[0]) || !apr_isalpha(name[0])) {
        return false;
    }
    for (const char *c = name; *c; c++) {
        if (!is_ascii(*c) || (!apr_isalnum(*c) && *c != '-' && *c != ';')) {
            return false;
        }
    }
    return true;
}

static const char *equality(apr_pool_t *pool, const char *attribute, const char *value)
{
    const char *escaped = apr_pescape_ldap(pool, value, APR_ESCAPE_STRING, APR_ESCAPE_LDAP_FILTER);

    return apr_pstrcat(pool, "(", attribute, "=", escaped, ")", NULL);
}

static const char *spellings(apr_pool_t *pool, const char *attribute, const dt_phone_t *phone)
{
    const char *texts[DT_PHONE_SPELLINGS];
    const int count = dt_phone_spellings(pool, phone, texts);
    const char *list = "";

    for (int i = 0; i < count; i++) {
        list = apr_pstrcat(pool, list, equality(pool, attribute, texts[i]), NULL);
    }
    return apr_pstrcat(pool, "(|", list, ")", NULL);
}

const char *dt_ldap_filter(apr_pool_t *pool, const char *filter, const char *attribute,
                           dt_match_t match, const char *value, const dt_phone_t *phone)
{
    const char *condition = match == DT_MATCH_PHONE ? spellings(pool, attribute, phone)
                                                    : equality(pool, attribute, value);

    return apr_pstrcat(pool, "(&", filter, condition, ")", NULL);
}
