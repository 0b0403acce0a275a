# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state file: whole or old, private, and never taken for something that it is not."""

from __future__ import annotations

import json
import os

import pytest
from attackforge_retest_eda.errors import AttackForgeError
from attackforge_retest_eda.happenings import Position
from attackforge_retest_eda.state import StateFile

URL = "https://tenant.example"


def test_what_was_saved_is_loaded(tmp_path):
    state = StateFile(str(tmp_path / "state"), "source", URL)
    assert state.load(dict) is None
    state.save({"a": 1})
    state.save({"b": 2})
    assert state.load(dict) == {"b": 2}
    assert os.listdir(tmp_path) == ["state"]
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_without_a_path_nothing_is_kept():
    StateFile(None, "source", URL).save({"a": 1})
    assert StateFile(None, "source", URL).load(dict) is None


def test_a_failure_leaves_the_old_state(tmp_path, monkeypatch):
    state = StateFile(str(tmp_path / "state"), "source", URL)
    state.save({"a": 1})

    def full(*_arguments):
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AttackForgeError, match="state_file: '.*state' cannot be written .no space"):
        state.save({"b": 2})
    assert state.load(dict) == {"a": 1}
    assert os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize(
    "content, words",
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "has not the form"),
        ("{}", "has not the form"),
        (json.dumps({"source": "other", "version": 1, "state": {}}), "is not one of source"),
        (json.dumps({"source": "source", "version": 2, "state": {}}), "is not one of source"),
        (json.dumps({"source": "source", "version": 1, "state": {"since": 3}}), "has not the form"),
        (json.dumps({"source": "source", "version": 1, "base_url": URL, "state": {"since": 3}}), "has not the form"),
        (
            json.dumps({"source": "source", "version": 1, "base_url": "https://other.example", "state": {}}),
            "what was seen of https://other.example, not of https://tenant.example",
        ),
    ],
)
def test_another_file_is_an_error_and_stays(tmp_path, content, words):
    path = tmp_path / "state"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AttackForgeError, match=words):
        StateFile(str(path), "source", URL).load(Position.of_state)
    assert path.read_text(encoding="utf-8") == content


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(AttackForgeError, match="state_file: '.*gone/state' cannot be written"):
        StateFile(str(tmp_path / "gone/state"), "source", URL).save({})
