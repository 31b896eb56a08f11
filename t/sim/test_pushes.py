# SPDX-License-Identifier: Apache-2.0
"""Event pushes: DingTalk's published envelopes, and how the simulator judges an answer."""

import contextlib
import http.server
import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from dingtalk.envelope import BadEnvelope, Envelope, sign

# Name, token, owner key, aes_key, timestamp, nonce, encrypt, signature, random, message. A to D are
# DingTalk's own, out of its documentation and sample code; E1 to E3 were made with OpenSSL.
LEFT = ('{"EventType":"user_leave_org","EventTime":1700000000000,"CorpId":"dingtestcorp0001",'
        '"BizId":"biz-0001","eventId":"evt-0001","timeStamp":"1700000000000",'
        '"userId":["user01","user02"]}')
TESTS = ("t0kenForTests", "dingtestappkey0001", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
VECTORS = {
    "A": ("123456", "dingsnotzck6pm5veliw", "1234567890123456789012345678901234567890123",
          "1614767836", "A7Co0cJLMzIDtMMI",
          "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZN"
          "wpwWSm1xAFJ5ZA==",
          "9a95a004dd16f5c307e849b994173f76aa26e5eb", "dICkEDLj0eb6yAbc", "success"),
    "B": ("mryue", "ding6ccabc44d2c8d38b", "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7",
          "1608001896814", "WL4PK6yA",
          "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTT"
          "rd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNukR+t8SB/qk4ROMu3",
          "03044561471240d4a14bb09372dfcfd4fd0e40cb", "l7Y3EcX2CU5w8av3",
          '{"EventType":"check_url"}'),
    "C": ("tokenxxxx", "dingxxxxxx", "o1w0aum42yaptlz8alnhwikjd3jenzt9cb9wmzptgus",
          "1605695694141", "WelUQl6bCqcBa2fM",
          "X1VSe9cTJUMZu60d3kyLYTrBq5578ZRJtteU94wG0Q4Uk6E/wQYeJRIC0/UFW5Wkya1Ihz9o"
          "XAdLlyC9TRaqsQ==",
          "f36f4ba5337d426c7d4bca0dbcb06b3ddc1388fc", "WelUQl6bCqcBa2fM", "success"),
    "D": ("123456", "suite4xxxxxxxxxxxxxxx", "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij",
          "1445827045067", "nEXhMP4r",
          "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDM"
          "G+OzrHMeiZI7gTRWVdUBmfxjZ8Ej23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3P"
          "RzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ==",
          "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0", "hU3bEfGZZewzhG5a",
          '{"EventType":"check_create_suite_url","Random":"LPIdSnlF",'
          '"TestSuiteKey":"suite4xxxxxxxxxxxxxxx"}'),
    "E1": (*TESTS, "1700000000000", "nonceE1",
           "Q3stYC6hdFzMh9T8HCvyDMNGS++gERulG9X/+iwpgzdmkXPmWERbiCofcX8KjIKdTEk63XRG"
           "4OIPmtULeqhePi0fQCcwqjXRy9XIcygzDCzQRTbldA6BfYBItwzSxnzQ9MjH5Vg6cax/FHwj"
           "CLTx+JpXYERfIXQAc+RT7qS7LT0wuZiulwA481ZLsdMWkKvplAqv8g33aeuN3qJEsu63Dpst"
           "dVSbpnOR/OwIkYFoaZRSYOS5gYMLICTBfI1yUQ1+ysNIebYYvib1Ov1vr5BQSBJghAs3/dPd"
           "a1vJxddT7qw=",
           "d0f233c7a095ccd62af223df2a162756d01f5a4b", "0123456789abcdef", LEFT),
    "E2": (*TESTS, "1700000000001", "nonceE2",
           "DpQeJfnf/MGZ/+GTIspwVIrytpxseNieWpwBrdmfR/brf964LVtvBkJl69zSNRcJ6w0NKZoO"
           "ilgOBVdJaGmXLQ==",
           "fe7a377b85780c970ee1b3a15f880f33d328c84b", "fedcba9876543210", "success"),
    "E3": (*TESTS, "1700000000002", "nonceE3",
           "Q3stYC6hdFzMh9T8HCvyDHDxbrF7f8TfmYxXSN1y2VZsiN+7AGux2UkiSccgVZOOW2EKDfKa"
           "Hz4Pb+vPUlt+CmGhAsnioo01Nmd3gr+0RsVaYDzDj2H0XltZfOAKYldj",
           "a8b89ebef38065a9fc3434c864d3b79d8bb508ee", "0123456789abcdef", "x" * 26),
}
vectors = pytest.mark.parametrize(
    "token, owner, aes_key, timestamp, nonce, encrypt, signature, random, message",
    VECTORS.values(), ids=VECTORS)


# -- the envelope --------------------------------------------------------------------------------

@vectors
def test_a_published_envelope_is_signed_and_opened_as_published(
        token, owner, aes_key, timestamp, nonce, encrypt, signature, random, message):
    assert sign(token, timestamp, nonce, encrypt) == signature
    assert Envelope(aes_key, owner).open(encrypt) == message.encode()


@vectors
def test_closing_it_again_gives_the_same_bytes(
        token, owner, aes_key, timestamp, nonce, encrypt, signature, random, message):
    assert Envelope(aes_key, owner).close(message.encode(), random.encode()) == encrypt


@pytest.mark.parametrize("owner", ["dingsnotzck6pm5veli", "dingsnotzck6pm5veliwx", "DINGsnotzck"])
def test_the_envelope_of_another_owner_is_not_opened(owner):
    with pytest.raises(BadEnvelope, match="900010"):
        Envelope(VECTORS["A"][2], owner).open(VECTORS["A"][5])


@pytest.mark.parametrize("encrypt", ["", "QUJD", "not base64!", "A" * 43 + "="])
def test_what_is_no_envelope_is_not_opened(encrypt):
    with pytest.raises(BadEnvelope, match="900008"):
        Envelope(VECTORS["A"][2], VECTORS["A"][1]).open(encrypt)


# -- pushes --------------------------------------------------------------------------------------

class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes pushes and answers what the test wants."""

    def do_POST(self):  # noqa: N802  (the name http.server asks for)
        """Remember the push, and answer."""
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((urlsplit(self.path).query, body))
        time.sleep(server.delay)
        status, reply = server.answer(body)
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def receiver(sim):
    """Somebody who takes pushes: got, answer (body → status and reply), delay. A busy machine has
    more time for the answer than DingTalk gives."""
    sim.control("settings", {"event_time_limit": 20})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.delay = [], 0
    server.told = sim.control("subscription", {
        "url": f"http://127.0.0.1:{server.server_address[1]}/event"})
    server.envelope = Envelope(server.told["aes_key"], sim.hello["client_id"])
    server.answer = lambda body: (200, good(server))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def good(receiver, word="success", envelope=None, **changes):
    """The right answer, but for the changes."""
    reply = {"timeStamp": "1700000000000", "nonce": "n0nce",
             "encrypt": (envelope or receiver.envelope).close(word.encode())}
    reply["msg_signature"] = sign(receiver.told["token"], *reply.values())
    return json.dumps({name: value for name, value in {**reply, **changes}.items()
                       if value is not None}).encode()


def opened(receiver, number=-1):
    """(query, event) of a push as the receiver reads it."""
    query, body = receiver.got[number]
    query = {name: values[0] for name, values in parse_qs(query).items()}
    encrypt = json.loads(body)["encrypt"]
    signature = query.get("signature") or query["msg_signature"]
    stamp = query.get("timestamp") or query["timeStamp"]
    assert signature == sign(receiver.told["token"], stamp, query["nonce"], encrypt)
    return query, json.loads(receiver.envelope.open(encrypt))


def test_a_push_arrives_signed_and_the_right_answer_is_a_success(sim, receiver):
    push = sim.control("push", {"type": "user_leave_org", "body": {"userId": ["lisi"]}})
    assert push["ok"] and push["verdict"] == "success" and push["status"] == 200
    query, event = opened(receiver)
    assert set(query) == {"signature", "timestamp", "nonce"}
    assert event["EventType"] == "user_leave_org" and event["userId"] == ["lisi"]
    assert event["CorpId"] == sim.hello["corp_id"] and isinstance(event["EventTime"], int)
    assert set(event) == {"EventType", "EventTime", "CorpId", "BizId", "eventId", "timeStamp",
                          "userId"}


def test_the_check_of_the_address_has_nothing_but_a_type(sim, receiver):
    assert sim.control("push", {})["ok"]
    assert opened(receiver)[1] == {"EventType": "check_url"}


def test_names_of_parameters_and_members_are_as_ordered(sim, receiver):
    sim.control("push", {"type": "user_leave_org", "body": {"userId": ["lisi"]}, "old": True,
                         "names": {"signature": "msg_signature", "timestamp": "timeStamp"}})
    query, event = opened(receiver)
    assert set(query) == {"msg_signature", "timeStamp", "nonce"}
    assert set(event) == {"EventType", "TimeStamp", "CorpId", "UserId"}


def test_the_same_bytes_can_be_pushed_again(sim, receiver):
    push = sim.control("push", {"type": "org_change"})
    assert sim.control("push", {"again": push["n"]})["ok"]
    assert receiver.got[0] == receiver.got[1]


@pytest.mark.parametrize("forged", [{"token": "another"}, {"signature": "0" * 40}])
def test_a_forged_signature_is_wrong(sim, receiver, forged):
    sim.control("push", {"type": "org_change", **forged})
    with pytest.raises(AssertionError):
        opened(receiver)


@pytest.mark.parametrize("forged", [{"owner": "somebody"}, {"aes_key": "x" * 43}])
def test_a_forged_envelope_cannot_be_opened(sim, receiver, forged):
    sim.control("push", {"type": "org_change", **forged})
    with pytest.raises(BadEnvelope):
        opened(receiver)


def test_a_subscription_of_the_old_kind_belongs_to_the_corp(sim, receiver):
    receiver.envelope = Envelope(receiver.told["aes_key"], sim.hello["corp_id"])
    sim.control("subscription", {"owner": sim.hello["corp_id"]})
    assert sim.control("push", {"type": "org_change"})["ok"]
    assert opened(receiver)[1]["EventType"] == "org_change"


@pytest.mark.parametrize("answer, verdict", [
    (lambda r: (500, good(r)), "HTTP status 500"),
    (lambda r: (302, good(r)), "HTTP status 302"),
    (lambda r: (200, b"success"), "not JSON"),
    (lambda r: (200, b'"success"'), "not an object"),
    (lambda r: (200, good(r, nonce=None)), "not an object"),
    (lambda r: (200, good(r, more="x")), "not an object"),
    (lambda r: (200, good(r, timeStamp=1700000000000)), "no text"),
    (lambda r: (200, good(r, timeStamp="now")), "no time"),
    (lambda r: (200, good(r, nonce="other")), "900005"),
    (lambda r: (200, good(r, msg_signature="0" * 40)), "900005"),
    (lambda r: (200, good(r, word="Success")), "the answer is"),
    (lambda r: (200, good(r, envelope=Envelope(r.told["aes_key"], "somebody"))), "900010"),
    (lambda r: (200, good(r, envelope=Envelope("x" * 43, "somebody"))), "900008"),
])
def test_any_other_answer_is_a_failure(sim, receiver, answer, verdict):
    receiver.answer = lambda body: answer(receiver)
    push = sim.control("push", {"type": "org_change"})
    assert not push["ok"] and verdict in push["verdict"]


def test_an_answer_that_comes_late_is_a_failure(sim, receiver):
    sim.control("settings", {"event_time_limit": 0.2})
    receiver.delay = 0.4
    assert "no answer within" in sim.control("push", {"type": "org_change"})["verdict"]
    late = sim.control("push", {"type": "org_change", "timeout": 20})
    assert late["verdict"].startswith("late") and late["took"] > 0.2


def test_nobody_there_is_a_failure(sim):
    push = sim.control("push", {"type": "org_change", "url": "http://127.0.0.1:1/event"})
    assert push["verdict"].startswith("no answer")


def test_a_misspelt_order_is_refused(sim, receiver):
    answer = sim.send("POST", "/_sim/push", {"typ": "org_change"})
    assert answer.status == 400 and not receiver.got


def test_an_edited_organisation_pushes_by_itself_when_it_is_told_to(sim, receiver):
    sim.control("people/lisi", {"title": "x"}, "PATCH")
    assert not sim.control("pushes")
    sim.control("subscription", {"automatic": True})
    sim.control("people/lisi", {"title": "y"}, "PATCH")
    sim.control("people/lisi", {"left": True}, "PATCH")
    sim.control("people/zhangsan", method="DELETE")
    end = time.monotonic() + 30
    while len(receiver.got) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    events = sorted((event["EventType"], *event["userId"])
                    for _, event in (opened(receiver, n) for n in range(3)))
    assert events == [("user_leave_org", "lisi"), ("user_leave_org", "zhangsan"),
                      ("user_modify_org", "lisi")]


# -- failed pushes -------------------------------------------------------------------------------

def fetch(sim, token=None):
    """One call of the list of failed pushes."""
    token = sim.app_token() if token is None else token
    return sim.send("GET", f"/call_back/get_call_back_failed_result?access_token={token}").json


def test_a_push_in_vain_is_on_the_list_until_another_try_succeeds(sim, receiver):
    receiver.answer = lambda body: (503, b"")
    push = sim.control("push", {"type": "user_leave_org", "body": {"userId": ["lisi"]}})
    sim.control("push", {"again": push["n"]})
    (entry,) = sim.control("failed")
    assert set(entry) == {"call_back_tag", "event_time", "corpid", "userid"}
    assert entry["call_back_tag"] == "user_leave_org" and entry["userid"] == ["lisi"]
    receiver.answer = lambda body: (200, good(receiver))
    assert sim.control("push", {"again": push["n"]})["ok"]
    assert sim.control("failed") == []


def test_forgeries_and_checks_are_not_on_the_list(sim, receiver):
    receiver.answer = lambda body: (403, b"")
    sim.control("push", {})
    sim.control("push", {"type": "org_change", "token": "another"})
    assert sim.control("failed") == []


def test_each_call_clears_what_the_one_before_returned(sim):
    sim.control("failed", [{"type": "org_change", "event_time": number} for number in range(450)])
    pages = [fetch(sim) for _ in range(4)]
    assert [len(page["failed_list"]) for page in pages] == [200, 200, 50, 0]
    assert [page["has_more"] for page in pages] == [True, True, False, False]
    times = [entry["event_time"] for page in pages for entry in page["failed_list"]]
    assert times == list(range(450)) and all(page["errcode"] == 0 for page in pages)


def test_what_the_last_call_returned_is_still_there_until_the_next(sim):
    sim.control("failed", {"type": "org_change"})
    assert len(fetch(sim)["failed_list"]) == 1 and len(sim.control("failed")) == 1
    assert fetch(sim)["failed_list"] == [] == sim.control("failed")


def test_the_list_can_forget_at_once_as_older_documents_say(sim):
    sim.control("settings", {"failed_cleared": "now"})
    sim.control("failed", {"type": "org_change"})
    assert len(fetch(sim)["failed_list"]) == 1 and sim.control("failed") == []


def test_the_list_wants_a_token_and_can_misbehave(sim):
    assert fetch(sim, "wrong")["errcode"] == 88
    sim.control("misbehave", {"call": "failed_events", "mode": "errcode", "errcode": -1})
    assert fetch(sim)["errcode"] == -1


def test_entries_may_be_nested(sim):
    sim.control("settings", {"failed_nested": True})
    sim.control("failed", {"type": "user_leave_org", "body": {"userId": ["lisi"]}})
    (entry,) = fetch(sim)["failed_list"]
    assert entry["user_leave_org"] == {"userid": ["lisi"]} and "userid" not in entry
