# SPDX-License-Identifier: Apache-2.0
"""The section on mod_status' page: each figure moves when what it counts happens."""

import contextlib
import html.parser
import re
import time

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, at_once, bound_site, store, stores, to_bind_page, with_codes, wrong)
from lib.browser import Client
from lib.databases import Postgres
from lib.patient import Patient
from lib.redis import Redis
from lib.steps import within

PHONE, E164 = "13911111111", "+8613911111111"
STATUS = '<Location "/status">\nSetHandler server-status\n</Location>'
VOID = {"br", "hr", "meta"}


class Tables(html.parser.HTMLParser):
    """The rows of all tables behind our heading; whatever is left open is a failure."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.rows = []
        self.feed(text[text.index("<h2>mod_auth_dingtalk</h2>"):text.index("</body>")])
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        """Remember what is open."""
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        """What is closed was the last that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """The text of a cell."""
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def row(self, name):
        """The cells behind this one."""
        return next(row[1:] for row in self.rows if row[0] == name)


def page(httpd):
    """The page for people."""
    answer = Client(httpd).fetch("/status")
    assert answer.status == 200, answer
    return answer.text


def lines(httpd):
    """The form for programs: our lines, without their common beginning."""
    answer = Client(httpd).fetch("/status?auto")
    assert answer.status == 200, answer
    found = re.findall(r"^DingTalk([^:\n]+): (.*)$", answer.text, re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), names
    return {name: float(value) for name, value in found}


def moved(before, after):
    """By how much which figures grew, but for times and what is asked beside the requests."""
    return {name: int(after[name] - before.get(name, 0)) for name in after
            if after[name] != before.get(name, 0)
            and not re.search(r"^PollAge|-mean$|-longest$|get_call_back", name)}


@contextlib.contextmanager
def what_moves(httpd):
    """A dictionary that has, behind the block, what moved in it."""
    found = {}
    before = lines(httpd)
    yield found
    found.update(moved(before, lines(httpd)))


@contextlib.contextmanager
def one_more(httpd, name):
    """Behind the block this figure has grown: what happens beside the requests may take longer."""
    before = lines(httpd)[name]
    yield
    within(20, lambda: lines(httpd)[name] > before)


@pytest.fixture
def status(serve, sim):
    """The usual site with a status page and an app token; one child."""
    httpd = serve(sites.protected(sim, STATUS), modules=("status",))
    Client(httpd, sim).sign_in()
    return httpd


