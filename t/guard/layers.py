#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point one way: module → src/httpd → src/provider → src/core → APR and libraries.

Beside that: libcurl is known to one file, the core asks no clock, file, socket or environment, and
neither core nor provider has writable data of its own (read from the object files, if built).
"""

import re
import subprocess

import guard

# What each layer may include in quotes: paths relative to src/.
MAY_INCLUDE = {
    "core": ("core/",),
    "provider": ("core/", "provider/"),
    "httpd": ("core/", "provider/", "httpd/"),
    "module": ("core/", "provider/", "httpd/"),
}
LIBRARIES = re.compile(r"(apr|apu)(_\w+)?\.h|openssl/\w+\.h|jansson\.h")
LIBC = re.compile(
    r"(assert|ctype|errno|inttypes|limits|locale|math|stdalign|stdarg|stdatomic|stdbool|stddef|"
    r"stdint|stdio|stdlib|string|strings|time|unistd|fcntl|poll|signal|pthread)\.h|"
    r"(sys|arpa|netinet)/\w+\.h")
CURL = re.compile(r"curl/\w+\.h")
CURL_HOME = "src/provider/curl.c"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
WORLD = re.compile(
    r"\b(apr_time_now|time|gettimeofday|clock_gettime|getenv|apr_env_get|fopen|open|"
    r"apr_file_\w+|apr_socket_\w+|apr_sleep|syslog|printf|fprintf|ap_\w+)[ \t]*\(")
WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss|ldata|lbss)(?!\.rel\.ro)(\.|$)")


def layer_of(root, path):
    """core, provider, httpd, module, or None for what is no layer."""
    parts = path.relative_to(root).parts
    if parts == ("mod_auth_dingtalk.c",):
        return "module"
    return parts[1] if len(parts) > 2 and parts[0] == "src" and parts[1] in MAY_INCLUDE else None


def _why_not(layer, name, quoted, curl_home):
    """None if this layer may include this header, else the reason."""
    if CURL.fullmatch(name):
        return None if curl_home else f"only {CURL_HOME} may include libcurl"
    if quoted:
        if name.startswith(MAY_INCLUDE[layer]):
            return None
        return f"{layer} may include " + ", ".join(MAY_INCLUDE[layer]) + " (relative to src/)"
    if layer in ("core", "provider") and not LIBRARIES.fullmatch(name) and not LIBC.fullmatch(name):
        return f"{layer} may use only APR, apr-util, OpenSSL, jansson and libc"
    return None


def _includes(root):
    complaints = []
    for path in guard.files(root, ".c", ".h", ".def", under=("mod_auth_dingtalk.c", "src")):
        layer = layer_of(root, path)
        source = guard.code(path, keep_strings=True)
        if layer is None:
            complaints.append(f"{guard.where(root, path)}: in no layer")
            continue
        curl_home = path.relative_to(root).as_posix() == CURL_HOME
        for match in INCLUDE.finditer(source):
            reason = _why_not(layer, match[2], match[1] == '"', curl_home)
            if reason:
                place = guard.where(root, path, guard.line_of(source, match.start(1)))
                complaints.append(f"{place}: includes {match[2]}: {reason}")
    return complaints


def _world(root):
    complaints = []
    for path in guard.files(root, ".c", ".h", under=("src/core",)):
        source = guard.code(path)
        for match in WORLD.finditer(source):
            place = guard.where(root, path, guard.line_of(source, match.start()))
            complaints.append(f"{place}: {match[1]}: the core asks the world only through ports")
    return complaints


def writable(symbols):
    """Names of writable variables in the output of `objdump -t`."""
    names = []
    for line in symbols.splitlines():
        fields = line.split()
        for index, field in enumerate(fields):
            if WRITABLE.match(field) and "O" in fields[1:index] and int(fields[index + 1], 16):
                names.append(fields[-1])
    return names


def _data(root):
    folder, facts = guard.build()
    if root != guard.ROOT or facts is None or facts["sanitizers"]:
        return []  # a sanitizer puts data of its own into every object
    complaints = []
    for layer in ("core", "provider"):
        for path in sorted((folder / "src" / layer).glob("**/*.o")):
            done = subprocess.run(["objdump", "-t", path], stdout=subprocess.PIPE, text=True,
                                  check=True)
            complaints += [f"{path.relative_to(folder)}: {name} is writable and outlives a call"
                           for name in writable(done.stdout)]
    return complaints


def check(root):
    """Complaints about includes, calls into the world and writable data."""
    return _includes(root) + _world(root) + _data(root)


if __name__ == "__main__":
    guard.main(check)
