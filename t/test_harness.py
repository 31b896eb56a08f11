# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a declared line passes, an undeclared or missing one is noticed."""

import os
import socket
import types

import pytest

from lib import site as sites
from lib.cookies import Jar
from lib.errorlog import ErrorLog
from lib.httpd import HttpdFailed, free_port
from lib.leaks import children, listens
from lib.patient import is_late
from lib.preload import Preload
from lib.whatwg import _origin, origins
from lib.wire import parse

WARN = "[Sun Nov 22 12:00:00.0 2026] [auth_dingtalk:warn] [pid 1] [client ::1] DT0042: no\n"
NOTE = "[Sun Nov 22 12:00:00.0 2026] [mpm_event:notice] [pid 1:tid 2] AH00489: hello\n"


def log(tmp_path, text):
    """An error log with this text."""
    path = tmp_path / "error_log"
    path.write_text(text)
    return ErrorLog(path)


def test_an_undeclared_warning_is_a_complaint(tmp_path):
    assert log(tmp_path, WARN + NOTE).audit() == ["undeclared: " + WARN.strip()]


def test_a_declared_warning_is_fine_once(tmp_path):
    audited = log(tmp_path, WARN)
    audited.expect("DT0042")
    assert audited.audit() == []
    assert audited.audit() == []


def test_a_declared_line_that_is_missing_is_a_complaint(tmp_path):
    audited = log(tmp_path, NOTE)
    audited.expect("DT0042")
    assert audited.audit() == ["declared but missing: DT0042"]


def test_a_number_does_not_declare_its_neighbour(tmp_path):
    audited = log(tmp_path, WARN)
    audited.allow("DT004")
    assert len(audited.audit()) == 1


def test_a_machine_too_busy_to_connect_in_time_is_no_complaint_and_a_refusal_is(tmp_path):
    line = WARN.replace("DT0042: no", "DT0005: database: connection to server at x failed: {}")
    assert log(tmp_path, line.format("timeout expired")).audit() == []
    assert len(log(tmp_path, line.format("Connection refused")).audit()) == 1
    for number in ("DT0005", "DT0007"):
        line = WARN.replace("DT0042: no", number + ": database: no answer in {}")
        assert log(tmp_path, line.format("time")).audit() == []
        assert len(log(tmp_path, line.format("time, never")).audit()) == 1


@pytest.mark.parametrize("number, text", [
    ("AH00484", "server reached MaxRequestWorkers setting, consider raising it"),
    ("AH00286", "server reached MaxRequestWorkers setting, consider raising it"),
    ("AH00161", "server reached MaxRequestWorkers setting, consider raising it"),
    ("AH10159", "server is within MinSpareThreads of MaxRequestWorkers")])
def test_a_machine_so_busy_that_all_workers_are_is_no_complaint(tmp_path, number, text):
    line = NOTE.replace("notice", "error")
    assert log(tmp_path, line.replace("AH00489: hello", f"{number}: {text}")).audit() == []
    assert len(log(tmp_path, line.replace("AH00489: hello", f"AH00288: {text}")).audit()) == 1


def test_a_crash_cannot_be_declared(tmp_path):
    line = NOTE.replace("hello", "child pid 7 exit signal Segmentation fault (11)")
    audited = log(tmp_path, line)
    audited.allow(".*")
    assert len(audited.audit()) == 1


