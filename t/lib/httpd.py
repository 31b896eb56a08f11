# SPDX-License-Identifier: Apache-2.0
"""A real httpd with the module, in a folder and on a port of its own."""

import grp
import itertools
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import leaks
from .build import Build
from .errorlog import CRASH, ErrorLog
from .site import write_documents

USERS = ("www-data", "apache", "http", "nobody")  # Debian, Fedora, others
MODULES = ("authn_core", "authz_core", "authz_user", "authz_host", "dir", "mime", "alias", "env",
           "headers", "setenvif")
THREADS = ("StartServers 1\nServerLimit 4\nThreadLimit 25\nThreadsPerChild 25\n"
           "MaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 75")
MPM = {
    "event": THREADS,
    "worker": THREADS,
    "prefork": "StartServers 3\nServerLimit 12\nMaxRequestWorkers 12\nMinSpareServers 1\n"
               "MaxSpareServers 12",
}


def unprivileged_user():
    """The user httpd's children become when we are root."""
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise KeyError(f"none of the users {', '.join(USERS)}")


def _ports():
    """Ports outside the range that outgoing connections are given, in a circle: those of this
    worker of pytest alone, from anywhere on, for others may use them on this machine, too."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    mine = range(18000 + worker, 32000, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    begin = random.randrange(len(mine))
    return itertools.cycle([*mine[begin:], *mine[:begin]])


PORTS = _ports()


def free_port():
    """A port nobody listens on; who is given it next time comes long after."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a circle has no end")


class HttpdFailed(Exception):
    """httpd did not start; the text is what it said."""


