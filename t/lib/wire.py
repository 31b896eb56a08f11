# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes: send exactly these, read to the end, and see every byte that came back."""

import contextlib
import json
import socket

HUNG_UP = (ConnectionResetError, BrokenPipeError)


class Answer:
    """One response: status, headers in order, body, and any bytes after the body."""

    def __init__(self, status, headers, body, url="", extra=b""):
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url
        self.extra = extra

    def __repr__(self):
        return f"<{self.status} {self.url} {self.location or ''} {self.body[:200]!r}>"

    def get(self, name, default=None):
        """The first header of this name."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), default)

    def get_all(self, name):
        """All headers of this name."""
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def location(self):
        """Where a redirect goes."""
        return self.get("Location")

    @property
    def set_cookies(self):
        """The raw Set-Cookie values."""
        return self.get_all("Set-Cookie")

    @property
    def error_id(self):
        """The id of an error page."""
        return self.get("DingTalk-Error-Id")

    @property
    def text(self):
        """The body as text."""
        return self.body.decode("utf-8", "backslashreplace")

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


def exchange(port, data, tls=None, name="127.0.0.1", timeout=20, end=False):
    """Send bytes to a port on loopback and return all that comes back until the end.

    end: say that nothing follows
    """
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout) as plain:
        stream = tls.wrap_socket(plain, server_hostname=name) if tls else plain
        try:
            # Who refuses may answer and hang up before all is sent: the answer is there then.
            with contextlib.suppress(*HUNG_UP):
                stream.sendall(data)
            if end:
                with contextlib.suppress(OSError):
                    stream.shutdown(socket.SHUT_WR)
            with contextlib.suppress(*HUNG_UP):
                while chunk := stream.recv(65536):
                    received += chunk
        finally:
            if tls:
                stream.close()
    return bytes(received)


def parse(data, method="GET", url=""):
    """Turn received bytes into an Answer; what follows the declared body is `extra`."""
    while True:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            raise AssertionError(f"no complete answer from {url}: {data[:300]!r}")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status >= 200:
            break
        data = rest
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t")))  # and no control
    answer = Answer(status, headers, b"", url)
    if method == "HEAD" or status in (204, 304):
        answer.extra = rest
    elif "chunked" in (answer.get("Transfer-Encoding") or ""):
        answer.body, answer.extra = _unchunk(rest)
    elif answer.get("Content-Length") is not None:
        length = int(answer.get("Content-Length"))
        if len(rest) < length:
            raise AssertionError(f"{url}: {len(rest)} of {length} bytes")
        answer.body, answer.extra = rest[:length], rest[length:]
    else:
        answer.body = rest
    return answer


def _unchunk(data):
    body = bytearray()
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return bytes(body), data.partition(b"\r\n")[2]
        body += data[:size]
        data = data[size + 2:]
