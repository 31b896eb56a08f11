# SPDX-License-Identifier: Apache-2.0
"""A meter between httpd and its database: how many statements, and how long they took.

A few lines of C, preloaded into httpd, stand before the functions of the databases' client
libraries that wait for an answer. What they count is in a file that every process has mapped.
"""

import struct
import time

from .preload import Preload

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile long *count; /* statements, nanoseconds */

__attribute__((constructor)) static void map_counts(void)
{
    const char *path = getenv("DT_TEST_METER");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd >= 0) {
        void *map = mmap(NULL, 2 * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        count = map == MAP_FAILED ? NULL : map;
        close(fd);
    }
}

static long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void add(long statements, long began)
{
    if (count) {
        __atomic_add_fetch(&count[0], statements, __ATOMIC_RELAXED);
        __atomic_add_fetch(&count[1], nanoseconds() - began, __ATOMIC_RELAXED);
    }
}

#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    long began = nanoseconds(); \
    if (!next) { \
        *(void **)&next = dlsym(RTLD_NEXT, name); \
    }

int sqlite3_step(void *statement) /* once for each row */
{
    static int (*busy)(void *);
    NEXT(int, "sqlite3_step", void *)
    if (!busy) {
        *(void **)&busy = dlsym(RTLD_NEXT, "sqlite3_stmt_busy");
    }
    long first = !busy(statement);
    int rv = next(statement);
    add(first, began);
    return rv;
}

void *PQexec(void *link, const char *text)
{
    NEXT(void *, "PQexec", void *, const char *)
    void *answer = next(link, text);
    add(1, began);
    return answer;
}

void *PQexecParams(void *link, const char *text, int n, const void *types, const void *values,
                   const void *lengths, const void *formats, int format)
{
    NEXT(void *, "PQexecParams", void *, const char *, int, const void *, const void *,
         const void *, const void *, int)
    void *answer = next(link, text, n, types, values, lengths, formats, format);
    add(1, began);
    return answer;
}

void *PQexecPrepared(void *link, const char *name, int n, const void *values, const void *lengths,
                     const void *formats, int format)
{
    NEXT(void *, "PQexecPrepared", void *, const char *, int, const void *, const void *,
         const void *, int)
    void *answer = next(link, name, n, values, lengths, formats, format);
    add(1, began);
    return answer;
}

int mysql_stmt_execute(void *statement)
{
    NEXT(int, "mysql_stmt_execute", void *)
    int rv = next(statement);
    add(1, began);
    return rv;
}

int mysql_real_query(void *link, const char *text, unsigned long length)
{
    NEXT(int, "mysql_real_query", void *, const char *, unsigned long)
    int rv = next(link, text, length);
    add(1, began);
    return rv;
}
"""


class Meter(Preload):
    """Counts the statements of an httpd that has its environment."""

    source, variable = SOURCE, "DT_TEST_METER"

    def __init__(self, build):
        super().__init__(build, mode=0o711)
        self.file.write_bytes(bytes(16))
        self.file.chmod(0o666)

    def _read(self):
        return struct.unpack("ll", self.file.read_bytes())

    @property
    def statements(self):
        """Statements so far."""
        return self._read()[0]

    def settle(self):
        """Wait until what httpd does in the background at its start is over."""
        end, seen, since = time.monotonic() + 20, self.statements, time.monotonic()
        while time.monotonic() - since < 0.7:
            assert time.monotonic() < end, "httpd never stops asking its database"
            time.sleep(0.02)
            if self.statements != seen:
                seen, since = self.statements, time.monotonic()

    def each(self, times, work):
        """Statements of each time that work is done, whose answer is a page. Their median is what
        it costs: on a busy machine the background may come late, and each connection prepares a
        statement once."""
        self.settle()
        costs = []
        for _ in range(times):
            before = self.statements
            assert work().status == 200
            costs.append(self.statements - before)
        return costs

    @property
    def seconds(self):
        """How long all of them took."""
        return self._read()[1] / 1e9
