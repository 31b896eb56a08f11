# SPDX-License-Identifier: Apache-2.0
"""What DingTalk's events do at once: who left is out everywhere, and nobody else is."""

import json
import time
from urllib.parse import quote

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, bound_site, on_two_databases, store, stores, to_bind_page, user_of, with_codes)
from lib.browser import Client
from lib.events import (  # noqa: F401  (fixtures)
    LEAVE, LEFT, POLL, at_node, at_once, is_in, memory, nodes, on_every_memory, pushed,
    quick, signed_in, site, throughout, watched, within)
from lib.killing import kill_all
from lib.sim import Simulator
from lib.steps import SLACK, promised


# -- somebody left ---------------------------------------------------------------------------------

def test_all_sessions_of_a_leaver_end_at_once_and_nobody_elses(site, sim):
    *leaver, other, namesake = signed_in(sim, site, "zhangsan", "zhangsan", "lisi", "ZhangSan")
    pushed(sim, LEAVE, "zhangsan")
    assert not any(is_in(browser) for browser in leaver)
    assert is_in(other) and is_in(namesake)


def test_a_leaver_is_answered_as_somebody_signed_out(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    pushed(sim, LEAVE, "lisi")
    expect.login_json(browser.fetch("/app/data.txt"))
    assert browser.fetch("/dingtalk/session").json()["authenticated"] is False
    answer = browser.navigate("/app/")
    assert answer.status == 302 and answer.location.startswith(sim.login)


@pytest.mark.parametrize("body", [
    {"userId": ["lisi", "duoduo"]}, {"userId": ["nobody", "duoduo", "", "lisi", "lisi"]},
    {"UserId": ["lisi", "duoduo"]}, {"USERID": ["lisi", "duoduo"]},
    {"userid": ["lisi", "duoduo"], "optStaffId": "zhangsan", "diffInfo": {"userid": "zhangsan"}}])
def test_an_event_may_concern_several_in_any_spelling(site, sim, body):
    first, second, other = signed_in(sim, site, "lisi", "duoduo", "zhangsan")
    pushed(sim, LEAVE, body=body)
    assert not is_in(first) and not is_in(second)
    assert is_in(other)


def test_all_names_of_an_event_may_be_written_in_any_case(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    pushed(sim, text=json.dumps({"EVENTTYPE": LEAVE, "corpid": sim.corp_id, "EVENTID": "evt-case",
                                 "userID": ["lisi"]}))
    assert not is_in(browser)


def test_an_event_of_the_old_format_counts(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    pushed(sim, LEAVE, "lisi", old=True)
    assert not is_in(browser)


def test_a_user_id_of_digits_may_come_as_a_number(site, sim):
    sim.person("4012345")
    (browser,) = signed_in(sim, site, "4012345")
    pushed(sim, LEAVE, body={"userId": [4012345]})
    assert not is_in(browser)


@pytest.mark.parametrize("userid", ["a:b", "o'neil; --", "50% %s", "李四", "a\\b\"c", "x" * 64])
def test_a_user_id_is_bytes_without_meaning(nodes, sim, userid):
    sim.person(quote(userid, safe=""), personal={"nick": "x"}, unionid="uNi-odd")
    here, other = nodes(DingTalkRevocationPoll="200ms")
    for httpd in (here, other):
        httpd.allow_log("DT0052")  # that it is late, which it is after two seconds
    (browser,) = signed_in(sim, here, userid)
    there = at_node(other, browser)
    pushed(sim, LEAVE, userid)
    assert not is_in(browser)
    within(SLACK, lambda: not is_in(there))


def test_a_leaver_is_out_in_every_child(serve, sim, mpm):
    httpd = serve(watched(sim), fresh=True, mpm=mpm)
    sim.subscribe(httpd)
    (browser,) = signed_in(sim, httpd, "lisi")
    pushed(sim, LEAVE, "lisi")
    assert not any(is_in(browser) for _ in range(20))


@on_every_memory
def test_a_leaver_is_out_on_the_other_node_within_the_poll_and_a_second(nodes, sim):
    here, other = nodes()
    (stays,) = signed_in(sim, here, "zhangsan")

    def left():
        (browser,) = signed_in(sim, here, "lisi")
        there = at_node(other, browser)
        assert is_in(there)
        pushed(sim, LEAVE, "lisi")
        return within(POLL + 1 + SLACK, lambda: not is_in(there))

    promised(POLL + 1, left)
    assert is_in(at_node(other, stays))


def test_a_member_who_is_still_there_signs_in_again(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    pushed(sim, LEAVE, "lisi")
    assert browser.sign_in("lisi").status == 200
    throughout(POLL + 1, lambda: is_in(browser))


def test_a_leaver_cannot_sign_in_again(site, sim, visit):
    (browser,) = signed_in(sim, site, "lisi")
    sim.person("lisi", **LEFT)
    pushed(sim, LEAVE, "lisi")
    assert not is_in(browser)
    expect.denied(site, visit(site).sign_in("lisi"))


def test_a_sign_in_under_way_does_not_outlive_the_event(site, sim, visit):
    """DingTalk still said yes, then the event came, then the session began."""
    browser = visit(site)
    callback = browser.scan("lisi", browser.begin())
    sim.misbehave("user_get", "delay", seconds=1, processed=True, times=1)

    def leave():
        within(5, lambda: sim.calls("user_get"))
        return pushed(sim, LEAVE, "lisi")

    at_once(lambda: browser.come_back(callback), leave)
    assert not is_in(browser)


def test_the_session_in_a_copied_cookie_ends_after_any_renewal(quick, sim):
    (browser,) = signed_in(sim, quick, "lisi")
    old = at_node(quick, browser)
    time.sleep(1.2)
    assert is_in(browser)
    pushed(sim, LEAVE, "lisi")
    assert not is_in(browser) and not is_in(old)


@on_two_databases
def test_a_leavers_binding_stays_and_opens_nothing(bound_site, sim, store, visit):
    told = sim.subscription()
    httpd = bound_site("DingTalkAutoBind mobile=mobile", DingTalkEventToken=told["token"],
                       DingTalkEventAESKey=told["aes_key"])
    sim.subscribe(httpd)
    store.account("one", mobile="13800000001")
    browser = Client(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200 and user_of(browser) == "one"
    bindings = store.bindings()
    sim.person("zhangsan", **LEFT)
    pushed(sim, LEAVE, "zhangsan")
    assert not is_in(browser) and store.bindings() == bindings != []
    expect.denied(httpd, visit(httpd).sign_in("zhangsan"))
    sim.person("zhangsan", left=False)
    assert browser.sign_in("zhangsan").status == 200 and user_of(browser) == "one"


def test_who_leaves_while_asked_for_a_code_is_neither_bound_nor_let_in(bound_site, sim, store):
    told = sim.subscription()
    httpd = bound_site(*with_codes(sim), NO_LIMITS, DingTalkEventToken=told["token"],
                       DingTalkEventAESKey=told["aes_key"])
    sim.subscribe(httpd)
    store.account("one", mobile="13800000001")
    page = to_bind_page(Client(httpd, sim), "zhangsan")
    page.ask("13800000001")
    sim.person("zhangsan", **LEFT)
    pushed(sim, LEAVE, "zhangsan")
    page.guess(sim.last_code("+8613800000001"))
    assert not is_in(page.browser)
    assert store.bindings() == []


def test_what_an_event_ended_stays_dead_after_restarts(serve, sim):
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    leaver, other = signed_in(sim, httpd, "lisi", "zhangsan")
    pushed(sim, LEAVE, "lisi")
    for again in (httpd.graceful, httpd.restart):
        again()
        assert not is_in(leaver) and is_in(other)


def test_who_was_told_may_die_at_once(nodes, sim):
    """Another node goes on; if who died was about to do it, after the twenty seconds of a lease."""
    here, other = nodes()
    (browser,) = signed_in(sim, here, "lisi")
    there = at_node(other, browser)
    pushed(sim, LEAVE, "lisi")
    kill_all(here)
    within(20 + POLL + SLACK, lambda: not is_in(there))


def test_sessions_in_a_cache_end_too(serve, sim):
    httpd = serve(watched(sim, DingTalkSessionStore="socache:shmcb"), fresh=True,
                  modules=["socache_shmcb"])
    sim.subscribe(httpd)
    leaver, other = signed_in(sim, httpd, "lisi", "zhangsan")
    pushed(sim, LEAVE, "lisi")
    assert not is_in(leaver) and is_in(other)


# -- whose event -----------------------------------------------------------------------------------

def test_an_event_of_another_corp_is_acknowledged_and_ignored(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    site.allow_log("DT0070")
    pushed(sim, LEAVE, "lisi", corp_id="dingothercorp0002")
    pushed(sim, "org_remove", corp_id="dingothercorp0002")
    assert is_in(browser)


def test_an_event_that_names_no_corp_is_of_the_owner(site, sim):
    (browser,) = signed_in(sim, site, "lisi")
    pushed(sim, text=json.dumps({"EventType": LEAVE, "eventId": "no-corp", "userId": ["lisi"]}))
    assert not is_in(browser)


# -- two corps in one httpd ------------------------------------------------------------------------

@pytest.fixture
def two(serve, sim):
    """Two corps in one httpd, each with a zhangsan: (httpd, the other simulator)."""
    with Simulator("--client-id", "dingsecondapp0002", "--corp-id", "dingsecondcorp0002") as other:
        told = sim.subscription()
        events = [f"DingTalkEventToken {told['token']}", f"DingTalkEventAESKey {told['aes_key']}"]
        httpd = serve("\n".join(
            sites.vhost(name, sites.application(simulator), *events, sites.location("/app"))
            for name, simulator in (("one.example", sim), ("two.example", other))), fresh=True)
        sim.subscribe(httpd, host="127.0.0.1")
        other.subscribe(httpd, host="127.0.0.1")
        yield httpd, other
        httpd.stop()  # first: it asks both from time to time


def at_host(httpd, simulator, host, userid="zhangsan"):
    """Somebody who is signed in at one of the virtual hosts."""
    browser = Client(httpd, simulator, host=host)
    assert browser.sign_in(userid).status == 200
    return browser


def push_to(browser, push):
    """A prepared push arrives at the browser's virtual host: the answer."""
    path = push["url"].partition(str(browser.httpd.port))[2]
    return browser.request("POST", f"{path}?{push['query']}", body=push["body"].encode(),
                           headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("kind", [LEAVE, "org_remove"])
def test_an_event_ends_nobody_of_another_corp(two, sim, kind):
    httpd, other = two
    one = at_host(httpd, sim, "one.example")
    second = at_host(httpd, other, "two.example")
    push = sim.push(kind, "zhangsan", dry=True)
    assert push_to(one, push).status == 200
    assert not is_in(one) and is_in(second)
    throughout(POLL + 1, lambda: is_in(second))


def test_a_push_to_the_virtual_host_of_another_app_is_refused(two, sim):
    """The token and the key are the same there, so that only the owner tells them apart."""
    httpd, other = two
    second = at_host(httpd, other, "two.example")
    assert push_to(second, sim.push(LEAVE, "zhangsan", dry=True)).status == 403
    assert is_in(second)


def test_the_same_event_id_in_two_corps_is_two_events(two, sim):
    httpd, other = two
    one = at_host(httpd, sim, "one.example")
    second = at_host(httpd, other, "two.example")
    for browser, simulator in ((one, sim), (second, other)):
        push = simulator.push(LEAVE, "zhangsan", dry=True, event_id="evt-of-both")
        assert push_to(browser, push).status == 200
        assert not is_in(browser)


def test_the_end_of_the_corp_ends_all_its_sessions(nodes, sim):
    here, other = nodes()
    browsers = signed_in(sim, here, "lisi", "zhangsan", "duoduo")
    there = [at_node(other, browser) for browser in browsers]
    pushed(sim, "org_remove")
    assert not any(is_in(browser) for browser in browsers)
    within(POLL + 1 + SLACK, lambda: not any(is_in(browser) for browser in there))
