# SPDX-License-Identifier: Apache-2.0
"""Sites with an event subscription, and what their tests ask of them."""

import concurrent.futures
import os
import sqlite3
from urllib.parse import urlsplit

import pytest

from . import databases, site as sites
from .binding import MARIADB, POSTGRES, SLOW_START, SQLITE, Store, start
from .browser import Client
from .steps import is_in, throughout, within  # noqa: F401  (for those who take the rest)

SERVERS = {POSTGRES: databases.Postgres, MARIADB: databases.MariaDB}
POLL = 2  # seconds, DingTalkRevocationPoll by default
# Seconds, with very much to spare, in which the background of an httpd does its work; and fewer than
# the twenty after which somebody else does it for who has died.
SOON = 18
# Every test that asks for `memory` and has this mark runs on each of the databases.
on_every_memory = pytest.mark.parametrize("memory", [SQLITE, POSTGRES, MARIADB], indirect=True)
QUICK = {"DingTalkSessionIdle": "10s", "DingTalkAttributes": "name title"}  # a renewal each second
JSON = {"Content-Type": "application/json"}
LEAVE, MODIFY = "user_leave_org", "user_modify_org"
LEFT = {"left": True}
IN_TIME = 1.2  # seconds DingTalk waits for the answer to a push: the shortest documented
# What makes a member who may not come in any more, as the organisation's editor has it.
GONE = {"left": LEFT, "not active": {"active": False}, "disabled": {"disable_status": True},
        "external": {"contact_type": 1}}


def watched(sim, *lines, **changes):
    """The usual site, which takes event pushes."""
    told = sim.subscription()
    return sites.protected(sim, *lines, **{
        "DingTalkEventToken": told["token"], "DingTalkEventAESKey": told["aes_key"], **changes})


def read_again(sim):
    """The userids whose records were asked for, once for each call."""
    return sorted(word for call in sim.calls("user_get", full=True)
                  for word in [call["request"]["body"].split('"userid":')[1].split('"')[1]])


def pushed(sim, *order, **more):
    """Push; it must be answered as DingTalk wants it."""
    push = sim.push(*order, **more)
    assert push["ok"], push
    return push


def pushed_in_time(sim, *order, **more):
    """Push, and be answered before DingTalk hangs up: in one of a few tries, for the machine may
    have other things to do."""
    took = []
    while not took or took[-1] >= IN_TIME:
        assert len(took) < 5, took
        took.append(pushed(sim, *order, **more)["took"])


def post(browser, push, **changes):
    """Send a push that was only prepared, or something else in its place: the answer."""
    push = {**push, **changes}
    return browser.request("POST", f"{urlsplit(push['url']).path}?{push['query']}", headers=JSON,
                           body=push["body"] if isinstance(push["body"], bytes)
                           else push["body"].encode())


def at_once(*jobs):
    """Do all of these at the same time: what they returned."""
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        return [job.result() for job in [pool.submit(job) for job in jobs]]


@pytest.fixture
def memory(request):
    """A database of this test's own; SQLite, or what the mark says."""
    kind = getattr(request, "param", SQLITE)
    if kind in SERVERS and not SERVERS[kind].available():
        pytest.skip(f"{kind} is not installed")
    store = Store(start(kind))
    yield store
    store.database.stop()


@pytest.fixture
def site(serve, sim):
    """The usual site with a subscription, where pushes go."""
    httpd = serve(watched(sim))
    sim.subscribe(httpd)
    return httpd


@pytest.fixture
def quick(serve, sim):
    """A site whose sessions are renewed each second."""
    httpd = serve(watched(sim, **QUICK))
    sim.subscribe(httpd)
    return httpd


@pytest.fixture
def nodes(memory, serve, sim):
    """nodes(…) gives two httpds that share the database and the key; pushes go to the first."""
    def make(*lines, options=None, **changes):
        text = watched(sim, memory.lines(), *lines, **{
            "DingTalkKey": "0123456789abcdef0123456789abcdef", **changes})
        both = [serve(text, fresh=True, **(options or {})) for _ in range(2)]
        for httpd in both:
            httpd.database = memory.database
            if memory.driver == MARIADB:
                httpd.allow_log(SLOW_START)
        sim.subscribe(both[0])
        return both
    return make


def signed_in(sim, httpd, *userids):
    """A browser of each person, signed in."""
    browsers = [Client(httpd, sim) for _ in userids]
    for browser, userid in zip(browsers, userids):
        assert browser.sign_in(userid).status == 200, userid
    return browsers


def noted(httpd):
    """When each record in httpd's database was read: in its `database`, or in the usual file."""
    database = getattr(httpd, "database", None) or databases.Sqlite(httpd.state / "dingtalk.db")
    if database.driver == SQLITE and not os.path.exists(database.path):
        return {}  # to look would make it, and not as httpd does
    try:
        return dict(database.query(
            "SELECT user_id, read_at FROM dingtalk_member WHERE record IS NOT NULL"))
    except (sqlite3.OperationalError, databases.DatabaseFailed):  # there are no tables yet
        return {}


def remembered(sim, httpd, *userids):
    """They are signed in, and that has been noted in the background."""
    before = noted(httpd)
    browsers = signed_in(sim, httpd, *userids)

    def all_noted():
        now = noted(httpd)
        return all(now.get(userid) not in (None, before.get(userid)) for userid in userids)
    within(SOON, all_noted)
    return browsers


def at_node(httpd, browser):
    """The same cookies at another node."""
    return Client(httpd, browser.simulator, jar=browser.jar.copy())
