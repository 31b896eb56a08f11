# SPDX-License-Identifier: Apache-2.0
"""Where a browser would go: the WHATWG URL parser, of node where there is one, and HTML's links."""

import atexit
import html.parser
import json
import re
import shutil
import subprocess
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from . import nasty
from .build import ROOT

SCRIPT = """
const lines = require("node:readline").createInterface({input: process.stdin});
lines.on("line", line => {
  const [base, list] = JSON.parse(line);
  console.log(JSON.stringify(list.map(address => {
    try { const url = new URL(address, base); return [url.origin, url.href]; }
    catch (error) { return ["invalid", ""]; }
  })));
});
"""


class Node:
    """One node for all questions; it ends with its input, and so with this program."""

    def __init__(self):
        self.program = shutil.which("node") or shutil.which("nodejs")
        self.process = None

    def ask(self, base, addresses):
        """[origin, whole address] of each."""
        if self.process is None:
            self.process = subprocess.Popen([self.program, "-e", SCRIPT], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE)
            atexit.register(self.end)
        self.process.stdin.write(json.dumps([base, addresses]).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        """No more questions."""
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


NODE = Node()


def origins(base, locations):
    """The origin a browser at `base` goes to for each address."""
    return [origin for origin, _ in resolve(base, locations)]


def resolve(base, locations):
    """(origin, whole address) that a browser at `base` goes to for each address."""
    if NODE.program:
        return [tuple(pair) for pair in NODE.ask(base, list(locations))]
    return [(_origin(base, location), urljoin(base, location)) for location in locations]


def _origin(base, location):
    """What WHATWG does before and while parsing a special URL, as far as an origin goes."""
    text = re.sub(r"[\t\r\n]", "", location.strip("".join(map(chr, range(33)))))
    text = text.replace("\\", "/")
    match = re.match(r"(?i)(https?):/*(.*)", text)
    if match:
        text = f"{match[1].lower()}://{match[2]}"
    elif re.match(r"(?i)[a-z][a-z0-9+.-]*:", text):
        return "null"
    elif re.match(r"//+", text):
        text = "//" + text.lstrip("/")
    parts = urlsplit(urljoin(base, text))
    host = (parts.hostname or "").rstrip(".")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"


# -- what a page can lead to -----------------------------------------------------------------------

ADDRESSES = {"href", "src", "action", "formaction", "data", "poster", "background", "cite", "ping",
             "longdesc", "manifest", "codebase", "archive", "usemap", "icon", "xlink:href",
             "srcset", "imagesrcset", "srcdoc"}
REFRESH = re.compile(r"""\s*[\d.]*\s*[;,]?\s*(?:url\s*=\s*)?(?P<quote>["']?)(?P<url>.*)""",
                     re.I | re.S)  # HTML, 4.2.5.3, shared declarative refresh steps


class Targets(html.parser.HTMLParser):
    """Everything in a page that a browser may go to, load or execute."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []  # of links, forms, pictures and the rest
        self.programs = []   # the text of scripts, and attributes that are some
        self.styles = []
        self.bases = 0
        self._inside = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Collect what the attributes say."""
        self._inside = {"script": self.programs, "style": self.styles}.get(tag)
        self.bases += tag == "base"
        for name, value in attrs:
            value = value or ""
            if name in ADDRESSES:
                self.addresses.append(value)
            elif name.startswith("on"):
                self.programs.append(value)
            elif name == "style":
                self.styles.append(value)
        fields = dict(attrs)
        if tag == "meta" and (fields.get("http-equiv") or "").lower() == "refresh":
            self.addresses.append(refresh(fields.get("content") or ""))

    def handle_endtag(self, tag):
        """A script or a style ends."""
        self._inside = None

    def handle_data(self, data):
        """Text of a script or a style."""
        if self._inside is not None:
            self._inside.append(data)


def refresh(content):
    """Where a meta refresh, or a Refresh header, leads."""
    match = REFRESH.fullmatch(content)
    return match["url"].partition(match["quote"])[0] if match["quote"] else match["url"]


# -- the judge of answers --------------------------------------------------------------------------

COOKIE = re.compile(r"dingtalk(-bind|-ticket-[\w-]+)?=[\w.-]*(;|$)")
LINK = re.compile(r"/dingtalk/log(?:in|out)\?return=((?:[\w.~-]|%[0-9A-F]{2})*)$")
PAGES = ROOT / "conf" / "pages"
CONTROL = re.compile(r"[\0-\x1f\x7f]")
# An address of ours with the longest return address in it, each byte of that escaped.
LONGEST = 3 * nasty.LONGEST + 100


class Judge:
    """Takes every answer to a hostile value, and says at the end whether one leads off the site."""

    def __init__(self, visitor):
        visitor.httpd.allow_log(r"DT\d+:", r"AH\d+:")  # what is refused is logged
        self.visitor = visitor
        self.base = visitor.origin + "/dingtalk/callback"
        self.seen = []  # (value, address)
        self.answers = 0
        self.style = (PAGES / "style.css").read_text(encoding="utf-8")
        self.script = (PAGES / "bind.js").read_text(encoding="utf-8")

    def take(self, value, answer):
        """An answer of the module or of httpd."""
        self.answers += 1
        assert answer.get("X-Evil") is None and len(answer.get_all("Location")) <= 1, value
        assert all(COOKIE.match(line) for line in answer.set_cookies), (value, answer.set_cookies)
        assert answer.extra == b""
        assert not any(CONTROL.search(name + text) for name, text in answer.headers), \
            (value, answer.headers)
        if answer.location is not None:
            self.add(value, answer.location)
        if answer.get("Refresh") is not None:
            self.add(value, refresh(answer.get("Refresh")))
        kind = answer.get("Content-Type") or ""
        if kind.startswith("text/html"):
            self.page(value, Targets(answer.text))
        elif kind.startswith("application/json"):
            told = answer.json()
            for name in told.keys() & {"login_url", "location"}:
                self.add(value, told[name])
        return answer

    def page(self, value, targets):
        """Scripts and styles of a page are ours to the letter; addresses are judged."""
        assert set(targets.programs) <= {"\n" + self.script}, (value, targets.programs)
        assert set(targets.styles) <= {"\n" + self.style}, (value, targets.styles)
        assert not targets.bases, value
        for address in targets.addresses:
            self.add(value, address)

    def add(self, value, address):
        """An address, and the one that it carries to a later answer."""
        assert all(" " < c < "\x7f" for c in address), f"{value!r} → {address!r}"
        assert len(address) <= LONGEST, f"{value!r} → {len(address)} bytes"
        self.seen.append((value, address))
        link = LINK.search(address)
        if link and address not in nasty.faithful(value):
            self.seen.append((value, unquote(link[1])))

    def is_dingtalk(self, address):
        """Whether it is DingTalk's page, told to send people back to us and nowhere else."""
        page, _, query = address.partition("?")
        if page != self.visitor.simulator.login + "/oauth2/auth" or "#" in address:
            return False
        fields = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        return len(dict(fields)) == len(fields) and dict(fields)["redirect_uri"] == self.base

    def verdict(self, least):
        """Nothing of at least so many addresses leads off the site, not even decoded once more."""
        assert len(self.seen) >= least, f"{len(self.seen)} addresses in {self.answers} answers"
        own = [(value, address) for value, address in self.seen if not self.is_dingtalk(address)]
        later = [unquote(address.partition("?")[0]) for _, address in own]
        told = resolve(self.base, [address for _, address in own])
        for (value, address), (origin, whole) in zip(own, told):
            assert origin == self.visitor.origin, f"{value!r} → {address!r} goes to {origin}"
            plain = self.visitor.origin * address.startswith("/") + address
            assert unquote(whole) == unquote(plain), \
                f"{value!r} → {address!r} is read as {whole!r}"
        for (value, address), origin in zip(own, origins(self.base, later)):
            assert origin == self.visitor.origin, f"{value!r} → {address!r}, decoded, to {origin}"
