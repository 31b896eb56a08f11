# SPDX-License-Identifier: Apache-2.0
"""httpd's own ways of answering a request: the module must fit into each of them."""

import base64
import concurrent.futures
import hashlib
import os

import pytest

from lib import expect, site as sites
from lib.h2client import H2Client
from lib.wire import parse

pytestmark = pytest.mark.smoke

PROXY = ("proxy", "proxy_http")
ECHO = ('<h1><!--#echo var="REMOTE_USER" --></h1>'
        '<!--#include virtual="/app/page.html" --><!--#include virtual="/app/cgi/env.cgi" -->')
PASSWORD = "Basic " + base64.b64encode(b"bob:bob").decode()


def put(httpd, name, text, mode=0o644):
    """A file in the document root."""
    path = httpd.documents / name
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)


def passwords(httpd):
    """The user bob with the password bob."""
    digest = base64.b64encode(hashlib.sha1(b"bob").digest()).decode()
    (httpd.folder / "passwd").write_text(f"bob:{{SHA}}{digest}\n")


# -- sub-requests and redirects --------------------------------------------------------------------

@pytest.fixture
def ssi(serve, sim):
    """Pages with server-side includes."""
    config = "\n".join([
        sites.protected(sim), 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"',
        '<Directory "@DOCUMENTS@">', "Options +Includes", "AddOutputFilter INCLUDES .shtml",
        "AddType text/html .shtml", "</Directory>"])
    httpd = serve(config, modules=("cgi", "include"))
    put(httpd, "app/report.shtml", ECHO)
    put(httpd, "open/report.shtml", "open:" + ECHO)
    return httpd


def test_an_included_page_knows_the_person(ssi, visit):
    answer = visit(ssi).sign_in("zhangsan", "/app/report.shtml")
    assert answer.status == 200
    assert "<h1>zhangsan</h1>" in answer.text
    assert sites.CANARY in answer.text
    assert '"REMOTE_USER": "zhangsan"' in answer.text


def test_an_open_page_cannot_include_a_protected_one_for_a_stranger(ssi, visit):
    answer = visit(ssi).navigate("/open/report.shtml")
    ssi.expect_log("unable to include")
    assert answer.status == 200 and "open:" in answer.text
    assert sites.CANARY not in answer.text
    assert "zhangsan" not in answer.text


def test_an_open_page_includes_a_protected_one_for_a_member(ssi, visit):
    browser = visit(ssi)
    browser.sign_in()
    assert sites.CANARY in browser.navigate("/open/report.shtml").text


@pytest.mark.parametrize("page", ["/app/report.shtml", "/app/", "/app/nowhere", "/app/page.html"])
def test_one_answer_renews_the_session_once(serve, sim, visit, ssi, clock, page):
    """However many sub-requests and redirects an answer is made of."""
    config = ssi.config + "\nErrorDocument 404 /app/page.html"
    httpd = serve(config, modules=ssi.modules, fresh=True, clock=clock)
    put(httpd, "app/report.shtml", ECHO)
    browser = visit(httpd)
    browser.sign_in()
    clock.advance(1000)
    answer = browser.navigate(page)
    assert sites.CANARY in answer.text
    assert expect.set_names(answer) == ["dingtalk"]
    assert len(answer.set_cookies) == 1


def test_one_refusal_begins_one_sign_in(serve, sim, visit, ssi):
    httpd = serve(ssi.config + "\nErrorDocument 401 /app/page.html", modules=ssi.modules)
    put(httpd, "app/report.shtml", ECHO)
    answer = visit(httpd).navigate("/app/report.shtml")
    assert answer.status == 302 and len(expect.set_names(answer)) == 1


def test_directory_index_is_protected(browser):
    answer = browser.navigate("/app")
    assert answer.status in (301, 302) and sites.CANARY not in answer.text
    answer = browser.navigate("/app/")
    assert answer.status == 302
    assert browser.sign_in("zhangsan", "/app/").status == 200


def test_directory_index_that_is_a_script_knows_the_person(serve, sim, visit):
    config = "\n".join([
        sites.protected(sim), '<Directory "@DOCUMENTS@/app/cgi">', "Options +ExecCGI",
        "AddHandler cgi-script .cgi", "DirectoryIndex env.cgi", "</Directory>"])
    answer = visit(serve(config, modules=("cgi",))).sign_in("zhangsan", "/app/cgi/")
    assert answer.json()["REMOTE_USER"] == "zhangsan"


