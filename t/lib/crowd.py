# SPDX-License-Identifier: Apache-2.0
"""Very many connections at the same time from one thread: what each sends, and what each gets."""

import collections
import contextlib
import resource
import selectors
import socket
import time

FILES = 4096  # a crowd of a thousand needs more than many limits allow at first


SMALL = 2048  # bytes of an answer that the system takes for who does not read


class Connection:
    """One of the crowd: what it has still to send, what it has got, and when that was complete."""

    def __init__(self, port, data, reads):
        self.data = data
        self.got = bytearray()
        self.began = time.monotonic()
        self.took = None  # until the other side had said all and closed
        self.socket = socket.socket()
        if not reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))

    @property
    def status(self):
        """The status of the answer, or None."""
        head = bytes(self.got[:12]).split(b" ")
        return int(head[1]) if len(head) == 2 and head[1].isdigit() else None

    def header(self, name):
        """The value of a header of the answer, or None."""
        for line in bytes(self.got).partition(b"\r\n\r\n")[0].split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode()
        return None


class Crowd:
    """Connections that all do the same. step() gives them their turns; nobody else does.

    requests   what they send: the first connection the first of them, and so on, round and round
    reads      False: they take nothing of the answers
    """

    def __init__(self, port, requests, count, reads=True):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < FILES <= hard or hard == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
        self.selector = selectors.DefaultSelector()
        self.reads = reads
        self.all = [Connection(port, requests[number % len(requests)], reads)
                    for number in range(count)]
        for one in self.all:
            self.selector.register(one.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, one)

    def step(self, patience=0.01):
        """Send and read whatever can be."""
        for key, mask in self.selector.select(patience):
            try:
                if mask & selectors.EVENT_WRITE:
                    self._send(key.data)
                if mask & selectors.EVENT_READ and self.reads:
                    self._read(key.data)
            except BlockingIOError:
                pass
            except OSError:
                self._end(key.data)

    def _send(self, one):
        one.data = one.data[one.socket.send(one.data):]
        if not one.data and self.reads:
            self.selector.modify(one.socket, selectors.EVENT_READ, one)
        elif not one.data:
            self.selector.unregister(one.socket)

    def _read(self, one):
        chunk = one.socket.recv(65536)
        one.got += chunk
        if not chunk:
            self._end(one)

    def _end(self, one):
        one.took = time.monotonic() - one.began
        with contextlib.suppress(KeyError):
            self.selector.unregister(one.socket)
        one.socket.close()

    @property
    def waiting(self):
        """Those whose connection is open."""
        return [one for one in self.all if one.took is None]

    def until(self, holds, patience):
        """Give turns until it holds."""
        end = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < end, f"{len(self.waiting)} of the crowd still wait"
            self.step()

    @property
    def sent(self):
        """Whether all have sent everything."""
        return all(not one.data for one in self.waiting)

    def statuses(self):
        """How often each status came."""
        return collections.Counter(one.status for one in self.all)

    def close(self):
        """Everybody hangs up."""
        for one in self.waiting:
            self._end(one)
        self.selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
