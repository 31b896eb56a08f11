# SPDX-License-Identifier: Apache-2.0
"""S-05, S-17, S-20, S-22: the ways around a return address lead nowhere else either.

Endpoints that know no return address, or that get two of them; what HTTP/2 and absolute-form
requests can say of a path and a host; proxies' headers; and values that are far too long.
"""

import re

import pytest

from lib import nasty, site as sites
from lib.browser import FETCH
from lib.h2client import H2Client
from lib.nasty import encoded, faithful, in_one_line, values_of
from lib.whatwg import Judge, Targets

PUBLIC = "DingTalkPublicURL http://127.0.0.1:@PORT@"
REFUSED = (400, 403, 404, 414)  # httpd reads no such address, and says so
PAGES = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
START = "/dingtalk/login?return=%2F"
KILOBYTES_64 = 65536


@pytest.fixture
def whole_site(serve, sim):
    """Everything is protected; the root too."""
    return serve(sites.protected(sim, PUBLIC, path="/"))


def links(answer):
    """Where a page of ours leads."""
    return set(Targets(answer.text).addresses)


# -- endpoints that know no return address ---------------------------------------------------------

def test_the_callback_takes_the_return_address_of_its_ticket_only(site, visit):
    judge = Judge(visit(site))
    for value in values_of(judge.visitor, each=3):
        visitor = visit(site)
        callback = visitor.scan("zhangsan", visitor.begin("/app/page.html"))
        query = f"return={encoded(value)}&return=/app/"
        answer = judge.take(value, visitor.come_back(f"{callback}&{query}"))
        assert answer.status == 303 and answer.location == "/app/page.html", (value, answer)
        answer = judge.take(value, visitor.come_back("/dingtalk/callback?" + query))
        assert answer.status == 303 and answer.location == "/", (value, answer)
        answer = judge.take(value, visit(site).come_back("/dingtalk/callback?" + query))
        assert answer.status == 400 and links(answer) == {START}, (value, answer)
    judge.verdict(200)


def test_the_session_endpoint_has_no_return_address(browser):
    judge = Judge(browser)
    for session in (False, True):
        if session:
            browser.sign_in()
        for value in values_of(browser):
            query = f"/dingtalk/session?return={encoded(value)}"
            for answer in (browser.fetch(query), browser.navigate(query)):
                told = judge.take(value, answer).json()
                if session:
                    assert answer.status == 200 and "login_url" not in told, (value, answer)
                else:
                    assert answer.status == 401
                    assert told["login_url"] == browser.origin + START, (value, answer)
    judge.verdict(1000)


@pytest.mark.parametrize("path", ["", "/", "/x", "/login/", "/bind", "/bind/code", "/bind/verify",
                                  "/event", "/LOGIN", "/callback/x"])
def test_no_endpoint_that_is_not_there_has_a_return_address(browser, path):
    judge = Judge(browser)
    values = values_of(browser, each=5)
    for number, value in enumerate(values):
        method = ("GET", "POST")[number % 2]
        body = f"return={encoded(value)}&csrf=x".encode() if method == "POST" else None
        answer = judge.take(value, browser.navigate(
            f"/dingtalk{path}?return={encoded(value)}", method, body=body, site="same-origin"))
        assert answer.status == 404, (value, answer)
        assert links(answer) == {"/"}, (value, answer)
    judge.verdict(len(values))


# -- logout ----------------------------------------------------------------------------------------

def test_logout_of_all_browsers_never_leaves_the_site(site, visit):
    judge = Judge(visit(site))
    for value in values_of(judge.visitor):
        visitor = visit(site)
        signed_in = judge.answers % 8 == 0
        if signed_in:
            visitor.come_back(visitor.scan("zhangsan", visitor.begin()))
        query = f"/dingtalk/logout?all=1&return={encoded(value)}"
        page = judge.take(value, visitor.navigate(query, "POST", body=b"", site="cross-site"))
        assert page.status == 200, (value, page)
        answer = judge.take(value, visitor.navigate(query, "POST", body=b"", site="same-origin"))
        if signed_in:
            assert answer.status == 303 and answer.location in faithful(value), (value, answer)
        else:  # a page says that nothing has ended
            assert answer.status == 200 and answer.location is None, (value, answer)
        assert visitor.session is None
    judge.verdict(1000)


