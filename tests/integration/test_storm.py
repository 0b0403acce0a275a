# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few dozen random schedules of faults and of people acting: nothing is asked for twice, nothing is lost."""

from __future__ import annotations

import pytest

from tests.storm.runs import SINS, storm

SEED = "make test"  # the same each time; python -m tests.storm takes others
SCHEDULES = 60
IN_PLAYS = 6


@pytest.fixture(scope="module", name="verdicts")
def fixture_verdicts():
    return storm(SEED, range(SCHEDULES))


@pytest.mark.parametrize("sin", SINS)
def test_nothing_is(verdicts, sin):
    assert len(verdicts) == SCHEDULES
    assert {one.number: getattr(one, sin) for one in verdicts if getattr(one, sin)} == {}


def test_plays_do_no_worse():
    verdicts = storm(SEED, range(IN_PLAYS), "plays")
    assert {one.number: one for one in verdicts if any(one[2:])} == {}
