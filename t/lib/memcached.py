# SPDX-License-Identifier: Apache-2.0
"""A real memcached on loopback.

    with Memcached() as memcached:
        DingTalkSessionStore {memcached.store}
"""

import os
import pathlib
import pwd
import socket
import tempfile

from .databases import find_program
from .httpd import free_port
from .process import Server, swift


class MemcachedFailed(Exception):
    """It did not start; the text is what it said."""


class Memcached(Server):
    """One memcached. It forgets everything when it ends."""

    def __init__(self):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-memcached-"))
        self.log = self.folder / "log"

    @staticmethod
    def available():
        """True when it is installed."""
        return bool(find_program("memcached"))

    @property
    def store(self):
        """What DingTalkSessionStore takes."""
        return f"socache:memcache:127.0.0.1:{self.port}"

    # -- what tests say ------------------------------------------------------------------------

    def stats(self):
        """Its own counters, by name."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(b"stats\r\n")
            with connection.makefile("rb") as answer:
                lines = [line.decode().split() for line in iter(answer.readline, b"END\r\n")]
        return {words[1]: words[2] for words in lines}

    # -- life ------------------------------------------------------------------------------------

    def _command(self):
        command = [find_program("memcached"), "-l", "127.0.0.1", "-p", str(self.port), "-U", "0",
                   "-m", "16", "-t", "1"]
        if os.geteuid() == 0:  # it does not run as root
            command += ["-u", pwd.getpwnam("nobody").pw_name]
        return command

    def start(self):
        """Start, on the same port, until it answers."""
        return self.launch(swift(self._command()), self.stats, MemcachedFailed)
