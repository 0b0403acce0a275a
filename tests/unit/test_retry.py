# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempts: how many, after which errors, with which pauses."""

from __future__ import annotations

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _retry as retry_module
from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    FateUnknown,
    NotProcessed,
    PlayEnded,
    Refused,
    UnexpectedAnswer,
)
from ansible_collections.attackforge.retest.plugins.module_utils._retry import RETRIED_READ, RETRIED_WRITE, attempts


@pytest.fixture(autouse=True)
def jitter(monkeypatch):
    """The random part of a pause, at its largest."""
    bounds = []
    monkeypatch.setattr(retry_module.random, "uniform", lambda low, high: bounds.append((low, high)) or high)
    return bounds


def error(kind, retry_after=None):
    return kind("x", method="m", retry_after=retry_after)


def run(errors, retries=3, **more):
    """Raise these errors in turn, then return. Returns (what it returned, the numbers of the attempts, the pauses)."""
    pauses, numbers, left = [], [], list(errors)

    def call():
        for attempt in attempts(retries, pause=pauses.append, **more):
            with attempt as entered:
                assert entered is attempt
                numbers.append(attempt.number)
                if left:
                    raise left.pop(0)
                return "done"
        raise AssertionError("the last attempt returns or raises")

    try:
        return call(), numbers, pauses
    except Exception as failure:
        return failure, numbers, pauses


def test_what_succeeds_is_done_once():
    assert run([]) == ("done", [0], [])


def test_an_error_of_a_retried_kind_leads_to_the_next_attempt_after_a_growing_pause(jitter):
    assert run([error(NotProcessed), error(FateUnknown), error(FateUnknown)]) == ("done", [0, 1, 2, 3], [0.5, 1.0, 2.0])
    assert jitter == [(0.5, 1.0)] * 3


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_the_last_attempt_lets_the_error_pass_without_a_pause(retries):
    failures = [error(FateUnknown) for _unused in range(retries + 1)]
    outcome, numbers, pauses = run(failures, retries)
    assert outcome is failures[-1] and len(numbers) == retries + 1 and len(pauses) == retries


@pytest.mark.parametrize("failure", [error(Refused), error(UnexpectedAnswer), PlayEnded("over"), KeyError("x")])
def test_any_other_error_passes_at_once(failure):
    assert run([failure]) == (failure, [0], [])


def test_a_write_is_sent_again_only_if_it_was_not_processed():
    lost = error(FateUnknown)
    assert run([error(NotProcessed), lost], on=RETRIED_WRITE) == (lost, [0, 1], [0.5])
    assert set(RETRIED_READ) == {NotProcessed, FateUnknown} and (NotProcessed,) == RETRIED_WRITE


def test_the_pause_is_at_least_what_the_service_asked_for():
    assert run([error(NotProcessed, 7.0), error(NotProcessed, 0.0)])[2] == [7.0, 1.0]


def test_an_interrupt_is_never_an_attempt_that_failed():
    with pytest.raises(KeyboardInterrupt):
        for attempt in attempts(3, pause=lambda _seconds: None):
            with attempt:
                raise KeyboardInterrupt


def test_without_a_pause_of_its_own_it_sleeps(monkeypatch):
    slept = []
    monkeypatch.setattr(retry_module.time, "sleep", slept.append)
    for attempt in attempts(1):
        with attempt:
            if not attempt.number:
                raise error(NotProcessed)
    assert slept == [0.5]
