# SPDX-License-Identifier: Apache-2.0
"""One of two nodes cannot reach the database: what goes on there, what it says, and the end."""

import re

import pytest

from lib.binding import POSTGRES, stores  # noqa: F401  (a fixture)
from lib.browser import Client
from lib.databases import Postgres
from lib.events import at_node, is_in, signed_in, within
from lib.faulty import Faulty
from lib.nodes import member_of_cluster
from lib.steps import leave
from lib.working import Working

STATUS = '<Location "/status">\nSetHandler server-status\n</Location>'
POLL = 0.5      # seconds, DingTalkRevocationPoll: ten of them are too many
PATIENCE = 30   # for that, for a connection that hangs, and for a busy machine
# How the way of the second one is broken.
FAULTS = ["silent", "refused", "unreachable"]


def status(httpd, name):
    """What mod_status says of it."""
    answer = Client(httpd).fetch("/status?auto")
    assert answer.status == 200, answer
    return re.search(rf"^DingTalk{name}: (.*)$", answer.text, re.MULTILINE)[1]


def lines_of(httpd, number):
    """The lines of this test's log that have this number."""
    return [line for line in httpd.log.lines() if number + ":" in line]


@pytest.fixture
def pair(serve, sim, stores):
    """Two nodes of one site, and the way of the second one to the database."""
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    database = stores.get(POSTGRES).database
    with Faulty(database.port) as way:
        direct = member_of_cluster(sim, f'pgsql "{database.params}"', STATUS,
                                   DingTalkRevocationPoll=f"{int(POLL * 1000)}ms")
        here = serve(direct, modules=["status"], fresh=True)
        there = serve(direct.replace(f"port={database.port}", f"port={way.port}"),
                      modules=["status"], fresh=True)
        there.allow_log(r"DT(0005|0007): ")
        within(PATIENCE, lambda: status(there, "PollOverdue-1") == "0")
        yield here, there, way
        there.stop()


@pytest.mark.parametrize("fault", FAULTS)
def test_who_left_one_node_is_out_on_the_other_when_that_hears_of_it(pair, sim, fault):
    here, there, way = pair
    leaver, stays = signed_in(sim, here, "lisi", "zhangsan")
    other = at_node(there, leaver)
    with Working(at_node(there, stays)) as working:
        way.turn(fault)
        working.again()
        assert leave(leaver).status == 200
        within(PATIENCE, lambda: is_in(other) and status(there, "PollOverdue-1") == "1")
        there.expect_log("DT0052: .* sessions that were ended on other nodes go on here")
        within(PATIENCE, lambda: is_in(other) and lines_of(there, "DT0052"))
        assert status(here, "PollOverdue-1") == "0" and float(status(here, "PollAge-1")) < 10
        assert not is_in(at_node(here, other))
        way.turn("good")
        within(PATIENCE, lambda: not is_in(other))
        there.expect_log("DT0053")
        within(PATIENCE, lambda: lines_of(there, "DT0053"))
        assert status(there, "PollOverdue-1") == "0"
        assert len(lines_of(there, "DT0052")) == len(lines_of(there, "DT0053")) == 1
