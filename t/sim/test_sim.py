# SPDX-License-Identifier: Apache-2.0
"""The simulator against the documented facts, one behaviour per test."""

import concurrent.futures
import http.client
import socket
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from client import CALLBACK, Client, start

BROWSER_FORM = "application/x-www-form-urlencoded"


# -- the login page -----------------------------------------------------------------------------

def test_scan_page_offers_people_as_form_buttons_beside_a_real_qr_code(sim):
    page = sim.send("GET", sim.auth_url()).body.decode()
    assert '<button id="scan-zhangsan" name="userid" value="zhangsan">' in page
    assert 'src="data:image/png;base64,' in page
    assert "&lt;b&gt;&quot;O&#x27;Neil&quot;&amp;" in page and '<b>"O' not in page


def test_pressing_a_button_sends_the_browser_back_with_both_spellings_of_the_code(sim):
    page = sim.send("GET", sim.auth_url(state="a+b c")).body.decode()
    action = page.split('action="')[1].split('"')[0]
    answer = sim.send("POST", action, "userid=zhangsan", content_type=BROWSER_FORM)
    back = urlsplit(answer.headers["Location"])
    query = parse_qs(back.query)
    assert answer.status == 302 and back._replace(query="").geturl() == CALLBACK
    assert query["code"] == query["authCode"] and query["state"] == ["a+b c"]


def test_confirming_on_the_phone_lets_the_desktop_page_go_on(sim):
    page = sim.send("GET", sim.auth_url()).body.decode()
    key = page.split("/oauth2/confirm/")[1].split('"')[0]
    assert sim.send("GET", f"/oauth2/poll/{key}").json == {"done": False}
    assert sim.send("GET", f"/oauth2/phone/{key}").status == 200
    sim.send("POST", f"/oauth2/phone/{key}", "userid=lisi", content_type=BROWSER_FORM)
    assert sim.send("GET", f"/oauth2/poll/{key}").json == {"done": True}
    location = sim.send("GET", f"/oauth2/continue/{key}").headers["Location"]
    assert location.startswith(CALLBACK + "?code=")


def test_member_of_two_organisations_is_asked_which_one(sim):
    page = sim.send("GET", sim.auth_url()).body.decode()
    action = page.split('action="')[1].split('"')[0]
    page = sim.send("POST", action, "userid=duoduo", content_type=BROWSER_FORM).body.decode()
    assert 'id="corp-dingothercorp0002"' in page
    answer = sim.send("POST", action, "userid=duoduo&corp=dingothercorp0002",
                      content_type=BROWSER_FORM)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    assert sim.exchange(code).json["corpId"] == "dingothercorp0002"


def test_denial_comes_back_as_error_and_state(sim):
    assert sim.scan(order={"deny": True}) == {
        "location": CALLBACK + "?error=access_denied&state=s-1"}


@pytest.mark.parametrize("changes, code", [
    ({"client_id": "dingnobody"}, "900103"),
    ({"redirect_uri": "https://evil.example/"}, "50001"),
    ({"redirect_uri": "http://127.0.0.1@evil.example/"}, "50001"),
    ({"redirect_uri": None}, "50001"),
    ({"response_type": "token"}, "400002"),
    ({"scope": "openid,corpid"}, "400002"),
    ({"corpId": "dingothercorp0002"}, "11055"),
])
def test_bad_request_is_refused_on_dingtalks_page_and_never_redirected(sim, changes, code):
    assert sim.scan(**changes)["error"] == code
    if code != "11055":  # that one needs a person
        answer = sim.send("GET", sim.auth_url(**changes))
        assert "Location" not in answer.headers and code in answer.body.decode()


def test_registered_address_counts_by_scheme_and_host_unless_strict(sim):
    sim.control("settings", {"redirect_uris": ["https://app.example/cb"]})
    assert "location" in sim.scan(redirect_uri="https://app.example:8443/other")
    assert "error" in sim.scan(redirect_uri="http://app.example/cb")
    assert "error" in sim.scan()
    sim.control("settings", {"strict_redirect": True})
    assert "error" in sim.scan(redirect_uri="https://app.example/cb/")
    assert "location" in sim.scan(redirect_uri="https://app.example/cb")


def test_callback_keeps_the_query_the_address_already_has(sim):
    sim.control("settings", {"callback_style": "authCode"})
    location = sim.scan(redirect_uri=CALLBACK + "?a=1", state=None)["location"]
    assert location.startswith(CALLBACK + "?a=1&authCode=") and "state" not in location


# -- user token and profile ---------------------------------------------------------------------

