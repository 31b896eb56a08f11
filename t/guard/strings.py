#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The module calls no function that writes without knowing the size of its target."""

import re

import guard

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|strtok)\s*\(")


def check(root):
    """Complaints about calls of those functions in the module's sources."""
    complaints = []
    for path in guard.files(root, ".c", ".h", ".def", under=("mod_auth_dingtalk.c", "src")):
        source = guard.code(path)
        for match in BANNED.finditer(source):
            place = guard.where(root, path, guard.line_of(source, match.start()))
            complaints.append(f"{place}: {match[1]} is not used here")
    return complaints


if __name__ == "__main__":
    guard.main(check)
