# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source that looks at the history, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace

import pytest
from aiohttp import web
from attackforge_retest_eda import client
from attackforge_retest_eda._errors import Refused

from tests.eda.conftest import Source, act
from tests.eda.scripted_project import KEY, PROJECT, ScriptedProject

TWO = ["WEBAPP-1", "WEBAPP-2"]


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Shorter pauses than in earnest."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.1)


def source(sandbox, **more):
    args = {"base_url": sandbox.url, "api_key": sandbox.key, "projects": [sandbox.project_id], "interval": 0.05}
    return Source("rounds", **{**args, **more})


async def looked(sandbox, rounds, more=2):
    """Wait until it has looked so often again."""
    before = len(sandbox.log("GetProjectById"))
    await rounds.until(lambda: len(sandbox.log("GetProjectById")) >= before + more)


async def one_round(sandbox, rounds, end="complete_round"):
    await act(sandbox, "request_round", ids=TWO, start="now", end="+2d")
    await looked(sandbox, rounds)
    await act(sandbox, end)
    await looked(sandbox, rounds)


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"history_rows": "per_action", "history_order": "shuffled"},
        {"history_order": "newest_first"},
        {"round_number_type": "string", "status_case": "upper", "cancelled_spelling": "Canceled", "wrapped": "no"},
        {"round_numbering": "reused_after_cancel"},
    ],
)
def test_the_life_of_rounds_is_told(sandbox, switches):
    sandbox.switch(**switches)
    again = switches.get("round_numbering") == "reused_after_cancel"

    async def play():
        async with source(sandbox) as rounds:
            await looked(sandbox, rounds)
            await one_round(sandbox, rounds, "cancel_round")
            await one_round(sandbox, rounds)
            await rounds.has(4)
        number = 2 if again else 3
        assert rounds.names() == [("requested", 2), ("cancelled", 2), ("requested", number), ("completed", number)]
        assert [one["alternate_id"] for one in rounds.events[3]["retest"]["vulnerabilities"]] == TWO

    asyncio.run(play())


def test_a_restart_goes_on_where_it_was(sandbox, tmp_path):
    state = str(tmp_path / "state.json")

    async def play(count):
        async with source(sandbox, state_file=state) as rounds:
            await looked(sandbox, rounds)
            await rounds.has(count)
        return rounds.names()

    assert asyncio.run(play(0)) == []
    sandbox.act("request_round", ids=TWO)
    sandbox.act("complete_round")
    assert asyncio.run(play(2)) == [("requested", 2), ("completed", 2)]
    assert asyncio.run(play(0)) == []


def test_events_can_be_chosen(sandbox):
    async def play():
        async with source(sandbox, events=["project-retest-completed"]) as rounds:
            await looked(sandbox, rounds)
            await one_round(sandbox, rounds)
            await rounds.has(1)
        assert rounds.names() == [("completed", 2)]

    asyncio.run(play())


@pytest.mark.parametrize(
    "fault, parameters",
    [
        ("status", {"code": 503}),
        ("status", {"code": 429, "headers": {"Retry-After": "0"}}),
        ("reset", {}),
        ("close", {}),
        ("garbage", {}),
        ("truncated", {}),
        ("status", {"code": 403}),
        ("login_page", {}),
        ("redirect", {"url": "https://elsewhere.example.com"}),
        ("replace", {"document": {"status": "Error"}}),
        ("echo_key", {"code": 500}),
    ],
)
def test_trouble_later_is_waited_out(sandbox, fault, parameters, caplog):
    async def play():
        async with source(sandbox) as rounds:
            await looked(sandbox, rounds)
            await asyncio.to_thread(sandbox.fault, fault, "GetProjectById", times=3, **parameters)
            await one_round(sandbox, rounds)
            await rounds.has(2)

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert sum(one["fired"] for one in sandbox.faults()) == 3
    # aiohttp itself repeats a read once where a connection that was kept turns out to be gone.
    assert 1 <= caplog.text.count("Trying again") <= 3
    assert sandbox.key not in caplog.text


