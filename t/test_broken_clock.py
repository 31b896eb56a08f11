# SPDX-License-Identifier: Apache-2.0
"""A clock that is set while people work: what each of them gets, in one table."""

import copy
import itertools
import re

import pytest

from lib.binding import (  # noqa: F401  (fixtures)
    KEY, bound_site, store, stores, to_bind_page, user_of, whoami, with_codes, wrong)
from lib.browser import Client
from lib.clock import DAY, HOUR, Clock
from lib.databases import Sqlite
from lib.events import GONE, LEAVE, pushed, watched
from lib.nodes import Roaming
from lib.steps import is_in, leave, throughout, within

IN, AGAIN, TOLD = "in", "has to sign in again", "is told that it took too long"
GOOD, OVER = "good", "over"
AT_ONCE, LATER = "at once", "a minute after the clock is right"
FAR = 14 * 365 * DAY  # beyond 2^31 seconds since 1970
# How the clock is set, step by step; then: what becomes of who is signed in and goes on working, of
# a sign-in on its way, of a code that was asked for before, and of who asks for another one.
TABLE = {
    "an hour on": ([HOUR], IN, IN, OVER, AT_ONCE),
    "an hour back": ([-HOUR], AGAIN, IN, OVER, LATER),
    "a day on": ([DAY], AGAIN, TOLD, OVER, AT_ONCE),
    "a day back": ([-DAY], AGAIN, IN, OVER, LATER),
    "an hour on, and right again": ([HOUR, -HOUR], IN, IN, GOOD, AT_ONCE),
    "an hour back, and right again": ([-HOUR, HOUR], AGAIN, IN, GOOD, AT_ONCE),
    "a day on, and right again": ([DAY, -DAY], AGAIN, IN, GOOD, AT_ONCE),
    "a day back, and right again": ([-DAY, DAY], AGAIN, IN, GOOD, AT_ONCE),
    "after 2038": ([FAR], AGAIN, TOLD, OVER, AT_ONCE),
    "after 2038, and right again": ([FAR, -FAR], AGAIN, IN, GOOD, AT_ONCE),
}
ROUNDS = 4      # of a sign-in, at most, until the person is in or is told why not
SOON = 18       # seconds, with very much to spare, in which the background has done its work
A_WHILE = 0.5   # seconds in which it may do what it should not
QUICK = {"DingTalkRevocationPoll": "100ms", "DingTalkRecheck": "1s"}
PHONE, E164 = "13911111111", "+8613911111111"

# Between the jump and the next reading httpd may say that it has not read for so long.
JUMPED = "DT0052"

at_each_jump = pytest.mark.parametrize("jump", TABLE)
# What takes long and does not ask which way it went.
at_some_jumps = pytest.mark.parametrize("jump", [
    "an hour on", "a day back", "an hour back, and right again", "a day on, and right again"])


@pytest.fixture(scope="module")
def lasting_clock():
    """One clock that is set again and again under the same httpds."""
    clock = Clock()
    yield clock
    clock.remove()


@pytest.fixture
def moved(farm, lasting_clock):
    """The same clock, right at the beginning and at the end of each test."""
    for httpd in farm.all():  # it moves for those of other tests, too
        httpd.allow_log(JUMPED)
    yield lasting_clock
    lasting_clock.advance(-lasting_clock.offset)


@pytest.fixture
def site(serve, sim, moved):
    """A site with a subscription that goes through all jumps, one after the other."""
    httpd = serve(watched(sim, **QUICK), clock=moved)
    httpd.allow_log(JUMPED)
    sim.subscribe(httpd)
    return httpd


@pytest.fixture
def timed(serve, sim, clock):
    """A site with a subscription and a clock of its own."""
    httpd = serve(watched(sim, **QUICK), fresh=True, clock=clock, mpm="worker")
    httpd.allow_log(JUMPED)
    sim.subscribe(httpd)
    return httpd


someones = (f"someone{number}" for number in itertools.count())


def someone(sim):
    """A member whom no test has seen before: the userid."""
    userid = next(someones)
    sim.person(userid, unionid=f"uNi-{userid}")
    return userid


def signs_in(browser, userid):
    """Somebody signs in, and again if that is wanted, until there is a page: the page."""
    answer = browser.navigate("/app/")
    for _ in range(ROUNDS):
        if answer.status != 302:
            break
        answer = browser.follow(browser.come_back(browser.scan(userid, answer.location)))
    assert answer.status != 302, f"not in, and not told why, after {ROUNDS} rounds"
    return answer


