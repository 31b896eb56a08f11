# SPDX-License-Identifier: Apache-2.0
"""SMS gateways slow, gone, half there or lying: what who asks for a code gets, as a table."""

import re
import time

import pytest

from lib import expect, site as sites
from lib.binding import (
    KEY, NO_LIMITS, SQLITE, Store, aliyun, at_once, gateway, start, tencent, to_bind_page,
    user_of)
from lib.broken import meet
from lib.browser import Client
from lib.faulty import Faulty
from lib.working import Working

KINDS = {"aliyun": aliyun, "tencent": tencent, "http": gateway}
CALLS = {"aliyun": "aliyun_sms", "tencent": "tencent_sms", "http": "gateway_sms"}
TOTAL = 4        # seconds, DingTalkTimeout
ANSWER_AFTER = 1  # seconds that every request for a code takes
SLACK = 3        # for a machine that has other things to do
TRIES = 5        # of what is to be known before the answer, on such a machine

# What who asks is told, and the line of the log, None: none. What may be on its way was sent, as
# far as they are told: another message would cost money, and confuse.
SENT = (200, None)
LOST = (200, r"DT0006: .*sms: no complete reply in time")
BROKE = (200, r"DT0006: .*sms: (the connection |the reply ended too early)")
TOO_LARGE = (200, r"DT0006: .*sms: the reply is larger than allowed")
UNSAID = (200, r"DT0006: .*sms: HTTP \d+, (no code|DingTalkSenderOK)")
REFUSED = (503, r"DT0021: .*unavailable \(sms: HTTP \d+, ")
NOBODY = (503, r"DT0021: .*unavailable \(sms: (no connection|no complete reply in time)")
FAULTS = {
    "slow, but before the answer": ("delay", {"seconds": 0.3}, SENT),
    "slow, but in time": ("delay", {"seconds": 1.2}, SENT),
    "slower than the time-out": ("delay", {"seconds": 30}, LOST),
    "a byte a second": ("drip", {"interval": 1}, LOST),
    "headers only": ("stop", {"part": 0}, LOST),
    "half a body": ("stop", {"part": 0.5}, LOST),
    "reset after half a body": ("stop", {"part": 0.5, "then": "reset"}, BROKE),
    "reset instead of an answer": ("reset", {}, BROKE),
    "an endless body": ("huge", {"chunked": True}, TOO_LARGE),
    "200 with HTML": ("html_ban", {}, UNSAID),
    "200 with an empty object": ("wrong_type", {"shape": "object"}, UNSAID),
    "500": ("status", {"status": 500}, UNSAID),
    "403": ("status", {"status": 403}, REFUSED),
    "a redirect elsewhere": ("status", {"status": 307, "headers": {"Location": "/elsewhere"}},
                             UNSAID),
}
EXCEPT = {  # what says nothing of success says that there was none, if the administrator so wrote
    ("http", "200 with an empty object"): REFUSED,
}
NETWORK = {
    "refuses connections": ("refused", {}, NOBODY),
    "resets who connects or sends": ("reset", {}, BROKE),
    "takes everything, says nothing": ("silent", {}, LOST),
    "loses what is sent to connect": ("unreachable", {}, NOBODY),
}
TABLE = [*FAULTS, *NETWORK]


class Gateways:
    """One httpd for each kind of gateway, with a way to it that can be broken."""

    def __init__(self, farm, sim):
        self.sim = sim
        self.store = Store(start(SQLITE))
        self.ways, self.httpds = {}, {}
        self.number = 0
        urls = {"aliyun": sim.aliyun, "tencent": sim.tencent, "http": sim.gateway + "/send"}
        for kind, make in KINDS.items():
            way = self.ways[kind] = Faulty(int(re.search(r":(\d+)", urls[kind])[1])).__enter__()
            url = re.sub(r":\d+", f":{way.port}", urls[kind])
            self.httpds[kind] = farm.get(sites.protected(
                sim, self.store.lines(), make(sim, "sms", URL=url), "DingTalkCodeVia sms",
                NO_LIMITS, DingTalkAccounts="dbd", DingTalkKey=f'"{KEY}"', DingTalkRecheck="0",
                DingTalkTimeout=f"connect=500ms total={TOTAL}s"))
            self.store.wait()
        self.store.account("account-live")
        self.store.bind(sim.who("zhangsan"), "account-live", sim.corp_id)

    def member(self, kind):
        """Somebody with an account, signed in."""
        browser = Client(self.httpds[kind], self.sim)
        assert browser.sign_in().status == 200
        return browser

    def askers(self):
        """New persons on the bind page of each site, each with an account's phone."""
        self.sim.reset()
        self.store.query("DELETE FROM dingtalk_limit")  # of one address
        self.number += 1
        pages = []
        for place, kind in enumerate(KINDS):
            userid, phone = f"asker-{kind}-{self.number}", f"139{self.number:07}{place}"
            self.sim.person(userid, unionid="uNi-" + userid)
            self.store.account("account-" + userid, mobile=phone)
            page = to_bind_page(Client(self.httpds[kind], self.sim), userid)
            page.kind, page.phone, page.account = kind, phone, "account-" + userid
            pages.append(page)
        return pages

    def turn(self, fault):
        """From now on all three of them are so; None: good again."""
        self.sim.behave()
        mode, how, _ = NETWORK.get(fault, ("good", {}, None))
        for kind, way in self.ways.items():
            way.turn(mode, **how)
            if fault in FAULTS:
                self.sim.misbehave(CALLS[kind], FAULTS[fault][0], **FAULTS[fault][1])

    def end(self):
        """Stop what the farm does not."""
        for way in self.ways.values():
            way.__exit__(None, None, None)
        self.store.database.stop()


