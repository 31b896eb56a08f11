# SPDX-License-Identifier: Apache-2.0
"""The session endpoint: who am I, and for how long."""

import time

import pytest

from lib import expect, site as sites


def is_of(seconds, left, began):
    """Whether that is what is left of them, since then and of whole seconds."""
    return seconds - (time.monotonic() - began) - 1 <= left <= seconds


def test_signed_in_it_tells_everything_of_the_contract(serve, sim, visit):
    sim.person("zhangsan", job_number="007")
    httpd = serve(sites.protected(sim, DingTalkAttributes="name job_number"))
    browser = visit(httpd)
    began = time.monotonic()
    browser.sign_in("zhangsan")
    answer = browser.fetch("/dingtalk/session")
    assert answer.status == 200
    expect.own_answer(answer)
    assert answer.get("Content-Type").startswith("application/json")
    told = answer.json()
    assert told["authenticated"] is True
    assert told["user"] == told["userid"] == "zhangsan"
    assert told["corp"] == sim.corp_id
    assert told["name"] == "张三"
    assert told["attributes"]["job_number"] == "007"
    assert is_of(7200, told["idle_left"], began)
    assert is_of(28800, told["lifetime_left"], began)


def test_signed_out_it_is_401_with_a_login_url(browser):
    answer = browser.fetch("/dingtalk/session")
    assert answer.status == 401
    expect.own_answer(answer)
    told = answer.json()
    assert told["authenticated"] is False
    assert told["login_url"].startswith(browser.origin + "/dingtalk/login")
    assert answer.set_cookies == []


def test_a_navigation_gets_json_too(browser):
    answer = browser.navigate("/dingtalk/session")
    assert answer.status == 401 and answer.json()["authenticated"] is False
    browser.sign_in()
    assert browser.navigate("/dingtalk/session").json()["authenticated"] is True


def test_it_never_extends_the_session(serve, sim, visit, clock):
    browser = visit(serve(sites.protected(sim), fresh=True, clock=clock))
    began = time.monotonic()
    browser.sign_in()
    for step in range(1, 12):
        clock.advance(600)
        answer = browser.fetch("/dingtalk/session")
        assert answer.set_cookies == []
        assert is_of(7200 - 600 * step, answer.json()["idle_left"], began)
        assert is_of(28800 - 600 * step, answer.json()["lifetime_left"], began)
    clock.advance(610)
    assert browser.fetch("/dingtalk/session").status == 401


@pytest.mark.parametrize("name", ['"quoted"', "back\\slash", "</script><script>", "😀",
                                  "line\u2028break", "tab\tbed"])
def test_any_name_is_valid_json(site, visit, sim, name):
    sim.person("zhangsan", name=name)
    browser = visit(site)
    assert browser.sign_in("zhangsan").status == 200
    assert browser.fetch("/dingtalk/session").json()["name"] == name


def test_idle_off_is_told_as_null_or_the_lifetime(serve, sim, visit):
    browser = visit(serve(sites.protected(sim, DingTalkSessionIdle="0")))
    browser.sign_in()
    told = browser.fetch("/dingtalk/session").json()
    assert told["idle_left"] is None or told["idle_left"] > 28000


def test_a_head_request_has_no_body(browser):
    answer = browser.request("HEAD", "/dingtalk/session")
    assert answer.status == 401 and answer.body == answer.extra == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(site, browser, method):
    answer = browser.fetch("/dingtalk/session", method=method, body=b"")
    assert answer.status in (400, 405), answer
    site.allow_log(r"DT\d+:")


def test_another_origin_cannot_read_it(browser):
    browser.sign_in()
    answer = browser.fetch("/dingtalk/session", site="cross-site",
                           headers={"Origin": "https://evil.example"})
    assert answer.get("Access-Control-Allow-Origin") is None
