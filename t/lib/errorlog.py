# SPDX-License-Identifier: Apache-2.0
"""The audit of httpd's error log: every line of level warn or worse must have been declared."""

import re

LINE = re.compile(r"^\[[^\]]+\] \[(?P<module>[\w-]*):(?P<level>[a-z]+)[0-9]*\] (?P<text>.*)$")
QUIET = {"notice", "info", "debug", "trace"}
CRASH = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Segmentation|"
    r"exit signal|Assertion .* failed|double free|stack smashing|corrupted")
NUMBER = re.compile(r"DT\d{3,5}")
LIBPQ = re.compile(r"^WARNING:  terminating connection")  # on stderr, when a server is killed


class ErrorLog:
    """Reads what was added to one error log since the last audit and compares it with what a
    test declared: a DT number ("DT0031"), or a regular expression searched in the line."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.expected = []

    def expect(self, *patterns):
        """Each pattern must be found in at least one new line; the lines it matches are fine."""
        self.expected.extend((pattern, True) for pattern in patterns)

    def allow(self, *patterns):
        """Lines that match are fine, and so is their absence."""
        self.expected.extend((pattern, False) for pattern in patterns)

    def lines(self):
        """The lines since the last audit."""
        try:
            with open(self.path, encoding="utf-8", errors="backslashreplace") as file:
                file.seek(self.offset)
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def clear(self):
        """Forget everything until now."""
        self.expected = []
        if self.path.exists():
            self.offset = self.path.stat().st_size

    @staticmethod
    def _found(pattern, line):
        if NUMBER.fullmatch(pattern):
            return f"{pattern}:" in line
        return re.search(pattern, line) is not None

    def audit(self):
        """Return the complaints about the new lines, and forget lines and declarations."""
        lines = self.lines()
        complaints = []
        for line in lines:
            if CRASH.search(line):
                complaints.append(f"crash: {line}")
                continue
            if any(self._found(pattern, line) for pattern, _ in self.expected):
                continue
            match = LINE.match(line)
            if match and match["level"] in QUIET or not line.strip() or LIBPQ.match(line):
                continue
            complaints.append(f"undeclared: {line}")
        for pattern, wanted in self.expected:
            if wanted and not any(self._found(pattern, line) for line in lines):
                complaints.append(f"declared but missing: {pattern}")
        self.clear()
        return complaints
