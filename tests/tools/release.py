# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the release of a version: check, write the changelog, build the artifact, sign its checksums and its manifest.

    release.py VERSION GPG_KEY CHECK ...      a CHECK is a target of make

It commits, tags and publishes nothing; at its end it says what is left to do.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml
from build import main as build
from checkout import ROOT
from galaxy_server import GalaxyServer

BIN = Path(sys.executable).parent
DIST = ROOT / "dist"
CONSTANT = "plugins/module_utils/_http.py"


def run(*command: str) -> str:
    """What a command prints. If it fails, that is shown and the release ends."""
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def mistakes(version: str, key: str) -> list[str]:
    """Everything that stands in the way, before anything is done."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        return ["say which version: make release VERSION=1.2.3 GPG_KEY=..."]
    found = []
    if not key:
        found.append("say with which key to sign: GPG_KEY=...")
    elif subprocess.run(["gpg", "--list-secret-keys", key], capture_output=True, check=False).returncode:
        found.append(f"gpg has no secret key {key}")
    if run("git", "status", "--porcelain"):
        found.append("the tree is not clean: git status")
    if run("git", "tag", "--list", version):
        found.append(f"{version} is tagged already")
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    constant = re.search(r'^VERSION = "(.*)"$', (ROOT / CONSTANT).read_text(), re.MULTILINE)
    for name, here in (("galaxy.yml", galaxy), (CONSTANT, constant and constant[1])):
        if here != version:
            found.append(f"{name} says {here}, not {version}")
    return found


def sign(file: Path, signature: Path, key: str) -> None:
    """Make a detached, armored signature of a file."""
    run(
        "gpg",
        "--batch",
        "--yes",
        "--local-user",
        key,
        "--armor",
        "--output",
        str(signature),
        "--detach-sign",
        str(file),
    )
    run("gpg", "--verify", str(signature), str(file))


def sign_manifest(artifact: Path, signature: Path, key: str) -> None:
    """Sign the artifact's MANIFEST.json, which holds the checksum of everything else in it. Hubs ask for this one."""
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(artifact) as archive:
        manifest = Path(scratch) / "MANIFEST.json"
        manifest.write_bytes(archive.extractfile(manifest.name).read())  # type: ignore[union-attr]
        sign(manifest, signature, key)


def check_signature(artifact: Path, signature: Path, key: str) -> None:
    """Install the artifact as a user does who asks for a valid signature; ansible-galaxy checks none of a mere file."""
    with tempfile.TemporaryDirectory() as scratch, GalaxyServer(artifact, [signature.read_text()]) as server:
        keyring = Path(scratch) / "keyring.gpg"
        run("gpg", "--batch", "--output", str(keyring), "--export", key)
        config = Path(scratch) / "ansible.cfg"
        config.write_text("")  # no server and no keyring of the user's
        subprocess.run(
            [
                *(str(BIN / "ansible-galaxy"), "collection", "install", "attackforge.retest"),
                *("--server", server.url, "--keyring", str(keyring), "--required-valid-signature-count", "+1"),
                *("--collections-path", scratch, "--pre", "--no-cache"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "ANSIBLE_CONFIG": str(config), "ANSIBLE_COLLECTIONS_PATH": scratch},
        )


def main(version: str, key: str, *checks: str) -> int:
    wrong = mistakes(version, key)
    if wrong:
        print("No release:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    subprocess.run(["make", "--no-print-directory", *checks], cwd=ROOT, check=True)
    # The version may stand in the changelog already, as the first one did before it was released.
    run(str(BIN / "antsibull-changelog"), "release", "--version", version, "--update-existing", "--reload-plugins")
    run(str(BIN / "antsibull-changelog"), "lint")
    build(DIST)
    artifact = DIST / f"attackforge-retest-{version}.tar.gz"
    sums = DIST / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(artifact.read_bytes()).hexdigest()}  {artifact.name}\n")
    sign(sums, Path(f"{sums}.asc"), key)
    signature = DIST / "MANIFEST.json.asc"
    sign_manifest(artifact, signature, key)
    check_signature(artifact, signature, key)
    print(
        f"In dist are {artifact.name}, SHA256SUMS, SHA256SUMS.asc and MANIFEST.json.asc. What is left:",
        "look at CHANGELOG.rst and commit it with changelogs/",
        f"git tag --sign {version}, and push it",
        "publish the four files; a Galaxy server takes MANIFEST.json.asc as the signature of the collection",
        sep="\n  ",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
