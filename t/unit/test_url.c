/* SPDX-License-Identifier: Apache-2.0 */
/* Return addresses and origins: what is let in, and what is not. */
#include "core/bytes.h"
#include "core/url.h"
#include "unit.h"

/* --- return addresses --- */

/* What comes out is safe by the same judgement. */
static void assert_return(apr_pool_t *pool, const char *address, const char *expected)
{
    assert_row_text(address, dt_url_return(pool, dt_slice(address)), expected);
    assert_row_text(expected, dt_url_return(pool, dt_slice(expected)), expected);
}

static void assert_refused(apr_pool_t *pool, const char *const *addresses)
{
    for (; *addresses; addresses++) {
        assert_return(pool, *addresses, "/");
    }
}

static void a_plain_path_is_kept(void **state)
{
    static const char *const kept[] = {"/",
                                       "/app",
                                       "/app/",
                                       "/app/index.html?x=1&y=2#top",
                                       "/a//b",
                                       "/...",
                                       "/.hidden",
                                       "/a..b/c",
                                       "/a;b=1/:c@d",
                                       "/%E4%B8%AD",
                                       "/a%20b",
                                       "/?",
                                       "/#",
                                       "/?next=//evil.example/..\\",
                                       "/#/../x",
                                       "/a?%zz",
                                       "/%2e%2e%2e/x",
                                       "/a%2fb",
                                       "/%25%32%66",
                                       NULL};

    for (const char *const *address = kept; *address; address++) {
        assert_return(*state, *address, *address);
    }
}

static void whatever_leaves_the_origin_becomes_the_root(void **state)
{
    static const char *const refused[] = {"",
                                          "app",
                                          "?x",
                                          "#x",
                                          "//evil.example",
                                          "///evil.example",
                                          "/\\evil.example",
                                          "\\\\evil.example",
                                          "\\/evil.example",
                                          "/%2fevil.example",
                                          "/%2Fevil.example",
                                          "/%5cevil.example",
                                          "/%5Cevil.example",
                                          "//",
                                          "/\\",
                                          "/%2f",
                                          "https://evil.example/",
                                          "https:evil.example",
                                          "javascript:alert(1)",
                                          "@evil.example",
                                          "http:///evil.example",
                                          NULL};

    assert_refused(*state, refused);
}

static void a_backslash_is_refused_in_the_path_only(void **state)
{
    assert_return(*state, "/a\\b", "/");
    assert_return(*state, "/a\\..\\b", "/");
    assert_return(*state, "/a?b\\c", "/a?b\\c");
    assert_return(*state, "/a#b\\c", "/a#b\\c");
}

static void a_dot_segment_is_refused_in_every_spelling(void **state)
{
    static const char *const refused[] = {"/.",
                                          "/..",
                                          "/./",
                                          "/../",
                                          "/a/.",
                                          "/a/..",
                                          "/a/./b",
                                          "/a/../b",
                                          "/%2e",
                                          "/%2E%2e/a",
                                          "/.%2e",
                                          "/%2e./a",
                                          "/a/%2e%2E",
                                          "/./%2fevil.example",
                                          "/.//evil.example",
                                          "/a%2f..%2fb",
                                          "/a%5c..%5cb",
                                          "/a/..%2fb",
                                          "/a%2f..",
                                          "/..?x",
                                          "/..#x",
                                          NULL};

    assert_refused(*state, refused);
}

static void a_malformed_escape_in_the_path_is_refused(void **state)
{
    static const char *const refused[] = {"/%",   "/%a",   "/%zz",  "/a%2",
                                          "/%-1", "/%?aa", "/%%61", NULL};

    assert_refused(*state, refused);
}

static void spaces_and_controls_are_refused_everywhere(void **state)
{
    static const char *const refused[] = {"/\t/evil.example",
                                          "/\n/evil.example",
                                          "/\r/evil.example",
                                          "/ /evil.example",
                                          " /app",
                                          "/app\r\nSet-Cookie: x=1",
                                          "/app?x=\r\ny",
                                          "/app#\ty",
                                          "/app?a b",
                                          "/app\x7f",
                                          "/a\x01",
                                          "/%00",
                                          "/%0d%0a",
                                          "/%1f",
                                          "/%7f",
                                          "/%09/evil.example",
                                          NULL};

    assert_refused(*state, refused);
    assert_string_equal(dt_url_return(*state, (dt_slice_t){"/a\0b", 4}), "/");
    assert_return(*state, "/a?b=%0d%0a", "/a?b=%0d%0a");
}

static void bytes_above_ascii_are_percent_encoded(void **state)
{
    assert_return(*state, "/\xe4\xb8\xad?\xe6\x96\x87#\xff", "/%E4%B8%AD?%E6%96%87#%FF");
    assert_return(*state, "/\xe3\x80\x82/x", "/%E3%80%82/x");
}

