/* SPDX-License-Identifier: Apache-2.0 */
/* Small things one does with bytes: slices, comparing, hex, base64url and percent encoding. */
#include "core/bytes.h"

#include <apr_cstr.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF"; /* RFC 3986, section 2.1: should be upper */
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * What a letter is worth at each of the four places of a group: its six bits, where they belong in
 * the upper three bytes, and in the lowest byte a mark of its place. No letter: 0, no mark. So
 * four look-ups, put together, are three decoded bytes and a byte that says whether all were good.
 */
#define ONE(place, c, value) [c] = (apr_uint32_t)(value) << (26 - 6 * (place)) | 1U << (place)
#define TWO(place, c, value) ONE(place, c, value), ONE(place, (c) + 1, (value) + 1)
#define EIGHT(place, c, value)                                                                \
    TWO(place, c, value), TWO(place, (c) + 2, (value) + 2), TWO(place, (c) + 4, (value) + 4), \
        TWO(place, (c) + 6, (value) + 6)
#define PLACE(place)                                                                              \
    {                                                                                             \
        EIGHT(place, 'A', 0), EIGHT(place, 'I', 8), EIGHT(place, 'Q', 16), TWO(place, 'Y', 24),   \
            EIGHT(place, 'a', 26), EIGHT(place, 'i', 34), EIGHT(place, 'q', 42),                  \
            TWO(place, 'y', 50), EIGHT(place, '0', 52), TWO(place, '8', 60), ONE(place, '-', 62), \
            ONE(place, '_', 63)                                                                   \
    }
#define ALL_PLACES 0xfU

static const apr_uint32_t worth[4][256] = {PLACE(0), PLACE(1), PLACE(2), PLACE(3)};

dt_slice_t dt_slice(const char *text)
{
    return text ? (dt_slice_t){text, strlen(text)} : (dt_slice_t){NULL, 0};
}

bool dt_slice_equal(dt_slice_t a, dt_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool dt_slice_is(dt_slice_t s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || !apr_cstr_casecmpn(s.data, text, s.len));
}

bool dt_secret_equal(dt_slice_t s, dt_slice_t other)
{
    return s.len == other.len && (s.len == 0 || CRYPTO_memcmp(s.data, other.data, s.len) == 0);
}

char *dt_hex(apr_pool_t *pool, const unsigned char *bytes, apr_size_t len)
{
    char *text = apr_palloc(pool, len * 2 + 1);
    char *to = text;

    for (apr_size_t i = 0; i < len; i++) {
        *to++ = hex_lower[bytes[i] >> 4];
        *to++ = hex_lower[bytes[i] & 0xf];
    }
    *to = '\0';
    return text;
}

apr_size_t dt_base64url_size(apr_size_t len)
{
    return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

dt_slice_t dt_base64url(apr_pool_t *pool, dt_slice_t bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    dt_slice_t text = {NULL, dt_base64url_size(bytes.len)};
    char *to = apr_palloc(pool, text.len + 1);
    apr_size_t left = bytes.len;

    text.data = to;
    for (; left >= 3; left -= 3, at += 3) {
        *to++ = letters[at[0] >> 2];
        *to++ = letters[(at[0] & 0x03) << 4 | at[1] >> 4];
        *to++ = letters[(at[1] & 0x0f) << 2 | at[2] >> 6];
        *to++ = letters[at[2] & 0x3f];
    }
    if (left > 0) {
        unsigned second = left == 2 ? at[1] : 0;
        *to++ = letters[at[0] >> 2];
        *to++ = letters[(at[0] & 0x03) << 4 | second >> 4];
        if (left == 2) {
            *to++ = letters[(second & 0x0f) << 2];
        }
    }
    *to = '\0';
    return text;
}

static apr_uint32_t four_letters(const unsigned char *at)
{
    return worth[0][at[0]] | worth[1][at[1]] | worth[2][at[2]] | worth[3][at[3]];
}

/*
 * Not APR's decoder: that takes both alphabets mixed, padding, and any spare bits, so that one
 * value would have many texts. Besides, this is most of what opening a cookie costs beside AES:
 * hence the tables, and four bytes written for three, which compilers make one store.
 */
apr_status_t dt_base64url_decode(dt_slice_t text, unsigned char *out, apr_size_t *len)
{
    const unsigned char *at = (const unsigned char *)text.data;
    apr_size_t rest = text.len % 4;
    unsigned char *to = out;
    apr_uint32_t seen = ALL_PLACES;

    if (rest == 1) {
        return APR_BADCH;
    }
    for (apr_size_t n = text.len / 4; n > 0; n--, at += 4, to += 3) {
        apr_uint32_t bits = four_letters(at);
        seen &= bits;
        to[0] = (unsigned char)(bits >> 24);
        to[1] = (unsigned char)(bits >> 16);
        to[2] = (unsigned char)(bits >> 8);
        to[3] = (unsigned char)bits; /* the next group's place, or the one to spare */
    }
    if (rest > 0) {
        unsigned char end[4] = {at[0], at[1], rest == 3 ? at[2] : 'A', 'A'};
        apr_uint32_t bits = four_letters(end);
        seen &= bits;
        if (bits & (rest == 3 ? 0xff00U : 0xffff00U)) {
            return APR_BADCH;
        }
        *to++ = (unsigned char)(bits >> 24);
        if (rest == 3) {
            *to++ = (unsigned char)(bits >> 16);
        }
    }
    if (seen != ALL_PLACES) {
        return APR_BADCH;
    }
    *len = (apr_size_t)(to - out);
    return APR_SUCCESS;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool is_plain_in_header(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

static char *percent(apr_pool_t *pool, dt_slice_t bytes, bool (*stays)(unsigned char))
{
    apr_size_t size = bytes.len + 1;
    char *text;
    char *to;

    for (apr_size_t i = 0; i < bytes.len; i++) {
        size += stays((unsigned char)bytes.data[i]) ? 0 : 2;
    }
    text = to = apr_palloc(pool, size);
    for (apr_size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (stays(c)) {
            *to++ = (char)c;
        }
        else {
            *to++ = '%';
            *to++ = hex_upper[c >> 4];
            *to++ = hex_upper[c & 0xf];
        }
    }
    *to = '\0';
    return text;
}

char *dt_percent(apr_pool_t *pool, dt_slice_t bytes)
{
    return percent(pool, bytes, is_unreserved);
}

const char *dt_percent_header(apr_pool_t *pool, const char *text)
{
    const char *c = text;

    while (*c && is_plain_in_header((unsigned char)*c)) {
        c++;
    }
    return *c ? percent(pool, dt_slice(text), is_plain_in_header) : text;
}

char *dt_loggable(apr_pool_t *pool, dt_slice_t text, apr_size_t max)
{
    apr_size_t len = text.len < max ? text.len : max;
    char *shown = apr_palloc(pool, len + 1);

    for (apr_size_t i = 0; i < len; i++) {
        char c = text.data[i];
        shown[i] = (c >= 0x20 && c <= 0x7e) ? c : '?';
    }
    shown[len] = '\0';
    return shown;
}

apr_status_t dt_random(unsigned char *out, apr_size_t len)
{
    if (len > INT_MAX || RAND_bytes(out, (int)len) != 1) {
        ERR_clear_error(); /* the queue belongs to the thread: leave nothing for the next user */
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}
