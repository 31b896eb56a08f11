# SPDX-License-Identifier: Apache-2.0
"""httpd starts and stops in time beside what hangs, and needs no other start when all is good."""

import contextlib
import re
import signal
import sqlite3
import time

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (a fixture)
    POSTGRES, SQLITE, Store, start as new_database, stores)
from lib.browser import Client
from lib.databases import Postgres
from lib.events import is_in, signed_in, within
from lib.faulty import Faulty
from lib.leaks import children
from lib.nodes import member_of_cluster

SERVES = 15    # seconds, from the start to the first page
LONGEST = 20   # seconds, for a sign-in that must fail: two for a connection, six for a statement
BACK = 30      # until it works again at the latest
ENDS = 10      # seconds, after which httpd has killed who does not end by itself
# What is broken, and how.
STARTS = [(POSTGRES, "silent", {}), (POSTGRES, "unreachable", {}), (POSTGRES, "half", {"after": 5}),
          (POSTGRES, "cut", {"after": 5}), (POSTGRES, "garbage", {}), (SQLITE, "locked", {})]


# -- starts ----------------------------------------------------------------------------------------

class Trouble:
    """A database that is broken until it is mended."""

    def __init__(self, stack, store, fault, how):
        self.directive = f'{store.driver} "{store.database.params}"'
        if store.driver == SQLITE:
            link = stack.enter_context(contextlib.closing(
                sqlite3.connect(store.database.path, isolation_level=None)))
            link.execute("BEGIN EXCLUSIVE")
            self.mend = link.rollback
        else:
            way = stack.enter_context(Faulty(store.database.port))
            way.turn(fault, **how)
            self.directive = self.directive.replace(str(store.database.port), str(way.port))
            self.mend = lambda: way.turn("good")


@pytest.fixture
def trouble(stores):
    """trouble(kind, fault, how) gives a database that is broken."""
    with contextlib.ExitStack() as stack:
        def make(kind, fault, how):
            if kind == POSTGRES and not Postgres.available():
                pytest.skip("PostgreSQL is not installed")
            if kind == SQLITE:  # a new one: in a file that was in use, who reads needs no lock
                store = Store(new_database(SQLITE))
                stack.callback(store.database.stop)
            else:
                store = stores.get(kind)
            return Trouble(stack, store, fault, how)
        yield make


@pytest.fixture
def start(serve, sim):
    """start(trouble) gives an httpd that makes accounts there."""
    def make(broken):
        httpd = serve(member_of_cluster(sim, broken.directive, "DingTalkUnbound create",
                                        DingTalkAccounts="dbd"), fresh=True)
        httpd.expect_log("DT0007", "DT0054")
        httpd.allow_log(r"DT(0005|0021|0024|0052): ")
        return httpd
    return make


@pytest.mark.parametrize("kind,fault,how", STARTS,
                         ids=[f"{row[0]}-{row[1]}" for row in STARTS])
def test_a_start_beside_a_broken_database_serves_and_needs_no_other(
        start, sim, trouble, kind, fault, how):
    broken = trouble(kind, fault, how)
    began = time.monotonic()
    httpd = start(broken)
    visitor = Client(httpd, sim)
    assert visitor.navigate("/app/").status == 302
    assert visitor.fetch("/app/data.txt").status == 401
    assert time.monotonic() - began < SERVES
    began = time.monotonic()
    expect.unknown(httpd, Client(httpd, sim).sign_in())
    assert time.monotonic() - began < LONGEST
    broken.mend()
    within(BACK, lambda: Client(httpd, sim).sign_in().status == 200)
    httpd.stop()


# Before anybody has asked for anything: what the log has by then is all there is to go by.
REASONS = [(POSTGRES, "silent", {}, "timeout expired|no answer in time"),
           (POSTGRES, "half", {"after": 5}, "timeout expired|no answer in time"),
           (POSTGRES, "garbage", {}, "invalid response"), (SQLITE, "locked", {}, "locked")]


@pytest.mark.parametrize("kind,fault,how,words", REASONS,
                         ids=[f"{row[0]}-{row[1]}" for row in REASONS])
