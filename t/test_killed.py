# SPDX-License-Identifier: Apache-2.0
"""Processes killed in the middle of their work leave nothing broken."""

import contextlib
import functools
import subprocess
import threading
import time

import pytest

from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    MANY_CHILDREN, NO_LIMITS, POSTGRES, SQLITE, at_once, bound_site, crowd, on_two_databases,
    store, stores, to_bind_page, user_of, with_codes)
from lib.browser import Client
from lib.databases import find_program
from lib.killing import DeathWithLock, kill_all, kill_children
from lib.load import Load
from lib.steps import within

PHONE, E164 = "13911111111", "+8613911111111"
PATIENCE = 30
ENOUGH = 4  # deaths that come as fast as they can
HELD = 12  # seconds: who waits longer waits for somebody who is dead
LOST = (OSError, AssertionError)  # what a browser meets whose request is killed with the child


class Deaths:
    """Kills all children again and again, beside a test."""

    def __init__(self, httpd, pause=0.4):
        self.httpd = httpd
        self.pause = pause
        self.count = 0
        self.failure = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._kill, daemon=True)

    def _kill(self):
        try:
            while not self._over.wait(self.pause):
                kill_children(self.httpd)
                self.count += 1
                if self.count >= ENOUGH:  # who is slow has to get through some time
                    self.pause *= 1.5
        except Exception as failure:  # told when it is over
            self.failure = failure

    def wait(self, count):
        """Until so many have happened."""
        end = time.monotonic() + PATIENCE
        while self.count < count and not self.failure:
            assert time.monotonic() < end, f"only {self.count} deaths"
            time.sleep(0.02)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(PATIENCE)
        assert self.failure is None, self.failure


def persist(attempt, patience=PATIENCE):
    """What people do: try until it works. Others may be too many for a moment, and say so."""
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(*LOST):
            done = attempt()
            if done is not None:
                return done
        assert time.monotonic() < end, "it never works"
        time.sleep(0.05)


def comes_in_at_once(httpd, sim, userid):
    """Somebody new signs in at the first attempt, without waiting for what the dead have left."""
    began = time.monotonic()
    browser = Client(httpd, sim)
    answer = browser.sign_in(userid)
    assert answer.status == 200, answer
    assert time.monotonic() - began < HELD, "something is still held"
    return browser


# -- in the middle of a sign-in --------------------------------------------------------------------

@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_sign_ins_that_are_killed_disturb_nobody(serve, sim, mpm):
    httpd = serve(sites.protected(sim, **sites.PATIENT), fresh=True, mpm=mpm)
    member = comes_in_at_once(httpd, sim, "zhangsan")
    sim.forget_calls()
    callbacks = []
    for userid in ("lisi", "duoduo"):  # few, so that each of them has a child at once
        browser = Client(httpd, sim)
        callbacks.append((browser, userid, browser.scan(userid, browser.begin())))
    sim.misbehave("*", "delay", seconds=60)

    def come_back(browser, callback):
        with contextlib.suppress(*LOST):
            browser.come_back(callback)

    def kill():
        within(PATIENCE, lambda: len(sim.calls("userAccessToken")) == len(callbacks))
        kill_children(httpd)

    at_once([kill, *[functools.partial(come_back, browser, callback)
                     for browser, _, callback in callbacks]])
    assert not [userid for browser, userid, _ in callbacks if browser.session]
    sim.behave()
    assert member.fetch("/app/data.txt").status == 200
    comes_in_at_once(httpd, sim, "ZhangSan")
    for browser, userid, callback in callbacks:  # as when the person presses "reload"
        answer = browser.follow(browser.come_back(callback))
        if answer.status == 302:
            answer = browser.follow(browser.come_back(browser.scan(userid, answer.location)))
        assert answer.status == 200, answer
        assert browser.fetch("/dingtalk/session").json()["userid"] == userid


