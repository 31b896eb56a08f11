# SPDX-License-Identifier: Apache-2.0
"""The directives of accounts, binding and codes: what -t takes, and what it says of the rest."""

import re

import pytest

from lib import site as sites
from test_config import Basis

ALIYUN = ["DingTalkSenderType aliyun", "DingTalkSenderKey id", "DingTalkSenderSecret secret",
          "DingTalkSenderSign 签名", "DingTalkSenderTemplate SMS_1"]
TENCENT = ["DingTalkSenderType tencent", "DingTalkSenderKey id", "DingTalkSenderSecret secret",
           "DingTalkSenderSign 签名", "DingTalkSenderTemplate 1110", "DingTalkSenderApp 1400006666"]
HTTP = ["DingTalkSenderType http", "DingTalkSenderURL https://gateway.example/send",
        """DingTalkSenderBody application/json '{"to":"%{phone}","code":"%{code}"}'"""]
OWN = "DingTalkAccounts dbd"
TABLE = "DingTalkAccounts dbd:table=employees,key=login"
LDAP = "DingTalkAccounts ldap://127.0.0.1/ou=people,dc=example?uid?sub?(objectClass=person)"


def section(*lines, name="sms"):
    """A <DingTalkSender>."""
    return "\n".join([f'<DingTalkSender "{name}">', *lines, "</DingTalkSender>"])


def without(lines, directive):
    """The lines without those of one directive."""
    return [line for line in lines if not line.startswith(directive)]


def changed(lines, line):
    """The lines, one of them another."""
    return [*without(lines, line.split()[0]), line]


