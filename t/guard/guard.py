# SPDX-License-Identifier: Apache-2.0
"""What the guards share: finding source files, reading C without its comments, reporting.

A guard is a script with a function check(root) that returns complaints, each one text that begins
with file:line where there is one. `make check` runs every guard on the tree; selftest.py runs each
on small trees that break its rule, so that a guard that went blind is noticed.
"""

import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"__pycache__", ".git", "build-aux", "autom4te.cache", "m4", "corpus"}

_TOKEN = re.compile(
    r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def files(root, *suffixes, under=()):
    """Source files below root (or the folders in `under`), sorted, without what builds make."""
    found = []
    for place in [root / name for name in under] or [root]:
        if place.is_file():
            found.append(place)
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(
                name for name in folders
                if name not in SKIPPED and not name.startswith(("build", "mod_auth_dingtalk-"))
                and (not name.startswith(".") or name == ".ci"))
            found += [pathlib.Path(folder) / name for name in sorted(names)]
    return [path for path in found if not suffixes or path.suffix in suffixes]


def text(path):
    """The text of a file; bytes that are not UTF-8 do not stop a guard."""
    return path.read_text(encoding="utf-8", errors="replace")


def _blank(match, keep_strings):
    token = match.group()
    if token[0] in "\"'" and keep_strings:
        return token
    inner = "".join(char if char == "\n" else " " for char in token)
    return token[0] + inner[1:-1] + token[0] if token[0] in "\"'" else inner


def code(path, keep_strings=False):
    """C text with comments (and the insides of strings) blanked, lines and columns as they were."""
    return _TOKEN.sub(lambda match: _blank(match, keep_strings), text(path))


def line_of(source, offset):
    """The line number of an offset."""
    return source.count("\n", 0, offset) + 1


def where(root, path, line=None):
    """file:line as an editor understands it."""
    name = path.relative_to(root)
    return f"{name}:{line}" if line else str(name)


def build():
    """The facts of the build that runs this guard, and its folder; None without a build."""
    folder = pathlib.Path(os.environ.get("DT_BUILD", ROOT / "build"))
    try:
        return folder, json.loads((folder / "t" / "build.json").read_text(encoding="utf-8"))
    except OSError:
        return folder, None


def main(check):
    """Run one guard on the tree this file is in, or on the one named in the command line."""
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    complaints = check(root)
    for complaint in complaints:
        print(complaint)
    print(f"{len(complaints)} complaints")
    sys.exit(1 if complaints else 0)