def test_of_two_return_addresses_logout_takes_that_in_the_query(browser):
    judge = Judge(browser)
    values = values_of(browser)
    for value, other in zip(values, reversed(values)):
        for query, body, wanted in ((value, other, faithful(value)), ("/app/", other, {"/app/"}),
                                    (value, "/app/", faithful(value))):
            for more in ("", "all=1&"):
                answer = judge.take(query, browser.navigate(
                    f"/dingtalk/logout?return={encoded(query)}", "POST", site="same-origin",
                    body=f"{more}return={encoded(body)}".encode()))
                if more:  # a page says that nothing has ended
                    assert answer.status == 200 and answer.location is None, (query, answer)
                else:
                    assert answer.status == 303 and answer.location in wanted, (query, answer)
    judge.verdict(3000)


# -- the request line ------------------------------------------------------------------------------

def whole_targets(visitor, values):
    """(value, request target) that are no path: of other hosts and schemes, and of no form."""
    own = visitor.origin.encode()
    for value in in_one_line(values):
        data = value.encode("utf-8", "surrogateescape")
        if not value or set(value) & set(" \t"):
            continue
        for target in (data, b"http://" + nasty.EVIL.encode() + data, b"HTTP:" + data,
                       b"javascript:" + data, own + b"?" + data, own + b"@" + data,
                       own.replace(b"://", b"://" + nasty.EVIL.encode() + b"@") + data):
            yield value, target


def end(judge, value, visitor, begun):
    """Judge what came of a request without a session, and the sign-in that it began, to its end:
    whether it began one."""
    if judge.take(value, begun).status != 302 or not judge.is_dingtalk(begun.location):
        assert begun.status in (*REFUSED, 200, 303), (value, begun)  # these are of our endpoints
        return False
    visitor.jar.take(begun.set_cookies, "http", visitor.host)
    ended = judge.take(value, visitor.come_back(visitor.scan("zhangsan", begun.location)))
    assert ended.status == 303, (value, ended)
    return True


def test_no_request_target_that_is_no_path_leads_off_the_site(whole_site, visit):
    """A program is told at once what a ticket would carry; for some it is carried to the end."""
    visitor = visit(whole_site)
    judge = Judge(visitor)
    for value, target in whole_targets(visitor, values_of(visitor)):
        answer = judge.take(value, visitor.ask(target, FETCH))
        assert answer.status in (*REFUSED, 303, 401, 200), (target, answer)
    begun = 0
    for value, target in whole_targets(visitor, values_of(visitor, each=1)):
        guest = visit(whole_site)
        begun += end(judge, value, guest, guest.ask(target, PAGES))
    assert begun > 50
    judge.verdict(1500)


def h2_requests(httpd, requests, headers):
    """An answer for each (path, authority), None for those that mod_http2 hangs up on."""
    client = H2Client(httpd, checked=False)
    for path, authority in requests:
        try:
            answer = client.request(path, headers, authority=authority)
        except OSError:  # the connection is gone, and this answer with it
            client.socket.close()
            client = H2Client(httpd, checked=False)
            answer = None
        yield answer if answer is not None and answer.status else None
    client.socket.close()


def h2_answers(judge, requests, headers):
    """[(value, answer)] of those [(value, path, authority)] that got one, judged."""
    answers = h2_requests(judge.visitor.httpd, [request[1:] for request in requests], headers)
    return [(value, judge.take(value, answer)) for (value, *_), answer in zip(requests, answers)
            if answer is not None]


@pytest.fixture
def h2_site(serve, sim):
    """Everything is protected, and asked for by HTTP/2."""
    return serve(sites.protected(sim, PUBLIC, path="/"), http2=True)


def lower(headers):
    """Headers as HTTP/2 wants them."""
    return [(name.lower(), text) for name, text in headers.items()]