# Lines, the directive that must be named, and what must be said of it.
WRONG = [
    ("DingTalkDatabase oracle x", "DingTalkDatabase", "sqlite3.*pgsql.*mysql"),
    ("DingTalkDatabase pgsql", "DingTalkDatabase", "driver"),
    ("DingTalkAccounts file", "DingTalkAccounts", "none.*dbd.*ldap"),
    ("DingTalkAccounts dbd:table=t", "DingTalkAccounts", "key"),
    ("DingTalkAccounts dbd:key=k", "DingTalkAccounts", "table"),
    ("DingTalkAccounts dbd:table=t;drop,key=k", "DingTalkAccounts", "letters"),
    ('DingTalkAccounts "dbd:table=a b,key=k"', "DingTalkAccounts", "letters"),
    ("""DingTalkAccounts "dbd:table=t,key=k'" """, "DingTalkAccounts", "letters"),
    ("DingTalkAccounts dbd:table=1t,key=k", "DingTalkAccounts", "digit"),
    ("DingTalkAccounts ldap:ftp://x", "DingTalkAccounts", "URL|ldap"),
    ("DingTalkAccounts ldap:", "DingTalkAccounts", "URL|ldap"),
    ("DingTalkAutoBind mobile=mobile", "DingTalkAutoBind", "DingTalkAccounts"),
    (f"{OWN}\nDingTalkAutoBind name=name", "DingTalkAutoBind", "mobile.*email"),
    (f"{OWN}\nDingTalkAutoBind title=title", "DingTalkAutoBind", "mobile.*email"),
    (f"{OWN}\nDingTalkAutoBind mobile", "DingTalkAutoBind", "="),
    (f"{OWN}\nDingTalkAutoBind mobile=", "DingTalkAutoBind", "="),
    (f"{OWN}\nDingTalkAutoBind mobile=phone", "DingTalkAutoBind", "dingtalk_account"),
    (f"{TABLE}\nDingTalkAutoBind \"mobile=phone;x\"", "DingTalkAutoBind", "column"),
    (f"{TABLE}\nDingTalkAutoBind \"mobile=a'b\"", "DingTalkAutoBind", "column"),
    (f"{OWN}\nDingTalkUnbound ask", "DingTalkUnbound", "bind.*create.*deny"),
    (f"{OWN}\nDingTalkUnbound bind", "DingTalkUnbound", "DingTalkCodeVia"),
    ("DingTalkUnbound deny", "DingTalkUnbound", "DingTalkAccounts"),
    (f"{LDAP}\nDingTalkUnbound create", "DingTalkUnbound", "LDAP"),
    (f"{TABLE}\nDingTalkUnbound create", "DingTalkCreate", "missing"),
    (f"{TABLE}\nDingTalkUnbound create\nDingTalkCreate phone=%{{mobile}}", "DingTalkCreate",
     "login"),
    (f"{OWN}\nDingTalkCreate uid=%{{nick}}", "DingTalkCreate", "nick"),
    (f"{OWN}\nDingTalkCreate uid=%{{userid", "DingTalkCreate", r"\w"),
    (f"{OWN}\nDingTalkCreate uid=%{{userid}} status=active", "DingTalkCreate", "job_number"),
    (f"{TABLE}\nDingTalkCreate " + " ".join(f"c{i}=x" for i in range(13)), "DingTalkCreate", "12"),
    (f"{TABLE}\nDingTalkAccountsFilter \"1=1; DROP TABLE x\"", "DingTalkAccountsFilter", "WHERE"),
    (f"{LDAP}\nDingTalkAccountsFilter \"enabled = 1\"", "DingTalkAccountsFilter", "filter"),
    (f"{OWN}\nDingTalkPhoneAttribute phone", "DingTalkPhoneAttribute", "dingtalk_account"),
    (f"{TABLE}\nDingTalkPhoneAttribute \"a b\"", "DingTalkPhoneAttribute", "column"),
    (f"{LDAP}\nDingTalkAccountsLogin cn=x file:/no/such", "DingTalkAccountsLogin", "/no/such"),
    ("DingTalkAttributes account.mail", "DingTalkAttributes", "DingTalkAccounts"),
    (f"{OWN}\nDingTalkAttributes account.mail", "DingTalkAttributes", "dingtalk_account"),
    ("DingTalkRemoteUser account", "DingTalkRemoteUser", "DingTalkAccounts"),
    (f"{OWN}\nDingTalkCodeVia sms", "DingTalkCodeVia", "sms"),
    (section(*HTTP) + "\nDingTalkCodeVia sms", "DingTalkCodeVia", "DingTalkAccounts"),
    ("DingTalkCode length=3", "DingTalkCode", "4"),
    ("DingTalkCode length=6x", "DingTalkCode", "4"),
    ("DingTalkCode lifetime=1h", "DingTalkCode", "600s"),
    ("DingTalkCode attempts=0", "DingTalkCode", "1"),
    ("DingTalkCode tries=5", "DingTalkCode", "length.*attempts"),
    ("DingTalkCode", "DingTalkCode", "length"),
    ("DingTalkCodeLimit phone=5", "DingTalkCodeLimit", "5/h"),
    ("DingTalkCodeLimit phone=0/h", "DingTalkCodeLimit", "1"),
    ("DingTalkCodeLimit phone=5/week", "DingTalkCodeLimit", "min"),
    ("DingTalkCodeLimit user=5/h", "DingTalkCodeLimit", "person"),
    ("DingTalkPages /no/such/directory", "DingTalkPages", "/no/such/directory"),
    ("DingTalkSenderKey x", "DingTalkSenderKey", "<DingTalkSender>"),
    (section(), "DingTalkSenderType", "missing"),
    (section("ServerName x", *HTTP), "DingTalkSender", "ServerName"),
    (section(*HTTP) + "\n" + section(*HTTP), "DingTalkSender", "two"),
    (section(*changed(ALIYUN, "DingTalkSenderType smoke")), "DingTalkSenderType", "aliyun.*http"),
    *((section(*without(ALIYUN, name)), name, "missing") for name in (
        "DingTalkSenderKey", "DingTalkSenderSecret", "DingTalkSenderSign",
        "DingTalkSenderTemplate")),
    *((section(*without(TENCENT, name)), name, "missing") for name in (
        "DingTalkSenderKey", "DingTalkSenderSecret", "DingTalkSenderTemplate",
        "DingTalkSenderApp")),
    (section(*changed(ALIYUN, "DingTalkSenderSecret file:/no/such")), "DingTalkSenderSecret",
     "/no/such"),
    (section(*ALIYUN, "DingTalkSenderParam code"), "DingTalkSenderParam", "name=value"),
    (section(*ALIYUN, "DingTalkSenderParam code=%{otp}"), "DingTalkSenderParam", "otp"),
    (section(*ALIYUN, "DingTalkSenderURL http://sms.example"), "DingTalkSenderURL", "https"),
    (section(*without(HTTP, "DingTalkSenderURL")), "DingTalkSenderURL", "missing"),
    (section(*changed(HTTP, "DingTalkSenderURL http://sms.example/x")), "DingTalkSenderURL",
     "https"),
    (section(*changed(HTTP, "DingTalkSenderURL https://%{phone}.example/x")),
     "DingTalkSenderURL", r"\w"),
    (section(*changed(HTTP, "DingTalkSenderBody application/json '{\"to\":%{phone'")),
     "DingTalkSenderBody", r"\w"),
    (section(*changed(HTTP, "DingTalkSenderBody application/json '{\"to\":'")),
     "DingTalkSenderBody", "JSON"),
    (section(*changed(HTTP, "DingTalkSenderBody image/png x")), "DingTalkSenderBody",
     "application/json"),
    (section(*HTTP, "DingTalkSenderOK state=200"), "DingTalkSenderOK", "status"),
    (section(*HTTP, "DingTalkSenderHeader X-Key %{nothing}"), "DingTalkSenderHeader", "nothing"),
]

