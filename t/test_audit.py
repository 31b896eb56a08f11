# SPDX-License-Identifier: Apache-2.0
"""The audit: one row for everything that happens to a binding, and what never stands in a log."""

import time

import pytest

from lib import expect
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, bound_site, gateway, on_every_database, on_two_databases, store, stores,
    to_bind_page, user_of, with_codes, wrong)

PHONE, E164, MASKED = "13911111111", "+8613911111111", "+86139****1111"
COLUMNS = ("at", "corp_id", "union_id", "user_id", "uid", "address", "phone", "what", "why")


@pytest.fixture
def asking(bound_site, sim, store):
    """A site that binds by phone and code, with one account."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS))
    store.account("account-1", mobile=PHONE)
    return httpd


def audit(store):
    """All rows, oldest first."""
    return store.rows("dingtalk_audit", *COLUMNS, order="id")


def happened(store):
    """What happened to whom: (what, userid, account) of all rows."""
    return [(row["what"], row["user_id"], row["uid"]) for row in audit(store)]


# -- rows ------------------------------------------------------------------------------------------

@on_every_database
def test_a_row_says_when_who_where_and_why(bound_site, sim, store, visit):
    httpd = bound_site("DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile="13800000001")
    visit(httpd).sign_in("zhangsan")
    rows = audit(store)
    assert [row["what"] for row in rows] == ["bound", "signed_in"]
    for row in rows:
        assert abs(int(row["at"]) / 1000 - time.time()) < 60
        assert row["corp_id"] == sim.corp_id and row["union_id"] == sim.who("zhangsan")["unionid"]
        assert row["user_id"] == "zhangsan" and row["uid"] == "account-1"
        assert row["address"] == "127.0.0.1"
    assert "mobile" in rows[0]["why"]


def test_a_returning_person_is_one_row(bound_site, sim, store, visit):
    httpd = bound_site()
    store.account("account-1")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    for _ in range(3):
        visit(httpd).sign_in("zhangsan")
    assert happened(store) == [("signed_in", "zhangsan", "account-1")] * 3


def test_who_comes_in_without_accounts_is_in_the_audit_too(bound_site, store, visit):
    httpd = bound_site(DingTalkAccounts="none")
    browser = visit(httpd)
    assert browser.sign_in("zhangsan").status == 200 and user_of(browser) == "zhangsan"
    assert [row[:2] for row in happened(store)] == [("signed_in", "zhangsan")]


@pytest.mark.parametrize("userid", ["zhangsan", "wangwu", "sunqi", "outofscope"])
def test_a_refusal_is_a_row_with_its_reason(bound_site, store, visit, userid):
    httpd = bound_site()
    expect.denied(httpd, visit(httpd).sign_in(userid))
    [row] = audit(store)
    assert row["what"] == "refused" and row["why"] and row["uid"] is None
    assert row["address"] == "127.0.0.1" and row["union_id"]


def test_whoever_comes_back_from_dingtalk_as_nobody_writes_no_rows(bound_site, store, visit):
    """With one ticket, as often as they like: the log and the figures tell of it."""
    httpd = bound_site()
    browser = visit(httpd)
    callback = browser.scan("zhangsan", browser.begin(), deny=True)
    tickets = browser.jar.header("http", browser.host, "/dingtalk/callback")
    for _ in range(3):
        answer = browser.navigate(callback, site="cross-site", headers={"Cookie": tickets})
        expect.denied(httpd, answer)
    assert audit(store) == []


def test_a_collision_is_a_row(bound_site, store, visit):
    httpd = bound_site("DingTalkUnbound create")
    store.account("zhangsan")
    expect.denied(httpd, visit(httpd).sign_in("zhangsan"))
    assert happened(store) == [("refused", "zhangsan", "zhangsan")]


def test_a_made_account_is_a_row(bound_site, store, visit):
    visit(bound_site("DingTalkUnbound create")).sign_in("zhangsan")
    rows = audit(store)
    assert [row["what"] for row in rows] == ["bound", "signed_in"]
    assert "create" in rows[0]["why"]


@on_two_databases
def test_the_way_by_code_is_written_down_step_by_step(asking, sim, store, visit):
    page = to_bind_page(visit(asking))
    page.ask(PHONE)
    code = sim.last_code(E164)
    page.guess(wrong(code))
    page.guess(code)
    rows = audit(store)
    assert [row["what"] for row in rows] == ["code_sent", "code_failed", "bound", "signed_in"]
    assert [row["user_id"] for row in rows] == ["zhangsan"] * 4
    assert rows[0]["phone"] == MASKED and "code" in rows[2]["why"]


def test_asking_for_a_number_nobody_has_is_a_row(asking, store, visit):
    to_bind_page(visit(asking)).ask("13922222222")
    [row] = audit(store)
    assert row["what"].startswith("code_") and row["phone"] == "+86139****2222"
    assert row["uid"] is None


def test_asking_too_often_is_a_row(bound_site, sim, store, visit):
    httpd = bound_site(*with_codes(sim))
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    for _ in range(2):
        page.ask(PHONE)
    assert [row["what"] for row in audit(store)] == ["code_sent", "code_failed"]


def test_a_refusal_after_the_right_code_is_a_row(asking, sim, store, visit):
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    page = to_bind_page(visit(asking))
    page.ask(PHONE)
    page.guess(sim.last_code(E164))
    assert happened(store)[-1] == ("refused", "zhangsan", "account-1")


def test_a_gateway_that_fails_is_a_row(bound_site, sim, store, visit):
    httpd = bound_site(gateway(sim, URL="http://127.0.0.1:1/"), "DingTalkCodeVia sms", NO_LIMITS)
    store.account("account-1", mobile=PHONE)
    to_bind_page(visit(httpd)).ask_until_known(PHONE)
    httpd.allow_log(r"DT\d+: ")
    assert "code_failed" in [row["what"] for row in audit(store)]


@on_every_database
def test_a_binding_the_administrator_deletes_is_a_row(bound_site, sim, store):
    bound_site()
    store.account("account-1")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    store.query("DELETE FROM dingtalk_binding")
    rows = [row for row in audit(store) if row["what"] == "unbound"]
    assert [(row["union_id"], row["uid"]) for row in rows] == [
        (sim.who("zhangsan")["unionid"], "account-1")]
    assert abs(int(rows[0]["at"]) / 1000 - time.time()) < 60


# -- what is never written -------------------------------------------------------------------------

def test_no_row_has_a_whole_number(asking, sim, store, visit):
    page = to_bind_page(visit(asking))
    for phone in (PHONE, "13922222222", "+852 5123 4567", "1391111111"):
        page.ask(phone)
    page.guess(sim.last_code(E164))
    for row in audit(store):
        text = " ".join(str(value) for name, value in row.items() if name not in ("at", "union_id"))
        for whole in ("13911111111", "13922222222", "51234567", "1391111111"):
            assert whole not in text, row
    assert "****" in audit(store)[0]["phone"]


@pytest.mark.parametrize("weather", ["good", "gateway", "database"])
def test_no_code_no_number_and_no_secret_stands_in_the_log(
        bound_site, sim, store, visit, weather):
    """At any level, in good and bad weather."""
    httpd = bound_site(
        gateway(sim, Secret="gateway-secret-canary", Header='X-Key "%{secret}"'),
        "DingTalkCodeVia sms", NO_LIMITS, options={"log_level": "trace8", "fresh": True})
    store.account("account-1", mobile=PHONE)
    page = to_bind_page(visit(httpd))
    page.ask(PHONE)
    code = sim.last_code(E164)
    page.guess(wrong(code))
    if weather == "gateway":
        sim.misbehave("gateway_sms", "status", status=500, body=f"{code} {PHONE} {E164}")
        page.ask(PHONE)
    elif weather == "database":
        store.query("ALTER TABLE dingtalk_challenge RENAME TO away")
        page.ask(PHONE)
        page.guess(code)
        store.query("ALTER TABLE away RENAME TO dingtalk_challenge")
    else:
        page.guess(code)
    ticket = next((c.value for c in page.browser.jar.all() if "bind" in c.name), "no-ticket")
    text = "\n".join(line for line in httpd.log.lines()
                     if "dingtalk:" in line.partition("]")[2][:40])
    httpd.allow_log(".*")
    codes = [message["code"] for message in sim.inbox()]
    for secret in (PHONE, E164, *codes, "gateway-secret-canary", page.csrf, ticket,
                   sim.client_secret, page.browser.session or "no-session"):
        assert secret not in text, secret


def test_a_password_of_the_database_stands_in_no_log(bound_site, serve, sim, visit, store):
    config = bound_site().config.replace(
        store.lines(), 'DingTalkDatabase pgsql "host=127.0.0.1 port=1 user=u password=pw-canary"')
    httpd = serve(config, log_level="trace8", fresh=True)
    expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
    assert "pw-canary" not in "\n".join(httpd.log.lines())
    httpd.allow_log(".*")
