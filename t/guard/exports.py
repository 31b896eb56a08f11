#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The built module exports one symbol, its module record."""

import pathlib
import subprocess

import guard

WANTED = ["auth_dingtalk_module"]


def exported(symbols):
    """Names that `nm -D --defined-only` lists."""
    return sorted(line.split()[-1] for line in symbols.splitlines() if line.strip())


def check(root):
    """Complaints about the module of this build."""
    _, facts = guard.build()
    if root != guard.ROOT or facts is None or not pathlib.Path(facts["module"]).exists():
        return [f"{guard.where(root, root / 'mod_auth_dingtalk.c')}: no module is built"]
    done = subprocess.run(["nm", "-D", "--defined-only", facts["module"]],
                          stdout=subprocess.PIPE, text=True, check=True)
    names = exported(done.stdout)
    return [] if names == WANTED else [f"{facts['module']}: exports {', '.join(names) or 'nothing'}"]


if __name__ == "__main__":
    guard.main(check)
