# SPDX-License-Identifier: Apache-2.0
"""DingTalk slow, gone, half there or lying: how a sign-in ends for each call, as a table."""

import re

import pytest

from lib import site as sites
from lib.broken import judge, meet
from lib.browser import Client
from lib.faulty import Faulty
from lib.leaks import children
from lib.load import Load
from lib.sim import OTHER_CORP
from lib.steps import within
from lib.working import Working

CALLS = {"userAccessToken": "userAccessToken", "users_me": "users/me",
         "accessToken": "accessToken", "getbyunionid": "getbyunionid", "user_get": "v2/user/get"}
CONNECT, TOTAL = 0.5, 1  # seconds, DingTalkTimeout
WITHIN = TOTAL + 3       # one call that hangs, on a machine that has other things to do
THREADS = 25             # of the child
CROWD = 40
AT_ONCE = 2              # visitors of each row
TRIES = 5                # of a row whose time-out may also end what comes before
BACK = 2 + WITHIN        # who does not answer is left alone for two seconds
HURRIED = {"DingTalkTimeout": f"connect={int(CONNECT * 1000)}ms total={TOTAL}s",
           "DingTalkRecheck": "0"}
# A busy machine, too, needs its time for a call: where the time-out is not the point, it is far off.
PATIENT = {**HURRIED, "DingTalkTimeout": "connect=10s total=10s"}

# How it ends: status, number and words of the line in the log. {call} is the call that broke.
IN = None
LATE = r"dingtalk_down \({call}: no complete reply in time"
NO_TIME = (503, "DT0021", LATE)
CROWDED = (503, "DT0021", "dingtalk_down|crowded")
BROKE = (503, "DT0021", r"dingtalk_down \({call}: (the connection |the reply ended too early)")
NOBODY = (503, "DT0021", r"dingtalk_down \({call}: no connection")
GARBLED = (503, "DT0021", r"dingtalk_down \({call}: ")
UPSTREAM = (503, "DT0021", r"dingtalk_down \({call}: HTTP 502")
TOO_LARGE = (503, "DT0021", r"unintelligible \({call}: the reply is larger than allowed")
ODD = (503, "DT0021", r"unintelligible \({call}")
BANNED = (503, "DT0021", r"address_banned \({call}")
BUSY = (503, "DT0021", r"dingtalk_busy \({call}")
CREDENTIALS = (503, "DT0021", r"app_credentials \(")
OTHER = (403, "DT0020", "other_corp")
STRANGER = (403, "DT0020", "stranger")
EXTERNAL = (403, "DT0020", "external_contact")
MISMATCH = (403, "DT0020", "identity_mismatch")
OVER = (400, "DT0022", r"failed_again \(code_spent: ")

