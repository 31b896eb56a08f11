# SPDX-License-Identifier: Apache-2.0
"""What a request without a session gets: pages are redirected, programs get 401 JSON."""

import json
from urllib.parse import urlsplit

import pytest

from lib import expect, site as sites
from lib.browser import Client

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
ROBOT = "Mozilla/5.0 DingTalk-LinkService/1.0"

# what the request says, method, what is expected
TABLE = {
    "a click": (dict(mode="navigate", dest="document", accept=HTML), "GET", "redirect"),
    "a HEAD navigation": (dict(mode="navigate", dest="document", accept=HTML), "HEAD", "redirect"),
    "an old browser without Sec-Fetch": (dict(accept=HTML), "GET", "redirect"),
    "a navigation that accepts anything": (
        dict(mode="navigate", dest="document", accept="*/*"), "GET", "redirect"),
    "a form post": (dict(mode="navigate", dest="document", accept=HTML), "POST", "page"),
    "a form post of an old browser": (dict(accept=HTML), "POST", "page"),
    "a PUT of a script": (dict(mode="cors", dest="empty", accept="*/*"), "PUT", "json"),
    "fetch() with cors": (dict(mode="cors", dest="empty", accept="*/*"), "GET", "json"),
    "fetch() with same-origin": (dict(mode="same-origin", dest="empty", accept="*/*"), "GET",
                                 "json"),
    "fetch() that wants HTML": (dict(mode="cors", dest="empty", accept=HTML), "GET", "json"),
    "fetch() with no-cors": (dict(mode="no-cors", dest="empty", accept="*/*"), "GET", "json"),
    "an image": (dict(mode="no-cors", dest="image", accept="image/*,*/*"), "GET", "json"),
    "a stylesheet": (dict(mode="no-cors", dest="style", accept="text/css,*/*"), "GET", "json"),
    "a script element": (dict(mode="no-cors", dest="script", accept="*/*"), "GET", "json"),
    "a font": (dict(mode="cors", dest="font", accept="*/*"), "GET", "json"),
    "a worker": (dict(mode="same-origin", dest="worker", accept="*/*"), "GET", "json"),
    "a service worker": (dict(mode="same-origin", dest="serviceworker", accept="*/*"), "GET",
                         "json"),
    "a websocket": (dict(mode="websocket", dest="empty"), "GET", "json"),
    "jQuery": (dict(accept=HTML, requested="XMLHttpRequest"), "GET", "json"),
    "jQuery in a new browser": (
        dict(mode="cors", dest="empty", accept="*/*", requested="XMLHttpRequest"), "GET", "json"),
    "jQuery that claims to navigate": (
        dict(mode="navigate", dest="document", accept=HTML, requested="XMLHttpRequest"), "GET",
        "json"),
    "an API client": (dict(accept="application/json"), "GET", "json"),
    "curl": (dict(accept="*/*"), "GET", "json"),
    "a client without Accept": ({}, "GET", "json"),
    "an iframe": (dict(mode="navigate", dest="iframe", accept=HTML), "GET", "page"),
    "a frame": (dict(mode="navigate", dest="frame", accept=HTML), "GET", "page"),
    "an embed": (dict(mode="navigate", dest="embed", accept=HTML), "GET", "page"),
    "an object": (dict(mode="navigate", dest="object", accept=HTML), "GET", "page"),
    "a preflight": (dict(mode="cors", dest="empty", accept="*/*"), "OPTIONS", "json"),
    "a prefetch": (dict(mode="navigate", dest="document", accept=HTML, purpose="prefetch"),
                   "GET", "json"),
    "a prerender": (dict(mode="navigate", dest="document", accept=HTML,
                         purpose="prefetch;prerender"), "GET", "json"),
    "an old prefetch": (dict(accept=HTML, old_purpose="prefetch"), "GET", "json"),
    "DingTalk's link preview": (dict(accept=HTML, agent=ROBOT), "GET", "json"),
    "a DELETE": (dict(mode="cors", dest="empty", accept="application/json"), "DELETE", "json"),
    "an unknown method": (dict(accept="*/*"), "BREW", "json"),
}
NAMES = {"mode": "Sec-Fetch-Mode", "dest": "Sec-Fetch-Dest", "accept": "Accept",
         "requested": "X-Requested-With", "purpose": "Sec-Purpose", "old_purpose": "Purpose",
         "agent": "User-Agent"}


