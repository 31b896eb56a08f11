/* SPDX-License-Identifier: Apache-2.0 */
/* The search filters of an attribute store in LDAP (RFC 4515). */
#ifndef DT_PROVIDER_LDAP_FILTER_H
#define DT_PROVIDER_LDAP_FILTER_H

#include "core/phone.h"
#include "core/ports.h"

/**
 * True when name can be an attribute: letters, digits and "-", perhaps with options behind ";", not
 * beginning with a digit, at most 127. Nothing in such a name means anything to a filter.
 */
bool dt_ldap_is_attribute(const char *name);

/**
 * What satisfies filter and has value as one of the values of attribute. A value is escaped, so
 * that it is never anything else. What comes back must be compared again: a directory ignores case
 * and spaces.
 * @param filter in parentheses
 * @param phone  for DT_MATCH_PHONE instead of value: any of its spellings
 */
const char *dt_ldap_filter(apr_pool_t *pool, const char *filter, const char *attribute,
                           dt_match_t match, const char *value, const dt_phone_t *phone);

#endif
