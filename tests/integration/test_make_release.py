# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""make release, in a clone, with a key made for the test: what it packs, and what verifying clients ask for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.tools.galaxy_server import GalaxyServer

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
OWNER, STRANGER = "release@example.com", "stranger@example.com"


def run(*command: str | Path, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GIT_", "MAKE"))}
    clean.pop("PYTHONPATH", None)
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**clean, "PATH": f"{BIN}:{clean['PATH']}", "GNUPGHOME": str(home), "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module", name="home")
def fixture_home() -> Iterator[Path]:
    """A folder of gpg with two secret keys. Its path is short, because gpg's sockets lie in it."""
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    for name in (OWNER, STRANGER):
        done = run(
            *("gpg", "--batch", "--passphrase", "", "--quick-generate-key", name, "default", "default", "never"),
            folder=home,
            home=home,
        )
        assert done.returncode == 0, done.stdout
    yield home
    run("gpgconf", "--kill", "all", folder=home, home=home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module", name="dist")
def fixture_dist(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """What make release made, in a clone of this checkout as it is."""
    clone = tmp_path_factory.mktemp("release") / "clone"
    git = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.com")
    listed = run("git", "ls-files", "-z", "-co", "--exclude-standard", folder=ROOT, home=home).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-gpg-sign", "-m", "As it is"]):
        assert run(*git, *command, folder=clone, home=home).returncode == 0
    # Of the checks, which are make test, the shortest target stands in.
    done = run(sys.executable, "tests/tools/release.py", VERSION, OWNER, "help", folder=clone, home=home)
    assert done.returncode == 0, done.stdout
    return clone / "dist"


@pytest.fixture(name="install")
def fixture_install(tmp_path: Path, home: Path):
    """A function that installs from a server, with the owner's public key. Returns what ansible-galaxy did."""
    keyring = tmp_path / "keyring.gpg"
    assert run("gpg", "--output", keyring, "--export", OWNER, folder=tmp_path, home=home).returncode == 0

    def install(server: GalaxyServer) -> subprocess.CompletedProcess[str]:
        return run(
            *(BIN / "ansible-galaxy", "collection", "install", "attackforge.retest", "--server", server.url),
            *("--keyring", keyring, "--required-valid-signature-count", "+1"),
            *("--collections-path", tmp_path / "collections", "--no-cache"),
            folder=tmp_path,
            home=home,
        )

    return install


def test_it_makes_the_artifact_and_what_is_signed(dist: Path, home: Path) -> None:
    artifact = f"attackforge-retest-{VERSION}.tar.gz"
    assert {path.name for path in dist.iterdir()} == {artifact, "SHA256SUMS", "SHA256SUMS.asc", "MANIFEST.json.asc"}
    assert run("sha256sum", "--check", "SHA256SUMS", folder=dist, home=home).stdout == f"{artifact}: OK\n"
    assert run("gpg", "--verify", "SHA256SUMS.asc", "SHA256SUMS", folder=dist, home=home).returncode == 0
    with tarfile.open(dist / artifact) as archive:
        archive.extract("MANIFEST.json", dist.parent)
    verified = run("gpg", "--verify", "dist/MANIFEST.json.asc", "MANIFEST.json", folder=dist.parent, home=home)
    assert verified.returncode == 0, verified.stdout


def test_its_signature_satisfies_a_client_that_asks_for_one(dist: Path, install) -> None:
    [artifact] = dist.glob("*.tar.gz")
    with GalaxyServer(artifact, [(dist / "MANIFEST.json.asc").read_text(encoding="utf-8")]) as server:
        done = install(server)
    assert done.returncode == 0 and "was installed successfully" in done.stdout, done.stdout


@pytest.mark.parametrize("kind", ["none", "of the checksums", "of another key"])
def test_a_client_that_asks_for_a_signature_takes_no_other(
    dist: Path, install, home: Path, tmp_path: Path, kind
) -> None:
    [artifact] = dist.glob("*.tar.gz")
    signatures = []
    if kind == "of the checksums":
        signatures = [(dist / "SHA256SUMS.asc").read_text(encoding="utf-8")]
    if kind == "of another key":
        with tarfile.open(artifact) as archive:
            archive.extract("MANIFEST.json", tmp_path)
        command = (
            "gpg",
            "--local-user",
            STRANGER,
            "--armor",
            "--output",
            "other.asc",
            "--detach-sign",
            "MANIFEST.json",
        )
        assert run(*command, folder=tmp_path, home=home).returncode == 0
        signatures = [(tmp_path / "other.asc").read_text(encoding="utf-8")]
    with GalaxyServer(artifact, signatures) as server:
        done = install(server)
    assert done.returncode != 0 and re.search("[Ss]ignature", done.stdout), done.stdout


def test_a_version_that_is_not_the_tree_s_is_refused(home: Path) -> None:
    done = run(sys.executable, ROOT / "tests/tools/release.py", "9.9.9", OWNER, "help", folder=ROOT, home=home)
    assert done.returncode == 1 and "galaxy.yml says" in done.stdout


# What tools leave in a checkout, each with a place in which it comes to lie.
LEFT_BEHIND = [
    "context/Containerfile",
    "context/_build/configs/ansible.cfg",
    "docs/awx/context/_build/requirements.yml",
    "ansible-navigator.log",
    "playbooks/ansible-navigator.log",
    "playbooks/request-artifact-2026-12-01T08:00:00.000000+00:00.json",
    "ansible.cfg",
    "collections/ansible_collections/other/thing/README.md",
    "artifacts/1/command",
    "env/extravars",
]


@pytest.mark.parametrize("tool", ["make build", "ansible-galaxy"])
def test_what_tools_leave_in_a_checkout_is_not_packed(tool: str, dist: Path, home: Path, tmp_path: Path) -> None:
    clone = dist.parent
    for name in LEFT_BEHIND:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("# a key\n", encoding="utf-8")
    command = {
        "make build": (sys.executable, "tests/tools/build.py", tmp_path),
        "ansible-galaxy": (BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path),
    }[tool]
    done = run(*command, folder=clone, home=home)
    assert done.returncode == 0, done.stdout
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    assert "playbooks/request.yml" in names
    strange = {"context", "collections", "artifacts", "env"}
    assert [name for name in names if name in LEFT_BEHIND or strange & set(name.split("/"))] == []
