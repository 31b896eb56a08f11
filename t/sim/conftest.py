# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the simulator's own tests."""

import pytest
from client import Client, start


@pytest.fixture(scope="session")
def running():
    """One simulator for all tests."""
    process, hello = start()
    yield Client(hello)
    process.terminate()
    assert process.wait(5) == 0


@pytest.fixture
def sim(running):
    """The simulator, as new."""
    running.control("reset", {})
    return running
