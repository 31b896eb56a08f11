# SPDX-License-Identifier: Apache-2.0
"""Corners where two rules meet: each was wrong once."""

import os

import pytest

from lib import site as sites
from lib.events import watched
from lib.site import CANARY

PROXY = ("proxy", "proxy_http")


def passing(sim, require, *more, **changes):
    """Everything is open to anonymous visitors, who are asked for nothing but `require`."""
    return "\n".join([sites.application(sim, **changes),
                      sites.location("/", "DingTalkUnauthenticated pass", require=require), *more])


@pytest.mark.parametrize("require", ["all granted", "valid-user", "user zhangsan"])
def test_people_can_sign_in_where_everybody_may_pass(serve, sim, visit, require):
    browser = visit(serve(passing(sim, require)))
    started = browser.navigate("/dingtalk/login?return=/app/page.html")
    assert started.status == 302 and started.location.startswith(sim.login)
    answer = browser.follow(browser.come_back(browser.scan("zhangsan", started.location)))
    assert answer.status == 200 and CANARY in answer.text
    assert browser.fetch("/dingtalk/session").json()["user"] == "zhangsan"
    assert browser.navigate("/dingtalk/logout", method="POST", body=b"",
                            site="same-origin").status == 200


def test_the_session_endpoint_extends_nothing_where_everybody_may_pass(serve, sim, visit, clock):
    browser = visit(serve(passing(sim, "all granted"), fresh=True, clock=clock))
    started = browser.navigate("/dingtalk/login?return=/app/page.html")
    browser.follow(browser.come_back(browser.scan("zhangsan", started.location)))
    clock.advance(3600)
    assert browser.fetch("/dingtalk/session").set_cookies == []


@pytest.mark.parametrize("other", ["other.org", "badexample.com"])
def test_a_domain_session_is_no_good_on_a_host_outside_the_domain(serve, sim, visit, other):
    """S-14: the cookie was never meant to go there, whatever the server answers to."""
    httpd = serve(sites.protected(sim, "UseCanonicalName Off", DingTalkCookieDomain="example.com"))
    browser = visit(httpd, host="a.example.com")
    assert browser.sign_in().status == 200
    assert visit(httpd, host="b.example.com").fetch(
        "/app/page.html", headers={"Cookie": f"dingtalk={browser.session}"}).status == 200
    assert visit(httpd, host=other).fetch(
        "/app/page.html", headers={"Cookie": f"dingtalk={browser.session}"}).status == 401


def cookies_seen(serve, sim, visit, backend, cookies):
    """What an open and a protected application see of these Cookie lines."""
    config = "\n".join([sites.protected(sim), f'ProxyPass "/app" "{backend.url}/app"',
                        f'ProxyPass "/open" "{backend.url}/open"'])
    browser = visit(serve(config, modules=PROXY))
    browser.sign_in("zhangsan", "/app/page")
    lines = [line.replace("TOKEN", f"dingtalk={browser.session}") for line in cookies]
    seen = []
    for path in ("/open/page", "/app/page"):
        answer = browser.fetch(path, headers={
            "Accept": "application/json", "Cookie": lines})
        assert answer.status == 200, answer
        assert browser.session not in answer.text
        seen.append([v for k, v in answer.json()["headers"] if k.lower() == "cookie"])
    assert seen[0] == seen[1]
    return "".join(seen[0])


@pytest.mark.parametrize("cookies, left", [
    (["a=1", "TOKEN", "c=3"], "a=1, c=3"),
    (["TOKEN", "c=3"], "c=3"),
    (["a=1", "TOKEN"], "a=1"),
    (["TOKEN"], ""),
    (["a=1; TOKEN; b=2"], "a=1; b=2"),
    (["TOKEN;TOKEN; TOKEN"], ""),
    ([" ; TOKEN ; "], ""),
    (['q="x;y"; TOKEN; z'], 'q="x;y"; z'),
    (["a=1;b=2;TOKEN;c=3"], "a=1;b=2;c=3"),
    (["xdingtalk=1; dingtalkx=2; TOKEN"], "xdingtalk=1; dingtalkx=2"),
])
def test_our_cookie_is_found_and_removed_and_others_stay_as_they_are(
        serve, sim, visit, backend, cookies, left):
    assert cookies_seen(serve, sim, visit, backend, cookies) == left


