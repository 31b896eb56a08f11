# SPDX-License-Identifier: Apache-2.0
"""DingTalk busy, slow, broken, lying: a clear page, never a session, never a hang."""

import concurrent.futures
import time

import pytest

from lib import expect, site as sites
from lib.browser import Client
from lib.steps import promised, within

CALLS = ("userAccessToken", "users_me", "getbyunionid", "user_get")
WITH_TOKEN = (*CALLS, "accessToken")
ALONE = 2.1  # seconds, after which a DingTalk that did not answer is asked again
BROKEN = {
    "reset": {}, "close": {}, "close_half": {}, "busy": {}, "html_ban": {}, "ban_json": {},
    "not_json": {}, "empty": {}, "status": {"status": 500},
}
ERRORS = {
    "502": ("status", {"status": 502, "body": "<html>bad gateway"}),
    "504": ("status", {"status": 504, "body": ""}),
    "redirect": ("status", {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}),
    "204": ("status", {"status": 204, "body": ""}),
    "401 without a body": ("status", {"status": 401, "body": ""}),
    "429": ("code", {"status": 429, "code": "systemBusy"}),
    "qps": ("code", {"status": 403, "code": "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"}),
    "no permission": ("code", {"status": 403, "detail": {"requiredScopes": ["Contact.User.Read"]},
                               "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied"}),
    "ip": ("code", {"status": 403, "code": "Forbidden.AccessDenied.IpNotInWhiteList"}),
    "unknown error": ("code", {"status": 500, "code": "unknownError"}),
    "bad secret": ("code", {"status": 400, "code": "invalidClientIdOrSecret"}),
    "a code never heard of": ("code", {"status": 418, "code": "teapot<script>alert(1)</script>"}),
}
OAPI_ERRORS = {
    "-1": {"errcode": -1}, "15": {"errcode": 15}, "22": {"errcode": 22}, "404": {"errcode": 404},
    "88 with nothing": {"errcode": 88, "sub_code": ""}, "90018": {"errcode": 90018, "wrap": True},
    "90002": {"errcode": 90002}, "90020": {"errcode": 90020}, "33001": {"errcode": 33001},
    "40035": {"errcode": 40035}, "400002": {"errcode": 400002}, "43007": {"errcode": 43007},
    "60011": {"errcode": 60011, "wrap": True}, "60011 plain": {"errcode": 60011},
    "60020": {"errcode": 60020, "wrap": True}, "never heard of": {"errcode": 123456789},
    "negative": {"errcode": -2147483648},
}
LIES = {
    "userAccessToken": [
        {"remove": ["accessToken"]}, {"set": {"accessToken": ""}}, {"set": {"accessToken": 5}},
        {"set": {"accessToken": None}}, {"set": {"accessToken": "x\r\nX-Evil: 1"}},
        {"set": {"corpId": 5}}, {"set": {"corpId": "DINGDEMOCORP0001"}},
        {"set": {"corpId": "dingdemocorp0001 "}}, {"set": {"corpId": "dingdemocorp0001\u0000"}},
        {"set": {"accessToken": "x" * 100_000}}],
    "users_me": [
        {"remove": ["unionId"]}, {"set": {"unionId": ""}}, {"set": {"unionId": 7}},
        {"set": {"unionId": None}}, {"set": {"unionId": ["a"]}},
        {"set": {"unionId": "zS7nUniOnIdAbCdEfGhIjKlMnOiEiE\u0000x"}},
        {"set": {"unionId": "x" * 100_000}}],
    "getbyunionid": [
        {"remove": ["result"]}, {"set": {"result": None}}, {"remove": ["result.userid"]},
        {"set": {"result.userid": ""}}, {"set": {"result.userid": 5}}, {"remove": ["errcode"]},
        {"set": {"errcode": "x"}}, {"set": {"errcode": None}}, {"set": {"errcode": [0]}},
        {"set": {"result.contact_type": "abc"}}, {"remove": ["result.contact_type"]},
        {"set": {"result.contact_type": None}}, {"set": {"result.contact_type": 256}},
        {"set": {"result.contact_type": 4294967296}}, {"set": {"result.contact_type": -1}},
        {"set": {"result.contact_type": 0.5}}, {"set": {"result.userid": "zhangsan\u0000x"}},
        {"set": {"result.userid": "zhangsan\nlisi"}}, {"set": {"result.userid": "x" * 100_000}}],
    "user_get": [
        {"remove": ["result"]}, {"set": {"result": []}}, {"remove": ["errcode"]},
        {"remove": ["result.active"]}, {"set": {"result.active": "maybe"}},
        {"set": {"result.active": None}}, {"set": {"result.unionid": "another"}},
        {"set": {"result.userid": "lisi"}}, {"set": {"errcode": 1.5}},
        {"set": {"result.userid": "Zhangsan"}}, {"set": {"result.disable_status": True}},
        {"set": {"result.disable_status": "true"}}, {"set": {"result.active": "false"}},
        {"set": {"result.active": 0}}, {"set": {"errcode": 4294967296}},
        {"set": {"errcode": "0x"}}, {"set": {"sub_code": "60011", "errcode": 88}}],
    "accessToken": [{"remove": ["accessToken"]}, {"set": {"accessToken": 5}},
                    {"set": {"accessToken": ""}}],
}