@pytest.mark.parametrize(
    "fault, parameters, words",
    [
        ("status", {"code": 401}, "is not granted"),
        ("status", {"code": 404}, "cannot see it"),
        ("redirect", {"url": "https://elsewhere.example.com"}, "the key must not be sent elsewhere"),
        ("echo_key", {"code": 400}, "HTTP 400"),
    ],
)
def test_a_refusal_at_the_start_is_the_end(sandbox, fault, parameters, words):
    sandbox.fault(fault, "GetProjectById", **parameters)

    async def play():
        async with source(sandbox) as rounds:
            return await rounds.ends()

    error = asyncio.run(play())
    assert isinstance(error, Refused) and words in str(error)
    assert sandbox.key not in str(error)
    assert len(sandbox.log()) == 1


def test_a_refusal_after_a_restart_is_the_end_too(sandbox, tmp_path):
    """A key that was taken back meanwhile must not leave a rulebook that looks alive."""
    state = str(tmp_path / "state.json")

    async def begin():
        async with source(sandbox, state_file=state) as rounds:
            await looked(sandbox, rounds)

    async def begin_again():
        async with source(sandbox, state_file=state) as rounds:
            return await rounds.ends()

    asyncio.run(begin())
    sandbox.fault("status", "GetProjectById", code=403, times=-1)
    error = asyncio.run(begin_again())
    assert isinstance(error, Refused) and "is not granted" in str(error)


def test_a_first_look_without_the_history_is_no_first_look(sandbox, caplog):
    """Or else all rounds would be news when it can be seen."""
    sandbox.act("request_round", ids=TWO)
    sandbox.fault("wrong_type", "GetProjectById", path="project.project_retesting_history", remove=True, times=2)

    async def play():
        async with source(sandbox) as rounds:
            await looked(sandbox, rounds, 4)
            assert rounds.names() == []
            await act(sandbox, "complete_round")
            await rounds.has(1)
        assert rounds.names() == [("completed", 2)]

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert "shows no project_retesting_history" in caplog.text


def test_a_project_in_trouble_changes_nothing_for_the_others(sandbox):
    """Neither is it asked for at the others' interval, nor they at its pauses."""
    other = "f" * 24  # which is not there

    async def play():
        async with source(sandbox, projects=[sandbox.project_id, other], interval=60) as rounds:
            await asyncio.sleep(1)
            assert rounds.events == []

    sandbox.fault("status", "GetProjectById", code=500, times=-1, skip=1)
    asyncio.run(play())
    asked = [row["path"].rsplit("/", 1)[-1] for row in sandbox.log("GetProjectById")]
    assert asked.count(sandbox.project_id) == 1 and asked.count(other) > 3


@pytest.mark.parametrize(
    "proxy, used",
    [
        ("localhost:3128", "http://localhost:3128"),
        ("http://localhost:3128", "http://localhost:3128"),
        ("https://proxy.example", "https://proxy.example"),
        (None, None),
    ],
)
def test_a_proxy_may_be_named_as_a_host_and_a_port(monkeypatch, proxy, used):
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    settings = SimpleNamespace(base_url="https://tenant.example", ca_path=None, validate_certs=True)
    assert client.Client(settings)._proxy() == used


# Answers that the sandbox does not give


def scripted(answer, play, **args):
    """Run a source against a scripted project. Returns the names of its events."""

    async def run():
        async with ScriptedProject(answer) as there:
            fixed = {"base_url": there.url, "api_key": KEY, "projects": [PROJECT], "interval": 0.02}
            async with Source("rounds", **{**fixed, **args}) as rounds:
                await play(there, rounds)
                return rounds.names()

    return asyncio.run(run())


def row(number, status, row_id=None):
    return {"retesting_round": number, "retesting_round_status": status, "retesting_round_id": row_id}


async def ten_reads(there, rounds):
    await rounds.until(lambda: there.reads >= 10)


def test_a_row_whose_id_appears_later_is_the_same_round():
    def answer(read):
        row_id = "a" * 24 if read > 4 else None
        return [row(1, "Completed", row_id)] + ([row(2, "Requested", row_id and "b" * 24)] if read > 2 else [])

    assert scripted(answer, ten_reads) == [("requested", 2)]


