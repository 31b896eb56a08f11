# SPDX-License-Identifier: Apache-2.0
"""httpd -t names the directive, what is wrong and what is right; good values start."""

import os
import re

import pytest
import requests

from lib import site as sites
from lib.build import ROOT
from lib.httpd import HttpdFailed

KEY = "k" * 40
DIRECTORY = {"DingTalkUnauthenticated", "DingTalkExport", "DingTalkHeaderEncoding"}

# directive, wrong arguments, what the message must say beside the directive's name
WRONG = [
    ("DingTalkClientID", "", ""), ("DingTalkClientID", '""', ""), ("DingTalkClientID", '"a b"', ""),
    ("DingTalkClientID", "one two", ""), ("DingTalkClientSecret", '""', ""),
    ("DingTalkClientSecret", "file:/no/such/file", "/no/such/file"),
    ("DingTalkClientSecret", "file:", ""), ("DingTalkClientSecret", "env:", ""),
    ("DingTalkClientSecret", "env:DT_NOT_SET_ANYWHERE", "DT_NOT_SET_ANYWHERE"),
    ("DingTalkClientSecret", "file:@FOLDER@/empty", "empty"), ("DingTalkCorpID", '""', ""),
    ("DingTalkCorpID", '"a b"', ""), ("DingTalkAgentID", "abc", "number|digit"),
    ("DingTalkEndpoint", "api", ""), ("DingTalkEndpoint", "ftp https://x.example", "login|oapi"),
    ("DingTalkEndpoint", "api http://api.example", "https"),
    ("DingTalkEndpoint", "api http://10.0.0.1", "https"),
    ("DingTalkEndpoint", "api http://127.0.0.1.evil.example", "https"),
    ("DingTalkEndpoint", "api http://128.0.0.1", "https"),
    ("DingTalkEndpoint", "api http://127.0.0.1@evil.example", ""),
    ("DingTalkEndpoint", "api ftp://api.example", "https"), ("DingTalkEndpoint", "api x", "https"),
    ("DingTalkEndpoint", "api https://", ""), ("DingTalkEndpoint", "api https://a.example?x=1", ""),
    ("DingTalkEndpoint", "api https://user:pw@a.example", ""),
    ("DingTalkEndpoint", "api https://a.example:99999", ""),
    ("DingTalkTimeout", "connect=0 total=5s", ""), ("DingTalkTimeout", "connect=2x", ""),
    ("DingTalkTimeout", "fast", "connect|total"), ("DingTalkTimeout", "connect=-1s", ""),
    ("DingTalkTimeout", "read=5s", "connect|total"), ("DingTalkTimeout", "total=", ""),
    ("DingTalkLoginParam", "scope", ""), ("DingTalkLoginParam", "state x", "state"),
    ("DingTalkLoginParam", "client_id x", "client_id"),
    ("DingTalkLoginParam", "redirect_uri https://evil.example", "redirect_uri"),
    ("DingTalkLoginParam", "response_type token", "response_type"),
    ("DingTalkPath", "dingtalk", "/"), ("DingTalkPath", '""', ""), ("DingTalkPath", "/", ""),
    ("DingTalkPath", "/a b", ""), ("DingTalkPath", "/a/../b", ""), ("DingTalkPath", "/a?b", ""),
    ("DingTalkPath", "//a", ""), ("DingTalkPath", "https://a.example/x", "/"),
    ("DingTalkPublicURL", "portal.example", "http"),
    ("DingTalkPublicURL", "ftp://a.example", "http"),
    ("DingTalkPublicURL", "https://a.example/path", ""), ("DingTalkPublicURL", "https://", ""),
    ("DingTalkPublicURL", "https://a.example?x", ""),
    ("DingTalkPublicURL", "https://u@a.example", ""),
    ("DingTalkUnauthenticated", "maybe", "auto.*login.*401.*pass"),
    ("DingTalkExport", "all", "(?=.*none)(?=.*env)(?=.*headers).*both"),
    ("DingTalkAttributes", "colour", "name|mobile|attribute"), ("DingTalkAttributes", '""', ""),
    ("DingTalkAttributes", "na-me", ""), ("DingTalkAttributes", "userid", ""),
    ("DingTalkHeaderEncoding", "utf8", "percent.*base64url.*raw"),
    ("DingTalkRemoteUser", "nickname", "userid|mobile"),
    ("DingTalkStateDir", '""', ""), ("DingTalkStateDir", "@FOLDER@/empty", "directory"),
    ("DingTalkKey", "short", "32"), ("DingTalkKey", "x" * 31, "32"),
    ("DingTalkKey", f"{KEY} short", "32"),
    ("DingTalkKey", "file:/no/such/key", "/no/such/key"), ("DingTalkKey", "", ""),
    ("DingTalkSessionStore", "memory", "cookie or socache:"), ("DingTalkSessionStore", "", ""),
    ("DingTalkSessionStore", "socache:", "cookie or socache:"),
    ("DingTalkSessionStore", "socache::x", "cookie or socache:"),
    ("DingTalkSessionStore", "cookie x", "too many"),
    ("DingTalkSessionStore", "socache:nope", "shmcb, redis, memcache and dbm.*loaded: none"),
    ("DingTalkSessionStore", "socache:redis:127.0.0.1:6379",
     "LoadModule socache_redis_module modules/mod_socache_redis.so"),
    ("DingTalkSessionLifetime", "0", ""), ("DingTalkSessionLifetime", "long", "ms|min|h"),
    ("DingTalkSessionLifetime", "-1h", ""), ("DingTalkSessionLifetime", "8 hours", ""),
    ("DingTalkSessionLifetime", "99999999999999999999h", ""),
    ("DingTalkSessionLifetime", "1.5h", ""),
    ("DingTalkSessionLifetime", "0x10", ""), ("DingTalkSessionIdle", "often", "ms|min|h"),
    ("DingTalkSessionIdle", "-5", ""), ("DingTalkSessionIdle", "", ""),
    ("DingTalkTicketLifetime", "0", ""), ("DingTalkTicketLifetime", "10minutes", ""),
    ("DingTalkCookieName", '"a b"', ""), ("DingTalkCookieName", '"a;b"', ""),
    ("DingTalkCookieName", '"a=b"', ""), ("DingTalkCookieName", '""', ""),
    ("DingTalkCookieName", "名", ""), ("DingTalkCookieDomain", '"a b"', ""),
    ("DingTalkCookieDomain", "https://a.example", ""), ("DingTalkCookieDomain", "a.example;x", ""),
    ("DingTalkCookieDomain", '""', ""), ("DingTalkCookiePath", "app", "/"),
    ("DingTalkCookiePath", '"/a;b"', ""), ("DingTalkCookiePath", '""', ""),
    ("DingTalkCookieSameSite", "Loose", "Lax.*Strict.*None"),
    ("DingTalkCookieSecure", "maybe", "auto.*on.*off"),
]
# The same configuration could not work: found by -t, too.
CONTRADICTIONS = [
    ("DingTalkCookieName __Host-x\nDingTalkCookieSecure off", "__Host-|Secure"),
    ("DingTalkCookieName __Host-x\nDingTalkCookieDomain example.com", "__Host-|Domain"),
    ("DingTalkCookieName __Secure-x\nDingTalkCookieSecure off", "__Secure-|Secure"),
    ("DingTalkCookieSameSite None\nDingTalkCookieSecure off", "SameSite|Secure"),
    ("DingTalkEventToken abc", "DingTalkEventAESKey"),
]
RIGHT = [
    "DingTalkAgentID 2600000001",
    "DingTalkEventToken abcdef\nDingTalkEventAESKey " + "a" * 43,
    "DingTalkEventToken env:PATH\nDingTalkEventAESKey " + "a" * 43,
    "DingTalkRecheck 0", "DingTalkRecheck 1h",
    "DingTalkEndpoint login https://login.example.com/base", "DingTalkEndpoint api http://[::1]:80",
    "DingTalkEndpoint oapi http://localhost:8080", "DingTalkEndpoint api http://127.9.9.9",
    "DingTalkEndpoint api https://api.example:8443/", "DingTalkTimeout connect=500ms total=3s",
    "DingTalkTimeout total=10", "DingTalkTimeout connect=1s",
    "DingTalkLoginParam org_type management",
    "DingTalkLoginParam corpId dingx", 'DingTalkLoginParam scope "openid"',
    'DingTalkLoginParam prompt "login consent"', "DingTalkLoginParam exclusiveLogin true",
    "DingTalkPath /auth/dingtalk", "DingTalkPath /_dt", "DingTalkPublicURL https://a.example",
    "DingTalkPublicURL https://a.example:8443", "DingTalkPublicURL http://a.example",
    "DingTalkAttributes name mobile email org_email job_number title avatar dept_ids "
    "manager_userid",
    "DingTalkRemoteUser unionid", "DingTalkRemoteUser mobile", "DingTalkRemoteUser email",
    "DingTalkRemoteUser job_number", "DingTalkRemoteUser userid", f"DingTalkKey {KEY}",
    f"DingTalkKey {KEY} {'y' * 32}", "DingTalkKey file:@FOLDER@/key env:DT_TEST_KEY",
    "DingTalkClientSecret file:@FOLDER@/secret", "DingTalkClientSecret env:DT_TEST_SECRET",
    "DingTalkSessionStore cookie", "DingTalkSessionLifetime 24h", "DingTalkSessionLifetime 90min",
    "DingTalkSessionLifetime 3600", "DingTalkSessionLifetime 3600s", "DingTalkSessionIdle 0",
    "DingTalkSessionIdle 0s", "DingTalkTicketLifetime 5min", "DingTalkTicketLifetime 90",
    "DingTalkCookieName portal_session", "DingTalkCookieDomain example.com",
    "DingTalkCookiePath /app", "DingTalkCookieSameSite Strict",
    "DingTalkCookieSameSite lax", "DingTalkCookieSecure on", "DingTalkCookieSecure auto",
    "dingtalkpath /lower", "DingTalkStateDir @FOLDER@/another",
]
RIGHT_IN_DIRECTORY = [
    *(f"DingTalkUnauthenticated {word}" for word in ("auto", "login", "401", "pass")),
    *(f"DingTalkExport {word}" for word in ("none", "env", "headers", "both")),
    *(f"DingTalkHeaderEncoding {word}" for word in ("percent", "base64url", "raw")),
]


