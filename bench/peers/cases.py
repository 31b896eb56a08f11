# SPDX-License-Identifier: Apache-2.0
"""The cases of bench/run: what httpd is configured with, and how somebody signs in there."""

import base64
import contextlib
import hashlib
import pathlib
import re
import threading
import time
from collections import Counter
from urllib.parse import urlencode

import requests

from instructions import CORP_ID, KEEP_ALIVE, PAGE, PASSWORD
from lib.binding import SQLITE, Store, start
from lib.browser import Client
from lib.databases import find_program
from lib.httpd import Httpd
from lib.process import Helper
from lib.redis import Redis
from lib.sim import Simulator
from lib.site import protected

HERE = pathlib.Path(__file__).resolve().parent
USER = "zhangsan"
REVOKED = 100_000
ALIKE = 5  # at most so many share an entry of the table: of 50 runs, one has such a pair
PATIENCE = 20  # seconds until a table is as it should be
STATUS = '''# mod_status costs each request nothing more than in the other cases
ExtendedStatus Off
<Location "/server-status">
    SetHandler server-status
</Location>'''


class Case:
    """What the cases have in common; this one is httpd without protection."""

    title = "no authentication"
    modules = ()
    dingtalk = False
    needs = ()             # files of httpd's modules without which it cannot run
    refusal = None         # the status of somebody without credentials
    requests = (100, 600)  # counted by callgrind; the figure is the difference

    def __init__(self, surroundings):
        self.surroundings = surroundings

    def configuration(self):
        """The text below the basic configuration."""
        return ""

    def httpd(self, mpm, build, before=""):
        """An httpd for it, not started; before: text above its configuration."""
        httpd = Httpd(mpm=mpm, build=build, log_level="error", dingtalk=self.dingtalk,
                      modules=self.modules, config=before + KEEP_ALIVE + self.configuration())
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        (httpd.folder / "passwords").write_text(f"{USER}:{{SHA}}{digest}\n", encoding="utf-8")
        return httpd

    def wait(self, httpd):
        """Until everything is as it should be while we measure."""

    def sign_in(self, httpd):
        """The headers of a request that is let in."""
        return {}

    def calls(self):
        """What httpd has asked the provider so far: name → times; None where there is none."""
        return None


class Basic(Case):
    """A password file."""

    title = "HTTP Basic, password file, {SHA}"
    modules = ("auth_basic", "authn_file")
    refusal = 401

    def configuration(self):
        return (HERE / "basic.conf").read_text("utf-8")

    def sign_in(self, httpd):
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


def cookies(browser):
    """The header with the cookies that a browser has got."""
    return {"Cookie": browser.jar.header("http", browser.host, PAGE)}


def arrived(answer):
    """Complains unless a sign-in has ended at the page."""
    if answer.status != 200 or not answer.url.endswith(PAGE):
        raise RuntimeError(f"a sign-in failed: {answer!r}")


class Form(Case):
    """mod_auth_form with mod_session_crypto."""

    title = "mod_auth_form, mod_session_crypto"
    modules = ("auth_form", "request", "authn_file", "session", "session_cookie", "session_crypto")
    refusal = 302
    requests = (10, 30)  # each derives the key anew, with thousands of hashes

    def configuration(self):
        return (HERE / "form.conf").read_text("utf-8")

    def sign_in(self, httpd):
        browser = Client(httpd)
        body = urlencode({"httpd_username": USER, "httpd_password": PASSWORD})
        arrived(browser.follow(browser.navigate("/login", "POST", body=body.encode())))
        return cookies(browser)


class OpenID(Case):
    """mod_auth_openidc."""

    modules = ("auth_openidc",)
    needs = ("mod_auth_openidc.so",)
    refusal = 302

    def __init__(self, surroundings, title, session, cache=lambda: "OIDCCacheType shm"):
        super().__init__(surroundings)
        self.title = f"mod_auth_openidc, {title}"
        self.session = session
        self.cache = cache

    def configuration(self):
        text = (HERE / "openidc.conf").read_text("utf-8")
        values = {"session": self.session, "cache": self.cache(), **self.surroundings.provider.ready}
        for name, value in values.items():
            text = text.replace(f"@{name.upper()}@", value)
        return text

    def sign_in(self, httpd):
        browser = Client(httpd)
        there = browser.navigate(PAGE)
        if there.status != 302:
            raise RuntimeError(f"no way to the provider: {there!r}")
        back = requests.get(there.location, allow_redirects=False, timeout=20)
        arrived(browser.follow(browser.navigate(back.headers["Location"], site="cross-site")))
        return cookies(browser)

    def calls(self):
        told = requests.get(self.surroundings.provider.ready["issuer"] + "/calls", timeout=20)
        return Counter(told.json())


