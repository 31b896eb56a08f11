# SPDX-License-Identifier: Apache-2.0
"""DingTalk's pushes: whose are believed, how they are answered, and that each counts once."""

import concurrent.futures
import contextlib
import json
import sqlite3
import time

import pytest

from lib import expect, site as sites
from lib.binding import MANY_CHILDREN, POSTGRES
from lib.events import (  # noqa: F401  (fixtures)
    JSON, LEAVE, MODIFY, POLL, at_node, at_once, is_in, memory, nodes, on_every_memory, post,
    pushed, pushed_in_time, signed_in, site, throughout, watched, within)
from lib.steps import SLACK

DAY = 24 * 3600 * 1000
EVENT = "/dingtalk/event"


@pytest.fixture
def lisi(site, sim):
    """Somebody who is signed in."""
    (browser,) = signed_in(sim, site, "lisi")
    return browser


def now():
    """As EventTime."""
    return int(time.time() * 1000)


# -- what DingTalk sends ---------------------------------------------------------------------------

def test_the_check_of_the_address_is_answered(site, sim):
    assert pushed(sim)["status"] == 200


@pytest.mark.parametrize("timestamp", ["timestamp", "timeStamp"])
@pytest.mark.parametrize("signature", ["signature", "msg_signature"])
def test_every_spelling_of_the_parameters_is_understood(sim, lisi, signature, timestamp):
    pushed(sim, LEAVE, "lisi", names={"signature": signature, "timestamp": timestamp})
    assert not is_in(lisi)


@pytest.mark.parametrize("timestamp", [1700000000, 1700000000000, "x%+& /=", "0"])
def test_the_timestamp_of_a_push_is_any_text(sim, lisi, timestamp):
    pushed(sim, LEAVE, "lisi", timestamp=timestamp)
    assert not is_in(lisi)


@pytest.mark.parametrize("nonce", ["a+b/c=d%25e", "随机", "a&b?c#d", "~-._"])
def test_a_nonce_may_need_escaping(sim, lisi, nonce):
    pushed(sim, LEAVE, "lisi", nonce=nonce)
    assert not is_in(lisi)


def test_an_old_subscription_belongs_to_the_corp(sim, site, lisi):
    sim.subscribe(site, owner=sim.corp_id)
    pushed(sim)
    pushed(sim, LEAVE, "lisi")
    assert not is_in(lisi)


def test_the_spare_bits_of_the_aes_key_do_not_matter(serve, sim):
    """Two bits of the last letter are in no byte: letters that differ there are one key."""
    key = sim.subscription()["aes_key"][:-1]
    httpd = serve(watched(sim, DingTalkEventAESKey=key + "F"))
    sim.subscribe(httpd, aes_key=key + "E")
    pushed(sim)


def test_token_and_key_may_stand_in_files(serve, sim, tmp_path):
    told = sim.subscription()
    for name in ("token", "aes_key"):
        (tmp_path / name).write_text(told[name] + "\n")
    httpd = serve(watched(sim, DingTalkEventToken=f"file:{tmp_path}/token",
                          DingTalkEventAESKey=f"file:{tmp_path}/aes_key"), fresh=True)
    sim.subscribe(httpd)
    pushed(sim)


@pytest.mark.parametrize("kind", ["org_change", "user_add_org", "user_active_org", "label_conf_add",
                                  "bpms_instance_change", "never_heard_of", "", "a" * 500,
                                  "two\nlines \x1b[31m"])
def test_an_event_that_means_nothing_to_us_is_acknowledged(sim, lisi, kind):
    pushed(sim, kind, "lisi")
    assert is_in(lisi)


@pytest.mark.parametrize("text", [
    "{}", '{"EventType":5}', '{"EventType":null,"CorpId":null}',
    '{"EventType":"check_create_suite_url","Random":"LPIdSnlF","TestSuiteKey":"suite4xxx"}'])
def test_an_event_without_a_type_is_acknowledged(sim, lisi, text):
    pushed(sim, text=text)
    assert is_in(lisi)


@pytest.mark.parametrize("body", [
    {}, {"userId": []}, {"userId": None}, {"userId": {}}, {"userId": [None, {}, [], True, ""]},
    {"userId": ["x" * 5000]}, {"userId": ["\u0000lisi", "lisi\u0000"]}])