@pytest.fixture
def error_documents(serve, sim):
    """ErrorDocuments: an open and a protected script, for 404, 401 and 403."""
    config = "\n".join([
        sites.protected(sim), 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"',
        'ScriptAlias "/cgi/" "@DOCUMENTS@/cgi/"', "ErrorDocument 404 /app/cgi/env.cgi",
        "ErrorDocument 403 /cgi/env.cgi",
        sites.location("/app/secret", require="user nobody")])
    return serve(config, modules=("cgi",))


def test_a_protected_error_document_stays_protected(error_documents, visit):
    answer = visit(error_documents).navigate("/nowhere")
    assert "SCRIPT_NAME" not in answer.text


def test_an_error_document_knows_the_person(error_documents, visit):
    browser = visit(error_documents)
    browser.sign_in()
    answer = browser.navigate("/app/nowhere")
    assert answer.status == 404 and answer.json()["REMOTE_USER"] == "zhangsan"
    assert answer.json()["REDIRECT_STATUS"] == "404"


def test_the_error_document_for_a_denied_person_is_shown(error_documents, visit):
    browser = visit(error_documents)
    browser.sign_in()
    error_documents.allow_log("AH01631")
    answer = browser.navigate("/app/secret")
    assert answer.status == 403 and "SCRIPT_NAME" in answer.text


def test_our_own_401_is_not_replaced_by_a_protected_page(serve, sim, visit):
    httpd = serve(sites.protected(sim) + "\nErrorDocument 401 /app/page.html")
    answer = visit(httpd).fetch("/app/data.txt")
    assert answer.status == 401 and sites.CANARY not in answer.text


def test_our_401_json_stays_json_with_an_error_document(serve, sim, visit):
    httpd = serve(sites.protected(sim) + "\nErrorDocument 401 /open/index.html")
    expect.login_json(visit(httpd).fetch("/app/data.txt"))


def test_an_internal_redirect_into_a_protected_page_asks_to_sign_in(serve, sim, visit):
    config = "\n".join([sites.protected(sim), "RewriteEngine On",
                        'RewriteRule "^/short$" "/app/page.html" [PT]'])
    httpd = serve(config, modules=("rewrite",))
    assert visit(httpd).navigate("/short").status == 302
    final = visit(httpd).sign_in("zhangsan", "/short")
    assert final.status == 200 and sites.CANARY in final.text


def test_a_front_controller_in_htaccess_keeps_endpoints_working(serve, sim, visit):
    config = "\n".join([
        sites.application(sim), '<Directory "@DOCUMENTS@">', "AllowOverride All", "</Directory>"])
    httpd = serve(config, modules=("rewrite",))
    put(httpd, ".htaccess", "RewriteEngine On\nRewriteBase /\n"
        "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ /front/index.html [L]\n"
        "AuthType DingTalk\nRequire valid-user\n")
    browser = visit(httpd)
    final = browser.sign_in("zhangsan", "/any/pretty/address?x=1")
    assert final.status == 200 and "front controller" in final.text
    assert final.url.endswith("/any/pretty/address?x=1")
    assert browser.fetch("/dingtalk/session").json()["user"] == "zhangsan"
    put(httpd, ".htaccess", "")


def test_a_fallback_resource_knows_the_person(serve, sim, visit):
    config = "\n".join([sites.protected(sim), '<Directory "@DOCUMENTS@/app">',
                        "FallbackResource /app/page.html", "</Directory>"])
    httpd = serve(config)
    answer = visit(httpd).navigate("/app/any/pretty/address")
    assert answer.status == 302 and sites.CANARY not in answer.text
    final = visit(httpd).sign_in("zhangsan", "/app/any/pretty/address")
    assert final.status == 200 and sites.CANARY in final.text
    assert final.url.endswith("/app/any/pretty/address")


def test_a_look_ahead_of_mod_rewrite_knows_the_person_and_makes_no_ticket(serve, sim, visit):
    config = "\n".join([
        sites.protected(sim), "RewriteEngine On", "RewriteCond %{LA-U:REMOTE_USER} =zhangsan",
        'RewriteRule "^/app/data.txt$" "/app/page.html" [PT]'])
    browser = visit(serve(config, modules=("rewrite",)))
    expect.login_json(browser.fetch("/app/data.txt"))
    assert browser.tickets == []
    browser.sign_in("zhangsan", "/app/")
    assert sites.CANARY + " page" in browser.fetch("/app/data.txt").text


