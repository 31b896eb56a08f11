# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one simulator per worker, one httpd per configuration and test file, audited logs."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lib import site as sites  # noqa: E402
from lib.app import Application  # noqa: E402
from lib.browser import Client  # noqa: E402
from lib.build import Build  # noqa: E402
from lib.clock import Clock  # noqa: E402
from lib.farm import Farm  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.tls import Authority  # noqa: E402

# The files that take longest, first: the end of a run is then short, for a file has one worker.
LONG = ("bind_browser", "recheck", "event_members", "socache_trouble", "codes", "senders",
        "database_trouble", "bind_page", "return_address_pages_browser", "return_address_browser",
        "event_effects", "missed_events", "events", "browser",
        "killed", "dingtalk_trouble", "two_nodes", "accounts_sql", "revocation", "autobind",
        "restarts", "socache", "session")
MARKS = ("plain: tells something of the module without sanitizers only",
         "sanitized: tells something of a module with sanitizers only",
         "smoke: runtests runs it with and without sanitizers")


def pytest_configure(config):
    """What runtests chooses tests by."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def pytest_collection_modifyitems(config, items):
    """Long files first, and nothing that this module cannot show."""
    rank = {f"test_{name}": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
    useless = "plain" if Build().preload else "sanitized"
    out = [item for item in items if item.get_closest_marker(useless)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session")
def build():
    """Where the module and httpd are."""
    return Build()


@pytest.fixture(scope="session")
def running_simulator():
    """The simulator of this worker."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sim(running_simulator):
    """The simulator, as new."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture(scope="session")
def backend():
    """The sample application behind ProxyPass."""
    with Application() as application:
        yield application


@pytest.fixture(scope="session")
def authority():
    """A certificate authority."""
    folder = tempfile.mkdtemp(prefix="dt-ca-")
    yield Authority(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def farm(build):
    """The httpds of this test file."""
    farm = Farm(build)
    yield farm
    complaints = farm.end()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def serve(farm):
    """serve(config, …) gives a running httpd; after the test its error log is audited."""
    yield farm.get
    complaints = farm.end_test()
    assert not complaints, "error log:\n" + "\n".join(complaints)


@pytest.fixture
def prepare(serve, farm):
    """prepare(config, …) gives an httpd of this test's own that is yet to be started."""
    return farm.make


@pytest.fixture
def site(serve, sim):
    """The usual site: /app is protected, the application is the simulator's."""
    return serve(sites.protected(sim))


@pytest.fixture
def browser(site, sim):
    """A new browser on the usual site."""
    return Client(site, sim)


@pytest.fixture
def visit(sim):
    """visit(httpd, …) gives a new browser on any httpd."""
    return lambda httpd, **options: Client(httpd, sim, **options)


@pytest.fixture
def clock():
    """A clock for one httpd."""
    clock = Clock()
    yield clock
    clock.remove()


@pytest.fixture(params=["event", "worker", "prefork"])
def mpm(request):
    """Each MPM."""
    return request.param
