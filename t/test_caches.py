# SPDX-License-Identifier: Apache-2.0
"""Caches on the way: what a member was shown is for nobody else."""

import os

import pytest

from lib import expect, site as sites


@pytest.fixture
def cached(serve, sim, clock):
    """mod_cache in front of everything, and a page so old that any cache may keep it."""
    config = "\n".join([sites.protected(sim), "CacheRoot @FOLDER@/cache", "CacheEnable disk /"])
    httpd = serve(config, modules=("cache", "cache_disk"), fresh=True, clock=clock)
    (httpd.folder / "cache").mkdir()
    (httpd.folder / "cache").chmod(0o777)
    os.utime(httpd.documents / "app" / "page.html", (10 ** 9, 10 ** 9))
    return httpd


def test_a_cache_never_gives_a_protected_page_to_a_stranger(cached, visit):
    visit(cached).sign_in("zhangsan", "/app/page.html")
    answer = visit(cached).fetch("/app/page.html")
    assert answer.status == 401 and sites.CANARY not in answer.text


def test_a_cache_never_gives_a_session_to_a_stranger(cached, visit, clock):
    member = visit(cached)
    member.sign_in("zhangsan", "/app/")
    clock.advance(1000)
    renewed = member.navigate("/app/page.html")
    assert renewed.status == 200 and expect.set_names(renewed) == ["dingtalk"]
    stranger = visit(cached)
    stranger.fetch("/app/page.html")
    assert stranger.session is None


# -- an answer that carries a session --------------------------------------------------------------

CACHES = ("cache", "cache_disk", "expires", "include", "rewrite", "autoindex")
SAYS = {
    "max-age": 'Header set Cache-Control "max-age=60"',
    "public": 'Header always set Cache-Control "public, max-age=60"',
    "added": 'Header add Cache-Control "max-age=60"\nHeader always add Cache-Control "public"',
    "cdn": 'Header set CDN-Cache-Control "max-age=60"\nHeader set Surrogate-Control "max-age=60"',
    "expires": 'ExpiresActive On\nExpiresDefault "access plus 1 hour"',
}


