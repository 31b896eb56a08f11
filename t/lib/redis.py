# SPDX-License-Identifier: Apache-2.0
"""A real Redis on loopback, in a temporary folder.

    with Redis() as redis:
        DingTalkSessionStore {redis.store}
        redis.keys()
"""

import pathlib
import re
import socket
import tempfile

from .databases import find_program
from .httpd import free_port
from .process import Server, swift


class RedisFailed(Exception):
    """It did not start, or answered with an error; the text is what it said."""


class Redis(Server):
    """One redis-server. What it has is on disk after stop(), and gone after kill()."""

    def __init__(self):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-redis-"))
        self.log = self.folder / "log"

    @staticmethod
    def available():
        """True when it is installed."""
        return bool(find_program("redis-server"))

    @property
    def store(self):
        """What DingTalkSessionStore takes."""
        return f"socache:redis:127.0.0.1:{self.port}"

    # -- what tests say ------------------------------------------------------------------------

    def ask(self, *words):
        """One command: a text, a number, a list of them, or None."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        data = b"*%d\r\n" % len(parts) + b"".join(
            b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(data)
            with connection.makefile("rb") as answer:
                return self._read(answer)

    def _read(self, answer):
        line = answer.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"$":
            return None if rest == b"-1" else answer.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read(answer) for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        raise RedisFailed(line.decode(errors="replace"))

    def keys(self):
        """The keys of all entries."""
        return self.ask("KEYS", "*")

    def commands(self, name):
        """How often this command has come so far."""
        told = self.ask("INFO", "commandstats").decode()
        found = re.search(rf"cmdstat_{name}:calls=(\d+)", told)
        return int(found[1]) if found else 0

    # -- life ------------------------------------------------------------------------------------

    def _command(self):
        return [find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", str(self.folder), "--save", "3600 1", "--appendonly", "no",
                "--daemonize", "no"]

    def start(self):
        """Start, on the same port and with what it had when it was stopped, until it answers."""
        return self.launch(swift(self._command()), lambda: self.ask("PING"), RedisFailed)
