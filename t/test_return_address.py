# SPDX-License-Identifier: Apache-2.0
"""S-05, S-20: no address, however written and wherever it stands, leads a browser off this site.

The values are in lib/return_addresses.txt. Here every value goes into everything that can move a
browser: redirects, links, forms, refreshes, and addresses that a script is told. What comes back
is judged by a browser's URL parser; browser/test_return_address_browser.py goes there. The bind
pages are in test_return_address_binding.py.
"""

import re
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import pytest

from lib import expect, nasty, site as sites
from lib.browser import FETCH, HTML_HEADERS, Client
from lib.nasty import in_one_line, values_of
from lib.whatwg import NODE, Judge, Targets, origins, resolve

PUBLIC = "DingTalkPublicURL http://127.0.0.1:@PORT@"
CONTROL = re.compile("[\0-\x08\x0a-\x1f\x7f]")  # httpd takes none in a header
FRAME = {"Sec-Fetch-Dest": "iframe"}

# Names that other programs use for such a parameter: with us none of them moves anybody.
FOREIGN_NAMES = (
    "Return", "RETURN", "return[]", "return_to", "returnTo", "return_url", "returnUrl", "ReturnUrl",
    "redirect", "redirect_to", "redirect_url", "redirect_uri", "rd", "next", "goto", "to", "url",
    "u", "target", "target_link_uri", "target_url", "continue", "service", "dest", "destination",
    "callback", "back", "location", "href", "page", "ref", "referer", "RelayState", "origin",
    "post_logout_redirect_uri", "login_url", "retry", "cancel", "error_uri", "file", "host")
FORWARDED = (
    "X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Proto", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-For", "X-Forwarded-Scheme", "Forwarded",
    "X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Rewrite-URL", "X-Host", "X-Real-IP",
    "X-HTTP-Host-Override", "X-Forwarded-Path", "Base-URL", "Front-End-Https", "True-Client-IP")


# -- the corpus itself -----------------------------------------------------------------------------

def test_each_class_of_the_corpus_is_as_large_as_its_head_says():
    found = {name: len(values) for name, values in nasty.classes().items()}
    assert found == nasty.counts()
    assert len(found) >= 29


def test_the_corpus_has_more_than_four_hundred_different_values():
    listed = [value for values in nasty.classes().values() for value in values]
    assert len(listed) == len(set(listed)) > 400
    assert len(nasty.corpus()) > len(listed) + 100


CARELESS = {
    "believes everything": lambda v: True,
    "begins with a slash": lambda v: v.startswith("/"),
    "begins with one slash": lambda v: re.match(r"/[^/]", v),
    "begins with one slash, and the next is no backslash": lambda v: re.match(r"/[^/\\]", v),
    "has no scheme and no host for Python": lambda v: not any(urlsplit(v)[:2]),
    "has no colon and no two slashes": lambda v: ":" not in v and "//" not in v,
    "has the own host in it": lambda v: "127.0.0.1" in v,
    "begins with the own origin": lambda v: v.startswith(("http://127.0.0.1", "//127.0.0.1")),
    "ends with the own host": lambda v: re.search(r"127\.0\.0\.1(:8080)?/?$", v),
    "has no control characters": lambda v: not re.search("[\0-\x1f\x7f]", v),
    "has none of the words of bad schemes": lambda v: not re.match("(?i)(http|javascript|data)", v),
}


@pytest.mark.skipif(not NODE.program, reason="no node here: tools/install-packages.sh test")
@pytest.mark.parametrize("guard", CARELESS)
def test_the_corpus_gets_past_every_careless_guard(guard):
    """A corpus that fools nobody would prove nothing."""
    passed = []
    for value in nasty.corpus():
        try:
            if CARELESS[guard](value):
                passed.append(value)
        except ValueError:  # Python cannot read it
            pass
    away = [value for value, origin in zip(passed, origins("http://127.0.0.1:8080/", passed))
            if origin != "http://127.0.0.1:8080"]
    assert len(away) >= 4, away


# -- login -----------------------------------------------------------------------------------------

def test_login_of_a_signed_in_visitor_never_leaves_the_site(browser):
    browser.sign_in()
    judge = Judge(browser)
    for value in values_of(browser):
        for text in nasty.spellings(value):
            answer = judge.take(value, browser.navigate(f"/dingtalk/login?return={text}"))
            if answer.status != 400:
                expect.redirect(answer, 303)
                assert answer.location in nasty.faithful(nasty.meant(text)), (value, answer)
    judge.verdict(1500)