# fault → mode of the simulator, its parameters, how it ends at each of the calls
FAULTS = {
    "slow, but in time": ("delay", {"seconds": 0.4}, IN),
    "slower than the time-out": ("delay", {"seconds": 30}, NO_TIME),
    "a byte a second": ("drip", {"interval": 1}, NO_TIME),
    "headers only": ("stop", {"part": 0}, NO_TIME),
    "half a body": ("stop", {"part": 0.5}, NO_TIME),
    "Content-Length too long": ("stop", {"part": 1, "more": 10}, NO_TIME),
    "Content-Length too long, then closed": ("stop", {"part": 1, "more": 10, "then": "close"},
                                             BROKE),
    "closed after half a body": ("close_half", {}, BROKE),
    "reset after half a body": ("stop", {"part": 0.5, "then": "reset"}, BROKE),
    "reset instead of an answer": ("reset", {}, BROKE),
    "closed instead of an answer": ("close", {}, BROKE),
    "an endless body": ("huge", {"chunked": True}, TOO_LARGE),
    "502 of a gateway in between": ("status", {"status": 502, "body": "<html>"}, UPSTREAM),
    "200 with HTML": ("html_ban", {}, BANNED),
    "200 with nothing": ("empty", {}, ODD),
    "200 with half of some JSON": ("not_json", {}, ODD),
    "200 with a list": ("wrong_type", {"shape": "array"}, ODD),
    "200 with an empty object": ("wrong_type", {"shape": "object"}, ODD),
    "200 with huge numbers": ("wrong_type", {"shape": "big_number"}, ODD),
    "200 with deep nesting": ("wrong_type", {"shape": "deep_object"}, ODD),
    "busy, inside of 200": ("errcode", {"errcode": -1}, BUSY),
    "a redirect elsewhere": ("status", {"status": 302, "headers": {"Location": "/elsewhere"}},
                             ODD),
}
# (call, lie) → mode, parameters, how it ends
LIES = {
    ("userAccessToken", "another corp"): ("edit", {"set": {"corpId": OTHER_CORP}}, OTHER),
    ("userAccessToken", "ours and another corp"): (
        "twice", {"key": "corpId", "value": OTHER_CORP}, ODD),
    ("userAccessToken", "another corp and ours"): (
        "twice", {"key": "corpId", "value": OTHER_CORP, "last": True}, ODD),
    ("userAccessToken", "a token of nobody"): ("edit", {"set": {"accessToken": "nobody"}}, OVER),
    ("users_me", "a person nobody knows"): ("edit", {"set": {"unionId": "nobody"}}, STRANGER),
    ("users_me", "two persons"): ("twice", {"key": "unionId", "value": "nobody"}, ODD),
    ("users_me", "a number for an id"): ("edit", {"set": {"unionId": 10 ** 30}}, ODD),
    ("accessToken", "a token of nobody"): ("edit", {"set": {"accessToken": "nobody"}},
                                           CREDENTIALS),
    ("accessToken", "a token that is over"): ("edit", {"set": {"expireIn": -1}}, ODD),
    ("getbyunionid", "another person"): ("edit", {"set": {"result.userid": "lisi"}}, MISMATCH),
    ("getbyunionid", "a person nobody knows"): ("edit", {"set": {"result.userid": "nobody"}},
                                                STRANGER),
    ("getbyunionid", "an outsider"): ("edit", {"set": {"result.contact_type": 1}}, EXTERNAL),
    ("getbyunionid", "a huge number"): ("edit", {"set": {"result.contact_type": 2 ** 62}}, ODD),
    ("getbyunionid", "an error and none"): ("twice", {"key": "errcode", "value": 60121}, ODD),
    ("user_get", "another userid"): ("edit", {"set": {"result.userid": "lisi"}}, MISMATCH),
    ("user_get", "another unionid"): ("edit", {"set": {"result.unionid": "nobody"}}, MISMATCH),
    ("user_get", "two records"): ("twice", {"key": "result", "value": {}}, ODD),
    ("user_get", "a number for yes"): ("edit", {"set": {"result.active": 2 ** 62}}, ODD),
}
# fault → what the network does (lib/faulty.py), how it ends
NETWORK = {
    "slow, but in time": ("slow", {"delay": 0.3}, IN),
    "slower than the time-out": ("slow", {"delay": 3}, NO_TIME),
    "refuses connections": ("refused", {}, NOBODY),
    "resets who connects or sends": ("reset", {}, BROKE),
    "resets in the middle of the headers": ("cut", {"after": 40}, BROKE),
    "falls silent in the middle of the headers": ("half", {"after": 40}, NO_TIME),
    "takes everything, says nothing": ("silent", {}, NO_TIME),
    "loses what is sent to connect": ("unreachable", {}, NO_TIME),
    "other bytes": ("garbage", {}, GARBLED),
}
TABLE = ([(call, fault, *row) for fault, row in FAULTS.items() for call in CALLS]
         + [(call, lie, *row) for (call, lie), row in LIES.items()])


@pytest.fixture(scope="module")
def hurried(farm, running_simulator):
    """One httpd for all rows that end by the time-out, in which somebody works all the while."""
    yield from started(farm, running_simulator, HURRIED)


@pytest.fixture(scope="module")
def patient(farm, running_simulator):
    """One for all the others."""
    yield from started(farm, running_simulator, PATIENT)