def test_headers_for_one_place_do_not_reach_an_error_page_elsewhere(serve, sim, visit, backend):
    """mod_dir tries index files as sub-requests on the way."""
    config = "\n".join([
        sites.application(sim), sites.location("/app", "DingTalkExport headers"),
        "DirectoryIndex nothing.html /nothing-either.html", "ErrorDocument 404 /error/page",
        "Options -Indexes", "ErrorDocument 403 /error/page",
        f'ProxyPass "/error" "{backend.url}/error"'])
    httpd = serve(config, modules=PROXY)
    (httpd.documents / "app" / "empty").mkdir(exist_ok=True)
    os.chmod(httpd.documents / "app" / "empty", 0o755)
    browser = visit(httpd)
    browser.sign_in("zhangsan", "/app/page.html")
    for path in ("/app/empty/", "/app/nope.html"):
        answer = browser.fetch(path, headers={"Accept": "application/json"})
        names = [k.lower() for k, _ in answer.json()["headers"]]
        assert not [n for n in names if n.startswith(("x-dingtalk", "x-remote"))], path
    httpd.allow_log("AH01276")


def test_the_login_url_of_the_session_endpoint_leads_to_a_page(browser):
    told = browser.fetch("/dingtalk/session", headers={"Referer": None}).json()
    assert told["login_url"] == browser.origin + "/dingtalk/login?return=%2F"


def test_nobody_gets_a_part_of_an_answer_of_ours(browser):
    browser.sign_in()
    answer = browser.fetch("/dingtalk/session", headers={"Range": "bytes=0-3"})
    assert answer.status == 200 and answer.json()["authenticated"] is True


@pytest.mark.parametrize("path, method, status", [
    ("/app/page.html", "GET", 401), ("/app/page.html", "POST", 401), ("/dingtalk/session", "GET", 401),
    ("/dingtalk/nothing", "GET", 404), ("/dingtalk/session", "DELETE", 405),
    ("/dingtalk/callback?state=x", "GET", 400), ("/dingtalk/logout", "POST", 200)])
def test_the_id_of_every_answer_is_in_the_log_at_httpds_own_level(
        site, visit, path, method, status):
    answer = visit(site).fetch(path, method=method, body=b"" if method == "POST" else None)
    assert answer.status == status
    assert answer.get("DingTalk-Error-Id") in "\n".join(site.log.lines())
    site.allow_log("DT0022")


@pytest.mark.parametrize("push, status", [
    ({}, 200), ({"body": "{}"}, 400), ({"token": "another"}, 403), ({"body": "x" * 400000}, 413)])
def test_the_id_of_every_refused_push_is_in_the_log(serve, sim, visit, push, status):
    httpd = serve(watched(sim))
    sim.subscribe(httpd)
    made = sim.push("user_leave_org", "lisi", dry=True,
                    **{name: value for name, value in push.items() if name != "body"})
    answer = visit(httpd).request("POST", "/dingtalk/event?" + made["query"],
                                  body=push.get("body", made["body"]).encode())
    assert answer.status == status
    if status != 200:
        httpd.expect_log(rf"DT0079: .*\[error id {answer.error_id}\]")


def test_the_id_of_a_push_that_cannot_be_kept_is_in_the_log(serve, sim, visit):
    httpd = serve(watched(sim, 'DingTalkDatabase sqlite3 "/nowhere/dingtalk.db"'), fresh=True)
    sim.subscribe(httpd)
    made = sim.push("user_leave_org", "lisi", dry=True)
    answer = visit(httpd).request("POST", "/dingtalk/event?" + made["query"],
                                  body=made["body"].encode())
    assert answer.status == 503 and int(answer.get("Retry-After")) > 0
    httpd.expect_log(rf"DT0070: .*\[error id {answer.error_id}\]")
    httpd.allow_log("DT0005", "DT0007", r"DT005\d")


def test_somebody_elses_directory_is_left_as_it_is(serve, sim, tmp_path):
    """A home directory holds dot files only, perhaps."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    (folder / ".profile").write_text("mine\n")
    os.chmod(tmp_path, 0o755)
    before = folder.stat()
    httpd = serve(sites.protected(sim, DingTalkStateDir=folder), fresh=True)
    httpd.log.expect("DT0007", "DT0054")  # the database cannot be made where httpd's user cannot write
    after = folder.stat()
    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)
    assert (folder / "key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_is_too_short_stops_the_start_and_says_so(sim, prepare):
    httpd = prepare(sites.protected(sim))
    httpd.state.mkdir(mode=0o700)
    (httpd.state / "key").write_text("short\n")
    said = httpd.try_to_start()
    assert "DT0001: DingTalkStateDir" in said and "less than 32" in said


def test_a_command_that_fails_gives_no_secret(sim, prepare, tmp_path):
    command = tmp_path / "secret"
    command.write_text("#!/bin/sh\necho half-a-secret\nexit 3\n")
    command.chmod(0o755)
    httpd = prepare(sites.protected(sim, DingTalkClientSecret=f'"exec:{command}"'))
    said = httpd.try_to_start()
    assert "DT0002: DingTalkClientSecret" in said and "exit status 3" in said
    assert "half-a-secret" not in said
    httpd.expect_log("DT0002", "AH00020: Configuration Failed")
