# SPDX-License-Identifier: Apache-2.0
"""A directory as attribute store: a real slapd, read only, with bindings in the database."""

import pytest

from lib import expect, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    at_once, bound_site, signed_in, stays_out, store, stores, to_bind_page, user_of, whoami,
    with_codes)
from lib.slapd import Directory

PHONE = "DingTalkAutoBind mobile=mobile"
NUMBER = "DingTalkAutoBind job_number=employeeNumber"
# Texts that mean something in a filter (RFC 4515), in a DN or in a URL.
NASTY = ["*", "a*", "*)(uid=*", "a)(|(uid=*))", "(a)", "a\\2ab", "\\", "a\\", "a,b=c", "a+b", "a#b",
         "a;b", 'a"b', "a=b", "a<b>c", "a/b", "a?b", "%28", "&(uid=*)", "!(a)", "~=a", "张三", "a  b"]


@pytest.fixture(scope="module")
def slapd():
    """One directory for this file."""
    with Directory() as directory:
        yield directory


@pytest.fixture
def directory(slapd):
    """The directory, without people."""
    slapd.clear()
    return slapd


@pytest.fixture
def site_of(bound_site):
    """site_of(directory or URL, *lines) gives an httpd with these accounts."""
    def make(place, *lines, options=None, **directives):
        url = place if isinstance(place, str) else place.url
        return bound_site(*lines, options={"modules": ("ldap",), **(options or {})},
                          **{"DingTalkAccounts": f'"ldap:{url}"', **directives})
    return make


# -- who is who ------------------------------------------------------------------------------------

def test_a_member_becomes_an_entry_and_the_binding_is_in_the_database(
        site_of, directory, sim, store, visit):
    httpd = site_of(directory, PHONE, DingTalkAttributes="name account.cn account.mail")
    directory.person("zhang.san", "Zhang San 张三", mobile="13800000001", mail="z@example.org")
    directory.person("other", mobile="13800000002")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    session = whoami(browser)
    assert session["user"] == "zhang.san" and session["userid"] == "zhangsan"
    assert session["attributes"] == {"name": "张三", "account.cn": "Zhang San 张三",
                                     "account.mail": "z@example.org"}
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], "zhang.san")]


def test_who_is_bound_comes_in_with_the_attributes_of_now(
        site_of, directory, sim, store, visit):
    httpd = site_of(directory, DingTalkAttributes="account.title")
    directory.person("zhang.san", title="old")
    store.bind(sim.who("zhangsan"), "zhang.san", sim.corp_id)
    assert signed_in(visit, httpd) == "zhang.san"
    directory.modify(f"dn: uid=zhang.san,{directory.people}\nchangetype: modify\nreplace: title\n"
                     "title: new\n")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert whoami(browser)["attributes"] == {"account.title": "new"}


@pytest.mark.parametrize("spelling", ["+8613800000001", "8613800000001", "13800000001",
                                      "+86-13800000001", "+86 13800000001"])
def test_a_phone_matches_in_each_usual_spelling(site_of, directory, visit, spelling):
    httpd = site_of(directory, PHONE)
    directory.person("zhang.san", mobile=spelling)
    directory.person("other", mobile="13800000011")
    assert signed_in(visit, httpd) == "zhang.san"


def test_one_of_several_phones_is_enough(site_of, directory, visit):
    httpd = site_of(directory, PHONE)
    directory.person("zhang.san", mobile=["+85251234567", "13800000001"])
    assert signed_in(visit, httpd) == "zhang.san"


def test_two_entries_of_one_phone_bind_nobody(site_of, directory, store, visit):
    httpd = site_of(directory, PHONE)
    directory.person("one", mobile="13800000001")
    directory.person("two", mobile="+86 13800000001")
    stays_out(visit, httpd)
    assert store.bindings() == []


def test_an_address_matches_in_any_case(site_of, directory, visit):
    httpd = site_of(directory, "DingTalkAutoBind email=mail")
    directory.person("zhang.san", mail="ZhangSan@Mail.Example")
    assert signed_in(visit, httpd) == "zhang.san"


def test_a_userid_matches_byte_by_byte_though_the_directory_ignores_case(
        site_of, directory, store, visit):
    """S-49."""
    httpd = site_of(directory, "DingTalkAutoBind userid=uid")
    directory.person("ZHANGSAN")
    stays_out(visit, httpd)
    assert store.bindings() == []


def test_entries_that_differ_in_case_only_are_two(site_of, directory, visit):
    """S-49."""
    httpd = site_of(f"{directory.server}/{directory.people}?employeeNumber",
                    "DingTalkAutoBind userid=employeeNumber")
    directory.person("one", employeeNumber="zhangsan")
    directory.person("two", employeeNumber="ZhangSan")
    for userid in ("ZhangSan", "zhangsan"):
        assert signed_in(visit, httpd, userid) == userid


def test_a_binding_in_another_case_is_to_nobody(site_of, directory, sim, store, visit):
    httpd = site_of(directory)
    directory.person("zhangsan")
    store.bind(sim.who("zhangsan"), "ZhangSan", sim.corp_id)
    stays_out(visit, httpd)


