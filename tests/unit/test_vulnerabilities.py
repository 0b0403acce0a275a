# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings: readiness however the service writes it, and names for people."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import (
    CLOSED, OPEN, READY, Finding, named, status_of,
)


@pytest.mark.parametrize("status, retest, expected", [
    ("Open", "No", OPEN),
    ("Open", "Yes", READY),
    ("Open", True, READY),
    ("Open", False, OPEN),
    ("open", "yes", READY),
    ("Open", " YES ", READY),
    ("Open", "true", READY),
    ("Open", None, OPEN),
    ("Open", "", OPEN),
    ("Retest", None, READY),
    ("Retest", "No", READY),
    (" retest ", "No", READY),
    ("RETEST", False, READY),
    ("Closed", "No", CLOSED),
    ("closed", None, CLOSED),
    (" CLOSED ", None, CLOSED),
    (None, None, OPEN),
    (None, "Yes", READY),
    ("", "No", OPEN),
    ("Triaged", "No", OPEN),
    ("Triaged", "Yes", READY),
])
def test_open_ready_and_closed_are_told_apart(status, retest, expected):
    assert status_of(status, retest) == expected


def test_a_closed_finding_is_closed_even_where_the_old_retest_flag_stands():
    assert status_of("Closed", "Yes") == CLOSED
    assert status_of("Closed", True) == CLOSED


@given(st.none() | st.text(max_size=12), st.none() | st.booleans() | st.text(max_size=6))
def test_whatever_is_written_there_is_one_of_three_statuses(status, retest):
    assert status_of(status, retest) in (OPEN, READY, CLOSED)


def test_findings_are_named_by_both_ids_where_there_are_two():
    findings = [Finding("a" * 24, "WEBAPP-1", "SQL injection"), Finding("b" * 24)]
    assert named(findings) == "WEBAPP-1 (%s), %s" % ("a" * 24, "b" * 24)
    assert named([]) == ""
    assert named(iter(findings)) == named(findings)
