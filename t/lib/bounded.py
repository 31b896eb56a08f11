# SPDX-License-Identifier: Apache-2.0
"""A program that ends by itself, and stops what it started on the way out."""

import contextlib
import signal

ENDS = (signal.SIGALRM, signal.SIGTERM)


@contextlib.contextmanager
def end_within(seconds):
    """Raise TimeoutError when what is within takes so long, or when somebody ends this process.

    Nothing of it is left afterwards, as whoever called may go on with something else.
    """
    def end(number, _frame):
        raise TimeoutError(f"took longer than {seconds} seconds" if number == signal.SIGALRM
                           else "stopped by a signal")
    before = {number: signal.signal(number, end) for number in ENDS}
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)
