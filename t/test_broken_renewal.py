# SPDX-License-Identifier: Apache-2.0
"""Sessions that are to be renewed with a new member record, while the database does not give it."""

import itertools
import time

import pytest

from lib.binding import MARIADB, POSTGRES, at_once, stores, whoami  # noqa: F401  (a fixture)
from lib.databases import MariaDB, Postgres
from lib.events import MODIFY, QUICK, SOON, is_in, pushed, remembered, watched, within
from lib.faulty import Faulty
from lib.steps import promised

FAULTS = {"silent": {}, "half": {"after": 5}, "unreachable": {}, "slow": {"delay": 3}}
BROWSERS = 6
HANGS = 4    # seconds, in which everybody's session is to be renewed; who waits then is waited for
IN_TIME = 2  # seconds: half a second more than what is waited for once, with those before it
LOG = r"DT(0005|0007|0052|0053|0070|0071|0072): "


@pytest.fixture
def database(stores, request):  # noqa: F811
    """A store, the line of a site that goes there, and the way, which can be broken."""
    kind = request.param
    if not {POSTGRES: Postgres, MARIADB: MariaDB}[kind].available():
        pytest.skip(f"{kind} is not installed")
    store = stores.get(kind)
    with Faulty(store.database.port) as way:
        yield store, store.lines(patient=False).replace(str(store.database.port), str(way.port)), way


def changes(store):
    """When records were last known to have changed."""
    return int(store.query("SELECT COALESCE(MAX(not_before), 0) FROM dingtalk_revocation "
                           "WHERE subject LIKE 'changed:%'")[0][0])


def attributes(browser):
    """Those of the session after a request, which may renew it."""
    assert is_in(browser)
    return whoami(browser)["attributes"]


def slowest(browser):
    """Somebody reads on for a while: how long the slowest page took."""
    longest, end = 0, time.monotonic() + HANGS
    while time.monotonic() < end:
        began = time.monotonic()
        assert is_in(browser)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.1)
    return longest


@pytest.mark.parametrize("database", [POSTGRES, MARIADB], indirect=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_who_is_signed_in_waits_for_no_database_that_hangs(serve, sim, database, fault):
    store, lines, way = database
    httpd = serve(watched(sim, lines, **QUICK), fresh=True)
    httpd.database = store.database
    httpd.allow_log(LOG)
    store.wait()
    sim.subscribe(httpd)
    browsers = remembered(sim, httpd, *["lisi"] * BROWSERS)
    titles = (f"title {number}" for number in itertools.count())

    def hang():
        title, before = next(titles), changes(store)
        sim.person("lisi", title=title)
        pushed(sim, MODIFY, "lisi")
        within(SOON, lambda: changes(store) > before)
        with way.turned(fault, **FAULTS[fault]):
            took = max(at_once([lambda browser=browser: slowest(browser) for browser in browsers]))
        way.reset_all()
        for browser in browsers:
            within(SOON, lambda: attributes(browser).get("title") == title)
        return took

    promised(IN_TIME, hang, times=3)
    httpd.stop()  # as long as its database is there
