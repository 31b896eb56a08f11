# SPDX-License-Identifier: Apache-2.0
"""S-05, S-20: where the links, buttons, refreshes and the script of our pages lead a real Chromium.

Most are followed in frames, many at a time; some of each class as a person does it.
"""

import functools

import pytest

from lib import nasty, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    NO_LIMITS, BindPage, at_once, bound_site, crowd, store, stores, with_codes)
from lib.chromium import By, wait
from lib.nasty import encoded, values_of
from lib.trap import (  # noqa: F401  (fixtures)
    COOKIES, PUBLIC, caught, end, go, go_all, led, naive, no_endpoints, portal, sign_in, trap)
from lib.whatwg import resolve


def addresses(origin, values):
    """(value, address) of those that a browser takes for paths of this site, as it writes them."""
    whole = resolve(origin, [origin + value for value in values])
    return [(value, address) for value, (where, address) in zip(values, whole)
            if where == origin and not address.startswith(origin + "/dingtalk/")]


@pytest.fixture
def elsewhere(naive):
    """The naive server as another site: ports make none, names do."""
    return naive.replace("127.0.0.1", "localhost")


def leave(driver, elsewhere, address):
    """Follow a link of another site to this address."""
    go(driver, f"{elsewhere}/leave?{encoded(address)}")
    wait(driver, lambda d: not d.current_url.startswith(elsewhere))


def begun(visitor, sim, url, **choices):
    """A sign-in that Chromium ends: its cookie, and the address that DingTalk sends to. Or None."""
    answer = visitor.navigate(url)
    if answer.status != 302:
        return None
    ticket, = visitor.tickets
    return f"{ticket.name}={ticket.value}", visitor.scan("zhangsan", answer.location, **choices)


# -- the address that was asked for ----------------------------------------------------------------

def test_the_path_that_was_asked_for_is_where_chromium_ends(serve, sim, visit, caught, trap):
    """On a site whose root is protected, too."""
    httpd = serve(sites.protected(
        sim, PUBLIC, COOKIES, sites.location("/open", "AuthType None", require="all granted"),
        path="/"))
    httpd.allow_log(r"DT\d+:", r"AH\d+:")
    origin = httpd.origin
    driver = caught(origin, sim.login)
    ways = []
    for value, address in addresses(origin, values_of(visit(httpd), each=4)):
        way = begun(visit(httpd), sim, address.removeprefix(origin))
        if way:
            ways.append((value, *way))
    assert len(ways) > 60
    ends = go_all(driver, origin, ways)
    assert not [where for where in ends if "/dingtalk/" in where]
    assert led(origin, ends) > 20
    for value, address in addresses(origin, values_of(visit(httpd), each=1)):
        driver.delete_all_cookies()
        if go(driver, address).startswith(sim.login):
            go(driver, sim.scan("zhangsan", driver.current_url))
        end(driver, value, origin)
    assert trap.hits == []


def is_there(driver):
    """Whether this is the last page: nothing of it asks for another."""
    refreshes = driver.find_elements(By.CSS_SELECTOR, "meta[http-equiv=refresh]")
    return not refreshes and driver.execute_script("return document.readyState") == "complete"


def test_the_page_that_asks_for_itself_once_more_stays_here(
        serve, sim, visit, caught, trap, elsewhere):
    """Chromium holds a Strict cookie back when another site leads here, and sends it after that."""
    httpd = serve(sites.protected(sim, PUBLIC, "DingTalkCookieSameSite Strict", path="/"))
    httpd.allow_log(r"DT\d+:", r"AH\d+:")
    driver = caught(httpd.origin, sim.login, elsewhere)
    sign_in(driver, sim, httpd.origin, "/app/")
    wait(driver, is_there)
    asked = 0
    for value, address in addresses(httpd.origin, values_of(visit(httpd), each=1)):
        asked += 1
        leave(driver, elsewhere, address)
        wait(driver, is_there)
        end(driver, value, httpd.origin)
    again = [line for line in httpd.log.lines() if "one_moment" in line]
    assert 10 < len(again) <= asked + 2, (len(again), asked)
    assert trap.hits == []


# -- logout ----------------------------------------------------------------------------------------

def test_the_button_of_the_logout_page_leads_nowhere_else(portal, caught, trap, elsewhere):
    driver = caught(portal.origin, elsewhere)
    values = no_endpoints(values_of(portal, each=3))
    pages = [f"{portal.origin}/dingtalk/logout?return={encoded(value)}" for value in values]
    ends = go_all(driver, portal.origin, [
        (value, "", f"{elsewhere}/go?{encoded(page)}") for value, page in zip(values, pages)],
        "press")
    assert not [where for where in ends if "/dingtalk/" in where]
    assert led(portal.origin, ends) > len(values) / 10
    for value, page in list(zip(values, pages))[::25]:
        leave(driver, elsewhere, page)
        wait(driver, lambda d: d.find_element(By.CSS_SELECTOR, "form button")).click()
        wait(driver, lambda d: "/dingtalk/logout" not in d.current_url)
        end(driver, value, portal.origin)
    assert trap.hits == []


