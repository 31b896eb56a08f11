# SPDX-License-Identifier: Apache-2.0
"""The database away, back, full, or asked by a thousand at once: never a wrong yes."""

import contextlib
import functools
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import threading
import time

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    MANY_CHILDREN, MARIADB, NO_LIMITS, POSTGRES, at_once, bound_site, crowd, on_two_databases,
    store, stores, to_bind_page, user_of, with_codes)
from lib.browser import Client
from lib.databases import Sqlite
from lib.steps import promised

PHONE, E164 = "13911111111", "+8613911111111"
# Ours, and what libpq itself prints when a server goes away while it connects.
WHILE_AWAY = (r"DT\d+: ", r"^WARNING:  terminating connection ")
on_servers = pytest.mark.parametrize("store", [POSTGRES, MARIADB], indirect=True)


@pytest.fixture
def away(farm, store):
    """away() is a time in which the database is killed; afterwards it is back."""
    @contextlib.contextmanager
    def killed():
        store.database.kill()
        try:
            yield
        finally:
            store.database.start()
            for httpd in farm.all():  # those of other tests look after it from time to time
                httpd.allow_log(r"DT\d+: .*database", WHILE_AWAY[1])
    return killed


def recovers(visit, httpd, userid="zhangsan", patience=30):
    """Sign in until it works again; who comes in."""
    end = time.monotonic() + patience
    while True:
        browser = visit(httpd)
        answer = browser.sign_in(userid)
        if answer.status == 200:
            return user_of(browser)
        expect.unknown(httpd, answer)
        assert time.monotonic() < end, "it does not come back"
        time.sleep(0.1)


# -- away ------------------------------------------------------------------------------------------

