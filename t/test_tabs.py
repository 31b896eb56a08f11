# SPDX-License-Identifier: Apache-2.0
"""Several tabs, the back button, slow people and browsers that keep no cookies."""

import concurrent.futures
import threading
import time

import pytest

from lib import expect, site as sites


@pytest.fixture
def patient(serve, sim, clock):
    """The usual site, with its time in the hands of `clock`."""
    return serve(sites.protected(sim), fresh=True, clock=clock)


def test_four_tabs_opened_one_after_the_other_all_arrive(browser):
    pages = ["/app/", "/app/page.html", "/app/deep/page.html", "/app/data.txt"]
    tabs = [(browser.tab(), page) for page in pages]
    waiting = [(tab, page, tab.begin(page)) for tab, page in tabs]
    for tab, page, location in waiting:
        final = tab.follow(tab.come_back(tab.scan("zhangsan", location)))
        assert final.status == 200 and final.url.endswith(page), final


def test_four_tabs_finishing_in_reverse_order_all_arrive(browser):
    pages = ["/app/", "/app/page.html", "/app/deep/page.html", "/app/data.txt"]
    waiting = [(browser.tab(), page, browser.tab().begin(page)) for page in pages]
    for tab, page, location in reversed(waiting):
        final = tab.follow(tab.come_back(tab.scan("zhangsan", location)))
        assert final.status == 200 and final.url.endswith(page), final


def restore(browser, pages):
    """Open pages in tabs that all start before one of them has an answer: DingTalk's pages."""
    start = threading.Barrier(len(pages))

    def begin(page):
        start.wait()
        return browser.tab().navigate(page, cookies=False)

    with concurrent.futures.ThreadPoolExecutor(len(pages)) as pool:
        answers = list(pool.map(begin, pages))
    assert {answer.status for answer in answers} == {302}, answers
    return [answer.location for answer in answers]


def test_four_tabs_restored_at_the_same_instant_all_arrive(browser):
    pages = ["/app/", "/app/page.html", "/app/deep/page.html", "/app/data.txt"]
    locations = restore(browser, pages)
    assert len(browser.tickets) == 4

    def finish(job):
        page, location = job
        tab = browser.tab()
        return page, tab.follow(tab.come_back(tab.scan("zhangsan", location)))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for page, final in pool.map(finish, zip(pages, locations)):
            assert final.status == 200 and final.url.endswith(page), final


def test_sixty_tabs_restored_at_once_never_make_the_site_unreachable(browser):
    long = "x" * 650
    restore(browser, [f"/app/page.html?n={number}&{long}" for number in range(60)])
    assert 1 <= len(browser.tickets) <= 6
    assert len(browser.jar.header("http", browser.host, "/app/")) < 6500
    assert browser.navigate("/app/").status == 302
    final = browser.sign_in("zhangsan", "/app/page.html")
    assert final.status == 200 and final.url.endswith("/app/page.html"), final
    assert len(browser.tickets) <= 4


def test_each_tab_has_its_own_state(browser):
    states = {browser.begin().partition("state=")[2].partition("&")[0] for _ in range(4)}
    assert len(states) == 4


def test_a_callback_after_another_tab_signed_in_continues_to_its_own_page(browser):
    one, two = browser.tab(), browser.tab()
    first, second = one.begin("/app/"), two.begin("/app/page.html")
    one.follow(one.come_back(one.scan("zhangsan", first)))
    final = two.follow(two.come_back(two.scan("zhangsan", second)))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_the_back_button_on_a_used_callback_goes_to_the_page(browser, sim):
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    assert browser.follow(browser.come_back(callback)).status == 200
    calls = len(sim.calls())
    final = browser.follow(browser.come_back(callback))
    assert final.status == 200 and final.url.endswith("/app/page.html")
    assert len(sim.calls()) == calls


def test_the_back_button_after_logout_starts_the_sign_in_again(browser, sim):
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    browser.follow(browser.come_back(callback))
    browser.navigate("/dingtalk/logout", method="POST", body=b"", site="same-origin")
    answer = browser.follow(browser.come_back(callback))
    assert answer.status == 302 and answer.location.startswith(sim.login)
    final = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_reloading_a_used_callback_does_not_sign_in_a_second_time(site, browser, sim):
    """S-16: code and state are good once."""
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    before = browser.jar.copy()
    browser.come_back(callback)
    thief = browser.tab(jar=before)
    answer = thief.come_back(callback)
    assert thief.session is None
    assert answer.status in (302, 400), answer
    if answer.status == 400:
        expect.page(site, answer, 400)
    assert len(sim.calls("userAccessToken")) <= 2


@pytest.mark.parametrize("minutes", [11, 60, 600])
def test_a_page_left_open_starts_the_sign_in_again_for_the_same_page(
        patient, visit, sim, clock, minutes):
    browser = visit(patient)
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    clock.advance(minutes * 60)
    answer = browser.follow(browser.come_back(callback))
    assert answer.status == 302 and answer.location.startswith(sim.login), answer
    final = browser.follow(browser.come_back(browser.scan("zhangsan", answer.location)))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_nine_minutes_are_not_too_long(patient, visit, clock):
    browser = visit(patient)
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    clock.advance(9 * 60)
    assert browser.follow(browser.come_back(callback)).status == 200


