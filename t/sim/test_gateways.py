# SPDX-License-Identifier: Apache-2.0
"""The simulator's SMS gateways, one behaviour per test."""

import hashlib
import hmac
import json
import sys
import time
import uuid
from urllib.parse import quote, urlencode, urlsplit

import pytest
from client import send_to

BROWSER_FORM = "application/x-www-form-urlencoded"
NOTHING = hashlib.sha256(b"").hexdigest()
SIGN, AT_HOME, ABROAD = "演示公司", "SMS_154950909", "SMS_154950910"
PHONE = "13800138000"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Aliyun:
    """A client of the simulated Aliyun; any step of signing can be changed by a test."""

    def __init__(self, running_sim):
        self.base = running_sim.hello["aliyun"]
        self.key, self.secret = (running_sim.hello[f"aliyun_{what}"] for what in ("key", "secret"))

    def headers(self, query, late=0, leave=(), **changes):
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - late))
        fields = {"host": urlsplit(self.base).netloc, "x-acs-action": "SendSms",
                  "x-acs-content-sha256": NOTHING, "x-acs-date": date,
                  "x-acs-signature-nonce": uuid.uuid4().hex, "x-acs-version": "2017-05-25",
                  **{name.replace("_", "-"): value for name, value in changes.items()}}
        names = ";".join(sorted(name for name in fields if name not in leave))
        lines = "".join(f"{name}:{fields[name]}\n" for name in names.split(";"))
        canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{NOTHING}"
        signature = mac(self.secret.encode(), f"ACS3-HMAC-SHA256\n{sha(canonical)}").hex()
        return {**fields, "authorization": f"ACS3-HMAC-SHA256 Credential={self.key},"
                                           f"SignedHeaders={names},Signature={signature}"}

    def query(self, phones=PHONE, sign=SIGN, template=AT_HOME, param='{"code":"012345"}', **more):
        fields = {"PhoneNumbers": phones, "SignName": sign, "TemplateCode": template,
                  "TemplateParam": param, **more}
        return urlencode(sorted(fields.items()), quote_via=quote, safe="-_.~")

    def send(self, late=0, leave=(), header=None, **query):
        text = self.query(**query)
        return send_to(self.base, path=f"/?{text}",
                    headers=self.headers(text, late, leave, **(header or {})))


class Tencent:
    """A client of the simulated Tencent."""

    def __init__(self, running_sim):
        self.hello = running_sim.hello

    def send(self, late=0, names="content-type;host", action="SendSms", date=None, header=None,
             secret=None, **changes):
        body = {"PhoneNumberSet": ["+86" + PHONE], "SmsSdkAppId": self.hello["tencent_app"],
                "SignName": SIGN, "TemplateId": "1110", "TemplateParamSet": ["012345"], **changes}
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        stamp = int(time.time()) - late
        fields = {"host": urlsplit(self.hello["tencent"]).netloc,
                  "content-type": "application/json; charset=utf-8", "x-tc-action": action,
                  "x-tc-version": "2021-01-11", "x-tc-timestamp": str(stamp),
                  "x-tc-region": "ap-guangzhou"}
        date = date or time.strftime("%Y-%m-%d", time.gmtime(stamp))
        lines = "".join(f"{name}:{fields[name].lower()}\n" for name in names.split(";"))
        canonical = f"POST\n/\n\n{lines}\n{names}\n{sha(data)}"
        key = ("TC3" + (secret or self.hello["tencent_secret"])).encode()
        for part in (date, "sms", "tc3_request"):
            key = mac(key, part)
        scope = f"{date}/sms/tc3_request"
        signature = mac(key, f"TC3-HMAC-SHA256\n{stamp}\n{scope}\n{sha(canonical)}").hex()
        fields["authorization"] = (
            f"TC3-HMAC-SHA256 Credential={self.hello['tencent_key']}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}")
        answer = send_to(self.hello["tencent"], headers={**fields, **(header or {})},
                      body=data.encode())
        assert answer.status == 200
        return answer.json["Response"]


