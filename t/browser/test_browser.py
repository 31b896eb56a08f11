# SPDX-License-Identifier: Apache-2.0
"""A real Chromium: it opens the page, somebody scans in the simulator, it reads the page."""

import json
import urllib.parse

import pytest

from lib import site as sites
from lib.chromium import (  # noqa: F401  (fixture)
    By, at, chromium, chromiums, cookies, scan, shows, text, wait)


@pytest.fixture
def portal(serve, sim, backend):
    """Pages from files and from the sample application."""
    config = "\n".join([
        sites.application(sim), sites.location("/app"),
        sites.location("/whoami", "DingTalkExport headers"),
        f'ProxyPass "/whoami" "{backend.url}/whoami"', "UseCanonicalName Off"])
    return serve(config, modules=("proxy", "proxy_http"))


@pytest.mark.smoke
def test_a_person_opens_the_page_scans_and_reads_it(portal, sim, chromium, tmp_path):
    driver = chromium()
    driver.get(portal.origin + "/app/page.html?from=chat")
    assert driver.current_url.startswith(sim.login + "/oauth2/auth")
    driver.save_screenshot(str(tmp_path / "scan.png"))
    scan(driver, "zhangsan")
    at(driver, portal.origin + "/app/page.html?from=chat")
    assert sites.CANARY in text(driver)
    driver.save_screenshot(str(tmp_path / "page.png"))
    assert "dingtalk" in cookies(driver)
    assert driver.execute_script("return document.cookie") == ""


def test_a_strict_cookie_lets_people_in_although_dingtalk_is_another_site(serve, sim, chromium):
    """Chromium holds a Strict cookie back on the way from another site: localhost is one."""
    portal = serve(sites.protected(sim, "DingTalkCookieSameSite Strict"), names=("localhost",))
    driver = chromium()
    driver.get(portal.origin + "/app/page.html")
    scan(driver, "zhangsan")
    at(driver, portal.origin + "/app/page.html")
    wait(driver, lambda d: sites.CANARY in text(d))


@pytest.mark.smoke
def test_the_application_greets_the_person_by_name(portal, chromium, tmp_path):
    driver = chromium()
    driver.get(portal.origin + "/whoami")
    scan(driver, "zhangsan")
    shows(driver, portal, "张三")
    driver.save_screenshot(str(tmp_path / "whoami.png"))


def test_four_tabs_sign_in_one_after_the_other(portal, chromium):
    driver = chromium()
    pages = ["/app/", "/app/page.html", "/app/deep/page.html", "/app/data.txt"]
    handles = []
    for page in pages:
        if handles:
            driver.switch_to.new_window("tab")
        handles.append(driver.current_window_handle)
        driver.get(portal.origin + page)
    for handle, page in zip(reversed(handles), reversed(pages)):
        driver.switch_to.window(handle)
        scan(driver, "zhangsan")
        at(driver, portal.origin + page)
        assert sites.CANARY in text(driver)
    assert "dingtalk" in cookies(driver) and len(cookies(driver)) <= 5


def test_the_back_button_after_the_sign_in_is_harmless(portal, sim, chromium):
    driver = chromium()
    driver.get(portal.origin + "/open/")
    driver.get(portal.origin + "/app/page.html")
    scan(driver, "zhangsan")
    at(driver, portal.origin + "/app/page.html")
    driver.back()
    wait(driver, lambda d: d.current_url.startswith((sim.login, portal.origin)))
    if driver.current_url.startswith(sim.login):  # DingTalk's page again: scan again
        scan(driver, "zhangsan")
        wait(driver, lambda d: d.current_url.startswith(portal.origin))
    assert "DT" not in text(driver)
    driver.get(portal.origin + "/app/page.html")
    assert sites.CANARY in text(driver)


