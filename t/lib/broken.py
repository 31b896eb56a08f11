# SPDX-License-Identifier: Apache-2.0
"""What is promised while some part is broken: who comes is told so, in time.

    for met in meet(browsers, job):        # all of them at the same time
        judge(httpd, met, 503, ("DT0021", "dingtalk_down"), within=2)
"""

import re
import time

from . import expect
from .binding import at_once

NUMBER = re.compile(r"\b(DT\d{3,5}): ")


class Met:
    """What one visitor met: the answer, how long it took, and who came."""

    def __init__(self, browser, answer, seconds):
        self.browser, self.answer, self.seconds = browser, answer, seconds

    def __repr__(self):
        return f"{self.answer!r} after {self.seconds:.1f} s"

    def line(self, httpd):
        """The line of the error log that has the answer's id; there must be one only."""
        lines = [line for line in httpd.log.lines() if self.answer.error_id in line]
        assert len(lines) == 1, (self, lines)
        return lines[0]


def meet(browsers, job):
    """All of them do this at the same time: a Met of each."""
    def timed(browser):
        began = time.monotonic()
        answer = job(browser)
        return Met(browser, answer, time.monotonic() - began)
    return at_once([lambda browser=browser: timed(browser) for browser in browsers],
                   clients=len(browsers))


def judge(httpd, met, status, reason, within):
    """It ended so, in time, and the log has the reason: a DT number, and words of its line.

    503 says when to try again. No redirect goes back to where it came from, and nobody is in.
    """
    number, words = reason
    expect.page(httpd, met.answer, status)
    if status == 503:
        assert int(met.answer.get("Retry-After")) > 0, met
    else:
        assert not met.answer.get("Retry-After"), met
    assert met.answer.location is None, met
    assert met.seconds < within, f"{within} s are promised: {met}"
    line = met.line(httpd)
    assert NUMBER.search(line)[1] == number and re.search(words, line), (reason, line)
    nobody_in(met.browser)


def nobody_in(browser):
    """No session was given, and none opens a page."""
    assert browser.session is None
    answer = browser.fetch("/app/data.txt")
    assert answer.status == 401, answer
