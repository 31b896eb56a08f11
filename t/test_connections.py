# SPDX-License-Identifier: Apache-2.0
"""Requests that share a connection, as one browser's do, or many people's behind a proxy."""

import contextlib
import http.client

import pytest

from lib import site as sites
from lib.browser import FETCH, Client
from lib.steps import leave, within

PEOPLE = ("zhangsan", "lisi")
PAGE = "/app/data.txt"
SESSION = "/dingtalk/session"
KEPT = ("KeepAliveTimeout 60", "MaxKeepAliveRequests 0")  # it stays, however slow the client is


class Shared:
    """One kept-alive connection, with whoever's cookie the test wants in each request."""

    def __init__(self, httpd):
        self.link = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=20)
        self.socket = None

    def ask(self, path, cookie=None, host="127.0.0.1"):
        """(status, body); fails if httpd has closed the connection in between."""
        headers = {**FETCH, "Host": host, **({"Cookie": cookie} if cookie else {})}
        self.link.request("GET", path, headers=headers)
        self.socket = self.socket or self.link.sock
        assert self.link.sock is self.socket, "a new connection"
        answer = self.link.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def shared():
    """shared(httpd) gives one connection, which is closed after the test."""
    with contextlib.ExitStack() as stack:
        def make(httpd):
            connection = Shared(httpd)
            stack.callback(connection.link.close)
            return connection
        yield make


def signed_in(httpd, sim, userid, host=None):
    """(browser, Cookie header) of a new session."""
    browser = Client(httpd, sim, host=host)
    assert browser.sign_in(userid).status == 200
    return browser, f"{browser.session_name}={browser.session}"


@pytest.fixture(params=["cookie", "socache:shmcb"])
def any_store(request, serve, sim):
    """The usual site, with each place where sessions are kept."""
    return serve(sites.protected(sim, *KEPT, DingTalkSessionStore=request.param),
                 modules=["socache_shmcb"])


def test_people_who_share_a_connection_are_each_themselves(any_store, sim, shared):
    cookies = {person: signed_in(any_store, sim, person)[1] for person in PEOPLE}
    connection = shared(any_store)
    for person in (*PEOPLE, PEOPLE[1], *PEOPLE):
        status, body = connection.ask(SESSION, cookies[person])
        assert (status, f'"userid":"{person}"' in body) == (200, True), body


def test_a_connection_that_was_signed_in_lets_nobody_else_in(any_store, sim, shared):
    cookie = signed_in(any_store, sim, PEOPLE[0])[1]
    connection = shared(any_store)
    for _ in range(3):
        assert connection.ask(PAGE, cookie)[0] == 200
        assert connection.ask(PAGE)[0] == 401


def test_a_forged_cookie_is_refused_right_after_the_real_one(any_store, sim, shared):
    cookie = signed_in(any_store, sim, PEOPLE[0])[1]
    connection = shared(any_store)
    for place in range(cookie.index("=") + 1, len(cookie)):
        letter = "B" if cookie[place] == "A" else "A"
        forged = cookie[:place] + letter + cookie[place + 1:]
        assert connection.ask(PAGE, cookie)[0] == 200
        assert connection.ask(PAGE, forged)[0] == 401, place
        assert connection.ask(PAGE, cookie[:place])[0] == 401, place


def test_a_cookie_is_refused_for_another_host_on_its_connection(serve, sim, shared):
    httpd = serve("\n".join([sites.protected(sim), *KEPT, "UseCanonicalName Off"]))
    cookie = signed_in(httpd, sim, PEOPLE[0], host="one.example")[1]
    connection = shared(httpd)
    for _ in range(3):
        assert connection.ask(PAGE, cookie, host="one.example")[0] == 200
        assert connection.ask(PAGE, cookie, host="two.example")[0] == 401


def test_a_cookie_is_refused_by_another_application_on_its_connection(serve, sim, shared):
    domain = "DingTalkCookieDomain example.com"
    other = sites.application(sim, DingTalkClientID="dingotherclient")
    httpd = serve("\n".join([
        *KEPT, "UseCanonicalName Off",
        sites.vhost("a.example.com", sites.application(sim), domain, sites.location("/app")),
        sites.vhost("b.example.com", other, domain, sites.location("/app"))]))
    cookie = signed_in(httpd, sim, PEOPLE[0], host="a.example.com")[1]
    connection = shared(httpd)
    for _ in range(3):
        assert connection.ask(PAGE, cookie, host="a.example.com")[0] == 200
        assert connection.ask(PAGE, cookie, host="b.example.com")[0] == 401


def test_a_session_that_ends_is_over_on_the_connection_that_used_it(any_store, sim, shared):
    browser, cookie = signed_in(any_store, sim, PEOPLE[0])
    connection = shared(any_store)
    assert connection.ask(PAGE, cookie)[0] == 200
    leave(browser)
    assert connection.ask(PAGE, cookie)[0] == 401


def test_requests_sent_at_once_are_logged_under_their_own_names(serve, sim, mpm):
    httpd = serve("\n".join([sites.protected(sim), 'LogFormat "%u %U" who',
                             'CustomLog "@FOLDER@/access_log" who']), mpm=mpm)
    cookies = [signed_in(httpd, sim, person)[1] for person in PEOPLE] * 20
    data = "".join(f"GET {PAGE}?{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
                   f"Connection: {'close' if number == 39 else 'keep-alive'}\r\n\r\n"
                   for number, cookie in enumerate(cookies))
    assert Client(httpd, sim).raw(data.encode()).count(sites.CANARY.encode()) == 40
    log = httpd.folder / "access_log"
    within(5, lambda: log.read_text().count(PAGE) == 40)
    assert [line for line in log.read_text().splitlines() if line.endswith(PAGE)] \
        == [f"{person} {PAGE}" for person in PEOPLE] * 20
