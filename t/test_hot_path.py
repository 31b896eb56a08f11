# SPDX-License-Identifier: Apache-2.0
"""The hot path: what a live session costs, in instructions, since those do not depend on the day."""

import os
import pathlib
import shutil
import subprocess

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[1] / "bench" / "instructions.py"


@pytest.mark.plain
def test_a_live_session_adds_fewer_than_7100_instructions_and_no_system_call(build):
    """Neither malloc nor lock: the benchmark counts these too."""
    assert shutil.which("valgrind"), "valgrind is missing: tools/install-packages.sh test"
    done = subprocess.run(["/usr/bin/python3", str(PROGRAM), "--check"],
                          env={**os.environ, "DT_BUILD": str(build.folder)},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout.decode("utf-8", "backslashreplace")
