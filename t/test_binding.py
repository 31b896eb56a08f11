# SPDX-License-Identifier: Apache-2.0
"""Members whom no account matched, and what becomes of a binding afterwards."""

import concurrent.futures
import re
import statistics

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, meter, on_every_database, on_two_databases, store, stores, to_bind_page,
    user_of, whoami, with_codes)
from lib.browser import Client
from lib.sim import Simulator

CREATE = "DingTalkUnbound create"
COLUMNS = ("uid", "name", "mobile", "email", "job_number", "title", "status", "managed")
ENGLISH = "en-GB,en;q=0.8"


def accounts(store):
    """All rows of our own table, by uid."""
    return {row["uid"]: row for row in store.rows("dingtalk_account", *COLUMNS)}


# -- deny ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lines", [[], ["DingTalkUnbound deny"]], ids=["by default", "said"])
@pytest.mark.parametrize("language,text", [(None, "账号"), (ENGLISH, "account")], ids=["zh", "en"])
def test_without_an_account_nobody_comes_in(bound_site, sim, store, visit, lines, language, text):
    httpd = bound_site(*lines)
    browser = visit(httpd, **({"language": language} if language else {}))
    answer = expect.denied(httpd, browser.sign_in("zhangsan"), text)
    assert f'lang="{"en" if language else "zh"}' in answer.text
    assert browser.session is None
    assert store.bindings() == [] and accounts(store) == {}


def test_the_administrator_reads_in_the_log_who_has_no_account(bound_site, visit):
    httpd = bound_site()
    answer = expect.denied(httpd, visit(httpd).sign_in("zhangsan"))
    line = next(text for text in httpd.log.lines() if answer.error_id in text)
    assert "zhangsan" in line and "DingTalk" in line


def test_who_is_no_member_gets_no_account_page(bound_site, sim, store, visit):
    httpd = bound_site(CREATE)
    expect.denied(httpd, visit(httpd).sign_in("wangwu"))
    assert accounts(store) == {} and store.bindings() == []


# -- create ----------------------------------------------------------------------------------------

@on_every_database
def test_an_account_is_made_of_the_member_record(bound_site, sim, store, visit):
    httpd = bound_site(CREATE)
    browser = visit(httpd)
    assert browser.sign_in("zhangsan").status == 200
    assert user_of(browser) == "zhangsan"
    made = accounts(store)["zhangsan"]
    assert (made["name"], made["mobile"], made["email"]) == (
        "张三", "+8613800000001", "zhangsan@mail.example")
    assert made["status"] == "active" and int(made["managed"]) == 1
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], "zhangsan")]


@on_every_database
@pytest.mark.parametrize("name", ["𠮷野家🍜", "<b>\"O'Neil\"&", "a\\b%s%n%d%%", "x'); DROP TABLE "
                                  "dingtalk_account; --", "$1 ? :a %(b)s {c}"])
def test_any_name_is_kept_as_it_is(bound_site, sim, store, visit, name):
    """S-07 among others."""
    httpd = bound_site(CREATE)
    sim.person("zhangsan", name=name)
    assert visit(httpd).sign_in("zhangsan").status == 200
    assert accounts(store)["zhangsan"]["name"] == name


@on_every_database
def test_what_the_record_does_not_have_stays_empty(bound_site, store, visit):
    httpd = bound_site(CREATE)
    visit(httpd).sign_in("lisi")
    made = accounts(store)["lisi"]
    assert made["name"] == "李四" and made["mobile"] is None and made["email"] is None


def test_the_second_time_the_account_is_there(bound_site, store, visit):
    httpd = bound_site(CREATE)
    for _ in range(2):
        browser = visit(httpd)
        browser.sign_in("zhangsan")
        assert user_of(browser) == "zhangsan"
    assert len(accounts(store)) == len(store.bindings()) == 1


def test_the_administrator_says_what_an_account_is_made_of(bound_site, sim, store, visit):
    httpd = bound_site(CREATE, 'DingTalkCreate "uid=dt-%{job_number}" "name=%{name} (100%)" '
                               '"title=%{title}"')
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "dt-A001"
    assert accounts(store)["dt-A001"]["name"] == "张三 (100%)"
    assert accounts(store)["dt-A001"]["mobile"] is None


@on_every_database
@pytest.mark.parametrize("status", ["active", "disabled"])
def test_an_account_of_that_name_is_never_attached_to(bound_site, store, visit, status):
    """S-43."""
    httpd = bound_site(CREATE)
    store.account("zhangsan", name="the administrator", status=status)
    browser = visit(httpd)
    expect.denied(httpd, browser.sign_in("zhangsan"), "同名|账号")
    assert browser.session is None and store.bindings() == []
    assert accounts(store)["zhangsan"]["name"] == "the administrator"
    assert int(accounts(store)["zhangsan"]["managed"]) == 0


@on_every_database
def test_a_name_in_another_case_is_no_collision(bound_site, store, visit):
    httpd = bound_site(CREATE)
    store.account("ZHANGSAN")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "zhangsan" and len(accounts(store)) == 2


