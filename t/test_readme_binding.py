# SPDX-License-Identifier: Apache-2.0
"""The chapter on binding is true: its configurations lead to bound members, as it says."""

import re

import pytest

from lib import databases, site as sites
from lib.binding import to_bind_page, user_of
from lib.slapd import Directory
from test_readme import READMES, apache_blocks, read

PEOPLE = """
CREATE TABLE employees (login VARCHAR(64) PRIMARY KEY, phone VARCHAR(32), mail VARCHAR(128),
                        enabled INTEGER, department VARCHAR(64));
INSERT INTO employees VALUES ('zhang', '138 0000 0001', 'z@example.com', 1, 'Sales'),
                             ('zhang2', '13800000001', NULL, 0, 'Gone'),
                             ('zhang3', '+86-13800000001', NULL, 1, 'Sales')
"""
# Only one of those counts: the spelling with spaces between is not searched for.
USER = "reader"  # the server's own user has the name that the README takes
KEY, DEPARTMENT = "zhang3", "Sales"


def block(name, word):
    """The block of a README that has this word."""
    return next(text for text in apache_blocks(name) if word in text)


def site(sim, text):
    """A whole site with these lines, at a port of its own."""
    return f"{sites.application(sim)}\n{sites.location('/app')}\n{text}"


@pytest.fixture(scope="module")
def postgres():
    """A server with an administrator's table, and the user that the README makes."""
    with databases.Postgres() as server:
        server.query(PEOPLE)
        documented = re.search(r"```sql\n(.*?)```", read("README.md"), re.DOTALL)[1]
        server.query(documented.replace("dingtalk", USER))
        yield server


@pytest.fixture(scope="module")
def mariadb():
    """A server with an administrator's table."""
    with databases.MariaDB() as server:
        server.query(PEOPLE)
        yield server


@pytest.fixture(scope="module")
def directory():
    """A directory with one person."""
    with Directory() as server:
        server.person("zhang", telephoneNumber="+86 13800000001", departmentNumber="17")
        yield server


@pytest.mark.parametrize("name", READMES)
def test_a_table_in_postgresql_is_bound_by_the_documented_user(serve, sim, visit, postgres, name):
    port = re.search(r"port=(\d+)", postgres.params)[1]
    text = block(name, "pgsql").replace("dbname=intra user=dingtalk",
                                        f"port={port} dbname=postgres user={USER}")
    browser = visit(serve(site(sim, text)))
    assert browser.sign_in("zhangsan").status == 200
    assert user_of(browser) == KEY
    session = browser.fetch("/dingtalk/session").json()
    assert session["attributes"]["account.department"] == DEPARTMENT
    assert postgres.query("SELECT uid, method FROM dingtalk_binding") == [(KEY, "auto:mobile")]


def test_a_table_in_mysql_is_bound_with_another_first_line(serve, sim, visit, mariadb):
    text = re.sub(r'mysql\s+".*"', f'mysql "{mariadb.params}"', block("README.md", "mysql "))
    browser = visit(serve(site(sim, text)))
    assert browser.sign_in("zhangsan").status == 200
    assert user_of(browser) == KEY


@pytest.mark.parametrize("name", READMES)
def test_a_directory_is_bound(serve, sim, visit, directory, name):
    text = block(name, "ldap://").replace("ldap://127.0.0.1", directory.server)
    text = text.replace("cn=httpd,dc=example", "cn=reader,dc=example")
    text = text.replace("the-password", f'"{directory.password}"').replace("dc=com", "dc=org")
    limits = block("README.md", "LDAPTimeout")
    browser = visit(serve(site(sim, f"{limits}\n{text}"), modules=("ldap",)))
    assert browser.sign_in("zhangsan").status == 200
    assert user_of(browser) == "zhang"


@pytest.mark.parametrize("name", READMES)
def test_the_modules_own_table_makes_accounts(serve, sim, visit, name):
    browser = visit(serve(site(sim, block(name, "DingTalkUnbound  create")), fresh=True))
    assert browser.sign_in("lisi").status == 200
    assert user_of(browser) == "lisi"


@pytest.mark.parametrize("name", READMES)
def test_phone_and_code_go_through_the_documented_sender(serve, sim, visit, name):
    text = block(name, "<DingTalkSender")
    text = text.replace("LTAI5tExampleAccessKeyId", sim.aliyun_key)
    text = text.replace("the-access-key-secret", f"{sim.aliyun_secret}\n"
                        f"DingTalkSenderURL {sim.aliyun}")
    text = text.replace('"示例公司" "Example"', '"演示公司" "Demo Ltd"')
    httpd = serve(site(sim, text), fresh=True)
    database = databases.Sqlite(httpd.state / "dingtalk.db")
    browser = visit(httpd)
    page = to_bind_page(browser, "lisi")
    database.query("INSERT INTO dingtalk_account (uid, mobile) VALUES ('li', '13800000002')")
    page.ask("13800000002")
    page.guess(sim.last_code("+8613800000002"))
    assert user_of(browser) == "li"
