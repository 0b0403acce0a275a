# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that moves: lists, histories, caches and replicas that do not add up, and people who act in between."""

from __future__ import annotations

import time
import unicodedata

import pytest

from tests.sandbox.control import SandboxError
from tests.unit.sandbox.test_sandbox_service import READY, ask, finding, findings, finish, history, project

OPEN = "6639508f50523053f459d2a3"


def ids_of(document):
    return [row["vulnerability_id"] for row in document["vulnerabilities"]]


def pages(sandbox, size=4):
    """All findings, page by page as a client reads them, and what each page says of their count."""
    found, counts = [], []
    for skip in range(0, 40, size):
        page = findings(sandbox, skip=skip, limit=size)
        found += ids_of(page)
        counts.append(page["count"])
        if len(page["vulnerabilities"]) < size:
            break
    return found, counts


# Lists


def test_a_list_in_another_order_each_time(sandbox):
    whole = ids_of(findings(sandbox))
    assert ids_of(findings(sandbox)) == whole
    sandbox.switch(list_order="shuffled")
    shuffled = [ids_of(findings(sandbox)) for _read in range(3)]
    assert len({tuple(order) for order in [whole, *shuffled]}) == 4
    assert all(sorted(order) == sorted(whole) for order in shuffled)
    assert any(len(set(pages(sandbox)[0])) < len(whole) for _try in range(10))


def test_one_page_in_another_order(sandbox):
    whole = ids_of(findings(sandbox))
    sandbox.fault("list_shuffled", "GetProjectVulnerabilitiesById", skip=1)
    orders = [ids_of(findings(sandbox)) for _read in range(3)]
    assert orders[0] == orders[2] == whole and orders[1] != whole and sorted(orders[1]) == sorted(whole)


def test_a_record_leaves_between_two_pages(sandbox):
    whole = ids_of(findings(sandbox))
    sandbox.fault("list_moved", "GetProjectVulnerabilitiesById", skip=1, times=-1)
    found, counts = pages(sandbox)
    assert counts == [11, 10, 10]
    assert [name for name in whole if name not in found] == [whole[4]]


def test_a_record_comes_between_two_pages(sandbox):
    sandbox.fault("list_moved", "GetProjectVulnerabilitiesById", skip=1, times=-1, records=-1)
    found, counts = pages(sandbox)
    assert counts == [11, 12, 12, 12]
    assert len(found) == 12 and len(set(found)) == 11


def test_somebody_hides_a_finding_between_two_pages(sandbox):
    sandbox.act("hide", id="WEBAPP-1", before="GetProjectVulnerabilitiesById", skip=1)
    found, counts = pages(sandbox)
    assert counts == [11, 10, 10] and len(found) == 10


@pytest.mark.parametrize("value, shown", [("full", 1), ("empty", 0), ("missing", None)])
def test_notes_in_lists(sandbox, value, shown):
    sandbox.act("add_note", id=READY[0], note="Fixed.")
    sandbox.switch(list_notes=value)
    notes = findings(sandbox)["vulnerabilities"][0].get("vulnerability_remediation_notes")
    assert (None if notes is None else len(notes)) == shown
    assert len(finding(sandbox)["vulnerability_remediation_notes"]) == 1


# Histories


def scope(sandbox):
    row = history(sandbox)[-1]
    return row.get("retesting_round_vulnerabilities", "missing")


def wait_for(check):
    """Poll until it holds. It is up to the sandbox's clock, so there is a long limit."""
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_the_scope_of_a_new_round_fills_in_steps(sandbox):
    sandbox.switch(scope_fill_ms=1500)
    ask(sandbox, READY)
    sizes = []
    wait_for(lambda: sizes.append(len(scope(sandbox))) or sizes[-1] == 3)
    assert sizes[0] == 1 and sizes == sorted(sizes) and 2 in sizes
    assert sandbox.books()["rounds"][-1]["scope"] == READY