def test_code_becomes_a_user_token_and_the_token_a_profile_without_userid(sim):
    reply = sim.exchange(sim.code()).json
    assert set(reply) == {"accessToken", "refreshToken", "expireIn", "corpId"}
    assert reply["expireIn"] == 7200 and reply["corpId"] == sim.hello["corp_id"]
    me = sim.me(reply["accessToken"])
    assert me.json["unionId"] == sim.unionid("zhangsan") and me.json["mobile"] == "13900000001"
    assert "userid" not in me.json and me.headers["x-acs-request-id"]


def test_corp_id_is_told_only_with_scope_corpid(sim):
    assert "corpId" not in sim.exchange(sim.code(scope="openid")).json


def test_code_is_good_once(sim):
    code = sim.code()
    assert sim.exchange(code).status == 200
    again = sim.exchange(code)
    assert again.status == 400 and again.json["message"] == "不合法的临时授权码"
    assert again.json["code"] == "invalidParameter.authCode.notFound"


def test_code_dies_after_its_lifetime(sim):
    code = sim.code()
    sim.control("clock", {"advance": 301})
    assert sim.exchange(code).json["code"] == "invalidParameter.authCode.notFound"


def test_form_body_is_no_body(sim):
    answer = sim.send("POST", "/v1.0/oauth2/userAccessToken", "clientId=a",
                      content_type=BROWSER_FORM)
    assert answer.status == 400 and answer.json["code"] == "Missingbody"


def test_wrong_secret_is_refused_and_does_not_spend_the_code(sim):
    code = sim.code()
    wrong = sim.exchange(code, clientSecret=sim.secret.upper())
    assert (wrong.status, wrong.json["code"]) == (400, "invalidClientIdOrSecret")
    assert sim.exchange(code).status == 200


def test_bearer_is_not_the_header_dingtalk_reads(sim):
    answer = sim.send("GET", "/v1.0/contact/users/me",
                      headers={"Authorization": f"Bearer {sim.user_token()}"})
    assert (answer.status, answer.json["code"]) == (400, "AuthenticationFailed.MissingParameter")


def test_login_without_prompt_consent_may_not_read_the_profile(sim):
    answer = sim.me(sim.user_token(prompt=None))
    assert answer.status == 403
    assert answer.json["code"] == "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    assert answer.json["accessdenieddetail"] == {"requiredScopes": ["Contact.User.Read"]}


def test_refresh_token_is_replaced_and_the_old_one_dies(sim):
    old = sim.exchange(sim.code()).json["refreshToken"]
    new = sim.exchange(None, grantType="refresh_token", refreshToken=old)
    assert new.status == 200 and new.json["refreshToken"] != old
    assert sim.exchange(None, grantType="refresh_token", refreshToken=old).status == 400


def test_user_and_app_tokens_are_not_interchangeable(sim):
    assert sim.me(sim.app_token()).json["code"] == "InvalidAuthentication"
    assert sim.oapi("v2/user/get", {"userid": "lisi"}, sim.user_token())["sub_code"] == "40014"


# -- app token ----------------------------------------------------------------------------------

def test_app_token_stays_the_same_and_is_prolonged_until_it_expires(sim):
    first = sim.app_token()
    sim.control("clock", {"advance": 7000})
    assert sim.app_token() == first
    sim.control("clock", {"advance": 7000})
    assert sim.oapi("v2/user/get", {"userid": "lisi"}, first)["errcode"] == 0
    sim.control("clock", {"advance": 300})
    assert sim.oapi("v2/user/get", {"userid": "lisi"}, first)["sub_code"] == "42001"
    assert sim.app_token() != first


def test_gettoken_reads_the_query_and_does_not_wrap_its_error(sim):
    path = f"/gettoken?appkey={sim.hello['client_id']}&appsecret="
    good = sim.send("GET", path + sim.secret).json
    assert good["access_token"] == sim.app_token() and good["expires_in"] == 7200
    assert sim.send("GET", path + "wrong").json["errcode"] == 40096


def test_missing_token_is_wrapped_in_88_with_a_string_sub_code(sim):
    reply = sim.oapi("v2/user/get", {"userid": "lisi"}, token="")
    assert reply["errcode"] == 88 and reply["sub_code"] == "40000" and reply["request_id"]
    assert reply["errmsg"] == "ding talk error[subcode=40000,submsg=access_token is blank]"


# -- members ------------------------------------------------------------------------------------

@pytest.mark.parametrize("userid, expected", [
    ("zhangsan", {"contact_type": 0, "userid": "zhangsan"}),
    ("ZhangSan", {"contact_type": 0, "userid": "ZhangSan"}),
    ("wangwu", {"contact_type": 1, "userid": "wangwu"}),
    ("stranger", None),
])
def test_unionid_finds_only_our_people_and_by_exact_case(sim, userid, expected):
    reply = sim.oapi("user/getbyunionid", {"unionid": sim.unionid(userid)})
    assert reply.get("result") == expected
    assert reply["errcode"] == (0 if expected else 60121)