def started(farm, sim, limits):
    """An httpd with these limits, in which somebody works."""
    sim.reset()
    yield from worked_in(farm.get(sites.protected(sim, **limits)), sim)


def pace(request):
    """Which of two httpds a row needs."""
    row = getattr(request.node, "callspec", None)
    fault = row and row.params.get("fault")
    outcome = row and row.params.get("outcome", NETWORK.get(fault, [None])[-1])
    return "hurried" if outcome is NO_TIME else "patient"


def worked_in(httpd, sim):
    """Somebody works in it until it ends."""
    with Working(_member(httpd, sim), pause=0.05) as working:
        httpd.pids = set(children(httpd.process.pid))
        yield httpd, working


def _member(httpd, sim):
    browser = Client(httpd, sim)
    assert browser.sign_in().status == 200
    return browser


@pytest.fixture
def site(request, serve, sim):
    """The row's httpd; after the row it is judged how the one who works was served meanwhile."""
    yield from judged(*request.getfixturevalue(pace(request)))


def judged(httpd, working):
    """The httpd, in which somebody works while a test runs."""
    working.again()
    yield httpd
    working.go_on()
    working.judge()
    assert set(children(httpd.process.pid)) == httpd.pids, "a child has ended"


def back_from_dingtalk(httpd, sim, count=AT_ONCE):
    """Browsers that DingTalk is about to send back: (browser, callback)."""
    browsers = [Client(httpd, sim) for _ in range(count)]
    return {browser: browser.scan("zhangsan", browser.begin()) for browser in browsers}


def under_way(sim, call):
    """How many of these calls have no answer yet."""
    return sum(entry["status"] is None for entry in sim.calls(call))


def signs_in(httpd, sim):
    """Whether somebody new comes in."""
    browser = Client(httpd, sim)
    status = browser.sign_in().status
    httpd.allow_log("DT0021")
    return status == 200


def late_call(httpd, answer):
    """The call whose time-out was the end of this answer, or None."""
    httpd.allow_log("DT0021")
    lines = [line for line in httpd.log.lines() if answer.error_id and answer.error_id in line]
    found = re.search(LATE.format(call=r"([\w/]+)"), "\n".join(lines))
    return found and found[1]


def too_slow(httpd, all_met, call):
    """Whether somebody did not come as far as this call: one before it had its time-out."""
    return any(late_call(httpd, met.answer) not in (None, call) for met in all_met)


def back_in_time(httpd, sim):
    """Somebody new comes in at once; later only where a good call had its time-out, too."""
    answer = Client(httpd, sim).sign_in()
    if answer.status != 200:
        assert late_call(httpd, answer), answer
        within(BACK, lambda: signs_in(httpd, sim))


def arrive(callbacks):
    """All of them come back at the same time; who is sent for another code fetches it once."""
    def come(browser):
        answer = browser.come_back(callbacks[browser])
        if answer.status == 302:
            answer = browser.come_back(browser.scan("zhangsan", answer.location))
        return answer
    return meet(callbacks, come)


def ends(httpd, all_met, outcome, call, limit=WITHIN):
    """Each ended as the table says."""
    for met in all_met:
        if outcome is IN:
            assert met.answer.status == 303 and met.browser.session, met
            assert met.seconds < limit, met
        else:
            status, number, words = outcome
            judge(httpd, met, status, (number, words.format(call=re.escape(call))), limit)


