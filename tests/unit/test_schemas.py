# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schemas: what may be asked, what is sent, what is believed of an answer."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest
import voluptuous
from ansible_collections.attackforge.retest.plugins.module_utils.errors import UnexpectedAnswer
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import (
    connection_mistakes,
    connection_options,
    history_rows,
    marking_mistakes,
    marking_options,
    request_body,
    retest_mistakes,
    retest_options,
    rounds_mistakes,
    rounds_options,
    selection_mistakes,
    selection_options,
    vulnerabilities_page,
    vulnerability,
    words_of,
)
from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import Marking
from ansible_collections.attackforge.retest.plugins.module_utils.windows import Window
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

PROJECT = "66333e1d110ab5acf8a4354e"
A, B = "a" * 24, "b" * 24
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
FIRST = datetime(2026, 12, 1, tzinfo=timezone.utc)
EIGHTH = datetime(2026, 12, 8, tzinfo=timezone.utc)
CONNECTION = dict(
    base_url="https://tenant.attackforge.com", api_key="key", validate_certs=True, ca_path=None, timeout=30.0, retries=4
)
RETEST = dict(
    project_id=PROJECT,
    state="requested",
    vulnerability_ids=[A],
    retesting_window_start="2026-12-01",
    retesting_window_end=None,
    round=None,
    on_window_change="keep",
    on_duplicate="warn",
    preflight=True,
)

SELECTION = dict(
    project_id=PROJECT,
    ids=None,
    alternate_ids=None,
    priorities=None,
    status=None,
    tags=None,
    assets=None,
    title=None,
    query=None,
    include_details=False,
)
MARKING = dict(
    project_id=PROJECT, vulnerability_ids=[A], status="retest", remediation_note="Fixed.", note_type="plaintext"
)
ROUNDS = dict(
    project_id=PROJECT, round=None, status=None, outcome=True, wait=False, wait_timeout=3600.0, wait_interval=60.0
)


def mistake(judge, option, **params):
    found = judge(**params)
    assert [one.partition(":")[0].partition("[")[0] for one in found] == [option], found
    return found[0]


def connection(**params):
    return connection_mistakes(dict(CONNECTION, **params))


def retest(**params):
    return retest_mistakes(dict(RETEST, **params), NOW)


def selection(**params):
    return selection_mistakes(dict(SELECTION, **params), NOW)


def marking(**params):
    return marking_mistakes(dict(MARKING, **params), NOW)


def rounds(**params):
    return rounds_mistakes(dict(ROUNDS, **params), NOW)


# Connection


