# SPDX-License-Identifier: Apache-2.0
"""What is promised while some part is broken: who comes is told so, who is in works on.

    with Working(browser) as working:      # a live session, asking all the time from now on
        told = [meet(httpd, visitor, job) for …]
        judge(httpd, told, DOWN["users/me"], within=2)
    # leaving it fails unless every answer was 200, and about as fast as before
"""

import re
import statistics
import time

from . import expect
from .binding import at_once
from .load import Load

UNDISTURBED = 10        # answers that come before anything is broken
ENOUGH = 6              # answers of each browser, of which a slow one does not make the median
SLOWER = 10             # times: so much a median may grow on a machine with other things to do,
MOMENT = 0.25           # seconds: or so much, whatever it was before
NOT_SLOWED = 5          # seconds; what waits for a broken part would wait longer, again and again
NUMBER = re.compile(r"\b(DT\d{3,5}): ")


class Working:
    """Browsers with live sessions that open a page again and again, beside a test."""

    def __init__(self, *browsers, path="/app/data.txt", pause=0.01):
        self.path, self.pause = path, pause
        self.times = []    # (when it began, seconds)
        self.before = []   # seconds, of answers while nothing was broken
        self.since = None  # something is broken
        self.load = Load(*[lambda browser=browser: self._ask(browser) for browser in browsers])

    def _ask(self, browser):
        began = time.monotonic()
        answer = browser.fetch(self.path)
        self.times.append((began, time.monotonic() - began))
        assert answer.status == 200, answer
        time.sleep(self.pause)

    def go_on(self):
        """Wait for answers that were asked for after now: a round may be under way."""
        self.load.go_on(2)
        while len(self.meanwhile()) < ENOUGH * len(self.load.jobs) and not self.load.failures:
            self.load.go_on()

    def again(self):
        """From now on something else is broken."""
        self.since = time.monotonic()

    def meanwhile(self):
        """The answers since then, in seconds."""
        return [seconds for began, seconds in self.times if began >= self.since]

    def judge(self):
        """Every answer was 200, and they were not slower than a busy machine explains."""
        assert self.load.failures == []
        before, meanwhile = statistics.median(self.before), self.meanwhile()
        assert meanwhile, "nobody asked while something was broken"
        assert statistics.median(meanwhile) < max(SLOWER * before, MOMENT), (before, meanwhile)
        assert max(meanwhile) < NOT_SLOWED, max(meanwhile)

    def __enter__(self):
        self.load.__enter__()
        self.load.go_on(UNDISTURBED)
        self.before = [seconds for _, seconds in self.times]
        self.again()
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.go_on()
        finally:
            self.load.__exit__()
        if kind is None:
            self.judge()


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
