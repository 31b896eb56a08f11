# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, or cannot be written: what people get until there is space, and then."""

import re

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, store, stores, to_bind_page, user_of, with_codes)
from lib.browser import Client
from lib.databases import Sqlite
from lib.disk import Disk
from lib.events import LEAVE, watched
from lib.steps import is_in, leave, throughout, within

SOON = 15  # seconds, with much to spare, in which what was refused works again
A_WHILE = 0.5
PHONE, E164 = "13911111111", "+8613911111111"
FULL = r"full|No space left|disk I/O"
READ_ONLY = r"Read-only|readonly|unable to open"
FAULTS = {"full": (Disk.fill, FULL), "read-only": (Disk.freeze, READ_ONLY)}
IN, REFUSED, UNSURE = "comes in", "does not start", "503"
# What lies on the disk when httpd starts; what is wrong with the disk; what somebody gets who signs
# in, with accounts and without.
STARTS = {
    "no directory, full": ([], "full", REFUSED, REFUSED),
    "no directory, read-only": ([], "read-only", REFUSED, REFUSED),
    "a key, full": (["key"], "full", UNSURE, IN),
    "a key, read-only": (["key"], "read-only", REFUSED, REFUSED),
    "all of it, full": (["key", "dingtalk.db"], "full", UNSURE, IN),
}
# What people do while the disk is full; what they get with accounts, without them, and when there
# is space again.
DEEDS = {
    "reads a page": (200, 200, 200),
    "signs in": (503, 200, 200),
    "signs in as before": (503, 200, 200),
    "signs out": (200, 200, 200),
    "signs out everywhere": (503, 503, 200),
}


@pytest.fixture
def disk(build):
    """A disk."""
    disk = Disk(build)
    yield disk
    disk.remove()


def people(httpd, sim):
    """Who does what: functions that return a status, by the names of DEEDS."""
    member = Client(httpd, sim)
    assert member.sign_in("zhangsan").status == 200

    def signed_in(userid):
        browser = Client(httpd, sim)
        assert browser.sign_in(userid).status == 200
        return browser

    def sign_in(userid):
        answer = Client(httpd, sim).sign_in(userid)
        if answer.status == 503:
            expect.unknown(httpd, answer)
        return answer.status

    one, other = signed_in("lisi"), signed_in("lisi")
    return {
        "reads a page": lambda: member.fetch("/app/data.txt").status,
        "signs in": lambda: sign_in("duoduo"),
        "signs in as before": lambda: sign_in("zhangsan"),
        "signs out": lambda: leave(one).status,
        "signs out everywhere": lambda: leave(other, body=b"all=1").status,
    }


def accounts(sim, with_accounts):
    """A site in whose state directory everything is."""
    more = {"DingTalkAccounts": "dbd", "DingTalkUnbound": "create"} if with_accounts else {}
    return watched(sim, **more)


both = pytest.mark.parametrize("with_accounts", [True, False], ids=["accounts", "no accounts"])


# -- in operation ----------------------------------------------------------------------------------

@both
@pytest.mark.parametrize("deed", DEEDS)
def test_while_the_disk_is_full(serve, sim, disk, deed, with_accounts):
    httpd = serve(accounts(sim, with_accounts), fresh=True, env=disk.environment)
    do = people(httpd, sim)[deed]
    accounted, alone, later = DEEDS[deed]
    disk.fill(httpd.state)
    assert do() == (accounted if with_accounts else alone)
    httpd.allow_log(r"DT\d+: ")
    disk.mend()
    within(SOON, lambda: do() == later)
    assert Sqlite(httpd.state / "dingtalk.db").query("PRAGMA integrity_check") == [("ok",)]


def test_what_fills_the_disk_stands_in_the_log(serve, sim, disk):
    httpd = serve(accounts(sim, True), fresh=True, env=disk.environment)
    assert Client(httpd, sim).sign_in("zhangsan").status == 200
    disk.fill(httpd.state)
    expect.unknown(httpd, Client(httpd, sim).sign_in("lisi"))
    assert re.search(rf"DT0005: .*({FULL})", "\n".join(httpd.log.lines()))
    httpd.allow_log(r"DT\d+: ")


