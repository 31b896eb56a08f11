# SPDX-License-Identifier: Apache-2.0
"""The answers of the bind endpoints: status, headers and cookies, to browsers and to scripts."""

from urllib.parse import urlencode

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, bound_site, gateway, store, stores, to_bind_page, user_of, with_codes, wrong)

PHONE, E164 = "13911111111", "+8613911111111"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def portal(bound_site, sim, store):
    """A site that binds by phone and code, with one account."""
    httpd = bound_site(*with_codes(sim))
    store.account("account-1", mobile=PHONE)
    return httpd


@pytest.fixture
def page(portal, visit):
    """The bind page of somebody who has no account yet."""
    return to_bind_page(visit(portal))


def says(httpd, page, status, word):
    """The answer has this status, and an error id that is in body, header and log."""
    answer, told = page.answer, page.answer.json()
    assert (answer.status, told["error"]) == (status, word), (answer, told)
    assert told["error_id"] == answer.get("DingTalk-Error-Id")
    httpd.expect_log(r"DT\d+: .*" + told["error_id"])
    return answer


def post(page, path="code", body=b"", kind=FORM, accept="application/json", **headers):
    """A body as it is."""
    page.answer = page.browser.fetch("/dingtalk/bind/" + path, "POST", body=body, headers={
        "Content-Type": kind, "Accept": accept, **headers})
    return page.answer


def test_what_the_person_can_mend_is_400(page, portal, sim):
    page.ask("1")
    says(portal, page, 400, "phone_invalid")
    page.guess("123456")
    says(portal, page, 400, "code_expired")
    page.ask(PHONE)
    page.guess(wrong(sim.last_code(E164)))
    says(portal, page, 400, "code_wrong")


def test_too_often_is_429_and_says_when_it_may_work(page, portal):
    page.ask(PHONE)
    told = page.ask(PHONE)
    answer = says(portal, page, 429, "too_many")
    assert 0 < told["retry_in"] <= int(answer.get("Retry-After")) <= 61
    answer = page.submit("/code", phone=PHONE)
    assert answer.status == 429 and int(answer.get("Retry-After")) > 0


def test_no_token_is_403(page, portal):
    page.ask(PHONE, csrf="wrong")
    says(portal, page, 403, "csrf")


def test_a_gateway_that_is_away_is_503(bound_site, sim, store, visit):
    httpd = bound_site(gateway(sim, URL="http://127.0.0.1:9/"), "DingTalkCodeVia sms", NO_LIMITS)
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    page.ask_until_known(PHONE)
    assert int(says(httpd, page, 503, "unavailable").get("Retry-After")) > 0


def test_a_body_that_is_no_form_is_415(page, portal):
    post(page, body=b'{"phone":"13911111111"}', kind="application/json")
    says(portal, page, 415, "refused")
    post(page, body=urlencode({"csrf": page.csrf, "phone": PHONE}).encode(), kind=None)
    says(portal, page, 415, "refused")


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_body_that_is_too_large_is_413(page, portal, sim, accept):
    body = urlencode({"csrf": page.csrf, "phone": PHONE, "more": ""}).encode()
    post(page, body=body + b"x" * (8193 - len(body)), accept=accept)
    assert page.answer.status == 413
    portal.expect_log(page.answer.get("DingTalk-Error-Id"))
    assert sim.inbox() == []


def test_the_largest_body_is_read(page):
    body = urlencode({"csrf": page.csrf, "phone": PHONE, "more": ""}).encode()
    assert post(page, body=body + b"x" * (8192 - len(body))).json()["ok"] is True


def test_a_body_in_chunks_is_read(page, sim):
    body = urlencode({"csrf": page.csrf, "phone": PHONE}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + 7]), body[at:at + 7])
                      for at in range(0, len(body), 7)) + b"0\r\n\r\n"
    answer = page.browser.request("POST", "/dingtalk/bind/code", {
        "Content-Type": FORM + "; charset=UTF-8", "Accept": "application/json",
        "Transfer-Encoding": "chunked", "Content-Length": None}, body=chunks)
    assert answer.json()["ok"] is True and sim.last_code(E164)


@pytest.mark.parametrize("accept,json", [
    ("application/json", True), ("application/json, text/plain, */*", True),
    ("text/html, application/json", True), ("text/html, application/json;q=0.9", False),
    ("*/*", False), ("text/html", False), ("application/json;q=0", False), (None, False)])
def test_json_is_for_those_who_ask_for_it(page, portal, accept, json):
    post(page, body=urlencode({"csrf": page.csrf, "phone": "1"}).encode(), accept=accept)
    kind = page.answer.get("Content-Type").partition(";")[0]
    assert kind == ("application/json" if json else "text/html")
    portal.expect_log("phone_invalid")


def test_the_script_may_ask_our_own_origin_only_and_other_pages_have_none(page, portal):
    policy = page.answer.get("Content-Security-Policy")
    assert "connect-src 'self'" in policy and "script-src 'nonce-" in policy
    page.browser.jar.clear()
    other = page.browser.navigate("/dingtalk/bind")
    expect.page(portal, other, 400)
    assert "script-src" not in other.get("Content-Security-Policy")
    assert "connect-src" not in other.get("Content-Security-Policy")


