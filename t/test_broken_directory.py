# SPDX-License-Identifier: Apache-2.0
"""A directory that is slow, gone, half there or lying: what people get, as a table."""

import pytest

from lib import expect
from lib.binding import (  # noqa: F401  (fixtures)
    KEY, NO_LIMITS, SQLITE, Store, bound_site, start, stays_out, store, stores, user_of, whoami,
    with_codes)
from lib.events import watched
from lib.faulty import Faulty
from lib.places import BOUND, COME, PHONES, People
from lib.slapd import PASSWORD, SUFFIX, Directory
from lib.steps import within

# What people get. 503 comes with Retry-After and a number that is in the log. Only who signs in or
# is bound needs the directory.
WORKS = {"sign-in": 303, "first sign-in": 303, "code asked": 200, "code entered": 200,
         "sign-out": 200, "sign-out everywhere": 200, "event": 200, "session": 200, "begin": 302}
DOWN = {**WORKS, "sign-in": 503, "first sign-in": 503, "code asked": 503, "code entered": 503}
# And who comes in, by which step, and which accounts are bound afterwards.
ALL, NOBODY = (WORKS, COME, BOUND | {*COME.values()}), (DOWN, {}, BOUND)
FAULTS = {
    "slow": ALL, "refused": NOBODY, "reset": NOBODY, "cut": NOBODY, "half": NOBODY,
    "silent": NOBODY, "unreachable": NOBODY, "garbage": NOBODY,
}
HOW = {"slow": {"delay": 0.1}, "cut": {"after": 5}, "half": {"after": 5}}
# As the README has them.
LIMITS = "LDAPConnectionTimeout 2\nLDAPTimeout 2\nLDAPRetries 1"
# Two tries of two seconds to connect, and five for a search; and as much again for a busy machine.
LONGEST = 2 * (2 + 2 + 5)
BACK = 20        # until it works again at the latest
LOG = r"DT(0021|0023|0024|0060|0063|0073): |\[ldap:"


@pytest.fixture(scope="module")
def slapd():
    """One directory for this file."""
    with Directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def bindings():
    """One database for all bindings."""
    store = Store(start(SQLITE))
    yield store
    store.database.stop()


class Trial:
    """One fault of the directory, met by everybody."""

    def __init__(self, slapd, store, farm, sim, fault):
        with Faulty(slapd.port) as way:
            url = slapd.url.replace(str(slapd.port), str(way.port))
            config = LIMITS + "\n" + watched(
                sim, store.lines(), *with_codes(sim, NO_LIMITS), "DingTalkAutoBind mobile=mobile",
                DingTalkAccounts=f'"ldap:{url}"', DingTalkKey=f'"{KEY}"')
            with farm.trial(config, modules=["ldap"]) as httpd:
                self._run(httpd, slapd, store, way, sim, fault)
        self.complaints = httpd.complaints

    def _run(self, httpd, slapd, store, way, sim, fault):
        store.wait()
        store.clear()
        slapd.clear()
        for uid, phone in PHONES.items():
            slapd.person(uid, mobile=phone)
        self.people = people = People(httpd, sim)
        way.turn(fault, **HOW.get(fault, {}))
        self.told = people.go_on()
        self.came_in = people.who_came_in()
        self.bound = {account for _, account in store.bindings()}
        way.turn("good")
        self.back = people.until_back(BACK)
        way.reset_all()
        within(BACK, lambda: way.open == 0)
        people.until_back(BACK, times=1)
        self.same_children = people.same_children()
        self.leaver_is_out = people.is_out()
        self.lines = httpd.log.lines()
        httpd.allow_log(LOG)


@pytest.fixture(scope="module", params=FAULTS)
def case(request, slapd, bindings, farm, running_simulator):
    """A row of the table: what is promised, and what happened."""
    return FAULTS[request.param], Trial(slapd, bindings, farm, running_simulator, request.param)


@pytest.mark.parametrize("place", WORKS)
def test_what_people_get(case, place):
    (statuses, *_), trial = case
    trial.told[place].judge(statuses[place], trial.lines, LONGEST)


def test_nobody_comes_in_whom_nobody_could_look_up(case):
    (_, came_in, bound), trial = case
    assert trial.came_in == came_in
    assert trial.bound == bound


def test_who_left_is_out_at_once_and_stays_out(case):
    _, trial = case
    assert trial.leaver_is_out, trial.people.out_after


def test_live_sessions_are_served_all_the_while(case):
    _, trial = case
    trial.people.live.judge()


def test_it_works_again_by_itself_in_the_same_children(case):
    _, trial = case
    assert trial.back < BACK
    assert trial.same_children
    assert trial.complaints == []


# -- lies ------------------------------------------------------------------------------------------

REFERRAL = (f"dn: ou=away,ou=people,{SUFFIX}\nobjectClass: referral\n"
            "objectClass: extensibleObject\nou: away\n"
            "ref: ldap://127.0.0.1:%d/ou=away,dc=example,dc=org\n")
