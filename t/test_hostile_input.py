# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: a clear answer, never a crash, a session or protected bytes."""

import calendar
import json
import time
from urllib.parse import quote

import pytest

from lib import expect, site as sites, wire
from lib.browser import Client
from lib.steps import promised

ENDPOINTS = ("login", "callback", "logout", "session", "bind", "event", "")
COOKIES = [
    "", ";", "=", "a", "a=;=b", ";;;;", "=;=;=", "dingtalk", "dingtalk=", "dingtalk==",
    "dingtalk=;", ";dingtalk=;", "dingtalk=a;dingtalk=b", 'dingtalk="', 'dingtalk=""',
    'dingtalk="a', "dingtalk=a b c", "dingtalk=\t", "dingtalk=%00", "dingtalk=%", "dingtalk=....",
    "dingtalk=99999999", "dingtalk=-1", "dingtalk=99999999999999999999", "dingtalk_chunks=99999999",
    "dingtalk-ticket-", "dingtalk-ticket-=", "dingtalk-ticket-=a", "dingtalk-ticket-x=y",
    "dingtalk-ticket-" + "x" * 200 + "=y", "dingtalk-ticket-../../x=y", "$Version=1; dingtalk=x",
    "dingtalk=" + "A" * 7000, "dingtalk=" + "_" * 4096, "dingtalk=" + "=" * 100,
    "x" * 7900, "; ".join(f"c{n}=1" for n in range(800)), "dingtalk=x; " * 300,
    "; ".join(f"dingtalk-ticket-{n}=AAAA" for n in range(200)), "dingtalk=\x7f",
    "dingtalk=\xe5\xbc",
    ",".join(["dingtalk=x"] * 50), "dingtalk=A\\", "dingtalk='A'", "DINGTALK=x",
]
QUERIES = [
    "?", "?&", "?=", "?&&=&", "?&=&", "?===", "?%", "?%zz", "?a=%zz", "?%00", "?a=%00", "?state",
    "?state=", "?state&code", "?code=&state=", "?state=%", "?state=%zz&code=%zz", "?return",
    "?return=",
    "?return=%", "?return=%zz", "?return=%c0%af", "?return=%ff%fe", "?\xe5\xbc\xa0=1",
    "?state=%e5%bc%a0&code=1", "?" + "a" * 6000, "?" + "&" * 6000, "?" + "a=1&" * 1500,
    "?state=" + "A" * 6000, "?code=" + "A" * 6000 + "&state=x", "?error=" + "A" * 6000,
    "?error=<script>alert(1)</script>&state=x", "?state=%0d%0aX-Evil:%201&code=1",
    "?error=%0d%0aX-Evil:%201", "?return=%0d%0aX-Evil:%201", "?return=/%0d%0aSet-Cookie:x=y",
    "?;", "?state;code", "?state=1;code=2", "?state[]=1&code[]=2", "?STATE=1&CODE=2", "?+", "?%20",
    "?return=/x&return=/y", "?a=1#b", "?state=x%26code=y",
]


@pytest.mark.parametrize("cookie", COOKIES, ids=lambda text: repr(text[:30]))
def test_a_strange_cookie_is_no_session_and_no_crash(site, browser, cookie):
    """S-03, S-04."""
    def asked():
        began = time.monotonic()
        for path in ("/app/data.txt", "/open/", "/dingtalk/session",
                     "/dingtalk/login?return=/app/", "/dingtalk/callback?code=1&state=2"):
            answer = browser.fetch(path, headers={"Cookie": cookie})
            assert answer.status in (200, 302, 400, 401, 403), answer
            assert sites.CANARY not in answer.text
            if path == "/dingtalk/session":
                assert answer.status in (400, 401)
        return time.monotonic() - began

    promised(2, asked)
    site.allow_log(r"DT\d+:.*no_ticket", "AH00566", "AH00561")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("query", QUERIES, ids=lambda text: repr(text[:30]))
