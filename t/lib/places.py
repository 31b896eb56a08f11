# SPDX-License-Identifier: Apache-2.0
"""What people get at each place of a site, all of them at the same time, while a part is broken.

    people = People(httpd, sim)      # those who are about to do something
    way.turn("silent")
    told = people.go_on()            # told["sign-in"].status, .seconds, .error_id, …
    people.live.judge()
"""

import os
import re
import threading
import time

from .binding import to_bind_page, user_of
from .browser import Client
from .events import LEAVE, post
from .leaks import children
from .steps import leave
from .working import AtWork

PATIENCE = 40  # more than the product promises
OUT_WITHIN = 2  # seconds after the answer to an event that says so
ASKS, ENTERS = ("13911111111", "+8613911111111"), ("13922222222", "+8613922222222")
# What they have in the attribute store: a phone each.
PHONES = {"acc-live": "+8613800000001", "acc-back": "+8613800000002", "acc-new": "+8613933333333",
          "acc-ends": "+8613944444444", "acc-leaves": "+8613955555555",
          "acc-asks": ASKS[1], "acc-enters": ENTERS[1]}
LIVE, BACK, NEW, ENDS, LEAVES = "zhangsan", "lisi", "newcomer", "ends", "leaves"
# Where there are accounts: who is bound before, and who comes in by which step when all works.
BOUND = {"acc-live", "acc-back", "acc-ends", "acc-leaves"}
COME = {"sign-in": "acc-back", "first sign-in": "acc-new", "code entered": "acc-enters"}
NO_ANSWER = "no answer"


class Told:
    """What came of one step."""

    def __init__(self, answer, seconds):
        self.seconds = seconds
        self.status = NO_ANSWER
        self.retry_after = self.error_id = self.answer = None
        if not isinstance(answer, Exception):
            self.answer = answer
            self.status = answer.status
            self.retry_after = answer.get("Retry-After")
            self.error_id = answer.error_id

    def __repr__(self):
        return f"{self.status} after {self.seconds:.1f} s: {self.answer!r}"

    def judge(self, status, lines, longest):
        """It is this status, in time; 503 says when to try again, and lines of the log why."""
        assert self.status == status, self
        assert self.seconds < longest, self
        if status == 503:
            assert int(self.retry_after or 0) > 0, self
            assert any(self.error_id in line for line in lines if re.search(r"DT\d+: ", line))


class People:
    """Everybody who is about to do something, made while everything works.

    Needs a site that binds by mobile number and by code, with accounts that have PHONES.
    """

    def __init__(self, httpd, sim, codes=True):
        self.httpd, self.sim = httpd, sim
        sim.reset()
        sim.subscribe(httpd)
        sim.person(BACK, mobile="13800000002")
        sim.person(NEW, unionid="uNiNew", mobile="13933333333")
        sim.person(ENDS, unionid="uNiEnds", mobile="13944444444")
        sim.person(LEAVES, unionid="uNiLeaves", mobile="13955555555")
        self.steps = {}
        self.outsiders = {}  # their browsers, by step
        self.member = live = self._member(LIVE)
        here, everywhere = self._member(LIVE), self._member(ENDS)
        self._member(BACK)
        self.leaver = self._member(LEAVES)
        self.out_after = None  # seconds from the answer to the event to a page that is refused
        self._comes("sign-in", BACK)
        self._comes("first sign-in", NEW)
        if codes:
            self._codes()
        self.steps |= {
            "sign-out": lambda: leave(here),
            "sign-out everywhere": lambda: leave(everywhere, body=b"all=1"),
            "event": self._leave,
            "session": lambda: live.fetch("/dingtalk/session"),
            "begin": lambda: self._new().navigate("/app/"),
        }
        self.children = self._children()
        self.live = AtWork(live, pause=0.02)
        self.live.measure()

    def _new(self):
        return Client(self.httpd, self.sim)

    def _member(self, userid):
        browser = self._new()
        answer = browser.sign_in(userid)
        assert answer.status == 200, answer
        return browser

    def _comes(self, step, userid):
        browser = self._new()
        callback = browser.scan(userid, browser.begin())
        self.steps[step] = lambda: browser.come_back(callback)
        self.outsiders[step] = browser

    def _codes(self):
        for userid in ("asks", "enters"):
            self.sim.person(userid, unionid="uNi" + userid)
        asks, enters = to_bind_page(self._new(), "asks"), to_bind_page(self._new(), "enters")
        told = enters.ask(ENTERS[0])
        assert told["ok"], told
        code = self.sim.last_code(ENTERS[1])

        def after(page, step, value):
            step(value)
            return page.answer
        self.steps["code asked"] = lambda: after(asks, asks.ask, ASKS[0])
        self.steps["code entered"] = lambda: after(enters, enters.guess, code)
        self.outsiders |= {"code asked": asks.browser, "code entered": enters.browser}

    def _leave(self):
        """DingTalk's push that somebody has left, by a client of more patience than DingTalk's."""
        answer = post(self._new(), self.sim.push(LEAVE, LEAVES, dry=True))
        assert answer.status != 200 or answer.json()["encrypt"], answer
        return answer

    def _see_out(self):
        """How long after the event the first page was asked for that the leaver did not get."""
        end = time.monotonic()
        while self.out_after is None and time.monotonic() < end + 5 * OUT_WITHIN:
            began = time.monotonic()
            if self.leaver.fetch("/app/data.txt").status != 200:
                self.out_after = began - end

    def _children(self):
        return sorted(children(self.httpd.process.pid))

    def go_on(self):
        """All steps at once: what came of each."""
        told = {}

        def go(step):
            began = time.monotonic()
            try:
                answer = self.steps[step]()
            except (OSError, AssertionError) as failure:
                answer = failure
            told[step] = Told(answer, time.monotonic() - began)
            if step == "event":
                self._see_out()
        threads = [threading.Thread(target=go, args=(step,), daemon=True) for step in self.steps]
        with self.live:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
        return {step: told.get(step, Told(TimeoutError(), PATIENCE)) for step in self.steps}

    def who_came_in(self):
        """The users of those who had no session, by the step that each took."""
        users = {step: user_of(browser) for step, browser in self.outsiders.items()}
        return {step: user for step, user in users.items() if user}

    def is_out(self):
        """Whether whoever left was out as soon as the event was answered, and still is."""
        return (self.out_after is not None and self.out_after < OUT_WITHIN
                and self.leaver.fetch("/app/data.txt").status == 401)

    def until_back(self, patience, times=3):
        """Sign in until it has worked so many times, one after the other: how long that took."""
        began = time.monotonic()
        worked = 0
        while worked < times:
            assert time.monotonic() - began < patience, f"not within {patience} s"
            try:
                worked = worked + 1 if self._new().sign_in(BACK).status == 200 else 0
            except (OSError, AssertionError):
                worked = 0
            if not worked:
                time.sleep(0.1)
        return time.monotonic() - began

    def same_children(self):
        """Whether no child has ended since."""
        return self._children() == self.children


def count_threads(httpd):
    """The threads of all children."""
    return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in children(httpd.process.pid))
