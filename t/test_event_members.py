# SPDX-License-Identifier: Apache-2.0
"""Members whose records changed by an event: read again soon, beside the requests."""

import itertools
import time

import pytest

from lib.binding import POSTGRES, user_of, whoami
from lib.databases import Sqlite
from lib.events import (  # noqa: F401  (fixtures)
    GONE, LEAVE, LEFT, MODIFY, POLL, QUICK, SOON, at_node, is_in, memory, nodes, on_every_memory,
    pushed, pushed_in_time, quick, read_again, remembered, signed_in, site, throughout, watched,
    within)
from lib.site import PATIENT
from lib.steps import SLACK, promised


# -- records that are read again -------------------------------------------------------------------

def attributes(browser):
    """The attributes of the session after a request, which may renew it."""
    is_in(browser)
    return (whoami(browser) or {}).get("attributes")


@pytest.mark.parametrize("kind", [MODIFY, "org_admin_add", "org_admin_remove"])
def test_a_changed_record_is_fresh_at_the_next_renewal(quick, sim, kind):
    sim.person("lisi", title="before")
    browser, other = remembered(sim, quick, "lisi", "zhangsan")
    sim.person("lisi", title="after")
    assert attributes(browser)["title"] == "before"
    before = attributes(other)
    pushed(sim, kind, "lisi")
    within(SOON, lambda: attributes(browser)["title"] == "after")
    assert attributes(other) == before


def test_an_attribute_that_is_gone_is_gone(quick, sim):
    sim.person("lisi", title="before")
    (browser,) = remembered(sim, quick, "lisi")
    sim.person("lisi", title=None)
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: not attributes(browser).get("title"))


def test_a_user_name_out_of_the_record_is_fresh_too(serve, sim):
    sim.person("lisi", job_number="B001")
    httpd = serve(watched(sim, DingTalkRemoteUser="job_number", **QUICK))
    sim.subscribe(httpd)
    (browser,) = remembered(sim, httpd, "lisi")
    assert user_of(browser) == "B001"
    sim.person("lisi", job_number="B002")
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: is_in(browser) and user_of(browser) == "B002")


def test_a_changed_record_is_fresh_on_the_other_node(nodes, sim):
    sim.person("lisi", title="before")
    here, other = nodes(DingTalkRevocationPoll="500ms", **QUICK)
    (browser,) = remembered(sim, here, "lisi")
    there = at_node(other, browser)
    sim.person("lisi", title="after")
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: attributes(there)["title"] == "after")


@on_every_memory
def test_members_of_departments_are_read_again_out_of_every_database(nodes, sim):
    here, _ = nodes()
    people = departments(sim, one=[2], two=[31, 2], three=[22], four=[])
    remembered(sim, here, *people)
    sim.forget_calls()
    pushed(sim, "org_dept_modify", body={"deptId": [2]})
    within(SOON, lambda: len(read_again(sim)) >= 2)
    pushed(sim, MODIFY, "three")
    within(SOON, lambda: read_again(sim) == ["one", "three", "two"])


@pytest.mark.parametrize("how", GONE, ids=GONE)
@pytest.mark.parametrize("kind", [MODIFY, "org_admin_remove"])
def test_who_may_not_come_in_any_more_is_out_everywhere(nodes, sim, how, kind):
    here, other = nodes(DingTalkRevocationPoll="500ms")
    browser, stays = remembered(sim, here, "lisi", "zhangsan")
    there = at_node(other, browser)
    sim.person("lisi", **GONE[how])
    pushed(sim, kind, "lisi")
    within(SOON, lambda: not is_in(browser))
    within(SOON, lambda: not is_in(there))
    assert is_in(stays)


def test_a_user_id_that_was_given_to_somebody_else_opens_nothing(site, sim):
    (browser,) = remembered(sim, site, "lisi")
    sim.person("lisi", unionid="uNi-of-somebody-else", name="新李四")
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: not is_in(browser))


def departments(sim, **people):
    """Members with their departments."""
    for userid, dept_ids in people.items():
        sim.person(userid, member={"name": userid, "active": True, "dept_id_list": dept_ids})
    return people


