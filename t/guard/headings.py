#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file opens with an SPDX line, then with one sentence that says its idea."""

import re

import guard

SPDX = re.compile(r"SPDX-License-Identifier: Apache-2\.0\b")
COMMENT = re.compile(r'^\s*(/\*+|\*+/|\*|//|#|--|"""|r""")?\s?(.*?)\s*(\*/|""")?\s*$')
OPENS = re.compile(r'^\s*(/\*|\*|//|#|r?""")')
SUFFIXES = (".c", ".h", ".def", ".py", ".sh", ".awk")


def complaint_about(source):
    """What is wrong with the first lines of a file, or None."""
    lines = source.splitlines()
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    if not lines or not SPDX.search(lines[0]):
        return "the first line is no SPDX line"
    rest = lines[1:]
    if not rest or not OPENS.match(rest[0]):
        return "no comment follows the SPDX line"
    paragraph = []
    for line in rest:
        words = COMMENT.match(line)[2].strip()
        if not words and not paragraph and OPENS.match(line):
            continue
        if not words:
            break
        paragraph.append(words)
    if not re.search(r"\w.*[.:](\s|$)", " ".join(paragraph)):
        return "the comment after the SPDX line is no sentence"
    return None


def _wanted(path):
    if path.suffix in SUFFIXES:
        return path.stat().st_size > 0 or path.name != "__init__.py"
    if path.suffix or path.name in ("configure", "libtool", "config.status"):
        return False
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def check(root):
    """Complaints about files without that opening."""
    complaints = []
    for path in guard.files(root):
        said = complaint_about(guard.text(path)) if _wanted(path) else None
        if said:
            complaints.append(f"{guard.where(root, path, 1)}: {said}")
    return complaints


if __name__ == "__main__":
    guard.main(check)
