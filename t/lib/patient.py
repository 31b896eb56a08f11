# SPDX-License-Identifier: Apache-2.0
"""Browsers of a machine so busy that a cache on the network has no answer within 800 ms.

Then httpd says 503 and why: that the time was over, and nothing else. Whoever comes again is let in.
"""

import re
import time

from . import leaks
from .browser import Client

LATE = r"\(70007\).*DT00(10|64): "  # APR_TIMEUP
SAID = re.compile(r"\[pid (\d+)[^\]]*\] (\(70007\))?.*DT(0064|0065): ")
PATIENCE = 30


def is_late(httpd, since):
    """Whether a child has found its cache late, and not in time again before this byte of the log."""
    text = httpd.log.path.read_bytes()
    last = {}
    for pid, timeout, number in SAID.findall(text.decode("utf-8", "backslashreplace")):
        last[int(pid)] = number == "0064" and bool(timeout)
    new = text[since:].decode("utf-8", "backslashreplace")
    return (re.search(LATE + "|DT0065: ", new) is not None
            or any(last.get(pid) for pid in leaks.children(httpd.process.pid)))


class Patient(Client):
    """A browser that sends a request again, with the cookies it had, as long as that is so."""

    patient = True

    def servers(self):
        """Whose logs say why."""
        return [self.httpd]

    def _again(self, since, answer, end):
        """Whether to come once more, for no other reason than that."""
        if not self.patient or answer.status != 503 or time.monotonic() > end:
            return False
        if not any(is_late(httpd, size) for httpd, size in since):
            return False
        for httpd, _ in since:
            httpd.allow_log(LATE, r"DT00(21|23|40): ")
        time.sleep(0.1)
        return True

    def _now(self):
        """How long the logs are."""
        return [(httpd, httpd.log.path.stat().st_size) for httpd in self.servers()]

    def request(self, *args, **more):
        """One request, perhaps several times."""
        jar, since, end = self.jar.copy(), self._now(), time.monotonic() + PATIENCE
        answer = super().request(*args, **more)
        while self._again(since, answer, end):
            if answer.set_cookies:  # who signed out without the cache is not out everywhere
                self.jar = jar.copy()
            answer = super().request(*args, **more)
        return answer

    def come_back(self, callback):
        """Once: DingTalk's code is good once."""
        patient, self.patient = self.patient, False
        try:
            return super().come_back(callback)
        finally:
            self.patient = patient

    def sign_in(self, userid="zhangsan", path="/app/"):
        """The whole round, perhaps several times."""
        since, end = self._now(), time.monotonic() + PATIENCE
        answer = self.come_back(self.scan(userid, self.begin(path)))
        while self._again(since, answer, end):
            answer = self.come_back(self.scan(userid, self.begin(path)))
        return self.follow(answer)
