# SPDX-License-Identifier: Apache-2.0
"""A table of the administrator's own as attribute store: any names, any values, nothing pasted."""

import pytest

from lib import expect
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, on_every_database, signed_in, stays_out, store, stores, to_bind_page, user_of,
    whoami, with_codes)

pytestmark = on_every_database

TABLE = "dbd:table=employees,key=login"
PHONE = "DingTalkAutoBind mobile=phone"
# Texts that end a statement, a string or a comment somewhere, or mean something to a LIKE.
NASTY = ["o'neil", "a\"b", "a`b", "a\\b", "a\\'b", "x' OR '1'='1", "x'; DROP TABLE employees; --",
         "%", "_", "a%b", "$1", "?1", ":login", "%s%n%d%lld", "a/*b*/c", "a--b", "a#b", "\\%",
         "张三", "😀", "x" * 200, "') UNION SELECT login FROM employees --", "{a}", "(a)"]


def schema(store, key="VARCHAR(255)"):
    """The administrator's table, as new."""
    charset = " CHARACTER SET utf8mb4" if store.driver == "mysql" else ""
    store.query("DROP TABLE IF EXISTS employees")
    store.query(f"CREATE TABLE employees (login {key} PRIMARY KEY, phone VARCHAR(255), "
                "mail VARCHAR(255), number VARCHAR(255), display_name VARCHAR(255), "
                f"enabled INTEGER DEFAULT 1){charset}")


@pytest.fixture
def site_of(bound_site, store):
    """site_of(*lines) gives an httpd with the administrator's table."""
    def make(*lines, key="VARCHAR(255)", **directives):
        schema(store, key)
        return bound_site(*lines, **{"DingTalkAccounts": TABLE,
                                     "DingTalkPhoneAttribute": "phone", **directives})
    return make


# -- binding ---------------------------------------------------------------------------------------

def test_a_row_of_the_administrators_table_is_an_account(site_of, store, visit):
    httpd = site_of(PHONE, DingTalkAttributes="name account.display_name account.mail")
    store.insert("employees", login="zhang.san", phone="+86-13800000001", display_name="Zhang")
    store.insert("employees", login="other", phone="+8613800000002")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    session = whoami(browser)
    assert session["user"] == "zhang.san"
    assert session["attributes"] == {"name": "张三", "account.display_name": "Zhang"}


def test_the_administrators_table_is_not_changed(site_of, store, visit):
    httpd = site_of(PHONE)
    store.insert("employees", login="zhang.san", phone="13800000001")
    before = store.query("SELECT * FROM employees")
    signed_in(visit, httpd)
    assert store.query("SELECT * FROM employees") == before


def test_an_integer_key_becomes_its_digits(site_of, store, visit):
    httpd = site_of(PHONE, key="INTEGER")
    store.insert("employees", login=4711, phone="13800000001")
    for _ in range(2):
        assert signed_in(visit, httpd) == "4711"
    assert [uid for _, uid in store.bindings()] == ["4711"]


def test_a_rule_may_look_for_a_number_column(site_of, sim, store, visit):
    httpd = site_of("DingTalkAutoBind job_number=enabled")
    store.insert("employees", login="one", enabled=7)
    store.insert("employees", login="two", enabled=77)
    sim.person("zhangsan", job_number="77")
    assert signed_in(visit, httpd) == "two"


@pytest.mark.parametrize("number", ["A001", "0x4D", "77 OR 1=1", "9" * 20, "1e1", "7.0"])
def test_what_is_no_number_matches_no_number_column(site_of, sim, store, visit, number):
    httpd = site_of("DingTalkAutoBind job_number=enabled")
    for value in (0, 1, 7, 10, 77):
        store.insert("employees", login=f"row{value}", enabled=value)
    sim.person("zhangsan", job_number=number)
    browser = visit(httpd)
    answer = browser.sign_in("zhangsan")
    assert answer.status in (403, 503), answer
    expect.page(httpd, answer, answer.status)
    assert browser.session is None and store.bindings() == []


