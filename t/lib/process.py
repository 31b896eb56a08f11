# SPDX-License-Identifier: Apache-2.0
"""A helper program that says with one JSON line on its output that it is ready."""

import json
import select
import subprocess
import time


class Helper:
    """Starts a program, reads its first line as JSON, and stops it by its own process id."""

    def __init__(self, command, env=None, patience=20):
        self.command = [str(word) for word in command]
        self.env = env
        self.patience = patience
        self.process = None
        self.ready = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start the program and wait for its line."""
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.env)
        end = time.monotonic() + self.patience
        readable, _, _ = select.select([self.process.stdout], [], [], self.patience)
        line = self.process.stdout.readline() if readable else b""
        while line and not line.startswith(b"{") and time.monotonic() < end:
            line = self.process.stdout.readline()
        if not line.startswith(b"{"):
            self.stop()
            raise RuntimeError(f"{self.command[0]} did not say that it is ready: {line!r}")
        self.ready = json.loads(line)
        return self

    def stop(self):
        """Stop the program; harmless when it does not run."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None
