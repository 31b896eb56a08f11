# SPDX-License-Identifier: Apache-2.0
"""What belongs to another app, host or person opens nothing here, and stands in nobody's way."""

import functools
import itertools
import socket
import time
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from lib import expect, wire
from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    MANY_CHILDREN, NO_LIMITS, at_once, bound_site, store, stores, to_bind_page, with_codes)
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


WRONG_CODES = 30  # of one address in a minute
GUESSERS = 8      # at the same time


class From(Client):
    """A browser at another address, as a reverse proxy in front of httpd tells it."""

    def __init__(self, address, *args, **options):
        super().__init__(*args, **options)
        self.address = address

    def request(self, method, url, headers=None, *args, **options):
        headers = {"X-Forwarded-For": self.address, **(headers or {})}
        return super().request(method, url, headers, *args, **options)


@pytest.fixture
def behind_a_proxy(serve, sim, clock):
    """An httpd of several children with a clock, whose browsers have addresses of their own."""
    httpd = serve(sites.protected(sim, "RemoteIPHeader X-Forwarded-For",
                                  "RemoteIPInternalProxy 127.0.0.1", MANY_CHILDREN,
                                  '<Location "/status">', "SetHandler server-status",
                                  "</Location>"),
                  fresh=True, clock=clock, modules=("remoteip", "status"))
    httpd.allow_log(r"DT0022: .*(failed_again|wrong_codes)")
    assert Client(httpd, sim).sign_in("lisi").status == 200  # now the app token is there
    return httpd


def guess(httpd, sim, address, count, clients=GUESSERS):
    """Come back to one sign-in with so many wrong codes: the answers."""
    browser = From(address, httpd, sim)
    location = browser.begin()
    callbacks = [callback_with(browser, location, f"wrong{number}") for number in range(count)]
    return at_once([
        functools.partial(From(address, httpd, sim, jar=browser.jar.copy()).come_back, callback)
        for callback in callbacks], clients=clients)


def asked_for_codes(sim):
    """How many codes DingTalk was asked about since the last sim.forget_calls(), and no more."""
    calls = [call["call"] for call in sim.calls()]
    assert set(calls) <= {"userAccessToken"}, calls
    return len(calls)


def too_many(httpd, answer):
    """The answer to who has tried too many codes."""
    expect.page(httpd, answer, 429, "重试")
    assert 0 < int(answer.get("Retry-After")) <= 60
    expect.no_session(answer)
    assert not answer.set_cookies, "the ticket is left as it is"


def test_of_a_thousand_wrong_codes_of_one_address_few_reach_dingtalk(behind_a_proxy, sim, clock):
    """S-36: a minute may begin while they come, and some are asked about at the same moment."""
    httpd = behind_a_proxy
    sim.forget_calls()
    began = clock.now()
    answers = guess(httpd, sim, "203.0.113.7", MANY)
    minutes = int(clock.now() // 60 - began // 60) + 1
    assert asked_for_codes(sim) <= (WRONG_CODES + GUESSERS) * minutes
    late = [answer for answer in answers if answer.status == 429]
    assert len(late) >= MANY - (WRONG_CODES + GUESSERS) * minutes
    assert {answer.status for answer in answers} == {302, 429}
    for answer in late[:5] + late[-5:]:
        too_many(httpd, answer)
    told = Client(httpd, sim).fetch("/status?auto").text
    assert f"DingTalkSignIns-wrong_codes: {len(late)}\n" in told, told


def test_who_guesses_stands_in_the_way_of_nobody_else_and_not_for_long(
        behind_a_proxy, sim, clock):
    """S-36."""
    httpd = behind_a_proxy
    clock.advance(61 - clock.now() % 60)  # a minute has just begun
    patient = From("203.0.113.7", httpd, sim)
    callback = patient.scan("zhangsan", patient.begin())
    guess(httpd, sim, "203.0.113.7", 2 * WRONG_CODES)
    too_many(httpd, patient.come_back(callback))
    assert From("203.0.113.8", httpd, sim).sign_in("lisi").status == 200
    clock.advance(60)
    assert patient.follow(patient.come_back(callback)).status == 200


def test_addresses_of_one_ipv6_network_guess_together(behind_a_proxy, sim, clock):
    httpd = behind_a_proxy
    clock.advance(61 - clock.now() % 60)
    guess(httpd, sim, "2001:db8:0:1::1", 2 * WRONG_CODES)
    too_many(httpd, guess(httpd, sim, "2001:db8:0:1:ffff::2", 1)[0])
    assert From("2001:db8:0:2::1", httpd, sim).sign_in("lisi").status == 200


def test_who_takes_a_minute_for_a_header_guesses_when_it_has_come(behind_a_proxy, sim, clock):
    httpd, address = behind_a_proxy, "203.0.113.7"
    clock.advance(61 - clock.now() % 60)
    with socket.create_connection(("127.0.0.1", httpd.port), 20) as slow:
        slow.sendall(b"GET /dingtalk/callback?authCode=wrong&state=none HTTP/1.1\r\n")
        time.sleep(0.5)  # httpd takes the time of the request from its line
        clock.advance(60)
        guess(httpd, sim, address, 2 * WRONG_CODES)
        slow.sendall(f"Host: {httpd.names[0]}\r\nX-Forwarded-For: {address}\r\n"
                     "Accept-Language: zh\r\nConnection: close\r\n\r\n".encode())
        answer = wire.parse(b"".join(iter(functools.partial(slow.recv, 65536), b"")))
    too_many(httpd, answer)


def test_only_codes_that_dingtalk_refused_count(behind_a_proxy, sim, clock):
    """Good ones, trouble, and people who cancel do not."""
    httpd = behind_a_proxy
    httpd.allow_log(r"DT002[01]: ")
    clock.advance(61 - clock.now() % 60)
    address = "203.0.113.7"

    def cancel(_):
        browser = From(address, httpd, sim)
        state = dict(parse_qsl(urlsplit(browser.begin()).query))["state"]
        return browser.come_back(f"/dingtalk/callback?error=access_denied&state={state}").status

    def come_in(_):
        return From(address, httpd, sim).sign_in("lisi").status

    jobs = range(WRONG_CODES + 1)
    assert set(at_once([functools.partial(cancel, job) for job in jobs], GUESSERS)) == {403}
    assert set(at_once([functools.partial(come_in, job) for job in jobs], GUESSERS)) == {200}
    sim.misbehave("userAccessToken", "busy")
    assert {answer.status for answer in guess(httpd, sim, address, WRONG_CODES + 1)} == {503}
    sim.behave()
    assert guess(httpd, sim, address, 1)[0].status == 302


def test_who_is_signed_in_goes_on_from_too_many_wrong_codes(behind_a_proxy, sim, clock):
    """The callback in another tab, where the address has become known for guessing."""
    httpd = behind_a_proxy
    clock.advance(61 - clock.now() % 60)
    member = From("203.0.113.7", httpd, sim)
    callback = member.scan("zhangsan", member.begin())
    assert member.sign_in("zhangsan").status == 200
    guess(httpd, sim, "203.0.113.7", 2 * WRONG_CODES)
    too_many(httpd, member.come_back(callback))
    assert member.fetch("/app/data.txt").status == 200


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