@pytest.mark.parametrize(
    "given_url, kept",
    [
        ("https://tenant.attackforge.com", "https://tenant.attackforge.com"),
        ("https://tenant.attackforge.com/", "https://tenant.attackforge.com"),
        (" https://tenant.attackforge.com\n", "https://tenant.attackforge.com"),
        ("https://host:8443/a/prefix/", "https://host:8443/a/prefix"),
        ("HTTPS://host", "https://host"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_good_base_url_is_kept_with_its_prefix(given_url, kept):
    assert connection(base_url=given_url) == []
    assert connection_options(dict(CONNECTION, base_url=given_url)).base_url == kept


@pytest.mark.parametrize(
    "url, words",
    [
        ("", "https://"),
        ("tenant.attackforge.com", "https://"),
        ("ftp://host", "https://"),
        ("https://", "https://"),
        ("https:///path", "https://"),
        ("http://tenant.attackforge.com", "clear text"),
        ("http://10.0.0.1", "clear text"),
        ("http://localhost.example.com", "clear text"),
        ("http://0.0.0.0", "clear text"),
        ("http://[::2]", "clear text"),
        ("https://host?x=1", "query"),
        ("https://host/#x", "query"),
        ("https://host/api/ss", "/api/ss"),
        ("https://host/prefix/api/ss/", "/api/ss"),
        ("https://host:99999", "https://"),
        ("https://host:x", "https://"),
        ("https://host:0", "port 0"),
        ("https://ho st", "https://"),
        ("https://[::1", "https://"),
        ("https://user:pass@host", "user name"),
        ("https://user@host", "user name"),
        ("http://127.0.0.1\\@evil.example", "https://"),
        ("http://127.0.0.1@evil.example", "user name"),
    ],
)
def test_a_bad_base_url_is_named_with_the_reason(url, words):
    message = mistake(connection, "base_url", base_url=url)
    assert words in message


@pytest.mark.parametrize(
    "url, message",
    [
        (
            "https://user@host",
            "holds a user name or password, which the service does not use; give it as https://tenant.attackforge.com",
        ),
        ("http://host", "'http://host' would send the key in clear text; use https:// (http:// is for loopback only)"),
        ("https://host/api/ss", "'https://host/api/ss' ends in /api/ss, which is added here; leave it out"),
    ],
)
def test_a_bad_base_url_is_told_what_to_be(url, message):
    assert connection(base_url=url) == ["base_url: " + message]


def test_a_password_in_base_url_is_not_told():
    for url in ("https://user:hidden@host", "user:hidden@host", "https://user:hidden@ho st", "ftp://user:hidden@host"):
        assert "hidden" not in mistake(connection, "base_url", base_url=url)


@pytest.mark.parametrize("key", ["", " s3cr3t", "s3cr3t\n", "s3cr 3t", "s\u00e93cr3t", "s3cr3t\x00", "s3cr3t\u2028"])
def test_a_bad_key_is_named_and_not_told(key):
    message = mistake(connection, "api_key", api_key=key)
    assert "s3cr" not in message and "3t" not in message


@pytest.mark.parametrize("key", [" key", "key ", "key\n", "\tkey"])
def test_white_space_around_a_key_is_told_with_the_remedy(key):
    assert "trim" in mistake(connection, "api_key", api_key=key)


@pytest.mark.parametrize(
    "option, value",
    [
        ("timeout", 0.0),
        ("timeout", -1.0),
        ("timeout", 3601.0),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("retries", -1),
        ("retries", 21),
    ],
)
def test_a_number_out_of_bounds_is_named_with_its_bounds(option, value):
    message = mistake(connection, option, **{option: value})
    assert ("3600" if option == "timeout" else "20") in message


@pytest.mark.parametrize(
    "option, value",
    [("timeout", 0.1), ("timeout", 1.0), ("timeout", 3600.0), ("timeout", 3599.5), ("retries", 0), ("retries", 20)],
)
def test_a_number_at_a_bound_is_within_it(option, value):
    assert connection(**{option: value}) == []


def test_a_ca_path_that_is_not_there_is_named():
    assert connection(ca_path="/no/such/file") == [
        "ca_path: there is no file or folder '/no/such/file' where this task runs"
    ]
    assert connection(ca_path=__file__) == []


def test_a_ca_path_that_must_not_be_read_is_named(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)  # root may read whatever it likes
    assert connection(ca_path=__file__) == [f"ca_path: {__file__!r} cannot be read by the user that runs this task"]


def test_every_mistake_of_a_connection_is_told_at_once():
    found = connection(base_url="ftp://x", api_key="", timeout=0.0, retries=99, ca_path="/no/such/file")
    assert sorted(one.partition(":")[0] for one in found) == ["api_key", "base_url", "ca_path", "retries", "timeout"]


def test_a_good_connection_is_read_as_it_is():
    made = connection_options(CONNECTION)
    assert (made.api_key, made.validate_certs, made.ca_path, made.timeout, made.retries) == ("key", True, None, 30.0, 4)


# The options of attackforge_retest


def test_good_options_are_read():
    made = retest_options(
        dict(
            RETEST, project_id=f" {PROJECT.upper()} ", vulnerability_ids=[B.upper(), A, B], retesting_window_end="+1w"
        ),
        NOW,
    )
    assert made.project_id == PROJECT
    assert made.wish.ids == made.ids == (B, A)
    assert made.wish.window == Window(FIRST, EIGHTH)
    assert (made.wish.on_window_change, made.wish.on_duplicate) == ("keep", "warn")
    assert (made.preflight, made.round) == (True, None)


@pytest.mark.parametrize(
    "start, end, fixed",
    [
        ("now", None, (False, True)),
        ("2026-12-01", "+2d", (True, True)),
        ("+1d", "+2d", (False, False)),
        ("now", "2026-12-01", (False, True)),
        ("2026-12-01", "2026-12-02", (True, True)),
    ],
)
def test_a_bound_that_counts_from_now_floats(start, end, fixed):
    window = retest_options(dict(RETEST, retesting_window_start=start, retesting_window_end=end), NOW).wish.window
    assert window.start_fixed is fixed[0] and (end is None or window.end_fixed is fixed[1])


def test_the_other_states_have_no_wish():
    made = retest_options(dict(RETEST, state="cancelled", round=2, retesting_window_start=None), NOW)
    assert made.wish is None and made.round == 2 and made.ids == (A,)


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("project_id", dict(project_id="WEBAPP"), "24 hexadecimal"),
        ("project_id", dict(project_id=PROJECT + "0"), "24 hexadecimal"),
        ("project_id", dict(project_id=""), "24 hexadecimal"),
        ("project_id", dict(project_id="../" + "a" * 21), "24 hexadecimal"),
        ("vulnerability_ids", dict(vulnerability_ids=[A, "WEBAPP-1"]), "WEBAPP-1"),
        ("vulnerability_ids", dict(vulnerability_ids=[A, "x/y"]), "[1]"),
        ("vulnerability_ids", dict(vulnerability_ids=[]), "at least one"),
        ("vulnerability_ids", dict(vulnerability_ids=None), "at least one"),
        ("retesting_window_start", dict(retesting_window_start=None), "now"),
        ("retesting_window_start", dict(retesting_window_start=""), "2026-12-01"),
        ("retesting_window_start", dict(retesting_window_start="tomorrow"), "tomorrow"),
        ("retesting_window_start", dict(retesting_window_start="2026-02-30"), "calendar"),
        ("retesting_window_end", dict(retesting_window_end="later"), "later"),
        ("retesting_window_end", dict(retesting_window_end="2026-11-30"), "not after the start"),
        ("retesting_window_end", dict(retesting_window_end="2026-12-01"), "not after the start"),
        ("retesting_window_end", dict(retesting_window_end="+0d"), "not after the start"),
        ("retesting_window_end", dict(retesting_window_start="2026-11-01", retesting_window_end="2026-11-10"), "over"),
        ("retesting_window_end", dict(retesting_window_start="2026-11-01", retesting_window_end="+1d"), "over"),
        (
            "retesting_window_end",
            dict(retesting_window_start="2026-11-01", retesting_window_end="2026-11-20T10:00Z"),
            "over",
        ),
        ("round", dict(round=1), "state"),
        ("round", dict(state="cancelled", round=0), "1"),
        ("round", dict(state="completed", round=-3), "-3"),
        ("round", dict(state="cancelled", preflight=False), "preflight"),
        ("round", dict(state="completed", preflight=False), "preflight"),
    ],
)
def test_each_mistake_names_its_option(option, more, words):
    assert words in mistake(retest, option, **more)


def test_a_start_in_the_past_is_no_mistake():
    assert retest(retesting_window_start="2020-01-01") == []


def test_cancelled_and_completed_need_neither_findings_nor_window():
    for state in ("cancelled", "completed"):
        assert retest(state=state, vulnerability_ids=None, retesting_window_start=None) == []
        assert retest(state=state, vulnerability_ids=None, retesting_window_start=None, round=1, preflight=False) == []


def test_every_mistake_is_told_at_once():
    found = retest(
        project_id="x",
        vulnerability_ids=["y", A, "z"],
        retesting_window_start="bad",
        round=0,
        retesting_window_end="worse",
    )
    assert sorted({one.partition(":")[0] for one in found}) == [
        "project_id",
        "retesting_window_end",
        "retesting_window_start",
        "round",
        "vulnerability_ids[0]",
        "vulnerability_ids[2]",
    ]


@given(
    st.dictionaries(
        st.sampled_from(sorted(RETEST)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=9)
        | st.lists(st.none() | st.integers() | st.text(max_size=9)),
    )
)
def test_values_of_another_type_raise_nothing(params):
    """Ansible has reported these; all that can be judged is judged all the same."""
    retest(**params)
    connection_mistakes(
        dict(
            CONNECTION,
            base_url=params.get("project_id"),
            timeout=params.get("round"),
            api_key=params.get("state"),
            retries=params.get("preflight"),
        )
    )


def test_an_empty_list_is_told_to_mean_the_open_round():
    for state in ("cancelled", "completed"):
        message = mistake(retest, "vulnerability_ids", state=state, vulnerability_ids=[])
        assert message == "vulnerability_ids: is empty; leave it out to mean the one open round"


def test_a_window_that_is_over_matters_to_a_request_alone():
    for state in ("cancelled", "completed"):
        assert retest(state=state, retesting_window_start="2026-11-01", retesting_window_end="2026-11-10") == []


# The options of the other modules


def test_a_selection_is_read_without_what_is_written_twice():
    given_words = dict(
        ids=[B.upper(), A, B],
        alternate_ids=[" WEB-1 ", "WEB-1"],
        priorities=["High"],
        status=["open", "open"],
        tags=["x"],
        assets=["host"],
        title=" Login",
        query=" {a: 1}\n",
    )
    project_id, made, details = selection_options(dict(SELECTION, include_details=True, **given_words), NOW)
    assert (project_id, details) == (PROJECT, True)
    assert (made.ids, made.alternate_ids, made.priorities) == ((B, A), ("WEB-1",), ("High",))
    assert (made.statuses, made.tags, made.assets) == (("open",), ("x",), ("host",))
    assert (made.title, made.query) == (" Login", "{a: 1}")


def test_without_a_condition_all_is_meant_and_with_an_empty_one_nothing():
    assert selection_options(SELECTION, NOW)[1].ids == ()
    assert selection_options(dict(SELECTION, tags=[]), NOW)[1] is None


@pytest.mark.parametrize(
    "option, value, words",
    [
        ("project_id", "x", "'x' is not an id of AttackForge, which has 24 hexadecimal digits"),
        ("ids", ["x"], "'x' is not an id of AttackForge, which has 24 hexadecimal digits"),
        ("alternate_ids", [" "], "is empty"),
        ("priorities", [""], "is empty"),
        ("tags", ["\t"], "is empty"),
        ("assets", ["a", ""], "is empty"),
        ("title", "", "is empty, which would mean every finding; leave it out"),
        ("title", " ", "is empty, which would mean every finding; leave it out"),
        ("title", "(", "'(' is no regular expression (missing ), unterminated subpattern at position 0)"),
        ("query", "priority", "'priority' is no query of AttackForge, such as { priority: { $eq: \"High\" } }"),
        ("query", "{", "'{' is no query of AttackForge, such as { priority: { $eq: \"High\" } }"),
        ("query", "}", "'}' is no query of AttackForge, such as { priority: { $eq: \"High\" } }"),
    ],
)
def test_each_mistake_of_a_selection_names_its_option(option, value, words):
    assert mistake(selection, option, **{option: value}).partition(": ")[2] == words


@pytest.mark.parametrize("title", ["(" * 4000 + ")" * 4000, "a{%s}" % ("9" * 30)])
def test_an_expression_that_python_cannot_hold_is_a_mistake(title):
    assert "is no regular expression" in mistake(selection, "title", title=title)


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("vulnerability_ids", dict(vulnerability_ids=[]), "name at least one finding"),
        (
            "vulnerability_ids",
            dict(vulnerability_ids=["x"]),
            "'x' is not an id of AttackForge, which has 24 hexadecimal digits",
        ),
        (
            "status",
            dict(status=None, remediation_note=None),
            "neither status nor remediation_note is given, so there is nothing to do",
        ),
        ("remediation_note", dict(remediation_note=" \n"), "is empty"),
        ("remediation_note", dict(remediation_note="", status=None), "is empty"),
    ],
)
def test_each_mistake_of_a_marking_names_its_option(option, more, words):
    assert mistake(marking, option, **more).partition(": ")[2] == words