class Basis:
    """What the base configuration needs to know of a simulator; nobody calls it with -t."""

    client_id, client_secret, corp_id = "dingclient", "a-secret-text", "dingcorp"
    login = api = oapi = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def checker(farm):
    """An httpd that is only asked for -t."""
    httpd = farm.checker(env={"DT_TEST_KEY": KEY, "DT_TEST_SECRET": "s3"})
    for name, text in (("empty", ""), ("key", KEY + "\n"), ("secret", "from-a-file\nsecond\n")):
        (httpd.folder / name).write_text(text)
    return httpd


def check(checker, directive):
    """-t with this server-level text below the usual directives of an application."""
    name = directive.split()[0]
    changes = {}
    if re.fullmatch("DingTalk(ClientID|ClientSecret|CorpID|StateDir)", name):
        changes[name] = None
    base = sites.application(Basis, **changes)
    if name == "DingTalkEndpoint":
        base = "\n".join(line for line in base.splitlines() if "DingTalkEndpoint" not in line)
    return checker.configtest(f"{base}\n{sites.location('/app')}\n{directive}")


@pytest.mark.parametrize("name,value,says", WRONG, ids=lambda text: str(text)[:40])
def test_a_wrong_value_is_named_and_explained(checker, name, value, says):
    directive = f"{name} {value}"
    if name in DIRECTORY:
        directive = f'<Location "/x">\n{directive}\n</Location>'
    changes = {name: None} if name in ("DingTalkClientID", "DingTalkClientSecret",
                                       "DingTalkCorpID", "DingTalkStateDir") else {}
    config = f"{sites.application(Basis, **changes)}\n{sites.location('/app')}\n{directive}"
    code, text = checker.configtest(config)
    assert code != 0, text
    assert name in text, text
    told = text.partition(name)[2]
    assert re.search(says or r"\w{3}", told, re.S), f"{says!r} not in {told}"


