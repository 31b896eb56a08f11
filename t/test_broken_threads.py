# SPDX-License-Identifier: Apache-2.0
"""A thousand connections that hang in a sign-in or dawdle, while people who are signed in work."""

import contextlib
import functools
import time

import pytest

from lib import leaks
from lib.binding import at_once, bound_site, store, stores, with_codes  # noqa: F401  (fixtures)
from lib.browser import Client
from lib.crowd import Crowd
from lib.events import watched
from lib.hanging import BUSY, Worker, as_bytes, callbacks
from lib.killing import kill_children
from lib.load import Load
from lib.steps import within

CROWD = 1000
CALL = 5  # seconds, DingTalkTimeout total by default
# A signed-in person waits at most so many seconds: for those who wait for a turn to call, a tenth
# of a call, twice if it comes to the worst; with much to spare, and still less than one call.
WORST = CALL - 1.5
# For each MPM: how httpd is configured; how many calls to DingTalk at the same time, which is half
# of what can serve; and how many of the thousand hang with them at most.
MPMS = {
    "event": ("StartServers 2\nMaxRequestWorkers 50", 24),
    "worker": ("StartServers 2\nMaxRequestWorkers 50", 24),
    "prefork": ("StartServers 12\nMaxRequestWorkers 12", 6),
}
# After a pause of two seconds one call is let through, in each child that has threads.
PROBES = {"event": 2, "worker": 2, "prefork": 1}
# What dawdles; what each of the thousand gets when its time is over.
SLOW = {"half of a form": 408, "half of a push": 408}
MANY_THREADS = "\n".join(["ThreadLimit 100", "ThreadsPerChild 100", "MaxRequestWorkers 200",
                          "StartServers 2", "MaxSpareThreads 200"])
# What a child may hold more than before: for each call a kept connection to each of DingTalk's
# hosts, the connections to the database, and memory that the C
# library keeps for next time.
MORE = {leaks.DESCRIPTORS: 60, leaks.MEMORY: 12 * 1024}
SOON = 20

each_mpm = pytest.mark.parametrize("mpm", MPMS)


