# SPDX-License-Identifier: Apache-2.0
"""The chapter on many nodes is true: each of its configurations does what it says."""

import re

import pytest

from lib import site as sites
from lib.caches import MODULES, cache_of, memcached, redis  # noqa: F401  (fixtures)
from lib.databases import Postgres
from lib.events import LEAVE, POLL, SOON, is_in, pushed, within
from lib.nodes import Roaming, at, cluster
from lib.patient import LATE, Patient
from test_readme import READMES, apache_blocks, read

CHAPTER = {"README.md": "From one node to many", "README.zh-CN.md": "从一台到多台"}
EVENTS, NODES, STATUS = "DingTalkEventToken", "the-same-key", "server-status"
STORES = {kind: f"DingTalkSessionStore socache:{kind}" for kind in MODULES}
# How the README writes figures of which there is one for each of a kind.
KINDS = {"^SignIns-.*": "SignIns-REASON", "^(Poll.*)-1$": r"\1-N",
         "^Calls-.*-(.*)": r"Calls-CALL-\1"}
TOKEN, AES_KEY = (r"DingTalkEventToken\s+(\S+)", r"DingTalkEventAESKey\s+(\S+)")


def block(name, word):
    """The only block of a README that has this word."""
    (text,) = [text for text in apache_blocks(name) if word in text]
    return text


def site(sim, *texts):
    """A whole site with these blocks."""
    return "\n".join([sites.protected(sim), *texts])


def store(request, name, kind):
    """The block of this store, with the address of a server that runs."""
    text = block(name, STORES[kind]).replace("/var/cache/apache2", "@FOLDER@")
    server = cache_of(request, kind).server
    return re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.port}", text) if server else text


def nodes_block(name, database):
    """The block that all nodes have in common, with a database that runs."""
    shown = r"host=127.0.0.1 dbname=intra user=dingtalk password=the-password"
    text = block(name, NODES)
    assert shown in text
    return text.replace(shown, database.params)


def subscribe(sim, httpd, text):
    """The console has what the block says."""
    sim.subscribe(httpd, token=re.search(TOKEN, text)[1], aes_key=re.search(AES_KEY, text)[1])


def figure(httpd, visit, name):
    """A line of the page for programs."""
    answer = visit(httpd).fetch("/server-status?auto")
    assert answer.status == 200
    return int(re.search(rf"^{name}: (\d+)$", answer.text, re.MULTILINE)[1])


@pytest.fixture(scope="module")
def postgres():
    """A database for this file."""
    if not Postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as server:
        yield server


def chapter(name):
    """The text of the chapter."""
    return re.search(rf"^## {CHAPTER[name]}\n(.*?)^## ", read(name), re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("name", READMES)
def test_no_configuration_of_the_chapter_is_left_out_here(name):
    shown = [text for text in apache_blocks(name) if text in chapter(name)]
    assert shown == [block(name, word) for word in (EVENTS, NODES, STORES["shmcb"], STORES["dbm"],
                                                    STORES["redis"], STORES["memcache"], STATUS)]


@pytest.mark.parametrize("name", READMES)
def test_with_the_subscription_who_leaves_is_out(serve, sim, visit, name):
    text = block(name, EVENTS)
    httpd = serve(site(sim, text), fresh=True)
    subscribe(sim, httpd, text)
    leaver, other = visit(httpd), visit(httpd)
    assert leaver.sign_in("lisi").status == other.sign_in("zhangsan").status == 200
    pushed(sim, LEAVE, "lisi")
    assert not is_in(leaver) and is_in(other)


@pytest.mark.parametrize("name", READMES)
def test_nodes_with_one_key_and_one_database_are_one_site(serve, sim, postgres, name):
    pair = cluster(serve, site(sim, nodes_block(name, postgres)), fresh=True)
    browser = Roaming(pair, sim)
    assert browser.sign_in("zhangsan").status == 200
    thief = Roaming(pair, sim, jar=browser.jar.copy())
    assert all(is_in(at(node, browser)) for node in pair)
    at(pair[0], browser).navigate("/dingtalk/logout", method="POST", body=b"", site="same-origin")
    within(POLL + SOON, lambda: not is_in(at(pair[1], thief)))


@pytest.mark.parametrize("name", READMES)
@pytest.mark.parametrize("kind", STORES)
def test_sessions_are_in_each_store(request, serve, sim, name, kind):
    httpd = serve(site(sim, store(request, name, kind)), modules=MODULES[kind])
    httpd.allow_log(LATE)
    browser = Patient(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200
    assert is_in(browser) and len(browser.session) < 80, "the cookie is no mere key"


@pytest.mark.parametrize("name", READMES)
def test_mod_status_has_the_figures(serve, sim, visit, name):
    httpd = serve(site(sim, block(name, STATUS)), fresh=True, modules=["status"])
    visit(httpd).sign_in("zhangsan")
    assert figure(httpd, visit, "DingTalkSignIns-signed_in") == 1
    assert "<h2>mod_auth_dingtalk</h2>" in visit(httpd).fetch("/server-status").text


def test_the_readme_names_each_figure_and_no_other(serve, sim, visit):
    httpd = serve(site(sim, block("README.md", STATUS)), modules=["status"])
    lines = visit(httpd).fetch("/server-status?auto").text
    there = {"Events-TYPE"}  # there is none of these before the first event
    for name in re.findall(r"^DingTalk(\S+): ", lines, re.MULTILINE):
        for kind, shown in KINDS.items():
            name = re.sub(kind, shown, name)
        there.add(name)
    table = read("README.md").partition("| line, behind `DingTalk` ")[2].partition("\n\n")[0]
    names = [name for row in table.splitlines()[2:]
             for name in re.findall(r"`([\w-]+)`", row.split("|")[1])]
    assert set(names) == there


def test_all_steps_together(request, serve, sim, visit, postgres):
    name = "README.md"
    events = block(name, EVENTS)
    text = site(sim, events, nodes_block(name, postgres), store(request, name, "redis"),
                block(name, STATUS))
    pair = cluster(serve, text, fresh=True, modules=["status", *MODULES["redis"]])
    subscribe(sim, pair[1], events)
    for httpd in pair:
        httpd.allow_log(LATE)
    browser = Roaming(pair, sim)
    assert browser.sign_in("lisi").status == 200
    assert all(is_in(at(node, browser)) for node in pair)
    pushed(sim, LEAVE, "lisi")
    assert not is_in(at(pair[1], browser))
    within(POLL + SOON, lambda: not is_in(at(pair[0], browser)))
    assert figure(pair[1], visit, "DingTalkEvents-user_leave_org") == 1