def test_the_log_of_a_start_beside_a_broken_database_says_why(
        start, trouble, kind, fault, how, words):
    httpd = start(trouble(kind, fault, how))
    within(BACK, lambda: [line for line in httpd.log.lines() if "DT0007:" in line])
    lines = httpd.log.lines()
    httpd.stop()
    assert [line for line in lines if re.search(rf"DT(0005|0007|0054): .*({words})", line)], lines


# -- stops -----------------------------------------------------------------------------------------

def gone(httpd, pids):
    """Whether these children have ended."""
    return not set(pids) & set(children(httpd.process.pid))


def end(httpd, number):
    """Tell it to end, or to begin anew, and wait until those who served have ended: seconds."""
    pids = children(httpd.process.pid)
    began = time.monotonic()
    httpd.process.send_signal(number)
    if number == signal.SIGUSR1:
        within(2 * ENDS, lambda: gone(httpd, pids))
    else:
        httpd.process.wait(2 * ENDS)
        httpd.process = None
    return time.monotonic() - began


# How, and under which MPM.
ENDINGS = [("stop", "event"), ("stop", "prefork"), ("graceful stop", "event"),
           ("graceful restart", "prefork")]
SIGNALS = {"stop": signal.SIGTERM, "graceful stop": signal.SIGWINCH,
           "graceful restart": signal.SIGUSR1}


def with_a_call_that_hangs(serve, sim, mpm, **changes):
    """An httpd that asks DingTalk beside the requests, and gets no answer."""
    httpd = serve(sites.protected(sim, DingTalkRecheck="1s", **changes), fresh=True, mpm=mpm)
    (browser,) = signed_in(sim, httpd, "zhangsan")
    sim.forget_calls()
    sim.misbehave("user_get", "delay", seconds=60)
    within(BACK, lambda: is_in(browser) and sim.calls("user_get"))
    httpd.allow_log("DT0071")
    return httpd


@pytest.mark.parametrize("how,mpm", ENDINGS)
def test_an_end_waits_no_longer_than_the_call_beside_the_requests_may_take(
        serve, sim, how, mpm):
    httpd = with_a_call_that_hangs(serve, sim, mpm, DingTalkTimeout="connect=1s total=2s")
    assert end(httpd, SIGNALS[how]) < ENDS


# httpd asks again after three seconds, and kills after ten: what the child had to do is lost then.
CALLS_THAT_HANG = {"by default": {}, "long time-out": {"DingTalkTimeout": "connect=2s total=20s"}}
TRIES = 3  # on a busy machine even children that have nothing to wait for need their time to end


def ends_when_asked_once(make):
    """Of the httpds that make() gives, one ends before it is asked again."""
    lines = []
    for _ in range(TRIES):
        httpd = make()
        end(httpd, signal.SIGTERM)
        lines = [line for line in httpd.log.lines() if re.search("AH0004[5-7]", line)]
        if not lines:
            return
        httpd.allow_log("AH0004[5-7]")
    assert not lines


@pytest.mark.parametrize("mpm", ["event", "prefork"])
@pytest.mark.parametrize("limits", CALLS_THAT_HANG)
def test_a_stop_waits_for_no_call_beside_the_requests(serve, sim, mpm, limits):
    def make():
        sim.behave()
        sim.release()
        return with_a_call_that_hangs(serve, sim, mpm, **CALLS_THAT_HANG[limits])
    ends_when_asked_once(make)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_stop_waits_for_no_statement_beside_the_requests(serve, sim, stores, mpm):
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    database = stores.get(POSTGRES).database
    with Faulty(database.port) as way:
        directive = f'pgsql "{database.params}"'.replace(str(database.port), str(way.port))

        def make():
            way.turn("good")
            httpd = serve(member_of_cluster(sim, directive, DingTalkRevocationPoll="100ms"),
                          fresh=True, mpm=mpm)
            signed_in(sim, httpd, "zhangsan")
            way.turn("silent")
            time.sleep(1)  # a poll is under way by then
            httpd.allow_log(r"DT(0005|0007|0052): ")
            return httpd
        ends_when_asked_once(make)
