# SPDX-License-Identifier: Apache-2.0
"""Clients that do the same thing again and again, beside a test, until they are told to stop.

    with Load(fetch_a_page, fetch_a_page, sign_somebody_in) as load:
        httpd.graceful()
        load.go_on()        # until each of them has come round once more
    assert load.failures == []
"""

import threading
import time

PATIENCE = 30
ENOUGH = 20  # failures that are remembered


class Load:
    """One thread for each function. A failure is remembered, and its client goes on."""

    def __init__(self, *jobs):
        self.jobs = jobs
        self.rounds = [0] * len(jobs)
        self.failures = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(number,), daemon=True)
                         for number in range(len(jobs))]

    def _repeat(self, number):
        while not self._over.is_set():
            try:
                self.jobs[number]()
            except Exception as failure:  # whatever a client may meet is what the test is about
                if len(self.failures) < ENOUGH:
                    self.failures.append(f"{self.jobs[number]}: {failure!r}")
                time.sleep(0.01)
            self.rounds[number] += 1

    def go_on(self, rounds=1):
        """Wait until each client has come round so many times more."""
        goals = [done + rounds for done in self.rounds]
        end = time.monotonic() + PATIENCE
        while any(done < goal for done, goal in zip(self.rounds, goals)):
            assert time.monotonic() < end, f"clients hang: {self.rounds} of {goals}"
            time.sleep(0.005)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
