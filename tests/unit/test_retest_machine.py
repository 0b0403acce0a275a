# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of the service, people who work on it, a network that fails, and runs of attackforge_retest in between."""

from __future__ import annotations

import contextlib
import copy

from ansible_collections.attackforge.retest.plugins.module_utils.errors import AttackForgeError, FateUnknown
from ansible_collections.attackforge.retest.plugins.module_utils.operations.retest import run
from ansible_collections.attackforge.retest.tests.unit.service import FakeService, clock_of, options
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

IDS = tuple(f"{letter}" * 24 for letter in "abcd")
WINDOWS = (
    ("2026-12-01", "2026-12-08"),
    ("2026-12-10", "2026-12-20"),
    ("2026-12-01T01:00:00+01:00", "+1w"),
    ("now", "+3d"),
)

some_ids = st.lists(st.sampled_from(IDS), unique=True, min_size=1)
wishes = st.fixed_dictionaries(
    dict(
        ids=some_ids,
        window=st.sampled_from(WINDOWS),
        change=st.sampled_from(["keep", "replace", "fail"]),
        double=st.sampled_from(["warn", "cancel"]),
    )
)
write_faults = st.lists(
    st.sampled_from(
        [None, None, "lost before", "lost after", "late", "not processed", "refused", "says no", "drop", "person"]
    ),
    max_size=3,
)
read_faults = st.lists(st.sampled_from([None, None, "lost before", "not processed", "refused"]), max_size=6)
faults = st.fixed_dictionaries(dict(request=write_faults, cancel=write_faults, complete=write_faults, read=read_faults))
NONE = dict(request=[], cancel=[], complete=[], read=[])


class Model(FakeService):
    """The fake service, and a memory of who made which round and what became of each request."""

    def __init__(self):
        super().__init__(retries=1)
        self.ours = set()
        self.outcomes = []
        self.doubled = []
        self.disturbed = False

    def add_round(self, ids, *more, person=False, **window):
        held = [one for one in ids if self.open_rounds(one)]
        number = super().add_round(ids, *more, **window)
        if not person:
            self.ours.add(number)
            if held and not self.disturbed:
                self.doubled.append((number, held))
        return number

    def person_requests(self, ids):
        ready = [one for one in ids if self.findings[one] == "retest"]
        if ready:
            self.add_round(ready, person=True)

    def request_retest(self, project_id, body):
        try:
            answer = super().request_retest(project_id, body)
        except AttackForgeError as error:
            self.outcomes.append(type(error).__name__)
            raise
        self.outcomes.append("answered")
        return answer


