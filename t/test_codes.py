# SPDX-License-Identifier: Apache-2.0
"""Verification codes: few tries, one use, one browser, and limits that hold on every node."""

import collections
import functools
import re
import time

import pytest

from lib import site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    KEY, MANY_CHILDREN, MARIADB, NO_LIMITS, SLOW_START, at_once, bound_site, on_every_database,
    on_two_databases, store, stores, to_bind_page, user_of, with_codes, wrong)
from lib.browser import Client
from lib.steps import promised, within

PHONE, E164 = "13911111111", "+8613911111111"


@pytest.fixture
def site_of(bound_site, sim, store):
    """site_of(*lines) gives a site with one account, that binds by phone and code."""
    def make(*lines, **options):
        httpd = bound_site(*with_codes(sim, *lines), **options)
        store.account("account-1", mobile=PHONE)
        return httpd
    return make


@pytest.fixture
def nodes(serve, sim, store):
    """nodes(*lines) gives two httpds with one database and one key, several children each."""
    def make(*lines):
        config = sites.protected(sim, store.lines(), *with_codes(sim, MANY_CHILDREN, *lines),
                                 DingTalkAccounts="dbd", DingTalkKey=f'"{KEY}"')
        pair = [serve(config, env={"NODE": name}) for name in ("one", "two")]
        if store.driver == MARIADB:
            for httpd in pair:
                httpd.allow_log(SLOW_START)
        store.wait()
        store.account("account-1", mobile=PHONE)
        return pair
    return make


def words(answers):
    """How often each outcome of JSON answers came."""
    return collections.Counter(told.get("error") or ("in" if "location" in told else "sent")
                               for told in answers)


def asked(httpd, sim, visit, phone=PHONE, userid="zhangsan"):
    """A bind page on which a code was asked for, and that code."""
    page = to_bind_page(visit(httpd), userid)
    assert page.ask(phone)["ok"] is True, page.answer
    return page, sim.last_code("+86" + phone)


def arrived(sim, count):
    """All messages, once there are so many: their answers do not wait for them."""
    within(20, lambda: len(sim.inbox()) >= count)
    return sim.inbox()


# -- tries -----------------------------------------------------------------------------------------

@on_every_database
def test_after_five_wrong_codes_the_right_one_is_refused(site_of, sim, store, visit):
    httpd = site_of(NO_LIMITS)
    page, code = asked(httpd, sim, visit)
    told = [page.guess(wrong(code, by)) for by in range(1, 6)]
    assert [answer["tries_left"] for answer in told] == [4, 3, 2, 1, 0]
    assert page.guess(code)["error"] == "code_expired"
    assert user_of(page.browser) is None and store.bindings() == []


def test_a_new_code_may_be_asked_for_after_five_wrong_ones(site_of, sim, visit):
    page, code = asked(site_of(NO_LIMITS), sim, visit)
    for by in range(1, 6):
        page.guess(wrong(code, by))
    page.ask(PHONE)
    assert page.guess(sim.last_code(E164, messages=2))["ok"] is True


@on_every_database
def test_of_a_hundred_guesses_at_once_at_most_five_are_judged(nodes, sim, store):
    """Whatever the child and the node."""
    one, two = nodes(NO_LIMITS)
    page = to_bind_page(Client(one, sim))
    page.ask(PHONE)
    code = sim.last_code(E164)
    pages = [page.copy(node) for node in (one, two) for _ in range(50)]
    answers = at_once([functools.partial(each.guess, wrong(code, 1 + number))
                       for number, each in enumerate(pages)])
    assert words(answers) == {"code_wrong": 5, "code_expired": 95}
    assert page.guess(code)["error"] == "code_expired" and store.bindings() == []


@on_every_database
def test_of_many_right_guesses_at_once_one_comes_in(nodes, sim, store):
    """S-27."""
    one, two = nodes(NO_LIMITS)
    page = to_bind_page(Client(one, sim))
    page.ask(PHONE)
    code = sim.last_code(E164)
    pages = [page.copy(node) for node in (one, two) for _ in range(10)]
    told = words(at_once([functools.partial(each.guess, code) for each in pages]))
    assert told["in"] == 1 and told["in"] + told["code_expired"] == 20, told
    assert len([each for each in pages if user_of(each.browser)]) == 1
    assert len(store.bindings()) == 1


