/* SPDX-License-Identifier: Apache-2.0 */
/* Reading addresses so strictly that no other parser can understand something else by them. */
#include "core/url.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define VALUE_MAX 4096 /* bytes of a decoded field */
#define HOST_MAX 253   /* a name in the DNS, RFC 1035, section 2.3.4 */

/* --- percent escapes --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes one byte off a text that is not empty, escapes decoded; -1 for a malformed escape. */
static int next_byte(dt_slice_t *rest)
{
    unsigned char c = (unsigned char)rest->data[0];
    apr_size_t taken = 1;
    int byte = c;

    if (c == '%') {
        int high = rest->len > 2 ? hex_digit(rest->data[1]) : -1;
        int low = rest->len > 2 ? hex_digit(rest->data[2]) : -1;
        if (high < 0 || low < 0) {
            return -1;
        }
        byte = high * 16 + low;
        taken = 3;
    }
    rest->data += taken;
    rest->len -= taken;
    return byte;
}

/* --- return addresses --- */

/* "." and ".." are followed by some parser or other: what is left of them is another path. */
static bool is_dots(apr_size_t bytes, apr_size_t dots)
{
    return bytes == dots && (dots == 1 || dots == 2);
}

/*
 * Whether path, which is ASCII and begins with a slash, means the same to everybody. Browsers take
 * a backslash for a slash, servers decode %2f, and both walk up for "..": so segments are told
 * apart here as the most eager of them would do it.
 */
static bool path_is_plain(dt_slice_t path)
{
    apr_size_t bytes = 0; /* of the segment */
    apr_size_t dots = 0;  /* among them */
    apr_size_t segments = 0;
    dt_slice_t rest = {path.data + 1, path.len - 1};

    while (rest.len > 0) {
        bool escaped = *rest.data == '%';
        int byte = next_byte(&rest);
        if (byte < 0x20 || byte == 0x7f || (byte == '\\' && !escaped)) {
            return false;
        }
        if (byte != '/' && byte != '\\') {
            bytes++;
            dots += byte == '.';
            continue;
        }
        if (is_dots(bytes, dots) || (segments == 0 && bytes == 0)) {
            return false;
        }
        segments++;
        bytes = 0;
        dots = 0;
    }
    return !is_dots(bytes, dots);
}

/* Percent-encodes what is above ASCII; false when there is a space or a control. */
static bool to_ascii(apr_pool_t *pool, dt_slice_t address, dt_slice_t *ascii)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = apr_palloc(pool, address.len * 3 + 1);
    apr_size_t len = 0;

    for (apr_size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.data[i];
        if (c <= 0x20 || c == 0x7f) {
            return false;
        }
        if (c < 0x80) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    out[len] = '\0';
    *ascii = (dt_slice_t){out, len};
    return true;
}

const char *dt_url_return(apr_pool_t *pool, dt_slice_t address)
{
    dt_slice_t ascii;
    dt_slice_t path;

    if (address.len == 0 || address.data[0] != '/' || !to_ascii(pool, address, &ascii)) {
        return "/";
    }
    path = (dt_slice_t){ascii.data, strcspn(ascii.data, "?#")};
    if (path.len > DT_RETURN_MAX || !path_is_plain(path)) {
        return "/";
    }
    return ascii.len <= DT_RETURN_MAX ? ascii.data : apr_pstrmemdup(pool, path.data, path.len);
}

const char *dt_url_on_origin(apr_pool_t *pool, const char *url, const char *origin)
{
    apr_size_t len = strlen(origin);
    const char *rest;

    if (strlen(url) < len || !dt_slice_is((dt_slice_t){url, len}, origin)) {
        return NULL;
    }
    rest = url + len;
    if (*rest == '/') {
        return apr_pstrdup(pool, rest);
    }
    /* Anything else that goes on would be another host or port. */
    return !*rest || *rest == '?' || *rest == '#' ? apr_pstrcat(pool, "/", rest, NULL) : NULL;
}

/* --- queries and forms --- */

/* As next_byte, where a plus sign is a space (application/x-www-form-urlencoded). */
static int next_form_byte(dt_slice_t *rest)
{
    if (*rest->data == '+') {
        rest->data++;
        rest->len--;
        return ' ';
    }
    return next_byte(rest);
}

