# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user installs: the artifact, built as make builds it, installed with nothing to download from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

# The whole of a user's copy: each top entry, and the files that may lie in it.
EXPECTED = {
    "CHANGELOG.rst": None,
    "FILES.json": None,
    "LICENSE": None,
    "MANIFEST.json": None,
    "README.md": None,
    "SECURITY.md": None,
    "requirements.txt": None,
    "changelogs": {".yaml"},
    "docs": {".md", ".rst", ".yml", ".svg", ".png"},
    "extensions": {".py", ".json", ".yml", ".md"},
    "meta": {".yml"},
    "playbooks": {".yml", ".md"},
    "plugins": {".py"},
    "roles": {".yml", ".md", ".j2"},
}


def run(*command, **environment):
    # Nothing of the checkout may help: the environment names no collection path but the one given.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    clean.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(word) for word in command],
        env={**clean, "ANSIBLE_NOCOLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module", name="path")
def fixture_path(tmp_path_factory):
    """An empty collections path with the artifact installed into it."""
    dist, path = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("collections")
    run(sys.executable, ROOT / "tests/tools/build.py", dist)
    artifacts = [artifact.name for artifact in dist.iterdir()]
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert artifacts == [f"attackforge-retest-{version}.tar.gz"]
    run(BIN / "ansible-galaxy", "collection", "install", dist / artifacts[0], "-p", path, "--offline")
    return path


@pytest.fixture(scope="module", name="files")
def fixture_files(path):
    root = path / "ansible_collections/attackforge/retest"
    return [PurePosixPath(file.relative_to(root).as_posix()) for file in root.rglob("*") if not file.is_dir()]


def test_it_holds_what_is_expected_and_nothing_else(files):
    strange = [
        str(file)
        for file in files
        if (EXPECTED.get(file.parts[0], set()) is None) != (len(file.parts) == 1)
        or (len(file.parts) > 1 and file.suffix not in EXPECTED.get(file.parts[0], set()))
    ]
    assert not strange


def test_nothing_in_it_is_hidden_or_left_over(files):
    assert not [str(file) for file in files if any(part.startswith(".") for part in file.parts)]
    assert not [str(file) for file in files if {"tests", "__pycache__", "molecule", "fragments"} & set(file.parts)]
    assert PurePosixPath("changelogs/config.yaml") not in files


def test_it_holds_every_plugin_role_and_playbook(files):
    held = {str(file) for file in files}
    for folder in ("plugins", "roles", "playbooks", "meta", "extensions"):
        here = {file.relative_to(ROOT).as_posix() for file in (ROOT / folder).rglob("*") if file.is_file()}
        assert {name for name in here if "__pycache__" not in name and "/." not in name} <= held
    assert {"README.md", "LICENSE", "requirements.txt", "MANIFEST.json"} <= held


def test_its_links_lead_somewhere(path, files):
    root = path / "ansible_collections/attackforge/retest"
    for page in (root / file for file in files if file.suffix == ".md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]*)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == [], page.name
        # A hub shows it without the rest.
        assert page != root / "README.md" or links == []


def test_it_verifies_against_its_own_checksums(path):
    run(
        BIN / "ansible-galaxy",
        "collection",
        "verify",
        "--offline",
        "-p",
        path,
        "attackforge.retest",
        ANSIBLE_COLLECTIONS_PATH=str(path),
    )


def test_its_modules_are_documented(path):
    for module in sorted(file.stem for file in (ROOT / "plugins/modules").glob("*.py")):
        text = run(
            BIN / "ansible-doc", "-t", "module", f"attackforge.retest.{module}", ANSIBLE_COLLECTIONS_PATH=str(path)
        )
        assert f"attackforge.retest.{module}" in text.splitlines()[0]
        assert str(path) in text, "this is the documentation of another copy"
        assert "attackforge.retest.attackforge" in text.partition("EXAMPLES")[2], "the examples are missing"


def test_its_roles_are_documented(path):
    for role in sorted(folder.name for folder in (ROOT / "roles").iterdir()):
        assert role in run(
            BIN / "ansible-doc", "-t", "role", f"attackforge.retest.{role}", ANSIBLE_COLLECTIONS_PATH=str(path)
        )
