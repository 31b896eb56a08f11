# SPDX-License-Identifier: Apache-2.0
"""What a running process holds of its system: descriptors, shared memory, semaphores, memory."""

import contextlib
import os
import pathlib
import re

DESCRIPTORS, MAPPINGS, SEGMENTS = "descriptors", "shared mappings", "shared-memory segments"
# Other programs of this machine make these, too; their number says something, their owner nothing.
SEMAPHORES, POSIX = "semaphores", "names in /dev/shm"
MEMORY = "KB of memory"


def children(pid):
    """The processes that a process started and that have not ended."""
    found = []
    try:
        folders = [pathlib.Path("/proc", child) for child in
                   pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it is gone, or this kernel does not tell
        folders = pathlib.Path("/proc").glob("[0-9]*")
    for folder in folders:
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(folder.name))
    return found


def _listening_at(port):
    """The inodes of sockets that listen at this port of 127.0.0.1."""
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == "0A"}


def listens(pid, port):
    """Whether a process may be given connections to this port of 127.0.0.1."""
    sockets = {f"socket:[{inode}]" for inode in _listening_at(port)}
    try:
        links = list(pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False
    for link in links:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # closed meanwhile
            if os.readlink(link) in sockets:
                return True
    return False


def _table(name):
    """The rows of a table of System V things, as dictionaries."""
    head, *rows = pathlib.Path("/proc/sysvipc", name).read_text().splitlines()
    return [dict(zip(head.split(), row.split())) for row in rows]


def _anonymous_memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1])


def holdings(pid):
    """How much of everything a process holds. Shared memory in the RSS is counted by its maps."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return {
        DESCRIPTORS: len(os.listdir(f"/proc/{pid}/fd")),
        MAPPINGS: len([line for line in maps if line.split()[1].endswith("s")]),
        SEGMENTS: len([row for row in _table("shm") if int(row["cpid"]) == pid]),
        SEMAPHORES: len(_table("sem")),
        POSIX: len(os.listdir("/dev/shm")),
        MEMORY: _anonymous_memory(pid),
    }
