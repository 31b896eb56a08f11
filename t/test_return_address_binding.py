# SPDX-License-Identifier: Apache-2.0
"""S-05, S-20: the bind pages carry the return address, too, and never lead off this site."""

import functools
from urllib.parse import unquote, urlencode

import pytest

from lib import nasty, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, BindPage, at_once, bound_site, crowd, store, stores, with_codes)
from lib.nasty import values_of
from lib.whatwg import Judge, Targets

PHONE = "13800138000"


@pytest.fixture
def binding(bound_site, sim):
    """A site where people bind by phone and code."""
    return bound_site(*with_codes(sim, NO_LIMITS), **sites.PATIENT)


def to_bind_page(visitor, judge, value, userid="zhangsan"):
    """Sign in for this return address, as far as the bind page."""
    begun = visitor.navigate("/dingtalk/login?return=" + nasty.encoded(value))
    moved = judge.take(value, visitor.come_back(visitor.scan(userid, begun.location)))
    assert moved.location == "/dingtalk/bind", (value, moved)
    return BindPage(visitor, judge.take(value, visitor.navigate(moved.location)))


def bind(page, sim, phone, script):
    """Do what the page asks for, with or without its script: where it leads."""
    if script:
        assert page.ask(phone)["ok"]
        return page.guess(sim.last_code("+86" + phone))["location"]
    assert page.submit("/code", phone=phone).status == 200
    form = page.markup.form("/verify")
    page.answer = page.browser.navigate(
        form["action"], "POST", headers={"Origin": page.browser.origin}, site="same-origin",
        body=urlencode(page.fields("/verify", code=sim.last_code("+86" + phone))).encode())
    assert page.answer.status == 303, page.answer
    return page.answer.location


def bind_all(values, httpd, sim, store, visit, judge):
    """Each value with a person and a phone of its own, by turns with script and without, many at
    once, since every code takes its second: [(value, where it leads)]."""
    people = crowd(sim, store, len(values))

    def one(number):
        value, (userid, _) = values[number], people[number]
        page = to_bind_page(visit(httpd), judge, value, userid)
        location = bind(page, sim, f"139{number:08}", script=number % 2)
        judge.take(value, page.answer)
        return value, location

    return at_once([functools.partial(one, number) for number in range(len(values))], clients=16)


def test_the_bind_page_never_links_off_the_site(binding, visit):
    """Its link says which return address the ticket carries."""
    judge = Judge(visit(binding))
    for value in values_of(judge.visitor):
        page = to_bind_page(visit(binding), judge, value)
        carried = unquote(page.markup.elements["sign-in"]["href"].partition("return=")[2])
        assert carried in nasty.faithful(value), (value, carried)
    judge.verdict(3000)


def test_binding_an_account_never_ends_off_the_site(binding, store, sim, visit):
    judge = Judge(visit(binding))
    values = values_of(judge.visitor, each=3)
    for value, location in bind_all(values, binding, sim, store, visit, judge):
        assert location in nasty.faithful(value), (value, location)
    judge.verdict(5 * len(values))


@pytest.mark.parametrize("field", ["country", "phone", "code", "csrf", "return"])
def test_no_field_of_the_bind_page_leads_off_the_site(binding, visit, field):
    visitor = visit(binding)
    judge = Judge(visitor)
    page = to_bind_page(visitor, judge, "/app/page.html")
    fields = {"csrf": page.csrf, "country": "86", "phone": PHONE, "code": "000000"}
    action = "verify" if field in ("code", "return") else "code"
    for value in values_of(visitor):
        body = "&".join(f"{k}={v}" for k, v in {**fields, field: nasty.encoded(value)}.items())
        judge.take(value, visitor.navigate(
            "/dingtalk/bind/" + action, "POST", body=body.encode(), site="same-origin",
            headers={"Origin": visitor.origin}))
    judge.verdict(500)


def post(visitor, action, value, **fields):
    """Send one of the forms, without script, to an address that has a return address, too."""
    return visitor.navigate(
        f"/dingtalk/bind/{action}?return={nasty.encoded(value)}", "POST", site="same-origin",
        headers={"Origin": visitor.origin}, body=urlencode(fields).encode())


def test_the_bind_pages_have_no_return_address_of_their_own(binding, visit):
    """Strangers and who is signed in go to the start, others where their ticket says."""
    judge = Judge(visit(binding))
    stranger, guest = visit(binding), visit(binding)
    page = to_bind_page(guest, judge, "/app/page.html")
    carried = page.markup.elements["sign-in"]["href"]
    for value in values_of(judge.visitor, each=8):
        query = f"/dingtalk/bind?return={nasty.encoded(value)}&return=/app/"
        again = judge.take(value, guest.navigate(query))
        assert carried == "/dingtalk/login?return=%2Fapp%2Fpage.html"
        assert carried in Targets(again.text).addresses, (value, again)
        for answer in (again, judge.take(value, post(guest, "code", value, csrf=page.csrf)),
                       judge.take(value, post(guest, "verify", value, csrf=page.csrf, code="1"))):
            assert answer.status == 400 or answer is again, (value, answer)
            assert carried in Targets(answer.text).addresses, (value, answer)
        for answer in (stranger.navigate(query), post(stranger, "code", value, csrf="x"),
                       post(stranger, "verify", value, csrf="x")):
            assert judge.take(value, answer).status == 400, (value, answer)
            assert Targets(answer.text).addresses == ["/dingtalk/login?return=%2F"], value
    judge.verdict(3000)


def test_binding_goes_where_the_ticket_says_whatever_stands_behind_the_pages(
        binding, store, sim, visit):
    judge = Judge(visit(binding))
    values = values_of(judge.visitor, each=1)
    people = crowd(sim, store, len(values))

    def one(number):
        value, phone = values[number], f"139{number:08}"
        visitor = visit(binding)
        page = to_bind_page(visitor, judge, "/app/page.html", people[number][0])
        query = f"?return={nasty.encoded(value)}"
        if number % 2:
            assert page.post("code" + query, phone=phone)["ok"]
            told = page.post("verify" + query, code=sim.last_code("+86" + phone))
            judge.take(value, page.answer)
            return value, told["location"], visitor
        asked = judge.take(value, post(visitor, "code", value, csrf=page.csrf, phone=phone))
        assert asked.status == 303 and asked.location == "/dingtalk/bind", (value, asked)
        ended = judge.take(value, post(visitor, "verify", value, csrf=page.csrf,
                                       code=sim.last_code("+86" + phone)))
        return value, ended.location, visitor

    jobs = [functools.partial(one, number) for number in range(len(values))]
    for value, location, visitor in at_once(jobs, clients=16):
        assert location == "/app/page.html", (value, location)
    again = judge.take(value, visitor.navigate("/dingtalk/bind?return=" + nasty.encoded("//x")))
    assert again.status == 303 and again.location == "/"
    judge.verdict(3 * len(values))


def test_a_good_address_survives_binding(binding, store, sim, visit):
    judge = Judge(visit(binding))
    values = nasty.GOOD + nasty.GOOD_UNICODE
    for value, location in bind_all(values, binding, sim, store, visit, judge):
        assert location == nasty.ascii_of(value)
    judge.verdict(5 * len(values))
