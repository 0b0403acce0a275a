# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sandbox's books show of a schedule: what was done twice, asked for again, or opened against a tester.

People act between two requests, and nobody can see what comes after the last read. So what a person did counts only if
a read of ours began after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .schedules import LAST_RELEASE, Schedule

Row = dict[str, Any]
_REQUEST, _STATUS, _NOTE = "RequestNewProjectRetest", "UpdateVulnerabilityById", "CreateRemediationNote"


def findings_of(one: Schedule, books: Row, logs: list[list[Row]]) -> dict[str, list[str]]:
    """What is wrong, by the field of a Verdict."""
    log = [row for part in logs for row in part]
    return {
        "doubled": [*_doubled(books, log), *_noted_twice(one, books), *_sent_twice(logs)],
        "repeated": list(_repeated(one, books, logs)),
        "opened": [*_opened(books, log), *_unseen(logs)],
    }


def _reads(log: list[Row], method: str, before: str) -> str:
    """When the last true answer of a read was asked for, before a moment; empty if there is none."""
    times = [
        row["time"]
        for row in log
        if row["method"] == method
        and row["time"] < before
        and row["status"] == 200
        and not row["fault"]
        and not row["cached"]
    ]
    return max(times, default="")


def _sent_at(log: list[Row], method: str, deed: Row) -> str:
    """When the request was sent that a deed came of: the last one that began before it."""
    times = [row["time"] for row in log if row["method"] == method and row["time"] <= deed["time"]]
    return max(times, default=deed["time"])


def _doubled(books: Row, log: list[Row]) -> Iterator[str]:
    """What we requested while an open round held it already."""
    scopes = {row["id"]: {*row["scope"], *row["removed"]} for row in books["rounds"]}
    there: dict[str, tuple[set[str], str]] = {}  # open rounds: their scopes, and since when
    for deed in books["commits"]:
        subject = deed["subject"]
        if deed["what"] == "project-retest-requested":
            name = subject["round_id"]
            if deed["method"] == _REQUEST:
                seen = _reads(log, "GetProjectById", _sent_at(log, _REQUEST, deed))
                for scope, since in there.values():
                    shared = scope & scopes[name]
                    if shared and since < seen:
                        yield f"round {subject['round']} holds {', '.join(sorted(shared))}, which an open round held"
            there[name] = set(scopes[name]), deed["time"]
        elif deed["what"] in ("project-retest-cancelled", "project-retest-completed"):
            there.pop(subject["round_id"], None)
        elif "removed" in subject and subject.get("round_id") in there:
            there[subject["round_id"]][0].difference_update(subject["removed"])


def _noted_twice(one: Schedule, books: Row) -> Iterator[str]:
    texts = [(note["finding_id"], " ".join(note["note"].split())) for note in books["notes"]]
    ours = {
        f"Fixed in release {attempt.options['release']}." for attempt in one.attempts if "release" in attempt.options
    }
    for finding_id, text in sorted(set(texts)):
        if text in ours and texts.count((finding_id, text)) > 1:
            yield f"the note {text!r} stands {texts.count((finding_id, text))} times on {finding_id}"


def _sent_twice(logs: list[list[Row]]) -> Iterator[str]:
    """Requests and notes that were sent again although the one before may have been processed."""
    for position, log in enumerate(logs):
        sent: dict[Any, int] = {}
        for row in log:
            if row["method"] in (_REQUEST, _NOTE) and row["status"] not in (429, 400, 404, 409, 422):
                subject = (row["method"], row["path"], str(row["body"]) if row["method"] == _NOTE else "")
                sent[subject] = sent.get(subject, 0) + 1
        for (method, path, _body), times in sent.items():
            if times > 1:
                yield f"attempt {position} sent {method} {times} times to {path}"


def _repeated(one: Schedule, books: Row, logs: list[list[Row]]) -> Iterator[str]:
    """What we set to ready again although it was sent back, and the note that we declared stood on it already.

    A younger round that was cancelled hides what became of an older one; so it is documented.
    """
    log = [row for part in logs for row in part]
    scopes = {row["id"]: {*row["scope"], *row["removed"]} for row in books["rounds"]}
    texts = {note["id"]: " ".join(note["note"].split()) for note in books["notes"]}
    status = dict(one.statuses)
    cancelled: dict[str, int] = {}  # the youngest cancelled round of a finding
    standing: dict[str, set[str]] = {}  # notes of a finding
    sent_back: dict[str, str] = {}  # findings that were open when their youngest round was completed: since when
    for deed in books["commits"]:
        subject, name = deed["subject"], deed["subject"].get("vulnerability_id")
        if deed["what"] == "vulnerability-remediation-note-created":
            standing.setdefault(name, set()).add(texts[subject["note_id"]])
        elif deed["what"] == "vulnerability-updated":
            seen = _reads(log, "GetProjectById", deed["time"])
            declared = _declared(one, logs, deed["time"])
            ours = deed["method"] == _STATUS and declared in standing.get(name, ())
            if ours and name in sent_back and sent_back[name] < seen:
                yield f"{name} was set to ready for {declared!r}, although it was sent back since"
            status[name] = subject["status"]
            sent_back.pop(name, None)
        elif deed["what"] == "project-retest-completed":
            back = {one for one in scopes[subject["round_id"]] if status.get(one) == "open"}
            back = {one for one in back if cancelled.get(one, 0) < subject["round"]}
            sent_back.update(dict.fromkeys(back, deed["time"]))
        elif deed["what"] == "project-retest-cancelled":
            for name in scopes[subject["round_id"]]:
                cancelled[name] = max(cancelled.get(name, 0), subject["round"])
                sent_back.pop(name, None)


def _declared(one: Schedule, logs: list[list[Row]], moment: str) -> str | None:
    """The note of the attempt that was running at a moment."""
    begun = [position for position, part in enumerate(logs[: len(one.attempts)]) if part and part[0]["time"] <= moment]
    options = one.attempts[begun[-1]].options if begun else {}
    last = logs[-1] and logs[-1][0]["time"] <= moment
    release = LAST_RELEASE if last else options.get("release")
    return f"Fixed in release {release}." if release else None


def _opened(books: Row, log: list[Row]) -> Iterator[str]:
    """What we set to another status after we could see that a tester had closed it."""
    closed: dict[str, str] = {}  # since when
    for deed in books["commits"]:
        if deed["what"] != "vulnerability-updated":
            continue
        finding_id = deed["subject"]["vulnerability_id"]
        if deed["method"] == "act" and deed["subject"]["status"] == "closed":
            closed[finding_id] = deed["time"]
            continue
        if deed["method"] == _STATUS and finding_id in closed:
            seen = _reads([r for r in log if r["path"].endswith(finding_id)], "GetVulnerabilityById", deed["time"])
            if closed[finding_id] < seen:
                yield f"{finding_id} was closed by a tester, and opened again"
        closed.pop(finding_id, None)


def _unseen(logs: list[list[Row]]) -> Iterator[str]:
    """What we set to ready without a read of it directly before."""
    for log in logs:
        for place, row in enumerate(log):
            if row["method"] != _STATUS:
                continue
            finding_id = row["path"].rpartition("/")[2]
            reads = [position for position, other in enumerate(log[:place]) if other["http"] == "GET"]
            between = log[(reads[-1] if reads else 0) + 1 : place]
            if any(finding_id not in other["path"] for other in between):
                yield f"{finding_id} was set to ready without a read directly before"
