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
