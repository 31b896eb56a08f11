# SPDX-License-Identifier: Apache-2.0
"""The session cookie: how long it is good, where it is good, and that nobody can make one."""

import base64
import os
import secrets
import stat
import time

import pytest

from lib import expect, site as sites
from lib.browser import Client

KEYS = [base64.b64encode(os.urandom(48)).decode() for _ in range(3)]


def accepted(browser, value, path="/app/data.txt"):
    """Whether a session value opens the page."""
    answer = browser.fetch(path, headers={"Cookie": f"{browser.session_name}={value}"})
    assert answer.status in (200, 401), answer
    assert (sites.CANARY in answer.text) == (answer.status == 200)
    return answer.status == 200


# -- lifetimes: httpd's clock moves, the test does not wait ----------------------------------------

@pytest.fixture
def timed(serve, sim, clock):
    """timed(…) gives a browser on a site whose time is in the hands of `clock`."""
    return lambda **changes: Client(
        serve(sites.protected(sim, **changes), fresh=True, clock=clock), sim)


def test_an_idle_session_ends_after_two_hours(timed, clock):
    browser = timed()
    browser.sign_in()
    clock.advance(hours=2, seconds=-30)
    assert browser.fetch("/dingtalk/session").status == 200
    clock.advance(40)
    assert browser.fetch("/dingtalk/session").status == 401
    assert not accepted(browser, browser.session)
    assert browser.navigate("/app/").status == 302


def test_use_keeps_a_session_alive_beyond_its_idle_time(timed, clock):
    browser = timed()
    browser.sign_in()
    for _ in range(7):
        clock.advance(hours=1)
        assert browser.fetch("/app/").status == 200


def test_no_use_keeps_a_session_alive_beyond_its_lifetime(timed, clock):
    browser = timed()
    browser.sign_in()
    seen = set()
    for _ in range(16):
        seen.add(browser.session)
        assert browser.fetch("/app/").status == 200
        clock.advance(1795)
    clock.advance(100)
    assert browser.fetch("/app/").status == 401
    assert len(seen) > 10
    assert not [value for value in seen if accepted(browser, value)]


def test_idle_zero_leaves_the_lifetime_alone(timed, clock):
    browser = timed(DingTalkSessionIdle="0", DingTalkRecheck="0")
    browser.sign_in()
    clock.advance(hours=7.9)
    answer = browser.fetch("/app/")
    assert answer.status == 200 and answer.set_cookies == []
    clock.advance(hours=0.2)
    assert browser.fetch("/app/").status == 401


def test_an_idle_time_longer_than_the_lifetime_is_bounded_by_it(timed, clock):
    browser = timed(DingTalkSessionLifetime="1h", DingTalkSessionIdle="10h")
    browser.sign_in()
    clock.advance(3590)
    assert browser.fetch("/app/").status == 200
    clock.advance(20)
    assert browser.fetch("/app/").status == 401