def test_a_protected_place_without_an_application_stays_closed(serve, sim, visit):
    """AuthType DingTalk in a place where no DingTalkClientID holds: never open."""
    config = '<Directory "@DOCUMENTS@/other">\nAllowOverride All\n</Directory>'
    httpd = serve(config)
    put(httpd, "other/.htaccess", "AuthType DingTalk\nRequire valid-user\n")
    answer = visit(httpd).navigate("/other/")
    assert answer.status in (401, 403, 500, 503) and sites.CANARY not in answer.text
    httpd.allow_log(r"DT\d+:", r"AH\d+:")


# -- endpoints in front of everything --------------------------------------------------------------

def test_endpoints_answer_in_front_of_a_proxy_of_everything(serve, sim, backend, visit):
    config = "\n".join([sites.application(sim), sites.location("/", "DingTalkExport headers"),
                        f'ProxyPass "/" "{backend.url}/"'])
    browser = visit(serve(config, modules=PROXY))
    assert browser.sign_in("zhangsan", "/any/page").status == 200
    told = browser.fetch("/any/page").json()
    headers = {name.lower(): value for name, value in told["headers"]}
    assert headers["x-remote-user"] == "zhangsan"
    assert browser.fetch("/dingtalk/session").json()["user"] == "zhangsan"


def test_endpoints_answer_in_front_of_a_proxy_in_a_location(serve, sim, backend, visit):
    config = "\n".join([sites.application(sim), sites.location(
        "/", "DingTalkExport headers", f'ProxyPass "{backend.url}/"')])
    assert visit(serve(config, modules=PROXY)).sign_in("zhangsan", "/any/page").status == 200


def test_endpoints_answer_in_front_of_a_rewrite_to_a_proxy(serve, sim, backend, visit):
    config = "\n".join([sites.application(sim), sites.location("/"), "RewriteEngine On",
                        f'RewriteRule "^/(.*)" "{backend.url}/$1" [P]'])
    assert visit(serve(config, modules=(*PROXY, "rewrite"))).sign_in(
        "zhangsan", "/any/page").status == 200


def test_a_protected_root_signs_in(serve, sim, visit):
    browser = visit(serve(sites.protected(sim, path="/")))
    final = browser.sign_in("zhangsan", "/app/page.html")
    assert final.status == 200 and sites.CANARY in final.text


def test_a_denied_root_still_has_its_endpoints(serve, sim, visit):
    config = sites.application(sim) + "\n" + "\n".join([
        "<Location />", "AuthType DingTalk", "Require user lisi", "</Location>"])
    httpd = serve(config)
    httpd.allow_log("AH01631")
    assert visit(httpd).sign_in("zhangsan", "/app/").status == 403
    assert visit(httpd).sign_in("lisi", "/app/").status == 200


def test_endpoints_answer_under_debians_closed_root(serve, sim, visit):
    """<Directory /> is denied there, and an endpoint is no file in any open folder."""
    config = "\n".join(["<Directory />", "Require all denied", "</Directory>",
                        '<Directory "@DOCUMENTS@">', "Require all granted", "</Directory>",
                        sites.protected(sim)])
    browser = visit(serve(config))
    assert browser.sign_in().status == 200
    assert browser.fetch("/dingtalk/session").status == 200


@pytest.mark.parametrize("path", ["//dingtalk/session", "/dingtalk//session",
                                  "/x/../dingtalk/session",
                                  "/%64ingtalk/session", "/dingtalk/./session"])
def test_another_spelling_of_an_endpoint_is_the_endpoint_or_nothing(
        serve, sim, backend, visit, path):
    config = "\n".join([sites.application(sim), f'ProxyPass "/" "{backend.url}/"'])
    answer = visit(serve(config, modules=PROXY)).fetch(path)
    assert answer.status in (400, 401, 404) and '"headers"' not in answer.text


