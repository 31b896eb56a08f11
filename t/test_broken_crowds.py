# SPDX-License-Identifier: Apache-2.0
"""A crowd that signs in while a part hangs, or asks for codes; who is signed in works on."""

from urllib.parse import urlencode, urlsplit

import pytest

from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, POSTGRES, bound_site, store, stores, to_bind_page, with_codes)
from lib.browser import Client
from lib.crowd import Crowd
from lib.events import LEAVE
from lib.faulty import Faulty
from lib.hanging import BUSY, Worker, as_bytes, callbacks
from lib.load import Load
from lib.slapd import Directory
from lib.steps import within

CROWD = 150   # connections, several times what can serve
PATIENCE = 90
SOON = 20     # until it works again
# What waits for a part that hangs waits for seconds: five for a connection, six for a statement, or
# nine for a directory. Who is signed in waits for less than one of them, also when it begins.
WORST = 3.5
MPMS = {
    "event": "StartServers 2\nMaxRequestWorkers 50",
    "prefork": "StartServers 12\nMaxRequestWorkers 12",
}
LIMITS = "LDAPConnectionTimeout 2\nLDAPTimeout 2\nLDAPRetries 1"  # as the README has them

each_mpm = pytest.mark.parametrize("mpm", MPMS)


def signs_in(httpd, sim):
    """Whether somebody new comes in."""
    return Client(httpd, sim).sign_in("lisi").status == 200


def comes(httpd, sim, requests, hang):
    """What the crowd gets, while who is in works on."""
    httpd.allow_log(*BUSY, r"\[ldap:")
    worker = Worker(httpd, sim)
    hang()
    with Crowd(httpd.port, requests, CROWD) as crowd, Load(worker) as load:
        crowd.until(lambda: not crowd.waiting, PATIENCE)
        load.go_on()
    print("the longest wait of who is signed in:", worker.worst)
    assert load.failures == []
    assert worker.worst < WORST
    assert all(int(one.header("Retry-After")) > 0 for one in crowd.all if one.status == 503)
    return crowd.statuses()


def nobody_comes_in(httpd, sim, way):
    """They come back from DingTalk while it hangs; then it works again by itself."""
    requests = callbacks(httpd, sim, CROWD)
    assert comes(httpd, sim, requests, lambda: way.turn("silent")) == {503: CROWD}
    way.turn("good")
    within(SOON, lambda: signs_in(httpd, sim))


@pytest.mark.parametrize("store", [POSTGRES], indirect=True)
@each_mpm
def test_while_a_crowd_hangs_in_the_database_who_is_signed_in_works(
        bound_site, sim, store, mpm):  # noqa: F811
    with Faulty(store.database.port) as way:
        lines = store.lines(patient=False).replace(str(store.database.port), str(way.port))
        httpd = bound_site(lines, MPMS[mpm], "ListenBacklog 2000",
                           options={"fresh": True, "mpm": mpm})
        for userid in ("zhangsan", "lisi"):
            store.account(userid)
            store.bind(sim.who(userid), userid, sim.corp_id)
        nobody_comes_in(httpd, sim, way)


def sign_outs(httpd, sim, count):
    """Requests of so many browsers whose sessions are to end."""
    browsers = [Client(httpd, sim) for _ in range(count)]
    assert {browser.sign_in("lisi").status for browser in browsers} == {200}
    return [as_bytes(browser, "POST", "/dingtalk/logout", "Content-Length: 0",
                     f"Origin: {browser.origin}") for browser in browsers]


def pushes(httpd, sim, count):
    """Requests of DingTalk's: so many events, each of somebody who has left."""
    sim.subscribe(httpd)
    stranger = Client(httpd, sim)
    made = [sim.push(LEAVE, f"leaver{number}", dry=True) for number in range(count)]
    return [as_bytes(stranger, "POST", f"{urlsplit(push['url']).path}?{push['query']}",
                     f"Content-Length: {len(push['body'])}", "Content-Type: application/json",
                     body=push["body"].encode()) for push in made]


@pytest.mark.parametrize("store", [POSTGRES], indirect=True)
@each_mpm
@pytest.mark.parametrize("requests,statuses", [(sign_outs, {200}), (pushes, {503})],
                         ids=["sign-outs", "pushes"])
def test_while_sign_outs_or_pushes_hang_in_the_database_who_is_signed_in_works(
        bound_site, sim, store, mpm, requests, statuses):  # noqa: F811
    told = sim.subscription()
    with Faulty(store.database.port) as way:
        lines = store.lines(patient=False).replace(str(store.database.port), str(way.port))
        httpd = bound_site(lines, MPMS[mpm], "ListenBacklog 2000",
                           DingTalkEventToken=told["token"], DingTalkEventAESKey=told["aes_key"],
                           options={"fresh": True, "mpm": mpm})
        for userid in ("zhangsan", "lisi"):
            store.account(userid)
            store.bind(sim.who(userid), userid, sim.corp_id)
        crowd = requests(httpd, sim, CROWD)
        assert set(comes(httpd, sim, crowd, lambda: way.turn("silent"))) == statuses
        way.turn("good")
        within(SOON, lambda: signs_in(httpd, sim))


@pytest.fixture(scope="module")
def slapd():
    """A directory for this file."""
    with Directory() as directory:
        yield directory


@each_mpm
def test_while_a_crowd_hangs_in_the_directory_who_is_signed_in_works(
        bound_site, sim, store, slapd, mpm):  # noqa: F811
    slapd.clear()
    for userid, phone in (("zhangsan", "13800000001"), ("lisi", "13800000002")):
        sim.person(userid, mobile=phone)
        slapd.person(userid, mobile=phone)
    with Faulty(slapd.port) as way:
        url = slapd.url.replace(str(slapd.port), str(way.port))
        httpd = bound_site(LIMITS, MPMS[mpm], "ListenBacklog 2000",
                           "DingTalkAutoBind mobile=mobile", DingTalkAccounts=f'"ldap:{url}"',
                           options={"fresh": True, "mpm": mpm, "modules": ["ldap"]})
        nobody_comes_in(httpd, sim, way)


@each_mpm
def test_while_a_crowd_asks_for_codes_who_is_signed_in_works(
        bound_site, sim, store, mpm):  # noqa: F811
    """Each answer takes a second, and as many threads as may wait."""
    httpd = bound_site(*with_codes(sim, MPMS[mpm], NO_LIMITS, "ListenBacklog 2000"),
                       options={"fresh": True, "mpm": mpm})
    store.account("zhangsan")
    store.bind(sim.who("zhangsan"), "zhangsan", sim.corp_id)
    page = to_bind_page(Client(httpd, sim), "lisi")
    body = urlencode(page.fields("/code", phone="13911111111")).encode()
    asks = as_bytes(page.browser, "POST", "/dingtalk/bind/code", f"Content-Length: {len(body)}",
                    "Content-Type: application/x-www-form-urlencoded",
                    f"Origin: {page.browser.origin}", body=body)
    told = comes(httpd, sim, [asks], lambda: None)
    assert set(told) <= {303, 429, 503} and told[303] > 0, told