@on_two_databases
def test_while_children_die_all_come_in_and_nobody_is_made_twice(bound_site, sim, store):
    httpd = bound_site(MANY_CHILDREN, "DingTalkUnbound create", options={"fresh": True})
    people = [userid for userid, _ in crowd(sim, store, 60)]
    store.query("DELETE FROM dingtalk_account")
    sim.misbehave("*", "delay", seconds=0.05)

    def come_in(userid):
        def attempt():
            browser = Client(httpd, sim)
            return user_of(browser) if browser.sign_in(userid).status == 200 else None
        return persist(attempt)

    with Deaths(httpd) as deaths:
        came = at_once([functools.partial(come_in, userid) for userid in people], clients=8)
        deaths.wait(ENOUGH)
    assert came == people
    assert store.bindings() == sorted((f"uNi-{userid}", userid) for userid in people)
    assert sorted(row["uid"] for row in store.rows("dingtalk_account", "uid")) == people
    nothing_is_held(store)
    sim.behave()
    comes_in_at_once(httpd, sim, "lisi")


def nothing_is_held(store):
    """No lock, and no transaction that nobody ends."""
    if store.driver == SQLITE:
        store.query("BEGIN EXCLUSIVE")
        return
    end = time.monotonic() + 5  # PostgreSQL sees a dead client when it looks
    held = ("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' "
            "AND application_name <> 'test'")
    while store.query(held) != [("0",)]:
        assert time.monotonic() < end, "a transaction is still open"
        time.sleep(0.05)
    assert store.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [("0",)]


# -- in the middle of binding ----------------------------------------------------------------------

@on_two_databases
def test_of_a_code_that_is_tried_while_children_die_one_comes_in(bound_site, sim, store):
    """Also when the answer that said so was lost: then the person signs in as who they are."""
    httpd = bound_site(*with_codes(sim, MANY_CHILDREN, NO_LIMITS), options={"fresh": True})
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(Client(httpd, sim))
    page.ask(PHONE)
    code = sim.last_code(E164)
    pages = [page.copy() for _ in range(24)]

    def guess(each):
        with contextlib.suppress(*LOST):
            each.guess(code)

    killer = threading.Timer(0.02, kill_children, [httpd])
    killer.start()
    at_once([functools.partial(guess, each) for each in pages], clients=8)
    killer.join()
    came = [each for each in pages if persist(lambda: [user_of(each.browser)])[0]]
    assert len(came) <= 1 and len(store.bindings()) <= 1

    def bind():
        browser = Client(httpd, sim)
        answer = browser.sign_in("zhangsan")
        if user_of(browser):
            return browser
        again = to_bind_page(browser)
        sim.forget_inbox()
        again.ask(PHONE)
        again.guess(sim.last_code(E164))
        return browser if user_of(browser) else None

    assert user_of(persist(bind)) == "account-1"
    assert len(store.bindings()) == 1
    nothing_is_held(store)


def test_a_message_that_died_on_its_way_may_be_asked_for_again(bound_site, sim, store):
    httpd = bound_site(*with_codes(sim, NO_LIMITS), options={"fresh": True}, **sites.PATIENT)
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(Client(httpd, sim))
    sim.misbehave("gateway_sms", "close", delay=60)
    assert page.ask(PHONE)["ok"] is True
    within(PATIENCE, lambda: sim.calls("gateway_sms"))
    kill_children(httpd)
    sim.behave()
    assert page.ask(PHONE)["ok"] is True
    assert page.guess(sim.last_code(E164))["ok"] is True
    assert user_of(page.browser) == "account-1"


# -- in the middle of a poll -----------------------------------------------------------------------

