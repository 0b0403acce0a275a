# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source over the Events API, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import logging
import random

import pytest
from attackforge_retest_eda import arguments, client, stream
from attackforge_retest_eda._errors import AttackForgeError, Refused

from tests.eda.conftest import HEARTBEAT, PLUGINS, Source, act, log_of
from tests.sandbox.control import Sandbox

TWO = ("WEBAPP-1", "WEBAPP-2")


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Shorter pauses than in earnest."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.1)


def source(sandbox, **more):
    return Source("events", **{"base_url": sandbox.url, "api_key": sandbox.key, **more})


async def connected(sandbox, events, count=1):
    """Wait until so many connections were opened, and the last one has subscribed."""
    await events.until(lambda: sum(row["status"] == 101 for row in log_of(sandbox)) >= count)
    await asyncio.sleep(0.15)


async def one_round(sandbox, end="complete_round", ids=TWO):
    await act(sandbox, "request_round", ids=list(ids), start="now", end="+2d")
    await act(sandbox, end)


def test_the_life_of_rounds_is_told_in_order(sandbox):
    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await one_round(sandbox, "cancel_round")
            await events.has(4)
        assert events.names() == [("requested", 2), ("completed", 2), ("requested", 3), ("cancelled", 3)]
        retest = events.events[3]["retest"]
        assert (retest["status"], retest["project_id"]) == ("cancelled", sandbox.project_id)
        assert [one["alternate_id"] for one in retest["vulnerabilities"]] == list(TWO)

    asyncio.run(play())


def test_other_events_can_be_asked_for(sandbox):
    async def play():
        names = ["vulnerability-updated", "vulnerability-remediation-note-created"]
        async with source(sandbox, events=names) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await act(sandbox, "close", id="WEBAPP-1")
            await act(sandbox, "add_note", id="WEBAPP-1", note="done")
            await events.has(3)
        # Closing leaves a note with the reason.
        assert [event["name"] for event in events.events] == [*names, names[1]]
        assert "retest" not in events.events[0]

    asyncio.run(play())


def test_events_of_other_projects_are_left_out(sandbox):
    async def play(projects, count):
        async with source(sandbox, projects=projects) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await events.has(count)

    asyncio.run(play(["0" * 24], 0))
    sandbox.reset()
    asyncio.run(play([sandbox.project_id], 2))


def test_heartbeats_are_answered(sandbox):
    """The sandbox cuts whoever leaves two heartbeats unanswered."""

    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)
            await asyncio.sleep(HEARTBEAT / 1000 * 6)
            await one_round(sandbox)
            await events.has(2)
        assert len(log_of(sandbox)) == 1

    asyncio.run(play())


def test_heartbeats_are_answered_while_the_rules_are_busy(sandbox):
    async def play():
        queue = asyncio.Queue(1)
        settings = stream_settings(sandbox)
        task = asyncio.ensure_future(stream.run(queue, settings))
        while not log_of(sandbox):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await one_round(sandbox)
        await one_round(sandbox)
        await asyncio.sleep(HEARTBEAT / 1000 * 6)
        assert len(log_of(sandbox)) == 1
        numbers = [(await asyncio.wait_for(queue.get(), 5))["retest"]["round"] for _count in range(4)]
        assert numbers == [2, 2, 3, 3]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


def stream_settings(sandbox, **more):
    args = {"base_url": sandbox.url, "api_key": sandbox.key, **more}
    return arguments.read(arguments.EventsSettings, PLUGINS / "event_source/schemas/events.json", args, {})


@pytest.mark.parametrize("replay", ["inclusive", "exclusive"])
@pytest.mark.parametrize("stamps", ["unique", "as_done", "equal"])
def test_a_cut_loses_nothing_and_repeats_nothing(sandbox, replay, stamps):
    """What happens while the connection is cut comes by replay, whatever the service does with equal timestamps."""
    sandbox.switch(event_replay=replay, event_timestamps=stamps)
    sandbox.fault("cut", after=1)
    sandbox.fault("reset", "Events", times=3)

    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await one_round(sandbox, "cancel_round")
            await events.has(4)
        assert events.names() == [("requested", 2), ("completed", 2), ("requested", 3), ("cancelled", 3)]
        assert len(log_of(sandbox)) == 5

    asyncio.run(play())


def test_silence_is_noticed(sandbox):
    sandbox.fault("silence", after=0)

    async def play():
        async with source(sandbox, heartbeat_timeout=0.6) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await events.has(2)
        assert len(log_of(sandbox)) == 2

    asyncio.run(play())


def test_subscribing_that_is_not_answered_is_tried_again(sandbox, monkeypatch):
    monkeypatch.setattr(stream, "SUBSCRIBE_TIMEOUT", 0.5)
    sandbox.fault("subscribe_unanswered")

    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events, 2)
            await one_round(sandbox)
            await events.has(2)

    asyncio.run(play())


@pytest.mark.parametrize(
    "fault", [("status", {"code": 503}), ("status", {"code": 429}), ("close", {}), ("hang", {"seconds": 0.2})]
)
def test_trouble_at_the_start_is_waited_out(sandbox, fault):
    sandbox.fault(fault[0], "Events", **fault[1])

    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await events.has(2)

    asyncio.run(play())