def comes_in(httpd, sim, userid=None):
    """Somebody comes in: the browser."""
    browser = Client(httpd, sim)
    userid = userid or someone(sim)
    answer = signs_in(browser, userid)
    assert answer.status == 200, answer
    assert whoami(browser)["userid"] == userid
    return browser


class Thief(Client):
    """Somebody with a copy of a session's cookie, who keeps it whatever the server says."""

    def __init__(self, browser):
        super().__init__(browser.httpd, browser.simulator)
        self.booty = f"{browser.session_name}={browser.session}"
        assert browser.session

    def at(self, node):
        """The same at another node."""
        other = copy.copy(self)
        other.httpd = node
        return other

    def request(self, method, url, headers=None, *rest, **more):
        """A request with what was stolen and nothing else."""
        return super().request(method, url, {**(headers or {}), "Cookie": self.booty},
                               *rest, **more)


def out(browsers):
    """Whether none of them is in."""
    return not any(is_in(browser) for browser in browsers)


# -- those who may be there ------------------------------------------------------------------------

@at_each_jump
def test_who_is_signed_in_stays_so_or_signs_in_again(site, sim, moved, jump):
    steps, expected, *_ = TABLE[jump]
    userid = someone(sim)
    browser = comes_in(site, sim, userid)
    for step in steps:
        moved.advance(step)
        browser.fetch("/app/data.txt")
        comes_in(site, sim)
    assert (IN if is_in(browser) else AGAIN) == expected
    assert signs_in(browser, userid).status == 200


@at_each_jump
def test_no_session_has_a_longer_life_by_it(site, sim, moved, jump):
    browsers = [comes_in(site, sim)]
    for step in TABLE[jump][0]:
        moved.advance(step)
        browsers.append(comes_in(site, sim))
        assert all([browser.fetch("/app/data.txt").status in (200, 401) for browser in browsers])
    for _ in range(8):
        moved.advance(HOUR)
        assert all([browser.fetch("/app/data.txt").status in (200, 401) for browser in browsers])
    assert out(browsers)


@at_each_jump
def test_a_sign_in_on_its_way_arrives(site, sim, moved, jump):
    steps, _, expected, *_ = TABLE[jump]
    browser = Client(site, sim)
    userid = someone(sim)
    callback = browser.scan(userid, browser.begin())
    for step in steps:
        moved.advance(step)
    answer = browser.follow(browser.come_back(callback))
    if answer.status == 302:
        answer = signs_in(browser, userid)
    assert answer.status == (200 if expected == IN else 400), answer
    site.allow_log(re.escape(answer.error_id or "none"))
    assert signs_in(browser, userid).status == 200


# -- those who may not -----------------------------------------------------------------------------

def everywhere(browser):
    """Press "sign out everywhere"."""
    assert leave(browser, body=b"all=1").status == 200


def ended(httpd, sim, now=None):
    """Copies of sessions that were ended, each in another way; now: the time, if not ours."""
    leaver = someone(sim)
    said = {"event_time": int(now * 1000)} if now else {}
    ways = {someone(sim): leave, someone(sim): everywhere,
            leaver: lambda _: pushed(sim, LEAVE, leaver, **said)}
    thieves = []
    for userid, end in ways.items():
        browser = comes_in(httpd, sim, userid)
        thieves.append(Thief(browser))
        end(browser)
    sim.person(leaver, **GONE["left"])
    assert out(thieves)
    return thieves


@at_each_jump
def test_who_was_ended_stays_out(timed, sim, clock, jump):
    """Also when httpd restarts with the wrong clock: it reads anew who was ended."""
    thieves = ended(timed, sim)
    for step in TABLE[jump][0]:
        clock.advance(step)
        for _ in range(2):
            within(SOON, lambda: out(thieves))
            throughout(A_WHILE, lambda: out(thieves))
            timed.restart()


@at_each_jump
def test_who_leaves_is_out_at_once(site, sim, moved, jump):
    for step in TABLE[jump][0]:
        moved.advance(step)
    userid = someone(sim)
    browser = comes_in(site, sim, userid)
    pushed(sim, LEAVE, userid, event_time=int(moved.now() * 1000))
    assert not is_in(browser)


