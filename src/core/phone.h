/* SPDX-License-Identifier: Apache-2.0 */
/* Telephone numbers: one form for all spellings (ITU-T E.164). */
#ifndef DT_CORE_PHONE_H
#define DT_CORE_PHONE_H

#include "core/dt.h"

#define DT_PHONE_COUNTRY "86" /* whose numbers people write without a country code */
#define DT_PHONE_SPELLINGS 8
#define DT_PHONE_TEXT 64 /* bytes of a text that is looked at */

/** A number that a code can be sent to. All members are digits, e164 with a plus before them. */
typedef struct dt_phone_t {
    const char *e164;
    const char *country;  /* 1 to 3 digits, by the table of assigned country codes */
    const char *national; /* the rest */
} dt_phone_t;

/**
 * What remains of digits as people type them, of a code too: spaces, "-", ".", parentheses are
 * dropped, full-width characters are their ASCII twins, a plus stays in front.
 * @return false when anything else is in text, or it is NULL or longer than DT_PHONE_TEXT
 */
bool dt_phone_typed(const char *text, char typed[DT_PHONE_TEXT + 1]);

/**
 * Understand a number as people, directories and DingTalk write it (dt_phone_typed). A leading 00
 * is a plus; the trunk zero behind +86 goes. Mainland numbers must be mobile: 1, then 3 to 9, then
 * nine digits. Others must begin with a country code and have at most 15 digits. Everything else
 * is refused.
 * @param country country code that is known from elsewhere (DingTalk's state_code, the form's
 *                field), with or without a plus; NULL: DT_PHONE_COUNTRY. It is not put in front
 *                of a number that begins with a plus (or 00), nor of one that already has it and
 *                would be no number of that country with it twice
 * @return false when it is no number of that kind; phone is unset then
 */
bool dt_phone_parse(apr_pool_t *pool, const char *text, const char *country, dt_phone_t *phone);

/**
 * The spellings of a number that one finds in databases and directories, for an indexed search:
 * +8613800138000, 8613800138000, +86-13800138000, +86 13800138000, 008613800138000, and for
 * DT_PHONE_COUNTRY 13800138000. What is found must be compared by dt_phone_same nevertheless.
 * @return how many
 */
int dt_phone_spellings(apr_pool_t *pool, const dt_phone_t *phone,
                       const char *spellings[DT_PHONE_SPELLINGS]);

/**
 * True when text, in whatever spelling, is this number. Without a plus it may begin with the
 * country code, unless it is a mainland number as it stands: 14155552671 is not +1 415 555 2671.
 */
bool dt_phone_same(const dt_phone_t *phone, const char *text);

/**
 * What people and logs may see of a number: +86138****8000. Behind the country code a shorter one
 * shows its last digits, at most four and never more than half.
 */
const char *dt_phone_masked(apr_pool_t *pool, const dt_phone_t *phone);

#endif
