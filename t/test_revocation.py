# SPDX-License-Identifier: Apache-2.0
"""Sessions that are ended before their time, on every node that shares the database."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

import pytest

from lib import expect
from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    MARIADB, SLOW_START, bound_site, meter, store, stores)
from lib.databases import MariaDB, Postgres
from lib.httpd import unprivileged_user
from lib.steps import SLACK, copy_of, is_in, leave, promised, within

POLL = 2


def leave_all(browser, **rest):
    """Press the button that ends all sessions."""
    return leave(browser, body=b"all=1",
                 headers={"Content-Type": "application/x-www-form-urlencoded"}, **rest)


# -- one node --------------------------------------------------------------------------------------

def test_a_copied_cookie_is_dead_after_logout(site, visit, browser):
    browser.sign_in()
    thief = copy_of(browser, visit, site)
    assert is_in(thief)
    leave(browser)
    assert not is_in(thief)
    assert thief.fetch("/dingtalk/session").status == 401


def test_the_copy_is_dead_in_every_child(serve, sim, visit, mpm):
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm)
    browser = visit(httpd)
    browser.sign_in()
    thief = copy_of(browser, visit, httpd)
    leave(browser)
    assert not any(is_in(thief) for _ in range(20))


def test_a_logout_link_ends_the_copy_too(site, visit, browser):
    browser.sign_in()
    thief = copy_of(browser, visit, site)
    browser.navigate("/dingtalk/logout", site="same-origin")
    assert not is_in(thief)


def test_another_session_of_the_same_person_lives_on(site, visit, browser):
    browser.sign_in()
    other = visit(site)
    other.sign_in()
    leave(browser)
    assert is_in(other)


def test_who_left_signs_in_again(browser):
    browser.sign_in()
    leave(browser)
    assert browser.sign_in().status == 200 and is_in(browser)


@pytest.mark.parametrize("press", [leave_all, lambda browser: leave(browser, "?all=1")],
                         ids=["in the form", "in the query"])
def test_logout_everywhere_ends_all_sessions_of_the_person_and_no_other(site, visit, press):
    here, there, other = visit(site), visit(site), visit(site)
    here.sign_in("zhangsan")
    there.sign_in("zhangsan")
    other.sign_in("lisi")
    answer = press(here)
    expect.notice(answer, 200)
    assert "everywhere" in answer.text or "所有" in answer.text
    assert not is_in(here) and not is_in(there)
    assert is_in(other)


@pytest.mark.parametrize("user", ["account", "userid"])
def test_logout_everywhere_ends_the_sessions_of_the_account(bound_site, sim, store, visit, user):
    httpd = bound_site("DingTalkAutoBind mobile=mobile", DingTalkRemoteUser=user)
    store.account("one", mobile="13800000001")
    store.account("other", mobile="13800000008")
    first, second, other = visit(httpd), visit(httpd), visit(httpd)
    for browser, userid in ((first, "zhangsan"), (second, "zhangsan"), (other, "duoduo")):
        assert browser.sign_in(userid).status == 200
    leave_all(first)
    assert not is_in(first) and not is_in(second)
    assert is_in(other)
    assert first.sign_in("zhangsan").status == 200
    assert is_in(first) and not is_in(second)


def test_after_logout_everywhere_one_can_sign_in(site, visit, browser):
    browser.sign_in()
    leave_all(browser)
    assert browser.sign_in().status == 200 and is_in(browser)


@pytest.mark.parametrize("first", [0, 1], ids=["the older", "the newer"])
def test_ending_one_of_two_sessions_leaves_the_other_within_reach(site, visit, first):
    """S-34."""
    pair = [visit(site), visit(site)]
    for browser in pair:
        browser.sign_in()
    remaining = copy_of(pair[1 - first], visit, site)
    leave(pair[first])
    assert is_in(remaining)
    leave_all(pair[1 - first])
    assert not is_in(remaining)


def test_all_sessions_can_be_ended_again_and_again(site, visit):
    """S-34: what was ended before hides nothing of what began since."""
    for _ in range(3):
        first, second, third = visit(site), visit(site), visit(site)
        for browser in (first, second, third):
            browser.sign_in()
        leave(first)
        assert is_in(second)
        leave_all(third)
        assert not is_in(second)


def test_logout_everywhere_goes_where_it_is_told(browser):
    browser.sign_in()
    answer = leave(browser, "?all=1&return=/open/")
    assert answer.status == 303 and answer.location.endswith("/open/")


def test_a_link_never_ends_other_sessions(site, visit, browser):
    other = visit(site)
    browser.sign_in()
    other.sign_in()
    browser.navigate("/dingtalk/logout?all=1", site="same-origin")
    assert not is_in(browser) and is_in(other)


@pytest.mark.parametrize("body", [b"", b"all=0", b"all=", b"all=11", b"none=1"])
def test_whatever_else_a_form_says_ends_one_session(site, visit, browser, body):
    other = visit(site)
    browser.sign_in()
    other.sign_in()
    leave(browser, body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert not is_in(browser) and is_in(other)


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": None, "Origin": "null"}])
def test_another_site_cannot_end_all_sessions(site, visit, browser, headers):
    other = visit(site)
    browser.sign_in()
    other.sign_in()
    kept = browser.jar.copy()
    expect.notice(leave(browser, "?all=1", headers=headers), 200)
    browser.jar = kept
    assert is_in(browser) and is_in(other)


def test_a_browser_that_says_its_origin_only_is_believed(site, visit, browser):
    other = visit(site)
    browser.sign_in()
    other.sign_in()
    leave(browser, "?all=1", headers={"Sec-Fetch-Site": None, "Origin": site.origin})
    assert not is_in(browser) and not is_in(other)


def test_a_dead_cookie_ends_nobody(site, visit, browser):
    browser.sign_in()
    thief = copy_of(browser, visit, site)
    leave(browser)
    browser.sign_in()
    leave_all(thief)
    assert is_in(browser)


def test_logout_everywhere_without_a_session_is_no_error(browser):
    assert leave_all(browser).status == 200


# -- restarts --------------------------------------------------------------------------------------

@pytest.mark.parametrize("again", ["graceful", "restart"])
def test_what_was_ended_stays_dead_after_a_restart(serve, sim, visit, again):
    httpd = serve(sites.protected(sim), fresh=True)
    browser, other = visit(httpd), visit(httpd)
    browser.sign_in("zhangsan")
    other.sign_in("lisi")
    thief = copy_of(browser, visit, httpd)
    leave(browser)
    getattr(httpd, again)()
    assert not is_in(thief) and is_in(other)


def test_a_graceful_restart_needs_no_database_for_that(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    thief = copy_of(browser, visit, httpd)
    leave(browser)
    with contextlib.closing(sqlite3.connect(httpd.state / "dingtalk.db")) as database:
        database.execute("DELETE FROM dingtalk_revocation")
        database.commit()
    httpd.graceful()
    assert not is_in(thief)


# -- several nodes ---------------------------------------------------------------------------------

@pytest.fixture
def shared_sqlite():
    """A database file that two httpds can open."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dt-shared-"))
    if os.getuid() == 0:
        user = unprivileged_user()
        os.chown(folder, user.pw_uid, user.pw_gid)
    yield f'sqlite3 "{folder}/dingtalk.db"'
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture(params=["sqlite3", "pgsql", "mysql"])
def shared(request, shared_sqlite):
    """What DingTalkDatabase says on each node."""
    if request.param == "sqlite3":
        yield shared_sqlite
        return
    make = Postgres if request.param == "pgsql" else MariaDB
    if not make.available():
        pytest.skip(f"{make.__name__} is not installed")
    with make() as database:
        yield f'{database.driver} "{database.params}"'