static void only_the_slice_is_read(void **state)
{
    assert_string_equal(dt_url_return(*state, (dt_slice_t){"/app/../x", 4}), "/app");
    assert_string_equal(dt_url_return(*state, (dt_slice_t){"/%2e", 2}), "/");
    assert_string_equal(dt_url_return(*state, (dt_slice_t){NULL, 0}), "/");
}

/* "/aaa…" of len bytes. */
static char *long_path(apr_pool_t *pool, apr_size_t len)
{
    char *path = apr_palloc(pool, len + 1);

    memset(path, 'a', len);
    path[0] = '/';
    path[len] = '\0';
    return path;
}

static void an_address_of_the_greatest_length_is_kept(void **state)
{
    char *path = long_path(*state, DT_RETURN_MAX);

    assert_return(*state, path, path);
}

static void a_longer_address_loses_its_query(void **state)
{
    char *path = long_path(*state, DT_RETURN_MAX);

    assert_return(*state, apr_pstrcat(*state, path, "?", NULL), path);
    path[DT_RETURN_MAX - 2] = '?';
    assert_return(*state, path, path);
    path[DT_RETURN_MAX - 2] = 'a';
    assert_return(*state, apr_pstrcat(*state, "/app?", path, NULL), "/app");
    assert_return(*state, apr_pstrcat(*state, "/app#", path, NULL), "/app");
    assert_return(*state, apr_pstrcat(*state, path, "?a b", NULL), "/");
}

static void a_longer_path_becomes_the_root(void **state)
{
    char *short_before_encoding = long_path(*state, 600);

    memset(short_before_encoding + 1, 0xe4, 599);
    assert_return(*state, short_before_encoding, "/");
    assert_return(*state, long_path(*state, DT_RETURN_MAX + 1), "/");
}

static void the_part_behind_the_origin_is_found(void **state)
{
    const char *origin = "https://intra.example.com:8443";

    assert_string_equal(dt_url_on_origin(*state, "https://intra.example.com:8443/a?b#c", origin),
                        "/a?b#c");
    assert_string_equal(dt_url_on_origin(*state, "HTTPS://Intra.Example.com:8443", origin), "/");
    assert_string_equal(dt_url_on_origin(*state, "https://intra.example.com:8443?x", origin),
                        "/?x");
}

static void another_origin_is_not_ours(void **state)
{
    static const char *const foreign[] = {"",
                                          "/",
                                          "https://a.example",
                                          "http://a.example.com/",
                                          "https://a.example.com.evil.org/",
                                          "https://a.example.comevil/",
                                          "https://a.example.com:444/",
                                          "https://a.example.com@evil/",
                                          "https://a.example.com\\evil",
                                          "https://x.a.example.com/",
                                          "https://evil/a.example.com",
                                          " https://a.example.com/",
                                          NULL};

    for (const char *const *url = foreign; *url; url++) {
        assert_row_text(*url, dt_url_on_origin(*state, *url, "https://a.example.com"), NULL);
    }
}

/* --- origins --- */

static void assert_origin(apr_pool_t *pool, const char *url, const char *text, const char *host)
{
    dt_origin_t origin;

    assert_row_text(url, dt_url_origin(pool, url, &origin, NULL), NULL);
    assert_row_text(url, origin.text, text);
    assert_row_text(url, origin.host, host);
    assert_row_int(url, origin.https, strncmp(text, "https:", 6) == 0);
}

static void assert_loopback(apr_pool_t *pool, const char *const *urls, bool expected)
{
    dt_origin_t origin;

    for (; *urls; urls++) {
        assert_row_text(*urls, dt_url_origin(pool, *urls, &origin, NULL), NULL);
        assert_row_int(*urls, origin.loopback, expected);
    }
}

/* Each has something wrong with it. With a path, or NULL: none may be there. */
static void assert_wrong(apr_pool_t *pool, const char *const *urls, const char **path)
{
    dt_origin_t origin;

    for (; *urls; urls++) {
        assert_row_true(*urls, dt_url_origin(pool, *urls, &origin, path) != NULL);
    }
}

static void an_origin_is_normalised(void **state)
{
    assert_origin(*state, "https://Intra.Example.com", "https://intra.example.com",
                  "intra.example.com");
    assert_origin(*state, "HTTP://a_b-1.example:80/", "http://a_b-1.example", "a_b-1.example");
    assert_origin(*state, "https://a:443", "https://a", "a");
    assert_origin(*state, "https://a:80", "https://a:80", "a");
    assert_origin(*state, "http://a:65535", "http://a:65535", "a");
    assert_origin(*state, "https://[2001:DB8::0:1]:8443", "https://[2001:db8::1]:8443",
                  "[2001:db8::1]");
}

