# SPDX-License-Identifier: Apache-2.0
"""A session cache that is slow, gone, half there or lying: what people get, as a table."""

import re
import time

import pytest

from lib import places
from lib.browser import Client
from lib.binding import at_once
from lib.caches import MODULES
from lib.events import watched
from lib.faulty import NOISE, Faulty
from lib.leaks import children
from lib.memcached import Memcached
from lib.patient import LATE
from lib.places import People
from lib.redis import Redis
from lib.steps import within

# What people get. 503 comes with Retry-After and a number that is in the log.
WORKS = {"sign-in": 303, "first sign-in": 303, "sign-out": 200, "sign-out everywhere": 200,
         "event": 200, "session": 200, "begin": 302}
DOWN = {**WORKS, "sign-in": 503, "first sign-in": 503, "sign-out": 503,
        "sign-out everywhere": 503, "session": 503}
# And who comes in, by which step.
ALL, NOBODY = (WORKS, {"sign-in": places.BACK, "first sign-in": places.NEW}), (DOWN, {})
FAULTS = {
    "slow": ALL, "slower than we wait": NOBODY, "refused": NOBODY, "reset": NOBODY,
    "cut": NOBODY, "half": NOBODY, "silent": NOBODY, "unreachable": NOBODY, "garbage": NOBODY,
}
HOW = {"slow": {"delay": 0.05}, "slower than we wait": {"delay": 3}, "cut": {"after": 3},
       "half": {"after": 3}}
SERVERS = {"redis": Redis, "memcache": Memcached}
TABLE = [(kind, fault) for kind in SERVERS for fault in FAULTS]
# Whatever the server says to any question, nobody is taken for somebody.
NUMBERS = b"9" * 40
LIES = {
    "redis": {
        "nothing": b"$-1\r\n", "an error": b"-ERR no\r\n", "another type": b":1\r\n",
        "yes": b"+OK\r\n", "an empty value": b"$0\r\n\r\n", "a shorter value": b"$3\r\nabc\r\n",
        "a value shorter than said": b"$400\r\nabc\r\n", "a length below zero": b"$-7\r\nabc\r\n",
        "a very long length": b"$2147483647\r\nabc\r\n", "a length of forty digits":
        b"$" + NUMBERS + b"\r\nabc\r\n", "no length": b"$\r\nabc\r\n",
        "a list": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "a line without end": b"$" + b"1" * 20000,
        "empty lines": b"\r\n" * 50, "zeros": b"\0" * 500, "noise": NOISE[:5000] + b"\r\n"},
    "memcache": {
        "nothing": b"END\r\n", "an error": b"ERROR\r\n", "its own error": b"SERVER_ERROR no\r\n",
        "stored": b"STORED\r\n", "not stored": b"NOT_STORED\r\n",
        "an empty value": b"VALUE x 0 0\r\n\r\nEND\r\n",
        "a shorter value": b"VALUE x 0 3\r\nabc\r\nEND\r\n",
        "a value shorter than said": b"VALUE x 0 400\r\nabc\r\nEND\r\n",
        "a length below zero": b"VALUE x 0 -7\r\nabc\r\nEND\r\n",
        "a very long length": b"VALUE x 0 2147483647\r\nabc\r\nEND\r\n",
        "a length of forty digits": b"VALUE x 0 " + NUMBERS + b"\r\nabc\r\nEND\r\n",
        "no length": b"VALUE\r\nabc\r\nEND\r\n", "two values":
        b"VALUE x 0 1\r\na\r\nVALUE y 0 1\r\nb\r\nEND\r\n", "a line without end": b"V" * 20000,
        "empty lines": b"\r\n" * 50, "zeros": b"\0" * 500, "noise": NOISE[:5000] + b"\r\n"},
}
ONE_ANSWER = 1  # second that an answer of the cache takes, or it is none
LONGEST = 6     # on a busy machine
TRIES = 4       # more, of what a busy machine may be too slow for
BACK = 20       # until it works again at the latest
LOG = r"DT(0010|0011|0021|0023|0040|0064|0065|0073): |AH03473|AH0347[89]|AH03480|AH0079[01]"


def through(way, server, sim):
    """The configuration of a site whose cache is behind a proxy."""
    store = server.store.replace(str(server.port), str(way.port))
    return watched(sim, DingTalkSessionStore=store)


class Site:
    """An httpd, a proxy and a cache."""

    def __init__(self, httpd, way, kind, sim):
        self.httpd, self.way, self.kind, self.sim = httpd, way, kind, sim
        self.children = sorted(children(httpd.process.pid))

    def browser(self, like=None):
        """A new browser, or one with the cookies of another."""
        return Client(self.httpd, self.sim, jar=like and like.jar.copy())

    def member(self):
        """A browser that is signed in."""
        browser = self.browser()
        within(BACK, lambda: browser.sign_in().status == 200)
        return browser

    def complaints(self):
        """What is in the error log and should not be."""
        self.httpd.allow_log(LOG)
        return self.httpd.log.audit()


@pytest.fixture(scope="module")
def servers():
    """One of each kind that a test has wanted."""
    running = {}

    def get(kind):
        if kind not in running:
            if not SERVERS[kind].available():
                pytest.skip(f"{kind} is not installed")
            running[kind] = SERVERS[kind]().__enter__()
        return running[kind]
    yield get
    for server in running.values():
        server.stop()


