# SPDX-License-Identifier: Apache-2.0
"""The safety net: who left without any event loses the session soon, and nobody else does."""

import time

import pytest

from lib import site as sites
from lib.binding import MANY_CHILDREN, whoami
from lib.events import (  # noqa: F401  (fixtures)
    GONE, LEFT, SOON, at_node, is_in, memory, nodes, read_again, remembered, signed_in,
    throughout, within)

# DingTalk cannot tell, in all its ways: nobody is signed out by that.
# Of each kind one; t/unit/test_watch_read.c has all that DingTalk may answer.
UNSURE = {
    "reset": ("reset", {}),
    "half an answer": ("close_half", {}),
    "500": ("status", {"status": 500}),
    "ban page 403": ("html_ban", {"status": 403}),
    "ban json": ("ban_json", {}),
    "rate limit": ("errcode", {"errcode": 88, "sub_code": "90018"}),
    "no permission": ("errcode", {"errcode": 88, "sub_code": "60011"}),
    "app stopped": ("errcode", {"errcode": 50003}),
    "not json": ("not_json", {}),
    "no active": ("edit", {"remove": ["result.active"]}),
    "active is a text": ("edit", {"set": {"result.active": "maybe"}}),
}


@pytest.fixture
def site(serve, sim):
    """A site that looks up everybody every second."""
    return serve(sites.protected(sim, DingTalkRecheck="1s", DingTalkAttributes="name title"))


