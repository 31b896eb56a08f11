# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between httpd and a real server, which misbehaves on command.

    with Faulty(server.port) as way:
        DingTalkDatabase pgsql "host=127.0.0.1 port={way.port} …"
        way.turn("cut", after=3)   # see MODES
        way.turn("good")

What it does holds for connections that are there already, too. Those it has made silent stay so.
"""

import contextlib
import heapq
import selectors
import socket
import struct
import threading
import time

from .httpd import free_port

MODES = {
    "good": "every byte is passed on",
    "slow": "the server's bytes come `delay` seconds late",
    "refused": "nobody listens, and connections that were there are reset",
    "reset": "whoever connects is reset at the first byte of either side: connected by then",
    "cut": "a reset when `after` bytes of the server's have come",
    "half": "silence for ever when `after` bytes of the server's have come",
    "silent": "takes connections and all that is sent, and never says a word",
    "unreachable": "what is sent to connect is lost, as at a firewall; and silent",
    "garbage": "as many other bytes in place of the server's",
    "lie": "what change(bytes) makes of the server's",
}
NOISE = bytes((7 + 151 * number * number) % 256 for number in range(65536))
SILENT = ("silent", "unreachable")


class _Pair:
    """The two ends of one connection."""

    def __init__(self, client):
        self.client = client
        self.server = None
        self.said = 0         # bytes of the server's that were passed on in this mode
        self.silent = False
        self.last = 0.0       # when the last delayed bytes are due


class Faulty:
    """One proxy, in a thread of its own. `open`, `most` and `total` count connections to it."""

    def __init__(self, target, port=None):
        self.target = target
        self.port = port or free_port()
        self.open = self.most = self.total = 0
        self._mode, self._how = "good", {}
        self._pairs, self._late, self._orders = set(), [], []
        self._fillers = []
        self._listener = None
        self._over = False
        self._events = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._events.register(self._woken, selectors.EVENT_READ, (self._obey, None))
        self._thread = threading.Thread(target=self._run, daemon=True)

    # -- what tests say ------------------------------------------------------------------------

    def turn(self, mode, **how):
        """From now on it is so; returns when it is."""
        assert mode in MODES, mode
        self._order(lambda: self._turn(mode, how))

    @contextlib.contextmanager
    def turned(self, mode, **how):
        """So it is meanwhile; and good afterwards."""
        self.turn(mode, **how)
        try:
            yield
        finally:
            self.turn("good")

    def reset_all(self):
        """Every connection is reset now; the mode stays."""
        self._order(self._reset_all)

    def __enter__(self):
        self._listen()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._order(self._end)
        self._thread.join(10)
        self._wake.close()
        self._woken.close()

    # -- the thread ----------------------------------------------------------------------------

    def _order(self, what):
        done = threading.Event()
        self._orders.append((what, done))
        self._wake.send(b"!")
        assert done.wait(10), "the proxy hangs"

    def _obey(self, _):
        self._woken.recv(100)
        while self._orders:
            what, done = self._orders.pop(0)
            what()
            done.set()

    def _run(self):
        while not self._over:
            pause = max(0, self._late[0][0] - time.monotonic()) if self._late else None
            for key, _ in self._events.select(pause):
                act, argument = key.data
                act(argument)
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, pair, data = heapq.heappop(self._late)
                if pair in self._pairs:
                    self._send(pair, pair.client, data)

    def _end(self):
        self._deafen()
        self._reset_all()
        self._over = True

    # -- listening -----------------------------------------------------------------------------

    def _listen(self, backlog=128):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(backlog)
        if backlog:
            self._events.register(self._listener, selectors.EVENT_READ, (self._accept, None))
            return
        for _ in range(2):  # its queue is full: who comes now is not even heard
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def _deafen(self):
        for filler in self._fillers:
            filler.close()
        self._fillers = []
        if self._listener:
            if self._listener in self._events.get_map():
                self._events.unregister(self._listener)
            self._listener.close()
        self._listener = None

    def _turn(self, mode, how):
        self._mode, self._how = mode, how
        self._deafen()
        if mode != "refused":
            self._listen(0 if mode == "unreachable" else 128)
        if mode in ("refused", "reset"):
            self._reset_all()
        for pair in self._pairs:
            pair.said = 0
            pair.silent = pair.silent or mode in SILENT

    def _accept(self, _):
        client, _ = self._listener.accept()
        pair = _Pair(client)
        pair.silent = self._mode in SILENT
        self._pairs.add(pair)
        self.total += 1
        self.open = len(self._pairs)
        self.most = max(self.most, self.open)
        self._watch(client, self._from_client, pair)
        if not pair.silent:
            try:
                pair.server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                self._reset(pair)
                return
            self._watch(pair.server, self._from_server, pair)

    def _watch(self, end, act, pair):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events.register(end, selectors.EVENT_READ, (act, pair))

    # -- bytes ---------------------------------------------------------------------------------

    def _receive(self, pair, end):
        if pair not in self._pairs:  # gone while others of the same round were looked at
            return None
        try:
            data = end.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._close(pair)
        elif self._mode == "reset":
            self._reset(pair)
            return b""
        return data

    def _send(self, pair, end, data):
        try:
            end.sendall(data)
        except OSError:
            self._reset(pair)

    def _from_client(self, pair):
        data = self._receive(pair, pair.client)
        if data and not pair.silent and pair.server:
            self._send(pair, pair.server, data)

    def _from_server(self, pair):
        data = self._receive(pair, pair.server)
        if not data or pair.silent:
            return
        if self._mode in ("cut", "half"):
            data = data[:self._how.get("after", 0) - pair.said]
        elif self._mode == "garbage":
            data = NOISE[:len(data)]
        elif self._mode == "lie":
            data = self._how["change"](data)
        pair.said += len(data)
        if self._mode == "slow":
            pair.last = max(pair.last, time.monotonic() + self._how["delay"])
            heapq.heappush(self._late, (pair.last, id(data), pair, data))
            return
        self._send(pair, pair.client, data)
        if self._mode in ("cut", "half") and pair.said >= self._how.get("after", 0):
            pair.silent = True
            if self._mode == "cut":
                self._reset(pair)

    # -- ends ----------------------------------------------------------------------------------

    def _close(self, pair):
        """Both ends, in peace."""
        if pair not in self._pairs:
            return
        self._pairs.discard(pair)
        self.open = len(self._pairs)
        for end in (pair.client, pair.server):
            if end is not None:
                if end in self._events.get_map():
                    self._events.unregister(end)
                end.close()

    def _reset(self, pair):
        if pair in self._pairs:
            pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._close(pair)

    def _reset_all(self):
        for pair in list(self._pairs):
            self._reset(pair)
