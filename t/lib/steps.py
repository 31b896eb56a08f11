# SPDX-License-Identifier: Apache-2.0
"""Steps that many tests take with a browser, and how long they wait."""

import time

SLACK = 8  # seconds that a busy machine may take beside what is promised


def is_in(browser):
    """Whether the browser's session opens the page."""
    return browser.fetch("/app/data.txt").status == 200


def copy_of(browser, visit, httpd):
    """Another browser that has got hold of the same cookies."""
    copy = visit(httpd)
    copy.jar = browser.jar.copy()
    return copy


def leave(browser, query="", body=b"", **rest):
    """Press a logout button of this site."""
    return browser.navigate("/dingtalk/logout" + query, body=body,
                            **{"method": "POST", "site": "same-origin", **rest})


def within(seconds, holds):
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def promised(seconds, attempt, times=5, pause=0):
    """attempt() says how long it took: less than this, or somebody else kept the machine busy."""
    took = [attempt()]
    while min(took) >= seconds:
        assert len(took) < times, f"not within {seconds} s: {took}"
        time.sleep(pause)
        took.append(attempt())


def throughout(seconds, holds):
    """It holds all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert holds()
        time.sleep(0.1)
