# SPDX-License-Identifier: Apache-2.0
"""S-05: no return address, however written, leads a browser off this site."""

from urllib.parse import quote, urlsplit

import pytest

from lib import nasty, site as sites, wire
from lib.whatwg import origins

VALUES = nasty.corpus()


def spellings(value):
    """The ways a value can stand in a query: fully encoded, and as raw as HTTP allows."""
    yield quote(value, safe="")
    raw = "".join(c if " " < c < "\x7f" and c not in "#&+" else quote(c) for c in value)
    yield raw


def judge(browser, answers):
    """Each redirect stays on this origin in the eyes of a browser and is one clean line."""
    locations = [answer.location for _, answer in answers]
    for (value, answer), origin in zip(answers, origins(browser.origin + "/dingtalk/login",
                                                        locations)):
        assert origin == browser.origin, f"{value!r} → {answer.location!r} goes to {origin}"
        assert all(" " < c < "\x7f" for c in answer.location), f"{value!r} → {answer.location!r}"
        assert answer.get("X-Evil") is None
        assert "x=y" not in "".join(answer.set_cookies)


def test_the_corpus_is_large_enough():
    assert len(set(VALUES)) >= 150


@pytest.mark.parametrize("part", range(4))
def test_login_of_a_signed_in_visitor_never_leaves_the_site(browser, part):
    browser.sign_in()
    answers = []
    for value in VALUES[part::4]:
        for text in spellings(value):
            answer = browser.navigate(f"/dingtalk/login?return={text}")
            if answer.status == 400:
                continue
            assert answer.status == 303, (value, answer)
            answers.append((value, answer))
    judge(browser, answers)
    browser.httpd.allow_log(r"DT\d+:")


@pytest.mark.parametrize("part", range(2))
def test_logout_never_leaves_the_site(browser, part):
    answers = []
    for value in VALUES[part::2]:
        for text in spellings(value):
            answer = browser.navigate(f"/dingtalk/logout?return={text}", method="POST", body=b"",
                                      site="same-origin")
            if answer.status in (200, 400):
                assert "evil" not in answer.text
                continue
            assert answer.status == 303, (value, answer)
            answers.append((value, answer))
    judge(browser, answers)
    browser.httpd.allow_log(r"DT\d+:")


def test_logout_by_link_never_leaves_the_site(browser):
    answers = []
    for value in VALUES:
        answer = browser.navigate("/dingtalk/logout?return=" + quote(value, safe=""), site="none")
        if answer.status == 303:
            answers.append((value, answer))
        else:
            assert answer.status in (200, 400), answer
    judge(browser, answers)
    browser.httpd.allow_log(r"DT\d+:")


def test_a_whole_sign_in_never_ends_off_the_site(browser, visit, site):
    answers = []
    for value in VALUES[::5]:
        visitor = visit(site)
        begun = visitor.navigate("/dingtalk/login?return=" + quote(value, safe=""))
        if begun.status == 400:
            continue
        assert begun.status == 302, (value, begun)
        answers.append((value, visitor.come_back(visitor.scan("zhangsan", begun.location))))
        assert answers[-1][1].status == 303
    judge(browser, answers)
    site.allow_log(r"DT\d+:")


def test_the_path_that_was_asked_for_never_leads_off_the_site(serve, sim, visit):
    """GET //evil.example/ on a protected root: the address itself is the return address."""
    httpd = serve(sites.protected(sim, path="/"))
    httpd.allow_log(r"AH\d+", r"DT\d+:")
    answers = []
    for value in VALUES:
        if not value.startswith("/") or value.startswith("/dingtalk/") or any(
                c in value for c in "\r\n\x00 \t"):
            continue
        visitor = visit(httpd)
        target = quote(value, safe="/\\%?@:;~.,=")
        request = (f"GET {target} HTTP/1.1\r\nHost: {visitor.host}:{httpd.port}\r\n"
                   "Accept: text/html\r\nConnection: close\r\n\r\n")
        begun = wire.parse(visitor.raw(request.encode()))
        if begun.status != 302 or not begun.location.startswith(sim.login):
            assert begun.status in (400, 403, 404, 414), (value, begun)
            continue
        visitor.jar.take(begun.set_cookies, "http", visitor.host)
        answers.append((value, visitor.come_back(visitor.scan("zhangsan", begun.location))))
    assert len(answers) > 20
    judge(visit(httpd), answers)


@pytest.mark.parametrize("value", nasty.GOOD)
def test_a_good_address_arrives_as_it_is(browser, value):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=" + quote(value, safe=""))
    assert answer.status == 303
    assert answer.location in (value, browser.origin + value)


def test_a_name_in_chinese_arrives(browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=" + quote("/app/张三?q=李"))
    assert urlsplit(answer.location).path == "/app/%E5%BC%A0%E4%B8%89"


def test_an_address_of_this_origin_in_full_is_the_path_or_the_start(browser):
    browser.sign_in()
    answer = browser.navigate(
        "/dingtalk/login?return=" + quote(browser.origin + "/app/page.html", safe=""))
    assert answer.status == 303
    assert answer.location.replace(browser.origin, "") in ("/", "/app/page.html")


def test_no_return_address_means_the_start_page(browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login")
    assert answer.status == 303 and answer.location.replace(browser.origin, "") == "/"


@pytest.mark.parametrize("path", ["/dingtalk/login", "/dingtalk/login?return=/dingtalk/login",
                                  "/dingtalk/logout", "/dingtalk/callback?code=1&state=2"])
def test_returning_to_an_endpoint_is_no_endless_loop(browser, path):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=" + quote(path, safe=""))
    for _ in range(6):
        if answer.status not in (302, 303):
            break
        answer = browser.navigate(answer.location)
    browser.httpd.allow_log(r"DT\d+:")
    assert answer.status in (200, 400)
