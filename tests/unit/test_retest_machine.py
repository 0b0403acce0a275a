# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of the service, of people who act at any moment, of a network that fails, and runs of attackforge_retest."""

from __future__ import annotations

import contextlib
import copy

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ansible_collections.attackforge.retest.plugins.module_utils._errors import AttackForgeError, FateUnknown
from ansible_collections.attackforge.retest.plugins.module_utils.operations._retest import run
from ansible_collections.attackforge.retest.tests.unit.service import FakeService, clock_of, options

IDS = tuple(f"{letter}" * 24 for letter in "abcd")
WINDOWS = (
    ("2026-12-01", "2026-12-08"),
    ("2026-12-10", "2026-12-20"),
    ("2026-12-01T01:00:00+01:00", "+1w"),
    ("now", "+3d"),
)
STEP = dict(on_window_change="keep", on_duplicate="warn", on_reopened="report", mark_ready=True)
NOTES = ("Fixed in release 1.", "Fixed in release 2.")

some_ids = st.lists(st.sampled_from(IDS), unique=True, min_size=1)
tasks = st.fixed_dictionaries(
    dict(
        ids=some_ids,
        window=st.sampled_from(WINDOWS),
        on_window_change=st.sampled_from(["keep", "replace", "fail"]),
        on_duplicate=st.sampled_from(["warn", "cancel"]),
        on_reopened=st.sampled_from(["report", "report", "request", "fail"]),
        mark_ready=st.booleans(),
        note=st.sampled_from([None, *NOTES]),
    )
)
write_faults = st.lists(
    st.sampled_from([None, None, "lost before", "lost after", "late", "not processed", "refused", "says no", "drop"]),
    max_size=3,
)
# A note that is answered and dropped is not looked for: that would cost a read of each finding.
note_faults = write_faults.map(lambda planned: [None if fault == "drop" else fault for fault in planned])
read_faults = st.lists(st.sampled_from([None, None, "lost before", "not processed", "refused"]), max_size=6)
faults = st.fixed_dictionaries(
    dict(
        request=write_faults,
        cancel=write_faults,
        complete=write_faults,
        note=note_faults,
        status=write_faults,
        history=read_faults,
        list=read_faults,
        one=read_faults,
    )
)
# What other people do between two calls: to a finding, or to an open round that holds it.
acts = st.lists(
    st.none()
    | st.tuples(
        st.sampled_from(["close", "reopen", "mark ready", "take out", "complete", "cancel", "request"]),
        st.sampled_from(IDS),
    ),
    max_size=12,
)