class Httpd:
    """One httpd. In `config` and in `vhost` texts, @PORT@ @FOLDER@ @DOCUMENTS@ stand for its own.

    folder    where its files go; None makes a folder and removes it in stop(remove=True)
    mpm       event, worker or prefork
    config    text below the basic configuration, at server level
    modules   names beside MODULES, e.g. "proxy"; "cgi" loads what fits the MPM
    tls       a lib.tls.Authority: the port speaks TLS with a certificate for its `names`
    http2     also offers h2 (with TLS) or h2c (without)
    dingtalk  False leaves the module out
    clock     a lib.clock.Clock that moves its time
    """

    def __init__(self, folder=None, mpm="event", config="", modules=(), env=None, tls=None,
                 http2=False, log_level="warn", dingtalk=True, build=None, names=("127.0.0.1",),
                 clock=None):
        self.build = build or Build()
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="dt-httpd-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.mpm = mpm
        self.config = config
        self.modules = tuple(modules)
        self.env = dict(env or {})
        self.tls = tls
        self.http2 = http2
        self.log_level = log_level
        self.dingtalk = dingtalk
        self.names = names
        self.clock = clock
        self.documents = self.folder / "documents"
        self.reports = self.folder / "reports" if self.build.preload else None
        self.log = ErrorLog(self.folder / "error_log", self.reports)
        self.port = None
        self.is_known = False  # whether somebody knows the port: then it stays
        self.process = None
        self.resumed = 0  # how often it had said so when it was started last
        write_documents(self.documents)
        if self.reports:
            self.reports.mkdir(exist_ok=True)
            self.reports.chmod(0o777)

    # -- what tests say ------------------------------------------------------------------------

    @property
    def scheme(self):
        """http or https."""
        return "https" if self.tls else "http"

    @property
    def origin(self):
        """The address browsers use."""
        return f"{self.scheme}://{self.names[0]}:{self.port}"

    @property
    def state(self):
        """The state folder of the usual configuration."""
        return self.folder / "state"

    def expect_log(self, *patterns):
        """This test's error log must have lines with these DT numbers or regular expressions."""
        self.log.expect(*patterns)

    def allow_log(self, *patterns):
        """Lines that match are no failure of this test."""
        self.log.allow(*patterns)

    # -- configuration -------------------------------------------------------------------------

    def _load_lines(self):
        threaded = self.mpm != "prefork"
        names = [f"mpm_{self.mpm}", *MODULES]
        for name in self.modules:
            name = ("cgid" if threaded else "cgi") if name == "cgi" else name
            names.append(name)
        if self.tls:
            names += ["socache_shmcb", "ssl"]
        if self.http2:
            names.append("http2")
        lines = []
        for name in dict.fromkeys(names):
            file = self.build.libexecdir / f"mod_{name}.so"
            if file.exists():
                lines.append(f"LoadModule {name}_module {file}")
            elif name not in ("unixd", "log_config", "version", "so", "watchdog"):
                raise HttpdFailed(f"httpd has no mod_{name} in {self.build.libexecdir}")
        if self.dingtalk:
            lines.append(f"LoadModule auth_dingtalk_module {self.build.module}")
        return lines

    def text(self, config=None):
        """The whole httpd.conf."""
        lines = [f"ServerRoot {self.folder}", f"DefaultRuntimeDir {self.folder}",
                 f"PidFile {self.folder}/pid", f"Listen 127.0.0.1:{self.port or 1}",
                 f"ServerName {self.names[0]}", *self._load_lines(),
                 f"ErrorLog {self.folder}/error_log", f"LogLevel {self.log_level}", MPM[self.mpm],
                 f"Mutex file:{self.folder}", "Timeout 20", "KeepAliveTimeout 2",
                 f"DocumentRoot {self.documents}", "DirectoryIndex index.html",
                 f"TypesConfig {self._types()}",
                 '<Location "/">', "AuthzSendForbiddenOnFailure On", "</Location>"]
        if os.getuid() == 0:
            user = unprivileged_user()
            lines += [f"User {user.pw_name}", f"Group {grp.getgrgid(user.pw_gid).gr_name}"]
        if self.reports:
            lines.append(f"CoreDumpDirectory {self.folder}")
        if "cgi" in self.modules and self.mpm != "prefork":
            lines.append(f"ScriptSock {self.folder}/cgisock")
        lines += ["<Directory />", "AllowOverride None", "</Directory>"]
        if self.http2:
            lines.append("Protocols h2 http/1.1" if self.tls else "Protocols h2c http/1.1")
        if self.tls:
            pair = self.tls.certificate(*self.names)
            lines += ["SSLEngine on", f"SSLCertificateFile {pair.certificate}",
                      f"SSLCertificateKeyFile {pair.key}",
                      f"SSLSessionCache shmcb:{self.folder}/tls(65536)"]
        lines.append(self.config if config is None else config)
        return self._fill("\n".join(lines) + "\n")

    def _types(self):
        path = self.folder / "mime.types"
        if not path.exists():
            path.write_text("text/html html\ntext/css css\ntext/plain txt\n")
        return path

    def _fill(self, text):
        for name, value in (("PORT", self.port or 1), ("FOLDER", self.folder),
                            ("DOCUMENTS", self.documents)):
            text = text.replace(f"@{name}@", str(value))
        return text

    def _environment(self, reports=None):
        base = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8",
                **self.build.environment(reports), **self.env}
        return {**base, **self.clock.environment(base)} if self.clock else base

    def configtest(self, config=None, *options):
        """Run `httpd -t` on this configuration text: (return code, what it said)."""
        path = self.folder / "configtest.conf"
        path.write_text(self.text(config), encoding="utf-8")
        done = subprocess.run(
            [self.build.httpd, "-t", *options, "-d", str(self.folder), "-f", str(path)],
            env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=60, check=False)
        said = done.stdout.decode("utf-8", "backslashreplace")
        assert done.returncode >= 0 and not CRASH.search(said), (done.returncode, said)
        return done.returncode, said

    # -- life ----------------------------------------------------------------------------------

    def start(self):
        """Start and wait until a child takes connections.

        The first time on another port when this one is taken; later that is a failure.
        """
        for _ in range(5):
            self.port = self.port or free_port()
            said = self._launch()
            if said is None:
                self.is_known = True
                return self
            taken = "could not bind" in said or "Address already in use" in said
            if self.is_known or not taken:
                raise HttpdFailed(said)
            self.port = None
        raise HttpdFailed(said)

    def try_to_start(self):
        """Start: None, or what it says instead."""
        try:
            self.start()
        except HttpdFailed as failed:
            return str(failed)
        return None

    def _launch(self):
        conf = self.folder / "httpd.conf"
        conf.write_text(self.text(), encoding="utf-8")
        pid_file = self.folder / "pid"
        pid_file.unlink(missing_ok=True)
        self.resumed = self._resumed()
        with open(self.folder / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [self.build.httpd, "-d", str(self.folder), "-f", str(conf), "-DFOREGROUND"],
                env=self._environment(self.reports), stdin=subprocess.DEVNULL, stdout=stderr,
                stderr=stderr, start_new_session=True)  # prefork signals its whole process group
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.process = None
                said = (self.folder / "stderr").read_text("utf-8", "backslashreplace")
                return said + "\n".join(self.log.lines())
            if pid_file.exists() and self._serves():
                return None
            time.sleep(0.02)
        self.stop()
        raise HttpdFailed("httpd did not take connections in time")

    def _serves(self):
        """Whether somebody accepts and hangs up: the port listens before the first child is there."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(1) == b""
        except OSError:
            return False

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10):
                return True
        except OSError:
            return False

    def _resumed(self):
        """How often httpd has said that it is ready."""
        if not self.log.path.exists():
            return 0
        text = self.log.path.read_text("utf-8", "backslashreplace")
        return text.count("resuming normal operations")

    def _signal_and_wait(self, number):
        end = time.monotonic() + 20
        while self._resumed() == self.resumed and time.monotonic() < end - 10:
            time.sleep(0.01)  # it takes connections before it says so for the first time
        before = self._resumed()
        old = leaks.children(self.process.pid)
        self.process.send_signal(number)
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise HttpdFailed("httpd ended instead of restarting:\n"
                                  + "\n".join(self.log.lines()))
            old = [pid for pid in old if leaks.listens(pid, self.port)]
            # In this order: a prefork child that just began has not heard of it and ends only after
            # another connection.
            if self._resumed() > before and self._answers() and not old:
                return
            time.sleep(0.02)
        raise HttpdFailed("httpd did not come back after a restart")

    def graceful(self):
        """Graceful restart; returns when no child with the old configuration takes connections."""
        (self.folder / "httpd.conf").write_text(self.text(), encoding="utf-8")
        self._signal_and_wait(signal.SIGUSR1)

    def restart(self):
        """Stop and start on the same port: new processes, nothing in memory survives."""
        self.stop()
        return self.start()

    def stop(self, remove=False):
        """Stop by our own process id; harmless when it does not run.

        Whoever still reads the log wants a stop without haste: after SIGTERM the event MPM closes
        connections under the hands of its own threads, and now and then one of them crashes; and
        of a child that takes its three seconds any MPM complains.
        """
        if self.process is not None:
            if not remove:
                self._end_children()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if remove and self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self):
        """Stop, and remove when all is heard: the complaints about what it and sanitizers said.

        What a child has lost, it says when it ends: nobody may remove an httpd before.
        """
        self.stop()
        complaints = self.log.audit()
        self.stop(remove=True)
        return complaints

    def _end_children(self):
        """By a graceful stop, after which the parent looks only once a second who is left."""
        self.process.send_signal(signal.SIGWINCH)
        end = time.monotonic() + 15
        while self.process.poll() is None and leaks.children(self.process.pid):
            if time.monotonic() > end:
                return
            time.sleep(0.01)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop(remove=True)
