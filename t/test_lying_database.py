# SPDX-License-Identifier: Apache-2.0
"""A database that answers, but not with what was put there: who comes in, as a table."""

import pytest

from lib import expect
from lib.binding import (  # noqa: F401  (fixtures)
    MARIADB, NO_LIMITS, POSTGRES, SQLITE, bound_site, on_two_databases, stays_out, store, stores,
    to_bind_page, user_of, whoami, with_codes)
from lib.steps import leave, within

on_two_others = pytest.mark.parametrize("store", [SQLITE, MARIADB], indirect=True)
PHONE = "13800000001"
BACK = 10  # seconds until it works again at the latest
LOG = r"DT(0005|0007|0021|0023|0033|0051|0052|0054|0031): |^WARNING:"
PLACES = ("sign-in", "sign-out everywhere", "code asked")
# What is done to our tables, how it is undone, and what people get meanwhile at these places.
TABLES = {
    "a version of the future": ("UPDATE dingtalk_schema SET version = 999",
                                "UPDATE dingtalk_schema SET version = @VERSION@", (200, 200, 200)),
    "no version": ("DELETE FROM dingtalk_schema",
                   "INSERT INTO dingtalk_schema VALUES (@VERSION@)", (200, 200, 200)),
    "no table of bindings": ("ALTER TABLE dingtalk_binding RENAME TO gone",
                             "ALTER TABLE gone RENAME TO dingtalk_binding", (503, 200, 200)),
    "no table of the audit": ("ALTER TABLE dingtalk_audit RENAME TO gone",
                              "ALTER TABLE gone RENAME TO dingtalk_audit", (503, 200, 503)),
    "no table of revocations": ("ALTER TABLE dingtalk_revocation RENAME TO gone",
                                "ALTER TABLE gone RENAME TO dingtalk_revocation", (200, 503, 200)),
    "no table of limits": ("ALTER TABLE dingtalk_limit RENAME TO gone",
                           "ALTER TABLE gone RENAME TO dingtalk_limit", (200, 200, 503)),
    "no table of codes": ("ALTER TABLE dingtalk_challenge RENAME TO gone",
                          "ALTER TABLE gone RENAME TO dingtalk_challenge", (200, 200, 503)),
    "another column of bindings": (
        "ALTER TABLE dingtalk_binding RENAME COLUMN uid TO gone",
        "ALTER TABLE dingtalk_binding RENAME COLUMN gone TO uid", (503, 200, 200)),
    "another column of limits": (
        "ALTER TABLE dingtalk_limit RENAME COLUMN value TO gone",
        "ALTER TABLE dingtalk_limit RENAME COLUMN gone TO value", (200, 200, 503)),
}