@pytest.fixture
def nodes(serve, sim):
    """nodes(database) gives two httpds that share it and the key."""
    def start(database, **changes):
        text = sites.protected(sim, DingTalkDatabase=database,
                               DingTalkKey="0123456789abcdef0123456789abcdef", **changes)
        pair = [serve(text, fresh=True) for _ in range(2)]
        if database.startswith(MARIADB):
            for httpd in pair:
                httpd.allow_log(SLOW_START)
        return pair
    return start


def on_both(visit, nodes, userid):
    """A browser signed in on the first node, and its cookie on the second."""
    first = visit(nodes[0])
    first.sign_in(userid)
    second = visit(nodes[1])
    second.jar = first.jar.copy()
    assert is_in(first) and is_in(second)
    return first, second


def test_the_other_node_knows_within_the_poll_and_a_second(shared, nodes, visit):
    both = nodes(shared)
    other = visit(both[1])
    other.sign_in("lisi")

    def left():
        here, there = on_both(visit, both, "zhangsan")
        leave(here)
        return within(POLL + 1 + SLACK, lambda: not is_in(there))

    promised(POLL + 1, left)
    assert is_in(other)


def test_logout_everywhere_reaches_the_other_node(shared_sqlite, nodes, visit):
    both = nodes(shared_sqlite, DingTalkRevocationPoll="500ms")

    def left():
        first, second = visit(both[0]), visit(both[1])
        first.sign_in("zhangsan")
        second.sign_in("zhangsan")
        leave_all(first)
        return within(1.5 + SLACK, lambda: not is_in(second))

    promised(1.5, left)


