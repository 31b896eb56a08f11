#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every guard finds what it is for: small trees, each with one fault, and one without any."""

import pathlib
import sys
import tempfile

import assertions
import directives
import exports
import headings
import httpds
import layers
import lognumbers
import sizes
import sources
import strings

C = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Idea of this file. */\n"
PY = '# SPDX-License-Identifier: Apache-2.0\n"""Idea of this file."""\n'
LONG = "\n".join(["int long_one(int a,", "             int b)", "{", *["    a++;"] * 99, "}", ""])
UNIT_TEST = "static void a_test(void **state)\n{{\n    {};\n}}\n"
X_TEST = "from lib import x\n\n\ndef test_x():\n    {}\n"
Y_TEST = "from lib.y import Y\n\n\ndef test_y(made):\n    {}\n"
MADE = "import pytest\n\n\n@pytest.fixture\ndef made():\n    assert 1 < 2\n    return len\n\n\n"

GOOD = {
    "Makefile.am": "core = src/core/a.c \\\n\tsrc/provider/curl.c src/httpd/b.c\n"
                   "tests = t/unit/test_a\n",
    "README.md": "| `DingTalkClientID` | the id |\n",
    "conf/auth_dingtalk.conf": "# DingTalkClientID dingxyz\n",
    "mod_auth_dingtalk.c": C + "#include <httpd.h>\n",
    "src/core/a.c": C + '#include "core/a.h"\n#include <apr_time.h>\n/* time() strcpy() */\n',
    "src/core/a.h": C + "#include <apr_pools.h>\n#include <string.h>\n",
    "src/provider/curl.c": C + '#include "core/a.h"\n#include <curl/curl.h>\n',
    "src/httpd/b.c": C + '#include "provider/curl.h"\n#include <http_log.h>\n'
                     'int f(void)\n{\n    ap_log_rerror(X, DTNO(0001) "a (b");\n}\n',
    "src/httpd/config.def": C + "DIRECTIVE(DingTalkClientID, text)\n",
    "src/httpd/log.h": C + "#define DTNO(n) \"DT\" #n \": \"\n",
    "t/unit/test_a.c": C + UNIT_TEST.format("equals(1)"),
    "t/unit/unit.h": C + "#define equals(n) \\\n    assert_true(n)\n",
    "t/lib/x.py": PY + "def same(a):\n    assert a\n\n\ndef start(a):\n    return a\n",
    "t/lib/y.py": PY + "from .x import same\n\n\nclass Y:\n    def holds(self):\n        same(1)\n",
    "t/test_x.py": PY + X_TEST.format("x.same(1)"),
    "t/test_y.py": PY + Y_TEST.format("Y().holds()"),
    "t/test_ways.py": PY + X_TEST.format(
        "if a:\n        x.same(1)\n        return\n    if b:\n        pytest.skip(1)\n"
        "    with c:\n        if d:\n            x.same(1)\n        else:\n            assert d"),
}