static void anything_else_is_no_origin(void **state)
{
    static const char *const wrong[] = {"",
                                        "intra.example.com",
                                        "//a",
                                        "ftp://a",
                                        "https:/a",
                                        "https:a",
                                        "https//a",
                                        "https://",
                                        "https:///a",
                                        "https://:443",
                                        "https://a:",
                                        "https://a:0",
                                        "https://a:65536",
                                        "https://a:99999999999999999999",
                                        "https://a:+1",
                                        "https://a: 1",
                                        "https://a:8x",
                                        "https://u@a",
                                        "https://u:p@a",
                                        "https://@a",
                                        "https://a b",
                                        " https://a",
                                        "https://a ",
                                        "https://a\\b",
                                        "https://a?x",
                                        "https://a#x",
                                        "https://a/?x",
                                        "https://a/path",
                                        "https://a//",
                                        "https://.a",
                                        "https://a.",
                                        "https://a..b",
                                        "https://a%41",
                                        "https://\xe4",
                                        "https://[::1",
                                        "https://[]",
                                        "https://[::1%25eth0]",
                                        "https://[127.0.0.1]",
                                        "https://[::1]x",
                                        "https://::1",
                                        "https://a/\n",
                                        "https://a\n",
                                        "https://a/\\",
                                        NULL};

    assert_wrong(*state, wrong, NULL);
}

static void a_host_name_may_have_253_bytes(void **state)
{
    dt_origin_t origin;
    const char *name = long_path(*state, 254) + 1;

    assert_null(dt_url_origin(*state, apr_pstrcat(*state, "https://", name, NULL), &origin, NULL));
    assert_non_null(
        dt_url_origin(*state, apr_pstrcat(*state, "https://a", name, NULL), &origin, NULL));
}

static void a_path_loses_its_trailing_slashes(void **state)
{
    static const struct {
        const char *url;
        const char *path;
    } rows[] = {{"http://127.0.0.1:8080/sim/api//", "/sim/api"},
                {"http://127.0.0.1:8080/", ""},
                {"http://127.0.0.1:8080", ""}};

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        dt_origin_t origin;
        const char *path = NULL;
        assert_row_text(rows[i].url, dt_url_origin(*state, rows[i].url, &origin, &path), NULL);
        assert_row_text(rows[i].url, path, rows[i].path);
    }
}

static void a_path_must_be_plain(void **state)
{
    static const char *const wrong[] = {"https://a/x?y",
                                        "https://a/x#y",
                                        "https://a/../x",
                                        "https://a:8x/",
                                        "https://[::1]x/",
                                        "https://a//x",
                                        "https://a/x y",
                                        "https://a/x\\y",
                                        "https://a/%zz",
                                        "https://a/\xe4",
                                        "https://a/%2e%2e",
                                        "https://a/x\r\n",
                                        NULL};
    const char *path;

    assert_wrong(*state, wrong, &path);
}

static void loopback_is_an_address_not_a_name_that_looks_like_one(void **state)
{
    static const char *const here[] = {"http://127.0.0.1",         "http://127.255.0.9:1",
                                       "http://[::1]:8",           "http://LocalHost",
                                       "http://[0:0:0:0:0:0:0:1]", NULL};
    static const char *const elsewhere[] = {"http://127.0.0.1.evil.example",
                                            "http://127.evil.example",
                                            "http://localhost.example",
                                            "http://notlocalhost",
                                            "http://128.0.0.1",
                                            "http://[::2]",
                                            "http://127.1",
                                            "http://0.0.0.0",
                                            "http://0127.0.0.1",
                                            NULL};

    assert_loopback(*state, here, true);
    assert_loopback(*state, elsewhere, false);
}

static void a_parameter_is_added_and_encoded(void **state)
{
    assert_string_equal(dt_url_add(*state, "/login", "return", "/a?b=c&d"),
                        "/login?return=%2Fa%3Fb%3Dc%26d");
    assert_string_equal(dt_url_add(*state, "/login?x=1", "y", ""), "/login?x=1&y=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOL(a_plain_path_is_kept),
        WITH_POOL(whatever_leaves_the_origin_becomes_the_root),
        WITH_POOL(a_backslash_is_refused_in_the_path_only),
        WITH_POOL(a_dot_segment_is_refused_in_every_spelling),
        WITH_POOL(a_malformed_escape_in_the_path_is_refused),
        WITH_POOL(spaces_and_controls_are_refused_everywhere),
        WITH_POOL(bytes_above_ascii_are_percent_encoded),
        WITH_POOL(only_the_slice_is_read),
        WITH_POOL(an_address_of_the_greatest_length_is_kept),
        WITH_POOL(a_longer_address_loses_its_query),
        WITH_POOL(a_longer_path_becomes_the_root),
        WITH_POOL(the_part_behind_the_origin_is_found),
        WITH_POOL(another_origin_is_not_ours),
        WITH_POOL(an_origin_is_normalised),
        WITH_POOL(anything_else_is_no_origin),
        WITH_POOL(a_host_name_may_have_253_bytes),
        WITH_POOL(a_path_loses_its_trailing_slashes),
        WITH_POOL(a_path_must_be_plain),
        WITH_POOL(loopback_is_an_address_not_a_name_that_looks_like_one),
        WITH_POOL(a_parameter_is_added_and_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
