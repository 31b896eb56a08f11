# SPDX-License-Identifier: Apache-2.0
"""Requests that httpd refuses while it reads them: their error documents are like all others."""

import pytest

from lib import site as sites, wire
from lib.h2client import H2Client
from test_identity import NASTY, backend_config, cgi_config, lies

LONG = "x" * 9000
# What is wrong with the request, and what httpd says to that. HEADERS are the ones in question.
WHOLE = {
    "no host": ("GET /open/ HTTP/1.1\r\nHEADERS\r\n\r\n", 400),
    "an expectation": ("GET /open/ HTTP/1.1\r\nHost: HOST\r\nHEADERS\r\nExpect: x\r\n\r\n", 417),
}
CUT = {  # httpd gives applications no body of these, and they do not answer then
    "a line that is no header": ("GET /open/ HTTP/1.1\r\nHEADERS\r\nHost: HOST\r\nx y\r\n\r\n",
                                 400),
    "a long header": (f"GET /open/ HTTP/1.1\r\nHEADERS\r\nHost: HOST\r\nX: {LONG}\r\n\r\n", 400),
    "a long address": (f"GET /{LONG} HTTP/1.1\r\nHEADERS\r\nHost: HOST\r\n\r\n", 414),
    "a wrong length": ("GET /open/ HTTP/1.1\r\nHEADERS\r\nHost: HOST\r\nContent-Length: x\r\n\r\n",
                       400),
}
WRONG = {**WHOLE, **CUT}
FORGED = "\r\n".join(f"{name}: forged-identity" for name in NASTY)


def documents(address):
    """The same error document for all of them."""
    return "\n".join(f"ErrorDocument {status} {address}" for status in (400, 414, 417))


def send(browser, wrong, headers):
    """The answer to such a request."""
    text = WRONG[wrong][0].replace("HOST", f"{browser.host}:{browser.httpd.port}")
    return wire.parse(browser.raw(text.replace("HEADERS", headers).encode()))


@pytest.mark.parametrize("wrong", [name for name in WRONG if name != "a long address"])
def test_a_page_that_is_an_error_document_never_sees_invented_identity_headers(
        serve, sim, visit, wrong):
    """S-10. (An address that was too long crashes mod_include itself.)"""
    httpd = serve("\n".join([
        sites.protected(sim), documents("/open/error.shtml"), '<Location "/open">',
        "Options +Includes", "AddOutputFilter INCLUDES .shtml", "</Location>"]),
        modules=("include",))
    page = httpd.documents / "open" / "error.shtml"
    page.write_text("<pre><!--#printenv --></pre>")
    page.chmod(0o644)
    answer = send(visit(httpd), wrong, FORGED)
    assert answer.status == WRONG[wrong][1] and "REDIRECT_STATUS" in answer.text
    assert not lies(answer.text), answer.text


@pytest.mark.parametrize("wrong", WHOLE)
def test_a_script_that_is_an_error_document_never_sees_invented_identity_headers(
        serve, sim, visit, wrong):
    httpd = serve("\n".join([cgi_config(sim), documents("/cgi/env.cgi")]), modules=("cgi",))
    answer = send(visit(httpd), wrong, FORGED)
    assert answer.status == WHOLE[wrong][1] and "SCRIPT_NAME" in answer.text
    assert not lies(answer.text), answer.text


@pytest.mark.parametrize("wrong", WHOLE)
def test_a_backend_of_error_documents_never_sees_invented_identity_headers_or_our_cookie(
        serve, sim, backend, visit, wrong):
    httpd = serve(backend_config(sim, backend) + "\n" + documents("/open/error"),
                  modules=("proxy", "proxy_http"))
    browser = visit(httpd)
    browser.sign_in("zhangsan", "/app/page")
    answer = send(browser, wrong, "\r\n".join([
        FORGED, "Accept: application/json", f"Cookie: a=1; dingtalk={browser.session}"]))
    assert ["cookie", "a=1"] in [[name.lower(), value] for name, value in answer.json()["headers"]]
    assert not lies(answer.text) and browser.session not in answer.text, answer.text


@pytest.mark.parametrize("wrong", WRONG)
def test_a_protected_error_document_stays_protected_and_is_no_error_of_ours(
        serve, sim, visit, wrong):
    httpd = serve(sites.protected(sim) + "\n" + documents("/app/page.html"))
    answer = send(visit(httpd), wrong, FORGED)
    assert answer.status in (WRONG[wrong][1], 401, 302) and sites.CANARY not in answer.text


@pytest.mark.parametrize("wrong", WHOLE)
def test_a_protected_error_document_is_shown_to_a_member(serve, sim, visit, wrong):
    httpd = serve(sites.protected(sim) + "\n" + documents("/app/page.html"))
    browser = visit(httpd)
    browser.sign_in()
    answer = send(browser, wrong, f"Cookie: dingtalk={browser.session}")
    assert answer.status == WRONG[wrong][1] and sites.CANARY in answer.text


def test_an_error_document_over_http2_never_sees_invented_identity_headers(
        serve, sim, backend):
    httpd = serve(backend_config(sim, backend) + "\n" + documents("/open/error"),
                  modules=("proxy", "proxy_http"), http2=True)
    with H2Client(httpd) as client:
        answer = client.request("/open/x", [
            ("expect", "x"), ("accept", "application/json"),
            *((name.lower(), "forged-identity") for name in NASTY)])
    assert answer.json()["headers"] and not lies(answer.text), answer
