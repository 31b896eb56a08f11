# SPDX-License-Identifier: Apache-2.0
"""Pushes that failed: DingTalk's list of them is fetched by one node, and nothing on it is lost."""

import contextlib
import sqlite3
import time

import pytest

from lib import site as sites
from lib.binding import MANY_CHILDREN
from lib.events import (  # noqa: F401  (fixtures)
    LEAVE, LEFT, MODIFY, SOON, at_node, is_in, memory, nodes, read_again, remembered, signed_in,
    throughout, watched, within)
from lib.killing import kill_all

LIST = "failed_events"
LATER = 601     # seconds: the next fetch is due
MUCH_LATER = 190  # seconds: whoever was fetching must have died


def leaver(userid, **more):
    """An event on the list: this person has left."""
    return {"type": LEAVE, "body": {"userId": [userid]}, **more}


@pytest.fixture
def site(memory, serve, sim, clock):
    """A site that has fetched the list for the first time."""
    httpd = serve(watched(sim, memory.lines(), **sites.PATIENT), fresh=True, clock=clock)
    httpd.database = memory.database
    within(SOON, lambda: sim.calls(LIST))
    return httpd


# -- when ------------------------------------------------------------------------------------------

def test_the_list_is_fetched_at_start(memory, serve, sim):
    """Before somebody could have been pushed here."""
    first = serve(watched(sim, memory.lines(), DingTalkEventToken=None, DingTalkEventAESKey=None,
                          DingTalkKey="0123456789abcdef0123456789abcdef"), fresh=True)
    (browser,) = signed_in(sim, first, "lisi")
    sim.fail(leaver("lisi"))
    second = serve(watched(sim, memory.lines(), DingTalkKey="0123456789abcdef0123456789abcdef"),
                   fresh=True)
    within(SOON, lambda: not is_in(browser) and not is_in(at_node(second, browser)))


def test_the_list_is_fetched_every_ten_minutes(site, sim, clock):
    (browser,) = signed_in(sim, site, "lisi")
    sim.fail(leaver("lisi"))
    clock.advance(500)
    throughout(1, lambda: is_in(browser))
    clock.advance(LATER - 500 + 60)
    within(SOON, lambda: not is_in(browser))


def test_what_was_missed_while_httpd_was_down_counts_after_the_start(site, sim, clock):
    leaves, stays = signed_in(sim, site, "lisi", "zhangsan")
    site.stop()
    sim.fail(leaver("lisi"))
    clock.advance(LATER)
    site.start()
    within(SOON, lambda: not is_in(leaves))
    assert is_in(stays)


def test_only_one_child_of_one_node_fetches(nodes, sim):
    """The others come while DingTalk still thinks about its answer to the first."""
    sim.misbehave(LIST, "delay", seconds=60)
    nodes(MANY_CHILDREN, **sites.PATIENT)
    within(SOON, lambda: sim.calls(LIST))
    time.sleep(4)
    assert len(sim.calls(LIST)) == 1
    sim.behave()
    sim.release()


def test_only_one_prefork_child_fetches(serve, sim):
    sim.misbehave(LIST, "delay", seconds=60)
    serve(watched(sim, **sites.PATIENT), fresh=True, mpm="prefork")
    within(SOON, lambda: sim.calls(LIST))
    time.sleep(2)
    assert len(sim.calls(LIST)) == 1
    sim.behave()
    sim.release()


def test_without_a_subscription_nothing_is_fetched(serve, sim):
    serve(sites.protected(sim), fresh=True)
    time.sleep(3)
    assert sim.calls() == []


# -- what is on it ---------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {}, {"failed_nested": True}, {"failed_cleared": "now"},
    {"failed_nested": True, "failed_cleared": "now"}],
    ids=lambda settings: "-".join(settings) or "usual")
