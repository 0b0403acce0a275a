# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the service: projects, findings, rounds, notes, groups.

Every change is kept twice: as a deed, in order and told to the listeners (the Events API needs that), and as a step
that can be taken back, so that a read can show how things stood some time ago (World.as_of).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing
import unicodedata

from . import dates
from .switches import LEVELS, Switches

PRIORITIES = ("Critical", "High", "Medium", "Low", "Info")
STATES = ("open", "retest", "closed")
REQUESTED, COMPLETED, CANCELLED = "requested", "completed", "cancelled"
# The roles of users; the first three are what project_features knows.
ROLES = ("client", "consultant", "librarymod", "admin")
FIXED = "Issue has been fixed"


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
    """A remediation note. ``note`` is the text as it was kept, which may differ from the text as it was sent."""

    id: str
    finding_id: str
    note: str
    note_type: str
    created: datetime.datetime
    by: Person


@dataclasses.dataclass(frozen=True)
class Revision:
    """One changed field of a finding."""

    id: str
    field: str
    before: str
    after: str
    created: datetime.datetime
    by: Person


@dataclasses.dataclass(slots=True)
class Finding:
    """A vulnerability. Its long texts are not here: see texts.py. ``project_ids`` begins with the project it is of."""

    id: str
    project_ids: list[str]
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
    release_date: datetime.datetime | None = None
    custom_fields: dict[str, str] = dataclasses.field(default_factory=dict)
    custom_tags: dict[str, str] = dataclasses.field(default_factory=dict)
    text_kb: float = 20
    notes: list[Note] = dataclasses.field(default_factory=list)
    revisions: list[Revision] = dataclasses.field(default_factory=list)
    exists: bool = True

    @property
    def project_id(self) -> str:
        """The project that the finding was found in."""
        return self.project_ids[0]


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
    # Findings that a person took out of the scope.
    removed: list[str] = dataclasses.field(default_factory=list)
    finished_at: datetime.datetime | None = None
    finished_by: Person | None = None
    # What UpdateProjectRetestRound wrote; no documented read shows it.
    requested_date: datetime.datetime | None = None
    completed_date: datetime.datetime | None = None
    # How many more reads of the project do not show this round yet.
    unseen_reads: int = 0


@dataclasses.dataclass(frozen=True)
class Group:
    """A group of users and projects."""

    id: str
    name: str
    custom_fields: dict[str, str]


@dataclasses.dataclass
class Project:
    """A project with all that is in it. ``findings`` holds those that are linked to it, too."""

    id: str
    name: str
    code: str
    vulnerability_code: str
    organization_code: str
    status: str
    created: datetime.datetime
    modified: datetime.datetime
    start: datetime.datetime
    end: datetime.datetime
    retesting: dict[str, typing.Any]
    scope: list[str]
    groups: list[Group]
    # The names of streams, each with the names of its portfolios.
    streams: dict[str, list[str]]
    custom_fields: dict[str, str]
    custom_tags: dict[str, str]
    text_kb: float = 20
    findings: dict[str, Finding] = dataclasses.field(default_factory=dict)
    by_alternate_id: dict[str, Finding] = dataclasses.field(default_factory=dict)
    rounds: list[Round] = dataclasses.field(default_factory=list)
    # The number of its last own finding.
    last_number: int = 0


