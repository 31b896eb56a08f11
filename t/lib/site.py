# SPDX-License-Identifier: Apache-2.0
"""The documents and the configuration texts of a usual protected site."""

CANARY = "canary-of-the-protected-page"
PATIENT = {"DingTalkTimeout": "connect=10s total=60s"}  # for calls that a test holds for a while

# For a site that crowds enter: who waits for a connection to DingTalk, or for the app token, does so
# for a tenth of the whole time only.
PATIENT = {"DingTalkTimeout": "connect=10s total=60s"}

CGI = r"""#!/usr/bin/python3
import json
import os
print("Content-Type: application/json\n")
print(json.dumps({k: v.encode("utf-8", "surrogateescape").decode("latin-1")
                  for k, v in os.environ.items()}))
"""


def write_documents(folder):
    """Fill the document root: open pages at the top, protected ones below app/."""
    for name in ("app/deep", "app/cgi", "cgi", "open", "other", "front"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pages = {
        "index.html": "open start page",
        "open/index.html": "open page",
        "other/index.html": CANARY + " other",
        "app/index.html": CANARY + " index",
        "app/page.html": CANARY + " page",
        "app/deep/page.html": CANARY + " deep",
        "app/data.txt": CANARY + " data",
        "front/index.html": CANARY + " front controller",
    }
    for name, text in pages.items():
        path = folder / name
        text = f"<!doctype html><title>{text}</title>{text}\n" if name.endswith("html") else text
        path.write_text(text, encoding="utf-8")
    for name in ("cgi/env.cgi", "app/cgi/env.cgi"):
        path = folder / name
        path.write_text(CGI, encoding="utf-8")
        path.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".cgi" else 0o644)


def application(simulator, **changes):
    """The directives of one organisation; a change to None leaves a directive out."""
    values = {
        "DingTalkClientID": simulator.client_id,
        "DingTalkClientSecret": simulator.client_secret,
        "DingTalkCorpID": simulator.corp_id,
        "DingTalkStateDir": "@FOLDER@/state",
        **changes,
    }
    lines = [f"{name} {value}" for name, value in values.items() if value is not None]
    for api in ("login", "api", "oapi"):
        lines.append(f"DingTalkEndpoint {api} {getattr(simulator, api)}")
    return "\n".join(lines)


def location(path, *lines, require="valid-user"):
    """A protected <Location>."""
    inner = ["AuthType DingTalk", *lines]
    if require:
        inner.append(f"Require {require}")
    return "\n".join([f'<Location "{path}">', *inner, "</Location>"])


def vhost(name, *lines):
    """A name-based virtual host on httpd's own port."""
    return "\n".join(["<VirtualHost *:@PORT@>", f"ServerName {name}",
                      "DocumentRoot @DOCUMENTS@", *lines, "</VirtualHost>"])


def protected(simulator, *lines, inside=(), path="/app", **changes):
    """The usual site: the application, one protected location, and more server-level lines."""
    return "\n".join([application(simulator, **changes), location(path, *inside), *lines])