def ask(page):
    """Ask for a code, and keep the time."""
    page.told = page.ask(page.phone)
    return page.answer


def enter(page, sim):
    """Ask once more, and enter the code that comes: REMOTE_USER then."""
    ask(page)
    page.guess(sim.last_code("+86" + page.phone))
    return user_of(page.browser)


class Row:
    """One fault, met by who asks each of the gateways at the same time."""

    def __init__(self, gateways, working, fault):
        self.sim, self.fault = gateways.sim, fault
        for _ in range(TRIES):
            pages = gateways.askers()
            gateways.turn(fault)
            working.again()
            self.met = {met.browser.kind: met for met in meet(pages, ask)}
            self.in_too_early = [page.kind for page in pages if user_of(page.browser)]
            self.lines = {page.kind: self._lines(page) for page in pages}
            if not any(self._known_too_late(page) for page in pages):
                break
            for httpd in gateways.httpds.values():
                assert self._audit(httpd) == []
        self.calls = {kind: len(self.sim.calls(call)) for kind, call in CALLS.items()}
        self.phones = {page.kind: self._arrived(page) for page in pages}
        working.go_on()
        self.judge = working.judge
        gateways.turn(None)
        self.sim.forget_inbox()
        users = at_once([lambda page=page: enter(page, self.sim) for page in pages])
        self.came_in = {page.kind: user == page.account for page, user in zip(pages, users)}
        self.complaints = {kind: self._audit(httpd) for kind, httpd in gateways.httpds.items()}

    def outcome(self, kind):
        """What the table says."""
        return EXCEPT.get((kind, self.fault)) or {**FAULTS, **NETWORK}[self.fault][2]

    def _lines(self, page):
        """The log, once it has the line it should have; the code's end may be after its answer."""
        log, (status, words) = page.browser.httpd.log, self.outcome(page.kind)
        end = time.monotonic() + TOTAL + SLACK
        if status == 503 and page.answer.status == 200:
            words = "DT0006: "
        while words and time.monotonic() < end and not any(
                re.search(words, line) for line in log.lines()):
            time.sleep(0.02)
        return [line for line in log.lines() if re.search(r"DT(0006|0021): ", line)]

    def _known_too_late(self, page):
        """Whether it failed after the answer, by the log, and should have failed before."""
        return (self.outcome(page.kind)[0] == 503 and page.answer.status == 200
                and any("DT0006: " in line for line in self.lines[page.kind]))

    def _arrived(self, page):
        """Whether the message has; of one that may, once it has."""
        if self.outcome(page.kind) is SENT:
            self.sim.last_code("+86" + page.phone)
        return len(self.sim.inbox("+86" + page.phone))

    @staticmethod
    def _audit(httpd):
        httpd.allow_log(r"DT(0006|0021): ")
        return httpd.log.audit()


@pytest.fixture(scope="module")
def gateways(farm, running_simulator):
    """The three of them."""
    running_simulator.reset()
    gateways = Gateways(farm, running_simulator)
    yield gateways
    gateways.end()


@pytest.fixture(scope="module")
def working(gateways):
    """Somebody who works at each of the sites all the while."""
    with Working(*[gateways.member(kind) for kind in KINDS], pause=0.05) as working:
        yield working


@pytest.fixture(scope="module", params=[*FAULTS, *NETWORK])
def row(request, gateways, working):
    """A row of the table: what happened."""
    return Row(gateways, working, request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_what_who_asks_for_a_code_gets(row, kind):
    status, words = row.outcome(kind)
    met = row.met[kind]
    told = expect.own_answer(met.answer).json()
    assert met.answer.status == status, (met, row.lines[kind])
    assert ANSWER_AFTER - 0.1 < met.seconds < ANSWER_AFTER + SLACK, "always as long"
    if status == 503:
        assert told["error"] == "unavailable" and int(met.answer.get("Retry-After")) > 0
        assert any(met.answer.error_id in line for line in row.lines[kind])
    else:
        assert told["ok"] is True
    if words is None:
        assert row.lines[kind] == [] and row.phones[kind] == 1
    else:
        assert [line for line in row.lines[kind] if re.search(words, line)], row.lines[kind]
    assert row.calls[kind] <= 1, "what may have been sent is not sent again, nor elsewhere"


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_in_before_the_code_and_somebody_is_with_it(row, kind):
    assert row.in_too_early == []
    assert row.came_in[kind], "without a restart"
    assert row.complaints[kind] == []


def test_who_is_in_works_on(row):
    row.judge()