def test_a_list_of_several_pages_is_fetched_whole(site, sim, clock, settings):
    sim.settings(**settings)
    people = ("lisi", "zhangsan", "duoduo", "yoshinoya")
    browsers = signed_in(sim, site, *people)
    events = [leaver(f"leaver{number:04}") for number in range(450)]
    for at, userid in zip((0, 210, 449), people):
        events[at] = leaver(userid)
    sim.fail(*events)
    sim.forget_calls()
    clock.advance(LATER + 60)
    within(2 * SOON, lambda: not any(is_in(browser) for browser in browsers[:3]))
    assert is_in(browsers[3])
    assert 3 <= len(sim.calls(LIST)) <= 4


def test_changes_on_the_list_have_records_read_again(site, sim, clock):
    (browser,) = signed_in(sim, site, "lisi")
    sim.person("lisi", **LEFT)
    sim.fail({"type": MODIFY, "body": {"userId": ["lisi"]}})
    clock.advance(LATER + 60)
    within(SOON, lambda: not is_in(browser))


def test_what_is_on_the_list_may_be_anything(site, sim, clock):
    """Odd entries are left alone, and hold up neither what is behind them nor the next fetch."""
    site.allow_log("DT0078")
    first, second = signed_in(sim, site, "lisi", "zhangsan")
    odd = [None, 5, "text", [], {}, {"call_back_tag": 5}, {"call_back_tag": LEAVE},
           {"call_back_tag": LEAVE, "userid": {"a": 1}, "event_time": "x"},
           {"call_back_tag": "never_heard_of", "corpid": None},
           {"call_back_tag": LEAVE, "corpid": "dingothercorp0002", "userid": ["zhangsan"],
            "event_time": int(time.time() * 1000)}]
    site.allow_log("DT0070")
    good = {"call_back_tag": LEAVE, "userid": ["lisi"], "corpid": sim.corp_id,
            "event_time": int(time.time() * 1000)}
    sim.misbehave(LIST, "edit", set={"failed_list": [*odd, good]}, times=1)
    clock.advance(LATER + 60)
    within(SOON, lambda: not is_in(first))
    assert is_in(second)
    third, = signed_in(sim, site, "duoduo")
    sim.fail(leaver("duoduo"))
    clock.advance(LATER + 60)
    within(SOON, lambda: not is_in(third))


def test_a_list_that_says_more_and_gives_nothing_is_not_asked_for_ever(site, sim, clock):
    sim.forget_calls()
    sim.misbehave(LIST, "edit", set={"has_more": True})
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    time.sleep(2)
    assert len(sim.calls(LIST)) <= 2


def test_an_event_on_the_list_counts_once(site, sim, clock):
    (browser,) = signed_in(sim, site, "lisi")
    event = leaver("lisi", event_time=int(time.time() * 1000))
    sim.fail(event)
    clock.advance(LATER + 60)
    within(SOON, lambda: not is_in(browser))
    assert browser.sign_in("lisi").status == 200
    sim.forget_calls()
    sim.fail(event)
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    throughout(1, lambda: is_in(browser))


def test_a_leave_of_days_ago_ends_no_session_of_who_has_come_back(site, sim, clock):
    (browser,) = signed_in(sim, site, "lisi")
    sim.fail(leaver("lisi", event_time=int((time.time() - 8 * 86400) * 1000)))
    sim.forget_calls()
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    throughout(1, lambda: is_in(browser))


# -- somebody dies ---------------------------------------------------------------------------------

@pytest.mark.parametrize("cleared", ["next", "now"])
def test_killed_while_dingtalk_answers_nobody_who_left_stays_in(site, sim, clock, cleared):
    sim.settings(failed_cleared=cleared)
    leaves, stays = remembered(sim, site, "lisi", "zhangsan")
    sim.person("lisi", **LEFT)
    sim.fail(leaver("lisi"))
    sim.forget_calls()
    sim.misbehave(LIST, "delay", seconds=60, processed=True, times=1)
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    kill_all(site)
    clock.advance(MUCH_LATER)
    site.allow_log("DT0077")
    site.start()
    within(SOON, lambda: not is_in(leaves))
    within(SOON, lambda: "zhangsan" in read_again(sim))
    assert is_in(stays)