@pytest.fixture
def aliyun(sim):
    return Aliyun(sim)


@pytest.fixture
def tencent(sim):
    return Tencent(sim)


# -- Aliyun -------------------------------------------------------------------------------------

def test_aliyun_delivers_to_the_inbox(sim, aliyun):
    answer = aliyun.send(OutId="m-1")
    assert answer.status == 200 and set(answer.json) == {"Message", "Code", "BizId", "RequestId"}
    [message] = sim.control("inbox")
    assert abs(message.pop("time") - time.time()) < 5
    assert message == {
        "n": 1, "gateway": "aliyun", "phone": "+8613800138000", "code": "012345", "sign": SIGN,
        "text": "【演示公司】您的验证码是 012345，5 分钟内有效。", "template": AT_HOME,
        "params": {"code": "012345"}, "id": "m-1"}


@pytest.mark.parametrize("how, code", [
    ({"header": {"x_acs_content_sha256": sha("x")}}, "SignatureDoesNotMatch"),
    ({"leave": ["x-acs-version"]}, "SignatureDoesNotMatch"),
    ({"leave": ["host"]}, "SignatureDoesNotMatch"),
    ({"header": {"content_type": "a/b"}, "leave": ["content-type"]}, "SignatureDoesNotMatch"),
    ({"late": 901}, "InvalidTimeStamp.Expired"),
    ({"late": -960}, "InvalidTimeStamp.Expired"),
    ({"header": {"x_acs_date": "2026-01-02 03:04:05"}}, "InvalidTimeStamp.Format"),
    ({"header": {"x_acs_signature_nonce": ""}}, "IncompleteSignature"),
    ({"header": {"x_acs_version": "2018-05-01"}}, "InvalidVersion"),
])
def test_aliyun_checks_every_rule_of_the_signature(aliyun, how, code):
    answer = aliyun.send(**how)
    assert (answer.status, answer.json["Code"]) == (400, code)
    assert {"RequestId", "HostId", "Recommend", "Message"} < set(answer.json)


def test_aliyun_lets_in_what_is_fourteen_minutes_old_and_signs_its_content_type(aliyun):
    assert aliyun.send(late=840, header={"content_type": "a/b"}).json["Code"] == "OK"


def test_aliyun_takes_a_nonce_once(aliyun):
    header = {"x_acs_signature_nonce": "n" * 32}
    codes = [aliyun.send(header=header).json["Code"] for _ in range(2)]
    assert codes == ["OK", "SignatureNonceUsed"]


def test_aliyun_refuses_other_keys_and_a_signature_with_spaces(aliyun):
    aliyun.secret += "x"
    assert aliyun.send().json["Code"] == "SignatureDoesNotMatch"
    aliyun.key += "x"
    assert aliyun.send().json["Code"] == "InvalidAccessKeyId.NotFound"
    query = aliyun.query()
    headers = aliyun.headers(query)
    headers["authorization"] = headers["authorization"].replace(",", ", ")
    answer = send_to(aliyun.base, path=f"/?{query}", headers=headers)
    assert answer.json["Code"] == "IncompleteSignature"


def test_aliyun_has_no_other_action(aliyun):
    answer = aliyun.send(header={"x_acs_action": "QuerySendDetails"})
    assert (answer.status, answer.json["Code"]) == (404, "InvalidAction.NotFound")


