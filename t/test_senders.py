# SPDX-License-Identifier: Apache-2.0
"""The gateways that codes go through: what they are sent, and what comes of their answers."""

import base64
import functools
import hashlib
import hmac
import http.server
import json
import ssl
import subprocess
import threading
import time
from urllib.parse import parse_qs

import pytest

from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, aliyun, at_once, bound_site, gateway, store, stores, tencent, to_bind_page, user_of)
from lib.site import PATIENT
from lib.steps import promised, within

PHONE, E164 = "13911111111", "+8613911111111"
ABROAD = "+85251234567"
MAKERS = {"aliyun": aliyun, "tencent": tencent, "gateway": gateway}


@pytest.fixture
def send(bound_site, sim, store, visit):
    """send(*sections, via=…) asks for a code: the httpd and what the page's script was told.

    known: until the answer knows that it could not be sent, with this to do between two tries.
    """
    def make(*sections, via="sms", phone=PHONE, lines=(), known=None, **options):
        httpd = bound_site(*sections, f"DingTalkCodeVia {via}", NO_LIMITS, *lines, **options)
        store.account("account-1", mobile=PHONE)
        store.account("account-2", mobile=ABROAD)
        page = make.page = to_bind_page(visit(httpd))
        return httpd, page.ask_until_known(phone, known) if known else page.ask(phone)
    return make


def the_call(sim, name="gateway_sms"):
    """The one request a gateway got."""
    [call] = sim.calls(name, full=True)
    request = call["request"]
    return {**request, "headers": {key.lower(): value for key, value in request["headers"]}}


def complaints(httpd, word=""):
    """What the error log says about sending, once it has this word: perhaps after the answer."""
    httpd.allow_log(r"DT\d+: ")
    within(20, lambda: word in "\n".join(httpd.log.lines()))
    return "\n".join(line for line in httpd.log.lines() if "DT" in line)


def nothing():
    """What there is to do between two tries."""


# -- what arrives ----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind,phone,sign,template", [
    ("aliyun", E164, "演示公司", "SMS_154950909"), ("aliyun", ABROAD, "Demo Ltd", "SMS_154950910"),
    ("tencent", E164, "演示公司", "1110"), ("tencent", ABROAD, "Demo Ltd", "1111")])
def test_a_number_gets_the_signature_and_template_of_its_part_of_the_world(
        send, sim, kind, phone, sign, template):
    """The simulator checks the signature of the request for itself."""
    _, told = send(MAKERS[kind](sim, "sms"), phone=phone)
    assert told["ok"] is True
    code = sim.last_code(phone)
    [message] = sim.inbox(phone)
    assert (message["gateway"], message["sign"], message["template"]) == (kind, sign, template)
    assert send.page.guess(code)["ok"] is True


@pytest.mark.parametrize("kind", ["aliyun", "tencent"])
def test_a_sender_without_a_second_template_serves_the_mainland_only(send, sim, kind):
    httpd, told = send(MAKERS[kind](sim, "sms", Template="SMS_154950909" if kind == "aliyun" else
                                    "1110", Sign='"演示公司"'), phone=ABROAD, known=nothing)
    assert told["ok"] is False and told["error"] == "unavailable", told
    assert sim.inbox() == [] and sim.calls(f"{kind}_sms") == []
    assert complaints(httpd)
    send.page.ask(PHONE)
    assert sim.last_code(E164)


def test_a_number_abroad_goes_to_the_sender_that_can(send, sim):
    httpd, told = send(aliyun(sim, "home", Template="SMS_154950909", Sign='"演示公司"'),
                   tencent(sim, "world"), via="home world", phone=ABROAD)
    assert told["ok"] is True and sim.last_code(ABROAD)
    assert sim.inbox()[0]["gateway"] == "tencent"
    complaints(httpd)


def test_aliyun_gets_the_parameters_the_administrator_wrote(send, sim):
    sim.settings(aliyun_templates={"SMS_7": {"text": "${code} ${name}", "international": False}})
    _, told = send(aliyun(sim, "sms", Template="SMS_7", Param='code=%{code} "name=a\\"b 张"'))
    assert told["ok"] is True
    assert sim.last_code(E164)
    assert sim.inbox()[0]["params"]["name"] == 'a"b 张'


