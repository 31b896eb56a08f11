/* SPDX-License-Identifier: Apache-2.0 */
/* What a database said, without what must not be in a log. */
#ifndef DT_PROVIDER_DB_TROUBLE_H
#define DT_PROVIDER_DB_TROUBLE_H

#include "provider/db.h"

/**
 * The first line of text, as printable ASCII, from pool: the lines behind it quote rows. Wherever
 * they occur are masked: the lines of the values, but those of less than three bytes; of a value
 * that was cut off every piece of eight bytes; every run of five or more digits, as it may be a
 * phone; and bytes as MySQL writes those of a value that it cannot keep: \xE5.
 * @param values of the statement that failed, count of them, each may be NULL
 */
const char *dt_db_trouble(apr_pool_t *pool, const char *text, const char *const *values, int count);

/**
 * The same for an attempt to connect, where the values are the passwords in params. A database that
 * cannot read its parameters quotes them: that it cannot is all that is told then.
 */
const char *dt_db_trouble_connecting(apr_pool_t *pool, dt_db_kind_t kind, const char *text,
                                     const char *params);

#endif