@pytest.fixture
def cold(site, sim):
    """The app token a child holds is unknown to DingTalk, so that accessToken is called too."""
    Client(site, sim).sign_in()
    sim.expire("app_token", forget=True)
    sim.forget_calls()
    return site


@pytest.mark.parametrize("mode", BROKEN)
@pytest.mark.parametrize("call", WITH_TOKEN)
def test_a_broken_call_is_503_with_retry_after(cold, sim, call, mode):
    sim.misbehave(call, mode, **BROKEN[mode])
    browser = Client(cold, sim)
    expect.unknown(cold, browser.sign_in())
    sim.behave()
    assert browser.sign_in().status == 200, "and it recovers at once"


@pytest.mark.parametrize("shape", ["array", "null", "number", "string", "true", "object", "deep",
                                   "deep_object", "big_number"])
@pytest.mark.parametrize("call", WITH_TOKEN)
def test_absurd_json_is_503(cold, sim, call, shape):
    sim.misbehave(call, "wrong_type", shape=shape)
    expect.unknown(cold, Client(cold, sim).sign_in())


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("call", ["userAccessToken", "users_me", "accessToken"])
def test_an_error_of_the_new_api_is_503(cold, sim, call, name):
    mode, how = ERRORS[name]
    sim.misbehave(call, mode, **how)
    answer = expect.unknown(cold, Client(cold, sim).sign_in())
    assert "<script>alert" not in answer.text and "teapot" not in answer.text


@pytest.mark.parametrize("name", OAPI_ERRORS)
@pytest.mark.parametrize("call", ["getbyunionid", "user_get"])
def test_an_error_of_the_old_api_is_503(site, sim, call, name):
    sim.misbehave(call, "errcode", **OAPI_ERRORS[name])
    expect.unknown(site, Client(site, sim).sign_in())


@pytest.mark.parametrize("call,how", [(call, how) for call, rows in LIES.items() for how in rows],
                         ids=lambda value: str(value)[:60])
def test_a_reply_that_lacks_or_twists_something_signs_nobody_in(cold, sim, call, how):
    sim.misbehave(call, "edit", **how)
    browser = Client(cold, sim)
    answer = browser.sign_in()
    if answer.status == 302:  # begun once more, and then there is an end
        answer = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
        expect.page(cold, answer, 400)
    else:
        assert answer.status in (403, 503), answer
        expect.page(cold, answer, answer.status)
    assert browser.session is None


def line_of(httpd, answer):
    """The line of the error log that says why."""
    return next(text for text in httpd.log.lines() if answer.error_id in text)


@pytest.mark.parametrize("call", WITH_TOKEN)
@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_answer_is_cut_off(cold, sim, call, chunked):
    sim.misbehave(call, "huge", chunked=chunked)
    answer = expect.unknown(cold, Client(cold, sim).sign_in())
    assert "larger than allowed" in line_of(cold, answer)