@pytest.mark.parametrize("lines,says", CONTRADICTIONS)
def test_a_contradiction_is_found_before_the_start(checker, lines, says):
    code, text = checker.configtest(f"{sites.protected(Basis)}\n{lines}")
    assert code != 0, text
    assert re.search(says, text) and "DingTalk" in text, text


@pytest.mark.parametrize("directive", RIGHT)
def test_a_right_value_is_taken(checker, directive):
    code, text = check(checker, directive)
    assert code == 0, text


@pytest.mark.parametrize("directive", RIGHT_IN_DIRECTORY)
def test_a_right_value_is_taken_in_a_location(checker, directive):
    code, text = checker.configtest(sites.protected(Basis, inside=[directive]))
    assert code == 0, text


@pytest.mark.parametrize("directive", RIGHT_IN_DIRECTORY)
def test_a_directory_directive_works_in_htaccess(serve, sim, visit, directive):
    config = "\n".join([sites.application(sim), '<Directory "@DOCUMENTS@/other">',
                        "AllowOverride All", "</Directory>"])
    httpd = serve(config)
    path = httpd.documents / "other" / ".htaccess"
    path.write_text(f"AuthType DingTalk\nRequire valid-user\n{directive}\n")
    path.chmod(0o644)
    assert visit(httpd).navigate("/other/").status in (200, 302, 401)