class Model(FakeService):
    """The fake service, and a memory of who made which round and what became of each request."""

    def __init__(self):
        super().__init__(retries=1)
        self.ours = set()
        self.outcomes = []  # of requests
        self.doubled = []
        self.opened = []  # findings that we set to another status although we could know that a tester had closed them
        self.unseen = []  # findings that we set to another status without a look directly before
        self.marked = []
        self.closed_at = {}  # finding: number of calls when a person closed it
        self.touched = set()  # by other people, in this play
        self.requested_by_others = False

    def add_round(self, ids, *more, person=False, **window):
        held = [one for one in ids if self.open_rounds(one)]
        number = super().add_round(ids, *more, **window)
        if not person:
            self.ours.add(number)
            if held and not self.requested_by_others:
                self.doubled.append((number, held))
        return number

    def act(self, kind, finding_id):
        """Another person acts."""
        self.touched.add(finding_id)
        rounds = self.open_rounds(finding_id)
        if kind == "close":
            self.close(finding_id)
        elif kind in ("reopen", "mark ready"):
            self.findings[finding_id] = "open" if kind == "reopen" else "retest"
        elif kind == "request":
            self.person_requests([finding_id])
        elif rounds and kind == "take out":
            self.take_out(rounds[0], finding_id)
        elif rounds:
            self.touched.update(self.rounds[rounds[0] - 1]["ids"])
            self.finish(rounds[0], "Completed" if kind == "complete" else "Cancelled")

    def close(self, finding_id):
        self.findings[finding_id] = "closed"
        self.closed_at[finding_id] = len(self.calls)

    def person_requests(self, ids):
        ready = [one for one in ids if self.findings.get(one) == "retest"]
        if ready:
            self.requested_by_others = True
            self.touched.update(ready)
            number = self.add_round(ready, person=True)
            if self.new_rows in ("null", "empty"):  # of what is hidden, or shown in part, nobody can know
                self.rounds[number - 1]["since"] = self.clock.now

    def request_retest(self, project_id, body):
        try:
            answer = super().request_retest(project_id, body)
        except AttackForgeError as error:
            self.outcomes.append(type(error).__name__)
            raise
        self.outcomes.append("answered")
        return answer

    def set_status(self, finding_id, status):
        """A write of ours arrives."""
        self.marked.append(finding_id)
        looks = [
            place
            for place, (call, subject) in enumerate(zip(self.calls, self.subjects))
            if call == "list" or (call, subject) == ("one", finding_id)
        ]
        sent = max(p for p, call in enumerate(self.calls) if (call, self.subjects[p]) == ("status", finding_id))
        between = [(self.calls[place], self.subjects[place]) for place in range(max(looks) + 1, sent)]
        if between not in ([], [("note", finding_id)]):
            self.unseen.append((finding_id, between))
        if self.findings[finding_id] == "closed" and self.closed_at.get(finding_id, 0) <= max(looks):
            self.opened.append(finding_id)
        super().set_status(finding_id, status)

    def sent_back(self):
        """The findings that are open, and whose youngest round is completed."""
        found = {}
        for one in self.rounds:
            found.update(dict.fromkeys(one["ids"], one["status"]))
        return {one for one, status in found.items() if status == "Completed" and self.findings.get(one) == "open"}

    def state(self):
        return copy.deepcopy((self.rounds, self.findings, self.notes))