def test_names_that_are_words_of_sql_are_names(bound_site, store, visit):
    words = ("user", "order", "select", "group", "where")
    quote = "`" if store.driver == "mysql" else '"'
    table, key, phone, title, _ = (f"{quote}{word}{quote}" for word in words)
    store.query(f"DROP TABLE IF EXISTS {table}")
    store.query(f"CREATE TABLE {table} ({key} VARCHAR(100) PRIMARY KEY, {phone} VARCHAR(50), "
                f"{title} VARCHAR(50))")
    httpd = bound_site("DingTalkAutoBind mobile=select", DingTalkPhoneAttribute="select",
                       DingTalkAccounts="dbd:table=user,key=order",
                       DingTalkAttributes="account.group")
    store.query(f"INSERT INTO {table} VALUES ('zhang', '13800000001', 'staff')")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    assert whoami(browser)["user"] == "zhang"
    assert whoami(browser)["attributes"] == {"account.group": "staff"}
    store.query(f"DROP TABLE {table}")


def test_names_are_found_as_sql_would_find_them(bound_site, store, visit):
    """Written as in the statement that made the table, without quotes."""
    store.query("DROP TABLE IF EXISTS Staff_2")
    store.query("CREATE TABLE Staff_2 (loginName VARCHAR(100) PRIMARY KEY, Phone VARCHAR(50))")
    httpd = bound_site("DingTalkAutoBind mobile=Phone", DingTalkPhoneAttribute="Phone",
                       DingTalkAccounts="dbd:table=Staff_2,key=loginName")
    store.query("INSERT INTO Staff_2 VALUES ('Zhang', '13800000001')")
    assert signed_in(visit, httpd) == "Zhang"
    store.query("DROP TABLE Staff_2")


# -- nothing is pasted -----------------------------------------------------------------------------

def test_a_value_binds_its_own_account_whatever_is_in_it(site_of, sim, store, visit):
    """Each field that reaches SQL, with each of the nasty texts, against all the others."""
    httpd = site_of("DingTalkAutoBind job_number=number")
    for index, text in enumerate(NASTY):
        store.insert("employees", login=f"row{index}", number=text)
    for index, text in enumerate(NASTY):
        sim.person("zhangsan", unionid=f"uNiOn{index}", job_number=text)
        assert signed_in(visit, httpd) == f"row{index}", text
    assert len(store.query("SELECT login FROM employees")) == len(NASTY)


def test_a_value_that_is_nobodys_binds_nobody_whatever_is_in_it(site_of, sim, store, visit):
    httpd = site_of("DingTalkAutoBind job_number=number email=mail mobile=phone userid=login")
    store.insert("employees", login="victim", number="1", mail="victim@x.example",
                 phone="13911111111")
    for text in NASTY:
        sim.person("zhangsan", job_number=text, email=text, mobile=text)
        stays_out(visit, httpd)
    assert store.bindings() == []
    assert store.query("SELECT login FROM employees") == [("victim",)]


@pytest.mark.parametrize("text", NASTY)
def test_ids_of_any_shape_are_bound_and_found_again(site_of, sim, store, visit, text):
    """Unionid, userid and the account's key, with everything that SQL could take for its own."""
    httpd = site_of("DingTalkAutoBind job_number=number")
    store.insert("employees", login=text, number="007")
    store.insert("employees", login="other", number="008")
    sim.person("nasty", unionid="u:" + text[:60], job_number="007")
    for _ in range(2):
        assert signed_in(visit, httpd, "nasty") == text
    assert store.bindings() == [("u:" + text[:60], text)]


def test_what_people_type_reaches_sql_as_a_value(site_of, sim, store, visit):
    """Every field of the bind page."""
    httpd = site_of(*with_codes(sim, "DingTalkCode resend=0",
                                "DingTalkCodeLimit phone=100/h ip=100/h person=100/h"))
    store.insert("employees", login="victim", phone="13911111111")
    page = to_bind_page(visit(httpd))
    for text in NASTY:
        page.copy().ask(text, country=text)
        page.copy().ask("13911111112", country="86", csrf=text)
        page.copy().guess(text)
    assert sim.inbox() == []
    assert store.query("SELECT login FROM employees") == [("victim",)]
    httpd.allow_log(r"DT\d+: ")


# -- rows that do not count ------------------------------------------------------------------------

def test_the_filter_decides_which_rows_count(site_of, store, visit):
    httpd = site_of(PHONE, 'DingTalkAccountsFilter "enabled = 1"')
    store.insert("employees", login="former", phone="13800000001", enabled=0)
    store.insert("employees", login="now", phone="+8613800000001", enabled=1)
    assert signed_in(visit, httpd) == "now"
    store.query("UPDATE employees SET enabled = 0")
    stays_out(visit, httpd)
    store.query("UPDATE employees SET enabled = NULL")
    stays_out(visit, httpd)