def test_a_collision_tells_the_administrator(bound_site, store, visit):
    httpd = bound_site(CREATE)
    store.account("zhangsan")
    answer = expect.denied(httpd, visit(httpd, language=ENGLISH).sign_in("zhangsan"), "account")
    line = next(text for text in httpd.log.lines() if answer.error_id in text)
    assert "zhangsan" in line and re.search("exist|is there|already|collision", line), line


def test_without_a_key_no_account_is_made(bound_site, store, visit):
    httpd = bound_site(CREATE, 'DingTalkCreate "uid=%{job_number}" "name=%{name}"')
    expect.denied(httpd, visit(httpd).sign_in("lisi"))
    assert accounts(store) == {} and store.bindings() == []


def test_who_matches_two_accounts_gets_no_third(bound_site, store, visit):
    httpd = bound_site(CREATE, "DingTalkAutoBind mobile=mobile")
    for uid in ("account-1", "account-2"):
        store.account(uid, mobile="13800000001")
    expect.denied(httpd, visit(httpd).sign_in("zhangsan"))
    assert len(accounts(store)) == 2 and store.bindings() == []


def test_a_made_account_follows_the_member_record(bound_site, sim, store, visit):
    httpd = bound_site(CREATE, DingTalkAttributes="account.name account.mobile")
    visit(httpd).sign_in("zhangsan")
    sim.person("zhangsan", name="张三丰", mobile="13800000099", email=None)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert whoami(browser)["attributes"] == {
        "account.name": "张三丰", "account.mobile": "+8613800000099"}
    assert not accounts(store)["zhangsan"]["email"]


def test_an_account_of_the_administrators_is_never_written_to(bound_site, sim, store, visit):
    httpd = bound_site(CREATE, "DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile="138 0000 0001", name="as I wrote it")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    before = accounts(store)
    visit(httpd).sign_in("zhangsan")
    assert accounts(store) == before


@on_two_databases
def test_twenty_tabs_of_one_new_person_make_one_account(bound_site, store, visit):
    httpd = bound_site(CREATE, **sites.PATIENT)
    browsers = [visit(httpd) for _ in range(20)]
    callbacks = [browser.scan("zhangsan", browser.begin()) for browser in browsers]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda job: job[0].come_back(job[1]), zip(browsers, callbacks)))
    assert [answer.status for answer in answers] == [303] * 20, answers
    assert [user_of(browser) for browser in browsers] == ["zhangsan"] * 20
    assert len(accounts(store)) == len(store.bindings()) == 1


@on_two_databases
def test_of_many_claimants_one_gets_the_account(bound_site, sim, store, visit):
    """Ten members of one phone number, at the same time."""
    httpd = bound_site("DingTalkAutoBind mobile=mobile", **sites.PATIENT)
    store.account("account-1", mobile="13800138000")
    browsers = []
    for number in range(10):
        sim.person(f"twin{number}", unionid=f"tWiN{number}", mobile="13800138000")
        browsers.append(visit(httpd))
    callbacks = [browser.scan(f"twin{number}", browser.begin())
                 for number, browser in enumerate(browsers)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda job: job[0].come_back(job[1]), zip(browsers, callbacks)))
    for answer in answers:
        if answer.status != 303:
            expect.denied(httpd, answer)
    assert sorted(answer.status for answer in answers) == [303] + [403] * 9
    assert len(store.bindings()) == 1


# -- bind ------------------------------------------------------------------------------------------

def test_bind_is_the_default_when_codes_can_be_sent(bound_site, sim, store, visit):
    httpd = bound_site(*with_codes(sim))
    page = to_bind_page(visit(httpd))
    assert page.browser.session is None and store.bindings() == []
    assert page.browser.fetch("/app/").status == 401


def test_codes_that_are_not_wanted_change_nothing(bound_site, sim, visit):
    httpd = bound_site(*with_codes(sim, "DingTalkUnbound deny"))
    expect.denied(httpd, visit(httpd).sign_in("zhangsan"))


def test_who_is_matched_needs_no_code(bound_site, sim, store, visit):
    httpd = bound_site(*with_codes(sim, "DingTalkAutoBind mobile=mobile"))
    store.account("account-1", mobile="13800000001")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1" and sim.calls("gateway_sms") == []


# -- REMOTE_USER -----------------------------------------------------------------------------------

@pytest.mark.parametrize("choice,expected", [
    (None, "account-1"), ("account", "account-1"), ("userid", "zhangsan"),
    ("unionid", "zS7nUniOnIdAbCdEfGhIjKlMnOiEiE"), ("mobile", "+8613800000001"),
    ("email", "zhangsan@mail.example"), ("job_number", "A001")])
def test_remote_user_is_the_account_unless_the_administrator_chose(
        bound_site, sim, store, visit, choice, expected):
    httpd = bound_site(DingTalkRemoteUser=choice)
    store.account("account-1", mobile="13911111111", email="other@site.example")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == expected


