# SPDX-License-Identifier: Apache-2.0
"""An httpd without mod_watchdog: nothing is done beside the requests, and the log says so."""

import time

import pytest

from lib import site as sites
from lib.events import LEAVE, POLL, at_node, memory, nodes, pushed, signed_in  # noqa: F401
from lib.preload import Preload
from lib.steps import copy_of, is_in, leave

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *apr_dynamic_fn_retrieve(const char *name)
{
    static void *(*next)(const char *);

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "apr_dynamic_fn_retrieve");
    }
    return strncmp(name, "ap_watchdog_", 12) == 0 ? NULL : next(name);
}
"""


class NoWatchdog(Preload):
    """Many httpds have mod_watchdog compiled in: with this, nobody finds its functions."""

    source, variable = SOURCE, "DT_TEST_WATCHDOG"


@pytest.fixture
def unwatched(build):
    """The environment of an httpd without mod_watchdog."""
    library = NoWatchdog(build, mode=0o711)
    yield library.environment
    library.remove()


def test_people_come_in_and_leave_and_the_log_says_what_does_not_work(
        serve, sim, visit, unwatched, mpm):
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm, env=unwatched)
    httpd.expect_log("DT0055: mod_watchdog is not loaded")
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    thief = copy_of(browser, visit, httpd)
    assert is_in(thief)
    leave(browser)
    assert not any(is_in(thief) for _ in range(20))


def test_the_log_says_it_once_for_each_start(serve, sim, unwatched):
    httpd = serve(sites.protected(sim), fresh=True, env=unwatched)
    httpd.expect_log("DT0055")
    httpd.graceful()
    assert len([line for line in httpd.log.lines() if "DT0055:" in line]) == 2


@pytest.fixture
def pair(nodes, unwatched):
    """Two such nodes; pushes go to the first."""
    both = nodes(options={"env": unwatched})
    for node in both:
        node.expect_log("DT0055")
    return both


def test_who_signs_out_everywhere_is_out_elsewhere_after_a_restart(pair, sim):
    here, other = pair
    browser, = signed_in(sim, here, "zhangsan")
    before, after = at_node(other, browser), at_node(other, browser)
    leave(browser)
    assert not is_in(browser)
    time.sleep(POLL + 1)
    assert is_in(before)
    other.restart()
    other.expect_log("DT0055")
    assert not is_in(after)


def test_who_left_the_company_is_out_where_the_event_arrives(pair, sim):
    here, other = pair
    browser, stays = signed_in(sim, here, "zhangsan", "lisi")
    there = at_node(other, browser)
    pushed(sim, LEAVE, "zhangsan")
    assert not is_in(browser) and is_in(stays)
    time.sleep(POLL + 1)
    assert is_in(there)
