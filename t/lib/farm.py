# SPDX-License-Identifier: Apache-2.0
"""All httpds of a test file: none goes without its log and what sanitizers say having been read.

Tests get them by the fixtures serve, prepare and farm of conftest.py, and by no other way.
"""

import contextlib

from .httpd import Httpd


class Farm:
    """The httpds of one test file, shared by tests that want the same configuration."""

    def __init__(self, build_facts):
        self.build = build_facts
        self.shared = {}
        self.single = []
        self.checkers = []
        self.complaints = []  # about those that are gone already

    def get(self, config, fresh=False, **options):
        """A started httpd with this configuration; fresh: for this test alone."""
        key = (config, *sorted((name, repr(value)) for name, value in options.items()))
        if not fresh and key in self.shared:
            return self.shared[key]
        httpd = Httpd(config=config, build=self.build, **options)
        try:
            httpd.start()
        except BaseException:
            self._last_words(httpd)
            raise
        if fresh:
            self.single.append(httpd)
        else:
            self.shared[key] = httpd
        return httpd

    def make(self, config="", **options):
        """One for this test alone, which is yet to be started, perhaps in vain."""
        httpd = Httpd(config=config, build=self.build, **options)
        self.single.append(httpd)
        return httpd

    def checker(self, **options):
        """One that is only asked for -t, which says by itself what sanitizers find."""
        httpd = Httpd(build=self.build, **options)
        self.checkers.append(httpd)
        return httpd

    @contextlib.contextmanager
    def trial(self, config, **options):
        """One that runs within. Then its `complaints` have all it said undeclared, to the end."""
        httpd = Httpd(config=config, build=self.build, **options)
        try:
            yield httpd.start()
        finally:
            httpd.complaints = httpd.close()

    def all(self):
        """Those that are there."""
        return [*self.shared.values(), *self.single]

    def _last_words(self, httpd):
        """Of one that no test looks at any more: what it logs is nobody's, but for crashes."""
        httpd.allow_log(".*")
        self.complaints += httpd.close()

    def end_test(self):
        """Audit all logs and stop what only one test wanted; the complaints."""
        for httpd in self.single:
            httpd.stop()
        complaints = [line for httpd in self.shared.values() for line in httpd.log.audit()]
        for httpd in self.single:
            complaints += httpd.close()
        complaints += self.complaints
        self.single, self.complaints = [], []
        return complaints

    def end(self):
        """Stop everything; what there is to complain about when the children end."""
        for httpd in self.all():
            self._last_words(httpd)
        for httpd in self.checkers:
            httpd.stop(remove=True)
        return self.complaints
