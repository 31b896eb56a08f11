/* SPDX-License-Identifier: Apache-2.0 */
/* Telling persons from programs. */
#include "core/visitor.h"
#include "unit.h"

#define HTML "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

/* A navigation by a browser of today; a test changes what it is about. */
static dt_visitor_t browser(void)
{
    return (dt_visitor_t){.method = "GET",
                          .fetch_mode = "navigate",
                          .fetch_dest = "document",
                          .accept = HTML,
                          .user_agent = "Mozilla/5.0"};
}

static dt_visit_t with_accept(const char *accept)
{
    return dt_visit(&(dt_visitor_t){.method = "GET", .accept = accept});
}

static dt_visit_t with_fetch(const char *mode, const char *dest)
{
    dt_visitor_t visitor = browser();

    visitor.fetch_mode = mode;
    visitor.fetch_dest = dest;
    return dt_visit(&visitor);
}

static void a_browser_opening_a_page_navigates(void **state)
{
    dt_visitor_t visitor = browser();

    (void)state;
    assert_int_equal(dt_visit(&visitor), DT_VISIT_NAVIGATION);
    visitor.method = "HEAD";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_NAVIGATION);
    assert_int_equal(with_fetch("navigate", NULL), DT_VISIT_NAVIGATION);
    assert_int_equal(with_fetch(NULL, "document"), DT_VISIT_NAVIGATION);
}

static void another_method_cannot_be_redirected(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "get", NULL};
    dt_visitor_t visitor = browser();

    (void)state;
    for (const char *const *method = methods; *method; method++) {
        visitor.method = *method;
        assert_row_int(*method, dt_visit(&visitor), DT_VISIT_PAGE);
    }
    assert_int_equal(dt_visit(&(dt_visitor_t){.method = "POST", .accept = HTML}), DT_VISIT_PAGE);
}

static void a_page_inside_another_cannot_be_redirected(void **state)
{
    static const char *const frames[] = {"iframe", "frame", "embed", "object", "fencedframe", NULL};

    (void)state;
    for (const char *const *dest = frames; *dest; dest++) {
        assert_row_int(*dest, with_fetch("navigate", *dest), DT_VISIT_PAGE);
        assert_row_int(*dest, with_fetch(NULL, *dest), DT_VISIT_PROGRAM);
    }
}

static void preflights_are_programs(void **state)
{
    static const char *const methods[] = {"OPTIONS", "CONNECT", "TRACE", NULL};
    dt_visitor_t visitor = browser();

    (void)state;
    for (const char *const *method = methods; *method; method++) {
        visitor.method = *method;
        assert_row_int(*method, dt_visit(&visitor), DT_VISIT_PROGRAM);
    }
}

static void fetch_metadata_outweighs_accept(void **state)
{
    static const char *const modes[] = {"cors",     "no-cors", "same-origin", "websocket",
                                        "Navigate", "",        NULL};

    (void)state;
    for (const char *const *mode = modes; *mode; mode++) {
        assert_row_int(*mode, with_fetch(*mode, "document"), DT_VISIT_PROGRAM);
        assert_row_int(*mode, with_fetch(*mode, "iframe"), DT_VISIT_PROGRAM);
        assert_row_int(*mode, with_fetch(*mode, NULL), DT_VISIT_PROGRAM);
    }
    assert_int_equal(with_fetch("navigate", "image"), DT_VISIT_PROGRAM);
    assert_int_equal(with_fetch("navigate", "empty"), DT_VISIT_PROGRAM);
    assert_int_equal(with_fetch(NULL, "empty"), DT_VISIT_PROGRAM);
    assert_int_equal(dt_visit(&(dt_visitor_t){.method = "GET",
                                              .fetch_mode = "navigate",
                                              .fetch_dest = "document",
                                              .accept = "application/json"}),
                     DT_VISIT_NAVIGATION);
}

static void ajax_is_a_program(void **state)
{
    dt_visitor_t visitor = browser();

    (void)state;
    visitor.requested_with = "xmlhttprequest";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_PROGRAM);
    visitor.requested_with = "com.alibaba.android.rimet";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_NAVIGATION);
}

static void a_prefetch_is_a_program(void **state)
{
    static const char *const purposes[] = {"prefetch", "prefetch;prerender",
                                           "Prefetch", "prerender",
                                           "preview",  "x;preview",
                                           NULL};
    dt_visitor_t visitor = browser();

    (void)state;
    for (const char *const *purpose = purposes; *purpose; purpose++) {
        visitor.purpose = *purpose;
        assert_row_int(*purpose, dt_visit(&visitor), DT_VISIT_PROGRAM);
    }
    visitor.purpose = "prefetc";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_NAVIGATION);
}

static void the_link_preview_robot_is_a_program(void **state)
{
    dt_visitor_t visitor = browser();

    (void)state;
    visitor.user_agent = "Mozilla/5.0 (compatible; DingTalk-LinkService/1.0)";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_PROGRAM);
    visitor.user_agent = "Mozilla/5.0 DingTalk(7.6.0-macOS-macOS-MAS-38513772)";
    assert_int_equal(dt_visit(&visitor), DT_VISIT_NAVIGATION);
}

static void without_fetch_metadata_accept_decides(void **state)
{
    static const char *const pages[] = {HTML,
                                        "text/html",
                                        "TEXT/HTML",
                                        "application/xhtml+xml",
                                        "*/*;q=0.1, text/html;level=1;q=0.001",
                                        ",, text/html ; Q=1.000",
                                        NULL};
    static const char *const others[] = {"*/*",
                                         "text/*",
                                         "application/json",
                                         "",
                                         ",",
                                         ";",
                                         "text/html;q=0",
                                         "text/html;q=0.000",
                                         "text/html;q=x",
                                         "text/html;q=2",
                                         "text/html;q=1.001",
                                         "text/html;q=0.0001",
                                         "text/html;q=",
                                         "text/htmlx",
                                         "x-text/html",
                                         NULL};

    (void)state;
    for (const char *const *accept = pages; *accept; accept++) {
        assert_row_int(*accept, with_accept(*accept), DT_VISIT_NAVIGATION);
    }
    for (const char *const *accept = others; *accept; accept++) {
        assert_row_int(*accept, with_accept(*accept), DT_VISIT_PROGRAM);
    }
}

static void who_says_nothing_is_a_program(void **state)
{
    (void)state;
    assert_int_equal(dt_visit(&(dt_visitor_t){.method = "GET"}), DT_VISIT_PROGRAM);
    assert_int_equal(dt_visit(&(dt_visitor_t){.accept = HTML}), DT_VISIT_PROGRAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_opening_a_page_navigates),
        cmocka_unit_test(another_method_cannot_be_redirected),
        cmocka_unit_test(a_page_inside_another_cannot_be_redirected),
        cmocka_unit_test(preflights_are_programs),
        cmocka_unit_test(fetch_metadata_outweighs_accept),
        cmocka_unit_test(ajax_is_a_program),
        cmocka_unit_test(a_prefetch_is_a_program),
        cmocka_unit_test(the_link_preview_robot_is_a_program),
        cmocka_unit_test(without_fetch_metadata_accept_decides),
        cmocka_unit_test(who_says_nothing_is_a_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
