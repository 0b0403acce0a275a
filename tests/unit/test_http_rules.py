# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an HTTP answer means: its status, Retry-After, pauses, and the service's own words in any nesting."""

from __future__ import annotations

import email.utils
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    FateUnknown,
    NotProcessed,
    Refused,
    UnexpectedAnswer,
)
from ansible_collections.attackforge.retest.plugins.module_utils._http_rules import (
    MAX_RETRY_AFTER,
    backoff,
    error_of,
    is_rejection,
    retry_after_of,
    words_of,
)

METHOD = "RequestNewProjectRetest"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)

# What a status means


@pytest.mark.parametrize(
    "kind, statuses",
    [
        (NotProcessed, [429]),
        (FateUnknown, [100, 103, 199, 408, 425, 500, 501, 502, 503, 504, 599]),
        (Refused, [300, 304, 400, 401, 403, 404, 405, 407, 409, 410, 411, 413, 418, 422, 428, 430, 451, 499]),
    ],
)
def test_each_status_says_what_can_have_happened(kind, statuses):
    for status in statuses:
        error = error_of(METHOD, status, "Words", 7.0)
        assert isinstance(error, kind), status
        assert (error.method, error.http_status, error.detail, error.retry_after) == (METHOD, status, "Words", 7.0)
        assert error.message.startswith(f"{METHOD}: HTTP {status}: Words.")
        assert error.facts == {"error": {"method": METHOD, "http_status": status, "detail": "Words"}}


@pytest.mark.parametrize("words, begins", [(None, "X: HTTP 400."), ("No.", "X: HTTP 400: No."), ("", "X: HTTP 400.")])
def test_a_message_ends_in_one_full_stop(words, begins):
    assert error_of("X", 400, words).message == begins


@pytest.mark.parametrize("status", [401, 403])
def test_no_access_has_three_possible_causes_and_the_method_is_named(status):
    message = error_of(METHOD, status, None).message
    assert "three possible causes" in message
    for cause in (
        "the key is wrong;",
        f"{METHOD} is not granted to the key's user",
        "access level or role in the project",
    ):
        assert cause in message
    assert "administrator of AttackForge" in message


def test_braces_in_the_services_words_are_only_words():
    assert "{method} {0}" in error_of(METHOD, 403, "{method} {0}").message


def test_what_was_not_found_comes_with_what_to_check():
    assert "Check the ids and base_url" in error_of(METHOD, 404, None).message


def test_a_rate_limit_comes_with_what_to_do():
    assert "Try later, or raise retries." in error_of(METHOD, 429, None).message


def test_a_rejection_is_about_the_content():
    for status in (400, 409, 422):
        assert is_rejection(error_of(METHOD, status, None))
    for status in (401, 403, 404, 405, 408, 429, 500):
        assert not is_rejection(error_of(METHOD, status, None))
    assert not is_rejection(UnexpectedAnswer("x", method=METHOD, http_status=400))


# Retry-After


def date(seconds, usegmt=True):
    return email.utils.format_datetime(NOW + timedelta(seconds=seconds), usegmt=usegmt)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("7", 7.0),
        (" 5", 5.0),
        ("5\t", 5.0),
        ("5.5", 5.5),
        ("0", 0.0),
        ("0.0", 0.0),
        ("60", 60.0),
        ("61", 60.0),
        ("99999", 60.0),
        ("9" * 400, 60.0),
        (date(5), 5.0),
        (date(59, usegmt=False), 59.0),
        (date(3600), 60.0),
        (date(-3600), 0.0),
        ("Fri, 20 Nov 2026 10:00:30", 30.0),  # without a zone: UTC
        ("Fri, 20 Nov 2026 11:00:30 +0100", 30.0),
    ],
)
def test_seconds_and_dates_are_read_within_bounds(text, seconds):
    assert retry_after_of(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "  ", "soon", "-5", "+5", "nan", "inf", "1e9", "5,5", "5.", ".5", "5 s", "0x10", "\u0665"),
        *("Wed, 99 Foo 2026 99:99:99 GMT", "2026-11-20T10:00:00Z", "Fri, 20 Nov 99999999999 10:00:00 GMT"),
    ],
)
def test_nonsense_asks_for_nothing(text):
    assert retry_after_of(text, NOW) is None


def test_a_date_counts_from_the_present_moment():
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    assert retry_after_of(email.utils.format_datetime(later)) == MAX_RETRY_AFTER
    assert retry_after_of(email.utils.format_datetime(later - timedelta(hours=2))) == 0


