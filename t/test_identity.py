# SPDX-License-Identifier: Apache-2.0
"""What an application learns about the person, and what it never sees."""

import base64
import hashlib
from urllib.parse import unquote

import pytest

from lib import site as sites
from lib.browser import Client
from lib.h2client import H2Client

ALL = "name mobile email org_email job_number title avatar dept_ids manager_userid"
NASTY = [
    "X-Remote-User", "x-remote-user", "X_Remote_User", "X-Remote_User", "X_REMOTE-USER",
    "X-DingTalk-Userid", "X-Dingtalk-Userid", "x-dingtalk-userid", "X_DingTalk_Userid",
    "X_DINGTALK_USERID", "X-DingTalk_Userid", "x_dingtalk-userid", "X-DingTalk-Corpid",
    "X-DingTalk-Unionid", "X-DingTalk-Name", "X_DingTalk_Name", "X-DingTalk-Mobile"]


def backend_config(sim, backend, *inside, **changes):
    """/app is protected and goes to the backend; /open goes there unprotected."""
    return "\n".join([
        sites.application(sim, **changes), sites.location("/app", *inside),
        f'ProxyPass "/app" "{backend.url}/app"', f'ProxyPass "/open" "{backend.url}/open"'])


def cgi_config(sim, *inside, **changes):
    """/app/cgi is a protected CGI, /cgi an open one."""
    return "\n".join([
        sites.application(sim, **changes), sites.location("/app", *inside),
        'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"', 'ScriptAlias "/cgi/" "@DOCUMENTS@/cgi/"'])