def test_a_whole_sign_in_never_ends_off_the_site(site, visit):
    judge = Judge(visit(site))
    for value in values_of(judge.visitor):
        visitor = visit(site)
        begun = visitor.navigate("/dingtalk/login?return=" + nasty.encoded(value))
        assert judge.take(value, begun).status == 302, (value, begun)
        ended = visitor.come_back(visitor.scan("zhangsan", begun.location))
        assert judge.take(value, ended).status == 303, (value, ended)
        assert ended.location in nasty.faithful(value), (value, ended)
    judge.verdict(1000)


@pytest.mark.parametrize("how", ["who cancels", "who is not let in"])
def test_the_page_for_a_person_never_links_off_the_site(site, visit, sim, how):
    judge = Judge(visit(site))
    who, choices = ("zhangsan", {"deny": True}) if how == "who cancels" else (
        sim.cast("external"), {})
    for value in values_of(judge.visitor):
        visitor = visit(site)
        begun = visitor.navigate("/dingtalk/login?return=" + nasty.encoded(value))
        page = visitor.come_back(visitor.scan(who, begun.location, **choices))
        assert judge.take(value, page).status in (400, 403), (value, page)
        link = next(a for a in Targets(page.text).addresses if "/login?" in a)
        assert unquote(link.partition("return=")[2]) in nasty.faithful(value)
        assert judge.take(value, visitor.navigate(link)).status == 302
    judge.verdict(2000)


def test_two_return_addresses_are_none(browser):
    browser.sign_in()
    judge = Judge(browser)
    for value in values_of(browser):
        for query in (f"return=/app/&return={nasty.encoded(value)}",
                      f"return={nasty.encoded(value)}&return=/app/",
                      f"return=/app/&%72eturn={nasty.encoded(value)}"):
            answer = judge.take(value, browser.navigate("/dingtalk/login?" + query))
            assert answer.status == 303 and answer.location == "/", (value, answer)
    judge.verdict(1000)


# -- logout ----------------------------------------------------------------------------------------

def test_logout_never_leaves_the_site(browser):
    judge = Judge(browser)
    for value in values_of(browser):
        for text in nasty.spellings(value):
            answer = judge.take(value, browser.navigate(
                f"/dingtalk/logout?return={text}", method="POST", body=b"", site="same-origin"))
            if answer.status != 400:
                expect.redirect(answer, 303)
                assert answer.location in nasty.faithful(nasty.meant(text)), (value, answer)
    judge.verdict(1500)


def test_logout_by_link_never_leaves_the_site(browser):
    judge = Judge(browser)
    for value in values_of(browser):
        answer = judge.take(value, browser.navigate(
            "/dingtalk/logout?return=" + nasty.encoded(value), site="none"))
        assert answer.status == 303, (value, answer)
    judge.verdict(500)


def test_the_button_for_a_logout_from_elsewhere_never_leaves_the_site(browser):
    judge = Judge(browser)
    for value in values_of(browser):
        page = judge.take(value, browser.navigate(
            "/dingtalk/logout?return=" + nasty.encoded(value), site="cross-site"))
        assert page.status == 200, (value, page)
        target, = Targets(page.text).addresses
        answer = judge.take(value, browser.navigate(target, "POST", body=b"", site="same-origin"))
        assert answer.status == 303 and answer.location in nasty.faithful(value), (value, answer)
    judge.verdict(1500)


def test_a_return_address_in_the_body_of_a_logout_counts_for_nothing(browser):
    judge = Judge(browser)
    for value in values_of(browser):
        answer = judge.take(value, browser.navigate(
            "/dingtalk/logout", "POST", site="same-origin",
            body=b"all=0&return=" + nasty.encoded(value).encode()))
        assert answer.status == 200, (value, answer)
    judge.verdict(500)


# -- the address that was asked for ----------------------------------------------------------------

@pytest.fixture
def whole_site(serve, sim):
    """Everything is protected; the root too."""
    return serve(sites.protected(sim, PUBLIC, path="/"))