@pytest.mark.parametrize("userid, errcode", [
    ("zhangsan", 0), ("zhaoliu", 0), ("sunqi", 0), ("wangwu", 60121), ("stranger", 60121),
    ("nobody", 60121), ("outofscope", 50002), ("", 60111), (5, 33012)])
def test_member_record_or_the_reason_why_not(sim, userid, errcode):
    assert sim.member(userid)["errcode"] == errcode


def test_member_record_is_typed_and_is_not_the_personal_profile(sim):
    record = sim.member()["result"]
    assert record["mobile"] == "13800000001" and record["dept_id_list"] == [1, 2]
    assert record["active"] is True and isinstance(record["extension"], str)
    assert "mobile" not in sim.member("lisi")["result"]
    assert sim.member("zhaoliu")["result"]["disable_status"] is True


def test_member_who_left_is_not_found(sim):
    sim.control("people/zhangsan", {"left": True}, "PATCH")
    assert sim.member()["errcode"] == 60121
    sim.control("people/zhangsan", {"left": False, "title": None, "active": False}, "PATCH")
    record = sim.member()["result"]
    assert record["active"] is False and "title" not in record


def test_login_free_code_is_another_kind_of_code(sim):
    code = sim.control("jsapi_code", {"userid": "zhangsan"})["code"]
    assert sim.exchange(code).status == 400
    assert sim.oapi("v2/user/getuserinfo", {"code": code})["result"]["userid"] == "zhangsan"
    assert sim.oapi("v2/user/getuserinfo", {"code": code})["errcode"] == 40078


# -- permissions, limits, switches --------------------------------------------------------------

def test_permissions_can_be_taken_away(sim):
    token = sim.user_token()
    sim.control("settings", {"permissions": dict.fromkeys(
        ("qyapi_get_member", "Contact.User.mobile"), False)})
    assert "[qyapi_get_member]" in sim.member()["sub_msg"]
    assert "mobile" not in sim.me(token).json
    sim.control("settings", {"permissions": {"qyapi_get_member": True, "fieldMobile": False,
                                             "fieldEmail": False}})
    record = sim.member()["result"]
    assert not {"mobile", "email", "work_place", "remark", "extension"} & set(record)
    assert record["org_email"]


def test_egress_list_names_our_address(sim):
    user, app = sim.user_token(), sim.app_token()
    sim.control("settings", {"ip_allowed": False})
    reply = sim.oapi("v2/user/get", {"userid": "lisi"}, app)
    assert reply["sub_code"] == "60020" and "request ip=127.0.0.1" in reply["sub_msg"]
    assert sim.me(user).json["code"] == "Forbidden.AccessDenied.IpNotInWhiteList"


def test_rate_limit_is_90018_or_403(sim):
    user, app = sim.user_token(), sim.app_token()
    sim.control("settings", {"qps": 1})
    assert twice(lambda: sim.oapi("v2/user/get", {"userid": "lisi"}, app).get("sub_code")) == [
        None, "90018"]
    assert twice(lambda: sim.me(user).status) == [200, 403]


def twice(call):
    """What two calls within a second say; from the start when a busy machine took longer."""
    for _ in range(5):
        began = time.monotonic()
        said = [call(), call()]
        if time.monotonic() - began < 1:
            break
        time.sleep(1.1)
    return said


def test_stringified_replies_look_like_the_documentation(sim):
    sim.control("settings", {"stringified": True})
    reply = sim.member()
    assert reply["errcode"] == "0" and reply["result"]["admin"] == "true"
    assert reply["result"]["dept_id_list"] == "[1,2]"
    assert reply["result"]["role_list"]["id"] == "100"


def test_wrong_path_and_method_have_their_own_errors(sim):
    assert sim.send("GET", "/v1.0/nothing").json["code"] == "InvalidAction.NotFound"
    assert sim.send("POST", "/topapi/nothing", {}).json["errcode"] == 22
    assert sim.send("GET", "/oauth2/accessToken").json["errcode"] == 404
    assert sim.send("GET", "/topapi/v2/user/get").json["errcode"] == 43002


# -- misbehaviour, log --------------------------------------------------------------------------

