# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and what the others are told, in Chinese and in English."""

import re

import pytest

from lib import expect, site as sites
from lib.browser import Client

ENGLISH = "en-GB,en;q=0.8"
CHINESE = "zh-CN,zh;q=0.9,en;q=0.5"

# role, words of the Chinese page, words of the English page
DENIED = [
    ("stranger", "组织|成员", "organisation|member"),
    ("external", "外部联系人|外部", "[Ee]xternal"),
    ("disabled", "停用|禁用", "disabled"),
    ("not_active", "激活", "activ"),
    ("out_of_scope", "管理员", "administrator"),
    ("other_corp", "组织", "organisation"),
]
UNKNOWN = [
    ("no_permission", "管理员", "administrator"),
    ("ip", "管理员", "administrator"),
    ("down", "钉钉", "DingTalk"),
]


def cast(sim, role):
    """Make the person or trouble of a role; the userid that scans."""
    if role in ("no_permission", "ip", "down"):
        sim.trouble(role)
        return "zhangsan"
    return sim.cast(role)


@pytest.mark.parametrize("role,chinese,english", DENIED, ids=[row[0] for row in DENIED])
@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
def test_who_may_not_come_in_is_told_why(
        site, sim, role, chinese, english, language):
    browser = Client(site, sim, language=language)
    answer = browser.sign_in(cast(sim, role))
    expect.denied(site, answer, chinese if language is CHINESE else english)
    assert f'lang="{"zh" if language is CHINESE else "en"}' in answer.text
    assert browser.session is None


@pytest.mark.parametrize("role,chinese,english", UNKNOWN, ids=[row[0] for row in UNKNOWN])
@pytest.mark.parametrize("language", [CHINESE, ENGLISH], ids=["zh", "en"])
def test_whom_we_cannot_find_out_about_is_told_to_try_later(
        site, sim, role, chinese, english, language):
    browser = Client(site, sim, language=language)
    answer = browser.sign_in(cast(sim, role))
    expect.unknown(site, answer, chinese if language is CHINESE else english)
    assert browser.session is None


@pytest.mark.parametrize("call,number,wrap", [
    ("user_get", 60121, False), ("user_get", 33012, False), ("user_get", 60120, False),
    ("user_get", 60120, True), ("user_get", 50002, False), ("user_get", 50002, True),
    ("getbyunionid", 60121, False), ("getbyunionid", 60121, True), ("getbyunionid", 50002, True)])
def test_dingtalks_own_no_is_a_no(site, sim, browser, call, number, wrap):
    sim.misbehave(call, "errcode", errcode=number, wrap=wrap)
    expect.denied(site, browser.sign_in())


def test_a_member_who_left_is_not_let_in(site, sim, browser):
    sim.person("zhangsan", left=True)
    expect.denied(site, browser.sign_in("zhangsan"))


def test_people_whose_ids_differ_in_case_only_are_two(site, sim):
    for userid in ("zhangsan", "ZhangSan"):
        browser = Client(site, sim)
        assert browser.sign_in(userid).status == 200
        assert browser.fetch("/dingtalk/session").json()["userid"] == userid


def test_a_member_of_two_organisations_comes_in_with_ours_only(site, sim, browser):
    callback = browser.scan("duoduo", browser.begin(), corp_id="dingothercorp0002")
    expect.denied(site, browser.come_back(callback))
    callback = browser.scan("duoduo", browser.begin(), corp_id=sim.corp_id)
    assert browser.come_back(callback).status == 303


@pytest.mark.parametrize("role,hint", [
    ("no_permission", "qyapi_get_member|permission"), ("ip", "IP|address")])
def test_the_administrator_reads_in_the_log_what_to_do(site, sim, role, hint):
    answer = Client(site, sim).sign_in(cast(sim, role))
    expect.unknown(site, answer)
    line = next(text for text in site.log.lines() if answer.error_id in text)
    assert re.search(hint, line), line


