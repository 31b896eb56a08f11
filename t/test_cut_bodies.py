# SPDX-License-Identifier: Apache-2.0
"""A body that ends early, stalls or is nonsense gets one answer, and nothing behind it."""

import pytest

from lib import site as sites, wire
from lib.binding import (  # noqa: F401  (fixtures)
    bound_site, gateway, store, stores, to_bind_page, with_codes)

FORM = "application/x-www-form-urlencoded"
BODIES = {
    "cut": ("Content-Length: 100", b"abc", 400),
    "cut in a chunk": ("Transfer-Encoding: chunked", b"64\r\nabc", 400),
    "cut after a chunk": ("Transfer-Encoding: chunked", b"3\r\nabc\r\n", 400),
    "no chunk at all": ("Transfer-Encoding: chunked", b"zz\r\nabc", 400),
    "too large in chunks": ("Transfer-Encoding: chunked",
                            (b"2000\r\n" + b"a" * 8192 + b"\r\n") * 17, 413),
}


@pytest.fixture
def portal(bound_site, sim, store):
    """A site with every endpoint that reads a body."""
    subscription = sim.subscription()
    httpd = bound_site(*with_codes(sim), f"DingTalkEventToken {subscription['token']}",
                       f"DingTalkEventAESKey {subscription['aes_key']}", "Timeout 2")
    httpd.allow_log(r"DT\d+:", r"AH\d+:")
    return httpd


def ask(httpd, path, fields, body, end=True):
    """One POST as bytes, after which we say no more; end: and say so. All answers to it."""
    head = "\r\n".join([f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{httpd.port}", *fields])
    return wire.exchange(httpd.port, head.encode() + b"\r\n\r\n" + body, end=end)


def only(data):
    """The one answer there is."""
    assert data.count(b"HTTP/1.1 ") == 1, data
    answer = wire.parse(data)
    assert answer.extra == b"" and sites.CANARY.encode() not in data
    return answer


@pytest.mark.parametrize("name", BODIES)
def test_a_push_that_does_not_come_whole_is_refused_once(portal, name):
    field, body, status = BODIES[name]
    assert only(ask(portal, "/dingtalk/event", [field], body)).status == status


def test_a_push_that_stalls_is_given_up(portal):
    answer = only(ask(portal, "/dingtalk/event", ["Content-Length: 100"], b"abc", end=False))
    assert answer.status == 408


@pytest.mark.parametrize("name", BODIES)
def test_a_form_that_does_not_come_whole_is_refused_once(portal, visit, name):
    field, body, status = BODIES[name]
    page = to_bind_page(visit(portal))
    fields = ["Content-Type: " + FORM, "Accept: application/json", field,
              "Cookie: " + page.browser.jar.header("http", "127.0.0.1", "/dingtalk/bind/code")]
    assert only(ask(portal, "/dingtalk/bind/code", fields, body)).status == status


@pytest.mark.parametrize("name", BODIES)
def test_signing_out_needs_no_form(portal, name):
    field, body, _ = BODIES[name]
    fields = ["Content-Type: " + FORM, "Sec-Fetch-Site: same-origin", field]
    answer = only(ask(portal, "/dingtalk/logout", fields, body))
    assert answer.status == (400 if name == "no chunk at all" else 200)  # which httpd answers itself
