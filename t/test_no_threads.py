# SPDX-License-Identifier: Apache-2.0
"""A child that gets no threads: what needs them says so, all else works, and nobody crashes."""

import pytest

from lib import site as sites
from lib.caches import cache_of, memcached, redis, remote  # noqa: F401  (fixtures)
from lib.preload import Preload
from lib.steps import is_in, within

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static __thread int left = -1; /* how many threads the pool that is being made will get */

int apr_thread_pool_create(void **made, size_t first, size_t most, void *memory)
{
    static int (*next)(void **, size_t, size_t, void *);
    const char *path = getenv("DT_TEST_THREADS");
    FILE *file = path ? fopen(path, "r") : NULL;
    int rv;

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "apr_thread_pool_create");
    }
    if (file) {
        if (fscanf(file, "%d", &left) != 1) {
            left = 0;
        }
        fclose(file);
    }
    rv = next(made, first, most, memory);
    left = -1;
    return rv;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*run)(void *), void *data)
{
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (left == 0) {
        return EAGAIN; /* as when a limit of the user or of the control group is reached */
    }
    if (left > 0) {
        left--;
    }
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    }
    return next(thread, with, run, data);
}
"""


class FewThreads(Preload):
    """Between limit() and lift() pools of threads cannot be had."""

    source, variable = SOURCE, "DT_TEST_THREADS"

    def limit(self, left):
        """The system gives only so many threads to each pool."""
        self.file.write_text(str(left), encoding="ascii")
        self.file.chmod(0o644)

    def lift(self):
        """There are enough of them again."""
        self.file.unlink()


@pytest.fixture
def threads(build):
    """What takes threads away."""
    library = FewThreads(build, mode=0o711)
    yield library
    library.remove()


@pytest.fixture
def start_without(serve, sim, threads):
    """start_without(cache) gives an httpd whose sessions are there, and which threads rules."""
    def make(cache):
        return serve(sites.protected(sim, DingTalkSessionStore=cache.store), fresh=True,
                     modules=cache.modules, env=threads.environment)
    return make


def refused(browser):
    """Told to come back, with the session kept."""
    answer = browser.navigate("/app/")
    assert answer.status == 503 and int(answer.get("Retry-After")) > 0, answer
    assert not answer.set_cookies
    return True


def all_is_well_again(httpd, browser):
    """Whoever was in is in, and the log says that the cache answers."""
    within(10, lambda: browser.fetch("/app/data.txt").status == 200)
    assert is_in(browser)
    httpd.expect_log("DT0065")


@pytest.mark.parametrize("left", [0, 2])
def test_a_child_that_begins_without_threads_says_503_until_there_are_some(
        remote, start_without, threads, visit, left):
    httpd = start_without(remote)
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    threads.limit(left)
    httpd.graceful()
    httpd.expect_log("DT0064")
    httpd.allow_log("DT0010", "DT0021")
    for _ in range(20):
        assert refused(browser)
    assert browser.fetch("/open/").status == 200
    threads.lift()
    all_is_well_again(httpd, browser)


def test_a_line_that_breaks_while_there_are_no_threads_is_mended_when_there_are(
        remote, start_without, threads, visit):
    httpd = start_without(remote)
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    threads.limit(0)
    remote.server.kill()
    httpd.expect_log("DT0064")
    httpd.allow_log("DT0010", "DT0021", "AH03473|AH03478|AH03479|AH00790|AH00791")
    assert refused(browser)
    remote.server.start()
    for _ in range(20):
        assert refused(browser)
    threads.lift()
    within(10, lambda: browser.fetch("/app/data.txt").status != 503)
    assert browser.sign_in().status == 200
    httpd.expect_log("DT0065")


def test_a_sign_in_without_threads_for_the_cache_can_be_begun_again(
        remote, start_without, threads, visit):
    httpd = start_without(remote)
    threads.limit(0)
    httpd.graceful()
    httpd.expect_log("DT0064", r"DT\d+: ")
    httpd.allow_log("DT0010", "DT0021")
    browser = visit(httpd)
    answer = browser.come_back(browser.scan("zhangsan", browser.begin()))
    assert answer.status == 503 and browser.session is None
    threads.lift()
    within(10, lambda: visit(httpd).sign_in().status == 200)
    httpd.expect_log("DT0065")
