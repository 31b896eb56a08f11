/* SPDX-License-Identifier: Apache-2.0 */
/* The bind page's forms: what a body says is a number in E.164, a code, or nothing at all. */
#include "core/bytes.h"
#include "core/phone.h"
#include "core/url.h"

#include <apr_general.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool is_digits(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

/* What is sent to a gateway and counted as one number is written in one way only. */
static void check_phone(apr_pool_t *pool, const dt_phone_t *phone)
{
    dt_phone_t again;

    must(phone->e164[0] == '+' && is_digits(phone->e164 + 1) && strlen(phone->e164) <= 16);
    must(is_digits(phone->country) && is_digits(phone->national));
    must(strlen(phone->country) + strlen(phone->national) + 1 == strlen(phone->e164));
    must(dt_phone_same(phone, phone->e164));
    must(dt_phone_parse(pool, phone->e164, NULL, &again) && strcmp(again.e164, phone->e164) == 0);
    must(strchr(dt_phone_masked(pool, phone), '*') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_field_t fields[] = {
        {"csrf", "x"}, {"country", "x"}, {"phone", "x"}, {"code", "x"}, {NULL, NULL}};
    apr_pool_t *pool;
    apr_status_t rv;
    dt_phone_t phone;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    rv = dt_url_fields(pool, (dt_slice_t){(const char *)data, size}, fields);
    must(rv == APR_SUCCESS || rv == APR_EINVAL);
    for (const dt_field_t *field = fields; field->name; field++) {
        must(rv == APR_SUCCESS || !field->value);
        must(!field->value || (strlen(field->value) <= 4096 && !strpbrk(field->value, "\r\n\t")));
    }
    if (fields[2].value && dt_phone_parse(pool, fields[2].value, fields[1].value, &phone)) {
        check_phone(pool, &phone);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
