# SPDX-License-Identifier: Apache-2.0
"""What is asked beside the requests, while the way to DingTalk is broken: as a table."""

import contextlib
import functools
import itertools
import re
import sqlite3

import pytest

from lib import site as sites
from lib.binding import POSTGRES, SQLITE, stores  # noqa: F401  (a fixture)
from lib.clock import Clock
from lib.databases import Postgres, Sqlite
from lib.events import LEFT, SOON, is_in, read_again, signed_in, watched, within
from lib.faulty import Faulty
from lib.working import Working
from test_broken_dingtalk import CALLS, HURRIED, IN, NETWORK

LEASE = 90       # seconds, more than a record that could not be read waits for its next turn
LATER = 11 * 60  # seconds: the next fetch of the list is due
BACK = 2 * SOON  # for what is then done at once, on a machine that has other things to do
STAYS = "zhangsan"
LIST = "get_call_back_failed_result"
BROKEN = [fault for fault, (_, _, outcome) in NETWORK.items() if outcome is not IN]
# The host that is broken, and the call that fails therefore: the first one that is made there.
HOSTS = {"oapi": CALLS["user_get"], "api": CALLS["accessToken"]}


class Place:
    """An httpd with a clock, whose ways to api and oapi can be broken."""

    def __init__(self, farm, sim, clock, text):
        port = int(sim.api.rpartition(":")[2])
        self.clock = clock
        self.ways = {"api": Faulty(port).__enter__(), "oapi": Faulty(port).__enter__()}
        for host, way in self.ways.items():
            text = text.replace(f"DingTalkEndpoint {host} {getattr(sim, host)}",
                                f"DingTalkEndpoint {host} http://127.0.0.1:{way.port}")
        self.httpd = farm.get(text, clock=clock)

    def turn(self, host, fault):
        """From now on the way to this host is so."""
        mode, how, _ = NETWORK[fault]
        self.ways[host].turn(mode, **how)

    def mend(self):
        """All is well."""
        for way in self.ways.values():
            way.turn("good")

    def lines(self, *words):
        """The lines of this test's log that have all of these words."""
        return [line for line in self.httpd.log.lines() if all(word in line for word in words)]

    def judge(self, about, fault, call):
        """The log has said once what is wrong, and once that it is over."""
        _, _, (_, _, words) = NETWORK[fault]
        self.httpd.expect_log("DT0071: .*" + about + ".*" + words.format(call=call))
        assert len(self.lines("DT0071:", about)) == len(self.lines("DT0072:", about)) == 1

    def end(self):
        """Nobody uses it any more."""
        for way in self.ways.values():
            way.__exit__(None, None, None)
        self.clock.remove()


@pytest.fixture(scope="module")
def looking_up(farm, running_simulator):
    """Where everybody is looked up each second."""
    running_simulator.reset()
    text = sites.protected(running_simulator, **{**HURRIED, "DingTalkRecheck": "1s"})
    place = Place(farm, running_simulator, Clock(), text)
    yield place
    place.end()


@pytest.fixture(scope="module")
def listing(farm, running_simulator):
    """Where only the list of failed pushes tells who has left."""
    running_simulator.reset()
    place = Place(farm, running_simulator, Clock(), watched(running_simulator, **HURRIED))
    yield place
    place.end()


@pytest.fixture
def members(looking_up, serve, sim):
    """The first of these places; a row that failed has no share in the next one."""
    yield looking_up
    looking_up.mend()


@pytest.fixture
def pushes(listing, serve, sim):
    """The second."""
    yield listing
    listing.mend()


NUMBERS = itertools.count()


def two_members(sim, httpd):
    """Somebody who will leave, and whom no row before has heard of; and somebody who stays."""
    leaver = f"leaver{next(NUMBERS)}"
    sim.person(leaver)
    return leaver, *signed_in(sim, httpd, leaver, STAYS)


def remembered(place, *userids):
    """Whether the database has their records by now: they are written beside the sign-in."""
    memory = Sqlite(place.httpd.state / "dingtalk.db")
    found = memory.query("SELECT user_id FROM dingtalk_member")
    return {(userid,) for userid in userids} <= set(found)


def ask_for_a_new_token(sim, host):
    """The one that httpd has is good no more, where asking for one is what is broken."""
    if host == "api":
        sim.expire("app_token", forget=True)


# -- who is still a member -------------------------------------------------------------------------