# guard, file, what is written there instead (None: no such file), what the complaint must say
BAD = [
    (layers, "src/core/a.c", C + "#include <httpd.h>\n", "src/core/a.c:3: includes httpd.h"),
    (layers, "src/core/a.c", C + '# include "provider/curl.h"\n', "src/core/a.c:3: includes"),
    (layers, "src/core/a.h", C + "\n#include <http_log.h>\n", "src/core/a.h:4: includes"),
    (layers, "src/core/a.c", C + "#include <curl/curl.h>\n", "src/core/a.c:3: includes"),
    (layers, "src/core/a.c", C + '#include "a.h"\n', "src/core/a.c:3: includes a.h"),
    (layers, "src/core/a.c", C + "long f(void) { return apr_time_now(); }\n", "apr_time_now"),
    (layers, "src/provider/curl.c", C + '#include "httpd/config.h"\n', "curl.c:3: includes"),
    (layers, "src/provider/curl.c", C + "#include <util_mutex.h>\n", "curl.c:3: includes"),
    (layers, "src/httpd/b.c", C + "#include <curl/curl.h>\n", "src/httpd/b.c:3: includes"),
    (layers, "src/other/x.c", C, "src/other/x.c: in no layer"),
    (directives, "conf/auth_dingtalk.conf", "DingTalkOther x\n", "DingTalkClientID is not in conf"),
    (directives, "conf/auth_dingtalk.conf", "#DingTalkClientID x\n<DingTalkOther>\n", "dingtalk.conf:2:"),
    (directives, "README.md", "nothing\n", "DingTalkClientID is not in README.md"),
    (directives, "README.md", "DingTalkClientID\nDingTalkGone\n", "README.md:2: there is no"),
    (directives, "src/httpd/config.def", C, "no DIRECTIVE"),
    (lognumbers, "src/httpd/c.c", C + "x(DTNO(0001));\n", "c.c:3: DT0001 is already in src/httpd/b"),
    (lognumbers, "src/httpd/b.c", C + "x(DTNO(12));\n", "b.c:3: DTNO(12) has not four digits"),
    (lognumbers, "src/httpd/b.c", C + "ap_log_error(X,\n  f(1), 2);\nDTNO(0002)\n", "b.c:3: a log"),
    (lognumbers, "mod_auth_dingtalk.c", C + "ap_log_cerror(X);\n", "dingtalk.c:3: a log call"),
    (sizes, "src/core/a.c", C + LONG, "src/core/a.c:3: long_one() has 103 lines"),
    (sizes, "src/core/a.h", C + "\n" * 499, "src/core/a.h: 501 lines"),
    (sizes, "src/core/a.h", C + "/* " + "x" * 98 + "\n*/\n", "src/core/a.h:3: 101 columns"),
    (sizes, "t/lib/x.py", PY + "\n" * 499, "t/lib/x.py: 501 lines"),
    (sizes, "demo", "#!/bin/sh\n" + "\n" * 500, "demo: 501 lines"),
    (headings, "src/core/a.c", "/* Idea. */\n", "src/core/a.c:1: the first line is no SPDX"),
    (headings, "src/core/a.c", C.splitlines()[0] + "\nint a;\n", "a.c:1: no comment follows"),
    (headings, "src/core/a.h", C.splitlines()[0] + "\n/* a.h */\n", "a.h:1: the comment after"),
    (headings, "t/lib/x.py", "import os\n", "t/lib/x.py:1: the first line is no SPDX"),
    (headings, "runtests", "#!/bin/sh\nset -e\n", "runtests:1: the first line is no SPDX"),
    (strings, "src/core/a.c", C + "void f(void)\n{\n    strcpy(a, b);\n}\n", "src/core/a.c:5: strcpy"),
    (strings, "mod_auth_dingtalk.c", C + "x = alloca (3);\n", "dingtalk.c:3: alloca"),
    (assertions, "t/test_x.py", PY + X_TEST.format("x.start(1)"), "t/test_x.py:6: test_x asserts no"),
    (assertions, "t/test_x.py", PY + X_TEST.format("assert (1, 2)"), "test_x.py:6: test_x asserts no"),
    (assertions, "t/test_x.py", PY + X_TEST.format("if a:\n        x.same(1)"), "on some way"),
    (assertions, "t/test_x.py", PY + X_TEST.format(
        "for a in b:\n        if a:\n            x.same(1)"), "test_x.py:6: test_x asserts nothing on"),
    (assertions, "t/test_x.py", PY + X_TEST.format("if a:\n        return\n    x.same(1)"), "on some"),
    (assertions, "t/test_x.py", PY + X_TEST.format(
        "if a:\n        x.same(1)\n    elif b:\n        x.same(2)"), "on some way"),
    (assertions, "t/test_y.py", PY + Y_TEST.format("Y()"), "t/test_y.py:6: test_y asserts nothing"),
    (assertions, "t/test_y.py", PY + MADE + Y_TEST.format("made(1)"), "test_y asserts nothing"),
    (assertions, "t/unit/test_a.c", C + UNIT_TEST.format("work(1)"), "test_a.c:3: a_test asserts no"),
    (assertions, "t/unit/test_a.c", C, "t/unit/test_a.c: has no test"),
    (httpds, "t/test_x.py", PY + "from lib.httpd import Httpd as H\n", "test_x.py:3: Httpd is for"),
    (httpds, "t/lib/x.py", PY + "from . import httpd\nhttpd.Httpd()\n", "x.py:4: Httpd is for the"),
    (httpds, "t/lib/x.py", PY + "\n\nHttpd().stop(remove=True)\n", "x.py:5: stop(remove=…) hides"),
    (sources, "src/core/new.c", C, "src/core/new.c: not in Makefile.am"),
    (sources, "t/unit/test_new.c", C, "t/unit/test_new.c: not in Makefile.am"),
    (sources, "t/unit/test_a.c", None, "Makefile.am:3: there is no t/unit/test_a.c"),
]

OBJDUMP = """
0000000000000000 l    d  .bss\t0000000000000000 .bss
0000000000000000 l     O .bss\t0000000000000004 counter
0000000000000000 g     O .data\t0000000000000008 shared
0000000000000000 l     O .tbss\t0000000000000004 per_thread
0000000000000000 l     O .data.rel.ro.local\t0000000000000040 constant_table
0000000000000000 l     O .rodata\t0000000000000040 text
0000000000000000 g     F .text\t0000000000000040 function
"""


def _tree(folder, changes):
    for name, content in {**GOOD, **changes}.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")


def _complaints(guard, changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        _tree(root, changes)
        if guard is sizes:
            return sizes.check(root, note=lambda said: None)
        return guard.check(root)


def main():
    """Run all cases; exit status 1 when a guard is blind or sees ghosts."""
    failures = []
    for guard in (assertions, httpds, layers, directives, lognumbers, sizes, headings, strings,
                  sources):
        said = _complaints(guard, {})
        if said:
            failures.append(f"{guard.__name__} complains about a good tree: {said}")
    for guard, name, content, wanted in BAD:
        said = _complaints(guard, {name: content})
        if not any(wanted in complaint for complaint in said):
            failures.append(f"{guard.__name__} misses {wanted!r} in {name}: {said}")
    if layers.writable(OBJDUMP) != ["counter", "shared", "per_thread"]:
        failures.append(f"layers.writable finds {layers.writable(OBJDUMP)}")
    if exports.exported("0000 D a_module\n0000 T leaked\n") != ["a_module", "leaked"]:
        failures.append("exports.exported does not read nm")
    for failure in failures:
        print(failure)
    print(f"{len(BAD) + 10} cases, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