def test_no_path_of_http2_leads_off_the_site(h2_site, visit):
    """It can hold blanks and controls, which end a request line of HTTP/1.1."""
    visitor = visit(h2_site)
    judge = Judge(visitor)
    own = f"127.0.0.1:{h2_site.port}".encode()
    requests = []
    for value in values_of(visitor):
        data = value.encode("utf-8", "surrogateescape")
        paths = [data, b"http://" + nasty.EVIL.encode() + data]
        paths.append(encoded(value).replace("%2F", "/").encode())
        requests += [(value, path, own) for path in paths]
    for value, answer in h2_answers(judge, requests, lower(FETCH)):
        assert answer.status in (*REFUSED, 303, 401, 200), (value, answer)
    some = [request for request in requests if request[0] in values_of(visitor, each=2)]
    begun = [end(judge, value, visit(h2_site), answer)
             for value, answer in h2_answers(judge, some, lower(PAGES))]
    assert sum(begun) > 30
    judge.verdict(600)


def test_no_authority_of_http2_leads_off_a_site_that_knows_its_name(h2_site, visit):
    judge = Judge(visit(h2_site))
    own = f"127.0.0.1:{h2_site.port}".encode()
    for headers, each in ((FETCH, None), (PAGES, 3)):
        requests = []
        for value in values_of(judge.visitor, each=each):
            bare = value.lstrip("/\\").encode("utf-8", "surrogateescape")
            for authority in (bare, own + bare, bare + b"@" + own, own + b"@" + bare):
                requests.append((value, b"/app/page.html", authority))
        answers = h2_answers(judge, requests, lower(headers))
        for value, answer in answers:
            assert answer.status in (302, 400, 401, 403), (value, answer)
        assert len(answers) > 100
    judge.verdict(100)


# -- proxies ---------------------------------------------------------------------------------------

def forwarded(value):
    """What a proxy would say, were this its host, its scheme and its path."""
    return {"X-Forwarded-Host": value, "X-Forwarded-Proto": value.partition(":")[0],
            "X-Forwarded-Prefix": value, "X-Forwarded-Port": value, "X-Forwarded-Server": value,
            "Forwarded": f'host="{value}";proto=https'}


def test_no_header_of_a_proxy_moves_one_of_our_pages(serve, sim, visit):
    httpd = serve(sites.protected(sim, "DingTalkCookieSameSite Strict"))
    judge = Judge(visit(httpd))
    for value in in_one_line(values_of(judge.visitor)):
        visitor = visit(httpd)
        if re.search("[\x01-\x08\x0a-\x1f\x7f]", value):
            continue
        headers = forwarded(value[:700])
        for url, options in (
                ("/app/page.html", {"site": "cross-site"}),
                ("/dingtalk/logout?return=/app/", {"site": "cross-site"}),
                ("/dingtalk/logout?return=/app/", {"method": "POST", "body": b""}),
                ("/dingtalk/callback?error=access_denied", {}),
                ("/dingtalk/nothing", {}), ("/app/save", {"method": "POST", "body": b"a=1"}),
                ("/dingtalk/login", {"more": FETCH})):
            answer = visitor.navigate(url, headers=headers | options.pop("more", {}), **options)
            assert judge.take(value, answer).status in (200, 303, 400, 401, 404), (value, answer)
    judge.verdict(3000)


# -- the page that somebody says to come from ------------------------------------------------------

@pytest.fixture
def login_site(serve, sim):
    """Everything is protected, and nobody is asked whether they can follow."""
    return serve(sites.protected(sim, PUBLIC, inside=["DingTalkUnauthenticated login"], path="/"))


def test_no_page_that_a_form_was_sent_from_leads_off_the_site(login_site, visit):
    """A POST cannot be repeated: the page with the form is what one comes back to."""
    judge = Judge(visit(login_site))
    origin = judge.visitor.origin
    for value in in_one_line(values_of(judge.visitor, each=2)):
        for referer in (origin + value, origin + "/" + value, origin.upper() + value,
                        origin.replace("://", "://x@") + value):
            visitor = visit(login_site)
            begun = visitor.navigate("/save", "POST", body=b"a=1", headers={"Referer": referer})
            if begun.status != 400:  # a control in a header
                assert end(judge, value, visitor, begun), (referer, begun)
    judge.verdict(200)


