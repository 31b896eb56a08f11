# SPDX-License-Identifier: Apache-2.0
"""A state directory that is not as it should be: what httpd -t and httpd say, and who gets in."""

import os
import pathlib
import pwd
import re

import pytest

from lib import site as sites
from lib.browser import Client
from lib.httpd import unprivileged_user
from lib.preload import Preload
from lib.steps import is_in, within

STARTS, REFUSED = "starts", "does not start"
IN, UNSURE = 200, 503
SOON = 8
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


# -- what may be wrong -----------------------------------------------------------------------------

def nothing(state):
    """It is not there, nor is what it lies in."""


def a_file(state):
    """A file of that name."""
    state.write_text("I am a file\n", encoding="utf-8")


def below_a_file(state):
    """A file where its parent should be."""
    state.parent.rmdir()
    state.parent.write_text("I am a file\n", encoding="utf-8")


def a_link(state):
    """A link to an empty directory elsewhere."""
    (state.parent / "elsewhere").mkdir(mode=0o755)
    state.symlink_to(state.parent / "elsewhere")


def a_link_to_nothing(state):
    """A link that leads nowhere."""
    state.symlink_to(state.parent / "nowhere")


def open_to_all(state):
    """An empty directory in which everybody may write."""
    state.mkdir()
    state.chmod(0o777)


def of_others(state):
    """An empty directory of somebody else."""
    state.mkdir(mode=0o700)
    os.chown(state, pwd.getpwnam("daemon").pw_uid, -1)


def key(content, mode=0o600):
    """A key file of these bytes."""
    def make(state):
        state.mkdir(mode=0o700)
        (state / "key").write_bytes(content)
        (state / "key").chmod(mode)
    return make


def instead_of_the_key(make_it):
    """Something else of that name."""
    def make(state):
        state.mkdir(mode=0o700)
        make_it(state / "key")
    return make


def link_to_a_key(path):
    """A key elsewhere, as somebody would lay it who wants to choose it."""
    path.with_name("chosen").write_bytes(b"k" * 64)
    path.symlink_to(path.with_name("chosen"))


GARBAGE = bytes(range(128, 192))
# What is there; what httpd does; what httpd -t says, if it can know; what the start says.
DIRECTORIES = {
    "nothing": (nothing, STARTS, None, None),
    "a file": (a_file, REFUSED, "must be a directory", "must be a directory"),
    "below a file": (below_a_file, REFUSED, None, "cannot be used: .*Not a directory"),
    "a link to a directory": (a_link, STARTS, None, None),
    "a link to nothing": (a_link_to_nothing, REFUSED, None, "the key .* cannot be used: .*No such"),
    "open to all": (open_to_all, STARTS, None, None),
    "of somebody else": (of_others, STARTS, None, None),
    "a key of nothing": (key(b""), REFUSED, "0 bytes", "0 bytes.*less than 32"),
    "half a key": (key(b"k" * 31), REFUSED, "31 bytes", "31 bytes.*less than 32"),
    "a key of zeros": (key(bytes(64)), REFUSED, "0 bytes", "0 bytes.*less than 32"),
    "a key with an early end": (key(b"k\n" * 32), REFUSED, "1 bytes", "1 bytes.*less than 32"),
    "a key of any bytes": (key(GARBAGE), STARTS, None, None),
    "a key that all may read": (key(b"k" * 64, 0o666), STARTS, None, None),
    "a directory for a key": (instead_of_the_key(pathlib.Path.mkdir), REFUSED,
                              "no plain file", "no plain file"),
    "a pipe for a key": (instead_of_the_key(os.mkfifo), REFUSED, "no plain file", "no plain file"),
    "a link for a key": (instead_of_the_key(link_to_a_key), REFUSED,
                         "no plain file", "no plain file"),
}
GIVEN_AWAY = ["of somebody else"]
# What is there instead of the database; what somebody gets who signs in, with accounts and without.
DATABASES = {
    "nothing in it": (lambda path: path.write_bytes(b""), IN, IN),
    "no database": (lambda path: path.write_bytes(b"I am no database\n" * 300), UNSURE, IN),
    "the beginning of one": (lambda path: path.write_bytes(path.read_bytes()[:1000]), UNSURE, IN),
    "a directory": (lambda path: (path.unlink(), path.mkdir()), UNSURE, IN),
    "a file of root's": (lambda path: (os.chown(path, 0, 0), path.chmod(0o600)), UNSURE, IN),
}
directories = pytest.mark.parametrize("name", [
    pytest.param(name, marks=as_root if name in GIVEN_AWAY else ()) for name in DIRECTORIES])


@pytest.fixture
def httpd(prepare, sim):
    """An httpd whose state directory would lie in a folder of its own."""
    httpd = prepare(sites.protected(sim, DingTalkStateDir="@FOLDER@/var/state"))
    (httpd.folder / "var").mkdir(mode=0o755)
    return httpd


def state_of(httpd):
    """Where its state directory should be."""
    return httpd.folder / "var" / "state"


# -- at the start ----------------------------------------------------------------------------------

@directories
def test_httpd_starts_or_says_why_not(httpd, sim, name):
    make, expected, _, says = DIRECTORIES[name]
    make(state_of(httpd))
    said = httpd.try_to_start()
    assert (STARTS if said is None else REFUSED) == expected, said
    if says:
        assert re.search(rf"DingTalkStateDir: .*{says}", said), said
        assert "kkkkkkkk" not in said, "a part of a key"
        httpd.allow_log(rf"DingTalkStateDir: .*{says}", "AH00020: Configuration Failed")
        return
    assert Client(httpd, sim).sign_in("zhangsan").status == 200
    state = state_of(httpd).resolve()
    assert state.stat().st_mode & 0o777 == 0o700
    if os.getuid() == 0:
        assert state.stat().st_uid == unprivileged_user().pw_uid


