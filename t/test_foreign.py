# SPDX-License-Identifier: Apache-2.0
"""What belongs to another app, host or person opens nothing here, and stands in nobody's way."""

import functools
import itertools
from urllib.parse import quote, urlencode

import pytest

from lib import expect
from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, at_once, bound_site, store, stores, to_bind_page, with_codes)
from lib.browser import Client
from lib.sim import Simulator

MANY = 1000


@pytest.fixture(scope="module")
def other_simulator():
    """DingTalk for another app of another organisation."""
    with Simulator("--client-id", "dingotherappkey01", "--corp-id", "dingothercorp0001") as other:
        yield other


@pytest.fixture
def other_sim(other_simulator):
    """The other app's DingTalk, as new."""
    other_simulator.reset()
    return other_simulator


def callback_with(browser, location, code):
    """The callback of this very sign-in, with a code from elsewhere."""
    genuine = browser.scan("zhangsan", location)
    address, _, query = genuine.partition("?")
    state = next(pair for pair in query.split("&") if pair.startswith("state="))
    return f"{address}?authCode={quote(code, safe='')}&{state}"


def code_of(callback):
    """The code in a callback address."""
    return callback.partition("ode=")[2].partition("&")[0]


# -- codes -----------------------------------------------------------------------------------------

def of_another_app(_, other_sim, browser):
    """Somebody signs in to another app, whose owner tries the code here."""
    ours = browser.simulator
    location = Client(browser.httpd, ours).begin().replace(ours.login, other_sim.login).replace(
        ours.client_id, other_sim.client_id)
    return code_of(other_sim.scan("zhangsan", location))


def for_a_work_bench(sim, *_):
    """The kind of code that apps get inside DingTalk."""
    return sim.order("POST", "/jsapi_code", {"userid": "zhangsan"})["code"]


def used_before(sim, _, browser):
    """One that has signed somebody in."""
    first = Client(browser.httpd, sim)
    callback = first.scan("zhangsan", first.begin())
    assert first.come_back(callback).status == 303
    return code_of(callback)


def over_age(sim, _, browser):
    """One that DingTalk has let expire."""
    slow = Client(browser.httpd, sim)
    code = code_of(slow.scan("zhangsan", slow.begin()))
    sim.expire("codes")
    return code


@pytest.mark.parametrize("kind", [of_another_app, for_a_work_bench, used_before, over_age])
def test_a_code_that_is_not_for_this_sign_in_signs_nobody_in(site, browser, sim, other_sim, kind):
    """S-12."""
    location = browser.begin()
    code = kind(sim, other_sim, browser)
    answer = browser.come_back(callback_with(browser, location, code))
    assert browser.session is None
    assert answer.status in (302, 400, 403), answer
    if answer.status != 302:
        expect.page(site, answer, answer.status)
    assert browser.sign_in("zhangsan").status == 200


# -- cookies of several apps on one host -----------------------------------------------------------

@pytest.fixture
def two_apps(serve, sim, other_sim):
    """two_apps(**directives of the second) gives two httpds whose browsers see one host."""
    def make(**changes):
        return [serve(sites.protected(sim)), serve(sites.protected(other_sim, **changes))]
    return make


def test_two_apps_on_one_host_with_names_of_their_own_are_open_together(
        two_apps, sim, other_sim):
    one, two = two_apps(DingTalkCookieName="other")
    here = Client(one, sim)
    there = Client(two, other_sim, jar=here.jar)
    assert here.sign_in("zhangsan").status == 200
    assert there.sign_in("lisi").status == 200
    for _ in range(3):
        assert here.fetch("/dingtalk/session").json()["userid"] == "zhangsan"
        assert there.fetch("/dingtalk/session").json()["userid"] == "lisi"


def test_two_apps_on_one_host_under_one_name_take_turns_without_a_loop(two_apps, sim, other_sim):
    """Browsers tell no port from another: the later cookie takes the place of the first."""
    one, two = two_apps()
    jar = Client(one, sim).jar
    for _ in range(3):
        for httpd, dingtalk, userid in ((one, sim, "zhangsan"), (two, other_sim, "lisi")):
            browser = Client(httpd, dingtalk, jar=jar)
            answer = browser.navigate("/app/")
            assert answer.status == 302 and answer.location.startswith(dingtalk.login)
            assert browser.sign_in(userid).status == 200
            assert browser.fetch("/dingtalk/session").json()["userid"] == userid


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["wide first", "wide last"])
def test_a_cookie_of_the_whole_domain_does_not_hide_that_of_a_host(serve, sim, other_sim, order):
    """Both have the same name, and the browser sends both to the host."""
    wide = sites.vhost("a.example.com", sites.location("/app"),
                       sites.application(sim, DingTalkCookieDomain="example.com"))
    narrow = sites.vhost("b.example.com", sites.location("/app"), sites.application(other_sim))
    httpd = serve("\n".join(["UseCanonicalName Off", wide, narrow]))
    wide = Client(httpd, sim, host="a.example.com")
    narrow = Client(httpd, other_sim, host="b.example.com", jar=wide.jar)
    people = [(wide, "zhangsan"), (narrow, "lisi")]
    for number in order:
        browser, userid = people[number]
        assert browser.sign_in(userid).status == 200
    assert narrow.jar.header("http", "b.example.com", "/app/").count("dingtalk=") == 2
    for browser, userid in people * 2:
        assert browser.navigate("/app/").status == 200
        assert browser.fetch("/dingtalk/session").json()["userid"] == userid


