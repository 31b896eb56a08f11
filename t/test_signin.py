# SPDX-License-Identifier: Apache-2.0
"""Signing in by a scan, from the first request to the protected page, under each MPM."""

import concurrent.futures
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from lib import expect, site as sites
from lib.browser import Client

pytestmark = pytest.mark.smoke


@pytest.fixture
def on_mpm(serve, sim, mpm):
    """A CGI site under each MPM."""
    config = sites.protected(sim, 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"',
                             **sites.PATIENT)
    return serve(config, mpm=mpm, modules=("cgi",))


def test_a_member_scans_and_reads_the_page_it_asked_for(on_mpm, visit):
    browser = visit(on_mpm)
    answer = browser.sign_in("zhangsan", "/app/page.html")
    assert answer.status == 200
    assert sites.CANARY + " page" in answer.text
    assert answer.url.endswith("/app/page.html")


def test_the_application_learns_who_came_in(on_mpm, visit):
    answer = visit(on_mpm).sign_in("zhangsan", "/app/cgi/env.cgi")
    variables = answer.json()
    assert variables["REMOTE_USER"] == "zhangsan"
    assert variables["AUTH_TYPE"] == "DingTalk"


def test_a_session_opens_every_protected_page_without_another_scan(on_mpm, visit, sim):
    browser = visit(on_mpm)
    browser.sign_in("zhangsan")
    calls = len(sim.calls())
    for _ in range(5):
        assert browser.navigate("/app/deep/page.html").status == 200
        assert browser.fetch("/app/data.txt").status == 200
    assert len(sim.calls()) == calls


def test_without_a_session_nothing_of_the_page_is_shown(on_mpm, visit):
    answer = visit(on_mpm).navigate("/app/page.html")
    expect.redirect(answer, 302)


def test_twenty_people_sign_in_at_the_same_time_and_each_is_themselves(on_mpm, visit, sim):
    people = [f"person{number:02}" for number in range(20)]
    for userid in people:
        sim.person(userid, name=f"人{userid}", unionid=f"union-{userid}")

    def one(userid):
        answer = visit(on_mpm).sign_in(userid, "/app/cgi/env.cgi")
        assert answer.status == 200, answer
        return answer.json()["REMOTE_USER"]

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, people)) == people


def test_two_people_taking_turns_never_get_each_others_identity(on_mpm, visit, sim):
    """S-40: nothing of a person may be cached for the next one."""
    for _ in range(6):
        for userid in ("zhangsan", "lisi"):
            answer = visit(on_mpm).sign_in(userid, "/app/cgi/env.cgi")
            assert answer.json()["REMOTE_USER"] == userid


def test_the_browser_is_sent_to_dingtalk_with_the_documented_parameters(browser, sim):
    query = parse_qs(urlsplit(browser.begin()).query, strict_parsing=True)
    state = query.pop("state")
    assert query == {
        "client_id": [sim.client_id],
        "redirect_uri": [browser.origin + "/dingtalk/callback"],
        "response_type": ["code"],
        "scope": ["openid corpid"],
        "prompt": ["consent"],
    }
    assert 16 <= len(state[0]) <= 64
    assert urlsplit(browser.begin()).path == "/oauth2/auth"


def test_the_scope_is_written_with_percent_20(browser):
    assert "scope=openid%20corpid" in browser.begin()


def test_state_says_nothing_about_the_address_asked_for(browser):
    location = browser.begin("/app/page.html?secret=whisper")
    assert "page.html" not in location and "whisper" not in location


def test_a_head_navigation_is_redirected_too(browser):
    assert browser.navigate("/app/", method="HEAD").status == 302


def test_the_query_of_the_page_survives_the_sign_in(browser):
    answer = browser.sign_in("zhangsan", "/app/page.html?a=1&b=%E5%BC%A0&c=x%26y")
    assert answer.url.endswith("/app/page.html?a=1&b=%E5%BC%A0&c=x%26y")


def test_the_callback_answers_with_303_and_a_new_session_cookie(browser, sim):
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    answer = expect.redirect(browser.come_back(callback), 303)
    assert answer.location in ("/app/page.html", browser.origin + "/app/page.html")
    assert browser.session
    cookie = browser.jar.find("dingtalk")
    assert cookie.http_only and cookie.host_only and cookie.path == "/"
    assert cookie.attributes["samesite"] == "Lax"
    assert not cookie.secure


def test_after_the_sign_in_no_more_than_its_memory_is_left(browser):
    """A used ticket may be remembered for the back button, but ten sign-ins leave no ten."""
    browser.sign_in()
    assert len(browser.tickets) <= 1
    for _ in range(10):
        browser.jar.drop("dingtalk")
        browser.navigate("/dingtalk/logout", method="POST", body=b"", site="same-origin")
        browser.sign_in()
    assert len(browser.tickets) <= 4


