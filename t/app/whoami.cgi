#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sample application as a CGI program: it knows its visitors from environment variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # httpd's user may not write here
sys.path.insert(0, str(Path(__file__).resolve().parent))

import whoami_page  # noqa: E402  (needs the path)


def main() -> None:
    # Bytes first: the locale httpd starts us in says nothing about the values.
    env = {key.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
           for key, value in sorted(os.environb.items())}
    user, name = env.get("REMOTE_USER", ""), env.get("DINGTALK_NAME", "")
    if whoami_page.wants_json(env.get("HTTP_ACCEPT", "")):
        kind = "application/json"
        answer = whoami_page.as_json({"method": env.get("REQUEST_METHOD", ""),
                                      "path": env.get("REQUEST_URI", ""), "user": user,
                                      "name": name, "env": env})
    else:
        kind = "text/html; charset=utf-8"
        known = [(key, value) for key, value in env.items() if key.startswith("DINGTALK_")]
        answer = whoami_page.page(user, name, known, env.items(),
                                  ("环境变量", "environment variables"))
    head = f"Content-Type: {kind}\r\nCache-Control: no-store\r\n\r\n"
    sys.stdout.buffer.write(head.encode("ascii") + answer)


if __name__ == "__main__":
    main()