def test_every_mistake_of_a_marking_is_told_at_once():
    found = marking(vulnerability_ids=[], remediation_note=" ", project_id="x")
    assert [one.partition(":")[0] for one in found] == ["project_id", "vulnerability_ids", "remediation_note"]


def test_a_marking_may_be_a_status_or_a_note():
    assert marking(status=None) == [] and marking(remediation_note=None) == []
    assert marking_options(dict(MARKING, vulnerability_ids=[B, A, B]), NOW) == (
        PROJECT,
        Marking((B, A), "retest", "Fixed.", "plaintext"),
    )


@pytest.mark.parametrize("option", ["wait_timeout", "wait_interval"])
@pytest.mark.parametrize("value", [0, 0.0, -1, float("nan"), float("inf"), float("-inf")])
def test_a_wait_needs_a_time_that_passes(option, value):
    assert mistake(rounds, option, **{option: value}) == f"{option}: {value} is not a number of seconds above 0"


@pytest.mark.parametrize("option", ["wait_timeout", "wait_interval"])
def test_a_wait_is_not_longer_than_a_system_can_sleep(option):
    assert mistake(rounds, option, **{option: 1e10}) == f"{option}: 1e+10 seconds are too many"


@pytest.mark.parametrize("value", [0.5, 1, 1e9])
def test_a_wait_may_be_short_or_long(value):
    assert rounds(wait_timeout=value, wait_interval=value) == []
    assert rounds_options(dict(ROUNDS, wait_timeout=value), NOW).wait_timeout == value