@pytest.mark.parametrize("digits,attempts", [(4, 1), (8, 2)])
def test_the_administrator_chooses_length_and_attempts(site_of, sim, visit, digits, attempts):
    httpd = site_of(f"DingTalkCode length={digits} attempts={attempts} resend=0")
    page, code = asked(httpd, sim, visit)
    assert re.fullmatch(rf"\d{{{digits}}}", code)
    told = [page.guess(wrong(code, by)) for by in range(1, attempts + 1)]
    assert told[-1]["tries_left"] == 0
    assert page.guess(code)["error"] == "code_expired"


# -- one use, one browser --------------------------------------------------------------------------

@on_every_database
def test_a_code_that_was_used_is_dead_on_every_node(nodes, sim, store):
    """S-27."""
    one, two = nodes(NO_LIMITS)
    page = to_bind_page(Client(one, sim))
    page.ask(PHONE)
    code = sim.last_code(E164)
    spare = page.copy(two)
    assert page.guess(code)["ok"] is True
    assert spare.guess(code)["error"] == "code_expired"
    assert user_of(spare.browser) is None


def test_a_code_asked_for_on_one_node_is_good_on_the_other(nodes, sim):
    one, two = nodes(NO_LIMITS)
    page = to_bind_page(Client(one, sim))
    page.ask(PHONE)
    assert page.copy(two).guess(sim.last_code(E164))["ok"] is True


def test_a_code_is_good_in_the_browser_that_asked_only(site_of, sim, visit):
    """Also when it is the same person."""
    httpd = site_of(NO_LIMITS)
    page, code = asked(httpd, sim, visit)
    other = to_bind_page(visit(httpd))
    assert other.guess(code)["ok"] is False
    other.ask("13922222222")
    assert other.guess(code)["error"] == "code_wrong"
    assert page.guess(code)["ok"] is True


def test_a_code_is_good_for_the_person_who_asked_only(site_of, sim, visit):
    """Two people behind one browser: what the first asked for does not bind the second."""
    httpd = site_of(NO_LIMITS)
    page, code = asked(httpd, sim, visit)
    other = to_bind_page(page.browser, "lisi")
    assert other.guess(code)["ok"] is False
    assert user_of(other.browser) is None


def test_a_code_for_one_phone_is_none_for_another(site_of, sim, store, visit):
    httpd = site_of(NO_LIMITS)
    store.account("account-2", mobile="13922222222")
    page, first = asked(httpd, sim, visit)
    page.ask("13922222222")
    second = sim.last_code("+8613922222222")
    if first != second:
        assert page.guess(first)["error"] == "code_wrong"
    assert page.guess(second)["ok"] is True
    assert user_of(page.browser) == "account-2"


def test_a_code_ends_with_its_lifetime(site_of, sim, visit, clock):
    httpd = site_of(NO_LIMITS, options={"clock": clock, "fresh": True})
    page, code = asked(httpd, sim, visit)
    clock.advance(295)
    assert page.copy().guess(wrong(code))["error"] == "code_wrong"
    clock.advance(6)
    assert page.guess(code)["error"] == "code_expired"
    assert user_of(page.browser) is None


def test_who_was_closed_out_meanwhile_stays_out(site_of, sim, store, visit):
    page, code = asked(site_of(NO_LIMITS), sim, visit)
    store.query("UPDATE dingtalk_account SET status = 'disabled'")
    assert page.guess(code)["ok"] is False
    assert user_of(page.browser) is None and store.bindings() == []


def test_an_unknown_number_has_tries_and_an_end_too(site_of, sim, visit):
    """Guessing at a number that nobody has looks as guessing at one that somebody has."""
    httpd = site_of(NO_LIMITS)
    page = to_bind_page(visit(httpd))
    page.ask("13922222222")
    told = [page.guess(f"{number:06}") for number in range(6)]
    assert [answer["error"] for answer in told] == ["code_wrong"] * 5 + ["code_expired"]
    assert [answer.get("tries_left") for answer in told[:5]] == [4, 3, 2, 1, 0]