@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("fault", BROKEN)
def test_who_left_behind_a_broken_network_is_out_once_it_is_good(members, sim, host, fault):
    place = members
    who, leaver, stays = two_members(sim, place.httpd)
    with Working(stays) as working:
        place.turn(host, fault)
        working.again()
        sim.person(who, **LEFT)
        ask_for_a_new_token(sim, host)
        place.clock.advance(2)
        within(BACK, lambda: is_in(leaver) and place.lines("DT0071:"))
        working.go_on()
        assert is_in(leaver), "nobody could know"
        sim.forget_calls()
        place.mend()
        place.clock.advance(LEASE)
        within(BACK, lambda: not is_in(leaver))
        within(BACK, lambda: STAYS in read_again(sim))
    place.judge("who is still a member", fault, HOSTS[host])


@pytest.mark.parametrize("host", HOSTS)
def test_a_network_that_is_slow_but_in_time_is_nobodys_trouble(members, sim, host):
    place = members
    who, leaver, stays = two_members(sim, place.httpd)
    with Working(stays) as working:
        place.turn(host, "slow, but in time")
        working.again()
        sim.person(who, **LEFT)
        ask_for_a_new_token(sim, host)
        sim.forget_calls()
        place.clock.advance(2)
        within(BACK, lambda: not is_in(leaver))
        within(BACK, lambda: STAYS in read_again(sim))


# -- pushes that failed ----------------------------------------------------------------------------

@pytest.mark.parametrize("fault", BROKEN)
def test_a_list_behind_a_broken_network_is_had_once_it_is_good(pushes, sim, fault):
    place = pushes
    who, leaver, stays = two_members(sim, place.httpd)
    within(BACK, lambda: remembered(place, who, STAYS))
    with Working(stays) as working:
        place.turn("oapi", fault)
        working.again()
        sim.person(who, **LEFT)
        sim.fail({"type": "user_leave_org", "body": {"userId": [who]}})
        place.clock.advance(LATER)
        within(BACK, lambda: is_in(leaver) and place.lines("DT0071:"))
        working.go_on()
        assert is_in(leaver), "nobody could know"
        place.mend()
        place.clock.advance(LATER)
        within(BACK, lambda: not is_in(leaver))
        within(BACK, lambda: place.lines("DT0077:"))
    place.judge("the pushes that failed", fault, LIST)
    place.httpd.expect_log("DT0077")  # some may have been on a reply that never arrived


# -- the database ----------------------------------------------------------------------------------

# What is broken, how, and what the log says of it: a reader is not in the way of a file's writer.
DATABASES = [(POSTGRES, "silent", "DT0052"), (POSTGRES, "refused", "DT0052"),
             (SQLITE, "locked", "DT0005: .*locked")]
PATIENCE = 30  # seconds, for what waits for a hanging connection first
OVERDUE = 60   # seconds, more than ten times DingTalkRevocationPoll


def said(httpd, words):
    """Whether this test's log has a line with them."""
    return any(re.search(words, line) for line in httpd.log.lines())


@contextlib.contextmanager
def locked(path):
    """Somebody else writes to the file meanwhile."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as link:
        link.execute("BEGIN EXCLUSIVE")
        yield


@pytest.fixture
def database(stores):
    """database(kind, fault) gives a store, the directive's line, and what it is to be broken."""
    with contextlib.ExitStack() as stack:
        def make(kind, fault):
            if kind == SQLITE:
                store = stores.get(kind)
                return store, store.lines(), functools.partial(locked, store.database.path)
            if not Postgres.available():
                pytest.skip("PostgreSQL is not installed")
            store = stores.get(kind)
            way = stack.enter_context(Faulty(store.database.port))
            lines = store.lines().replace(str(store.database.port), str(way.port))
            return store, lines, functools.partial(way.turned, fault)
        yield make


@pytest.mark.parametrize("kind,fault,words", DATABASES,
                         ids=[f"{row[0]}-{row[1]}" for row in DATABASES])
def test_who_left_while_the_database_was_broken_is_out_once_it_is_good(
        serve, sim, database, clock, kind, fault, words):
    store, lines, broken = database(kind, fault)
    httpd = serve(sites.protected(sim, lines, DingTalkRecheck="1s"), fresh=True, clock=clock)
    httpd.expect_log(words)
    httpd.allow_log(r"DT(0005|0007|0052): ")
    store.wait()
    who, leaver, stays = two_members(sim, httpd)
    with Working(stays) as working:
        with broken():
            working.again()
            sim.person(who, **LEFT)
            clock.advance(OVERDUE)
            within(PATIENCE, lambda: is_in(leaver) and said(httpd, words))
            working.go_on()
            assert is_in(leaver), "nobody could know"
            sim.forget_calls()
        clock.advance(LEASE)
        within(PATIENCE, lambda: not is_in(leaver))
        within(PATIENCE, lambda: STAYS in read_again(sim))
    httpd.stop()  # as long as its database is there