class Loser(Preload):
    """Loses memory whenever the module opens something that is sealed."""

    variable = "DT_TEST_LOSER"
    source = r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdlib.h>

    static void *volatile lost;

    int EVP_DecryptFinal_ex(void *context, unsigned char *out, int *len)
    {
        static int (*next)(void *, unsigned char *, int *);
        if (!next) {
            *(void **)&next = dlsym(RTLD_NEXT, "EVP_DecryptFinal_ex");
        }
        lost = malloc(7777);
        lost = NULL;
        return next(context, out, len);
    }
    """


@pytest.mark.sanitized
@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_a_block_that_a_child_has_lost_is_a_complaint(serve, sim, visit, build, mpm):
    loser = Loser(build, mode=0o711)
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm, env=loser.environment)
    assert visit(httpd).sign_in().status == 200
    assert httpd.log.audit() == []
    httpd.stop()
    (complaint, *_) = httpd.log.audit()
    assert "LeakSanitizer" in complaint and str(loser.library) in complaint
    loser.remove()


@pytest.mark.sanitized
def test_a_block_that_is_lost_in_a_trial_is_a_complaint_of_its_end(farm, sim, visit, build):
    loser = Loser(build, mode=0o711)
    with farm.trial(sites.protected(sim), env=loser.environment) as httpd:
        assert visit(httpd).sign_in().status == 200
        assert httpd.log.audit() == []
    (complaint, *_) = httpd.complaints
    assert "LeakSanitizer" in complaint and not httpd.folder.exists()
    loser.remove()


def test_nothing_may_crash_while_a_configuration_is_checked(farm):
    with pytest.raises(AssertionError, match="AddressSanitizer"):
        farm.checker().configtest("AddressSanitizer: is no directive, but looks like a report")


@pytest.mark.sanitized
def test_a_child_that_has_lost_nothing_is_no_complaint(serve, sim, visit, mpm):
    httpd = serve(sites.protected(sim), fresh=True, mpm=mpm)
    assert visit(httpd).sign_in().status == 200
    httpd.stop()
    assert httpd.log.audit() == []


def test_no_port_is_given_twice():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_a_restart_goes_to_no_other_port(serve):
    httpd = serve("", fresh=True, dingtalk=False)
    port = httpd.port
    httpd.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(HttpdFailed, match="could not bind"):
            httpd.start()
    assert httpd.port == port
    httpd.allow_log("AH00072", "AH00015", "no listening sockets")
    httpd.start()


def test_behind_a_graceful_restart_nobody_listens_who_did_before(serve, mpm):
    httpd = serve("", fresh=True, dingtalk=False, mpm=mpm)
    before = children(httpd.process.pid)
    assert any(listens(pid, httpd.port) for pid in before)
    httpd.graceful()
    assert not any(listens(pid, httpd.port) for pid in before)


@pytest.mark.parametrize("why, since, late", [
    ("(70007)The timeout specified has expired: ", 0, True),
    ("(111)Connection refused: ", 0, False), ("", 0, False),
    ("(70007)The timeout specified has expired: ", 1 << 20, False)])
def test_only_a_cache_that_was_late_meanwhile_explains_a_503(tmp_path, why, since, late):
    """And nobody who has ended since keeps it so: process 1 is no child of ours."""
    httpd = types.SimpleNamespace(
        log=log(tmp_path, WARN.replace("DT0042: no", f"{why}DT0064: the session cache")),
        process=types.SimpleNamespace(pid=os.getpid()))
    assert is_late(httpd, since) == late


def test_bytes_after_the_body_are_seen():
    answer = parse(b"HTTP/1.1 401 x\r\nContent-Length: 2\r\n\r\nokcanary")
    assert answer.body == b"ok" and answer.extra == b"canary"


def test_the_jar_refuses_what_a_browser_refuses():
    jar = Jar()
    jar.take(["__Host-a=1; Path=/", "b=1; Domain=evil.example", "c=1; Secure", "d=1"],
             "http", "localhost")
    assert jar.names() == ["d"]


def test_the_jar_sends_lax_cookies_with_a_click_only():
    jar = Jar()
    jar.take(["a=1; SameSite=Lax", "b=1; SameSite=Strict"], "http", "h")
    assert jar.header("http", "h", "/", cross_site=True) == "a=1"
    assert jar.header("http", "h", "/", cross_site=True, safe_navigation=False) is None


def test_both_oracles_see_through_tricks():
    base = "http://127.0.0.1:8080/x"
    tricks = ["/\\evil.example", "//evil.example", "/\t/evil.example", "http:\\\\evil.example",
              "/app/", "?a", "/%2f/evil.example"]
    expected = ["http://evil.example"] * 4 + ["http://127.0.0.1:8080"] * 3
    assert origins(base, tricks) == expected
    assert [_origin(base, trick) for trick in tricks] == expected