@dataclasses.dataclass(frozen=True)
class Key:
    """An API key: whose it is, the methods it was granted, what it sees and its access to that.

    ``grants``, ``projects`` and ``groups`` are None for all. ``access`` holds where ``access_to`` has no project.
    """

    label: str
    key: str
    grants: frozenset[str] | None
    projects: frozenset[str] | None
    groups: frozenset[str] | None
    access: str
    access_to: dict[str, str]
    role: str
    user: Person

    def sees(self, project_ids: typing.Iterable[str]) -> bool:
        """Whether the user is in one of these projects."""
        return self.projects is None or not self.projects.isdisjoint(project_ids)

    def level(self, project_id: str) -> int:
        """The place in LEVELS of the user's access to a project."""
        return LEVELS.index(self.access_to.get(project_id, self.access))


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that was done: ``what`` is the name that the Events API has for it, ``method`` how it was asked for.

    ``unique`` is a time that no other deed has.
    """

    n: int
    time: datetime.datetime
    what: str
    method: str
    by: Person
    project_id: str
    subject: dict[str, typing.Any]
    unique: datetime.datetime


class _Change(typing.NamedTuple):
    """Some attributes of one object before and after a change."""

    time: datetime.datetime
    target: typing.Any
    before: dict[str, typing.Any]
    after: dict[str, typing.Any]


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
        self.groups: dict[str, Group] = {}
        self.keys: dict[str, Key] = {}
        self.deeds: list[Deed] = []
        self.listeners: list[typing.Callable[[Deed], None]] = []
        self._changes: list[_Change] = []
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
        """Put a finding into its projects."""
        for project_id in finding.project_ids:
            project = self.projects[project_id]
            project.findings[finding.id] = finding
            project.by_alternate_id[finding.alternate_id] = finding
        home = self.projects[finding.project_id]
        home.last_number = max(home.last_number, finding.number)
        self.findings[finding.id] = finding

    def find(self, name: str) -> Finding | None:
        """A finding by its id or its alternate id."""
        if name in self.findings:
            return self.findings[name]
        for project in self.projects.values():
            if name in project.by_alternate_id:
                return project.by_alternate_id[name]
        return None

    # Time

    def _set(self, target: typing.Any, **values: typing.Any) -> None:
        """Change attributes of an object. A list is never changed in place, or it could not be taken back."""
        before = {name: getattr(target, name) for name in values}
        self._changes.append(_Change(dates.now(), target, before, values))
        _assign(target, values)

    @contextlib.contextmanager
    def as_of(self, instant: datetime.datetime) -> typing.Iterator[None]:
        """How things stood at an instant, for as long as the context lasts."""
        later = []
        for change in reversed(self._changes):
            if change.time <= instant:
                break
            later.append(change)
        for change in later:
            _assign(change.target, change.before)
        try:
            yield
        finally:
            for change in reversed(later):
                _assign(change.target, change.after)

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
        self._set(project, rounds=[*project.rounds, round_])
        if self.switches.request_changes_status == "clears_ready":
            self._clear_ready(round_, by)
        self._did_to_round("project-retest-requested", method, by, round_)
        return round_

    def finish_round(self, round_: Round, status: str, by: Person, method: str) -> None:
        """Complete or cancel a round."""
        self._set(round_, status=status, finished_at=dates.now(), finished_by=by)
        switch = "complete_changes_status" if status == COMPLETED else "cancel_changes_status"
        if getattr(self.switches, switch) == "clears_ready":
            self._clear_ready(round_, by)
        self._did_to_round(f"project-retest-{status}", method, by, round_)

    def remove_from_round(self, round_: Round, ids: list[str], by: Person, method: str) -> None:
        """Take findings out of a round's scope."""
        self._set(
            round_,
            scope=[name for name in round_.scope if name not in ids],
            retested=[name for name in round_.retested if name not in ids],
            removed=[*round_.removed, *ids],
        )
        self._did_to_round("project-updated", method, by, round_, removed=ids)

    def set_round_dates(self, round_: Round, values: dict[str, datetime.datetime], by: Person, method: str) -> None:
        """What UpdateProjectRetestRound says of a round."""
        self._set(round_, **values)
        self._did_to_round("project-updated", method, by, round_)

    def _clear_ready(self, round_: Round, by: Person) -> None:
        for finding_id in round_.scope:
            finding = self.findings[finding_id]
            if finding.state == "retest":
                self._turn(finding, "open", by)

    # Findings

    def set_state(self, finding: Finding, state: str, by: Person, method: str, reason: str = FIXED) -> None:
        """Open, ready for retest or closed. Opening or closing what is in an open round is its retest."""
        if state in ("open", "closed"):
            self._retest(finding)
        closes = state == "closed" and finding.state != "closed"
        self._turn(finding, state, by)
        self._did_to("vulnerability-updated", method, by, finding, status=state)
        noted = self.switches.closing_note
        if closes and (noted == "always" or (noted == "by_people" and method == "act")):
            self.add_note(finding, closing_note(reason), "PLAINTEXT", by, method)

    def _retest(self, finding: Finding) -> None:
        for project_id in finding.project_ids:
            for round_ in self.open_rounds(self.projects[project_id]):
                if finding.id in round_.scope and finding.id not in round_.retested:
                    self._set(round_, retested=[*round_.retested, finding.id])

    def withdraw_ready(self, finding: Finding, by: Person, method: str) -> None:
        """Ready for retest no more, without having been retested."""
        if finding.state == "retest":
            self._turn(finding, "open", by)
        self._did_to("vulnerability-updated", method, by, finding, status=finding.state)

    def _turn(self, finding: Finding, state: str, by: Person) -> None:
        now = dates.now()
        if finding.state == state:
            self._set(finding, modified=now)
            return
        revisions = list(finding.revisions)
        for field, words in (("status", _STATUS_WORDS), ("is_retest", _RETEST_WORDS)):
            before, after = words[finding.state], words[state]
            if before != after:
                revisions.append(Revision(self.new_id(), field, before, after, now, by))
        self._set(finding, modified=now, status_updated=now, state=state, revisions=revisions)

    def update_finding(self, finding: Finding, values: dict[str, typing.Any], by: Person, method: str) -> None:
        """Change attributes other than the state."""
        now = dates.now()
        revisions = list(finding.revisions)
        for name, value in values.items():
            before = getattr(finding, name)
            if before != value:
                revisions.append(Revision(self.new_id(), name, str(before), str(value), now, by))
        self._set(finding, **values, modified=now, revisions=revisions)
        self._did_to("vulnerability-updated", method, by, finding)

    def create_finding(self, finding: Finding, by: Person, method: str) -> None:
        """A finding that a tester adds."""
        finding.exists = False
        self.add_finding(finding)
        self._set(finding, exists=True)
        self._did_to("vulnerability-created", method, by, finding)

    def delete_finding(self, finding: Finding, by: Person, method: str) -> None:
        """A finding that is there no more. Rounds keep its name."""
        self._set(finding, exists=False)
        self._did_to("vulnerability-updated", method, by, finding, deleted=True)

    def link(self, finding: Finding, project: Project, by: Person, method: str) -> None:
        """Show a finding in one more project."""
        if project.id not in finding.project_ids:
            self._set(finding, project_ids=[*finding.project_ids, project.id])
            project.findings[finding.id] = finding
            project.by_alternate_id.setdefault(finding.alternate_id, finding)
        self._did_to("vulnerability-updated", method, by, finding)

    def set_hidden(self, finding: Finding, hidden: bool, by: Person, method: str) -> None:
        """Hide a finding from the customer, or show it."""
        self._set(finding, hidden=hidden, modified=dates.now())
        self._did_to("vulnerability-updated", method, by, finding, hidden=hidden)

    # Notes

    def add_note(self, finding: Finding, text: str, note_type: str, by: Person, method: str) -> Note:
        """A remediation note."""
        note = Note(self.new_id(), finding.id, self._kept(text), note_type, dates.now(), by)
        self._set(finding, notes=[*finding.notes, note], modified=note.created)
        self._did_to("vulnerability-remediation-note-created", method, by, finding, note_id=note.id)
        return note

    def update_note(self, finding: Finding, note: Note, values: dict[str, str], by: Person, method: str) -> None:
        """Another text or type of a note."""
        if "note" in values:
            values = {**values, "note": self._kept(values["note"])}
        self._set(note, **values)
        self._set(finding, modified=dates.now())
        self._did_to("vulnerability-updated", method, by, finding, note_id=note.id)

    def _kept(self, text: str) -> str:
        """The text of a note as the service keeps it."""
        form, limit = self.switches.note_form, self.switches.note_limit
        if form in ("nfc", "nfd", "nfkc"):
            text = unicodedata.normalize(form.upper(), text)
        elif form == "trimmed":
            text = text.strip()
        elif form == "crlf":
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return text[:limit] if limit else text

    # Deeds

    def _did_to(self, what: str, method: str, by: Person, finding: Finding, **subject: typing.Any) -> None:
        self._did(what, method, by, finding.project_id, vulnerability_id=finding.id, **subject)

    def _did_to_round(self, what: str, method: str, by: Person, round_: Round, **subject: typing.Any) -> None:
        self._did(what, method, by, round_.project_id, round=round_.number, round_id=round_.id, **subject)

    def _did(self, what: str, method: str, by: Person, project_id: str, **subject: typing.Any) -> None:
        now = unique = dates.now()
        if self.deeds:
            unique = max(now, self.deeds[-1].unique + datetime.timedelta(milliseconds=1))
        deed = Deed(len(self.deeds) + 1, now, what, method, by, project_id, subject, unique)
        self.deeds.append(deed)
        for listener in list(self.listeners):
            listener(deed)


_STATUS_WORDS = {"open": "Open", "retest": "Open", "closed": "Closed"}
_RETEST_WORDS = {"open": "No", "retest": "Yes", "closed": "No"}


def closing_note(reason: str) -> str:
    """What closing a finding leaves among its notes."""
    return f"Issue Closed: {reason}"


def _assign(target: typing.Any, values: dict[str, typing.Any]) -> None:
    for name, value in values.items():
        setattr(target, name, value)
