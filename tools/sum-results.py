#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the results of automake's test harness and of pytest into one last line.

usage: sum-results.py [--trs BUILD-FOLDER]… [--junit FILE]… [--failed=STEP]…

A step that failed without a failed test counts as one failure, and so does a part in which no
test ran: nothing that did not run may look like success.
"""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree

AUTOMAKE = {"PASS": "passed", "XFAIL": "passed", "SKIP": "skipped"}


def of_automake(folder):
    """Counts of the .trs files below a build folder; prints what failed."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(pathlib.Path(folder).glob("t/**/*.trs")):
        match = re.search(r"^:test-result: (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        result = AUTOMAKE.get(match[1] if match else "", "failed")
        counts[result] += 1
        if result == "failed":
            print(f"failed: {path.with_suffix('.log')}")
    return counts


def of_junit(path):
    """Counts of one JUnit file; a file that is missing or cut short counts nothing."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        cases = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
    except (OSError, xml.etree.ElementTree.ParseError):
        return counts
    for case in cases:
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            counts["failed"] += 1
            print(f"failed: {case.get('classname')}::{case.get('name')}")
        elif "skipped" in kinds:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def main():
    """Print the sums; exit status 1 unless everything passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trs", action="append", default=[])
    parser.add_argument("--junit", action="append", default=[])
    parser.add_argument("--failed", action="append", default=[])
    options = parser.parse_args()
    total = {"passed": 0, "failed": 0, "skipped": 0}
    parts = [(name, of_automake(name)) for name in options.trs]
    parts += [(name, of_junit(name)) for name in options.junit]
    for name, counts in parts:
        if counts["passed"] + counts["failed"] == 0:
            print(f"failed: no test ran in {name}")
            counts["failed"] = 1
        for key, value in counts.items():
            total[key] += value
    if options.failed:
        print("failed steps: " + ", ".join(options.failed))
        total["failed"] = max(total["failed"], 1)
    elif not parts:
        print("failed: no test ran")
        total["failed"] = 1
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}", flush=True)
    sys.exit(1 if total["failed"] else 0)


if __name__ == "__main__":
    main()
