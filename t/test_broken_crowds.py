# SPDX-License-Identifier: Apache-2.0
"""A crowd that signs in while a part hangs, or asks for codes; who is signed in works on."""

from urllib.parse import urlencode

import pytest

from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, POSTGRES, bound_site, store, stores, to_bind_page, with_codes)
from lib.browser import Client
from lib.crowd import Crowd
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