def test_the_path_that_was_asked_for_never_leads_off_the_site(whole_site, sim, visit):
    """GET //evil.example/ on a protected root: the address itself is the return address."""
    judge = Judge(visit(whole_site))
    ends = 0
    for value, target in nasty.targets_of(judge.visitor, values_of(judge.visitor)):
        visitor = visit(whole_site)
        begun = judge.take(value, visitor.ask(target, HTML_HEADERS))
        if begun.status != 302 or not begun.location.startswith(sim.login):
            assert begun.status in (400, 403, 404, 414), (target, begun)
            continue
        ends += 1
        judge.take(value, visitor.come_back(visitor.scan("zhangsan", begun.location)))
    assert ends > 300
    judge.verdict(600)


@pytest.mark.parametrize("headers", [FRAME | HTML_HEADERS, {"Accept": "*/*"}],
                         ids=["a frame", "a program"])
def test_whoever_is_told_where_to_sign_in_is_never_led_off_the_site(whole_site, visit, headers):
    judge = Judge(visit(whole_site))
    if "Sec-Fetch-Dest" in headers:
        headers["Sec-Fetch-Mode"] = "navigate"
    for value, target in nasty.targets_of(judge.visitor, values_of(judge.visitor)):
        answer = judge.take(value, visit(whole_site).ask(target, headers))
        assert answer.status in (400, 401, 403, 404, 414), (target, answer)
    judge.verdict(600)


def test_the_page_that_asks_for_itself_once_more_never_leads_off_the_site(serve, sim, visit):
    """What a Strict cookie needs: a refresh and a link, both to the address that was asked for."""
    httpd = serve(sites.protected(sim, PUBLIC, "DingTalkCookieSameSite Strict", path="/"))
    judge = Judge(visit(httpd))
    headers = {**HTML_HEADERS, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
               "Sec-Fetch-Dest": "document"}
    for value, target in nasty.targets_of(judge.visitor, values_of(judge.visitor)):
        answer = judge.take(value, judge.visitor.ask(target, headers))
        assert answer.status in (200, 400, 403, 404, 414), (target, answer)
    judge.verdict(1200)


# -- where the visitor says to come from -----------------------------------------------------------

def test_no_referer_leads_off_the_site(browser):
    judge = Judge(browser)
    for value in in_one_line(values_of(browser)):
        for referer in (value, browser.origin + value, browser.origin + "/app/" + value):
            headers = {"Referer": referer}
            page = browser.navigate("/app/save", "POST", body=b"a=1", headers=headers)
            for answer in (page, browser.fetch("/app/data.txt", headers=headers),
                           browser.fetch("/dingtalk/session", headers=headers),
                           browser.fetch("/dingtalk/login", headers=headers)):
                assert judge.take(value, answer).status in (400, 401), (referer, answer)
    judge.verdict(8000)


# -- the callback, other endpoints, other parameters -----------------------------------------------

@pytest.mark.parametrize("name", ["state", "code", "authCode", "error", "error_description"])
def test_no_parameter_of_the_callback_leads_off_the_site(serve, sim, name):
    """Each from an address of its own: of one, wrong codes are soon enough."""
    browser = Client(serve(sites.protected(
        sim, "RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 127.0.0.1"),
        modules=("remoteip",)), sim)
    judge = Judge(browser)
    values = values_of(browser)
    for number, value in enumerate(values):
        begun = browser.begin()
        state = dict(parse_qsl(urlsplit(begun).query))["state"]
        query = {"state": state, "code": "0", name: nasty.encoded(value)}
        if name.startswith("error"):
            query = {"state": state, "error": "access_denied", name: nasty.encoded(value)}
        answer = judge.take(value, browser.navigate(
            "/dingtalk/callback?" + "&".join(f"{k}={v}" for k, v in query.items()),
            site="cross-site", headers={"X-Forwarded-For": f"10.0.{number >> 8}.{number & 255}"}))
        assert answer.status != 429, value
    judge.verdict(len(values))


def test_no_endpoint_that_is_not_there_leads_off_the_site(browser):
    judge = Judge(browser)
    for value in values_of(browser):
        for path in ("/dingtalk/", "/dingtalk/login/", "/dingtalk/logout;", "/dingtalk/bind"):
            target = (path + nasty.encoded(value).replace("%2F", "/")).encode()
            answer = judge.take(value, browser.ask(target, HTML_HEADERS, "PUT"))
            assert answer.status >= 400, (target, answer)
    judge.verdict(2000)


