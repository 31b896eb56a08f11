#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file is named in Makefile.am, and every file named there exists.

A unit test or fuzz target that nobody builds would otherwise look like one that passes.
"""

import re

import guard

PLACES = ("mod_auth_dingtalk.c", "src", "t/unit", "t/fuzz")
NAMED = re.compile(r"(?<![\w/$.)-])((?:src|t/unit|t/fuzz|t/guard)/[\w/]+(?:\.c|\.py)?)(?![\w/.*])")


def check(root):
    """Complaints about files that are not named, and names without a file."""
    makefile = guard.text(root / "Makefile.am")
    complaints = []
    named = {"mod_auth_dingtalk.c": 0}
    for match in NAMED.finditer(makefile):
        name = match[1]
        if name.startswith(("t/unit/test_", "t/fuzz/fuzz_")) and not name.endswith(".c"):
            name += ".c"
        if name.endswith((".c", ".py")):
            named.setdefault(name, guard.line_of(makefile, match.start()))
    present = [path.relative_to(root).as_posix() for path in guard.files(root, ".c", under=PLACES)]
    present += [path.relative_to(root).as_posix()
                for path in guard.files(root, ".py", under=("t/guard",)) if path.name != "guard.py"]
    complaints += [f"{name}: not in Makefile.am" for name in present if name not in named]
    complaints += [f"Makefile.am:{line}: there is no {name}"
                   for name, line in named.items() if line and not (root / name).exists()]
    return complaints


if __name__ == "__main__":
    guard.main(check)
