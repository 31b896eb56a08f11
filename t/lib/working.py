# SPDX-License-Identifier: Apache-2.0
"""Who is signed in works on while some part is broken, about as fast as before.

    with Working(browser) as working:      # opens a page again and again from now on
        …                                  # what it is about is broken
    # leaving it fails unless every answer was 200, and none waited for what is broken

Somebody without a session opens a public page beside them: that one waits for the machine only.
"""

import statistics
import time

from .browser import Client
from .load import Load

UNDISTURBED = 10   # answers that come before anything is broken
ENOUGH = 6         # answers of each browser, of which a slow one does not make the median
SLOWER = 10        # times: so much a median may grow on a machine with other things to do,
MOMENT = 0.25      # seconds: or so much, whatever it was before
WAITED = 1.5       # seconds; every time-out that we wait for is longer. Or the machine stalled:
NOT_SLOWED = 5     # seconds that it may stall
PUBLIC = "/open/"


class Asked:
    """One page: when it was asked for, how long it took, and what came."""

    def __init__(self, began, seconds, status):
        self.began, self.seconds, self.status = began, seconds, status

    def __repr__(self):
        return f"{self.status} after {self.seconds:.2f} s"

    def overlaps(self, other):
        """Whether both were under way at the same time."""
        return (self.began <= other.began + other.seconds
                and other.began <= self.began + self.seconds)


class AtWork:
    """Browsers with live sessions that open a page again and again, while it is entered."""

    def __init__(self, *browsers, path="/app/data.txt", pause=0.01):
        self.pause, self.count = pause, len(browsers)
        self.pages, self.public = [], []  # Asked
        self.before = None                # seconds, the median while nothing was broken
        self.since = None                 # something is broken
        httpds = {browser.httpd: None for browser in browsers}
        self.jobs = [*(lambda browser=browser: self._ask(browser, path, self.pages)
                       for browser in browsers),
                     *(lambda httpd=httpd: self._ask(Client(httpd), PUBLIC, self.public)
                       for httpd in httpds)]
        self.load = None

    def _ask(self, browser, path, into):
        began = time.monotonic()
        status = browser.fetch(path).status
        into.append(Asked(began, time.monotonic() - began, status))
        time.sleep(self.pause)

    def measure(self):
        """How long a page takes while nothing is broken."""
        with Load(*self.jobs) as load:
            load.go_on(UNDISTURBED)
        assert load.failures == [] and {page.status for page in self.pages} == {200}, self.pages
        self.before = statistics.median(page.seconds for page in self.pages)

    def go_on(self, rounds=2):
        """Wait for answers that were asked for after now: a round may be under way."""
        self.load.go_on(rounds)
        while len(self.meanwhile()) < ENOUGH * self.count and not self.load.failures:
            self.load.go_on()

    def again(self):
        """From now on something else is broken."""
        self.since = time.monotonic()

    def meanwhile(self):
        """The pages since then."""
        return [page for page in self.pages if page.began >= self.since]

    def _stalled(self, page):
        """Whether a public page waited as well, or half as long: both need the machine."""
        return any(other.seconds > page.seconds / 2 for other in self.public
                   if other.overlaps(page))

    def judge(self, statuses=(200,), moment=MOMENT, waited=WAITED):
        """Every answer was one of these, and they took no longer than the machine explains."""
        assert self.load.failures == []
        pages = self.meanwhile()
        assert pages, "nobody asked while something was broken"
        assert {page.status for page in pages} <= set(statuses), pages
        assert {page.status for page in self.public} == {200}, self.public
        median = statistics.median(page.seconds for page in pages)
        assert median < max(SLOWER * self.before, moment), (self.before, pages)
        assert max(page.seconds for page in pages) < NOT_SLOWED, pages
        late = [page for page in pages if page.seconds > waited and not self._stalled(page)]
        assert not late, (late, self.public)

    def __enter__(self):
        if self.before is None:
            self.measure()
        self.load = Load(*self.jobs).__enter__()
        self.again()
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.go_on(UNDISTURBED)
        finally:
            self.load.__exit__()


class Working(AtWork):
    """Leaving it also judges."""

    def __exit__(self, kind, *rest):
        super().__exit__(kind, *rest)
        if kind is None:
            self.judge()