static bool name_is(dt_slice_t text, const char *name)
{
    while (text.len > 0) {
        int byte = next_form_byte(&text);
        if (!*name || byte != (unsigned char)*name) {
            return false;
        }
        name++;
    }
    return !*name;
}

/* The character that begins at text, and its length; -1 when that is not UTF-8 (RFC 3629). */
static int utf8_char(const unsigned char *text, apr_size_t len, apr_size_t *taken)
{
    static const int least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    apr_size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    int c = more == 0 ? first : first & (0x3f >> more);

    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || more >= len) {
        return -1;
    }
    for (apr_size_t i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return -1;
        }
        c = c << 6 | (text[i] & 0x3f);
    }
    *taken = more + 1;
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? -1 : c;
}

/* UTF-8 without controls, those of ISO 6429 (U+0080 to U+009F) included. */
static bool is_text(const char *text, apr_size_t len)
{
    for (apr_size_t at = 0, taken = 0; at < len; at += taken) {
        int c = utf8_char((const unsigned char *)text + at, len - at, &taken);
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            return false;
        }
    }
    return true;
}

/* The decoded value, or NULL when it is not acceptable. */
static const char *decode_value(apr_pool_t *pool, dt_slice_t text)
{
    apr_size_t room = text.len < VALUE_MAX ? text.len : VALUE_MAX;
    char *value = apr_palloc(pool, room + 1);
    apr_size_t len = 0;

    while (text.len > 0) {
        int byte = next_form_byte(&text);
        if (byte < 0 || len == room) {
            return NULL;
        }
        value[len++] = (char)byte;
    }
    value[len] = '\0';
    return is_text(value, len) ? value : NULL;
}

/* One name=value; false when it is wanted and wrong. */
static bool read_pair(apr_pool_t *pool, dt_slice_t pair, dt_field_t *fields)
{
    const char *sign = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;
    dt_slice_t name = {pair.data, sign ? (apr_size_t)(sign - pair.data) : pair.len};
    dt_slice_t text = {sign ? sign + 1 : NULL, sign ? pair.len - name.len - 1 : 0};

    for (dt_field_t *field = fields; field->name; field++) {
        if (name_is(name, field->name)) {
            if (field->value) {
                return false;
            }
            field->value = decode_value(pool, text);
            return field->value != NULL;
        }
    }
    return true;
}

static void forget(dt_field_t *fields)
{
    for (; fields->name; fields++) {
        fields->value = NULL;
    }
}

apr_status_t dt_url_fields(apr_pool_t *pool, dt_slice_t text, dt_field_t *fields)
{
    forget(fields);
    while (text.len > 0) {
        const char *end = memchr(text.data, '&', text.len);
        dt_slice_t pair = {text.data, end ? (apr_size_t)(end - text.data) : text.len};

        if (!read_pair(pool, pair, fields)) {
            forget(fields);
            return APR_EINVAL;
        }
        text.data += pair.len;
        text.len -= pair.len;
        if (end) {
            text.data++;
            text.len--;
        }
    }
    return APR_SUCCESS;
}

/* --- origins --- */

/* Takes the scheme off url. */
static bool take_scheme(const char **url, bool *https)
{
    apr_size_t len = strcspn(*url, ":");
    dt_slice_t scheme = {*url, len};

    *https = dt_slice_is(scheme, "https");
    if ((!*https && !dt_slice_is(scheme, "http")) || strncmp(*url + len, "://", 3) != 0) {
        return false;
    }
    *url += len + 3;
    return true;
}

/* Labels of letters, digits, '-' and '_', none empty. */
static bool is_host_name(const char *host)
{
    for (const char *c = host; *c; c++) {
        bool dot = *c == '.';
        if (!apr_isalnum(*c) && *c != '-' && *c != '_' && !dot) {
            return false;
        }
        if (dot && (c == host || c[1] == '.' || !c[1])) {
            return false;
        }
    }
    return *host && strlen(host) <= HOST_MAX;
}

