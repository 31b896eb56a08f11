# SPDX-License-Identifier: Apache-2.0
"""Sessions kept on the server, in each of httpd's shared object caches."""

import concurrent.futures
import re

import pytest

from lib import site as sites
from lib.caches import (  # noqa: F401  (fixtures)
    Cache, cache, lasting, memcached, on_redis, redis, start, visit, who)
from lib.steps import copy_of, is_in, leave

pytestmark = pytest.mark.smoke

# -- sessions --------------------------------------------------------------------------------------

def test_a_session_opens_every_page_in_every_child(cache, start, visit, mpm):
    httpd = start(cache, mpm=mpm)
    browser = visit(httpd)
    assert browser.sign_in().status == 200
    assert all(is_in(browser) for _ in range(20))
    assert who(browser) == "zhangsan"


def test_the_cookie_is_short_and_says_nothing(cache, start, visit):
    browser = visit(start(cache))
    browser.sign_in()
    assert len(browser.session) == 66


def test_logout_ends_the_session_and_its_copies(cache, start, visit):
    httpd = start(cache)
    browser, other = visit(httpd), visit(httpd)
    browser.sign_in()
    other.sign_in()
    thief = copy_of(browser, visit, httpd)
    leave(browser)
    assert not is_in(thief) and not is_in(browser)
    assert is_in(other)


def test_logout_everywhere_ends_all_sessions_of_the_person(cache, start, visit):
    httpd = start(cache)
    here, there, other = visit(httpd), visit(httpd), visit(httpd)
    here.sign_in("zhangsan")
    there.sign_in("zhangsan")
    other.sign_in("lisi")
    leave(here, body=b"all=1")
    assert not is_in(here) and not is_in(there)
    assert is_in(other)


def test_a_renewed_session_keeps_its_cookie(cache, start, visit, clock):
    httpd = start(cache, fresh=True, clock=clock, DingTalkSessionIdle="1h",
                  DingTalkSessionLifetime="8h")
    browser = visit(httpd)
    browser.sign_in()
    for _ in range(5):
        clock.advance(1800)
        answer = browser.fetch("/app/data.txt")
        assert answer.status == 200 and not answer.set_cookies
    clock.advance(3700)
    assert not is_in(browser)


def test_a_session_with_many_attributes_fits(cache, start, sim, visit):
    sim.person("zhangsan", name="张" * 60, email="z" * 180 + "@example.com", title="t" * 250)
    httpd = start(cache, DingTalkAttributes="name email title mobile dept_ids job_number")
    browser = visit(httpd)
    browser.sign_in()
    told = browser.fetch("/dingtalk/session").json()
    assert told["attributes"]["title"] == "t" * 250, told


