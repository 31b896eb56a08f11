# SPDX-License-Identifier: Apache-2.0
"""Runs httpd under valgrind's callgrind and reads what it counted between marked requests."""

import os
import pathlib
import re
import shutil
import tempfile
from collections import Counter

from lib.httpd import unprivileged_user

# Where a thread writes down what it has done since it last did, before the first instruction. The
# thread that accepts comes to the one with a new connection, the one that answers to the other with
# an OPTIONS request for a static page; no other thread does, mod_watchdog's least of all. httpd
# exports both symbols, so they are found without debug information.
MARKS = ("ap_unixd_accept", "ap_send_http_options")

DUMP = re.compile(r"callgrind\.out\.(\d+)-\d+")
HEADER = re.compile(r"^(events|summary|totals): (.*)$", re.MULTILINE)
NAMED = re.compile(r"^cfn=\((\d+)\)(?: (.*))?\ncalls=(\d+)", re.MULTILINE)
NAME = re.compile(r"^c?fn=\((\d+)\) (.*)$", re.MULTILINE)


class Counts:
    """What happened between two marks: totals of events, and how often functions were called."""

    def __init__(self, events, calls):
        self.events = events
        self.calls = calls

    def called(self, names):
        """How often one of these functions was called by any other."""
        return sum(self.calls.get(name, 0) for name in names)


class Callgrind:
    """A command to use in place of httpd's own, and the dumps it leaves.

    The command keeps the process id, so that httpd is signalled as usual. With -X there is one
    process, which after its start belongs to httpd's user: so does the folder.
    """

    def __init__(self, httpd, folder=None):
        self.valgrind = shutil.which("valgrind")
        if self.valgrind is None:
            raise FileNotFoundError("valgrind not found: install valgrind")
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="dt-bench-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, unprivileged_user().pw_uid)
        for old in self.folder.glob("callgrind.out*"):
            old.unlink()
        self.log = self.folder / "valgrind.log"
        self.last = 0  # the number of the newest dump that was read
        self.command = self.folder / "httpd-under-callgrind"
        self.command.write_text(f"""#!/bin/sh
exec '{self.valgrind}' --tool=callgrind --vgdb=no --log-file='{self.log}' \\
    --callgrind-out-file='{self.folder}/callgrind.out' \\
    --separate-threads=yes --collect-systime=yes \\
    {" ".join(f"--dump-before={name}" for name in MARKS)} '{httpd}' "$@" -X
""", encoding="utf-8")
        self.command.chmod(0o755)

    def _dumps(self):
        """What threads have written, in this order: dumps are numbered across all threads."""
        return sorted((int(found.group(1)), path) for path in self.folder.iterdir()
                      if (found := DUMP.fullmatch(path.name)))

    def since_last(self):
        """What was counted since this was last asked, until the last OPTIONS request came.

        Its answer is written behind its dump, so that one is whole; the next may be half written.
        """
        events, calls = Counter(), Counter()
        for number, text in self._until_options():
            header = dict(HEADER.findall(text))
            events.update(dict(zip(header["events"].split(), map(int, header["totals"].split()))))
            calls.update(_calls(text))
            self.last = number
        return Counts(events, calls)

    def _until_options(self):
        """The new dumps, (number, text), up to the last one that an OPTIONS request made."""
        new = [(number, path.read_text("utf-8", "backslashreplace"))
               for number, path in self._dumps() if number > self.last]
        while new and f"desc: Trigger: --dump-before={MARKS[1]}\n" not in new[-1][1]:
            new.pop()
        return new

    def remove(self):
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _calls(text):
    """Calls of each function by its bare name, summed over its callers.

    A name is written out where it first occurs. glibc's carry a version, and those of functions
    that call themselves a depth.
    """
    names = dict(NAME.findall(text))
    calls = Counter()
    for number, _, count in NAMED.findall(text):
        calls[re.sub(r"@.*|'\d+$", "", names.get(number, number))] += int(count)
    return calls
