# SPDX-License-Identifier: Apache-2.0
"""S-05, S-20: where a real Chromium goes with a hostile return address: nowhere but this site.

To this Chromium every other host there is, and every other port, is a trap that notes who comes.
"""

import http.server
import re
import shutil
import socketserver
import tempfile
import threading
from urllib.parse import unquote, urlsplit

import pytest

from lib import nasty, site as sites
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, crowd, store, stores, with_codes)
from lib.chromium import OPTIONS, By, Service, wait, webdriver
from lib.nasty import values_of
from lib.whatwg import NODE, resolve
from selenium.common.exceptions import WebDriverException

PUBLIC = "DingTalkPublicURL http://127.0.0.1:@PORT@"
# Whom Chromium asks for news of its own accord: its makers. No value has a host with such an end.
MAKERS = re.compile(rb"[a-z0-9]\.(com|net|org)")


# -- the trap, and a server that falls into it -----------------------------------------------------

class Trap(socketserver.ThreadingTCPServer):
    """Takes the place of all other hosts; `hits` has what each visitor said first."""

    daemon_threads = True
    request_queue_size = 100

    class Visit(socketserver.StreamRequestHandler):
        """One connection, with or without TLS.

        Whoever is led here says something at once. One that ends without a word is Chromium's own,
        made ahead of time to its makers, who cannot be told from others by it.
        """

        timeout = 5

        def handle(self):
            """Note it, and be a page."""
            try:
                head = self.request.recv(4096)
            except OSError:
                head = b""
            if head and not MAKERS.search(head):
                self.server.hits.append(head)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n"
                             b"Connection: close\r\n\r\ntrap")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Visit)
        self.hits = []

    def handle_error(self, request, client_address):
        """Who came may go again at any time."""


class Naive(http.server.BaseHTTPRequestHandler):
    """Redirects to whatever it is told, as it is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """/go?value redirects; everything else is an empty page."""
        data = nasty.meant(self.path.partition("?")[2])
        self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: " + data + b"\r\n"
                         if self.path.startswith("/go?") else b"HTTP/1.1 200 OK\r\n")
        self.wfile.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_):
        """Nothing to say."""


def serving(server):
    """The server, answering until its block ends."""
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def trap():
    """A trap, nobody in it yet."""
    with Trap() as server:
        yield serving(server)
        server.shutdown()


@pytest.fixture
def naive():
    """The origin of a server that believes everything."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Naive) as server:
        yield f"http://127.0.0.1:{serving(server).server_port}"
        server.shutdown()


@pytest.fixture
def caught(trap):
    """caught(*origins) starts a Chromium to which everything beside these origins is the trap."""
    running = []

    def start(*origins):
        known = [f"MAP {urlsplit(origin).netloc} {urlsplit(origin).netloc}" for origin in origins]
        rules = ", ".join([*known, f"MAP * 127.0.0.1:{trap.server_address[1]}"])
        folder = tempfile.mkdtemp(prefix="dt-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in (*OPTIONS, f"--user-data-dir={folder}", f"--host-resolver-rules={rules}",
                       "--disable-features=HttpsUpgrades", "--lang=en-GB"):
            options.add_argument(option)
        driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        driver.set_page_load_timeout(20)
        running.append((driver, folder))
        return driver

    yield start
    for driver, folder in running:
        driver.quit()
        shutil.rmtree(folder, ignore_errors=True)


# -- going there -----------------------------------------------------------------------------------

# Each [cookie, address] in a frame of its own, some at a time: where it ends, "" when a script of
# this site may not know.
FRAMES = """
const [list, done] = arguments, ends = [];
let next = 0;
const one = () => new Promise((ready) => {
  const number = next++, [cookie, address] = list[number];
  const frame = document.createElement('iframe');
  if (cookie) document.cookie = cookie + '; path=/';
  frame.onload = () => {
    try { ends[number] = frame.contentWindow.location.href; } catch { ends[number] = ''; }
    frame.remove();
    ready();
  };
  frame.src = address;
  document.body.append(frame);
});
const worker = async () => { while (next < list.length) await one(); };
Promise.all([worker(), worker(), worker()]).then(() => done(ends));
"""
AT_ONCE = 50


def go(driver, address):
    """Open the address: where Chromium ends."""
    try:
        driver.get(address)
    except WebDriverException as failure:  # an address that cannot be reached is one nevertheless
        return f"nowhere: {failure.msg}"
    return driver.current_url


def go_all(driver, origin, ways):
    """Go all ways, [(value, cookie, address)], in frames of a page of this site: where they end,
    which is here."""
    seen = []
    driver.set_script_timeout(120)
    go(driver, origin + "/open/")
    for first in range(0, len(ways), AT_ONCE):
        some = ways[first:first + AT_ONCE]
        ends = driver.execute_async_script(FRAMES, [way[1:] for way in some])
        for (value, _, address), where in zip(some, ends):
            assert where.startswith(origin + "/"), f"{value!r}: {address} leads to {where!r}"
        seen += ends
    return seen


