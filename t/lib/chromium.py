# SPDX-License-Identifier: Apache-2.0
"""Chromium for tests: starting it, and what one does in it all the time."""

import shutil
import tempfile

import pytest

if not shutil.which("chromium"):  # Ubuntu has it as a snap only
    pytest.skip("no Chromium here: tools/install-packages.sh test", allow_module_level=True)

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import (  # noqa: E402
    NoSuchElementException, StaleElementReferenceException)
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402, F401
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage", "--no-proxy-server", "--window-size=1000,800")


def start_chromium(language, folder):
    """A Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in (*OPTIONS, f"--user-data-dir={folder}", f"--lang={language}"):
        options.add_argument(option)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def forget(driver):
    """As if it had just been started: a new tab, and neither cookies nor pages of before."""
    old = driver.window_handles
    driver.switch_to.new_window("tab")
    new = driver.current_window_handle
    for handle in old:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(new)
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get_log("browser")


class Chromiums:
    """Those of a test file: a start costs two seconds of a processor."""

    def __init__(self):
        self.idle = {}     # language: drivers
        self.folders = {}  # driver: its profile

    def take(self, language):
        """One that remembers nothing."""
        idle = self.idle.setdefault(language, [])
        if idle:
            driver = idle.pop()
            forget(driver)
            return driver
        folder = tempfile.mkdtemp(prefix="dt-chromium-")
        driver = start_chromium(language, folder)
        driver.set_page_load_timeout(20)
        self.folders[driver] = folder
        return driver

    def end(self):
        """End all."""
        for driver, folder in self.folders.items():
            driver.quit()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def chromiums():
    """All of this test file."""
    chromiums = Chromiums()
    yield chromiums
    chromiums.end()


@pytest.fixture
def chromium(chromiums, tmp_path):
    """chromium(language) gives one that is as new; of all a picture is left behind."""
    running = []

    def start(language="zh-CN"):
        running.append((language, chromiums.take(language)))
        return running[-1][1]

    yield start
    for number, (language, driver) in enumerate(running):
        driver.save_screenshot(str(tmp_path / f"last-{number}.png"))
        chromiums.idle[language].append(driver)


def wait(driver, condition, seconds=30):
    """Wait until the condition holds; a page that goes away while it is looked at is no error."""
    return WebDriverWait(driver, seconds, poll_frequency=0.05, ignored_exceptions=(
        StaleElementReferenceException, NoSuchElementException)).until(condition)


def scan(driver, userid):
    """Click the person on the simulator's page."""
    wait(driver, lambda d: d.find_elements(By.ID, f"scan-{userid}"))
    driver.find_element(By.ID, f"scan-{userid}").click()


def at(driver, url):
    """Wait until the browser is at this address."""
    wait(driver, lambda d: d.current_url == url)


def text(driver):
    """What the page shows."""
    return driver.find_element(By.TAG_NAME, "body").text


def shows(driver, portal, word):
    """Wait until a page of the portal shows this word."""
    wait(driver, lambda d: d.current_url.startswith(portal.origin) and word in text(d))


def cookies(driver):
    """The names of cookies, also of those no script can see."""
    return [cookie["name"] for cookie in driver.get_cookies()]


def size(driver, width, height):
    """Make the window's inside exactly so large; a narrow one is a phone's."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})


def scheme(driver, name):
    """Let the person like it "light" or "dark"."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": name}]})


def without_script(driver):
    """From now on no page runs a script."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})


def focused(driver):
    """The id of the element with the focus."""
    return driver.switch_to.active_element.get_attribute("id")
