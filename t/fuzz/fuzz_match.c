/* SPDX-License-Identifier: Apache-2.0 */
/* What a store has beside what is wanted: only what is really the same counts.
 * The first byte says how (0 text, 1 address, 2 phone); then come what is wanted, a NUL, and what a
 * column or a directory has. */
#include "core/match.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* --- what must hold, told without the code under test --- */

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same_address(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

/* The digits of a text, full-width ones too, and a plus; false: there is something else in it. */
static bool digits_of(const char *text, char *digits)
{
    for (; *text; text++) {
        char c = *text;

        if (strncmp(text, "\xef\xbc", 2) == 0 && text[2]) {
            c = (char)((unsigned char)text[2] - 0x60);
            text += 2;
        }
        if (strchr(DIGITS "+", c)) {
            *digits++ = c;
        }
        else if (!strchr(" -.()", c)) {
            return false;
        }
    }
    *digits = '\0';
    return true;
}

/* A text that is the number ends with it, and before that is at most what leads to it: a plus or
 * 00 and the country code, and where that is ours a zero or nothing at all. */
static bool may_be(apr_pool_t *pool, const dt_phone_t *phone, const char *text)
{
    const bool ours = strcmp(phone->country, DT_PHONE_COUNTRY) == 0;
    const size_t behind = strlen(phone->national);
    char *digits = apr_palloc(pool, strlen(text) + 1);
    const char *head = digits;
    size_t len;

    if (!digits_of(text, digits)) {
        return false;
    }
    len = strlen(digits);
    if (len < behind || strcmp(digits + len - behind, phone->national) != 0) {
        return false;
    }
    digits[len - behind] = '\0';
    if (!*head || strcmp(head, "0") == 0) {
        return ours;
    }
    head += *head == '+' ? 1 : strncmp(head, "00", 2) == 0 ? 2 : 0;
    len = strlen(phone->country);
    return strncmp(head, phone->country, len) == 0 &&
           (!head[len] || (ours && strcmp(head + len, "0") == 0));
}

static bool expected(const dt_wanted_t *wanted, const char *text)
{
    if (!*text) {
        return false;
    }
    return wanted->match == DT_MATCH_EMAIL ? same_address(wanted->value, text)
                                           : strcmp(wanted->value, text) == 0;
}

/* --- checking --- */

static void check_phone(apr_pool_t *pool, const dt_wanted_t *wanted, const char *text, bool is)
{
    const char *spellings[DT_PHONE_SPELLINGS];
    const int count = dt_phone_spellings(pool, &wanted->phone, spellings);
    dt_wanted_t other;

    must(!is || may_be(pool, &wanted->phone, text));
    must(is || strcmp(text, wanted->value) != 0);
    /* A number that is searched for is found in every column that a search reads, but where it
     * reads as one of another country. */
    for (int i = 0; i < count; i++) {
        must(dt_wanted_is(wanted, spellings[i]) || (i == 1 && wanted->phone.country[0] == '1'));
    }
    if (dt_wanted(pool, DT_MATCH_PHONE, text, &other)) {
        must(is == (strcmp(other.phone.e164, wanted->phone.e164) == 0));
        must(dt_wanted_is(&other, text));
        must(!is || dt_wanted_is(&other, wanted->value));
    }
}

/* Nothing that a database or a directory takes for the same is it: a space, a case. */
static void check_neighbours(apr_pool_t *pool, const dt_wanted_t *wanted)
{
    char *cased = apr_pstrdup(pool, wanted->value);

    must(!dt_wanted_is(wanted, apr_pstrcat(pool, wanted->value, " ", NULL)));
    must(!dt_wanted_is(wanted, apr_pstrcat(pool, " ", wanted->value, NULL)));
    for (char *c = cased; *c; c++) {
        *c = (char)(lower(*c) >= 'a' && lower(*c) <= 'z' ? *c ^ 0x20 : *c);
    }
    must(dt_wanted_is(wanted, cased) ==
         (wanted->match == DT_MATCH_EMAIL || strcmp(cased, wanted->value) == 0));
}

static void check(apr_pool_t *pool, dt_match_t match, const char *value, const char *text)
{
    dt_wanted_t wanted;
    dt_wanted_t other;
    bool is;

    if (!dt_wanted(pool, match, value, &wanted)) {
        must(!*value || match == DT_MATCH_PHONE);
        return;
    }
    must(wanted.match == match && strcmp(wanted.value, value) == 0 && *value);
    must(!dt_wanted_is(&wanted, NULL) && !dt_wanted_is(&wanted, ""));
    must(dt_wanted_is(&wanted, value));
    is = dt_wanted_is(&wanted, text);
    if (match == DT_MATCH_PHONE) {
        check_phone(pool, &wanted, text, is);
        return;
    }
    must(is == expected(&wanted, text));
    check_neighbours(pool, &wanted);
    /* Who is the same is so from both sides. */
    must(!*text || (dt_wanted(pool, match, text, &other) && dt_wanted_is(&other, value) == is));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    const char *value;
    const char *text;

    if (size < 2) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    value = apr_pstrmemdup(pool, (const char *)data + 1, size - 1);
    text = strlen(value) < size - 1 ? value + strlen(value) + 1 : "";
    check(pool, (dt_match_t)(data[0] % 3), value, text);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