def test_unknown_endpoints_are_404_and_never_the_applications(serve, sim, backend, visit):
    config = "\n".join([sites.application(sim), f'ProxyPass "/" "{backend.url}/"'])
    httpd = serve(config, modules=PROXY)
    for path in ("/dingtalk/", "/dingtalk/none", "/dingtalk/callback/x", "/dingtalk/loginx"):
        answer = visit(httpd).navigate(path)
        assert answer.status == 404, answer
        assert "whoami" not in (answer.get("Server") or "")
    httpd.allow_log(r"DT\d+:")
    assert "headers" in visit(httpd).fetch("/dingtalkish").json()


def test_a_server_without_the_module_configured_has_no_endpoints(serve, sim, visit):
    httpd = serve("# nothing of ours")
    assert visit(httpd).navigate("/dingtalk/session").status == 404
    assert visit(httpd).navigate("/app/page.html").status == 200


def test_under_load_nobody_is_taken_for_somebody_else(serve, sim, visit):
    config = sites.protected(sim, 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"')
    httpd = serve(config, modules=("cgi",))
    people = {}
    for userid in ("zhangsan", "lisi", "duoduo", "oneil"):
        people[userid] = visit(httpd)
        people[userid].sign_in(userid)

    def ask(number):
        userid = list(people)[number % 4]
        got = people[userid].tab().fetch("/app/cgi/env.cgi").json()
        return got["REMOTE_USER"] == got["DINGTALK_USERID"] == userid

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(100)))


# -- HTTP/2 ----------------------------------------------------------------------------------------

def test_sign_in_works_over_http2(serve, sim, visit, authority):
    httpd = serve(sites.protected(sim), tls=authority, http2=True, names=("localhost",))
    browser = visit(httpd)
    navigation = [("accept", "text/html"), ("sec-fetch-mode", "navigate"),
                  ("sec-fetch-dest", "document")]
    with H2Client(httpd) as client:
        begun = client.request("/app/page.html", navigation)
        assert begun.status == 302
        cookie = begun.set_cookies[0].partition(";")[0]
        callback = browser.target(browser.scan("zhangsan", begun.location))
        back = client.request(callback, [*navigation, ("cookie", cookie)])
        assert back.status == 303
        session = next(line.partition(";")[0] for line in back.set_cookies
                       if line.startswith("__Host-dingtalk="))
        page = client.request("/app/page.html", [*navigation, ("cookie", session)])
        assert page.status == 200 and sites.CANARY in page.text


def test_cookies_split_into_crumbs_are_found_on_http2(serve, sim, visit):
    httpd = serve(sites.protected(sim), http2=True)
    browser = visit(httpd)
    browser.sign_in()
    with H2Client(httpd) as client:
        answer = client.request("/app/page.html", [
            ("cookie", "a=1"), ("cookie", f"dingtalk={browser.session}"), ("cookie", "b=2")])
        assert answer.status == 200


