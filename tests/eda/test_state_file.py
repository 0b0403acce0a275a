# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file: whole or old, private, of one source alone, and never taken for something that it is not."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest
from attackforge_retest_eda._errors import AttackForgeError
from attackforge_retest_eda.position import Position
from attackforge_retest_eda.state_file import StateFile, StateWriter

from tests.eda.conftest import PLUGINS

URL = "https://tenant.example"
LOCK_IN_A_PROCESS = """
import sys
sys.path.append({shared!r})
from attackforge_retest_eda.state_file import StateFile
state = StateFile({path!r}, "source", "https://tenant.example")
state.open(dict)
state.save({{"a": 2}})
print("locked", flush=True)
sys.stdin.read()
"""


def state_file(tmp_path, source="source"):
    return StateFile(str(tmp_path / "state"), source, URL)


def reopened(tmp_path, parse=dict):
    state = state_file(tmp_path)
    try:
        return state.open(parse)
    finally:
        state.close()


def test_what_was_saved_is_loaded(tmp_path):
    state = state_file(tmp_path)
    assert state.open(dict) is None
    state.save({"a": 1})
    state.save({"b": 2})
    state.close()
    assert reopened(tmp_path) == {"b": 2}
    assert os.listdir(tmp_path) == ["state"]
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_without_a_path_nothing_is_kept():
    state = StateFile(None, "source", URL)
    assert state.open(dict) is None
    state.save({"a": 1})
    state.close()


def test_a_source_that_ends_before_it_has_saved_leaves_a_file_to_begin_with(tmp_path):
    assert reopened(tmp_path) is None
    assert reopened(tmp_path) is None


def test_a_failure_leaves_the_old_state(tmp_path, monkeypatch):
    state = state_file(tmp_path)
    state.open(dict)
    state.save({"a": 1})

    def full(*_arguments):
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(AttackForgeError, match=r"state_file: '.*state' cannot be written \(no space"):
            state.save({"b": 2})
    state.close()
    assert reopened(tmp_path) == {"a": 1}
    assert os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize("saves", [0, 1, 2])
def test_a_second_source_in_the_same_process_is_refused(tmp_path, saves):
    first, second = state_file(tmp_path), state_file(tmp_path, "other")
    first.open(dict)
    for number in range(saves):
        first.save({"a": number})
    with pytest.raises(AttackForgeError, match=r"in use by another source \(source\) of this rulebook"):
        second.open(dict)
    first.save({"a": 3})
    first.close()
    assert reopened(tmp_path) == {"a": 3}


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    script = LOCK_IN_A_PROCESS.format(shared=str(PLUGINS / "shared"), path=str(tmp_path / "state"))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stdout.readline() == "locked\n"
            with pytest.raises(AttackForgeError, match=f"in process {first.pid} on .*a state_file of its own"):
                state_file(tmp_path).open(dict)
        finally:
            first.kill()
            first.wait(20)
    assert reopened(tmp_path) == {"a": 2}


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "does not have the form"),
        ("{}", "does not have the form"),
        (json.dumps({"source": "other", "version": 2, "state": {}}), "is not a state file of source"),
        (json.dumps({"source": "source", "version": 1, "state": {}}), "or one of another version"),
        (json.dumps({"source": "source", "version": 2, "state": {"floor": 3}}), "does not have the form"),
        (
            json.dumps({"source": "source", "version": 2, "base_url": URL, "state": {"floor": 3}}),
            "does not have the form",
        ),
        (
            json.dumps({"source": "source", "version": 2, "base_url": "https://other.example", "state": {}}),
            "belongs to https://other.example, not to https://tenant.example",
        ),
    ],
)
def test_another_file_is_an_error_and_stays(tmp_path, content, words):
    path = tmp_path / "state"
    path.write_text(content, encoding="utf-8")
    for _twice in range(2):
        with pytest.raises(AttackForgeError, match=words):
            reopened(tmp_path, Position.of_state)
    assert path.read_text(encoding="utf-8") == content


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(AttackForgeError, match=r"state_file: '.*gone/state' cannot be opened"):
        StateFile(str(tmp_path / "gone/state"), "source", URL).open(dict)


def test_a_change_is_written_at_once_and_many_changes_together(tmp_path, monkeypatch):
    written = []
    state = state_file(tmp_path)
    monkeypatch.setattr(state, "save", written.append)
    values = [0]

    async def play():
        writer = StateWriter(state, lambda: values[0])
        task = asyncio.ensure_future(writer.run())
        writer.changed()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert written == [0]
        for values[0] in range(1, 100):
            writer.changed()
            await asyncio.sleep(0)
        assert written == [0]
        while len(written) < 2:
            await asyncio.sleep(0.01)
        assert written == [0, 99]
        writer.changed()
        task.cancel()
        writer.flush()
        assert written == [0, 99, 99]
        writer.flush()
        assert written == [0, 99, 99]

    asyncio.run(play())
