# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service in memory, behind the client's method names: no HTTP, no waiting, faults and testers on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from ansible_collections.attackforge.retest.plugins.module_utils import _client
from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection
from ansible_collections.attackforge.retest.plugins.module_utils._errors import FateUnknown, NotProcessed, Refused
from ansible_collections.attackforge.retest.plugins.module_utils._options import (
    MARKING,
    RELEASE,
    RETEST,
    ROUNDS,
    MarkingOptions,
    ReleaseOptions,
    RetestOptions,
    RoundsOptions,
)
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import PlayWatch
from ansible_collections.attackforge.retest.plugins.module_utils._retry import attempts
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _retest_info

PROJECT = "66333e1d110ab5acf8a4354e"
OTHER_PROJECT = "66333e1d110ab5acf8a4354f"
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
READS = ("history", "list", "one", "revisions", "projects")
WORDS = {
    "request": f"Project retest requested for Project {PROJECT}",
    "cancel": "Project Retest Round Cancelled",
    "complete": "Project retest round marked as completed",
    "dates": "Project Retest Round Updated",
    "status": "Vulnerability Updated",
    "note": "Remediation Note Created",
}
STATUS_OF = {"Open": "open", "Retest": "retest", "Closed": "closed"}


def options(*ids: str, **more: Any) -> RetestOptions:
    """The options of attackforge_retest, parsed as the module does it."""
    params: dict[str, Any] = dict(
        project_id=PROJECT,
        state="requested",
        retesting_window_start="2026-12-01",
        retesting_window_end="2026-12-08",
        allow_empty=False,
        mark_ready=False,
        note_type="PLAINTEXT",
        on_reopened="report",
        on_window_change="keep",
        on_duplicate="warn",
        preflight=True,
    )
    params.update(more, **({"vulnerability_ids": list(ids)} if ids else {}))
    if params["state"] != "requested" or "round" in params:
        del params["retesting_window_start"], params["retesting_window_end"]
    parsed: RetestOptions = RETEST.parse(params, NOW)
    return parsed


def release_options(**more: Any) -> ReleaseOptions:
    """The options of attackforge_release."""
    params: dict[str, Any] = dict(
        retesting_window_start="2026-12-01",
        retesting_window_end="2026-12-08",
        all=True,
        allow_empty=False,
        mark_ready=False,
        note_type="PLAINTEXT",
        on_reopened="report",
        on_window_change="keep",
        on_duplicate="warn",
        at_once=8,
        at_most=100,
    )
    parsed: ReleaseOptions = RELEASE.parse({**params, **more}, NOW)
    return parsed


def marking_options(*ids: str, **more: Any) -> MarkingOptions:
    """The options of attackforge_vulnerability."""
    params = dict(project_id=PROJECT, vulnerability_ids=list(ids), note_type="PLAINTEXT", **more)
    parsed: MarkingOptions = MARKING.parse(params, NOW)
    return parsed


def rounds_options(**more: Any) -> RoundsOptions:
    """The options of attackforge_retest_info."""
    params: dict[str, Any] = dict(
        outcome=False,
        verdict=False,
        fixed_only=False,
        revision_history=False,
        wait=False,
        wait_timeout=100.0,
        wait_interval=30.0,
    )
    params.update(more)
    if "rounds" not in params:
        params.setdefault("project_id", PROJECT)
    parsed: RoundsOptions = ROUNDS.parse(params, NOW)
    return parsed


class TooManyCalls(Exception):
    """An operation that does not come to an end."""