def test_a_strange_query_gets_a_clear_answer(site, browser, endpoint, query):
    """S-24, S-32."""
    answer = browser.navigate(f"/dingtalk/{endpoint}{query}")
    assert answer.status in (200, 302, 303, 400, 401, 404, 405, 414), answer
    assert answer.get("X-Evil") is None
    assert "<script>" not in answer.text and sites.CANARY not in answer.text
    assert browser.session is None
    if endpoint == "callback":
        assert answer.status in (400, 403, 414), answer
    site.allow_log(r"DT\d+:", "AH00566", "AH02811", "AH00026")


@pytest.mark.parametrize("endpoint,method", [
    (endpoint, method) for endpoint in ("login", "callback", "session")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW")])
def test_an_endpoint_refuses_other_methods(site, browser, endpoint, method):
    callback = browser.scan("zhangsan", browser.begin())
    url = callback if endpoint == "callback" else f"/dingtalk/{endpoint}"
    answer = browser.navigate(url, method=method, body=b"")
    assert answer.status == 405, answer
    assert "GET" in answer.get("Allow")
    expect.own_answer(answer)
    assert browser.session is None
    site.allow_log(r"DT\d+:")


@pytest.mark.parametrize("name", ["state", "authCode", "code", "error"])
def test_a_doubled_parameter_is_400(site, browser, name):
    """S-31."""
    callback = browser.scan("zhangsan", browser.begin())
    value = {"error": "no"}.get(name, "x" * 20)
    twice = f"{name}={value}" + ("&error=2" if name == "error" else "")
    for url in (f"{callback}&{twice}", callback.replace("?", f"?{twice}&")):
        answer = browser.come_back(url)
        expect.page(site, answer, 400)
        assert browser.session is None


@pytest.mark.parametrize("name", ["state", "authCode"])
def test_a_parameter_doubled_with_the_same_value_is_400(site, browser, name):
    callback = browser.scan("zhangsan", browser.begin())
    value = callback.partition(name + "=")[2].partition("&")[0]
    expect.page(site, browser.come_back(f"{callback}&{name}={value}"), 400)
    assert browser.session is None


@pytest.mark.parametrize("name", ["st%61te", "stat%65", "c%6fde"])
def test_a_parameter_doubled_in_disguise_is_400(site, browser, name):
    callback = browser.scan("zhangsan", browser.begin())
    expect.page(site, browser.come_back(f"{callback}&{name}=x"), 400)
    assert browser.session is None


def test_the_code_is_sent_to_dingtalk_as_it_is(site, browser, sim):
    """S-17: a code with & and # is JSON text, not part of an address."""
    callback = browser.scan("zhangsan", browser.begin())
    head, _, state = callback.partition("state=")
    url = head.partition("?")[0] + '?authCode=%22%26%23%5C%2Fa%25b%E5%BC%A0&state=' + state
    browser.follow(browser.come_back(url))
    site.allow_log(r"DT\d+:")
    body = sim.calls("userAccessToken", full=True)[-1]["request"]["body"]
    assert json.loads(body)["code"] == '"&#\\/a%b张'
    assert browser.session is None


TEXTS = ['"\'<>&', "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
         "\u2028alert(1)", "{{7*7}}", "%{HTTP_COOKIE}", "%s%n%x", "<!--#exec cmd=id-->"]


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_from_the_query_is_shown_on_a_page(site, browser, text):
    """S-08, S-11: error text comes from a fixed list."""

    state = browser.begin().partition("state=")[2].partition("&")[0]
    for url in (f"/dingtalk/callback?error={quote(text)}&state={state}",
                f"/dingtalk/callback?error={quote(text)}",
                f"/dingtalk/callback?error=x&error_description={quote(text)}&state={state}",
                f"/dingtalk/callback?code=1&state={quote(text)}",
                f"/dingtalk/{quote(text)}", f"/dingtalk/logout?return=/{quote(text)}"):
        answer = browser.navigate(url, site="cross-site")
        assert answer.status in (200, 400, 403, 404), answer
        expect.own_answer(answer)
        for part in (text, "alert(1)", "onerror="):
            assert part not in answer.text or part == text and len(text) < 3, answer.text
    site.allow_log(r"DT\d+:")


@pytest.mark.parametrize("text", TEXTS)
def test_text_of_dingtalk_is_not_shown_raw(site, browser, sim, text):
    sim.misbehave("user_get", "errcode", errcode=60011, errmsg=text, wrap=True)
    answer = expect.unknown(site, browser.sign_in())
    assert text not in answer.text


@pytest.mark.parametrize("text", ["line\nbreak DT9999: forged", "\r\n[crit] forged", "\x1b[31mred"])
def test_text_of_others_cannot_forge_a_log_line(site, browser, sim, text):
    sim.misbehave("user_get", "errcode", errcode=60011, errmsg=text, wrap=True)
    expect.unknown(site, browser.sign_in())
    lines = site.log.lines()
    assert not [line for line in lines if line.startswith(("break", "[crit]"))]
    assert not [line for line in lines if "\x1b" in line]


def test_the_return_address_is_escaped_on_the_logout_page(site, browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/logout?return=/open/%3Fa=%22%3E%3Cscript%3E1%3C/script%3E",
                              site="cross-site")
    expect.notice(answer, 200)
    assert "<script>1" not in answer.text


@pytest.mark.parametrize("host", [
    "evil.example", "127.0.0.1:80@evil.example", "evil.example/path", "a b", "evil.example:99999",
    "[::1", "evil.example\tx", '"><script>', "evil.example%00", "-", ".", "evil_example"])
def test_a_hostile_host_header_builds_no_address_into_a_page(site, browser, host):
    """S-17."""
    for headers in ({"Host": host}, {"X-Forwarded-Host": host}, {"Forwarded": f'host="{host}"'}):
        answer = browser.navigate("/app/", headers=headers)
        assert answer.status in (302, 400, 401), answer
        assert "<script>" not in answer.text
        if "Host" not in headers and answer.status == 302:
            assert "evil" not in answer.location
            assert f"127.0.0.1%3A{site.port}" in answer.location
    site.allow_log(r"AH\d+", r"DT\d+:")


def test_with_a_public_url_the_host_header_counts_for_nothing(serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkPublicURL="https://portal.example"))
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"},
                    {"X-Forwarded-Proto": "http"}, {"Host": "portal.example:81"}):
        answer = visit(httpd).navigate("/app/", headers=headers)
        assert answer.status == 302
        assert "redirect_uri=https%3A%2F%2Fportal.example%2Fdingtalk%2Fcallback" in answer.location
        told = visit(httpd).fetch("/app/", headers=headers).json()
        assert told["login_url"].startswith("https://portal.example/dingtalk/login")