@pytest.mark.parametrize("call,fault,mode,how,outcome", TABLE,
                         ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_how_a_sign_in_ends(site, sim, call, fault, mode, how, outcome):
    for _ in range(TRIES):
        callbacks = back_from_dingtalk(site, sim)
        if call == "accessToken":
            sim.expire("app_token", forget=True)
        sim.forget_calls()
        sim.misbehave(call, mode, **how)
        all_met = arrive(callbacks)
        if outcome is not NO_TIME or not too_slow(site, all_met, CALLS[call]):
            break
        sim.behave()
    ends(site, all_met, outcome, CALLS[call])
    made = [entry["call"] for entry in sim.calls()]
    assert set(made) <= set(CALLS), "nobody follows a redirect"
    assert made.count(call) <= 2 * AT_ONCE, "asked once more at most"
    sim.behave()
    back_in_time(site, sim)


def test_each_call_of_a_sign_in_may_take_its_time(site, sim):
    """The time-out is that of one call."""
    callbacks = back_from_dingtalk(site, sim)
    sim.expire("app_token", forget=True)
    sim.misbehave("*", "delay", seconds=0.4)
    ends(site, arrive(callbacks), IN, "", limit=(len(CALLS) + 1) * WITHIN)


# -- the network -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def hurried_ways(farm, running_simulator):
    """An httpd whose ways to api and oapi can be broken; somebody works in it."""
    yield from two_ways(farm, running_simulator, HURRIED)


@pytest.fixture(scope="module")
def patient_ways(farm, running_simulator):
    """Another, for rows that do not end by the time-out."""
    yield from two_ways(farm, running_simulator, PATIENT)


def two_ways(farm, sim, limits):
    """An httpd with these limits, and its ways."""
    sim.reset()
    port = int(sim.api.rpartition(":")[2])
    with Faulty(port) as api, Faulty(port) as oapi:
        text = sites.protected(sim, **limits)
        for name, way in (("api", api), ("oapi", oapi)):
            text = text.replace(f"DingTalkEndpoint {name} {sim.api}",
                                f"DingTalkEndpoint {name} http://127.0.0.1:{way.port}")
        for httpd, working in worked_in(farm.get(text), sim):
            yield httpd, working, {"api": api, "oapi": oapi}


@pytest.fixture
def ways(request, serve, sim):
    """The row's httpd with its ways, judged as the other one."""
    httpd, working, ways = request.getfixturevalue(pace(request) + "_ways")
    for _ in judged(httpd, working):
        yield httpd, ways
        for way in ways.values():  # a row that failed has no share in the next one
            way.turn("good")


@pytest.mark.parametrize("host,call", [("api", "userAccessToken"), ("oapi", "getbyunionid")])
@pytest.mark.parametrize("fault", NETWORK)
def test_how_a_sign_in_ends_behind_a_network_that(ways, sim, host, call, fault):
    httpd, way = ways[0], ways[1][host]
    mode, how, outcome = NETWORK[fault]
    for _ in range(TRIES):
        callbacks = back_from_dingtalk(httpd, sim)
        way.turn(mode, **how)
        all_met = arrive(callbacks)
        if outcome is not NO_TIME or not too_slow(httpd, all_met, CALLS[call]):
            break
        way.turn("good")
        within(BACK, lambda: signs_in(httpd, sim))
    ends(httpd, all_met, outcome, CALLS[call])
    way.turn("good")
    assert within(BACK, lambda: signs_in(httpd, sim)) < BACK, "without a restart"


# -- many at once ----------------------------------------------------------------------------------

@pytest.mark.parametrize("call", ["accessToken", "user_get"])
def test_a_crowd_that_waits_for_one_call_keeps_nobody_waiting_who_is_in(serve, sim, call):
    """Half of the threads may wait; test_dingtalk_trouble.py has the first of the calls."""
    total = 6
    httpd = serve(sites.protected(sim, DingTalkTimeout=f"connect=1s total={total}s"), fresh=True)
    httpd.allow_log("AH00484")  # for a moment
    member = _member(httpd, sim)
    callbacks = back_from_dingtalk(httpd, sim, CROWD)
    sim.expire("app_token", forget=True)
    sim.misbehave(call, "delay", seconds=30)
    most = []
    with Working(member) as working, Load(lambda: most.append(under_way(sim, call))):
        met = arrive(callbacks)
    ends(httpd, met, CROWDED, CALLS[call], limit=2 * total + WITHIN)
    assert max(most) <= THREADS // 2
    longest = max(page.seconds for page in working.meanwhile())
    assert longest < total / 2, "and no thread in time"