def test_the_options_of_the_rounds_are_read():
    made = rounds_options(dict(ROUNDS, round=2, status="completed"), NOW)
    assert made == (PROJECT, 2, "completed", True, False, 3600.0, 60.0)
    assert mistake(rounds, "round", round=0) == "round: 0 is no round; they are counted from 1"


@given(
    st.dictionaries(
        st.sampled_from(sorted({*SELECTION, *MARKING, *ROUNDS})),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=9)
        | st.lists(st.none() | st.integers() | st.text(max_size=9)),
    )
)
def test_values_of_another_type_raise_nothing_anywhere(params):
    for judge in (selection, marking, rounds):
        judge(**params)


# The body of the request


def test_the_body_has_the_names_and_the_form_that_the_service_documents():
    window = Window(datetime(2026, 12, 1, 1, 2, 3, 4567, tzinfo=timezone.utc), None)
    assert request_body(window, [A, B]) == {
        "retesting_window_start": "2026-12-01T01:02:03.004Z",
        "vulnerability_ids": [A, B],
    }
    window = window._replace(end=window.start + timedelta(7))
    assert request_body(window, (A,))["retesting_window_end"] == "2026-12-08T01:02:03.004Z"


@pytest.mark.parametrize("ids", [[], [A, A], ["x"]])
def test_a_body_that_must_not_be_sent_cannot_be_made(ids):
    with pytest.raises(voluptuous.Invalid):
        request_body(Window(NOW, None), ids)