def test_a_filter_with_or_and_percent_is_one_condition(site_of, store, visit):
    httpd = site_of(PHONE, """DingTalkAccountsFilter "display_name LIKE '100%' OR enabled = 7" """)
    store.insert("employees", login="a", phone="13900000000", enabled=7)
    store.insert("employees", login="b", phone="13800000001", display_name="50% staff")
    stays_out(visit, httpd)
    store.query("UPDATE employees SET display_name = '100% staff' WHERE login = 'b'")
    assert signed_in(visit, httpd) == "b"


def test_a_bound_row_that_is_gone_lets_nobody_in(site_of, sim, store, visit):
    httpd = site_of(PHONE)
    store.insert("employees", login="zhang.san", phone="13800000001")
    assert signed_in(visit, httpd) == "zhang.san"
    store.query("DELETE FROM employees")
    store.insert("employees", login="another", phone="13800000001")
    stays_out(visit, httpd)
    assert [uid for _, uid in store.bindings()] == ["zhang.san"]


def test_keys_that_differ_in_case_only_are_two(bound_site, sim, store, visit):
    """S-49, in a table whose collation tells case apart."""
    collate = {"mysql": "VARCHAR(100) COLLATE utf8mb4_bin", "pgsql": "VARCHAR(100)",
               "sqlite3": "VARCHAR(100)"}[store.driver]
    schema(store, collate)
    httpd = bound_site("DingTalkAutoBind userid=login", DingTalkAccounts=TABLE,
                       DingTalkPhoneAttribute="phone")
    for login in ("zhangsan", "ZhangSan"):
        store.insert("employees", login=login)
    for userid in ("ZhangSan", "zhangsan"):
        assert signed_in(visit, httpd, userid) == userid


def test_a_key_that_the_database_finds_in_another_case_is_not_taken(site_of, store, visit):
    """S-49, also where the table's collation ignores case or blanks at the end."""
    httpd = site_of("DingTalkAutoBind userid=login")
    store.insert("employees", login="ZHANGSAN")
    stays_out(visit, httpd)
    store.query("DELETE FROM employees")
    store.insert("employees", login="zhangsan ")
    stays_out(visit, httpd)


# -- creating --------------------------------------------------------------------------------------

def test_an_account_is_made_in_the_administrators_table(site_of, store, visit):
    httpd = site_of("DingTalkUnbound create",
                    'DingTalkCreate "login=dt.%{userid}" "display_name=%{name}" "phone=%{mobile}" '
                    '"mail=%{email}"')
    assert signed_in(visit, httpd) == "dt.zhangsan"
    assert signed_in(visit, httpd, "lisi") == "dt.lisi"
    rows = store.rows("employees", "login", "phone", "mail", "display_name", order="login")
    assert [tuple(row.values()) for row in rows] == [
        ("dt.lisi", None, None, "李四"),
        ("dt.zhangsan", "+8613800000001", "zhangsan@mail.example", "张三")]


def test_a_made_account_never_takes_the_place_of_another(site_of, store, visit):
    """S-43, for rows that count and for those that do not."""
    httpd = site_of("DingTalkUnbound create", 'DingTalkAccountsFilter "enabled = 1"',
                    'DingTalkCreate "login=%{userid}" "display_name=%{name}"')
    store.insert("employees", login="zhangsan", display_name="root", enabled=0)
    store.insert("employees", login="lisi", display_name="root", enabled=1)
    before = store.query("SELECT * FROM employees")
    for userid in ("zhangsan", "lisi"):
        stays_out(visit, httpd, userid)
    assert store.query("SELECT * FROM employees") == before and store.bindings() == []


# -- phone and code --------------------------------------------------------------------------------

def test_phone_and_code_bind_a_row_of_the_administrators_table(site_of, sim, store, visit):
    httpd = site_of(*with_codes(sim))
    store.insert("employees", login="zhang.san", phone="+86 13911111111")
    page = to_bind_page(visit(httpd))
    page.ask("13911111111")
    assert page.guess(sim.last_code("+8613911111111"))["ok"] is True
    assert user_of(page.browser) == "zhang.san"