def test_a_leaver_who_is_nobody_ends_no_session(serve, sim, body):
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    httpd.allow_log("DT0078")  # it says that somebody left, and not who
    (browser,) = signed_in(sim, httpd, "lisi")
    assert sim.push(LEAVE, body=body)["status"] in (200, 400)
    throughout(1, lambda: is_in(browser))


@pytest.fixture
def busy_lisi(serve, sim):
    """The same on an httpd of its own: what is still to be done after a test ends with it."""
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    return signed_in(sim, httpd, "lisi")[0]


def test_500_leavers_in_one_event_are_answered_in_time(sim, busy_lisi):
    pushed_in_time(sim, LEAVE, *(f"leaver{number:05}" for number in range(499)), "lisi")
    assert not is_in(busy_lisi)


def test_an_event_of_500_members_to_be_read_again_is_answered_in_time(sim, busy_lisi):
    pushed_in_time(sim, MODIFY, *(f"member{number:05}" for number in range(500)))
    assert is_in(busy_lisi)


@pytest.mark.parametrize("memory", [POSTGRES], indirect=True)
def test_500_leavers_are_answered_in_time_with_a_database_server(nodes, sim):
    httpd, other = nodes()
    (browser,) = signed_in(sim, httpd, "lisi")
    there = at_node(other, browser)
    pushed_in_time(sim, LEAVE, *(f"leaver{number:05}" for number in range(499)), "lisi")
    assert not is_in(browser)
    within(POLL + 2, lambda: not is_in(there))


# -- what somebody else sends ----------------------------------------------------------------------

@pytest.mark.parametrize("forged", [
    {"token": "another"}, {"signature": "0" * 40}, {"signature": ""}, {"signature": "0" * 39},
    {"aes_key": "x" * 43}, {"owner": "dingsomebodyelse"}, {"owner": ""}],
    ids=lambda forged: "-".join(forged))
def test_a_forged_push_is_refused_and_nothing_happens(sim, lisi, forged):
    push = sim.push(LEAVE, "lisi", **forged)
    assert push["status"] == 403
    assert is_in(lisi)


def test_the_owner_is_compared_whole(sim, lisi):
    for owner in (sim.client_id + "x", sim.client_id[:-1], sim.client_id.upper(), sim.corp_id[:-1],
                  sim.client_id + "\0", "\0" + sim.client_id):
        assert sim.push(LEAVE, "lisi", owner=owner)["status"] == 403
    assert is_in(lisi)


def test_forged_pushes_make_no_calls(sim, lisi):
    def asked():
        return [call for call in sim.calls() if call["call"] != "failed_events"]

    push = sim.push(MODIFY, "lisi", token="another", dry=True)
    before = None
    while before != asked():  # what other tests have left to do
        before = asked()
        time.sleep(0.5)
    for _ in range(200):
        assert post(lisi, push).status == 403
    time.sleep(0.5)
    assert asked() == before


