# SPDX-License-Identifier: Apache-2.0
"""DingTalkPages: pages of the administrator's take the place of the built-in ones."""

import pytest

from lib import expect, site as sites
from lib.build import ROOT

MESSAGE = """<!doctype html>
<html lang="%{lang}"><title>%{title}</title>
<style nonce="%{nonce}">%{style}</style>
<p id="mine">100%% ours</p>%{?zh}中文%{/zh}%{?en}English%{/en}
<p>%{text}</p>%{?error_id}<p>%{error_id}</p>%{/error_id}
%{?sign_in}<a href="%{sign_in}">in</a>%{/sign_in}
"""


class Basis:
    """What the configuration needs to know of a simulator; nobody calls it with -t."""

    client_id, client_secret, corp_id = "dingclient", "a-secret-text", "dingcorp"
    login = api = oapi = "http://127.0.0.1:9"


@pytest.fixture
def folder(tmp_path):
    """A folder for pages, which httpd may read."""
    pages = tmp_path / "pages"
    pages.mkdir()
    return pages


@pytest.fixture(scope="module")
def checker(farm):
    """An httpd that is only asked for -t."""
    return farm.checker()


def check(checker, folder):
    """httpd -t with this folder: its exit code and what it says."""
    return checker.configtest(sites.protected(Basis, f'DingTalkPages "{folder}"'))


def test_a_page_that_is_there_replaces_ours(serve, sim, visit, folder):
    (folder / "message.html").write_text(MESSAGE, encoding="utf-8")
    httpd = serve(sites.protected(sim, f'DingTalkPages "{folder}"'), fresh=True)
    answer = visit(httpd).navigate("/dingtalk/callback")
    expect.page(httpd, answer, 400, "100% ours")
    assert "中文" in answer.text and "English" not in answer.text
    assert "--blue:" in answer.text, "our style, since there is no other"
    assert f"'nonce-{answer.text.split('nonce=')[1][1:33]}'" in answer.get(
        "Content-Security-Policy")


def test_a_style_sheet_alone_changes_the_look_of_our_pages(serve, sim, visit, folder):
    style = "p { width: 50%; } /* %{title} %{?none} 100%% */"
    (folder / "style.css").write_text(style, encoding="utf-8")
    httpd = serve(sites.protected(sim, f'DingTalkPages "{folder}"'), fresh=True)
    answer = visit(httpd).navigate("/dingtalk/callback")
    expect.page(httpd, answer, 400, "登录")
    assert style in answer.text, "as it is in the file"


def test_another_file_is_no_page(checker, folder):
    (folder / "readme.html").write_text("%{nobody}", encoding="utf-8")
    assert check(checker, folder)[0] == 0


@pytest.mark.parametrize("name", ["message.html", "bind.html"])
@pytest.mark.parametrize("page,line,says", [
    ("<p>\n%{nmae}\n", 2, "%{nmae}"), ("\n\n%{?title}x", 3, "%{?title}"), ("%{title", 1, "brace"),
    ("%{style}\n%{?zh}%{/en}", 2, "%{/en}"), ("%{TITLE}", 1, "%{TITLE}"), ("%{}", 1, "%{}")])
def test_a_page_with_a_mistake_is_found_before_the_start(checker, folder, name, page, line, says):
    (folder / name).write_text(page, encoding="utf-8")
    code, text = check(checker, folder)
    assert code != 0
    assert "DingTalkPages" in text and f"{name}, line {line}:" in text and says in text, text


@pytest.mark.parametrize("name", ["message.html", "bind.html", "style.css", "bind.js"])
@pytest.mark.parametrize("trouble", ["NUL", "folder", "large"])
def test_a_file_that_is_no_text_is_found_before_the_start(checker, folder, name, trouble):
    if trouble == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(b"a\0b" if trouble == "NUL" else b" " * (1024 * 1024 + 1))
    code, text = check(checker, folder)
    assert code != 0 and "DingTalkPages" in text and name in text, text


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_the_folder_must_be_there(checker, folder, kind):
    path = folder / "nothing"
    if kind == "file":
        path.write_text("", encoding="utf-8")
    code, text = check(checker, path)
    assert code != 0 and "DingTalkPages" in text and str(path) in text, text


def test_our_own_pages_are_a_good_beginning_for_others(checker, folder):
    for page in (ROOT / "conf" / "pages").iterdir():
        (folder / page.name).write_bytes(page.read_bytes())
    code, text = check(checker, folder)
    assert code == 0, text