@pytest.mark.parametrize("uid", ["张三", "a b", "o'neil", "x\"y", "a\\b", "CN=Zhang,DC=x", "%s"])
@on_two_databases
def test_any_key_becomes_remote_user(bound_site, sim, store, visit, uid):
    httpd = bound_site()
    store.account(uid)
    store.bind(sim.who("zhangsan"), uid, sim.corp_id)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == uid


def test_a_key_with_a_line_break_is_nobodys_name(bound_site, sim, store, visit):
    httpd = bound_site()
    store.account("evil\nroot")
    store.bind(sim.who("zhangsan"), "evil\nroot", sim.corp_id)
    browser = visit(httpd)
    expect.denied(httpd, browser.sign_in("zhangsan"))
    assert browser.session is None


def test_an_application_sees_the_account(bound_site, sim, store, visit):
    httpd = bound_site('ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"',
                       DingTalkAttributes="name account.title account.job_number",
                       options={"modules": ("cgi",)})
    store.account("account-1", title="经理")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    seen = visit(httpd).sign_in("zhangsan", "/app/cgi/env.cgi").json()
    assert seen["REMOTE_USER"] == "account-1" and seen["DINGTALK_USERID"] == "zhangsan"
    assert seen["DINGTALK_ACCOUNT_TITLE"].encode("latin-1").decode() == "经理"
    assert "DINGTALK_ACCOUNT_JOB_NUMBER" not in seen


# -- two organisations -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def other_simulator():
    """Another organisation with the same people: the same userids and unionIds."""
    with Simulator("--corp-id", "dingothercorp0009", "--client-id", "dingotherapp0009") as other:
        yield other


@on_two_databases
def test_two_organisations_in_one_database_never_mix(
        serve, sim, other_simulator, store):
    lines = (store.lines(), "DingTalkAccounts dbd", "DingTalkAutoBind mobile=mobile",
             sites.location("/app"))
    other_simulator.reset()
    httpd = serve("\n".join(
        sites.vhost(name, sites.application(simulator), *lines)
        for name, simulator in (("one.example", sim), ("two.example", other_simulator))))
    store.wait()
    store.account("account-1")
    store.account("account-2", mobile="13800000001")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    one = Client(httpd, sim, host="one.example")
    two = Client(httpd, other_simulator, host="two.example")
    for browser, expected in ((one, "account-1"), (two, "account-2")):
        browser.sign_in("zhangsan")
        assert user_of(browser) == expected
    store.query("UPDATE dingtalk_account SET mobile = NULL")
    store.query(f"DELETE FROM dingtalk_binding WHERE corp_id = {store.quoted(sim.corp_id)}")
    one = Client(httpd, sim, host="one.example")
    expect.denied(httpd, one.sign_in("zhangsan"))
    assert one.session is None


@on_two_databases
def test_one_account_may_have_a_person_of_each_organisation(serve, sim, other_simulator, store):
    lines = (store.lines(), "DingTalkAccounts dbd", "DingTalkAutoBind mobile=mobile",
             sites.location("/app"))
    other_simulator.reset()
    httpd = serve("\n".join(
        sites.vhost(name, sites.application(simulator), *lines)
        for name, simulator in (("one.example", sim), ("two.example", other_simulator))))
    store.wait()
    store.account("account-1", mobile="13800000001")
    for host, simulator in (("one.example", sim), ("two.example", other_simulator)):
        browser = Client(httpd, simulator, host=host)
        browser.sign_in("zhangsan")
        assert user_of(browser) == "account-1"
    rows = store.rows("dingtalk_binding", "corp_id", "uid", order="corp_id")
    assert [row["corp_id"] for row in rows] == sorted([sim.corp_id, other_simulator.corp_id])


# -- httpd's ways ----------------------------------------------------------------------------------

def test_every_mpm_binds_and_creates(bound_site, sim, store, visit, mpm):
    httpd = bound_site(CREATE, "DingTalkAutoBind mobile=mobile", options={"mpm": mpm})
    store.account("account-1", mobile="13800000001")
    for userid in ("zhangsan", "lisi", "zhangsan"):
        expected = "account-1" if userid == "zhangsan" else userid
        browser = visit(httpd)
        browser.sign_in(userid)
        assert user_of(browser) == expected


# Nothing is done in the background but at the start.
QUIET = {"DingTalkRecheck": "0", "DingTalkRevocationPoll": "1h"}


@on_every_database
def test_a_returning_person_costs_two_statements(bound_site, sim, store, visit, meter):
    httpd = bound_site("DingTalkAutoBind mobile=mobile", DingTalkAttributes="name account.title",
                       **QUIET, options={"env": meter.environment, "fresh": True})
    store.account("account-1", title="staff")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    meter.settle()
    visit(httpd).sign_in("zhangsan")
    costs = meter.each(10, lambda: visit(httpd).sign_in("zhangsan"))
    assert statistics.median(costs) == 2, costs


@on_two_databases
def test_a_live_session_asks_the_database_nothing(bound_site, sim, store, visit, meter):
    httpd = bound_site(**QUIET, options={"env": meter.environment, "fresh": True})
    store.account("account-1")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert meter.statements > 0
    costs = meter.each(5, lambda: browser.navigate("/app/"))
    assert statistics.median(costs) == 0, costs
