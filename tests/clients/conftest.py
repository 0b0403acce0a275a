# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One sandbox for all tests of clients; each test begins with the world of the start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.control import Sandbox


@pytest.fixture(scope="session", name="running_sandbox")
def fixture_running_sandbox() -> Iterator[Sandbox]:
    """A sandbox for the session."""
    with Sandbox(switches={"event_heartbeat": 100}) as sandbox:
        yield sandbox


@pytest.fixture(name="sandbox")
def fixture_sandbox(running_sandbox: Sandbox) -> Sandbox:
    """A local AttackForge as at its start."""
    running_sandbox.reset()
    return running_sandbox