def test_the_ticket_lifetime_is_what_was_configured(serve, sim, visit, clock):
    httpd = serve(sites.protected(sim, DingTalkTicketLifetime="30s"), fresh=True, clock=clock)
    browser = visit(httpd)
    callback = browser.scan("zhangsan", browser.begin())
    clock.advance(32)
    answer = browser.come_back(callback)
    assert answer.status == 302 and browser.session is None


def test_too_late_twice_in_a_row_is_an_answer_not_an_endless_round(patient, visit, clock):
    browser = visit(patient)
    location = browser.begin("/app/page.html")
    for _ in range(2):
        callback = browser.scan("zhangsan", location)
        clock.advance(660)
        answer = browser.follow(browser.come_back(callback))
        location = answer.location
    expect.page(patient, answer, 400)


def test_an_expired_callback_of_somebody_signed_in_meanwhile_goes_to_its_page(
        patient, visit, clock):
    one = visit(patient)
    callback = one.scan("zhangsan", one.begin("/app/page.html"))
    clock.advance(660)
    one.tab().sign_in("zhangsan")
    final = one.follow(one.come_back(callback))
    assert final.status == 200 and final.url.endswith("/app/page.html")


def test_signing_in_once_an_hour_is_no_loop(patient, visit, clock):
    browser = visit(patient)
    for _ in range(6):
        assert browser.sign_in().status == 200
        browser.jar.drop("dingtalk")
        clock.advance(hours=1)


def test_a_late_callback_of_a_browser_that_forgot_its_ticket_is_not_a_loop(site, browser):
    callback = browser.scan("zhangsan", browser.begin())
    browser.jar.clear()
    expect.page(site, browser.come_back(callback), 400)
    assert browser.session is None


def test_a_late_callback_of_a_signed_in_browser_without_its_ticket_goes_on(browser):
    callback = browser.scan("zhangsan", browser.begin("/app/page.html"))
    browser.sign_in("zhangsan")
    for cookie in browser.tickets:
        browser.jar.drop(cookie.name)
    answer = browser.come_back(callback)
    assert answer.status == 303, answer
    assert browser.follow(answer).status in (200, 404)


def test_fifty_navigations_leave_at_most_four_tickets(browser):
    for number in range(50):
        browser.begin(f"/app/page.html?n={number}")
    assert 1 <= len(browser.tickets) <= 4
    header = browser.jar.header("http", browser.host, "/app/")
    assert len(header) < 4096


def test_the_newest_tickets_are_the_ones_kept(browser):
    locations = []
    for number in range(10):
        locations.append(browser.begin(f"/app/page.html?n={number}"))
        time.sleep(0.003)  # faster than that there is no order
    for number in (9, 8, 7):
        tab = browser.tab()
        final = tab.follow(tab.come_back(tab.scan("zhangsan", locations[number])))
        assert final.status == 200 and final.url.endswith(f"n={number}"), final


def test_a_very_long_address_still_signs_in(browser):
    final = browser.sign_in("zhangsan", "/app/page.html?" + "x" * 6000)
    assert final.status == 200
    assert "/app/page.html" in final.url


def test_a_browser_that_refuses_the_session_cookie_is_told_after_three_rounds(site, browser):
    location = browser.begin()
    for rounds in range(1, 6):
        answer = browser.come_back(browser.scan("zhangsan", location))
        browser.jar.drop("dingtalk")
        if answer.status == 303:
            answer = browser.navigate(answer.location, site="cross-site")
        if answer.status != 302:
            break
        location = answer.location
    expect.page(site, answer, 400, "Cookie|cookie")
    assert rounds == 3


def test_a_browser_without_any_cookies_gets_a_page_not_a_loop(site, browser):
    callback = browser.scan("zhangsan", browser.begin())
    browser.jar.clear()
    expect.page(site, browser.come_back(callback), 400, "Cookie|cookie")


def test_signing_in_three_times_on_purpose_is_no_loop(browser):
    for _ in range(3):
        assert browser.sign_in().status == 200
        browser.navigate("/dingtalk/logout", method="POST", body=b"", site="same-origin")
        assert browser.session is None


def test_state_of_another_browser_is_refused(site, sim, browser, visit):
    """S-41: a callback belongs to the browser that began it."""
    callback = browser.scan("zhangsan", browser.begin())
    victim = visit(site)
    expect.page(site, victim.come_back(callback), 400)
    assert victim.session is None


def test_state_of_another_browser_is_refused_while_a_sign_in_is_open(site, browser, visit):
    callback = browser.scan("lisi", browser.begin())
    victim = visit(site)
    victim.begin()
    expect.page(site, victim.come_back(callback), 400)
    assert victim.session is None


@pytest.mark.parametrize("state", [None, "", "authState", "0" * 22, "x" * 3000, "%00", "%0d%0a"])
def test_a_state_that_nobody_was_given_is_refused(site, browser, state):
    browser.begin()
    callback = browser.scan("zhangsan", browser.begin())
    head, _, _ = callback.partition("state=")
    url = head + ("" if state is None else f"state={state}")
    expect.page(site, browser.come_back(url.rstrip("&?")), 400)
    assert browser.session is None