@pytest.fixture
def site(bound_site, sim, store):
    """A site with one account, which binds by number and by code."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS), "DingTalkAutoBind mobile=mobile")
    store.account("account-1", mobile=PHONE)
    return httpd


@on_two_databases
@pytest.mark.parametrize("change", TABLES)
def test_our_own_tables_are_not_as_they_should_be(site, sim, store, visit, change):
    harm, mend, promised = TABLES[change]
    version = store.query("SELECT MAX(version) FROM dingtalk_schema")[0][0]
    member = visit(site)
    assert member.sign_in("zhangsan").status == 200
    page = to_bind_page(visit(site), "lisi")
    leaver = visit(site)
    assert leaver.sign_in("zhangsan").status == 200
    site.allow_log(LOG)
    store.query(harm)
    try:
        newcomer = visit(site)
        came, left = newcomer.sign_in("zhangsan"), leave(leaver, body=b"all=1")
        page.ask("13911111111")
        got = (came.status, left.status, page.answer.status)
        assert dict(zip(PLACES, got)) == dict(zip(PLACES, promised))
        assert (newcomer.session is None) is (promised[0] == 503)
    finally:
        store.query(mend.replace("@VERSION@", version))
    within(BACK, lambda: visit(site).sign_in("zhangsan").status == 200)
    assert page.copy().ask("13911111111")["ok"] is True


# -- the administrator's table ---------------------------------------------------------------------

ROW = "('a', '13800000001', 'Zhang', 1)"
# What the table has instead of this row, and who comes in (None: nobody, it is known; 503: it is
# not). A text is SQL for all; a dictionary has it for some, and the others have no such thing.
ROWS = {
    "the row": (f"INSERT INTO employees VALUES {ROW}", "a"),
    "no row": ("SELECT 1", None),
    "the row twice": (f"INSERT INTO employees VALUES {ROW}, {ROW}", None),
    "two rows of one phone": (f"INSERT INTO employees VALUES {ROW}, ('b', '13800000001', 'x', 1)",
                              None),
    "a key that is NULL": ("INSERT INTO employees VALUES (NULL, '13800000001', 'x', 1)", None),
    "an empty key": ("INSERT INTO employees VALUES ('', '13800000001', 'x', 1)", None),
    "a row and one without a key": (
        f"INSERT INTO employees VALUES {ROW}, (NULL, '13800000001', 'x', 1)", None),
    "a key of 5000 letters": (
        {SQLITE: "INSERT INTO employees VALUES (printf('%.5000c', 'k'), '13800000001', 'x', 1)",
         POSTGRES: "INSERT INTO employees VALUES (REPEAT('k', 5000), '13800000001', 'x', 1)",
         MARIADB: "INSERT INTO employees VALUES (REPEAT('k', 5000), '13800000001', 'x', 1)"}, 503),
    "a name of a megabyte": (
        {SQLITE: "INSERT INTO employees VALUES ('a', '13800000001', printf('%.1000000c', 'n'), 1)",
         POSTGRES: "INSERT INTO employees VALUES ('a', '13800000001', REPEAT('n', 1000000), 1)",
         MARIADB: "INSERT INTO employees VALUES ('a', '13800000001', REPEAT('n', 1000000), 1)"},
        "a"),
    "a name that is no UTF-8": (
        {SQLITE: "INSERT INTO employees VALUES ('a', '13800000001', CAST(X'ff80' AS TEXT), 1)"},
        "a"),
    "a key that is no UTF-8": (
        {SQLITE: "INSERT INTO employees VALUES (CAST(X'61ff' AS TEXT), '13800000001', 'x', 1)"},
        None),
    "a name of bytes": (
        {SQLITE: "INSERT INTO employees VALUES ('a', '13800000001', X'00ff0a', 1)"}, "a"),
    "a phone that is a number": (
        {SQLITE: "INSERT INTO employees VALUES ('a', 13800000001, 'x', 1)"}, "a"),
    "all values NULL but the key": ("INSERT INTO employees VALUES ('a', NULL, NULL, NULL)", None),
    "a view that doubles rows": (
        f"INSERT INTO real_employees VALUES {ROW}; @VIEW@ SELECT login, phone, name, enabled FROM "
        "real_employees CROSS JOIN (SELECT 1 AS n UNION SELECT 2) twice", None),
    "a view that changes keys": (
        f"INSERT INTO real_employees VALUES {ROW}; @VIEW@ SELECT '' AS login, phone, name, enabled "
        "FROM real_employees", None),
    "a view without the column": (
        f"INSERT INTO real_employees VALUES {ROW}; @VIEW@ SELECT login, name, enabled "
        "FROM real_employees", 503),
    "a view of a table that is gone": (
        "@VIEW@ SELECT login, phone, name, enabled FROM real_employees; "
        "ALTER TABLE real_employees RENAME TO gone", {POSTGRES: None, SQLITE: None, MARIADB: 503}),
    "no table": ("DROP TABLE employees", 503),
}


VIEWS = set()  # of the stores whose employees are a view now


def furnish(store):
    """The administrator's table, as new and empty."""
    text = "LONGTEXT CHARACTER SET utf8mb4" if store.driver == MARIADB else "TEXT"
    cascade = " CASCADE" if store.driver == POSTGRES else ""
    kind = "VIEW" if store.driver in VIEWS else "TABLE"
    VIEWS.discard(store.driver)
    do(store, [f"DROP {kind} IF EXISTS employees", f"DROP TABLE IF EXISTS real_employees{cascade}",
               f"DROP TABLE IF EXISTS gone{cascade}",
               *(f"CREATE TABLE {table} (login {text}, phone {text}, name {text}, enabled INTEGER)"
                 for table in ("employees", "real_employees"))])


def do(store, orders):
    """Execute them, where there is a program to start all by one."""
    for order in orders if store.driver == SQLITE else ["; ".join(orders)]:
        store.query(order)


@on_two_others
@pytest.mark.parametrize("said", ROWS)
def test_only_exactly_one_account_comes_in(bound_site, store, visit, said):
    order, who = ROWS[said]
    if isinstance(order, dict) and store.driver not in order:
        pytest.skip(f"{store.driver} cannot have it")
    order = order[store.driver] if isinstance(order, dict) else order
    who = who[store.driver] if isinstance(who, dict) else who
    furnish(store)
    httpd = bound_site("DingTalkAutoBind mobile=phone", DingTalkAttributes="account.name",
                       DingTalkAccounts="dbd:table=employees,key=login",
                       DingTalkPhoneAttribute="phone")
    if "@VIEW@" in order:
        VIEWS.add(store.driver)
    do(store, order.replace("@VIEW@", "DROP TABLE employees; CREATE VIEW employees AS").split("; "))
    if who is None:
        stays_out(visit, httpd)
    elif who == 503:
        expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
    else:
        browser = visit(httpd)
        answer = browser.sign_in("zhangsan")
        assert answer.status == 200, answer
        assert user_of(browser) == who
        assert len(browser.session) < 4096
        assert whoami(browser)["attributes"].keys() <= {"account.name"}
    if who is None:
        assert store.bindings() == []
    httpd.allow_log(LOG)