# Answers: the history


ROW = {
    "retesting_round_id": "c" * 24,
    "retesting_round": 1,
    "retesting_round_status": "Requested",
    "retesting_round_actioned_by": {"user_id": "d" * 24},
    "retesting_window_start": "2026-12-01T00:00:00.000Z",
    "retesting_window_end": "2026-12-08T00:00:00.000Z",
    "retesting_round_vulnerabilities": [
        {"vulnerability_id": A, "vulnerability_alternate_id": "WEB-1", "vulnerability_title": "XSS"}
    ],
    "retesting_round_retested_vulnerabilities": [],
}


def history(*rows, **more):
    return {"project": dict({"project_retesting_history": list(rows)}, **more)}


def test_a_documented_row_is_read():
    (row,) = history_rows(history(ROW))
    assert (row.number, row.status) == (1, "requested")
    assert (row.start, row.end) == (FIRST, EIGHTH)
    assert [(one.id, one.alternate_id, one.title) for one in row.scope] == [(A, "WEB-1", "XSS")]
    assert row.retested == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"project": {"project_retesting_history": [ROW]}},
        {"project_retesting_history": [ROW]},
        {"project": {"project_retesting_history": [ROW]}, "count": 1},
        {"project_id": "x", "project_retesting_history": [ROW]},
    ],
)
def test_the_project_may_be_wrapped_or_not(answer):
    assert [row.number for row in history_rows(answer)] == [1]


@pytest.mark.parametrize(
    "key, value, field, expected",
    [
        ("retesting_round", "12", "number", 12),
        ("retesting_round_status", "Canceled", "status", "cancelled"),
        ("retesting_round_status", " COMPLETED ", "status", "completed"),
        ("retesting_round_status", "Scheduled", "status", "scheduled"),
        ("retesting_round_status", "Booked", "status", "booked"),
        ("retesting_window_start", None, "start", None),
        ("retesting_window_start", "", "start", None),
        ("retesting_window_end", None, "end", None),
        ("retesting_window_end", "2026-12-08T01:00:00+01:00", "end", datetime(2026, 12, 8, tzinfo=timezone.utc)),
        ("retesting_round_vulnerabilities", None, "scope", None),
        ("retesting_round_vulnerabilities", [], "scope", ()),
        ("retesting_round_retested_vulnerabilities", None, "retested", ()),
    ],
)
def test_what_a_service_may_write_instead_is_read(key, value, field, expected):
    (row,) = history_rows(history(dict(ROW, **{key: value})))
    assert getattr(row, field) == expected


