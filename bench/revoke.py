#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of one look into the revocation table, by running bench/revoke.

usage: revoke.py PROGRAM

Fails when the lookups of one request take more than the limit while 100,000 subjects are revoked.
"""

import re
import subprocess
import sys

LIMIT = 300
LOOKUPS = 10000
LOOKUP = "dt_revoke_is_dead"
COLLECTED = re.compile(r"Collected : (\d+)")


def instructions(program, revoked):
    """Per lookup, with so many subjects revoked."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no",
         f"--toggle-collect={LOOKUP}", program, str(revoked), str(LOOKUPS)],
        capture_output=True, text=True, check=True, timeout=100)
    return int(COLLECTED.search(done.stderr).group(1)) / LOOKUPS


def main():
    """Measure, print, and exit with 1 when the limit is broken."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        subprocess.run([sys.argv[1]], check=True)
        found = {revoked: instructions(sys.argv[1], revoked) for revoked in (0, 100000)}
    except (OSError, subprocess.SubprocessError) as error:
        print(f"revoke.py: {error}", file=sys.stderr)
        return 2
    for revoked, count in found.items():
        print(f"{revoked:>7} revoked: {count:.0f} instructions per request")
    passed = max(found.values()) < LIMIT
    print(f"{'PASS' if passed else 'FAIL'}: the limit is {LIMIT}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
