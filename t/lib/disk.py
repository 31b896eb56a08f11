# SPDX-License-Identifier: Apache-2.0
"""A disk that is full or cannot be written, as far as httpd sees it, below one folder.

No file system is mounted for it, which only root may do: a library in front of the C library fails
what would take space there, or change anything. RLIMIT_FSIZE would not do: it ends who writes.
"""

import errno
import pathlib

from .preload import Preload

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[PATH_MAX];

/* What fails now: the number of an error, or 0. The order is a file with the number and folder. */
static int order(void)
{
    const char *path = getenv("DT_TEST_DISK");
    char text[PATH_MAX + 16];
    long len = -1;
    int number = 0;
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        len = syscall(SYS_read, fd, text, sizeof(text) - 1);
        syscall(SYS_close, fd);
    }
    if (len > 0) {
        text[len] = '\0';
        if (sscanf(text, "%d %4095s", &number, folder) != 2) {
            number = 0;
        }
    }
    return number;
}

static int lies_there(const char *path)
{
    const size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Whether writing to an open file fails. errno stays as it was when it does not. */
static int full(int fd)
{
    const int before = errno;
    const int number = order();
    char link[64];
    char path[PATH_MAX];
    long len = -1;

    if (number == ENOSPC) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, path, sizeof(path) - 1);
    }
    if (len > 0) {
        path[len] = '\0';
        if (lies_there(path)) {
            errno = number;
            return 1;
        }
    }
    errno = before;
    return 0;
}

/* Whether to change what is at path fails. */
static int frozen(const char *path)
{
    const int before = errno;
    const int number = order();

    if (number != 0 && number != ENOSPC && lies_there(path)) {
        errno = number;
        return 1;
    }
    errno = before;
    return 0;
}

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);

#define WRITES(type, name, takes, gives) \
    type name takes { NEXT(name) return full(fd) ? -1 : next gives; }

#define CHANGES(name, takes, gives) \
    int name takes { NEXT(name) return frozen(path) ? -1 : next gives; }

#define OPENS(name) \
    int name(const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        va_list list; \
        NEXT(name) \
        if (flags & O_CREAT) { \
            va_start(list, flags); \
            mode = (mode_t)va_arg(list, int); \
            va_end(list); \
        } \
        return (flags & (O_CREAT | O_WRONLY | O_RDWR)) && frozen(path) ? -1 \
                                                                       : next(path, flags, mode); \
    }

WRITES(ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len))
WRITES(ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
WRITES(ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at))
WRITES(int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
WRITES(int, fsync, (int fd), (fd))
WRITES(int, fdatasync, (int fd), (fd))
CHANGES(mkdir, (const char *path, mode_t mode), (path, mode))
CHANGES(chmod, (const char *path, mode_t mode), (path, mode))
CHANGES(chown, (const char *path, uid_t user, gid_t group), (path, user, group))
OPENS(open)
OPENS(open64)
"""


class Disk(Preload):
    """Give its environment to an Httpd; then its files below a folder are on this disk."""

    source, variable = SOURCE, "DT_TEST_DISK"

    def __init__(self, build):
        super().__init__(build, mode=0o755)

    def _order(self, number, folder):
        draft = self.folder / "draft"
        draft.write_text(f"{number} {pathlib.Path(folder).resolve()}\n", encoding="utf-8")
        draft.replace(self.file)

    def fill(self, folder):
        """From now on nothing more can be written below this folder, or to this file."""
        self._order(errno.ENOSPC, folder)

    def freeze(self, folder, number=errno.EROFS):
        """From now on nothing there can be changed, made or opened for writing."""
        self._order(number, folder)

    def mend(self):
        """There is space again."""
        self.file.unlink(missing_ok=True)