@pytest.mark.parametrize("how", ["", "all=1"], ids=["signs out", "signs out everywhere"])
def test_who_signs_out_on_a_full_disk_is_out(serve, sim, visit, disk, how):
    httpd = serve(accounts(sim, False), fresh=True, env=disk.environment)
    browser = visit(httpd)
    assert browser.sign_in("zhangsan").status == 200
    thief = visit(httpd, jar=browser.jar.copy())
    disk.fill(httpd.state)
    leave(browser, body=how.encode())
    throughout(A_WHILE, lambda: not is_in(thief))
    httpd.expect_log("DT0051")
    httpd.allow_log(r"DT\d+: ")


def test_an_event_on_a_full_disk_ends_sessions_and_is_pushed_again(serve, sim, disk):
    httpd = serve(accounts(sim, False), fresh=True, env=disk.environment)
    sim.subscribe(httpd)
    browser = Client(httpd, sim)
    assert browser.sign_in("lisi").status == 200
    disk.fill(httpd.state)
    push = sim.push(LEAVE, "lisi")
    assert not push["ok"], "what cannot be kept is not taken"
    assert not is_in(browser)
    disk.mend()
    within(SOON, lambda: sim.push_again(push)["ok"])
    httpd.restart()
    assert not is_in(browser), "and now it is kept"
    httpd.allow_log(r"DT\d+: ")


def test_on_a_full_disk_no_code_is_sent_that_could_not_be_tried(bound_site, sim, store, disk):
    httpd = bound_site(*with_codes(sim), options={"fresh": True, "env": disk.environment})
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(Client(httpd, sim))
    disk.fill(store.database.folder)
    assert page.ask(PHONE)["error"] == "unavailable"
    assert sim.inbox() == []
    disk.mend()
    httpd.allow_log(r"DT\d+: ")
    within(SOON, lambda: page.ask(PHONE)["ok"])
    code = sim.last_code(E164)
    disk.fill(store.database.folder)
    assert page.guess(code)["error"] == "unavailable"
    assert user_of(page.browser) is None
    disk.mend()
    within(SOON, lambda: page.guess(code)["ok"])
    assert user_of(page.browser) == "account-1"


@pytest.mark.parametrize("log", ["error_log", "access_log"])
def test_where_a_log_cannot_be_written_people_work_on(serve, sim, visit, disk, log):
    httpd = serve(sites.protected(sim, 'CustomLog @FOLDER@/access_log "%r"'), fresh=True,
                  env=disk.environment)
    member = visit(httpd)
    assert member.sign_in("zhangsan").status == 200
    disk.fill(httpd.folder / log)
    assert is_in(member)
    assert visit(httpd).sign_in("lisi").status == 200
    assert visit(httpd).navigate("/dingtalk/callback?state=x&code=y").status == 400
    size = (httpd.folder / log).stat().st_size
    disk.mend()
    assert visit(httpd).navigate("/dingtalk/callback?state=x&code=y").status == 400
    assert (httpd.folder / log).stat().st_size > size, "there is space again"
    httpd.allow_log(r"DT\d+: ", "No space left on device.*AH00646")


# -- at the start ----------------------------------------------------------------------------------

@pytest.mark.plain  # AddressSanitizer does not start where writing fails
@both
@pytest.mark.parametrize("name", STARTS)
def test_httpd_starts_on_a_broken_disk(prepare, sim, disk, name, with_accounts):
    wanted, fault, accounted, alone = STARTS[name]
    expected = accounted if with_accounts else alone
    httpd = prepare(accounts(sim, with_accounts), env=disk.environment)
    if wanted:
        kept(httpd, sim, wanted)
    breaks, says = FAULTS[fault]
    breaks(disk, httpd.state)
    said = httpd.try_to_start()
    if expected == REFUSED:
        assert said is not None and re.search(rf"DT0002: DingTalkStateDir.*({says})", said)
        httpd.expect_log("DT0002", "AH00020: Configuration Failed")
    else:
        assert said is None, said
        status = Client(httpd, sim).sign_in("zhangsan").status
        assert (IN if status == 200 else str(status)) == expected
        httpd.allow_log(r"DT(0005|0007|0021|0033|0051|0052|0054): ")
    disk.mend()
    assert httpd.process or httpd.try_to_start() is None
    within(SOON, lambda: Client(httpd, sim).sign_in("zhangsan").status == 200)


def kept(httpd, sim, wanted):
    """Let it run once on a good disk, and leave only these files of its state directory."""
    assert httpd.try_to_start() is None
    assert Client(httpd, sim).sign_in("zhangsan").status == 200
    httpd.stop()
    for path in httpd.state.iterdir():
        if path.name not in wanted:
            path.unlink()