RIGHT = [
    OWN, TABLE, LDAP, "DingTalkAccounts none", "DingTalkAccounts dbd:key=k,table=hr.people",
    "DingTalkAccounts ldap:ldap://127.0.0.1/dc=example",
    f"{LDAP}\nDingTalkAccountsLogin cn=x,dc=example secret\nDingTalkPhoneAttribute telephoneNumber"
    "\nDingTalkAutoBind mobile=telephoneNumber userid=employeeNumber;x-corp",
    'DingTalkDatabase sqlite3 "@FOLDER@/state/x.db"',
    f"{OWN}\nDingTalkAutoBind off", f"{OWN}\nDingTalkAutoBind mobile=mobile email=email "
    "org_email=email job_number=job_number userid=uid unionid=uid",
    f"{OWN}\nDingTalkUnbound create", f"{OWN}\nDingTalkUnbound deny",
    f"{OWN}\nDingTalkAccountsFilter \"title <> 'guest'\"",
    f"{OWN}\nDingTalkCreate uid=%{{userid}} \"name=%{{name}} 100%%\"",
    f"{TABLE}\nDingTalkAccountsFilter \"mail LIKE '%@example.com' AND enabled = 1\"",
    f"{TABLE}\nDingTalkUnbound create\nDingTalkCreate login=u-%{{unionid}} phone=%{{mobile}}",
    f"{OWN}\nDingTalkAttributes name account.title", f"{OWN}\nDingTalkRemoteUser account",
    "DingTalkCode length=4 lifetime=30s attempts=1 resend=0", "DingTalkCode lifetime=10min",
    "DingTalkCodeLimit phone=1/min", "DingTalkCodeLimit ip=100/10min person=3/d phone=5/3600",
    section(*ALIYUN) + f"\nDingTalkCodeVia sms\n{OWN}", section(*TENCENT), section(*HTTP),
    section(*ALIYUN, "DingTalkSenderParam code=%{code} minutes=%{minutes}",
            "DingTalkSenderURL http://127.0.0.1:9"),
    section(*changed(ALIYUN, "DingTalkSenderSign 签名 Sign"),),
    section(*changed(TENCENT, "DingTalkSenderTemplate 1110 1111"),
            'DingTalkSenderParam "%{code}" "%{minutes}"', "DingTalkSenderRegion ap-beijing"),
    section(*without(HTTP, "DingTalkSenderBody"), "DingTalkSenderOK status=200 body=0"),
    section(*HTTP, "DingTalkSenderSecret exec:/bin/false",
            'DingTalkSenderHeader Authorization "Bearer %{secret}"',
            "DingTalkSenderOK status=200,204 body:/code=0"),
    section(*HTTP, name="a") + "\n" + section(*ALIYUN, name="b") + "\nDingTalkCodeVia b a\n"
    + OWN + "\nDingTalkUnbound bind",
    f"DingTalkPages {sites.__file__.rpartition('/t/')[0]}/conf/pages",
]


@pytest.fixture(scope="module")
def checker(farm):
    """An httpd that is only asked for -t."""
    return farm.checker(modules=("ldap",))


@pytest.mark.parametrize("lines,name,says", WRONG, ids=lambda text: str(text)[:60])
def test_what_is_wrong_is_named_and_explained(checker, lines, name, says):
    code, text = checker.configtest(f"{sites.protected(Basis)}\n{lines}")
    assert code != 0, text
    assert name in text, text
    assert re.search(says, text.partition(name)[2], re.S), text


@pytest.mark.parametrize("lines", RIGHT)
def test_what_is_right_is_taken(checker, lines):
    code, text = checker.configtest(f"{sites.protected(Basis)}\n{lines}")
    assert code == 0, text


def test_a_password_in_a_wrong_database_line_is_not_repeated(checker):
    _, text = checker.configtest(f"{sites.protected(Basis)}\n"
                                 "DingTalkDatabase pgsql host=x password=canary-secret")
    assert "DingTalkDatabase" in text and "canary-secret" not in text


def test_nothing_is_opened_or_called_by_the_check(checker):
    lines = ('DingTalkDatabase pgsql "host=127.0.0.1 port=9 dbname=x"', OWN, section(*ALIYUN),
             "DingTalkCodeVia sms")
    code, text = checker.configtest("\n".join([sites.protected(Basis), *lines]))
    assert code == 0, text
    assert not (checker.folder / "state").exists()


def test_a_virtual_host_inherits_senders_and_may_name_one_anew(checker):
    inner = sites.vhost("one.example", section(*TENCENT), OWN, "DingTalkCodeVia sms spare")
    outer = "\n".join([sites.protected(Basis), section(*ALIYUN), section(*HTTP, name="spare")])
    code, text = checker.configtest(f"{outer}\n{inner}")
    assert code == 0, text