@pytest.mark.parametrize("step", [10, 60, 300, 719])
def test_renewal_happens_at_most_once_per_tenth_of_the_idle_time(timed, clock, step):
    browser = timed(DingTalkRecheck="0")
    browser.sign_in()
    renewals = 0
    for _ in range(3600 // step):
        clock.advance(step)
        renewals += len(expect.set_names(browser.fetch("/app/")))
    assert 1 <= renewals <= 5


def test_a_session_is_renewed_whenever_its_person_is_looked_up_again(timed, clock):
    browser = timed(DingTalkSessionIdle="0")
    browser.sign_in()
    clock.advance(14 * 60)
    assert browser.fetch("/app/").set_cookies == []
    clock.advance(2 * 60)
    assert len(expect.set_names(browser.fetch("/app/"))) == 1
    assert browser.fetch("/app/").set_cookies == []


def test_a_fresh_session_is_not_renewed(browser):
    browser.sign_in()
    for _ in range(10):
        assert browser.fetch("/app/").set_cookies == []


def test_renewal_keeps_old_copies_good(timed, clock):
    """Parallel requests that still carry the value of before are not signed out."""
    browser = timed()
    browser.sign_in()
    old = browser.session
    clock.advance(800)
    browser.fetch("/app/")
    assert browser.session != old
    assert accepted(browser, old) and accepted(browser, browser.session)


def test_a_session_cookie_is_over_with_the_browser_or_with_its_lifetime(browser):
    browser.sign_in()
    cookie = browser.jar.find("dingtalk")
    assert cookie.expires is None or cookie.expires <= time.time() + 8 * 3600 + 5


def test_a_session_from_a_clock_that_was_ahead_has_an_end(timed, clock):
    """Whatever a node's wrong clock wrote, eight hours after that time it is over."""
    browser = timed()
    clock.advance(hours=24)
    browser.sign_in()
    clock.advance(hours=-24)
    assert browser.fetch("/app/").status in (200, 401)
    clock.advance(hours=32.1)
    assert browser.fetch("/app/").status == 401


# -- forgery ---------------------------------------------------------------------------------------

def test_every_single_changed_character_is_refused(site, browser):
    browser.sign_in()
    value = browser.session
    assert accepted(browser, value)
    for index, old in enumerate(value):
        new = "B" if old == "A" else "A"
        assert not accepted(browser, value[:index] + new + value[index + 1:]), index


def test_every_flipped_bit_of_the_sealed_bytes_is_refused(browser):
    browser.sign_in()
    value = browser.session
    raw = bytearray(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    for index in range(0, len(raw), 2):
        for bit in (1, 128):
            raw[index] ^= bit
            text = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
            raw[index] ^= bit
            assert not accepted(browser, text), (index, bit)


@pytest.mark.parametrize("change", [
    lambda v: v[:-1], lambda v: v[:-4], lambda v: v[1:], lambda v: v + "A", lambda v: v + "AAAA",
    lambda v: v + "=", lambda v: v * 2, lambda v: v[:len(v) // 2], lambda v: v[:16],
    lambda v: v.swapcase(), lambda v: "", lambda v: "A" * len(v), lambda v: v + "." + v,
    lambda v: v[:20] + "\x80" + v[21:], lambda v: v[:20] + " " + v[20:], lambda v: v[::-1],
    lambda v: v[:-22] + "A" * 22])
def test_a_value_of_another_length_or_alphabet_is_refused(browser, change):
    browser.sign_in()
    assert not accepted(browser, change(browser.session))


def test_random_values_are_refused(browser):
    for length in (1, 2, 3, 4, 12, 16, 28, 29, 30, 64, 100, 255, 256, 257, 1000, 4000, 7000):
        assert not accepted(browser, secrets.token_urlsafe(length)[:length])


def test_a_ticket_is_not_a_session(browser):
    """S-06: a value sealed for one purpose is refused for another."""
    browser.begin()
    for cookie in browser.tickets:
        assert not accepted(browser, cookie.value)


def test_a_session_is_not_a_ticket(site, browser):
    browser.sign_in()
    value = browser.session
    browser.jar.clear()
    callback = browser.scan("zhangsan", browser.begin())
    for cookie in browser.tickets:
        browser.jar.put(cookie.name, value, browser.host, cookie.path)
    answer = browser.come_back(callback)
    expect.page(site, answer, 400)
    assert browser.session is None


def test_ten_sign_ins_of_one_person_give_ten_values(visit, site):
    values = set()
    for _ in range(10):
        browser = visit(site)
        browser.sign_in()
        values.add(browser.session)
        assert len({value[10:26] for value in values}) == len(values)
    assert len(values) == 10


def test_a_session_of_another_server_with_other_keys_is_refused(site, serve, sim, visit):
    other = serve(sites.protected(sim), fresh=True)
    stranger = visit(other)
    stranger.sign_in()
    assert not accepted(visit(site), stranger.session)


def test_two_session_cookies_do_not_confuse_anybody(browser):
    browser.sign_in()
    good = browser.session
    for header in (f"dingtalk=x; dingtalk={good}", f"dingtalk={good}; dingtalk=x",
                   f"a=b; dingtalk={good}", f'dingtalk="{good}"', f"dingtalk={good}; dingtalk",
                   f"xdingtalk=1; dingtalk={good}", f"dingtalkx=1;dingtalk={good}"):
        answer = browser.fetch("/app/data.txt", headers={"Cookie": header})
        assert answer.status in (200, 401)
    answer = browser.fetch("/app/data.txt", headers={"Cookie": f"Xdingtalk={good}"})
    assert answer.status == 401


# -- where a session is good -----------------------------------------------------------------------

@pytest.fixture
def two_hosts(serve, sim):
    """Two virtual hosts with the same application and keys, and one of another corp."""
    inner = [sites.application(sim), sites.location("/app")]
    other = sites.application(sim, DingTalkCorpID="dingothercorp0000")
    config = "\n".join([
        "UseCanonicalName Off", sites.application(sim),
        sites.vhost("one.example", *inner), sites.vhost("two.example", *inner),
        sites.vhost("corp.example", other, sites.location("/app")),
        sites.vhost("app.example", sites.application(sim, DingTalkClientID="dingotherclient"),
                    sites.location("/app"))])
    return serve(config)


@pytest.mark.parametrize("other", ["two.example", "corp.example", "app.example"])
def test_a_session_copied_to_another_host_is_refused(two_hosts, visit, other):
    """S-14."""
    browser = visit(two_hosts, host="one.example")
    assert browser.sign_in().status == 200
    assert accepted(browser, browser.session)
    assert not accepted(visit(two_hosts, host=other), browser.session)


@pytest.mark.parametrize("other", ["two.example", "corp.example", "app.example"])
def test_a_ticket_copied_to_another_host_is_refused(two_hosts, visit, other):
    browser = visit(two_hosts, host="one.example")
    callback = browser.scan("zhangsan", browser.begin())
    thief = visit(two_hosts, host=other)
    for cookie in browser.tickets:
        thief.jar.put(cookie.name, cookie.value, other)
    expect.page(two_hosts, thief.come_back(callback.replace(browser.origin, thief.origin)), 400)
    assert thief.session is None


def test_the_same_host_of_another_corp_refuses_the_session(serve, sim, visit):
    shared = {"DingTalkKey": KEYS[0]}
    one = serve(sites.protected(sim, **shared))
    corp = serve(sites.protected(sim, **shared, DingTalkCorpID="dingothercorp0000"))
    app = serve(sites.protected(sim, **shared, DingTalkClientID="dingotherclient"))
    twin = serve(sites.protected(sim, **shared), fresh=True)
    browser = visit(one)
    browser.sign_in()
    assert accepted(visit(twin), browser.session), "same host, corp, app and key"
    assert not accepted(visit(corp), browser.session)
    assert not accepted(visit(app), browser.session)


def test_with_a_cookie_domain_the_session_is_good_on_the_whole_domain(serve, sim, visit):
    inner = [sites.application(sim, DingTalkCookieDomain="example.com"), sites.location("/app")]
    config = "\n".join(["UseCanonicalName Off", sites.vhost("a.example.com", *inner),
                        sites.vhost("b.example.com", *inner)])
    httpd = serve(config)
    browser = visit(httpd, host="a.example.com")
    assert browser.sign_in().status == 200
    assert browser.jar.find("dingtalk").domain == "example.com"
    assert visit(httpd, host="b.example.com", jar=browser.jar).navigate("/app/").status == 200


# -- cookie attributes -----------------------------------------------------------------------------

def test_the_cookie_looks_as_configured(serve, sim, visit):
    config = sites.protected(sim, DingTalkCookieName="portal", DingTalkCookiePath="/app",
                             DingTalkCookieSameSite="Strict", DingTalkPath="/app/sso")
    browser = visit(serve(config))
    callback = browser.scan("zhangsan", browser.begin())
    browser.come_back(callback)
    cookie = browser.jar.find("portal")
    assert cookie and cookie.path == "/app" and cookie.http_only
    assert cookie.attributes["samesite"] == "Strict"
    assert browser.navigate("/app/", site="same-origin").status == 200


def test_secure_off_on_https_is_respected(serve, sim, visit, authority):
    config = sites.protected(sim, DingTalkCookieSecure="off")
    browser = visit(serve(config, tls=authority, names=("localhost",)))
    browser.sign_in()
    assert browser.jar.find("dingtalk") and not browser.jar.find("dingtalk").secure


def test_a_path_on_https_makes_a_secure_prefix(serve, sim, visit, authority):
    config = sites.protected(sim, DingTalkCookiePath="/app", DingTalkPath="/app/sso")
    browser = visit(serve(config, tls=authority, names=("localhost",)))
    browser.sign_in()
    assert browser.jar.find("__Secure-dingtalk") and not browser.jar.rejected


# -- keys ------------------------------------------------------------------------------------------

def test_keys_are_made_once_and_only_httpd_can_read_them(serve, sim):
    httpd = serve(sites.protected(sim), fresh=True)
    assert stat.S_IMODE(httpd.state.stat().st_mode) == 0o700
    files = [path for path in httpd.state.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    key = (httpd.state / "key").read_bytes()
    httpd.restart()
    assert (httpd.state / "key").read_bytes() == key


def test_sessions_survive_a_restart(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    httpd.restart()
    assert browser.navigate("/app/").status == 200


def test_a_sign_in_survives_a_restart(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    browser = visit(httpd)
    callback = browser.scan("zhangsan", browser.begin())
    httpd.restart()
    assert browser.follow(browser.come_back(callback)).status == 200


def test_rotating_keys_signs_nobody_out(build, serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkKey=KEYS[0]), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    first = browser.session
    httpd.config = sites.protected(sim, DingTalkKey=f"{KEYS[1]} {KEYS[0]}")
    httpd.graceful()
    assert accepted(browser, first)
    browser.jar.clear()
    browser.sign_in()
    second = browser.session
    httpd.config = sites.protected(sim, DingTalkKey=KEYS[1])
    httpd.graceful()
    assert accepted(browser, second), "the first key seals"
    assert not accepted(browser, first), "a removed key opens nothing"


def test_a_key_file_that_everybody_may_read_or_is_damaged_is_noticed(serve, sim, build):
    httpd = serve(sites.protected(sim), fresh=True)
    keys = [path for path in httpd.state.rglob("*") if path.is_file()]
    httpd.stop()
    for path in keys:
        path.write_bytes(b"")
    try:
        httpd.start()
    except Exception as error:  # a refusal to start that says why
        assert "key" in str(error).lower()
    else:
        assert Client(httpd, sim).navigate("/app/").status in (302, 503)
    httpd.allow_log("key", "AH0[0-9]+")


@pytest.fixture
def two(serve, sim):
    """Two nodes that share a key and nothing else."""
    config = sites.protected(sim, DingTalkKey=KEYS[0])
    return [serve(config, fresh=True) for _ in range(2)]


def test_a_callback_used_on_one_node_signs_nobody_in_on_another(two, sim):
    """S-16: DingTalk's code is good once."""
    one, other = two
    browser = Client(one, sim)
    callback = browser.scan("zhangsan", browser.begin())
    thief = Client(other, sim, jar=browser.jar.copy())
    assert browser.come_back(callback).status == 303
    answer = thief.come_back(callback.replace(one.origin, other.origin))
    assert answer.status in (302, 400) and thief.session is None


def test_two_nodes_with_one_key_share_sessions(two, sim):
    one, other = two
    browser = Client(one, sim)
    browser.sign_in()
    assert accepted(Client(other, sim), browser.session)