REFUSALS = [
    ("status", {"code": 401}, "is not granted"),
    ("status", {"code": 403}, "is not granted"),
    ("status", {"code": 404}, "attackforge.retest.rounds works without it"),
    ("redirect", {"url": "https://elsewhere.example.com/"}, "the key must not be sent elsewhere"),
    ("redirect", {"url": "/login", "code": 307}, "the key must not be sent elsewhere"),
    ("subscribe_error", {"message": "No."}, "does not subscribe this key .*: No"),
]


def strike(sandbox, kind, parameters):
    sandbox.fault(kind, *([] if kind == "subscribe_error" else ["Events"]), **parameters)


@pytest.mark.parametrize("kind, parameters, words", REFUSALS)
def test_a_refusal_at_the_start_is_the_end(sandbox, kind, parameters, words):
    strike(sandbox, kind, parameters)

    async def play():
        async with source(sandbox) as events:
            error = await events.ends()
        assert isinstance(error, Refused)
        with pytest.raises(Refused, match=words):
            raise error
        assert sandbox.key not in str(error)

    asyncio.run(play())
    assert len(log_of(sandbox)) == 1


@pytest.mark.parametrize("kind, parameters, words", REFUSALS)
def test_a_refusal_later_is_waited_out(sandbox, kind, parameters, words, caplog):
    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)
            strike(sandbox, kind, parameters)
            await asyncio.to_thread(sandbox.fault, "refuse", seconds=0.3)
            await one_round(sandbox)
            await events.has(2)

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert sandbox.key not in caplog.text


@pytest.mark.parametrize(
    "grants, words", [("error", "access to project-retest-completed"), ("left_out", "left them out")]
)
def test_an_event_that_is_not_granted_is_named(sandbox, grants, words):
    sandbox.switch(event_grants=grants, event_withheld="project-retest-completed")

    async def play():
        async with source(sandbox) as events:
            error = await events.ends()
        assert "project-retest-completed" in str(error) and words in str(error)
        async with source(sandbox, events=["project-retest-requested"]) as events:
            await connected(sandbox, events, 2)
            await one_round(sandbox)
            await events.has(1)

    asyncio.run(play())


def test_a_key_without_any_grant_is_the_end(sandbox):
    async def play():
        async with source(sandbox, api_key=sandbox.keys["reader"]) as events:
            return await events.ends()

    error = asyncio.run(play())
    assert isinstance(error, Refused) and "grants access event by event" in str(error)


def test_a_key_may_be_granted_one_event_alone(sandbox):
    key = {"label": "completed", "key": "completed-key-1", "grants": ["project-retest-completed"]}
    projects = [{"name": "x", "code": "X", "findings": [{"title": "x", "status": "retest"}]}]
    sandbox.reset(seed={"keys": [key], "projects": projects})

    async def play():
        async with source(sandbox) as events:
            error = await events.ends()
        assert isinstance(error, Refused) and "project-retest-requested, project-retest-cancelled" in str(error)
        async with source(sandbox, events=["project-retest-completed"]) as events:
            await connected(sandbox, events, 2)
            await one_round(sandbox, ids=["X-1"])
            await events.has(1)
        assert events.names() == [("completed", 1)]

    asyncio.run(play())
    sandbox.reset()


def test_a_wrong_key_is_the_end_and_is_not_told(sandbox):
    async def play():
        async with source(sandbox, api_key="a-wrong-key-of-a-test") as events:
            error = await events.ends()
        assert isinstance(error, Refused) and "a-wrong-key" not in str(error)

    asyncio.run(play())


def test_the_key_is_sent_in_its_header_alone(sandbox):
    async def play():
        async with source(sandbox) as events:
            await connected(sandbox, events)

    asyncio.run(play())
    assert [(row["key_header"], row["key_elsewhere"]) for row in log_of(sandbox)] == [(True, [])]


# A restart


def test_a_restart_goes_on_where_it_was(sandbox, tmp_path):
    state = str(tmp_path / "state.json")

    async def play(count, first=False):
        async with source(sandbox, state_file=state) as events:
            if first:
                await connected(sandbox, events)
                await one_round(sandbox)
            await events.has(count)
            # What has been handed over has been kept as well.
            await asyncio.sleep(0.1)
        return events.names()

    assert asyncio.run(play(2, True)) == [("requested", 2), ("completed", 2)]
    asyncio.run(one_round(sandbox, "cancel_round"))
    assert asyncio.run(play(2)) == [("requested", 3), ("cancelled", 3)]
    assert asyncio.run(play(0)) == []
    assert sandbox.key not in (tmp_path / "state.json").read_text(encoding="utf-8")


def test_what_happens_before_the_first_event_is_not_lost_by_a_restart(sandbox, tmp_path):
    state = str(tmp_path / "state.json")

    async def play(count):
        async with source(sandbox, state_file=state) as events:
            await connected(sandbox, events)
            await events.has(count)

    asyncio.run(play(0))
    asyncio.run(one_round(sandbox))
    asyncio.run(play(2))


