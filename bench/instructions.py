#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the user-space instructions that protection adds to a request for a small static page.

httpd runs as one process under valgrind's callgrind; the figure of a case is the difference
between two counts of requests on one kept-alive connection, so that neither start-up nor
connection nor sign-in is in it. Nothing is timed: the figures hardly depend on the machine's load.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "t"))

from callgrind import Callgrind  # noqa: E402
from lib.bounded import end_within  # noqa: E402
from lib.browser import NAVIGATE, USER_AGENT, Client  # noqa: E402
from lib.build import Build  # noqa: E402
from lib.httpd import Httpd, HttpdFailed  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.site import CANARY, location, protected  # noqa: E402

LIMIT = 7100
PAGE = "/app/page.html"
SECONDS = 240  # for everything; a busy machine may need them
WARM = 50      # requests before anything is counted: pools and caches are as they stay
PAUSE = 0.004  # before each request: httpd waits in poll for every one, or for hardly any
PASSWORD = "a password of the benchmark"
CORP_ID = "ding0123456789abcdef0123456789abcdef"  # as long as DingTalk's: it is exported

KEEP_ALIVE = "MaxKeepAliveRequests 0\nKeepAliveTimeout 60\n"

# Every request comes to the thread that will answer the mark. MPM prefork has no such directive.
ONE_THREAD = """<IfModule !prefork.c>
ThreadsPerChild 1
MaxRequestWorkers 1
</IfModule>
"""

# One httpd is started for each, with one <Location> at most, so that nothing else differs.
CASES = ("bare", "asked", "basic", "none", "env", "headers", "both")
TITLES = {
    "bare": "no authentication",
    "asked": "no authentication, Require, a cookie as ours",
    "basic": "HTTP Basic, password file, {SHA}",
    "none": "DingTalk, live session, export none",
    "env": "DingTalk, live session, export env (default)",
    "headers": "DingTalk, live session, export headers",
    "both": "DingTalk, live session, export both",
}
CHECKED = "env"  # the default of DingTalkExport

MALLOC = ("malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign")
LOCK = ("pthread_mutex_lock", "pthread_mutex_trylock", "pthread_rwlock_rdlock",
        "pthread_rwlock_wrlock", "pthread_spin_lock", "sem_wait")


class Connection:
    """One kept-alive connection that asks for the same page again and again."""

    def __init__(self, httpd, headers):
        self.socket = socket.create_connection(("127.0.0.1", httpd.port), 20)
        self.file = self.socket.makefile("rb")
        fields = {"Host": f"{httpd.names[0]}:{httpd.port}", "User-Agent": USER_AGENT,
                  "Accept-Language": "zh-CN,zh;q=0.9", **NAVIGATE, "Sec-Fetch-Site": "none",
                  **headers}
        self.rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"

    def ask(self, method="GET"):
        """Send one request and read its answer, which must be what it should be."""
        time.sleep(PAUSE)
        self.socket.sendall(f"{method} {PAGE} HTTP/1.1\r\n{self.rest}".encode())
        status = self.file.readline()
        length = 0
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"set-cookie":
                raise RuntimeError(f"httpd sets a cookie while we count: {line!r}")
        body = self.file.read(length)
        if b" 200 " not in status or (method == "GET" and CANARY.encode() not in body):
            raise RuntimeError(f"{method} {PAGE}: {status!r} {body[:200]!r}")

    def close(self):
        """Close it."""
        self.file.close()
        self.socket.close()


def counted(httpd, headers, callgrind, numbers):
    """What so many requests on one kept-alive connection take, for each number.

    Another connection with an OPTIONS request comes behind: callgrind.MARKS. Both connections are
    in the counts, too, and not in the difference of two.
    """
    found = []
    for number in numbers:
        for method, times in (("GET", number), ("OPTIONS", 1)):
            connection = Connection(httpd, headers)
            for _ in range(times):
                connection.ask(method)
            connection.close()
        found.append(callgrind.since_last())
    return found


def configuration(case, simulator):
    """(config, harness options) of the httpd of one case."""
    common = ONE_THREAD + KEEP_ALIVE
    if case == "bare":
        return common, {"dingtalk": False}
    if case == "asked":
        return common + '<Location "/app">\nRequire all granted\n</Location>', {"dingtalk": False}
    if case == "basic":
        inner = ["AuthType Basic", 'AuthName "bench"', "AuthBasicProvider file",
                 "AuthUserFile @FOLDER@/passwords", "Require valid-user"]
        text = "\n".join(['<Location "/app">', *inner, "</Location>"])
        return common + text, {"dingtalk": False, "modules": ("auth_basic", "authn_file")}
    # valgrind makes the sign-in slow
    return common + protected(simulator, inside=[f"DingTalkExport {case}"],
                              DingTalkTimeout="connect=20s total=40s"), {}


