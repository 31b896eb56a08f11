# SPDX-License-Identifier: Apache-2.0
"""Two httpds behind a balancer, with one PostgreSQL and one key, are one site."""

import concurrent.futures
import contextlib
import functools
import signal
import time

import pytest

from lib import expect, site as sites
from lib.binding import (
    NO_LIMITS, POSTGRES, Store, at_once, crowd, start, to_bind_page, user_of, with_codes)
from lib.databases import Postgres
from lib.load import Load
from lib.nodes import Roaming, at, cluster, member_of_cluster
from lib.patient import LATE
from lib.redis import Redis

PHONE, E164 = "13911111111", "+8613911111111"
COOKIE, REDIS = "cookie", "redis"
OLD, NEW = "the old key, that all nodes once had", "the new key, that all nodes will have"


@pytest.fixture(scope="module")
def running_store():
    """The PostgreSQL of this file."""
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    store = Store(start(POSTGRES))
    yield store
    store.database.stop()


@pytest.fixture
def store(running_store):
    """That PostgreSQL, with empty tables."""
    running_store.clear()
    return running_store


def params(store):
    """What DingTalkDatabase says."""
    return f'{store.driver} "{store.database.params}"'


@pytest.fixture(scope="module")
def redis():
    """The Redis of this file."""
    if not Redis.available():
        pytest.skip("Redis is not installed")
    with Redis() as server:
        yield server


# Every test that asks for `start_nodes` or `nodes` and has this mark runs with each store.
on_both_stores = pytest.mark.parametrize("kept", [COOKIE, REDIS], indirect=True)
on_redis = pytest.mark.parametrize("kept", [REDIS], indirect=True)


@pytest.fixture
def kept(request):
    """What DingTalkSessionStore says: cookie, or what the marks above say."""
    kind = getattr(request, "param", COOKIE)
    return request.getfixturevalue("redis").store if kind == REDIS else kind


@pytest.fixture
def config_of(sim, store, kept):
    """config_of(*lines, **directives) gives the configuration of both nodes."""
    def make(*lines, **changes):
        return member_of_cluster(sim, params(store), *lines, **{
            "DingTalkSessionStore": kept, **changes})
    return make


@pytest.fixture
def start_nodes(serve, store, kept, config_of):
    """start_nodes(*lines, fresh=…, **directives) gives two httpds without accounts."""
    def make(*lines, fresh=False, clock=None, **changes):
        pair = cluster(serve, config_of(*lines, **changes), fresh=fresh, clock=clock,
                       modules=() if kept == COOKIE else ("socache_redis",))
        for node in pair:
            if kept != COOKIE:
                node.allow_log(LATE)
        store.wait()
        return pair
    return make


@pytest.fixture
def nodes(start_nodes):
    """The same with accounts in the store."""
    return functools.partial(start_nodes, DingTalkAccounts="dbd")


def check_page(browser, userid):
    """The page, and that it is this person's."""
    assert browser.fetch("/app/data.txt").status == 200
    told = browser.fetch("/dingtalk/session").json()
    assert told["userid"] == userid, told


# -- signing in ------------------------------------------------------------------------------------

