# SPDX-License-Identifier: Apache-2.0
"""What people get at each place of a site, all of them at the same time, while a part is broken.

    people = People(httpd, sim)      # those who are about to do something
    way.turn("silent")
    told = people.go_on()            # told["sign-in"].status, .seconds, .error_id, …
    assert people.live.all_served()
"""

import os
import re
import threading
import time

from .binding import to_bind_page, user_of
from .browser import Client
from .leaks import children
from .steps import leave

PATIENCE = 40  # more than the product promises
NOT_SLOWED = 5  # seconds, on a busy machine, for a page; nothing waits that long for nothing
ASKS, ENTERS = ("13911111111", "+8613911111111"), ("13922222222", "+8613922222222")
# What they have in the attribute store: a phone each.
PHONES = {"acc-live": "+8613800000001", "acc-back": "+8613800000002", "acc-new": "+8613933333333",
          "acc-asks": ASKS[1], "acc-enters": ENTERS[1]}
LIVE, BACK, NEW = "zhangsan", "lisi", "newcomer"
NO_ANSWER = "no answer"
AGAIN = "again"  # an event that DingTalk sends again


class Told:
    """What came of one step."""

    def __init__(self, answer, seconds):
        self.seconds = seconds
        self.status = NO_ANSWER
        self.retry_after = self.error_id = self.answer = None
        if isinstance(answer, dict):  # what the simulator says of a push
            self.status = 200 if answer["ok"] else AGAIN
        elif not isinstance(answer, Exception):
            self.answer = answer
            self.status = answer.status
            self.retry_after = answer.get("Retry-After")
            self.error_id = answer.error_id

    def __repr__(self):
        return f"{self.status} after {self.seconds:.1f} s: {self.answer!r}"

    def judge(self, status, lines, longest, is_logged=True):
        """It is this status, in time; 503 says when to try again, and lines of the log why."""
        assert self.status == status, self
        assert self.seconds < longest, self
        if status == 503:
            assert int(self.retry_after) > 0
            assert not is_logged or any(
                self.error_id in line for line in lines if re.search(r"DT\d+: ", line))


class Live:
    """A signed-in person who opens pages all the while."""

    def __init__(self, browser):
        self.browser = browser
        self.seen = []  # (status, seconds)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        while not self._over.is_set():
            began = time.monotonic()
            try:
                status = self.browser.fetch("/app/data.txt").status
            except (OSError, AssertionError) as failure:
                status = repr(failure)
            self.seen.append((status, time.monotonic() - began))
            time.sleep(0.02)

    def statuses(self):
        """Which answers came."""
        return {status for status, _ in self.seen}

    def slowest(self):
        """How long the slowest took."""
        return max(seconds for _, seconds in self.seen)

    def judge(self):
        """Every answer was a page, and none waited for anything."""
        assert self.statuses() == {200}
        assert self.slowest() < NOT_SLOWED

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(PATIENCE)


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
        self.steps = {}
        live, here, everywhere = (self._member(LIVE), self._member(LIVE), self._member(BACK))
        self.live = Live(live)
        self._comes("sign-in", BACK)
        self._comes("first sign-in", NEW)
        if codes:
            self._codes()
        self.steps |= {
            "sign-out": lambda: leave(here),
            "sign-out everywhere": lambda: leave(everywhere, body=b"all=1"),
            "event": lambda: sim.push("user_leave_org", "duoduo"),
            "session": lambda: live.fetch("/dingtalk/session"),
            "begin": lambda: self._new().navigate("/app/"),
        }
        self.outsiders = [browser for browser in self.browsers if browser.session is None]
        self.children = self._children()

    browsers = ()

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
        self.browsers = (*self.browsers, browser)

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
        self.browsers = (*self.browsers, asks.browser, enters.browser)

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
        threads = [threading.Thread(target=go, args=(step,), daemon=True) for step in self.steps]
        with self.live:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
        return {step: told.get(step, Told(TimeoutError(), PATIENCE)) for step in self.steps}

    def who_came_in(self):
        """The users of those who had no session."""
        return [user for user in map(user_of, self.outsiders) if user]

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