@on_servers
def test_a_sign_in_without_the_database_is_503_and_succeeds_later(
        bound_site, sim, store, visit, away):
    httpd = bound_site("DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile="13800000001")
    assert recovers(visit, httpd) == "account-1"
    with away():
        began = time.monotonic()
        browser = visit(httpd)
        expect.unknown(httpd, browser.sign_in("zhangsan"))
        assert time.monotonic() - began < 8 and browser.session is None
        httpd.allow_log(*WHILE_AWAY)
    assert recovers(visit, httpd) == "account-1"
    assert len(store.bindings()) == 1


@on_servers
def test_live_sessions_never_notice(bound_site, sim, store, visit, away):
    httpd = bound_site("DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile="13800000001")
    member = visit(httpd)
    member.sign_in("zhangsan")
    httpd.allow_log(*WHILE_AWAY)

    def page():
        began = time.monotonic()
        assert member.fetch("/app/data.txt").status == 200
        return time.monotonic() - began

    def slowest():
        with away():
            return max(page() for _ in range(20))

    promised(0.5, slowest)
    assert member.fetch("/app/data.txt").status == 200


@on_servers
def test_no_code_is_taken_without_the_database(bound_site, sim, store, visit, away):
    """S-35: a check that could not be made is no check that was passed."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS))
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    page.ask(PHONE)
    code = sim.last_code(E164)
    httpd.allow_log(*WHILE_AWAY)
    with away():
        for told in (page.guess(code), page.ask(PHONE)):
            assert told["ok"] is False and told["error"] == "unavailable", told
            assert page.answer.status == 503 and int(page.answer.get("Retry-After")) > 0
        assert user_of(page.browser) is None and len(sim.inbox()) == 1
    end = time.monotonic() + 10
    while (told := page.guess(code)).get("error") == "unavailable" and time.monotonic() < end:
        time.sleep(0.1)
    assert told["ok"] is True and user_of(page.browser) == "account-1"


@on_servers
def test_without_the_database_nobody_is_asked_for_a_code(bound_site, sim, store, visit, away):
    httpd = bound_site(*with_codes(sim, NO_LIMITS))
    httpd.allow_log(*WHILE_AWAY)
    with away():
        browser = visit(httpd)
        expect.unknown(httpd, browser.sign_in("zhangsan"))
        assert browser.fetch("/dingtalk/bind").status == 400


@on_servers
def test_a_database_that_is_not_there_at_the_start_is_used_when_it_comes(
        bound_site, serve, sim, store, visit, away):
    config = bound_site("DingTalkUnbound create").config
    with away():
        httpd = serve(config, fresh=True)
        expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
        httpd.allow_log(*WHILE_AWAY)
    assert recovers(visit, httpd) == "zhangsan"


@on_servers
def test_tables_that_are_not_there_yet_are_made_when_the_database_comes(
        bound_site, serve, sim, store, visit, away):
    config = bound_site("DingTalkUnbound create").config
    tables = [row[0] for row in store.query(
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'dingtalk%'")]
    with away():
        pass
    for table in tables:
        store.query(f"DROP TABLE IF EXISTS {table}" + (" CASCADE" if store.driver == POSTGRES
                                                       else ""))
    httpd = serve(config, fresh=True)
    httpd.allow_log(*WHILE_AWAY)
    assert recovers(visit, httpd) == "zhangsan"
    assert store.query("SELECT version FROM dingtalk_schema")


def test_children_that_start_together_make_the_tables_once(
        bound_site, serve, sim, store, visit):
    config = bound_site("DingTalkUnbound create").config.replace(store.lines(), "")
    httpd = serve(config, mpm="prefork", fresh=True)
    assert recovers(visit, httpd) == "zhangsan"
    made = Sqlite(httpd.state / "dingtalk.db")
    assert len(made.query("SELECT version FROM dingtalk_schema")) == 1
    assert made.query("SELECT uid FROM dingtalk_account") == [("zhangsan",)]


@on_servers
@pytest.mark.parametrize("rule", ["DingTalkAutoBind mobile=mobile", "DingTalkUnbound create"])
def test_killed_under_load_nothing_is_bound_twice_and_all_come_in_at_last(
        bound_site, sim, store, visit, away, rule):
    httpd = bound_site(MANY_CHILDREN, rule)
    pairs = crowd(sim, store, 150)
    if "create" in rule:
        store.query("DELETE FROM dingtalk_account")
        pairs = [(userid, userid) for userid, _ in pairs]
    came, seen = {}, set()

    def come_in(userid):
        end = time.monotonic() + 25
        while userid not in came and time.monotonic() < end:
            browser = visit(httpd)
            answer = browser.come_back(browser.scan(userid, browser.begin()))
            seen.add(answer.status)
            if answer.status == 503:
                time.sleep(0.2)
            else:
                came[userid] = user_of(browser) if answer.status == 303 else answer.status

    def kill_twice():
        for count in (20, 80):
            while len(came) < count:
                time.sleep(0.01)
            with away():
                time.sleep(0.5)

    killer = threading.Thread(target=kill_twice)
    killer.start()
    at_once([functools.partial(come_in, userid) for userid, _ in pairs], clients=16)
    killer.join()
    httpd.allow_log(*WHILE_AWAY)
    assert came == dict(pairs)
    assert len(store.bindings()) == 150
    assert 503 in seen, "the database was away for somebody"


@on_servers
def test_killed_between_guesses_no_code_is_good_twice(bound_site, farm, sim, store, visit):
    httpd = bound_site(*with_codes(sim, NO_LIMITS, MANY_CHILDREN))
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    page.ask(PHONE)
    code = sim.last_code(E164)
    for each in farm.all():  # those of other tests look after the database, too
        each.allow_log(*WHILE_AWAY)
    pages = [page.copy() for _ in range(30)]
    killer = threading.Timer(0.05, store.database.kill)
    killer.start()
    told = at_once([functools.partial(each.guess, code) for each in pages], clients=10)
    killer.join()
    store.database.start()
    told += [page.copy().guess(code) for _ in range(5)]
    assert len([answer for answer in told if answer["ok"]]) <= 1
    assert len(store.bindings()) <= 1


# -- hung and full ---------------------------------------------------------------------------------

def test_a_database_that_hangs_ends_in_503(bound_site, sim, store, visit):
    """A lock that nobody gives back."""
    httpd = bound_site("DingTalkUnbound create")
    link = sqlite3.connect(store.database.path, isolation_level=None)
    link.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    try:
        expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
    finally:
        link.rollback()
        link.close()
    assert time.monotonic() - began < 15
    httpd.allow_log(*WHILE_AWAY)
    assert recovers(visit, httpd) == "zhangsan"


@pytest.fixture
def small_disk():
    """A disk of 512 KiB; needs root."""
    folder = tempfile.mkdtemp(prefix="dt-small-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=777", "none", folder],
                          check=False, capture_output=True)
    if done.returncode:
        os.rmdir(folder)
        pytest.skip("no tmpfs may be mounted here")
    yield pathlib.Path(folder)
    subprocess.run(["umount", "-l", folder], check=False)
    os.rmdir(folder)


def test_a_full_disk_is_503_with_a_clear_line_and_nothing_is_broken(
        serve, sim, visit, small_disk, bound_site, store):
    path = small_disk / "dingtalk.db"
    config = bound_site("DingTalkUnbound create").config.replace(
        store.lines(), f'DingTalkDatabase sqlite3 "{path}"')
    httpd = serve(config, fresh=True)
    member = visit(httpd)
    assert member.sign_in("lisi").status == 200
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)
    answers = []
    for number in range(40):
        sim.person(f"new{number}", unionid=f"nEw{number}", email="x" * 150 + "@x.example")
        answers.append(visit(httpd).sign_in(f"new{number}"))
        if answers[-1].status == 503:
            break
    expect.unknown(httpd, answers[-1])
    said = "\n".join(httpd.log.lines())
    assert "full" in said or "disk" in said or "space" in said, said
    httpd.allow_log(*WHILE_AWAY)
    assert member.fetch("/app/data.txt").status == 200
    filler.unlink()
    assert recovers(visit, httpd, "zhangsan") == "zhangsan"
    assert Sqlite(path).query("PRAGMA integrity_check") == [("ok",)]


# -- very many -------------------------------------------------------------------------------------

@on_two_databases
def test_a_thousand_first_sign_ins_at_once_end_with_a_thousand_bindings(
        bound_site, sim, store):
    httpd = bound_site(MANY_CHILDREN, "DingTalkAutoBind mobile=mobile", **sites.PATIENT)
    pairs = crowd(sim, store, 1000)

    def come_in(userid):
        browser = Client(httpd, sim)
        return browser.come_back(browser.scan(userid, browser.begin())).status

    statuses = at_once([functools.partial(come_in, userid) for userid, _ in pairs], clients=64)
    assert statuses == [303] * 1000
    assert store.bindings() == sorted((f"uNi-{userid}", uid) for userid, uid in pairs)
    rows = store.query("SELECT what, COUNT(*) FROM dingtalk_audit GROUP BY what ORDER BY what")
    assert [(what, int(count)) for what, count in rows] == [("bound", 1000), ("signed_in", 1000)]


@on_two_databases
def test_a_pool_of_connections_is_enough_for_many(bound_site, sim, store, visit):
    """Fifty returning people at the same time, on few connections."""
    count = "SELECT COUNT(*) FROM pg_stat_activity WHERE usename IS NOT NULL"
    before = int(store.query(count)[0][0]) if store.driver == POSTGRES else 0  # of other httpds
    httpd = bound_site(MANY_CHILDREN, "DingTalkAutoBind mobile=mobile", **sites.PATIENT)
    store.account("account-1", mobile="13800000001")
    visit(httpd).sign_in("zhangsan")
    browsers = [visit(httpd) for _ in range(50)]
    callbacks = [browser.scan("zhangsan", browser.begin()) for browser in browsers]
    answers = at_once([functools.partial(browser.come_back, url)
                       for browser, url in zip(browsers, callbacks)], clients=50)
    assert [answer.status for answer in answers] == [303] * 50
    if store.driver == POSTGRES:
        assert int(store.query(count)[0][0]) <= before + 8 * 3 + 3
