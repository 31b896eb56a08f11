# SPDX-License-Identifier: Apache-2.0
"""The documentation is true: its configurations work, its names exist, nothing is left out."""

import re

import pytest

from lib import site as sites
from lib.build import ROOT

READMES = ("README.md", "README.zh-CN.md")
MODULES = ("proxy", "proxy_http", "ldap", "status", "socache_shmcb", "socache_dbm", "socache_redis",
           "socache_memcache", "remoteip")
DIRECTIVE = re.compile(r"\bDingTalk[A-Z]\w+")


def read(name):
    """A text file of the tree."""
    return (ROOT / name).read_text(encoding="utf-8")


def table():
    """Directive → its default as written in config.def, None without one."""
    row = (r"DIRECTIVE\((DingTalk\w+),\s+(\w+),\s+\w+,\s+\w+,\s+[^,]+,\s+"
           r'(NULL|DT_\w+|"[^"]*")')
    text = read("src/httpd/config.def")
    rows = re.findall(row, text)
    assert len(rows) == len(re.findall(r"^DIRECTIVE\(", text, re.MULTILINE)) >= 20
    return {name: (scope, None if default == "NULL" else default.strip('"'))
            for name, scope, default in rows}


def sections():
    """The sections that directives stand in."""
    return set(re.findall(r"^SECTION\((\w+)", read("src/httpd/config.def"), re.MULTILINE))