@pytest.mark.parametrize("missing", ["DingTalkClientID", "DingTalkClientSecret", "DingTalkCorpID"])
def test_a_missing_required_directive_is_named(checker, missing):
    code, text = checker.configtest(sites.protected(Basis, **{missing: None}))
    assert code != 0 and missing in text, text


def test_auth_type_without_any_application_is_explained(checker):
    code, text = checker.configtest(sites.location("/app"))
    assert code == 0 or "DingTalkClientID" in text, text


def test_directives_are_refused_where_they_do_not_belong(checker):
    code, text = checker.configtest(sites.protected(Basis, inside=["DingTalkClientID x"]))
    assert code != 0 and "DingTalkClientID" in text


def test_a_virtual_host_inherits_and_overrides(checker):
    config = "\n".join([sites.application(Basis), sites.vhost(
        "one.example", "DingTalkPath /one", sites.location("/app"))])
    code, text = checker.configtest(config)
    assert code == 0, text


def test_a_virtual_host_with_a_wrong_value_is_found(checker):
    config = "\n".join([sites.application(Basis), sites.vhost(
        "one.example", "DingTalkPath one", sites.location("/app"))])
    code, text = checker.configtest(config)
    assert code != 0 and "DingTalkPath" in text


def test_merged_values_are_checked_too(checker):
    """Only the virtual host together with the main server is wrong."""
    config = "\n".join([
        sites.application(Basis, DingTalkCookieName="__Host-x", DingTalkCookieSecure="on"),
        sites.vhost("one.example", "DingTalkCookieDomain example.com", sites.location("/app"))])
    code, text = checker.configtest(config)
    assert code != 0 and "DingTalkCookie" in text


# -- secrets ---------------------------------------------------------------------------------------

def test_exec_is_not_run_by_the_test(checker):
    marker = checker.folder / "was-run"
    code, text = checker.configtest(sites.protected(
        Basis, DingTalkClientSecret=f'"exec:/usr/bin/touch {marker}"'))
    assert code == 0, text
    assert not marker.exists()


@pytest.mark.parametrize("way", ["file", "env", "exec", "text"])
def test_a_secret_may_come_from_anywhere(serve, sim, visit, way, tmp_path):
    path = tmp_path / "secret"
    path.write_text(sim.client_secret + "\nsecond line\n")
    os.chmod(path, 0o600)
    value = {"file": f"file:{path}", "env": "env:DT_TEST_SECRET", "text": sim.client_secret,
             "exec": f'"exec:/bin/cat {path}"'}[way]
    httpd = serve(sites.protected(sim, DingTalkClientSecret=value), fresh=True,
                  env={"DT_TEST_SECRET": sim.client_secret})
    assert visit(httpd).sign_in().status == 200


