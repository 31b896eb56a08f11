# SPDX-License-Identifier: Apache-2.0
"""Members whom the site knows already: bound before, or bound by what both sides share."""

import pytest

from lib import expect
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, on_every_database, store, stores, user_of, whoami)

pytestmark = on_every_database

PHONE = "DingTalkAutoBind mobile=mobile"
EMAIL = "DingTalkAutoBind email=email"
JOB = "DingTalkAutoBind job_number=job_number"
USERID = "DingTalkAutoBind userid=uid"
SPELLINGS = ["+8613800138000", "8613800138000", "13800138000", "+86-13800138000",
             "+86 13800138000"]
NOBODY = [None, "", " ", "0", "-", "+86", "86"]


@pytest.fixture
def refused(visit):
    """refused(httpd, userid) signs in and expects that nobody comes in and nothing is bound."""
    def make(httpd, userid="zhangsan", text=None):
        browser = visit(httpd)
        expect.denied(httpd, browser.sign_in(userid), text)
        assert browser.session is None
    return make


# -- bound already ---------------------------------------------------------------------------------

def test_who_is_bound_comes_in_as_their_account(bound_site, sim, store, visit):
    httpd = bound_site()
    store.account("account-1")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    browser = visit(httpd)
    assert browser.sign_in("zhangsan").status == 200
    session = whoami(browser)
    assert session["user"] == "account-1" and session["userid"] == "zhangsan"


def test_each_sign_in_has_the_attributes_of_now(bound_site, sim, store, visit):
    httpd = bound_site(DingTalkAttributes="name account.title account.email")
    store.account("account-1", title="old title", email="one@site.example")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    visit(httpd).sign_in("zhangsan")
    store.query("UPDATE dingtalk_account SET title = '经理 \"new\"', email = NULL")
    sim.person("zhangsan", name="张三丰")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert whoami(browser)["attributes"] == {"name": "张三丰", "account.title": '经理 "new"'}


def test_who_is_bound_stays_so_whatever_matches_now(bound_site, sim, store, visit):
    httpd = bound_site(PHONE)
    store.account("account-1")
    store.account("account-2", mobile="13800000001")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], "account-1")]


def test_a_binding_says_who_when_and_how(bound_site, sim, store, visit):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile="13800000001")
    for _ in range(2):
        visit(httpd).sign_in("zhangsan")
    [row] = store.rows("dingtalk_binding", "corp_id", "union_id", "user_id", "uid", "method",
                       "bound_at", "last_login_at")
    person = sim.who("zhangsan")
    assert (row["corp_id"], row["union_id"], row["user_id"], row["uid"]) == (
        sim.corp_id, person["unionid"], "zhangsan", "account-1")
    assert "mobile" in row["method"]
    bound_at, last_login_at = int(row["bound_at"]), int(row["last_login_at"])
    assert 1_700_000_000_000 < bound_at < last_login_at < 4_000_000_000_000


# -- by phone --------------------------------------------------------------------------------------

@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_phone_matches_in_each_usual_spelling(bound_site, sim, store, visit, spelling):
    httpd = bound_site(PHONE)
    sim.person("zhangsan", mobile="13800138000", state_code="86")
    store.account("account-1", mobile=spelling)
    store.account("account-2", mobile="13800138001")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"


@pytest.mark.parametrize("mobile,state_code", [
    ("+86-13800138000", "86"), ("+8613800138000", "86"), ("13800138000", None),
    ("13800138000", "+86"), ("8613800138000", None)])
def test_a_phone_matches_however_the_member_record_writes_it(
        bound_site, sim, store, visit, mobile, state_code):
    httpd = bound_site(PHONE)
    sim.person("zhangsan", mobile=mobile, state_code=state_code)
    store.account("account-1", mobile="+86 13800138000")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"


@pytest.mark.parametrize("spelling", ["+14155550110", "+1-4155550110", "+1 4155550110"])
def test_a_phone_from_abroad_matches_with_its_country_code(bound_site, store, visit, spelling):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile=spelling)
    browser = visit(httpd)
    browser.sign_in("oneil")
    assert user_of(browser) == "account-1"


@pytest.mark.parametrize("mobile,state_code,other", [
    ("51234567", "852", "51234567"), ("13800138000", "852", "13800138000"),
    ("13800138000", "86", "+13800138000"), ("13800138000", "86", "+85213800138000"),
    ("13800138000", "86", "+86138001380001"), ("13800138000", "86", "1380013800"),
    ("13800138000", "86", "138001380%"), ("13800138000", "86", "13800138000 13800138001")])
def test_other_numbers_do_not_match(bound_site, sim, store, refused, mobile, state_code, other):
    httpd = bound_site(PHONE)
    sim.person("zhangsan", mobile=mobile, state_code=state_code)
    store.account("account-1", mobile=other)
    refused(httpd)
    assert store.bindings() == []


def test_one_phone_in_two_spellings_is_two_accounts_and_binds_neither(
        bound_site, store, refused):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile="13800000001")
    store.account("account-2", mobile="+86-13800000001")
    refused(httpd)
    assert store.bindings() == []