@pytest.fixture
def hurried(serve, sim):
    """One second for a call."""
    return serve(sites.protected(sim, DingTalkTimeout="connect=1s total=1s"))


@pytest.mark.parametrize("call", WITH_TOKEN)
def test_a_slow_answer_ends_at_the_timeout(hurried, sim, call):
    sim.misbehave(call, "delay", seconds=8)
    promised(3.5, lambda: takes(hurried, sim, least=0.8), pause=ALONE)


def test_a_dripping_answer_ends_at_the_timeout(hurried, sim):
    sim.misbehave("users_me", "drip", interval=0.2)
    promised(3.5, lambda: takes(hurried, sim, least=0.8), pause=ALONE)


def takes(httpd, sim, least=0):
    """How long somebody waits in vain."""
    browser = Client(httpd, sim)
    callback = browser.scan("zhangsan", browser.begin())
    began = time.monotonic()
    expect.unknown(httpd, browser.come_back(callback))
    assert least <= time.monotonic() - began
    return time.monotonic() - began


def test_nobody_listening_is_503_at_once(serve, sim, visit):
    config = sites.protected(sim)
    for api in ("api", "oapi"):
        config = config.replace(f"DingTalkEndpoint {api} {sim.api}",
                                f"DingTalkEndpoint {api} http://127.0.0.1:1")
    httpd = serve(config)
    promised(2, lambda: takes(httpd, sim), pause=ALONE)


def test_others_are_served_while_dingtalk_is_slow(serve, sim):
    httpd = serve(sites.protected(sim, **sites.PATIENT))
    member = Client(httpd, sim)
    member.sign_in()
    sim.forget_calls()
    sim.misbehave("*", "delay", seconds=60)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(Client(httpd, sim).sign_in) for _ in range(8)]
        within(20, lambda: len(sim.calls("userAccessToken")) == 8)
        for _ in range(10):
            assert member.fetch("/app/data.txt").status == 200
        assert [call["status"] for call in sim.calls()] == [None] * 8, "all that came before"
        sim.behave()
        sim.release()
        for job in waiting:
            assert job.result().status == 200


def test_forty_sign_ins_with_a_dead_dingtalk_do_not_stop_who_is_signed_in(serve, sim):
    httpd = serve(sites.protected(sim, DingTalkTimeout="connect=1s total=6s"), fresh=True)
    httpd.allow_log("AH00484")  # forty and one may need every worker for the moment of their wait
    member = Client(httpd, sim)
    member.sign_in()
    browsers = [Client(httpd, sim) for _ in range(40)]
    callbacks = [browser.scan("zhangsan", browser.begin()) for browser in browsers]
    sim.misbehave("*", "delay", seconds=20)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        jobs = [pool.submit(browser.come_back, url) for browser, url in zip(browsers, callbacks)]
        time.sleep(0.1)
        slowest = 0
        while not all(job.done() for job in jobs):
            began = time.monotonic()
            assert member.fetch("/app/data.txt").status == 200
            slowest = max(slowest, time.monotonic() - began)
        for job in jobs:
            expect.unknown(httpd, job.result())
    assert slowest < 5.5, "half the time of a call, and no round of calls after another"


def test_a_dead_dingtalk_is_left_alone_for_two_seconds_and_then_tried_again(serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkTimeout="connect=1s total=1s"), fresh=True)

    def happens():
        """Unless this takes so long itself that the two seconds are over, or not yet."""
        sim.misbehave("*", "delay", seconds=8)
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            for answer in pool.map(lambda _: visit(httpd).sign_in(), range(32)):
                expect.unknown(httpd, answer)
        sim.forget_calls()
        answer = expect.unknown(httpd, visit(httpd).sign_in())
        alone = "did not answer lately" in line_of(httpd, answer) and sim.calls() == []
        sim.behave()
        time.sleep(ALONE)
        answer = visit(httpd).sign_in()
        if answer.status != 200:
            expect.unknown(httpd, answer)
        return alone and answer.status == 200

    assert any(happens() for _ in range(5))


