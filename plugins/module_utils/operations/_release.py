# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The operation of attackforge_release: the release step in many projects at once.

Observe by lists, plan each project with the same functions as one project, apply in batches: a look at the findings of
a batch, its notes and marks, a look at its histories, its requests, and a look whether their rounds are there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._answers import History, ProjectRecord
from .._client import Client
from .._errors import AttackForgeError, NotProcessed, PlayEnded, Refused, SSAPIError, StateError, as_list, present
from .._notes import has_note
from .._options import ReleaseOptions
from .._pace import Pace
from .._plan import Plan, plan_request
from .._play_watch import PlayWatch
from .._projects import Project
from .._search import find_over_tenant, find_projects, select_over_tenant, select_projects, select_vulnerabilities
from .._vulnerabilities import CLOSED, Finding
from ._history import settled_history
from ._request import LISTS_SHOW_NOTES, Observed, ProjectRequest, Sent, with_notes

_NOT_GRANTED = (401, 403)
_SHOWN = 10  # failed projects that the message lists


def run(options: ReleaseOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Make the release step in each project. Returns the keys of the result."""
    release = _Release(options, client)
    try:
        release.observe()
        release.plan()
        if check_mode:
            release.preview()
        else:
            release.apply()
    finally:
        release.stop()
    return release.result()


class _Job:
    """One project on its way: what was read of it, its plan, and its result or error."""

    def __init__(self, project: Project, findings: list[Finding]) -> None:
        self.project = project
        self.findings = findings
        self.history: History | None = None
        self.request: ProjectRequest | None = None
        self.plan: Plan | None = None
        self.sent: Sent | None = None
        self.result: dict[str, Any] | None = None
        self.error: AttackForgeError | None = None

    @property
    def going(self) -> bool:
        """Whether there is more to do for it."""
        return self.result is None and self.error is None

    def fail(self, error: AttackForgeError) -> None:
        if self.request is not None and self.plan is not None:
            self.request.add_progress(error, self.plan)
        self.error = error

    def as_result(self) -> dict[str, Any]:
        """The project's entry in the result, with the keys of attackforge_retest."""
        head = {
            "project": {"id": self.project.id, "code": self.project.code, "name": self.project.name},
            "changed": False,
            "failed": self.error is not None,
        }
        if self.error is not None:
            return {**head, "msg": self.error.message, **self.error.facts}
        result = {name: value for name, value in (self.result or {}).items() if name != "diff"}
        return {**head, **result}


class _Release:
    def __init__(self, options: ReleaseOptions, client: Client) -> None:
        self._options = options
        self._client = client
        self._jobs: list[_Job] = []
        self._warnings: list[str] = []
        self._stopped = threading.Event()
        watch = PlayWatch(lambda: self._stopped.is_set() or client.watch.ended)
        self._pace = Pace(options.at_once, watch)
        self._local = threading.local()
        self._watch = watch
        self._pool = ThreadPoolExecutor(options.at_once)
        self._tenant_lists = True  # whether GetVulnerabilities shows findings with their projects

    def stop(self) -> None:
        """Have no worker write anything more, however this ended."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # Workers

    def _worker(self) -> Client:
        """The client of this thread."""
        if not hasattr(self._local, "client"):
            self._local.client = self._client.worker(self._watch, self._pace)
        client: Client = self._local.client
        return client

    def _each(self, jobs: Iterable[_Job], work: Callable[[_Job, Client], None]) -> None:
        """Do a piece of work for each project that is still going. A project that fails leaves the others alone."""

        def one(job: _Job) -> None:
            try:
                work(job, self._worker())
            except PlayEnded:
                raise
            except AttackForgeError as error:
                job.fail(error)

        for _done in self._pool.map(one, [job for job in jobs if job.going]):
            pass

    # Observe

    def observe(self) -> None:
        """Find the projects and findings that are meant, and what is known of each."""
        records = self._projects()
        by_project = self._findings(records)
        self._jobs = [_Job(record.project, by_project[record.id]) for record in records if record.id in by_project]
        self._check_number(len(records))
        for job, record in zip(self._jobs, [record for record in records if record.id in by_project]):
            job.history = record.history
        without = [job for job in self._jobs if job.history is None or _unsettled(job.history)]
        if any(job.history is None for job in without):
            self._warnings.append(
                "GetProjects does not carry the retest history, or is not granted, so each project is read by itself."
            )
        self._each(without, lambda job, client: setattr(job, "history", settled_history(client, job.project.id)))

    def _projects(self) -> list[ProjectRecord]:
        selection = self._options.projects
        try:
            return select_projects(self._client, selection)
        except Refused as refusal:
            by_ids_alone = selection.ids and selection._replace(ids=()).empty
            if refusal.http_status not in _NOT_GRANTED or not by_ids_alone:
                raise
            return [ProjectRecord(Project(project_id), None) for project_id in selection.ids]

    def _findings(self, records: list[ProjectRecord]) -> dict[str, list[Finding]]:
        """The findings that are selected. Returns {project id: findings}, for projects that have any."""
        if self._options.selection is None:
            return {}
        chosen = {record.id for record in records}
        try:
            found = select_over_tenant(
                self._client,
                self._options.selection,
                lambda f: not f.project_ids or not chosen.isdisjoint(f.project_ids),
            )
        except Refused as refusal:
            if refusal.http_status not in (*_NOT_GRANTED, 404):
                raise
            found, self._tenant_lists = [], False
        if not all(finding.project_ids for finding in found):
            self._tenant_lists = False
        if not self._tenant_lists:
            self._warnings.append(
                "GetVulnerabilities is not granted, or does not name the projects of findings, so the findings of each "
                "project are read by themselves."
            )
            return self._findings_one_by_one(records)
        return self._by_project(found, records)

    def _findings_one_by_one(self, records: list[ProjectRecord]) -> dict[str, list[Finding]]:
        jobs = [_Job(record.project, []) for record in records]
        selection = present(self._options.selection)

        def read(job: _Job, client: Client) -> None:
            job.findings = select_vulnerabilities(client, job.project.id, selection)[0]

        self._each(jobs, read)
        failed = next((job for job in jobs if job.error is not None), None)
        if failed is not None and failed.error is not None:
            failed.error.message = f"{failed.project.label}: {failed.error.message}"
            raise failed.error
        by_finding: dict[str, Finding] = {}
        for job in jobs:
            for finding in job.findings:
                known = by_finding.get(finding.id, finding._replace(project_ids=()))
                by_finding[finding.id] = known._replace(project_ids=(*known.project_ids, job.project.id))
        return self._by_project(by_finding.values(), records)

    def _by_project(self, found: Iterable[Finding], records: list[ProjectRecord]) -> dict[str, list[Finding]]:
        """Give each finding to one project. One that is linked to several belongs to the one with its open round."""
        by_id = {record.id: record for record in records}
        by_project: dict[str, list[Finding]] = {}
        unclear = []
        for finding in found:
            projects = [by_id[project_id] for project_id in finding.project_ids if project_id in by_id]
            if len(projects) > 1:
                projects = _with_open_round(finding, projects) or projects
            if len(projects) > 1 and finding.status != CLOSED:
                unclear.append(f"{finding.name}: {'; '.join(record.project.label for record in projects)}")
                continue
            by_project.setdefault(projects[0].id, []).append(finding)
        if unclear:
            raise StateError(
                "Nothing was sent: these findings are linked to several of the selected projects, and it is not clear "
                f"in which one to request their retest. Select one of the projects:{as_list(unclear)}"
            )
        return by_project

    def _check_number(self, selected: int) -> None:
        if not self._jobs and not self._options.allow_empty:
            raise StateError(
                f"select: finds nothing in the {selected} projects that are selected. Correct it, or set allow_empty: "
                "true if that is as it should be."
            )
        if len(self._jobs) > self._options.at_most:
            raise StateError(
                f"at_most: {len(self._jobs)} projects have findings that are selected, and at most "
                f"{self._options.at_most} are allowed. Nothing was sent. Narrow projects or select, or raise at_most."
            )

    # Plan

    def plan(self) -> None:
        """Plan each project. One whose plan fails is not touched."""
        shows_notes = any(finding.notes for job in self._jobs for finding in job.findings)
        if self._options.step.note is not None:
            self._each(self._jobs, _read_notes)
        for job in self._jobs:
            if job.history is None or job.error is not None:
                continue  # it failed when it was read
            findings = {finding.id: finding for finding in job.findings}
            observed = Observed(job.history, findings, tuple(findings), shows_notes)
            desired = self._options.step.desired(observed.ids)
            job.request = ProjectRequest(self._client, job.project.id, desired, observed)
            try:
                job.plan = plan_request(desired, job.history.rounds, findings, job.project.id)
            except StateError as error:
                job.fail(error)

    def preview(self) -> None:
        """Check mode: the results of a run that writes nothing."""
        for job in self._jobs:
            if job.going and job.request is not None and job.plan is not None:
                job.result = job.request.planned(job.plan)

    # Apply

    def apply(self) -> None:
        """Apply the plans batch by batch."""
        for job in self._jobs:
            if job.going and job.request is not None and job.plan is not None and not _does_anything(job.plan):
                job.result = job.request.unrequested(job.plan)
        waiting = [job for job in self._jobs if job.going]
        for position, batch in enumerate(_batches(waiting, self._options.at_once)):
            self._apply_batch(batch)
            if position == 0:
                self._learn_from(batch)
            if position == 1:
                self._stop_if_all_refused(waiting)
            done = [job for job in self._jobs if not job.going]
            failed = sum(job.error is not None for job in done)
            self._client.progress(f"{len(done)} of {len(self._jobs)} projects done, {failed} failed.")

    def _apply_batch(self, batch: list[_Job]) -> None:
        self._prepare(batch)
        self._each(batch, self._send(self._histories(batch)))
        self._each(batch, self._confirm(self._histories(batch)))

    def _prepare(self, batch: list[_Job]) -> None:
        """Look at the findings that are to be noted or marked, all at once, then write."""
        preparing = [job for job in batch if job.plan is not None and job.plan.preparation]
        ids = [step.finding.id for job in preparing if job.plan for step in job.plan.preparation]
        looked = find_over_tenant(self._client, ids) if self._tenant_lists and ids else {}

        def prepare(job: _Job, client: Client) -> None:
            request, steps = present(job.request), present(job.plan).preparation
            known = {step.finding.id: looked[step.finding.id] for step in steps if step.finding.id in looked}
            request.use(client)
            request.prepare(steps, known if len(known) == len(steps) else None)

        self._each(preparing, prepare)

    def _histories(self, batch: list[_Job]) -> dict[str, History]:
        """Read the histories of a batch at once. Returns those that a list carries and that show what they hold."""
        ids = [job.project.id for job in batch if job.going]
        try:
            records = find_projects(self._client, ids) if ids else {}
        except SSAPIError:
            return {}  # then each project is read by itself
        return {one: r.history for one, r in records.items() if r.history is not None and not _unsettled(r.history)}

    def _send(self, histories: dict[str, History]) -> Callable[[_Job, Client], None]:
        def send(job: _Job, client: Client) -> None:
            request = present(job.request)
            request.use(client)
            job.plan = request.prepared(request.plan_again(histories.get(job.project.id)))
            message = request.withdraw(job.plan)
            if not job.plan.request:
                job.result = request.unrequested(job.plan, message)
                return
            try:
                try:
                    job.sent = request.send(job.plan)
                except Refused as refusal:
                    job.result = request.after_refusal(refusal, job.plan)
            except NotProcessed:  # the pace makes all workers wait
                job.result = request.request(request.prepared(request.plan_again()))

        return send

    def _confirm(self, histories: dict[str, History]) -> Callable[[_Job, Client], None]:
        def confirm(job: _Job, client: Client) -> None:
            request = present(job.request)
            request.use(client)
            job.result = request.confirm(present(job.sent), histories.get(job.project.id))

        return confirm

    def _learn_from(self, batch: list[_Job]) -> None:
        """Whether a list shows the notes that were just added: then it is believed for the others."""
        noted = [job for job in batch if job.result and any(v["noted"] for v in job.result["vulnerabilities"])]
        if not noted or not self._tenant_lists or self._client.learned.get(LISTS_SHOW_NOTES):
            return
        entry = next(v for v in (noted[0].result or {})["vulnerabilities"] if v["noted"])
        found = find_over_tenant(self._client, [entry["id"]]).get(entry["id"])
        note = self._options.step.note or ""
        self._client.learned[LISTS_SHOW_NOTES] = found is not None and has_note(found, note)

    def _stop_if_all_refused(self, waiting: list[_Job]) -> None:
        first = waiting[: self._options.at_once]
        refused = [job for job in first if isinstance(job.error, Refused) and job.error.http_status in _NOT_GRANTED]
        if len(refused) < len(first):
            return
        for job in waiting:
            if job.going:
                job.fail(StateError(f"Not tried, because the first {len(first)} projects were all refused."))

    # Result

    def result(self) -> dict[str, Any]:
        failed = [job for job in self._jobs if job.error is not None]
        entries = [job.as_result() for job in [*failed, *(job for job in self._jobs if job.error is None)]]
        changed = [entry for entry in entries if entry["changed"]]
        result: dict[str, Any] = {
            "changed": bool(changed),
            "totals": totals_of(entries),
            "rounds": [handle for job in self._jobs for handle in self._handles(job)],
            "projects": entries,
            "diff": [job.result["diff"] for job in self._jobs if job.result and job.result["changed"]],
            "warnings": [*self._warnings, *self._project_warnings()],
        }
        if failed:
            result.update(failed=True, msg=self._failure_message(failed))
        return result

    def _handles(self, job: _Job) -> Iterator[dict[str, Any]]:
        for handle in (job.result or {}).get("rounds", ()):
            yield {"project_id": job.project.id, "code": job.project.code, **handle}

    def _project_warnings(self) -> list[str]:
        return [f"{job.project.label}: {text}" for job in self._jobs for text in (job.result or {}).get("warnings", ())]

    def _failure_message(self, failed: list[_Job]) -> str:
        lines = [f"{job.project.label}: {job.error.message}" for job in failed[:_SHOWN] if job.error]
        more = [f"and {len(failed) - _SHOWN} more; see projects"] if len(failed) > _SHOWN else []
        return (
            f"{len(failed)} of {len(self._jobs)} projects failed:{as_list([*lines, *more])}\n"
            "The others are done. When that is mended, running the play again does the rest."
        )


def _read_notes(job: _Job, client: Client) -> None:
    """Read the notes by which to tell whether what was sent back is fixed again, where the list shows none."""
    if job.history is not None:
        findings = {finding.id: finding for finding in job.findings}
        job.findings = list(with_notes(client, job.project.id, job.history.rounds, findings).values())


def _with_open_round(finding: Finding, records: list[ProjectRecord]) -> list[ProjectRecord]:
    """Of several projects, those in which an open round holds a finding."""
    return [
        record
        for record in records
        if record.history is not None and any(one.open and finding.id in one.ids for one in record.history.rounds)
    ]


def _unsettled(history: History) -> bool:
    return any(one.scope_unknown for one in history.rounds)


def _does_anything(plan: Plan) -> bool:
    return bool(plan.preparation or plan.withdraw or plan.request)


def _batches(jobs: list[_Job], at_once: int) -> Iterator[list[_Job]]:
    """The first project goes alone, because what it shows of the tenant spares reads of the others."""
    if jobs:
        yield jobs[:1]
    for start in range(1, len(jobs), 2 * at_once):
        yield jobs[start : start + 2 * at_once]


def totals_of(entries: list[dict[str, Any]]) -> dict[str, int]:
    """How many projects and findings there are in the entries of a result, and what became of the findings."""
    findings = [finding for entry in entries for finding in entry.get("vulnerabilities", ())]
    outcomes = [finding["outcome"] for finding in findings]
    return {
        "projects": len(entries),
        "requested": outcomes.count("requested"),
        "in_scope": outcomes.count("in_scope"),
        "closed": outcomes.count("closed"),
        "reopened": outcomes.count("reopened"),
        "failed": sum(entry["failed"] for entry in entries),
        "findings": len(findings),
        "marked": sum(finding["marked"] for finding in findings),
        "noted": sum(finding["noted"] for finding in findings),
    }
