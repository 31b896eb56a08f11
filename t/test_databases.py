# SPDX-License-Identifier: Apache-2.0
"""The unit tests of the database code, against real servers: PostgreSQL and MariaDB."""

import os
import subprocess

import pytest

from lib.databases import PASSWORD, MariaDB, Postgres

pytestmark = pytest.mark.smoke

PROGRAMS = ("test_db", "test_db_schema", "test_memory_dbd", "test_memory_dbd_codes",
            "test_memory_dbd_null", "test_revocations_dbd", "test_events_dbd", "test_members_dbd",
            "test_members_want", "test_accounts_dbd", "test_accounts_dbd_bind",
            "test_accounts_dbd_create")
PATIENCE = 300


def program_of(build, name):
    """The path of a unit test, which `make check` builds."""
    path = build.folder / "t" / "unit" / name
    assert path.exists(), f"{name} is not built: run make check"
    return path


def environment(database, **more):
    """What tells a unit test which database to use."""
    return {**os.environ, "DT_TEST_DRIVER": database.driver, "DT_TEST_PARAMS": database.params,
            **more}


def run(build, name, database, **more):
    """Run a unit test to its end; what it printed."""
    done = subprocess.run([program_of(build, name)], env=environment(database, **more), text=True,
                          capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def started(make):
    """A database for all tests of this file, or a skip where it is not installed."""
    if not make.available():
        pytest.skip(f"{make.__name__} is not installed")
    return make()


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL."""
    with started(Postgres) as database:
        yield database


@pytest.fixture(scope="module")
def mariadb():
    """A MariaDB."""
    with started(MariaDB) as database:
        yield database


@pytest.fixture(params=["postgres", "mariadb"])
def server(request):
    """Each of them."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_unit_test_holds_on_a_real_server(build, server, name):
    run(build, name, server)


def test_a_returning_person_costs_two_statements(build, postgres):
    """What is prepared once a connection is not counted."""
    run(build, "test_memory_dbd", postgres)
    statements = postgres.statements()
    begin = [at for at, text in enumerate(statements) if "'begin counting'" in text]
    end = [at for at, text in enumerate(statements) if "'end counting'" in text]
    counted = [statements[a + 1:b] for a, b in zip(begin, end)]
    assert len(counted) >= 3 and len(begin) == len(end)
    assert all(len(texts) == 2 for texts in counted), counted


def test_without_the_right_to_make_triggers_everything_else_works(build):
    if not MariaDB.available():
        pytest.skip("MariaDB is not installed")
    with MariaDB(binary_log=True) as database:
        run(build, "test_memory_dbd", database, DT_TEST_NO_TRIGGER="1")
        run(build, "test_db", database)


def test_a_server_that_is_killed_and_started_again_is_used_again(build, server):
    """The unit test prints @kill and @start on lines of their own, and reads one for each."""
    with subprocess.Popen([program_of(build, "test_db_restart")], text=True,
                          env=environment(server, DT_TEST_RESTART="1"), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "@kill\n":
                server.kill()
            elif line == "@start\n":
                server.start()
            else:
                continue
            process.stdin.write("done\n")
            process.stdin.flush()
        assert process.wait(PATIENCE) == 0, "".join(said)
    assert said.count("@kill\n") == 2


def test_no_password_is_in_the_log_of_a_unit_test(build, postgres, mariadb):
    """Nor anywhere else that a unit test prints, whatever fails."""
    for database in (postgres, mariadb):
        wrong = database.params.replace(PASSWORD, "s3cr3t")
        done = subprocess.run([program_of(build, "test_db")], text=True, capture_output=True,
                              env={**environment(database), "DT_TEST_PARAMS": wrong},
                              timeout=PATIENCE, check=False)
        assert "s3cr3t" not in done.stdout + done.stderr