PHONE = "13800000001"
# What the directory has, who comes in (None: nobody), and with which account.title.
SAYS = {
    "one entry": ({"a": {"mobile": PHONE}}, "a"),
    "nobody": ({"a": {"mobile": "13800000002"}}, None),
    "two entries": ({"a": {"mobile": PHONE}, "b": {"mobile": PHONE}}, None),
    "two entries in two spellings": ({"a": {"mobile": PHONE}, "b": {"mobile": "+86 " + PHONE}},
                                     None),
    "sixty entries": ({f"n{number}": {"mobile": PHONE} for number in range(60)}, None),
    "an entry of two keys": ({"a": {"mobile": PHONE, "uid": "other"}}, None),
    "a title of a megabyte": ({"a": {"mobile": PHONE, "title": "x" * 1_000_000}}, "a"),
    "a picture for a title": ({"a": {"mobile": PHONE, "jpegPhoto": b"\xff\xd8\0\0"}}, "a"),
    "a title of control characters": ({"a": {"mobile": PHONE, "title": "a\r\nX-Evil: 1\x01"}},
                                      "a"),
    "a thousand phones": ({"a": {"mobile": [f"139{number:08}" for number in range(1000)]
                                 + [PHONE]}}, "a"),
    "a phone of a thousand digits": ({"a": {"mobile": "1" * 1000}}, None),
}
TITLES = ("name", "account.title", "account.jpegPhoto", "account.employeeNumber")


@pytest.fixture
def site_of(bound_site):
    """site_of(directory, URL) gives an httpd with these accounts."""
    def make(url, *lines):
        return bound_site(LIMITS, "DingTalkAutoBind mobile=mobile", *lines,
                          options={"modules": ("ldap",)}, DingTalkAccounts=f'"ldap:{url}"',
                          DingTalkAttributes=" ".join(TITLES))
    return make


@pytest.mark.parametrize("said", SAYS)
def test_only_exactly_one_account_comes_in(site_of, slapd, store, visit, said):
    entries, who = SAYS[said]
    slapd.clear()
    for uid, attributes in entries.items():
        attributes = dict(attributes)
        more = attributes.pop("uid", None)
        slapd.person(uid, **attributes)
        if more:
            slapd.modify(f"dn: uid={uid},{slapd.people}\nchangetype: modify\nadd: uid\n"
                         f"uid: {more}\n")
    httpd = site_of(slapd.url)
    httpd.allow_log("DT0031", "DT0063")
    if who is None:
        stays_out(visit, httpd)
        assert store.bindings() == []
        return
    browser = visit(httpd)
    answer = browser.sign_in("zhangsan")
    assert answer.status == 200, answer
    assert user_of(browser) == who
    assert len(browser.session) < 4096
    assert "\n" not in str(whoami(browser)["attributes"].get("account.jpegPhoto", ""))


@pytest.mark.parametrize("place, status", [
    (f"ou=nowhere,{SUFFIX}?uid", 503), (f"ou=people,{SUFFIX}?employeeType", 403),
    (f"ou=people,{SUFFIX}?uid?sub?(objectClass=nothing)", 403), (f"{SUFFIX}?uid?one", 403),
    (f"ou=people,{SUFFIX}?jpegPhoto", 403)],
    ids=["no such object", "a key that nobody has", "a filter that fits nobody", "another level",
         "a key of bytes"])
def test_where_nobody_can_be_found_nobody_comes_in(site_of, slapd, store, visit, place, status):
    slapd.clear()
    slapd.person("a", mobile=PHONE, jpegPhoto=b"\xff\xfe\0")
    httpd = site_of(f"{slapd.server}/{place}")
    httpd.allow_log("DT0063", "DT0060")
    browser = visit(httpd)
    answer = browser.sign_in("zhangsan")
    (expect.unknown if status == 503 else expect.denied)(httpd, answer)
    assert browser.session is None and store.bindings() == []


@pytest.fixture
def elsewhere(slapd):
    """Where a referral in the directory leads to."""
    slapd.clear()
    slapd.person("a", mobile=PHONE)
    with Faulty(slapd.port) as elsewhere:
        slapd.add(REFERRAL % elsewhere.port)
        yield elsewhere
    slapd.modify(f"dn: ou=away,ou=people,{SUFFIX}\ncontrol: 2.16.840.1.113730.3.4.2 true\n"
                 "changetype: delete\n")


def test_a_referral_in_the_directory_is_not_followed(site_of, slapd, elsewhere, visit, tmp_path):
    """mod_ldap itself follows them: whoever is elsewhere would be shown our password."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    httpd = site_of(slapd.url, f'DingTalkAccountsLogin "{slapd.reader}" file:{secret}')
    browser = visit(httpd)
    assert browser.sign_in("zhangsan").status == 200
    assert user_of(browser) == "a"
    assert elsewhere.total == 0


def test_a_directory_that_refers_to_another_is_asked_no_further(
        site_of, slapd, elsewhere, visit):
    httpd = site_of(slapd.url.replace("ou=people", "ou=away,ou=people"))
    expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
    httpd.expect_log("DT0060: .*Referral: it says that another has the base DN")
    assert elsewhere.total == 0


def test_a_directory_that_does_not_know_us_any_more_lets_nobody_in(bound_site, visit, tmp_path):
    """Its password for us changes while we run."""
    with Directory(anonymous=False) as closed:
        closed.person("a", mobile=PHONE)
        secret = tmp_path / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        httpd = bound_site(LIMITS, "DingTalkAutoBind mobile=mobile",
                           f'DingTalkAccountsLogin "{closed.reader}" file:{secret}',
                           options={"modules": ("ldap",)},
                           DingTalkAccounts=f'"ldap:{closed.url}"')
        assert visit(httpd).sign_in("zhangsan").status == 200
        closed.modify(f"dn: {closed.reader}\nchangetype: modify\nreplace: userPassword\n"
                      "userPassword: another\n")
        closed.kill()
        closed.start()
        expect.unknown(httpd, visit(httpd).sign_in("zhangsan"))
        httpd.expect_log("DT0060: .*check DingTalkAccountsLogin")
        closed.modify(f"dn: {closed.reader}\nchangetype: modify\nreplace: userPassword\n"
                      f"userPassword: {PASSWORD}\n")
        within(BACK, lambda: visit(httpd).sign_in("zhangsan").status == 200)
        httpd.allow_log(LOG)
