# SPDX-License-Identifier: Apache-2.0
"""What Require says is asked for each request, whatever was allowed a moment ago (S-21)."""

import pytest

from lib import site as sites
from test_readme import apache_blocks

METHODS = ("GET", "HEAD", "POST")
REFUSALS = ("AH01629: authorization failure", "AH01630: client denied", "AH01631: user ")


@pytest.fixture
def of_a_group(serve, sim):
    """A site whose pages are for the group "staff" of a file that an administrator edits."""
    httpd = serve(sites.application(sim) + "\n" + sites.location(
        "/app", "AuthGroupFile @FOLDER@/groups", require="group staff") + "\n" + sites.location(
        "/other"), modules=("authz_groupfile",), fresh=True)
    write_group(httpd, "staff: zhangsan lisi")
    return httpd


@pytest.fixture(autouse=True)
def refusals(farm, serve):
    """What httpd says of them itself; declared before `serve` ends with its audit."""
    yield
    del serve
    for httpd in farm.all():
        httpd.allow_log(*REFUSALS)


def write_group(httpd, text):
    """What the file says from now on."""
    (httpd.folder / "groups").write_text(text + "\n", encoding="ascii")


def status(browser, path="/app/data.txt", method="GET"):
    """What a request without a body comes to."""
    return browser.fetch(path, method, body=b"" if method == "POST" else None).status


@pytest.mark.parametrize("method", METHODS)
def test_who_is_no_longer_of_the_group_is_refused_at_the_next_request(of_a_group, visit, method):
    removed, stays = visit(of_a_group), visit(of_a_group)
    removed.sign_in("zhangsan")
    stays.sign_in("lisi")
    allowed = status(stays, method=method)
    assert status(removed, method=method) == allowed and allowed not in (401, 403)
    write_group(of_a_group, "staff: lisi")
    for _ in range(10):
        assert status(removed, method=method) == 403
        assert status(stays, method=method) == allowed
    write_group(of_a_group, "staff: zhangsan lisi")
    assert status(removed, method=method) == allowed


def test_who_may_not_see_one_page_stays_signed_in_for_the_others(of_a_group, visit):
    browser = visit(of_a_group)
    browser.sign_in("zhangsan")
    write_group(of_a_group, "staff: lisi")
    answer = browser.navigate("/app/")
    assert answer.status == 403 and sites.CANARY not in answer.text
    assert browser.navigate("/other/").status == 200
    assert browser.fetch("/dingtalk/session").json()["userid"] == "zhangsan"


def test_what_a_htaccess_says_now_counts(serve, sim, visit):
    httpd = serve(sites.application(sim) + "\n" + sites.location("/app", require=None)
                  + '\n<Directory "@DOCUMENTS@/app">\nAllowOverride AuthConfig\n</Directory>',
                  fresh=True)
    rule = httpd.documents / "app" / ".htaccess"
    rule.write_text("Require valid-user\n", encoding="ascii")
    browser = visit(httpd)
    browser.sign_in("zhangsan")
    for text, wanted in (("user zhangsan", 200), ("user lisi", 403), ("valid-user", 200),
                         ("all denied", 403), ("user ZhangSan", 403), ("user lisi zhangsan", 200)):
        rule.write_text(f"Require {text}\n", encoding="ascii")
        assert status(browser) == wanted, text


@pytest.mark.parametrize("rule", ["%{REMOTE_USER} == 'zhangsan'",
                                  "%{REMOTE_USER} in {'zhangsan', 'ZhangSan'}"])
def test_an_expression_sees_who_it_is(serve, sim, visit, rule):
    httpd = serve(sites.application(sim) + "\n" + sites.location("/app", require="expr " + rule))
    one, other, nobody = visit(httpd), visit(httpd), visit(httpd)
    one.sign_in("zhangsan")
    other.sign_in("lisi")
    assert status(one) == 200
    assert status(other) in (401, 403)  # httpd takes whom an expression refuses for nobody
    assert other.navigate("/app/").status in (401, 403), "that would be a loop"
    assert status(nobody) == 401


def test_a_page_inside_another_is_asked_for_too(serve, sim, visit):
    """The page may be seen, what it includes may not."""
    include = '<!--#include virtual="/app/data.txt" -->'
    httpd = serve(sites.application(sim) + "\n" + sites.location("/app", require="user lisi")
                  + "\n" + sites.location("/other")
                  + '\n<Directory "@DOCUMENTS@/other">\nOptions +Includes\n'
                  'AddOutputFilter INCLUDES .shtml\n</Directory>',
                  modules=("include",), fresh=True)
    (httpd.documents / "other" / "page.shtml").write_text(f"before {include} after\n",
                                                          encoding="ascii")
    allowed, refused = visit(httpd), visit(httpd)
    allowed.sign_in("lisi", "/other/")
    refused.sign_in("zhangsan", "/other/")
    httpd.allow_log("AH01374|unable to include|include")
    answer = allowed.navigate("/other/page.shtml")
    assert answer.status == 200 and sites.CANARY in answer.text
    answer = refused.navigate("/other/page.shtml")
    assert answer.status == 200 and sites.CANARY not in answer.text


def test_an_expression_sees_the_attributes(serve, sim, visit):
    """As in the README: the variables are there when Require is asked."""
    rule = next(block for block in apache_blocks("README.md") if "Require expr" in block)
    httpd = serve(f"{sites.application(sim)}\n{rule}", fresh=True)
    allowed, refused = visit(httpd), visit(httpd)
    assert allowed.sign_in("zhangsan").status == 200
    assert refused.sign_in("lisi").status == 401
    assert status(allowed) == 200