@pytest.mark.parametrize("value, shown", [("empty", []), ("null", None), ("missing", "missing")])
def test_the_scope_of_a_new_round_is_empty_at_first(sandbox, value, shown):
    sandbox.switch(scope_empty_ms=60_000, scope_empty_as=value)
    ask(sandbox, READY)
    assert scope(sandbox) == shown
    listed = sandbox.request("GET", "/projects")[1]["projects"][0]["project_retesting_history"]
    assert listed[-1].get("retesting_round_vulnerabilities", "missing") == shown
    # Older rounds have theirs.
    assert len(history(sandbox)[0]["retesting_round_vulnerabilities"]) == 3
    sandbox.switch(scope_empty_ms=300)
    wait_for(lambda: scope(sandbox) not in ([], None, "missing"))
    assert len(scope(sandbox)) == 3


def test_counters_ahead_of_the_history(sandbox):
    sandbox.switch(history_lag=2, counters="ahead")
    ask(sandbox)
    seen = [project(sandbox) for _read in range(3)]
    assert [record["project_retests_requested"] for record in seen] == [2, 2, 2]
    assert [len(record["project_retesting_history"]) for record in seen] == [1, 1, 2]
    sandbox.fault("counter_ahead", "GetProjectById", by=3)
    assert [project(sandbox)["project_retests_requested"] for _read in range(2)] == [5, 2]


def test_ids_of_rounds(sandbox):
    ask(sandbox)
    assert history(sandbox) == history(sandbox)
    sandbox.switch(round_ids="new_each_read")
    first, second = history(sandbox)[-1], history(sandbox)[-1]
    assert first["retesting_round_id"] != second["retesting_round_id"]
    sandbox.switch(round_ids="kept", round_id_late_ms=60_000)
    rows = history(sandbox)
    assert ["retesting_round_id" in row for row in rows] == [True, False]
    sandbox.switch(round_ids="missing")
    assert not any("retesting_round_id" in row for row in history(sandbox))


@pytest.mark.parametrize(
    "value, name, shown",
    [
        ("unreadable_date", "retesting_window_start", "31.12.2025 around noon"),
        ("no_number", "retesting_round", "missing"),
        ("no_status", "retesting_round_status", "missing"),
        ("null_scope", "retesting_round_vulnerabilities", None),
    ],
)
def test_something_is_wrong_in_an_old_row(sandbox, value, name, shown):
    ask(sandbox)
    finish(sandbox, 2)
    ask(sandbox)
    right = history(sandbox)
    sandbox.switch(old_row=value)
    rows = history(sandbox)
    assert rows[1].get(name, "missing") == shown
    assert (rows[0], rows[2]) == (right[0], right[2])


# A cache and replicas


def test_a_cache_answers_unless_it_is_told_not_to(sandbox):
    sandbox.switch(cache_ms=60_000)
    fresh = {"Cache-Control": "no-cache"}
    path = f"/project/{sandbox.project_id}"

    def rounds(**more):
        return len(sandbox.request("GET", path, **more)[1]["project"]["project_retesting_history"])

    assert rounds() == 1
    ask(sandbox)
    assert rounds() == 1 and rounds(headers=fresh) == 2
    # The fresh answer is kept in its turn.
    assert rounds() == 2
    assert [row["cached"] for row in sandbox.log("GetProjectById")] == [False, True, False, True]
    # Another key is another answer, and a single finding is not kept.
    assert rounds(key=sandbox.keys["reader"]) == 2
    finding(sandbox)
    sandbox.act("close", id=READY[0])
    assert finding(sandbox)["vulnerability_status"] == "Closed"
    sandbox.switch(cached_reads="all")
    finding(sandbox)
    sandbox.act("reopen", id=READY[0])
    assert finding(sandbox)["vulnerability_status"] == "Closed"


def test_a_cache_forgets_and_keeps_no_errors(sandbox):
    sandbox.switch(cache_ms=200)
    sandbox.fault("status", "GetProjectById", code=503)
    path = f"/project/{sandbox.project_id}"
    assert [sandbox.request("GET", path)[0] for _read in range(2)] == [503, 200]
    ask(sandbox)
    wait_for(lambda: len(history(sandbox)) == 2)
    sandbox.switch(cache_ms=0)
    finish(sandbox, 2)
    assert history(sandbox)[-1]["retesting_round_status"] == "Cancelled"