def said(httpd, number, after):
    """How often the log has said so, after so many lines."""
    return len([line for line in httpd.log.lines()[after:] if number + ":" in line])


class Trial:
    """One fault of one cache, met by everybody."""

    def __init__(self, server, kind, farm, sim, fault):
        with Faulty(server.port) as way, \
                farm.trial(through(way, server, sim), modules=MODULES[kind]) as httpd:
            self._run(httpd, way, sim, fault)
        self.complaints = httpd.complaints

    def _run(self, httpd, way, sim, fault):
        self.people = people = People(httpd, sim, codes=False)
        good = len(httpd.log.lines())
        way.turn("slow" if fault == "slower than we wait" else fault, **HOW.get(fault, {}))
        self.told = people.go_on()
        live = people.member
        self.many = at_once([lambda: Client(httpd, sim, jar=live.jar.copy())
                             .fetch("/app/data.txt").status] * 60, clients=12)
        self.others = {"open": live.fetch("/open/").status}
        self.gone = said(httpd, "DT0064", good)
        way.turn("good")
        self.back = within(BACK, lambda: live.fetch("/app/data.txt").status == 200)
        people.until_back(BACK)
        self.came_in = people.who_came_in()
        self.same_children = people.same_children()
        self.gone_and_back = said(httpd, "DT0064", good), said(httpd, "DT0065", good)
        self.leaver_is_out = people.is_out()
        self.lines = httpd.log.lines()
        httpd.allow_log(LOG)

    def was_late(self):
        """Whether the time for an answer was over, which is no fault of a cache that is slow."""
        return any(re.search(LATE, line) for line in self.lines)


@pytest.fixture(scope="module", params=TABLE, ids="-".join)
def case(request, servers, farm, running_simulator):
    """A row of the table: what is promised, and what happened."""
    kind, fault = request.param
    trial = Trial(servers(kind), kind, farm, running_simulator, fault)
    for _ in range(TRIES):
        if FAULTS[fault] is ALL and trial.was_late():
            trial = Trial(servers(kind), kind, farm, running_simulator, fault)
    return FAULTS[fault], trial


@pytest.mark.parametrize("place", WORKS)
def test_what_people_get(case, place):
    (statuses, _), trial = case
    trial.told[place].judge(statuses[place], trial.lines, LONGEST)


def test_pages_wait_for_nothing(case):
    """A page with a session is there or 503, at once; open pages notice nothing."""
    (statuses, _), trial = case
    page = statuses["session"]
    assert set(trial.many) == {page} and trial.others == {"open": 200}
    trial.people.live.judge({page, 200}, moment=ONE_ANSWER / 2, waited=3 * ONE_ANSWER)


def test_nobody_comes_in_whose_session_cannot_be_kept(case):
    (_, came_in), trial = case
    assert trial.came_in == came_in


def test_who_left_is_out_at_once_and_stays_out(case):
    """Who has left is known without the cache."""
    _, trial = case
    assert trial.leaver_is_out, trial.people.out_after


def test_it_works_again_by_itself_and_who_was_signed_in_still_is(case):
    _, trial = case
    assert trial.back < BACK


def test_no_child_ends_and_the_log_says_what_it_is(case):
    promised, trial = case
    assert trial.same_children
    assert trial.complaints == []
    assert trial.gone == (0 if promised is ALL else 1)
    gone, back = trial.gone_and_back
    assert gone == back


# -- lies ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module", params=SERVERS)
def lied_to(request, servers, farm, running_simulator):
    """A site whose cache will lie."""
    server = servers(request.param)
    with Faulty(server.port) as way:
        httpd = farm.get(through(way, server, running_simulator), modules=MODULES[request.param])
        yield Site(httpd, way, request.param, running_simulator)


def lies_of(site, said):
    """From now on it says only that."""
    site.way.turn("lie", change=lambda data: said)
    site.way.reset_all()


@pytest.mark.parametrize("lie", sorted({*LIES["redis"], *LIES["memcache"]}))
def test_nobody_is_taken_for_somebody(lied_to, lie):
    site = lied_to
    if lie not in LIES[site.kind]:
        pytest.skip(f"{site.kind} has no such answer")
    member = site.member()
    newcomer = site.browser()
    callback = newcomer.scan("lisi", newcomer.begin())
    lies_of(site, LIES[site.kind][lie])
    for answer in (site.browser(member).fetch("/app/data.txt"),
                   site.browser(member).navigate("/app/")):
        assert answer.status in (401, 302, 503), answer
    began = time.monotonic()
    assert newcomer.come_back(callback).status in (303, 503)
    assert time.monotonic() - began < LONGEST
    assert newcomer.fetch("/app/data.txt").status in (401, 503)
    site.way.turn("good")
    site.way.reset_all()
    within(BACK, lambda: site.browser(member).fetch("/app/data.txt").status == 200)
    assert site.children == sorted(children(site.httpd.process.pid))
    assert site.complaints() == []


def test_connections_that_hang_one_after_the_other_are_not_the_end(lied_to):
    """Each time the server falls silent, some connections stay so, also when it is back."""
    site = lied_to
    member = site.member()
    for _ in range(5):
        site.way.turn("silent")
        assert site.browser(member).fetch("/app/data.txt").status == 503
        site.way.turn("good")
        within(BACK, lambda: member.fetch("/app/data.txt").status == 200)
    site.way.reset_all()
    within(BACK, lambda: member.fetch("/app/data.txt").status == 200 and site.way.open <= 16)
    assert site.complaints() == []