def test_people_sharing_one_http2_connection_are_kept_apart(serve, sim, visit):
    config = sites.protected(sim, 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"')
    httpd = serve(config, http2=True, modules=("cgi",))
    values = {}
    for userid in ("zhangsan", "lisi"):
        browser = visit(httpd)
        browser.sign_in(userid)
        values[userid] = browser.session
    with H2Client(httpd) as client:
        streams = {}
        for number in range(20):
            userid = ("zhangsan", "lisi", None)[number % 3]
            cookie = [("cookie", f"dingtalk={values[userid]}")] if userid else []
            streams[client.send("/app/cgi/env.cgi", cookie)] = userid
        for stream, answer in client.receive(*streams).items():
            if streams[stream]:
                assert answer.json()["REMOTE_USER"] == streams[stream]
            else:
                assert answer.status == 401


# -- beside other ways to come in ------------------------------------------------------------------

def test_require_any_with_an_address_lets_it_in_without_a_scan(serve, sim, visit):
    config = sites.application(sim) + "\n" + "\n".join([
        '<Location "/app">', "AuthType DingTalk", "<RequireAny>", "Require ip 127.0.0.1",
        "Require valid-user", "</RequireAny>", "</Location>"])
    browser = visit(serve(config))
    assert browser.navigate("/app/").status == 200
    assert browser.jar.names() == []


def test_require_any_with_another_address_asks_to_sign_in(serve, sim, visit):
    config = sites.application(sim) + "\n" + "\n".join([
        '<Location "/app">', "AuthType DingTalk", "<RequireAny>", "Require ip 192.0.2.1",
        "Require valid-user", "</RequireAny>", "</Location>"])
    browser = visit(serve(config))
    assert browser.navigate("/app/").status == 302
    assert browser.sign_in().status == 200


def test_require_all_needs_both(serve, sim, visit):
    config = sites.application(sim) + "\n" + "\n".join([
        '<Location "/app">', "AuthType DingTalk", "<RequireAll>", "Require ip 192.0.2.1",
        "Require valid-user", "</RequireAll>", "</Location>"])
    httpd = serve(config)
    httpd.allow_log("AH01630", "AH01631")
    answer = visit(httpd).navigate("/app/")
    assert answer.status in (302, 403) and sites.CANARY not in answer.text


@pytest.mark.parametrize("address,status", [("127.0.0.1", 200), ("192.0.2.1", 302)])
def test_satisfy_any_works_as_ever(serve, sim, visit, address, status):
    config = sites.application(sim) + "\n" + "\n".join([
        '<Location "/app">', "AuthType DingTalk", "Require valid-user", "Order deny,allow",
        "Deny from all", f"Allow from {address}", "Satisfy Any", "</Location>"])
    httpd = serve(config, modules=("access_compat",))
    httpd.allow_log("AH01797")
    assert visit(httpd).navigate("/app/").status == status


def test_basic_beside_it_is_left_alone(serve, sim, visit):
    config = sites.protected(sim) + "\n" + "\n".join([
        '<Location "/other">', "AuthType Basic", 'AuthName "other"',
        "AuthUserFile @FOLDER@/passwd", "Require valid-user", "</Location>"])
    httpd = serve(config, modules=("auth_basic", "authn_file"))
    passwords(httpd)
    browser = visit(httpd)
    browser.sign_in()
    answer = browser.navigate("/other/")
    assert answer.status == 401
    assert answer.get("WWW-Authenticate") == 'Basic realm="other"'
    assert answer.set_cookies == []
    assert browser.navigate("/other/", headers={"Authorization": PASSWORD}).status == 200
    assert browser.navigate("/app/").status == 200


def test_basic_credentials_do_not_open_our_pages(serve, sim, visit):
    httpd = serve(sites.protected(sim), modules=("auth_basic", "authn_file"))
    answer = visit(httpd).navigate("/app/", headers={"Authorization": PASSWORD})
    assert answer.status == 302


def test_auth_type_may_be_an_expression_and_in_any_case(serve, sim, visit):
    config = sites.application(sim) + "\n" + "\n".join([
        '<Location "/app">', "AuthType dInGtAlK", "Require valid-user", "</Location>",
        '<Location "/other">', "AuthType \"%{tolower:DINGTALK}\"", "Require valid-user",
        "</Location>"])
    browser = visit(serve(config))
    assert browser.sign_in().status == 200
    assert browser.navigate("/other/").status == 200


def test_groups_and_expressions_see_the_user(serve, sim, visit):
    config = sites.application(sim) + "\n" + sites.location(
        "/app", require='expr %{REMOTE_USER} == "zhangsan"')
    assert visit(serve(config)).navigate("/app/").status in (302, 401, 403)


# -- keep-alive ------------------------------------------------------------------------------------

def test_a_pipelined_connection_gets_one_exact_answer_per_request(site, browser):
    """Content-Length is right: a second request on the connection is not swallowed."""
    one = (f"GET /app/data.txt HTTP/1.1\r\nHost: {browser.host}:{site.port}\r\n"
           "Accept: */*\r\n\r\n").encode()
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    rest = browser.raw(one * 3 + last)
    for _ in range(4):
        answer = parse(rest)
        assert answer.status == 401
        rest = answer.extra
    assert rest == b""


def test_a_body_that_nobody_reads_does_not_disturb_the_connection(site, browser):
    post = (f"POST /app/save HTTP/1.1\r\nHost: {browser.host}:{site.port}\r\n"
            "Accept: application/json\r\nContent-Length: 5\r\n\r\nhello").encode()
    get = (f"GET /open/ HTTP/1.1\r\nHost: {browser.host}:{site.port}\r\n"
           "Connection: close\r\n\r\n").encode()
    first = parse(browser.raw(post + get))
    assert first.status == 401
    assert parse(first.extra).status == 200