def test_codes_are_random_in_every_child_and_after_a_restart(bound_site, sim, store, visit):
    """S-27: six digits each, no two alike but by chance, none predicted by those before it."""
    httpd = bound_site(*with_codes(sim, NO_LIMITS), options={"mpm": "prefork", "fresh": True})
    for number in range(10):
        store.account(f"account-{number}", mobile=f"139222222{number:02}")
    runs = []
    for _ in range(2):
        pages = [to_bind_page(visit(httpd)) for _ in range(10)]
        at_once([functools.partial(page.ask, f"139222222{number:02}")
                 for number, page in enumerate(pages)], clients=10)
        runs.append([message["code"] for message in arrived(sim, 10)])
        sim.forget_inbox()
        store.query("DELETE FROM dingtalk_limit")
        httpd.restart()
    codes = runs[0] + runs[1]
    assert len(codes) == 20 and all(re.fullmatch(r"\d{6}", code) for code in codes)
    assert len(set(codes)) >= 19
    assert len({code[:1] for code in codes}) > 3 and len({code[-1:] for code in codes}) > 3


@on_two_databases
def test_no_code_stands_in_the_database(site_of, sim, store, visit):
    _, code = asked(site_of(NO_LIMITS), sim, visit)
    for table, columns in (("dingtalk_challenge", "id, corp_id, union_id, uid, hash"),
                           ("dingtalk_limit", "subject, value"),
                           ("dingtalk_audit", "corp_id, user_id, uid, address, phone, what, why")):
        for row in store.query(f"SELECT {columns} FROM {table}"):
            assert not [value for value in row if value == code or value and f'"{code}"' in value]


# -- limits ----------------------------------------------------------------------------------------

LIMITS = [
    ("phone", "phone=3/h ip=100/h person=100/h"), ("ip", "phone=100/h ip=3/h person=100/h"),
    ("person", "phone=100/h ip=100/h person=3/h")]


@on_every_database
@pytest.mark.parametrize("subject,limits", LIMITS, ids=[row[0] for row in LIMITS])
def test_a_limit_is_exact_however_many_ask_at_once(nodes, sim, store, subject, limits):
    """Children and nodes share it."""
    pair = nodes("DingTalkCode resend=0", f"DingTalkCodeLimit {limits}")
    pages = []
    for number in range(12):
        sim.person(f"asker{number}", unionid=f"aSkEr{number}")
        store.account(f"account-1{number}", mobile=f"139333333{number:02}")
        userid = "asker0" if subject == "person" else f"asker{number}"
        pages.append(to_bind_page(Client(pair[number % 2], sim), userid))
    told = words(at_once([
        functools.partial(page.ask, PHONE if subject == "phone" else f"139333333{number:02}")
        for number, page in enumerate(pages)]))
    assert told == {"sent": 3, "too_many": 9}
    assert len(arrived(sim, 3)) == 3


def test_a_limit_says_how_long_to_wait_and_then_lets_go_on(site_of, sim, visit, clock):
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit phone=2/h",
                    options={"clock": clock, "fresh": True})
    page = to_bind_page(visit(httpd))
    page.ask(PHONE)
    clock.advance(300)
    page.ask(PHONE)
    told = page.ask(PHONE)
    assert told["error"] == "too_many" and 3290 <= told["retry_in"] <= 3301
    clock.advance(told["retry_in"] + 1)
    page = to_bind_page(visit(httpd))
    assert page.ask(PHONE)["ok"] is True
    told = page.ask(PHONE)
    assert told["error"] == "too_many" and told["retry_in"] <= 301, "a sliding window"


def test_each_of_two_limits_of_a_phone_holds(site_of, sim, visit, clock):
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit phone=2/h phone=3/d",
                    options={"clock": clock, "fresh": True})
    outcome = []
    for _ in range(3):
        page = to_bind_page(visit(httpd))
        outcome += [page.ask(PHONE)["ok"] for _ in range(3)]
        clock.advance(3601)
    assert outcome == [True, True, False, True, False, False, False, False, False]


def test_without_a_word_a_phone_gets_five_codes_an_hour(site_of, sim, store, visit):
    page = to_bind_page(visit(site_of("DingTalkCode resend=0")))
    told = words(at_once([functools.partial(page.copy().ask, PHONE) for _ in range(7)]))
    assert told == {"sent": 5, "too_many": 2}