# -- the cookie ------------------------------------------------------------------------------------

def test_the_cookie_is_for_this_browser_alone(page):
    line = next(line for answer in page.browser.history for line in answer.set_cookies
                if line.startswith("dingtalk-bind="))
    attributes = [part.strip() for part in line.split(";")[1:]]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(attributes), line


def test_the_cookie_never_reaches_an_application(bound_site, sim, visit):
    httpd = bound_site(*with_codes(sim), 'ScriptAlias "/cgi/" "@DOCUMENTS@/cgi/"',
                       options={"modules": ("cgi",)})
    page = to_bind_page(visit(httpd))
    cookie = page.browser.jar.find("dingtalk-bind").value
    answer = page.browser.navigate("/cgi/env.cgi", headers={
        "Cookie": f"a=1; dingtalk-bind={cookie}; b=2; dingtalk-bind=x"})
    assert answer.json()["HTTP_COOKIE"] == "a=1; b=2"


def test_two_different_cookies_are_worth_none(page, portal):
    """One of them is perhaps from another host of the domain: whose account would be bound?"""
    cookie = page.browser.jar.find("dingtalk-bind").value
    for both in ([cookie, "x"], ["x", cookie], [cookie, ""], ["", cookie], [cookie, "", cookie]):
        answer = page.browser.navigate("/dingtalk/bind", headers={
            "Cookie": "; ".join(f"dingtalk-bind={value}" for value in both)})
        expect.page(portal, answer, 400)
    twice = page.browser.navigate("/dingtalk/bind", headers={
        "Cookie": f"dingtalk-bind={cookie}; dingtalk-bind={cookie}"})
    assert twice.status == 200


SECURE = [{}, {"DingTalkCookieName": "portal"}, {"DingTalkCookieName": "__Secure-portal"},
          {"DingTalkCookieDomain": "example.com"},
          {"DingTalkCookiePath": "/app", "DingTalkPath": "/app/sso"}]


@pytest.mark.parametrize("changes", SECURE, ids=lambda changes: "-".join(changes) or "default")
def test_another_host_of_the_domain_sets_no_cookie_of_a_sign_in_that_is_secure(
        bound_site, sim, visit, authority, changes):
    """Browsers take a name with __Host- from the host itself alone, whatever the session's is."""
    httpd = bound_site(*with_codes(sim), options={"tls": authority,
                                                      "names": ("a.example.com",)},
                       **changes)
    browser = visit(httpd)
    bind = changes.get("DingTalkPath", "/dingtalk") + "/bind"
    browser.begin()
    answer = browser.come_back(browser.scan("zhangsan", browser.begin()))
    expect.redirect(answer, 303, bind)
    assert browser.jar.rejected == []
    names = browser.jar.names()
    assert len(names) == 2 and all(name.startswith("__Host-") for name in names), names
    [cookie] = [c for c in browser.jar.all() if c.name.endswith("-bind")]
    assert browser.navigate(bind).status == 200
    for name in (cookie.name[7:], "__Secure-" + cookie.name[7:]):
        answer = visit(httpd).navigate(bind, headers={"Cookie": f"{name}={cookie.value}"})
        expect.page(httpd, answer, 400)


def test_the_cookie_goes_when_the_person_is_in(page, sim):
    page.ask(PHONE)
    page.guess(sim.last_code(E164))
    assert page.browser.jar.find("dingtalk-bind") is None
    assert user_of(page.browser) == "account-1"


# -- where it leads --------------------------------------------------------------------------------

def test_whoever_is_signed_in_has_no_use_for_the_page(page, sim):
    """As after a form that was sent twice."""
    page.ask(PHONE)
    page.guess(sim.last_code(E164))
    expect.redirect(page.browser.navigate("/dingtalk/bind"), 303, "/")
    assert page.guess("123456") == {"ok": True, "location": "/"}


def test_a_site_that_sends_no_codes_has_no_such_pages(site, browser):
    for path, method in (("bind", "GET"), ("bind/code", "POST"), ("bind/verify", "POST")):
        assert browser.navigate("/dingtalk/" + path, method, body=b"").status == 404
    site.allow_log("not_found")


def test_a_callback_without_a_sign_in_leads_to_the_page_that_waits(page):
    """As a bookmark or the back button does, once the sign-in itself is over."""
    expect.redirect(page.browser.navigate("/dingtalk/callback"), 303, "/dingtalk/bind")


def test_a_member_who_is_refused_may_sign_in_again_at_once(page, portal, sim, store):
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    page.submit("/code", phone=PHONE)
    answer = page.submit("/verify", code=sim.last_code(E164))
    expect.page(portal, answer, 403)
    assert "/dingtalk/login?return=%2Fapp%2F" in answer.text
    assert page.browser.jar.find("dingtalk-bind") is None


def test_protected_pages_stay_closed_meanwhile(page, sim):
    answer = page.browser.navigate("/app/page.html")
    assert answer.status == 302 and answer.location.startswith(sim.login)
    assert sites.CANARY not in answer.text