@pytest.mark.parametrize("how", [FETCH, PAGES], ids=["of a script", "of a form"])
def test_no_page_that_a_request_comes_from_leads_off_the_site(whole_site, visit, how):
    """It is what the answer's link to the sign-in carries."""
    visitor = visit(whole_site)
    judge = Judge(visitor)
    for number, value in enumerate(in_one_line(values_of(visitor))):
        for referer in (visitor.origin + value, visitor.origin + "/" + value):
            answer = visitor.request(
                ("POST", "PUT", "DELETE")[number % 3] if how is FETCH else "POST", "/save",
                {**how, "Referer": referer}, b"a=1", "same-origin")
            assert judge.take(value, answer).status in (400, 401), (referer, answer)
    judge.verdict(900)


# -- values that are far too long ------------------------------------------------------------------

HUGE = {name: (text * KILOBYTES_64)[:KILOBYTES_64] for name, text in {
    "slashes": "/", "a path": "/app", "segments of dots": "/..", "escaped slashes": "/%2f",
    "another host": f"//{nasty.EVIL}/", "backslashes": "/\\", "escapes of escapes": "/%25",
    "fragments": "/#", "bytes that are no UTF-8": "/\udcff"}.items()}
HUGE["a query"] = "/app/page.html?" + "q" * KILOBYTES_64
LIMITS = "\n".join(f"{name} {4 * KILOBYTES_64}" for name in (
    "LimitRequestLine", "LimitRequestFieldSize"))


@pytest.mark.parametrize("line", ["", LIMITS], ids=["as httpd is", "where httpd takes more"])
@pytest.mark.parametrize("name", HUGE)
def test_64_kilobytes_get_a_clear_answer(serve, sim, visit, line, name):
    """S-24. A return address too long is its path alone, or the start."""
    value = HUGE[name]
    visitor = visit(serve(sites.protected(sim, PUBLIC, line, path="/")))
    visitor.sign_in(path="/dingtalk/login?return=/app/")
    judge = Judge(visitor)
    data = value.encode("utf-8", "surrogateescape")
    raw = nasty.raw(value).encode()
    own = {"Cookie": f"dingtalk={visitor.session}"}
    site = {**PAGES, "Sec-Fetch-Site": "same-origin"}
    answers = [
        visitor.ask(b"/dingtalk/login?return=" + raw, {**PAGES, **own}),
        visitor.ask(b"/dingtalk/logout?return=" + raw, site, "POST"),
        visitor.ask(b"/dingtalk/logout?return=" + raw, {**PAGES, "Sec-Fetch-Site": "cross-site"}),
        visitor.ask(b"/dingtalk/logout?return=/app/", site, "POST", b"all=1&return=" + raw),
        visitor.ask(b"/dingtalk/callback?state=" + raw, PAGES),
        visitor.ask(b"/dingtalk/session?return=" + raw, FETCH),
        visitor.ask(b"/dingtalk/login?return=" + raw, PAGES),
        visitor.ask(data, PAGES),
        visitor.ask(visitor.origin.encode() + data, FETCH),
        visitor.ask(b"/app/page.html", {**FETCH, "Referer": visitor.origin + value}),
        visitor.ask(b"/app/page.html", {**FETCH, "X-Forwarded-Host": value}),
        visitor.ask(b"/app/page.html", {**PAGES, "Host": value}),
        visitor.ask(b"/app/page.html", {**PAGES, "Cookie": f"dingtalk={value}"}),
    ]
    for answer in answers:
        assert judge.take(value, answer).status in (302, 303, *REFUSED, 401, 200), answer
        if answer.status == 303:
            assert answer.location in faithful(value) | {"/app/"}, answer
    judge.verdict(1)
