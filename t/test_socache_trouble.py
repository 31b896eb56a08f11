# SPDX-License-Identifier: Apache-2.0
"""A cache of sessions that fails: 503 in time, no loop, and back as soon as it is."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

import pytest

from lib import expect
from lib import site as sites
from lib.caches import (  # noqa: F401  (fixtures)
    cache_of, memcached, on_redis, redis, remote, start)
from lib.patient import Patient
from lib.steps import copy_of, is_in, leave, within

# What httpd and its providers say of a server that does not answer, and what we say.
UNREACHABLE = (r"AH03473|AH03478|AH03479|AH00790|AH00791", "DT0010", "DT0064", "DT0021")


@contextlib.contextmanager
def without(server):
    """The server is killed, and started again at the end."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextlib.contextmanager
def frozen(server):
    """The server takes connections, but does not answer."""
    server.process.send_signal(signal.SIGSTOP)
    os.waitpid(server.process.pid, os.WUNTRACED)  # until it has stopped
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def refused_in_time(browser):
    """A 503 that asks to come back, soon enough for a busy machine: how long that took."""
    began = time.monotonic()
    answer = browser.navigate("/app/")
    took = time.monotonic() - began
    assert answer.status == 503, answer
    assert int(answer.get("Retry-After")) > 0
    assert not answer.set_cookies
    expect.own_answer(answer)
    assert took < 6, f"{took} s"
    return took


def refused_soon(browser, seconds, times=1):
    """So many such answers; most of them come within these seconds."""
    took = [refused_in_time(browser) for _ in range(times)]
    while statistics.median(took) >= seconds:
        assert len(took) < times + 10, took
        took.append(refused_in_time(browser))


def signed_in(visit, httpd):
    """A browser whose session is in the cache."""
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    return browser


def is_told(browser):
    """Whether the cache could be asked for the session."""
    return browser.tab(jar=browser.jar.copy()).fetch("/app/data.txt").status != 503


def test_the_id_of_a_session_that_cannot_be_told_is_in_the_log(on_redis, start, visit):
    httpd = start(on_redis, fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    httpd.allow_log(*UNREACHABLE)
    with without(on_redis.server):
        answer = browser.fetch("/dingtalk/session")
    assert answer.status == 503 and answer.json() == {"error": "unavailable"}
    httpd.expect_log(rf"DT0021: .*the session store.*\[error id {answer.error_id}\]")


def test_an_open_folder_with_a_protected_page_says_when_to_come_back(on_redis, start, visit):
    """It is mod_dir that answers, for it wants to know of the page before it shows it."""
    httpd = start(on_redis, sites.location("/open/index.html"), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    assert browser.navigate("/open/").status == 200
    httpd.allow_log(*UNREACHABLE)
    with without(on_redis.server):
        answer = browser.navigate("/open/")
    assert answer.status == 503 and int(answer.get("Retry-After")) > 0
    httpd.expect_log(rf"DT0021: .*the session store.*\[error id {answer.error_id}\]")


def test_a_server_that_is_gone_means_503_and_no_loop(remote, start, visit, mpm):
    httpd = start(remote, fresh=True, mpm=mpm)
    browser = signed_in(visit, httpd)
    httpd.allow_log(*UNREACHABLE)
    httpd.expect_log("DT0064")
    with without(remote.server):
        refused_soon(browser, 2, times=30)
        assert browser.fetch("/open/").status == 200
        assert visit(httpd).navigate("/app/").status == 302
        time.sleep(3)
        refused_soon(browser, 2)
    within(5, lambda: all(is_told(browser) for _ in range(20)))
    assert browser.sign_in().status == 200
    within(5, lambda: all(is_in(browser) for _ in range(20)))  # a child may not have asked since


def test_the_log_says_once_that_it_is_gone_and_that_it_is_back(on_redis, start, visit):
    httpd = start(on_redis, fresh=True)
    browser = signed_in(visit, httpd)
    httpd.allow_log(*UNREACHABLE)
    with without(on_redis.server):
        began = time.monotonic()
        refused_soon(browser, 2, times=200)
        took = time.monotonic() - began
        lines = httpd.log.lines()
        assert len([line for line in lines if "DT0064:" in line]) == 1
        most = 20 + 3 * took  # it is tried once a second
        assert len([line for line in lines if re.search("DT0010:|AH034", line)]) < most
    within(5, lambda: is_told(browser))
    assert len([line for line in httpd.log.lines() if "DT0065:" in line]) == 1


def test_many_at_once_when_it_goes_and_comes_back(remote, start, sim):
    httpd = start(remote, fresh=True)
    browser = Patient(httpd, sim)
    browser.sign_in()
    httpd.allow_log(*UNREACHABLE)

    def ask(_):
        return Patient(httpd, sim, jar=browser.jar.copy()).fetch("/app/data.txt").status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(200))) == {200}
        with without(remote.server):
            assert set(pool.map(ask, range(200))) == {503}
        within(5, lambda: ask(0) == 401)
        assert browser.sign_in().status == 200
        assert set(pool.map(ask, range(200))) == {200}


