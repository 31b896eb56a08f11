/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes core/phone: whatever is typed, what comes out is one number in one form, or none. */
#include "core/phone.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(const dt_phone_t *phone)
{
    const apr_size_t country = strlen(phone->country);

    assert(phone->e164[0] == '+' && phone->e164[1] >= '1' && phone->e164[1] <= '9');
    assert(strspn(phone->e164 + 1, "0123456789") == strlen(phone->e164 + 1));
    assert(strlen(phone->e164) <= 16);
    assert(country >= 1 && country <= 3 && *phone->national);
    assert(strncmp(phone->e164 + 1, phone->country, country) == 0);
    assert(strcmp(phone->e164 + 1 + country, phone->national) == 0);
    if (strcmp(phone->country, DT_PHONE_COUNTRY) == 0) {
        assert(strlen(phone->national) == 11 && phone->national[0] == '1');
    }
}

/* Its own spellings lead back to it, whatever country they are read for. */
static void check_spellings(apr_pool_t *pool, const dt_phone_t *phone)
{
    const char *spellings[DT_PHONE_SPELLINGS];
    const int count = dt_phone_spellings(pool, phone, spellings);
    dt_phone_t again;

    assert(count == 5 || count == 6);
    assert(dt_phone_same(phone, phone->e164));
    for (int i = 0; i < count; i++) {
        /* Without a plus it may be a mainland number as it stands. */
        assert(dt_phone_same(phone, spellings[i]) || (i == 1 && phone->country[0] == '1'));
        if (spellings[i][0] == '+') {
            assert(dt_phone_parse(pool, spellings[i], "7", &again));
            assert(strcmp(again.e164, phone->e164) == 0);
        }
    }
}

static void check_masked(apr_pool_t *pool, const dt_phone_t *phone)
{
    const char *masked = dt_phone_masked(pool, phone);
    apr_size_t hidden = 0;

    assert(strlen(masked) == strlen(phone->e164));
    for (apr_size_t i = 0; masked[i]; i++) {
        hidden += masked[i] == '*';
        assert(masked[i] == phone->e164[i] || masked[i] == '*');
    }
    assert(hidden >= 4 || hidden * 2 >= strlen(phone->national));
}

/* The input is a number, and before the first line feed the country. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *pool;
    char *text;
    char *country = NULL;
    char *end;
    dt_phone_t phone;

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    text = apr_pstrmemdup(pool, (const char *)data, size);
    end = strchr(text, '\n');
    if (end) {
        *end = '\0';
        country = text;
        text = end + 1;
    }
    if (dt_phone_parse(pool, text, country, &phone)) {
        check_form(&phone);
        check_spellings(pool, &phone);
        check_masked(pool, &phone);
        /* What it was read from is a spelling too. */
        assert(country || dt_phone_same(&phone, text));
    }
    apr_pool_clear(pool);
    return 0;
}