def test_replicas_lag_behind(sandbox):
    before = findings(sandbox)
    sandbox.switch(replica_lag_ms=60_000)
    ask(sandbox)
    sandbox.act("close", id=READY[1])
    sandbox.act("add_note", id=READY[2], note="x")
    sandbox.act("add_finding", title="New one")
    assert len(history(sandbox)) == 1
    assert findings(sandbox) == before
    assert len(sandbox.books()["rounds"]) == 2 and sandbox.books()["notes"][-1]["note"] == "x"
    sandbox.switch(replica_reads="lists")
    assert len(history(sandbox)) == 2 and findings(sandbox) == before
    sandbox.switch(replica_reads="every_second")
    assert sorted(len(history(sandbox)) for _read in range(4)) == [1, 1, 2, 2]
    sandbox.switch(replica_lag_ms=300, replica_reads="all")
    wait_for(lambda: findings(sandbox)["count"] == 12)
    wait_for(lambda: finding(sandbox, READY[1])["vulnerability_status"] == "Closed")


def test_a_write_sees_what_a_replica_does_not(sandbox):
    sandbox.switch(replica_lag_ms=60_000, several_open_rounds="refused")
    assert ask(sandbox)[0] == 200
    assert len(history(sandbox)) == 1
    assert ask(sandbox, READY[1:2])[0] == 409


# Notes as they are kept

TEXT = "  Fixed by Zoë in ﬁle 1\nand 2 "


@pytest.mark.parametrize(
    "form, kept",
    [
        ("as_sent", TEXT),
        ("nfc", unicodedata.normalize("NFC", TEXT)),
        ("nfd", unicodedata.normalize("NFD", TEXT)),
        ("nfkc", "  Fixed by Zoë in file 1\nand 2 "),
        ("trimmed", TEXT.strip()),
        ("crlf", TEXT.replace("\n", "\r\n")),
    ],
)
def test_a_note_in_another_form(sandbox, form, kept):
    sandbox.switch(note_form=form)
    code, document = sandbox.request("POST", f"/vulnerability/{OPEN}/remediationNote", {"note": TEXT})
    assert code == 200 and document["note"]["note"] == kept
    assert finding(sandbox, OPEN)["vulnerability_remediation_notes"][-1]["note"] == kept
    assert form in ("as_sent", "nfc") or kept != TEXT


def test_a_note_is_cut(sandbox):
    sandbox.switch(note_limit=10)
    sandbox.request("POST", f"/vulnerability/{OPEN}/remediationNote", {"note": "0123456789 and more"})
    assert finding(sandbox, OPEN)["vulnerability_remediation_notes"][-1]["note"] == "0123456789"


# Reads that fail in a series


def test_reads_that_fail_one_after_the_other(sandbox):
    sandbox.script(
        [
            {"fault": "status", "method": "GetProjectById", "code": 403},
            {"fault": "redirect", "method": "GetProjectById", "url": "https://login.example.com/"},
            {"fault": "status", "method": "GetProjectById", "code": 404},
            {"fault": "replace", "method": "GetProjectById", "document": {"project": {"odd": True}}},
            {"fault": "counter_ahead", "method": "GetProjectById"},
        ]
    )
    path = f"/project/{sandbox.project_id}"
    assert [sandbox.request("GET", path)[0] for _read in range(6)] == [403, 302, 404, 200, 200, 200]


# People


def test_a_round_loses_a_finding(sandbox):
    ask(sandbox, READY)
    sandbox.act("close", id=READY[0])
    assert sandbox.act("remove_from_round", ids=READY[:1])["round"] == 2
    row = history(sandbox)[-1]
    assert [item["vulnerability_id"] for item in row["retesting_round_vulnerabilities"]] == READY[1:]
    assert row["retesting_round_retested_vulnerabilities"] == []
    assert sandbox.books()["rounds"][-1]["removed"] == READY[:1]
    with pytest.raises(SandboxError, match="not all of these findings are in round 2"):
        sandbox.act("remove_from_round", ids=READY[:1])
    sandbox.act("complete_round")
    with pytest.raises(SandboxError, match="no open round"):
        sandbox.act("remove_from_round", ids=READY[1:2])