def test_a_restart_keeps_everybody_signed_in(cache, start, visit):
    httpd = start(cache, fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    for _ in range(3):
        httpd.graceful()
        assert is_in(browser)


def test_a_stop_and_a_start_keep_everybody_signed_in(lasting, start, visit):
    httpd = start(lasting, fresh=True)
    browser = visit(httpd)
    browser.sign_in()
    httpd.restart()
    assert is_in(browser)


def test_two_virtual_hosts_do_not_share_a_session(cache, serve, sim, visit):
    config = "\n".join([
        f"DingTalkSessionStore {cache.store}", "ServerName none.example",
        *(sites.vhost(name, sites.application(sim), sites.location("/app"))
          for name in ("one.example", "two.example"))])
    httpd = serve(config, modules=cache.modules)
    browser = visit(httpd, host="one.example")
    browser.sign_in()
    assert is_in(browser)
    other = visit(httpd, host="two.example")
    value = {"Cookie": f"dingtalk={browser.session}"}
    assert other.fetch("/app/data.txt", headers=value).status == 401


def test_many_at_once_are_each_themselves(cache, start, visit, mpm):
    httpd = start(cache, mpm=mpm)
    requests = 4000 if mpm == "event" else 400
    people = {}
    for userid in ("zhangsan", "lisi"):
        people[userid] = visit(httpd)
        people[userid].sign_in(userid)

    def ask(number):
        userid = ("zhangsan", "lisi")[number % 2]
        copy = copy_of(people[userid], visit, httpd)
        return userid, who(copy)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for expected, found in pool.map(ask, range(requests)):
            assert expected == found
    if cache.kind == "redis":
        assert cache.server.commands("get") >= requests


# -- what the cache's owner sees -------------------------------------------------------------------

def entries(redis):
    """The entries of sessions in it, by key."""
    return {key: redis.ask("GET", key) for key in redis.keys() if not is_probe(key)}


def is_probe(key):
    """Whether it is no session, but what tells a server that works."""
    return key.lower().startswith(b"dingtalk:d16e7a1c")


def test_whoever_reads_the_cache_learns_nothing(on_redis, start, visit):
    on_redis.server.ask("FLUSHALL")
    browser = visit(start(on_redis))
    browser.sign_in("zhangsan")
    (key, value), = entries(on_redis.server).items()
    for word in (b"zhangsan", "张三".encode(), browser.session.encode()):
        assert word not in key + value
    assert re.fullmatch(rb"dingtalk:[0-9a-f]{34}", key)
    assert 0 < on_redis.server.ask("TTL", key) <= 2 * 3600 + 1


def test_whoever_writes_to_the_cache_signs_nobody_in(on_redis, start, visit):
    on_redis.server.ask("FLUSHALL")
    httpd = start(on_redis)
    one, other = visit(httpd), visit(httpd)
    one.sign_in("zhangsan")
    first = set(entries(on_redis.server))
    other.sign_in("lisi")
    (mine, value), = [pair for pair in entries(on_redis.server).items() if pair[0] not in first]
    theirs, = first
    kept = on_redis.server.ask("GET", theirs)
    for forged in (value, b"", b"x", b"A" * len(kept), kept[:-1], kept[1:], kept + b"A",
                   b"A" * 100000):
        on_redis.server.ask("SET", theirs, forged)
        assert not is_in(copy_of(one, visit, httpd)), forged[:20]
    on_redis.server.ask("SET", theirs, kept)
    on_redis.server.ask("SET", mine, kept)
    assert who(one) == "zhangsan" and not is_in(other)
    httpd.allow_log("AH03480")


def test_forged_cookies_never_reach_the_cache(on_redis, start, visit):
    httpd = start(on_redis)
    browser = visit(httpd)
    browser.sign_in()
    good, stranger = browser.session, visit(httpd)
    before = on_redis.server.commands("get")
    for number in range(1000):
        at = number % len(good)
        letter = "A" if good[at] != "A" else "B"
        forged = good[:at] + letter + good[at + 1:] if number % 2 else good[:-1 - at] + "A" * at
        answer = stranger.fetch("/app/data.txt", headers={"Cookie": f"dingtalk={forged}"})
        assert answer.status == 401
    assert on_redis.server.commands("get") == before
    requests = len(browser.history)
    assert is_in(browser)
    assert before < on_redis.server.commands("get") <= before + len(browser.history) - requests


def test_a_session_that_was_evicted_is_no_error(on_redis, start, visit):
    httpd = start(on_redis)
    browser = visit(httpd)
    browser.sign_in()
    on_redis.server.ask("FLUSHALL")
    assert browser.navigate("/app/").status == 302
    assert browser.sign_in().status == 200 and is_in(browser)


def test_a_new_key_moves_the_cookie_with_the_next_renewal(on_redis, start, visit, clock):
    old, new = "an-old-key-of-at-least-32-characters", "a-new-key-of-at-least-32-characters!"
    httpd = start(on_redis, fresh=True, clock=clock, DingTalkKey=old)
    browser = visit(httpd)
    browser.sign_in()
    before = browser.session
    httpd.config = httpd.config.replace(old, f"{new} {old}")
    httpd.graceful()
    clock.advance(1800)
    assert is_in(browser) and browser.session != before
    httpd.config = httpd.config.replace(f"{new} {old}", new)
    httpd.graceful()
    assert is_in(browser)


# -- memory ----------------------------------------------------------------------------------------

def test_when_memory_is_full_the_oldest_sessions_go(start, visit):
    httpd = start(Cache("shmcb", "socache:shmcb:@FOLDER@/small(65536)"), fresh=True)
    httpd.expect_log(r"DT0066: .*room for some 152 sessions")
    browsers = []
    for number in range(250):
        browsers.append(visit(httpd))
        browsers[-1].sign_in(("zhangsan", "lisi")[number % 2])
    alive = [is_in(browser) for browser in browsers]
    assert all(alive[-10:]) and sum(alive[:50]) < 15 and sum(alive) < 180
    for number, browser in enumerate(browsers):
        if alive[number]:
            assert who(browser) == ("zhangsan", "lisi")[number % 2]
