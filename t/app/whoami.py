#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sample application behind a proxy: it knows its visitors from request headers only."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

sys.dont_write_bytecode = True  # keep the checkout clean
sys.path.insert(0, str(Path(__file__).resolve().parent))

import whoami_page  # noqa: E402  (needs the path)


class Handler(BaseHTTPRequestHandler):
    """Every path shows the same: the request as it arrived."""

    protocol_version = "HTTP/1.1"
    server_version = "whoami"
    wbufsize = 65536  # head and body in one packet: no wait for a delayed ACK
    prefix = "/dingtalk"

    def show(self) -> None:
        body = self.read_body()
        # http.server reads headers as Latin-1; what was sent is bytes, usually UTF-8
        headers = [(key, value.encode("latin-1").decode("utf-8", "surrogateescape"))
                   for key, value in self.headers.items()]
        first = {}
        for key, value in headers:
            first.setdefault(key.lower(), value)
        user = unquote(first.get("x-remote-user", ""))
        name = unquote(first.get("x-dingtalk-name", ""))
        if whoami_page.wants_json(first.get("accept", "")):
            answer = whoami_page.as_json({
                "method": self.command, "path": self.path, "headers": headers, "user": user,
                "name": name, "body": body.decode("utf-8", "surrogateescape")})
            kind = "application/json"
        else:
            known = [(key, unquote(value)) for key, value in headers
                     if key.lower().startswith("x-dingtalk-")]
            answer = whoami_page.page(user, name, known, headers,
                                      ("请求头", "request headers"), self.prefix)
            kind = "text/html; charset=utf-8"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = show

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--dingtalk-path", default="/dingtalk", help="DingTalkPath of the module")
    parser.add_argument("--exit-with-parent", action="store_true",
                        help="stop when standard input is closed")
    options = parser.parse_args()
    Handler.prefix = options.dingtalk_path
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
    print(json.dumps({"port": server.server_port,
                      "url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    stop.wait()


def _watch_stdin(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