def credentials(case, httpd, simulator):
    """The headers that let a request in."""
    if case == "bare":
        return {}
    if case == "asked":
        return {"Cookie": f"dingtalk={143 * 'x'}"}
    if case == "basic":
        pair = base64.b64encode(f"zhangsan:{PASSWORD}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    client = Client(httpd, simulator)
    answer = client.sign_in(path=PAGE)
    if answer.status != 200 or client.session is None:
        raise RuntimeError(f"the sign-in failed: {answer!r}")
    return {"Cookie": f"{client.session_name}={client.session}"}


def prepare(case, httpd):
    """Files that only this case needs."""
    if case == "basic":
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        (httpd.folder / "passwords").write_text(f"zhangsan:{{SHA}}{digest}\n", encoding="utf-8")


def measure(case, options, simulator):
    """Per request of one case: instructions, system calls, calls of malloc and of locks."""
    build = Build()
    if build.facts["sanitizers"]:
        raise RuntimeError("valgrind cannot run a build with sanitizers")
    if not os.access(build.httpd, os.X_OK):
        raise RuntimeError("configure found no httpd")
    folder = pathlib.Path(options.keep) / case if options.keep else None
    callgrind = Callgrind(build.httpd, folder)
    build.httpd = str(callgrind.command)
    config, more = configuration(case, simulator)
    httpd = Httpd(mpm=options.mpm, config=config, build=build, log_level="error", **more)
    try:
        prepare(case, httpd)
        httpd.start()
        headers = credentials(case, httpd, simulator)
        _, few, many = counted(httpd, headers, callgrind, (WARM, options.few, options.many))
        return difference(few, many, options)
    finally:
        httpd.stop(remove=True)
        if not options.keep:
            callgrind.remove()


def difference(few, many, options):
    """What one request more costs."""
    def per_request(count):
        return (count(many) - count(few)) / (options.many - options.few)

    return {
        "instructions": round(per_request(lambda c: c.events["Ir"])),
        "system_calls": round(per_request(lambda c: c.events["sysCount"]), 1),
        "mallocs": round(per_request(lambda c: c.called(MALLOC)), 1),
        "locks": round(per_request(lambda c: c.called(LOCK)), 1),
    }


def report(found, options):
    """The table."""
    def over(case):
        return found[case]["instructions"] - found["bare"]["instructions"]

    print(f"httpd, MPM {options.mpm}, GET {PAGE}: what one request costs\n")
    print(f"{'':46}{'instructions':>13}{'over bare':>11}{'of Basic':>10}{'system calls':>14}"
          f"{'mallocs':>9}{'locks':>7}")
    for case, row in found.items():
        more = "" if case == "bare" else f"{over(case):+d}"
        ratio = f"{over(case) / over('basic'):.2f}" if more and "basic" in found else ""
        print(f"{TITLES[case]:46}{row['instructions']:>13}{more:>11}{ratio:>10}"
              f"{row['system_calls']:>14}{row['mallocs']:>9}{row['locks']:>7}")


def verdict(found):
    """What is judged: what a live session adds to a request, with the default export."""
    added = {name: round(found[CHECKED][name] - found["bare"][name]) for name in found["bare"]}
    others = [value for name, value in added.items() if name != "instructions"]
    return {"added": added, "limit": LIMIT,
            "pass": added["instructions"] < LIMIT and max(others) <= 0}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mpm", choices=("prefork", "event", "worker"), default="prefork")
    parser.add_argument("--check", action="store_true",
                        help="only what the limit needs: no authentication and the default export")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--few", type=int, default=100, help="requests of the smaller count")
    parser.add_argument("--many", type=int, default=600, help="requests of the larger count")
    parser.add_argument("--keep", metavar="FOLDER",
                        help="keep callgrind's files there, one folder for each case")
    options = parser.parse_args()
    if not 0 < options.few < options.many <= 20000:
        parser.error("0 < few < many <= 20000")
    return options


def main():
    """Measure, print, and exit with 1 when the limit is broken."""
    options = arguments()
    cases = ("bare", CHECKED) if options.check else CASES
    try:
        with end_within(SECONDS), contextlib.ExitStack() as stack:
            simulator = stack.enter_context(Simulator("--corp-id", CORP_ID))
            found = {case: measure(case, options, simulator) for case in cases}
    except (AssertionError, HttpdFailed, OSError, RuntimeError) as error:
        print(f"instructions.py: {error}", file=sys.stderr)
        return 2
    said = verdict(found)
    if options.json:
        print(json.dumps({"mpm": options.mpm, "cases": found, **said}))
    else:
        report(found, options)
        added = said["added"]
        print(f"\n{'PASS' if said['pass'] else 'FAIL'}: a live session adds "
              f"{added['instructions']} instructions to a request, the limit is {LIMIT}; beside "
              f"them {added['system_calls']} system calls, {added['mallocs']} mallocs, "
              f"{added['locks']} locks, the limit is 0")
    return 0 if said["pass"] else 1


if __name__ == "__main__":
    sys.exit(main())
