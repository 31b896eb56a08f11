/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign bytes on their way out: into a log line, a query, a header, a token. */
#include "core/bytes.h"
#include "core/url.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Percent escapes undone, told without the code under test. */
static dt_slice_t unescaped(apr_pool_t *pool, const char *text)
{
    char *out = apr_palloc(pool, strlen(text) + 1);
    apr_size_t len = 0;

    for (; *text; text++) {
        if (*text == '%') {
            const char digits[] = {text[1], text[1] ? text[2] : '\0', '\0'};
            char *end;

            out[len++] = (char)strtol(digits, &end, 16);
            must(end == digits + 2);
            text += 2;
        }
        else {
            out[len++] = *text;
        }
    }
    return (dt_slice_t){out, len};
}

static void check_log(apr_pool_t *pool, dt_slice_t input)
{
    const char *text = dt_loggable(pool, input, LOG_MAX);
    const apr_size_t len = strlen(text);

    must(len <= LOG_MAX && len <= input.len && (len == LOG_MAX || len == input.len));
    for (apr_size_t i = 0; i < len; i++) {
        must(text[i] >= 0x20 && text[i] < 0x7f);
        must(text[i] == input.data[i] || text[i] == '?');
    }
}

static void check_percent(apr_pool_t *pool, dt_slice_t input)
{
    dt_field_t fields[] = {{"name", NULL}, {NULL, NULL}};
    const char *text = dt_percent(pool, input);
    const char *url;

    must(strspn(text, "-._~%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") ==
         strlen(text));
    must(dt_slice_equal(unescaped(pool, text), input));
    url = dt_url_add(pool, "https://a.example/?x=1", "name", apr_pstrdup(pool, text));
    must(dt_url_fields(pool, dt_slice(strchr(url, '?') + 1), fields) == APR_SUCCESS ||
         strlen(text) > 4096);
    must(!fields[0].value || strcmp(fields[0].value, text) == 0);
}

static void check_header(apr_pool_t *pool, const char *input)
{
    const char *text = dt_percent_header(pool, input);

    for (const char *c = text; *c; c++) {
        must(*c >= 0x20 && *c < 0x7f);
    }
    must(dt_slice_equal(unescaped(pool, text), dt_slice(input)));
}

static void check_encodings(apr_pool_t *pool, dt_slice_t input)
{
    const char *hex = dt_hex(pool, (const unsigned char *)input.data, input.len);
    dt_slice_t text = dt_base64url(pool, input);
    unsigned char *out = malloc(text.len * 3 / 4 + (text.len % 4 == 0));
    apr_size_t len = 0;

    must(strlen(hex) == input.len * 2 && strspn(hex, "0123456789abcdef") == input.len * 2);
    must(out && text.len == dt_base64url_size(input.len) && strlen(text.data) == text.len);
    must(dt_base64url_decode(text, out, &len) == APR_SUCCESS);
    must(dt_slice_equal((dt_slice_t){(char *)out, len}, input));
    free(out);
}

/* The constant-time comparison says what the other one says; the halves of the input are compared.
 */
static void check_equal(dt_slice_t input)
{
    const dt_slice_t a = {input.data, input.len / 2};
    const dt_slice_t b = {input.data + input.len / 2, input.len - input.len / 2};

    must(dt_secret_equal(a, b) == dt_slice_equal(a, b));
    must(dt_secret_equal(b, a) == dt_slice_equal(a, b));
    must(dt_secret_equal(a, a) && dt_slice_equal(b, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const dt_slice_t input = {(const char *)data, size};
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    check_log(pool, input);
    check_percent(pool, input);
    check_header(pool, apr_pstrmemdup(pool, input.data, input.len));
    check_encodings(pool, input);
    check_equal(input);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
