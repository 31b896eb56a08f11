/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: whatever comes in, what goes out stays on this origin for every parser. */
#include "core/bytes.h"
#include "core/url.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN "https://a.example:8443"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The path as a browser reads it: %2e is a dot, a backslash a slash. In place. */
static char *as_browser(char *path)
{
    char *out = path;

    for (const char *in = path; *in; in++) {
        if (in[0] == '%' && in[1] == '2' && (in[2] == 'e' || in[2] == 'E')) {
            *out++ = '.';
            in += 2;
        }
        else {
            *out++ = *in == '\\' ? '/' : *in;
        }
    }
    *out = '\0';
    return path;
}

static void check_return(apr_pool_t *pool, dt_slice_t input)
{
    const char *address = dt_url_return(pool, input);
    size_t path_len = strcspn(address, "?#");
    char *path = apr_pstrmemdup(pool, address, path_len);
    char *last = NULL;

    must(address[0] == '/' && strlen(address) <= DT_RETURN_MAX);
    for (const char *c = address; *c; c++) {
        must(*c > 0x20 && *c < 0x7f);
    }
    must(strcmp(dt_url_return(pool, dt_slice(address)), address) == 0);
    must(!strchr(path, '\\') && path[1] != '/');
    must(strncasecmp(path, "/%2f", 4) != 0 && strncasecmp(path, "/%5c", 4) != 0);
    for (char *segment = apr_strtok(as_browser(path), "/", &last); segment;
         segment = apr_strtok(NULL, "/", &last)) {
        must(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
    }
}

static void check_on_origin(apr_pool_t *pool, const char *url)
{
    const char *rest = dt_url_on_origin(pool, url, ORIGIN);

    must(!rest || (rest[0] == '/' && strncasecmp(url, ORIGIN, strlen(ORIGIN)) == 0));
}

static void check_origin(apr_pool_t *pool, const char *url)
{
    dt_origin_t origin;
    dt_origin_t again;
    const char *path = NULL;
    const char *wrong = dt_url_origin(pool, url, &origin, &path);

    if (wrong) {
        must(dt_url_origin(pool, url, &origin, NULL) != NULL);
        return;
    }
    must(dt_url_origin(pool, origin.text, &again, NULL) == NULL);
    must(strcmp(origin.text, again.text) == 0 && strcmp(origin.host, again.host) == 0);
    must(origin.https == again.https && origin.loopback == again.loopback);
    must(strncmp(origin.text, origin.https ? "https://" : "http://", origin.https ? 8 : 7) == 0);
    must(!strpbrk(origin.text, " @?#\\\r\n\tABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    must(!*path || (*path == '/' && path[strlen(path) - 1] != '/' && !strpbrk(path, " ?#\\\r\n")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *text;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    check_return(pool, (dt_slice_t){(const char *)data, size});
    check_on_origin(pool, text);
    check_on_origin(pool, apr_pstrcat(pool, ORIGIN, text, NULL));
    check_origin(pool, text);
    check_origin(pool, apr_pstrcat(pool, "https://", text, NULL));
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