def test_tencent_gets_the_values_in_their_order(send, sim):
    _, told = send(tencent(sim, "sms", Template="1112", Param='"%{code}" "%{minutes}"'))
    assert told["ok"] is True
    assert sim.last_code(E164) and sim.inbox()[0]["params"][1] == "5"


def test_two_messages_have_two_ids(send, sim):
    send(gateway(sim))
    send.page.ask(PHONE)
    sim.last_code(E164, messages=2)
    ids = [message["id"] for message in sim.inbox()]
    assert len(set(ids)) == 2 and all(name and name.isalnum() for name in ids)


# -- any gateway -----------------------------------------------------------------------------------

def test_a_form_with_basic_authentication(send, sim):
    pair = base64.b64encode(b"AccountSid:AuthToken").decode()
    send(gateway(sim, URL=sim.gateway + "/2010-04-01/Accounts/AccountSid/Messages.json",
                 Secret=pair, Header='Authorization "Basic %{secret}"', OK="status=200-299",
                 Body="application/x-www-form-urlencoded 'To=%{phone}&From=%2B15005550006&"
                      "Body=Your+code+is+%{code}.+Valid+%{minutes}+min.'"))
    code = sim.last_code(E164)
    call = the_call(sim)
    assert call["method"] == "POST" and call["headers"]["authorization"] == "Basic " + pair
    assert call["headers"]["content-type"].startswith("application/x-www-form-urlencoded")
    assert call["body"] == (f"To=%2B86{PHONE}&From=%2B15005550006&"
                            f"Body=Your+code+is+{code}.+Valid+5+min.")


def test_json_with_a_bearer_token(send, sim):
    send(gateway(sim, URL=sim.gateway + "/v1/otp", Secret="s3cr3t", OK="status=200",
                 Header='Authorization "Bearer %{secret}"',
                 Body="""application/json '{"to":"%{phone}","template":"login","params":"""
                      """{"code":"%{code}","minutes":"%{minutes}"},"request_id":"%{id}"}'"""))
    code = sim.last_code(E164)
    call = the_call(sim)
    assert call["headers"]["authorization"] == "Bearer s3cr3t"
    body = json.loads(call["body"])
    assert body.pop("request_id").isalnum()
    assert body == {"to": E164, "template": "login", "params": {"code": code, "minutes": "5"}}


def test_json_with_a_signature_in_a_header(send, sim):
    send(gateway(sim, Secret="whsec_test", Header='X-Signature "t=%{time},v1=%{signature}"',
                 Body="""application/json '{"to":"%{phone}","code":"%{code}","ttl":300,"""
                      """"request_id":"%{id}"}'"""))
    sim.last_code(E164)
    call = the_call(sim)
    when, signature = (part.partition("=")[2] for part in
                       call["headers"]["x-signature"].split(","))
    assert abs(int(when) - time.time()) < 60
    assert signature == hmac.new(b"whsec_test", f"{when}.{call['body']}".encode(),
                                 hashlib.sha256).hexdigest()


def test_a_get_with_everything_in_the_address_and_a_plain_answer(send, sim):
    sim.misbehave("gateway_sms", "status", status=200, body="0", processed=True)
    _, told = send(gateway(
        sim, URL=f'"{sim.gateway}/sms?u=USER&p=%{{secret}}&g=GOODS&m=%{{national}}&'
        'c=%E3%80%90%E7%A4%BA%E4%BE%8B%E3%80%91%E6%82%A8%E7%9A%84%E9%AA%8C%E8%AF%81%E7%A0%81'
        '%E6%98%AF%{code}"', Secret='"K E&Y=+%"', Body=None, OK="status=200 body=0"))
    assert told["ok"] is True
    call = the_call(sim)
    query = dict(call["query"])
    assert call["method"] == "GET" and call["body"] == ""
    assert (query["u"], query["p"], query["m"]) == ("USER", "K E&Y=+%", PHONE)
    assert query["c"] == "【示例】您的验证码是" + sim.last_code(E164)


