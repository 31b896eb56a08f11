# SPDX-License-Identifier: Apache-2.0
"""Leaving: by form, by link, and never by somebody else's page."""

import re

import pytest

from lib import expect, site as sites
from lib.steps import is_in, leave


def test_logout_ends_the_session(browser):
    browser.sign_in()
    answer = leave(browser)
    expect.own_answer(answer)
    assert answer.status in (200, 303)
    assert browser.session is None
    assert browser.navigate("/app/").status == 302


def test_logout_returns_where_it_is_told(browser):
    browser.sign_in()
    answer = leave(browser, "?return=/open/")
    assert answer.status == 303 and answer.location in ("/open/", browser.origin + "/open/")


def test_logout_clears_the_cookie_with_the_attributes_it_was_set_with(browser):
    browser.sign_in()
    answer = leave(browser)
    lines = [line for line in answer.set_cookies if line.startswith("dingtalk=")]
    assert len(lines) == 1 and "Path=/" in lines[0]
    assert "Max-Age=0" in lines[0] or "1970" in lines[0]


@pytest.mark.parametrize("site_value", ["same-origin", "none"])
def test_a_logout_link_of_this_site_works_at_once(browser, site_value):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/logout?return=/open/", site=site_value)
    assert answer.status == 303
    assert browser.session is None


@pytest.mark.parametrize("site_value", ["cross-site", "same-site", None, "garbage"])
def test_a_logout_link_of_another_site_asks_first(browser, site_value):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/logout?return=/open/", site=site_value or "none",
                              headers={"Sec-Fetch-Site": site_value})
    expect.notice(answer, 200)
    assert re.search(r'<form[^>]*method="?post', answer.text, re.I)
    assert browser.session, "still signed in"
    assert browser.navigate("/app/").status == 200


def test_the_button_of_the_question_signs_out(browser):
    browser.sign_in()
    page = browser.navigate("/dingtalk/logout?return=/open/", site="cross-site").text
    action = re.search(r'action="([^"]*)"', page)
    target = action[1].replace("&amp;", "&") if action and action[1] else \
        "/dingtalk/logout?return=/open/"
    fields = re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page)
    body = "&".join(f"{name}={value}" for name, value in fields).encode()
    answer = browser.navigate(target, method="POST", body=body, site="same-origin")
    assert answer.status in (200, 303) and browser.session is None


def test_a_cross_site_form_cannot_sign_out(browser):
    """Lax cookies do not travel with a cross-site POST, so nothing can end."""
    browser.sign_in()
    keep = browser.jar.copy()
    browser.navigate("/dingtalk/logout", method="POST", body=b"", site="cross-site")
    browser.jar = keep
    assert browser.navigate("/app/").status == 200


def test_logout_without_a_session_is_no_error(browser):
    answer = leave(browser)
    assert answer.status in (200, 303)
    expect.own_answer(answer)


def test_logout_of_one_browser_leaves_the_other_alone(site, visit):
    one, two = visit(site), visit(site)
    one.sign_in("zhangsan")
    two.sign_in("zhangsan")
    leave(one)
    assert two.navigate("/app/").status == 200


def test_logout_without_a_return_shows_a_page_or_the_start(browser):
    browser.sign_in()
    answer = browser.follow(leave(browser))
    assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "BREW"])
def test_other_methods_are_refused(site, browser, method):
    browser.sign_in()
    answer = browser.request(method, "/dingtalk/logout", {"Accept": "text/html"})
    assert answer.status in (400, 405, 501), answer
    site.allow_log(r"DT\d+:")
    assert browser.session


def test_a_script_may_sign_out(browser):
    browser.sign_in()
    answer = browser.fetch("/dingtalk/logout", method="POST", body=b"")
    assert answer.status in (200, 204, 303)
    assert browser.session is None


# -- everywhere, without a session -----------------------------------------------------------------

def says_what_is_true(httpd, answer):
    """Not that anything has ended elsewhere, but how to end it."""
    expect.notice(answer, 200)
    assert "不会结束" in answer.text, answer.text
    assert "/dingtalk/login?return=" in answer.text
    httpd.expect_log(rf"DT0023: not_everywhere .*{answer.error_id}")


@pytest.mark.parametrize("query", ["?all=1", "?all=1&return=/open/"])
def test_whoever_was_not_signed_in_is_told_that_other_sessions_go_on(site, visit, browser, query):
    other = visit(site)
    other.sign_in()
    says_what_is_true(site, leave(browser, query))
    assert is_in(other)


def test_whoever_was_away_too_long_is_told_that_other_sessions_go_on(serve, sim, visit, clock):
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    away = visit(httpd)
    away.sign_in()
    clock.advance(3 * 3600)
    other = visit(httpd)
    other.sign_in()
    says_what_is_true(httpd, leave(away, body=b"all=1"))
    assert away.session is None and is_in(other)
    assert away.sign_in().status == 200
    answer = leave(away, body=b"all=1")
    assert answer.status == 200 and "所有浏览器" in answer.text
    assert not is_in(other)