def test_reloading_the_callback_goes_to_the_page(portal, sim, chromium, visit):
    driver = chromium()
    driver.get(portal.origin + "/app/page.html")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(driver.current_url).query))
    callback = sim.scan("zhangsan", driver.current_url)
    for _ in range(2):
        driver.get(callback)
        at(driver, portal.origin + "/app/page.html")
    assert query["state"] in callback


def test_a_refused_person_reads_why_in_chinese(portal, sim, chromium, tmp_path):
    driver = chromium("zh-CN")
    driver.get(portal.origin + "/app/")
    scan(driver, sim.cast("not_active"))
    shows(driver, portal, "激活")
    driver.save_screenshot(str(tmp_path / "refused-zh.png"))
    assert driver.execute_script("return document.documentElement.lang").startswith("zh")
    assert "dingtalk" not in cookies(driver)
    portal.expect_log("not_active")


def test_a_refused_person_reads_why_in_english(portal, sim, chromium, tmp_path):
    driver = chromium("en-GB")
    driver.get(portal.origin + "/app/")
    scan(driver, sim.cast("external"))
    shows(driver, portal, "xternal")
    driver.save_screenshot(str(tmp_path / "refused-en.png"))
    portal.expect_log("external")


def test_the_page_obeys_its_own_content_security_policy(portal, sim, chromium):
    driver = chromium()
    driver.get(portal.origin + "/dingtalk/callback")
    portal.expect_log(r"DT\d+:")
    broken = [entry for entry in driver.get_log("browser")
              if "Content Security Policy" in entry["message"]]
    assert not broken, broken
    assert driver.execute_script(
        "return getComputedStyle(document.body).fontFamily") not in ("", '"Times New Roman"')


def test_a_person_who_cancels_is_told_so_and_may_start_again(portal, chromium):
    driver = chromium()
    driver.get(portal.origin + "/app/page.html")
    wait(driver, lambda d: d.find_elements(By.ID, "deny"))
    driver.find_element(By.ID, "deny").click()
    wait(driver, lambda d: d.current_url.startswith(portal.origin))
    portal.expect_log(r"DT\d+:")
    links = [a for a in driver.find_elements(By.TAG_NAME, "a")
             if "/dingtalk/login" in (a.get_attribute("href") or "")]
    assert links, driver.page_source
    links[0].click()
    scan(driver, "zhangsan")
    wait(driver, lambda d: d.current_url.startswith(portal.origin))
    assert "dingtalk" in cookies(driver)


def test_a_script_of_a_signed_out_page_gets_json_and_the_page_may_go_there(portal, sim, chromium):
    driver = chromium()
    driver.get(portal.origin + "/open/")
    told = driver.execute_async_script(
        "const done = arguments[0]; fetch('/app/data.txt').then(async r => "
        "done(JSON.stringify([r.status, await r.json()])))")
    status, answer = json.loads(told)
    assert status == 401 and answer["error"] == "login_required"
    driver.get(answer["login_url"])
    assert driver.current_url.startswith(sim.login)


def test_signing_out_by_the_button(portal, sim, chromium, tmp_path):
    driver = chromium()
    driver.get(portal.origin + "/app/")
    scan(driver, "zhangsan")
    at(driver, portal.origin + "/app/")
    driver.execute_script("location.href = '/dingtalk/logout?return=/open/'")
    at(driver, portal.origin + "/open/")
    assert "dingtalk" not in cookies(driver)
    driver.get(portal.origin + "/app/")
    assert driver.current_url.startswith(sim.login)


def test_a_page_inside_a_frame_offers_a_link_instead_of_a_dead_frame(portal, chromium):
    driver = chromium()
    driver.get(portal.origin + "/open/")
    driver.execute_script(
        "const f = document.createElement('iframe'); f.src = '/app/page.html';"
        "document.body.append(f)")
    wait(driver, lambda d: d.find_elements(By.TAG_NAME, "iframe"))
    assert sites.CANARY not in driver.page_source
    assert [name for name in cookies(driver) if "ticket" in name] == []