def held(httpd):
    """The most that any child holds of each thing."""
    found = []
    for pid in leaks.children(httpd.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found.append(leaks.holdings(pid))
    return {what: max(one[what] for one in found) for what in MORE}


def nothing_is_left(httpd, before, sim):
    """The server is as before: people come in, all threads serve, and nothing has grown."""
    sim.behave()
    within(SOON, lambda: Client(httpd, sim).sign_in("lisi").status == 200)
    answers = at_once([functools.partial(Client(httpd, sim).fetch, "/app/data.txt")] * 50, 50)
    assert [answer.status for answer in answers] == [401] * 50
    within(SOON, lambda: all(held(httpd)[what] <= before[what] + more
                             for what, more in MORE.items()))
    print("more in a child:", {what: held(httpd)[what] - before[what] for what in MORE})


# -- DingTalk hangs --------------------------------------------------------------------------------

@each_mpm
def test_while_a_thousand_hang_in_sign_in_who_is_signed_in_works(serve, sim, mpm):
    size, calls = MPMS[mpm]
    httpd = serve(watched(sim, size, "ListenBacklog 2000"), fresh=True, mpm=mpm)
    httpd.allow_log(*BUSY)
    worker = Worker(httpd, sim)
    requests = callbacks(httpd, sim, 10)
    before = held(httpd)
    sim.misbehave("*", "delay", seconds=3 * CALL)
    sim.forget_calls()
    with Crowd(httpd.port, requests, CROWD) as crowd, Load(worker) as load:
        crowd.until(lambda: not crowd.waiting, 12 * CALL)
        load.go_on()
    assert load.failures == []
    assert worker.worst < WORST
    assert crowd.statuses() == {503: CROWD}
    assert all(int(one.header("Retry-After")) > 0 for one in crowd.all)
    pauses = max(one.took for one in crowd.all) / 2 + 1
    assert len(sim.calls()) <= calls + pauses * PROBES[mpm]
    nothing_is_left(httpd, before, sim)


@pytest.mark.parametrize("mpm", ["event", "worker"])
def test_while_the_app_token_hangs_who_is_signed_in_works(serve, sim, mpm):
    """One call hangs, and all who sign in wait for it, in as many threads as may call."""
    size, _ = MPMS[mpm]
    httpd = serve(watched(sim, size, "ListenBacklog 2000"), fresh=True, mpm=mpm)
    httpd.allow_log(*BUSY)
    worker = Worker(httpd, sim)
    requests = callbacks(httpd, sim, 100)
    before = held(httpd)
    sim.expire("app_token", forget=True)
    sim.misbehave("gettoken", "delay", seconds=3 * CALL)
    sim.misbehave("accessToken", "delay", seconds=3 * CALL)
    with Crowd(httpd.port, requests, len(requests)) as crowd, Load(worker) as load:
        crowd.until(lambda: not crowd.waiting, 12 * CALL)
        load.go_on()
    assert load.failures == []
    assert worker.worst < WORST
    assert crowd.statuses() == {503: len(requests)}
    nothing_is_left(httpd, before, sim)


def test_callers_that_were_killed_keep_nobody_from_calling(serve, sim):
    """Half of the children of prefork may call: the dead do not count among them for long."""
    size, _ = MPMS["prefork"]
    httpd = serve(watched(sim, size, DingTalkTimeout="connect=1s total=1s"), fresh=True,
                  mpm="prefork")
    httpd.allow_log(*BUSY)
    requests = callbacks(httpd, sim, 12)
    sim.misbehave("*", "delay", seconds=1)
    with Crowd(httpd.port, requests, len(requests)) as crowd:
        crowd.until(lambda: sim.calls(), CALL)
        kill_children(httpd)
        crowd.until(lambda: not crowd.waiting, 4 * CALL)
    sim.behave()

    def four_at_once():
        jobs = [functools.partial(Client(httpd, sim).sign_in, "lisi") for _ in range(4)]
        return [answer.status for answer in at_once(jobs, 4)] == [200] * 4
    within(SOON, four_at_once)


# -- clients that dawdle ---------------------------------------------------------------------------

@pytest.fixture
def wide(bound_site, sim, store):
    """A site with many threads and little patience for clients, with every endpoint."""
    told = sim.subscription()
    httpd = bound_site(*with_codes(sim, MANY_THREADS, "Timeout 1", "ListenBacklog 2000"),
                       DingTalkEventToken=told["token"], DingTalkEventAESKey=told["aes_key"],
                       options={"fresh": True})
    httpd.allow_log(r"DT\d+: ", r"AH\d+: ")
    sim.subscribe(httpd)
    store.account("account-1", mobile="13911111111")
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    store.account("account-2")
    store.bind(sim.who("zhangsan"), "account-2", sim.corp_id)
    return httpd


def half(httpd, sim, name):
    """The first half of a request."""
    if name == "half of a push":
        path = "/dingtalk/event?signature=a&timestamp=1&nonce=b"
        return as_bytes(Client(httpd, sim), "POST", path, "Content-Type: application/json",
                        "Content-Length: 400", body=b'{"encrypt":"' + b"a" * 188)
    browser = Client(httpd, sim)
    assert browser.sign_in("duoduo").status == 200, "the bind page"
    return as_bytes(browser, "POST", "/dingtalk/bind/code", "Content-Length: 200",
                    "Content-Type: application/x-www-form-urlencoded",
                    body=b"phone=139" + b"1" * 91)


@pytest.mark.plain  # what is freed stays in AddressSanitizer's quarantine
@pytest.mark.parametrize("name", SLOW)
def test_a_thousand_that_send_half_are_given_up_and_who_is_signed_in_is_served(wide, sim, name):
    request = half(wide, sim, name)
    worker = Worker(wide, sim)
    before = held(wide)
    with Crowd(wide.port, [request], CROWD) as crowd, Load(worker) as load:
        crowd.until(lambda: not crowd.waiting, 60)
        load.go_on()
    assert load.failures == []
    assert crowd.statuses() == {SLOW[name]: CROWD}
    nothing_is_left(wide, before, sim)


@pytest.mark.plain  # as above
def test_a_thousand_that_read_no_answers_disturb_nobody(wide, sim):
    browser = Client(wide, sim)
    page = as_bytes(browser, "GET", "/dingtalk/callback?state=x&code=y")
    page = page.replace(b"Connection: close\r\n", b"") * 40
    worker = Worker(wide, sim)
    before = held(wide)
    with Crowd(wide.port, [page], CROWD, reads=False) as crowd, Load(worker) as load:
        end = time.monotonic() + 3
        crowd.until(lambda: time.monotonic() > end, SOON)
        load.go_on(10)
    assert load.failures == []
    assert worker.worst < WORST
    nothing_is_left(wide, before, sim)