class Machine(RuleBasedStateMachine):
    """People, faults and runs, in any order."""

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.stack = contextlib.ExitStack()
        self.stack.enter_context(clock_of(self.model))

    def teardown(self):
        self.stack.close()

    @initialize(
        statuses=st.tuples(*[st.sampled_from(["retest", "retest", "open", "closed"]) for _unused in IDS]),
        refuse=st.booleans(),
    )
    def begin(self, statuses, refuse):
        self.model.findings.update(zip(IDS, statuses))
        self.model.refuse_doubles = refuse

    # People

    @rule(finding_id=st.sampled_from(IDS), status=st.sampled_from(["open", "retest", "retest", "closed"]))
    def a_finding_is_judged(self, finding_id, status):
        self.model.findings[finding_id] = status

    @precondition(lambda self: self.model.open_rounds())
    @rule(data=st.data(), status=st.sampled_from(["Completed", "Cancelled"]))
    def a_round_is_finished(self, data, status):
        self.model.finish(data.draw(st.sampled_from(self.model.open_rounds())), status)

    @rule(ids=some_ids)
    def somebody_requests_a_round(self, ids):
        self.model.person_requests(ids)

    # Runs

    def play(self, wish, check_mode=False, faults=None, person=(), **more):
        """Run the operation. Returns its result, or the error that it may raise; any other one is a defect."""
        model = self.model
        model.disturbed = False

        def meanwhile(then):
            def act():
                model.disturbed = True
                model.person_requests(person)
                return then

            return act

        model.faults = {
            call: [
                meanwhile("not processed" if call == "cancel" else None) if fault == "person" else fault
                for fault in planned
            ]
            for call, planned in (faults or NONE).items()
        }
        del model.calls[:], model.outcomes[:]
        try:
            return run(wish, model, check_mode)
        except AttackForgeError as error:
            assert error.message
            return error
        finally:
            model.faults = {}
            model.clock.sleep(10)  # what is on its way arrives

    @staticmethod
    def wished(wish):
        start, end = wish["window"]
        return options(
            *wish["ids"],
            on_window_change=wish["change"],
            on_duplicate=wish["double"],
            retesting_window_start=start,
            retesting_window_end=end,
        )

    def holds(self, wish):
        for one in wish["ids"]:
            assert self.model.open_rounds(one) or self.model.findings[one] == "closed", one

    @rule(wish=wishes, faults=faults, person=some_ids)
    def a_play_runs(self, wish, faults, person):
        model, wanted = self.model, self.wished(wish)
        before = copy.deepcopy(model.rounds)
        result = self.play(wanted, faults=faults, person=person)
        # A request is sent again only where it surely was not processed.
        assert all(outcome in ("NotProcessed", "Refused") for outcome in model.outcomes[:-1]), model.outcomes
        assert len(model.outcomes) <= 2
        acted = any(number in model.ours for number in range(len(before) + 1, len(model.rounds) + 1)) or any(
            one["status"] != old["status"] for one, old in zip(model.rounds, before)
        )
        if isinstance(result, AttackForgeError):
            assert not acted or result.facts.get("changed") or result.facts.get("fate") == "unknown"
            if isinstance(result, FateUnknown) and result.facts.get("fate") == "unknown":
                again = self.play(wanted)
                if not isinstance(again, AttackForgeError):
                    self.holds(wish)
            return
        self.holds(wish)
        assert result["changed"] is acted
        ids = result["vulnerabilities"]
        assert sorted(ids["requested"] + ids["in_scope"] + ids["closed"]) == sorted(wish["ids"])
        if result["retest"]["round"] is not None:
            assert result["retest"]["round"] in model.open_rounds()

    @rule(wish=wishes)
    def a_play_runs_twice(self, wish):
        wanted = self.wished(wish)
        if isinstance(self.play(wanted), AttackForgeError):
            return
        rounds = copy.deepcopy(self.model.rounds)
        again = self.play(wanted)
        assert not isinstance(again, AttackForgeError) and again["changed"] is False
        assert self.model.writes == [] and self.model.rounds == rounds

    @rule(wish=wishes, faults=faults)
    def a_check_runs(self, wish, faults):
        rounds, findings = copy.deepcopy(self.model.rounds), dict(self.model.findings)
        self.play(self.wished(wish), check_mode=True, faults=faults)
        assert (self.model.rounds, self.model.findings, self.model.writes) == (rounds, findings, [])

    @rule(wish=wishes)
    def a_check_tells_what_the_run_then_does(self, wish):
        wanted = self.wished(wish)
        told, done = self.play(wanted, check_mode=True), self.play(wanted)
        if isinstance(told, AttackForgeError):
            assert type(done) is type(told) and done.message == told.message and self.model.writes == []
            return
        if isinstance(done, AttackForgeError):
            return  # the service refuses what only it knows
        assert told.keys() == done.keys()
        for key in ("changed", "vulnerabilities", "request", "diff"):
            assert told.get(key) == done.get(key), key

    @rule(
        state=st.sampled_from(["cancelled", "completed"]),
        ids=st.just([]) | some_ids,
        faults=faults,
        check=st.booleans(),
    )
    def a_round_is_finished_by_a_play(self, state, ids, faults, check):
        rounds = copy.deepcopy(self.model.rounds)
        result = self.play(options(*ids, state=state), check_mode=check, faults=faults)
        changed = [one["number"] for one, old in zip(self.model.rounds, rounds) if one != old]
        assert len(changed) <= (0 if check else 1)
        if not isinstance(result, AttackForgeError) and not check:
            assert bool(changed) is result["changed"] or self.model.disturbed
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


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=400, stateful_step_count=30, suppress_health_check=list(HealthCheck))