@at_some_jumps
def test_who_left_without_a_word_is_found_out(site, sim, moved, jump):
    """Nobody pushed an event: the record of who is signed in is read again."""
    for step in TABLE[jump][0]:
        moved.advance(step)
        comes_in(site, sim)
    userid = someone(sim)
    browser = comes_in(site, sim, userid)
    sim.person(userid, **GONE["not active"])
    within(SOON, lambda: not is_in(browser))


@at_each_jump
def test_what_others_end_is_ended_here_all_the_while(site, sim, moved, jump):
    """The database is read on however the clock was set: a row of another node is heard of."""
    for step in TABLE[jump][0]:
        moved.advance(step)
    userid = someone(sim)
    browser = comes_in(site, sim, userid)
    now = int(moved.now() * 1000)
    Sqlite(site.state / "dingtalk.db").query(
        "INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
        f"VALUES ('person:{sim.corp_id}:{userid}', {now}, {now + DAY * 1000})")
    within(SOON, lambda: not is_in(browser))


@pytest.mark.parametrize("ahead", [HOUR, DAY], ids=["an hour ahead", "a day ahead"])
def test_who_signed_out_everywhere_by_a_wrong_clock_comes_in_when_it_would_be_right(
        site, sim, moved, ahead):
    """Until then there is a page that says that it does not work, and no endless round."""
    userid = someone(sim)
    before = Thief(comes_in(site, sim, userid))
    moved.advance(ahead)
    everywhere(comes_in(site, sim, userid))
    moved.advance(-ahead)
    browser = Client(site, sim)
    answer = signs_in(browser, userid)
    site.allow_log(re.escape(answer.error_id or "none"))
    assert out([before, browser])
    moved.advance(ahead + 1)
    comes_in(site, sim, userid)
    assert out([before])


# -- httpd starts by a wrong clock -----------------------------------------------------------------

STARTS = {"an hour ahead": HOUR, "an hour behind": -HOUR, "a day ahead": DAY,
          "a day behind": -DAY, "14 years ahead": FAR, "14 years behind": -FAR}


@pytest.mark.parametrize("start", STARTS)
def test_a_wrong_clock_at_the_start_that_is_put_right_hides_and_locks_out_nobody(
        timed, sim, clock, start):
    thieves = ended(timed, sim)
    clock.advance(STARTS[start])
    timed.restart()
    sim.subscribe(timed)
    early = ended(timed, sim, clock.now())
    clock.advance(-STARTS[start])
    within(SOON, lambda: out([*thieves, *early]))
    userid = someone(sim)
    browser = comes_in(timed, sim, userid)
    pushed(sim, LEAVE, userid)
    assert out([browser])
    sim.person(userid, left=False)
    comes_in(timed, sim, userid)


# -- codes -----------------------------------------------------------------------------------------

@pytest.fixture
def asked(bound_site, sim, store, moved):
    """A bind page on which a code was asked for, and that code."""
    httpd = bound_site(*with_codes(sim), options={"clock": moved})
    httpd.allow_log(JUMPED)
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(Client(httpd, sim))
    assert page.ask(PHONE)["ok"] is True
    return page, sim.last_code(E164)


@at_each_jump
def test_a_code_is_good_or_over_and_never_good_twice(asked, moved, jump):
    page, code = asked
    steps, *_, expected, _ = TABLE[jump]
    for step in steps:
        moved.advance(step)
    second = page.copy()
    told = page.guess(code)
    assert (GOOD if told["ok"] else OVER) == expected, told
    told = second.guess(code)
    assert told["error"] in ("code_expired", "ticket_gone"), told
    assert user_of(second.browser) is None


@at_some_jumps
def test_nobody_gets_more_guesses_by_it(asked, moved, jump):
    page, code = asked
    for by in range(1, 6):
        assert page.guess(wrong(code, by))["ok"] is False
    for step in TABLE[jump][0]:
        moved.advance(step)
        told = page.guess(code)
        assert told["error"] in ("code_expired", "ticket_gone"), told
    assert user_of(page.browser) is None