# -- by e-mail, job number, userid -----------------------------------------------------------------

@pytest.mark.parametrize("member,account", [
    ("zhangsan@mail.example", "ZhangSan@Mail.Example"),
    ("ZHANGSAN@MAIL.EXAMPLE", "zhangsan@mail.example"),
    ("o'neil+tag@mail.example", "O'Neil+TAG@mail.example")])
def test_an_e_mail_address_matches_in_any_case(bound_site, sim, store, visit, member, account):
    httpd = bound_site(EMAIL)
    sim.person("zhangsan", email=member)
    store.account("account-1", email=account)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"


@pytest.mark.parametrize("account", [
    "zhangsan@mail.example.evil", "zhangsan", "%@mail.example", "_hangsan@mail.example",
    "zhangsan@mail.examp1e", "zhangşan@mail.example", "zhangsán@mail.example"])
def test_other_addresses_do_not_match(bound_site, store, refused, account):
    httpd = bound_site(EMAIL)
    store.account("account-1", email=account)
    refused(httpd)
    assert store.bindings() == []


def test_two_accounts_with_one_address_in_two_cases_bind_nobody(bound_site, store, refused):
    httpd = bound_site(EMAIL)
    store.account("account-1", email="zhangsan@mail.example")
    store.account("account-2", email="Zhangsan@mail.example")
    refused(httpd)
    assert store.bindings() == []


def test_the_address_of_the_organisation_is_another_source(bound_site, store, visit):
    httpd = bound_site("DingTalkAutoBind org_email=email")
    store.account("account-1", email="zhangsan@mail.example")
    store.account("account-2", email="zhangsan@DEMO.example")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-2"


def test_a_job_number_matches_byte_by_byte(bound_site, store, visit):
    """S-49."""
    httpd = bound_site(JOB)
    for uid, number in (("lower", "a001"), ("account-1", "A001"), ("blank", "A001 "),
                        ("zero", "A0001"), ("accent", "Á001"), ("wide", "Ａ001")):
        store.account(uid, job_number=number)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"


@pytest.mark.parametrize("number", ["a001", "A001 ", " A001", "Á001", "Ａ001", "A001\t", "A_01"])
def test_a_job_number_that_is_only_alike_binds_nobody(bound_site, store, refused, number):
    httpd = bound_site(JOB)
    store.account("account-1", job_number=number)
    refused(httpd)
    assert store.bindings() == []


def test_userids_that_differ_in_case_only_are_two_accounts(bound_site, store, visit):
    """S-49: ids compare bytewise, whatever the collation of the database."""
    httpd = bound_site(USERID)
    for uid in ("zhangsan", "ZhangSan"):
        store.account(uid)
    for userid in ("ZhangSan", "zhangsan", "ZhangSan"):
        browser = visit(httpd)
        browser.sign_in(userid)
        assert user_of(browser) == userid
    assert len(store.bindings()) == 2


def test_a_userid_in_another_case_is_not_this_person(bound_site, store, refused):
    httpd = bound_site(USERID)
    store.account("ZHANGSAN")
    store.account("zhangsan ")
    refused(httpd)
    assert store.bindings() == []


# -- the order, and nothing at all -----------------------------------------------------------------

@pytest.mark.parametrize("order,expected", [
    ("mobile=mobile email=email", "by-phone"), ("email=email mobile=mobile", "by-mail"),
    ("job_number=job_number email=email mobile=mobile", "by-mail")])
def test_the_first_rule_that_finds_somebody_decides(bound_site, store, visit, order, expected):
    httpd = bound_site("DingTalkAutoBind " + order)
    store.account("by-phone", mobile="13800000001")
    store.account("by-mail", email="zhangsan@mail.example")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == expected
    assert len(store.bindings()) == 1


@pytest.mark.parametrize("rule,column,member", [
    (PHONE, "mobile", "mobile"), (EMAIL, "email", "email"), (JOB, "job_number", "job_number")])
@pytest.mark.parametrize("value", [None, "", " "])
def test_nothing_matches_nothing(bound_site, sim, store, refused, rule, column, member, value):
    """Empty or NULL on either side never binds."""
    httpd = bound_site(rule)
    sim.person("zhangsan", **{member: value})
    for number, empty in enumerate((None, "", " ")):
        store.account(f"account-{number}", **{column: empty})
    refused(httpd)
    assert store.bindings() == []


@pytest.mark.parametrize("value", NOBODY)
def test_one_account_with_an_empty_phone_is_nobodys(bound_site, sim, store, refused, value):
    httpd = bound_site(PHONE)
    sim.person("zhangsan", mobile=value)
    store.account("account-1", mobile=value)
    refused(httpd)
    assert store.bindings() == []


def test_what_people_say_about_themselves_binds_nobody(bound_site, sim, store, refused):
    """S-25, S-42: the source is the member record, never users/me."""
    httpd = bound_site("DingTalkAutoBind mobile=mobile email=email")
    sim.person("zhangsan", mobile=None, email=None,
               personal={"mobile": "13900000001", "email": "sange@personal.example"})
    store.account("account-1", mobile="13900000001")
    store.account("account-2", email="sange@personal.example")
    refused(httpd)
    assert store.bindings() == []