@pytest.mark.parametrize("query, code", [
    ({"phones": "12800138000"}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"phones": "85251234567"}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"phones": "+85251234567", "template": ABROAD}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"phones": "+8613800138000", "template": ABROAD}, "isv.DOMESTIC_NUMBER_NOT_SUPPORTED"),
    ({"phones": "8613800138000", "template": ABROAD}, "isv.DOMESTIC_NUMBER_NOT_SUPPORTED"),
    ({"sign": "别的公司"}, "isv.SMS_SIGNATURE_ILLEGAL"),
    ({"template": "SMS_1"}, "isv.SMS_TEMPLATE_ILLEGAL"),
    ({"param": '{"code":123456}'}, "isv.INVALID_JSON_PARAM"),
    ({"param": '{"code":"123456"'}, "isv.INVALID_JSON_PARAM"),
    ({"param": '{"kode":"123456"}'}, "isv.TEMPLATE_MISSING_PARAMETERS"),
    ({"param": '{"code":"1234567"}'}, "isv.TEMPLATE_PARAMS_ILLEGAL"),
    ({"param": '{"code":"http://x"}'}, "isv.PARAM_NOT_SUPPORT_URL"),
])
def test_aliyun_answers_200_with_a_code_when_the_message_is_wrong(sim, aliyun, query, code):
    answer = aliyun.send(**query)
    assert (answer.status, answer.json["Code"]) == (200, code)
    assert sim.control("inbox") == []


@pytest.mark.parametrize("phones, template, expected", [
    ("+8613800138000", AT_HOME, "+8613800138000"), ("008613800138000", AT_HOME, "+8613800138000"),
    ("+13800138000", AT_HOME, "+8613800138000"),
    ("85251234567", ABROAD, "+85251234567"), ("14155552671", ABROAD, "+14155552671")])
def test_aliyun_knows_the_spellings_of_a_number(sim, aliyun, phones, template, expected):
    assert aliyun.send(phones=phones, template=template).json["Code"] == "OK"
    assert [m["phone"] for m in sim.control("inbox")] == [expected]


# -- Tencent ------------------------------------------------------------------------------------

@pytest.mark.parametrize("names", ["content-type;host", "content-type;host;x-tc-action"])
def test_tencent_delivers_to_the_inbox(sim, tencent, names):
    status = tencent.send(names=names, SessionContext="m-1")["SendStatusSet"][0]
    assert (status["Code"], status["SessionContext"], status["Fee"]) == ("Ok", "m-1", 1)
    [message] = sim.control("inbox")
    assert (message["gateway"], message["phone"]) == ("tencent", "+8613800138000")
    assert (message["code"], message["params"], message["id"]) == ("012345", ["012345"], "m-1")


