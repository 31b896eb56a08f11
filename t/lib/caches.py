# SPDX-License-Identifier: Apache-2.0
"""Fixtures and steps of tests whose sessions are in one of httpd's shared object caches."""

import pytest

from . import site as sites
from .memcached import Memcached
from .patient import LATE, Patient
from .redis import Redis

MODULES = {"shmcb": ["socache_shmcb"], "redis": ["socache_redis"],
           "memcache": ["socache_memcache"], "dbm": ["socache_dbm"]}


class Cache:
    """One kind of cache: what the directive says, and its server, if it has one."""

    def __init__(self, kind, store, server=None):
        self.kind = kind
        self.store = store
        self.server = server
        self.modules = MODULES[kind]


@pytest.fixture(scope="module")
def redis():
    """A Redis for this file."""
    if not Redis.available():
        pytest.skip("Redis is not installed")
    with Redis() as server:
        yield server


@pytest.fixture(scope="module")
def memcached():
    """A memcached for this file."""
    if not Memcached.available():
        pytest.skip("memcached is not installed")
    with Memcached() as server:
        yield server


def cache_of(request, kind):
    """The cache of this kind."""
    if kind == "redis":
        server = request.getfixturevalue("redis")
        return Cache(kind, server.store, server)
    if kind == "memcache":
        server = request.getfixturevalue("memcached")
        return Cache(kind, server.store, server)
    return Cache(kind, "socache:shmcb" if kind == "shmcb" else "socache:dbm:@FOLDER@/sessions")


@pytest.fixture(params=["shmcb", "redis", "memcache", "dbm"])
def cache(request):
    """Each kind."""
    return cache_of(request, request.param)


@pytest.fixture(params=["redis", "memcache"])
def remote(request):
    """Each kind that has a server."""
    return cache_of(request, request.param)


@pytest.fixture
def on_redis(request):
    """A Redis."""
    return cache_of(request, "redis")


@pytest.fixture(params=["redis", "memcache", "dbm"])
def lasting(request):
    """Each kind that outlives httpd."""
    return cache_of(request, request.param)


@pytest.fixture
def start(serve, sim):
    """start(cache) gives an httpd whose sessions are there."""
    def started(cache, *lines, fresh=False, mpm="event", clock=None, **changes):
        text = sites.protected(sim, *lines, DingTalkSessionStore=cache.store, **changes)
        httpd = serve(text, fresh=fresh, mpm=mpm, clock=clock, modules=[*cache.modules, "cgi"])
        if cache.server:
            httpd.allow_log(LATE)
        return httpd
    return started


@pytest.fixture
def visit(sim):
    """visit(httpd, …) gives a new browser, which a cache may keep waiting."""
    return lambda httpd, **options: Patient(httpd, sim, **options)


def who(browser):
    """The userid of the session."""
    return browser.fetch("/dingtalk/session").json()["userid"]
