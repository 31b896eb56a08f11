# SPDX-License-Identifier: Apache-2.0
"""Sites with accounts: their configuration, their database, and the bind page in a browser."""

import concurrent.futures
import copy
import html.parser
import json
import os
import pathlib
import re
import time
from urllib.parse import urlencode

import pytest

from . import databases, expect, site as sites
from .browser import Client
from .httpd import unprivileged_user
from .meter import Meter

SQLITE, POSTGRES, MARIADB = "sqlite3", "pgsql", "mysql"
# Three seconds for MariaDB may be over on a busy machine; when it comes to it, the next poll reads.
SLOW_START = "DT0054"
EMPTIED = ("dingtalk_account", "dingtalk_binding", "dingtalk_challenge", "dingtalk_limit",
           "dingtalk_audit", "dingtalk_event", "dingtalk_member")
# Every test that asks for `store` and has this mark runs on each of the databases.
on_every_database = pytest.mark.parametrize("store", [SQLITE, POSTGRES, MARIADB], indirect=True)
on_two_databases = pytest.mark.parametrize("store", [SQLITE, POSTGRES], indirect=True)

NO_LIMITS = "DingTalkCode resend=0\nDingTalkCodeLimit phone=100/h ip=100/h person=100/h"
MANY_CHILDREN = "StartServers 3\nMaxRequestWorkers 75"
KEY = "one key for all nodes, of enough bytes"


# -- the database ----------------------------------------------------------------------------------