def test_no_parameter_of_another_name_moves_anybody(browser):
    """Those that other programs know, all at once; the answer is the one without them."""
    judge = Judge(browser)
    for signed_in in (False, True):
        if signed_in:
            browser.sign_in()
        for value in values_of(browser):
            query = "&".join(f"{name}={nasty.encoded(value)}" for name in FOREIGN_NAMES)
            if len(query) > 8000:  # httpd takes no longer line
                continue
            plain = judge.take(value, browser.navigate("/dingtalk/login?" + query))
            assert plain.status == (303 if signed_in else 302), (value, plain)
            if signed_in:
                assert plain.location == "/", (value, plain)
            judge.take(value, browser.fetch("/dingtalk/session?" + query))
            judge.take(value, browser.navigate("/dingtalk/callback?" + query))
            judge.take(value, browser.navigate("/dingtalk/logout?" + query, site="cross-site"))
    judge.verdict(3000)


def test_no_cookie_leads_off_the_site(site, visit):
    judge = Judge(visit(site))
    for value in in_one_line(values_of(judge.visitor)):
        cookie = f"dingtalk={value}; dingtalk-bind={value}; dingtalk-ticket-a={value}; r={value}"
        for path in ("/app/", "/dingtalk/login", "/dingtalk/callback?state=a&code=b"):
            judge.take(value, visit(site).navigate(path, headers={"Cookie": cookie}))
    judge.verdict(1500)


# -- headers of proxies ----------------------------------------------------------------------------

def test_no_header_of_a_proxy_leads_off_the_site(browser):
    judge = Judge(browser)
    for value in in_one_line(values_of(browser)):
        headers = {name: value[:200] for name in FORWARDED}
        for answer in (browser.navigate("/app/page.html", headers=headers),
                       browser.navigate("/dingtalk/login?return=/app/", headers=headers),
                       browser.navigate("/app/page.html", headers=headers | FRAME),
                       browser.fetch("/dingtalk/session", headers=headers)):
            expected = (400,) if CONTROL.search(value) else (302, 401)
            assert judge.take(value, answer).status in expected, (value, answer)
    judge.verdict(2000)


@pytest.mark.parametrize("line", [PUBLIC, "UseCanonicalName On\nServerName 127.0.0.1:@PORT@"])
def test_no_host_header_leads_off_a_site_that_knows_its_name(serve, sim, visit, line):
    httpd = serve(sites.protected(sim, line))
    browser = visit(httpd)
    judge = Judge(browser)
    for value in in_one_line(values_of(browser)):
        for host in (value.lstrip("/\\"), nasty.EVIL, "127.0.0.1." + nasty.EVIL):
            headers = {"Host": host}
            for answer in (browser.navigate("/app/page.html", headers=headers),
                           browser.fetch("/dingtalk/session", headers=headers)):
                assert judge.take(value, answer).status in (302, 400, 401), (host, answer)
    judge.verdict(1500)


def hosts_of(httpd, values):
    """(value, Host) that a careless server takes for its own, and those of the values."""
    own, port = "127.0.0.1", httpd.port
    for host in (own, own + ".", f"{own}.:{port}", f"{own}:", f"{own}:0", f"{own}:1", f"{own}:80",
                 f"{own}:65536", f"{own}:{port}:{port}", f"{own}:{port}/", f"user@{own}:{port}",
                 f"{own}:{port}@{nasty.EVIL}", f"{nasty.EVIL}@{own}", f"{own}, {nasty.EVIL}",
                 f"{own} {nasty.EVIL}", f"{own}#@{nasty.EVIL}", f"{own}?@{nasty.EVIL}", "", "[::1]",
                 f"{own}%00.{nasty.EVIL}", f'{own}","x":"', f"{own}<script>", f"{own}'", f"{own};",
                 f"[{nasty.EVIL}]", "[::1", f"[::1]{nasty.EVIL}", f"[::1]:{port}:{port}",
                 "[::1%1]"):
        yield host, host
    for value in in_one_line(values):
        yield value, value.lstrip("/\\ \t")
        yield value, own + value


