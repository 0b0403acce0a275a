# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instants and windows: each form that people and the service write, and what is made of it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._windows import (
    Window,
    format_instant,
    parse_end,
    parse_instant,
    parse_start,
    present,
)

NOW = datetime(2026, 11, 20, 10, 30, 15, 250000, tzinfo=timezone.utc)
DAY = datetime(2026, 12, 1, tzinfo=timezone.utc)

instants = st.datetimes(
    min_value=datetime(1000, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(timezone.utc)
)
offsets = st.integers(min_value=-14 * 60, max_value=14 * 60)


def truncated(instant):
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "text, sent",
    [
        ("2026-12-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00.000Z"),
        ("2026-12-01t08:00:00z", "2026-12-01T08:00:00.000Z"),
        ("2026-12-01T08:00:00+01:00", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01T08:00:00-05:30", "2026-12-01T13:30:00.000Z"),
        ("2026-12-01T08:00:00+0100", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01T08:00:00+01", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01T00:30:00+01:00", "2026-11-30T23:30:00.000Z"),
        ("2026-12-01T23:30:00-01:00", "2026-12-02T00:30:00.000Z"),
        ("2026-12-01 00:00:00+00:00", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01 07:00:00", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01 07:00:00.123456+00:00", "2026-12-01T07:00:00.123Z"),
        ("2026-12-01   07:00:00 +02:00", "2026-12-01T05:00:00.000Z"),
        ("2026-12-01 07:00:00 Z", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01T08:00:00", "2026-12-01T08:00:00.000Z"),
        ("2026-12-01T08:00", "2026-12-01T08:00:00.000Z"),
        ("2026-12-01T08:00+01:00", "2026-12-01T07:00:00.000Z"),
        ("2026-12-01T08", "2026-12-01T08:00:00.000Z"),
        ("2026-12-01", "2026-12-01T00:00:00.000Z"),
        ("20261201", "2026-12-01T00:00:00.000Z"),
        ("20261201T080910Z", "2026-12-01T08:09:10.000Z"),
        ("20261201T0809+0100", "2026-12-01T07:09:00.000Z"),
        ("2026-12-01T08:00:00.5Z", "2026-12-01T08:00:00.500Z"),
        ("2026-12-01T08:00:00,25Z", "2026-12-01T08:00:00.250Z"),
        ("2026-12-01T08:00:00.9999999Z", "2026-12-01T08:00:00.999Z"),
        ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ("  2026-12-01T08:00:00Z\n", "2026-12-01T08:00:00.000Z"),
    ],
)
def test_each_form_of_an_instant_is_sent_as_utc_with_milliseconds(text, sent):
    assert format_instant(parse_instant(text)) == sent
    assert parse_start(text, NOW) == (parse_instant(text), True)
    assert parse_end(text, DAY, True) == (parse_instant(text), True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "tomorrow",
        "1 December 2026",
        "01.12.2026",
        "12/01/2026",
        "2026",
        "2026-12",
        "2026-1-1",
        "2026-1201",
        "202612-01",
        "2026-12-01T",
        "2026-12-01T8:00:00Z",
        "2026-12-01T08:00:00.Z",
        "2026-12-01T08:00:00 UTC",
        "2026-12-01T08:00:00+1",
        "2026-12-01Z",
        "1796083200",
        "+2d",
        "now",
        "2026-12-01\n2026-12-02",
        "２０２６-12-01",
    ],
)
def test_what_is_no_iso_8601_is_refused_with_the_text_and_an_example(text):
    with pytest.raises(ValueError) as caught:
        parse_instant(text)
    assert repr(text) in str(caught.value)
    assert "2026-12-01T08:00:00Z" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-12-32",
        "2026-12-01T25:00:00Z",
        "2026-12-01T08:60:00Z",
        "2026-12-01T08:00:61Z",
        "0000-01-01",
        "2026-12-01T08:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_not_in_the_calendar_is_refused_with_the_text(text):
    with pytest.raises(ValueError) as caught:
        parse_instant(text)
    assert repr(text) in str(caught.value)
    assert "calendar" in str(caught.value)


@pytest.mark.parametrize(
    "text, shift",
    [
        ("+12h", timedelta(hours=12)),
        ("+2d", timedelta(days=2)),
        ("+1w", timedelta(weeks=1)),
        ("+1W", timedelta(weeks=1)),
        (" + 3 d ", timedelta(days=3)),
        ("+0d", timedelta()),
        ("+036h", timedelta(hours=36)),
    ],
)
def test_a_span_counts_from_now_for_the_start_and_from_the_start_for_the_end(text, shift):
    assert parse_start(text, NOW) == (NOW + shift, False)
    assert parse_end(text, DAY, True) == (DAY + shift, True)
    assert parse_end(text, DAY, False) == (DAY + shift, False)
    assert parse_end(text, None, True)[0] is None


@pytest.mark.parametrize("text", ["now", "NOW", " Now "])
def test_now_is_the_present_moment_and_floats(text):
    assert parse_start(text, NOW) == (NOW, False)


@pytest.mark.parametrize("text", ["+2", "2d", "-2d", "+2m", "+1.5d", "+d", "+2days", "+2d12h", "soon"])
def test_a_bad_span_is_refused_with_the_text_and_the_spans_that_there_are(text):
    for parse in (lambda: parse_start(text, NOW), lambda: parse_end(text, DAY, True)):
        with pytest.raises(ValueError) as caught:
            parse()
        assert repr(text) in str(caught.value)
        for form in ("+12h", "+2d", "+1w", "2026-12-01"):
            assert form in str(caught.value)


def test_the_message_for_an_end_does_not_offer_now():
    with pytest.raises(ValueError) as caught:
        parse_end("now", DAY, True)
    assert "nor now" not in str(caught.value)


@pytest.mark.parametrize("text", ["+99999999d", "+999999999999999999999h", "+" + "9" * 5000 + "w"])
def test_a_span_beyond_the_calendar_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_start(text, NOW)
    with pytest.raises(ValueError):
        parse_end(text, DAY, True)


@given(instants)
def test_what_is_written_is_read_back_as_the_same_instant(instant):
    assert parse_instant(format_instant(instant)) == truncated(instant)
    assert format_instant(parse_instant(format_instant(instant))) == format_instant(instant)


@given(instants, offsets, st.sampled_from(["T", " "]))
def test_an_offset_is_converted_to_the_same_instant(instant, minutes, divider):
    local = instant.astimezone(timezone(timedelta(minutes=minutes)))
    parsed = parse_instant(local.isoformat(divider))
    assert parsed == truncated(instant)
    assert parsed.utcoffset() == timedelta(0)


@given(instants)
def test_what_yaml_makes_of_an_unquoted_timestamp_is_read(instant):
    assert parse_instant(str(instant)) == truncated(instant)
    assert parse_instant(str(instant.replace(tzinfo=None))) == truncated(instant)
    assert parse_instant(str(instant.date())) == instant.replace(hour=0, minute=0, second=0, microsecond=0)


@given(instants, st.text("0123456789", min_size=1, max_size=12))
def test_a_fraction_is_cut_to_milliseconds_not_rounded(instant, fraction):
    text = instant.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    expected = instant.replace(microsecond=int(fraction[:3].ljust(3, "0")) * 1000)
    assert parse_instant(f"{text}.{fraction}Z") == expected


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_value_error(text):
    for parse in (parse_instant, lambda text: parse_start(text, NOW)[0], lambda text: parse_end(text, DAY, True)[0]):
        try:
            instant = parse(text)
        except ValueError:
            continue
        assert instant.utcoffset() == timedelta(0)


def test_no_instant_is_written_as_none():
    assert format_instant(None) is None


@pytest.mark.parametrize(
    "window, start, end, differs",
    [
        (Window(DAY, DAY + timedelta(7)), DAY, DAY + timedelta(7), False),
        (Window(DAY, DAY + timedelta(7)), DAY + timedelta(milliseconds=1), DAY + timedelta(7), True),
        (Window(DAY, DAY + timedelta(7)), DAY, DAY + timedelta(8), True),
        (Window(DAY, None), DAY, DAY + timedelta(7), False),
        (Window(DAY, None), DAY + timedelta(1), DAY + timedelta(7), True),
        (Window(DAY, DAY + timedelta(7)), None, None, False),
        (Window(DAY, DAY + timedelta(7)), None, DAY + timedelta(8), True),
        (Window(DAY, DAY + timedelta(7), False, False), DAY + timedelta(1), DAY + timedelta(9), False),
        (Window(DAY, DAY + timedelta(7), False, True), DAY + timedelta(1), DAY + timedelta(7), False),
        (Window(DAY, DAY + timedelta(7), False, True), DAY + timedelta(1), DAY + timedelta(8), True),
        (Window(DAY, DAY + timedelta(7), True, False), DAY + timedelta(1), DAY + timedelta(7), True),
    ],
)
def test_only_fixed_bounds_that_are_known_on_both_sides_are_compared(window, start, end, differs):
    assert window.differs_from(start, end) is differs


@given(instants, offsets)
def test_windows_are_compared_as_instants_whatever_the_offset(instant, minutes):
    instant = truncated(instant)
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert not Window(instant, None).differs_from(elsewhere, None)


@pytest.mark.parametrize("text", ["2026-12-01T00:00:00+01:60", "2026-12-01T00:00:00-00:99"])
def test_an_offset_that_does_not_exist_is_named(text):
    with pytest.raises(ValueError) as caught:
        parse_instant(text)
    assert text in str(caught.value) and "offset" in str(caught.value)


def test_the_largest_minutes_of_an_offset_are_read():
    assert format_instant(parse_instant("2026-12-01T01:59:00+01:59")) == "2026-12-01T00:00:00.000Z"


@pytest.mark.parametrize("other", ["2026-11-30", "2026-12-02"])
def test_a_window_differs_from_an_earlier_one_and_from_a_later_one(other):
    start, end = parse_instant("2026-12-01"), parse_instant("2026-12-08")
    moved = parse_instant(other)
    assert Window(start, end).differs_from(moved, end)
    assert Window(end, start).differs_from(end, moved)
    assert not Window(start, end).differs_from(start, end)


def test_the_present_is_now_in_whole_milliseconds():
    for _unused in range(50):
        before = datetime.now(timezone.utc)
        found = present()
        assert truncated(before) <= found <= datetime.now(timezone.utc)
        assert found.microsecond % 1000 == 0 and found.utcoffset() == timedelta()
        time.sleep(0.0007)


@pytest.mark.parametrize(
    "parse, text, message",
    [
        (parse_instant, "soon", "'soon' is not an ISO 8601 date or time such as 2026-12-01T08:00:00Z or 2026-12-01"),
        (
            parse_instant,
            "2026-12-01T00:00:00+01:60",
            "'2026-12-01T00:00:00+01:60' has an offset from UTC that does not exist",
        ),
        (
            lambda text: parse_start(text, NOW),
            "soon",
            "'soon' is neither an ISO 8601 date or time such as "
            "2026-12-01T08:00:00Z or 2026-12-01, nor now, nor a span such as +12h, +2d or +1w",
        ),
        (
            lambda text: parse_end(text, NOW, True),
            "soon",
            "'soon' is neither an ISO 8601 date or time such as "
            "2026-12-01T08:00:00Z or 2026-12-01, nor a span from the start such as +12h, +2d or +1w",
        ),
        (lambda text: parse_start(text, NOW), "+9999999w", "'+9999999w' is too far away"),
        (lambda text: parse_start(text, NOW), f"+{'9' * 30}w", f"'+{'9' * 30}w' is too far away"),
    ],
)
def test_a_mistake_is_told_whole(parse, text, message):
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert str(caught.value) == message