def test_json_with_a_key_in_a_header_and_success_decided_by_the_body(send, sim):
    send(gateway(sim, Secret="abc", Header="X-Api-Key %{secret}", OK="status=200 body:/code=0",
                 Body="""application/json '{"messages":[{"recipients":["%{country}%{national}"],"""
                      """"sender":"ACME","text":"【ACME】验证码 %{code}，%{minutes} 分钟内有效"}]}'"""))
    code = sim.last_code(E164)
    call = the_call(sim)
    assert call["headers"]["x-api-key"] == "abc"
    assert json.loads(call["body"]) == {"messages": [{
        "recipients": ["86" + PHONE], "sender": "ACME",
        "text": f"【ACME】验证码 {code}，5 分钟内有效"}]}


@pytest.mark.parametrize("secret", ['a"b', "a\\b", "a&b=c", "a+b%2B", "张", "a'b"])
def test_values_are_escaped_for_the_place_they_stand_in(send, sim, tmp_path, secret):
    path = tmp_path / "secret"
    path.write_text(secret + "\n", encoding="utf-8")
    send(gateway(sim, URL=f'"{sim.gateway}/send?a=%{{secret}}"', Secret=f"file:{path}",
                 Body="""application/json '{"to":"%{phone}","code":"%{code}","b":"%{secret}"}'"""))
    sim.last_code(E164)
    call = the_call(sim)
    assert dict(call["query"])["a"] == json.loads(call["body"])["b"] == secret


def test_values_are_escaped_in_a_form(send, sim):
    send(gateway(sim, Secret='"a&b=c d+e%"',
                 Body="application/x-www-form-urlencoded 'to=%{phone}&code=%{code}&b=%{secret}'"))
    sim.last_code(E164)
    assert parse_qs(the_call(sim)["body"])["b"] == ["a&b=c d+e%"]


# -- what an answer means --------------------------------------------------------------------------

# code → whether another sender may do it, and whether the administrator has to do something
ALIYUN = {
    "isv.BUSINESS_LIMIT_CONTROL": (False, False), "isv.MOBILE_NUMBER_ILLEGAL": (False, False),
    "isv.AMOUNT_NOT_ENOUGH": (True, True), "isv.SMS_SIGNATURE_ILLEGAL": (True, True),
    "isv.DENY_IP_RANGE": (True, True), "SignatureDoesNotMatch": (True, True),
    "InvalidTimeStamp.Expired": (True, True), "Throttling.User": (True, False)}
TENCENT = {
    "LimitExceeded.PhoneNumberDailyLimit": (False, False),
    "InvalidParameterValue.IncorrectPhoneNumber": (False, False),
    "FailedOperation.PhoneNumberInBlacklist": (False, False),
    "AuthFailure.SecretIdNotFound": (True, True), "LimitExceeded.AppDailyLimit": (True, True),
    "FailedOperation.TemplateIncorrectOrUnapproved": (True, True),
    "FailedOperation.InsufficientBalanceInSmsPackage": (True, True),
    "RequestLimitExceeded": (True, False)}
CODES = [("aliyun", *row) for row in ALIYUN.items()] + [("tencent", *row)
                                                        for row in TENCENT.items()]


@pytest.mark.parametrize("kind,code,meaning", CODES, ids=[f"{row[0]}-{row[1]}" for row in CODES])
def test_each_known_error_is_told_apart(send, sim, kind, code, meaning):
    another, administrator = meaning
    sim.misbehave(f"{kind}_sms", "code", code=code)
    httpd, told = send(MAKERS[kind](sim, "first"), gateway(sim, "second"), via="first second")
    said = complaints(httpd, code)
    if another:
        within(20, sim.inbox)
    assert bool(sim.inbox()) == another, (told, said)
    assert PHONE not in said
    if administrator:
        assert ":error]" in said or ":warn]" in said or ":crit]" in said, said


@pytest.mark.parametrize("mode,how", [
    ("reset", {}), ("close_half", {}), ("empty", {}), ("not_json", {}), ("html_ban", {}),
    ("status", {"status": 500})])
