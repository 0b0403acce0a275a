# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Requesting a retest in one project: observe, plan, apply, verify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._answers import History
from .._client import Client
from .._diff import rounds_diff
from .._errors import AttackForgeError, FateUnknown, NotProcessed, Refused, StateError, rerun_advice
from .._notes import has_note
from .._options import RetestOptions, request_body
from .._plan import (
    REOPENED,
    Desired,
    Marking,
    Plan,
    Step,
    changed_window,
    doubled,
    may_be_sent_back,
    new_holder,
    plan_request,
    undecided,
)
from .._rounds import (
    CANCELLED,
    FINISHED,
    REQUESTED,
    Round,
    holders_of,
    numbers_of,
    round_result,
    unknown_status,
    youngest_with,
)
from .._search import find_vulnerabilities, read_vulnerability
from .._vulnerabilities import CLOSED, OPEN, READY, Finding, names_of
from ._finish import finish_round, says
from ._history import read_history, settled_history
from ._selecting import selected
from ._writing import Written, write_finding

_METHOD = "RequestNewProjectRetest"
LISTS_SHOW_NOTES = "lists of findings show notes"


class Observed(NamedTuple):
    """What was read before a plan: the rounds, the findings of which something must be known, and which are meant.

    ``lists_show_notes`` where a list of findings was seen to carry notes. Some tenants may show none in a list.
    """

    history: History
    findings: dict[str, Finding]
    ids: tuple[str, ...]
    lists_show_notes: bool


def observe(client: Client, options: RetestOptions, project_id: str) -> Observed:
    """Read what a plan needs."""
    if options.selects:
        findings = selected(client, options, project_id)
        ids = tuple(findings)
        history = settled_history(client, project_id)
    else:
        ids = options.ids
        history = settled_history(client, project_id)
        findings = find_vulnerabilities(client, project_id, undecided(options.desired(ids), history.rounds))
    lists_show_notes = any(finding.notes for finding in findings.values())
    if options.note is not None:
        findings = with_notes(client, project_id, history.rounds, findings)
    return Observed(history, findings, ids, lists_show_notes)


def with_notes(
    client: Client, project_id: str, rounds: list[Round], findings: dict[str, Finding]
) -> dict[str, Finding]:
    """Where notes decide whether a finding was fixed again, and a list shows none, read its own record."""
    read = dict(findings)
    for finding in findings.values():
        if not finding.notes and may_be_sent_back(finding, rounds):
            read[finding.id] = read_vulnerability(client, project_id, finding.id) or finding
    return read


def request(options: RetestOptions, client: Client, project_id: str, check_mode: bool) -> dict[str, Any]:
    """Have findings retested. Returns the keys of the result."""
    observed = observe(client, options, project_id)
    desired = options.desired(observed.ids)
    plan = plan_request(desired, observed.history.rounds, observed.findings, project_id)
    work = ProjectRequest(client, project_id, desired, observed)
    if check_mode:
        return work.planned(plan)
    try:
        return work.apply(plan)
    except AttackForgeError as error:
        work.add_progress(error, plan)
        raise


class Sent(NamedTuple):
    """A request that was sent: its plan, and the service's words or the error of a lost answer."""

    plan: Plan
    before: list[Round]
    body: dict[str, Any]
    words: str | None
    error: FateUnknown | None