def test_connections_that_the_server_has_closed_are_nobodys_trouble(on_redis, start, sim):
    httpd = start(on_redis, fresh=True)
    browser = Patient(httpd, sim)
    browser.sign_in()
    httpd.allow_log("AH03478", "AH03479")

    def ask(_):
        return Patient(httpd, sim, jar=browser.jar.copy()).fetch("/app/data.txt").status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert set(pool.map(ask, range(50))) == {200}
            on_redis.server.ask("CLIENT", "KILL", "TYPE", "normal")
            assert set(pool.map(ask, range(8))) == {200}


def test_a_server_that_hangs_holds_nobody_up(remote, start, visit, mpm):
    httpd = start(remote, fresh=True, mpm=mpm)
    browser = signed_in(visit, httpd)
    httpd.allow_log(*UNREACHABLE)
    with frozen(remote.server):
        refused_soon(browser, 3)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            took = list(pool.map(lambda _: refused_in_time(copy_of(browser, visit, httpd)),
                                 range(100)))
        assert statistics.median(took) < 2, took
        time.sleep(5)
        refused_soon(browser, 3)
        assert visit(httpd).fetch("/open/").status == 200
    within(5, lambda: all(is_told(browser) for _ in range(20)))
    assert is_in(browser)


def test_a_restart_waits_for_no_dead_server(remote, start, visit):
    httpd = start(remote, fresh=True)
    browser = signed_in(visit, httpd)
    httpd.allow_log(*UNREACHABLE)
    with frozen(remote.server):
        refused_soon(browser, 3)
        for half in (httpd.stop, httpd.start):
            began = time.monotonic()
            half()
            assert time.monotonic() - began < 14
    within(5, lambda: all(is_told(browser) for _ in range(20)))
    assert is_in(browser)


def test_nobody_is_signed_in_where_the_session_cannot_be_kept(remote, start, visit):
    httpd = start(remote, fresh=True)
    browser = visit(httpd)
    callback = browser.scan("zhangsan", browser.begin())
    httpd.allow_log(*UNREACHABLE)
    with without(remote.server):
        answer = browser.come_back(callback)
        assert answer.status == 503 and browser.session is None
        httpd.expect_log(r"DT\d+: ")


@pytest.mark.parametrize("body", [b"", b"all=1"], ids=["here", "everywhere"])
def test_who_leaves_without_the_cache_is_told_that_it_may_not_be_everywhere(
        remote, start, visit, body):
    httpd = start(remote, fresh=True)
    browser = signed_in(visit, httpd)
    httpd.allow_log(*UNREACHABLE)
    httpd.expect_log("DT0040", r"DT0023: signed_out_here")
    with without(remote.server):
        answer = leave(browser, body=body)
    assert answer.status == 503 and browser.session is None


FAILING_LOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int apr_global_mutex_lock(void *mutex)
{
    static int (*next)(void *);
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "apr_global_mutex_lock");
    }
    return access(getenv("DT_TEST_LOCK"), F_OK) == 0 ? 22 : next(mutex);
}
"""


@pytest.fixture
def lock(build):
    """A file that makes every lock fail while it is there, and httpd's environment for it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-lock-"))
    folder.chmod(0o711)
    library, file = folder / "lock.so", folder / "broken"
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    subprocess.run([*compiler.split(), "-shared", "-fPIC", "-o", str(library), "-x", "c", "-",
                    "-ldl"], input=FAILING_LOCK.encode(), check=True)
    preload = ":".join(filter(None, (build.environment().get("LD_PRELOAD"), str(library))))
    yield file, {"LD_PRELOAD": preload, "DT_TEST_LOCK": str(file)}
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", ["shmcb", "dbm"])
def test_without_the_lock_nobody_is_told_anything(request, serve, sim, visit, lock, kind):
    cache, (file, env) = cache_of(request, kind), lock
    httpd = serve(sites.protected(sim, DingTalkSessionStore=cache.store), fresh=True, env=env,
                  modules=cache.modules)
    browser = signed_in(visit, httpd)
    httpd.expect_log("DT0010")
    httpd.allow_log("DT0021")
    file.touch()
    refused_soon(browser, 2)
    file.unlink()
    assert is_in(browser)