# -- who does not get in ---------------------------------------------------------------------------

def test_the_links_for_who_cancelled_lead_nowhere_else(portal, sim, visit, caught, trap):
    """To a sign-in; and for whoever is signed in, on to the page."""
    driver = caught(portal.origin, sim.login)
    values = no_endpoints(values_of(portal, each=3))
    ways = [(value, *begun(visit(portal.httpd), sim, "/dingtalk/login?return=" + encoded(value),
                           deny=True)) for value in values]
    links = go_all(driver, portal.origin, ways, "link")
    assert {link.partition("=")[0] for link in links} == {portal.origin + "/dingtalk/login?return"}
    driver.delete_all_cookies()
    sign_in(driver, sim, portal.origin, "/app/")
    ends = go_all(driver, portal.origin, [(value, "", link) for value, link in zip(values, links)])
    links = go_all(driver, portal.origin, ways, "link")
    assert not [link for link in links if "/dingtalk/" in link]
    assert min(led(portal.origin, ends), led(portal.origin, links)) > len(values) / 10
    assert trap.hits == []


def test_who_cancelled_and_tries_again_ends_here(portal, sim, caught, trap):
    driver = caught(portal.origin, sim.login)
    for value in no_endpoints(values_of(portal, each=1)):
        driver.delete_all_cookies()
        sign_in(driver, sim, portal.origin, value, deny=True)
        wait(driver, lambda d: d.find_elements(By.CSS_SELECTOR, "a.button"))[0].click()
        wait(driver, lambda d: d.current_url.startswith(sim.login))
        go(driver, sim.scan("zhangsan", driver.current_url))
        end(driver, value, portal.origin)
    assert trap.hits == []


# -- the bind page ---------------------------------------------------------------------------------

@pytest.fixture
def binding(bound_site, sim, visit):
    """A visitor of a site where people bind by phone and code."""
    return visit(bound_site(*with_codes(sim, NO_LIMITS), PUBLIC, COOKIES))


def to_code(visitor, sim, value, userid, phone):
    """As far as the code on the bind page: the cookie for Chromium, the page, and the code."""
    begun = visitor.navigate("/dingtalk/login?return=" + encoded(value))
    visitor.come_back(visitor.scan(userid, begun.location))
    page = BindPage(visitor, visitor.navigate("/dingtalk/bind"))
    assert page.ask(phone)["ok"]
    cookie = visitor.jar.find("dingtalk-bind")
    return (f"{cookie.name}={cookie.value}", visitor.origin + "/dingtalk/bind",
            sim.last_code("+86" + phone))


@pytest.mark.parametrize("how", ["bind", "plain"], ids=["with its script", "without script"])
def test_the_bind_page_goes_nowhere_else(binding, store, sim, visit, caught, trap, how):
    """To the `location` that its script is told, or where the answer to its form says."""
    driver = caught(binding.origin, sim.login)
    values = no_endpoints(values_of(binding, each=2))
    people = crowd(sim, store, len(values))
    jobs = [functools.partial(to_code, visit(binding.httpd), sim, value, userid, f"139{number:08}")
            for number, (value, (userid, _)) in enumerate(zip(values, people))]
    ways = [(value, *way) for value, way in zip(values, at_once(jobs, clients=16))]
    ends = go_all(driver, binding.origin, ways, how)
    assert not [where for where in ends if "/dingtalk/" in where]
    assert led(binding.origin, ends) > 5
    assert len(store.bindings()) == len(values)
    assert trap.hits == []


BIND = ("//" + nasty.EVIL, "/\\" + nasty.EVIL, "javascript:alert(1)", "/%252f" + nasty.EVIL,
        "/app/\"><script>alert(1)</script>", "/app/张三?q=1#end")


def test_the_script_of_the_bind_page_goes_nowhere_else(
        binding, store, sim, caught, trap):
    driver = caught(binding.origin, sim.login)
    for number, (value, (userid, _)) in enumerate(zip(BIND, crowd(sim, store, len(BIND)))):
        sign_in(driver, sim, binding.origin, value, userid)
        phone = f"139{number:08}"
        wait(driver, lambda d: d.find_element(By.ID, "phone")).send_keys(phone)
        driver.find_element(By.ID, "send").click()
        wait(driver, lambda d: d.find_element(By.ID, "code").is_displayed())
        driver.find_element(By.ID, "code").send_keys(sim.last_code("+86" + phone))
        driver.find_element(By.CSS_SELECTOR, "#code-form button").click()
        wait(driver, lambda d: "/dingtalk/bind" not in d.current_url)
        where = end(driver, value, binding.origin)
        assert where.removeprefix(binding.origin) in nasty.faithful(value) | {
            "/app/%22%3E%3Cscript%3Ealert(1)%3C/script%3E"}
        driver.delete_all_cookies()
    assert trap.hits == []