@on_both_stores
@pytest.mark.parametrize("turn", [0, 1])
def test_each_request_of_a_sign_in_may_reach_another_node(nodes, sim, store, turn):
    pair = nodes("DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile="13800000001")
    browser = Roaming(pair, sim, turn)
    final = browser.sign_in("zhangsan", "/app/page.html?n=1")
    assert final.status == 200 and final.url.endswith("/app/page.html?n=1"), final
    for node in pair:
        assert user_of(at(node, browser)) == "account-1"


def test_an_account_made_on_one_node_is_the_same_on_the_other(nodes, sim, store):
    pair = nodes("DingTalkUnbound create")
    for node in pair:
        browser = Roaming([node], sim)
        assert browser.sign_in("zhangsan").status == 200
        assert user_of(browser) == "zhangsan"
    assert len(store.bindings()) == 1
    assert [row["uid"] for row in store.rows("dingtalk_account", "uid")] == ["zhangsan"]


@on_both_stores
def test_many_sign_in_at_once_on_all_nodes_and_each_is_themselves(nodes, sim, store):
    pair = nodes("DingTalkAutoBind mobile=mobile", **sites.PATIENT)
    pairs = crowd(sim, store, 60)

    def come_in(number, userid):
        browser = Roaming(pair, sim, number % 2)
        assert browser.sign_in(userid).status == 200
        return [user_of(at(node, browser)) for node in pair]

    came = at_once([functools.partial(come_in, number, userid)
                    for number, (userid, _) in enumerate(pairs)], clients=16)
    assert came == [[uid] * 2 for _, uid in pairs]
    assert store.bindings() == sorted((f"uNi-{userid}", uid) for userid, uid in pairs)


def test_four_tabs_on_two_nodes_all_arrive(start_nodes, sim):
    browser = Roaming(start_nodes(), sim)
    pages = ["/app/", "/app/page.html", "/app/deep/page.html", "/app/data.txt"]
    waiting = [(browser.tab(), page, browser.tab().begin(page)) for page in pages]
    for tab, page, location in reversed(waiting):
        final = tab.follow(tab.come_back(tab.scan("zhangsan", location)))
        assert final.status == 200 and final.url.endswith(page), final


@on_both_stores
def test_of_one_callback_on_two_nodes_at_once_one_signs_in(start_nodes, sim):
    """S-16, whoever is first; and whoever comes later gets nothing on any node."""
    pair = start_nodes()
    browser = Roaming(pair, sim)
    callback = browser.scan("zhangsan", browser.begin())
    thieves = [at(node, Roaming(pair, sim, jar=browser.jar.copy()))
               for node in pair for _ in range(8)]
    answers = at_once([functools.partial(thief.come_back, callback) for thief in thieves])
    assert len([thief for thief in thieves if thief.session]) == 1, answers
    late = [at(node, Roaming(pair, sim, jar=browser.jar.copy())) for node in pair]
    for thief in late:
        answer = thief.come_back(callback)
        assert thief.session is None and answer.status in (302, 400), answer


@on_both_stores
def test_a_sign_in_begun_on_a_node_that_died_ends_on_the_other(start_nodes, sim):
    one, two = start_nodes(fresh=True)
    member, late = Roaming([one, two], sim), Roaming([one, two], sim)
    assert member.sign_in("zhangsan").status == 200
    callback = late.scan("lisi", at(one, late).begin())
    one.stop()
    late, member = at(two, late), at(two, member)
    assert late.follow(late.come_back(callback)).status == 200
    check_page(late, "lisi")
    check_page(member, "zhangsan")


# -- binding ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("turn", [0, 1])
def test_each_request_of_the_bind_page_may_reach_another_node(nodes, sim, store, turn):
    pair = nodes(*with_codes(sim, NO_LIMITS))
    store.account("account-1", mobile=PHONE)
    browser = Roaming(pair, sim, turn)
    page = to_bind_page(browser)
    page.submit("/code", country="86", phone=PHONE)
    final = page.submit("/verify", code=sim.last_code(E164))
    assert final.status == 200 and final.url.endswith("/app/"), final
    for node in pair:
        assert user_of(at(node, browser)) == "account-1"
    assert len(store.bindings()) == 1


def test_nodes_that_start_together_make_the_tables_once(serve, sim, build):
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as database, concurrent.futures.ThreadPoolExecutor(4) as pool:
        config = member_of_cluster(sim, f'pgsql "{database.params}"', "DingTalkUnbound create",
                                   "StartServers 3", DingTalkAccounts="dbd")
        starts = [pool.submit(cluster, serve, config, count=1, fresh=True) for _ in range(4)]
        four = [node for started in starts for node in started.result()]
        for node in four:
            assert Roaming([node], sim).sign_in("zhangsan").status == 200
        assert len(database.query("SELECT version FROM dingtalk_schema")) == 1
        for node in four:
            node.stop()


# -- keys ------------------------------------------------------------------------------------------

def keys(*texts):
    """What DingTalkKey says: the first seals, all open."""
    return " ".join(f'"{text}"' for text in texts)


@on_both_stores
def test_rolling_keys_one_node_after_the_other_signs_nobody_out(start_nodes, config_of, sim):
    """First every node can open the new key, then every node seals with it."""
    pair = start_nodes(DingTalkKey=keys(OLD), fresh=True)
    early, slow = Roaming(pair, sim), Roaming(pair, sim)
    assert early.sign_in("zhangsan").status == 200
    callback = slow.scan("duoduo", slow.begin())

    def roll(node, *texts):
        node.config = config_of(DingTalkKey=keys(*texts))
        node.graceful()

    def read():
        check_page(early.tab(), "zhangsan")

    def come_in(userid):
        browser = Roaming(pair, sim)
        assert browser.sign_in(userid).status == 200
        for node in pair:
            check_page(at(node, browser), userid)

    with Load(read, *(functools.partial(come_in, userid) for userid in ("lisi", "oneil"))) as load:
        for texts in ((OLD, NEW), (NEW, OLD)):
            for node in pair:
                roll(node, *texts)
                load.go_on(2)
        assert slow.follow(slow.come_back(callback)).status == 200
        late = Roaming(pair, sim)
        assert late.sign_in("lisi").status == 200
    assert load.failures == []
    for node in pair:
        roll(node, NEW)
    for node in pair:
        check_page(at(node, late), "lisi")
        assert at(node, early).fetch("/app/data.txt").status == 401


def test_a_node_that_was_forgotten_asks_to_sign_in_and_ends_in_no_loop(serve, config_of, sim):
    """It still has the old key, and nothing else."""
    pair = [node for key in (OLD, NEW)
            for node in cluster(serve, config_of(DingTalkKey=keys(key)), count=1)]
    browser = Roaming(pair, sim)
    assert at(pair[0], browser).sign_in("zhangsan").status == 200
    answer = at(pair[1], browser).navigate("/app/")
    assert answer.status == 302 and answer.location.startswith(sim.login)
    for node in pair:
        node.allow_log(r"DT\d+: ")
    for _ in range(6):
        answer = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
        if answer.status != 302:
            break
    assert answer.status in (200, 400), answer


# -- sessions in Redis -----------------------------------------------------------------------------

GONE = ("AH03473|AH03478|AH03479|AH00790|AH00791", r"DT\d+: ")  # httpd's words, and ours


def leave(browser):
    """Press the logout button."""
    answer = browser.navigate("/dingtalk/logout", "POST", body=b"", site="same-origin")
    assert answer.status == 200, answer


@on_redis
def test_who_leaves_one_node_has_left_the_other_at_once(start_nodes, sim):
    """The session is gone: nobody has to be told."""
    pair = start_nodes(DingTalkRevocationPoll="1h")
    for here, there in (pair, reversed(pair)):
        browser = Roaming(pair, sim)
        assert browser.sign_in("zhangsan").status == 200
        thief = Roaming(pair, sim, jar=browser.jar.copy())
        check_page(at(there, thief), "zhangsan")
        leave(at(here, browser))
        for node in pair:
            assert at(node, thief).fetch("/app/data.txt").status == 401


@on_redis
def test_one_session_is_renewed_on_both_nodes_at_the_same_time(start_nodes, sim, clock):
    pair = start_nodes(fresh=True, clock=clock)
    for node in pair:
        node.allow_log("DT0007.*timeout expired")  # an hour while a connection is made
    browser = Roaming(pair, sim)
    assert browser.sign_in("zhangsan").status == 200
    for _ in range(5):
        clock.advance(hours=1)
        tabs = [at(node, browser) for node in pair for _ in range(8)]
        answers = at_once([functools.partial(tab.fetch, "/app/data.txt") for tab in tabs])
        assert [answer.status for answer in answers] == [200] * 16
    for node in pair:
        check_page(at(node, browser), "zhangsan")


def closed(node, browser):
    """Whether the node says within moments that it cannot know now."""
    browser, began = at(node, browser), time.monotonic()
    browser.patient = False
    answers = [browser.fetch("/app/data.txt"), browser.navigate("/app/")]
    took = time.monotonic() - began
    assert took < 12, "too slow"
    for answer in answers:
        assert answer.status in (200, 503), answer
        if answer.status == 503:
            assert int(answer.get("Retry-After")) > 0
    return took < 4 and all(answer.status == 503 for answer in answers)


def until(holds, patience=15):
    """Wait until it holds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "it never does"
        time.sleep(0.05)


@on_redis
@pytest.mark.parametrize("trouble", ["gone", "frozen"])
def test_without_redis_all_nodes_say_503_and_with_it_all_are_as_before(
        start_nodes, sim, redis, trouble):
    pair = start_nodes()
    browser, stranger = Roaming(pair, sim), Roaming(pair, sim)
    assert browser.sign_in("zhangsan").status == 200
    for node in pair:
        node.allow_log(*GONE)
    with contextlib.ExitStack() as stack:
        if trouble == "gone":
            redis.end(redis.stop_signal)  # which writes down what it has
            stack.callback(redis.start)
        else:
            redis.process.send_signal(signal.SIGSTOP)
            stack.callback(redis.process.send_signal, signal.SIGCONT)
        for node in pair:
            until(functools.partial(closed, node, browser), patience=30)
            assert at(node, browser).fetch("/open/").status == 200
            expect.login_json(at(node, stranger).fetch("/app/data.txt"))
    for node in pair:
        until(lambda node=node: at(node, browser).fetch("/app/data.txt").status == 200)
        check_page(at(node, browser), "zhangsan")
