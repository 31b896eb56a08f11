#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No test asserts nothing: each reaches an assertion, in its own body or in a helper's it calls.

In Python an assertion is an assert of something that is not constant, or a call of pytest.raises,
of Selenium's until, or of something named assert…, expect… or judge…. A helper is found by its
name: in the same file, in the file it is imported from, and a method in the classes of both. What a
fixture asserts is no test's own, unless it is a function that the test calls. And there must be no
way through a test that reaches none: an if whose assertions are not matched by its else's or by
those behind it, or by a skip. In C an assertion is a call or macro named assert_…, expect_… or
fail….
"""

import ast
import pathlib
import re

import guard
import sizes

SAYS = re.compile(r"_?(assert|expect|judge)|(raises|fail|until)$")
C_SAYS = re.compile(r"\b(?:assert_|expect_|fail(?:_msg)?\s*\()")
C_NAME = re.compile(r"\b(\w+)\s*(?=\()")
C_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)((?:.*\\\n)*.*)$", re.MULTILINE)
C_TEST = re.compile(r"\bvoid (\w+)\(void \*\*\w*\)\s*\{")


# -- Python ----------------------------------------------------------------------------------------

class Python:
    """One file: its functions, and which names stand for what in other files."""

    def __init__(self, path, root):
        self.path = path
        self.tree = ast.parse(guard.text(path))
        self.modules, self.names, self.functions, self.methods = {}, {}, {}, {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                self._import(node, root)
        self._collect(self.tree, self.functions)

    def _import(self, node, root):
        folder = self.path.parent if node.level else root / "t"
        place = folder.joinpath(*(node.module or "").split("."))
        for alias in node.names:
            name = alias.asname or alias.name
            if (place / f"{alias.name}.py").exists():
                self.modules[name] = place / f"{alias.name}.py"
            elif place.with_suffix(".py").exists():
                self.names[name] = place.with_suffix(".py"), alias.name

    def _collect(self, node, into):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = [node for node in ast.walk(child) if isinstance(node, ast.FunctionDef)]
                into.setdefault(child.name, []).extend(
                    inner[1:] if _is_fixture(child) else [child])
            elif isinstance(child, ast.ClassDef):
                self._collect(child, self.methods)
            elif not isinstance(child, ast.expr):
                self._collect(child, into)


def _is_fixture(function):
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def _says(node):
    """Whether this node alone is an assertion."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, (ast.Constant, ast.Tuple))
    if isinstance(node, ast.Call):
        called = node.func
        name = getattr(called, "attr", getattr(called, "id", ""))
        return SAYS.match(name) is not None
    return False