REQUESTS = {
    "no host": b"GET /app/ HTTP/1.1\r\nConnection: close\r\n\r\n",
    "http 1.0": b"GET /app/ HTTP/1.0\r\n\r\n",
    "http 0.9": b"GET /app/\r\n",
    "nul in the path": b"GET /app/\x00 HTTP/1.0\r\n\r\n",
    "bad escape": b"GET /app/%zz HTTP/1.0\r\n\r\n",
    "escaped nul": b"GET /app/%00 HTTP/1.0\r\n\r\n",
    "bad utf-8": b"GET /app/\xff\xfe HTTP/1.0\r\n\r\n",
    "64 kB": b"GET /app/" + b"x" * 65536 + b" HTTP/1.0\r\n\r\n",
    "64 kB query": b"GET /dingtalk/callback?state=" + b"x" * 65536 + b" HTTP/1.0\r\n\r\n",
    "just below the limit": b"GET /app/" + b"x" * 8100 + b" HTTP/1.0\r\n\r\n",
    "bad escape in an endpoint": b"GET /dingtalk/%zz HTTP/1.0\r\n\r\n",
    "dots to an endpoint": b"GET /app/../dingtalk/callback HTTP/1.0\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.0\r\n\r\n",
    "connect": b"CONNECT evil.example:80 HTTP/1.0\r\n\r\n",
    "many headers": b"GET /app/ HTTP/1.0\r\n" + b"X-A: 1\r\n" * 200 + b"\r\n",
    "a folded cookie": b"GET /app/ HTTP/1.0\r\nCookie: a=1;\r\n dingtalk=x\r\n\r\n",
    "two cookies": b"GET /app/ HTTP/1.0\r\nCookie: dingtalk=x\r\nCookie: dingtalk=y\r\n\r\n",
    "nul in a cookie": b"GET /app/ HTTP/1.0\r\nCookie: dingtalk=\x00\r\n\r\n",
    "a trace": b"TRACE /app/ HTTP/1.0\r\n\r\n",
    "encoded slash": b"GET /app%2fpage.html HTTP/1.0\r\n\r\n",
    "empty sec-fetch": b"GET /app/ HTTP/1.0\r\nSec-Fetch-Mode:\r\nSec-Fetch-Dest:\r\n\r\n",
    "long sec-fetch": b"GET /app/ HTTP/1.0\r\nSec-Fetch-Mode: " + b"n" * 8000 + b"\r\n\r\n",
    "chunked nonsense": b"POST /dingtalk/logout HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "half a body": b"POST /dingtalk/logout HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                   b"Content-Length: 5\r\n\r\nabcde",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_malformed_request_is_refused_and_the_server_lives(site, browser, name):
    data = browser.raw(REQUESTS[name])
    assert sites.CANARY.encode() not in data
    if data.startswith(b"HTTP/1"):
        assert wire.parse(data).status >= 300 or name in ("asterisk", "half a body", "a trace")
    site.allow_log(r"AH\d+", r"DT\d+:")
    assert browser.navigate("/open/").status == 200


@pytest.mark.parametrize("size", [0, 10, 100_000, 5_000_000])
def test_a_logout_body_of_any_size_is_bounded(site, browser, size):
    browser.sign_in()
    body = b"a" * size
    answer = browser.navigate("/dingtalk/logout", method="POST", body=body, site="same-origin")
    assert answer.status in (200, 303, 400, 413), answer
    site.allow_log(r"DT\d+:")


LENGTHS = sorted({n * k + d for k in (3, 4, 16, 64, 100, 256, 1000, 1024) for n in (1, 2, 4)
                  for d in (-1, 0, 1)} | {2000, 3000, 4094, 4095, 4096, 4097})


@pytest.mark.parametrize("length", LENGTHS)
def test_a_return_address_of_any_length_arrives_or_falls_back(site, sim, length):
    """S-30: no length makes a loop."""
    path = "/app/page.html?" + "x" * max(0, length - len("/app/page.html?"))
    browser = Client(site, sim)
    final = browser.sign_in("zhangsan", path)
    assert final.status == 200, final
    assert final.url.endswith(path) or final.url.endswith(("/app/page.html", "/"))


@pytest.mark.parametrize("length", [1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257, 300])
def test_a_name_of_any_length_signs_in(site, sim, browser, length):
    sim.person("zhangsan", name="张" * length)
    answer = browser.sign_in()
    assert answer.status == 200, answer
    assert browser.fetch("/dingtalk/session").json()["name"].startswith("张")


@pytest.mark.parametrize("year", [2038, 2039, 2107])
def test_sign_in_works_after_2038(serve, sim, visit, clock, year):
    """S-37: no 32-bit seconds anywhere."""
    clock.advance(calendar.timegm((year, 1, 30, 0, 0, 0)) - time.time())
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    browser = visit(httpd)
    callback = browser.scan("zhangsan", browser.begin())
    browser.come_back(callback)
    assert browser.fetch("/app/data.txt").status == 200
    told = browser.fetch("/dingtalk/session").json()
    assert 28700 < told["lifetime_left"] <= 28800


def test_a_session_from_before_2038_is_good_after_it(serve, sim, visit, clock):
    clock.advance(0x7fffffff - 60 - time.time())
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    browser = visit(httpd)
    browser.sign_in()
    clock.advance(120)
    assert browser.fetch("/app/data.txt").status == 200
    clock.advance(hours=3)
    assert browser.fetch("/app/data.txt").status == 401


def test_a_clock_that_jumps_back_is_no_crash_and_no_eternal_session(serve, sim, visit, clock):
    clock.advance(hours=100)
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    browser = visit(httpd)
    browser.sign_in()
    clock.advance(hours=-100)
    assert browser.fetch("/app/data.txt").status in (200, 401)
    assert visit(httpd).sign_in().status == 200
    httpd.allow_log(r"DT\d+:")