def test_a_row_whose_id_is_new_at_each_read_is_the_same_round():
    def answer(read):
        return [row(1, "Completed", f"{read:024x}"), row(2, "Requested", f"{read + 100:024x}")][: 1 if read < 3 else 2]

    assert scripted(answer, ten_reads) == [("requested", 2)]


@pytest.mark.parametrize("restart", [False, True], ids=["once", "restart"])
def test_a_first_read_that_is_empty_makes_no_old_round_new(restart, tmp_path):
    counts = {"project_retests_requested": 2, "project_retests_completed": 2}
    old = [row(1, "Completed", "a"), row(2, "Completed", "b")]

    def answer(read):
        history = [] if read <= 3 else old + ([row(3, "Requested", "c")] if read > 6 else [])
        return {"project_id": PROJECT, "project_retesting_history": history, **(counts if read <= 6 else {})}

    state = str(tmp_path / "state")
    if restart:
        assert scripted(lambda _read: answer(1), one_read, state_file=state) == []
        # The address is another one after a restart of the scripted service.
        content = json.loads((tmp_path / "state").read_text(encoding="utf-8"))
        (tmp_path / "state").unlink()

        async def play():
            async with ScriptedProject(answer) as there:
                (tmp_path / "state").write_text(json.dumps({**content, "base_url": there.url}), encoding="utf-8")
                args = {"base_url": there.url, "api_key": KEY, "projects": [PROJECT], "interval": 0.02}
                async with Source("rounds", state_file=state, **args) as rounds:
                    await ten_reads(there, rounds)
                    return rounds.names()

        assert asyncio.run(play()) == [("requested", 3)]
    else:
        assert scripted(answer, ten_reads) == [("requested", 3)]


async def one_read(there, rounds):
    await rounds.until(lambda: there.reads >= 1)
    await asyncio.sleep(0.1)


def test_the_key_in_a_row_is_in_no_log_and_not_in_the_state(tmp_path, caplog):
    def answer(read):
        rows = [row(1, "Completed", KEY), row(2, KEY.upper(), KEY), row(3, f"x {KEY}", "c")]
        return rows if read < 3 else [*rows, row(4, "Requested", KEY.title())]

    async def play(there, rounds):
        await ten_reads(there, rounds)
        events.extend(rounds.events)

    events = []
    with caplog.at_level(logging.DEBUG):
        scripted(answer, play, state_file=str(tmp_path / "state"))
    assert [event["retest"]["round"] for event in events] == [4]
    for text in (caplog.text, json.dumps(events), (tmp_path / "state").read_text(encoding="utf-8")):
        assert KEY.lower() not in text.lower()


def test_a_read_asks_for_a_fresh_answer_without_encoding_and_takes_no_other(caplog):
    def answer(read):
        if read == 2:
            return web.Response(text="{}", headers={"Content-Encoding": "br"})
        return [row(1, "Requested")]

    seen = []

    async def play(there, rounds):
        await rounds.until(lambda: there.reads >= 3)
        seen.extend(there.requests)

    scripted(answer, play)
    assert {request.headers["Accept-Encoding"] for request in seen} == {"identity"}
    assert {request.headers["Cache-Control"] for request in seen} == {"no-cache"}
    assert "is compressed (br)" in caplog.text


@pytest.mark.parametrize("text, least", [("5.5", 5.5), (" 5", 5), ("5", 5), ("900", 60), ("soon", 0)])
def test_what_retry_after_asks_for_is_read_as_the_modules_do(text, least, monkeypatch):
    pauses = []

    async def pause(_backoff, seconds):
        pauses.append(seconds or 0)
        await asyncio.sleep(0.02)

    def answer(read):
        return web.Response(status=429, headers={"Retry-After": text}) if read < 3 else []

    monkeypatch.setattr(client.Backoff, "pause", pause)
    scripted(answer, lambda there, rounds: rounds.until(lambda: there.reads >= 3))
    assert pauses == [least, least]
