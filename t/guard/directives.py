#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every directive of src/httpd/config.def is documented, and nothing else is.

Documented means: at the start of a line of conf/auth_dingtalk.conf, commented out or not, and by
name in README.md.
"""

import re

import guard

ROW = re.compile(r"^[ \t]*(?:DIRECTIVE|SECTION)\w*\([ \t]*\"?<?(DingTalk\w+)", re.MULTILINE)
CONF = re.compile(r"^[ \t]*#?[ \t]*</?(DingTalk[A-Z]\w+)|^[ \t]*#?[ \t]*(DingTalk[A-Z]\w+)",
                  re.MULTILINE)
WORD = re.compile(r"\bDingTalk[A-Z]\w+")


def _names(source, pattern):
    """Name → first line it stands on."""
    names = {}
    for match in pattern.finditer(source):
        name = next((group for group in match.groups() if group), match.group())
        names.setdefault(name, guard.line_of(source, match.end()))
    return names


def check(root):
    """Complaints about directives that are undocumented, and documented words that are none."""
    table = root / "src" / "httpd" / "config.def"
    conf = root / "conf" / "auth_dingtalk.conf"
    readme = root / "README.md"
    complaints = [f"{guard.where(root, path)}: missing"
                  for path in (table, conf, readme) if not path.exists()]
    if complaints:
        return complaints
    rows = _names(guard.code(table, keep_strings=True), ROW)
    if not rows:
        return [f"{guard.where(root, table)}: no DIRECTIVE(…) row found"]
    in_conf = _names(guard.text(conf), CONF)
    in_readme = _names(guard.text(readme), WORD)
    for name, line in rows.items():
        place = guard.where(root, table, line)
        if name not in in_conf:
            complaints.append(f"{place}: {name} is not in {guard.where(root, conf)}")
        if name not in in_readme:
            complaints.append(f"{place}: {name} is not in {guard.where(root, readme)}")
    for path, names in ((conf, in_conf), (readme, in_readme)):
        complaints += [f"{guard.where(root, path, line)}: there is no directive {name}"
                       for name, line in names.items() if name not in rows]
    return complaints


if __name__ == "__main__":
    guard.main(check)
