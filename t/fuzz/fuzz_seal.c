/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes core/seal and base64url: one value has one text, and opening never depends on luck. */
#include "sealed.h"

#include "core/opened.h"

#include <apr_strings.h>

#include <openssl/err.h>

static void decode(dt_slice_t text)
{
    unsigned char *out =
        malloc(text.len * 3 / 4 + (text.len % 4 == 0)); /* as much as bytes.h asks for */
    apr_size_t len = 0;

    assert(out);
    if (dt_base64url_decode(text, out, &len) == APR_SUCCESS) {
        dt_slice_t again = dt_base64url(pool, (dt_slice_t){(char *)out, len});
        assert(dt_base64url_size(len) == text.len);
        assert(dt_slice_equal(again, text));
    }
    free(out);
}

static void open(dt_slice_t token)
{
    dt_slice_t plain = {NULL, 0};
    dt_slice_t again = {NULL, 0};
    dt_call_t slow = call;
    apr_status_t rv = dt_open(keys, DT_SEAL_SESSION, &call, token, &plain);

    slow.scratch = NULL;
    assert(rv == APR_SUCCESS || rv == APR_EACCES);
    assert(dt_open(keys, DT_SEAL_SESSION, &slow, token, &again) == rv);
    assert(dt_slice_equal(plain, again));
    assert(ERR_peek_error() == 0);
    if (rv == APR_SUCCESS) {
        assert(dt_base64url_size(plain.len + DT_SEAL_OVERHEAD) == token.len);
        assert(plain.data[plain.len] == '\0');
        assert(dt_open(keys, DT_SEAL_TICKET, &call, token, &again) == APR_EACCES);
    }
}

static void open_remembering(const dt_call_t *mindful, dt_slice_t token)
{
    dt_slice_t plain = {NULL, 0};
    dt_slice_t again = {NULL, 0};
    apr_status_t rv = dt_open(keys, DT_SEAL_SESSION, &call, token, &plain);

    assert(dt_open(keys, DT_SEAL_SESSION, mindful, token, &again) == rv);
    assert(dt_slice_equal(plain, again));
    assert(rv != APR_SUCCESS ||
           dt_open(keys, DT_SEAL_TICKET, mindful, token, &again) == APR_EACCES);
}

/* A connection that has opened a genuine token opens no other for it, however alike it is. */
static void remember(dt_slice_t input)
{
    dt_call_t mindful = call;
    dt_slice_t token;
    dt_slice_t forged;

    mindful.opened = dt_opened_create(pool);
    if (dt_seal(keys, DT_SEAL_SESSION, &call, input, &token) != APR_SUCCESS) {
        return;
    }
    open_remembering(&mindful, token);
    open_remembering(&mindful, input);
    open_remembering(&mindful, token);
    forged = (dt_slice_t){apr_pstrmemdup(pool, token.data, token.len), token.len};
    ((char *)forged.data)[input.len ? (unsigned char)*input.data % token.len : 0] ^= 1;
    open_remembering(&mindful, forged);
    open_remembering(&mindful, token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_slice_t input = {(const char *)data, size};

    set_up();
    decode(input);
    open(input);
    /* Most inputs are no base64url; as its content they get as far as the cipher. */
    open(dt_base64url(pool, input));
    remember(input);
    apr_pool_clear(pool);
    return 0;
}
