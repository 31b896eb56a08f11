# SPDX-License-Identifier: Apache-2.0
"""A clock for httpd that a test moves at will, so that no test waits for hours to pass.

A few lines of C, compiled when first needed and preloaded into httpd, add an offset to the time
of day. The offset stands in a file that every process of httpd has mapped. Who waits until a time
of day waits as long as without it: the kernel's clock does not move.
"""

import calendar
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const long *offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("DT_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY) : -1;
    if (fd >= 0) {
        void *map = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
        offset = map == MAP_FAILED ? NULL : map;
        close(fd);
    }
}

static long seconds(void)
{
    return offset ? *(const volatile long *)offset : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rv = (int)syscall(SYS_clock_gettime, id, now);
    if (rv == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += seconds();
    }
    return rv;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (out) {
        *out = precise.tv_sec;
    }
    return precise.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec kernels = *until;

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
    kernels.tv_sec -= seconds();
    return next(cond, mutex, &kernels);
}
"""

HOUR, DAY = 3600, 24 * 3600


class Clock:
    """Give it to Httpd(clock=…); advance() moves the time of that httpd, forward or back."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-clock-"))
        self.folder.chmod(0o711)
        self.file = self.folder / "offset"
        self.offset = 0
        self._write()
        self.file.chmod(0o644)
        self.library = self.folder / "clock.so"
        compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
        subprocess.run([*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(self.library),
                        "-x", "c", "-", "-ldl"], input=SOURCE.encode(), check=True)

    def _write(self):
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("l", self.offset))

    def advance(self, seconds=0, hours=0):
        """Let this time pass at once."""
        self.offset += int(seconds + hours * 3600)
        self._write()

    def now(self):
        """The time of that httpd, in seconds."""
        return time.time() + self.offset

    def turn_to(self, *date):
        """Set it to a year, a month, a day, an hour …, in UTC."""
        self.advance(calendar.timegm((*date, *(0, 1, 1, 0, 0, 0)[len(date):])) - self.now())

    def environment(self, base):
        """What httpd's environment needs beside what is there."""
        preload = ":".join(filter(None, (base.get("LD_PRELOAD"), str(self.library))))
        return {"LD_PRELOAD": preload, "DT_TEST_CLOCK": str(self.file)}

    def remove(self):
        """Delete its files."""
        shutil.rmtree(self.folder, ignore_errors=True)