def keep_busy(seconds, *browsers):
    """All of them go on working."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert all(map(is_in, browsers))
        time.sleep(0.02)


# -- who left --------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", GONE, ids=GONE)
def test_who_left_without_an_event_is_out(site, sim, how):
    leaver, stays = signed_in(sim, site, "lisi", "zhangsan")
    sim.person("lisi", **GONE[how])
    within(SOON, lambda: not is_in(leaver))
    keep_busy(2, stays)


def test_who_was_removed_is_out(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    sim.order("DELETE", "/people/lisi")
    within(SOON, lambda: not is_in(browser))


def test_who_left_is_out_in_every_child_and_on_every_node(nodes, sim):
    here, other = nodes(DingTalkRecheck="1s", DingTalkRevocationPoll="500ms",
                        options={"mpm": "prefork"})
    (browser,) = signed_in(sim, here, "lisi")
    there = at_node(other, browser)
    sim.person("lisi", **LEFT)
    within(SOON, lambda: not is_in(browser))
    within(SOON, lambda: not is_in(there))
    throughout(1, lambda: not is_in(browser) and not is_in(there))


def test_without_a_subscription_too(serve, sim):
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s"), fresh=True)
    (browser,) = signed_in(sim, httpd, "lisi")
    sim.person("lisi", **LEFT)
    within(SOON, lambda: not is_in(browser))
    assert not sim.calls("failed_events")


def test_a_session_that_is_looked_up_at_its_default_age(serve, sim, clock):
    httpd = serve(sites.protected(sim), fresh=True, clock=clock)
    (browser,) = remembered(sim, httpd, "lisi")
    sim.person("lisi", **LEFT)
    sim.forget_calls()
    clock.advance(14 * 60)
    throughout(1, lambda: is_in(browser))
    assert sim.calls() == []
    clock.advance(2 * 60)
    within(SOON, lambda: not is_in(browser))


# -- how often -------------------------------------------------------------------------------------

def test_zero_switches_it_off(serve, sim, clock):
    httpd = serve(sites.protected(sim, DingTalkRecheck="0"), fresh=True, clock=clock)
    (browser,) = signed_in(sim, httpd, "lisi")
    sim.person("lisi", **LEFT)
    sim.forget_calls()
    for _ in range(4):
        clock.advance(hours=1.5)
        throughout(0.5, lambda: is_in(browser))
    assert sim.calls() == []


def test_a_young_session_is_not_looked_up(serve, sim):
    httpd = serve(sites.protected(sim, DingTalkSessionIdle="10s"), fresh=True)
    browsers = signed_in(sim, httpd, "lisi", "zhangsan")
    sim.forget_calls()
    keep_busy(3, *browsers)
    assert sim.calls() == []


def test_who_asks_for_nothing_is_not_looked_up(site, sim):
    signed_in(sim, site, "lisi")
    seen = []
    while seen != sim.calls():  # signing in may have taken so long that it was a look-up's time
        seen = sim.calls()
        time.sleep(2)
    time.sleep(1)
    assert sim.calls() == seen


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_person_is_looked_up_once_however_many_sessions_and_requests(nodes, sim, mpm):
    lines = [MANY_CHILDREN] if mpm == "event" else []
    both = nodes(*lines, DingTalkRecheck="2s", options={"mpm": mpm})
    browsers = [browser for httpd in both for browser in signed_in(sim, httpd, *["lisi"] * 4)]
    sim.forget_calls()
    within(SOON, lambda: all(map(is_in, browsers)) and sim.calls("user_get"))
    sim.forget_calls()  # the next look-up is due in two seconds, or less when the first was slow
    began = time.monotonic()
    keep_busy(7, *browsers)
    assert 1 <= len(read_again(sim)) <= (time.monotonic() - began) / 2 + 1


def test_a_browser_that_takes_no_cookie_does_not_make_it_more(site, sim):
    """Its session is old at each request."""
    (browser,) = signed_in(sim, site, "lisi")
    cookie = {"Cookie": f"{browser.session_name}={browser.session}"}
    time.sleep(1.1)
    sim.forget_calls()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert browser.fetch("/app/data.txt", headers=cookie, cookies=False).status == 200
    assert 1 <= len(sim.calls("user_get")) <= 6


def test_each_member_has_a_look_of_its_own(site, sim):
    people = ("lisi", "zhangsan", "duoduo", "ZhangSan")
    browsers = signed_in(sim, site, *people)
    sim.forget_calls()
    within(SOON, lambda: all(map(is_in, browsers)) and set(read_again(sim)) >= set(people))
    assert set(read_again(sim)) == set(people)


# -- what it brings --------------------------------------------------------------------------------

def test_attributes_are_fresh_afterwards(site, sim):
    sim.person("lisi", title="before")
    (browser,) = signed_in(sim, site, "lisi")
    sim.person("lisi", title="after")
    within(SOON, lambda: is_in(browser) and whoami(browser)["attributes"]["title"] == "after")


def test_the_request_does_not_wait(serve, sim):
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s", **sites.PATIENT), fresh=True)
    browsers = signed_in(sim, httpd, "lisi", "zhangsan")
    sim.forget_calls()
    sim.misbehave("user_get", "delay", seconds=60)
    within(SOON, lambda: all(map(is_in, browsers)) and sim.calls("user_get"))
    keep_busy(2, *browsers)
    assert {call["status"] for call in sim.calls("user_get")} == {None}, "all that came before"
    sim.behave()
    sim.release()


# -- DingTalk cannot tell --------------------------------------------------------------------------

@pytest.mark.parametrize("how", UNSURE, ids=UNSURE)
def test_while_dingtalk_cannot_tell_the_session_lives(serve, sim, how):
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s"), fresh=True)
    (browser,) = signed_in(sim, httpd, "lisi")
    httpd.allow_log("DT0071")
    mode, more = UNSURE[how]
    sim.misbehave("user_get", mode, **more)
    sim.forget_calls()
    end = time.monotonic() + SOON
    while not sim.calls("user_get"):
        assert is_in(browser) and time.monotonic() < end
    keep_busy(1.5, browser)


def test_while_dingtalk_is_down_the_log_says_so_once(serve, sim):
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s"), fresh=True)
    browsers = signed_in(sim, httpd, "lisi", "zhangsan", "duoduo")
    httpd.expect_log("DT0071")
    sim.misbehave("*", "reset")
    keep_busy(6, *browsers)
    warned = [line for line in httpd.log.lines() if ":warn]" in line or ":error]" in line]
    assert len(warned) == 1, warned
    assert len(sim.calls()) < 40


def test_when_dingtalk_is_back_who_left_is_out(serve, sim, clock):
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s"), fresh=True, clock=clock)
    (browser,) = signed_in(sim, httpd, "lisi")
    httpd.expect_log("DT0071")
    sim.person("lisi", **LEFT)
    sim.misbehave("*", "reset")
    keep_busy(3, browser)
    sim.behave()
    clock.advance(120)
    within(SOON, lambda: not is_in(browser))