@at_each_jump
def test_a_code_may_be_asked_for_again(asked, sim, moved, jump):
    """At once, when its minute has gone by on the clock; set back, it goes by once more."""
    page, _ = asked
    steps, *_, expected = TABLE[jump]
    for step in steps:
        moved.advance(step)
    if len(steps) == 2:
        moved.advance(61)
    told = to_bind_page(Client(page.browser.httpd, sim)).ask(PHONE)
    if expected == LATER:
        assert told["error"] == "too_many" and told["retry_in"] <= 61, told
        moved.advance(-steps[0] + 61)
        told = to_bind_page(Client(page.browser.httpd, sim)).ask(PHONE)
    assert told["ok"] is True, told


# -- two nodes -------------------------------------------------------------------------------------

APART = {"seven minutes ahead": 420, "seven minutes behind": -420, "an hour ahead": HOUR,
         "an hour behind": -HOUR, "a day ahead": DAY, "a day behind": -DAY}
apart = pytest.mark.parametrize("by", APART)


@pytest.fixture
def pair(serve, sim, store):
    """pair(seconds) gives two nodes with one database, and the clock of the second, so far off."""
    clocks = []

    def make(seconds):
        config = watched(sim, store.lines(), DingTalkKey=f'"{KEY}"', **QUICK)
        nodes = []
        for offset in (0, seconds):
            clocks.append(Clock())
            clocks[-1].advance(offset)
            nodes.append(serve(config, fresh=True, clock=clocks[-1], mpm="worker"))
            nodes[-1].allow_log(JUMPED)
        store.wait()
        return nodes, clocks[-1]
    yield make
    for clock in clocks:
        clock.remove()


@apart
def test_through_nodes_whose_clocks_are_apart_people_come_in_or_are_told(pair, sim, by):
    """A balancer sends each request to the other node; whichever is first."""
    nodes, clock = pair(APART[by])
    for turn in (0, 1):
        browser = Roaming(nodes, sim, turn=turn)
        answer = signs_in(browser, "zhangsan")
        assert answer.status in (200, 400), answer
        for node in nodes:
            node.allow_log(re.escape(answer.error_id or "none"))
    clock.advance(-APART[by])
    assert signs_in(Roaming(nodes, sim), "zhangsan").status == 200


@apart
@pytest.mark.parametrize("where", [0, 1], ids=["on the right one", "on the wrong one"])
def test_who_was_ended_on_one_of_them_stays_out_when_they_agree_again(
        pair, sim, by, where):
    nodes, clock = pair(APART[by])
    sim.subscribe(nodes[where])
    thieves = ended(nodes[where], sim)
    others = [thief.at(node) for thief in thieves for node in nodes]
    within(SOON, lambda: out(others))
    clock.advance(-APART[by])
    within(SOON, lambda: out(others))
    throughout(A_WHILE, lambda: out(others))


# -- 2^31 ------------------------------------------------------------------------------------------

@pytest.fixture
def doomsday(bound_site, sim, store, clock):
    """A site with accounts, codes and events ten seconds before 2^31 seconds have gone by."""
    told = sim.subscription()
    clock.advance(2 ** 31 - 10 - clock.now())
    httpd = bound_site(*with_codes(sim, "DingTalkCode resend=0"), DingTalkEventToken=told["token"],
                       DingTalkEventAESKey=told["aes_key"], DingTalkRevocationPoll="100ms",
                       options={"clock": clock, "fresh": True})
    httpd.allow_log(JUMPED)  # and a poll of 100 ms is late after a second
    sim.subscribe(httpd)
    store.account("account-1", mobile=PHONE)
    return httpd


def test_nothing_is_lost_when_the_seconds_have_more_than_31_bits(doomsday, sim, visit, clock):
    page = to_bind_page(visit(doomsday))
    assert page.ask(PHONE)["ok"] is True
    clock.advance(20)
    assert page.guess(sim.last_code(E164))["ok"] is True
    assert user_of(page.browser) == "account-1"
    told = whoami(page.browser)
    assert told["lifetime_left"] in range(28700, 28801) and told["idle_left"] in range(7100, 7201)
    doomsday.restart()
    assert user_of(page.browser) == "account-1"
    thief = Thief(page.browser)
    leave(page.browser)
    assert not is_in(thief)
    doomsday.restart()
    throughout(A_WHILE, lambda: not is_in(thief))
    browser = visit(doomsday)
    assert browser.sign_in("zhangsan").status == 200
    pushed(sim, LEAVE, "zhangsan", event_time=int(clock.now() * 1000))
    assert not is_in(browser)