def no_endpoints(values):
    """Those that are not our own endpoints: these move the browser once more, to DingTalk too."""
    return [value for value in values if not value.startswith("/dingtalk/")]


def end(driver, value, origin):
    """Whoever went for this value is on this site."""
    where = driver.current_url
    assert (where + "/").startswith(origin + "/"), f"{value!r} leads to {where}"
    return where


def begin(driver, sim, origin, value):
    """Begin a sign-in for this return address, as far as DingTalk's page."""
    go(driver, f"{origin}/dingtalk/login?return={nasty.encoded(value)}")
    assert driver.current_url.startswith(sim.login), driver.current_url


def sign_in(driver, sim, origin, value, who="zhangsan", **choices):
    """The whole way for this return address, as far as the page the callback leads to."""
    begin(driver, sim, origin, value)
    go(driver, sim.scan(who, driver.current_url, **choices))


@pytest.fixture
def portal(serve, sim, visit):
    """The usual site, as a visitor of whom only the origin is of interest."""
    httpd = serve(sites.protected(sim, PUBLIC))
    httpd.allow_log(r"DT\d+:", r"AH\d+:")
    return visit(httpd)


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
        (value, "", login + text) for value in no_endpoints(values_of(portal))
        for text in dict.fromkeys([nasty.encoded(value), nasty.raw(value)])])
    for value in no_endpoints(values_of(portal, each=1)):
        go(driver, login + nasty.encoded(value))
        end(driver, value, portal.origin)
    assert trap.hits == []


def test_logout_ends_here_whatever_the_return_address(portal, caught, trap):
    driver = caught(portal.origin)
    logout = portal.origin + "/dingtalk/logout?return="
    go_all(driver, portal.origin, [
        (value, "", logout + nasty.raw(value))
        for value in no_endpoints(values_of(portal))])
    for value in no_endpoints(values_of(portal, each=1)):
        go(driver, logout + nasty.encoded(value))
        end(driver, value, portal.origin)
    assert trap.hits == []


def test_a_whole_sign_in_ends_here_whatever_the_return_address(portal, sim, visit, caught, trap):
    """Most of them are begun outside; Chromium comes back from DingTalk's page with the ticket."""
    driver = caught(portal.origin, sim.login)
    ways = []
    for value in no_endpoints(values_of(portal)):
        visitor = visit(portal.httpd)
        begun = visitor.navigate("/dingtalk/login?return=" + nasty.encoded(value))
        ticket, = visitor.tickets
        ways.append((value, f"{ticket.name}={ticket.value}",
                     visitor.scan("zhangsan", begun.location)))
    go_all(driver, portal.origin, ways)
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


# -- pages -----------------------------------------------------------------------------------------

def test_the_link_for_who_cancelled_leads_to_a_sign_in_that_ends_here(portal, sim, caught, trap):
    driver = caught(portal.origin, sim.login)
    for value in no_endpoints(values_of(portal, each=1))[::4]:
        sign_in(driver, sim, portal.origin, value, deny=True)
        wait(driver, lambda d: d.find_elements(By.CSS_SELECTOR, "a.button"))[0].click()
        wait(driver, lambda d: d.current_url.startswith(sim.login))
        go(driver, sim.scan("zhangsan", driver.current_url))
        end(driver, value, portal.origin)
        driver.delete_all_cookies()
    assert trap.hits == []


BIND = ("//" + nasty.EVIL, "/\\" + nasty.EVIL, "javascript:alert(1)", "/%252f" + nasty.EVIL,
        "/app/\"><script>alert(1)</script>", "/app/张三?q=1#end")


def test_the_script_of_the_bind_page_goes_nowhere_else(
        bound_site, store, sim, visit, caught, trap):
    httpd = bound_site(*with_codes(sim), DingTalkPublicURL="http://127.0.0.1:@PORT@")
    portal = visit(httpd)
    driver = caught(portal.origin, sim.login)
    for number, (value, (userid, _)) in enumerate(zip(BIND, crowd(sim, store, len(BIND)))):
        sign_in(driver, sim, portal.origin, value, userid)
        phone = f"139{number:08}"
        wait(driver, lambda d: d.find_element(By.ID, "phone")).send_keys(phone)
        driver.find_element(By.ID, "send").click()
        wait(driver, lambda d: d.find_element(By.ID, "code").is_displayed())
        driver.find_element(By.ID, "code").send_keys(sim.last_code("+86" + phone))
        driver.find_element(By.CSS_SELECTOR, "#code-form button").click()
        wait(driver, lambda d: "/dingtalk/bind" not in d.current_url)
        where = end(driver, value, portal.origin)
        assert where.removeprefix(portal.origin) in nasty.faithful(value) | {
            "/app/%22%3E%3Cscript%3Ealert(1)%3C/script%3E"}
        driver.delete_all_cookies()
    assert trap.hits == []
