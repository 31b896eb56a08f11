# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a session cache in DingTalkSessionStore is explained, by -t or at the start."""

import re

import pytest

from lib import site as sites
from lib.caches import (  # noqa: F401  (fixtures)
    MODULES, cache_of, memcached)
from lib.httpd import HttpdFailed
from lib.steps import is_in

WRONG = [
    ("socache:nope", r"shmcb, redis, memcache and dbm.*loaded: .*redis"),
    ("socache:redis", r"socache:redis: List of server names required"),
    ("socache:redis:", r"socache:redis:: List of server names required"),
    ("socache:redis:127.0.0.1:99999", "HOST:PORT"), ("socache:redis:6379", "HOST:PORT"),
    ("socache:memcache:127.0.0.1:11211,:1", "HOST:PORT"),
    ("socache:shmcb:/x(", "no closing parenthesis"), ("socache:shmcb:/x(many)", "not numerical"),
    ("socache:shmcb:/x(100)", "8192"), ("socache:shmcb:/x(14000)", "largest session.*33554432"),
]
RIGHT = ["socache:shmcb", "socache:shmcb:sessions", "socache:shmcb:sessions(1048576)",
         "socache:redis:127.0.0.1:6379", "socache:redis:localhost",
         "socache:memcache:127.0.0.1:11211,127.0.0.1:11212", "socache:dbm", "socache:dbm:sessions"]


class Basis:
    """What a configuration needs to know of a simulator; nobody calls it with -t."""

    client_id, client_secret, corp_id = "dingclient", "a-secret-text", "dingcorp"
    login = api = oapi = "http://127.0.0.1:9"


@pytest.fixture(scope="module", params=["event", "prefork"])
def checker(request, farm):
    """An httpd with all providers that is only asked for -t."""
    modules = [name for names in MODULES.values() for name in names]
    return farm.checker(modules=modules, mpm=request.param)


@pytest.mark.parametrize("value,says", WRONG)
def test_a_wrong_cache_is_explained(checker, value, says):
    code, text = checker.configtest(sites.protected(Basis, DingTalkSessionStore=value))
    assert code != 0 and re.search(f"DingTalkSessionStore.*{says}", text, re.S), text


@pytest.mark.parametrize("value", RIGHT)
def test_a_right_cache_is_taken_and_nothing_is_made(checker, value):
    before = sorted(checker.folder.rglob("*"))
    code, text = checker.configtest(sites.protected(Basis, DingTalkSessionStore=value))
    assert code == 0, text
    new = {path.name for path in set(checker.folder.rglob("*")) - set(before)}
    assert new <= {"configtest.conf", "error_log", "mime.types"}


def test_memcached_cannot_keep_a_session_for_longer_than_a_month(serve, sim, memcached):
    with pytest.raises(HttpdFailed, match="DingTalkSessionLifetime 720h"):
        serve(sites.protected(sim, DingTalkSessionStore=memcached.store,
                              DingTalkSessionLifetime="800h"), modules=MODULES["memcache"])


@pytest.mark.parametrize("kind", ["shmcb", "dbm"])
def test_its_lock_can_be_configured(request, serve, sim, visit, kind):
    cache = cache_of(request, kind)
    httpd = serve(sites.protected(sim, "Mutex sem dingtalk-session",
                                  DingTalkSessionStore=cache.store), modules=cache.modules)
    browser = visit(httpd)
    browser.sign_in()
    assert is_in(browser)