class Machine(RuleBasedStateMachine):
    """People, faults and runs, in any order."""

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.releases = 0
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(clock_of(self.model))

    def teardown(self):
        self.stack.close()

    @initialize(
        statuses=st.tuples(*[st.sampled_from(["retest", "open", "open", "closed", None]) for _unused in IDS]),
        refuse=st.booleans(),
        clears=st.booleans(),
        rows=st.sampled_from(["whole", "hidden", "null", "empty", "part"]),
        notes=st.sampled_from(["shown", "empty", "missing"]),
    )
    def begin(self, statuses, refuse, clears, rows, notes):
        model = self.model
        for one, status in zip(IDS, statuses):
            if status:
                model.add_finding(one, status)
        model.refuse_doubles, model.clears_ready, model.new_rows, model.notes_in_list = refuse, clears, rows, notes

    # People

    @rule(data=st.data(), status=st.sampled_from(["open", "retest", "retest", "closed"]))
    def a_finding_gets_a_status(self, data, status):
        if self.model.findings:
            self.model.findings[data.draw(st.sampled_from(sorted(self.model.findings)))] = status

    @precondition(lambda self: self.model.open_rounds())
    @rule(data=st.data(), status=st.sampled_from(["Completed", "Completed", "Cancelled"]))
    def a_round_is_finished(self, data, status):
        self.model.finish(data.draw(st.sampled_from(self.model.open_rounds())), status)

    @precondition(lambda self: self.model.open_rounds())
    @rule(data=st.data())
    def a_round_is_tested(self, data):
        number = data.draw(st.sampled_from(self.model.open_rounds()))
        for one in self.model.rounds[number - 1]["ids"]:
            if one in self.model.findings:
                self.model.findings[one] = data.draw(st.sampled_from(["open", "closed"]))
        self.model.finish(number, "Completed")

    @rule(ids=some_ids)
    def somebody_requests_a_round(self, ids):
        self.model.person_requests(ids)

    # Runs

    def play(self, task, check_mode=False, faults=None, acts=()):
        """Run the operation. Returns its result, or the error that it may raise; any other one is a defect."""
        model = self.model
        model.requested_by_others = False
        model.touched = set()
        model.closed_at = {}
        model.faults = copy.deepcopy(faults or {})
        model.meanwhile = [
            (lambda act=act: model.act(*act)) if act and act[1] in model.findings else None for act in acts
        ]
        del model.outcomes[:], model.marked[:]
        model.forget_calls()
        try:
            return run(task, model, check_mode)
        except AttackForgeError as error:
            assert error.message
            return error
        finally:
            model.faults, model.meanwhile = {}, []
            model.clock.sleep(10)  # what is on its way arrives

    @staticmethod
    def options_of(task):
        more = {name: task[name] for name in ("on_window_change", "on_duplicate", "on_reopened", "mark_ready")}
        if task["note"]:
            more["remediation_note"] = task["note"]
        start, end = task["window"]
        return options(*task["ids"], retesting_window_start=start, retesting_window_end=end, **more)

    def holds(self, task, result, ids=None):
        """Each finding is in an open round, or closed, or told as sent back."""
        told = {one["id"]: one["outcome"] for one in result["vulnerabilities"]}
        for one in task["ids"] if ids is None else ids:
            if told[one] == "reopened":
                assert one in self.model.sent_back() and task["on_reopened"] == "report"
                assert any("Sent back" in text and one in text for text in result["warnings"])
            else:
                assert self.model.open_rounds(one) or self.model.findings[one] == "closed", one

    @rule(task=tasks, faults=faults, acts=acts)
    def a_play_runs(self, task, faults, acts):
        self.a_play_runs_with(task, faults, acts)

    def a_play_runs_with(self, task, faults, acts):
        model, parsed = self.model, self.options_of(task)
        back, notes = model.sent_back(), copy.deepcopy(model.notes)
        told = self.play(parsed, check_mode=True)
        before = model.state()
        result = self.play(parsed, faults=faults, acts=acts)
        touched = set(model.touched)
        # A request is sent again only where it surely was not processed.
        assert all(outcome in ("NotProcessed", "Refused") for outcome in model.outcomes[:-1]), model.outcomes
        assert len(model.outcomes) <= 2
        if task["on_reopened"] != "request" and not model.requested_by_others:
            for one in back:
                if task["note"] is None or task["note"] in notes[one]:
                    assert one not in model.marked
        if isinstance(result, AttackForgeError):
            acted = not touched and model.state() != before
            assert not acted or result.facts.get("changed") or result.facts.get("fate") == "unknown"
            self.is_done_by_a_rerun(task, parsed, told, result, touched)
            return
        self.holds(task, result, [one for one in task["ids"] if one not in touched])
        if not touched:
            assert result["changed"] is (model.state() != before)
            assert [one["id"] for one in result["vulnerabilities"]] == task["ids"]
            if result["retest"]["round"] is not None:
                assert result["retest"]["round"] in model.open_rounds()

    @precondition(lambda self: self.model.findings)
    @rule(
        note=st.sampled_from([None, *NOTES]),
        acts=st.lists(st.none() | st.tuples(st.sampled_from(["close", "complete", "reopen"]), st.sampled_from(IDS))),
        fault=st.sampled_from([None, "not processed", "lost before"]),
    )
    def testers_act_while_a_release_step_runs(self, note, acts, fault):
        task = dict(ids=sorted(self.model.findings), note=note, window=WINDOWS[0], **STEP)
        for one, status in self.model.findings.items():
            self.model.findings[one] = "open" if status == "retest" else status
        self.a_play_runs_with(task, {"status": [fault]}, acts)

    @precondition(lambda self: self.model.sent_back())
    @rule(call=st.sampled_from(["note", "status", "request"]), fault=st.sampled_from([None, "refused", "lost before"]))
    def what_was_sent_back_is_fixed_again(self, call, fault):
        """A new release, which stops half-way and is run again."""
        self.releases += 1
        note = f"Fixed again in release {self.releases}."
        task = dict(ids=sorted(self.model.sent_back()), note=note, window=WINDOWS[0], **STEP)
        self.a_play_runs_with(task, {call: [fault] * 2}, [])

    def is_done_by_a_rerun(self, task, parsed, told, failure, touched):
        """What a failure left undone is done by the same play, without any other help."""
        again = self.play(parsed)
        if isinstance(again, AttackForgeError):
            assert touched or isinstance(told, AttackForgeError) or isinstance(failure, FateUnknown) or failure.facts
            return
        self.holds(task, again)
        if touched or isinstance(told, AttackForgeError):
            return
        for one in told["vulnerabilities"]:
            if one["outcome"] == "requested":
                assert self.model.open_rounds(one["id"]), (failure.message, again["warnings"])

    @rule(task=tasks)
    def a_play_runs_twice(self, task):
        parsed = self.options_of(task)
        if isinstance(self.play(parsed), AttackForgeError):
            return
        before = self.model.state()
        again = self.play(parsed)
        assert not isinstance(again, AttackForgeError) and again["changed"] is False
        assert self.model.writes == [] and self.model.state() == before

    @rule(task=tasks, faults=faults, acts=acts)
    def a_check_runs(self, task, faults, acts):
        self.play(self.options_of(task), check_mode=True, faults=faults, acts=acts)
        assert self.model.writes == []

    @rule(task=tasks)
    def a_check_says_what_the_run_then_does(self, task):
        parsed = self.options_of(task)
        told = self.play(parsed, check_mode=True)
        assert self.model.writes == []
        done = self.play(parsed)
        if isinstance(told, AttackForgeError):
            assert type(done) is type(told) and done.message == told.message and self.model.writes == []
            return
        if isinstance(done, AttackForgeError):
            return  # the service refuses what only it knows
        assert told.keys() == done.keys()
        for key in ("changed", "vulnerabilities", "request", "diff"):
            assert told.get(key) == done.get(key), key
        assert [one["vulnerability_ids"] for one in told["rounds"]] == [o["vulnerability_ids"] for o in done["rounds"]]

    @rule(
        state=st.sampled_from(["cancelled", "completed"]),
        ids=st.just([]) | some_ids,
        faults=faults,
        check=st.booleans(),
        acts=acts,
    )
    def a_round_is_finished_by_a_play(self, state, ids, faults, check, acts):
        rounds = copy.deepcopy(self.model.rounds)
        result = self.play(options(*ids, state=state), check_mode=check, faults=faults, acts=acts)
        if self.model.touched:
            return
        changed = [one["number"] for one, old in zip(self.model.rounds, rounds) if one != old]
        assert len(changed) <= (0 if check else 1)
        if not isinstance(result, AttackForgeError) and not check:
            assert bool(changed) is result["changed"]
        if changed:
            assert not ids or set(rounds[changed[0] - 1]["ids"]) <= set(ids)

    # What always holds

    @invariant()
    def no_request_of_ours_doubles_an_open_round(self):
        assert self.model.doubled == []

    @invariant()
    def no_finding_is_in_two_open_rounds_of_ours(self):
        for one in IDS:
            assert len([number for number in self.model.open_rounds(one) if number in self.model.ours]) <= 1

    @invariant()
    def no_note_is_added_twice(self):
        for notes in self.model.notes.values():
            assert len(set(notes)) == len(notes)

    @invariant()
    def no_finding_is_opened_that_a_tester_closed(self):
        assert self.model.opened == [] and self.model.unseen == []


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=300, stateful_step_count=30, suppress_health_check=list(HealthCheck))