@pytest.mark.parametrize("member", [None, "", " "])
def test_nothing_matches_nothing(site_of, directory, sim, store, visit, member):
    httpd = site_of(directory, "DingTalkAutoBind mobile=mobile job_number=employeeNumber")
    sim.person("zhangsan", mobile=member, job_number=member)
    directory.person("one")
    stays_out(visit, httpd)
    assert store.bindings() == []


def test_an_entry_that_is_gone_lets_nobody_in(site_of, directory, store, visit):
    httpd = site_of(directory, PHONE)
    directory.person("zhang.san", mobile="13800000001")
    assert signed_in(visit, httpd) == "zhang.san"
    directory.remove("zhang.san")
    directory.person("another", mobile="13800000001")
    stays_out(visit, httpd)
    assert [uid for _, uid in store.bindings()] == ["zhang.san"]


def test_the_filter_of_the_url_decides_who_counts(site_of, directory, sim, store, visit):
    httpd = site_of(f"{directory.url}?sub?(employeeType=staff)", PHONE)
    directory.person("former", mobile="13800000001", employeeType="former")
    directory.person("now", mobile="+86 13800000001", employeeType="staff")
    assert signed_in(visit, httpd) == "now"
    directory.modify(f"dn: uid=now,{directory.people}\nchangetype: modify\n"
                     "replace: employeeType\nemployeeType: former\n")
    stays_out(visit, httpd)


def test_a_filter_with_or_is_one_condition(site_of, directory, store, visit):
    httpd = site_of(f"{directory.url}?sub?(|(employeeType=staff)(objectClass=person))", NUMBER)
    directory.person("one", employeeNumber="B1", employeeType="staff")
    stays_out(visit, httpd)


def test_a_scope_of_one_level_ends_there(site_of, directory, visit):
    httpd = site_of(f"{directory.server}/{directory.suffix}?uid?one", PHONE)
    directory.person("zhang.san", mobile="13800000001")
    stays_out(visit, httpd)


# -- nothing is pasted -----------------------------------------------------------------------------

def test_a_value_binds_its_own_entry_whatever_is_in_it(site_of, directory, sim, visit):
    httpd = site_of(directory, NUMBER)
    for index, text in enumerate(NASTY):
        directory.person(f"row{index}", employeeNumber=text)
    for index, text in enumerate(NASTY):
        sim.person("zhangsan", unionid=f"uNiOn{index}", job_number=text)
        assert signed_in(visit, httpd) == f"row{index}", text


@pytest.mark.parametrize("source", ["job_number=employeeNumber", "email=mail", "mobile=mobile",
                                    "unionid=description"])
def test_a_value_that_is_nobodys_binds_nobody(site_of, directory, sim, store, visit, source):
    httpd = site_of(directory, "DingTalkAutoBind " + source)
    directory.person("victim", employeeNumber="1", mail="v@x.example", mobile="13911111111",
                     description="x")
    for text in NASTY:
        sim.person("nasty", unionid="u" + text, job_number=text, email=text, mobile=text)
        stays_out(visit, httpd, "nasty")
    assert store.bindings() == []


def test_a_userid_is_no_pattern(site_of, directory, sim, store, visit):
    httpd = site_of(directory, "DingTalkAutoBind userid=uid")
    directory.person("victim")
    for userid in ("*", "v*", "victi\\6d", "*)(uid=*", "victim)(uid=*", "(victim)", "victim,x"):
        sim.person(userid)
        stays_out(visit, httpd, userid)
    assert store.bindings() == []


@pytest.mark.parametrize("text", NASTY)
def test_a_key_of_any_shape_is_bound_and_found_again(
        site_of, directory, sim, store, visit, text):
    httpd = site_of(f"{directory.server}/{directory.people}?employeeNumber",
                    "DingTalkAutoBind mobile=mobile")
    directory.person("one", employeeNumber=text, mobile="13800000001")
    directory.person("two", employeeNumber="other")
    for _ in range(2):
        assert signed_in(visit, httpd) == text
    assert store.bindings() == [(sim.who("zhangsan")["unionid"], text)]


@pytest.mark.parametrize("key", ["*", "zhang*", "*)(uid=zhang.san", "zhang.sa?", "zhang.san)(x=*"])
def test_a_binding_with_a_pattern_is_to_nobody(site_of, directory, sim, store, visit, key):
    httpd = site_of(directory)
    directory.person("zhang.san")
    store.bind(sim.who("zhangsan"), key, sim.corp_id)
    stays_out(visit, httpd)


def test_what_people_type_is_no_filter(site_of, directory, sim, visit):
    httpd = site_of(directory, *with_codes(sim, "DingTalkCode resend=0",
                                           "DingTalkCodeLimit ip=100/h person=100/h"))
    directory.person("victim", mobile="13911111111")
    page = to_bind_page(visit(httpd))
    for text in NASTY:
        assert page.ask(text)["error"] == "phone_invalid"
        assert page.ask("139" + text, country=text)["error"] == "phone_invalid"
    assert sim.inbox() == []