def test_what_may_have_been_sent_is_not_sent_by_another(send, sim, mode, how):
    """A message whose answer was lost may be on its way."""
    sim.misbehave("gateway_sms", mode, times=1, **how)
    httpd, _ = send(gateway(sim, "first"), aliyun(sim, "second"), via="first second")
    complaints(httpd, "DT0006: ")
    assert [call["call"] for call in sim.calls() if "sms" in call["call"]] == ["gateway_sms"]


def test_a_message_that_timed_out_is_not_sent_again(send, sim):
    sim.misbehave("gateway_sms", "delay", seconds=9, processed=True)
    httpd, told = send(gateway(sim, "first"), aliyun(sim, "second"), via="first second",
                       DingTalkTimeout="connect=2s total=5s")
    assert told["ok"] is True
    complaints(httpd, "no complete reply in time")
    assert [message["gateway"] for message in sim.inbox()] == ["gateway"]
    assert send.page.guess(sim.last_code(E164))["ok"] is True


def test_a_gateway_nobody_listens_at_is_passed_over(send, sim):
    httpd, told = send(gateway(sim, "first", URL="http://127.0.0.1:1/"), aliyun(sim, "second"),
                       via="first second")
    assert told["ok"] is True and sim.last_code(E164)
    complaints(httpd)


def test_when_no_gateway_can_the_person_is_told_to_try_later(send, sim):
    httpd, told = send(gateway(sim, URL="http://127.0.0.1:1/"), known=nothing)
    assert told["ok"] is False and told["error"] == "unavailable"
    assert send.page.answer.status == 503 and int(send.page.answer.get("Retry-After")) > 0
    assert "sms" in complaints(httpd)
    other = send.page.ask("13922222222")
    assert other["error"] == "unavailable", "nor does a broken gateway tell whose numbers are known"


def test_a_wrong_secret_is_a_line_for_the_administrator(send, sim):
    httpd, told = send(aliyun(sim, "sms", Secret="not-the-right-secret"), known=nothing)
    assert told["error"] == "unavailable"
    said = complaints(httpd)
    assert "SignatureDoesNotMatch" in said and "not-the-right-secret" not in said


@pytest.mark.parametrize("code", [
    "isv.MOBILE_NUMBER_ILLEGAL", "isv.BUSINESS_LIMIT_CONTROL", "isv.AMOUNT_NOT_ENOUGH"])
def test_what_a_gateway_says_of_a_number_tells_nobody_that_it_is_known(send, sim, code):
    """Only numbers of accounts reach the gateway: its answer must not be told apart from none."""
    sim.misbehave("aliyun_sms", "code", code=code)
    httpd, told = send(aliyun(sim, "sms"), options={"fresh": True})
    complaints(httpd)
    outcomes = {(answer["ok"], answer.get("error")) for answer in
                (told, send.page.ask("13922222222"), send.page.ask("13922222223"))}
    assert len(outcomes) == 1, outcomes


def test_twenty_who_ask_at_once_all_get_a_code(bound_site, sim, store, visit):
    """A gateway that takes its time is no reason to send some of them away."""
    httpd = bound_site(gateway(sim), "DingTalkCodeVia sms", NO_LIMITS)
    sim.misbehave("gateway_sms", "delay", seconds=0.3)
    pages = []
    for number in range(20):
        sim.person(f"asker{number}", unionid=f"aSkEr{number}")
        store.account(f"account-{number}", mobile=f"139333333{number:02}")
        pages.append(to_bind_page(visit(httpd), f"asker{number}"))
    told = at_once([functools.partial(page.ask, f"139333333{number:02}")
                    for number, page in enumerate(pages)])
    complaints(httpd)
    assert [answer.get("error") for answer in told] == [None] * 20
    for number in range(20):
        sim.last_code(f"+86139333333{number:02}")


def test_who_was_told_to_try_later_may_do_so(send, sim, clock):
    """What was surely not sent is no code to wait a minute after."""
    sim.misbehave("gateway_sms", "status", status=200, body='{"code":5}')
    httpd, told = send(gateway(sim), lines=["DingTalkCode resend=60s"],
                       known=lambda: clock.advance(61), options={"fresh": True, "clock": clock})
    complaints(httpd)
    assert told["error"] == "unavailable"
    sim.behave()
    again = send.page.ask(PHONE)
    assert again["ok"] is True or told.get("retry_in", 0) > 50, (told, again)