class ProjectRequest:
    """Applies the plan of one project in phases, and keeps what was done so that a failure can say it.

    `apply` walks through them. A release over many projects does so with all of them, and brings along what it has read
    of many at once.
    """

    def __init__(self, client: Client, project_id: str, desired: Desired, observed: Observed) -> None:
        self._client = client
        self._project_id = project_id
        self._desired = desired
        self._before = self._rounds = observed.history.rounds
        self._findings = dict(observed.findings)
        client.learned[LISTS_SHOW_NOTES] = observed.lists_show_notes or client.learned.get(LISTS_SHOW_NOTES, False)
        self._warnings = list(observed.history.warnings)
        self._checked_list = False
        self._written: dict[str, Written] = {}
        self._prepared: list[Step] = []
        self._withdrawn: list[Round] = []
        self._requested = False

    def use(self, client: Client) -> None:
        """Go on with another client, that of the thread that does the next phase."""
        self._client = client

    @property
    def _lists_show_notes(self) -> bool:
        return bool(self._client.learned.get(LISTS_SHOW_NOTES))

    # Check mode: the plan without apply

    def planned(self, plan: Plan) -> dict[str, Any]:
        """The result of a run that writes nothing."""
        for step in plan.preparation:
            needed = self._still_needed(step)
            self._written[step.finding.id] = Written(step.finding, needed.note is not None, needed.mark)
            self._prepared.append(needed)
        holder = plan.new_round(self._desired.window) or plan.holder
        return self._result(plan, list(plan.withdraw), holder, plan.warnings)

    def _still_needed(self, step: Step) -> Step:
        """The step without a note that a list does not show, and the finding's own record does."""
        if step.note is None or step.finding.notes or self._lists_show_notes:
            return step
        finding = read_vulnerability(self._client, self._project_id, step.finding.id)
        return step._replace(note=None) if finding is not None and has_note(finding, step.note) else step

    # Apply

    def apply(self, plan: Plan) -> dict[str, Any]:
        """Note and mark, read again, withdraw, request, verify. Returns the keys of the result."""
        return self.request(self.prepared(plan))

    def prepared(self, plan: Plan) -> Plan:
        """Note and mark what is still to be, and plan again, until nothing of it is left. Returns the last plan."""
        while steps := [step for step in plan.preparation if not self._is_prepared(step)]:
            self.prepare(steps)
            plan = self.plan_again()
        return plan

    def _is_prepared(self, step: Step) -> bool:
        written = self._written.get(step.finding.id, Written(step.finding))
        return (written.noted or step.note is None) and (written.marked or not step.mark)

    def request(self, plan: Plan) -> dict[str, Any]:
        """Withdraw and request. After an attempt that was not processed, the history is read before the next one."""
        for attempt in self._client.attempts():
            if attempt.number:
                plan = self.prepared(self.plan_again())
            message = self.withdraw(plan)
            if not plan.request:
                return self.unrequested(plan, message)
            sent = None
            with attempt:
                try:
                    sent = self.send(plan)
                except Refused as refusal:
                    return self.after_refusal(refusal, plan)
            if sent is not None:
                return self.confirm(sent)
        raise AssertionError("the last attempt returns or raises")

    def prepare(self, steps: list[Step], looked: Mapping[str, Finding] | None = None) -> None:
        """Note and mark findings. Each is read directly before it is marked; a note alone can do without, where lists
        are known to show notes. ``looked`` has them where somebody has read them a moment ago."""
        if looked is not None:
            self._findings.update(looked)
            for step in steps:
                self._prepare(step, read=not self._lists_show_notes and not looked[step.finding.id].notes)
            return
        for step in steps:
            if step.mark:
                self._prepare(step)
        notes = [step for step in steps if not step.mark]
        for position, step in enumerate(notes):
            if not self._lists_show_notes and len(notes) - position > 1:
                self._client.learned[LISTS_SHOW_NOTES] = self._check_list(notes[position:])
            self._prepare(step, read=not self._lists_show_notes)

    def _check_list(self, steps: list[Step]) -> bool:
        """Whether a list shows a note that was just added. Then what it shows of other findings is believed too."""
        noted = [finding_id for finding_id, written in self._written.items() if written.noted][:1]
        if not noted or self._checked_list:
            return False
        self._checked_list = True
        found = find_vulnerabilities(self._client, self._project_id, noted + [step.finding.id for step in steps])
        self._findings.update({one: finding for one, finding in found.items() if one not in noted})
        return all(one in found and has_note(found[one], self._desired.note or "") for one in noted)

    def _prepare(self, step: Step, read: bool = True) -> None:
        """Note a finding and mark it ready, unless that was done or the finding was closed meanwhile."""
        marking = Marking((), READY if step.mark else None, step.note, self._desired.note_type)

        def done(written: Written) -> None:
            self._written[step.finding.id] = written

        planned = self._findings.get(step.finding.id, step.finding)
        if planned.status == CLOSED and step.finding.status != CLOSED:
            self._written[step.finding.id] = Written(planned, closed=True)
            return
        # A note says that a finding was fixed again. If it stood there and the mark failed, a rerun could not tell.
        status_first = may_be_sent_back(planned, self._rounds)
        written = write_finding(self._client, self._project_id, marking, planned, done, read, status_first)
        self._written[step.finding.id] = written
        self._findings[step.finding.id] = written.finding
        self._prepared.append(step._replace(note=step.note if written.noted else None, mark=written.marked))

    def plan_again(self, history: History | None = None) -> Plan:
        """Plan with the findings as they are now and a history that was read directly before the request."""
        rounds = (history or settled_history(self._client, self._project_id)).rounds
        finished = [one for one in self._desired.ids if holders_of(one, self._rounds) and not holders_of(one, rounds)]
        unknown = [one for one in undecided(self._desired, rounds) if one not in self._findings]
        found = find_vulnerabilities(self._client, self._project_id, dict.fromkeys([*finished, *unknown]))
        if self._desired.note is not None:
            found = with_notes(self._client, self._project_id, rounds, found)
        self._findings.update(found)
        self._rounds = rounds
        return plan_request(self._desired, rounds, self._findings, self._project_id)

    def withdraw(self, plan: Plan) -> str | None:
        """Cancel the rounds that the plan replaces. Returns the service's words."""
        message = None
        for one in plan.withdraw:
            message = finish_round(self._client, self._project_id, one.number, CANCELLED)[1]
            self._withdrawn.append(one)
        return message

    def send(self, plan: Plan) -> Sent:
        """Send the request, once. A lost answer is no failure yet: the history shows what became of it."""
        body = request_body(self._desired.window, [finding.id for finding in plan.request])
        before = [one._replace(status=CANCELLED) if one in self._withdrawn else one for one in self._rounds]
        try:
            words = self._client.words(self._client.request_retest(self._project_id, body))
        except FateUnknown as failure:
            return Sent(plan, before, body, None, failure)
        return Sent(plan, before, body, words, None)

    def confirm(self, sent: Sent, history: History | None = None) -> dict[str, Any]:
        """Find the round that the request made, and verify it. ``history`` is a first look that was made already."""
        holder, rounds = self._find_round(sent, history)
        self._requested = True
        warnings = [*sent.plan.warnings, *self._verify(holder, rounds)]
        if sent.error is not None:
            warnings.append(
                f"The answer to the request was lost, but the history shows its round, {holder.number}. "
                f"({sent.error.message})"
            )
        return self._result(sent.plan, self._withdrawn, holder, warnings, sent.words)

    # A refused request

    def after_refusal(self, refusal: Refused, plan: Plan) -> dict[str, Any]:
        """Look for what explains a refusal: findings that are not ready yet, or closed meanwhile, or a round that
        somebody else requested a moment before.

        Raises NotProcessed where another attempt makes sense, and otherwise the refusal.
        """
        if self._is_explained(plan):
            raise NotProcessed(
                refusal.message, method=refusal.method, http_status=refusal.http_status, detail=refusal.detail
            )
        try:
            again, _error = self._client.check_once(lambda client: self.plan_again())
        except StateError:
            again = None
        if again is None or again.request or again.withdraw:
            raise refusal
        warning = (
            "The request was refused, because these findings are in a round that was requested a moment before. "
            f"({refusal.message})"
        )
        return self._result(again, self._withdrawn, again.holder, [*again.warnings, warning])

    def _is_explained(self, plan: Plan) -> bool:
        """Whether findings that were marked ready are shown so only now, or somebody has closed some."""
        ids = [finding.id for finding in plan.request]

        def check(client: Client) -> dict[str, Finding] | None:
            found = find_vulnerabilities(client, self._project_id, ids)
            return found if all(one in found and found[one].status != OPEN for one in ids) else None

        found, trouble = self._client.check_once(check)
        late = found is None and trouble is None and any(written.marked for written in self._written.values())
        if late:
            found, trouble = self._client.poll(check)
        closed = {one: finding for one, finding in (found or {}).items() if finding.status == CLOSED}
        self._findings.update(closed)
        return bool(closed) or (late and found is not None)

    # Verify

    def _find_round(self, sent: Sent, history: History | None) -> tuple[Round, list[Round]]:
        """Find the round that the request made, with all that was requested. Returns (it, all rounds)."""
        ids = sent.body["vulnerability_ids"]
        latest: list[Round] = []

        def whole(now: History) -> Round | None:
            latest[:] = now.rounds
            made = _made(sent, latest)
            return None if made is None or self._left_out(made, latest, ids) else made

        holder, trouble = whole(history) if history else None, None
        if holder is None:
            holder, trouble = self._client.poll(lambda client: whole(read_history(client, self._project_id)))
        holder = holder or _made(sent, latest)
        if holder is None:
            raise self._fate_unknown(sent, trouble, latest)
        left_out = self._left_out(holder, latest, ids)
        if left_out:
            self._requested = True
            raise self._left_out_error(holder, left_out, sent)
        return holder, list(latest)

    def _left_out(self, holder: Round, rounds: list[Round], ids: list[str]) -> list[str]:
        if holder.status in FINISHED:
            return []  # whatever it held
        return [one for one in ids if one not in holder.ids and not holders_of(one, rounds)]

    def _left_out_error(self, holder: Round, left_out: list[str], sent: Sent) -> StateError:
        names = names_of(self._findings[one] for one in left_out)
        return StateError(
            f"AttackForge made round {holder.number}, but within {self._client.timeout:g} s it does not show these "
            f"findings in it: {names}. Look at the round in AttackForge. If it does not hold them, run the play again: "
            "it requests a round for them alone.",
            retest=round_result(self._project_id, holder),
            request=sent.body,
            message=sent.words,
        )

    def _verify(self, holder: Round, rounds: list[Round]) -> list[str]:
        """Check that the round is what was requested, and that nobody requested twice. Returns warnings."""
        if holder.status in FINISHED:
            return [f"Round {holder.number} was {holder.status} by somebody before it was seen here."]
        surplus, warnings = doubled(self._desired, rounds)
        for one in surplus:
            finish_round(self._client, self._project_id, one.number, CANCELLED)
            warnings.append(
                f"The same retest was requested twice at the same time: the duplicate round {one.number} was "
                f"cancelled, round {holder.number} stays."
            )
        return [*unknown_status(holder), *changed_window(self._desired, holder), *warnings]

    def _fate_unknown(self, sent: Sent, trouble: AttackForgeError | None, latest: list[Round]) -> FateUnknown:
        error = sent.error or FateUnknown(
            f"{_METHOD}: the service answered: {sent.words or 'nothing'}.",
            method=_METHOD,
            http_status=200,
            detail=sent.words,
        )
        numbers = {one.number for one in sent.before}
        new = [one for one in latest if one.number not in numbers]
        others = [one for one in new if one.open]
        finished = [one for one in new if one.status in FINISHED and one.ids & set(sent.body["vulnerability_ids"])]
        reason = f" (the last read failed: {trouble.message.rstrip('.')})" if trouble else ""
        seen = f"; only a new one that holds none of them ({numbers_of(others)})" if others else ""
        for one in finished:
            seen += f"; only round {one.number}, which is {one.status} already and may be somebody else's"
        return FateUnknown(
            f"{error.message} No round with these findings was seen in the project's history within "
            f"{self._client.timeout:g} s{reason}{seen}. So it is not known whether the retest was requested. It was "
            f"sent once. {_fate_advice(bool(others), says(sent.words, REQUESTED))}",
            method=error.method,
            http_status=error.http_status,
            detail=error.detail,
            fate="unknown",
            request=sent.body,
        )

    # Results

    def unrequested(self, plan: Plan, message: str | None = None) -> dict[str, Any]:
        """The result where nothing is to be requested."""
        return self._result(plan, self._withdrawn, plan.holder, plan.warnings, message)

    def _result(
        self,
        plan: Plan,
        withdrawn: list[Round],
        holder: Round | None,
        warnings: list[str] | tuple[str, ...],
        message: str | None = None,
    ) -> dict[str, Any]:
        new = plan.new_round(self._desired.window)
        result: dict[str, Any] = {
            "changed": bool(self._written_anything() or withdrawn or new),
            "retest": round_result(self._project_id, holder),
            "vulnerabilities": self._vulnerabilities(plan),
            "rounds": self._handle(plan, holder),
            "message": message,
            "diff": rounds_diff(self._project_id, self._before, withdrawn, new, self._in_order(self._prepared)),
            "warnings": [*self._warnings, *self._closed_meanwhile(), *warnings],
        }
        if new:
            result["request"] = request_body(self._desired.window, [finding.id for finding in plan.request])
        return result

    def _in_order(self, steps: list[Step]) -> list[Step]:
        """Steps as they were declared, whatever was written first: so the diff is that of the preview."""
        order = {finding_id: position for position, finding_id in enumerate(self._desired.ids)}
        return sorted(steps, key=lambda step: order[step.finding.id])

    def _written_anything(self) -> bool:
        return any(written.noted or written.marked for written in self._written.values())

    def _closed_meanwhile(self) -> list[str]:
        closed = [w.finding for w in self._written.values() if w.closed]
        return [f"Closed by somebody while this task ran, so left alone: {names_of(closed)}."] if closed else []

    def _vulnerabilities(self, plan: Plan) -> list[dict[str, Any]]:
        """What became of each finding, in the order in which they were declared."""
        nothing = Written(Finding(""))
        return [
            {
                "id": step.finding.id,
                "alternate_id": step.finding.alternate_id,
                "outcome": step.outcome,
                "marked": self._written.get(step.finding.id, nothing).marked,
                "noted": self._written.get(step.finding.id, nothing).noted,
            }
            for step in plan.steps
        ]

    def _handle(self, plan: Plan, holder: Round | None) -> list[dict[str, Any]]:
        """What a gate follows: the rounds that hold findings, and those from which testers sent some back.

        Each with those of them that were asked for.
        """
        reopened = [step.finding.id for step in plan.steps if step.outcome == REOPENED]
        requested = [finding.id for finding in plan.request]
        youngest = {one: youngest_with(one, self._rounds) for one in reopened}
        rounds = [(one, [i for i in reopened if youngest[i] is one]) for one in self._rounds]
        rounds += [(one, [i for i in self._desired.ids if i in one.ids]) for one in plan.kept if one is not holder]
        if holder is not None:
            rounds.append((holder, [i for i in self._desired.ids if i in holder.ids or i in requested]))
        return [handle_of(self._project_id, one, ids) for one, ids in rounds if ids]

    def add_progress(self, error: AttackForgeError, plan: Plan) -> None:
        """Add to an error what was done before it, and what to do about the rest."""
        done = self._done()
        if not done:
            return
        error.facts["changed"] = True
        error.facts.setdefault("vulnerabilities", self._vulnerabilities(plan))
        if "retest" in error.facts:
            return  # the message says what was requested
        error.message = f"{error.message} Done before: {'; '.join(done)}."
        if error.facts.get("fate") != "unknown":  # which says itself what to do
            error.message += f" {rerun_advice(error)}"

    def _done(self) -> list[str]:
        noted = names_of(w.finding for w in self._written.values() if w.noted)
        marked = names_of(w.finding for w in self._written.values() if w.marked)
        parts = [f"noted {noted}"] if noted else []
        parts += [f"marked ready {marked}"] if marked else []
        parts += [f"cancelled round {one.number} to replace it" for one in self._withdrawn]
        return parts + (["requested a round"] if self._requested else [])


def handle_of(project_id: str, one: Round, ids: list[str]) -> dict[str, Any]:
    """A round as a gate takes it: ``ids`` are the findings that were asked for."""
    return {"project_id": project_id, "round": one.number, "status": one.status, "vulnerability_ids": ids}


def _made(sent: Sent, rounds: list[Round]) -> Round | None:
    """The round that a request made. If its answer was lost, one that is finished may as well be somebody else's."""
    made = new_holder(sent.before, rounds, sent.body["vulnerability_ids"])
    return None if made is not None and made.status in FINISHED and sent.error is not None else made


def _fate_advice(others: bool, said: bool) -> str:
    if others:
        return "Look at that round in AttackForge before you run the play again, which would request once more."
    if said:
        return (
            "The service itself says that it was, so look in AttackForge before you run the play again: as long as the "
            "history does not show the round, that would request once more."
        )
    return "Running the play again is safe: it reads the history before it requests."