def test_a_node_that_starts_late_knows_before_its_first_answer(shared_sqlite, nodes, visit):
    both = nodes(shared_sqlite, DingTalkRevocationPoll="1h")
    here, there = on_both(visit, both, "zhangsan")
    leave(here)
    assert is_in(there)  # it has not looked yet
    both[1].restart()
    assert not is_in(there)


def test_rows_of_an_administrator_count(shared_sqlite, nodes, visit, sim):
    both = nodes(shared_sqlite, DingTalkRevocationPoll="200ms")
    for httpd in both:
        httpd.allow_log("DT0052")  # that it is late, which it is after two seconds
    browser = visit(both[0])
    browser.sign_in("zhangsan")
    path = shared_sqlite.partition('"')[2].rstrip('"')
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO dingtalk_revocation (subject, not_before, expires_at) "
                         "VALUES (?, ?, ?)", (f"corp:{sim.corp_id}", now, now + 10 ** 8))
        database.commit()
    within(SLACK, lambda: not is_in(browser))


# -- without the database --------------------------------------------------------------------------

@pytest.fixture
def postgres():
    """A PostgreSQL that can be killed."""
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as database:
        yield database


def test_live_sessions_go_on_without_the_database_and_the_log_says_so(postgres, serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkRevocationPoll="200ms",
                                  DingTalkDatabase=f'pgsql "{postgres.params}"'), fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    httpd.allow_log(r"DT0005: database", "DT0007")
    httpd.expect_log("DT0052", "DT0053")
    postgres.kill()
    try:
        within(20, lambda: any("DT0052" in line for line in httpd.log.lines()))
        assert is_in(browser)
    finally:
        postgres.start()
    within(20, lambda: any("DT0053" in line for line in httpd.log.lines()))
    assert len([line for line in httpd.log.lines() if "DT0005:" in line]) < 5, "once is enough"
    assert is_in(browser)


def test_logout_without_the_database_is_known_here(postgres, serve, sim, visit):
    httpd = serve(sites.protected(sim, DingTalkDatabase=f'pgsql "{postgres.params}"'), fresh=True)
    browser, other = visit(httpd), visit(httpd)
    browser.sign_in()
    other.sign_in()
    thief = copy_of(browser, visit, httpd)
    postgres.kill()
    httpd.allow_log(r"DT0005: database", "DT0007", "DT0052", "DT0053")
    httpd.expect_log("DT0051", r"DT0023: signed_out_here")
    try:
        assert leave(browser).status == 200
        assert not is_in(thief)
        answer = leave_all(other)
        assert answer.status == 503 and other.session is None
    finally:
        postgres.start()


def test_a_start_without_the_database_says_that_nothing_could_be_read(serve, sim, visit):
    database = 'pgsql "host=127.0.0.1 port=1 dbname=x user=x connect_timeout=1"'
    httpd = serve(sites.protected(sim, DingTalkDatabase=database), fresh=True)
    httpd.allow_log(r"DT\d+: .*database")
    httpd.expect_log("DT0054")
    visit(httpd).fetch("/app/data.txt")
