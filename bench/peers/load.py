# SPDX-License-Identifier: Apache-2.0
"""What is measured from outside of an httpd that is running: rounds of wrk, and what it takes."""

import json
import pathlib
import re
import shutil
import socket
import subprocess

from instructions import PAGE
from lib.browser import Client
from lib.site import CANARY

SCRIPT = pathlib.Path(__file__).resolve().parent / "wrk.lua"
# In smaps: the access rights of a mapping with the lines below it; one of these lines.
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ([-rwxps]{4}) .*\n((?:[A-Z]\w*: .*\n)+)", re.MULTILINE)
SIZE = re.compile(r"^(Rss|Pss|Private_Clean|Private_Dirty): +(\d+) kB$", re.MULTILINE)
TOLERANCE = 0.02  # of the bytes per answer: wrk stops in the middle of one


def size_of_page(httpd, headers):
    """Bytes of the answer with its head; it must be 200, and the page itself."""
    headers = {"Host": f"127.0.0.1:{httpd.port}", **headers}
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    page = (httpd.documents / PAGE.lstrip("/")).read_bytes()
    with socket.create_connection(("127.0.0.1", httpd.port), 20) as link:
        link.sendall(f"GET {PAGE} HTTP/1.1\r\n{fields}\r\n".encode())
        data = b""
        while not data.endswith(page):
            more = link.recv(65536)
            if not more:
                break
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.splitlines()[0] or body != page or CANARY.encode() not in page:
        raise RuntimeError(f"not the page: {data[:300]!r}")
    if b"\r\nset-cookie:" in head.lower():
        raise RuntimeError(f"httpd sets a cookie while we measure: {head!r}")
    return len(data)


def refused(httpd, status):
    """Somebody without credentials gets this status, and not the page."""
    answer = Client(httpd).navigate(PAGE)
    if answer.status != status or CANARY.encode() in answer.body:
        raise RuntimeError(f"without credentials {status} was expected: {answer!r}")


def one_round(httpd, headers, seconds, clients):
    """Requests per second, p50 and p99 in milliseconds, and what of a processor httpd had for each.

    Every answer must have been the page.
    """
    program = shutil.which("wrk")
    if program is None:
        raise FileNotFoundError("wrk not found: install wrk")
    size = size_of_page(httpd, headers)
    fields = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    before = processor_time(httpd)
    done = subprocess.run(
        [program, "-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(SCRIPT), *fields,
         f"http://127.0.0.1:{httpd.port}{PAGE}"],
        capture_output=True, text=True, timeout=seconds + 20, check=True)
    took = processor_time(httpd) - before
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["failed"] or not said["requests"]:
        raise RuntimeError(f"wrk has had failures: {said}")
    if abs(said["bytes"] / said["requests"] / size - 1) > TOLERANCE:
        raise RuntimeError(f"not every answer was the page of {size} bytes: {said}")
    size_of_page(httpd, headers)
    return {"per_second": said["requests"] / said["duration"] * 1e6,
            "p50": said["p50"] / 1000, "p99": said["p99"] / 1000,
            "cpu": took / said["requests"] * 1e6}


def children(httpd):
    """The process ids of its children."""
    father = httpd.process.pid
    text = pathlib.Path(f"/proc/{father}/task/{father}/children").read_text("ascii")
    return [int(child) for child in text.split()]


def processor_time(httpd):
    """Seconds that its children have had a processor, the kernel's work for them included."""
    return sum(int(path.read_text("ascii").split()[0])
               for child in children(httpd)
               for path in pathlib.Path(f"/proc/{child}/task").glob("*/schedstat")) / 1e9


def memory(httpd):
    """KiB of each child, on average, with all that httpd shares with children counted apart.

    pss      the child's proportional share of everything
    private  what nobody else has, shared memory left out: each further child takes that again
    shared   of shared memory, what is in use: once for the whole httpd
    """
    found = {"pss": 0, "private": 0, "shared": 0}
    family = children(httpd)
    for child in family:
        text = pathlib.Path(f"/proc/{child}/smaps").read_text("utf-8")
        for access, body in MAPPING.findall(text):
            sizes = {name: int(value) for name, value in SIZE.findall(body)}
            found["pss"] += sizes["Pss"]
            if access[3] == "s":
                found["shared"] += sizes["Rss"]
            else:
                found["private"] += sizes["Private_Clean"] + sizes["Private_Dirty"]
    return {"children": len(family), **{name: size / len(family) for name, size in found.items()}}
