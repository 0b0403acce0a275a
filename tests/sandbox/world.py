# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The truth: projects, findings, rounds, notes. Every change is a deed, kept in order and told to the listeners."""

from __future__ import annotations

import dataclasses
import datetime
import typing

from . import dates
from .switches import Switches

PRIORITIES = ("Critical", "High", "Medium", "Low", "Info")
STATES = ("open", "retest", "closed")
REQUESTED, COMPLETED, CANCELLED = "requested", "completed", "cancelled"


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody who acts: the user of a key, or a tester."""

    id: str
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


TESTER = Person("5f1b7f1f0e8c4a0012a7e001", "Terry", "Tester")


@dataclasses.dataclass
class Note:
    """A remediation note."""

    id: str
    finding_id: str
    note: str
    note_type: str
    created: datetime.datetime
    by: Person


@dataclasses.dataclass
class Finding:
    """A vulnerability. Its heavy text is not here: see texts.py."""

    id: str
    project_id: str
    number: int
    alternate_id: str
    title: str
    priority: str
    state: str
    created: datetime.datetime
    modified: datetime.datetime
    status_updated: datetime.datetime
    tags: list[str]
    assets: list[str]
    hidden: bool = False
    zero_day: bool = False
    likelihood: int = 5
    sla: datetime.datetime | None = None
    target_date: datetime.datetime | None = None
    custom_fields: dict[str, str] = dataclasses.field(default_factory=dict)
    text_kb: float = 20
    notes: list[Note] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Round:
    """A retest round. ``status`` is what was done to it; a window that has passed may count too: World.status_of."""

    id: str
    project_id: str
    number: int
    status: str
    start: datetime.datetime
    end: datetime.datetime | None
    scope: list[str]
    requested_at: datetime.datetime
    requested_by: Person
    retested: list[str] = dataclasses.field(default_factory=list)
    finished_at: datetime.datetime | None = None
    finished_by: Person | None = None
    # What UpdateProjectRetestRound wrote; no documented read shows it.
    requested_date: datetime.datetime | None = None
    completed_date: datetime.datetime | None = None
    # How many more reads of the project do not show this round yet.
    unseen_reads: int = 0


@dataclasses.dataclass
class Project:
    """A project with all that is in it."""

    id: str
    name: str
    code: str
    status: str
    created: datetime.datetime
    start: datetime.datetime
    end: datetime.datetime
    retesting: dict[str, typing.Any]
    text_kb: float = 20
    findings: dict[str, Finding] = dataclasses.field(default_factory=dict)
    by_alternate_id: dict[str, Finding] = dataclasses.field(default_factory=dict)
    rounds: list[Round] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Key:
    """An API key: whose it is, the methods it was granted, the projects it sees and its access to these."""

    label: str
    key: str
    grants: frozenset[str] | None
    projects: frozenset[str] | None
    access: str
    user: Person


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that was done: ``what`` is the name that the Events API has for it, ``method`` how it was asked for."""

    n: int
    time: datetime.datetime
    what: str
    method: str
    by: Person
    project_id: str
    subject: dict[str, typing.Any]