@directories
def test_httpd_t_finds_what_can_be_seen_and_changes_nothing(httpd, name):
    make, _, says, _ = DIRECTORIES[name]
    make(state_of(httpd))
    before = sorted((httpd.folder / "var").rglob("*"))
    code, said = httpd.configtest()
    assert (code != 0) == (says is not None), said
    assert says is None or re.search(rf"DingTalkStateDir: .*{says}", said), said
    assert sorted((httpd.folder / "var").rglob("*")) == before


class Swapper(Preload):
    """Whoever owns the directory puts a link in the key's place as it is opened."""

    variable = "SWAP"  # not asked for
    source = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* The link is there when it is opened, and never when it is looked at. */
static int swapped(int (*call)(const char *, int, ...), const char *path, int flags, int mode)
{
    char chosen[PATH_SIZE], aside[PATH_SIZE];
    size_t len = strlen(path);
    int file, error;

    snprintf(chosen, sizeof(chosen), "%s-chosen", path);
    snprintf(aside, sizeof(aside), "%s-aside", path);
    if (len < 10 || strcmp(path + len - 10, "/state/key") != 0 || rename(path, aside) != 0) {
        return call(path, flags, mode);
    }
    (void)!symlink(chosen, path);
    file = call(path, flags, mode);
    error = errno;
    rename(aside, path);
    errno = error;
    return file;
}

#define OPEN(name)                                                                        \
    int name(const char *path, int flags, ...)                                            \
    {                                                                                     \
        va_list rest;                                                                     \
        int mode;                                                                         \
                                                                                          \
        va_start(rest, flags);                                                            \
        mode = va_arg(rest, int);                                                         \
        va_end(rest);                                                                     \
        return swapped((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name), path,    \
                       flags, mode);                                                      \
    }

OPEN(open)
OPEN(open64)
"""


def test_a_link_that_comes_between_is_not_followed(httpd, build):
    """httpd reads it as root: what it is must be asked of what is open, not of its name."""
    swapper = Swapper(build, 0o755)
    state = state_of(httpd)
    state.mkdir(mode=0o700)
    for name in ("key", "key-chosen"):
        (state / name).write_bytes(name[-1:].encode() * 64)
        (state / name).chmod(0o600)
    httpd.env = swapper.environment
    try:
        said = httpd.try_to_start()
    finally:
        swapper.remove()
    assert said is not None and re.search("DingTalkStateDir: .*no plain file", said), said


# -- at a restart ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", [name for name in DIRECTORIES
                                  if DIRECTORIES[name][2] and "key" in name])
def test_a_key_that_got_lost_is_found_before_a_restart(httpd, sim, name):
    """As apachectl graceful does: it asks httpd -t first, and leaves httpd as it is."""
    make = DIRECTORIES[name][0]
    assert httpd.try_to_start() is None
    browser = Client(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200
    state = state_of(httpd)
    good = (state / "key").read_bytes()
    state.rename(state.with_name("aside"))
    make(state)
    assert httpd.configtest()[0] != 0
    assert is_in(browser) and Client(httpd, sim).sign_in("lisi").status == 200
    state.rename(state.with_name("broken"))
    state.with_name("aside").rename(state)
    assert (state / "key").read_bytes() == good
    httpd.graceful()
    assert is_in(browser)


def test_a_new_key_after_the_old_one_was_lost_lets_nobody_in(httpd, sim):
    assert httpd.try_to_start() is None
    browser = Client(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200
    (state_of(httpd) / "key").unlink()
    assert is_in(browser), "until httpd restarts"
    httpd.graceful()
    within(SOON, lambda: not is_in(browser))
    assert browser.sign_in("zhangsan").status == 200


def test_half_of_a_key_is_not_the_key(httpd, sim):
    """What is left of it is enough for a key, but opens nothing that was sealed before."""
    assert httpd.try_to_start() is None
    browser = Client(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200
    path = state_of(httpd) / "key"
    path.write_bytes(path.read_bytes()[:40])
    httpd.graceful()
    within(SOON, lambda: not is_in(browser))
    assert browser.sign_in("zhangsan").status == 200


# -- the database in it ----------------------------------------------------------------------------

@pytest.mark.parametrize("with_accounts", [True, False], ids=["accounts", "no accounts"])
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=as_root if "root" in name else ()) for name in DATABASES])
def test_a_broken_database_lets_nobody_in_who_should_not_be(serve, sim, name, with_accounts):
    spoil, accounted, alone = DATABASES[name]
    more = {"DingTalkAccounts": "dbd", "DingTalkUnbound": "create"} if with_accounts else {}
    httpd = serve(sites.protected(sim, **more), fresh=True)
    browser = Client(httpd, sim)
    assert browser.sign_in("zhangsan").status == 200
    httpd.stop()
    for path in httpd.state.glob("dingtalk.db-*"):
        path.unlink()
    spoil(httpd.state / "dingtalk.db")
    httpd.start()
    assert is_in(browser), "who is signed in needs no database"
    answer = Client(httpd, sim).sign_in("lisi")
    assert answer.status == (accounted if with_accounts else alone), answer
    if UNSURE in (accounted, alone):
        httpd.expect_log(r"DT00(05|07): .*database", "DT0054")
        httpd.expect_log(r"DT0021: .*unavailable" if with_accounts else "DT0033")