@pytest.fixture
def keen(serve, sim, clock):
    """keen(lines) gives a site whose answers say that they may be kept, and a cache that does."""
    def make(*lines):
        config = "\n".join([
            sites.protected(sim, inside=["RewriteEngine On",
                                         "RewriteRule moved$ /open/index.html"]),
            "CacheRoot @FOLDER@/cache", *lines, '<Location "/open">', "Options +Includes +Indexes",
            "AddOutputFilter INCLUDES .shtml", "AddType text/html .shtml", "</Location>",
            sites.location("/open/list/member.html"),
            sites.location("/app/private", require="user nobody"),
            "ErrorDocument 404 /open/index.html"])
        httpd = serve(config, modules=CACHES, fresh=True, clock=clock)
        (httpd.folder / "cache").mkdir()
        (httpd.folder / "cache").chmod(0o777)
        for name, text in {"page.shtml": '<!--#include virtual="/app/data.txt" -->',
                           "list/member.html": ""}.items():
            path = httpd.documents / "open" / name
            path.parent.mkdir(mode=0o755, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        for path in ("app/page.html", "app/data.txt", "open/index.html"):
            os.utime(httpd.documents / path, (10 ** 9, 10 ** 9))
        return httpd
    return make


def renewed(httpd, visit, clock, path, **request):
    """An answer with which a member's session is renewed."""
    member = visit(httpd)
    member.sign_in("zhangsan", "/app/")
    clock.advance(1000)
    answer = member.fetch(path, **request)
    assert expect.set_names(answer) == ["dingtalk"], answer
    return answer


def for_nobody_else(answer):
    """No shared cache keeps it, however little it understands."""
    assert answer.get_all("Cache-Control") == ["private, no-cache"], answer.headers
    for name in ("Expires", "CDN-Cache-Control", "Surrogate-Control"):
        assert answer.get(name) is None, answer.headers


@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("path", ["/app/page.html", "/app/moved", "/app/nowhere",
                                  "/open/list/"])
def test_a_cache_never_gives_a_session_to_a_stranger_whatever_the_answer_says(
        keen, visit, clock, says, path):
    """Even where the answer is an open page in the end."""
    httpd = keen(SAYS[says], "CacheEnable disk /")
    for_nobody_else(renewed(httpd, visit, clock, path))
    stranger = visit(httpd)
    stranger.fetch(path)
    stranger.fetch("/open/index.html")
    assert stranger.session is None


@pytest.mark.parametrize("path, request_, status", [
    ("/app/page.html", {"method": "HEAD"}, 200),
    ("/app/page.html", {"headers": {"If-Modified-Since": "Sun, 09 Sep 2001 01:46:40 GMT"}}, 304),
    ("/app/private", {}, 403),
    ("/app/page.html", {"headers": {"Range": "bytes=0-3"}}, 206),
])
def test_an_answer_without_a_page_that_carries_a_session_is_for_nobody_else(
        keen, visit, clock, path, request_, status):
    httpd = keen(SAYS["expires"])
    answer = renewed(httpd, visit, clock, path, **request_)
    assert answer.status == status
    httpd.allow_log("AH01631")  # of whom that place is not for
    for_nobody_else(answer)


def test_a_cache_never_gives_a_stranger_the_session_of_whom_an_open_page_was_put_together_for(
        keen, visit, clock):
    """Whether the page is sent before or after the part in it is asked for."""
    httpd = keen(SAYS["max-age"], "CacheEnable disk /")
    member = visit(httpd)
    member.sign_in("zhangsan", "/app/")
    clock.advance(1000)
    answer = member.fetch("/open/page.shtml")
    assert sites.CANARY in answer.text
    if answer.set_cookies:
        for_nobody_else(answer)
    stranger = visit(httpd)
    stranger.fetch("/open/page.shtml")
    assert stranger.session is None
    httpd.allow_log("unable to include")


def test_a_cache_behind_the_sign_in_never_gives_a_session_to_another_member(keen, visit, clock):
    """Where the administrator says at which point of the filters it is kept."""
    httpd = keen(SAYS["max-age"], "CacheQuickHandler off", "CacheEnable disk /app",
                 "CacheIgnoreCacheControl On", '<Location "/app">', "SetOutputFilter CACHE",
                 "</Location>")
    renewed(httpd, visit, clock, "/app/page.html")
    other = visit(httpd)
    other.sign_in("lisi", "/app/")
    assert other.fetch("/app/page.html").set_cookies == []
    assert other.fetch("/dingtalk/session").json()["userid"] == "lisi"


def test_an_answer_that_carries_a_session_is_kept_by_nobody_where_the_application_says_so(
        keen, visit, clock):
    answer = renewed(keen('Header set Cache-Control "max-age=0, No-Store"'), visit, clock,
                     "/app/page.html")
    assert answer.get_all("Cache-Control") == ["no-store"]


def test_an_answer_that_carries_no_session_may_be_kept_as_the_application_says(keen, visit):
    member = visit(keen(SAYS["max-age"]))
    member.sign_in("zhangsan", "/app/")
    assert member.fetch("/app/page.html").get_all("Cache-Control") == ["max-age=60"]


# -- other answers ---------------------------------------------------------------------------------

def test_a_page_of_a_member_is_asked_for_again_each_time(browser):
    """No shared cache may keep it, and no browser may show it after the logout without asking."""
    browser.sign_in()
    told = browser.fetch("/app/page.html").get("Cache-Control") or ""
    assert "private" in told or "no-store" in told, told
    assert any(word in told for word in ("no-store", "no-cache", "max-age=0")), told


def test_an_open_page_stays_as_cacheable_as_it_was(browser):
    assert browser.fetch("/open/").get("Cache-Control") is None
    browser.sign_in()
    assert browser.fetch("/open/").get("Cache-Control") is None


def test_what_the_application_says_about_caching_is_respected(serve, sim, visit):
    config = sites.protected(sim) + '\n<Location "/app/data.txt">\n' \
        'Header set Cache-Control "no-store, max-age=0"\n</Location>'
    browser = visit(serve(config))
    browser.sign_in()
    assert browser.fetch("/app/data.txt").get_all("Cache-Control") == ["no-store, max-age=0"]
