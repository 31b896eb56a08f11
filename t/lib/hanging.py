# SPDX-License-Identifier: Apache-2.0
"""What a crowd sends that comes back from DingTalk, and somebody who works meanwhile."""

import time

from .browser import NAVIGATE, Client
from .steps import is_in

# What httpd and this module say when all are busy.
BUSY = (r"DT\d+: ", "AH0016[12]", "AH0028[68]", "AH00484", "AH03490")


class Worker:
    """Somebody who is signed in and reads a page again and again; the longest wait."""

    def __init__(self, httpd, sim):
        self.browser = Client(httpd, sim)
        assert self.browser.sign_in("zhangsan").status == 200
        self.worst = 0

    def __call__(self):
        began = time.monotonic()
        assert is_in(self.browser.tab())
        self.worst = max(self.worst, time.monotonic() - began)
        time.sleep(0.02)


def as_bytes(browser, method, path, *fields, body=b""):
    """A request of this browser, after which httpd closes."""
    cookies = browser.jar.header("http", "127.0.0.1", path.partition("?")[0])
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{browser.httpd.port}",
             *(f"{name}: {value}" for name, value in NAVIGATE.items()),
             f"Cookie: {cookies}", "Connection: close", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def callbacks(httpd, sim, count):
    """Requests of so many browsers that come back from DingTalk."""
    browsers = [Client(httpd, sim) for _ in range(count)]
    return [as_bytes(browser, "GET", browser.target(browser.scan("lisi", browser.begin())))
            for browser in browsers]