def test_the_wrong_secret_is_a_page_and_a_line_for_the_administrator(serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkClientSecret="wrong-secret-value"))
    answer = expect.unknown(httpd, visit(httpd).sign_in())
    line = line_of(httpd, answer)
    assert "DingTalkClientSecret" in line or "DingTalkClientID" in line
    assert "wrong-secret-value" not in line


def test_a_code_that_dingtalk_does_not_know_starts_the_sign_in_again(browser, sim):
    """A code used twice or expired means: once more, please."""
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    sim.expire("codes")
    answer = browser.follow(browser.come_back(callback))
    assert answer.status == 302 and answer.location.startswith(sim.login)
    final = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_codes_that_are_never_good_end_in_a_page(site, browser, sim):
    location = browser.begin()
    for _ in range(5):
        callback = browser.scan("zhangsan", location)
        sim.expire("codes")
        answer = browser.follow(browser.come_back(callback))
        if answer.status != 302:
            break
        location = answer.location
    assert answer.status in (400, 503), answer
    expect.page(site, answer, answer.status)


def test_a_lost_answer_after_the_code_was_spent_is_no_session(site, browser, sim):
    sim.misbehave("userAccessToken", "reset", processed=True, times=1)
    answer = browser.sign_in()
    assert answer.status in (302, 503), answer
    if answer.status == 503:
        expect.unknown(site, answer)
    assert browser.session is None


# -- the app token ---------------------------------------------------------------------------------

@pytest.mark.parametrize("call", ["getbyunionid", "user_get"])
@pytest.mark.parametrize("number,wrap", [
    (40014, True), (42001, True), (41001, True), (40014, False), (42001, False), (41001, False)])
def test_a_refused_app_token_is_fetched_once_more(site, sim, browser, call, number, wrap):
    Client(site, sim).sign_in()
    sim.forget_calls()
    sim.misbehave(call, "errcode", errcode=number, wrap=wrap, times=1)
    assert browser.sign_in().status == 200
    assert len(sim.calls("accessToken")) == 1
    assert len(sim.calls(call)) == 2


@pytest.mark.parametrize("call", ["getbyunionid", "user_get"])
def test_invalid_authentication_fetches_the_app_token_once_more(site, sim, browser, call):
    Client(site, sim).sign_in()
    sim.forget_calls()
    sim.misbehave(call, "code", code="InvalidAuthentication", status=400, times=1)
    assert browser.sign_in().status == 200
    assert len(sim.calls("accessToken")) == 1


@pytest.mark.parametrize("number", [40014, 42001, 41001])
def test_a_token_refused_for_ever_is_503_and_no_storm(site, sim, browser, number):
    Client(site, sim).sign_in()
    sim.forget_calls()
    sim.misbehave("getbyunionid", "errcode", errcode=number, wrap=True)
    expect.unknown(site, browser.sign_in())
    assert len(sim.calls("accessToken")) <= 2
    assert len(sim.calls("getbyunionid")) <= 3


@pytest.mark.parametrize("forget", [True, False])
def test_a_token_that_ended_early_is_no_trouble_for_anybody(site, sim, browser, forget):
    Client(site, sim).sign_in()
    sim.expire("app_token", forget=forget)
    assert browser.sign_in().status == 200


def test_the_token_is_renewed_ten_minutes_before_its_end(serve, sim, visit, clock):
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    visit(httpd).sign_in()
    clock.advance(7200 - 610)
    assert visit(httpd).sign_in().status == 200
    assert len(sim.calls("accessToken")) == 1
    clock.advance(15)
    assert visit(httpd).sign_in().status == 200
    assert len(sim.calls("accessToken")) == 2


@pytest.mark.parametrize("lifetime,early", [(603, 3), (15 * 60, 5 * 60), (19 * 60, 9 * 60)])
def test_a_token_of_some_minutes_is_renewed_ten_minutes_before_its_end_too(
        serve, sim, visit, clock, lifetime, early):
    sim.settings(app_token_lifetime=lifetime)
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    visit(httpd).sign_in()
    if early > 60:
        clock.advance(early - 30)
        assert visit(httpd).sign_in().status == 200
        assert len(sim.calls("accessToken")) == 1
        early = 30
    clock.advance(early + 1)
    assert visit(httpd).sign_in().status == 200
    assert len(sim.calls("accessToken")) == 2