@pytest.mark.parametrize(
    "key, field, expected",
    [
        ("retesting_window_start", "start", None),
        ("retesting_window_end", "end", None),
        ("retesting_round_vulnerabilities", "scope", None),
        ("retesting_round_retested_vulnerabilities", "retested", ()),
    ],
)
def test_a_key_that_is_missing_is_not_known(key, field, expected):
    (row,) = history_rows(history({name: value for name, value in ROW.items() if name != key}))
    assert getattr(row, field) == expected


def test_ids_are_compared_in_lower_case():
    upper = dict(ROW, retesting_round_vulnerabilities=[{"vulnerability_id": f" {A.upper()} "}])
    assert history_rows(history(upper))[0].scope[0].id == A


@pytest.mark.parametrize(
    "project",
    [
        {"project_name": "x"},
        {"project_retesting_history": None},
        {"project_retesting_history": []},
        {"project_retests_requested": 0},
        {"project_retesting_history": None, "project_retests_requested": 0},
        {"project_retests_requested": None},
        {"project_retests_requested": "0"},
        {"project_retesting_history": [], "project_retests_requested": 2, "project_retests_completed": "2"},
    ],
)
def test_a_project_without_a_history_has_no_rounds(project):
    assert history_rows({"project": project}) == []


@pytest.mark.parametrize(
    "project",
    [
        {"project_retests_requested": 2},
        {"project_retesting_history": None, "project_retests_requested": 1},
        {"project_retests_requested": "2"},
        {"project_retests_requested": 2, "project_retests_completed": 2},
        {"project_retesting_history": [], "project_retests_requested": 2, "project_retests_completed": 1},
        {"project_retesting_history": [], "project_retests_requested": 1},
    ],
)
def test_a_history_that_cannot_be_seen_is_not_an_empty_one(project):
    with pytest.raises(UnexpectedAnswer, match="project_retesting_history") as caught:
        history_rows({"project": project})
    assert (caught.value.http_status, caught.value.method) == (200, "GetProjectById")


def test_a_history_of_another_project_is_refused():
    answer = history(ROW, project_id=PROJECT.upper())
    assert len(history_rows(answer, PROJECT)) == len(history_rows(answer)) == 1
    for other in ("0" * 24, "f" * 24):  # before and after it in the alphabet
        with pytest.raises(UnexpectedAnswer, match="its project_id is that of another project"):
            history_rows(answer, other)


@pytest.mark.parametrize(
    "answer", [{}, {"status": "No access"}, {"project": None, "status": "No access"}, {"project": []}]
)
def test_an_answer_without_a_project_is_told_with_its_words(answer):
    with pytest.raises(UnexpectedAnswer) as caught:
        history_rows(answer)
    assert caught.value.method == "GetProjectById"
    assert "project" in str(caught.value) and answer.get("status", "") in str(caught.value)


FINDINGS = ["retesting_round_vulnerabilities", "retesting_round_retested_vulnerabilities"]
WRONG_ROWS = (
    [("retesting_round", value) for value in (None, "x", "", 1.5, True, -1, [], {}, "-1", "1.0")]
    + [("retesting_round_status", value) for value in (None, "", "  ", 1, True, [], {})]
    + [
        (key, value)
        for key in ("retesting_window_start", "retesting_window_end")
        for value in (1, True, [], {}, "soon", "2026-13-01")
    ]
    + [(key, value) for key in FINDINGS for value in ("x", 1, True, {}, [None], ["x"], [[]])]
)


@pytest.mark.parametrize("key, value", WRONG_ROWS)
def test_a_wrong_key_of_a_row_is_named(key, value):
    with pytest.raises(UnexpectedAnswer) as caught:
        history_rows(history(ROW, dict(ROW, **{key: value})))
    assert f"project_retesting_history[1].{key}" in str(caught.value)
    assert caught.value.method == "GetProjectById" and caught.value.http_status == 200


