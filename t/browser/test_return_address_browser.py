# SPDX-License-Identifier: Apache-2.0
"""S-05, S-20: where a real Chromium goes with a hostile return address: nowhere but this site.

These are redirects; test_return_address_pages_browser.py has what pages lead to.
"""

from urllib.parse import unquote, urlsplit

import pytest

from lib import nasty
from lib.nasty import values_of
from lib.trap import (  # noqa: F401  (fixtures)
    caught, end, go, go_all, led, naive, no_endpoints, portal, sign_in, trap)
from lib.whatwg import NODE, resolve


@pytest.mark.skipif(not NODE.program, reason="no node here: tools/install-packages.sh test")
def test_the_trap_catches_who_is_led_astray_and_the_url_parser_foretells_it(caught, trap, naive):
    """Without this, an empty trap would prove nothing."""
    driver = caught(naive)
    where = urlsplit(naive)
    values = nasty.in_one_line(nasty.sample(where.hostname, where.port, 2))
    fallen = 0
    for value, (origin, whole) in zip(values, resolve(naive + "/go", values)):
        if not origin.startswith(("http:", "https:")) or whole.startswith(naive + "/go"):
            continue
        before = len(trap.hits)
        went = go(driver, f"{naive}/go?{nasty.encoded(value)}")
        assert (len(trap.hits) > before) == (origin != naive), (value, origin, went)
        fallen += len(trap.hits) > before
    assert fallen >= 15


# -- redirects -------------------------------------------------------------------------------------

def test_login_of_a_signed_in_visitor_ends_here_whatever_the_return_address(
        portal, sim, caught, trap):
    driver = caught(portal.origin, sim.login)
    sign_in(driver, sim, portal.origin, "/app/")
    login = portal.origin + "/dingtalk/login?return="
    go_all(driver, portal.origin, [
        (value, "", login + nasty.encoded(value)) for value in no_endpoints(values_of(portal))])
    go_all(driver, portal.origin, [
        (value, "", login + nasty.raw(value)) for value in no_endpoints(values_of(portal, each=6))])
    for value in no_endpoints(values_of(portal, each=1)):
        go(driver, login + nasty.encoded(value))
        end(driver, value, portal.origin)
    assert trap.hits == []


def test_logout_ends_here_whatever_the_return_address(portal, caught, trap):
    driver = caught(portal.origin)
    logout = portal.origin + "/dingtalk/logout?return="
    go_all(driver, portal.origin, [
        (value, "", logout + nasty.raw(value))
        for value in no_endpoints(values_of(portal, each=8))])
    for value in no_endpoints(values_of(portal, each=1)):
        go(driver, logout + nasty.encoded(value))
        end(driver, value, portal.origin)
    assert trap.hits == []


def test_a_whole_sign_in_ends_here_whatever_the_return_address(portal, sim, visit, caught, trap):
    """Most of them are begun outside; Chromium comes back from DingTalk's page with the ticket."""
    driver = caught(portal.origin, sim.login)
    ways = []
    for value in no_endpoints(values_of(portal, each=8)):
        visitor = visit(portal.httpd)
        begun = visitor.navigate("/dingtalk/login?return=" + nasty.encoded(value))
        ticket, = visitor.tickets
        ways.append((value, f"{ticket.name}={ticket.value}",
                     visitor.scan("zhangsan", begun.location)))
    ends = go_all(driver, portal.origin, ways)
    assert not [where for where in ends if "/dingtalk/" in where]
    assert led(portal.origin, ends) > len(ways) / 10
    for value in no_endpoints(values_of(portal, each=1)):
        driver.delete_all_cookies()
        sign_in(driver, sim, portal.origin, value)
        end(driver, value, portal.origin)
    assert trap.hits == []


def test_good_addresses_are_where_chromium_ends(portal, sim, caught, trap):
    driver = caught(portal.origin, sim.login)
    sign_in(driver, sim, portal.origin, "/app/")
    values = [value for value in nasty.GOOD + nasty.GOOD_UNICODE if value != "/app?"]  # a folder
    ends = go_all(driver, portal.origin, [
        (value, "", f"{portal.origin}/dingtalk/login?return={nasty.encoded(value)}")
        for value in values])
    for value, where, (_, whole) in zip(values, ends, resolve(portal.origin, values)):
        assert unquote(where) == unquote(whole), value  # they differ in the bar of /a|b
    assert trap.hits == []