class Store:
    """The tables of one database, as an administrator with SQL sees them."""

    def __init__(self, database):
        self.database = database
        self.ready = False

    @property
    def driver(self):
        """Its name in DingTalkDatabase."""
        return self.database.driver

    def query(self, sql):
        """Execute one statement: its rows."""
        return self.database.query(sql)

    def quoted(self, value):
        """A value as SQL has it."""
        if value is None or isinstance(value, int):
            return "NULL" if value is None else str(value)
        text = value.replace("'", "''")
        return "'" + (text.replace("\\", "\\\\") if self.driver == MARIADB else text) + "'"

    def lines(self, patient=True):
        """The directive that names it; patient: for longer than by default, where that can be."""
        params = self.database.params
        return (f'DingTalkDatabase {self.driver} '
                f'"{params if patient else params.replace(databases.PATIENT, "")}"')

    def wait(self):
        """Until httpd has made the tables."""
        end = time.monotonic() + 30
        while not self.ready:
            try:
                self.ready = bool(self.query("SELECT version FROM dingtalk_schema"))
            except Exception:  # whatever the database says about a table that is not there
                if time.monotonic() > end:
                    raise
            assert time.monotonic() < end, "httpd makes no tables"
            time.sleep(0.02)

    def clear(self):
        """Empty our tables."""
        orders = [f"DELETE FROM {table}" for table in EMPTIED if self.ready]
        if self.driver != SQLITE and orders:
            orders = ["; ".join(orders)]  # one program to start instead of five
        for order in orders:
            self.query(order)

    def rows(self, table, *columns, where="1=1", order=""):
        """The rows of a table as dictionaries."""
        order = f" ORDER BY {order}" if order else ""
        found = self.query(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}{order}")
        return [dict(zip(columns, row)) for row in found]

    def insert(self, table, **columns):
        """A new row."""
        values = ", ".join(self.quoted(value) for value in columns.values())
        self.query(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")

    def account(self, uid, **columns):
        """A row of our own account table."""
        self.insert("dingtalk_account", uid=uid, **columns)

    def bind(self, person, uid, corp_id, **columns):
        """A row of dingtalk_binding, as an administrator would write it."""
        self.insert("dingtalk_binding", **{
            "corp_id": corp_id, "union_id": person["unionid"], "user_id": person["userid"],
            "uid": uid, "method": "admin", "bound_at": 1, "last_login_at": 1, **columns})

    def bindings(self):
        """(unionid, account) of all bindings."""
        return sorted((row["union_id"], row["uid"])
                      for row in self.rows("dingtalk_binding", "union_id", "uid"))


def start(kind):
    """A database of this kind; that of SQLite is a file of httpd's user, and still empty."""
    if kind != SQLITE:
        return {POSTGRES: databases.Postgres, MARIADB: databases.MariaDB}[kind]().start()
    database = databases.Sqlite()
    pathlib.Path(database.path).touch()
    if os.getuid() == 0:
        user = unprivileged_user()
        for path in (database.folder, database.path):
            os.chown(path, user.pw_uid, user.pw_gid)
    return database


class Stores:
    """The databases of one test file, each started when first wanted."""

    def __init__(self):
        self.running = {}

    def get(self, kind):
        """A store whose tables are empty."""
        if kind not in self.running:
            self.running[kind] = Store(start(kind))
        self.running[kind].clear()
        return self.running[kind]

    def end(self):
        """Stop all."""
        for store in self.running.values():
            store.database.stop()


@pytest.fixture(scope="module")
def stores():
    """The databases of this test file."""
    stores = Stores()
    yield stores
    stores.end()


@pytest.fixture
def store(stores, request):
    """A database: SQLite, or what the marks above say."""
    return stores.get(getattr(request, "param", SQLITE))


@pytest.fixture
def meter(build):
    """A meter for one httpd."""
    meter = Meter(build)
    yield meter
    meter.remove()


# -- the site --------------------------------------------------------------------------------------

@pytest.fixture
def bound_site(serve, sim, store):
    """bound_site(*lines, **directives) gives an httpd whose accounts are in the store."""
    def make(*lines, options=None, **directives):
        config = sites.protected(sim, store.lines(), *lines, **{
            "DingTalkAccounts": "dbd", "DingTalkKey": f'"{KEY}"', **directives})
        httpd = serve(config, **(options or {}))
        if store.driver == MARIADB:
            httpd.allow_log(SLOW_START)
        store.wait()
        return httpd
    return make


def gateway(sim, name="sms", **changes):
    """A <DingTalkSender> of type http at the simulator; a change to None leaves a line out."""
    return section(name, {
        "Type": "http", "URL": sim.gateway + "/send", "OK": "status=200 body:/code=0",
        "Body": """application/json '{"to":"%{phone}","code":"%{code}","id":"%{id}"}'""",
        **changes})


def aliyun(sim, name="aliyun", **changes):
    """A <DingTalkSender> of type aliyun at the simulator."""
    return section(name, {
        "Type": "aliyun", "Key": sim.aliyun_key, "Secret": sim.aliyun_secret, "URL": sim.aliyun,
        "Sign": '"演示公司" "Demo Ltd"', "Template": "SMS_154950909 SMS_154950910", **changes})


def tencent(sim, name="tencent", **changes):
    """A <DingTalkSender> of type tencent at the simulator."""
    return section(name, {
        "Type": "tencent", "Key": sim.tencent_key, "Secret": sim.tencent_secret,
        "URL": sim.tencent, "App": sim.tencent_app, "Region": "ap-guangzhou",
        "Sign": '"演示公司" "Demo Ltd"', "Template": "1110 1111", **changes})


def section(name, values):
    """A <DingTalkSender> section."""
    lines = [f"    DingTalkSender{what} {value}" for what, value in values.items() if value]
    return "\n".join([f'<DingTalkSender "{name}">', *lines, "</DingTalkSender>"])


def with_codes(sim, *lines):
    """Lines of a site that binds by phone and code."""
    return [gateway(sim), "DingTalkCodeVia sms", *lines]


def whoami(browser):
    """What the session says, or None for nobody."""
    answer = browser.fetch("/dingtalk/session")
    return answer.json() if answer.status == 200 else None


def user_of(browser):
    """REMOTE_USER of a browser's session, or None."""
    session = whoami(browser)
    return session and session["user"]


def signed_in(visit, httpd, userid="zhangsan"):
    """REMOTE_USER of somebody who just signed in."""
    browser = visit(httpd)
    answer = browser.sign_in(userid)
    assert answer.status == 200, answer
    return user_of(browser)


def stays_out(visit, httpd, userid="zhangsan"):
    """Somebody is refused."""
    browser = visit(httpd)
    expect.denied(httpd, browser.sign_in(userid))
    assert browser.session is None


# -- the bind page ---------------------------------------------------------------------------------

class Markup(html.parser.HTMLParser):
    """What a test looks at of a page: forms with their fields, and the text of elements by id."""

    def __init__(self, text):
        super().__init__()
        self.forms = []
        self.elements = {}  # id → attributes
        self.tags = []      # (tag, attributes) of everything
        self.texts = {}
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Remember forms, fields and ids."""
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.elements[attributes["id"]] = attributes
        if tag == "form":
            self.forms.append({"action": attributes["action"], "fields": {}})
        elif tag == "input" and self.forms and "name" in attributes:
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value") or ""
        if tag not in ("input", "meta", "link", "br", "path", "rect"):
            self._open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag):
        """Close what is open."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        """Text belongs to every element around it."""
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data

    def form(self, ending):
        """The form whose action ends so, or None."""
        return next((form for form in self.forms if form["action"].endswith(ending)), None)


class BindPage:
    """The bind page of one browser. `answer` is the last page or JSON that came."""

    def __init__(self, browser, answer):
        self.browser = browser
        self.answer = answer
        self.markup = Markup(answer.text)
        form = self.markup.form("/code")
        assert answer.status == 200 and form, f"not the bind page: {answer!r} {answer.text[-800:]}"
        expect.own_answer(answer)
        self.csrf = form["fields"]["csrf"]

    def fields(self, ending, **typed):
        """What a browser sends for the form: its own fields and what the person typed."""
        return {**self.markup.form(ending)["fields"],
                **{name: value for name, value in typed.items() if value is not None}}

    def submit(self, ending, **typed):
        """Press a button of the page, without script: the page that comes, or where it leads."""
        form = self.markup.form(ending)
        self.answer = self.browser.follow(self.browser.navigate(
            form["action"], "POST", headers={"Origin": self.browser.origin}, site="same-origin",
            body=urlencode(self.fields(ending, **typed)).encode()))
        self._allow_log()
        if self.answer.text.startswith("<"):
            self.markup = Markup(self.answer.text)
        return self.answer

    def post(self, path, origin=None, headers=None, site="same-origin", **fields):
        """What a script sends: the JSON that comes."""
        fields = {"csrf": self.csrf, **fields}
        body = urlencode({name: value for name, value in fields.items() if value is not None},
                         encoding="utf-8", errors="surrogateescape")
        self.answer = self.browser.fetch(
            "/dingtalk/bind/" + path, "POST", body=body.encode(), site=site, headers={
                "Accept": "application/json", "Origin": origin or self.browser.origin,
                "Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
        expect.own_answer(self.answer)
        self._allow_log()
        assert self.answer.get("Content-Type").startswith("application/json"), self.answer
        return json.loads(self.answer.body)

    def _allow_log(self):
        """What an answer refused may stand in the log with the answer's id."""
        if self.answer.error_id:
            self.browser.httpd.allow_log(re.escape(self.answer.error_id))

    def ask(self, phone, **fields):
        """Ask for a code, as a script does."""
        return self.post("code", phone=phone, **fields)

    def ask_until_known(self, phone, between=lambda: None):
        """Ask for a code that cannot be sent, until the answer says so.

        The answer comes after a second with what is known by then: a busy machine may find out only
        afterwards, which the log says, and then this is to ask again.
        """
        log = self.browser.httpd.log
        for _ in range(5):
            late = _late_ends(log)
            told = self.ask(phone)
            if not told["ok"]:
                break
            end = time.monotonic() + 10
            while _late_ends(log) == late:
                if time.monotonic() > end:
                    return told
                time.sleep(0.02)
            log.allow("DT0006")
            between()
        return told

    def guess(self, code, **fields):
        """Try a code, as a script does."""
        return self.post("verify", code=code, **fields)

    def copy(self, httpd=None):
        """The same page with the same cookies, in a jar of its own or at another node."""
        browser = Client(httpd or self.browser.httpd, self.browser.simulator,
                         jar=self.browser.jar.copy())
        page = copy.copy(self)
        page.browser = browser
        return page


def _late_ends(log):
    """How many messages failed of which no answer said so."""
    return len([line for line in log.lines() if "DT0006:" in line])


def to_bind_page(browser, userid="zhangsan", path="/app/"):
    """Sign in as somebody who has no account yet."""
    return BindPage(browser, browser.sign_in(userid, path))


def wrong(code, by=1):
    """A code of the same length that is another."""
    return str((int(code) + by) % 10 ** len(code)).zfill(len(code))


def crowd(sim, store, count):
    """So many members, each with an account that has the same phone: (userid, account) pairs."""
    pairs = [(f"many{number:04}", f"account{number:04}") for number in range(count)]
    for number, (userid, _) in enumerate(pairs):
        sim.person(userid, unionid=f"uNi-{userid}", mobile=f"139{number:08}", state_code="86")
    values = ", ".join(f"('{uid}', '+86139{number:08}')" for number, (_, uid) in enumerate(pairs))
    store.query(f"INSERT INTO dingtalk_account (uid, mobile) VALUES {values}")
    return pairs


def at_once(jobs, clients=32):
    """Call all of these functions, at most so many at the same time: what they returned."""
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return [job.result() for job in [pool.submit(job) for job in jobs]]