@pytest.mark.parametrize("key", ["retesting_round", "retesting_round_status"])
def test_a_missing_key_of_a_row_is_named(key):
    with pytest.raises(UnexpectedAnswer, match=key):
        history_rows(history({name: value for name, value in ROW.items() if name != key}))


WRONG_FINDINGS = [("vulnerability_id", value) for value in (None, "", " ", 1, [], {}, True)] + [
    (key, value) for key in ("vulnerability_alternate_id", "vulnerability_title") for value in (1, True, [], {})
]


@pytest.mark.parametrize("list_key", FINDINGS)
@pytest.mark.parametrize("key, value", WRONG_FINDINGS)
def test_a_wrong_key_of_a_finding_in_a_round_is_named(list_key, key, value):
    with pytest.raises(UnexpectedAnswer) as caught:
        wrong = dict({"vulnerability_id": B}, **{key: value})
        history_rows(history(dict(ROW, **{list_key: [{"vulnerability_id": A}, wrong]})))
    assert f"{list_key}[1].{key}" in str(caught.value)


@pytest.mark.parametrize("value", ["x", 1, True, {}, [1], [None], ["x"]])
def test_a_history_that_is_no_list_of_rows_is_named(value):
    with pytest.raises(UnexpectedAnswer, match="project_retesting_history"):
        history_rows({"project": {"project_retesting_history": value}})


# Answers: findings


RECORD = {
    "vulnerability_id": A,
    "vulnerability_alternate_id": "WEB-1",
    "vulnerability_title": "XSS",
    "vulnerability_priority": "High",
    "vulnerability_status": "Open",
    "vulnerability_retest": "Yes",
    "vulnerability_description": "long",
}


def test_a_documented_page_is_read():
    findings, count = vulnerabilities_page({"count": 1, "vulnerabilities": [RECORD]})
    assert count == 1
    assert [(one.id, one.alternate_id, one.title, one.status) for one in findings] == [(A, "WEB-1", "XSS", "retest")]


@pytest.mark.parametrize("count, expected", [(None, None), ("7", 7), (0, 0)])
def test_a_count_may_be_missing_or_a_text(count, expected):
    assert vulnerabilities_page({"count": count, "vulnerabilities": []})[1] == expected
    findings, missing = vulnerabilities_page({"vulnerabilities": []})
    assert list(findings) == [] and missing is None


def test_a_finding_may_consist_of_its_id():
    (finding,) = vulnerabilities_page({"vulnerabilities": [{"vulnerability_id": A}]})[0]
    assert (finding.id, finding.status) == (A, "open")


@pytest.mark.parametrize(
    "key, value",
    [
        *WRONG_FINDINGS,
        ("vulnerability_status", 1),
        ("vulnerability_status", []),
        ("vulnerability_retest", 1.5),
        ("vulnerability_retest", []),
        ("vulnerability_retest", {}),
    ],
)
def test_a_wrong_key_of_a_record_is_named(key, value):
    with pytest.raises(UnexpectedAnswer) as caught:
        vulnerabilities_page({"vulnerabilities": [RECORD, dict(RECORD, **{key: value})]})
    assert f"vulnerabilities[1].{key}" in str(caught.value)
    assert caught.value.method == "GetProjectVulnerabilitiesById"


@pytest.mark.parametrize(
    "key, value",
    [
        ("vulnerabilities", None),
        ("vulnerabilities", "x"),
        ("vulnerabilities", {}),
        ("vulnerabilities", [1]),
        ("vulnerabilities", [None]),
        ("count", -1),
        ("count", "x"),
        ("count", []),
        ("count", 1.5),
        ("count", True),
    ],
)
def test_a_wrong_key_of_a_page_is_named(key, value):
    with pytest.raises(UnexpectedAnswer, match=key):
        vulnerabilities_page(dict({"vulnerabilities": [RECORD], "count": 1}, **{key: value}))


def test_a_finding_keeps_its_record_where_details_are_asked_for():
    (plain,), _count = vulnerabilities_page({"vulnerabilities": [RECORD]})
    (whole,), _count = vulnerabilities_page({"vulnerabilities": [RECORD]}, details=True)
    assert plain.details is None and whole.details == RECORD
    assert plain == whole._replace(details=None)


