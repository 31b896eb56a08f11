# SPDX-License-Identifier: Apache-2.0
"""A trap for a Chromium that is led astray, and the ways to go somewhere in it.

To this Chromium every other host there is, and every other port, is a trap that notes who comes.
"""

import http.server
import json
import re
import shutil
import socketserver
import tempfile
import threading
from urllib.parse import urlsplit

import pytest

from . import nasty, site as sites
from .chromium import OPTIONS, Service, webdriver
from selenium.common.exceptions import WebDriverException

PUBLIC = "DingTalkPublicURL http://127.0.0.1:@PORT@"
# Sets a cookie for FRAMES: a script cannot replace what httpd has set for its own eyes only.
COOKIES = '''<Location "/open/cookie">
Header always set Set-Cookie "expr=%{QUERY_STRING}; Path=/; HttpOnly"
</Location>'''
# The trap's: it has its icon itself, or Chromium would come again for that, at any time later.
PAGE = b'<link rel="icon" href="data:,">trap'
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
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
                             b"Connection: close\r\n\r\n%s" % (len(PAGE), PAGE))

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Visit)
        self.hits = []

    def handle_error(self, request, client_address):
        """Who came may go again at any time."""


class Naive(http.server.BaseHTTPRequestHandler):
    """Leads to whatever it is told, as it is: /go?address redirects, /leave?address has a script
    that goes there, and everything else is an empty page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """One answer."""
        way, _, query = self.path.partition("?")
        data, page = nasty.meant(query), b""
        if way == "/leave":
            page = b"<script>location.replace(%s)</script>" % json.dumps(data.decode()).encode()
        self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: " + data + b"\r\n"
                         if way == "/go" else b"HTTP/1.1 200 OK\r\n")
        self.wfile.write(b"Content-Type: text/html\r\nContent-Length: %d\r\nConnection: close"
                         b"\r\n\r\n%s" % (len(page), page))
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
        known = [f"MAP {where.netloc} 127.0.0.1:{where.port}" for where in map(urlsplit, origins)]
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


@pytest.fixture
def portal(serve, sim, visit):
    """The usual site, as a visitor of whom only the origin is of interest."""
    httpd = serve(sites.protected(sim, PUBLIC, COOKIES))
    httpd.allow_log(r"DT\d+:", r"AH\d+:")
    return visit(httpd)


# -- going there -----------------------------------------------------------------------------------

# Each [cookie, address, code] in a frame of its own, some at a time: where it ends, or why a script
# of this site may not know. What is done in a page that comes first, and how its frame is:
#   link   where its link leads, which is not followed
#   press  its button is pressed, which leads on
#   bind   the code is typed into the bind page, and its button pressed; plain: without its script
FRAMES = """
const [list, act, done] = arguments, ends = [];
const loaded = (frame, go) => new Promise((ready, fail) => {
  frame.onload = ready;
  setTimeout(() => fail(new Error('nothing was loaded')), 20000);
  go();
});
const acts = {
  press: (frame, page) => loaded(frame, () => page.querySelector('form button').click()),
  bind: (frame, page, code) => loaded(frame, () => {
    page.getElementById('code').value = code;
    page.querySelector('#code-form button').click();
  }),
};
acts.plain = acts.bind;
const one = async (frame, cookie, address, code) => {
  if (cookie) await fetch('/open/cookie?' + cookie);
  if (act === 'plain') frame.sandbox = 'allow-same-origin allow-forms';
  frame.src = address;
  await loaded(frame, () => document.body.append(frame));
  if (act === 'link') return frame.contentDocument.querySelector('a.button').href;
  if (act) await acts[act](frame, frame.contentDocument, code);
  return frame.contentWindow.location.href;
};
const queues = {};  // one for each name of a cookie: two values of it would be in each other's way
list.forEach(([cookie], number) => {
  (queues[cookie.split('=')[0] || number] ||= []).push(number);
});
const rest = Object.values(queues);
const follow = async (queue) => {
  for (const number of queue) {
    const frame = document.createElement('iframe');
    try {
      ends[number] = await one(frame, ...list[number]);
    } catch (error) {
      ends[number] = String(error);
      done(ends);  // one is enough, and each may take as long
    }
    frame.remove();
  }
};
const worker = async () => { while (rest.length) await follow(rest.shift()); };
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


def go_all(driver, origin, ways, act=""):
    """Go all ways, [(value, cookie, address…)], in frames of a page of this site, and do there what
    FRAMES says: where they end, which is here."""
    seen = []
    driver.set_script_timeout(120)
    go(driver, origin + "/open/")
    for first in range(0, len(ways), AT_ONCE):
        some = ways[first:first + AT_ONCE]
        ends = driver.execute_async_script(FRAMES, [way[1:] for way in some], act)
        for (value, _, address, *_), where in zip(some, ends):
            assert where is None or where.startswith(origin + "/"), \
                f"{value!r}: {address} leads to {where!r}"
        assert len(ends) == len(some) and None not in ends
        seen += ends
    return seen


def led(origin, ends):
    """How many of these are not the start page, where all go whose address was not taken."""
    return sum(where != origin + "/" for where in ends)


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