def seen(answer):
    """Headers the backend saw, with lower-case names, each a list of values."""
    assert answer.status == 200, answer
    headers = {}
    for name, value in answer.json()["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def signed_in(browser, userid="zhangsan", path="/app/page"):
    """Sign in and ask the backend as a script of the page does: the headers it saw."""
    assert browser.sign_in(userid, path).status == 200
    return seen(browser.fetch(path))


def utf8(text):
    """The text a latin-1 view of UTF-8 bytes stands for."""
    return text.encode("latin-1").decode("utf-8")


@pytest.fixture
def proxied(serve, sim, backend):
    """The application gets headers."""
    return serve(backend_config(sim, backend, "DingTalkExport headers",
                                DingTalkAttributes=ALL), modules=("proxy", "proxy_http"))


@pytest.fixture
def cgi(serve, sim):
    """The application is a CGI program."""
    return serve(cgi_config(sim, DingTalkAttributes=ALL), modules=("cgi",))


# -- variables -------------------------------------------------------------------------------------

def test_a_cgi_sees_the_variables(cgi, visit, sim):
    person = sim.who("zhangsan")
    seen_variables = visit(cgi).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert seen_variables["REMOTE_USER"] == "zhangsan"
    assert seen_variables["AUTH_TYPE"] == "DingTalk"
    assert seen_variables["DINGTALK_CORPID"] == sim.corp_id
    assert seen_variables["DINGTALK_USERID"] == "zhangsan"
    assert seen_variables["DINGTALK_UNIONID"] == person["unionid"]
    assert utf8(seen_variables["DINGTALK_NAME"]) == "张三"


def test_every_attribute_of_the_member_record_arrives(cgi, visit, sim):
    sim.person("zhangsan", mobile="13800138000", state_code="86", email="z@example.com",
               org_email="zhang@corp.example", job_number="007", title="经理",
               avatar="https://static.example/a.png", dept_id_list=[1, 42],
               manager_userid="lisi")
    got = visit(cgi).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert got["DINGTALK_MOBILE"] == "+8613800138000"
    assert got["DINGTALK_EMAIL"] == "z@example.com"
    assert got["DINGTALK_ORG_EMAIL"] == "zhang@corp.example"
    assert got["DINGTALK_JOB_NUMBER"] == "007"
    assert utf8(got["DINGTALK_TITLE"]) == "经理"
    assert got["DINGTALK_AVATAR"] == "https://static.example/a.png"
    assert got["DINGTALK_DEPT_IDS"] == "1,42"
    assert got["DINGTALK_MANAGER_USERID"] == "lisi"


def test_only_the_name_travels_by_default(serve, sim, visit):
    httpd = serve(cgi_config(sim), modules=("cgi",))
    got = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert utf8(got["DINGTALK_NAME"]) == "张三"
    assert {name for name in got if name.startswith("DINGTALK_")} == {
        "DINGTALK_CORPID", "DINGTALK_USERID", "DINGTALK_UNIONID", "DINGTALK_NAME"}


@pytest.mark.parametrize("name", ["张三", "😀 emoji 🧑‍💻", "O'Brien & \"Söhne\"", "a%20b+c",
                                  "Ñandú", "𠮷野家", "<script>alert(1)</script>"])
def test_any_name_arrives_intact(cgi, visit, sim, name):
    sim.person("zhangsan", name=name)
    got = visit(cgi).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert utf8(got["DINGTALK_NAME"]) == name


@pytest.mark.parametrize("choice,field", [
    ("userid", "userid"), ("unionid", "unionid"), ("email", "email"),
    ("job_number", "job_number")])
def test_remote_user_is_what_the_administrator_chose(serve, sim, visit, choice, field):
    sim.person("zhangsan", email="z@example.com", job_number="007")
    httpd = serve(cgi_config(sim, DingTalkRemoteUser=choice), modules=("cgi",))
    got = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert got["REMOTE_USER"] == sim.who("zhangsan")[field]


def test_remote_user_mobile_is_e164(serve, sim, visit):
    sim.person("zhangsan", mobile="13800138000", state_code="86")
    httpd = serve(cgi_config(sim, DingTalkRemoteUser="mobile"), modules=("cgi",))
    got = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert got["REMOTE_USER"] == "+8613800138000"


def test_export_none_tells_the_user_name_only(serve, sim, visit):
    httpd = serve(cgi_config(sim, "DingTalkExport none"), modules=("cgi",))
    got = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert got["REMOTE_USER"] == "zhangsan"
    assert not [name for name in got if "DINGTALK" in name and got[name]]


def test_export_env_sends_no_headers(cgi, visit):
    got = visit(cgi).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert not [name for name in got if name.startswith("HTTP_X_")]


def test_export_both_gives_variables_and_headers(serve, sim, visit):
    httpd = serve(cgi_config(sim, "DingTalkExport both"), modules=("cgi",))
    got = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert got["DINGTALK_USERID"] == got["HTTP_X_DINGTALK_USERID"] == "zhangsan"
    assert got["HTTP_X_REMOTE_USER"] == "zhangsan"


# -- headers ---------------------------------------------------------------------------------------

def test_a_backend_sees_the_headers(proxied, visit, sim):
    headers = signed_in(visit(proxied))
    assert headers["x-remote-user"] == ["zhangsan"]
    assert headers["x-dingtalk-userid"] == ["zhangsan"]
    assert headers["x-dingtalk-corpid"] == [sim.corp_id]
    assert headers["x-dingtalk-unionid"] == [sim.who("zhangsan")["unionid"]]
    assert unquote(headers["x-dingtalk-name"][0]) == "张三"
    assert headers["x-dingtalk-name"] == ["%E5%BC%A0%E4%B8%89"]


def test_underscores_of_attributes_become_dashes(proxied, visit, sim):
    sim.person("zhangsan", job_number="007")
    headers = signed_in(visit(proxied))
    assert headers["x-dingtalk-job-number"] == ["007"]


def test_percent_encodes_percent_itself(proxied, visit, sim):
    sim.person("zhangsan", name="100% 张\u007f~")
    headers = signed_in(visit(proxied))
    assert headers["x-dingtalk-name"] == ["100%25 %E5%BC%A0%7F~"]


def test_base64url_encodes_every_value(serve, sim, backend, visit):
    httpd = serve(backend_config(sim, backend, "DingTalkExport headers",
                                 "DingTalkHeaderEncoding base64url"),
                  modules=("proxy", "proxy_http"))
    headers = signed_in(visit(httpd))
    for name, expected in (("x-dingtalk-name", "张三"), ("x-dingtalk-userid", "zhangsan"),
                           ("x-remote-user", "zhangsan"), ("x-dingtalk-corpid", sim.corp_id)):
        value = headers[name][0]
        assert "=" not in value
        assert base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode() == expected


def test_raw_sends_the_bytes_as_they_are(serve, sim, backend, visit):
    httpd = serve(backend_config(sim, backend, "DingTalkExport headers",
                                 "DingTalkHeaderEncoding raw"), modules=("proxy", "proxy_http"))
    headers = signed_in(visit(httpd))
    value = headers["x-dingtalk-name"][0]
    assert "张三" in (value, value.encode("utf-8", "surrogateescape").decode("utf-8"),
                      value.encode("latin-1", "replace").decode("utf-8", "replace"))


@pytest.mark.parametrize("encoding", ["percent", "base64url", "raw"])
@pytest.mark.parametrize("name", ["evil\r\nX-Admin: 1", "a\nX-Admin: 1", "tab\tname", "nul\u0000x"])
def test_no_name_can_add_a_header(serve, sim, backend, visit, encoding, name):
    httpd = serve(backend_config(sim, backend, "DingTalkExport headers",
                                 f"DingTalkHeaderEncoding {encoding}"),
                  modules=("proxy", "proxy_http"))
    sim.person("zhangsan", name=name)
    browser = visit(httpd)
    answer = browser.sign_in("zhangsan", "/app/page")
    httpd.allow_log(r"DT\d+:")
    if answer.status == 200:
        assert "x-admin" not in seen(browser.fetch("/app/page"))
    else:
        assert answer.status in (403, 503), answer


# -- scrubbing -------------------------------------------------------------------------------------

def lies(text):
    """Whether something a client invented arrived."""
    return "forged-identity" in text


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("path", ["/open/x", "/app/page"])
def test_a_backend_never_sees_invented_identity_headers(proxied, visit, name, path):
    """S-10."""
    browser = visit(proxied)
    if path.startswith("/app"):
        browser.sign_in("zhangsan", "/app/page")
    answer = browser.fetch(path, headers={name: "forged-identity"})
    assert answer.status == 200 and not lies(answer.text), answer


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("path", ["/cgi/env.cgi", "/app/cgi/env.cgi"])
def test_a_cgi_never_sees_invented_identity_headers(cgi, visit, name, path):
    browser = visit(cgi)
    if path.startswith("/app"):
        browser.sign_in("zhangsan", "/app/cgi/env.cgi")
    answer = browser.fetch(path, headers={name: "forged-identity"})
    assert answer.status == 200 and not lies(answer.text), answer


@pytest.mark.parametrize("value", [["one-forged-identity", "two-forged-identity"],
                                   " forged-identity", "forged-identity, x"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_doubled_and_padded_headers_are_removed_for_every_method(proxied, visit, value, method):
    body = b"x" if method == "POST" else None
    answer = visit(proxied).fetch("/open/x", method=method, body=body, headers={
        "X-DingTalk-Userid": value, "X_Remote_User": value})
    assert answer.status == 200 and not lies(answer.text)


def test_signed_in_headers_are_the_persons_alone(proxied, visit):
    browser = visit(proxied)
    browser.sign_in("zhangsan", "/app/page")
    headers = seen(browser.fetch("/app/page", headers={
        "X-Remote-User": ["admin", "root"], "x_dingtalk_userid": "admin"}))
    assert headers["x-remote-user"] == ["zhangsan"]
    assert headers["x-dingtalk-userid"] == ["zhangsan"]
    assert "x_dingtalk_userid" not in headers


@pytest.mark.parametrize("names", [
    "X-Remote-User", "x-dingtalk-userid, X-DingTalk-Corpid", "close, X-Remote-User",
    "close;X-Remote-User", "close X-Remote-User", "(a, X-Remote-User", "a\tX-Remote-User;b",
    '"a" X-Remote-User', ";,; X-DingTalk-Userid;,;"])
def test_a_client_cannot_have_the_persons_headers_dropped_on_the_way(proxied, visit, names):
    """Naming a header in Connection makes a proxy leave it out; ours must arrive or none at all."""
    browser = visit(proxied)
    browser.sign_in("zhangsan", "/app/page")
    answer = browser.fetch("/app/page", headers={"Connection": ["close", names]})
    if answer.status == 200:
        headers = seen(answer)
        assert headers["x-remote-user"] == headers["x-dingtalk-userid"] == ["zhangsan"]
    else:
        assert answer.status == 400


def test_pass_mode_removes_invented_headers(serve, sim, backend, visit):
    config = backend_config(sim, backend, "DingTalkExport headers", "DingTalkUnauthenticated pass")
    answer = visit(serve(config, modules=("proxy", "proxy_http"))).fetch(
        "/app/page", headers={name: "forged-identity" for name in NASTY})
    assert answer.status == 200 and not lies(answer.text)


def test_headers_are_removed_on_http2_too(serve, sim, backend):
    httpd = serve(backend_config(sim, backend), modules=("proxy", "proxy_http"), http2=True)
    with H2Client(httpd) as client:
        answer = client.request("/open/x", [(name.lower(), "forged-identity") for name in NASTY])
    assert answer.status == 200 and not lies(answer.text)


def test_headers_are_removed_for_error_documents(serve, sim, visit):
    config = "\n".join([cgi_config(sim), "ErrorDocument 404 /cgi/env.cgi"])
    httpd = serve(config, modules=("cgi",))
    answer = visit(httpd).fetch("/nowhere", headers={name: "forged-identity" for name in NASTY})
    assert answer.status == 404 and not lies(answer.text)
    assert "SCRIPT_NAME" in answer.text


def test_other_auth_types_get_no_invented_headers_either(serve, sim, backend, visit):
    config = backend_config(sim, backend) + "\n" + "\n".join([
        '<Location "/open">', "AuthType Basic", "AuthName x", "AuthUserFile @FOLDER@/passwd",
        "Require valid-user", "</Location>"])
    httpd = serve(config, modules=("proxy", "proxy_http", "auth_basic", "authn_file"))
    digest = base64.b64encode(hashlib.sha1(b"bob").digest()).decode()
    (httpd.folder / "passwd").write_text(f"bob:{{SHA}}{digest}\n")
    answer = visit(httpd).fetch("/open/x", headers={
        "Authorization": "Basic " + base64.b64encode(b"bob:bob").decode(),
        **{name: "forged-identity" for name in NASTY}})
    assert answer.status == 200 and not lies(answer.text)


def test_other_headers_reach_the_application(proxied, visit):
    headers = seen(visit(proxied).fetch("/open/x", headers={
        "X-Request-Id": "42", "X-Custom": "kept", "X-DingTalkish": "kept", "Remote-User": "kept"}))
    assert headers["x-request-id"] == ["42"] and headers["x-custom"] == ["kept"]
    assert headers["x-dingtalkish"] == ["kept"]


# -- cookies ---------------------------------------------------------------------------------------

def test_our_cookies_do_not_travel_to_the_backend_and_others_do(proxied, visit):
    browser = visit(proxied)
    browser.begin("/app/other")
    browser.begin("/app/another")
    browser.sign_in("zhangsan", "/app/page")
    browser.jar.put("JSESSIONID", "abc", browser.host)
    browser.jar.put("theme", '"dark; no"', browser.host)
    headers = seen(browser.fetch("/app/page"))
    assert "dingtalk" not in headers["cookie"][0].lower()
    assert "JSESSIONID=abc" in headers["cookie"][0] and "theme=" in headers["cookie"][0]


def test_without_other_cookies_the_backend_gets_no_cookie_header(proxied, visit):
    browser = visit(proxied)
    headers = signed_in(browser)
    assert headers.get("cookie", [""]) == [""]


def test_our_cookies_do_not_travel_to_a_cgi(cgi, visit):
    browser = visit(cgi)
    browser.sign_in("zhangsan", "/app/cgi/env.cgi")
    browser.jar.put("other", "1", browser.host)
    for path in ("/app/cgi/env.cgi", "/cgi/env.cgi"):
        got = browser.fetch(path).json()
        assert "dingtalk" not in got.get("HTTP_COOKIE", "")
        assert "other=1" in got["HTTP_COOKIE"]


@pytest.mark.parametrize("header,left", [
    ("a=1; dingtalk=X; b=2", ["a=1", "b=2"]), ("dingtalk=X;a=1", ["a=1"]),
    ("a=1;dingtalk=X", ["a=1"]), ("dingtalk=X; dingtalk=Y", []), ("a=dingtalk=1", ["a=dingtalk=1"]),
    ("xdingtalk=1; dingtalk=Z", ["xdingtalk=1"]), ("dingtalk2=1", ["dingtalk2=1"]),
    ("dingtalk-ticket-abc=Z; a=1", ["a=1"]), ("dingtalk", None), ("  dingtalk = Z ; a=1", None),
    ("__Host-dingtalk=Z; a=1; __Host-dingtalk-ticket-a=Z; __Host-dingtalk-bind=Z", ["a=1"]),
    ("a=1;\tdingtalk=X\t;\tb=2", ["a=1", "b=2"]), ("a=1\t;dingtalk=X\t", ["a=1"])])
def test_the_cookie_header_is_cut_exactly(proxied, visit, header, left):
    headers = seen(visit(proxied).fetch("/open/x", headers={"Cookie": header}))
    got = headers.get("cookie", [""])[0]
    if left is not None:
        assert [part.strip() for part in got.split(";") if part.strip()] == left
    assert "dingtalk=X" not in got and "=Z" not in got.replace("a=dingtalk=1", "")


def test_the_client_is_a_browser_with_the_name_of_the_site(proxied, sim):
    assert Client(proxied, sim).origin == proxied.origin