# -- people ----------------------------------------------------------------------------------------

def test_two_people_on_two_hosts_with_many_requests_at_once_are_each_themselves(serve, sim):
    """Each answer is compared with the person who asked."""
    hosts = ("one.example", "two.example")
    httpd = serve("\n".join(["UseCanonicalName Off", sites.application(sim), *(
        sites.vhost(host, sites.application(sim), sites.location("/app")) for host in hosts)]))
    browsers = []
    for host, userid in itertools.product(hosts, ("zhangsan", "lisi")):
        browser = Client(httpd, sim, host=host)
        assert browser.sign_in(userid).status == 200
        browsers.append((browser, userid))

    def ask(browser, userid, times=MANY // 4):
        told = {browser.tab().fetch("/dingtalk/session").json()["userid"] for _ in range(times)}
        return told == {userid}

    assert all(at_once([functools.partial(ask, *one) for one in browsers * 2], clients=8))


# -- what costs DingTalk nothing -------------------------------------------------------------------

def test_a_thousand_callbacks_that_nobody_began_ask_dingtalk_nothing(site, sim, browser):
    """S-36."""
    browser.begin()
    calls = len(sim.calls())
    site.allow_log(r"DT\d+: ")

    def come(number):
        stranger = Client(site, sim, jar=browser.jar.copy() if number % 2 else None)
        return stranger.come_back(f"/dingtalk/callback?authCode=code{number}&state=none{number}")

    statuses = {answer.status for answer in at_once(
        [functools.partial(come, number) for number in range(MANY)], clients=8)}
    assert 303 not in statuses and statuses <= {302, 400}, statuses
    assert len(sim.calls()) == calls


def test_a_thousand_cookies_that_nobody_was_given_ask_dingtalk_nothing(site, sim, browser):
    """S-36."""
    browser.sign_in("zhangsan")
    good, calls = browser.session, len(sim.calls())

    def come(number):
        cookie = f"dingtalk={good[:number % len(good)]}{number}"
        return Client(site, sim).fetch("/app/data.txt", headers={"Cookie": cookie})

    answers = at_once([functools.partial(come, number) for number in range(MANY)], clients=8)
    assert {answer.status for answer in answers} == {401}
    assert len(sim.calls()) == calls


def test_wrong_codes_of_one_sign_in_cost_one_call_each_and_no_more(site, sim, browser):
    """S-36: nothing but the question for the code itself, and that once."""
    browser.sign_in("lisi")  # now the app token is there
    browser.jar.drop("dingtalk")
    location = browser.begin()
    callbacks = [callback_with(browser, location, f"wrong{number}") for number in range(100)]
    sim.forget_calls()
    site.allow_log(r"DT\d+: ")
    at_once([functools.partial(Client(site, sim, jar=browser.jar.copy()).come_back, callback)
             for callback in callbacks], clients=8)
    calls = [call["call"] for call in sim.calls()]
    assert set(calls) <= {"userAccessToken"} and len(calls) <= 100, calls


def test_a_thousand_wrong_verification_codes_send_nothing(bound_site, sim, store):
    """S-36."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS))
    store.account("account-1", mobile="13911111111")
    page = to_bind_page(Client(httpd, sim))
    page.ask("13911111111")
    code = int(sim.last_code("+8613911111111"))
    calls = len(sim.calls())

    httpd.allow_log(r"DT\d+: ")

    def guess(number):
        mine = page.copy().browser
        body = urlencode({"csrf": page.csrf, "code": f"{number:06}"}).encode()
        return mine.fetch("/dingtalk/bind/verify", "POST", body=body, headers={
            "Accept": "application/json", "Origin": mine.origin,
            "Content-Type": "application/x-www-form-urlencoded"}).json()["ok"]

    wrong = [number for number in range(MANY) if number != code]
    assert not any(at_once([functools.partial(guess, number) for number in wrong], clients=8))
    assert len(sim.calls()) == calls and len(sim.inbox()) == 1
    assert store.bindings() == []
