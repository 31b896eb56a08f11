# SPDX-License-Identifier: Apache-2.0
"""Graceful restarts: nobody is signed out, nothing fails, nothing is left behind."""

import functools
import time

import pytest

from lib import leaks
from lib import site as sites
from lib.events import LEAVE, watched
from lib.load import Load

pytestmark = pytest.mark.smoke

RESTARTS, WARM_UP = 100, 20
PAUSE = 0.05  # between two restarts, and at every tenth until each client has come round
KB_PER_RESTART = 8
STRANGERS = 40  # what other programs may make meanwhile: far less than one for each restart
CHILDREN = {"event": 1, "prefork": 12}
CASES = [("event", "cookie"), ("prefork", "socache:shmcb")]


def test_a_graceful_restart_keeps_sessions_and_sign_ins(serve, sim, visit, mpm):
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm)
    browser = visit(httpd)
    browser.sign_in()
    other = visit(httpd)
    callback = other.scan("lisi", other.begin())
    for _ in range(3):
        httpd.graceful()
        assert browser.navigate("/app/").status == 200
    assert other.follow(other.come_back(callback)).status == 200


# -- a hundred, under load -------------------------------------------------------------------------

def read_a_page(browser, userid):
    """Somebody who was signed in before all restarts."""
    answer = browser.tab().fetch("/app/data.txt")
    assert answer.status == 200, answer
    answer = browser.tab().fetch("/dingtalk/session")
    assert answer.status == 200 and answer.json()["userid"] == userid, answer


def sign_in(visit, httpd, userid):
    """Somebody new."""
    browser = visit(httpd)
    answer = browser.sign_in(userid)
    assert answer.status == 200, answer
    read_a_page(browser, userid)


def sign_in_and_leave(visit, httpd, userid):
    """Somebody whose copied cookie must be dead afterwards."""
    browser = visit(httpd)
    answer = browser.sign_in(userid)
    assert answer.status == 200, answer
    thief = visit(httpd, jar=browser.jar.copy())
    answer = browser.navigate("/dingtalk/logout", "POST", body=b"", site="same-origin")
    assert answer.status == 200, answer
    answer = thief.fetch("/app/data.txt")
    assert answer.status == 401, answer


def leave_the_company(visit, httpd, userid):
    """Somebody of whom DingTalk says so, again and again until it is heard."""
    browser = visit(httpd)
    answer = browser.sign_in(userid)
    assert answer.status == 200, answer
    push = browser.simulator.push(LEAVE, userid)
    for _ in range(3):
        if push["ok"]:
            break
        push = browser.simulator.push_again(push)
    assert push["ok"], push
    answer = browser.fetch("/app/data.txt")
    assert answer.status == 401, answer


def clients(httpd, visit):
    """What goes on while httpd restarts."""
    jobs = []
    for userid in ("zhangsan", "lisi", "zhangsan", "lisi"):
        browser = visit(httpd)
        assert browser.sign_in(userid).status == 200
        jobs.append(functools.partial(read_a_page, browser, userid))
    jobs += [functools.partial(sign_in, visit, httpd, userid) for userid in ("duoduo", "oneil")]
    jobs += [functools.partial(sign_in_and_leave, visit, httpd, "yoshinoya")]
    return [*jobs, functools.partial(leave_the_company, visit, httpd, "ZhangSan")]


def check_growth(name, before, after, restarts):
    """Print what was measured beside what is allowed, and hold it to that."""
    budget = {leaks.DESCRIPTORS: 0, leaks.MAPPINGS: 0, leaks.SEGMENTS: 0,
              leaks.SEMAPHORES: STRANGERS, leaks.POSIX: STRANGERS,
              leaks.MEMORY: KB_PER_RESTART * restarts}
    grown = {what: after[what] - before[what] for what in budget}
    print(f"\n{name}: what the parent has got in {restarts} graceful restarts under load")
    for what, allowed in budget.items():
        print(f"  {what:24} {grown[what]:+6}   had {before[what]} (budget {allowed})")
    assert all(grown[what] <= allowed for what, allowed in budget.items()), grown


def only_so_many_children(pid, most, patience=15):
    """Wait until those of former generations have ended."""
    end = time.monotonic() + patience
    while len(leaks.children(pid)) > most:
        assert time.monotonic() < end, f"{len(leaks.children(pid))} children, not {most}"
        time.sleep(0.05)


@pytest.mark.plain  # what is freed stays in AddressSanitizer's quarantine
@pytest.mark.parametrize("mpm,kept", CASES)
def test_a_hundred_graceful_restarts_under_load_lose_and_leak_nothing(
        serve, sim, visit, mpm, kept):
    httpd = serve(watched(sim, "Mutex sysvsem default", DingTalkSessionStore=kept),
                  modules=("socache_shmcb",), fresh=True, mpm=mpm)
    sim.subscribe(httpd)
    pid = httpd.process.pid
    with Load(*clients(httpd, visit)) as load:
        for number in range(RESTARTS):
            if number == WARM_UP:
                before = leaks.holdings(pid)
            httpd.graceful()
            time.sleep(PAUSE)
            if number % 10 == 9:
                load.go_on()
        after = leaks.holdings(pid)
    assert load.failures == []
    print(f"\n{mpm}: {sum(load.rounds)} rounds of {len(load.rounds)} clients")
    check_growth(mpm, before, after, RESTARTS - WARM_UP)
    only_so_many_children(pid, CHILDREN[mpm])