def tampered(push):
    """The push with one thing changed."""
    query, body = push["query"], push["body"]
    encrypt = json.loads(body)["encrypt"]
    fields = dict(word.split("=", 1) for word in query.split("&"))
    for name in fields:
        for index in (0, -1):
            value = list(fields[name])
            value[index] = "1" if value[index] == "0" else "0"
            yield {"query": "&".join(f"{n}={''.join(value) if n == name else v}"
                                     for n, v in fields.items())}
    for index in (0, len(encrypt) // 2, len(encrypt) - 3):
        value = encrypt[:index] + ("A" if encrypt[index] != "A" else "B") + encrypt[index + 1:]
        yield {"body": json.dumps({"encrypt": value})}
    yield {"body": json.dumps({"encrypt": encrypt + "AAAA"})}
    yield {"body": json.dumps({"encrypt": encrypt[:-64]})}


def test_a_push_with_one_thing_changed_is_refused(sim, lisi):
    push = sim.push(LEAVE, "lisi", dry=True)
    for changes in tampered(push):
        answer = post(lisi, push, **changes)
        assert answer.status == 403, (changes, answer)
        expect.own_answer(answer)
        assert answer.set_cookies == []
    assert is_in(lisi)
    assert post(lisi, push).status == 200 and not is_in(lisi)


@pytest.mark.parametrize("body", [
    b"", b"{", b"null", b"[]", b'"encrypt"', b"{}", b'{"encrypt":null}', b'{"encrypt":[]}',
    b'{"encrypt":""}', b'{"encrypt":{"encrypt":"QUJD"}}', b"\xff\xfe", b"[" * 5000,
    b'{"a":' * 5000, b"encrypt=QUJD"], ids=lambda body: body[:20].decode("latin-1"))
def test_a_body_that_is_no_push_is_malformed(sim, lisi, body):
    answer = post(lisi, sim.push(LEAVE, "lisi", dry=True), body=body)
    assert answer.status == 400
    expect.own_answer(answer)


@pytest.mark.parametrize("query", [
    "", "signature=", "nonce=1", "signature=x&nonce=y", "signature=x&timestamp=1", "&&&=&",
    "signature=%00&timestamp=%zz&nonce=%"])
def test_a_query_without_what_it_needs_is_refused(sim, lisi, query):
    push = sim.push(LEAVE, "lisi", dry=True)
    assert post(lisi, push, query=query).status in (400, 403)
    assert is_in(lisi)


def test_without_any_query_it_is_malformed(site, sim, lisi):
    push = sim.push(LEAVE, "lisi", dry=True)
    answer = lisi.request("POST", EVENT, headers=JSON, body=push["body"].encode())
    assert answer.status == 400


@pytest.mark.parametrize("text", ["", "success", "[]", "null", '{"EventType":', "[" * 3000])
def test_a_genuine_push_whose_message_is_no_object_is_malformed(sim, lisi, text):
    assert sim.push(text=text)["status"] == 400
    assert is_in(lisi)


@pytest.mark.parametrize("size", [128 * 1024 + 1, 10 << 20])
def test_a_body_that_is_too_large_is_refused_before_it_came(site, lisi, size):
    head = (f"POST {EVENT}?signature=x&timestamp=1&nonce=1 HTTP/1.1\r\nHost: {lisi.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n"
            "Connection: close\r\n\r\n").encode()
    assert b" 413 " in lisi.raw(head + b" " * min(size, 200 * 1024)).split(b"\r\n")[0]


def chunked(body, size=1000):
    """A body in chunks."""
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("padding, status", [(0, b" 200 "), (129 * 1024, b" 413 ")])
def test_a_body_may_come_in_chunks(site, sim, lisi, padding, status):
    push = sim.push(LEAVE, "lisi", dry=True)
    head = (f"POST {EVENT}?{push['query']} HTTP/1.1\r\nHost: {lisi.host}:{site.port}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n").encode()
    said = lisi.raw(head + chunked(push["body"].encode() + b" " * padding, 8000))
    assert status in said.split(b"\r\n")[0]
    assert is_in(lisi) == (padding > 0)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_is_a_push(site, sim, lisi, method):
    push = sim.push(LEAVE, "lisi", dry=True)
    answer = lisi.request(method, f"{EVENT}?{push['query']}")
    assert answer.status == 405 and "POST" in answer.get("Allow")
    assert is_in(lisi)


def test_a_session_cookie_says_nothing_about_a_push(lisi):
    assert lisi.request("POST", EVENT + "?signature=x&timestamp=1&nonce=1", headers=JSON,
                        body=b'{"encrypt":"QUJD"}').status in (400, 403)


def test_nothing_secret_is_in_the_log(site, sim, lisi):
    sim.push(LEAVE, "lisi", token="another")
    push = pushed(sim, LEAVE, "lisi")
    told = sim.subscription()
    log = site.log.path.read_text("utf-8", "backslashreplace")
    for secret in (told["token"], told["aes_key"], push["query"],
                   json.loads(push["body"])["encrypt"]):
        assert secret not in log


# -- where -----------------------------------------------------------------------------------------

def test_the_answer_is_as_every_answer_of_ours(site, sim, lisi):
    answer = post(lisi, sim.push(dry=True))
    assert answer.status == 200 and answer.get("Content-Type").startswith("application/json")
    expect.own_answer(answer)
    assert answer.set_cookies == []


def test_without_a_subscription_there_is_no_endpoint(serve, sim, visit):
    httpd = serve(sites.protected(sim))
    sim.subscribe(httpd)
    assert sim.push()["status"] == 404
    assert visit(httpd).request("GET", EVENT).status == 404


@pytest.mark.parametrize("changes", [
    {"DingTalkEventToken": None}, {"DingTalkEventAESKey": None}, {"DingTalkEventAESKey": "x" * 42},
    {"DingTalkEventAESKey": "x" * 44}, {"DingTalkEventAESKey": "x" * 42 + "="},
    {"DingTalkEventToken": '""'}])
def test_half_a_subscription_fails_the_configuration_test(site, sim, changes):
    code, said = site.configtest(watched(sim, **changes))
    assert code != 0 and f"DingTalkEvent{'Token' if 'Token' in str(changes) else 'AESKey'}" in said


def test_the_endpoint_answers_in_front_of_a_protected_root(serve, sim):
    sim.subscribe(serve(watched(sim, path="/")))
    pushed(sim)


def test_the_endpoint_lives_below_the_path(serve, sim):
    httpd = serve(watched(sim, DingTalkPath="/auth/ding"))
    sim.subscribe(httpd, path="/auth/ding/event")
    pushed(sim)
    sim.subscribe(httpd)
    assert sim.push()["status"] == 404


# -- each counts once ------------------------------------------------------------------------------

def gone_and_back(sim, browser, **how):
    """lisi leaves by a push, and signs in again: the push."""
    push = pushed(sim, LEAVE, "lisi", **how)
    assert not is_in(browser)
    assert browser.sign_in("lisi").status == 200
    return push


def test_the_same_push_twice_ends_no_session_of_later(sim, lisi):
    push = gone_and_back(sim, lisi)
    assert sim.push_again(push)["ok"]
    assert is_in(lisi)


def test_another_try_of_the_same_event_looks_different_and_is_the_same(sim, lisi):
    when = int(time.time() * 1000)
    gone_and_back(sim, lisi, event_id="evt-again", event_time=when)
    pushed(sim, LEAVE, "lisi", event_id="evt-again", event_time=when)
    assert is_in(lisi)


def test_another_event_about_the_same_person_counts(sim, lisi):
    gone_and_back(sim, lisi)
    pushed(sim, LEAVE, "lisi")
    assert not is_in(lisi)


@pytest.mark.parametrize("how", [{"event_id": None}, {"old": True}], ids=["no id", "old"])
def test_an_event_without_id_counts_once_by_its_text(sim, lisi, how):
    push = gone_and_back(sim, lisi, **how)
    pushed(sim, text=push["text"])
    assert is_in(lisi)
    pushed(sim, LEAVE, "lisi", **how)
    assert not is_in(lisi)


def test_an_event_counts_once_across_children(serve, sim):
    httpd = serve(watched(sim), fresh=True, mpm="prefork")
    sim.subscribe(httpd)
    (browser,) = signed_in(sim, httpd, "lisi")
    push = pushed(sim, LEAVE, "lisi")
    assert not any(is_in(browser) for _ in range(20))
    browser.sign_in("lisi")
    assert all(again["ok"] for again in at_once(*[lambda: sim.push_again(push)] * 12))
    assert all(is_in(browser) for _ in range(20))


def test_an_event_counts_once_across_threaded_children(serve, sim):
    httpd = serve(watched(sim, MANY_CHILDREN), fresh=True)
    sim.subscribe(httpd)
    (browser,) = signed_in(sim, httpd, "lisi")
    push = gone_and_back(sim, browser)
    assert all(again["ok"] for again in at_once(*[lambda: sim.push_again(push)] * 12))
    throughout(POLL + 1, lambda: is_in(browser))


@on_every_memory
def test_an_event_counts_once_across_nodes_that_get_it_at_the_same_time(nodes, sim, memory):
    both = nodes()
    (browser,) = signed_in(sim, both[0], "lisi")
    there = at_node(both[1], browser)
    push = sim.push(LEAVE, "lisi", dry=True)
    urls = [f"{node.origin}{EVENT}" for node in both] * 4
    assert all(again["ok"] for again in at_once(
        *[lambda url=url: sim.push_again(push, url=url) for url in urls]))
    within(POLL + 1 + SLACK, lambda: not is_in(browser) and not is_in(there))
    browser.sign_in("lisi")
    there.jar = browser.jar.copy()
    assert all(sim.push_again(push, url=url)["ok"] for url in urls)
    throughout(POLL + 1, lambda: is_in(browser) and is_in(there))
    assert len(memory.query("SELECT id FROM dingtalk_revocation "
                            f"WHERE subject = 'person:{sim.corp_id}:lisi'")) == 1


def test_an_event_is_remembered_when_httpd_was_stopped(serve, sim):
    httpd = serve(watched(sim), fresh=True)
    sim.subscribe(httpd)
    (browser,) = signed_in(sim, httpd, "lisi")
    push = gone_and_back(sim, browser)
    httpd.restart()
    assert sim.push_again(push)["ok"]
    throughout(1, lambda: is_in(browser))


def test_an_event_is_remembered_for_seven_days(serve, sim, clock):
    httpd = serve(watched(sim, DingTalkSessionLifetime="400h", DingTalkSessionIdle="0"),
                  fresh=True, clock=clock)
    sim.subscribe(httpd)
    (browser,) = signed_in(sim, httpd, "lisi")
    push = gone_and_back(sim, browser)
    for hours in (1, 100, 66.5):  # 167.5: half an hour before the end
        clock.advance(hours=hours)
        time.sleep(0.3)  # whatever tidies up may do so
        assert sim.push_again(push)["ok"] and is_in(browser)
    clock.advance(hours=24)  # too old now to know: not done once more
    assert sim.push_again(push)["ok"] and is_in(browser)


# -- the time of an event --------------------------------------------------------------------------

@pytest.mark.parametrize("how", [{}, {"old": True}, {"event_id": None}], ids=["", "old", "no id"])
def test_an_event_older_than_seven_days_is_acknowledged_and_ignored(sim, lisi, how):
    pushed(sim, LEAVE, "lisi", event_time=now() - 7 * DAY - 60_000, **how)
    assert is_in(lisi)


@pytest.mark.parametrize("age", [7 * DAY - 60_000, DAY, 0, -3600_000, -30 * DAY])
def test_any_other_event_counts_and_later_sign_ins_are_safe(sim, lisi, age):
    """Its instant is its arrival, whatever its own clock says."""
    gone_and_back(sim, lisi, event_time=now() - age)
    assert is_in(lisi)


@pytest.mark.parametrize("when", [lambda: now() // 1000, lambda: str(now()), lambda: None,
                                  lambda: "", lambda: "soon", lambda: 0, lambda: []])
def test_an_odd_time_does_not_hide_an_event(sim, lisi, when):
    pushed(sim, LEAVE, "lisi", event_time=when())
    assert not is_in(lisi)


# -- the database is away --------------------------------------------------------------------------

@pytest.mark.parametrize("memory", [POSTGRES], indirect=True)
def test_without_the_database_the_event_counts_here_and_is_sent_again(nodes, sim, memory):
    both = nodes(DingTalkRevocationPoll="500ms")
    (browser,) = signed_in(sim, both[0], "lisi")
    there = at_node(both[1], browser)
    assert is_in(there)
    for httpd in both:
        httpd.allow_log(r"DT0005: database", r"DT005[1-4]", r"DT\d+: .*database")
    both[0].expect_log("DT0070")
    memory.database.kill()
    try:
        push = sim.push(LEAVE, "lisi", timeout=5)
        assert push["status"] == 503
        assert not is_in(browser) and is_in(there)
        assert len(sim.failed()) == 1
    finally:
        memory.database.start()
    within(20, lambda: sim.push_again(push)["ok"])
    within(5, lambda: not is_in(there))
    assert sim.failed() == []


def test_a_database_that_is_busy_delays_no_end_of_a_session_here(memory, serve, sim):
    httpd = serve(watched(sim, memory.lines()), fresh=True)
    sim.subscribe(httpd)
    httpd.allow_log(r"DT0005", "DT0070", r"DT005\d", r"DT\d+: .*database")
    (browser,) = signed_in(sim, httpd, "lisi")
    with contextlib.closing(sqlite3.connect(memory.database.path, timeout=10)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            push = pool.submit(sim.push, LEAVE, "lisi", timeout=30)
            within(20, lambda: not is_in(browser))
            assert not push.done(), "the push waits for the database, and the session does not"
            push = push.result()
        assert push["status"] == 503
        database.rollback()
    within(20, lambda: sim.push_again(push)["ok"])