def test_a_redirect_is_not_followed(send, sim):
    sim.misbehave("gateway_sms", "status", status=307,
                  headers={"Location": sim.gateway + "/elsewhere"}, times=1)
    httpd, _ = send(gateway(sim))
    complaints(httpd)
    assert len(sim.calls("gateway_sms")) == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_answer_is_cut_off(send, sim, chunked):
    sim.misbehave("gateway_sms", "huge", chunked=chunked, times=1)
    httpd, _ = send(gateway(sim))
    within(20, lambda: "larger than allowed" in complaints(httpd))


def test_a_slow_gateway_keeps_nobody_waiting(send, sim):
    sim.misbehave("gateway_sms", "delay", seconds=60)
    asked = [send(gateway(sim), options={"fresh": True}, **PATIENT)[1]["ok"]]

    def ask():
        began = time.monotonic()
        asked.append(send.page.ask(PHONE)["ok"])
        return time.monotonic() - began

    promised(2.5, ask)
    assert all(asked)
    within(20, lambda: len(sim.calls("gateway_sms")) == len(asked))
    assert {call["status"] for call in sim.calls("gateway_sms")} == {None}, "told before it is sent"
    sim.release()
    assert send.page.guess(sim.last_code(E164, messages=len(asked)))["ok"] is True


# -- TLS -------------------------------------------------------------------------------------------

class Relay:
    """A gateway over TLS that keeps what it got."""

    def __init__(self, pair):
        self.got = []
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Takes anything."""

            def do_POST(self):  # noqa: N802
                """Keep the body."""
                relay.got.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(pair.certificate), str(pair.key))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        """Its address."""
        return f"https://127.0.0.1:{self.server.server_address[1]}/send"

    def stop(self):
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def trusted(build, authority):
    """A command that runs httpd where this authority is the system's only one; needs root."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    bundle = ssl.get_default_verify_paths().openssl_cafile
    path = next((name for name in ("/etc/ssl/certs/ca-certificates.crt",
                                   "/etc/pki/tls/certs/ca-bundle.crt", bundle)
                 if subprocess.run(["test", "-f", name], check=False).returncode == 0), None)
    if path is None:
        pytest.skip("no bundle of authorities here")
    command = authority.folder / "httpd"
    command.write_text(f'#!/bin/sh\nexec unshare -m sh -c \'mount --bind "{authority.root[0]}" '
                       f'"{path}" && exec "$0" "$@"\' {build.httpd} "$@"\n')
    command.chmod(0o755)
    return str(command)


def expired(authority):
    """A certificate of the right name that was good until yesterday."""
    pair = authority.certificate("127.0.0.1", "127.0.0.1")
    request = pair.key.with_suffix(".csr")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", authority.root.certificate,
                    "-CAkey", authority.root.key, "-CAcreateserial", "-days", "-1", "-extfile",
                    pair.key.with_suffix(".ext"), "-out", pair.certificate], check=True,
                   capture_output=True)
    return pair


@pytest.mark.parametrize("certificate,arrives", [
    ("the right name", True), ("another name", False), ("another address", False),
    ("expired", False), ("an unknown authority", False)])
def test_a_code_is_given_to_the_gateway_that_was_meant_only(
        send, sim, authority, build, monkeypatch, certificate, arrives):
    """S-26."""
    authority.folder.chmod(0o755)
    if certificate != "an unknown authority":
        monkeypatch.setattr(build, "httpd", trusted(build, authority))
    name = {"another name": "gateway.example", "another address": "127.0.0.2"}.get(certificate)
    relay = Relay(expired(authority) if certificate == "expired"
                  else authority.certificate(name or "127.0.0.1"))
    try:
        httpd, told = send(gateway(sim, URL=relay.url, OK="status=200"),
                           options={"fresh": True}, known=None if arrives else nothing)
        if arrives:
            within(20, lambda: relay.got)
        said = complaints(httpd)
    finally:
        relay.stop()
    assert bool(relay.got) == arrives, said
    assert told["ok"] is arrives, told
    assert arrives or told["error"] == "unavailable" and "sms" in said
    assert user_of(send.page.browser) is None