class Project:
    """The Python files of t/, read when one is asked for."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        self.known = {}

    def file(self, path):
        """The file at this path."""
        if path not in self.files:
            self.files[path] = Python(path, self.root)
        return self.files[path]

    def _methods(self, file, name):
        """Methods of this name in the file and in the files it imports from."""
        places = {file.path, *file.modules.values(), *(path for path, _ in file.names.values())}
        return [(self.file(path), function) for path in sorted(places)
                for function in self.file(path).methods.get(name, ())]

    def called(self, file, call):
        """(file, function) of what a call may mean."""
        called = call.func
        if isinstance(called, ast.Attribute):
            base = called.value.id if isinstance(called.value, ast.Name) else None
            if base in file.modules:
                other = self.file(file.modules[base])
                return [(other, function) for function in other.functions.get(called.attr, ())]
            return self._methods(file, called.attr)
        if not isinstance(called, ast.Name):
            return []
        if called.id in file.names:
            path, name = file.names[called.id]
            other = self.file(path)
            return [(other, function) for function in other.functions.get(name, ())]
        return [(file, function) for function in file.functions.get(called.id, ())]

    def asserts(self, file, function):
        """Whether the function reaches an assertion."""
        if function not in self.known:
            self.known[function] = False  # for those that call each other
            nodes = [node for statement in function.body for node in ast.walk(statement)]
            self.known[function] = any(_says(node) for node in nodes) or any(
                self.asserts(*target) for node in nodes if isinstance(node, ast.Call)
                for target in self.called(file, node))
        return self.known[function]


# What becomes of a way through statements that has met no assertion.
GOES_ON, RETURNS = "goes on", "returns"


class Ways:
    """The ways through a test that meet no assertion; what loops repeat is met once at least."""

    def __init__(self, project, file):
        self.project, self.file = project, file

    def _speaks(self, *nodes):
        """Whether one of these reaches an assertion, wherever in it."""
        return any(_says(node) or isinstance(node, ast.Call) and any(
            self.project.asserts(*target) for target in self.project.called(self.file, node))
            for root in nodes for node in ast.walk(root))

    def silent(self, statements):
        """How silent ways through these end: of GOES_ON, RETURNS."""
        ends = {GOES_ON}
        for statement in statements:
            if GOES_ON in ends:
                ends = ends - {GOES_ON} | self._through(statement)
        return ends

    def _through(self, node):
        if isinstance(node, (ast.Raise, ast.Return)) or _is_skip(node):
            return {RETURNS} if isinstance(node, ast.Return) and not self._speaks(node) else set()
        if isinstance(node, ast.If):
            return set() if self._speaks(node.test) else (
                self.silent(node.body) | self.silent(node.orelse))
        if isinstance(node, (ast.For, ast.While)):
            head = node.iter if isinstance(node, ast.For) else node.test
            return set() if self._speaks(head) else self.silent([*node.body, *node.orelse])
        if isinstance(node, ast.With):
            return set() if self._speaks(*node.items) else self.silent(node.body)
        if isinstance(node, ast.Try):
            ends = self.silent([*node.body, *node.orelse])
            for handler in node.handlers:
                ends |= self.silent(handler.body)
            behind = self.silent(node.finalbody)
            return ends if GOES_ON in behind else behind
        return set() if self._speaks(node) else {GOES_ON}


def _is_skip(node):
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Call) else None
    return getattr(called, "attr", None) == "skip"


def _python(root):
    project = Project(root)
    for path in guard.files(root, ".py", under=("t",)):
        if not path.name.startswith("test_"):
            continue
        file = project.file(path)
        for functions in (file.functions, file.methods):
            for name, found in functions.items():
                for function in found if name.startswith("test") else ():
                    place = guard.where(root, path, function.lineno)
                    if not project.asserts(file, function):
                        yield f"{place}: {name} asserts nothing"
                    elif Ways(project, file).silent(function.body):
                        yield f"{place}: {name} asserts nothing on some way through it"


# -- C ---------------------------------------------------------------------------------------------

def _bodies(source):
    """(first line, text) of every function, and the text of every macro, by name."""
    lines = source.splitlines()
    found = {match[1]: (None, match[2]) for match in C_MACRO.finditer(source)}
    for name, line, length in sizes.functions(source):
        body = "\n".join(lines[line - 1:line - 1 + length])
        found[name] = line, body[body.find("{"):]
    return found


def _speaking(bodies):
    """The names from which an assertion is reached."""
    speaking = {name for name, (_, body) in bodies.items() if C_SAYS.search(body)}
    grown = True
    while grown:
        more = {name for name, (_, body) in bodies.items()
                if speaking & set(C_NAME.findall(body))} - speaking
        speaking |= more
        grown = bool(more)
    return speaking


def _c(root):
    folder = root / "t" / "unit"
    if not folder.exists():
        return
    shared = {}
    for path in guard.files(folder, ".h"):
        shared.update(_bodies(guard.code(path)))
    for path in guard.files(folder, ".c"):
        source = guard.code(path)
        bodies = {**shared, **_bodies(source)}
        speaking = _speaking(bodies)
        tests = C_TEST.findall(source)
        for name in tests:
            if name not in speaking:
                place = guard.where(root, path, bodies[name][0])
                yield f"{place}: {name} asserts nothing"
        if not tests:
            yield f"{guard.where(root, path)}: has no test"


def check(root):
    """Complaints about tests that assert nothing."""
    return [*_python(pathlib.Path(root)), *_c(pathlib.Path(root))]


if __name__ == "__main__":
    guard.main(check)
