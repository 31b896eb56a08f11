# SPDX-License-Identifier: Apache-2.0
"""The comparison with our peers, bench/run: it prints its tables and measures nothing broken."""

import importlib.machinery
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from lib.bounded import end_within
from lib.build import ROOT

BENCH = ROOT / "bench"
PATIENCE = 200  # seconds; the run itself gives up long before
COUNT = ("--quick", "--only", "instructions")
SPREAD = {"median", "min", "max"}
NAMED = ("cases", "event", "machine.packages", "cases.NAME.calls_per_sign_in")


pytestmark = pytest.mark.plain  # bench/run refuses a build with sanitizers


@pytest.fixture(autouse=True)
def _valgrind():
    assert shutil.which("valgrind"), "valgrind is missing: tools/install-packages.sh test"


def run(build, *words, folder=None):
    """Run it to its end: (exit status, standard output, standard error)."""
    done = subprocess.run([str(BENCH / "run"), *words], text=True, capture_output=True,
                          env={**os.environ, "DT_BUILD": str(folder or build.folder)},
                          timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def rows_of(text):
    """The rows of all tables as lists of cells; a head begins with `case` or the like."""
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("| ")]


def documented_keys():
    """What RESULTS.md says of --json: the names in backquotes in the first column of that table."""
    text = (BENCH / "RESULTS.md").read_text("utf-8").partition("## What `--json` says")[2]
    return {row[0].strip("`") for row in rows_of(text.partition("\n## ")[0]) if "`" in row[0]}


def paths_of(value, path=""):
    """The dotted path of everything in some JSON; each case, database, call is a NAME."""
    if not isinstance(value, dict) or SPREAD <= set(value):
        return {path}
    found = set()
    for key, inner in value.items():
        if path in NAMED:
            key = "NAME"
        found |= paths_of(inner, f"{path}.{key}".lstrip("."))
    return found


def test_two_cases_are_counted_and_the_table_says_how_much_ours_adds(build):
    """The figures of one request and of a sign-in, and nothing that was not asked for."""
    status, told, complaint = run(build, *COUNT, "--case", "cookie")
    assert status == 0, complaint
    head, bare, ours, sign_in, signed_in = rows_of(told)
    assert head == ["case", "instructions", "over bare"]
    assert bare[0] == "no authentication" and bare[2] == ""
    bare, total, over = (int(cell.replace(",", "")) for cell in (bare[1], *ours[1:]))
    assert over == pytest.approx(total - bare, abs=1) and 1000 < over < bare
    assert sign_in[:2] == ["sign-in", "instructions"]
    assert int(signed_in[1].replace(",", "")) > 10 * over


def test_what_is_printed_for_machines_has_the_keys_that_are_documented(build):
    """One JSON object, with every key of the table in RESULTS.md and no other."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is missing: tools/install-packages.sh bench")
    found = {}
    for words in (("--case", "cookie"), ("--only", "event")):
        status, told, complaint = run(build, "--quick", "--json", *words)
        assert status == 0, complaint
        for key, value in json.loads(told).items():
            found[key] = value or found[key]
    assert set(found["cases"]) == {"bare", "cookie"}
    assert paths_of(found) == documented_keys()


def test_a_peer_that_is_not_installed_is_left_out_and_named(build, tmp_path):
    """The others are measured all the same."""
    modules = tmp_path / "modules"
    modules.mkdir()
    for module in build.libexecdir.glob("mod_*.so"):
        if module.name != "mod_auth_openidc.so":
            (modules / module.name).symlink_to(module)
    (tmp_path / "t").mkdir()
    facts = {**build.facts, "libexecdir": str(modules)}
    (tmp_path / "t" / "build.json").write_text(json.dumps(facts), encoding="utf-8")
    status, told, complaint = run(build, *COUNT, "--case", "openidc-shm", folder=tmp_path)
    assert status == 0, complaint
    assert complaint == "run: openidc-shm is left out, there is no mod_auth_openidc.so here\n"
    assert [row[0] for row in rows_of(told)] == ["case", "no authentication"]


def test_a_case_that_does_not_exist_is_answered_with_those_that_do(build):
    """And nothing is measured."""
    status, told, complaint = run(build, *COUNT, "--case", "kerberos")
    assert status == 2 and told == ""
    assert "no case kerberos: bare, basic, form" in complaint


@pytest.fixture
def program(monkeypatch):
    """bench/run, loaded as a module: what it does can be broken."""
    monkeypatch.syspath_prepend(str(BENCH))
    path = str(BENCH / "run")
    loader = importlib.machinery.SourceFileLoader("bench_run", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
    monkeypatch.setattr(sys, "argv", [path, *COUNT, "--case", "cookie"])
    loader.exec_module(module)
    return module


def test_a_sign_in_that_fails_ends_the_run_and_says_which_and_why(program, monkeypatch, capsys):
    """What httpd answers instead of the page is no figure."""
    import peers.cases

    def refuse(case, _httpd):
        case.surroundings.simulator.misbehave("users_me", "status", status=503)

    monkeypatch.setattr(peers.cases.DingTalk, "wait", refuse)
    assert program.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("run: DingTalk, cookie: a sign-in failed: ")


def test_a_page_that_is_open_to_all_ends_the_run(program, monkeypatch, capsys):
    """Whoever forgot to protect it would look fast."""
    import peers.cases
    monkeypatch.setattr(peers.cases.DingTalk, "configuration", lambda self: "")
    assert program.main() == 2
    said = capsys.readouterr()
    assert said.out == "" and "without credentials 302 was expected" in said.err


def test_the_time_that_a_run_may_take_ends_with_it():
    """An alarm that is left would end whatever comes next."""
    before = signal.getsignal(signal.SIGALRM)
    with end_within(60):
        pass
    assert (signal.alarm(0), signal.getsignal(signal.SIGALRM)) == (0, before)
