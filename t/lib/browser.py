# SPDX-License-Identifier: Apache-2.0
"""A client that behaves like a browser: cookie jar, navigation headers, no hidden redirects."""

from urllib.parse import urljoin, urlsplit

from . import wire
from .cookies import Jar

NAVIGATE = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
}
FETCH = {"Accept": "application/json, text/plain, */*", "Sec-Fetch-Mode": "cors",
         "Sec-Fetch-Dest": "empty"}
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"
HTML_HEADERS = {"Accept": "text/html"}
REDIRECTS = (301, 302, 303, 307, 308)


class Client:
    """A browser with one jar, talking to one httpd under a host name that need not resolve.

    Paths go out as they are given: nothing is normalised. `site` is the Sec-Fetch-Site value.
    """

    def __init__(self, httpd, simulator=None, host=None, language="zh-CN,zh;q=0.9", jar=None):
        self.httpd = httpd
        self.simulator = simulator
        self.host = host or httpd.names[0]
        self.language = language
        self.jar = jar or Jar()
        self.history = []

    # -- where ---------------------------------------------------------------------------------

    @property
    def origin(self):
        """Scheme, host and port this client uses."""
        return f"{self.httpd.scheme}://{self.host}:{self.httpd.port}"

    @property
    def session_name(self):
        """The name the session cookie should have by default."""
        return "__Host-dingtalk" if self.httpd.tls else "dingtalk"

    @property
    def session(self):
        """The value of the session cookie, or None."""
        cookie = self.jar.find(self.session_name)
        return cookie.value if cookie else None

    @property
    def tickets(self):
        """The cookies of sign-ins in progress."""
        return [c for c in self.jar.all() if c.name.startswith(self.session_name + "-ticket-")]

    def tab(self, **changes):
        """Another tab of the same browser."""
        return Client(self.httpd, self.simulator, **{
            "host": self.host, "language": self.language, "jar": self.jar, **changes})

    def target(self, url):
        """The request target of a path or of a URL on our own origin."""
        if url.startswith("/"):
            return url.partition("#")[0]
        parts = urlsplit(urljoin(self.origin, url))
        assert f"{parts.scheme}://{parts.netloc}" == self.origin, f"{url} leaves {self.origin}"
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    # -- requests ------------------------------------------------------------------------------

    def request(self, method, url, headers=None, body=None, site="none", cookies=True):
        """One request; headers with the value None are left out, a list repeats a header."""
        target = self.target(url)
        fields = {"Host": f"{self.host}:{self.httpd.port}", "User-Agent": USER_AGENT,
                  "Accept-Language": self.language, "Connection": "close", **(headers or {})}
        if cookies and "Cookie" not in fields:
            fields["Cookie"] = self.jar.header(
                self.httpd.scheme, self.host, target.partition("?")[0],
                cross_site=site == "cross-site",
                safe_navigation=method in ("GET", "HEAD")
                and fields.get("Sec-Fetch-Mode") == "navigate")
        if body is not None:
            fields["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1"]
        for name, value in fields.items():
            for item in value if isinstance(value, (list, tuple)) else [value]:
                if item is not None:
                    lines.append(f"{name}: {item}")
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"
        data = self.raw(head + (body or b""))
        answer = wire.parse(data, method, self.origin + target)
        self.jar.take(answer.set_cookies, self.httpd.scheme, self.host)
        self.history.append(answer)
        return answer

    def ask(self, target, headers, method="GET", body=b""):
        """A request whose target, bytes, and headers are sent as they are; the jar gets the
        cookies."""
        fields = {"Host": f"{self.host}:{self.httpd.port}", "Connection": "close",
                  "Content-Length": len(body), **headers}
        head = b"".join(f"{name}: {value}\r\n".encode("utf-8", "surrogateescape")
                        for name, value in fields.items())
        data = self.raw(f"{method} ".encode() + target + b" HTTP/1.1\r\n" + head + b"\r\n" + body)
        answer = wire.parse(data, method)
        self.jar.take(answer.set_cookies, self.httpd.scheme, self.host)
        return answer

    def raw(self, data):
        """Send bytes as they are and return all bytes of the answer."""
        tls = self.httpd.tls.context() if self.httpd.tls else None
        name = self.httpd.names[0]
        return wire.exchange(self.httpd.port, data, tls=tls, name=name)

    def navigate(self, url, method="GET", headers=None, body=None, site="none", **rest):
        """What a browser sends for a click or the address bar."""
        fields = {**NAVIGATE, "Sec-Fetch-Site": site, **(headers or {})}
        if body is not None:
            fields.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.request(method, url, fields, body, site, **rest)

    def fetch(self, url, method="GET", headers=None, body=None, site="same-origin", **rest):
        """What a script's fetch() sends."""
        fields = {**FETCH, "Sec-Fetch-Site": site, **(headers or {})}
        return self.request(method, url, fields, body, site, **rest)

    # -- signing in ----------------------------------------------------------------------------

    def begin(self, path="/app/"):
        """Open a protected page without a session: the address of DingTalk's page."""
        answer = self.navigate(path)
        assert answer.status == 302, f"expected a redirect to DingTalk: {answer!r}"
        assert answer.location.startswith(self.simulator.login), answer.location
        return answer.location

    def scan(self, userid, location, **choices):
        """A person scans DingTalk's page: the callback address the browser is sent to."""
        return self.simulator.scan(userid, location, **choices)

    def come_back(self, callback):
        """DingTalk sends the browser to the callback: the answer, nothing followed."""
        return self.navigate(callback, site="cross-site")

    def follow(self, answer, limit=5):
        """Follow redirects on our own origin; stop at another origin."""
        while answer.status in REDIRECTS and limit:
            url = urljoin(answer.url, answer.location)
            if not (url + "/").startswith(self.origin + "/"):
                return answer
            answer = self.navigate(url, site="cross-site")
            limit -= 1
        return answer

    def sign_in(self, userid="zhangsan", path="/app/"):
        """The whole round; the final answer, a page or an error page."""
        return self.follow(self.come_back(self.scan(userid, self.begin(path))))