def headers_of(what):
    """The header fields of a row."""
    return {NAMES[name]: value for name, value in what.items()}


@pytest.mark.parametrize("name", TABLE)
def test_who_asks_decides_the_answer(site, sim, browser, name):
    what, method, expected = TABLE[name]
    body = b"a=1" if method in ("POST", "PUT") else None
    answer = browser.request(method, "/app/page.html?q=1", headers_of(what), body)
    if expected == "redirect":
        expect.redirect(answer, 302)
        assert answer.location.startswith(sim.login)
        assert len(expect.set_names(answer)) == 1
    elif expected == "page":
        expect.notice(answer, 401)
        assert "/dingtalk/login" in answer.text
        expect.no_ticket(answer)
    else:
        told = expect.login_json(answer)
        assert told["login_url"].startswith(browser.origin + "/dingtalk/login")
    assert sim.calls() == []


def test_the_page_for_a_lost_form_links_to_the_page_it_came_from(browser):
    answer = browser.navigate("/app/save", method="POST", body=b"a=1", site="same-origin",
                              headers={"Referer": browser.origin + "/app/page.html?x=1"})
    expect.notice(answer, 401)
    assert "page.html" in answer.text


@pytest.mark.parametrize("referer", [
    "https://evil.example/app/", "//evil.example/", "javascript:alert(1)", '"><script>',
    "http://127.0.0.1.evil.example/", "http://127.0.0.1:1@evil.example/"])
def test_the_page_for_a_lost_form_never_links_to_a_foreign_referer(browser, referer):
    answer = browser.navigate("/app/save", method="POST", body=b"a=1",
                              headers={"Referer": referer})
    expect.notice(answer, 401)
    assert "evil.example" not in answer.text and "<script>" not in answer.text


def test_the_login_url_for_a_program_works_in_a_browser(browser):
    url = browser.fetch("/app/data.txt").json()["login_url"]
    answer = browser.follow(browser.navigate(url))
    answer = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert answer.status in (200, 404)
    assert browser.session


def test_many_background_requests_leave_no_ticket(browser):
    for _ in range(30):
        expect.no_ticket(browser.fetch("/app/data.txt"))
    assert browser.tickets == []


def test_login_redirects_a_program_too_where_it_is_asked_for(serve, sim, visit):
    httpd = serve(sites.protected(sim, inside=["DingTalkUnauthenticated login"]))
    answer = expect.redirect(visit(httpd).fetch("/app/data.txt"), 302)
    assert answer.location.startswith(sim.login)


def test_401_never_redirects(serve, sim, visit):
    httpd = serve(sites.protected(sim, inside=["DingTalkUnauthenticated 401"]))
    answer = visit(httpd).navigate("/app/")
    assert answer.status == 401
    expect.own_answer(answer)
    expect.no_ticket(answer)


def test_401_has_no_basic_dialog(browser):
    assert not (browser.fetch("/app/").get("WWW-Authenticate") or "").lower().startswith("basic")


@pytest.fixture(params=["all granted", "valid-user"])
def open_house(request, serve, sim):
    """A location where anonymous visitors come in."""
    return serve(sites.application(sim) + "\n" + sites.location(
        "/app", "DingTalkUnauthenticated pass", require=request.param)
        + '\nScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"', modules=("cgi",))


def test_pass_lets_anonymous_in_with_an_empty_user(open_house, visit):
    answer = visit(open_house).navigate("/app/cgi/env.cgi")
    assert answer.status == 200
    variables = answer.json()
    assert variables.get("REMOTE_USER", "") == ""
    assert not [name for name in variables if name.startswith("DINGTALK_") and variables[name]]


