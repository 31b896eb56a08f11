# SPDX-License-Identifier: Apache-2.0
"""S-01: an answer of ours is exactly ours; no byte of the protected page comes with it."""

import pytest

from lib import expect, site as sites
from lib.browser import FETCH, HTML_HEADERS, NAVIGATE
from lib.h2client import H2Client

PAGES = {
    "a static file": "/app/page.html", "a directory index": "/app/", "a CGI": "/app/cgi/env.cgi",
    "a backend": "/app/proxied/page", "a missing file": "/app/nowhere",
    "an included page": "/app/report.shtml", "a directory without a slash": "/app/deep",
}
WAYS = {
    "navigation": ("GET", NAVIGATE), "script": ("GET", FETCH), "head": ("HEAD", NAVIGATE),
    "head of a script": ("HEAD", FETCH), "form": ("POST", NAVIGATE), "post of a script":
    ("POST", FETCH), "put": ("PUT", FETCH), "options": ("OPTIONS", FETCH),
    "range": ("GET", {**FETCH, "Range": "bytes=0-99"}),
    "conditional": ("GET", {**NAVIGATE, "If-Modified-Since": "Sun, 22 Nov 2099 00:00:00 GMT"}),
    "etag": ("GET", {**FETCH, "If-None-Match": "*"}),
    "iframe": ("GET", {**NAVIGATE, "Sec-Fetch-Dest": "iframe"}),
    "nothing said": ("GET", {}), "html": ("GET", HTML_HEADERS),
    "expect": ("POST", {**FETCH, "Expect": "100-continue"}),
}


@pytest.fixture
def mixed(serve, sim, backend):
    """Files, an index, a CGI, an include and a backend, all below /app."""
    config = "\n".join([
        sites.protected(sim), 'ScriptAlias "/app/cgi/" "@DOCUMENTS@/app/cgi/"',
        f'ProxyPass "/app/proxied" "{backend.url}/canary-of-the-protected-page"',
        '<Directory "@DOCUMENTS@">', "Options +Includes", "AddOutputFilter INCLUDES .shtml",
        "AddType text/html .shtml", "</Directory>"])
    httpd = serve(config, modules=("cgi", "proxy", "proxy_http", "include"))
    page = httpd.documents / "app" / "report.shtml"
    page.write_text('<!--#include virtual="/app/page.html" -->' + sites.CANARY)
    page.chmod(0o644)
    return httpd


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("page", PAGES)
def test_the_answer_without_a_session_is_ours_alone(mixed, visit, page, way):
    method, headers = WAYS[way]
    body = b"a=1" if method in ("POST", "PUT") else None
    answer = visit(mixed).request(method, PAGES[page], headers, body)
    assert answer.status in (301, 302, 401), answer
    assert sites.CANARY.encode() not in answer.body + answer.extra
    assert answer.extra == b""
    if answer.status != 301:
        expect.own_answer(answer)
    for name in ("ETag", "Last-Modified", "Accept-Ranges", "Content-Range"):
        assert answer.get(name) is None, answer.headers
    if answer.body:
        assert int(answer.get("Content-Length")) == len(answer.body)


@pytest.mark.parametrize("path", [
    "/dingtalk/callback", "/dingtalk/callback?code=1&state=2", "/dingtalk/login?return=/app/",
    "/dingtalk/session", "/dingtalk/logout", "/dingtalk/nothing", "/dingtalk/",
    "/dingtalk/callback?state=1&state=2"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_endpoint_answers_with_its_exact_length(mixed, visit, path, method):
    answer = visit(mixed).navigate(path, method=method)
    mixed.allow_log(r"DT\d+:")
    expect.own_answer(answer)
    if method == "GET" and answer.body:
        assert int(answer.get("Content-Length")) == len(answer.body)
    if method == "HEAD":
        assert answer.body == b"" == answer.extra


@pytest.mark.parametrize("page", PAGES)
def test_http2_gives_nothing_of_the_page_either(serve, sim, mixed, page):
    httpd = serve(mixed.config, modules=mixed.modules, http2=True)
    with H2Client(httpd) as client:
        for headers in ([], [("accept", "text/html")]):
            answer = client.request(PAGES[page], headers)
            assert answer.status in (301, 302, 401)
            assert sites.CANARY.encode() not in answer.body


def test_every_refusal_page_is_ours_alone(mixed, visit, sim):
    for role in ("external", "disabled", "not_active", "out_of_scope", "other_corp"):
        answer = expect.denied(mixed, visit(mixed).sign_in(sim.cast(role), "/app/page.html"))
        assert int(answer.get("Content-Length")) == len(answer.body)


def test_output_filters_of_the_page_do_not_touch_our_answers(serve, sim, visit):
    config = sites.protected(sim, "SetOutputFilter DEFLATE", 'Header always set X-Site "x"')
    httpd = serve(config, modules=("filter", "deflate"))
    answer = visit(httpd).fetch("/app/data.txt", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 401 and answer.extra == b""
    assert answer.get("X-Site") == "x"


def test_a_cached_copy_is_never_offered(browser):
    browser.sign_in()
    answer = browser.fetch("/app/page.html")
    browser.jar.clear()
    again = browser.fetch("/app/page.html", headers={"If-None-Match": answer.get("ETag") or "x"})
    assert again.status == 401