def test_out_of_scope_is_explained_to_the_administrator(site, sim):
    answer = Client(site, sim).sign_in(cast(sim, "out_of_scope"))
    expect.denied(site, answer)
    line = next(text for text in site.log.lines() if answer.error_id in text)
    assert "50002" in line or "scope" in line


def test_an_ip_that_is_not_allowed_stands_in_the_log(site, sim):
    answer = Client(site, sim).sign_in(cast(sim, "ip"))
    expect.unknown(site, answer)
    site.expect_log("60020|IpNotInWhiteList|egress")


def test_a_person_who_says_no_is_told_so(site, sim, browser):
    callback = browser.scan("zhangsan", browser.begin(), deny=True)
    assert "error=" in callback
    expect.denied(site, browser.come_back(callback))


def test_a_refused_person_may_try_with_another_account(site, sim, browser):
    answer = browser.sign_in(cast(sim, "stranger"))
    expect.denied(site, answer)
    assert browser.sign_in("zhangsan").status == 200


@pytest.mark.parametrize("language,expected", [
    ("zh-CN", "zh"), ("zh-TW,zh;q=0.9", "zh"), ("en", "en"), ("en-US,zh-CN;q=0.9", "en"),
    ("en;q=0.2,zh;q=0.8", "zh"), ("fr-FR,de", None), ("", None), ("zh;q=0,en", "en"),
    (";;;,,,q=", None), ("x" * 5000, None)])
def test_the_page_speaks_the_language_of_the_browser(site, sim, language, expected):
    answer = Client(site, sim, language=language).navigate("/dingtalk/callback")
    expect.page(site, answer, 400)
    assert 'lang="zh' in answer.text or 'lang="en' in answer.text
    if expected:
        assert f'lang="{expected}' in answer.text


def test_pages_vary_on_nothing_secret_and_say_no_sniffing(site, sim):
    answer = expect.page(site, Client(site, sim).navigate("/dingtalk/callback"), 400)
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert answer.get("Referrer-Policy")
    assert "frame-ancestors '" in answer.get("Content-Security-Policy")


def test_two_error_pages_have_two_ids(site, sim):
    one, two = (Client(site, sim).navigate("/dingtalk/callback") for _ in "ab")
    expect.page(site, one, 400)
    expect.page(site, two, 400)
    assert one.error_id != two.error_id


def test_every_error_id_stands_in_the_log(serve, sim):
    """Also of answers that are no error of the server: they are logged at level info."""
    httpd = serve(sites.protected(sim), log_level="info auth_dingtalk:info")
    browser = Client(httpd, sim)
    answers = [
        browser.fetch("/app/"), browser.fetch("/dingtalk/session"),
        browser.navigate("/app/", method="POST", body=b""), browser.navigate("/dingtalk/none"),
        browser.navigate("/dingtalk/login", method="POST", body=b""),
        browser.navigate("/dingtalk/callback"),
        browser.navigate("/dingtalk/callback?state=&state="),
        browser.navigate("/app/", headers={"Sec-Fetch-Dest": "iframe"})]
    for answer in answers:
        expect.own_answer(answer)
        assert answer.status >= 400
        assert answer.error_id, answer
        httpd.expect_log(answer.error_id)


def test_no_secret_and_no_personal_data_stands_in_the_log(serve, sim):
    """Never a secret, code, token, cookie or full phone number at any level."""
    httpd = serve(sites.protected(sim), log_level="trace8", fresh=True)
    browser = Client(httpd, sim)
    callback = browser.scan("zhangsan", browser.begin())
    code = callback.partition("authCode=")[2].partition("&")[0]
    assert browser.follow(browser.come_back(callback)).status == 200
    assert browser.navigate("/app/").status == 200
    text = "\n".join(line for line in httpd.log.lines()
                     if "dingtalk:" in line.partition("]")[2][:40])
    httpd.allow_log(".*")
    person = sim.who("zhangsan")
    secrets = [sim.client_secret, browser.session, code, person.get("mobile") or "no-mobile",
               *sim.tokens()]
    for secret in secrets:
        assert secret and secret not in text, f"{secret} in the log"