def test_a_token_of_a_very_short_life_still_signs_in(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    sim.settings(app_token_lifetime=5)
    for _ in range(2):
        assert visit(httpd).sign_in().status == 200


def test_twenty_sign_ins_at_once_fetch_one_app_token(serve, sim, visit):
    httpd = serve(sites.protected(sim, **sites.PATIENT), fresh=True)
    sim.misbehave("accessToken", "delay", seconds=0.3, times=1)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: visit(httpd).sign_in(), range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert len(sim.calls("accessToken")) == 1


def test_twenty_sign_ins_with_a_dead_token_fetch_few_new_ones(serve, sim, visit):
    site = serve(sites.protected(sim, **sites.PATIENT))
    visit(site).sign_in()
    sim.expire("app_token", forget=True)
    sim.forget_calls()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: visit(site).sign_in(), range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert len(sim.calls("accessToken")) <= 2


def test_a_failing_token_call_does_not_make_the_others_wait_in_turn(serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkTimeout="connect=1s total=1s"), fresh=True)
    sim.misbehave("accessToken", "delay", seconds=8)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: visit(httpd).sign_in(), range(10)))
    assert time.monotonic() - began < 5
    for answer in answers:
        expect.unknown(httpd, answer)


def test_a_warm_sign_in_costs_four_calls(site, sim, visit):
    visit(site).sign_in()
    sim.forget_calls()
    visit(site).sign_in("lisi")
    assert [call["call"] for call in sim.calls()] == list(CALLS)


def test_connections_are_kept_alive(site, sim, visit):
    for _ in range(2):
        visit(site).sign_in()
    sim.forget_calls()
    for _ in range(5):
        visit(site).sign_in()
    connections = {call["connection"] for call in sim.calls()}
    assert len(sim.calls()) == 20
    assert len(connections) <= 3, "twenty calls on few connections"


def test_the_user_token_is_never_used_for_two_people(site, sim, visit):
    """S-40."""
    for userid in ("zhangsan", "lisi", "zhangsan"):
        visit(site).sign_in(userid)
    tokens = [dict((k.lower(), v) for k, v in call["request"]["headers"])
              ["x-acs-dingtalk-access-token"] for call in sim.calls("users_me", full=True)]
    assert len(set(tokens)) == 3


@pytest.mark.parametrize("style", ["both", "authCode", "code"])
def test_each_spelling_of_the_callback_signs_in(browser, sim, style):
    sim.settings(callback_style=style)
    assert browser.sign_in().status == 200


@pytest.mark.parametrize("setting", ["stringified", "capital_keys"])
def test_dingtalks_other_spellings_of_json_are_understood(browser, sim, setting):
    sim.settings(**{setting: True})
    assert browser.sign_in().status == 200


def test_a_stringified_refusal_is_understood(site, browser, sim):
    sim.settings(stringified=True)
    expect.denied(site, browser.sign_in("sunqi"))


def test_no_corp_in_the_token_is_fine_for_a_member(browser, sim):
    sim.settings(corp_id_in_token=False)
    assert browser.sign_in().status == 200


def test_a_refusal_in_capital_keys_is_understood(site, browser, sim):
    sim.settings(capital_keys=True, permissions={"Contact.User.Read": False})
    answer = expect.unknown(site, browser.sign_in())
    assert "ermission" in line_of(site, answer)


@pytest.mark.parametrize("call", WITH_TOKEN)
def test_no_call_sends_a_secret_in_an_address_except_the_documented_token(cold, sim, call):
    Client(cold, sim).sign_in()
    for made in sim.calls(call, full=True):
        query = dict(made["request"]["query"])
        assert set(query) <= {"access_token"}
        assert sim.client_secret not in str(query)