def in_departments(httpd, userid):
    """What the database remembers of that."""
    [[dept_ids]] = Sqlite(httpd.state / "dingtalk.db").query(
        f"SELECT dept_ids FROM dingtalk_member WHERE user_id = '{userid}'")
    return dept_ids


@pytest.mark.parametrize("kind", ["org_dept_create", "org_dept_modify", "org_dept_remove"])
def test_members_of_a_changed_department_are_read_again_and_others_are_not(serve, sim, kind):
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    people = departments(sim, only=[2], first=[2, 31], last=[31, 2], mid=[31, 2, 41],
                         tens=[12, 20, 22], none=[])
    remembered(sim, httpd, *people)
    sim.forget_calls()
    pushed(sim, kind, body={"deptId": [2, 777]})
    within(SOON, lambda: len(read_again(sim)) >= 4)
    time.sleep(1)
    assert read_again(sim) == ["first", "last", "mid", "only"]


def test_a_member_who_moved_is_found_by_the_new_department(site, sim):
    departments(sim, mover=[51])
    remembered(sim, site, "mover")
    departments(sim, mover=[52])
    for dept in (51, 52):
        sim.forget_calls()
        pushed(sim, "org_dept_modify", body={"deptId": [dept]})
        within(SOON, lambda: read_again(sim) == ["mover"])
        within(SOON, lambda: "52" in in_departments(site, "mover"))


def test_members_whose_roles_changed_are_read_again(site, sim):
    signed_in(sim, site, "lisi", "zhangsan", "duoduo")
    sim.forget_calls()
    pushed(sim, "label_user_change", body={"userIdList": ["lisi", "duoduo"], "labelIdList": [5],
                                           "action": "add"})
    within(SOON, lambda: len(read_again(sim)) >= 2)
    time.sleep(1)
    assert read_again(sim) == ["duoduo", "lisi"]


def test_a_record_is_read_once_by_all_children_and_nodes(nodes, sim):
    both = nodes(options={"mpm": "prefork"})
    signed_in(sim, both[0], "lisi")
    signed_in(sim, both[1], "lisi")
    sim.forget_calls()
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: read_again(sim))
    time.sleep(POLL + 1)
    assert read_again(sim) == ["lisi"]


def test_the_same_event_twice_reads_a_record_once(site, sim):
    signed_in(sim, site, "lisi")
    sim.forget_calls()
    push = pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: read_again(sim))
    assert sim.push_again(push)["ok"]
    time.sleep(2)
    assert read_again(sim) == ["lisi"]


def test_who_is_back_before_the_old_answer_came_is_still_known(serve, sim):
    """DingTalk thinks about it for a while, and says that the person has left, who is back."""
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    database = Sqlite(httpd.state / "dingtalk.db")
    departments(sim, lisi=[2])

    def read_at():
        return database.query("SELECT read_at FROM dingtalk_member WHERE user_id = 'lisi'")

    (before,) = signed_in(sim, httpd, "lisi")
    within(SOON, read_at)
    first = read_at()
    sim.person("lisi", **LEFT)
    sim.forget_calls()
    sim.misbehave("user_get", "delay", seconds=3, processed=True, times=1)
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: sim.calls("user_get"))
    sim.person("lisi", left=False)
    (again,) = signed_in(sim, httpd, "lisi")
    within(SOON, lambda: read_at() != first)
    within(SOON, lambda: not is_in(before))
    assert is_in(again)
    sim.person("lisi", **LEFT)
    pushed(sim, "org_dept_modify", body={"deptId": [2]})
    within(SOON, lambda: not is_in(again))


# -- DingTalk is not well --------------------------------------------------------------------------

def test_a_slow_dingtalk_delays_neither_answer_nor_requests(serve, sim):
    httpd = serve(watched(sim, **PATIENT, **QUICK))
    sim.subscribe(httpd)
    sim.person("lisi", title="before")
    browser, other = remembered(sim, httpd, "lisi", "zhangsan")
    sim.forget_calls()
    sim.person("lisi", title="after")
    sim.misbehave("user_get", "delay", seconds=60, times=1)
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: sim.calls("user_get"))
    throughout(2, lambda: is_in(browser) and is_in(other))
    pushed_in_time(sim, LEAVE, "zhangsan")
    assert not is_in(other)
    assert [call["status"] for call in sim.calls("user_get")] == [None], "all that came before"
    sim.release()
    within(SOON, lambda: attributes(browser)["title"] == "after")


