#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints which share of the lines and branches of src/core and src/provider was executed.

usage: coverage.py [--missing=PATH-PART] [--any-share] [--failed] BUILD-FOLDER

The folder was built by gcc with --coverage, and programs ran. The counters are read with gcc's own
gcov. A branch that only the compiler made, for an exception, is none. An inline function of a
header is executed when one of the files that include it executes it.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

LAYERS = ("src/core", "src/provider")
LINES, BRANCHES = 95.0, 85.0  # per cent that each layer must reach

# Of one file: line number -> how often; (function, line, which of the line's) -> how often.
Counts = collections.namedtuple("Counts", "lines branches")


def gcov_of(folder):
    """What gcov says of every object of the layers, one document each."""
    notes = [path for layer in LAYERS for path in sorted((folder / layer).rglob("*.gcno"))]
    if not notes:
        sys.exit(f"coverage.py: {folder} was not built with --coverage")
    command = [os.environ.get("GCOV", "gcov"), "--json-format", "--stdout",
               "--branch-probabilities"]
    done = subprocess.run([*command, *(path.relative_to(folder) for path in notes)], cwd=folder,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"coverage.py: gcov failed (it must be gcc's, 9 or later):\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def source_of(name, document, root):
    """The path below the root of a file that gcov names, or None when it is none of the layers."""
    path = pathlib.Path(document["current_working_directory"], name).resolve()
    if not path.is_relative_to(root):
        return None
    path = path.relative_to(root).as_posix()
    return path if path.startswith(tuple(f"{layer}/" for layer in LAYERS)) else None


def counts_of(documents, root):
    """Counts of every file, over all objects that contain it."""
    files = {}
    for document in documents:
        for file in document["files"]:
            name = source_of(file["file"], document, root)
            if not name or not file["lines"]:
                continue
            counts = files.setdefault(name, Counts(collections.Counter(), collections.Counter()))
            for line in file["lines"]:
                number = line["line_number"]
                counts.lines[number] += line["count"]
                real = [branch for branch in line["branches"] if not branch["throw"]]
                for which, branch in enumerate(real):
                    counts.branches[line.get("function_name"), number, which] += branch["count"]
    return files


def share(counter):
    """(executed, all, per cent)."""
    executed = sum(1 for count in counter.values() if count)
    return executed, len(counter), 100.0 * executed / len(counter) if counter else 100.0


def row(name, lines, branches):
    """One line of the table."""
    cells = [f"{share(part)[0]:6}/{share(part)[1]:<6}{share(part)[2]:6.1f} %"
             for part in (lines, branches)]
    return f"{name:32}{cells[0]}   {cells[1]}"


def missing_of(name, counts):
    """Line by line, what nothing executed."""
    by_line = collections.defaultdict(list)
    for (_, number, which), count in sorted(counts.branches.items(), key=lambda item: item[0][1:]):
        if not count and counts.lines[number]:
            by_line[number].append(str(which))
    for number in sorted(counts.lines):
        if not counts.lines[number]:
            yield f"{name}:{number}: never executed"
        elif by_line[number]:
            yield f"{name}:{number}: branches never taken: {', '.join(by_line[number])}"


def total_of(files, folder):
    """The counts of all files of a folder as those of one."""
    total = Counts({}, {})
    for name, counts in files.items():
        if not name.startswith(folder):
            continue
        for part, whole in zip(counts, total):
            whole.update({(name, key): count for key, count in part.items()})
    return total


def main():
    """Print the table; exit status 1 below the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--missing", metavar="PATH-PART")
    parser.add_argument("--any-share", action="store_true", help="no share is asked for")
    parser.add_argument("--failed", action="store_true", help="a test failed: say FAIL")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    files = counts_of(gcov_of(options.folder.resolve()), root)
    if options.missing is not None:
        for name in sorted(files):
            if options.missing in name:
                print("\n".join(missing_of(name, files[name])) or f"{name}: nothing is missing")
    print(f"{'file':32}{'lines':>11}{'':13}{'branches':>9}")
    for name in sorted(files):
        print(row(name, *files[name]))
    passed = not options.failed
    for layer in LAYERS:
        total = total_of(files, f"{layer}/")
        print(row(f"all of {layer}", *total))
        passed &= options.any_share or (
            share(total.lines)[2] >= LINES and share(total.branches)[2] >= BRANCHES)
    total = total_of(files, "")
    print(row("all", *total))
    asked = f"; asked in each layer: {LINES:.0f} % and {BRANCHES:.0f} %"
    print(f"{'PASS' if passed else 'FAIL'}: lines {share(total.lines)[2]:.1f} %, branches "
          f"{share(total.branches)[2]:.1f} %{'' if options.any_share else asked}"
          f"{', and a test failed' if options.failed else ''}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
