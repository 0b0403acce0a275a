# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service in memory, behind the client's method names: no HTTP, no waiting, faults on demand."""

from __future__ import annotations

import contextlib
from datetime import datetime, timezone
from unittest import mock

from ansible_collections.attackforge.retest.plugins.module_utils import client as client_module
from ansible_collections.attackforge.retest.plugins.module_utils.client import Client
from ansible_collections.attackforge.retest.plugins.module_utils.errors import FateUnknown, NotProcessed, Refused
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import (
    Connection,
    retest_mistakes,
    retest_options,
)
from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import Finding

PROJECT = "66333e1d110ab5acf8a4354e"
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
DEFAULTS = dict(
    project_id=PROJECT,
    state="requested",
    retesting_window_start="2026-12-01",
    retesting_window_end="2026-12-08",
    on_window_change="keep",
    on_duplicate="warn",
    preflight=True,
)
WORDS = {
    "request": f"Project retest requested for Project {PROJECT}",
    "cancel": "Project Retest Round Cancelled",
    "complete": "Project retest round marked as completed",
}


def options(*ids, **more):
    """The options of a task, judged and read as a module does it."""
    params = dict(DEFAULTS, **more)
    if ids:
        params["vulnerability_ids"] = list(ids)
    if params["state"] != "requested":
        params.pop("retesting_window_start")
        params.pop("retesting_window_end")
    assert retest_mistakes(params, NOW) == []
    return retest_options(params, NOW)


class TooManyCalls(Exception):
    """An operation that does not come to an end."""


class Clock:
    """Stands where the client has `time`: waiting costs nothing, and things happen meanwhile."""

    def __init__(self):
        self.now = 1000.0
        self.events = []

    def monotonic(self):
        self.now += 0.001
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.now += max(seconds, 0.001)
        due = [event for event in self.events if event[0] <= self.now]
        self.events = [event for event in self.events if event[0] > self.now]
        for _unused, action in due:
            action()

    def later(self, seconds, action):
        self.events.append((self.now + seconds, action))


class FakeService(Client):
    """Rounds and findings, and the real client's patience.

    ``faults`` maps a call (request, cancel, complete, read, find) to a list, one entry for each call to come: None, or
    an error, or one of `not processed`, `lost before`, `lost after`, `late`, `refused`, `says no`, `says so`, `drop`,
    or a function that acts first and returns one of these.
    """

    def __init__(self, timeout=30.0, retries=4):
        super().__init__(Connection("https://tenant.example", "key-of-a-test", True, None, timeout, retries))
        self.clock = Clock()
        self.rounds = []  # dictionaries
        self.findings = {}  # id: status
        self.faults = {}
        self.calls = []
        self.bodies = []
        self.refuse_doubles = False
        self.most_calls = 400

    # What people do

    def add_finding(self, finding_id, status="retest"):
        self.findings[finding_id] = status

    def add_round(self, ids, status="Requested", start="2026-12-01T00:00:00.000Z", end="2026-12-08T00:00:00.000Z"):
        number = len(self.rounds) + 1
        self.rounds.append(dict(number=number, status=status, ids=list(ids), start=start, end=end))
        return number

    def finish(self, number, status):
        self.rounds[number - 1]["status"] = status

    def open_rounds(self, finding_id=None):
        return [
            one["number"]
            for one in self.rounds
            if one["status"] == "Requested" and (finding_id is None or finding_id in one["ids"])
        ]

    @property
    def writes(self):
        return [call for call in self.calls if call not in ("read", "find")]

    # What the operation calls

    def get_project(self, project_id, **_unused):
        for attempt in self.attempts():
            try:
                self._begin("read")
                break
            except (NotProcessed, FateUnknown) as failure:
                if not getattr(self, "_patient", True):
                    raise
                attempt.failed(failure)
        assert project_id == PROJECT
        return {
            "project": {
                "project_retesting_history": [
                    {
                        "retesting_round": one["number"],
                        "retesting_round_status": one["status"],
                        "retesting_window_start": one["start"],
                        "retesting_window_end": one["end"],
                        "retesting_round_vulnerabilities": [
                            {"vulnerability_id": finding_id, "vulnerability_title": f"Title of {finding_id}"}
                            for finding_id in one["ids"]
                        ],
                    }
                    for one in reversed(self.rounds)
                ]
            }
        }

    def find_vulnerabilities(self, project_id, ids):
        assert project_id == PROJECT
        if not ids:
            return {}
        self._begin("find")
        return {one: Finding(id=one, status=self.findings[one]) for one in ids if one in self.findings}

    def request_retest(self, project_id, body):
        assert project_id == PROJECT
        self.bodies.append(body)

        def commit(ids=tuple(body["vulnerability_ids"])):
            self.add_round(ids, start=body["retesting_window_start"], end=body.get("retesting_window_end"))

        def refuse():
            unready = [one for one in body["vulnerability_ids"] if self.findings.get(one) != "retest"]
            doubled = [one for one in body["vulnerability_ids"] if self.open_rounds(one)]
            return bool(unready or (self.refuse_doubles and doubled))

        return self._write("request", commit, refuse, lambda: commit(body["vulnerability_ids"][:-1]))

    def cancel_round(self, project_id, number):
        assert project_id == PROJECT
        return self._write(
            "cancel", lambda: self.finish(number, "Cancelled"), lambda: self.rounds[number - 1]["status"] != "Requested"
        )

    def complete_round(self, project_id, number):
        assert project_id == PROJECT
        return self._write(
            "complete",
            lambda: self.finish(number, "Completed"),
            lambda: self.rounds[number - 1]["status"] != "Requested",
        )

    # Faults

    def _begin(self, call):
        self.calls.append(call)
        if len(self.calls) > self.most_calls:
            raise TooManyCalls("%d calls, the last ones: %s" % (len(self.calls), self.calls[-8:]))
        fault = self.faults[call].pop(0) if self.faults.get(call) else None
        if callable(fault):
            fault = fault()
        if isinstance(fault, Exception):
            raise fault
        error = {"lost before": FateUnknown, "not processed": NotProcessed, "refused": Refused}.get(fault)
        if error is not None:
            raise error(f"{call}: {fault}.", method=call, http_status=None if error is FateUnknown else 429)
        return fault

    def _write(self, call, commit, refuse, drop=None):
        fault = self._begin(call)
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
def clock_of(service):
    """Let the client's waiting be that of the service's clock."""
    with mock.patch.object(client_module, "time", service.clock):
        yield service