def test_a_slow_dingtalk_delays_no_end_of_a_session_on_the_other_node(nodes, sim):
    here, other = nodes(**PATIENT)
    browser, _ = signed_in(sim, here, "lisi", "zhangsan")
    there = at_node(other, browser)
    sim.forget_calls()
    sim.misbehave("user_get", "delay", seconds=60)
    pushed(sim, MODIFY, "zhangsan", "duoduo", "yoshinoya", "oneil")
    within(SOON, lambda: sim.calls("user_get"))
    pushed(sim, LEAVE, "lisi")
    assert not is_in(browser)
    within(POLL + 1 + SLACK, lambda: not is_in(there))
    assert {call["status"] for call in sim.calls("user_get")} == {None}, "all that came before"
    sim.behave()
    sim.release()


@pytest.mark.parametrize("memory", [POSTGRES], indirect=True)
def test_a_changed_record_holds_up_nobody_while_the_database_is_down(nodes, sim, memory):
    """A renewal looks for the record in the database: who waits for that can do without."""
    here, other = nodes(**QUICK)
    (browser,) = remembered(sim, here, "lisi")
    for httpd in (here, other):
        httpd.allow_log(r"DT0005: database", r"DT005[1-4]", r"DT\d+: .*database", "DT007[01]")
    titles = (f"title {number}" for number in itertools.count())

    def down():
        title = next(titles)
        sim.person("lisi", title=title)
        within(20, lambda: sim.push(MODIFY, "lisi")["ok"])
        within(20, lambda: attributes(browser).get("title") == title)
        before = len(here.log.lines())
        memory.database.kill()
        try:
            end, slowest = time.monotonic() + 12, 0  # longer than the idle time
            while time.monotonic() < end:
                began = time.monotonic()
                assert is_in(browser)
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(0.02)
            assert len(here.log.lines()) - before < 20
        finally:
            memory.database.start()
        return slowest

    promised(1, down, times=3)


@pytest.mark.parametrize("mode, how", [
    ("reset", {}), ("status", {"status": 502}), ("html_ban", {}), ("busy", {}), ("empty", {}),
    ("errcode", {"errcode": 88, "sub_code": "90018"}), ("wrong_type", {"shape": "object"})],
    ids=lambda value: value if isinstance(value, str) else "")
def test_while_dingtalk_cannot_say_sessions_live_and_the_log_says_so_once(serve, sim, mode, how):
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    first, second = signed_in(sim, httpd, "lisi", "duoduo")
    sim.person("lisi", **LEFT)
    sim.person("duoduo", **LEFT)
    sim.misbehave("user_get", mode, **how)
    sim.forget_calls()
    httpd.expect_log("DT007[0-9]")
    pushed(sim, MODIFY, "lisi", "duoduo")
    within(SOON, lambda: sim.calls("user_get"))
    within(SOON, lambda: any("DT007" in line for line in httpd.log.lines()))
    throughout(2, lambda: is_in(first) and is_in(second))
    warned = [line for line in httpd.log.lines() if ":warn]" in line or ":error]" in line]
    assert len(warned) == 1, warned
    assert len(sim.calls("user_get")) < 20


def test_once_dingtalk_is_back_what_was_asked_is_done(serve, sim, clock):
    httpd = serve(watched(sim), fresh=True, clock=clock)
    sim.subscribe(httpd)
    (browser,) = remembered(sim, httpd, "lisi")
    sim.person("lisi", **LEFT)
    sim.misbehave("user_get", "reset")
    sim.forget_calls()
    httpd.expect_log("DT007[0-9]")
    pushed(sim, MODIFY, "lisi")
    within(SOON, lambda: sim.calls("user_get"))
    assert is_in(browser)
    sim.behave()
    clock.advance(300)
    within(SOON, lambda: not is_in(browser))
