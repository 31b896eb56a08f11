# SPDX-License-Identifier: Apache-2.0
"""Two parts that meet while one is broken, and all parts broken at once: what people get."""

import contextlib

import pytest

from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    KEY, NO_LIMITS, POSTGRES, store, stores, to_bind_page, user_of, with_codes)
from lib.browser import Client
from lib.caches import MODULES, redis  # noqa: F401  (a fixture)
from lib.databases import Postgres
from lib.events import watched, within
from lib.faulty import Faulty
from lib.places import PHONES, People
from lib.redis import Redis
from lib.slapd import Directory
from test_broken_dingtalk import HURRIED, WITHIN

PHONE, E164 = "13911111111", "+8613911111111"
BACK = 30      # until it works again at the latest
AWAY = ["refused", "silent"]
LOG = r"DT(0005|0007|0010|0021|0022|0023|0024|0040|005[1-4]|006[0-5]|0070|0071|0072|0073): " \
      r"|AH0347[389]|AH03480|\[ldap:|^WARNING:  terminating connection"


# -- the cache, and who comes in by a code or may pass anyway --------------------------------------

@pytest.fixture
def cache(redis):
    """A way to Redis."""
    with Faulty(redis.port) as way:
        yield way


def stored(way):
    """What the directive says of a Redis at the end of this way."""
    return f"socache:redis:127.0.0.1:{way.port}"


@pytest.mark.parametrize("fault", AWAY)
def test_a_right_code_while_the_cache_is_away_binds_and_who_comes_again_is_in(
        serve, sim, store, cache, fault):
    config = sites.protected(sim, store.lines(), *with_codes(sim, NO_LIMITS),
                             DingTalkAccounts="dbd", DingTalkSessionStore=stored(cache))
    httpd = serve(config, modules=MODULES["redis"], fresh=True)
    httpd.allow_log(LOG)
    store.wait()
    store.account("account-1", mobile=E164)
    page = to_bind_page(Client(httpd, sim), "lisi")
    page.ask(PHONE)
    code = sim.last_code(E164)
    with cache.turned(fault):
        told = page.guess(code)
        assert page.answer.status == 503 and int(page.answer.get("Retry-After")) > 0
        assert told["ok"] is False and told["error"] == "unavailable", told
        assert page.browser.session is None and page.answer.error_id
    within(BACK, lambda: Client(httpd, sim).sign_in("lisi").status == 200)
    browser = Client(httpd, sim)
    answer = browser.come_back(browser.scan("lisi", browser.begin()))
    assert answer.status == 303 and user_of(browser) == "account-1"
    assert store.bindings() == [(sim.who("lisi")["unionid"], "account-1")]
    assert len(sim.inbox()) == 1


@pytest.fixture
def open_house(serve, sim, cache):
    """Where anonymous visitors come in, by each of the ways there are."""
    inside = "DingTalkUnauthenticated pass"
    httpd = serve("\n".join([
        sites.application(sim, DingTalkSessionStore=stored(cache)),
        sites.location("/app", inside), sites.location("/cgi", inside, require="all granted"),
        'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"', 'ScriptAlias "/cgi/" "@DOCUMENTS@/cgi/"',
    ]), modules=["cgi", *MODULES["redis"]], fresh=True)
    httpd.allow_log(LOG)
    return httpd


def seen_as(browser, place):
    """Whom the application sees; None when it is not asked."""
    answer = browser.fetch(place + "env.cgi")
    if answer.status == 503:
        assert int(answer.get("Retry-After")) > 0
        return None
    assert answer.status == 200, answer
    return answer.json().get("REMOTE_USER", "")


@pytest.mark.parametrize("place", ["/app/cgi/", "/cgi/"])
@pytest.mark.parametrize("fault", AWAY)
def test_who_may_pass_is_nobody_else_while_the_cache_is_away(open_house, sim, cache, fault, place):
    """Who has a session is not taken for a stranger either, but told to come again."""
    people = ("zhangsan", "lisi")
    members = []
    for userid in people:
        browser = Client(open_house, sim)
        started = browser.navigate("/dingtalk/login?return=" + place + "env.cgi")
        browser.follow(browser.come_back(browser.scan(userid, started.location)))
        members.append(browser)
    stranger, liar = Client(open_house, sim), Client(open_house, sim)
    liar.jar.put("dingtalk", "A" * 43, liar.host)
    assert [seen_as(browser, place) for browser in members] == list(people)
    with cache.turned(fault):
        for _ in range(3):
            assert [seen_as(browser, place) for browser in members] == [None, None]
            assert seen_as(stranger, place) == ""
            assert not seen_as(liar, place)
    within(BACK, lambda: [seen_as(browser, place) for browser in members] == list(people))
    assert seen_as(stranger, place) == ""


# -- all at once -----------------------------------------------------------------------------------

