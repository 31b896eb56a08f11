# SPDX-License-Identifier: Apache-2.0
"""The audit of httpd's error log: every line of level warn or worse must have been declared.

What a sanitizer reports stands in files beside the log, and no test can declare it.
"""

import re

LINE = re.compile(r"^\[[^\]]+\] \[(?P<module>[\w-]*):(?P<level>[a-z]+)[0-9]*\] (?P<text>.*)$")
QUIET = {"notice", "info", "debug", "trace"}
CRASH = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Segmentation|"
    r"exit signal|Assertion .* failed|double free|stack smashing|corrupted")
NUMBER = re.compile(r"DT\d{3,5}")
# LeakSanitizer (of GCC 12) falls over itself, beside mod_cgid most of all: it has judged nobody.
TRACER = "Tracer caught signal"
REPORT_MAX = 12000  # characters: the rest repeats the beginning
# What no test is about: libpq on stderr, when a server is killed; a machine so busy that
# PostgreSQL's seconds for a connection are over, or MariaDB's (whom that harms is for the test to
# say), or that all of httpd's workers are busy for a moment; and one whose OpenSSL has fewer updates
# than its mod_ssl.
WHENEVER = re.compile(r"^WARNING:  terminating connection|"
                      r"DT0005: database: connection to server .*: timeout expired$|"
                      r"DT000[57]: .*no answer in time$|"
                      r"AH(00484|00286|00161|10159): server (reached|is within) |"
                      r"AH01882: Init: this version of mod_ssl was compiled against a newer")


class ErrorLog:
    """Reads what was added to one error log since the last audit and compares it with what a
    test declared: a DT number ("DT0031"), or a regular expression searched in the line."""

    def __init__(self, path, reports=None):
        self.path = path
        self.reports = reports  # the folder of those files
        self.reported = set()
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

    def audit_reports(self):
        """Complaints about what sanitizers have reported since the last audit."""
        files = sorted(self.reports.glob("*")) if self.reports else []
        new = [file for file in files if file not in self.reported and file.stat().st_size]
        self.reported.update(new)
        texts = [file.read_text("utf-8", "backslashreplace") for file in new]
        return ["crash or leak: " + text[:REPORT_MAX] for text in texts
                if not text.startswith(TRACER)]

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
        complaints = self.audit_reports()
        for line in lines:
            if CRASH.search(line):
                complaints.append(f"crash: {line}")
                continue
            if any(self._found(pattern, line) for pattern, _ in self.expected):
                continue
            match = LINE.match(line)
            if match and match["level"] in QUIET or not line.strip() or WHENEVER.search(line):
                continue
            complaints.append(f"undeclared: {line}")
        for pattern, wanted in self.expected:
            if wanted and not any(self._found(pattern, line) for line in lines):
                complaints.append(f"declared but missing: {pattern}")
        self.clear()
        return complaints