@pytest.mark.parametrize("path", ["/app/page.html", "/dingtalk/login?return=/app/page.html"])
@pytest.mark.parametrize("strict", ["", "HttpProtocolOptions Unsafe"])
def test_a_host_that_is_believed_is_that_of_the_request_and_nothing_more(
        serve, sim, visit, strict, path):
    """A site that is not told its name is where browsers say that it is; no page of another site
    has a say in that. What no browser can say is not believed."""
    visitor = visit(serve(sites.protected(sim, strict)))
    visitor.httpd.allow_log(r"DT\d+:", r"AH\d+:")
    seen = 0
    for value, host in hosts_of(visitor.httpd, values_of(visitor)):
        for headers in (HTML_HEADERS, FETCH):
            answer = visitor.ask(path.encode(), {**headers, "Host": host})
            if answer.status == 302:
                where = parse_qs(urlsplit(answer.location).query)["redirect_uri"][0]
                assert answer.location.startswith(sim.login + "/oauth2/auth?"), (host, answer)
                assert where.endswith("/dingtalk/callback")
            elif answer.status == 401:
                where = answer.json()["login_url"]
            else:
                assert answer.status == 400, (host, answer)
                continue
            seen += 1
            named = re.fullmatch(r"http://([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?/dingtalk/.*", where,
                                 re.A)
            assert named, (host, where)
            said = re.match(r"\[.*?\]|[^:]*", host.strip())[0].lower().rstrip(".")
            assert named[1] in (said, "127.0.0.1"), (host, where)
    assert seen > 30


# -- good addresses --------------------------------------------------------------------------------

@pytest.mark.parametrize("value", nasty.GOOD)
def test_a_good_address_arrives_as_it_is(browser, value):
    browser.sign_in()
    for path in ("/dingtalk/login?return=", "/dingtalk/logout?return="):
        answer = browser.navigate(path + quote(value, safe=""))
        assert answer.status == 303
        assert answer.location == value
    assert nasty.ascii_of(value) == value


@pytest.mark.parametrize("value", nasty.GOOD_UNICODE)
def test_an_address_in_any_script_arrives_percent_encoded(browser, value):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=" + quote(value, safe=""))
    assert answer.status == 303
    assert answer.location == nasty.ascii_of(value)
    whole, = (whole for _, whole in resolve(browser.origin, [value]))
    assert browser.origin + answer.location == whole, "as the browser itself would write it"


@pytest.mark.parametrize("value", nasty.GOOD + nasty.GOOD_UNICODE)
def test_a_good_address_survives_the_whole_sign_in(site, visit, value):
    visitor = visit(site)
    begun = visitor.navigate("/dingtalk/login?return=" + quote(value, safe=""))
    answer = visitor.come_back(visitor.scan("zhangsan", begun.location))
    assert answer.status == 303 and answer.location == nasty.ascii_of(value)


def test_the_page_that_was_asked_for_comes_back_as_it_is(whole_site, visit):
    for value in nasty.GOOD:
        if value.startswith("/dingtalk/") or "#" in value:  # a browser sends no fragment
            continue
        visitor = visit(whole_site)
        begun = visitor.ask(value.encode(), HTML_HEADERS)
        if begun.status == 302:
            ended = visitor.come_back(visitor.scan("zhangsan", begun.location))
            assert ended.location == value
        else:
            assert begun.status in (400, 404), (value, begun)  # httpd reads no such path


def test_an_address_that_is_too_long_loses_its_query_only(browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=/app/page.html?" + "q" * 700)
    assert answer.status == 303 and answer.location == "/app/page.html"


def test_an_address_of_this_origin_in_full_is_the_path_or_the_start(browser):
    browser.sign_in()
    answer = browser.navigate(
        "/dingtalk/login?return=" + quote(browser.origin + "/app/page.html", safe=""))
    assert answer.status == 303
    assert answer.location in ("/", "/app/page.html")


def test_no_return_address_means_the_start_page(browser):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login")
    assert answer.status == 303 and answer.location == "/"


@pytest.mark.parametrize("path", ["/dingtalk/login", "/dingtalk/login?return=/dingtalk/login",
                                  "/dingtalk/logout", "/dingtalk/callback?code=1&state=2"])
def test_returning_to_an_endpoint_is_no_endless_loop(browser, path):
    browser.sign_in()
    answer = browser.navigate("/dingtalk/login?return=" + quote(path, safe=""))
    for _ in range(6):
        if answer.status not in (302, 303):
            break
        answer = browser.navigate(answer.location)
    assert answer.status in (200, 400)