def test_a_finding_is_deleted(sandbox):
    sandbox.act("delete", id=READY[0])
    assert sandbox.request("GET", f"/vulnerability/{READY[0]}")[0] == 404
    assert READY[0] not in ids_of(findings(sandbox))
    assert ask(sandbox)[0] == 400


@pytest.mark.parametrize("when, states", [("before", ["Closed", "Open"]), ("after", ["Open", "Open"])])
def test_people_act_between_two_requests(sandbox, when, states):
    planned = sandbox.act("close", id=OPEN, reason="Risk accepted", **{when: "GetVulnerabilityById"}, skip=1)
    assert planned == {
        "do": "close",
        "id": OPEN,
        "reason": "Risk accepted",
        when: "GetVulnerabilityById",
        "skip": 1,
        "done": False,
        "result": None,
        "error": None,
    }
    sandbox.act("reopen", id=OPEN, after="GetVulnerabilityById", skip=1)
    first = finding(sandbox, OPEN)["vulnerability_status"]
    second = finding(sandbox, OPEN)["vulnerability_status"]
    assert [first, second] == ["Open", states[0]]
    assert finding(sandbox, OPEN)["vulnerability_status"] == "Open"
    assert [row["done"] for row in sandbox.acts()] == [True, True]
    assert sandbox.books()["notes"][-1]["note"] == "Issue Closed: Risk accepted"


def test_an_act_and_a_fault_for_one_finding(sandbox):
    sandbox.act("close", id=OPEN, before="GetVulnerabilityById", target=OPEN)
    sandbox.fault("status", "GetVulnerabilityById", code=503, target=OPEN)
    assert finding(sandbox)["vulnerability_status"] == "Open"
    assert [row["done"] for row in sandbox.acts()] == [False]
    assert sandbox.request("GET", f"/vulnerability/{OPEN}")[0] == 503
    assert finding(sandbox, OPEN)["vulnerability_status"] == "Closed"
    for wrong in (1, None):
        with pytest.raises(SandboxError, match="target"):
            sandbox.fault("close", target=wrong)
        with pytest.raises(SandboxError, match="target"):
            sandbox.act("close", id=OPEN, before="*", target=wrong)


def test_what_nobody_can_do_at_that_moment(sandbox):
    sandbox.act("complete_round", before="*")
    sandbox.act("cancel_round", after="RequestNewProjectRetest")
    assert ask(sandbox)[0] == 200
    first, second = sandbox.acts()
    assert "no open round" in first["error"] and first["done"]
    assert second["error"] is None and second["result"]["round"] == 2
    assert sandbox.books()["rounds"][-1]["status"] == "cancelled"
    sandbox.clear_acts()
    assert sandbox.acts() == []


def test_acts_happen_though_the_request_is_struck(sandbox):
    sandbox.act("close", id=OPEN, before="GetProjectById")
    sandbox.fault("status", "GetProjectById", code=503)
    assert sandbox.request("GET", f"/project/{sandbox.project_id}")[0] == 503
    assert finding(sandbox, OPEN)["vulnerability_status"] == "Closed"


@pytest.mark.parametrize(
    "plan",
    [
        {"do": "close", "id": OPEN, "before": "GetEverything"},
        {"do": "close", "id": OPEN, "before": "*", "after": "*"},
        {"do": "close", "id": OPEN, "before": "*", "skip": -1},
        {"do": "dance", "before": "*"},
        {"do": "close", "id": OPEN, "skip": 1},
    ],
)
def test_plans_that_are_wrong(sandbox, plan):
    with pytest.raises(SandboxError):
        sandbox.act(**plan)
    assert sandbox.acts() == []


@pytest.mark.parametrize("value, hidden", [("shown", False), ("pending", True)])
def test_new_findings_may_be_hidden_at_first(sandbox, value, hidden):
    sandbox.switch(new_findings=value)
    sandbox.act("add_finding", title="New one")
    assert sandbox.books()["findings"][-1]["hidden"] == hidden