def test_killed_before_the_database_could_keep_them_nobody_who_left_stays_in(
        site, sim, clock, memory):
    """The list is here, and the database is busy when httpd dies."""
    sim.settings(failed_cleared="now")
    leaves, stays = remembered(sim, site, "lisi", "zhangsan")
    sim.person("lisi", **LEFT)
    sim.fail(leaver("lisi"))
    sim.forget_calls()
    sim.misbehave(LIST, "delay", seconds=60, processed=True, times=1)
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    with contextlib.closing(sqlite3.connect(memory.database.path, timeout=10)) as database:
        database.execute("BEGIN EXCLUSIVE")
        sim.release()
        time.sleep(0.5)
        kill_all(site)
        database.rollback()
    clock.advance(MUCH_LATER)
    site.allow_log("DT0077", r"DT0005", r"DT\d+: .*database")
    site.start()
    within(SOON, lambda: not is_in(leaves))
    assert is_in(stays)


def test_killed_after_they_were_kept_they_are_worked_off(site, sim, clock):
    sim.settings(failed_cleared="now")
    people = [f"member{number:03}" for number in range(30)]
    for userid in people:
        sim.person(userid, unionid=f"uNi-{userid}")
    browsers = remembered(sim, site, *people)
    sim.fail(*[leaver(userid) for userid in people])
    sim.forget_calls()
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    kill_all(site)
    clock.advance(MUCH_LATER)
    site.allow_log("DT0077")
    for userid in people:  # what was lost is found by reading the records
        sim.person(userid, **LEFT)
    site.start()
    within(2 * SOON, lambda: not any(is_in(browser) for browser in browsers))


def test_who_was_read_again_for_nothing_stays_in(site, sim, clock):
    browsers = remembered(sim, site, "lisi", "zhangsan", "duoduo")
    sim.misbehave(LIST, "delay", seconds=60, processed=True, times=1)
    sim.forget_calls()
    clock.advance(LATER + 60)
    within(SOON, lambda: sim.calls(LIST))
    kill_all(site)
    clock.advance(MUCH_LATER)
    site.expect_log("DT0077")
    site.start()
    within(SOON, lambda: len(read_again(sim)) >= 3)
    throughout(1, lambda: all(is_in(browser) for browser in browsers))
    assert read_again(sim) == ["duoduo", "lisi", "zhangsan"]


# -- DingTalk is down ------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["reset", "html_ban", "busy", "close_half", "empty"])
def test_a_list_that_cannot_be_had_is_fetched_later(memory, serve, sim, clock, mode):
    sim.misbehave(LIST, mode)
    httpd = serve(watched(sim, memory.lines()), fresh=True, clock=clock)
    httpd.expect_log("DT0071")
    httpd.allow_log("DT0077")
    within(SOON, lambda: sim.calls(LIST))
    (browser,) = signed_in(sim, httpd, "lisi")
    sim.fail(leaver("lisi"))
    within(SOON, lambda: any("DT0071" in line for line in httpd.log.lines()))
    time.sleep(1)
    warned = [line for line in httpd.log.lines() if ":warn]" in line]
    assert len(warned) == 1, warned
    assert len(sim.calls(LIST)) < 10
    sim.behave()
    clock.advance(LATER + 60)
    within(SOON, lambda: not is_in(browser))


def test_httpd_starts_while_dingtalk_is_down(serve, sim):
    sim.misbehave("*", "reset")
    httpd = serve(watched(sim), fresh=True)
    httpd.expect_log("DT0071")
    within(SOON, lambda: any("DT0071" in line for line in httpd.log.lines()))
    sim.behave()
    (browser,) = signed_in(sim, httpd, "lisi")
    assert is_in(browser)
