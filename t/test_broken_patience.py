# SPDX-License-Identifier: Apache-2.0
"""Other sides of which each answer takes its time, though not too long: nobody waits for many."""

import pytest

from lib.binding import (  # noqa: F401  (a fixture)
    KEY, NO_LIMITS, POSTGRES, SQLITE, stores, with_codes)
from lib.databases import Postgres
from lib.events import watched
from lib.faulty import Faulty
from lib.places import PHONES, People
from lib.slapd import Directory
from lib.steps import promised

TIMEOUT = 2  # seconds: DingTalkTimeout's total, and half of what a request waits for others
DELAY = 1.2  # seconds, for each answer
# Four seconds in all and the last answer; and as much again for DingTalk and a busy machine.
LONGEST = 2 * (2 * TIMEOUT) + DELAY
LIMITED = {"DingTalkTimeout": f"connect=2s total={TIMEOUT}s", "DingTalkKey": f'"{KEY}"'}
WAIT = ("sign-in", "first sign-in", "code asked", "code entered", "sign-out",
        "sign-out everywhere", "event")
LOG = r"DT(0005|0007|0021|0022|0023|0033|0051|0052|0053|0054|0060|0070): |\[ldap:"
# None of them finds anybody, so that each is tried.
RULES = "DingTalkAutoBind " + " ".join(
    f"mobile={attribute}" for attribute in (
        "homePhone", "pager", "facsimileTelephoneNumber", "telephoneNumber", "employeeNumber",
        "carLicense", "roomNumber", "description", "mobile"))


def slowest(httpd, sim, way):
    """How long the slowest of those waits who needs the other side, while all do what they can."""
    httpd.allow_log(LOG)
    people = People(httpd, sim)
    way.turn("slow", delay=DELAY)
    told = people.go_on()
    way.turn("good")
    people.live.judge()
    assert {step.status for step in told.values()} <= {200, 302, 303, 503}, told
    return max(told[step].seconds for step in WAIT)


def test_nobody_waits_for_many_answers_of_a_slow_database(farm, sim, stores):  # noqa: F811
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    store = stores.get(POSTGRES)
    with Faulty(store.database.port) as way:
        config = watched(sim, store.lines().replace(str(store.database.port), str(way.port)),
                         *with_codes(sim, NO_LIMITS), "DingTalkAutoBind mobile=mobile",
                         DingTalkAccounts="dbd", **LIMITED)
        with farm.trial(config) as httpd:
            store.wait()

            def attempt():
                store.clear()
                for uid, phone in PHONES.items():
                    store.account(uid, mobile=phone)
                return slowest(httpd, sim, way)
            promised(LONGEST, attempt, times=3)


def test_nobody_waits_for_many_answers_of_a_slow_directory(farm, sim, stores):  # noqa: F811
    store = stores.get(SQLITE)
    with Directory() as directory, Faulty(directory.port) as way:
        url = directory.url.replace(str(directory.port), str(way.port))
        config = "LDAPConnectionTimeout 2\nLDAPTimeout 2\nLDAPRetries 1\n" + watched(
            sim, store.lines(), *with_codes(sim, NO_LIMITS), RULES,
            DingTalkAccounts=f'"ldap:{url}"', **LIMITED)
        with farm.trial(config, modules=["ldap"]) as httpd:
            store.wait()

            def attempt():
                store.clear()
                directory.clear()
                for uid, phone in PHONES.items():
                    directory.person(uid, mobile=phone)
                return slowest(httpd, sim, way)
            promised(LONGEST, attempt, times=3)