# What people get while nothing answers. 503 comes with Retry-After and a number that is in the log.
NOTHING = {"sign-in": 503, "first sign-in": 503, "code asked": 503, "code entered": 503,
           "sign-out": 200, "sign-out everywhere": 503, "event": 503, "session": 200,
           "begin": 302}
# Without the cache nobody can say who has a session.
CACHED = {**NOTHING, "sign-out": 503, "session": 503}
PROMISES = {"directory": NOTHING, "cache": CACHED}
# Two seconds for a connection to the database and six for a statement, and as much again for a
# busy machine. Who needs only DingTalk, the cache or nobody knows sooner.
LONGEST = 2 * (2 + 6)
SOONER = 2 * WITHIN
BOUNDS = dict.fromkeys(("sign-in", "first sign-in", "session", "begin", "page"), SOONER)
ONE_ANSWER = 1  # second that an answer of the cache takes, or it is none
LDAP = "LDAPConnectionTimeout 2\nLDAPTimeout 2\nLDAPRetries 1"


class World:
    """A site all of whose parts are elsewhere, and the ways to them."""

    def __init__(self, stack, kind, store, sim):
        self.stack, self.sim, self.store = stack, sim, store
        self.ways, self.directory = [], None
        part = self._with_directory() if kind == "directory" else self._with_cache()
        text = watched(sim, self._through(store.database.port, store.lines()), LDAP
                       if self.directory else "", *with_codes(sim, NO_LIMITS),
                       "DingTalkAutoBind mobile=mobile", **{
                           **HURRIED, "DingTalkRecheck": "1s", "DingTalkKey": f'"{KEY}"', **part})
        port = int(sim.api.rpartition(":")[2])
        for host in ("api", "oapi"):
            line = f"DingTalkEndpoint {host} {getattr(sim, host)}"
            text = text.replace(line, self._through(port, line))
        self.text = text

    def _through(self, port, text):
        """The same text with a way of its own."""
        way = self.stack.enter_context(Faulty(port))
        self.ways.append(way)
        return text.replace(str(port), str(way.port))

    def _with_directory(self):
        self.directory = self.stack.enter_context(Directory())
        self.modules = ["ldap"]
        url = self._through(self.directory.port, self.directory.url)
        return {"DingTalkAccounts": f'"ldap:{url}"'}

    def _with_cache(self):
        server = self.stack.enter_context(Redis())
        self.modules = MODULES["redis"]
        return {"DingTalkAccounts": "dbd",
                "DingTalkSessionStore": self._through(server.port, server.store)}

    def fill(self):
        """Everybody has an account."""
        self.store.wait()
        self.store.clear()
        for uid, phone in PHONES.items():
            if self.directory:
                self.directory.person(uid, mobile=phone)
            else:
                self.store.account(uid, mobile=phone)

    def turn(self, mode):
        """All of them."""
        for way in self.ways:
            way.turn(mode)


class Trial:
    """All parts fall silent at the same moment, met by everybody."""

    def __init__(self, world, farm):
        with farm.trial(world.text, modules=world.modules) as httpd:
            self._run(world, httpd)
        self.complaints = httpd.complaints

    def _run(self, world, httpd):
        world.fill()
        self.people = people = People(httpd, world.sim)
        world.turn("silent")
        self.told = people.go_on()
        world.turn("good")
        self.back = people.until_back(BACK)
        self.came_in = people.who_came_in()
        self.same_children = people.same_children()
        self.leaver_is_out = people.is_out()
        self.lines = httpd.log.lines()
        httpd.allow_log(LOG)


@pytest.fixture(scope="module", params=PROMISES)
def case(request, stores, farm, running_simulator):
    """What is promised, and what happened."""
    if not (Postgres.available() and Redis.available() and Directory.available()):
        pytest.skip("PostgreSQL, Redis or slapd is not installed")
    with contextlib.ExitStack() as stack:
        world = World(stack, request.param, stores.get(POSTGRES), running_simulator)
        return PROMISES[request.param], Trial(world, farm)


@pytest.mark.parametrize("place", NOTHING)
def test_what_people_get_when_nothing_answers(case, place):
    promised, trial = case
    trial.told[place].judge(promised[place], trial.lines, BOUNDS.get(place, LONGEST))


def test_pages_wait_for_nothing_when_nothing_answers(case):
    promised, trial = case
    page = promised["session"]
    trial.people.live.judge({page, 200}, moment=ONE_ANSWER / 2, waited=3 * ONE_ANSWER)


def test_nobody_comes_in_when_nothing_answers(case):
    _, trial = case
    assert trial.came_in == {}


def test_all_works_again_by_itself_in_the_same_children(case):
    _, trial = case
    assert trial.back < BACK
    assert trial.same_children
    assert trial.complaints == []