def test_pass_knows_a_signed_in_visitor(open_house, visit):
    browser = visit(open_house)
    answer = browser.navigate("/dingtalk/login?return=/app/cgi/env.cgi")
    answer = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert answer.json()["REMOTE_USER"] == "zhangsan"
    assert answer.json()["DINGTALK_USERID"] == "zhangsan"


def test_pass_does_not_believe_a_broken_session(open_house, visit):
    browser = visit(open_house)
    browser.jar.put("dingtalk", "A" * 200, browser.host)
    variables = browser.navigate("/app/cgi/env.cgi").json()
    assert variables.get("REMOTE_USER", "") == ""


def test_pass_does_not_believe_identity_headers(open_house, visit):
    variables = visit(open_house).fetch("/app/cgi/env.cgi", headers={
        "X-Remote-User": "admin", "X-DingTalk-Userid": "admin"}).json()
    assert "admin" not in json.dumps(variables)


def test_require_user_of_another_name_is_403_not_a_loop(serve, sim, visit):
    """Denied after sign-in is 403: never back to DingTalk."""
    config = sites.application(sim) + "\n" + sites.location("/app", require="user lisi")
    httpd = serve(config)
    answer = visit(httpd).sign_in("zhangsan")
    assert answer.status == 403
    assert sites.CANARY not in answer.text
    httpd.allow_log("AH01631", "AH01630")
    assert visit(httpd).sign_in("lisi").status == 200


def test_require_user_asks_anonymous_to_sign_in(serve, sim, visit):
    config = sites.application(sim) + "\n" + sites.location("/app", require="user lisi")
    assert visit(serve(config)).navigate("/app/").status == 302


@pytest.mark.parametrize("path", [
    "/app/%2e%2e/app/", "/app//page.html", "/app/./page.html", "/open/../app/page.html",
    "/app/page.html?x=/open/", "/app/page.html;/open/", "//app/page.html", "/app/page.html?",
    "/%61pp/page.html", "/open/%2e%2e/app/page.html"])
def test_no_spelling_of_the_path_gets_around_the_protection(site, browser, path):
    """S-22: protection follows httpd's own reading of the path."""
    for headers in ({}, {"X-Forwarded-Uri": "/open/"}, {"X-Original-URL": "/open/"},
                    {"User-Agent": "kube-probe/1.27"}, {"User-Agent": "GoogleHC/1.0"}):
        answer = browser.fetch(path, headers=headers)
        assert sites.CANARY not in answer.text
        assert answer.status in (400, 401, 403, 404), answer
    site.allow_log("AH10244", "AH00127")


def test_the_absolute_form_of_a_request_is_protected_too(site, browser):
    data = browser.raw(f"GET {browser.origin}/app/page.html HTTP/1.1\r\nHost: {browser.host}:"
                       f"{site.port}\r\nConnection: close\r\n\r\n".encode())
    assert b" 401 " in data.split(b"\r\n")[0] and sites.CANARY.encode() not in data


def test_login_goes_back_to_the_page_that_was_asked_for(browser):
    url = browser.fetch("/app/data.txt").json()["login_url"]
    query = urlsplit(url).query
    assert query == "" or "data.txt" in query or "return=" in query


def test_two_directories_may_answer_differently(serve, sim):
    config = "\n".join([sites.application(sim), sites.location("/app"), sites.location(
        "/other", "DingTalkUnauthenticated 401")])
    httpd = serve(config)
    assert Client(httpd, sim).navigate("/app/").status == 302
    assert Client(httpd, sim).navigate("/other/").status == 401


def test_what_an_outer_place_says_holds_inside_until_it_is_said_anew(serve, sim):
    config = "\n".join([
        sites.application(sim), sites.location("/app", "DingTalkUnauthenticated 401"),
        sites.location("/app/other", "DingTalkExport none"),
        sites.location("/app/anew", "DingTalkUnauthenticated login")])
    httpd = serve(config)
    assert Client(httpd, sim).navigate("/app/other/").status == 401
    assert Client(httpd, sim).navigate("/app/anew/").status == 302
