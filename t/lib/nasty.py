# SPDX-License-Identifier: Apache-2.0
"""Addresses that a careless server takes for a path of its own, by class, and good ones."""

import pathlib
import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

LIST = pathlib.Path(__file__).with_name("return_addresses.txt")
HEAD = re.compile(r"== (?P<name>[^()]+) \((?P<count>\d+)\): (?P<why>.+)")
TOKEN = re.compile(r"<(?:(?P<name>TAB|LF|CR|SP|NUL|EMPTY)|U\+(?P<number>[0-9A-F]{4,6})"
                   r"|x(?P<byte>[0-9A-F]{2}|80)|(?P<text>[^<>]+)\*(?P<times>\d+))>")
NAMES = {"TAB": "\t", "LF": "\n", "CR": "\r", "SP": " ", "NUL": "\0", "EMPTY": ""}
EVIL = "evil.example"
LONGEST = 700  # bytes of a return address, DT_RETURN_MAX
CONTROLS = "".join(map(chr, (*range(0x21), 0x7f)))

# Addresses of this site that must arrive as they are.
GOOD = (
    "/", "/app/", "/app/page.html", "/app/page.html?a=1&b=2", "/app/page.html?next=//x",
    "/app/page.html?u=http://other.example/", "/app/page.html?q=a%20b%2Fc", "/app/%E5%BC%A0",
    "/app/a%20b", "/app/page.html?q=%E5%BC%A0%E4%B8%89", "/app/a:b", "/app/a@b", "/app/a;b=1",
    "/app/a+b", "/app/(a)", "/app/~a", "/app/a,b", "/app/page.html?a=b=c&d", "/app/a%2Fb",
    "/app/a=b", "/app/!$&'*", "/app/#top", "/app/page.html?a=1#part-2", "/app/?#", "/app?",
    "/app/#/route/2?tab=3", "/?", "/#", "/a", "/app//page.html", "/app/...", "/app/.well-known/x",
    "/app/..a/b..", "/app/%25", "/app/%2525", "/app/?q=100%25", "/app/?q=50%", "/app/?a[]=1&a[]=2",
    "/app/?back=\\share\\file", "/app/?../../x", "/app/?q=%0A%0D", "/app/127.0.0.1:8080/",
    "/app/http://127.0.0.1:8080/x", "/app:8080/", "/app/?u=http%3A%2F%2Fa%40b%3A1%2F", "/app/'a'",
    "/app/?json={\"a\":1}", "/app/a|b", "/app/^a`b", "/dingtalk-app/", "/app/" + "a/" * 347 + "a",
    "/app/?" + "q" * 694,
)

# Addresses of this site that arrive percent-encoded, as a browser would have sent them.
GOOD_UNICODE = (
    "/app/张三", "/app/张三?q=李", "/app/?q=你好，世界", "/文/#章节", "/app/é", "/app/🙂?a=🙂",
    "/app/한국어", "/app/日本語/", "/app/مرحبا", "/app/e\u0301",
)


def _character(match):
    """What a token stands for."""
    if match["name"]:
        return NAMES[match["name"]]
    if match["number"]:
        return chr(int(match["number"], 16))
    if match["byte"]:
        return bytes.fromhex(match["byte"]).decode("utf-8", "surrogateescape")
    return match["text"] * int(match["times"])


def classes(own="127.0.0.1", port=8080):
    """The values of each class: {name: [values]}; the site's own host and port are in some."""
    found = {}
    for line in LIST.read_text(encoding="utf-8").split("\n"):
        head = HEAD.fullmatch(line)
        if head:
            values = found.setdefault(head["name"], [])
        elif line and found:
            text = line.replace("{h}", EVIL).replace("{own}", own).replace("{port}", str(port))
            values.append(TOKEN.sub(_character, text))
    return found


def counts():
    """How many values each head says its class has: {name: count}."""
    heads = map(HEAD.fullmatch, LIST.read_text(encoding="utf-8").split("\n"))
    return {head["name"]: int(head["count"]) for head in heads if head}


def controls():
    """Each control and the blank at each place where a parser may drop it."""
    return [shape.replace("?", control) for control in CONTROLS
            for shape in ("?//" + EVIL, "/?/" + EVIL, "/?\\" + EVIL, "//?" + EVIL,
                          "http:?//" + EVIL, "java?script:1")]


def corpus(own="127.0.0.1", port=8080):
    """All values, without those that two classes have."""
    listed = [value for values in classes(own, port).values() for value in values]
    return list(dict.fromkeys(listed + controls()))


def sample(own="127.0.0.1", port=8080, each=1):
    """So many values of each class, for what takes long; evenly out of the class."""
    return [value for values in classes(own, port).values()
            for value in values[::max(1, len(values) // each)][:each]]


def values_of(visitor, each=None):
    """The values, made for this visitor's site; or so many of each class."""
    where = urlsplit(visitor.origin)
    if each:
        return sample(where.hostname, where.port, each)
    return corpus(where.hostname, where.port)


def in_one_line(values):
    """Those that can stand in a header: with a line end it would be another one."""
    return [value for value in values if not set(value) & set("\r\n\0")]


# -- how a value is written down -------------------------------------------------------------------

def encoded(value):
    """A value as one parameter of a query."""
    return quote(value, safe="", errors="surrogateescape")


def raw(value):
    """A value in a query as raw as HTTP allows: its own escapes are then escapes of the query."""
    return "".join(c if " " < c < "\x7f" and c not in "#&+"
                   else quote(c, errors="surrogateescape") for c in value)


def spellings(value):
    """The ways a value can stand in a query: encoded, raw, and encoded twice."""
    return list(dict.fromkeys([encoded(value), raw(value), encoded(encoded(value))]))


def meant(text):
    """The bytes that a parameter of a query says, each escape that is none left as it is."""
    return unquote_to_bytes(text.replace("+", " "))


def ascii_of(value):
    """An address as it goes into a header: bytes above ASCII percent-encoded."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in data)


def faithful(value):
    """What may arrive for a value: the value, its path alone when it is too long, or the start."""
    whole = ascii_of(value)
    path = whole.partition("#")[0].partition("?")[0]
    return {"/", path if len(whole) > LONGEST else whole}


def targets_of(visitor, values):
    """(value, request target): as raw as a request line can be, escaped, and with our origin."""
    own = visitor.origin.encode()
    for value in values:
        data = value.encode("utf-8", "surrogateescape")
        usable = not set(value) & set("\r\n\0 \t")
        if value.startswith(("http://", "https://")) and usable:
            yield value, data
        if value.startswith(("/dingtalk/", "/?", "/#")) or not value.startswith("/"):
            continue
        if usable:
            yield value, data
            yield value, own + data
        yield value, quote(data, safe="/\\%?@:;~.,=").encode()