class World:
    """All state of the service. Only the methods here change it; none of them asks whether the change is allowed.

    ``deeds`` has everything that was done since the start, in order, with its time, and each function in ``listeners``
    is called with every new deed: an Events API needs nothing more to tell and to replay.
    """

    def __init__(self, switches: Switches, started: datetime.datetime) -> None:
        self.switches = switches
        self.started = started
        self.projects: dict[str, Project] = {}
        self.findings: dict[str, Finding] = {}
        self.keys: dict[str, Key] = {}
        self.deeds: list[Deed] = []
        self.listeners: list[typing.Callable[[Deed], None]] = []
        self._last_id = 0

    # Identity

    def new_id(self) -> str:
        """An id that nothing else has: 24 hexadecimal digits, recognisable by its start."""
        self._last_id += 1
        return f"{int(self.started.timestamp()) & 0xFFFFFFFF:08x}5a4db0c5{self._last_id:08x}"

    def add_project(self, project: Project) -> None:
        """Put a project into the world."""
        self.projects[project.id] = project

    def add_finding(self, finding: Finding) -> None:
        """Put a finding into its project."""
        project = self.projects[finding.project_id]
        project.findings[finding.id] = finding
        project.by_alternate_id[finding.alternate_id] = finding
        self.findings[finding.id] = finding

    def find(self, name: str) -> Finding | None:
        """A finding by its id or its alternate id."""
        if name in self.findings:
            return self.findings[name]
        for project in self.projects.values():
            if name in project.by_alternate_id:
                return project.by_alternate_id[name]
        return None

    # Rounds

    def status_of(self, round_: Round) -> str:
        """The status of a round at this moment."""
        expires = self.switches.window_expires == "yes"
        if expires and round_.status == REQUESTED and round_.end is not None and round_.end <= dates.now():
            return COMPLETED
        return round_.status

    def open_rounds(self, project: Project) -> list[Round]:
        """The rounds that are neither completed nor cancelled."""
        return [round_ for round_ in project.rounds if self.status_of(round_) == REQUESTED]

    def next_number(self, project: Project) -> int:
        """The number of the next round."""
        if self.switches.round_numbering == "reused_after_cancel":
            return 1 + max((round_.number for round_ in project.rounds if round_.status != CANCELLED), default=0)
        return 1 + max((round_.number for round_ in project.rounds), default=0)

    def request_round(
        self,
        project: Project,
        scope: list[str],
        start: datetime.datetime,
        end: datetime.datetime | None,
        by: Person,
        method: str,
    ) -> Round:
        """A new round."""
        round_ = Round(
            self.new_id(),
            project.id,
            self.next_number(project),
            REQUESTED,
            start,
            end,
            list(scope),
            dates.now(),
            by,
            unseen_reads=self.switches.history_lag,
        )
        project.rounds.append(round_)
        if self.switches.request_changes_status == "clears_ready":
            self._clear_ready(round_)
        self._did("project-retest-requested", method, by, project.id, round=round_.number, round_id=round_.id)
        return round_

    def finish_round(self, round_: Round, status: str, by: Person, method: str) -> None:
        """Complete or cancel a round."""
        round_.status = status
        round_.finished_at = dates.now()
        round_.finished_by = by
        switch = "complete_changes_status" if status == COMPLETED else "cancel_changes_status"
        if getattr(self.switches, switch) == "clears_ready":
            self._clear_ready(round_)
        self._did(f"project-retest-{status}", method, by, round_.project_id, round=round_.number, round_id=round_.id)

    def note_dates(self, round_: Round, values: dict[str, datetime.datetime], by: Person, method: str) -> None:
        """What UpdateProjectRetestRound says of a round."""
        for name, value in values.items():
            setattr(round_, name, value)
        self._did("project-updated", method, by, round_.project_id, round=round_.number, round_id=round_.id)

    def _clear_ready(self, round_: Round) -> None:
        for finding_id in round_.scope:
            finding = self.findings[finding_id]
            if finding.state == "retest":
                self._turn(finding, "open")

    # Findings

    def set_state(self, finding: Finding, state: str, by: Person, method: str) -> None:
        """Open, ready for retest or closed. Opening or closing what is in an open round is its retest."""
        if state in ("open", "closed"):
            for round_ in self.open_rounds(self.projects[finding.project_id]):
                if finding.id in round_.scope and finding.id not in round_.retested:
                    round_.retested.append(finding.id)
        self._turn(finding, state)
        self._did_to("vulnerability-updated", method, by, finding, status=state)

    def withdraw_ready(self, finding: Finding, by: Person, method: str) -> None:
        """Ready for retest no more, without having been retested."""
        if finding.state == "retest":
            self._turn(finding, "open")
        self._did_to("vulnerability-updated", method, by, finding, status=finding.state)

    def _turn(self, finding: Finding, state: str) -> None:
        finding.modified = dates.now()
        if finding.state != state:
            finding.state = state
            finding.status_updated = finding.modified

    def create_finding(self, finding: Finding, by: Person, method: str) -> None:
        """A finding that a tester adds."""
        self.add_finding(finding)
        self._did_to("vulnerability-created", method, by, finding)

    def set_hidden(self, finding: Finding, hidden: bool, by: Person, method: str) -> None:
        """Hide a finding from the customer, or show it."""
        finding.hidden = hidden
        finding.modified = dates.now()
        self._did_to("vulnerability-updated", method, by, finding, hidden=hidden)

    def add_note(self, finding: Finding, text: str, note_type: str, by: Person, method: str) -> Note:
        """A remediation note."""
        note = Note(self.new_id(), finding.id, text, note_type, dates.now(), by)
        finding.notes.append(note)
        finding.modified = note.created
        self._did_to("vulnerability-remediation-note-created", method, by, finding, note_id=note.id)
        return note

    def _did_to(self, what: str, method: str, by: Person, finding: Finding, **subject: typing.Any) -> None:
        self._did(what, method, by, finding.project_id, vulnerability_id=finding.id, **subject)

    def _did(self, what: str, method: str, by: Person, project_id: str, **subject: typing.Any) -> None:
        deed = Deed(len(self.deeds) + 1, dates.now(), what, method, by, project_id, subject)
        self.deeds.append(deed)
        for listener in list(self.listeners):
            listener(deed)