@contextlib.contextmanager
def locked(store, table):
    """A time in which nobody can read a table of PostgreSQL: who tries, waits."""
    with subprocess.Popen([find_program("psql"), "-X", "-q", "-A", "-t",
                           f"{store.database.params} application_name=test"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as psql:
        psql.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 1;\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "1\n"
        yield
        psql.stdin.close()


@pytest.mark.parametrize("store", [POSTGRES], indirect=True)
def test_revocations_come_soon_after_a_child_died_that_was_reading_them(bound_site, sim, store):
    httpd = bound_site(DingTalkRevocationPoll="200ms", DingTalkAccounts=None,
                       options={"fresh": True})
    httpd.allow_log("DT0052")
    member = comes_in_at_once(httpd, sim, "zhangsan")
    waiting = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
               "AND application_name <> 'test'")
    with locked(store, "dingtalk_revocation"):
        while store.query(waiting) == [("0",)]:
            time.sleep(0.05)
        kill_children(httpd)
    now = int(time.time() * 1000)
    store.insert("dingtalk_revocation", subject=f"corp:{sim.corp_id}", not_before=now,
                 expires_at=now + 10 ** 8)
    began = time.monotonic()
    while member.fetch("/app/data.txt").status == 200:
        assert time.monotonic() - began < HELD, "it lives on, as if the dead child still read"
        time.sleep(0.05)


# -- with the lock of the sessions in shared memory ------------------------------------------------

SHARED = {"DingTalkSessionStore": "socache:shmcb"}


@pytest.fixture
def death(build):
    """A death that waits for somebody who holds a lock."""
    death = DeathWithLock(build)
    yield death
    death.remove()


@pytest.mark.parametrize("mechanism", ["file:@FOLDER@", "sysvsem", "pthread"])
def test_who_dies_with_the_lock_locks_nobody_out(serve, sim, death, mechanism):
    httpd = serve(sites.protected(sim, MANY_CHILDREN, f"Mutex {mechanism} default", **SHARED),
                  modules=("socache_shmcb",), env=death.environment, fresh=True)
    httpd.allow_log("AH10392")  # its children are killed
    members = [comes_in_at_once(httpd, sim, userid) for userid in ("zhangsan", "lisi")]
    for _ in range(3):
        death.order()
        with contextlib.suppress(*LOST):
            members[0].fetch("/app/data.txt")
        assert death.done
        for member in members * 5:
            began = time.monotonic()
            assert member.fetch("/app/data.txt").status == 200
            assert time.monotonic() - began < HELD, "the lock is still held"
    comes_in_at_once(httpd, sim, "duoduo")


def test_sessions_in_shared_memory_outlive_children_that_die_at_any_moment(serve, sim):
    httpd = serve(sites.protected(sim, MANY_CHILDREN, **SHARED), modules=("socache_shmcb",),
                  fresh=True)
    early = comes_in_at_once(httpd, sim, "zhangsan")

    def come_and_go():
        browser = Client(httpd, sim)
        with contextlib.suppress(*LOST):
            browser.sign_in("lisi")
            browser.fetch("/app/data.txt")
            browser.navigate("/dingtalk/logout", "POST", body=b"", site="same-origin")

    with Load(*[come_and_go] * 4) as load, Deaths(httpd, pause=0.2) as deaths:
        deaths.wait(5)
    assert load.failures == []
    assert early.fetch("/dingtalk/session").json()["userid"] == "zhangsan"
    for userid in ("duoduo", "oneil", "yoshinoya"):
        browser = comes_in_at_once(httpd, sim, userid)
        assert browser.fetch("/dingtalk/session").json()["userid"] == userid


# -- all of httpd ----------------------------------------------------------------------------------

def test_keys_sessions_and_revocations_survive_the_death_of_all(serve, sim, visit):
    httpd = serve(sites.protected(sim), fresh=True)
    member, leaver, slow = visit(httpd), visit(httpd), visit(httpd)
    member.sign_in("zhangsan")
    leaver.sign_in("lisi")
    thief = visit(httpd, jar=leaver.jar.copy())
    assert leaver.navigate("/dingtalk/logout", "POST", body=b"", site="same-origin").status == 200
    callback = slow.scan("duoduo", slow.begin())
    kill_all(httpd)
    httpd.start()
    assert member.fetch("/app/data.txt").status == 200
    assert thief.fetch("/app/data.txt").status == 401
    assert slow.follow(slow.come_back(callback)).status == 200


@on_two_databases
def test_bindings_survive_the_death_of_all_in_the_middle_of_making_them(bound_site, sim, store):
    httpd = bound_site(MANY_CHILDREN, "DingTalkUnbound create", options={"fresh": True})
    people = [userid for userid, _ in crowd(sim, store, 30)]
    store.query("DELETE FROM dingtalk_account")
    came = {}

    def come_in(userid):
        browser = Client(httpd, sim)
        with contextlib.suppress(*LOST):
            if browser.sign_in(userid).status == 200:
                came[userid] = browser

    def kill_at_half():
        while len(came) < 12:
            time.sleep(0.005)
        kill_all(httpd)

    killer = threading.Thread(target=kill_at_half)
    killer.start()
    at_once([functools.partial(come_in, userid) for userid in people], clients=8)
    killer.join()
    httpd.start()
    assert len(came) < len(people), "some were killed"
    for userid, browser in came.items():
        assert user_of(browser) == userid
    for userid in people:
        assert user_of(comes_in_at_once(httpd, sim, userid)) == userid
    assert store.bindings() == sorted((f"uNi-{userid}", userid) for userid in people)
