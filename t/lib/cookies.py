# SPDX-License-Identifier: Apache-2.0
"""A browser's cookie jar: domains, paths, prefixes, Secure, SameSite and expiry."""

import email.utils
import threading
import time


class Cookie:
    """One cookie with its attributes (lower-case names)."""

    def __init__(self, line, host):
        first, *rest = line.split(";")
        self.name, _, self.value = first.strip().partition("=")
        self.attributes = {}
        for part in rest:
            name, _, value = part.strip().partition("=")
            self.attributes[name.lower()] = value
        self.host_only = not self.attributes.get("domain")
        self.domain = host if self.host_only else self.attributes["domain"].lstrip(".").lower()
        self.path = self.attributes.get("path") or "/"
        self.secure = "secure" in self.attributes
        self.http_only = "httponly" in self.attributes
        self.same_site = self.attributes.get("samesite", "Lax").lower()
        self.expires = self._expiry()

    def _expiry(self):
        if "max-age" in self.attributes:
            return time.time() + int(self.attributes["max-age"])
        if "expires" in self.attributes:
            when = email.utils.parsedate_to_datetime(
                self.attributes["expires"].replace("-", " "))
            return when.timestamp()
        return None

    @property
    def expired(self):
        """Whether it is over."""
        return self.expires is not None and self.expires <= time.time()

    def matches(self, scheme, host, path):
        """Whether the browser sends it there."""
        if self.secure and scheme != "https":
            return False
        if host != self.domain and (self.host_only or not host.endswith("." + self.domain)):
            return False
        base = self.path if self.path.endswith("/") else self.path + "/"
        return path == self.path or path.startswith(base)


class Jar:
    """The cookies of one browser; tabs in other threads may share it."""

    def __init__(self):
        self._cookies = {}
        self._lock = threading.Lock()
        self.rejected = []

    def take(self, lines, scheme, host):
        """Store Set-Cookie lines of an answer, refusing what a browser refuses."""
        for line in lines:
            cookie = Cookie(line, host)
            if not self._acceptable(cookie, scheme, host):
                self.rejected.append(line)
                continue
            key = (cookie.domain, cookie.path, cookie.name)
            with self._lock:
                self._cookies.pop(key, None)
                if not cookie.expired:
                    self._cookies[key] = cookie

    @staticmethod
    def _acceptable(cookie, scheme, host):
        if cookie.secure and scheme != "https":
            return False
        if host != cookie.domain and not host.endswith("." + cookie.domain):
            return False
        if cookie.name.startswith("__Host-"):
            return cookie.secure and cookie.host_only and cookie.path == "/"
        return not cookie.name.startswith("__Secure-") or cookie.secure

    def header(self, scheme, host, path, cross_site=False, safe_navigation=True):
        """The Cookie header for a request, or None."""
        with self._lock:
            live = [c for c in self._cookies.values() if not c.expired]
        chosen = []
        for cookie in live:
            if not cookie.matches(scheme, host, path):
                continue
            if cross_site and (cookie.same_site == "strict"
                               or cookie.same_site == "lax" and not safe_navigation):
                continue
            chosen.append(cookie)
        chosen.sort(key=lambda c: -len(c.path))
        return "; ".join(f"{c.name}={c.value}" for c in chosen) or None

    def names(self):
        """The names of live cookies."""
        return [c.name for c in self.all()]

    def all(self):
        """The live cookies."""
        with self._lock:
            return [c for c in self._cookies.values() if not c.expired]

    def find(self, name):
        """A cookie by its name, or None."""
        return next((c for c in self.all() if c.name == name), None)

    def put(self, name, value, host, path="/"):
        """Store a cookie by hand."""
        cookie = Cookie(f"{name}={value}; Path={path}", host)
        with self._lock:
            self._cookies[(cookie.domain, cookie.path, name)] = cookie

    def drop(self, name):
        """Forget all cookies of a name."""
        with self._lock:
            self._cookies = {k: c for k, c in self._cookies.items() if k[2] != name}

    def clear(self):
        """Forget everything."""
        with self._lock:
            self._cookies = {}

    def copy(self):
        """Another jar with the same cookies."""
        other = Jar()
        with self._lock:
            other._cookies = dict(self._cookies)
        return other