def test_code_is_taken_where_authcode_is_missing(browser):
    callback = browser.scan("zhangsan", browser.begin())
    callback = callback.replace("authCode=", "x=").replace("?code=", "?y=").replace("&code=", "&y=")
    code = parse_qs(urlsplit(callback).query)["x"][0]
    assert browser.come_back(callback + f"&code={code}").status == 303
    assert browser.session


def test_authcode_wins_over_code(browser):
    callback = browser.scan("zhangsan", browser.begin())
    parts = parse_qs(urlsplit(callback).query)
    code = (parts.get("authCode") or parts["code"])[0]
    base = callback.partition("?")[0]
    answer = browser.come_back(f"{base}?code=wrong&authCode={code}&state={parts['state'][0]}")
    assert answer.status == 303
    assert browser.session


def test_every_sign_in_makes_another_session(browser):
    """S-23: a session id set before the sign-in does not survive it."""
    browser.sign_in()
    first = browser.session
    browser.jar.clear()
    browser.jar.put("dingtalk", "chosen-by-somebody-else", browser.host)
    browser.sign_in()
    assert browser.session not in (first, "chosen-by-somebody-else")


def test_on_https_the_cookie_is_a_host_cookie(serve, sim, authority, visit):
    httpd = serve(sites.protected(sim), tls=authority, names=("localhost",))
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    cookie = browser.jar.find("__Host-dingtalk")
    assert cookie and cookie.secure and cookie.path == "/" and cookie.host_only
    assert browser.jar.find("dingtalk") is None
    assert browser.jar.rejected == []


def test_behind_a_proxy_the_public_url_is_what_dingtalk_is_told(serve, sim, visit):
    config = sites.protected(sim, DingTalkPublicURL="https://portal.example")
    browser = visit(serve(config))
    location = browser.navigate("/app/").location
    query = parse_qs(urlsplit(location).query)
    assert query["redirect_uri"] == ["https://portal.example/dingtalk/callback"]


def test_behind_a_proxy_the_cookies_are_those_of_https(serve, sim, visit):
    config = sites.protected(sim, DingTalkPublicURL="https://portal.example")
    answer = visit(serve(config)).navigate("/app/")
    assert answer.set_cookies
    for line in answer.set_cookies:
        assert line.startswith("__Host-dingtalk-ticket-") and "; Secure" in line


def test_the_endpoints_live_below_the_configured_path(serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkPath="/auth/dt"))
    browser = visit(httpd)
    assert "%2Fauth%2Fdt%2Fcallback" in browser.begin()
    assert browser.sign_in().status == 200
    assert browser.navigate("/dingtalk/session").status == 404


def test_login_parameters_are_sent_as_configured(serve, sim, visit):
    config = sites.protected(
        sim, "DingTalkLoginParam exclusiveLogin true",
        "DingTalkLoginParam exclusiveCorpId " + sim.corp_id,
        'DingTalkLoginParam scope "openid"', 'DingTalkLoginParam prompt "login consent"')
    query = parse_qs(urlsplit(visit(serve(config)).begin()).query)
    assert query["exclusiveLogin"] == ["true"]
    assert query["exclusiveCorpId"] == [sim.corp_id]
    assert query["scope"] == ["openid"]
    assert query["prompt"] == ["login consent"]


def test_login_endpoint_sends_to_dingtalk_at_once(browser, sim):
    answer = expect.redirect(browser.navigate("/dingtalk/login?return=/app/page.html"), 302)
    assert answer.location.startswith(sim.login)
    final = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_login_endpoint_sends_a_signed_in_visitor_to_the_page(browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=/app/page.html")
    expect.redirect(answer, 303)
    assert answer.location in ("/app/page.html", browser.origin + "/app/page.html")


def test_dingtalk_down_does_not_disturb_a_live_session(serve, sim, visit):
    config = sites.protected(sim)
    httpd = serve(config)
    browser = visit(httpd)
    browser.sign_in()
    calls = len(sim.calls())
    assert json.loads(browser.fetch("/dingtalk/session").body)["authenticated"] is True
    assert browser.navigate("/app/").status == 200
    assert len(sim.calls()) == calls


def test_open_pages_stay_open(browser):
    answer = browser.navigate("/open/")
    assert answer.status == 200 and "open page" in answer.text
    assert answer.set_cookies == []


def test_a_second_browser_is_not_signed_in(site, sim, browser):
    browser.sign_in()
    assert Client(site, sim).navigate("/app/").status == 302
