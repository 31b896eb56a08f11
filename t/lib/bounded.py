# SPDX-License-Identifier: Apache-2.0
"""A program that ends by itself, and stops what it started on the way out."""

import signal


def end_within(seconds):
    """Raise TimeoutError after so long, or when somebody ends this process."""
    def end(number, _frame):
        raise TimeoutError(f"took longer than {seconds} seconds" if number == signal.SIGALRM
                           else "stopped by a signal")
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, end)
    signal.alarm(seconds)