# -- phone and code --------------------------------------------------------------------------------

def test_phone_and_code_bind_an_entry(site_of, directory, sim, store, visit):
    httpd = site_of(directory, *with_codes(sim), DingTalkPhoneAttribute="telephoneNumber")
    directory.person("zhang.san", telephoneNumber="+86 13911111111", mobile="13922222222")
    page = to_bind_page(visit(httpd))
    page.ask("13911111111")
    assert page.guess(sim.last_code("+8613911111111"))["ok"] is True
    assert user_of(page.browser) == "zhang.san"
    assert [uid for _, uid in store.bindings()] == ["zhang.san"]


def test_a_code_goes_to_that_of_several_phones_which_was_typed(
        site_of, directory, sim, store, visit):
    httpd = site_of(directory, *with_codes(sim))
    directory.person("zhang.san", mobile=["+852 51234567", "13911111111", "13922222222"])
    page = to_bind_page(visit(httpd))
    page.ask("13911111111")
    assert page.guess(sim.last_code("+8613911111111"))["ok"] is True
    assert user_of(page.browser) == "zhang.san"


# -- the directory itself --------------------------------------------------------------------------

def test_a_directory_that_wants_a_name_and_a_password_gets_them(
        site_of, visit, tmp_path):
    secret = tmp_path / "password"
    secret.write_text(Directory.password + "\n", encoding="utf-8")
    with Directory(anonymous=False) as closed:
        closed.person("zhang.san", mobile="13800000001")
        right = site_of(closed, PHONE, f'DingTalkAccountsLogin "{closed.reader}" file:{secret}')
        assert signed_in(visit, right) == "zhang.san"
        wrong = site_of(closed, PHONE, f'DingTalkAccountsLogin "{closed.reader}" wrong-canary')
        expect.unknown(wrong, visit(wrong).sign_in("duoduo"))
        assert "wrong-canary" not in "\n".join(wrong.log.lines())
        wrong.allow_log(r"DT\d+: |ldap")


def test_without_the_directory_the_answer_is_503_and_later_it_works(
        site_of, directory, sim, store, visit):
    with Directory() as own:
        httpd = site_of(own, PHONE, options={"fresh": True})
        own.person("zhang.san", mobile="13800000001")
        assert signed_in(visit, httpd) == "zhang.san"
        own.kill()
        for userid in ("zhangsan", "duoduo"):
            expect.unknown(httpd, visit(httpd).sign_in(userid))
        httpd.allow_log(r"DT\d+: |ldap|LDAP")
        own.start()
        assert signed_in(visit, httpd) == "zhang.san"
        assert len(store.bindings()) == 1


def test_an_answer_the_directory_cuts_off_binds_nobody(site_of, store, visit):
    """Two entries match, and only one is given: that is not exactly one."""
    with Directory(options="sizelimit 1") as short:
        httpd = site_of(short, PHONE)
        for uid in ("one", "two", "three"):
            short.person(uid, mobile="13800000001")
        browser = visit(httpd)
        answer = browser.sign_in("zhangsan")
        assert answer.status in (403, 503), answer
        expect.page(httpd, answer, answer.status)
        httpd.allow_log(r"DT\d+: |ldap|LDAP")
        assert browser.session is None and store.bindings() == []


@pytest.mark.parametrize("known", [True, False], ids=["our authority", "another authority"])
def test_ldaps_is_used_with_mod_ldaps_own_directives(
        site_of, store, visit, authority, known):
    authority.folder.chmod(0o755)
    authority.root[0].chmod(0o644)
    trust = f"LDAPTrustedGlobalCert CA_BASE64 {authority.root[0]}" if known else ""
    with Directory(tls=authority.certificate("127.0.0.1")) as safe:
        safe.person("zhang.san", mobile="13800000001")
        httpd = site_of(safe.tls_url, PHONE, trust, options={"fresh": True})
        browser = visit(httpd)
        answer = browser.sign_in("zhangsan")
        httpd.allow_log(r"DT\d+: |ldap|LDAP")
        if known:
            assert answer.status == 200 and user_of(browser) == "zhang.san"
        else:
            expect.unknown(httpd, answer)


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_many_sign_in_at_once(site_of, directory, sim, store, visit, mpm):
    httpd = site_of(directory, PHONE, options={"mpm": mpm}, **sites.PATIENT)
    for number in range(20):
        directory.person(f"uid{number}", mobile=f"138111111{number:02}")
        sim.person(f"u{number}", unionid=f"uN{number}", mobile=f"138111111{number:02}")
    came = at_once([lambda number=number: signed_in(visit, httpd, f"u{number}")
                    for number in range(20)], clients=10)
    assert came == [f"uid{number}" for number in range(20)]
    assert len(store.bindings()) == 20


def test_without_mod_ldap_the_administrator_is_told(site, sim, directory):
    code, said = site.configtest(sites.protected(
        sim, DingTalkAccounts=f'"ldap:{directory.url}"'))
    assert code != 0 and "mod_ldap" in said, said