def test_an_event_that_the_rules_did_not_take_is_told_again(sandbox, tmp_path):
    """The queue has one place: what stands in it when everything ends has not reached the rules."""
    settings = stream_settings(sandbox, state_file=str(tmp_path / "state.json"))

    async def play():
        queue = asyncio.Queue(1)
        task = asyncio.ensure_future(stream.run(queue, settings))
        while not log_of(sandbox):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await one_round(sandbox)
        await asyncio.sleep(0.3)
        assert queue.full()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with source(sandbox, state_file=settings.state_file) as events:
            await events.has(2)

    asyncio.run(play())


def test_with_feedback_an_event_counts_when_it_is_acknowledged(sandbox, tmp_path):
    state = tmp_path / "state.json"

    async def play():
        feedback = asyncio.Queue()
        async with source(sandbox, state_file=str(state), feedback=True, eda_feedback_queue=feedback) as events:
            await connected(sandbox, events)
            await one_round(sandbox)
            await events.has(1)
            assert json.loads(state.read_text(encoding="utf-8"))["state"]["last"] is None
            feedback.put_nowait({})
            await events.has(2)
            await events.until(lambda: json.loads(state.read_text(encoding="utf-8"))["state"]["last"])

    asyncio.run(play())


def test_a_file_that_is_no_state_is_the_end(sandbox, tmp_path):
    (tmp_path / "state.json").write_text("mine", encoding="utf-8")

    async def play():
        async with source(sandbox, state_file=str(tmp_path / "state.json")) as events:
            error = await events.ends()
        assert isinstance(error, AttackForgeError) and "state_file" in str(error)

    asyncio.run(play())
    assert log_of(sandbox) == []


def test_from_replays_what_was_before(sandbox):
    asyncio.run(one_round(sandbox))

    async def play():
        async with source(sandbox, **{"from": "2020-01-01"}) as events:
            await events.has(2)

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(5))
def test_fifty_cuts_and_some_restarts(sandbox, seed, tmp_path):
    """Ten random cuts each: some with nothing sent, some in the middle, some while it is away, some with a restart."""
    dice = random.Random(seed)
    sandbox.switch(
        event_replay=dice.choice(["inclusive", "exclusive"]), event_timestamps=dice.choice(["as_done", "equal"])
    )
    sandbox.script([{"fault": "cut", "after": dice.randrange(4)} for _count in range(10)])
    state, got, expected = str(tmp_path / "state.json"), [], []

    async def some_rounds():
        end = dice.choice(["complete", "cancel"])
        number = 2 + len(expected) // 2
        await one_round(sandbox, end + "_round")
        expected.extend([("requested", number), ({"complete": "completed"}.get(end, "cancelled"), number)])
        await asyncio.sleep(dice.choice([0, 0, 0.05, 0.2]))

    async def cuts_left():
        return sum(fault["times"] for fault in await asyncio.to_thread(sandbox.faults))

    async def play():
        for part in range(4):
            async with source(sandbox, state_file=state) as events:
                if part == 0:
                    await events.until(lambda: log_of(sandbox))
                    await asyncio.sleep(0.15)
                for _count in range(dice.randrange(2, 6)):
                    await some_rounds()
                while part == 3 and await cuts_left():
                    assert len(expected) < 200
                    await some_rounds()
                if part == 3:
                    await events.has(len(expected) - len(got))
            # Whatever the rules have seen when it ends counts, be it all of it or not.
            got.extend(events.names())

    asyncio.run(play())
    assert got == expected
    assert sum(fault["fired"] for fault in sandbox.faults()) == 10


# TLS


def test_a_private_ca_is_trusted_when_it_is_given():
    with Sandbox(tls=True, switches={"event_heartbeat": HEARTBEAT}, prefix="/tenant") as sandbox:

        async def play(**more):
            async with source(sandbox, **more) as events:
                await connected(sandbox, events)
                await one_round(sandbox)
                await events.has(2)

        asyncio.run(play(ca_path=sandbox.ca))
        sandbox.reset()
        asyncio.run(play(validate_certs=False))

        async def refused():
            async with source(sandbox) as events:
                return await events.ends()

        error = asyncio.run(refused())
        assert isinstance(error, Refused) and "ca_path" in str(error)


@pytest.mark.parametrize("broken, kind", [("expired", Refused), ("wrong_host", Refused)])
def test_a_bad_certificate_is_refused(broken, kind):
    with Sandbox(tls_broken=broken) as sandbox:

        async def play():
            async with source(sandbox, ca_path=sandbox.ca) as events:
                return await events.ends()

        assert isinstance(asyncio.run(play()), kind)
        assert log_of(sandbox) == []


@pytest.mark.parametrize("checked", [True, False])
def test_an_old_tls_is_never_spoken(checked, caplog):
    with Sandbox(tls_broken="old_version") as sandbox:

        async def play():
            async with source(sandbox, ca_path=sandbox.ca, validate_certs=checked):
                await asyncio.sleep(0.5)

        with caplog.at_level(logging.WARNING):
            asyncio.run(play())
        assert "no connection" in caplog.text
        assert log_of(sandbox) == []