@pytest.mark.parametrize("mode, check", [
    ({"mode": "status", "status": 502, "body": "x"}, lambda a: (a.status, a.body) == (502, b"x")),
    ({"mode": "errcode", "errcode": 40014, "wrap": True}, lambda a: a.json["sub_code"] == "40014"),
    ({"mode": "errcode", "errcode": 88, "sub_code": ""}, lambda a: a.json["sub_code"] == ""),
    ({"mode": "code", "code": "systemBusy", "status": 429}, lambda a: a.status == 429),
    ({"mode": "busy"}, lambda a: a.json["errcode"] == -1),
    ({"mode": "html_ban"}, lambda a: a.body.startswith(b"<!doctype")),
    ({"mode": "ban_json"}, lambda a: a.json["status"] == 1111),
    ({"mode": "wrong_type", "shape": "null"}, lambda a: a.json is None),
    ({"mode": "empty"}, lambda a: a.body == b""),
    ({"mode": "edit", "set": {"result.userid": 5}, "remove": ["result.name"]},
     lambda a: a.json["result"]["userid"] == 5 and "name" not in a.json["result"]),
    ({"mode": "huge", "bytes": 1000003}, lambda a: len(a.body) == 1000003),
])
def test_it_misbehaves_as_often_as_told(sim, mode, check):
    path = f"/topapi/v2/user/get?access_token={sim.app_token()}"
    sim.control("misbehave", {"call": "user_get", "times": 1, **mode})
    assert check(sim.send("POST", path, {"userid": "lisi"}))
    assert sim.send("POST", path, {"userid": "lisi"}).json["errcode"] == 0


@pytest.mark.parametrize("mode, failure", [
    ("reset", ConnectionResetError), ("close", http.client.RemoteDisconnected),
    ("close_half", http.client.IncompleteRead)])
def test_it_hangs_up(sim, mode, failure):
    token = sim.user_token()
    sim.control("misbehave", {"call": "users_me", "mode": mode, "times": 1})
    with pytest.raises(failure):
        sim.me(token)
    assert sim.me(token).status == 200


def test_a_delay_ends_when_it_is_told_to(sim):
    sim.control("misbehave", {"call": "user_get", "mode": "delay", "seconds": 3600})
    path = f"/topapi/v2/user/get?access_token={sim.app_token()}"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waits = pool.submit(sim.send, "POST", path, {"userid": "lisi"})
        while not any(call["call"] == "user_get" for call in sim.control("calls")):
            assert not waits.done()
        assert [call["status"] for call in sim.control("calls")][-1] is None
        sim.control("release", {})
        assert waits.result().json["errcode"] == 0


def test_lost_answer_may_have_spent_the_code(sim):
    code = sim.code()
    sim.control("misbehave", {"call": "userAccessToken", "mode": "reset", "times": 1,
                              "processed": True})
    with pytest.raises(ConnectionError):
        sim.exchange(code)
    assert sim.exchange(code).json["code"] == "invalidParameter.authCode.notFound"


def test_call_log_tells_calls_codes_and_connections(sim):
    link = http.client.HTTPConnection("127.0.0.1", sim.hello["port"])
    for _ in range(2):
        link.request("POST", "/topapi/v2/user/get?access_token=x", "{}",
                     {"Content-Type": "application/json"})
        link.getresponse().read()
    link.close()
    sim.me("x")
    calls = sim.control("calls")
    assert [(c["call"], c["code"]) for c in calls] == [
        ("user_get", 40014), ("user_get", 40014), ("users_me", "InvalidAuthentication")]
    assert calls[0]["connection"] == calls[1]["connection"] != calls[2]["connection"]
    sim.control("calls", method="DELETE")
    assert sim.control("calls") == []


@pytest.mark.parametrize("path, order", [
    ("misbehave", {"call": "userget", "mode": "empty"}), ("misbehave", {"mode": "rude"}),
    ("settings", {"qsp": 1}), ("settings", {"permissions": {"qyapi": False}}),
    ("expire", {"what": "everything"}), ("scan", {"userid": "lisi", "url": "/elsewhere"})])
def test_misspelt_order_is_refused_rather_than_ignored(sim, path, order):
    answer = sim.send("POST", f"/_sim/{path}", order)
    assert answer.status == 400 and answer.json["error"]


def test_reset_brings_everything_back(sim):
    before = sim.control("state")
    sim.control("people/lisi", {"title": "x"}, "PATCH")
    sim.control("people/zhangsan", method="DELETE")
    sim.control("people/newcomer", {"member": {"name": "新人", "active": True}}, "PUT")
    sim.control("settings", {"qps": 1, "permissions": {"fieldMobile": False}})
    sim.control("misbehave", {"mode": "empty"})
    sim.control("clock", {"advance": 5})
    sim.control("reset", {})
    after = sim.control("state")
    assert {**after, "connections": 0} == {**before, "connections": 0}
    assert "title" not in sim.member("lisi")["result"]


def test_it_stops_when_its_parent_is_gone_even_with_a_call_under_way():
    process, hello = start("--client-id", "dingother")
    client = Client(hello)
    client.control("misbehave", {"mode": "delay", "seconds": 60})
    with socket.create_connection(("127.0.0.1", hello["port"])) as link:
        link.sendall(b"GET /gettoken HTTP/1.1\r\nHost: x\r\n\r\n")
        process.stdin.close()
        assert process.wait(5) == 0
    assert process.stdout.read() == b""


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
