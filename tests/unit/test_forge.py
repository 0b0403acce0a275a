# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a forge runs of the project: pinned actions, the matrix of noxfile.py, and renewal of every pin."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RENOVATE = json.loads((ROOT / ".github/renovate.json").read_text(encoding="utf-8"))
# The files in which Renovate looks for Python packages where nothing else is said.
RENOVATE_DEFAULT = r"(^|/)[\w-]*requirements([-._]\w+)?\.(txt|pip)$"
PIN = re.compile(r"^[A-Za-z0-9_.-]+==", re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_by_commit_and_names_its_version(path):
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


def test_one_action_has_one_commit():
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))}
    assert len(used) == len({line.partition("@")[0] for line in used})


def test_the_nightly_matrix_is_that_of_nox():
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    cells = set(re.findall(r'"(\d\.\d+-py3\.\d+)"', text))
    cells |= {f"target-py{name}" for name in re.findall(r'"(3\.\d+)": "', text)}
    nightly = yaml.safe_load((ROOT / ".github/workflows/matrix.yml").read_text(encoding="utf-8"))
    assert set(nightly["jobs"]["matrix"]["strategy"]["matrix"]["cell"]) == cells


def renewed(name):
    own = [pattern.strip("/") for pattern in RENOVATE["pip_requirements"]["managerFilePatterns"]]
    return any(re.search(pattern, name) for pattern in [RENOVATE_DEFAULT, *own])


def test_each_file_with_pins_is_renewed_but_for_the_old_versions():
    pinned = {
        path.relative_to(ROOT).as_posix()
        for folder in ("tests", "docs")
        for path in (ROOT / folder).rglob("*.txt")
        if PIN.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in pinned if not renewed(name)} == {
        "tests/constraints/oldest.txt",
        "tests/constraints/middle.txt",
    }


def test_the_package_of_the_controller_s_modules_is_renewed():
    [manager] = RENOVATE["customManagers"]
    [pattern] = (re.compile(text.replace("(?<", "(?P<")) for text in manager["matchStrings"])
    found = pattern.search((ROOT / "tests/tools/awx_collection.py").read_text(encoding="utf-8"))
    assert found and found["depName"] == "ansible"