/* Takes an IPv6 address in brackets off rest; its text becomes the shortest one (RFC 5952). */
static bool take_ipv6(apr_pool_t *pool, const char **rest, dt_origin_t *origin)
{
    const char *end = strchr(*rest, ']');
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (!end ||
        inet_pton(AF_INET6, apr_pstrmemdup(pool, *rest + 1, (apr_size_t)(end - *rest) - 1),
                  &address) != 1 ||
        !inet_ntop(AF_INET6, &address, text, sizeof(text))) {
        return false;
    }
    origin->host = apr_pstrcat(pool, "[", text, "]", NULL);
    origin->loopback = IN6_IS_ADDR_LOOPBACK(&address);
    *rest = end + 1;
    return true;
}

static bool take_host(apr_pool_t *pool, const char **rest, dt_origin_t *origin)
{
    apr_size_t len = strcspn(*rest, ":/?#");
    struct in_addr address;
    char *host;

    if (**rest == '[') {
        return take_ipv6(pool, rest, origin);
    }
    host = apr_pstrmemdup(pool, *rest, len);
    if (!is_host_name(host)) {
        return false;
    }
    for (char *c = host; *c; c++) {
        *c = (char)apr_tolower(*c);
    }
    /* A name that merely begins with "127." is anybody's: only the four-part address counts. */
    origin->loopback = strcmp(host, "localhost") == 0 || (inet_pton(AF_INET, host, &address) == 1 &&
                                                          ntohl(address.s_addr) >> 24 == 127);
    origin->host = host;
    *rest += len;
    return true;
}

/* Takes ":port" off rest, if there is one; port is 0 when there is none. */
static bool take_port(const char **rest, unsigned *port)
{
    *port = 0;
    if (**rest != ':') {
        return true;
    }
    for ((*rest)++; apr_isdigit(**rest) && *port <= 65535; (*rest)++) {
        *port = *port * 10 + (unsigned)(**rest - '0');
    }
    return *port > 0 && *port <= 65535;
}

/* The rest of the URL is a path, without trailing slashes. */
static const char *read_path(apr_pool_t *pool, const char *rest, const char **path)
{
    apr_size_t len = strlen(rest);
    dt_slice_t ascii;

    if (strpbrk(rest, "?#")) {
        return "a URL without query and fragment";
    }
    while (len > 0 && rest[len - 1] == '/') {
        len--;
    }
    if (!path) {
        return *rest && strcmp(rest, "/") != 0 ? "a URL without a path" : NULL;
    }
    if (len > 0 && (!to_ascii(pool, (dt_slice_t){rest, len}, &ascii) || ascii.len != len ||
                    !path_is_plain(ascii))) {
        return "a URL whose path is plain ASCII without spaces, backslashes and dot segments";
    }
    *path = apr_pstrmemdup(pool, rest, len);
    return NULL;
}

const char *dt_url_origin(apr_pool_t *pool, const char *url, dt_origin_t *origin, const char **path)
{
    const char *rest = url;
    unsigned port;

    if (!take_scheme(&rest, &origin->https)) {
        return "an http or https URL such as https://intra.example.com";
    }
    if (memchr(rest, '@', strcspn(rest, "/?#"))) {
        return "a URL without user name and password";
    }
    if (!take_host(pool, &rest, origin)) {
        return "a URL whose host is a name of letters, digits, '-', '.' and '_', or an address "
               "(IPv6 in brackets)";
    }
    if (!take_port(&rest, &port) || (*rest && !strchr("/?#", *rest))) {
        return "a URL whose port is a number from 1 to 65535, or left out";
    }
    if (port == 0 || port == (origin->https ? 443U : 80U)) {
        origin->text =
            apr_pstrcat(pool, origin->https ? "https://" : "http://", origin->host, NULL);
    }
    else {
        origin->text =
            apr_psprintf(pool, "%s://%s:%u", origin->https ? "https" : "http", origin->host, port);
    }
    return read_path(pool, rest, path);
}

char *dt_url_add(apr_pool_t *pool, const char *url, const char *name, const char *value)
{
    return apr_pstrcat(pool, url, strchr(url, '?') ? "&" : "?", name, "=",
                       dt_percent(pool, dt_slice(value)), NULL);
}
