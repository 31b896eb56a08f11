#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No file has more than 500 lines, no C function more than 100, no line of C over 100 columns.

A function is what stands between a `{` and a `}` in column 0, as clang-format leaves it. Those
over 60 lines are named without failing: one should ask whether they do two things.
"""

import re

import guard

FILE_LIMIT = 500
FUNCTION_LIMIT = 100
FUNCTION_NOTE = 60
LINE_LIMIT = 100
SOURCES = (".c", ".h", ".def", ".py", ".sh", ".awk")
LINED = (".c", ".h", ".def")  # clang-format keeps code within, but leaves comments alone
NAME = re.compile(r"(\w+)\s*\(")


def _is_source(path):
    if path.suffix in SOURCES:
        return True
    if path.suffix:
        return False
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def functions(source):
    """(name, line, length) of every function; the length counts from its head to its last brace."""
    found = []
    lines = source.splitlines()
    head = start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{" and start is None:
            head = number - 1
            while head > 1 and lines[head - 2].strip() and lines[head - 2][0] not in "#}/":
                head -= 1
            start = number
        elif line.startswith("}") and start is not None:
            match = NAME.search(" ".join(lines[head - 1:start]))
            found.append((match[1] if match else "?", head, number - head + 1))
            start = None
    return found


def check(root, note=print):
    """Complaints about files and functions that are too long."""
    complaints = []
    for path in guard.files(root):
        if not _is_source(path) or path.name in ("configure", "libtool", "config.status"):
            continue
        count = guard.text(path).count("\n")
        if count > FILE_LIMIT:
            complaints.append(f"{guard.where(root, path)}: {count} lines, limit {FILE_LIMIT}")
        if path.suffix in LINED:
            complaints += [
                f"{guard.where(root, path, number)}: {len(line)} columns, limit {LINE_LIMIT}"
                for number, line in enumerate(guard.text(path).splitlines(), 1)
                if len(line) > LINE_LIMIT]
        for name, line, length in functions(guard.code(path)) if path.suffix in ".c.h" else ():
            said = f"{guard.where(root, path, line)}: {name}() has {length} lines"
            if length > FUNCTION_LIMIT:
                complaints.append(f"{said}, limit {FUNCTION_LIMIT}")
            elif length > FUNCTION_NOTE:
                note(f"note: {said}")
    return complaints


if __name__ == "__main__":
    guard.main(check)