class DingTalk(Case):
    """Ours."""

    dingtalk = True
    refusal = 302

    def __init__(self, surroundings, title, *modules, store=None):
        super().__init__(surroundings)
        self.title = f"DingTalk, {title}"
        self.modules = modules
        self.store = store

    def configuration(self):
        store = self.store() if callable(self.store) else self.store
        more = {"DingTalkSessionStore": store} if store else {}
        # valgrind makes a sign-in slow
        return protected(self.surroundings.simulator, *self.lines(),
                         DingTalkTimeout="connect=20s total=40s", **more)

    def lines(self):
        """More lines at server level."""
        return ()

    def sign_in(self, httpd):
        browser = Client(httpd, self.surroundings.simulator)
        arrived(browser.sign_in(USER, PAGE))
        # for some minutes a browser sends the ticket of its sign-in, too: 800 instructions more
        return {"Cookie": f"{browser.session_name}={browser.session}"}

    def calls(self):
        return Counter(call["call"] for call in self.surroundings.simulator.calls())


class Revoked(DingTalk):
    """Ours, while very many others have been signed out."""

    def __init__(self, surroundings):
        super().__init__(surroundings, f"cookie, {REVOKED:,} revoked", "status")

    def lines(self):
        return (self.surroundings.revocations(), STATUS)

    def wait(self, httpd):
        """Until the table has all of them: mod_status says how many.

        Nobody is answered before the table is read, and under valgrind that takes its time.
        """
        end = time.monotonic() + 6 * PATIENCE
        told = "no answer"
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                told = Client(httpd).navigate("/server-status?auto").text
            found = re.search(r"^DingTalkRevocations: (\d+)$", told, re.MULTILINE)
            if found and int(found[1]) >= REVOKED - ALIKE:
                return
            time.sleep(0.2)
        raise RuntimeError(f"the table of revocations does not fill:\n{told}")


class Surroundings(contextlib.ExitStack):
    """The servers that the cases need, each started when first wanted."""

    def __init__(self):
        super().__init__()
        self.running = {}
        self.lock = threading.RLock()

    def _server(self, name, make):
        with self.lock:
            if name not in self.running:
                self.running[name] = self.enter_context(make())
            return self.running[name]

    @property
    def simulator(self):
        """DingTalk."""
        return self._server("simulator", lambda: Simulator("--corp-id", CORP_ID))

    @property
    def provider(self):
        """The OpenID provider."""
        return self._server("provider", lambda: Helper([HERE / "provider.py"]))

    @property
    def redis(self):
        """Redis."""
        return self._server("redis", Redis)

    def revocations(self):
        """The directive of a database in which so many others have been signed out."""
        with self.lock:
            if "revoked" not in self.running:
                store = Store(start(SQLITE))
                self.callback(store.database.stop)
                self._fill(store)
                self.running["revoked"] = store
        return self.running["revoked"].lines()

    def _fill(self, store):
        """One httpd makes the tables, then they get their rows."""
        with Httpd(log_level="error", config=protected(self.simulator, store.lines())):
            store.wait()
        now = int(time.time() * 1000)
        store.query(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
            f"{REVOKED}) INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
            f"SELECT 'person:{CORP_ID}:left' || i, {now}, {now + 86_400_000} FROM n")


def all_cases(surroundings):
    """Every case by its name, in the order of the table."""
    return {
        "bare": Case(surroundings),
        "basic": Basic(surroundings),
        "form": Form(surroundings),
        "openidc-cookie": OpenID(surroundings, "client cookie", "client-cookie"),
        "openidc-shm": OpenID(surroundings, "server cache shm", "server-cache"),
        "openidc-redis": OpenID(
            surroundings, "server cache redis", "server-cache",
            lambda: f"OIDCCacheType redis\nOIDCRedisCacheServer 127.0.0.1:{surroundings.redis.port}"),
        "cookie": DingTalk(surroundings, "cookie"),
        "shmcb": DingTalk(surroundings, "socache:shmcb", "socache_shmcb", store="socache:shmcb"),
        "redis": DingTalk(surroundings, "socache:redis", "socache_redis",
                          store=lambda: surroundings.redis.store),
        "revoked": Revoked(surroundings),
    }


def missing(case, build):
    """What this machine lacks for a case, or None."""
    for name in case.needs:
        if not (build.libexecdir / name).exists():
            return name
    if case.title.endswith("redis") and not find_program("redis-server"):
        return "redis-server"
    return None
