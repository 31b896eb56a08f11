# SPDX-License-Identifier: Apache-2.0
"""A database that is slow, gone, half there or wrong: what people get at each place, as a table."""

import os
import shutil
import sqlite3

import pytest

from lib import databases
from lib.binding import (
    KEY, MARIADB, NO_LIMITS, POSTGRES, SQLITE, Store, start, with_codes)
from lib.events import watched
from lib.faulty import NOISE, Faulty
from lib.places import BOUND, COME, PHONES, People, count_threads
from lib.steps import within

# What people get. 503 comes with Retry-After and a number that is in the log.
WORKS = {"sign-in": 303, "first sign-in": 303, "code asked": 200, "code entered": 200,
         "sign-out": 200, "sign-out everywhere": 200, "event": 200, "session": 200, "begin": 302}
DOWN = {**WORKS, "sign-in": 503, "first sign-in": 503, "code asked": 503, "code entered": 503,
        "sign-out everywhere": 503, "event": 503}
# Who has no account any more is asked for a phone, and the code was for the account.
EMPTY = {**WORKS, "code entered": 400}
# And who comes in, by which step, and which accounts are bound afterwards.
ALL, NOBODY, FORGOTTEN = ((WORKS, COME, BOUND | {*COME.values()}), (DOWN, {}, BOUND),
                          (EMPTY, {}, set()))
FAULTS = {
    "slow": ALL, "refused": NOBODY, "reset": NOBODY, "cut": NOBODY, "half": NOBODY,
    "silent": NOBODY, "unreachable": NOBODY, "garbage": NOBODY,
}
FILE_FAULTS = {"locked": NOBODY, "deleted": FORGOTTEN, "garbage": NOBODY, "read-only": NOBODY}
HOW = {"slow": {"delay": 0.05}, "cut": {"after": 5}, "half": {"after": 5}}
TABLE = ([(kind, fault, row) for kind in (POSTGRES, MARIADB) for fault, row in FAULTS.items()]
         + [(SQLITE, fault, row) for fault, row in FILE_FAULTS.items()])
# Two seconds for a connection to be free, two of attempts that fail at once, six for one that
# hangs; and as much again for a machine that has other things to do.
LONGEST = 2 * (2 + 2 + 6)
BACK = 30        # until it works again at the latest
CONNECTIONS = 8  # of a child
LOG = r"DT(0005|0007|0021|0022|0023|0033|0051|0052|0054|0070): |^WARNING:  terminating connection "


class Server:
    """A PostgreSQL or MariaDB behind a proxy."""

    def __init__(self, kind):
        self.store = Store(start(kind))
        self.way = None

    def site(self, sim):
        """A new way to it, and the lines of a site that goes there."""
        self.way = Faulty(self.store.database.port).__enter__()
        return self.store.lines(patient=False).replace(str(self.store.database.port),
                                                       str(self.way.port))

    def harm(self, fault, _):
        """From now on."""
        self.way.turn(fault, **HOW.get(fault, {}))

    def mend(self, _):
        """No more."""
        self.way.turn("good")

    def leave(self):
        """The way is given up."""
        self.way.__exit__(None, None, None)