class Clock:
    """Time that costs nothing, and in which things happen."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._events: list[tuple[float, Callable[[], Any]]] = []

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)
        due = [event for event in self._events if event[0] <= self.now]
        self._events = [event for event in self._events if event[0] > self.now]
        for _unused, action in due:
            action()

    def later(self, seconds: float, action: Callable[[], Any]) -> None:
        self._events.append((self.now + seconds, action))


class Watch(PlayWatch):
    """A play that goes on, and whose waits take their time from a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class FakeService(Client):
    """Rounds and findings, and the real client's retries, polls and memory.

    ``faults`` maps a call (history, list, one, revisions, request, cancel, complete, dates, status, note) to a list,
    one entry for each call to come: None, or an error, or one of `not processed`, `lost before`, `lost after`, `late`,
    `refused`, `says no`, `says so`, `drop`, or a function that acts first and returns one of these.

    ``meanwhile`` is a list of functions, or None: before each call the next one is called, as another person who acts.

    ``new_rows`` says how the history shows a round in its first 4 seconds: as `whole`, `hidden`, `null` (no scope),
    `empty` (an empty one) or `part` (all but the last finding). ``notes_in_list``: as `shown`, `empty` or `missing`.
    """

    def __init__(self, timeout: float = 30.0, retries: int = 4) -> None:
        self.clock = Clock()
        connection = Connection("https://tenant.example", "key-of-a-test", True, None, timeout, retries)
        self.lines: list[str] = []  # of progress
        super().__init__(connection, Watch(self.clock), progress=self.lines.append)
        self.rounds: list[dict[str, Any]] = []
        self.findings: dict[str, str] = {}  # id: status
        self.notes: dict[str, list[str]] = {}
        self.tags: dict[str, list[str]] = {}
        self.priorities: dict[str, str] = {}
        self.faults: dict[str, list[Any]] = {}
        self.meanwhile: list[Callable[[], Any] | None] = []
        self.calls: list[str] = []
        self.subjects: list[str | None] = []  # the finding of each call
        self.bodies: list[dict[str, Any]] = []
        self.dates: list[dict[str, Any]] = []
        self.revisions: dict[str, list[dict[str, Any]]] = {}
        self.refuse_doubles = False
        self.refuse_unready = True
        self.clears_ready = False  # whether a request makes findings open and not ready
        self.new_rows = "whole"
        self.notes_in_list = "shown"
        self.counters: dict[str, int] = {}
        self.project_name = "Webshop"
        self.most_calls = 400

    def worker(self, watch: Any, pace: Any) -> FakeService:
        """One client for all threads: its operations are tested with one project."""
        return self

    # What people do

    def add_finding(self, finding_id: str, status: str = "retest", tags: tuple[str, ...] = (), *notes: str) -> None:
        self.findings[finding_id] = status
        self.notes[finding_id] = list(notes)
        self.tags[finding_id] = list(tags)

    def add_round(
        self,
        ids: Any,
        status: str = "Requested",
        start: str | None = "2026-12-01T00:00:00.000Z",
        end: str | None = "2026-12-08T00:00:00.000Z",
    ) -> int:
        number = len(self.rounds) + 1
        self.rounds.append(dict(number=number, status=status, ids=list(ids), start=start, end=end, since=0.0))
        return number

    def finish(self, number: int, status: str) -> None:
        self.rounds[number - 1]["status"] = status

    def take_out(self, number: int, finding_id: str) -> None:
        """As a tester does who takes a finding out of a round."""
        self.rounds[number - 1]["ids"].remove(finding_id)

    def test(self, number: int, **statuses: str) -> None:
        """As testers do: give findings (by the first digit of their ids) a status, and complete the round."""
        for letter, status in statuses.items():
            self.findings[letter * 24] = status
        self.finish(number, "Completed")

    def open_rounds(self, finding_id: str | None = None) -> list[int]:
        return [
            one["number"]
            for one in self.rounds
            if one["status"] == "Requested" and (finding_id is None or finding_id in one["ids"])
        ]

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if call not in READS]

    @property
    def reads(self) -> list[str]:
        return [call for call in self.calls if call in READS]

    def forget_calls(self) -> None:
        del self.calls[:], self.subjects[:]

    # Reads

    def get_project(self, project_id: str) -> dict[str, Any]:
        self._read("history")
        assert project_id == PROJECT
        return {"project": self._project()}

    def _project(self) -> dict[str, Any]:
        return {
            "project_id": PROJECT,
            "project_name": self.project_name,
            "project_code": "SHOP",
            "project_retesting_history": [row for one in reversed(self.rounds) for row in self._rows(one)],
            **self.counters,
        }

    def _rows(self, one: dict[str, Any]) -> list[dict[str, Any]]:
        shown = "whole" if self.clock.now > one["since"] + 4 else self.new_rows
        scope = {"whole": one["ids"], "null": None, "empty": [], "part": one["ids"][:-1], "hidden": None}[shown]
        row = {
            "retesting_round": one["number"],
            "retesting_round_status": one["status"],
            "retesting_window_start": one["start"],
            "retesting_window_end": one["end"],
            "retesting_round_vulnerabilities": scope
            and [{"vulnerability_id": one, "vulnerability_title": f"Title of {one}"} for one in scope],
        }
        return [] if shown == "hidden" else [row]

    def get_projects(self, **_parameters: Any) -> dict[str, Any]:
        self._read("projects")
        return {"count": 1, "projects": [self._project()]}

    def get_project_vulnerabilities(self, project_id: str, **_parameters: Any) -> dict[str, Any]:
        """All findings, whatever the query: some tenants ignore it."""
        assert project_id == PROJECT
        return self.get_vulnerabilities()

    def get_vulnerabilities(self, **_parameters: Any) -> dict[str, Any]:
        self._read("list")
        records = [self._record(one, self.notes_in_list) for one in self.findings]
        return {"count": len(records), "vulnerabilities": records}

    def get_vulnerability(self, vulnerability_id: str) -> dict[str, Any]:
        self._read("one", vulnerability_id)
        if vulnerability_id not in self.findings:
            raise Refused("one: HTTP 404.", method="one", http_status=404)
        return {"vulnerability": self._record(vulnerability_id, "shown")}

    def _record(self, finding_id: str, notes: str) -> dict[str, Any]:
        status = self.findings[finding_id]
        record: dict[str, Any] = {
            "vulnerability_id": finding_id,
            "vulnerability_project_id": PROJECT,
            "vulnerability_alternate_id": f"W-{finding_id[0]}",
            "vulnerability_title": f"Title of {finding_id}",
            "vulnerability_status": "Closed" if status == "closed" else "Open",
            "vulnerability_retest": "Yes" if status == "retest" else "No",
            "vulnerability_priority": self.priorities.get(finding_id, "High"),
            "vulnerability_tags": self.tags.get(finding_id, []),
        }
        if notes != "missing":
            texts = self.notes.get(finding_id, []) if notes == "shown" else []
            record["vulnerability_remediation_notes"] = [{"note": text} for text in texts]
        return record

    def get_revision_history(self, vulnerability_id: str) -> dict[str, Any]:
        self._read("revisions", vulnerability_id)
        return {"revisionHistory": self.revisions.get(vulnerability_id, [])}

    # Writes

    def request_retest(self, project_id: str, body: dict[str, Any]) -> dict[str, Any]:
        assert project_id == PROJECT
        self.bodies.append(body)

        def commit(ids: Any = tuple(body["vulnerability_ids"])) -> None:
            number = self.add_round(ids, start=body["retesting_window_start"], end=body.get("retesting_window_end"))
            self.rounds[number - 1]["since"] = self.clock.now
            if self.clears_ready:
                self.findings.update(dict.fromkeys(ids, "open"))

        def refuse() -> bool:
            unready = [one for one in body["vulnerability_ids"] if self.findings.get(one) != "retest"]
            doubled = [one for one in body["vulnerability_ids"] if self.open_rounds(one)]
            return bool((unready and self.refuse_unready) or (self.refuse_doubles and doubled))

        return self._write("request", None, commit, refuse, lambda: commit(body["vulnerability_ids"][:-1]))

    def cancel_round(self, project_id: str, number: int) -> dict[str, Any]:
        return self._finish("cancel", project_id, number, "Cancelled")

    def complete_round(self, project_id: str, number: int) -> dict[str, Any]:
        return self._finish("complete", project_id, number, "Completed")

    def _finish(self, call: str, project_id: str, number: int, status: str) -> dict[str, Any]:
        assert project_id == PROJECT
        return self._write(
            call, None, lambda: self.finish(number, status), lambda: self.rounds[number - 1]["status"] != "Requested"
        )

    def update_round(self, project_id: str, number: int, body: dict[str, Any]) -> dict[str, Any]:
        assert project_id == PROJECT
        return self._write("dates", None, lambda: self.dates.append({"round": number, **body}))

    def update_vulnerability(self, project_id: str, vulnerability_id: str, status: str) -> dict[str, Any]:
        assert project_id == PROJECT
        return self._write(
            "status", vulnerability_id, lambda: self.set_status(vulnerability_id, STATUS_OF[status]), drop=lambda: None
        )

    def set_status(self, finding_id: str, status: str) -> None:
        self.findings[finding_id] = status

    def create_remediation_note(
        self, project_id: str, vulnerability_id: str, note: str, note_type: str
    ) -> dict[str, Any]:
        assert project_id == PROJECT and note_type == "PLAINTEXT"
        return self._write(
            "note", vulnerability_id, lambda: self.notes[vulnerability_id].append(note), drop=lambda: None
        )

    # Faults

    def _read(self, call: str, subject: str | None = None) -> None:
        for attempt in attempts(self._retries, pause=self.watch.sleep):
            with attempt:
                self._begin(call, subject)
                return

    def _begin(self, call: str, subject: str | None) -> Any:
        if self.meanwhile:
            action = self.meanwhile.pop(0)
            if action:
                action()
        self.calls.append(call)
        self.subjects.append(subject)
        if len(self.calls) > self.most_calls:
            raise TooManyCalls(f"{len(self.calls)} calls, the last ones: {self.calls[-8:]}")
        fault = self.faults[call].pop(0) if self.faults.get(call) else None
        if callable(fault):
            fault = fault()
        if isinstance(fault, Exception):
            raise fault
        error: Any = {"lost before": FateUnknown, "not processed": NotProcessed, "refused": Refused}.get(fault)
        if error is not None:
            raise error(f"{call}: {fault}.", method=call, http_status=None if error is FateUnknown else 429)
        return fault

    def _write(
        self,
        call: str,
        subject: str | None,
        commit: Callable[[], Any],
        refuse: Callable[[], bool] = lambda: False,
        drop: Callable[[], Any] | None = None,
    ) -> dict[str, Any]:
        fault = self._begin(call, subject)
        if fault == "says no":
            return {"status": "Nothing was done"}
        if fault == "says so":  # and does nothing, as far as is seen
            return {"status": WORDS[call]}
        if fault == "late":
            self.clock.later(3, lambda: None if refuse() else commit())
        else:
            if refuse():
                raise Refused(f"{call}: HTTP 400.", method=call, http_status=400)
            (drop if fault == "drop" and drop else commit)()
        if fault in ("late", "lost after"):
            raise FateUnknown(f"{call}: {fault}.", method=call)
        return {"status": WORDS[call]}


@contextlib.contextmanager
def clock_of(service: FakeService) -> Iterator[FakeService]:
    """Let all that waits take its time from the service's clock."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(_client, "monotonic", service.clock.monotonic))
        stack.enter_context(mock.patch.object(_retest_info, "time", service.clock))
        yield service
