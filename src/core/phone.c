/* SPDX-License-Identifier: Apache-2.0 */
/* Telephone numbers: one form for all spellings (ITU-T E.164). */
#include "core/phone.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

enum {
    DIGITS_MAX = 15,   /* of a number, ITU-T E.164 */
    COUNTRY_MAX = 3,   /* of its country code */
    MAINLAND_SIZE = 11 /* of a mobile number behind 86 */
};

/* A number's digits while they are judged: country code, and whatever somebody typed behind it. */
typedef struct digits_t {
    char text[COUNTRY_MAX + DT_PHONE_TEXT + 1];
} digits_t;

/* The character at *text, which is moved on; of a full-width one (U+FF01 … U+FF1F) its ASCII twin:
 * EF BC 81 is "!", 21. */
static char next_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;

    if (at[0] == 0xef && at[1] == 0xbc && at[2] >= 0x81 && at[2] <= 0x9f) {
        *text += 3;
        return (char)(at[2] - 0x60);
    }
    *text += 1;
    return (char)at[0];
}

bool dt_phone_typed(const char *text, char typed[DT_PHONE_TEXT + 1])
{
    apr_size_t len = 0;

    if (!text || strlen(text) > DT_PHONE_TEXT) {
        return false;
    }
    while (*text) {
        const char c = next_character(&text);
        if (apr_isdigit(c) || (c == '+' && len == 0)) {
            typed[len++] = c;
        }
        else if (!strchr(" -.()", c)) {
            return false;
        }
    }
    typed[len] = '\0';
    return true;
}

/* How many digits the country code has, by ITU-T E.164's list of those assigned; 0: it is none. */
static apr_size_t country_size(const char *digits)
{
    static const char *const second_of_two[] = {"",         "",        "07", "0123469", "013456789",
                                                "12345678", "0123456", "",   "1246",    "0123458"};

    if (digits[0] < '1' || digits[0] > '9') {
        return 0;
    }
    if (digits[0] == '1' || digits[0] == '7') {
        return 1;
    }
    if (digits[1] && strchr(second_of_two[digits[0] - '0'], digits[1])) {
        return 2;
    }
    return COUNTRY_MAX;
}

static bool is_mainland_mobile(const char *national)
{
    return strlen(national) == MAINLAND_SIZE && national[0] == '1' && national[1] >= '3';
}

/* Whether a code can be sent to country and rest together. The trunk zero is dropped. */
static bool join(const char *country, const char *rest, digits_t *digits)
{
    const apr_size_t behind = strlen(DT_PHONE_COUNTRY);
    apr_size_t size;

    apr_snprintf(digits->text, sizeof(digits->text), "%s%s", country, rest);
    size = country_size(digits->text);
    if (size == 0 || strlen(digits->text) <= size) {
        return false;
    }
    if (strncmp(digits->text, DT_PHONE_COUNTRY, behind) != 0) {
        return strlen(digits->text) <= DIGITS_MAX;
    }
    if (digits->text[behind] == '0') {
        memmove(digits->text + behind, digits->text + behind + 1,
                strlen(digits->text + behind + 1) + 1);
    }
    return is_mainland_mobile(digits->text + behind);
}

/* What is behind a plus or 00; NULL when neither is there. */
static const char *behind_plus(const char *typed)
{
    if (typed[0] == '+') {
        return typed + 1;
    }
    return strncmp(typed, "00", 2) == 0 ? typed + 2 : NULL;
}

/* The country code of text, into typed. */
static const char *read_country(const char *text, char typed[DT_PHONE_TEXT + 1])
{
    const char *code;

    if (!text) {
        return DT_PHONE_COUNTRY;
    }
    if (!dt_phone_typed(text, typed)) {
        return NULL;
    }
    code = behind_plus(typed);
    code = code ? code : typed;
    return *code && strlen(code) == country_size(code) ? code : NULL;
}

static bool read_number(const char *text, const char *country, digits_t *digits)
{
    char typed[DT_PHONE_TEXT + 1];
    char typed_country[DT_PHONE_TEXT + 1];
    const char *code = read_country(country, typed_country);
    const char *international;

    if (!code || !dt_phone_typed(text, typed)) {
        return false;
    }
    international = behind_plus(typed);
    if (international) {
        return join("", international, digits);
    }
    return join(code, typed, digits) ||
           (strncmp(typed, code, strlen(code)) == 0 && join("", typed, digits));
}

bool dt_phone_parse(apr_pool_t *pool, const char *text, const char *country, dt_phone_t *phone)
{
    digits_t digits;
    apr_size_t size;

    if (!read_number(text, country, &digits)) {
        return false;
    }
    size = country_size(digits.text);
    *phone = (dt_phone_t){apr_pstrcat(pool, "+", digits.text, NULL),
                          apr_pstrmemdup(pool, digits.text, size),
                          apr_pstrdup(pool, digits.text + size)};
    return true;
}

int dt_phone_spellings(apr_pool_t *pool, const dt_phone_t *phone,
                       const char *spellings[DT_PHONE_SPELLINGS])
{
    int count = 0;

    spellings[count++] = phone->e164;
    spellings[count++] = phone->e164 + 1;
    spellings[count++] = apr_pstrcat(pool, "+", phone->country, "-", phone->national, NULL);
    spellings[count++] = apr_pstrcat(pool, "+", phone->country, " ", phone->national, NULL);
    spellings[count++] = apr_pstrcat(pool, "00", phone->e164 + 1, NULL);
    if (strcmp(phone->country, DT_PHONE_COUNTRY) == 0) {
        spellings[count++] = phone->national;
    }
    return count;
}

bool dt_phone_same(const dt_phone_t *phone, const char *text)
{
    char typed[DT_PHONE_TEXT + 1];
    digits_t digits;

    if (read_number(text, NULL, &digits)) {
        return strcmp(digits.text, phone->e164 + 1) == 0;
    }
    /* The country code without a plus. What may be a mainland number is nothing else: above. */
    return dt_phone_typed(text, typed) && join("", typed, &digits) &&
           strcmp(digits.text, phone->e164 + 1) == 0;
}

const char *dt_phone_masked(apr_pool_t *pool, const dt_phone_t *phone)
{
    const apr_size_t len = strlen(phone->national);
    const apr_size_t head = len >= MAINLAND_SIZE ? 3 : 0;
    const apr_size_t tail = len >= 8 ? 4 : len / 2;
    char *masked = apr_pstrcat(pool, "+", phone->country, phone->national, NULL);

    memset(masked + 1 + strlen(phone->country) + head, '*', len - head - tail);
    return masked;
}