class File(Server):
    """A file of SQLite's, with what other processes do to it."""

    def __init__(self, kind):
        super().__init__(kind)
        self.path = self.store.database.path
        self.good = self.path + ".good"
        self.link = None
        self.deleted = self.spoilt = False

    def site(self, sim):
        """The lines of a site that uses it."""
        return self.store.lines()

    def _files(self):
        return [path for path in (self.path, self.path + "-wal", self.path + "-shm")
                if os.path.exists(path)]

    def harm(self, fault, httpd):
        """From now on."""
        self.store.query("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(self.path, self.good)
        if fault == "locked":
            self.link = sqlite3.connect(self.path, isolation_level=None)
            self.link.execute("BEGIN EXCLUSIVE")
        elif fault == "garbage":
            self.spoilt = True
            self._write(NOISE[:os.path.getsize(self.path)])
        elif fault == "deleted":
            self.deleted = True
            for path in self._files():
                os.unlink(path)
            httpd.graceful()  # what is open stays as it was
            self._await_tables()
        else:
            for path in (*self._files(), self.store.database.folder):
                os.chmod(path, 0o555)
            httpd.graceful()

    def _await_tables(self):
        """While they are made, which takes its time on a busy machine, events are to come again."""
        within(BACK, lambda: os.path.exists(self.path))  # or whoever asks first would make it
        self.store.ready = False
        self.store.wait()

    def _write(self, data):
        with open(self.path, "r+b") as file:
            file.write(data)
            file.truncate()

    def mend(self, httpd):
        """As it was; what was deleted is written anew."""
        if self.deleted:
            self.deleted = False
            for uid, phone in PHONES.items():
                self.store.account(uid, mobile=phone)
            return
        if self.link:
            self.link.close()
            self.link = None
        os.chmod(self.store.database.folder, 0o755)
        for path in self._files():
            os.chmod(path, 0o644)
        if self.spoilt:
            self.spoilt = False
            with open(self.good, "rb") as file:
                self._write(file.read())

    def leave(self):
        """Nothing to give up."""


@pytest.fixture(scope="module")
def servers():
    """One of each kind that a test has wanted."""
    running = {}

    def get(kind):
        if kind not in running:
            if not {POSTGRES: databases.Postgres, MARIADB: databases.MariaDB}.get(
                    kind, databases.Postgres).available():
                pytest.skip(f"{kind} is not installed")
            running[kind] = (File if kind == SQLITE else Server)(kind)
        return running[kind]
    yield get
    for server in running.values():
        server.store.database.stop()


class Trial:
    """One fault of one database, met by everybody."""

    def __init__(self, server, farm, sim, fault):
        self.server = server
        store = server.store
        config = watched(sim, server.site(sim), *with_codes(sim, NO_LIMITS),
                         "DingTalkAutoBind mobile=mobile", DingTalkAccounts="dbd",
                         DingTalkKey=f'"{KEY}"')
        try:
            with farm.trial(config) as httpd:
                self._run(httpd, sim, fault)
        finally:
            server.leave()
        self.complaints = httpd.complaints

    def _run(self, httpd, sim, fault):
        server, store = self.server, self.server.store
        store.wait()
        store.clear()
        for uid, phone in PHONES.items():
            store.account(uid, mobile=phone)
        self.people = people = People(httpd, sim)
        threads = count_threads(httpd)
        server.harm(fault, httpd)
        self.told = people.go_on()
        self.came_in = people.who_came_in()
        server.mend(httpd)
        self.bound = {account for _, account in store.bindings()}
        self.back = people.until_back(BACK)
        self.same_children = people.same_children() or fault in ("deleted", "read-only")
        if server.way:
            server.way.reset_all()  # those that hang, too
            people.until_back(BACK, times=1)
            within(10, lambda: server.way.open <= CONNECTIONS)
        self.connections = server.way.open if server.way else 0
        self.more_threads = count_threads(httpd) - threads
        self.leaver_is_out = people.is_out()
        self.lines = httpd.log.lines()
        httpd.allow_log(LOG)


@pytest.fixture(scope="module", params=TABLE, ids=lambda row: f"{row[0]}-{row[1]}")
def case(request, servers, farm, running_simulator):
    """A row of the table: what is promised, and what happened."""
    kind, fault, promised = request.param
    return promised, Trial(servers(kind), farm, running_simulator, fault)


@pytest.mark.parametrize("place", WORKS)
def test_what_people_get(case, place):
    (statuses, *_), trial = case
    trial.told[place].judge(statuses[place], trial.lines, LONGEST)


def test_nobody_comes_in_whom_nobody_could_look_up(case):
    (_, came_in, bound), trial = case
    assert trial.came_in == came_in
    assert trial.bound == bound


def test_who_left_is_out_of_here_at_once_and_stays_out(case):
    """Also when DingTalk is asked to send the event again, as the log says then."""
    (statuses, *_), trial = case
    assert trial.leaver_is_out, trial.people.out_after
    refused = [line for line in trial.lines if "DT0070:" in line and "to be sent again" in line]
    assert len(refused) == (1 if statuses["event"] == 503 else 0)


def test_live_sessions_are_served_all_the_while(case):
    _, trial = case
    trial.people.live.judge()


def test_it_works_again_by_itself(case):
    _, trial = case
    assert trial.back < BACK


def test_no_child_ends(case):
    _, trial = case
    assert trial.same_children
    assert trial.complaints == []


def test_nothing_is_left_over(case):
    """Connections and threads."""
    _, trial = case
    assert trial.more_threads <= CONNECTIONS
    assert trial.connections <= CONNECTIONS