def apache_blocks(name):
    """Every ```apache block of a README."""
    return re.findall(r"^```apache\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def smallest(name):
    """The first block that is a whole site."""
    return next(block for block in apache_blocks(name) if "DingTalkClientID" in block)


def switched_on(text):
    """A documented configuration with every commented line switched on."""
    text = re.sub(r"^#(?=[A-Z<])", "", text, flags=re.MULTILINE)
    return text.replace("/etc/apache2/dingtalk-pages", str(ROOT / "conf" / "pages"))


def reasons():
    """The reasons of why.def that tell the administrator something."""
    rows = re.findall(r'^WHY\(\w+, "(\w+)", \w+,\s+(NULL|")', read("src/core/why.def"),
                      re.MULTILINE)
    assert len(rows) > 20
    return [name for name, admin in rows if admin != "NULL"]


def table_rows(name):
    """The cells of the rows of a README's directive table."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in read(name).splitlines() if re.match(r"\| `<?DingTalk", line)]
    return {DIRECTIVE.search(row[0]).group(): row for row in rows}


@pytest.fixture(scope="module")
def checker(farm):
    """An httpd that is only asked for -t."""
    return farm.checker(modules=MODULES)


# -- configurations --------------------------------------------------------------------------------

@pytest.mark.parametrize("name", READMES)
def test_every_configuration_of_a_readme_passes_the_check(checker, name):
    blocks = apache_blocks(name)
    assert len(blocks) >= 3
    site = smallest(name)
    for block in blocks:
        text = block if block == site else f"{site}\n{block}"
        code, said = checker.configtest(text)
        assert code == 0, f"{block}\n{said}"


def test_every_line_of_the_configuration_may_be_switched_on_together(checker):
    text = switched_on(read("conf/auth_dingtalk.conf"))
    assert set(table()) == set(re.findall(r"^(DingTalk[A-Z]\w+)", text, re.MULTILINE))
    code, said = checker.configtest(text)
    assert code == 0, said


def test_httpd_starts_with_every_line_switched_on(serve, visit):
    text = switched_on(read("conf/auth_dingtalk.conf"))
    text = text.replace("/var/lib/mod_auth_dingtalk", "@FOLDER@/state")
    text = re.sub(r"https://o?api\.dingtalk\.com", "http://127.0.0.1:9", text)
    httpd = serve(text, fresh=True, modules=MODULES)
    httpd.allow_log("DT0071")  # nobody is there to tell which events were missed
    answer = visit(httpd, host="intra.example.com").navigate("/app/")
    assert answer.status == 302
    assert answer.location.startswith("https://login.dingtalk.com/oauth2/auth?")


def test_the_configuration_as_shipped_protects_nothing():
    active = [line for line in read("conf/auth_dingtalk.conf").splitlines()
              if line.strip() and not line.startswith("#")]
    assert active == []


def test_the_load_file_is_one_line_that_loads_the_module():
    lines = [line for line in read("conf/auth_dingtalk.load").splitlines()
             if not line.startswith("#")]
    assert len(lines) == 1
    assert re.fullmatch(r"LoadModule auth_dingtalk_module \S+/mod_auth_dingtalk\.so", lines[0])


@pytest.mark.parametrize("name", READMES)
def test_the_smallest_configuration_signs_a_member_in(serve, sim, visit, name):
    """With the simulator's values for the placeholders, and nothing but its addresses added."""
    ours = {"DingTalkClientID": sim.client_id, "DingTalkClientSecret": sim.client_secret,
            "DingTalkCorpID": sim.corp_id}
    text = re.sub(r"^(DingTalk(?:ClientID|ClientSecret|CorpID))\s+\S+$",
                  lambda match: f"{match[1]} {ours[match[1]]}", smallest(name), flags=re.MULTILINE)
    simulated = sites.application(sim).splitlines()
    text += "\n".join(line for line in simulated if line.split()[0] not in ours)
    answer = visit(serve(text)).sign_in("zhangsan")
    assert answer.status == 200
    assert sites.CANARY in answer.text


# -- directives ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", READMES)
def test_a_readme_knows_each_directive_and_no_other(name):
    known = set(table()) | sections()
    assert set(DIRECTIVE.findall(read(name))) == known
    assert set(table_rows(name)) == known


@pytest.mark.parametrize("name", READMES)
def test_a_readme_says_where_each_directive_may_stand(name):
    words = {"server": "SERVER", "服务器": "SERVER", "dir": "DIR", "目录": "DIR",
             "sender": "SENDER", "网关": "SENDER"}
    scopes = {directive: scope for directive, (scope, _) in table().items()}
    scopes |= dict.fromkeys(sections(), "SERVER")
    for directive, row in table_rows(name).items():
        assert words[row[1]] == scopes[directive], directive


@pytest.mark.parametrize("name", READMES)
def test_a_readme_says_each_default(name):
    for directive, (_, default) in table().items():
        if default and not default.startswith("DT_"):
            assert table_rows(name)[directive][2] == f"`{default}`", directive


def test_the_configuration_shows_each_default():
    text = read("conf/auth_dingtalk.conf")
    for directive, (_, default) in table().items():
        comment = re.search(rf"# Default: (.*)\n(?:#[^\n]*\n)*?#{directive} (.*)\n", text)
        assert comment, directive
        if default is None:
            assert comment[1].startswith("none"), directive
        elif not default.startswith("DT_"):
            assert comment[1] == comment[2] == default, directive


# -- names -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", READMES)
def test_commands_and_files_that_a_readme_names_exist(name):
    text = read(name)
    made = {"configure"}  # by autogen.sh
    commands = set(re.findall(r"(?<![\w.])\./([\w.-]+)", text))
    files = set(re.findall(r"`((?:src|t|conf|tools)/[\w./-]+|mod_\w+\.c)`", text))
    links = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    assert {"demo", "runtests", "autogen.sh"} <= commands
    missing = [path for path in (commands - made) | files | links if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("name", READMES)
def test_links_within_a_readme_lead_somewhere(name):
    targets = re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", read(name))
    for file, anchor in targets:
        titles = re.findall(r"^#+ (.*)$", read(file or name), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert anchor in anchors, anchor


def test_the_readme_explains_each_reason_for_a_refusal():
    explained = set(re.findall(r"`(\w+)`", "\n".join(
        line.split("|")[1] for line in read("README.md").splitlines() if line.startswith("| `"))))
    assert not set(reasons()) - explained


def test_the_readme_explains_each_log_number():
    sources = [path for folder in ("src/core", "src/provider", "src/httpd")
               for path in (ROOT / folder).glob("*.c")]
    numbers = {number for path in [*sources, ROOT / "mod_auth_dingtalk.c"]
               for number in re.findall(r"DTNO\(\s*(\d{4})\)", path.read_text(encoding="utf-8"))}
    assert numbers
    assert set(re.findall(r"\bDT(\d{4})\b", read("README.md"))) == numbers


def test_the_readme_shows_what_the_demo_prints():
    """The fixed words of the demo's output; the rest differs from run to run."""
    demo = read("t/lib/demo.py")
    for words in ("The application saw:", "The demo worked.", "GET the callback →"):
        assert words in demo
        for name in READMES:
            assert words in read(name)
