# SPDX-License-Identifier: Apache-2.0
"""Programs that tests start and stop by their own process ids."""

import json
import os
import select
import shutil
import signal
import subprocess
import time


def swift(command):
    """The command of a server whose answers httpd waits for less than a second; root may hurry."""
    return command if os.geteuid() else ["nice", "-n", "-10", *command]


class Server:
    """A real server with a folder of its own: `process`, which start() makes, `folder`, `log`."""

    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL
    patience = 30
    process = None
    folder = None
    log = None

    def start(self):
        """Start, on the same port and with the same data as before, until it answers."""
        raise NotImplementedError

    def launch(self, command, ask, failed):
        """Run the command and wait for ask() not to raise; failed: what it raises, as we do."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + self.patience
        while True:
            try:
                ask()
                return self
            except (OSError, failed) as failure:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.kill()
                    raise failed(f"{failure}\n{self.log_text()[-3000:]}") from failure
            time.sleep(0.02)

    def log_text(self):
        """What the server has written to its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self, number):
        """End it by a signal; harmless when it does not run."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        """End it as a crash would, without a word to anybody connected."""
        self.end(self.kill_signal)

    def stop(self):
        """End it and remove its folder."""
        self.end(self.stop_signal)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()


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