@pytest.fixture
def binding(bound_site, sim, store):
    """A site with a status page that binds by code, with one account."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS, STATUS), options={"modules": ("status",)})
    store.account("account-1", mobile=PHONE)
    return httpd


# -- the two forms ---------------------------------------------------------------------------------

def test_the_page_has_a_section_of_whole_tables(status):
    tables = Tables(page(status))
    assert tables.row("signed_in")[0].isdigit()
    assert len(tables.row("getbyunionid")) == 4


def test_both_forms_say_the_same(status, sim):
    Client(status, sim).sign_in()
    told, tables = lines(status), Tables(page(status))
    assert float(tables.row("signed_in")[0]) == told["SignIns-signed_in"]
    assert float(tables.row("opened")[0]) == told["Sessions"]
    assert [float(cell) for cell in tables.row("users/me")] == [
        told[f"Calls-users/me-{what}"] for what in ("answered", "failed", "mean", "longest")]


def test_every_line_is_a_name_and_a_number(status):
    text = Client(status).fetch("/status?auto").text
    ours = [line for line in text.splitlines() if "dingtalk" in line.lower()]
    ours = [line for line in ours if not line.startswith("Server")]
    assert len(ours) > 30
    for line in ours:
        assert re.fullmatch(r"DingTalk[A-Za-z]+(-[\w/]+)*: \d+(\.\d{3})?", line), line


def test_figures_are_there_before_anything_happened(serve, sim):
    told = lines(serve(sites.protected(sim, STATUS), fresh=True, modules=("status",)))
    assert told.pop("PollAge-1") < 60
    assert {name for name, value in told.items() if value != 0} == set()
    assert {"SignIns-signed_in", "Codes-sent", "Codes-failed", "Sessions", "StoreFailures",
            "Revocations", "PollOverdue-1", "Rechecks", "RecheckedOut", "EventsAgain",
            "EventsRefused", "Calls-accessToken-answered"} <= set(told)


def test_a_server_without_sign_ins_has_no_section(serve):
    httpd = serve(STATUS, modules=("status",))
    assert "mod_auth_dingtalk</h2>" not in page(httpd) and lines(httpd) == {}


def test_nobody_and_no_secret_is_named(status, sim):
    browser = Client(status, sim)
    browser.sign_in("zhangsan")
    expect.denied(status, Client(status, sim).sign_in(sim.cast("stranger")))
    for text in (page(status), Client(status).fetch("/status?auto&notable").text):
        for secret in ("zhangsan", sim.who("zhangsan")["unionid"], sim.corp_id, sim.client_id,
                       sim.client_secret, browser.session):
            assert secret not in text, secret


# -- what is counted -------------------------------------------------------------------------------

def test_a_sign_in_is_counted_with_its_session_and_its_calls(status, sim):
    with what_moves(status) as found:
        assert Client(status, sim).sign_in().status == 200
    assert found == {
        "SignIns-signed_in": 1, "Sessions": 1, "Calls-userAccessToken-answered": 1,
        "Calls-users/me-answered": 1, "Calls-getbyunionid-answered": 1,
        "Calls-v2/user/get-answered": 1}


def test_calls_are_timed(status, sim):
    sim.misbehave("users_me", "delay", seconds=0.3)
    Client(status, sim).sign_in()
    told = lines(status)
    assert told["Calls-users/me-longest"] >= 0.3
    assert 0 < told["Calls-users/me-mean"] <= told["Calls-users/me-longest"] < 20


@pytest.mark.parametrize("role,reason", [
    ("stranger", "stranger"), ("external", "external_contact"), ("not_active", "not_active")])
def test_a_refusal_is_counted_with_its_reason(status, sim, role, reason):
    with what_moves(status) as found:
        expect.denied(status, Client(status, sim).sign_in(sim.cast(role)))
    assert found[f"SignIns-{reason}"] == 1
    assert "SignIns-signed_in" not in found and "Sessions" not in found
    assert not [name for name in found if name.endswith("-failed")], "DingTalk did answer"


def test_a_callback_that_comes_twice_is_one_sign_in(status, sim):
    browser = Client(status, sim)
    callback = browser.scan("zhangsan", browser.begin())
    browser.follow(browser.come_back(callback))
    with what_moves(status) as found:
        browser.come_back(callback)
    assert found == {"SignIns-ticket_spent": 1}


def test_a_browser_that_keeps_no_session_is_counted(status, sim):
    browser = Client(status, sim)
    with what_moves(status) as found:
        answer = browser.navigate("/app/")
        while answer.status == 302:
            browser.come_back(browser.scan("zhangsan", answer.location))
            browser.jar.drop(browser.session_name)
            answer = browser.navigate("/app/")
        expect.page(status, answer, 400)
    assert found["SignIns-signed_in"] == found["Sessions"] == 3 and found["SignIns-loop"] == 1


def test_a_dingtalk_that_is_down_is_counted(status, sim):
    sim.misbehave("users_me", "status", status=500)
    with what_moves(status) as found:
        expect.unknown(status, Client(status, sim).sign_in())
    assert found["Calls-users/me-failed"] >= 1 and "Calls-users/me-answered" not in found
    assert sum(by for name, by in found.items() if name.startswith("SignIns-")) == 1
    assert "SignIns-signed_in" not in found


def test_requests_without_the_session_store_are_counted(serve, sim):
    if not Redis.available():
        pytest.skip("Redis is not installed")
    with Redis() as redis:
        httpd = serve(sites.protected(sim, STATUS, DingTalkSessionStore=redis.store), fresh=True,
                      modules=("status", "socache_redis"))
        httpd.expect_log("DT0010", "DT0064")
        httpd.allow_log("socache_redis")
        browser = Patient(httpd, sim)
        assert browser.sign_in().status == 200
        redis.kill()
        with what_moves(httpd) as found:
            expect.unknown(httpd, browser.fetch("/app/data.txt"))
        assert found == {"StoreFailures": 1}


def test_a_logout_is_a_revocation(status, sim):
    browser = Client(status, sim)
    browser.sign_in()
    with what_moves(status) as found:
        browser.navigate("/dingtalk/logout", "POST", site="same-origin")
    assert found == {"Revocations": 1}


def test_codes_that_were_sent_are_counted_and_so_are_guesses(binding, sim):
    browser = Client(binding, sim)
    with what_moves(binding) as found:
        bind = to_bind_page(browser)
        with one_more(binding, "Codes-sent"):
            bind.ask(PHONE)
        code = sim.last_code(E164)
        bind.guess(wrong(code))
        assert bind.guess(code)["ok"] is True
    assert {name: by for name, by in found.items() if not name.startswith("Calls-")} == {
        "Codes-sent": 1, "SignIns-bind": 1, "SignIns-code_wrong": 1, "SignIns-signed_in": 1,
        "Sessions": 1}


def test_a_number_that_nobody_has_is_no_code(binding, sim):
    bind = to_bind_page(Client(binding, sim))
    with what_moves(binding) as found:
        assert bind.ask("13922222222")["ok"] is True
    assert found == {}


def test_codes_that_failed_are_counted(binding, sim):
    bind = to_bind_page(Client(binding, sim))
    sim.misbehave("gateway_sms", "status", status=500)
    with what_moves(binding) as found, one_more(binding, "Codes-failed"):
        bind.ask(PHONE)
    assert found == {"Codes-failed": 1}
    binding.expect_log("DT0006")


def test_a_code_that_arrives_after_its_answer_is_counted(binding, sim):
    bind = to_bind_page(Client(binding, sim))
    sim.misbehave("gateway_sms", "delay", seconds=2)
    before = lines(binding)
    assert bind.ask(PHONE)["ok"] is True
    within(10, lambda: moved(before, lines(binding)) == {"Codes-sent": 1})


# -- the database ----------------------------------------------------------------------------------

def test_the_age_of_the_last_poll_starts_again_with_each(serve, sim):
    httpd = serve(sites.protected(sim, STATUS, DingTalkRevocationPoll="500ms"), modules=("status",))
    ages = []
    for _ in range(30):
        ages.append(lines(httpd)["PollAge-1"])
        time.sleep(0.1)
    assert any(later < earlier for earlier, later in zip(ages, ages[1:])), ages


def test_polls_that_are_overdue_are_said_to_be(serve, sim):
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as database:
        httpd = serve(sites.protected(sim, STATUS, DingTalkRevocationPoll="200ms",
                                      DingTalkDatabase=f'pgsql "{database.params}"'),
                      fresh=True, modules=("status",))
        httpd.allow_log("DT0005", "DT0007")
        httpd.expect_log("DT0052", "DT0053")
        within(20, lambda: lines(httpd)["PollOverdue-1"] == 0)
        database.kill()
        within(20, lambda: lines(httpd)["PollOverdue-1"] == 1)
        assert lines(httpd)["PollAge-1"] >= 2
        within(20, lambda: any("DT0052" in line for line in httpd.log.lines()))
        database.start()
        within(20, lambda: lines(httpd)["PollOverdue-1"] == 0)
        within(20, lambda: any("DT0053" in line for line in httpd.log.lines()))


def test_each_database_is_told_of_once(serve, sim):
    hosts = [sites.vhost(name, *extra) for name, *extra in (
        ("one.example",), ("two.example",),
        ("three.example", 'DingTalkDatabase sqlite3 "@FOLDER@/state/three.db"'))]
    httpd = serve(sites.protected(sim, STATUS, *hosts), fresh=True, modules=("status",))
    assert {name for name in lines(httpd) if name.startswith("Poll")} == {
        "PollAge-1", "PollOverdue-1", "PollAge-2", "PollOverdue-2"}


# -- the whole httpd -------------------------------------------------------------------------------

@pytest.mark.parametrize("mpm,children", [
    ("event", "StartServers 3\nMaxRequestWorkers 75"), ("prefork", "StartServers 5")],
    ids=["event", "prefork"])
def test_all_children_count_together(serve, sim, mpm, children):
    httpd = serve(sites.protected(sim, STATUS, children), fresh=True, mpm=mpm,
                  modules=("status",))
    answers = at_once([lambda: Client(httpd, sim).sign_in().status] * 24, clients=8)
    assert answers == [200] * 24
    told = [lines(httpd) for _ in range(6)]
    assert {(each["SignIns-signed_in"], each["Sessions"], each["Calls-users/me-answered"])
            for each in told} == {(24, 24, 24)}


def test_a_graceful_restart_counts_on(serve, sim):
    httpd = serve(sites.protected(sim, STATUS), fresh=True, modules=("status",))
    Client(httpd, sim).sign_in()
    httpd.graceful()
    assert lines(httpd)["Sessions"] == 1
    Client(httpd, sim).sign_in()
    httpd.graceful()
    assert lines(httpd)["Sessions"] == 2


def test_a_new_start_counts_from_zero(serve, sim):
    httpd = serve(sites.protected(sim, STATUS), fresh=True, modules=("status",))
    Client(httpd, sim).sign_in()
    httpd.restart()
    assert lines(httpd)["Sessions"] == 0


def test_virtual_hosts_count_together(serve, sim):
    httpd = serve(sites.protected(sim, STATUS, sites.vhost("one.example"),
                                  sites.vhost("two.example")), fresh=True, modules=("status",))
    for host in ("one.example", "two.example"):
        assert Client(httpd, sim, host=host).sign_in().status == 200
    assert lines(httpd)["Sessions"] == 2