@pytest.mark.parametrize("phone", [PHONE, "13922222222"], ids=["known", "unknown"])
def test_a_code_may_be_sent_again_after_a_minute(site_of, sim, visit, clock, phone):
    """The same for a number that nobody has."""
    httpd = site_of(options={"clock": clock, "fresh": True})
    page = to_bind_page(visit(httpd))
    assert page.ask(phone)["resend_in"] in range(55, 61)
    clock.advance(30)
    told = page.ask(phone)
    assert told["error"] == "too_many" and told["retry_in"] in range(20, 32)
    clock.advance(31)
    assert page.ask(phone)["ok"] is True


def test_the_resend_time_holds_for_a_phone_whoever_asks(site_of, sim, visit):
    httpd = site_of()
    to_bind_page(visit(httpd)).ask(PHONE)
    assert to_bind_page(visit(httpd), "lisi").ask(PHONE)["error"] == "too_many"
    assert len(arrived(sim, 1)) == 1


@on_two_databases
def test_the_resend_time_holds_for_requests_at_once(nodes, sim):
    pair = nodes()
    pages = [to_bind_page(Client(pair[number % 2], sim)) for number in range(10)]
    told = words(at_once([functools.partial(page.ask, PHONE) for page in pages]))
    assert told == {"sent": 1, "too_many": 9} and len(arrived(sim, 1)) == 1


def test_limits_tell_nobody_which_numbers_are_known(site_of, sim, visit):
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit phone=1/h")
    outcome = []
    for phone in (PHONE, "13922222222"):
        page = to_bind_page(visit(httpd))
        outcome.append([page.ask(phone).get("error") for _ in range(2)])
    assert outcome[0] == outcome[1] == [None, "too_many"]


def test_one_phone_in_many_spellings_has_one_limit(site_of, sim, visit):
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit phone=2/h")
    page = to_bind_page(visit(httpd))
    spellings = [PHONE, "+86 " + PHONE, "0086" + PHONE, "86" + PHONE, "139-1111-1111"]
    assert [page.ask(text).get("error") for text in spellings] == [None, None] + ["too_many"] * 3


def test_an_invalid_number_uses_up_nothing(site_of, sim, visit):
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit person=1/h ip=1/h")
    page = to_bind_page(visit(httpd))
    for _ in range(3):
        assert page.ask("12")["error"] == "phone_invalid"
    assert page.ask(PHONE)["ok"] is True


def test_who_is_over_a_limit_of_their_own_uses_up_nothing_of_the_phone(site_of, sim, visit):
    """Nobody can keep codes from somebody else by asking for them."""
    httpd = site_of("DingTalkCode resend=0", "DingTalkCodeLimit phone=3/h person=1/h")
    page = to_bind_page(visit(httpd))
    assert [page.ask(PHONE)["ok"] for _ in range(5)] == [True] + [False] * 4
    owner = to_bind_page(visit(httpd), "lisi")
    assert owner.ask(PHONE)["ok"] is True


def test_a_message_on_its_way_survives_a_restart(site_of, sim, visit):
    httpd = site_of(NO_LIMITS, options={"fresh": True})
    page = to_bind_page(visit(httpd))
    sim.misbehave("gateway_sms", "delay", seconds=2)
    page.ask(PHONE)
    httpd.graceful()
    assert page.guess(sim.last_code(E164))["ok"] is True


def test_an_answer_comes_in_about_a_second(site_of, sim, visit):
    """Long enough to hide whether there was a message, short enough to wait for."""
    page = to_bind_page(visit(site_of(NO_LIMITS)))

    def asked():
        began = time.monotonic()
        assert page.ask(PHONE)["ok"] is True
        return time.monotonic() - began

    promised(3, asked)


def test_every_mpm_sends_and_takes_codes(site_of, sim, visit, mpm):
    httpd = site_of(NO_LIMITS, options={"mpm": mpm})
    page, code = asked(httpd, sim, visit)
    assert page.guess(wrong(code))["error"] == "code_wrong"
    assert page.guess(code)["ok"] is True
    assert user_of(page.browser) == "account-1"