@pytest.mark.parametrize("how, code", [
    ({"late": 301}, "AuthFailure.SignatureExpire"),
    ({"late": -310}, "AuthFailure.SignatureExpire"),
    ({"date": "2019-02-25"}, "AuthFailure.SignatureFailure"),
    ({"secret": "x"}, "AuthFailure.SignatureFailure"),
    ({"names": "host"}, "AuthFailure.SignatureFailure"),
    ({"names": "host;content-type"}, "AuthFailure.SignatureFailure"),
    ({"header": {"content-type": "application/json"}}, "AuthFailure.SignatureFailure"),
    ({"header": {"authorization": "TC3-HMAC-SHA256"}}, "AuthFailure.InvalidAuthorization"),
    ({"header": {"x-tc-region": ""}}, "MissingParameter"),
    ({"header": {"x-tc-version": "2019-07-11"}}, "NoSuchVersion"),
    ({"action": "SendVoice"}, "InvalidAction"),
    ({"PhoneNumberSet": []}, "MissingParameter.EmptyPhoneNumberSet"),
    ({"PhoneNumberSet": ["+8613800138000"] * 201}, "LimitExceeded.PhoneNumberCountLimit"),
    ({"SmsSdkAppId": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
    ({"TemplateParamSet": ["1234567"]}, "InvalidParameterValue.TemplateParameterFormatError"),
    ({"TemplateParamSet": ["12ab56"]}, "InvalidParameterValue.TemplateParameterFormatError"),
    ({"TemplateParamSet": [123456]}, "InvalidParameter"),
])
def test_tencent_refuses_the_whole_call(sim, tencent, how, code):
    response = tencent.send(**how)
    assert response["Error"]["Code"] == code and response["RequestId"]
    assert sim.control("inbox") == []


@pytest.mark.parametrize("how, code", [
    ({"PhoneNumberSet": ["12345"]}, "InvalidParameterValue.IncorrectPhoneNumber"),
    ({"SignName": "别的公司"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
    ({"SignName": ""}, "FailedOperation.SignatureIncorrectOrUnapproved"),
    ({"TemplateId": "1"}, "FailedOperation.TemplateIncorrectOrUnapproved"),
    ({"TemplateParamSet": ["1", "2"]}, "FailedOperation.TemplateIncorrectOrUnapproved"),
    ({"TemplateId": "1111"}, "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone"),
    ({"PhoneNumberSet": ["+85251234567"]},
     "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone"),
    ({"PhoneNumberSet": ["85251234567"]}, "InvalidParameterValue.IncorrectPhoneNumber"),
])
def test_tencent_says_of_each_number_what_became_of_it(sim, tencent, how, code):
    assert tencent.send(**how)["SendStatusSet"][0]["Code"] == code
    assert sim.control("inbox") == []


@pytest.mark.parametrize("phone", ["+85251234567", "+14155552671"])
def test_tencent_sends_abroad_without_a_sign(sim, tencent, phone):
    tencent.send(PhoneNumberSet=[phone], TemplateId="1111", SignName="")
    [message] = sim.control(f"inbox?phone={quote(phone)}")
    assert message["text"].startswith("Your verification")


# -- the generic one ----------------------------------------------------------------------------

@pytest.mark.parametrize("method, path, kind, body", [
    ("POST", "/A/Messages.json", BROWSER_FORM,
     "From=%2B15005550006&To=%2B8613800138000&Body=Your+code+is+123456.+Valid+5+min."),
    ("POST", "/v1/otp", "application/json", '{"to":"+8613800138000","template":"login","params":'
     '{"code":"123456","minutes":"5"},"request_id":"otp-0001"}'),
    ("GET", "/sms?u=USER&m=13800138000&c=%E9%AA%8C%E8%AF%81%E7%A0%81%E6%98%AF123456", None, ""),
    ("POST", "", "application/json", '{"messages":[{"recipients":["8613800138000"],"sender":"A",'
     '"text":"【ACME】验证码 123456，5 分钟内有效"}]}'),
])
def test_any_gateway_finds_number_and_code_in_any_request(
        sim, method, path, kind, body):
    base = sim.hello["gateway"]
    headers = {"content-type": kind} if kind else {}
    answer = send_to(base, method, urlsplit(base).path + path, headers, body.encode())
    assert answer.json == {"code": 0, "msg": "ok"}
    [message] = sim.control("inbox")
    assert (message["phone"], message["code"]) == ("+8613800138000", "123456")
    [entry] = sim.control("calls?full=1")
    assert entry["call"] == "gateway_sms" and entry["request"]["body"] == body
    assert entry["request"]["method"] == method


def test_any_gateway_takes_no_plus_that_became_a_space(sim):
    send_to(sim.hello["gateway"], "GET", "/gateway/?to=+8613800138000&text=123456")
    assert sim.control("inbox") == []


def test_any_gateway_answers_what_it_is_told(sim):
    sim.control("misbehave", {"call": "gateway_sms", "mode": "status", "status": 200, "body": "51",
                              "content_type": "text/plain", "processed": True})
    answer = send_to(sim.hello["gateway"], "GET", "/gateway/?to=13800138000&text=123456")
    assert (answer.body, answer.headers["Content-Type"]) == (b"51", "text/plain")
    assert len(sim.control("inbox")) == 1


# -- inbox, limits, faults ----------------------------------------------------------------------

def test_the_inbox_page_shows_the_newest_first_and_escapes_what_it_shows(sim):
    for number in (1, 2):
        body = urlencode({"to": f"1380013800{number}", "text": f"<b>{number}23456"})
        send_to(sim.hello["gateway"], "POST", "/gateway/", {"content-type": BROWSER_FORM},
             body.encode())
    page = sim.send("GET", "/inbox").body.decode()
    assert page.index("+8613800138002") < page.index("+8613800138001")
    assert "&lt;b&gt;123456" in page and "<b>" not in page
    assert sim.control("inbox", method="DELETE") and sim.control("inbox") == []
    assert 'id="empty"' in sim.send("GET", "/inbox").body.decode()


def test_front_page_and_scan_page_lead_to_the_inbox(sim):
    for path in ("/", sim.auth_url()):
        assert 'href="/inbox"' in sim.send("GET", path).body.decode()


@pytest.mark.parametrize("pause, sent, code, status", [
    (0, 1, "触发分钟级流控Permits:1", "DeliveryFrequencyLimit"),
    (61, 5, "触发小时级流控Permits:5", "PhoneNumberOneHourLimit"),
    (1000, 10, "触发天级流控Permits:10", "PhoneNumberDailyLimit"),
])
def test_limits_of_the_vendors_hold_when_switched_on(
        sim, aliyun, tencent, pause, sent, code, status):
    sim.control("settings", {"sms_limits": True})
    for number in range(sent):
        late = -pause * number
        assert aliyun.send(late=late).json["Code"] == "OK"
        assert tencent.send(late=late)["SendStatusSet"][0]["Code"] == "Ok"
        sim.control("clock", {"advance": pause})
    answer = aliyun.send(late=-pause * sent).json
    assert (answer["Code"], answer["Message"]) == ("isv.BUSINESS_LIMIT_CONTROL", code)
    response = tencent.send(late=-pause * sent)
    assert response["SendStatusSet"][0]["Code"] == f"LimitExceeded.{status}"
    assert aliyun.send(late=-pause * sent, phones="13800138001").json["Code"] == "OK"


def test_a_vendor_gives_the_error_it_is_told_as_often_as_told(aliyun, tencent, sim):
    def order(call, code):
        sim.control("misbehave", {"call": call, "mode": "code", "code": code, "times": 1})

    order("aliyun_sms", "isv.BUSINESS_LIMIT_CONTROL")
    answer = aliyun.send()
    assert (answer.status, answer.json["Code"]) == (200, "isv.BUSINESS_LIMIT_CONTROL")
    order("aliyun_sms", "SignatureDoesNotMatch")
    assert aliyun.send().status == 400
    order("tencent_sms", "LimitExceeded.PhoneNumberDailyLimit")
    assert tencent.send()["SendStatusSet"][0]["Code"] == "LimitExceeded.PhoneNumberDailyLimit"
    order("tencent_sms", "AuthFailure.SecretIdNotFound")
    assert tencent.send()["Error"]["Code"] == "AuthFailure.SecretIdNotFound"
    assert sim.control("inbox") == []
    assert aliyun.send().json["Code"] == "OK" and "Error" not in tencent.send()


def test_a_lost_answer_may_have_sent_the_message(aliyun, sim):
    sim.control("misbehave", {"call": "aliyun_sms", "mode": "reset", "processed": True})
    with pytest.raises(ConnectionError):
        aliyun.send()
    assert len(sim.control("inbox")) == 1


@pytest.mark.parametrize("mode", ["status", "html_ban", "not_json", "wrong_type", "empty", "huge",
                                  "busy"])
def test_the_faults_of_all_calls_fall_upon_the_gateways(aliyun, sim, mode):
    sim.control("misbehave", {"call": "aliyun_sms", "mode": mode, "times": 1, "bytes": 100_003})
    answer = aliyun.send()
    assert answer.status != 200 or b'"OK"' not in answer.body
    assert sim.control("inbox") == []
    assert aliyun.send().json["Code"] == "OK"


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
