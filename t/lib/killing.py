# SPDX-License-Identifier: Apache-2.0
"""Deaths without a last word: of children of httpd, of who holds a lock, of all processes."""

import contextlib
import os
import pathlib
import signal
import time

from . import leaks
from .preload import Preload

PATIENCE = 15


def kill_children(httpd):
    """Kill all children, and wait until others have taken their places."""
    parent = httpd.process.pid
    killed = leaks.children(parent)
    assert killed, "there is nobody to kill"
    httpd.allow_log("AH10392: children are killed successively")
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while not set(leaks.children(parent)) - set(killed):
        assert time.monotonic() < end, "no child came after those that were killed"
        time.sleep(0.01)


def kill_all(httpd):
    """Kill httpd as when the machine loses its power; nobody can clean up, and the port is free."""
    group = httpd.process.pid  # it was started as a group of its own
    os.killpg(group, signal.SIGKILL)
    httpd.stop()
    end = time.monotonic() + PATIENCE
    while _somebody_lives(group):
        assert time.monotonic() < end, "a child that was killed has not ended"
        time.sleep(0.01)


def _somebody_lives(group):
    """Whether a process of this group may still hold something, which a zombie does not."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, leader = stat.read_text().rpartition(")")[2].split()[:3]
            if int(leader) == group and state != "Z":
                return True
    return False


SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int apr_global_mutex_lock(void *mutex)
{
    static int (*next)(void *);
    const char *order = getenv("DT_TEST_DEATH");
    int rv;

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "apr_global_mutex_lock");
    }
    rv = next(mutex);
    if (rv == 0 && order && unlink(order) == 0) { /* one process only */
        raise(SIGKILL);
    }
    return rv;
}
"""


class DeathWithLock(Preload):
    """After order(), the next process to get a lock dies."""

    source, variable = SOURCE, "DT_TEST_DEATH"

    def __init__(self, build):
        super().__init__(build, mode=0o777)  # children remove the order as who they are

    def order(self):
        """From now on, somebody is to die."""
        self.file.touch()

    @property
    def done(self):
        """Whether somebody has died."""
        return not self.file.exists()