@pytest.mark.parametrize("mode,how", [
    ("errcode", {"errcode": -1}), ("errcode", {"errcode": 90018, "wrap": True}), ("reset", {}),
    ("html_ban", {}), ("not_json", {}), ("edit", {"remove": ["result"]}), ("busy", {})])
def test_a_member_record_that_cannot_be_read_binds_nobody(
        bound_site, sim, store, visit, mode, how):
    """S-42: no fallback to what was known of the person before the call failed."""
    httpd = bound_site("DingTalkAutoBind userid=uid unionid=job_number mobile=mobile")
    store.account("zhangsan", mobile="13900000001")
    store.account("account-2", job_number=sim.who("zhangsan")["unionid"])
    sim.misbehave("user_get", mode, **how)
    browser = visit(httpd)
    expect.unknown(httpd, browser.sign_in("zhangsan"))
    assert store.bindings() == [] and browser.session is None
    sim.behave()
    assert browser.sign_in("zhangsan").status == 200


def test_a_phone_the_app_may_not_see_binds_nobody(bound_site, sim, store, refused):
    httpd = bound_site(PHONE)
    sim.settings(permissions={"fieldMobile": False})
    store.account("account-1", mobile="13800000001")
    store.account("account-2", mobile="13900000001")
    refused(httpd)
    assert store.bindings() == []


# -- one person, one account -----------------------------------------------------------------------

def test_a_second_claimant_is_refused_and_the_audit_says_so(bound_site, sim, store, refused):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile="13800000001")
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    refused(httpd, text="管理员")
    assert store.bindings() == [(sim.who("lisi")["unionid"], "account-1")]
    audit = store.rows("dingtalk_audit", "what", "user_id", "uid", "why", where="what = 'refused'")
    assert [(row["user_id"], row["uid"]) for row in audit] == [("zhangsan", "account-1")]
    assert audit[0]["why"]


def test_a_second_claimant_gets_no_other_account_by_a_later_rule(bound_site, sim, store, refused):
    httpd = bound_site("DingTalkAutoBind mobile=mobile email=email")
    store.account("account-1", mobile="13800000001")
    store.account("account-2", email="someone@mail.example")
    store.bind(sim.who("lisi"), "account-1", sim.corp_id)
    refused(httpd)


def test_a_userid_with_another_unionid_is_another_person(bound_site, sim, store, refused):
    """Somebody left, and the userid was given to somebody else."""
    httpd = bound_site(USERID)
    store.account("zhangsan")
    before = sim.who("zhangsan")
    store.bind(before, "zhangsan", sim.corp_id)
    sim.person("zhangsan", unionid="aNoThErUnIoNiDoFaNoThErOne")
    refused(httpd)
    assert store.bindings() == [(before["unionid"], "zhangsan")]


def test_a_unionid_in_another_case_is_another_person(bound_site, sim, store, refused):
    """S-49."""
    httpd = bound_site()
    store.account("account-1")
    store.bind({**sim.who("zhangsan"), "userid": "ZhangSan"}, "account-1", sim.corp_id)
    assert sim.who("ZhangSan")["unionid"].lower() == sim.who("zhangsan")["unionid"].lower()
    refused(httpd, "ZhangSan")


def test_a_person_whose_userid_changed_is_still_the_person(bound_site, sim, store, visit):
    httpd = bound_site()
    store.account("account-1")
    store.bind({**sim.who("zhangsan"), "userid": "formerly"}, "account-1", sim.corp_id)
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"
    assert [row["user_id"] for row in store.rows("dingtalk_binding", "user_id")] == ["zhangsan"]


# -- accounts that do not count --------------------------------------------------------------------

def test_a_disabled_account_matches_nobody(bound_site, store, refused):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile="13800000001", status="disabled")
    refused(httpd)
    assert store.bindings() == []


def test_beside_a_disabled_account_the_active_one_counts(bound_site, store, visit):
    httpd = bound_site(PHONE)
    store.account("account-1", mobile="13800000001", status="disabled")
    store.account("account-2", mobile="+8613800000001")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-2"


@pytest.mark.parametrize("how", ["disabled", "gone"])
def test_whose_account_is_closed_stays_out_and_gets_no_other(
        bound_site, sim, store, refused, how):
    httpd = bound_site(PHONE)
    store.account("account-2", mobile="13800000001")
    if how == "disabled":
        store.account("account-1", status="disabled")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    refused(httpd, text="停用")
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], "account-1")]


def test_an_account_that_is_back_lets_its_person_in(bound_site, sim, store, visit, refused):
    httpd = bound_site()
    store.account("account-1", status="disabled")
    store.bind(sim.who("zhangsan"), "account-1", sim.corp_id)
    refused(httpd)
    store.query("UPDATE dingtalk_account SET status = 'active'")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert user_of(browser) == "account-1"
