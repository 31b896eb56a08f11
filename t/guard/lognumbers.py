#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every log call has its own number: DTNO(0042) once in the whole module, four digits.

An administrator finds the cause by the number, and a test declares the line by it.
"""

import re

import guard

PLACES = ("mod_auth_dingtalk.c", "src")
NUMBER = re.compile(r"\bDTNO\(\s*([^)\s]*)\s*\)")
CALL = re.compile(r"\bap_log_[rcp]?error_?\s*\(")
DEFINE = re.compile(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def _without_macros(source):
    """Blank #define lines: log.h defines DTNO itself, and may wrap a log call."""
    return DEFINE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


def _call_text(source, start):
    """From an opening parenthesis to the one that closes it."""
    depth = 0
    for index in range(start, len(source)):
        depth += {"(": 1, ")": -1}.get(source[index], 0)
        if depth == 0:
            return source[start:index + 1]
    return source[start:]


def check(root):
    """Complaints about numbers used twice, badly written numbers, and calls without one."""
    complaints = []
    seen = {}
    for path in guard.files(root, ".c", ".h", ".def", under=PLACES):
        source = _without_macros(guard.code(path))
        for match in NUMBER.finditer(source):
            place = guard.where(root, path, guard.line_of(source, match.start()))
            number = match[1]
            if not re.fullmatch(r"[0-9]{4}", number):
                complaints.append(f"{place}: DTNO({number}) has not four digits")
            elif number in seen:
                complaints.append(f"{place}: DT{number} is already in {seen[number]}")
            else:
                seen[number] = place
        for match in CALL.finditer(source):
            call = _call_text(source, match.end() - 1)
            if not NUMBER.search(call):
                place = guard.where(root, path, guard.line_of(source, match.start()))
                complaints.append(f"{place}: a log call without DTNO(…)")
    return complaints


if __name__ == "__main__":
    guard.main(check)
