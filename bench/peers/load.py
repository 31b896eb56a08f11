# SPDX-License-Identifier: Apache-2.0
"""What is measured from outside of an httpd that is running: rounds of wrk, and its memory."""

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
MEMORY = re.compile(r"^(Pss|Private_Clean|Private_Dirty): +(\d+) kB$", re.MULTILINE)
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
    """Requests per second, p50 and p99 in milliseconds; every answer must have been the page."""
    program = shutil.which("wrk")
    if program is None:
        raise FileNotFoundError("wrk not found: install wrk")
    size = size_of_page(httpd, headers)
    fields = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        [program, "-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(SCRIPT), *fields,
         f"http://127.0.0.1:{httpd.port}{PAGE}"],
        capture_output=True, text=True, timeout=seconds + 20, check=True)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["failed"] or not said["requests"]:
        raise RuntimeError(f"wrk has had failures: {said}")
    if abs(said["bytes"] / said["requests"] / size - 1) > TOLERANCE:
        raise RuntimeError(f"not every answer was the page of {size} bytes: {said}")
    size_of_page(httpd, headers)
    return {"per_second": said["requests"] / said["duration"] * 1e6,
            "p50": said["p50"] / 1000, "p99": said["p99"] / 1000}


def memory(httpd):
    """Of all children, in KiB each: their proportional share (PSS), and what only they have."""
    father = httpd.process.pid
    children = pathlib.Path(f"/proc/{father}/task/{father}/children").read_text("ascii").split()
    pss = private = 0
    for child in children:
        text = pathlib.Path(f"/proc/{child}/smaps_rollup").read_text("ascii")
        for name, value in MEMORY.findall(text):
            if name == "Pss":
                pss += int(value)
            else:
                private += int(value)
    return {"children": len(children), "pss": pss / len(children),
            "private": private / len(children)}
