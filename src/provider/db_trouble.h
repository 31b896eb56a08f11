/* SPDX-License-Identifier: Apache-2.0 */
/* What a database said, without what must not be in a log. */
#ifndef DT_PROVIDER_DB_TROUBLE_H
#define DT_PROVIDER_DB_TROUBLE_H

#include "core/dt.h"

/**
 * The first line of text, as printable ASCII, from pool: the lines behind it quote rows. The values
 * are masked wherever they occur, and so is every run of five or more digits: it may be a phone.
 * @param values of the statement that failed, count of them, each may be NULL
 */
const char *dt_db_trouble(apr_pool_t *pool, const char *text, const char *const *values, int count);

/**
 * The same for an attempt to connect. A database that cannot read its parameters quotes them, and
 * they may hold a password: that it cannot is all that is told then.
 */
const char *dt_db_trouble_connecting(apr_pool_t *pool, const char *text);

#endif
