# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One sandbox process for all tests of the sandbox itself; each test begins with the world of the start."""

from __future__ import annotations

import pytest

from tests.sandbox.control import Sandbox


@pytest.fixture(scope="session")
def process():
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(process):
    process.reset()
    return process