@pytest.mark.parametrize("command,says", [
    ("/bin/false", "exit|status|fail|1"), ("/no/such/program", "/no/such/program|fail|start|run"),
    ("/bin/true", "empty|nothing|no output")])
def test_an_exec_that_fails_stops_the_start_and_says_why(serve, sim, command, says):
    with pytest.raises(HttpdFailed) as failed:
        serve(sites.protected(sim, DingTalkClientSecret=f'"exec:{command}"'), fresh=True)
    assert "DingTalkClientSecret" in str(failed.value)
    assert re.search(says, str(failed.value)), failed.value


def test_a_secret_never_stands_in_a_message(checker):
    code, text = checker.configtest(sites.protected(
        Basis, DingTalkClientSecret="hush-hush-secret", DingTalkKey="hush-hush-key"))
    assert code != 0 and "DingTalkKey" in text
    assert "hush-hush" not in text


# -- the documented configuration ------------------------------------------------------------------

def documented():
    """conf/auth_dingtalk.conf."""
    return (ROOT / "conf" / "auth_dingtalk.conf").read_text(encoding="utf-8")


def test_the_documented_configuration_passes_as_it_is(checker):
    code, text = checker.configtest(documented())
    assert code == 0, text


def test_the_documented_configuration_passes_with_every_line_switched_on(checker, build):
    """Each default that the file shows behind a # is a value the module takes, alone.

    But for binding and codes, whose directives need each other (t/test_readme.py has all together).
    """
    before, _, rest = documented().partition("# === Accounts and binding")
    text = before + rest.partition("# === A protected place")[2]
    text = text.replace("/etc/apache2/dingtalk-pages", str(ROOT / "conf" / "pages"))
    lines, server, inner = text.splitlines(), [], []
    for line in lines:
        match = re.match(r"\s*#?\s*(DingTalk\w+)\s+(\S.*)", line)
        if match and not re.search(r"[§…|]|PATH\b", match[2]):
            target = inner if match[1] in DIRECTORY else server
            target.append(f"{match[1]} {match[2]}")
    assert len({line.split()[0] for line in server + inner}) >= 20
    changed = {line.split()[0] for line in server}
    base = "\n".join(line for line in sites.application(Basis).splitlines()
                     if line.split()[0] not in changed)
    together = "\n".join(line for line in server if line.startswith("DingTalkEvent"))
    server = [line for line in server if not line.startswith("DingTalkEvent")] + [together]
    for line in server:
        code, text = checker.configtest(f"{base}\n{sites.application(Basis)}\n{line}")
        assert code == 0 or "exec:" in line or "file:" in line, f"{line}: {text}"
    for line in inner:
        code, text = checker.configtest(sites.protected(Basis, inside=[line]))
        assert code == 0, f"{line}: {text}"


def test_the_documented_configuration_starts(serve, sim):
    httpd = serve(documented() + "\n" + sites.protected(sim), fresh=True)
    assert requests.get(httpd.origin + "/", timeout=10).status_code == 200


def test_every_directive_is_documented():
    names = set(re.findall(r"DIRECTIVE\((DingTalk\w+)",
                           (ROOT / "src/httpd/config.def").read_text(encoding="utf-8")))
    assert len(names) >= 20
    text = documented()
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)]


def test_the_module_can_be_loaded_and_left_unused(serve):
    httpd = serve("", fresh=True)
    httpd.graceful()
    assert requests.get(httpd.origin + "/open/", timeout=10).status_code == 200
    assert "auth_dingtalk:" not in "\n".join(httpd.log.lines())


def test_two_starts_and_stops_leave_no_file_open_to_others(serve, sim):
    httpd = serve(sites.protected(sim), fresh=True)
    httpd.restart()
    assert oct(httpd.state.stat().st_mode & 0o777) == "0o700"
