#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how many members a second httpd signs in, and what the database takes of that time.

A sign-in here is the callback: the browser's return from DingTalk's page, upon which the module
asks DingTalk four times and the database twice or more. Browsers, simulator, httpd and database
share the machine, so compare only rows of the same run. The cases take turns in several rounds.
"""

import argparse
import contextlib
import functools
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "t"))

from lib.binding import POSTGRES, SQLITE, MARIADB, Store, at_once, crowd, start  # noqa: E402
from lib.bounded import end_within  # noqa: E402
from lib.browser import Client  # noqa: E402
from lib.build import Build  # noqa: E402
from lib.databases import DatabaseFailed  # noqa: E402
from lib.httpd import Httpd, HttpdFailed  # noqa: E402
from lib.meter import Meter  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.site import protected  # noqa: E402

SECONDS = 170  # for everything
DATABASES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL", MARIADB: "MariaDB"}
LATENCIES = (0, 50)  # milliseconds of each call to DingTalk
WHO = {"first": "first sign-in, bound by phone", "returning": "returning, bound before"}
CHILDREN = "StartServers 3\nMinSpareThreads 75\nMaxSpareThreads 75\nMaxRequestWorkers 75"


class Place:
    """One database with the httpd that uses it."""

    def __init__(self, kind, options, simulator, stack):
        self.simulator = simulator
        self.options = options
        self.store = Store(start(kind))
        stack.callback(self.store.database.stop)
        build = Build()
        self.meter = Meter(build)
        stack.callback(self.meter.remove)
        self.httpd = Httpd(mpm=options.mpm, log_level="error", build=build,
                           env=self.meter.environment,
                           config=protected(simulator, self.store.lines(),
                                            CHILDREN if options.mpm != "prefork" else "",
                                            DingTalkAccounts="dbd", DingTalkRecheck="0",
                                            DingTalkAutoBind="mobile=mobile"))
        stack.callback(self.httpd.stop, remove=True)
        self.httpd.start()
        self.store.wait()
        self.people = crowd(simulator, self.store, options.count)
        self.run("first", 0)  # every child has its connections and its app token

    def run(self, who, latency):
        """Everybody signs in once: what was measured."""
        if who == "first":
            self.store.query("DELETE FROM dingtalk_binding")
        self.simulator.behave()
        browsers = [Client(self.httpd, self.simulator) for _ in self.people]
        callbacks = [browser.scan(userid, browser.begin())
                     for browser, (userid, _) in zip(browsers, self.people)]
        if latency:
            self.simulator.misbehave("*", "delay", seconds=latency / 1000)
        spent, counted = self.meter.seconds, self.meter.statements
        began = time.monotonic()
        spans = at_once([functools.partial(self.come_back, browser, callback)
                         for browser, callback in zip(browsers, callbacks)], self.options.clients)
        took = time.monotonic() - began
        count = len(self.people)
        return {"per_second": count / took, "milliseconds": 1000 * statistics.mean(spans),
                "statements": (self.meter.statements - counted) / count,
                "database_milliseconds": 1000 * (self.meter.seconds - spent) / count}

    @staticmethod
    def come_back(browser, callback):
        """One callback: how long its answer took."""
        began = time.monotonic()
        answer = browser.come_back(callback)
        if answer.status != 303:
            raise RuntimeError(f"a sign-in failed: {answer!r}")
        return time.monotonic() - began


def measure(options, simulator, stack):
    """All cases, the median of the rounds: (database, latency, who) → row."""
    places = {kind: Place(kind, options, simulator, stack) for kind in options.database}
    found = {}
    for _ in range(options.rounds):
        for latency in LATENCIES:
            for who in WHO:  # the first before those who return
                for kind, place in places.items():
                    found.setdefault((kind, latency, who), []).append(place.run(who, latency))
    return {case: {name: statistics.median(row[name] for row in rows) for name in rows[0]}
            for case, rows in found.items()}


def as_json(found):
    """The rows for machines."""
    return [{"database": kind, "latency": latency, "who": who, **row}
            for (kind, latency, who), row in found.items()]


def report(found, options):
    """The table."""
    print(f"httpd, MPM {options.mpm}, {options.count} sign-ins by {options.clients} browsers at a "
          f"time, median of {options.rounds} rounds\n")
    print(f"{'database':12}{'latency':>8}  {'':32}{'sign-ins/s':>11}{'ms each':>9}"
          f"{'statements':>12}{'database ms':>13}{'of the time':>13}")
    for (kind, latency, who), row in sorted(found.items(), key=lambda case: case[0][1:]):
        spent = row["database_milliseconds"]
        print(f"{DATABASES[kind]:12}{latency:>5} ms  {WHO[who]:32}{row['per_second']:>11.0f}"
              f"{row['milliseconds']:>9.1f}{row['statements']:>12.2f}{spent:>13.2f}"
              f"{spent / row['milliseconds']:>13.1%}")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mpm", choices=("prefork", "event", "worker"), default="event")
    parser.add_argument("--database", action="append", choices=tuple(DATABASES),
                        help="only this one, or several; sqlite3 and pgsql without it")
    parser.add_argument("--count", type=int, default=200, help="sign-ins of a run")
    parser.add_argument("--clients", type=int, default=16, help="browsers at a time")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    options = parser.parse_args()
    options.database = options.database or [SQLITE, POSTGRES]
    if not (0 < options.count <= 5000 and 0 < options.clients <= 200 and 0 < options.rounds <= 50):
        parser.error("count up to 5000, clients up to 200, rounds up to 50")
    return options


def main():
    """Measure and print."""
    options = arguments()
    try:
        with end_within(SECONDS), contextlib.ExitStack() as stack:
            simulator = stack.enter_context(Simulator())
            found = measure(options, simulator, stack)
    except (AssertionError, DatabaseFailed, HttpdFailed, OSError, RuntimeError) as error:
        print(f"binding.py: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(as_json(found)))
    else:
        report(found, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
