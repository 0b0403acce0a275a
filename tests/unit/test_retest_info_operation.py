# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of attackforge_retest_info: how long it waits, and what ends the wait."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.attackforge.retest.plugins.module_utils.errors import FateUnknown, NotProcessed
from ansible_collections.attackforge.retest.plugins.module_utils.operations import retest_info
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import RoundsOptions
from ansible_collections.attackforge.retest.tests.unit.service import PROJECT, FakeService, clock_of

A = "a" * 24


@pytest.fixture
def service():
    fake = FakeService(retries=0)
    fake.add_finding(A)
    fake.add_round([A])
    fake.lines = []
    fake.tell = fake.lines.append
    with clock_of(fake), mock.patch.object(retest_info, "time", fake.clock):
        yield fake


def wait(service, timeout=100.0, interval=30.0):
    return retest_info.run(RoundsOptions(PROJECT, None, None, True, True, timeout, interval), service, False)


def test_a_round_that_is_finished_ends_the_wait(service):
    service.clock.later(50, lambda: service.finish(1, "Completed"))
    assert wait(service)["rounds"][0]["status"] == "completed"
    assert len(service.lines) == 2 and "Next look in 30 s" in service.lines[0]


def test_the_last_look_is_at_the_end(service):
    begun = service.clock.now
    assert wait(service)["rounds"][0]["open"] is True
    assert 100 <= service.clock.now - begun < 101
    assert "Next look in 10 s" in service.lines[-1]


@pytest.mark.parametrize("fault", ["lost before", "not processed"])
def test_a_look_that_fails_is_made_up_for_by_the_next(service, fault):
    service.faults["read"] = [fault, None, fault]
    service.clock.later(80, lambda: service.finish(1, "Completed"))
    assert wait(service)["rounds"][0]["status"] == "completed"
    assert [line.startswith(f"read: {fault}. Next look") for line in service.lines] == [True, False, True]


@pytest.mark.parametrize("fault, kind", [("lost before", FateUnknown), ("not processed", NotProcessed)])
def test_a_last_look_that_fails_fails(service, fault, kind):
    service.faults["read"] = [None, None, None, None, fault]
    with pytest.raises(kind):
        wait(service)
