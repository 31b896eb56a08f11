#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests have httpds made for them, so that log and sanitizers are heard when the last child ends.

Nothing in t/ but the harness names the class Httpd, or has a folder removed by stop(remove=True).
"""

import ast

import guard

HARNESS = {"t/lib/httpd.py", "t/lib/farm.py", "t/lib/demo.py"}


def _fault(node):
    """What is wrong with one node of a syntax tree, or None."""
    names = [getattr(node, "id", None), getattr(node, "attr", None)]
    if isinstance(node, ast.ImportFrom):
        names = [alias.name for alias in node.names]
    if "Httpd" in names:
        return "Httpd is for the harness: use serve, prepare or farm of t/conftest.py"
    if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "stop" and any(
            keyword.arg == "remove" for keyword in node.keywords):
        return "stop(remove=…) hides what children say when they end: the farm removes"
    return None


def check(root):
    """Complaints about httpds that are made or removed outside the harness."""
    complaints = []
    for path in guard.files(root, ".py", under=("t",)):
        if path.relative_to(root).as_posix() in HARNESS:
            continue
        nodes = ast.walk(ast.parse(guard.text(path)))
        found = sorted({(node.lineno, _fault(node)) for node in nodes if _fault(node)})
        complaints += [f"{guard.where(root, path, line)}: {fault}" for line, fault in found]
    return complaints


if __name__ == "__main__":
    guard.main(check)