@pytest.mark.parametrize(
    "record, assets",
    [
        ({}, ()),
        ({"vulnerability_affected_asset_name": "a"}, ("a",)),
        ({"vulnerability_affected_assets": None}, ()),
        (
            {
                "vulnerability_affected_assets": [
                    {"asset": {"name": "b"}},
                    {"asset": None},
                    {},
                    {"asset": {"name": "a"}},
                ],
                "vulnerability_affected_asset_name": "a",
            },
            ("a", "b"),
        ),
    ],
)
def test_the_assets_of_a_finding_are_read_wherever_they_stand(record, assets):
    (finding,), _count = vulnerabilities_page({"vulnerabilities": [dict(RECORD, **record)]})
    assert finding.assets == assets


@pytest.mark.parametrize("answer", [{"vulnerability": RECORD}, RECORD, dict(RECORD, vulnerability="XSS")])
def test_one_finding_may_be_wrapped_or_not(answer):
    assert vulnerability(answer).alternate_id == "WEB-1"


def test_a_page_without_findings_tells_the_services_words():
    with pytest.raises(UnexpectedAnswer, match="vulnerabilities.*No access"):
        vulnerabilities_page({"status": "No access"})


# Answers: anything


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1", "Requested", "2026-12-01T00:00:00.000Z", A, "Yes"])
)
keys = st.text(max_size=6) | st.sampled_from(
    [
        "project",
        "project_retesting_history",
        "project_retests_requested",
        "retesting_round",
        "retesting_round_status",
        "retesting_window_start",
        "retesting_window_end",
        *FINDINGS,
        "vulnerability_id",
        "vulnerability_alternate_id",
        "vulnerability_title",
        "vulnerability_status",
        "vulnerability_retest",
        "vulnerabilities",
        "count",
        "status",
        "message",
        "error",
        "detail",
    ]
)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
objects = st.dictionaries(keys, anything, max_size=6)
rows = st.fixed_dictionaries({}, optional={key: st.just(value) | anything for key, value in ROW.items()})
records = st.fixed_dictionaries({}, optional={key: st.just(value) | anything for key, value in RECORD.items()})


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(objects | st.builds(lambda made: history(*made), st.lists(rows, max_size=3)))
@example({"project": {"project_retesting_history": [dict(ROW, retesting_round=10**400)]}})
@example({"project": {"project_retesting_history": [dict(ROW, retesting_round="9" * 9)]}})
def test_any_json_is_a_history_or_an_unexpected_answer(answer):
    try:
        for row in history_rows(answer):
            assert isinstance(row.number, int) and isinstance(row.status, str)
    except UnexpectedAnswer as error:
        assert str(error)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    objects
    | st.builds(lambda made, count: {"vulnerabilities": made, "count": count}, st.lists(records, max_size=3), scalars)
)
def test_any_json_is_a_page_or_an_unexpected_answer(answer):
    try:
        for finding in vulnerabilities_page(answer)[0]:
            assert finding.id and finding.status in ("open", "retest", "closed")
    except UnexpectedAnswer as error:
        assert str(error)


@given(anything)
def test_the_words_of_any_json_are_text_or_none(answer):
    words = words_of(answer)
    assert words is None or (isinstance(words, str) and words.strip() == words != "")


def test_words_are_looked_for_in_three_levels():
    assert words_of({"error": {"message": {"detail": " No access "}}}) == "No access"
    assert words_of({"error": {"message": {"detail": {"status": "No access"}}}}) is None


def test_words_of_an_answer_are_told_where_they_are_a_message():
    for length in (1, 199, 200):
        with pytest.raises(UnexpectedAnswer) as caught:
            history_rows({"status": "x" * length})
        assert caught.value.detail == "x" * length
        assert str(caught.value).endswith("there is no project in it; it says: %s." % ("x" * length))
    with pytest.raises(UnexpectedAnswer) as caught:
        history_rows({"status": "x" * 201})
    assert caught.value.detail == "there is no project in it"
    assert str(caught.value).endswith("there is no project in it.")


def test_words_are_not_looked_for_without_end():
    nested = "deep"
    for _unused in range(5000):
        nested = {"error": nested}
    assert words_of(nested) is None