@given(st.none() | st.text(max_size=40))
def test_any_text_is_a_bounded_number_of_seconds_or_nothing(text):
    seconds = retry_after_of(text, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


# Pauses


def test_pauses_double_up_to_the_most():
    assert [backoff(attempt, None, 1.0) for attempt in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert [backoff(attempt, None, 1.0, first=1.0, most=3.0) for attempt in range(4)] == [1.0, 2.0, 3.0, 3.0]
    assert backoff(10**9, None, 1.0) == 8.0


def test_jitter_shortens_the_pause_and_not_what_was_asked_for():
    assert backoff(2, None, 0.5) == 1.0
    assert backoff(2, 0.25, 0.5) == 1.0
    assert backoff(2, 5.0, 0.5) == 5.0


# The service's own words


@pytest.mark.parametrize(
    "answer, words",
    [
        ({"message": "m", "error": "e", "detail": "d", "status": "s"}, "m"),
        ({"error": "e", "detail": "d"}, "e"),
        ({"detail": "d", "status": "s"}, "d"),
        ({"status": "s"}, "s"),
        ({"error": {"message": {"detail": " No access "}}}, "No access"),
        ({"error": {"message": {"detail": {"status": "No access"}}}}, None),  # four levels
        ({"message": "", "status": " s "}, "s"),
        ({"message": ["no text"], "status": "s"}, "s"),
        ({"message": 5, "error": False, "status": "s"}, "s"),
        ("text", "text"),
        (" ", None),
        ([{"message": "m"}], None),
        ({}, None),
        (None, None),
        (17, None),
    ],
)
def test_words_are_looked_for_in_three_levels(answer, words):
    assert words_of(answer) == words


WINDOW = {"path": ["body", "retesting_window_start"], "info": "must be ISO8601"}
IDS = {"path": ["body", "vulnerability_ids", 0], "info": " is unknown "}
TOLD = "retesting_window_start: must be ISO8601; vulnerability_ids.0: is unknown"


@pytest.mark.parametrize(
    "answer, words",
    [
        # As a live tenant was seen to write it.
        (
            {"code": "VALIDATION_FAILED", "message": "Request validation failed.", "error": {"details": [WINDOW, IDS]}},
            f"Request validation failed: {TOLD}",
        ),
        ({"details": [WINDOW, IDS]}, f"Validation failed: {TOLD}"),
        ({"error": {"details": [WINDOW, IDS]}}, f"Validation failed: {TOLD}"),
        ({"message": "Bad", "details": [WINDOW, IDS]}, f"Bad: {TOLD}"),
        ({"message": "Bad", "errors": [{"details": [WINDOW, IDS]}]}, f"Bad: {TOLD}"),
        (
            {"message": "Bad", "error": {"message": "x", "details": WINDOW}},
            "Bad: retesting_window_start: must be ISO8601",
        ),
        ([WINDOW, IDS], f"Validation failed: {TOLD}"),
        ({"message": "Bad", "details": [{"path": "note", "info": "is too long"}]}, "Bad: note: is too long"),
        ({"message": "Bad", "details": [{"path": [], "info": "is empty"}]}, "Bad: body: is empty"),
        ({"message": "Bad", "details": [{"path": None, "info": "is empty"}]}, "Bad: body: is empty"),
        # What is no detail leaves the words as they are.
        ({"message": "Bad", "details": []}, "Bad"),
        ({"message": "Bad", "details": [{"path": ["x"], "info": " "}]}, "Bad"),
        ({"message": "Bad", "details": [{"path": ["x"], "info": 5}, {"info": "without a path"}]}, "Bad"),
        ({"message": "Bad", "details": ["x", None, 3]}, "Bad"),
        # Nor is anything told twice.
        ({"message": "note: is too long", "details": [{"path": "note", "info": "is too long"}]}, "note: is too long"),
    ],
)
def test_the_details_of_a_validation_error_are_told(answer, words):
    assert words_of(answer) == words


def test_neither_words_nor_details_are_looked_for_without_end():
    nested, deep_list = {"details": [WINDOW]}, [WINDOW]
    for _unused in range(5000):
        nested, deep_list = {"error": nested}, [deep_list]
    assert words_of(nested) is None
    assert words_of(deep_list) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "error", "detail", "status", "details", "path", "info"]), inner, max_size=4
        )
    ),
)


@given(anything)
def test_the_words_of_any_json_are_text_or_none(answer):
    words = words_of(answer)
    assert words is None or (isinstance(words, str) and words.strip() == words != "")
