/* SPDX-License-Identifier: Apache-2.0 */
/* What a database said, without what must not be in a log. */
#include "provider/db_trouble.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define TEXT_MAX 300 /* characters that are told */
#define VALUE_MIN 3  /* a shorter value says nothing, and occurs everywhere */
#define DIGITS_MIN 5 /* in a row that may be a part of a phone number */

/* Where libpq complains of parameters, it quotes them. */
static const char *const malformed[] = {"connection info string", "connection option", "URI",
                                        "percent-encoded", "key/value"};

static void mask_value(char *text, const char *value)
{
    const size_t len = value ? strlen(value) : 0;

    if (len < VALUE_MIN) {
        return;
    }
    while ((text = strstr(text, value)) != NULL) {
        memset(text, '*', len);
        text += len;
    }
}

static void mask_digits(char *text)
{
    while (*text) {
        size_t run = 0;

        while (apr_isdigit(text[run])) {
            run++;
        }
        if (run >= DIGITS_MIN) {
            memset(text, '*', run);
        }
        text += run ? run : 1;
    }
}

const char *dt_db_trouble(apr_pool_t *pool, const char *text, const char *const *values, int count)
{
    char *line;

    if (!text || !*text) {
        return "the database does not say what is wrong";
    }
    line = apr_pstrmemdup(pool, text, strcspn(text, "\r\n"));
    for (int i = 0; i < count; i++) {
        mask_value(line, values[i]);
    }
    mask_digits(line);
    return dt_loggable(pool, dt_slice(line), TEXT_MAX);
}

const char *dt_db_trouble_connecting(apr_pool_t *pool, const char *text)
{
    for (size_t i = 0; text && i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        if (strstr(text, malformed[i])) {
            return "the parameters of DingTalkDatabase are malformed";
        }
    }
    return dt_db_trouble(pool, text, NULL, 0);
}
