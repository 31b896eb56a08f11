/* SPDX-License-Identifier: Apache-2.0 */
/* Search filters: whatever a member's record says is one value of one attribute, and no more. */
#include "core/bytes.h"
#include "provider/ldap_filter.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FILTER "(objectClass=person)"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

    must(at != NULL);
    return (int)(at - digits);
}

/* Takes literal off text. */
static const char *skip(const char *text, const char *literal)
{
    must(strncmp(text, literal, strlen(literal)) == 0);
    return text + strlen(literal);
}

/* Takes "(attribute=value)" off text, as RFC 4515 reads it: the value must be the one expected. */
static const char *skip_item(const char *text, const char *attribute, const char *value)
{
    text = skip(skip(skip(text, "("), attribute), "=");
    for (; *text != ')'; value++) {
        char c = *text++;

        must(c != '\0' && c != '(' && c != '*');
        if (c == '\\') {
            c = (char)(digit(text[0]) << 4 | digit(text[1]));
            text += 2;
        }
        must(c == *value && c != '\0');
    }
    must(*value == '\0');
    return text + 1;
}

static void check_phone(apr_pool_t *pool, const char *attribute, const char *text)
{
    const char *spellings[DT_PHONE_SPELLINGS];
    dt_phone_t phone;
    const char *made;
    int count;

    if (!dt_phone_parse(pool, text, NULL, &phone)) {
        return;
    }
    made = dt_ldap_filter(pool, FILTER, attribute, DT_MATCH_PHONE, NULL, &phone);
    made = skip(made, "(&" FILTER "(|");
    count = dt_phone_spellings(pool, &phone, spellings);
    for (int i = 0; i < count; i++) {
        made = skip_item(made, attribute, spellings[i]);
    }
    must(strcmp(made, "))") == 0);
}

/* The input is a value, and before the first line feed the attribute. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *attribute = "mail";
    apr_pool_t *pool;
    const char *made;
    char *value;
    char *end;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    value = apr_pstrmemdup(pool, (const char *)data, size);
    end = strchr(value, '\n');
    if (end) {
        *end = '\0';
        if (dt_ldap_is_attribute(value)) {
            attribute = value;
            must(apr_isalpha(*attribute) && !strpbrk(attribute, "()*\\=&|!<>~: ,#+\""));
        }
        value = end + 1;
    }
    made = dt_ldap_filter(pool, FILTER, attribute, DT_MATCH_EMAIL, value, NULL);
    made = skip_item(skip(made, "(&" FILTER), attribute, value);
    must(strcmp(made, ")") == 0);
    check_phone(pool, attribute, value);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
