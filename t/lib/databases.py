# SPDX-License-Identifier: Apache-2.0
"""Real databases on loopback, each in a temporary folder: PostgreSQL, MariaDB, SQLite.

    with Postgres() as database:
        DingTalkDatabase {database.driver} "{database.params}"
        database.query("SELECT uid FROM dingtalk_binding")   # [("zhangsan",)]

They start in a second and lose everything when they stop. Nothing waits for a disk, but what was
committed outlives kill().
"""

import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from .httpd import free_port
from .process import Server

NAME = "dingtalk"  # of the database and of its user
PASSWORD = "Tr0ub4dor-3"
COLUMN, ROW, NULL = "\x1f", "\x1e", "\x02"
PATIENCE = 30
# Two seconds for a connection are ours by default; an administrator may say otherwise. libpq tries
# for as long as that, and what is down refuses at once.
PATIENT = " connect_timeout=9"


class DatabaseFailed(Exception):
    """A server did not start, or a query failed; the text is what it said."""


def find_program(*names):
    """The path of a program, also where a distribution keeps several versions; None without it."""
    folders = [*glob.glob("/usr/lib/postgresql/*/bin"), *glob.glob("/usr/pgsql-*/bin"),
               "/usr/sbin", "/usr/libexec", "/usr/local/bin"]
    path = os.pathsep.join([os.environ.get("PATH", ""), *sorted(folders, reverse=True)])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _run(command, text=None, env=None):
    done = subprocess.run([str(word) for word in command], input=text, env=env, text=True,
                          capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise DatabaseFailed(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


class Sqlite:
    """SQLite in a file."""

    driver = "sqlite3"

    def __init__(self, path=None):
        self.folder = None if path else tempfile.mkdtemp(prefix="dt-sqlite-")
        self.path = path or os.path.join(self.folder, "dingtalk.db")

    @property
    def params(self):
        """What apr_dbd takes."""
        return str(self.path)

    def query(self, sql):
        """The rows, every value as text or None."""
        connection = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            with connection:
                rows = connection.execute(sql).fetchall()
        finally:
            connection.close()
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def start(self):
        """Nothing to start."""
        return self

    def stop(self):
        """Remove the file."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class DatabaseServer(Server):
    """A server that runs as an unprivileged user, since none of them runs as root."""

    driver = None
    users = ("nobody",)

    def __init__(self):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"dt-{self.driver}-"))
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.user = self._user()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def _user(self):
        """Whom to become; None when we are nobody special."""
        if os.geteuid():
            return None
        for name in self.users:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise DatabaseFailed(f"none of the users {', '.join(self.users)}")

    def _as_user(self, command):
        words = [str(word) for word in command]
        if not self.user:
            return words
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}",
                "--clear-groups", *words]

    def start(self):
        """Start, on the same port and with the same data as before, and wait until it answers."""
        if not self.data.exists():
            self._make_data()
        return self.launch(self._as_user(self._command()), lambda: self.query("SELECT 1"),
                           DatabaseFailed)


class Postgres(DatabaseServer):
    """PostgreSQL. Every statement it is given is in its log."""

    driver = "pgsql"
    users = ("postgres", "nobody")
    stop_signal = signal.SIGINT   # does not wait for clients
    kill_signal = signal.SIGQUIT  # SIGKILL would leave those who serve clients alive
    logged = re.compile(r"LOG:  (statement|execute [^:]*): (.*)")

    @staticmethod
    def available():
        """True when it is installed."""
        return bool(find_program("initdb") and find_program("psql"))

    @property
    def params(self):
        """What apr_dbd takes."""
        return (f"host=127.0.0.1 port={self.port} dbname=postgres user={NAME} "
                f"password={PASSWORD}{PATIENT}")

    def _make_data(self):
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="ascii")
        _run(self._as_user([find_program("initdb"), "-D", self.data, "-N", "--no-locale",
                            "-E", "UTF8", "-A", "scram-sha-256", "-U", NAME,
                            f"--pwfile={secret}"]))

    def _command(self):
        settings = ("fsync=off", "full_page_writes=off", "max_connections=200", "log_statement=all",
                    "logging_collector=off", "listen_addresses=127.0.0.1",
                    "unix_socket_directories=")
        return [find_program("postgres"), "-D", self.data, "-p", self.port,
                *(word for setting in settings for word in ("-c", setting))]

    def query(self, sql):
        """The rows, every value as text or None."""
        out = _run([find_program("psql"), "-X", "-q", "-A", "-t", "-F", COLUMN, "-R", ROW,
                    "-P", f"null={NULL}", "-v", "ON_ERROR_STOP=1",
                    f"{self.params} application_name=test"], text=sql)
        rows = out.rstrip("\n").split(ROW) if out.rstrip("\n") else []
        return [tuple(None if value == NULL else value for value in row.split(COLUMN))
                for row in rows]

    def statements(self):
        """Every statement so far, without those that only prepare another."""
        return [text for how, text in self.logged.findall(self.log_text())
                if not (how == "statement" and text.startswith("PREPARE "))]


class MariaDB(DatabaseServer):
    """MariaDB. binary_log: it has one, and then our user may not make triggers."""

    driver = "mysql"
    users = ("mysql", "nobody")

    def __init__(self, binary_log=False):
        super().__init__()
        self.binary_log = binary_log

    @staticmethod
    def available():
        """True when it is installed."""
        return bool(find_program("mariadbd") and find_program("mariadb"))

    @property
    def params(self):
        """What apr_dbd takes."""
        return f"host=127.0.0.1,port={self.port},user={NAME},pass={PASSWORD},dbname={NAME}"

    def _make_data(self):
        first = self.folder / "first.sql"
        first.write_text(
            f"CREATE DATABASE IF NOT EXISTS {NAME};\n"
            f"CREATE USER IF NOT EXISTS '{NAME}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON {NAME}.* TO '{NAME}'@'127.0.0.1';\n", encoding="utf-8")
        command = self._as_user([find_program("mariadb-install-db"), "--no-defaults",
                                 f"--datadir={self.data}", "--skip-test-db", "--skip-name-resolve",
                                 "--auth-root-authentication-method=normal"])
        try:
            _run(command)
        except DatabaseFailed:  # Debian's script does so now and then while others run beside it
            shutil.rmtree(self.data, ignore_errors=True)
            _run(command)

    def _command(self):
        log = ["--log-bin=binlog", "--server-id=1"] if self.binary_log else ["--skip-log-bin"]
        return [find_program("mariadbd"), "--no-defaults", f"--datadir={self.data}",
                f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve",
                f"--socket={self.folder / 'socket'}", f"--init-file={self.folder / 'first.sql'}",
                "--innodb-flush-log-at-trx-commit=2", "--debug-no-sync",
                "--innodb-buffer-pool-size=32M", "--max-connections=200", *log]

    def query(self, sql):
        """The rows, every value as text or None; a text NULL is taken for none."""
        out = _run([find_program("mariadb"), "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1",
                    "-P", self.port, "-u", NAME, "--batch", "--skip-column-names",
                    "--default-character-set=utf8mb4", NAME],
                   text=sql, env={**os.environ, "MYSQL_PWD": PASSWORD})
        plain = {"\\t": "\t", "\\n": "\n", "\\0": "\0", "\\\\": "\\"}
        return [tuple(None if value == "NULL" else re.sub(r"\\.", lambda m: plain[m[0]], value)
                      for value in row.split("\t"))
                for row in out.splitlines()]
