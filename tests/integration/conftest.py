# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the integration tests share: one sandbox for each test process, as new for each test, plays and calls."""

from __future__ import annotations

import pytest

from tests.integration.calls import Calls
from tests.integration.plays import Plays
from tests.sandbox.control import Sandbox


@pytest.fixture(scope="session", name="running_sandbox")
def fixture_running_sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(name="sandbox")
def fixture_sandbox(running_sandbox):
    """A local AttackForge as at its start: the demo project, switches at their defaults, no faults, an empty log."""
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture(name="plays")
def fixture_plays(tmp_path, sandbox):
    """Plays that run their tasks in the controller's own process."""
    return Plays(tmp_path, sandbox)


@pytest.fixture(name="anywhere", params=["process", "module"])
def fixture_anywhere(tmp_path, sandbox, request):
    """Plays, once in the controller's own process and once as modules."""
    return Plays(tmp_path, sandbox, request.param)


@pytest.fixture(name="calls")
def fixture_calls(sandbox):
    """Tasks without a play."""
    return Calls(sandbox)
